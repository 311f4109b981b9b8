//! Text for terminals that have no Unicode: the console of a server, or a locale like `C`.

use std::borrow::Cow;

use supports_unicode::Stream;

/// Can standard output show all characters? Anything but a terminal can.
pub fn unicode() -> bool {
    supports_unicode::on(Stream::Stdout)
}

/// The text as the terminal can show it: characters that it can't show are replaced.
pub fn showable(text: &str, unicode: bool) -> Cow<'_, str> {
    if unicode || text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.chars().map(ascii).collect()) }
}

/// The ASCII character for one that draws a line or an arrow.
pub fn drawn(character: char) -> Option<char> {
    Some(match character {
        '─' | '━' => '-',
        '═' => '=',
        '│' | '║' | '┃' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╰' | '╯' => '+',
        '→' | '▶' | '►' => '>',
        '←' | '◀' | '◄' => '<',
        '↑' | '▲' => '^',
        '↓' | '▼' => 'v',
        _ => return None,
    })
}

/// The most similar ASCII character, which takes one column as well.
fn ascii(character: char) -> char {
    if let Some(drawn) = drawn(character) {
        return drawn;
    }
    match character {
        '\0'..='\x7f' => character,
        '–' | '—' => '-',
        '›' => '>',
        '‹' => '<',
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
