//! Where everything is in a YAML file, and what is refused before its meaning is checked.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

/// No sane file nests deeper; the parsers recurse.
const MAX_DEPTH: usize = 64;

/// Keys longer than this are not looked for in paths: no file could make that take long.
const MAX_KEY: usize = 200;

/// What is wrong, where (line and column, from 1), and what to do.
pub(super) struct YamlProblem {
    pub(super) place: (usize, usize),
    pub(super) message: String,
    pub(super) help: String,
}

impl YamlProblem {
    fn new(place: (usize, usize), message: impl Into<String>, help: &str) -> YamlProblem {
        YamlProblem { place, message: message.into(), help: help.to_owned() }
    }
}

/// The values of a file, each known by its parent and its own key (`[2]` in a list). Paths in
/// full would take far more room than the file: each key, once for every value below it.
pub(super) struct Tree<'t> {
    nodes: Vec<Node>,
    children: HashMap<(usize, Cow<'t, str>), usize>,
}

/// A value.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// Line and column, from 1.
    pub(super) place: (usize, usize),
    /// Where its text is, when it is one that stands line by line in the file.
    pub(super) block: Option<Block>,
}

/// The text below a `|`.
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// The file's line in which it begins, from 1.
    pub(super) line: usize,
    /// How far it is indented.
    pub(super) indent: usize,
}

/// The node that everything else is below. It is there also when the file is empty.
const ROOT: usize = 0;

impl Default for Tree<'_> {
    fn default() -> Self {
        Tree { nodes: vec![Node { place: (1, 1), block: None }], children: HashMap::new() }
    }
}

impl<'t> Tree<'t> {
    /// Reads a file's text; `lines` are its lines.
    pub(super) fn read(text: &'t str, lines: &[&'t str]) -> Result<Tree<'t>, YamlProblem> {
        refuse_characters(lines)?;
        let mut walk = Walk { tree: Tree::default(), stack: Vec::new(), documents: 0, lines };
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| syntax(&error, lines))?;
            walk.event(event, span)?;
        }
        if walk.documents == 0 {
            return Err(YamlProblem::new((1, 1), "this file is empty", "docs/course.md says which keys it needs"));
        }
        Ok(walk.tree)
    }

    /// The value at a path; its nearest parent, where the file does not have the value itself.
    pub(super) fn find(&self, path: &str) -> Node {
        let (mut node, mut rest) = (ROOT, path);
        while let Some((child, below)) = self.child(node, rest) {
            (node, rest) = (child, below);
        }
        self.nodes[node]
    }

    /// The child to which the beginning of a path leads, and the rest of the path. A key may
    /// hold the characters that separate keys, so the longest beginning counts.
    fn child<'p>(&self, node: usize, path: &'p str) -> Option<(usize, &'p str)> {
        let near = &path[..path.floor_char_boundary(MAX_KEY)];
        let ends = near.rmatch_indices(['.', '[']).map(|(at, _)| at);
        std::iter::once(path.len()).chain(ends).find_map(|end| {
            let child = self.children.get(&(node, Cow::Borrowed(&path[..end])))?;
            let rest = &path[end..];
            Some((*child, rest.strip_prefix('.').unwrap_or(rest)))
        })
    }
}

/// Follows the parser's events.
struct Walk<'t, 'l> {
    tree: Tree<'t>,
    /// The lists and mappings that are open: their nodes, and what comes next in them.
    stack: Vec<(usize, Next<'t>)>,
    documents: usize,
    lines: &'l [&'t str],
}

enum Next<'t> {
    Element(usize),
    Key,
    Value(Cow<'t, str>),
}

