//! The grammar of transcripts: no text makes it panic, every error points into the text, and what
//! is written is what is read.

#[path = "support/processor.rs"]
mod processor;

use processor::within;
use proptest::prelude::*;
use workshop::pattern::{Pattern, Piece};
use workshop::transcript::{
    Action, After, Break, Expect, LinkFault, LinkName, Step, StepKind, Transcript, TranscriptError,
};

// ---- Any text ----

/// An error is about a char of the text, or about the end of a line; not about anything else.
fn points_into(text: &str, error: &TranscriptError) -> Result<(), TestCaseError> {
    let lines: Vec<&str> = text.lines().collect();
    prop_assert!(error.line < lines.len().max(1), "{error:?}: the text has {} lines", lines.len());
    let room = lines.get(error.line).map_or(0, |line| line.chars().count());
    prop_assert!(error.column < room.max(1), "{error:?}: the line has {room} chars");
    prop_assert!(error.len >= 1 && error.column + error.len <= room.max(1), "{error:?}: the line has {room} chars");
    prop_assert!(!error.message.is_empty() && error.help.as_ref().is_some_and(|help| !help.is_empty()), "{error:?}");
    Ok(())
}

/// Text that gets further into the grammar than any text does.
fn nearly_a_transcript() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[ab]",
        1 => Just("c".to_owned()),
        4 => prop::sample::select(vec!["$", "!", "|", "<", "~", "?", "=", "#", " #", "^D", "...", "-", "", "\t", "é", "你"])
            .prop_map(str::to_owned),
        4 => prop::sample::select(vec![
            "exit 0", "exit 256", "exit", "running", "kill", "cut", "stall", "heal", "until", "still", "link", "after", "bytes", "from",
            "within", "within 2s", "within 0s", "nothing", "for", "5s", "b-a", "a-", "-", "99999999999999999999", "12",
        ]).prop_map(str::to_owned),
        4 => prop::sample::select(vec![
            "{x}", "{x:word}", "{", "}", "{{", "}}", "{}", "{:}", "{x:", "{X}", "{x:/", "{x:/[/}", "{x:/a{2}/}", "{x:wrod}",
            "{x:/\\", "{é:word}", "{x}{y}",
        ]).prop_map(str::to_owned),
    ];
    let line = prop::collection::vec((word, prop::sample::select(vec![" ", " ", " ", "", "  "])), 0..6)
        .prop_map(|words| words.into_iter().map(|(word, space)| word + space).collect::<String>());
    let end = prop::sample::select(vec!["\n", "\n", "\r\n", "\r", "\n\n", "\u{2028}"]);
    prop::collection::vec((line, end), 0..8)
        .prop_map(|lines| "$ a\n".to_owned() + &lines.into_iter().map(|(line, end)| line + end).collect::<String>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_has_an_answer(text in any::<String>()) {
        if let Err(error) = Transcript::parse(&text) {
            points_into(&text, &error)?;
        }
    }

    #[test]
    fn text_that_is_nearly_a_transcript_has_an_answer(text in nearly_a_transcript()) {
        match Transcript::parse(&text) {
            Ok(transcript) => prop_assert!(!transcript.steps.is_empty()),
            Err(error) => points_into(&text, &error)?,
        }
    }
}

// ---- Writing what was read ----

fn pattern(pattern: &Pattern) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => text.replace('{', "{{").replace('}', "}}"),
        Piece::Capture { name, ty: None, .. } => format!("{{{name}}}"),
        Piece::Capture { name, ty: Some(ty), .. } => format!("{{{name}:{ty}}}"),
    };
    pattern.pieces().iter().map(piece).collect()
}

