//! Text for terminals that have no Unicode: the console of a server, or a locale like `C`.

use std::borrow::Cow;

use supports_unicode::Stream;

/// Can standard output show all characters? Whatever is no terminal can.
pub fn unicode() -> bool {
    supports_unicode::on(Stream::Stdout)
}

/// The text as it can be shown: each character that can't be becomes one that can.
pub fn showable(text: &str, unicode: bool) -> Cow<'_, str> {
    if unicode || text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.chars().map(ascii).collect()) }
}

/// What comes nearest among the first 128 characters, and takes one column as well.
fn ascii(character: char) -> char {
    match character {
        '\0'..='\x7f' => character,
        '─' | '–' | '—' | '━' => '-',
        '│' | '║' | '┃' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
        '→' | '▶' | '›' | '►' => '>',
        '←' | '◀' | '‹' | '◄' => '<',
        '↑' | '▲' => '^',
        '↓' | '▼' => 'v',
        '«' | '»' | '„' | '“' | '”' => '"',
        '’' | '‘' => '\'',
        '·' | '…' => '.',
        '•' | '▸' => '*',
        '○' => 'o',
        '✓' => '+',
        '✗' => 'x',
        '█' => '#',
        '×' => 'x',
        '\u{a0}' => ' ',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::showable;

    #[test]
    fn what_a_terminal_can_show_stays() {
        assert_eq!(showable("✗ a → b «Hé»", true), "✗ a → b «Hé»");
        assert_eq!(showable("plain", false), "plain");
    }

    #[test]
    fn every_character_keeps_its_column() {
        let text = "✗ greeting · you/you ◀── «Hé\u{1f600}» ──┤ …";
        let shown = showable(text, false);
        assert_eq!(shown, "x greeting . you/you <-- \"H??\" --+ .");
        assert_eq!(shown.chars().count(), text.chars().count());
    }
}
