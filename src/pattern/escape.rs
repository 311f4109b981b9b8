//! Makes the output of a learner's program safe to show.

use std::fmt::Write;

/// Escapes printed bytes: safe for a terminal, and different bytes look different.
///
/// Printable Unicode is kept. A backslash starts an escape, so one that was printed is doubled:
///
/// | printed | shown |
/// | --- | --- |
/// | backslash | `\\` |
/// | newline, carriage return, tab, NUL | `\n` `\r` `\t` `\0` |
/// | another ASCII control character | `\x1b`, two digits |
/// | a byte that is no UTF-8 | `\xff`, two digits |
/// | the mark of a text after which no newline comes | ` (without a newline)` |
/// | a C1 control, white space that is not a plain space, an invisible or bidirectional format character | `\u{202e}` |
pub fn escape(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape_char(c, &mut shown);
        }
        for byte in chunk.invalid() {
            _ = write!(shown, "\\x{byte:02x}"); // writing to a String cannot fail
        }
    }
    shown
}

fn escape_char(c: char, shown: &mut String) {
    match c {
        '\\' => shown.push_str("\\\\"),
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        '\0' => shown.push_str("\\0"),
        ' '..='~' => shown.push(c),
        super::NO_NEWLINE => shown.push_str(" (without a newline)"),
        _ if c.is_ascii() => _ = write!(shown, "\\x{:02x}", u32::from(c)),
        _ if c.is_control() || c.is_whitespace() || is_invisible(c) => {
            _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        }
        _ => shown.push(c),
    }
}

/// A text of a course, safe for a terminal: line breaks and tabs stay, other control characters and
/// those that turn the direction of writing are escaped. A carriage return that belongs to a line
/// break is left out.
pub fn visible(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        if matches!(c, '\n' | '\t') || !(c.is_control() || turns(c)) {
            shown.push(c);
        } else {
            escape_char(c, &mut shown);
        }
    }
    shown
}

/// Format characters (Unicode's category Cf), and letters that are drawn as nothing.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// At most `width` chars of a text: of a longer one the start, the size of all of it and the end,
/// as in `start… (65,536 bytes) …end`; only the start where there is no room for that.
///
/// No char is split.
pub fn shorten(text: &str, width: usize) -> String {
    shorten_sized(text, text.len(), width)
}

/// Printed bytes, escaped and [shortened](shorten). Of many, only those are escaped that may be shown.
pub fn excerpt(bytes: &[u8], width: usize) -> String {
    // A char has at most four bytes, so this is more than `width` chars at each end.
    let end = 4 * (width + 1);
    let text = match bytes.len().checked_sub(end) {
        Some(last) if last > end => escape(&bytes[..end]) + &escape(&bytes[last..]),
        _ => escape(bytes),
    };
    shorten_sized(&text, bytes.len(), width)
}

/// Shortens what stands for so many bytes.
fn shorten_sized(text: &str, size: usize, width: usize) -> String {
    if text.chars().nth(width).is_none() {
        return text.to_owned();
    }
    let middle = format!("… ({} bytes) …", thousands(size));
    match width.checked_sub(middle.chars().count()) {
        Some(kept @ 2..) => {
            let (start, end) = (byte(text, kept.div_ceil(2)), &text[byte_from_end(text, kept / 2)..]);
            format!("{}{middle}{end}", &text[..start])
        }
        _ => cut(text, width),
    }
}

/// At most `width` chars of a text: of a longer one those around the place where it parts from another text.
pub fn around_difference(text: &str, other: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width || text == other {
        return shorten(text, width);
    }
    let same = text.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let room = width.saturating_sub(2).max(1);
    let from = same.saturating_sub(room / 2).min(length.saturating_sub(room));
    let kept: String = text.chars().skip(from).take(room).collect();
    let (before, after) = (if from > 0 { "…" } else { "" }, if from + room < length { "…" } else { "" });
    format!("{before}{kept}{after}")
}

/// So many of something, in words: `1 run`, `2 runs`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// At most `width` chars of a text: of a longer one the start.
pub fn cut(text: &str, width: usize) -> String {
    match width {
        _ if text.chars().nth(width).is_none() => text.to_owned(),
        0 => String::new(),
        _ => format!("{}…", &text[..byte(text, width - 1)]),
    }
}

/// Where the char with this index starts.
fn byte(text: &str, index: usize) -> usize {
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

/// Where the last `count` chars start; `count` is not 0.
fn byte_from_end(text: &str, count: usize) -> usize {
    text.char_indices().rev().nth(count - 1).map_or(0, |(at, _)| at)
}

/// 65536 as `65,536`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