fn written(transcript: &Transcript) -> Vec<String> {
    let role = |role: usize| transcript.roles[role].as_str();
    let link = |link: Option<LinkName>| {
        link.map_or(String::new(), |link| format!(" {}-{}", role(link.dialer), role(link.listener)))
    };
    let line = |kind: &StepKind| match kind {
        StepKind::Act(Action::Start(who, None)) => format!("$ {}", role(*who)),
        StepKind::Act(Action::Start(who, Some(args))) => {
            format!("$ {} {}", role(*who), args.iter().map(pattern).collect::<Vec<_>>().join(" "))
        }
        StepKind::Act(Action::Type(who, text)) => format!("{} < {}", role(*who), pattern(text)),
        StepKind::Act(Action::EndInput(who)) => format!("{} < ^D", role(*who)),
        StepKind::Act(Action::Kill(who)) => format!("! kill {}", role(*who)),
        StepKind::Act(Action::Pause(who)) => format!("! pause {}", role(*who)),
        StepKind::Act(Action::Resume(who)) => format!("! resume {}", role(*who)),
        StepKind::Act(Action::Link(LinkFault::Break(how, after), name)) => {
            let verb = if *how == Break::Cut { "cut" } else { "end" };
            let after = after.map(|After { bytes, from }| format!(" after {bytes} bytes from {}", role(from)));
            format!("! {verb} link{}{}", link(*name), after.unwrap_or_default())
        }
        StepKind::Act(Action::Link(LinkFault::Stall, name)) => format!("! stall link{}", link(*name)),
        StepKind::Act(Action::Link(LinkFault::Heal, name)) => format!("! heal link{}", link(*name)),
        StepKind::Act(Action::UntilStill(None)) => "! until still".to_owned(),
        StepKind::Act(Action::UntilStill(Some(time))) => format!("! until still for {}s", time.as_secs()),
        StepKind::Act(Action::Nothing(None, time)) => format!("! nothing for {}s", time.as_secs()),
        StepKind::Act(Action::Nothing(Some(who), time)) => {
            format!("! nothing from {} for {}s", role(*who), time.as_secs())
        }
        StepKind::Expect(who, Expect::Line(text)) => format!("{} | {}", role(*who), pattern(text)),
        StepKind::Expect(who, Expect::Unordered(text)) => format!("{} ~ {}", role(*who), pattern(text)),
        StepKind::Expect(who, Expect::Optional(text)) => format!("{} ? {}", role(*who), pattern(text)),
        StepKind::Expect(who, Expect::Elided) => format!("{} | ...", role(*who)),
        StepKind::Expect(who, Expect::Exit(code)) => format!("{} = exit {code}", role(*who)),
        StepKind::Expect(who, Expect::Running) => format!("{} = running", role(*who)),
    };
    let timed = |step: &Step| match (&step.kind, step.time) {
        (StepKind::Expect(_, Expect::Running), Some(time)) => format!("{} for {}s", line(&step.kind), time.as_secs()),
        (_, Some(time)) => line(&step.kind).replacen(' ', &format!(" within {}s ", time.as_secs()), 1),
        (_, None) => line(&step.kind),
    };
    transcript.steps.iter().map(timed).collect()
}

/// The text of a line that is typed or printed: literals with braces and `#`, captures between.
fn text() -> impl Strategy<Value = String> {
    let literal = "([a-zé你 #|<=$!]|\\{\\{|\\}\\}){1,6}";
    let capture = prop::sample::select(vec![
        "{x}",
        "{y_1}",
        "{x:word}",
        "{n:int}",
        "{p:port}",
        "{m:multiaddr}",
        "{i:peer-id}",
        "{w:address}",
        "{h:hex}",
        "{d:duration}",
        "{t:timestamp}",
        "{s:text}",
        "{r:/a{2}|[0-9]+\\/}/}",
    ]);
    (
        prop::option::of(capture),
        prop::collection::vec((literal, prop::sample::select(vec!["{x}", "{q:word}", "{z:/[}]/}"])), 0..3),
        prop::option::of(literal),
    )
        .prop_map(|(first, middle, last)| {
            let middle: String = middle.into_iter().map(|(literal, capture)| literal + capture).collect();
            first.unwrap_or_default().to_owned() + &middle + &last.unwrap_or_default()
        })
        .prop_filter("these words mean something else", |text| {
            !text.trim().is_empty() && !text.trim_start().starts_with("^D") && text.trim() != "..."
        })
}

