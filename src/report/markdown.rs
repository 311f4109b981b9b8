//! Markdown as a terminal shows it.

use colored::{ColoredString, Colorize};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{broken, plain};

/// So many columns code is indented, where it has the room, so that it can be told from text.
const CODE: usize = 4;

/// Between the columns of a table.
const RULE: &str = " │ ";

/// The Markdown of lessons, as every view of them reads it.
pub fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

/// Does this address lead to the web? Others of a course lead nowhere for who only reads a lesson.
pub fn leads_to_the_web(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    address.starts_with("https://") || address.starts_with("http://")
}

/// Markdown in lines of a width. Code keeps its lines, however long they are.
pub fn laid_out(text: &str, width: usize) -> String {
    let mut page = Page { width, ..Page::default() };
    parser(text).for_each(|event| page.take(event));
    page.out
}

/// A page, as far as it is laid out.
#[derive(Default)]
struct Page {
    width: usize,
    out: String,
    /// A blank line comes before the next block.
    gap: bool,
    /// Quotes and items of lists that are open, from the outside to the inside.
    around: Vec<Around>,
    /// The lists that are open: the number of the next item, if they have numbers.
    lists: Vec<Option<u64>>,
    /// The addresses of the links that are open, and how long the paragraph was before them.
    links: Vec<(String, usize)>,
    style: Style,
    /// The words of the paragraph that is open, in their styles.
    inline: String,
    code: Option<String>,
    table: Option<Table>,
}

/// What stands before each line of a quote or of an item.
struct Around {
    /// The item's mark, until its first line.
    mark: Option<String>,
    other: String,
}

/// How words look; how often each of it is open.
#[derive(Default)]
struct Style {
    heading: Option<HeadingLevel>,
    strong: usize,
    emphasis: usize,
    struck: usize,
    link: usize,
}

