//! Examples for every rule, then properties: the matcher against two oracles that share no code
//! with it, a regular expression and a search through all splits.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const ED25519: &str = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";
const SHA256: &str = "QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN";

// ---- Types ----

fn check(ty: &str, good: &[&str], bad: &[&str]) {
    let parsed = Type::parse(ty).unwrap();
    assert_eq!(parsed.to_string(), ty);
    let pattern = Pattern::parse(&format!("<{{x:{ty}}}>")).unwrap();
    for (value, expected) in good.iter().map(|v| (v, true)).chain(bad.iter().map(|v| (v, false))) {
        assert_eq!(parsed.accepts(value), expected, "{ty}: {value:?}");
        let line = format!("<{value}>");
        let found = pattern.captures(&line, &|_| Known::Type(&parsed));
        assert_eq!(found, expected.then(|| vec![("x", *value)]), "{line:?}");
    }
}

#[test]
fn the_values_of_a_line() {
    let found = |line: &str| -> Vec<String> {
        values(line).into_iter().map(|value| format!("{}:{}", &line[value.at], value.ty)).collect()
    };
    assert_eq!(found("listening on 127.0.0.1:4001."), ["127.0.0.1:4001:address"]);
    assert_eq!(found("took:12ms, id=7, «-3» bad cafe"), ["12ms:duration", "7:int", "-3:int"]);
    assert_eq!(
        found(&format!("{ED25519} at /ip4/1.2.3.4/tcp/5")),
        [format!("{ED25519}:peer-id"), "/ip4/1.2.3.4/tcp/5:multiaddr".to_owned()]
    );
    assert_eq!(found("2026-02-28T01:38:41Z deadbeef07 x86"), ["2026-02-28T01:38:41Z:timestamp", "deadbeef07:hex"]);
    assert!(found("Hello I am B — ωραία 🙂, …").is_empty());
}