impl<'t> Walk<'t, '_> {
    fn event(&mut self, event: Event<'t>, span: Span) -> Result<(), YamlProblem> {
        let place = place(&span.start);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(YamlProblem::new(
                        place,
                        "a second document begins here",
                        "keep one document in a file",
                    ));
                }
            }
            Event::Alias(_) => {
                return Err(YamlProblem::new(place, "aliases (`*name`) are not allowed here", "write the value out"));
            }
            Event::Scalar(text, style, ..) => self.scalar(text, style, &span)?,
            Event::SequenceStart(..) => self.open(place, Next::Element(0))?,
            Event::MappingStart(..) => self.open(place, Next::Key)?,
            Event::SequenceEnd | Event::MappingEnd => drop(self.stack.pop()),
            _ => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: Cow<'t, str>, style: ScalarStyle, span: &Span) -> Result<(), YamlProblem> {
        if let Some((node, next @ Next::Key)) = self.stack.last_mut() {
            let id = (*node, text);
            if self.tree.children.contains_key(&id) {
                let message = format!("the key `{}` comes a second time", id.1.chars().take(60).collect::<String>());
                return Err(YamlProblem::new(place(&span.start), message, "keep one of the two"));
            }
            *next = Next::Value(id.1);
            return Ok(());
        }
        let node = match style {
            ScalarStyle::Literal | ScalarStyle::Folded => self.block(&text, style, &span.start),
            _ => Node { place: place(&span.start), block: None },
        };
        self.value(node);
        Ok(())
    }

    /// A text below `|` or `>`. The parser says where its first line with content is; its place
    /// is the header, above that line and the empty lines that the text begins with.
    fn block(&self, text: &str, style: ScalarStyle, start: &Marker) -> Node {
        let empty_lines = text.len() - text.trim_start_matches('\n').len();
        let line = start.line().saturating_sub(empty_lines);
        let is_blank = text.len() == empty_lines;
        // Of a text without content, the parser knows no better than the header or a line below.
        let above = if is_blank { start.line() } else { line.saturating_sub(1) };
        let header = (1..=above).rev().find_map(|line| Some((line, header_column(self.lines.get(line - 1)?)?)));
        let is_literal = style == ScalarStyle::Literal && !is_blank;
        Node { place: header.unwrap_or(place(start)), block: is_literal.then_some(Block { line, indent: start.col() }) }
    }

    fn open(&mut self, place: (usize, usize), first: Next<'t>) -> Result<(), YamlProblem> {
        if self.stack.len() == MAX_DEPTH {
            return Err(too_deep(place));
        }
        let node = self.value(Node { place, block: None });
        self.stack.push((node, first));
        Ok(())
    }

    /// A value begins: it becomes a child of what is open.
    fn value(&mut self, node: Node) -> usize {
        let Some((parent, next)) = self.stack.last_mut() else {
            self.tree.nodes[ROOT] = node;
            return ROOT;
        };
        let key = match next {
            Next::Element(index) => {
                *index += 1;
                format!("[{}]", *index - 1).into()
            }
            Next::Value(key) => {
                let key = std::mem::take(key);
                *next = Next::Key;
                key
            }
            // A list or a mapping for a key: what has no name can't be looked for.
            Next::Key => {
                *next = Next::Value(Cow::default());
                Cow::default()
            }
        };
        let id = self.tree.nodes.len();
        self.tree.nodes.push(node);
        self.tree.children.insert((*parent, key), id);
        id
    }
}

fn place(mark: &Marker) -> (usize, usize) {
    (mark.line(), mark.col() + 1)
}

fn too_deep(place: (usize, usize)) -> YamlProblem {
    YamlProblem::new(
        place,
        format!("nested more than {MAX_DEPTH} deep"),
        "nothing in a course is so deep: take brackets or indentation out",
    )
}

/// What the parser can't read.
fn syntax(error: &ScanError, lines: &[&str]) -> YamlProblem {
    let at = place(error.marker());
    // The parser reads ahead in brackets, and has a limit of its own.
    if error.info().contains("recursion limit") {
        return too_deep(at);
    }
    // Of a tab it says in what it should not have been, which began lines above.
    let tab = (at.0..=lines.len()).find(|line| lines[line - 1].trim_start_matches(' ').starts_with('\t'));
    if let Some(line) = tab.filter(|_| error.info().contains("tab")) {
        let column = lines[line - 1].find('\t').unwrap_or(0) + 1;
        return YamlProblem::new((line, column), "YAML does not allow a tab for indentation", "write spaces");
    }
    let help = "look at the indentation, the brackets and the quotes, here and in the line above";
    YamlProblem::new(at, format!("this is not YAML: {}", error.info()), help)
}

/// Where the `|` or `>` is that ends a line, but for what may follow it: digits, signs, a remark.
fn header_column(line: &str) -> Option<usize> {
    let is_header = |rest: &str| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
        rest.trim().is_empty() || (rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#'))
    };
    let (byte, _) = line.match_indices(['|', '>']).find(|(at, _)| is_header(&line[at + 1..]))?;
    Some(line[..byte].chars().count() + 1)
}

/// Control characters mean nothing in a course, and could do harm in a terminal. The other ones
/// are refused because one of the parsers takes them for the end of a line, or for no character.
fn refuse_characters(lines: &[&str]) -> Result<(), YamlProblem> {
    let is_bad =
        |c: char| (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}');
    for (number, line) in lines.iter().enumerate() {
        if let Some((column, c)) = line.chars().enumerate().find(|(_, c)| is_bad(*c)) {
            let message = format!("the character U+{:04X} is not allowed here", u32::from(c));
            let help = "take it out; in a text in double quotes it can be written with a `\\`";
            return Err(YamlProblem::new((number + 1, column + 1), message, help));
        }
    }
    Ok(())
}