#[derive(Default)]
struct Table {
    rows: Vec<Vec<String>>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => match &mut self.code {
                Some(code) => code.push_str(&text),
                None => self.words(&text, |style, word| style.paint(word)),
            },
            Event::Code(text) if super::colour() => self.words(&text, |style, word| style.paint(word).cyan()),
            Event::Code(text) => self.words(&format!("`{text}`"), |style, word| style.paint(word)),
            Event::SoftBreak => self.words(" ", |_, word| word.normal()),
            Event::HardBreak => self.flow(),
            Event::Rule => self.block("─".repeat(self.room().min(20)).dimmed().to_string().as_str()),
            // Of extensions that are not asked for.
            Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.style.heading = Some(level),
            Tag::Strong => self.style.strong += 1,
            Tag::Emphasis => self.style.emphasis += 1,
            Tag::Strikethrough => self.style.struck += 1,
            Tag::Link { dest_url, .. } => self.open_link(&dest_url),
            Tag::CodeBlock(_) => {
                self.flow();
                self.code = Some(String::new());
            }
            Tag::List(first) => {
                self.flow();
                self.lists.push(first);
            }
            Tag::Item => {
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "• ".to_owned(),
                };
                self.around.push(Around { other: " ".repeat(mark.chars().count()), mark: Some(mark) });
            }
            Tag::BlockQuote(_) => {
                self.flow();
                self.around.push(Around { mark: None, other: "│ ".dimmed().to_string() });
            }
            Tag::Table(_) => self.table = Some(Table::default()),
            Tag::TableHead | Tag::TableRow => {
                self.style.strong += usize::from(tag == Tag::TableHead);
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => {
                self.flow();
                self.gap = true;
            }
            TagEnd::Heading(_) => {
                self.flow();
                self.style.heading = None;
                self.gap = true;
            }
            TagEnd::Strong | TagEnd::TableHead => self.style.strong -= 1,
            TagEnd::Emphasis => self.style.emphasis -= 1,
            TagEnd::Strikethrough => self.style.struck -= 1,
            TagEnd::Link => self.close_link(),
            TagEnd::CodeBlock => {
                let code = self.code.take().unwrap_or_default();
                let longest = code.lines().map(textwrap::core::display_width).max().unwrap_or(0);
                let indent = " ".repeat(self.room().saturating_sub(longest).min(CODE));
                let lines = code.lines().map(|line| format!("{indent}{}\n", line.cyan()));
                self.block(&lines.collect::<String>());
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.gap = self.lists.is_empty();
            }
            TagEnd::Item => {
                self.flow();
                self.around.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.flow();
                self.around.pop();
                self.gap = true;
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.inline);
                if let Some(row) = self.table.as_mut().and_then(|table| table.rows.last_mut()) {
                    row.push(cell);
                }
            }
            TagEnd::Table => {
                let table = self.table.take().unwrap_or_default();
                self.block(&table.laid_out(self.room()));
            }
            _ => {}
        }
    }

    /// Adds words to the paragraph. Each has its style for itself: so a line can end between any two.
    fn words(&mut self, text: &str, paint: impl Fn(&Style, &str) -> ColoredString) {
        for part in text.split_inclusive(char::is_whitespace) {
            let word = part.trim_end();
            if !word.is_empty() {
                self.inline.push_str(&paint(&self.style, word).to_string());
            }
            if word.len() < part.len() {
                self.inline.push(' ');
            }
        }
    }

    fn open_link(&mut self, address: &CowStr<'_>) {
        self.style.link += 1;
        self.links.push((address.to_string(), self.inline.len()));
    }

    /// A link on the web is of use only with its address.
    fn close_link(&mut self) {
        self.style.link -= 1;
        let Some((address, before)) = self.links.pop() else { return };
        let is_said = self.inline.get(before..).is_some_and(|words| address.ends_with(&plain(words)));
        if leads_to_the_web(&address) && !is_said {
            self.words(&format!(" ({address})"), |_, word| word.normal());
        }
    }

    /// Puts what is collected of a paragraph on the page.
    fn flow(&mut self) {
        let words = std::mem::take(&mut self.inline);
        if !words.trim().is_empty() {
            let lines = broken(&words, self.room()).join("\n");
            self.put(&lines);
        }
    }

    /// Puts lines on the page that stand for themselves.
    fn block(&mut self, lines: &str) {
        self.put(lines);
        self.gap = true;
    }

    fn put(&mut self, lines: &str) {
        if std::mem::take(&mut self.gap) && !self.out.is_empty() {
            let before: String = self.around.iter().map(|around| around.other.as_str()).collect();
            self.out.push_str(&format!("{}\n", before.trim_end()));
        }
        for line in lines.lines() {
            let marks = self.around.iter_mut();
            let before: String =
                marks.map(|around| around.mark.take().unwrap_or_else(|| around.other.clone())).collect();
            self.out.push_str(&format!("{}\n", format!("{before}{line}").trim_end()));
        }
    }

    /// How long a line can be inside of what is open.
    fn room(&self) -> usize {
        let before: usize = self.around.iter().map(|around| textwrap::core::display_width(&around.other)).sum();
        self.width.saturating_sub(before)
    }
}

impl Style {
    fn paint(&self, word: &str) -> ColoredString {
        let mut word = word.normal();
        if self.strong > 0 || self.heading.is_some() {
            word = word.bold();
        }
        if self.heading == Some(HeadingLevel::H1) {
            word = word.cyan();
        }
        if self.emphasis > 0 {
            word = word.italic();
        }
        if self.struck > 0 {
            word = word.strikethrough();
        }
        if self.link > 0 {
            word = word.underline();
        }
        word
    }
}

impl Table {
    /// The table in lines; where there is no room for it, its widest columns get narrower.
    fn laid_out(&self, room: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let longest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| textwrap::core::display_width(cell)).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..columns).map(longest).collect();
        let between = columns.saturating_sub(1) * RULE.chars().count();
        while widths.iter().sum::<usize>() + between > room {
            match widths.iter_mut().max() {
                Some(widest) if *widest > 3 => *widest -= 1,
                _ => break,
            }
        }
        let mut out = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            out.push_str(&row_lines(row, &widths));
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                out.push_str(&format!("{}\n", rules.join("─┼─").dimmed()));
            }
        }
        out
    }
}