#[test]
fn a_pattern_displays_as_it_is_written() {
    for text in ["", "x {{y}} {a:int}-{b}", "{c:/red|a\\/b{2}/} is {who:text}"] {
        assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn every_named_type_reads_and_displays() {
    for name in Type::NAMES {
        assert_eq!(Type::parse(name).unwrap().to_string(), name);
    }
}

#[test]
fn multiaddr() {
    let p2p = format!("/ip4/127.0.0.1/tcp/4001/p2p/{ED25519}");
    let relayed = format!("{p2p}/p2p-circuit/p2p/{SHA256}");
    let wrong = format!("/p2p/{}", ED25519.replace('k', "l"));
    check(
        "multiaddr",
        &[
            "/ip4/127.0.0.1/tcp/4001",
            "/ip6/::1/udp/65535/quic-v1",
            "/ip6zone/eth0/ip6/fe80::1/tcp/1",
            "/dns4/example.org/tcp/443/tls/ws",
            "/dnsaddr/bootstrap.libp2p.io",
            "/ip4/1.2.3.4/udp/9/webrtc-direct/certhash/uEiAb-_c",
            "/memory/7",
            &p2p,
            &relayed,
        ],
        &[
            "",
            "/",
            "ip4/127.0.0.1",
            "/ip4",
            "/ip4/",
            "/ip4/127.0.0.1/",
            "/ip4/127.0.0.256/tcp/1",
            "/ip4/127.0.0.1/tcp/0",
            "/ip4/127.0.0.1/tcp/65536",
            "/ip4/127.0.0.1/tcp/080",
            "/ip4/127.0.0.1:4001",
            "/ip4/127.0.0.1/tpc/4001",
            "/ip6/127.0.0.1/tcp/1",
            "/dns4/exa mple/tcp/1",
            "/dns4/a..b/tcp/1",
            "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW",
            &wrong,
            &format!("/dns/{}", "a.".repeat(600)),
        ],
    );
}

fn to_base58(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = bytes.to_vec();
    let mut text = Vec::new();
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    while bytes.iter().any(|b| *b != 0) {
        let mut rest = 0;
        for byte in &mut bytes {
            let value = rest * 256 + usize::from(*byte);
            *byte = u8::try_from(value / 58).unwrap();
            rest = value % 58;
        }
        text.push(ALPHABET[rest]);
    }
    text.extend(std::iter::repeat_n(b'1', zeros));
    text.reverse();
    String::from_utf8(text).unwrap()
}

fn identity(key_len: u8) -> String {
    let key: Vec<u8> = (0..key_len).map(|i| i.wrapping_mul(37) | 1).collect();
    to_base58(&[&[0, key_len + 4, 8, 2, 0x12, key_len], key.as_slice()].concat())
}

#[test]
fn peer_id() {
    check(
        "peer-id",
        &[ED25519, SHA256, &identity(33), &identity(38)],
        &[
            "",
            "1",
            "11",
            "Qm",
            "12D3KooW",
            &ED25519[..51],
            &SHA256[..45],
            &format!("{ED25519}x"),
            &format!("{SHA256}1"),
            &ED25519.replace('9', "0"), // none of 0 O I l is in the alphabet
            &ED25519.replace('w', "l"),
            &identity(39),
            &to_base58(&[0, 4, 1, 2, 3, 4]), // short enough, but no key
            &to_base58(&[[0x12, 0x20].as_slice(), &[7; 31]].concat()),
            "bafzaajaiaejcbfwbvbvjkzcgyfljwrvvoipkvqyt5cdx5wm7t4qbmbkz4i",
        ],
    );
}

#[test]
fn address_and_port() {
    check(
        "address",
        &["127.0.0.1:4001", "[::1]:1", "0.0.0.0:65535"],
        &["", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "localhost:80", "::1:80", "1.2.3:4"],
    );
    check("port", &["1", "80", "65535"], &["", "0", "080", "65536", "99999", "123456", "+80", "-1", "8 0", "٣"]);
}

#[test]
fn numbers() {
    check("int", &["0", "-0", "007", "-12", "9".repeat(99).as_str()], &["", "-", "+1", "1.0", "--1", "1-", "٣"]);
    check("hex", &["0", "abc", "DEADbeef", "123"], &["", "0x1", "g", "a b", "-a"]);
}

#[test]
fn duration() {
    check(
        "duration",
        &["12ms", "1.5s", "300µs", "300\u{3bc}s", "7us", "0ns", "2m", "1h"],
        &["", "s", "1", "1.s", ".5s", "1.2.3s", "-1s", "1 s", "1S", "1d", "1m30s", "1e3s"],
    );
    let long = format!("{}s", "1".repeat(128));
    assert!(!Type::Duration.accepts(&long) && Type::Duration.accepts(&long[1..]));
}

#[test]
fn timestamp() {
    check(
        "timestamp",
        &[
            "2026-11-21T01:38:41Z",
            "2026-11-21t01:38:41.123456789z",
            "2024-02-29T23:59:60+05:30",
            "2000-02-29T00:00:00-23:59",
            "1795225121000",
        ],
        &[
            "",
            "2026-11-21",
            "2026-11-21T01:38:41",
            "2026-11-21 01:38:41Z",
            "2026-11-21T01:38:41.Z",
            "2026-11-21T01:38:41+0100",
            "2026-11-21T01:38:41+24:00",
            "2026-11-21T24:00:00Z",
            "2026-11-21T01:60:00Z",
            "2026-11-21T01:38:61Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-1-21T01:38:41Z",
            "26-11-21T01:38:41Z",
            "é026-11-21T01:38:41Z",
            "2026-11-21T01:38:4éZ",
            "2026-11-21T01:38:41Zx",
            "179522512100",
            "17952251210000",
            "0795225121000",
        ],
    );
}

#[test]
fn word_text_and_regex() {
    check("word", &["a", "é日", "{}", "a>b"], &["", "a b", " ", "a\u{a0}", "\t"]);
    check("text", &["a", " ", "a b", "é", "\u{1b}[0m"], &[""]);
    check("/[0-9]{3}/", &["123"], &["", "12", "1234", "x123", "123x"]);
    check("/a|ab/", &["a", "ab"], &["", "b", "abb"]);
    check(r"/a\/b/", &["a/b"], &["a", r"a\/b"]);
    check(r"/\\\/[{}]/", &[r"\/{", r"\/}"], &["/{"]);
    check("/b*/", &["", "bb"], &["a"]);
}

// ---- Reading ----

fn refuse(text: &str, column: usize, len: usize, message: &str, help: &str) {
    let e = Pattern::parse(text).expect_err(text);
    assert_eq!((e.column, e.len), (column, len), "{text}: {e}");
    assert!(e.message.contains(message), "{text}: {e}");
    assert!(e.help.as_deref().unwrap().contains(help), "{text}: {:?}", e.help);
}

#[test]
fn errors_say_where_and_what_to_do() {
    refuse("é }", 3, 1, "a single `}`", "write `}}`");
    refuse("a {b:int}}", 10, 1, "a single `}`", "write `}}`");
    refuse("日本 {x", 4, 2, "never closed", "write `{{`");
    refuse("{a {b}", 1, 3, "never closed", "write `{{`");
    refuse("{a:int}{b:int}", 8, 7, "cannot be told apart", "between");
    refuse("say {}", 6, 1, "`` is not a name", "lowercase");
    refuse("é{Name}", 3, 4, "`Name` is not a name", "lowercase");
    refuse("{1:int}", 2, 1, "not a name", "lowercase");
    refuse("{ a:int}", 2, 2, "not a name", "lowercase");
    refuse("é {a:peerid}", 6, 6, "`peerid` is not a type", "did you mean `peer-id`?");
    refuse("{a:addr}", 4, 4, "not a type", "did you mean `address`?");
    refuse("{a:integer}", 4, 7, "not a type", "did you mean `int`?");
    refuse("{a:banana}", 4, 6, "not a type", "the types are multiaddr, peer-id");
    refuse("{a:}", 4, 1, "`` is not a type", "the types are");
    refuse("é{a:/x}", 5, 3, "no end", "`/}`");
    refuse("{a:/x/y}", 4, 4, "not a regular expression", "slash");
    refuse("{a://}", 4, 2, "not a regular expression", "one or more");
    refuse("{a:/(/}", 4, 3, "not a regular expression", "regex-lite");
    refuse("{a:/x)(y/}", 4, 6, "not a regular expression", "regex-lite");
}

#[test]
fn pieces_names_and_blanket() {
    let pattern = Pattern::parse("é{{{a:/[0-9]{3}/}}} {b}").unwrap();
    let rule = Type::parse("/[0-9]{3}/").unwrap();
    assert_eq!(
        pattern.pieces(),
        [
            Piece::Literal("é{".into()),
            Piece::Capture { name: "a".into(), ty: Some(rule.clone()), column: 4 },
            Piece::Literal("} ".into()),
            Piece::Capture { name: "b".into(), ty: None, column: 21 },
        ]
    );
    let names: Vec<_> = pattern.names().collect();
    assert_eq!(names, [("a", Some(&rule), 4), ("b", None, 21)]);
    assert_eq!(pattern.fill(&|name| (name == "a").then(|| "007".into())), "é{007} {b}");
    for (text, blanket) in [("{x:text}", true), ("{x:word}", false), ("{x}", false), ("", false), ("> {x:text}", false)]
    {
        assert_eq!(Pattern::parse(text).unwrap().is_blanket(), blanket, "{text}");
    }
}

// ---- Matching ----

/// Matches with the types that the pattern itself declares.
fn captures<'p, 'l>(
    pattern: &'p Pattern,
    known: &HashMap<String, String>,
    line: &'l str,
) -> Option<Vec<(&'p str, &'l str)>> {
    let types: HashMap<&str, &Type> = pattern.names().filter_map(|(name, ty, _)| Some((name, ty?))).collect();
    pattern.captures(line, &|name| match known.get(name) {
        Some(value) => Known::Value(value),
        None => Known::Type(types[name]),
    })
}

fn found(pattern: &str, line: &str) -> Option<Vec<String>> {
    let pattern = Pattern::parse(pattern).unwrap();
    let found = captures(&pattern, &HashMap::new(), line)?;
    Some(found.into_iter().map(|(_, value)| value.to_owned()).collect())
}

#[track_caller]
fn finds(pattern: &str, line: &str, values: &[&str]) {
    assert_eq!(found(pattern, line), Some(values.iter().map(|v| (*v).to_owned()).collect()));
}

#[test]
fn examples_of_matching() {
    finds("", "", &[]);
    finds("{{a}}", "{a}", &[]);
    finds("{a:text}-{b:word}", "x-y z-w", &["x-y z", "w"]);
    finds("{a:text}-{b:text}", "x-y-z", &["x", "y-z"]);
    finds("<{a:int}{{", "<-5{", &["-5"]);
    finds("{a:word} {a}", "hi hi", &["hi"]);
    finds("{a:text} {a}", "a b a b", &["a b"]);
    finds("{a:/[a-]+/}-{b:text}.{c:int}.{b}", "a-a-aa.1.aa", &["a-a", "aa", "1"]);
    finds("{t:text}={p:/P|Q|P.*R/}:{w:word};{x:text}", "T=P:aa =Q:bb; R:cc z", &["T=P:aa ", "Q", "bb", " R:cc z"]);
    finds("{a:text}-{b:text}-{a}!", "1-2-3-1-2!", &["1-2", "3"]);
    finds("{a:/b*/}c", "c", &[""]);
    finds("{a:port}0{b:int}", "6553501", &["65535", "1"]);
    finds("é{a:word}é{b:word}é", "ééé日ééé日é", &["é", "日ééé日"]);
}

#[test]
fn what_does_not_match() {
    for (pattern, line) in [
        ("", "x"),
        ("a", "ab"),
        ("{a:text}", ""),
        ("{a:word} {a}", "hi ho"),
        ("{a:text}-{b:text}", "-x"),
        ("{a:text}aa", "aa"),
        ("a{a:text}a", "a"),
    ] {
        assert_eq!(found(pattern, line), None, "{pattern} {line}");
    }
}

#[test]
fn a_known_value_must_be_repeated_whatever_its_type() {
    let pattern = Pattern::parse("{a} and {b:int}").unwrap();
    let known = HashMap::from([("a".to_owned(), "x y".to_owned())]);
    assert_eq!(captures(&pattern, &known, "x y and 3"), Some(vec![("b", "3")]));
    assert_eq!(captures(&pattern, &known, "x and 3"), None);
    let scope = HashMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    assert_eq!(captures(&pattern, &scope, "1 and 2"), Some(vec![]));
}

#[test]
fn many_captures_need_no_deep_stack() {
    let pattern: String = (0..10_000).map(|i| format!("{{a{i}:int}},")).collect();
    assert!(found(&pattern, &"1,".repeat(10_000)).is_some());
}

#[test]
fn a_line_full_of_literals_ends_soon() {
    let line = "-".repeat(64 * 1024) + "!";
    for pattern in [
        "{a:word}-{b:word}-{c:word}-{d:port}",
        "{a:text}-{b:port}-{c:text}",
        "{a:text}-{b:text}-{a}!-",
        "{a:text}-{b:text}-{c:int}!",
    ] {
        assert_eq!(found(pattern, &line), None, "{pattern}");
    }
}

#[test]
fn a_search_ends_when_its_budget_is_spent() {
    let judge = |pattern: &str, line: &str| {
        let (pattern, mut budget) = (Pattern::parse(pattern).unwrap(), Budget::default());
        let types: HashMap<&str, &Type> = pattern.names().filter_map(|(name, ty, _)| Some((name, ty?))).collect();
        let found = pattern.captures_within(line, &|name| Known::Type(types[name]), &mut budget);
        (found.is_some(), budget.is_spent())
    };
    let dashes = "-".repeat(64 * 1024);
    assert_eq!(judge("{x:text}-{y:text}-{x}-{y}!-", &dashes), (false, true));
    assert_eq!(judge("{x:/-+/}-{y:/-+y/}-", &dashes), (false, true));
    assert_eq!(judge("{x:word}-{y:word}-{z:port}", &dashes), (false, false));
    // Nothing that somebody would print comes near.
    let prose = "All work and no play. ".repeat(3000);
    assert_eq!(judge("{x:text}. {y:text} work {z:int}", &prose), (false, false));
    assert_eq!(judge("{x:/All .*/}play{y:/. (All|none).*/}. ", &prose), (true, false));
}

#[test]
fn patterns_that_accept_the_same_are_alike() {
    let alike = |one: &str, two: &str| Pattern::parse(one).unwrap().is_like(&Pattern::parse(two).unwrap());
    assert!(alike("a {x:word} b", "a {x} b") && alike("", "") && alike("{{", "{{"));
    assert!(!alike("a {x:word}", "a {y:word}") && !alike("a", "a {x:int}") && !alike("a", "b"));
}

// ---- Properties ----

/// Types, a regular expression that tries the shortest value first, and values.
const KINDS: [(&str, &str, &[&str]); 10] = [
    ("word", r"\S+?", &["a", "ab", "é", "-", "a-b", "1"]),
    ("text", r".+?", &["a", " ", "a b", "日", "--", "a.b", "\\"]),
    ("int", r"-?[0-9]+?", &["0", "-1", "11", "-10"]),
    ("hex", r"[0-9a-fA-F]+?", &["a", "1", "bB", "a1"]),
    (
        "port",
        r"[1-9]|[1-9][0-9]|[1-9][0-9]{2}|[1-9][0-9]{3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]",
        &["1", "11", "65535", "65536", "10"],
    ),
    ("duration", r"[0-9]+(?:\.[0-9]+)?(?:h|m|s|ns|us|µs|μs|ms)", &["1s", "1.1ms", "11m", "1µs"]),
    ("/[ab]{1,2}/", r"[ab]{1,2}?", &["a", "ab"]),
    ("/ab|a|-/", r"a|-|ab", &["a", "ab", "-"]),
    ("/b*/", r"b*?", &["", "b", "bb"]),
    (r"/(?:a\/?)+/", r"(?:a/??)+?", &["a", "a/a", "a/"]),
];

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Capture { name: String, kind: usize },
}

/// What the pattern is, and a line for it.
#[derive(Clone, Debug)]
struct Case {
    parts: Vec<Part>,
    line: String,
}

impl Case {
    fn source(&self) -> String {
        let mut seen = Vec::new();
        let part = |part: &Part| match part {
            Part::Text(text) => text.replace('{', "{{").replace('}', "}}"),
            Part::Capture { name, .. } if seen.contains(name) => format!("{{{name}}}"),
            Part::Capture { name, kind } => {
                seen.push(name.clone());
                format!("{{{name}:{}}}", KINDS[*kind].0)
            }
        };
        self.parts.iter().map(part).collect()
    }

    fn regex(&self) -> regex::Regex {
        let part = |part: &Part| match part {
            Part::Text(text) => regex::escape(text),
            Part::Capture { name, kind } => format!("(?<{name}>{})", KINDS[*kind].1),
        };
        let parts: String = self.parts.iter().map(part).collect();
        regex::Regex::new(&format!(r"(?s)\A{parts}\z")).unwrap()
    }
}

const CHARS: &str = r"aab-- .*({[}\$^|+?é日1/s";

fn text(len: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let chars: Vec<char> = CHARS.chars().collect();
    prop::collection::vec(select(chars), len).prop_map(String::from_iter)
}

/// Mostly one dash, so that a line has many places where a capture may end.
fn between() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(vec!["-", "a", " ", "--"]).prop_map(String::from), 1 => text(1..3)]
}

