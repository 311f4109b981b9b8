//! Exact look-ups in the socket table, through `NETLINK_SOCK_DIAG`.

use super::waits::file_of;
use super::{BypassTraffic, KnownSocket, KnownSockets, LinkMembership, MembershipOf, OpenSocket, Queues};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, sockopt};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

/// Length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Length of `struct inet_diag_req_v2`.
const REQUEST: usize = 56;
/// Length of `struct inet_diag_msg`.
const ANSWER: usize = 72;
/// Type of both request and answer.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Attribute with `struct tcp_info`.
const INET_DIAG_INFO: u16 = 2;
/// The state of a socket that listens.
const LISTEN: u8 = 10;
/// Offsets in `struct tcp_info`.
const BYTES_ACKED: usize = 120;
const BYTES_RECEIVED: usize = 128;

#[derive(Debug)]
pub struct DiagSocket {
    socket: OwnedFd,
    /// Number of the last request. Held during an exchange, so that
    /// threads do not take each other's answers.
    sequence: Mutex<u32>,
}

impl DiagSocket {
    pub fn open() -> Option<Self> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        );
        let table = Self { socket: socket.ok()?, sequence: Mutex::new(0) };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        let probe = TcpStream::connect(listener.local_addr().ok()?).ok()?;
        table.queues(probe.local_addr().ok()?, probe.peer_addr().ok()?)?;
        Some(table)
    }

    pub fn queues(&self, local: SocketAddr, remote: SocketAddr) -> Option<Queues> {
        self.ask(local, remote, |answer| parse(answer, remote))
    }

    pub fn listens(&self, address: SocketAddr) -> Option<IpAddr> {
        // No connection has this other end, so the kernel falls back to the listener.
        let nobody = match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        self.ask(address, SocketAddr::new(nobody, 0), parse_listener)
    }

    pub fn bypass_traffic(
        &self,
        open: &[OpenSocket],
        known: &mut KnownSockets,
        membership_of: MembershipOf<'_>,
    ) -> Option<BypassTraffic> {
        let mut all = BypassTraffic { moving: self.learn(open, known)?, traffic: 0 };
        for OpenSocket { inode, .. } in open {
            let Some(KnownSocket::Connected(local, remote)) = known.0.get(inode) else { continue };
            match membership_of(local.port(), remote.port()) {
                LinkMembership::Yes => continue,
                LinkMembership::NotYet => all.moving = true,
                LinkMembership::No => {}
            }
            // A socket that was closed or reset, but is still open in its process, has no queues.
            let queues = self.queues(*local, *remote);
            // A peer that sleeps although bytes have come is not going to read them, so what follows waits.
            let is_held_up = || self.queues(*remote, *local).is_some_and(|theirs| theirs.unread > 0);
            all.moving |= queues.is_some_and(|queues| queues.unsent > 0) && !is_held_up();
            let mut mark = DefaultHasher::new();
            (inode, queues.map(|queues| (queues.received, queues.acked))).hash(&mut mark);
            all.traffic = all.traffic.wrapping_add(mark.finish());
        }
        Some(all)
    }

    /// Finds out what the unknown ones of these sockets are. True if one is being connected.
    fn learn(&self, open: &[OpenSocket], known: &mut KnownSockets) -> Option<bool> {
        let mut unknown: HashSet<u32> = HashSet::new();
        for socket in open {
            if known.0.contains_key(&socket.inode) {
                continue;
            }
            match file_of(socket.pid, socket.fd).and_then(|file| of_file(&file, socket.inode)) {
                Some(kind) => drop(known.0.insert(socket.inode, kind)),
                None => drop(unknown.insert(socket.inode)),
            }
        }
        let mut connecting = false;
        for family in [AddressFamily::INET, AddressFamily::INET6].into_iter().filter(|_| !unknown.is_empty()) {
            self.dump(family, |row| {
                let Some(row) = SocketRow::parse(row).filter(|row| unknown.contains(&row.inode)) else { return };
                match row.state {
                    // SYN_SENT and SYN_RECV
                    2 | 3 => connecting = true,
                    LISTEN => drop(known.0.insert(row.inode, KnownSocket::Other)),
                    _ => drop(known.0.insert(row.inode, KnownSocket::Connected(row.local, row.remote))),
                }
            })?;
        }
        Some(connecting)
    }

    /// Every socket of a family, each as the `struct inet_diag_msg` and what follows it.
    fn dump(&self, family: AddressFamily, mut each: impl FnMut(&[u8])) -> Option<()> {
        const DONE: u16 = 3;
        let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        *sequence = sequence.wrapping_add(1);
        let request = dump_request(*sequence, family)?;
        rustix::net::send(&self.socket, &request, SendFlags::DONTWAIT).ok()?;
        let mut buffer = vec![0; 32 * 1024];
        loop {
            let (length, _) = rustix::net::recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT).ok()?;
            let mut messages = buffer.get(..length)?;
            while messages.len() >= HEADER {
                let size = usize::try_from(number(messages, 0).map(u32::from_ne_bytes)?).ok()?;
                let (kind, mine) = (number(messages, 4).map(u16::from_ne_bytes)?, number::<4>(messages, 8)?);
                if u32::from_ne_bytes(mine) == *sequence {
                    match kind {
                        SOCK_DIAG_BY_FAMILY => each(messages.get(HEADER..size)?),
                        DONE => return Some(()),
                        _ => return None,
                    }
                }
                messages = messages.get(size.max(HEADER).next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }

    /// Looks a socket up by its two addresses.
    fn ask<T>(&self, local: SocketAddr, remote: SocketAddr, parse: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let mut sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        *sequence = sequence.wrapping_add(1);
        let request = request(*sequence, local, remote)?;
        rustix::net::send(&self.socket, &request, SendFlags::DONTWAIT).ok()?;
        let mut buffer = [0; 1024];
        loop {
            // The kernel answers within `send`: there is nothing to wait for.
            let received = rustix::net::recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT);
            let (length, _) = received.ok()?;
            let answer = buffer.get(..length)?;
            if number::<4>(answer, 8).map(u32::from_ne_bytes)? == *sequence {
                return parse(message(answer)?);
            }
        }
    }
}

