//! Addresses: as roles print them, and one that refuses connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address as a role prints it, in one of the forms that are captured.
pub(super) struct PrintedAddress<'v> {
    pub(super) text: &'v str,
    /// Where to connect.
    pub(super) socket: SocketAddr,
    /// As it is printed, perhaps the unspecified address.
    pub(super) printed: IpAddr,
    /// Where the port stands in the text.
    pub(super) port: std::ops::Range<usize>,
}

impl<'v> PrintedAddress<'v> {
    /// A socket address, a multiaddr with a TCP part, or a bare port; on loopback only.
    pub(super) fn read(text: &'v str) -> Option<Self> {
        let (ip, start, digits) = if let Some(at) = text.find("/tcp/") {
            let ip = text[..at].strip_prefix("/ip4/").or_else(|| text[..at].strip_prefix("/ip6/"))?;
            let digits = &text[at + 5..];
            (ip.parse().ok()?, at + 5, digits.split('/').next().unwrap_or(digits))
        } else if let Ok(socket) = text.parse::<SocketAddr>() {
            let digits = text.rsplit(':').next().unwrap_or("");
            (socket.ip(), text.len() - digits.len(), digits)
        } else {
            (Ipv4Addr::LOCALHOST.into(), 0, text)
        };
        let printed = ip;
        let ip = match ip {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let port: u16 = digits.parse().ok()?;
        let port_in_text = start..start + digits.len();
        ip.is_loopback().then(|| PrintedAddress { text, socket: (ip, port).into(), printed, port: port_in_text })
    }

    pub(super) fn with_port(&self, port: u16) -> String {
        format!("{}{port}{}", &self.text[..self.port.start], &self.text[self.port.end..])
    }
}

/// A port that is bound but never listens: it refuses connections, and no other program can take it.
pub(super) struct ClosedPort {
    pub(super) address: SocketAddr,
    pub(super) _socket: socket2::Socket,
}

impl ClosedPort {
    pub(super) fn new() -> io::Result<Self> {
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&any.into())?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(ClosedPort { address, _socket: socket })
    }
}