/// A pattern of up to `most` captures; `names` different ones, or every one different.
fn case(most: usize, names: Option<usize>, line_len: usize) -> impl Strategy<Value = Case> {
    let capture = (0..names.unwrap_or(1), between());
    let kinds = prop::collection::vec(0..KINDS.len(), most.max(names.unwrap_or(0)));
    let ends = (prop::option::of(between()), prop::bool::ANY);
    (prop::collection::vec(capture, 0..=most), kinds, ends)
        .prop_map(move |(captures, kinds, (head, cut))| {
            let mut parts: Vec<Part> = head.map(Part::Text).into_iter().collect();
            for (i, (name, after)) in captures.into_iter().enumerate() {
                let id = if names.is_some() { name } else { i };
                parts.push(Part::Capture { name: format!("n{id}"), kind: kinds[id] });
                parts.push(Part::Text(after));
            }
            if cut {
                parts.pop();
            }
            parts
        })
        .prop_flat_map(move |parts| {
            let line = prop_oneof![1 => text(0..line_len), 4 => derived(&parts), 2 => mutated(&parts)];
            (Just(parts), line)
        })
        .prop_map(|(parts, line)| Case { parts, line })
}

/// A line with a value in the place of each capture: the same one for the same name.
fn derived(parts: &[Part]) -> impl Strategy<Value = String> + use<> {
    let parts = parts.to_vec();
    prop::collection::vec(any::<prop::sample::Index>(), parts.len()).prop_map(move |picks| {
        let mut values = HashMap::new();
        let value = |(part, pick): (&Part, &prop::sample::Index)| match part {
            Part::Text(text) => text.clone(),
            Part::Capture { name, kind } => {
                (*values.entry(name.clone()).or_insert(*pick.get(KINDS[*kind].2))).to_owned()
            }
        };
        parts.iter().zip(&picks).map(value).collect()
    })
}

