//! The ephemeral ports. There are some ten thousand of them, and a closed connection keeps its port for a minute
//! (`TIME_WAIT`): a program that connects again and again uses all of them up within seconds, for itself and for
//! every other program.

use std::collections::HashSet;
use std::fs::read_to_string;
use std::ops::RangeInclusive;

/// If fewer than one port in this many is free, a program can't count on getting one.
const ENOUGH: usize = 20;

/// Are so few left that a correct program may get none? False where the system does not say.
pub fn are_used_up() -> bool {
    range().is_some_and(|range| {
        let few = range.len() - range.len() / ENOUGH;
        // The total is cheap to read, and most machines are far from the limit.
        sockets().is_some_and(|sockets| sockets * 2 >= few) && used(&range) >= few
    })
}

/// Are these so many connections that they use up the ports, or nearly so?
pub fn are_many(connections: usize) -> bool {
    range().is_some_and(|range| connections >= range.len() / ENOUGH)
}

fn range() -> Option<RangeInclusive<u16>> {
    let text = read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    Some(first.parse().ok()?..=last.trim().parse().ok()?)
}

/// The number of TCP sockets, including those in `TIME_WAIT`.
fn sockets() -> Option<usize> {
    let text = read_to_string("/proc/net/sockstat").ok()?;
    let words: Vec<&str> = text.lines().find_map(|line| line.strip_prefix("TCP:"))?.split_whitespace().collect();
    let count = |name| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)?.parse().ok());
    Some(count("inuse").unwrap_or(0) + count("tw").unwrap_or(0))
}

/// How many ports of the range are in use.
fn used(range: &RangeInclusive<u16>) -> usize {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| read_to_string(table).unwrap_or_default());
    let ports = tables.iter().flat_map(|table| table.lines()).filter_map(own_port);
    ports.filter(|port| range.contains(port)).collect::<HashSet<u16>>().len()
}

/// The socket's own port, in a line such as `0: 0100007F:9C41 0100007F:1F90 06 …`.
fn own_port(line: &str) -> Option<u16> {
    let (_, port) = line.split_whitespace().nth(1)?.rsplit_once(':')?;
    u16::from_str_radix(port, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_systems_table() {
        let line = "   3: 0100007F:9C41 0100007F:1F90 06 00000000:00000000 03:00000E5C 00000000     0        0 0 3";
        assert_eq!(own_port(line), Some(40001));
        assert_eq!(own_port("  sl  local_address rem_address   st tx_queue rx_queue"), None);
    }

    #[test]
    fn a_machine_has_ports_enough() {
        assert!(!are_used_up());
        assert!(!are_many(3));
    }
}
