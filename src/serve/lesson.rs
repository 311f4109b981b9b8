//! A lesson as HTML.
//!
//! A course can come from anywhere, so its lessons are text and nothing else: HTML in them is shown as text, a
//! picture becomes its description, and a link leads to the web or nowhere. What is drawn with characters, in a block of
//! code named `picture`, is drawn with lines.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Tag, TagEnd};

use super::picture;
use crate::report::trace::escape;
use crate::report::{leads_to_the_web, parser};

/// The name of a block of code that is a picture.
const PICTURE: &str = "picture";

/// Markdown as HTML; its headings are one level below those of the page.
pub fn html(markdown: &str) -> String {
    let mut links = Vec::new();
    let mut drawing: Option<String> = None;
    let mut events = Vec::new();
    for event in parser(markdown) {
        match (event, &mut drawing) {
            (Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(name))), _) if &*name == PICTURE => {
                drawing = Some(String::new());
            }
            (Event::Text(text), Some(drawn)) => drawn.push_str(&text),
            (Event::End(TagEnd::CodeBlock), Some(drawn)) => {
                events.push(Event::Html(picture::svg(drawn).into()));
                drawing = None;
            }
            (event, _) => events.extend(tame(event, &mut links)),
        }
    }
    let mut out = String::new();
    pulldown_cmark::html::push_html(&mut out, events.into_iter());
    out
}

/// The safe form of an event; `links` holds the open links, and whether they lead anywhere.
fn tame<'e>(event: Event<'e>, links: &mut Vec<bool>) -> Option<Event<'e>> {
    Some(match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Heading { level, id, classes, attrs }) => {
            Event::Start(Tag::Heading { level: below(level), id, classes, attrs })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => return None,
        Event::Start(Tag::Link { dest_url, .. }) => {
            links.push(leads_to_the_web(&dest_url));
            return links.last().is_some_and(|leads| *leads).then(|| Event::InlineHtml(opening(&dest_url)));
        }
        Event::End(TagEnd::Link) => {
            return links.pop().unwrap_or(false).then(|| Event::InlineHtml("</a>".into()));
        }
        other => other,
    })
}

fn opening(address: &str) -> CowStr<'static> {
    format!("<a href=\"{}\" target=\"_blank\" rel=\"noopener noreferrer\">", escape(address)).into()
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn a_lesson_is_laid_out() {
        let text = "# Title\n\nA *word*, `code`.\n\n```text\na < b\n```\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n";
        let shown = html(text);
        for expected in ["<h2>Title</h2>", "<em>word</em>", "<code>code</code>", "a &lt; b", "<td>2</td>"] {
            assert!(shown.contains(expected), "{expected} is not in {shown}");
        }
    }

    #[test]
    fn what_is_drawn_with_characters_is_a_picture() {
        let shown = html("before\n\n```picture\na --> b\n```\n\nafter <b>\n\n    c --> d\n");
        assert!(shown.contains("<svg"), "{shown}");
        assert!(!shown.contains("a --&gt; b") && shown.contains("c --&gt; d"), "{shown}");
        assert!(shown.contains("after &lt;b&gt;"), "{shown}");
    }

    #[test]
    fn html_in_a_lesson_is_text() {
        for evil in [
            "<script>alert(1)</script>",
            "word <img src=x onerror=alert(1)> word",
            "<div onclick=\"alert(1)\">\n\ntext\n\n</div>",
            "<!-- comment -->",
            "a `<script>` b",
            "```<script>\ncode\n```",
            "```picture\n<script> <!-- --> <div>\n```",
            "# <script>alert(1)</script>",
            "| <script> |\n| --- |\n| <script> |",
        ] {
            let shown = html(evil);
            let tags = ["<script", "<img", "<div", "<!--"];
            assert!(!tags.iter().any(|tag| shown.contains(tag)), "{shown}");
        }
    }

    #[test]
    fn links_lead_to_the_web_or_nowhere() {
        let shown =
            html("[a](https://example.org/?a=\"b\"&c) [b](javascript:alert(1)) [c](../other.md) [d](//evil.example)");
        assert!(shown.contains("href=\"https://example.org/?a=&quot;b&quot;&amp;c\""), "{shown}");
        assert_eq!(shown.matches("<a ").count(), 1, "{shown}");
        assert_eq!(shown.matches("</a>").count(), 1, "{shown}");
        assert!(!html("<javascript:alert(1)> ![x](https://example.org/x.png)").contains("<a "));
        assert!(!html("![x](https://example.org/x.png)").contains("<img"));
        assert!(html("![x](https://example.org/x.png)").contains('x'));
    }
}