/// Patterns and lines of very few chars, so that most places look like most others: what the
/// search remembers is wrong nowhere else.
fn dense(names: Option<usize>) -> impl Strategy<Value = Case> {
    let capture = (0..names.unwrap_or(1), select(vec!["-", "a", "1", " ", "--"]));
    let kinds = prop::collection::vec(select(vec![0, 0, 1, 2, 3, 6, 7, 8, 9]), 6);
    let chars = prop::collection::vec(select(vec!['-', '-', 'a', 'a', 'b', '1', ' ']), 4..15);
    (prop::collection::vec(capture, 2..=5), kinds, chars, any::<bool>()).prop_map(
        move |(captures, kinds, line, cut)| {
            let mut parts = Vec::new();
            for (i, (name, after)) in captures.into_iter().enumerate() {
                let id = if names.is_some() { name } else { i };
                let name = format!("n{id}");
                parts.push(Part::Capture { name, kind: kinds[id] });
                parts.push(Part::Text(after.to_owned()));
            }
            if cut {
                parts.pop();
            }
            Case { parts, line: line.into_iter().collect() }
        },
    )
}

/// Such a line with one char removed, and another put somewhere.
fn mutated(parts: &[Part]) -> impl Strategy<Value = String> + use<> {
    let edit = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), text(0..2));
    (derived(parts), edit).prop_map(|(line, (from, to, new))| {
        let mut chars: Vec<char> = line.chars().collect();
        if !chars.is_empty() {
            chars.remove(from.index(chars.len()));
        }
        let to = to.index(chars.len() + 1);
        chars.splice(to..to, new.chars());
        chars.into_iter().collect()
    })
}

