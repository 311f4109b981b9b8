//! TCP connections of a process that go past the links, through `/proc/net/tcp`.
//!
//! Peers that learn addresses from each other talk without a link between them. Of those sockets
//! no counters are kept, so only an empty queue shows that nothing is on its way: one with bytes
//! that its owner never reads counts as moving, for ever.

use std::collections::HashSet;
use std::fs;
use std::io;

use super::Past;

/// States in which a connection is being made: `SYN_SENT` and `SYN_RECV`.
const OPENING: [&str; 2] = ["02", "03"];
/// A listening socket, whose queue is that of callers.
const LISTEN: &str = "0A";

/// Does anything move on a socket of this process, but for those that a link knows?
pub fn moves(pid: u32, past: Past<'_>) -> io::Result<bool> {
    let sockets = sockets_of(pid)?;
    if sockets.is_empty() {
        return Ok(false);
    }
    for table in ["tcp", "tcp6"] {
        let table = match fs::read_to_string(format!("/proc/{pid}/net/{table}")) {
            Ok(table) => table,
            // A system without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound && table == "tcp6" => continue,
            Err(error) => return Err(error),
        };
        let rows = table.lines().skip(1).filter_map(Row::parse);
        if rows.filter(|row| sockets.contains(row.inode)).any(|row| row.moves() && !past(row.ports.0, row.ports.1)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The inodes of a process's sockets, in digits.
fn sockets_of(pid: u32) -> io::Result<HashSet<String>> {
    let mut sockets = HashSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let target = fs::read_link(entry?.path())?;
        let inode = target.to_str().and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']'));
        sockets.extend(inode.map(str::to_owned));
    }
    Ok(sockets)
}

/// One socket of the table.
struct Row<'t> {
    ports: (u16, u16),
    state: &'t str,
    queues: &'t str,
    inode: &'t str,
}

impl<'t> Row<'t> {
    /// `sl local_address rem_address st tx_queue:rx_queue tr:when retrnsmt uid timeout inode …`
    fn parse(line: &'t str) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = |address: &str| u16::from_str_radix(address.rsplit(':').next()?, 16).ok();
        Some(Row {
            ports: (port(fields.get(1)?)?, port(fields.get(2)?)?),
            state: fields.get(3)?,
            queues: fields.get(4)?,
            inode: fields.get(9)?,
        })
    }

    fn moves(&self) -> bool {
        let filled = self.queues.bytes().any(|digit| !matches!(digit, b'0' | b':'));
        OPENING.contains(&self.state) || (self.state != LISTEN && filled)
    }
}