/// A line for two roles that are up.
fn line() -> impl Strategy<Value = String> {
    let role = prop::sample::select(vec!["a", "b2_"]);
    let link = prop::sample::select(vec!["", " b2_-a", " a-b2_"]);
    prop_oneof![
        (role.clone(), text()).prop_map(|(role, text)| format!("{role} | {text}")),
        (role.clone(), text()).prop_map(|(role, text)| format!("{role} ? {text}")),
        (role.clone(), text()).prop_map(|(role, text)| format!("{role} ~ {text}")),
        (role.clone(), text()).prop_map(|(role, text)| format!("{role} < {text}")),
        (role.clone(), 1..=60u8, text()).prop_map(|(role, time, text)| format!("{role} within {time}s | {text}")),
        (role.clone(), 1..=60u8, text()).prop_map(|(role, time, text)| format!("{role} within {time}s ~ {text}")),
        (role.clone(), 1..=60u8).prop_map(|(role, time)| format!("! nothing from {role} for {time}s")),
        (1..=60u8).prop_map(|time| format!("! nothing for {time}s")),
        role.clone().prop_map(|role| format!("{role} < ^D")),
        role.clone().prop_map(|role| format!("{role} | ...")),
        (prop::sample::select(vec!["cut", "end", "stall", "heal"]), link.clone())
            .prop_map(|(verb, link)| format!("! {verb} link{link}")),
        (prop::sample::select(vec!["cut", "end"]), link, any::<u64>(), role)
            .prop_map(|(verb, link, bytes, from)| format!("! {verb} link{link} after {bytes} bytes from {from}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        mut body in prop::collection::vec((line(), 0..3usize), 0..14),
        indent in "[ \t]{0,3}",
        endings in (0..=255u8, any::<bool>()),
    ) {
        let mut lines = vec!["$ a".to_owned(), "$ b2_ {x} -v".to_owned()];
        // Nothing is typed below the end of an input.
        let mut ended = Vec::new();
        body.retain(|(line, _)| match line.split_once(" < ") {
            Some((role @ ("a" | "b2_"), typed)) => {
                let open = !ended.contains(&role.to_owned());
                ended.extend((typed == "^D").then(|| role.to_owned()));
                open
            }
            _ => true,
        });
        lines.extend(body.iter().map(|(line, _)| line.clone()));
        lines.push(format!("a = exit {}", endings.0));
        lines.push(if endings.1 { "b2_ = running".to_owned() } else { "! kill b2_".to_owned() });
        // Blank lines and remarks count as lines, and say nothing.
        let mut numbers = Vec::new();
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            let noise = index.checked_sub(2).and_then(|at| body.get(at)).map_or(0, |(_, noise)| *noise);
            text.push_str(["", "\n", "  # a remark, or two: a | b\n"][noise]);
            numbers.push(text.matches('\n').count());
            text.push_str(&format!("{indent}{line}\n"));
        }
        let transcript = Transcript::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(written(&transcript), lines.clone());
        prop_assert_eq!(transcript.steps.iter().map(|step| step.line).collect::<Vec<_>>(), numbers);
        let is_action = |line: &String| line.starts_with(['$', '!']) || line.split(' ').nth(1) == Some("<");
        let phases: Vec<usize> = (0..lines.len()).map(|at| lines[..at].iter().filter(|line| is_action(line)).count()).collect();
        prop_assert_eq!(transcript.steps.iter().map(|step| step.phase).collect::<Vec<_>>(), phases);
    }
}

#[test]
fn remarks_and_spaces_are_where_they_may_be() {
    let read =
        |text: &str| Transcript::parse(text).map(|transcript| written(&transcript)).map_err(|error| error.to_string());
    let text = "\t$   a  x   # remark\r\n  a  |  two spaces  \r\n\r\na < # typed\n a <  ^D # the end\n\
                a\t|\t#text\na |\na | ... # more\na | ....\na =  exit   7  # seven";
    let lines = [
        "$ a x",
        "a |  two spaces  ",
        "a < # typed",
        "a < ^D",
        "a | \t#text",
        "a | ",
        "a | ...",
        "a | ....",
        "a = exit 7",
    ];
    assert_eq!(read(text), Ok(lines.map(str::to_owned).to_vec()));
}

#[test]
fn many_roles_take_no_time() {
    let mut text = String::new();
    for n in 0..20_000 {
        text.push_str(&format!("$ r{n}\nr{n} = running\n"));
    }
    // A hundredth of it, when the time grows with the length and not with its square.
    let roles = within(2, move || Transcript::parse(&text).expect("many roles").roles.len());
    assert_eq!(roles, Some(20_000));
}

// ---- Where an error points ----

/// `⟦` and `⟧` are around what is wrong.
fn wrong(marked: &str, message: &str, help: &str) -> Option<String> {
    let text = marked.replace(['⟦', '⟧'], "");
    let (line, shown) = marked.lines().enumerate().find(|(_, line)| line.contains('⟦')).expect("a mark");
    let before = |mark: char| shown.split(mark).next().unwrap().replace('⟦', "").chars().count();
    let (column, end) = (before('⟦'), before('⟧'));
    let error = match Transcript::parse(&text) {
        Ok(_) => return Some(format!("── accepted:\n{marked}")),
        Err(error) => error,
    };
    let place = (error.line, error.column, error.len);
    let hint = error.help.unwrap_or_default();
    if place == (line, column, end - column) && error.message.contains(message) && hint.contains(help) {
        return None;
    }
    Some(format!(
        "── {marked}\n   expected {:?} {message:?} {help:?}\n   found    {place:?} {:?} {hint:?}",
        (line, column, end - column),
        error.message
    ))
}

#[test]
fn every_error_is_in_its_place() {
    let cases = [
        // Lines that are none.
        ("⟦hello there⟧", "no mark", "role | printed line"),
        ("$ a\n  ⟦a  said é⟧  \na = exit 0", "no mark", ""),
        ("$ a\n⟦a|x⟧\na = exit 0", "not the name of a role", ""),
        ("$ a\n⟦É⟧ | x\na = exit 0", "`É` is not the name of a role", "lower-case"),
        ("$ a\n⟦a é x⟧\na = exit 0", "no mark", ""),
        ("⟦$⟧", "which role", "$ role"),
        ("⟦$ # a⟧", "which role", "$ role"),
        ("$ ⟦A⟧", "`A` is not the name", ""),
        ("$ ⟦$⟧", "`$` is not the name", ""),
        ("⟦#⟧ nothing", "empty", "$ role"),
        // Faults.
        ("$ a\n⟦! melt link⟧\na = exit 0", "not known", "! cut link"),
        ("$ a\n⟦! kill⟧", "not known", "! kill ROLE"),
        ("$ a\n! kill ⟦!⟧", "`!` is not the name", ""),
        ("$ a\n! kill ⟦L⟧", "`L` is not the name", ""),
        ("$ a\n! cut link ⟦k⟧\na = exit 0", "not the name of a link", "b-a"),
        ("$ a\n! cut link ⟦a-⟧\na = exit 0", "not the name of a", "b-a"),
        ("$ a\n! cut link a-⟦A⟧\na = exit 0", "`A` is not the name", ""),
        ("$ a\n! cut link after ⟦t⟧ bytes from a\na = exit 0", "not a number", "digits"),
        ("$ a\n! cut link after ⟦-1⟧ bytes from a\na = exit 0", "not a number", "digits"),
        ("$ a\n⟦! cut link after 1 bytes⟧\na = exit 0", "not known", "after N bytes from ROLE"),
        ("$ a\n! cut link ⟦b-a⟧\na = exit 0", "`b` is named, but never started", "$ b"),
        ("$ a\n! cut link after 1 bytes from ⟦b⟧\na = exit 0", "`b` is named, but never started", "$ b"),
        ("$ a\n! end link after ⟦t⟧ bytes from a\na = exit 0", "not a number", "digits"),
        ("$ a\n⟦! stall link after 1 bytes from a⟧\na = exit 0", "not known", "! end link"),
        ("$ a\n⟦! pause⟧\na = exit 0", "not known", "! pause ROLE"),
        // Lives.
        ("$ a\n⟦! pause b⟧\na = exit 0", "`b` is not started", "$ b"),
        ("$ a\n⟦! resume a⟧\na = exit 0", "`a` is not paused", "! pause a"),
        ("$ a\n! pause a\n⟦! pause a⟧\na = exit 0", "`a` is paused already", "! resume a"),
        ("$ a\n! pause a\n⟦a | x⟧\na = exit 0", "`a` is paused here", "! resume a"),
        ("$ a\n! pause a\n⟦a = exit 0⟧", "`a` is paused here", "! resume a"),
        ("$ a\n⟦b < hi⟧\na = exit 0", "`b` is not started", "$ b"),
        ("$ a\n⟦! kill b⟧\na = exit 0", "`b` is not started", "$ b"),
        ("⟦$ a⟧\n$ b\nb = exit 0", "`a` is started, but nothing says how it ends", "a = exit 0"),
        ("$ a\n! kill a\n⟦$ a⟧", "nothing says how it ends", "a = exit 0"),
        ("$ a\n  ⟦$ a⟧\na = exit 0", "already up", ""),
        ("$ a\na = exit 0\n⟦a | x⟧", "already ended", "above"),
        ("$ a\na = exit 0\n⟦a = exit 0⟧", "already ended", ""),
        ("$ a\n! kill a\n⟦a | ...⟧", "already ended", ""),
        ("$ a\na = running\n⟦$ a⟧\na = exit 0", "running at the end", "above"),
        ("$ a\na = running\n⟦! kill a⟧", "running at the end", "above"),
        ("$ a\na < ^D\n⟦a < hi⟧\na = exit 0", "input of `a` has ended", "above"),
        ("$ a\na < ^D\n⟦a < ^D⟧\na = exit 0", "input of `a` has ended", "above"),
        // Endings.
        ("$ a\na = exit ⟦256⟧", "not an exit code", "0 to 255"),
        ("$ a\na = exit ⟦-1⟧", "not an exit code", "0 to 255"),
        ("$ a\na = exit ⟦a⟧", "not an exit code", "0 to 255"),
        ("$ a256\na256 = exit ⟦256⟧", "not an exit code", "0 to 255"),
        ("$ a\n⟦a = exit⟧", "not known", "= exit 0"),
        ("$ a\n⟦a = stopped⟧", "not known", "= running"),
        ("$ a\n⟦a =⟧", "not known", "= running"),
        // Patterns.
        ("$ a\na | 你好 ⟦{x⟧\na = exit 0", "never closed", "{{"),
        ("$ a\na | x ⟦}⟧ y }\na = exit 0", "single `}`", "}}"),
        ("$ a\na | {⟦X⟧}\na = exit 0", "`X` is not a name", ""),
        ("$ a\na | {⟦é⟧:word}\na = exit 0", "`é` is not a name", ""),
        ("$ a\na | {x:word}⟦{y:word}⟧\na = exit 0", "two captures", "between"),
        ("$ a\na | é {x:⟦wrod⟧}\na = exit 0", "`wrod` is not a type", "did you mean `word`?"),
        ("$ a\na | {x:⟦/(/⟧}\na = exit 0", "not a regular expression", ""),
        ("$ a\na < ⟦{x⟧\na = exit 0", "never closed", ""),
        ("$ a\na ~  ⟦}⟧\na = exit 0", "single", ""),
        ("$ a\na ? ⟦}⟧\na = exit 0", "single", ""),
        ("$ a ok {⟦Q⟧}\na = exit 0", "`Q` is not a name", ""),
        ("$ a {⟦Q⟧} {Q}\na = exit 0", "`Q` is not a name", ""),
        ("$ a {⟦Q⟧} # {Q}\na = exit 0", "`Q` is not a name", ""),
    ];
    let faults: Vec<String> = cases.iter().filter_map(|(text, message, help)| wrong(text, message, help)).collect();
    assert!(faults.is_empty(), "{} of {} cases fail:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

#[test]
fn who_is_paused_can_be_typed_into_killed_and_left_so() {
    for text in [
        "$ a\n! pause a\na < hi\na < ^D\n! resume a\na | hi\na = exit 0",
        "$ a\n! pause a\n! kill a\n$ a\na = exit 0",
        "$ a\n! pause a\na = running",
    ] {
        Transcript::parse(text).expect(text);
    }
}

#[test]
fn a_group_is_limited_where_it_is_one() {
    let lines = |n: usize| (0..n).map(|n| format!("a ~ {n}\n")).collect::<String>();
    let text = |middle: &str| format!("$ a\n$ b\n{}{middle}a ~ more\na = exit 0\nb = exit 0", lines(16));
    let error = Transcript::parse(&text("")).expect_err("seventeen");
    assert_eq!((error.line, error.column, error.len), (18, 0, 8), "{error}");
    Transcript::parse(&text("b < between\n")).expect("an action ends a group");
    Transcript::parse(&text("a | between\n")).expect("another line of the role ends a group");
    Transcript::parse(&text("b | between\n")).expect_err("a line of another role does not");
}

// ---- Times ----

#[test]
fn only_what_has_to_come_has_a_time() {
    let said = |line: &str| {
        let text = format!("$ a\n$ b\n{line}\na = running\nb = running\n");
        Transcript::parse(&text).map_or_else(|error| error.message, |_| "fine".to_owned())
    };
    for (line, expected) in [
        ("a within 2s | x", "fine"),
        ("a   within   60s   ~ x", "fine"),
        ("a | within 2s | x", "fine"),
        ("! nothing for 1s", "fine"),
        ("! nothing from b for 1s   # it has patience", "fine"),
        ("a within 2s ? x", "only what has to come can have a time in which it has to"),
        ("a within 2s | ...", "only what has to come can have a time in which it has to"),
        ("a within 2s < x", "only what has to come can have a time in which it has to"),
        ("a within 2s < ^D", "only what has to come can have a time in which it has to"),
        ("a within 2s = running", "only what has to come can have a time in which it has to"),
        ("a within 2s = running for 2s", "only what has to come can have a time in which it has to"),
        ("a within", "this line has no mark after the role"),
        ("a within ", "this line names no time"),
        ("a within 2 | x", "this is not a time"),
        ("a within 0s | x", "this is not a time"),
        ("a within 61s | x", "this is not a time"),
        ("a within 1500ms | x", "this is not a time"),
        ("! nothing", "this fault is not known"),
        ("! nothing for 2s from b", "this fault is not known"),
        ("! nothing from c for 2s", "`c` is not started yet"),
        ("! pause b\n! nothing from b for 2s", "`b` is paused here, and can do nothing"),
        ("! pause b\n! nothing from a for 2s", "fine"),
    ] {
        let said = said(line);
        assert_eq!(said, expected, "{line}");
    }
    let over = Transcript::parse("$ a\na within 2s = exit 0\n! nothing from a for 1s\n").expect_err("it is over");
    assert_eq!(over.message, "`a` has already ended here");
}

#[test]
fn silences_add_up() {
    let text = "$ a\n$ b\n! nothing for 2s\na < x\n! nothing from b for 3s\na = running for 1s\nb = running for 4s\n";
    assert_eq!(Transcript::parse(text).expect("a transcript").silence().as_secs(), 9);
}