/// A row has as many lines as its longest cell needs.
fn row_lines(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| broken(cell, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |number: usize| {
        let parts: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| {
                let part = cell.get(number).map_or("", String::as_str);
                format!("{part}{}", " ".repeat(width.saturating_sub(textwrap::core::display_width(part))))
            })
            .collect();
        format!("{}\n", parts.join(&RULE.dimmed().to_string()))
    };
    (0..height).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::laid_out;
    use crate::report::plain;

    /// As it is seen; without colour code has its backticks.
    fn seen(text: &str, width: usize) -> String {
        plain(&laid_out(text, width)).replace('`', "")
    }

    #[test]
    fn paragraphs_are_filled_and_keep_apart() {
        let text = "# A *title*\nOne two\nthree `four five` six.\n\n\nSeven,\\\n**eight**nine\n\n---\n";
        assert_eq!(
            seen(text, 16),
            "A title\n\nOne two three\nfour five six.\n\nSeven,\neightnine\n\n────────────────\n"
        );
    }

    #[test]
    fn lists_are_marked_and_indented() {
        let text = "Now:\n- one two three\n- four\n  1. five\n  2. six\n\n9. nine\n10. ten\n\n    text\n\n* x\n\n* y\n";
        let expected = "Now:\n\n• one two\n  three\n• four\n  1. five\n  2. six\n\n\
                        9. nine\n\n10. ten\n\n    text\n\n• x\n\n• y\n";
        assert_eq!(seen(text, 11), expected);
    }

    #[test]
    fn quotes_have_a_bar_at_each_line() {
        assert_eq!(seen("> one two\n>\n> - three four\n\nfive", 9), "│ one two\n│\n│ • three\n│   four\n\nfive\n");
    }

    #[test]
    fn code_keeps_its_lines() {
        let text = "See:\n```rust\nfn main() {\n\n    let x = 1;   // one, two, three\n}\n```\nand";
        let expected = "See:\n\n    fn main() {\n\n        let x = 1;   // one, two, three\n    }\n\nand\n";
        assert_eq!(seen(text, 40), expected);
        // Where it has no room it is not indented.
        assert_eq!(seen(text, 10), "See:\n\nfn main() {\n\n    let x = 1;   // one, two, three\n}\n\nand\n");
    }

    #[test]
    fn a_table_has_columns_and_gets_narrower() {
        let text = "| a | long head |\n| --- | --- |\n| x | one two |\n| 漢字 | |\n";
        assert_eq!(seen(text, 40), "a    │ long head\n─────┼──────────\nx    │ one two\n漢字 │\n");
        assert_eq!(seen(text, 12), "a    │ long\n     │ head\n─────┼──────\nx    │ one\n     │ two\n漢字 │\n");
    }

    #[test]
    fn a_link_has_its_address_if_it_leads_to_the_web() {
        let text = "[a](https://a.example/b) [c](../c.md) <https://d.example> ![e](https://e.example)";
        assert_eq!(seen(text, 80), "a (https://a.example/b) c https://d.example e\n");
    }

    #[test]
    fn html_is_text() {
        assert_eq!(seen("a <b>c</b>\n\n<div>\nd\n</div>\n", 80), "a <b>c</b>\n\n<div> d </div>\n");
    }

    /// The lessons of the course, on screens of any width: no line is too long, and no word is lost.
    #[test]
    fn lessons_fit() {
        let lessons = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("exercises");
        let words = |text: &str| -> Vec<String> {
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let mut count = 0;
        for stage in std::fs::read_dir(lessons).expect("the stages").flatten() {
            let Ok(lesson) = std::fs::read_to_string(stage.path().join("lesson.md")) else { continue };
            count += 1;
            for width in [38, 77, 200] {
                let seen = seen(&lesson, width);
                let text = seen.lines().filter(|line| !lesson.contains(line));
                let long: Vec<&str> = text.filter(|line| textwrap::core::display_width(line) > width).collect();
                assert!(long.is_empty(), "{}, {width}: {long:#?}", stage.path().display());
            }
            let code = lesson.split("```").skip(1).step_by(2).flat_map(str::lines);
            let long: Vec<&str> = code.filter(|line| line.chars().count() > 76).collect();
            assert!(long.is_empty(), "{} does not fit on 80 columns: {long:#?}", stage.path().display());
            let mut missing = words(&lesson);
            let shown = words(&seen(&lesson, 500));
            missing.retain(|word| !shown.contains(word));
            missing.retain(|word| !["text", "picture", "rust", "console", "sh"].contains(&word.as_str()));
            assert!(missing.is_empty(), "{}: {missing:?}", stage.path().display());
        }
        assert!(count > 5);
    }
}