/// Runs a property of 5,000 cases, and holds that both of its outcomes are common.
fn check_both(cases: impl Strategy<Value = Case>, property: impl Fn(&Case) -> bool) {
    let (yes, all) = (Cell::new(0), Cell::new(0));
    let config = Config { cases: 5_000, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&cases, |case| {
        yes.set(yes.get() + u32::from(property(&case)));
        all.set(all.get() + 1);
        Ok(())
    });
    result.unwrap_or_else(|e| panic!("{e}"));
    let share = yes.get() * 100 / all.get();
    assert!((15..=85).contains(&share), "{share} % of the lines match");
}

type Values = Option<Vec<(String, String)>>;

fn owned(found: Option<Vec<(&str, &str)>>) -> Values {
    Some(found?.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

#[test]
fn a_pattern_matches_as_its_regular_expression_does() {
    check_both(prop_oneof![case(4, None, 12), dense(None)], |case| {
        let pattern = Pattern::parse(&case.source()).unwrap();
        let regex = case.regex();
        let expected = regex.captures(&case.line).map(|found| {
            let value = |name: &str| found.name(name).unwrap().as_str().to_owned();
            regex.capture_names().flatten().map(|name| (name.to_owned(), value(name))).collect()
        });
        let found = owned(captures(&pattern, &HashMap::new(), &case.line));
        assert_eq!(found, expected, "{} on {:?}", case.source(), case.line);
        found.is_some()
    });
}

static WHOLE: LazyLock<Vec<regex::Regex>> = LazyLock::new(|| {
    let whole = |(_, source, _): &(&str, &str, &[&str])| format!(r"(?s)\A(?:{source})\z");
    KINDS.iter().map(|kind| regex::Regex::new(&whole(kind)).unwrap()).collect()
});

/// The oracle for names that come again: every split of the line, shortest first.
fn every_split(parts: &[Part], line: &str, known: &mut HashMap<String, String>) -> Values {
    let Some((part, others)) = parts.split_first() else {
        return line.is_empty().then(Vec::new);
    };
    let ends = (0..=line.len()).filter(|end| line.is_char_boundary(*end));
    for (value, rest) in ends.map(|end| line.split_at(end)) {
        match part {
            Part::Text(text) if text == value => return every_split(others, rest, known),
            Part::Text(_) => {}
            Part::Capture { name, kind } => match known.get(name) {
                Some(same) if same == value => return every_split(others, rest, known),
                None if WHOLE[*kind].is_match(value) => {
                    known.insert(name.clone(), value.to_owned());
                    if let Some(mut found) = every_split(others, rest, known) {
                        found.insert(0, (name.clone(), value.to_owned()));
                        return Some(found);
                    }
                    known.remove(name);
                }
                _ => {}
            },
        }
    }
    None
}

#[test]
fn a_name_that_comes_again_is_equal() {
    check_both(prop_oneof![case(5, Some(3), 12), dense(Some(3))], |case| {
        let pattern = Pattern::parse(&case.source()).unwrap();
        let expected = every_split(&case.parts, &case.line, &mut HashMap::new());
        let found = owned(captures(&pattern, &HashMap::new(), &case.line));
        assert_eq!(found, expected, "{} on {:?}", case.source(), case.line);

        // Any one of its names may be known before, with this value or another.
        let value = found.iter().flatten().next().map_or("a", |(_, value)| value);
        let mut known = HashMap::from([("n0".to_owned(), value.to_owned())]);
        let again = owned(captures(&pattern, &known, &case.line));
        assert_eq!(again, every_split(&case.parts, &case.line, &mut known));
        found.is_some()
    });
}

#[test]
fn a_filled_pattern_matches_itself() {
    check_both(prop_oneof![case(5, Some(3), 12), dense(Some(3))], |case| {
        let pattern = Pattern::parse(&case.source()).unwrap();
        let found = owned(captures(&pattern, &HashMap::new(), &case.line));
        let Some(found) = found.map(HashMap::from_iter) else {
            return false;
        };
        assert_eq!(pattern.fill(&|name| found.get(name).cloned()), case.line);
        assert_eq!(captures(&pattern, &found, &case.line), Some(vec![]));
        true
    });
}

/// The bytes that were escaped; a panic for what `escape` never writes.
fn unescape(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some(c) = rest.chars().next() {
        let (value, len) = match rest.as_bytes() {
            [b'\\', b'\\', ..] => (vec![b'\\'], 2),
            [b'\\', b'n', ..] => (vec![b'\n'], 2),
            [b'\\', b'r', ..] => (vec![b'\r'], 2),
            [b'\\', b't', ..] => (vec![b'\t'], 2),
            [b'\\', b'0', ..] => (vec![0], 2),
            [b'\\', b'x', ..] => (vec![u8::from_str_radix(&rest[2..4], 16).unwrap()], 4),
            [b'\\', ..] => {
                let (hex, _) = rest.strip_prefix("\\u{").unwrap().split_once('}').unwrap();
                let c = char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap();
                (c.to_string().into_bytes(), hex.len() + 4)
            }
            _ => (c.to_string().into_bytes(), c.len_utf8()),
        };
        bytes.extend(value);
        rest = &rest[len..];
    }
    bytes
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let odd = select(vec!["\\", "\\n", "\u{1b}[31m", "\u{9b}", "\u{202e}", "\u{200d}", "\u{a0}", "é", "\0"]);
    let part = prop_oneof![
        any::<Vec<u8>>(),
        any::<String>().prop_map(String::into_bytes),
        odd.prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn parse_never_panics(
        free in any::<String>(),
        near in r"(\{|\}|\{\{|a|:|/|\\|int|text|peer|[(é{]| |\{a:/|\{b:int\}){0,12}",
        line in any::<String>(),
    ) {
        for text in [&free, &near] {
            match Pattern::parse(text) {
                Ok(pattern) => {
                    let text = Known::Type(&Type::Text);
                    prop_assert!(pattern.captures(&pattern.fill(&|_| Some("x".into())), &|_| text).is_some());
                    _ = pattern.captures(&line, &|_| text);
                }
                Err(e) => prop_assert!(e.column >= 1 && e.len >= 1 && e.column <= text.chars().count() + 1),
            }
        }
    }

    #[test]
    fn types_never_panic(value in any::<String>(), near in "[-0-9TZ:.+/é1Qm]{0,30}") {
        for ty in Type::NAMES {
            let ty = Type::parse(ty).unwrap();
            _ = (ty.accepts(&value), ty.accepts(&near));
        }
    }

    #[test]
    fn what_is_escaped_is_harmless_and_unambiguous(bytes in bytes()) {
        let shown = escape(&bytes);
        prop_assert!(!shown.chars().any(|c| c.is_control() || (c != ' ' && c.is_whitespace())));
        let invisible = shown.contains(['\u{200d}', '\u{202e}', '\u{feff}']);
        prop_assert!(!invisible);
        prop_assert_eq!(unescape(&shown), bytes);
    }

    #[test]
    fn an_excerpt_is_what_shortening_all_of_it_gives(piece in bytes(), times in 1_usize..40, width in 0_usize..60) {
        let bytes = piece.repeat(times);
        let (all, short) = (escape(&bytes), excerpt(&bytes, width));
        prop_assert_eq!(short.chars().count(), all.chars().count().min(width));
        match short.split_once("… (").and_then(|(start, rest)| Some((start, rest.split_once(") …")?.1))) {
            Some((start, end)) => prop_assert!(all.starts_with(start) && all.ends_with(end), "{short}"),
            None => prop_assert_eq!(short, cut(&all, width)),
        }
    }

    #[test]
    fn what_is_shortened_keeps_its_ends(text in ".{0,80}", width in 0_usize..60) {
        let short = shorten(&text, width);
        let len = text.chars().count();
        prop_assert_eq!(short.chars().count(), len.min(width));
        prop_assert!(len <= width || width == 0 || short.contains('…'));
        if let Some((start, end)) = short.split_once('…').filter(|_| !text.contains('…')) {
            prop_assert!(text.starts_with(start));
            prop_assert!(text.ends_with(end.rsplit('…').next().unwrap()) || !end.contains('…'));
        }
    }
}

#[test]
fn examples_of_what_is_shown() {
    assert_eq!(escape(b"caf\xc3\xa9 \\ \x1b[0m\r\n\t\0\x7f\xff"), r"café \\ \x1b[0m\r\n\t\0\x7f\xff");
    assert_eq!(escape("\u{9b}\u{202e}\u{200b}日".as_bytes()), r"\u{9b}\u{202e}\u{200b}日");
    let long = "é".repeat(32 * 1024);
    assert_eq!(shorten(&long, 24), "ééé… (65,536 bytes) …ééé");
    assert_eq!(shorten(&long, 3), "éé…");
    assert_eq!(shorten("abc", 3), "abc");
}

#[test]
fn what_differs_is_kept() {
    let (one, other) =
        (format!("{}X{}", "a".repeat(300), "b".repeat(300)), format!("{}Y{}", "a".repeat(300), "b".repeat(300)));
    let short = around_difference(&one, &other, 10);
    assert_eq!(short, "…aaaaXbbb…");
    assert_eq!(around_difference(&other, &one, 10), "…aaaaYbbb…");
    // What is short is whole; what has nothing to differ from is shortened.
    assert_eq!(around_difference("abc", "abd", 3), "abc");
    assert_eq!(around_difference(&one, &one, 30), shorten(&one, 30));
    // A difference at either end.
    assert_eq!(around_difference(&format!("X{}", "a".repeat(99)), &"a".repeat(100), 8), "Xaaaaa…");
    assert_eq!(around_difference(&"a".repeat(100), &"a".repeat(99), 8), "…aaaaaa");
}
