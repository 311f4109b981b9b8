//! The check of each type whose values have a structure. Each takes a whole value.

use std::net::{Ipv4Addr, Ipv6Addr};

fn digits(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn is_port(value: &str) -> bool {
    digits(value) && !value.starts_with('0') && value.parse::<u16>().is_ok()
}

/// Every protocol that rust-libp2p and go-libp2p print in an address, each with its argument.
pub(super) fn is_multiaddr(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('/') else {
        return false;
    };
    let mut parts = rest.split('/');
    while let Some(protocol) = parts.next() {
        let argument: fn(&str) -> bool = match protocol {
            "ip4" => |v| v.parse::<Ipv4Addr>().is_ok(),
            "ip6" => |v| v.parse::<Ipv6Addr>().is_ok(),
            "dns" | "dns4" | "dns6" | "dnsaddr" | "sni" => is_host,
            "ip6zone" | "certhash" => {
                |v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
            }
            "tcp" | "udp" | "dccp" | "sctp" => is_port,
            "p2p" => is_peer_id,
            "memory" => |v| digits(v) && v.parse::<u64>().is_ok(),
            "quic" | "quic-v1" | "ws" | "wss" | "tls" | "noise" | "http" | "https" | "utp" | "webtransport"
            | "webrtc" | "webrtc-direct" | "p2p-circuit" => continue,
            _ => return false,
        };
        if !parts.next().is_some_and(argument) {
            return false;
        }
    }
    true
}

fn is_host(value: &str) -> bool {
    let label = |label: &str| {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(valid)
    };
    value.len() <= 253 && value.split('.').all(label)
}

/// A multihash that libp2p makes of a public key: the SHA-256 of it, or, when it is short, the key
/// itself, as the message `{ 1: its kind, 2: its bytes }` of Protocol Buffers.
pub(super) fn is_peer_id(value: &str) -> bool {
    let sha256 = value.starts_with("Qm") && value.len() == 46;
    let identity = value.starts_with('1') && value.len() <= 64;
    if !sha256 && !identity {
        return false;
    }
    match base58(value).as_deref() {
        Some([0x12, 0x20, hash @ ..]) => hash.len() == 32,
        Some([0, len @ ..=42, 8, _, 0x12, key_len, key @ ..]) => {
            usize::from(*len) == key.len() + 4 && usize::from(*key_len) == key.len()
        }
        _ => false,
    }
}

/// The bytes that base58 (the alphabet of Bitcoin) stands for; its time is quadratic.
fn base58(value: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = Vec::new(); // the least significant first
    for c in value.bytes() {
        let mut carry = ALPHABET.iter().position(|a| *a == c)?;
        for byte in &mut bytes {
            carry += usize::from(*byte) * 58;
            *byte = (carry % 256) as u8;
            carry /= 256;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    let zeros = value.bytes().take_while(|c| *c == b'1').count();
    bytes.resize(bytes.len() + zeros, 0);
    bytes.reverse();
    Some(bytes)
}

pub(super) fn is_duration(value: &str) -> bool {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &value[..value.len() - unit.len()];
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    // Micro comes as U+00B5, which Rust and Go print, and as the Greek letter U+03BC.
    digits(whole) && digits(fraction) && ["ns", "us", "\u{b5}s", "\u{3bc}s", "ms", "s", "m", "h"].contains(&unit)
}

pub(super) fn is_timestamp(value: &str) -> bool {
    if digits(value) {
        return value.len() == 13 && !value.starts_with('0');
    }
    is_rfc3339(value).unwrap_or(false)
}

/// `date-time` of RFC 3339, section 5.6; `None` where a part is missing.
fn is_rfc3339(value: &str) -> Option<bool> {
    let number = |text: &str, at: usize| {
        text.get(at..at + 2).filter(|part| digits(part)).and_then(|part| part.parse::<u32>().ok())
    };
    let shape = |text: &str, template: &str| {
        let same = |(b, t): (u8, u8)| t == b'0' || b == t;
        text.len() == template.len() && text.bytes().zip(template.bytes()).all(same)
    };
    let (date, time) = value.split_once(['T', 't'])?;
    let (clock, rest) = time.split_at_checked(8)?;
    let year = number(date, 0)? * 100 + number(date, 2)?;
    let days = match number(date, 5)? {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (offset.len() < fraction.len()).then_some(offset)?
        }
        None => rest,
    };
    let offset_fits = match offset.strip_prefix(['+', '-']) {
        Some(offset) => shape(offset, "00:00") && number(offset, 0)? <= 23 && number(offset, 3)? <= 59,
        None => offset == "Z" || offset == "z",
    };
    let date_fits = shape(date, "0000-00-00") && (1..=days).contains(&number(date, 8)?);
    let clock_fits =
        shape(clock, "00:00:00") && number(clock, 0)? <= 23 && number(clock, 3)? <= 59 && number(clock, 6)? <= 60; // a leap second
    Some(date_fits && clock_fits && offset_fits)
}
