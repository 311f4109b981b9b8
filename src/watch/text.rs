//! Text with the colours of a terminal, as lines of a width.

use ansi_to_tui::IntoText;
use ratatui::text::{Line, Span, Text};

/// The lines of a text; those that are longer than `width` go on in the next line.
pub fn lines(ansi: &str, width: usize) -> Vec<Line<'static>> {
    let ansi = ansi.replace('\t', "    ");
    let text = ansi.into_text().unwrap_or_else(|_| Text::raw(ansi));
    text.lines.into_iter().flat_map(|line| fold(line, width.max(1))).collect()
}

fn fold(line: Line<'static>, width: usize) -> Vec<Line<'static>> {
    if line.width() <= width {
        return vec![line];
    }
    let mut folded = vec![Vec::new()];
    let mut used = 0;
    for span in line.spans {
        let mut part = String::new();
        for character in span.content.chars() {
            let wide = Span::raw(character.to_string()).width();
            if used + wide > width {
                push(&mut folded, std::mem::take(&mut part), &span);
                folded.push(Vec::new());
                used = 0;
            }
            part.push(character);
            used += wide;
        }
        push(&mut folded, part, &span);
    }
    folded.into_iter().map(Line::from).collect()
}

fn push(folded: &mut [Vec<Span<'static>>], part: String, span: &Span<'static>) {
    if let Some(last) = folded.last_mut() {
        last.push(Span::styled(part, span.style));
    }
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn long_lines_go_on_and_keep_their_style() {
        let folded = lines("\u{1b}[31mabcdef\u{1b}[0mgh\nij", 4);
        let shown: Vec<String> = folded.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["abcd", "efgh", "ij"]);
        assert_eq!(folded[0].spans[0].style, folded[1].spans[0].style);
        assert_ne!(folded[1].spans[0].style, folded[1].spans[1].style);
    }

    #[test]
    fn a_wide_character_is_not_cut() {
        let folded = lines("a漢字", 2);
        assert_eq!(folded.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "漢", "字"]);
    }
}
