//! A picture of a lesson, drawn as SVG from the characters that a terminal shows.
//!
//! The author draws with `-` and `=` for lines, `|` for upright ones, `+` where they meet, `<`, `>`, `^` and `v` for
//! arrowheads, and `/` and `\`, or with Unicode's characters for the same. All else is text, and so are these
//! characters where no line can be meant, as in a path. The picture takes its colours from the page.

use crate::report::drawn;
use crate::report::trace::escape;

/// The width of a character's cell, in pixels: that of a monospaced font of [`FONT`].
const WIDTH: usize = 9;
/// The height of a line.
const HEIGHT: usize = 20;
/// The size of the font.
const FONT: usize = 15;
/// From the top of a line to the feet of its letters.
const BASELINE: usize = 15;

/// The picture as an element of the page; its description is the text in it.
pub(super) fn svg(text: &str) -> String {
    let grid = Grid::of(text);
    let strokes = grid.strokes();
    let words = grid.words(&strokes);
    let (columns, rows) = (grid.columns(), grid.rows.len());
    let (width, height) = (columns * WIDTH, rows * HEIGHT);
    let said: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let mut svg = format!(
        "<svg class=\"drawn\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-size=\"{FONT}\" \
         role=\"img\" aria-label=\"{}\">",
        escape(&said.join("; "))
    );
    let (mut lines, mut heads) = (String::new(), String::new());
    for (place, stroke) in strokes.iter().enumerate().filter_map(|(place, stroke)| Some((place, stroke.as_ref()?))) {
        stroke.draw(place % columns * WIDTH, place / columns * HEIGHT, &mut lines, &mut heads);
    }
    svg.push_str(&format!("<path class=\"lines\" d=\"{lines}\"/><path class=\"heads\" d=\"{heads}\"/>"));
    for Word { row, column, text } in &words {
        let (x, y, length) = (column * WIDTH, row * HEIGHT + BASELINE, text.chars().count() * WIDTH);
        svg.push_str(&format!("<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\">{}</text>", escape(text)));
    }
    svg.push_str("</svg>");
    svg
}

/// A piece of text, from this place on.
struct Word {
    row: usize,
    column: usize,
    text: String,
}

/// What is drawn in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stroke {
    /// From side to side; two lines when `double`. It reaches into a neighbour that it meets, on the left or right.
    Across { double: bool, left: bool, right: bool },
    /// From top to bottom.
    Upright,
    /// From the middle to these sides.
    Joint { up: bool, down: bool, left: bool, right: bool },
    /// An arrowhead.
    Head(Side),
    /// From the lower left to the upper right.
    Rising,
    /// From the upper left to the lower right.
    Falling,
}

/// Where an arrow points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Up,
    Down,
}

impl Stroke {
    /// Adds itself to the two paths of a picture; its cell begins at this point.
    fn draw(self, x: usize, y: usize, lines: &mut String, heads: &mut String) {
        let (middle, centre) = (x as f64 + WIDTH as f64 / 2.0, y + HEIGHT / 2);
        let (right, bottom) = (x + WIDTH, y + HEIGHT);
        match self {
            Stroke::Across { double, left: meets_left, right: meets_right } => {
                let reach = WIDTH as f64 / 2.0;
                let from = x as f64 - if meets_left { reach } else { 0.0 };
                let to = right as f64 + if meets_right { reach } else { 0.0 };
                let heights = if double { vec![centre - 2, centre + 2] } else { vec![centre] };
                for height in heights {
                    lines.push_str(&format!("M{from} {height}H{to}"));
                }
            }
            Stroke::Upright => lines.push_str(&format!("M{middle} {y}V{bottom}")),
            Stroke::Joint { up, down, left, right: to_right } => {
                let ends = [(up, format!("V{y}")), (down, format!("V{bottom}")), (left, format!("H{x}"))];
                for (_, end) in ends.into_iter().chain([(to_right, format!("H{right}"))]).filter(|(there, _)| *there) {
                    lines.push_str(&format!("M{middle} {centre}{end}"));
                }
            }
            Stroke::Head(Side::Left) => heads.push_str(&format!("M{x} {centre}l9 -4.5v9z")),
            Stroke::Head(Side::Right) => heads.push_str(&format!("M{right} {centre}l-9 -4.5v9z")),
            Stroke::Head(Side::Up) => {
                lines.push_str(&format!("M{middle} {centre}V{bottom}"));
                heads.push_str(&format!("M{middle} {}l-4.5 9h9z", y + 4));
            }
            Stroke::Head(Side::Down) => {
                lines.push_str(&format!("M{middle} {y}V{centre}"));
                heads.push_str(&format!("M{middle} {}l-4.5 -9h9z", bottom - 4));
            }
            Stroke::Rising => lines.push_str(&format!("M{x} {bottom}L{right} {y}")),
            Stroke::Falling => lines.push_str(&format!("M{x} {y}L{right} {bottom}")),
        }
    }
}

/// The characters of a picture.
struct Grid {
    rows: Vec<Vec<char>>,
}

impl Grid {
    fn of(text: &str) -> Grid {
        Grid { rows: text.lines().map(|line| line.chars().map(|c| drawn(c).unwrap_or(c)).collect()).collect() }
    }

