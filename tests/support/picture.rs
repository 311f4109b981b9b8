//! A terminal's screen as a picture, for the README.

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

/// The size of a character, in pixels.
const WIDE: u32 = 8;
const HIGH: u32 = 17;
const EDGE: u32 = 10;

const FRONT: &str = "#d8dee6";
const BACK: &str = "#16191d";

/// The sixteen colours that programs name by number.
const COLOURS: [&str; 16] = [
    "#2b3036", "#ff7b72", "#7ee787", "#e3b341", "#79b8ff", "#d2a8ff", "#76d9e6", "#d8dee6", "#8b949e", "#ff9a92",
    "#9ff0a8", "#f0c86a", "#a5d0ff", "#e0c3ff", "#9be7f1", "#ffffff",
];

/// The screen as SVG, without times of its own: the same screen is the same picture.
pub fn svg(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (width, height) = (u32::from(columns.get()) * WIDE + 2 * EDGE, u32::from(rows.get()) * HIGH + 2 * EDGE);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{BACK}\"/>\n"
    );
    for row in 0..rows.get() {
        let cells: Vec<&Cell> = (0..columns.get()).filter_map(|column| screen.cell(row, column)).collect();
        let mut start = 0;
        while start < cells.len() {
            let same = |cell: &&Cell| look(cell) == look(cells[start]);
            let end = start + cells[start..].iter().take_while(|cell| same(cell)).count();
            part(&mut out, &cells[start..end], u32::try_from(start).expect("a column"), row.into());
            start = end;
        }
    }
    out + "</svg>\n"
}

/// All that makes a character look other than its neighbour.
fn look(cell: &Cell) -> (Color, bool, bool, bool) {
    (cell.fgcolor(), cell.bold(), cell.dim(), cell.inverse())
}

/// Neighbours that look alike.
fn part(out: &mut String, cells: &[&Cell], column: u32, row: u32) {
    let text: String = cells.iter().map(|cell| if cell.has_contents() { cell.contents() } else { " " }).collect();
    let (colour, bold, dim, inverse) = look(cells[0]);
    let count = u32::try_from(cells.len()).expect("columns");
    let (x, y) = (EDGE + column * WIDE, EDGE + row * HIGH);
    let front = match colour {
        Color::Idx(index) => COLOURS.get(usize::from(index)).copied().unwrap_or(FRONT),
        Color::Default | Color::Rgb(..) => FRONT,
    };
    let fill = if inverse { BACK } else { front };
    if inverse {
        let _ =
            writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{HIGH}\" fill=\"{front}\"/>", count * WIDE);
    }
    if text.trim().is_empty() {
        return;
    }
    let weight = if bold { " font-weight=\"bold\"" } else { "" };
    let faint = if dim { " opacity=\"0.65\"" } else { "" };
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{fill}\"{weight}{faint} \
         xml:space=\"preserve\">{text}</text>",
        y + 13,
        count * WIDE
    );
}
