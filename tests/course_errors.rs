//! Wrong courses, as an author or an attacker may write them: the real binary refuses each with
//! exit code 2, names file, line and column, shows the line, says what to do, and writes nothing.
//!
//! A case is a change to a course that is right. The mark `⟦` in the changed text is taken out
//! before it is written, and is where the error must point; without one, the error must name the
//! file only. All cases are tried, and all that fail are listed.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// No refusal computes for longer, also in a debug build: the system ends it. That is told apart from what hangs, which
/// waits for something and is given up after [`HANGS`]; a busy machine only makes both take longer.
const PROMPT: &str = "ulimit -t 5; exec \"$0\" \"$@\"";
const HANGS: Duration = Duration::from_secs(120);

const COURSE: &str = r#"name: small
title: T
stages: [one]
tracks:
  rust:
    title: Rust
    templates: templates/rust
    solutions: solutions/rust
    edit: [src]
    run: ["{out}/{role}"]
"#;

const STAGE: &str = r#"title: T
about: A
roles:
  - name: a
    about: listens
  - name: b
    about: dials
    args: ["{addr}"]
conditions: [clear]
scenarios:
  - name: s
    about: z
    transcript: |
      $ a
      a | listening on {addr:address}
      $ b
      b | Hello
      a = exit 0
      b = exit 0
mistakes:
  - name: m
    about: q
    patch: mistakes/m.patch
    explains: panicked
"#;

/// A stage whose only scenario has no link.
const ALONE: &str = r#"title: T
about: A
roles:
  - name: a
    about: says nothing
conditions: [clear]
scenarios:
  - name: s
    about: z
    transcript: |
      $ a
      a = exit 0
"#;

/// The stage with a rule, and with another change.
fn with_rule(from: &str, to: &str) -> String {
    let rules = "rules:\n  - {id: greets, say: Greet., lesson: To do, roles: [b]}\nconditions:";
    STAGE.replace("conditions:", rules).replace(from, to)
}

const MARK: char = '⟦';

// ---- The builder ----

/// A course with something wrong in it, and what must be said of it.
struct Case {
    name: &'static str,
    course: Vec<u8>,
    stage: Vec<u8>,
    /// Done to the folder once it is written.
    prepare: fn(&Path),
    place: Place,
    says: Vec<&'static str>,
    helps: &'static str,
}