/// What a socket is. `None` if the socket itself does not say: it is not connected yet, or not any more. Neither does
/// a file that has taken its place.
fn of_file(file: &OwnedFd, inode: u32) -> Option<KnownSocket> {
    if rustix::fs::fstat(file).ok()?.st_ino != u64::from(inode) {
        return None;
    }
    let domain = sockopt::socket_domain(file).ok()?;
    let is_tcp = [AddressFamily::INET, AddressFamily::INET6].contains(&domain)
        && sockopt::socket_type(file).ok()? == SocketType::STREAM;
    if !is_tcp || sockopt::socket_acceptconn(file).ok()? {
        return Some(KnownSocket::Other);
    }
    let (local, remote) = (rustix::net::getsockname(file).ok()?, rustix::net::getpeername(file).ok()?);
    Some(KnownSocket::Connected(local.try_into().ok()?, remote?.try_into().ok()?))
}

/// The request for all sockets of a family.
fn dump_request(sequence: u32, family: AddressFamily) -> Option<[u8; HEADER + REQUEST]> {
    const DUMP: u16 = 0x300;
    message_of(sequence, DUMP, family, [&[0; 2], &[0; 2], &[0; 16], &[0; 16], &[0; 4], &[0; 8]])
}

/// The request for one socket, by its two addresses.
fn request(sequence: u32, local: SocketAddr, remote: SocketAddr) -> Option<[u8; HEADER + REQUEST]> {
    let (family, source, destination) = match (local.ip().to_canonical(), remote.ip().to_canonical()) {
        // Finds v4-mapped IPv6 sockets, too: they share the hash table.
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            (AddressFamily::INET, padded(source.octets()), padded(destination.octets()))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => (AddressFamily::INET6, source.octets(), destination.octets()),
        _ => return None,
    };
    let interface = match local {
        SocketAddr::V6(local) => local.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    let (ours, theirs) = (local.port().to_be_bytes(), remote.port().to_be_bytes());
    // No cookie is known.
    message_of(sequence, 0, family, [&ours, &theirs, &source, &destination, &interface.to_ne_bytes(), &[0xff; 8]])
}

/// A request with the fields of `struct inet_diag_sockid`: ports, addresses, interface, cookie.
fn message_of(sequence: u32, flags: u16, family: AddressFamily, id: [&[u8]; 6]) -> Option<[u8; HEADER + REQUEST]> {
    const REQUESTED: u16 = 1;
    let mut bytes = [0; HEADER + REQUEST];
    let mut rest = bytes.as_mut_slice();
    let mut put = |field: &[u8]| {
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(field.len());
        head.copy_from_slice(field);
        rest = tail;
    };
    // nlmsghdr: length, type, flags, sequence, port.
    put(&u32::try_from(HEADER + REQUEST).ok()?.to_ne_bytes());
    put(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(&(REQUESTED | flags).to_ne_bytes());
    put(&sequence.to_ne_bytes());
    put(&[0; 4]);
    // inet_diag_req_v2: family, protocol (TCP), extensions, padding, states.
    put(&[u8::try_from(family.as_raw()).ok()?, 6, 1 << (INET_DIAG_INFO - 1), 0]);
    put(&u32::MAX.to_ne_bytes());
    id.into_iter().for_each(put);
    Some(bytes)
}

fn padded(address: [u8; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&address);
    bytes
}

/// The `struct inet_diag_msg` of an answer that is not an error, and what follows it.
fn message(answer: &[u8]) -> Option<&[u8]> {
    let found = number(answer, 4).map(u16::from_ne_bytes)? == SOCK_DIAG_BY_FAMILY;
    answer.get(HEADER..).filter(|_| found)
}

fn parse_listener(message: &[u8]) -> Option<IpAddr> {
    if *message.get(1)? != LISTEN {
        return None;
    }
    Some(match i32::from(*message.first()?) == i32::from(AddressFamily::INET.as_raw()) {
        true => Ipv4Addr::from(number::<4>(message, 8)?).into(),
        false => Ipv6Addr::from(number::<16>(message, 8)?).to_canonical(),
    })
}

/// One socket of a dump.
struct SocketRow {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    inode: u32,
}

impl SocketRow {
    fn parse(message: &[u8]) -> Option<SocketRow> {
        let narrow = i32::from(*message.first()?) == i32::from(AddressFamily::INET.as_raw());
        let address = |at: usize| -> Option<IpAddr> {
            Some(if narrow {
                Ipv4Addr::from(number::<4>(message, at)?).into()
            } else {
                Ipv6Addr::from(number::<16>(message, at)?).into()
            })
        };
        let (ours, theirs) = (number(message, 4)?, number(message, 6)?);
        Some(SocketRow {
            local: SocketAddr::new(address(8)?, u16::from_be_bytes(ours)),
            remote: SocketAddr::new(address(24)?, u16::from_be_bytes(theirs)),
            state: *message.get(1)?,
            inode: number(message, 68).map(u32::from_ne_bytes)?,
        })
    }
}

fn parse(message: &[u8], remote: SocketAddr) -> Option<Queues> {
    // Without a connection the kernel falls back to a listener on the port.
    let same_peer = number(message, 6).map(u16::from_be_bytes)? == remote.port();
    // ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING
    let connected = matches!(message.get(1)?, 1 | 4 | 5 | 8 | 9 | 11);
    if !(same_peer && connected) {
        return None;
    }
    let info = attribute(message.get(ANSWER..)?, INET_DIAG_INFO)?;
    Some(Queues {
        unread: number(message, 56).map(u32::from_ne_bytes)?,
        unsent: number(message, 60).map(u32::from_ne_bytes)?,
        received: number(info, BYTES_RECEIVED).map(u64::from_ne_bytes)?,
        acked: number(info, BYTES_ACKED).map(u64::from_ne_bytes)?,
    })
}

/// The content of the first attribute of this kind.
fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(number(attributes, 0).map(u16::from_ne_bytes)?);
        if number(attributes, 2).map(u16::from_ne_bytes)? == kind {
            return attributes.get(4..length);
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// The bytes of a number at this place.
fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