    fn columns(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The character there; a blank outside of the picture.
    fn at(&self, row: Option<usize>, column: Option<usize>) -> char {
        let there = row.and_then(|row| self.rows.get(row)).and_then(|line| line.get(column?));
        there.copied().unwrap_or(' ')
    }

    /// The strokes, row by row; none where a cell is blank or has text.
    fn strokes(&self) -> Vec<Option<Stroke>> {
        let columns = self.columns();
        let mut strokes = vec![None; columns * self.rows.len()];
        for row in 0..self.rows.len() {
            for column in 0..columns {
                let place = row * columns + column;
                if strokes[place].is_none() {
                    strokes[place] = self.alone(row, column);
                }
            }
            self.across(row, &mut strokes[row * columns..(row + 1) * columns]);
        }
        strokes
    }

    /// The lines from side to side in a row, with their arrowheads.
    fn across(&self, row: usize, strokes: &mut [Option<Stroke>]) {
        let line = &self.rows[row];
        let mut at = 0;
        while at < line.len() {
            let sign = line[at];
            if !is_line(sign) {
                at += 1;
                continue;
            }
            let end = at + line[at..].iter().take_while(|c| **c == sign).count();
            let left_head = at > 0 && line[at - 1] == '<';
            let right_head = line.get(end) == Some(&'>');
            let first = at - usize::from(left_head);
            let last = end + usize::from(right_head);
            let before = self.at(Some(row), first.checked_sub(1));
            let after = self.at(Some(row), Some(last));
            let is_long = end - at > 1 || left_head || right_head || (before == '+' && after == '+');
            if is_long && !before.is_alphanumeric() && !after.is_alphanumeric() {
                for (column, stroke) in strokes.iter_mut().enumerate().take(end).skip(at) {
                    let left = column == at && !left_head && before == '|';
                    let right = column + 1 == end && !right_head && after == '|';
                    *stroke = Some(Stroke::Across { double: sign == '=', left, right });
                }
                if left_head {
                    strokes[at - 1] = Some(Stroke::Head(Side::Left));
                }
                if right_head {
                    strokes[end] = Some(Stroke::Head(Side::Right));
                }
            }
            at = end;
        }
    }

    /// The stroke that a character is by what is around it; lines from side to side are not looked for.
    fn alone(&self, row: usize, column: usize) -> Option<Stroke> {
        let above = self.at(row.checked_sub(1), Some(column));
        let below = self.at(Some(row + 1), Some(column));
        let left = self.at(Some(row), column.checked_sub(1));
        let right = self.at(Some(row), Some(column + 1));
        let stands_free = left == ' ' && right == ' ';
        match self.at(Some(row), Some(column)) {
            '|' if !left.is_alphanumeric() && !right.is_alphanumeric() => Some(Stroke::Upright),
            '^' if below == '|' => Some(Stroke::Head(Side::Up)),
            'v' if above == '|' && stands_free => Some(Stroke::Head(Side::Down)),
            '/' if stands_free => Some(Stroke::Rising),
            '\\' if stands_free => Some(Stroke::Falling),
            '+' => {
                let (up, down) = (matches!(above, '|' | '+'), matches!(below, '|' | '+'));
                let (left, right) = (is_line(left) || left == '<', is_line(right) || right == '>');
                (up || down || left || right).then_some(Stroke::Joint { up, down, left, right })
            }
            _ => None,
        }
    }

    /// The text: characters that are no strokes, with single blanks between them.
    fn words(&self, strokes: &[Option<Stroke>]) -> Vec<Word> {
        let columns = self.columns();
        let mut words: Vec<Word> = Vec::new();
        for (row, line) in self.rows.iter().enumerate() {
            let mut blanks = 2;
            for (column, c) in line.iter().enumerate() {
                if strokes[row * columns + column].is_some() {
                    blanks = 2;
                } else if *c == ' ' {
                    blanks += 1;
                } else {
                    match words.last_mut().filter(|_| blanks < 2) {
                        Some(word) => word.text.extend(" ".repeat(blanks).chars().chain([*c])),
                        None => words.push(Word { row, column, text: c.to_string() }),
                    }
                    blanks = 0;
                }
            }
        }
        words
    }
}

fn is_line(c: char) -> bool {
    matches!(c, '-' | '=')
}

#[cfg(test)]
mod tests {
    use super::{Grid, svg};

    /// The texts in a picture.
    fn words(text: &str) -> Vec<String> {
        let grid = Grid::of(text);
        grid.words(&grid.strokes()).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn lines_and_text_are_told_apart() {
        let text = "\
 a                b
 |  GET /x-y  -> |
 | <==== a - b   |
 +------+-+--- yes
        v ^
";
        assert_eq!(words(text), ["a", "b", "GET /x-y", "a - b", "yes", "v ^"]);
    }

    #[test]
    fn arrowheads_stand_at_the_ends_of_lines() {
        assert_eq!(words("|\nv\n"), Vec::<String>::new());
        assert_eq!(words("^\n|\n"), Vec::<String>::new());
        assert_eq!(words("vote\n  | \n"), ["vote"]);
        assert_eq!(words("a <b> c"), ["a <b> c"]);
        assert_eq!(words("<-> --x"), ["--x"]);
    }

    #[test]
    fn unicode_draws_as_well() {
        assert_eq!(svg("┌──▶ a\n│\n└═ b"), svg("+--> a\n|\n+= b"));
    }

    #[test]
    fn slashes_are_lines_only_where_they_stand_free() {
        assert_eq!(words("a \\ b\n / \n"), ["a", "b"]);
        assert_eq!(words("/ip4/1 \"a\\n\""), ["/ip4/1 \"a\\n\""]);
    }

    #[test]
    fn a_picture_is_safe_and_has_a_description() {
        let drawn = svg("<script> --> \"b\" & c");
        assert!(drawn.contains("aria-label=\"&lt;script&gt;; &quot;b&quot; &amp; c\""), "{drawn}");
        assert!(drawn.contains(">&lt;script&gt;</text>"), "{drawn}");
        assert!(!drawn.contains("<script"), "{drawn}");
        assert!(drawn.contains("viewBox=\"0 0 180 20\""), "{drawn}");
        assert!(svg("").contains("viewBox=\"0 0 0 0\""));
    }
}