/// Where an error must point.
#[derive(Clone)]
enum Place {
    /// A file, and no line of it: there is none to show.
    File(&'static str),
    /// A line and, where it matters, a column, both from 1, and the text of the line.
    Line { file: &'static str, line: usize, column: Option<usize>, source: String },
}

const COURSE_FILE: &str = "exercises/course.yaml";
const STAGE_FILE: &str = "exercises/one/stage.yaml";

fn case(name: &'static str) -> Case {
    Case {
        name,
        course: COURSE.into(),
        stage: STAGE.into(),
        prepare: |_| {},
        place: Place::File(STAGE_FILE),
        says: Vec::new(),
        helps: "",
    }
}

impl Case {
    fn stage(self, from: &str, to: &str) -> Case {
        assert_eq!(STAGE.matches(from).count(), 1, "{}: {from:?} is there once", self.name);
        self.stage_text(&STAGE.replace(from, to))
    }

    fn stage_text(mut self, marked: &str) -> Case {
        (self.stage, self.place) = unmark(STAGE_FILE, marked);
        self
    }

    /// The stage's only transcript.
    fn transcript(self, marked: &str) -> Case {
        let block: String = marked.lines().map(|line| format!("      {line}\n")).collect();
        self.transcript_as(&format!("    transcript: |\n{block}"))
    }

    /// The same with its key, as it stands in the file.
    fn transcript_as(self, marked: &str) -> Case {
        let (start, end) = (STAGE.find("    transcript:").unwrap(), STAGE.find("mistakes:").unwrap());
        self.stage_text(&format!("{}{marked}{}", &STAGE[..start], &STAGE[end..]))
    }

    fn course(self, from: &str, to: &str) -> Case {
        assert_eq!(COURSE.matches(from).count(), 1, "{}: {from:?} is there once", self.name);
        self.course_text(&COURSE.replace(from, to))
    }

    fn course_text(mut self, marked: &str) -> Case {
        (self.course, self.place) = unmark(COURSE_FILE, marked);
        self
    }

    /// Bytes that are no text; a position that was marked before stays.
    fn stage_bytes(mut self, change: impl Fn(&[u8]) -> Vec<u8>) -> Case {
        self.stage = change(&self.stage);
        self
    }

    fn line_ends(self, end: &'static str) -> Case {
        self.stage_bytes(|bytes| String::from_utf8_lossy(bytes).replace('\n', end).into_bytes())
    }

    fn prepared(mut self, file: &'static str, prepare: fn(&Path)) -> Case {
        (self.prepare, self.place) = (prepare, Place::File(file));
        self
    }

    fn says(mut self, part: &'static str) -> Case {
        self.says.push(part);
        self
    }

    /// The line is what counts, not where in it: which of ten thousand brackets is too many?
    fn any_column(mut self) -> Case {
        if let Place::Line { column, .. } = &mut self.place {
            *column = None;
        }
        self
    }

    fn helps(mut self, part: &'static str) -> Case {
        self.helps = part;
        self
    }
}

/// Takes the mark out of a text, and says where it was.
fn unmark(file: &'static str, marked: &str) -> (Vec<u8>, Place) {
    let text = marked.replacen(MARK, "", 1);
    let Some(byte) = marked.find(MARK) else { return (text.into_bytes(), Place::File(file)) };
    let line = marked[..byte].matches('\n').count();
    let start = marked[..byte].rfind('\n').map_or(0, |newline| newline + 1);
    let source = text.split('\n').nth(line).unwrap().to_owned();
    let column = marked[start..byte].chars().count() + 1;
    (text.into_bytes(), Place::Line { file, line: line + 1, column: Some(column), source })
}

// ---- What the binary does with it ----

struct Run {
    /// `None` when it had to be killed.
    code: Option<i32>,
    out: String,
    err: String,
    /// What is in the current folder afterwards.
    left: Vec<PathBuf>,
    root: PathBuf,
}

fn run(case: &Case, args: &[&str]) -> Run {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let root = dir.path().canonicalize().unwrap();
    let course = root.join("course");
    for folder in ["course/exercises/one/mistakes", "course/templates/rust/one/src", "course/solutions/rust/one/src"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for folder in ["here", "home", "tmp"] {
        fs::create_dir(root.join(folder)).unwrap();
    }
    fs::write(course.join(COURSE_FILE), &case.course).unwrap();
    fs::write(course.join(STAGE_FILE), &case.stage).unwrap();
    fs::write(course.join("exercises/one/lesson.md"), "# Lesson\n").unwrap();
    fs::write(course.join("templates/rust/one/src/main.rs"), "fn main() {}\n").unwrap();
    (case.prepare)(&course);

    let mut child = Command::new("sh")
        .args(["-c", PROMPT, env!("CARGO_BIN_EXE_workshop"), "--course"])
        .arg(&course)
        .args(args)
        .current_dir(root.join("here"))
        .env("HOME", root.join("home"))
        .env("TMPDIR", root.join("tmp"))
        .env("WORKSHOP_NO_PREFETCH", "1")
        .env_remove("WORKSHOP_AUTHOR_CACHE")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let outputs = [drain(child.stdout.take().unwrap()), drain(child.stderr.take().unwrap())];
    let mut texts = outputs.map(|output| output.recv_timeout(HANGS).ok());
    if texts.iter().any(Option::is_none) {
        child.kill().expect("what hangs can be killed");
    }
    let status = child.wait().expect("it ends");
    let [out, err] = &mut texts;
    let left = fs::read_dir(root.join("here")).unwrap().map(|entry| entry.unwrap().path()).collect();
    Run { code: status.code(), out: out.take().unwrap_or_default(), err: err.take().unwrap_or_default(), left, root }
}

/// Reads all of an output, beside the one who waits for it.
fn drain(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (to, output) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).ok();
        to.send(String::from_utf8_lossy(&bytes).into_owned()).ok();
    });
    output
}

/// What is not as it should be about one refusal.
fn faults(case: &Case, run: &Run) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expect = |good: bool, what: String| {
        if !good {
            faults.push(what);
        }
    };
    expect(run.code == Some(2), format!("exit code {:?} instead of 2", run.code));
    expect(run.out.is_empty(), format!("standard output: {:?}", run.out));
    expect(run.left.is_empty(), format!("written into the current folder: {:?}", run.left));
    expect(!run.err.contains("panicked at"), "a panic".to_owned());
    expect(
        run.err.chars().all(|c| c == '\n' || !c.is_control()),
        "a control character reaches the terminal".to_owned(),
    );
    let path = |file: &str| run.root.join("course").join(file).display().to_string();
    match &case.place {
        Place::File(file) => expect(run.err.contains(&path(file)), format!("does not name {file}")),
        Place::Line { file, line, column, source } => {
            let place = column.map_or(format!("{line}:"), |column| format!("{line}:{column}\n"));
            let arrow = format!("--> {}:{place}", path(file));
            expect(run.err.contains(&arrow), format!("does not point at {file}:{}", place.trim_end()));
            // A long line is shown in part, and what is no text as something else.
            let shown = format!("{line} | {}", source.replace('\t', "    "));
            let plain = shown.find(|c: char| c.is_control() || "\u{2028}\u{202e}".contains(c));
            let shown = shown[..plain.unwrap_or(shown.len())].trim_end();
            let is_shown =
                |have: &str| if plain.is_some() { have.starts_with(shown) } else { have.trim_end() == shown };
            expect(
                source.chars().count() > 100 || run.err.lines().any(is_shown),
                format!("does not show the line {shown:?}"),
            );
        }
    }
    for part in &case.says {
        expect(run.err.contains(part), format!("does not say {part:?}"));
    }
    let help = run.err.lines().find_map(|line| line.trim_start().strip_prefix("= help: "));
    expect(help.is_some(), "no help".to_owned());
    expect(help.is_none_or(|help| help.contains(case.helps)), format!("help without {:?}", case.helps));
    faults
}

