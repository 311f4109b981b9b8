//! What a capture accepts: the types, their names, and how they are written.

use crate::error::nearest;
use std::fmt;
use std::net::SocketAddr;

use regex_lite::Regex;

use super::checks::{is_duration, is_multiaddr, is_peer_id, is_port, is_timestamp};
use super::{PatternError, error};

/// What a capture accepts. Displayed as it is written in a pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// `/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…`: protocols that libp2p knows, each with a valid
    /// argument. Port 0 is refused: it asks for a port and is not one to dial.
    Multiaddr,
    /// `12D3KooW…`, `16Uiu2HA…` or `Qm…`: base58 of a multihash.
    PeerId,
    /// `127.0.0.1:4001` or `[::1]:4001`; not port 0.
    Address,
    /// 1 to 65535, no leading zero.
    Port,
    /// Digits, perhaps with a `-` in front, of any length.
    Int,
    /// Hexadecimal digits, of either case and any number.
    Hex,
    /// `12ms`, `1.5s`, `300µs`: a number and one of ns, us, µs, ms, s, m, h.
    Duration,
    /// `2026-11-21T01:38:41Z` (RFC 3339), or Unix milliseconds in 13 digits.
    Timestamp,
    /// Anything without white space.
    Word,
    /// Anything.
    Text,
    /// `/[0-9]{3}/`: what a regular expression matches as a whole. It alone may accept nothing.
    Regex(WholeRegex),
}

/// A regular expression that a whole value must match. Equal when written the same.
///
/// It is one of `regex-lite`: `\d`, `\s`, `\w` and `(?i)` know ASCII only, and `\p{…}` is refused.
#[derive(Clone, Debug)]
pub struct WholeRegex {
    source: String,
    whole: Regex,
}

impl PartialEq for WholeRegex {
    fn eq(&self, other: &WholeRegex) -> bool {
        self.source == other.source
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Type::Multiaddr => "multiaddr",
            Type::PeerId => "peer-id",
            Type::Address => "address",
            Type::Port => "port",
            Type::Int => "int",
            Type::Hex => "hex",
            Type::Duration => "duration",
            Type::Timestamp => "timestamp",
            Type::Word => "word",
            Type::Text => "text",
            Type::Regex(rule) => return write!(f, "/{}/", rule.source),
        };
        f.write_str(name)
    }
}

impl Type {
    /// Is it the address of a listener, to which a link can lead?
    pub fn is_address(&self) -> bool {
        matches!(self, Type::Address | Type::Multiaddr | Type::Port)
    }

    /// The types that have a name; the other one is `/regex/`.
    pub const NAMES: [&str; 10] =
        ["multiaddr", "peer-id", "address", "port", "int", "hex", "duration", "timestamp", "word", "text"];

    /// Reads a type as it is written in a pattern. Columns are those of `source`.
    pub fn parse(source: &str) -> Result<Type, PatternError> {
        Ok(match source {
            "multiaddr" => Type::Multiaddr,
            "peer-id" => Type::PeerId,
            "address" => Type::Address,
            "port" => Type::Port,
            "int" => Type::Int,
            "hex" => Type::Hex,
            "duration" => Type::Duration,
            "timestamp" => Type::Timestamp,
            "word" => Type::Word,
            "text" => Type::Text,
            _ => match source.strip_prefix('/') {
                Some(rest) => Type::Regex(WholeRegex::parse(rest)?),
                None => return Err(Type::unknown(source)),
            },
        })
    }

    fn unknown(source: &str) -> PatternError {
        let all = format!("the types are {} and /regex/", Type::NAMES.join(", "));
        let help = match nearest(source, Type::NAMES).first() {
            Some(name) => format!("did you mean `{name}`? {all}"),
            None => all,
        };
        let message = format!("`{source}` is not a type");
        PatternError { column: 1, len: source.chars().count().max(1), message, help: Some(help) }
    }

    /// Whether `value`, as a whole, is one of this type.
    pub fn accepts(&self, value: &str) -> bool {
        match self {
            Type::Multiaddr => value.len() <= self.longest() && is_multiaddr(value),
            Type::PeerId => is_peer_id(value),
            Type::Address => {
                value.len() <= self.longest() && value.parse::<SocketAddr>().is_ok_and(|address| address.port() != 0)
            }
            Type::Port => is_port(value),
            Type::Duration => value.len() <= self.longest() && is_duration(value),
            Type::Timestamp => value.len() <= self.longest() && is_timestamp(value),
            Type::Regex(rule) => rule.whole.is_match(value),
            Type::Int | Type::Hex | Type::Word | Type::Text => {
                let body = &value[self.sign(value)..];
                !body.is_empty() && self.class().is_some_and(|class| body.chars().all(class))
            }
        }
    }

    /// For a type whose values are simply one or more chars of a class: that class.
    pub(super) fn class(&self) -> Option<fn(char) -> bool> {
        match self {
            Type::Int => Some(|c| c.is_ascii_digit()),
            Type::Hex => Some(|c| c.is_ascii_hexdigit()),
            Type::Word => Some(|c| !c.is_whitespace()),
            Type::Text => Some(|_| true),
            _ => None,
        }
    }

    /// The length of what may stand in front of those chars: the minus of an `int`.
    pub(super) fn sign(&self, value: &str) -> usize {
        usize::from(*self == Type::Int && value.starts_with('-'))
    }

    /// No value has more bytes than this. Far above what is real, and it keeps matching linear.
    pub(super) fn longest(&self) -> usize {
        match self {
            Type::Port => 5,
            Type::PeerId => 64,
            Type::Address | Type::Duration | Type::Timestamp => 128,
            Type::Multiaddr => 1024,
            _ => usize::MAX,
        }
    }
}

impl WholeRegex {
    /// Reads what follows the opening slash, the closing one included.
    fn parse(rest: &str) -> Result<WholeRegex, PatternError> {
        let chars: Vec<char> = rest.chars().collect();
        let at = 0..chars.len() + 1;
        let end = super::closing_slash(&chars);
        if end.map(|end| end + 1) != Some(chars.len()) || end == Some(0) {
            let help = "it is one or more chars between two slashes; a slash inside of it is written `\\/`";
            return error(at, "not a regular expression", help);
        }
        let source = rest[..rest.len() - 1].to_owned();
        // Alone first: `a)(b` is right only between the parentheses that we add.
        let whole = Regex::new(&source).and_then(|_| Regex::new(&format!("^(?:{source})$")));
        match whole {
            Ok(whole) => Ok(WholeRegex { source, whole }),
            Err(e) => error(at, format!("not a regular expression: {e}"), "see docs.rs/regex-lite"),
        }
    }
}
