//! What a program says, without what it would have a terminal do.

use crate::pattern::visible;

/// A text without the orders to a terminal (colours, links, titles) that are in it.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('\u{1b}') {
        out.push_str(&rest[..start]);
        rest = after_order(&rest[start + 1..]);
    }
    out.push_str(rest);
    visible(&out)
}

/// What comes after an order, of which the escape character is read.
fn after_order(rest: &str) -> &str {
    let mut chars = rest.chars();
    match chars.next() {
        // Up to its last byte: as in `[1;31m`.
        Some('[') => rest[1..].find(|c| matches!(c, '@'..='~')).map_or("", |end| &rest[end + 2..]),
        // Up to a bell, or to `ESC \`: as a link is.
        Some(']') => {
            let ends = [rest.find('\u{7}').map(|at| at + 1), rest.find("\u{1b}\\").map(|at| at + 2)];
            ends.into_iter().flatten().min().map_or("", |end| &rest[end..])
        }
        _ => chars.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn only_what_people_read_is_left() {
        let coloured = "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: no\n  \u{1b}[38;5;12m|\u{1b}[m";
        assert_eq!(plain(coloured), "error: no\n  |");
        assert_eq!(plain("\u{1b}]8;;http://x\u{1b}\\here\u{1b}]8;;\u{7}!"), "here!");
        assert_eq!(plain("\u{1b}[[31m"), "31m");
        assert_eq!(plain("left \u{1b}"), "left ");
        assert_eq!(plain("\u{1b}[31"), "");
        assert_eq!(plain("a\u{1b}Mb\u{8}c\n"), "ab\\x08c\n");
    }
}
