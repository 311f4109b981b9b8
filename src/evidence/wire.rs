//! What can be read of a connection from outside.
//!
//! A libp2p connection begins in plain text: the two sides agree on an encryption by
//! [multistream-select](https://github.com/multiformats/multistream-select), in lines that are each preceded by their
//! length. Then come the frames of the [noise protocol](https://github.com/libp2p/specs/blob/master/noise/README.md):
//! a length of two bytes, and that many encrypted bytes. The first three are the handshake: one from the dialer, one
//! from the listener, one from the dialer.

/// The first line of either side.
const GREETING: &[u8] = b"/multistream/1.0.0\n";
/// The line with which both agree on noise.
const NOISE: &[u8] = b"/noise\n";
/// Frames of a handshake, from the dialer and from the listener.
const HANDSHAKE: (u64, u64) = (2, 1);

/// Reads one direction of a connection.
#[derive(Debug, Clone, Default)]
pub struct WireReader {
    state: WireState,
    /// Noise frames that are complete.
    pub frames: u64,
}

#[derive(Debug, Clone)]
enum WireState {
    /// In a line of multistream-select.
    Line {
        /// The greeting has come.
        greeted: bool,
        /// Its length, once known.
        length: Option<usize>,
        text: Vec<u8>,
    },
    /// In the length of a frame, of which this byte is known.
    Length(Option<u8>),
    /// In a frame; this many bytes are still to come.
    Frame(usize),
    /// Another protocol, in plain text.
    Plain,
}

impl Default for WireState {
    fn default() -> Self {
        WireState::Line { greeted: false, length: None, text: Vec::new() }
    }
}

impl WireReader {
    /// Reads on. How many of these bytes, from the first, are not encrypted?
    pub fn read(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        let mut plain = 0;
        while let Some((first, tail)) = rest.split_first() {
            match &mut self.state {
                WireState::Plain => return bytes.len(),
                WireState::Line { .. } => {
                    self.line(*first);
                    plain += 1;
                    rest = tail;
                }
                WireState::Length(known) => {
                    self.state = match *known {
                        None => WireState::Length(Some(*first)),
                        Some(high) => WireState::Frame(usize::from(u16::from_be_bytes([high, *first]))),
                    };
                    rest = tail;
                    self.frame_over();
                }
                WireState::Frame(left) => {
                    let taken = rest.len().min(*left);
                    *left -= taken;
                    rest = &rest[taken..];
                    self.frame_over();
                }
            }
        }
        plain
    }

    /// One byte of a line.
    fn line(&mut self, byte: u8) {
        let WireState::Line { greeted, length, text } = &mut self.state else { return };
        match length {
            // The lines of libp2p are short: a larger length means another protocol.
            None if byte == 0 || byte >= 0x80 => self.state = WireState::Plain,
            None => *length = Some(usize::from(byte)),
            Some(length) => {
                text.push(byte);
                if text.len() < *length {
                    return;
                }
                self.state = match (*greeted, text.as_slice()) {
                    (false, GREETING) => WireState::Line { greeted: true, length: None, text: Vec::new() },
                    (true, NOISE) => WireState::Length(None),
                    (true, _) => WireState::Line { greeted: true, length: None, text: Vec::new() },
                    (false, _) => WireState::Plain,
                };
            }
        }
    }

    fn frame_over(&mut self) {
        if let WireState::Frame(0) = self.state {
            self.frames += 1;
            self.state = WireState::Length(None);
        }
    }

    /// Did it begin as libp2p does?
    pub fn is_libp2p(&self) -> bool {
        !matches!(self.state, WireState::Plain | WireState::Line { greeted: false, .. })
    }

    /// Is what comes now encrypted?
    pub fn is_sealed(&self) -> bool {
        matches!(self.state, WireState::Length(_) | WireState::Frame(_))
    }
}

/// Do both sides of a connection know the other's key?
pub fn shook_hands(dialer: &WireReader, listener: &WireReader) -> bool {
    dialer.frames >= HANDSHAKE.0 && listener.frames >= HANDSHAKE.1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dialer's first bytes: two lines, two frames of the handshake, one that is sealed.
    fn dialer() -> Vec<u8> {
        let mut bytes = b"\x13/multistream/1.0.0\n\x07/noise\n".to_vec();
        bytes.extend([0, 3, 1, 2, 3]);
        bytes.extend([&[1, 0][..], &[7; 256]].concat());
        bytes.extend([0, 2, 9, 9]);
        bytes
    }

    #[test]
    fn frames_are_counted_however_the_bytes_come() {
        let bytes = dialer();
        for size in [1, 2, 3, 7, 28, 100, bytes.len()] {
            let mut wire = WireReader::default();
            let plain: usize = bytes.chunks(size).map(|chunk| wire.read(chunk)).sum();
            assert_eq!((plain, wire.frames), (28, 3), "in pieces of {size}");
            assert!(wire.is_libp2p() && wire.is_sealed());
        }
    }

    #[test]
    fn a_handshake_takes_three_frames() {
        let (mut dialer_wire, mut listener) = (WireReader::default(), WireReader::default());
        listener.read(b"\x13/multistream/1.0.0\n\x07/noise\n\x00\x01x");
        dialer_wire.read(&dialer()[..33]);
        assert!(!shook_hands(&dialer_wire, &listener));
        dialer_wire.read(&dialer()[33..]);
        assert!(shook_hands(&dialer_wire, &listener));
    }

    #[test]
    fn another_encryption_may_be_refused_first() {
        let mut wire = WireReader::default();
        wire.read(b"\x13/multistream/1.0.0\n\x03na\n\x07/noise\n\x00\x01x");
        assert_eq!(wire.frames, 1);
    }

    #[test]
    fn what_is_not_libp2p_is_plain() {
        for text in ["Hello I am A\n", "\0\0\0", "\x13/multistream/2.0.0\n\x07/noise\n", "\u{ff}"] {
            let mut wire = WireReader::default();
            assert_eq!(wire.read(text.as_bytes()), text.len());
            assert!(!wire.is_libp2p() && !wire.is_sealed());
        }
    }
}