fn refused(cases: Vec<Case>) {
    let mut report = String::new();
    let all = cases.len();
    let mut bad = 0;
    for case in cases {
        for args in [&["next"][..], &["author", "check"]] {
            let run = run(&case, args);
            let faults = faults(&case, &run);
            if !faults.is_empty() {
                bad += 1;
                let said = run.err.replace(&run.root.display().to_string(), "");
                let said: String = said.chars().take(900).collect();
                report.push_str(&format!("\n── {}, `workshop {}`\n", case.name, args.join(" ")));
                faults.iter().for_each(|fault| report.push_str(&format!("   ✗ {fault}\n")));
                said.lines().for_each(|line| report.push_str(&format!("   │ {line}\n")));
                break;
            }
        }
    }
    assert!(report.is_empty(), "{bad} of {all} cases fail:\n{report}");
}

// ---- The cases ----

#[test]
fn a_right_course_is_accepted() {
    let good = |name: &'static str| case(name);
    let block = "      $ a\n      a = exit 0\n";
    let cases = [
        good("as it is"),
        good("CRLF").line_ends("\r\n"),
        good("BOM").stage_bytes(|bytes| [b"\xef\xbb\xbf", bytes].concat()),
        good("strip").transcript_as(&format!("    transcript: |-\n{block}")),
        good("keep").transcript_as(&format!("    transcript: |+\n{block}\n")),
        good("indentation said").transcript_as(&format!("    transcript: |2\n{block}")),
        good("header with a comment").transcript_as(&format!("    transcript: | # the story\n{block}")),
        good("tabs around the mark").transcript("$ a\na\t|\tx\na = exit 0"),
        good("no newline at the end").stage_bytes(|bytes| bytes.trim_ascii_end().to_vec()),
        good("a rule that nobody names").stage_text(&with_rule("title", "title")),
        good("a rule and a scenario").stage_text(&with_rule("    about: z\n", "    about: z\n    for: [greets]\n")),
        good("a rule and a mistake").stage_text(&with_rule("    explains:", "    breaks: greets\n    explains:")),
        good("as many orders as there may be").stage("    about: z\n", "    about: z\n    orders: 64\n"),
        good("conditions of the stage, where a scenario has no link")
            .stage_text(&ALONE.replace("[clear]", "[fragmented, interleaved]")),
        good("clear, and no link")
            .stage_text(&ALONE.replace("    about: z\n", "    about: z\n    conditions: [clear]\n")),
    ];
    let mut report = String::new();
    for case in cases {
        let run = run(&case, &["next"]);
        if run.code != Some(0) || run.left.len() != 1 {
            report.push_str(&format!("\n── {}: exit code {:?}, {:?}\n{}", case.name, run.code, run.left, run.err));
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn yaml_that_does_not_fit_is_refused_in_its_place() {
    let deep = |open: &str| format!("title: T\nabout: ⟦{}\n", open.repeat(10_000));
    refused(vec![
        // Keys.
        case("unknown key").stage("    about: z", "    ⟦abuot: z").says("`abuot`").helps("did you mean `about`?"),
        case("unknown key at the top").stage("conditions:", "⟦conditons:").helps("did you mean `conditions`?"),
        case("unknown key in the course").course("    edit:", "    ⟦edits:").helps("did you mean `edit`?"),
        case("unknown condition").stage("[clear]", "[⟦claer]").helps("did you mean `clear`?"),
        case("unknown key like no other").stage("    about: z", "    ⟦zzzz: z").says("`zzzz`").helps("about"),
        case("missing key").stage("  - name: s\n    about: z", "  - ⟦name: s").says("`about`"),
        case("key twice").stage("about: A\n", "about: A\n⟦about: B\n").says("`about`"),
        case("track twice")
            .course_text(&format!("{COURSE}  ⟦rust:\n{}", &COURSE[COURSE.find("    title: Rust").unwrap()..])),
        // Types.
        case("word for a list").stage("[clear]", "⟦clear").says("clear").helps("["),
        case("list for a word").stage("title: T", "title: ⟦[T]"),
        case("word for a mapping").stage("  - name: a\n    about: listens\n", "  - ⟦a\n"),
        case("word for a number").stage("conditions:", "limit: ⟦soon\nconditions:"),
        case("no scenarios").stage_text(&format!("{}scenarios: ⟦[]\n", &STAGE[..STAGE.find("scenarios:").unwrap()])),
        // Numbers.
        case("number beyond 128 bits")
            .stage("conditions:", "limit: ⟦999999999999999999999999999999999999999999999999\nconditions:"),
        case("number beyond 64 bits").stage("conditions:", "limit: ⟦99999999999999999999999\nconditions:"),
        case("number below nothing").stage("conditions:", "limit: ⟦-1\nconditions:"),
        case("number out of range").stage("conditions:", "limit: ⟦1000000000\nconditions:").helps("600"),
        case("no time at all").stage("conditions:", "limit: ⟦0\nconditions:").helps("600"),
        case("no orders").stage("    about: z\n", "    about: z\n    orders: ⟦0\n").says("0 orders").helps("1 to 64"),
        case("too many orders")
            .stage("    about: z\n", "    about: z\n    orders: ⟦65\n")
            .says("65 orders")
            .helps("1 to 64"),
        case("orders below nothing").stage("    about: z\n", "    about: z\n    orders: ⟦-1\n"),
        // Rules, and those who name them.
        case("a scenario for no rule of the stage")
            .stage("    about: z\n", "    about: z\n    for: [⟦greets]\n")
            .says("no rule `greets`"),
        case("a scenario for a rule that is spelt otherwise")
            .stage_text(&with_rule("    about: z\n", "    about: z\n    for: [⟦greet]\n"))
            .helps("did you mean `greets`?"),
        case("a mistake that breaks no rule of the stage")
            .stage("    explains:", "    breaks: ⟦greets\n    explains:")
            .says("no rule `greets`"),
        case("two rules of one name")
            .stage("conditions:", "rules:\n  - {id: r, say: R.}\n  - {id: ⟦r, say: S.}\nconditions:")
            .says("two rules named `r`"),
        case("a rule for a role that is not there")
            .stage("conditions:", "rules: [{id: r, say: R., roles: [⟦c]}]\nconditions:")
            .says("`c` is no role that a learner writes"),
        case("a rule with a key of another thing")
            .stage("conditions:", "rules: [{id: r, say: R., ⟦about: S.}]\nconditions:")
            .says("`about`"),
        // Conditions are those of links.
        case("a condition without a link")
            .stage_text(&ALONE.replace("    about: z\n", "    about: z\n    conditions: ⟦[clear, fragmented]\n"))
            .says("there is no link in this scenario that could be fragmented")
            .helps("take the conditions out"),
        case("only such a condition")
            .stage_text(&ALONE.replace("    about: z\n", "    about: z\n    conditions: ⟦[interleaved]\n"))
            .says("interleaved"),
        case("number of bytes")
            .stage("    about: z\n", "    about: z\n    let: {x: ⟦{repeat: a, bytes: 999999999999}}\n")
            .helps("1048576"),
        // Syntax.
        case("bracket too many").stage("[clear]", "[clear]⟦]").says("not YAML"),
        case("tab for indentation").stage("  - name: a\n", "⟦\t- name: a\n").any_column().says("tab").helps("spaces"),
        case("tab for indentation further down")
            .stage("    about: z\n", "⟦\tabout: z\n")
            .any_column()
            .says("tab")
            .helps("spaces"),
        case("tabs in front of a transcript")
            .transcript_as("    transcript: |\n⟦\t$ a\n\ta = exit 0\n")
            .any_column()
            .says("tab"),
        case("two documents").stage_text(&format!("{STAGE}⟦---\n{STAGE}")).helps("one"),
        case("NUL").stage("about: A", "about: A⟦\0B"),
        case("NUL in a transcript").transcript("$ a\na | x⟦\0y\na = exit 0"),
        case("escape sequence").stage("about: A", "about: A⟦\u{1b}[31mB"),
        case("line separator").stage("about: A", "about: A⟦\u{2028}B"),
        case("next line").stage("about: A", "about: A⟦\u{85}B"),
        case("empty").stage_text("⟦"),
        case("comments only").stage_text("⟦# nothing yet\n"),
        case("null").stage_text("⟦~\n"),
        case("a word").stage_text("⟦hello\n"),
        case("empty course").course_text("⟦"),
        case("invalid UTF-8")
            .stage("about: A", "about: A⟦\u{fffd}B")
            .stage_bytes(|bytes| {
                let at = bytes.windows(3).position(|three| three == "\u{fffd}".as_bytes()).unwrap();
                [&bytes[..at], b"\xff", &bytes[at + 3..]].concat()
            })
            .says("UTF-8"),
        case("UTF-16")
            .stage_bytes(|bytes| {
                let text = String::from_utf8_lossy(bytes).into_owned();
                [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat()
            })
            .helps("UTF-8"),
        // Line ends that are not counted twice, or not at all.
        case("CRLF").stage("    about: z", "    ⟦abuot: z").line_ends("\r\n").helps("did you mean"),
        case("CRLF in a transcript").transcript("$ a\na | x\n⟦b = exit 0").line_ends("\r\n"),
        case("BOM")
            .stage("    about: z", "    ⟦abuot: z")
            .stage_bytes(|bytes| [b"\xef\xbb\xbf", bytes].concat())
            .helps("did you mean"),
        // Bombs.
        case("alias")
            .stage_text(&STAGE.replace("about: A", "about: &it A").replace("about: q", "about: ⟦*it"))
            .says("alias"),
        case("alias bomb")
            .stage_text(
                &std::iter::once("a0: &a0 [x, x]\na1: &a1 [⟦*a0, *a0]\n".to_owned())
                    .chain((2..30).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "))))
                    .collect::<String>(),
            )
            .says("alias"),
        case("deep lists").stage_text(&deep("[")).says("deep").any_column(),
        case("deep mappings").stage_text(&deep("{a: ")).says("deep").any_column(),
        case("deep blocks").stage_text(&format!("⟦{}a\n", "- ".repeat(10_000))).says("deep").any_column(),
        case("deep keys").stage_text(&format!("⟦{}a\n", "? ".repeat(10_000))).says("deep").any_column(),
        case("long paths").stage_text(&long_paths()),
    ]);
}

/// Few deep levels with long keys, and very many values below: their paths in full would take
/// thousands of times the file's size.
fn long_paths() -> String {
    let key = "k".repeat(198);
    let open: String = (10..60).map(|n| format!("{{{key}{n}: ")).collect();
    format!("{STAGE}x: {open}[{}1]{}\n", "1,".repeat(100_000), "}".repeat(50))
}

#[test]
fn names_and_paths_are_refused_in_their_place() {
    let scenario = "  - name: ⟦s\n    about: z\n    transcript: |\n      $ a\n      a = running\n";
    refused(vec![
        case("stage twice").course("[one]", "[one, ⟦one]").says("`one`"),
        case("scenario twice").stage("mistakes:\n", &format!("{scenario}mistakes:\n")).says("`s`"),
        case("role twice").stage("- name: b", "- name: ⟦a").says("`a`"),
        case("mistake twice")
            .stage_text(&format!("{STAGE}  - name: ⟦m\n    about: q\n    patch: p\n    explains: panicked\n"))
            .says("`m`"),
        case("explanation twice")
            .stage_text(&format!(
                "{STAGE}explanations:\n  - {{id: e, when: [panicked], say: x}}\n  - {{id: ⟦e, when: [panicked], say: y}}\n"
            ))
            .says("`e`"),
        case("condition twice").stage("[clear]", "⟦[clear, clear]"),
        case("no condition").stage("[clear]", "⟦[]"),
        case("stage that leads out").course("[one]", "[⟦../one]"),
        case("stage that is a path").course("[one]", "[⟦/one]"),
        case("course with a space").course("name: small", "name: ⟦my course"),
        case("role in capitals").stage("- name: a", "- name: ⟦One").says("`One`").helps("lower-case letters, digits and `_`, a letter first"),
        case("role with a hyphen").stage("- name: a", "- name: ⟦one-two").says("`one-two`").helps("digits and `_`, a letter first"),
        case("two roles of one name").stage("- name: b", "- name: ⟦a").says("two roles named `a`"),
        case("role with an escape sequence").stage("- name: a", "- name: ⟦\"\\e[31ma\""),
        case("key with an escape sequence").stage("    about: z", "    ⟦\"\\e[31mabout\": z"),
        case("role with another direction").stage("- name: a", "- name: ⟦\u{202e}a"),
        case("given name with an escape sequence")
            .stage("    about: z\n", "    about: z\n    let: {\"\\e[2J\": ⟦{text: x}}\n").any_column(),
        case("absolute templates").course("templates/rust", "⟦/etc").says("out of the course").helps("relative"),
        case("templates above").course("templates/rust", "⟦templates/../../x").says("out of the course"),
        case("templates on a drive").course("templates/rust", "⟦C:/x").says("out of the course"),
        case("templates with backslashes").course("templates/rust", "⟦'..\\x'").says("out of the course"),
        case("edit above").course("[src]", "[⟦../src]").says("out of the course"),
        case("absolute patch").stage("mistakes/m.patch", "⟦/etc/passwd").says("out of the course"),
        case("patch above").stage("mistakes/m.patch", "⟦mistakes/../../one.patch").says("out of the course"),
        case("no run command").course("[\"{out}/{role}\"]", "⟦[]").says("`run`"),
        case("no command of a role").course_text(&format!("{COURSE}    run-role:\n      web: ⟦[]\n")).says("`web` needs a command"),
        case("unknown word in the command of a role")
            .course_text(&format!("{COURSE}    run-role:\n      web: [curl, ⟦\"{{roel}}\"]\n")).helps("`role`"),
        case("command of no role").course_text(&format!("{COURSE}    run-role:\n      Web: ⟦[curl]\n")).says("`Web`"),
        case("unknown word in a command").course("[\"{out}/{role}\"]", "[⟦\"{roel}\"]").helps("`role`"),
        case("bad regular expression").course_text(&format!("{COURSE}    crash: ⟦'('\n")).says("regular expression"),
    ]);
}

#[test]
fn explanations_that_can_not_be_found_are_refused_in_their_place() {
    let with = |keys: &str| format!("{STAGE}explanations:\n  - id: e\n{keys}\n");
    let own = |name, keys: &str| case(name).stage_text(&with(keys));
    refused(vec![
        own("unknown fact", "    when: [panicked, ⟦stuk]\n    say: x").says("`stuk`").helps("`stuck`"),
        own("a fact of several runs", "    when: [⟦not-the-protocol]\n    say: x").says("no fact `not-the-protocol`"),
        own("unknown scenario", "    when: []\n    scenarios: [⟦t]\n    say: x").says("no scenario `t`").helps("`s`"),
        own("unknown rule", "    when: []\n    rules: [⟦r]\n    say: x").says("no rule `r`"),
        own("unknown condition of an explanation", "    when: []\n    conditions: [⟦claer]\n    say: x")
            .helps("did you mean `clear`?"),
        own("unknown key of what is seen", "    when: []\n    seen: {⟦roles: a}\n    say: x")
            .helps("did you mean `role`?"),
        own("unknown role", "    when: []\n    seen:\n      role: ⟦c\n    say: x").says("no role `c`").helps("`a`"),
        own(
            "unknown role of a line",
            "    when: []\n    seen:\n      printed:\n        - {line: x, role: ⟦c}\n    say: x",
        )
        .says("no role `c`"),
        own("unknown role of an end", "    when: []\n    seen:\n      ended: [{role: ⟦c}]\n    say: x")
            .says("no role `c`"),
        own("unknown role of a link", "    when: []\n    seen:\n      links: [{from: a, to: ⟦c}]\n    say: x")
            .says("no role `c`"),
        own("unknown player", "    when: []\n    seen: {by: ⟦me}\n    say: x").says("`me`").helps("you").any_column(),
        own("a pattern that is none", "    when: []\n    seen: {line: ⟦\"{x\"}\n    say: x").says("never closed"),
        own("unknown name in a pattern", "    when: []\n    seen: {line: ⟦\"x {nam}\"}\n    say: x")
            .says("no name `nam`"),
        own("a name of `say` in a pattern", "    when: []\n    seen: {line: ⟦\"x {who:word}\"}\n    say: x")
            .says("`who`"),
        own(
            "a name that only a missing line has",
            "    when: []\n    seen: {not-printed: \"{x:word}\"}\n    say: ⟦\"{x}\"",
        )
        .says("`{x}`"),
        own("unknown name in `say`", "    when: []\n    say: ⟦\"{whom} was it\"").says("`{whom}`").helps("`who`"),
        own("a single brace in `say`", "    when: []\n    say: ⟦\"if x {\"").helps("{{"),
        own("no number", "    when: []\n    seen:\n      links: [{from: a, to: a, bytes: ⟦many}]\n    say: x")
            .says("a number or a range")
            .any_column(),
        own(
            "a range that is empty",
            "    when: []\n    seen:\n      links: [{from: a, to: a, bytes: ⟦3..2}]\n    say: x",
        )
        .says("a number or a range")
        .any_column(),
        own("a list for a line", "    when: []\n    seen: {line: ⟦[x, y]}\n    say: x").says("expected a text"),
    ]);
}

#[test]
fn files_that_are_no_files_are_refused() {
    fn long(course: &Path, length: u64) {
        fs::File::options().write(true).open(course.join(STAGE_FILE)).unwrap().set_len(length).unwrap();
    }
    let mut cases = vec![
        case("missing stage")
            .prepared(STAGE_FILE, |course| fs::remove_file(course.join(STAGE_FILE)).unwrap())
            .helps("`stages` in"),
        case("missing course").prepared(COURSE_FILE, |course| fs::remove_file(course.join(COURSE_FILE)).unwrap()),
        case("missing lesson")
            .prepared("exercises/one/lesson.md", |course| {
                fs::remove_file(course.join("exercises/one/lesson.md")).unwrap();
            })
            .helps("every stage has a lesson: write that of `one`"),
        case("missing template")
            .prepared("templates/rust/one", |course| {
                fs::remove_dir_all(course.join("templates/rust/one")).unwrap();
            })
            .says("the stage `one` has no package for Rust")
            .helps("in the templates and in the solutions of every track"),
        case("missing solution")
            .prepared("solutions/rust/one", |course| {
                fs::remove_dir_all(course.join("solutions/rust/one")).unwrap();
            })
            .says("the stage `one` has no package for Rust")
            .helps("take `one` out of `stages`"),
        case("folder for a file").prepared(STAGE_FILE, |course| {
            fs::remove_file(course.join(STAGE_FILE)).unwrap();
            fs::create_dir(course.join(STAGE_FILE)).unwrap();
        }),
        case("100 MB").prepared(STAGE_FILE, |course| long(course, 100 << 20)).says("104857600 bytes"),
        case("2 MB").prepared(STAGE_FILE, |course| long(course, 2 << 20)).says("2097152 bytes"),
    ];
    #[cfg(unix)]
    {
        /// Moves a part of the course out of it, and leaves a link.
        fn outside(course: &Path, part: &str) {
            let (inside, outside) = (course.join(part), course.with_file_name("outside"));
            fs::rename(&inside, &outside).unwrap();
            std::os::unix::fs::symlink(&outside, &inside).unwrap();
        }
        fn pipe(path: &Path) {
            assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        }
        cases.extend([
            // To read all of it would take minutes, if there were memory for it.
            case("64 GiB").prepared(STAGE_FILE, |course| long(course, 64 << 30)).says("bytes"),
            case("link for the stage").prepared(STAGE_FILE, |course| outside(course, STAGE_FILE)).says("link"),
            case("link for the stage's folder")
                .prepared(STAGE_FILE, |course| outside(course, "exercises/one"))
                .says("link"),
            case("link for the course").prepared(COURSE_FILE, |course| outside(course, COURSE_FILE)).says("link"),
            case("link for a lesson")
                .prepared("exercises/one/lesson.md", |course| outside(course, "exercises/one/lesson.md"))
                .says("link"),
            case("link in the templates")
                .prepared("templates/rust/one/src/main.rs", |course| outside(course, "templates/rust/one/src/main.rs"))
                .says("link"),
            case("link for the templates")
                .prepared("templates/rust", |course| outside(course, "templates/rust"))
                .says("link"),
            case("link above the templates").prepared("templates", |course| outside(course, "templates")).says("link"),
            case("pipe for the stage").prepared(STAGE_FILE, |course| {
                fs::remove_file(course.join(STAGE_FILE)).unwrap();
                pipe(&course.join(STAGE_FILE));
            }),
            case("pipe in the templates")
                .prepared("templates/rust/one/pipe", |course| pipe(&course.join("templates/rust/one/pipe"))),
        ]);
    }
    refused(cases);
}

#[test]
fn transcripts_that_cannot_be_played_are_refused_in_their_place() {
    refused(vec![
        // Roles.
        case("unknown role").transcript("$ ⟦c\nc = exit 0").says("`c`").helps("`a`, `b`"),
        case("unknown role in an earlier remark").transcript("$ a # before c\na = running\n$ ⟦c\nc = exit 0").says("`c`"),
        case("unknown role in an earlier line").transcript("$ a\na | for c\n$ ⟦c\na = running\nc = exit 0").says("`c`"),
        case("role typed into before it is started").transcript("$ a\n⟦b < hi\n$ b\na = running\nb = running").helps("$ b"),
        case("role seen before it is started").transcript("$ a\n⟦b | hi\n$ b\na = running\nb = running").helps("$ b"),
        case("misspelt role").transcript("$ a\n⟦aa | hi\na = running").any_column().says("no role `aa`").helps("did you mean `a`?"),
        case("misspelt role that would have to be started").transcript("$ a\n⟦too | hi\na = running").any_column().says("no role `too`").helps("the roles are `a`, `b`"),
        case("role started twice").transcript("$ a\n⟦$ a\na = exit 0").says("`a`"),
        case("role without an ending").transcript("⟦$ a\na | hi").helps("a = exit 0"),
        case("line below an ending").transcript("$ a\na = exit 0\n⟦a | hi").says("ended"),
        case("role that runs to the end, and starts again").transcript("$ a\na = running\n⟦$ a\na = exit 0"),
        case("link of nobody").transcript("$ a\na | on {x:address}\n$ b {x}\n! cut link ⟦b-z\na = running\nb = running").any_column().says("`z`"),
        case("bytes of nobody")
            .transcript("$ a\na | on {x:address}\n$ b {x}\n! cut link after 5 bytes from ⟦z\na = running\nb = running").any_column()
            .says("`z`"),
        case("no such link").transcript("$ a\n⟦! cut link\na = running"),
        case("added role of nobody")
            .stage("    about: z\n", "    about: z\n    also: {c: ⟦zz}\n").any_column()
            .says("zz")
            .helps("`a`, `b`"),
        case("rest of nobody").transcript("$ a\n⟦! until dinner\na = running").helps("`! until still`"),
        // Whose roles.
        case("no role for the learner").stage_text(
            &STAGE.replace("roles:\n", "roles:\n⟦").replace("    about: listens\n", "    about: listens\n    by: stage\n")
                .replace("    about: dials\n", "    about: dials\n    by: stage\n"),
        ).any_column().says("no role"),
        case("role of a stranger").stage("    about: listens\n", "    about: listens\n    by: ⟦strangers\n").any_column().says("strangers"),
        case("scenario without the learner").stage_text(
            &STAGE.replace("    about: listens\n", "    about: listens\n    by: stage\n")
                .replace("    transcript: |\n", "    transcript: ⟦|\n")
                .replace("      $ b\n      b | Hello\n", "").replace("      b = exit 0\n", ""),
        ).any_column().says("no role in this scenario"),
        case("memory of a mouse").stage("    about: z\n", "    about: z\n    memory: ⟦1\n").any_column().helps("16 to 65536"),
        case("name that is given to all").stage("    about: z\n", "    about: z\n    let: {nobody_multiaddr: ⟦{text: x}}\n").any_column(),
        case("folder that is given to all").stage("    about: z\n", "    about: z\n    let: {scratch: ⟦{text: x}}\n").any_column(),
        // Captures.
        case("capture used too early").transcript("$ a\na | hi ⟦{who}\na = running").says("{who}").helps("{who:word}"),
        case("capture typed too early").transcript("$ a\na < ⟦{who}\na = running").says("{who}"),
        case("capture used below another that begins like it")
            .transcript("$ a\na | {who_is:word}\na < {who_is} ⟦{who}\na = running")
            .says("`{who}`"),
        case("capture captured twice").transcript("$ a\na | {x:word}\na | ⟦{x:word}\na = running").says("`x`").helps("`{x}`"),
        case("capture captured twice in a line").transcript("$ a\na | {x:word} ⟦{x:word}\na = running").says("`x`"),
        case("address that may never come")
            .transcript("$ a\na ? listening on {addr:address}\n⟦$ b\na = running\nb = running")
            .says("{addr}"),
        case("capture in what is typed").transcript("$ a\na < ⟦{x:word}\na = running").says("captured"),
        case("each needs the other's address").stage_text(
            &STAGE
                .replace("    about: listens\n", "    about: listens\n    args: [\"{other}\"]\n")
                .replace("b | Hello", "b | listening on {other:address}")
                .replace("      $ a", "      ⟦$ a"),
        ).says("`{other}`").helps("each other's address"),
        case("argument that is no capture").stage("[\"{addr}\"]", "[⟦\"{Addr}\"]").says("Addr"),
        // Patterns.
        case("type that is none").transcript("$ a\na | {x:⟦wrod}\na = running").says("`wrod`").helps("did you mean `word`?"),
        case("regular expression that is none").transcript("$ a\na | {x:⟦/[/}\na = running").says("regular expression"),
        case("regular expression that is too much")
            .transcript("$ a\na | {x:⟦/((a{1,1000}){1,1000}){1,1000}/}\na = running")
            .says("regular expression"),
        case("brace that is never closed").transcript("$ a\na | 你好 ⟦{x\na = running").helps("`{{`"),
        case("prompt that ends with a name").transcript("$ a\na | {x:word}⟦{no-newline}\na = running").says("nothing is printed before this"),
        case("prompt without a text").transcript("$ a\na | ⟦{no-newline}\na = running").says("nothing is printed before this"),
        case("prompt in the middle").transcript("$ a\na | x {⟦no-newline} y\na = running").says("`no-newline` is not a name"),
        case("prompt in any order").transcript("$ a\na ~ x {⟦no-newline}\na = running").says("`no-newline` is not a name"),
        case("two captures in a row").transcript("$ a\na | {x:word}⟦{y:word}\na = running").says("captures"),
        case("wrong argument twice").transcript("$ a {⟦Q} {Q}\na = running").says("`Q`"),
        // Endings.
        case("exit code").transcript("$ a\na = exit ⟦256").helps("255"),
        case("exit code beyond all numbers").transcript("$ a\na = exit ⟦99999999999999999999").helps("255"),
        case("bytes beyond all numbers")
            .transcript("$ a\na | on {x:address}\n$ b {x}\n! cut link after ⟦99999999999999999999 bytes from a\na = running\nb = running"),
        // Blocks.
        case("transcript on one line").transcript_as("    transcript: ⟦hello there\n").helps("transcript: |"),
        case("transcript in quotes").transcript_as("    transcript: ⟦\"$ a\\nb = exit 0\\n\"\n").helps("transcript: |"),
        case("transcript folded").transcript_as("    transcript: ⟦>\n      $ a\n      a = exit 0\n").helps("transcript: |"),
        case("transcript as a list").transcript_as("    transcript: ⟦[$ a, a = exit 0]\n").helps("transcript: |"),
        case("no transcript").transcript_as("    transcript:⟦\n").any_column().says("empty"),
        case("empty transcript").transcript("# nothing\n"),
        // Where a block begins.
        case("strip").transcript_as("    transcript: |-\n      $ a\n      ⟦b = running\n"),
        case("indentation said").transcript_as("    transcript: |2\n      $ a\n      ⟦b = running\n"),
        case("header with a comment").transcript_as("    transcript: | # story\n      $ a\n      ⟦b = running\n"),
        case("header with a comment, and a line that looks like one")
            .transcript_as("    transcript: | # story\n      $ a\n      a | a |\n      ⟦b = running\n"),
        case("blank lines first").transcript_as("    transcript: |\n\n\n      $ a\n      ⟦b = running\n"),
        case("block below its key").transcript_as("    transcript:\n      |\n      $ a\n      ⟦b = running\n"),
        case("line that is indented more").transcript_as("    transcript: |\n      $ a\n         ⟦b = running\n"),
        case("other texts that end like a header").stage_text(
&STAGE.replace("about: z", "about: this |").replace("b | Hello", "b | ⟦{nowhere}"),
        ),
        case("tabs in a line").transcript("$ a\na | a\tb ⟦{y}\na = running"),
        case("wide characters in a line").transcript("$ a\na | 你好🙂 ⟦{y}\na = running"),
    ]);
}
