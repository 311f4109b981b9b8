//! Every general fact: what is seen, which reason comes of it, and a part of what is said.

use super::scene::{Scene, scene, scene_with};
use crate::explain::FACTS;

/// Two programs that send each other lines, over a link whose bytes can be read.
const TALK: &str = "\
$ a
a | listening on {addr:word}
$ b
b | Hello I am A
b < hello there
a | hello there
b < bye
a | bye
a < ^D
b < ^D
a = exit 0
b = exit 0
";

/// Up to where b has typed its first line.
const MET: &str = "
a | listening on x
b > a open
a > b Hello I am A\\n
b | Hello I am A
";

/// Two programs whose bytes nobody can read; what arrives is printed behind a `> `.
const CHAT: &str = "\
$ a
a | listening on {addr:word}
$ b
b | connected
b < hello there
a | > hello there
b = running
a = running
";

const CHATTING: &str = "
a | listening on x
b > a open
b > a sealed 500
a > b sealed 500
b | connected
";

fn talk(log: &str) -> Scene {
    scene(TALK, "  []", &format!("{MET}{log}"))
}

fn chat(log: &str) -> Scene {
    scene(CHAT, "  []", &format!("{CHATTING}{log}"))
}

/// The reason of a run, and parts of what is said.
#[track_caller]
fn is(scene: &Scene, id: &str, parts: &[&str]) {
    let reason = scene.explain();
    assert_eq!(reason.id, id, "{}\n{:#?}", reason.say, scene.facts());
    for part in parts {
        assert!(reason.say.contains(part), "no «{part}» in: {}", reason.say);
    }
    assert!(!reason.say.contains(" 1 bytes"), "{}", reason.say);
}

/// The scene does not have this fact.
fn not(scene: &Scene, id: &str) {
    assert!(scene.facts().iter().all(|fact| fact.id != id), "{:#?}", scene.facts());
}

#[test]
fn what_the_programs_say_themselves() {
    let hole = "a ! thread 'main' panicked at src/lib.rs:7:5:\na ! not yet implemented: 3. listen\na = exit 101";
    is(&talk(hole), "unfinished", &["Your a reached a part that is not written yet at src/lib.rs:7: 3. listen"]);
    let crash = "a ! thread 'main' panicked at src/lib.rs:7:5:\na ! index out of bounds\na = exit 101";
    is(&talk(crash), "panicked", &["Your a crashed at src/lib.rs:7: index out of bounds"]);
    is(&talk("a ! Address already in use (os error 98)\na = exit 1"), "address-in-use", &["port 0"]);
    is(&talk("a ! hello there\nstuck"), "on-stderr", &["Your a wrote «hello there» to standard error"]);
    let unknown = scene(TALK, "  []", "a ! listening on x\nstuck");
    is(&unknown, "on-stderr", &["Your a wrote «listening on x» to standard error"]);
    // The reference does not panic for the learner.
    is(&talk(&format!("a by reference\n{crash}")), "wrong-ending", &["The reference's a ended with exit code 101"]);
    let memory =
        scene_with("    memory: 64\n", TALK, "  []", &format!("{MET}a ! memory allocation of 1 failed\na = signal 6"));
    is(&memory, "out-of-memory", &["64 MiB"]);
    not(&talk("a ! memory allocation of 1 failed\na = signal 6"), "out-of-memory");
}

/// The stage is `s`, and learners edit `src` in it.
#[test]
fn a_crash_has_its_place_in_the_learners_own_file() {
    let is_at = |keys: &str, stderr: &str, place: &str, say: &str| {
        let stderr: String = stderr.lines().map(|line| format!("a ! {line}\n")).collect();
        let scene = talk(&format!("{stderr}a = exit 1")).with_crash(keys);
        is(&scene, "panicked", &[say]);
        assert_eq!(scene.explain().place.as_deref(), Some(place));
    };
    let python = "    crash: 'File \"(?<file>[^\"]+)\", line (?<line>[0-9]+)'\n    stack: innermost-last\n";
    let traceback = "Traceback (most recent call last):
  File \"/home/me/c/s/src/a.py\", line 30, in <module>
    main()
  File \"/home/me/c/s/src/a.py\", line 12, in main
    socket.create_connection(address)
  File \"/usr/lib/python3.12/socket.py\", line 865, in create_connection
    raise exceptions[0]
ConnectionRefusedError: [Errno 111] Connection refused";
    let say = "Your a crashed at s/src/a.py:12: ConnectionRefusedError: [Errno 111] Connection refused";
    is_at(python, traceback, "s/src/a.py:12", say);
    let again = format!(
        "{traceback}\n\nDuring handling of the above exception, another exception occurred:\n\n{}",
        traceback.replace("line 12", "line 14").replace("ConnectionRefusedError", "ValueError")
    );
    is_at(python, &again, "s/src/a.py:14", "ValueError");
    let elsewhere = "Traceback (most recent call last):\n  File \"<frozen runpy>\", line 88, in _run\nOSError: none";
    is_at(python, elsewhere, "<frozen runpy>:88", "Your a crashed at <frozen runpy>:88: OSError: none");

    let node = "    crash: '(?m)(?:^|\\(|at |file://)(?<file>/[^():\\n]+):(?<line>[0-9]+)'\n";
    let thrown = "/home/me/c/s/src/a.js:7
    throw new Error('no address');
    ^

Error: no address
    at main (/home/me/c/s/src/a.js:7:11)
    at Object.<anonymous> (/home/me/c/s/src/a.js:9:1)
    at node:internal/main/run_main_module:28:49

Node.js v20.1.0";
    is_at(node, thrown, "s/src/a.js:7", "Your a crashed at s/src/a.js:7: Error: no address");
    let in_a_library = "/home/me/c/node_modules/x/index.js:3
    throw error;
    ^

TypeError: not a function
    at x (/home/me/c/node_modules/x/index.js:3:9)
    at dial (file:///home/me/c/s/src/b.mjs:21:5)
    at file:///home/me/c/s/src/b.mjs:30:1

Node.js v20.1.0";
    is_at(node, in_a_library, "s/src/b.mjs:21", "Your a crashed at s/src/b.mjs:21: TypeError: not a function");
}

#[test]
fn what_no_role_may_do() {
    is(&talk("not started a no such file"), "not-started", &["Your a could not be started: no such file"]);
    is(&talk("open a"), "open-to-all", &["127.0.0.1"]);
    is(&talk("leaked b"), "leaked", &["Your b ended, but left a process behind"]);
    is(&talk("ambiguous a"), "ambiguous", &["its author has to make it clearer"]);
}

/// That a loop goes on after the end is said only where an end was delivered.
#[test]
fn a_flood_has_several_causes() {
    is(&talk("b > a fin\nflood a"), "flood", &["A read of 0 bytes is the end"]);
    is(&talk("b > a fin\nnoisy a"), "flood", &["standard error", "A read of 0 bytes is the end"]);
    let long = talk("b > a 5000000 bytes\nflood a");
    is(&long, "flood", &["About as much came from b", "exceeds the limit"]);
    assert!(!long.explain().say.contains("0 bytes"), "{}", long.explain().say);
    is(&talk("b > a hello there\\n\nflood a"), "flood", &["more than it received"]);
}

#[test]
fn bytes_that_are_no_text() {
    is(&talk("a | \\xff"), "not-utf8", &["Your a printed bytes that are not UTF-8: «\\xff»"]);
    is(&talk("a | hell\u{FFFD}"), "broken-characters", &["broken characters"]);
    is(&talk("a |- hello there\na = exit 0"), "no-final-newline", &["ended without a newline"]);
}

/// What b has typed has come as it should.
fn came(log: &str) -> Scene {
    talk(&format!("b > a hello there\\n\n{log}"))
}

#[test]
fn a_line_is_written_wrongly() {
    is(&came("a | \\e[32mhello there\\e[0m"), "colour-codes", &["Your a printed", "«hello there»", "escape sequences"]);
    is(&came("a | hello there\\r"), "carriage-return", &["«hello there\\r»"]);
    is(&came("a | hello there\\s\\s"), "spaces-at-the-ends", &["«hello there··»"]);
    is(&came("a | \\shello there"), "spaces-at-the-ends", &["«·hello there»"]);
    is(&came("a | Hello There"), "letter-case", &["«Hello There» where «hello there»"]);
    is(&came("a | > hello there"), "prompt", &["«> » stands in front of it"]);
    is(&came("a | you said: hello there"), "prompt", &["«you said: » stands in front"]);
    is(&came("a | 2026-01-01T00:00:00Z  INFO a: hello there"), "log-line", &["standard error"]);
    is(&came("a | [src/main.rs:3:5] x = 3"), "log-line", &[]);
    is(&came("a | hello world"), "one-word-differs", &["one word differs, «world» instead of «there»"]);
    is(&came("a | hello thare"), "misspelt", &["one letter differs, «thare» instead of «there»"]);
    is(&came("a | there"), "one-word-differs", &["«hello» is missing"]);
    is(&came("a | hello out there"), "one-word-differs", &["«out» is extra"]);
    // The stage's line of one word is another line, unless it is nearly the same.
    is(&scene(TALK, "  []", "a | listening on x\nb | Hallo I am A"), "misspelt", &["«Hallo» instead of «Hello»"]);
}

#[test]
fn what_is_no_near_miss() {
    // Another line altogether, a line of the other side, what was typed, another number.
    is(&talk("a | something else"), "wrong-line", &["«something else» where «hello there» was expected"]);
    is(&talk("a | Hello I am A"), "wrong-line", &[]);
    is(&talk("a | "), "wrong-line", &["«» where"]);
    let numbers = scene("$ a\na | Part 3 of 4\na = exit 0\n", "  []", "a | Part 2 of 4");
    is(&numbers, "wrong-line", &["«Part 2 of 4» where «Part 3 of 4»"]);
    // A value differs, and no word of the transcript's.
    let value = scene("$ a\na | key {key:hex}\na | again {key}\na = exit 0\n", "  []", "a | key 00ff\na | again 00fe");
    is(&value, "wrong-line", &["«again 00fe» where «again 00ff»"]);
    let unknown = scene("$ a\na | at {at:int} in {text:text}\na = exit 0\n", "  []", "a | at noon in a house");
    is(&unknown, "wrong-line", &["«at … in …» was expected, with another value for the «…»"]);
    let words = scene("$ a\na | at {at:int}\na = exit 0\n", "  []", "a | on time");
    is(&words, "wrong-line", &["«at …» was expected."]);
}

#[test]
fn a_near_miss_may_have_values_in_it() {
    let lines = "$ a\na | key {key:hex}\na | announced under {topic:hex} by {who_else:text}\na = exit 0\n";
    is(&scene(lines, "  []", "a | Key 00ff"), "letter-case", &[]);
    is(
        &scene(lines, "  []", "a | key 00ff\na | announced by 00fe by a man"),
        "one-word-differs",
        &["«by» instead of «under»"],
    );
    is(
        &scene(lines, "  []", "a | key 00ff\na | anounced under 00fe by a man"),
        "misspelt",
        &["«anounced» instead of «announced»"],
    );
    is(&scene(lines, "  []", "a | key 00ff\\r"), "carriage-return", &[]);
    let optional = "$ a\na | one\na ? announced under chess\na = exit 0\n";
    is(&scene(optional, "  []", "a | one\na | Announced under chess"), "letter-case", &[]);
}

/// The bytes on the link say who has written a line wrongly.
#[test]
fn whoever_has_sent_a_stray_byte_is_told() {
    let sent = "b > a hello there\\r\\n\na | hello there\\r";
    is(&talk(sent), "carriage-return", &["Your b sent it that way, so your a printed «hello there\\r»"]);
    let changed = "b > a hello there\\n\na | hello there\\r";
    is(&talk(changed), "carriage-return", &["Your a printed «hello there\\r»"]);
    let reference = format!("a by reference\n{sent}");
    is(&talk(&reference), "carriage-return", &["Your b sent it that way, so the reference's a printed"]);
    // Where nobody can read them, it is one of the two.
    is(
        &chat("b > a sealed 60\na | > hello there\\r"),
        "carriage-return",
        &["either your b sent it that way, or your a changed it"],
    );
    is(&chat("b by reference\nb > a sealed 60\na | > hello there\\r"), "carriage-return", &["Your a printed"]);
    is(
        &chat("a by reference\nb > a sealed 60\na | > hello there\\r"),
        "carriage-return",
        &["Your b sent it that way, so the reference's a"],
    );
    is(
        &chat("b > a sealed 60\na | > hello there\\s"),
        "spaces-at-the-ends",
        &["«> hello there·»", "remove the newline and nothing else"],
    );
}

/// What is written wrongly says more than an explanation of the stage's that has not looked at the line.
#[test]
fn a_near_miss_comes_first() {
    let wrong = format!("{MET}a | Hello there");
    let own =
        |keys: &str| scene(TALK, &format!("  - {{id: mine, when: [wrong-line], {keys}say: x}}\n"), &wrong).explain().id;
    assert_eq!(own(""), "letter-case");
    assert_eq!(own("seen: {role: a}, "), "letter-case");
    assert_eq!(own("seen: {line: \"Hello there\"}, "), "mine");
    let asks = "  - {id: mine, when: [letter-case], say: x}\n";
    assert_eq!(scene(TALK, asks, &wrong).explain().id, "mine");
}

#[test]
fn a_piece_of_a_line_or_several() {
    is(&talk("b > a hello there\\n\nfragmented\na | hel"), "read-as-message", &["only the beginning of «hello there»"]);
    is(&talk("b > a hello there\\n\na | hel\na | lo there"), "read-as-message", &["in pieces: «hel», then «lo there»"]);
    is(&talk("b > a hello there\\nbye\\n\na | hello therebye"), "read-as-message", &["two lines as one"]);
    is(&talk("b > a hello there\\n\nlink cut\na | hel"), "half-line", &["cut in the middle of a line"]);
    // The sender has not ended the first one.
    is(&talk("b > a hello therebye\\n\na | hello therebye"), "newline-not-sent", &["Your b sent two lines as one"]);
    not(&talk("b > a hel\\n\nfragmented\na | hel"), "read-as-message");
    // The reference reads lines: what it prints came so.
    let theirs = "a by reference\n";
    let split = format!("{theirs}b > a hel\\nlo there\\n\nfragmented\na | hel\na | lo there");
    is(&talk(&split), "wrong-line", &["The reference's a printed «hel»", "Your b sent it so."]);
    not(&chat("a by reference\nfragmented\na | > hello"), "read-as-message");
    not(&chat("a by reference\na | > h\u{FFFD}llo there"), "broken-characters");
}

#[test]
fn a_long_line_is_cut() {
    let long = "$ a\na | on {addr:word}\n$ b\nb | met\nb < {long}\na | {long}\nb = running\na = running\n";
    let given = "    let: {long: {repeat: \"no framing \", bytes: 1000}}\n";
    let cut: String = "no framing ".repeat(100).chars().take(512).collect();
    let play =
        |log: &str| scene_with(given, long, "  []", &format!("a | on x\nb > a open\nb > a hi\\n\nb | met\n{log}"));
    is(
        &play(&format!("b > a 1001 bytes\na | {cut}")),
        "truncated",
        &["the first 512 bytes of a line of 1000 and dropped the other 488"],
    );
    is(&play(&format!("b > a 513 bytes\na | {cut}")), "sent-in-part", &["Your b sent 513 of the 1001 bytes"]);
    // What is missing in the middle never left the sender.
    let whole: String = "no framing ".repeat(100).chars().take(1000).collect();
    let gap = format!("{cut}{}", &whole[920..]);
    is(&play(&format!("b > a 593 bytes\na | {gap}")), "sent-in-part", &["Your b sent 593 of the 1001 bytes"]);
    not(&play(&format!("b > a 1001 bytes\na | {gap}")), "sent-in-part");
    // Only spaces at its end are missing, and no buffer is too small.
    let spaced = "    let: {long: {repeat: \"words and \", bytes: 300}}\n";
    let trimmed = "words and ".repeat(30).trim_end().to_owned();
    let log = format!("a | on x\nb > a open\nb > a hi\\n\nb | met\nb > a 301 bytes\na | {trimmed}");
    is(&scene_with(spaced, long, "  []", &log), "spaces-at-the-ends", &["and·» was meant"]);
}

#[test]
fn a_line_has_its_place_elsewhere() {
    is(
        &talk("b > a hello there\\n\na | hello there\nb > a bye\\n\na | hello there"),
        "printed-twice",
        &["«hello there» a second time"],
    );
    let order = "$ a\na | one\na | two\na | three\na = exit 0\n";
    is(&scene(order, "  []", "a | two\na | one"), "lines-swapped", &["«two» before «one»"]);
    is(&scene(order, "  []", "a | two\na | three"), "lost-bytes", &["«two», but not «one», which comes before it"]);
    not(&scene(order, "  []", "a by reference\na | two\na | three"), "lost-bytes");
    is(&scene("$ a\na | one\na = running\n", "  []", "a | one\na | more"), "extra-line", &["which nothing asked for."]);
    let all = "b > a hello there\\n\nb > a bye\\n\na | hello there\na | bye\n";
    is(&talk(&format!("{all}a | more")), "extra-line", &["which nothing asked for, and which no peer sent to it."]);
    is(&talk(&format!("{all}b > a more\\n\na | > more")), "extra-line", &["which nothing asked for."]);
    is(&talk(&format!("{all}b > a fin\na | ")), "extra-line", &["A read of 0 bytes is that end, and no line"]);
    is(&talk(&format!("{all}a | ")), "extra-line", &["«», which nothing asked for"]);
}

#[test]
fn a_line_without_its_newline() {
    let scene = |printed: &str| {
        let mut scene = talk("b > a hello there\\n\nb > a unread 0\nstuck");
        scene.evidence.outputs[0].unended = printed.as_bytes().to_vec();
        scene
    };
    is(
        &scene("hello there"),
        "unended-line",
        &["should have printed «hello there». It printed «hello there», but no newline"],
    );
    is(&scene("hello"), "unended-line", &["the beginning of it"]);
    // A prompt is another thing.
    not(&scene("> "), "unended-line");
}

#[test]
fn nobody_has_connected() {
    is(
        &scene(TALK, "  []", "a | listening on x\nb > a link\nstuck"),
        "no-connection",
        &["Your b never connected to the address of your a"],
    );
    is(
        &scene(TALK, "  []", "b by reference\na | listening on x\nb > a link\nstuck"),
        "missing-line",
        &["The reference's b did not print"],
    );
    let refused = "a | listening on x\nb > a refused\nb | cannot connect";
    is(&scene(TALK, "  []", refused), "not-listening", &["Your b dialed the address that your a had printed"]);
    not(&scene(TALK, "  []", &format!("a by reference\n{refused}")), "not-listening");
    not(&scene(TALK, "  []", "a | listening on x\nb > a open\nb > a refused\nstuck"), "not-listening");
    let gone = "a | listening on x\na = exit 1\nb > a refused\nstuck";
    not(&scene(TALK, "  []", gone), "not-listening");
    let unmet = "a | listening on x\nb > a open\nb > a \\x13/multistream/1.0.0\\n\nstuck";
    is(&scene(CHAT, "  []", unmet), "no-handshake", &["20 bytes went there"]);
}

#[test]
fn who_has_not_sent_is_told() {
    is(
        &talk("stuck"),
        "nothing-sent",
        &["Your b should have sent «hello there», which was typed into it, but no bytes left it"],
    );
    is(
        &talk("b > a hello there\\n\na | hello there\nstuck"),
        "waits-in-turn",
        &["sent the line typed before, but not «bye»"],
    );
    is(&talk("b by reference\nstuck"), "missing-line", &["Your a did not print «hello there»"]);
    // The scenario itself has cut the link, or the sender has said that it has said all.
    not(&talk("link cut\nstuck"), "nothing-sent");
    not(&talk("b > a fin\nstuck"), "nothing-sent");
    // Not even the line fits into what was sent since.
    let some = "b > a hel\nb > a unread 0\nstuck";
    is(&talk(some), "sent-in-part", &["Your b sent 3 of the 12 bytes", "write_all"]);
    is(&talk(&format!("a by reference\n{some}")), "sent-in-part", &["Your b sent 3"]);
    not(&talk(&format!("b by reference\n{some}")), "sent-in-part");
    is(&chat("b > a sealed 7\nstuck"), "sent-in-part", &["sent at most 7 of the 12 bytes"]);
    is(&chat("stuck"), "nothing-sent", &["but no more bytes left it"]);
    // All but the newline.
    is(
        &talk("b > a hello there\nb > a unread 0\nstuck"),
        "newline-not-sent",
        &["Your b sent «hello there» without a newline"],
    );
    let greeting = "a | listening on x\nb > a open\na > b Hello I am A\nstuck";
    is(&scene(TALK, "  []", greeting), "newline-not-sent", &["Your a sent «Hello I am A»"]);
}

/// It was sent to one, and not to the other.
#[test]
fn who_was_left_out_is_told() {
    let guests = "$ a\na | on {x:word}\n$ b\nb | in\n$ c\nc | in\na < hi all\nb | > hi all\nc | > hi all\na = \
        running\nb = running\nc = running\n";
    let log = "a | on x\nb > a open\nb > a sealed 400\na > b sealed 400\nb | in\nc > a open\nc > a sealed 400\na > c \
        sealed 400\nc | in\n";
    let one = scene(guests, "  []", &format!("{log}a > b sealed 60\nb | > hi all\nstuck"));
    is(&one, "nothing-sent", &["Your a should have sent «hi all»", "to c, but no byte went there. It was sent to b"]);
    let both = scene(guests, "  []", &format!("{log}a > b sealed 60\na > c sealed 60\nb | > hi all\nstuck"));
    is(&both, "missing-line", &["Your c did not print «> hi all»"]);
}

#[test]
fn what_has_come_is_not_printed() {
    let read = "b > a hello there\\n\nb > a unread 0\nstuck";
    // Nothing of what came was ever printed: it is in the buffer of standard output. Otherwise it was thrown away.
    is(&talk(read), "lost-bytes", &["Where is the line: is it in a buffer of standard output"]);
    let later = "b > a hello there\\n\na | hello there\nb > a bye\\n\nb > a unread 0\nstuck";
    is(&talk(later), "lost-bytes", &["«bye». Where is the line: was it read ahead"]);
    is(
        &talk(&format!("a by reference\n{read}")),
        "reference-waits",
        &["12 bytes came from your b", "the reference's a did not print «hello there» after reading them."],
    );
    is(
        &talk("a by reference\nb > a hello there\\nx\nb > a unread 0\nstuck"),
        "reference-waits",
        &["The last of them is not a newline."],
    );
    is(
        &talk("b > a hello there\\n\nb > a unread 12\nstuck"),
        "waits-in-turn",
        &["12 bytes from b have arrived, but your a does not read them"],
    );
    is(&talk("b > a hello there\\n\nb > a unread 1\nstuck"), "waits-in-turn", &["1 byte from b has arrived"]);
    // It has read before: a time-out, or a line that it takes for the end.
    is(
        &talk("b > a hello there\\n\na | hello there\nb > a bye\\n\nb > a unread 4\nstuck"),
        "waits-in-turn",
        &["up to «hello there»: did it stop reading there"],
    );
    is(&talk("b input 12\nb > a hello there\\n\nstuck"), "waits-in-turn", &["12 bytes typed into your b are unread"]);
    // A program that is awake may be about to read.
    not(&talk("b > a hello there\\n\nb > a unread 12\nlimit 10"), "waits-in-turn");
    not(&talk("b > a hello there\\n\nb > a unread 0\nlimit 10"), "lost-bytes");
    // Bytes that are no lines say nothing.
    not(&talk("b > a \\x00\\x0b\\x99qwertyuiopasdf\nb > a unread 0\nstuck"), "lost-bytes");
}

/// Up to where both inputs have ended.
const SAID: &str = "b > a hello there\\n\na | hello there\nb > a bye\\n\na | bye\n";

#[test]
fn an_end_is_missing() {
    let never = format!("{SAID}stuck");
    is(
        &talk(&never),
        "never-closed",
        &["The input of your b has ended, but its sending half is still open", "a lock that the reader holds"],
    );
    let ignored = format!("{SAID}b > a fin\na > b fin\nb = exit 0\nstuck");
    is(&talk(&ignored), "end-ignored", &["Your a was told that nothing more will come", "A read of 0 bytes"]);
    let lost = format!("{SAID}b > a fin\na > b fin\nlink cut\nb = exit 0\nstuck");
    is(&talk(&lost), "end-ignored", &["The connection was lost: since then every read and every write fails"]);
    is(&talk("b > a fin\nspins a"), "end-ignored", &["computing without a pause"]);
    is(&talk("spins a"), "spinning", &["Your a computed for"]);
    is(&talk("a by reference\nb > a fin\nspins a"), "spinning", &["The reference's a"]);
    let endless = "b > a hello there\\n\na > b what?\\n\nb > a hello there\\n\nlivelock";
    is(&talk(endless), "livelock", &["have gone from a to b, and 24 bytes back"]);
    is(&scene("$ a\na | one\na = running\n", "  []", "livelock"), "livelock", &["busy without end"]);
    let alone = scene("$ a\na | one\na = exit 0\n", "  []", "a | one\nstuck");
    is(&alone, "not-ended", &["Your a has not ended: it is waiting for something that will never happen"]);
    is(
        &scene("$ a\na | one\na = exit 0\n", "  []", "a | one\nlimit 10"),
        "not-ended",
        &["after 10 s. Its typed input is still open"],
    );
}

#[test]
fn an_end_comes_too_early() {
    is(
        &talk("a = exit 0"),
        "exited-early",
        &["Your a ended while", "«hello there» was still to come", "Its typed input has not ended"],
    );
    let left = "b > a fin\na = exit 0";
    is(&talk(left), "exited-early", &["your b closed its sending half although its input had not ended"]);
    let finished = "b by reference\nb > a fin\na = exit 0";
    is(&talk(finished), "exited-early", &["The other side has finished, but its own typed input has not ended"]);
    // Who was killed has not hung up too early.
    let killed = "$ a\na | on {addr:word}\n$ b\nb | met\n! kill b\na | b is gone\na | another is here\na = running\n";
    let left = scene(killed, "  []", "a | on x\nb > a open\nb | met\nb > a fin\na | b is gone\na = exit 0");
    is(&left, "exited-early", &["A peer is gone, but its own typed input has not ended"]);
    is(&talk("link cut\na = exit 0"), "exited-early", &["although more was expected", "The connection was lost"]);
    is(&talk("a = exit 3"), "wrong-ending", &["Your a ended with exit code 3"]);
    is(&talk(&format!("{SAID}a = exit 3")), "wrong-ending", &["Exit code 0 was expected"]);
    is(&talk("b by reference\nb = signal 9"), "wrong-ending", &["The reference's b was ended by SIGKILL (signal 9)"]);
}

#[test]
fn nothing_more_telling_was_found() {
    let alone = "$ a\na | one\na = running\n";
    is(&scene(alone, "  []", "stuck"), "missing-line", &["Your a did not print «one»."]);
    is(&scene(alone, "  []", "a naps\nrestless"), "missing-line", &["Your a woke by itself and slept again"]);
    is(&scene(alone, "  []", "limit 10"), "missing-line", &[]);
    let over = "$ a\n! until still\na = running\n";
    is(&scene(over, "  []", "limit 10"), "time-limit", &["The run was not over after 10 s"]);
    let unrest = "line 2 waits a woke 45\nlimit 10";
    let say = "Line 2 of the transcript, `! until still`, still waited for rest. Your a woke 45 times meanwhile.";
    is(&scene(over, "  []", unrest), "time-limit", &[say]);
    is(&scene(over, "  []", "restless"), "restless", &["nothing that the programs did had any effect"]);
    is(&scene(over, "  []", "stuck"), "stuck", &["Deadlock"]);
}

#[test]
fn long_texts_are_quoted_where_they_differ() {
    let cause = "cannot connect: Failed to negotiate transport protocol(s): [(/ip4/127.0.0.1/tcp/1: Connection \
        refused (os error 111))]";
    let said = scene("$ a\na | hello\na = exit 0\n", "  []", &format!("a | {cause}")).explain().say;
    assert!(said.contains(cause), "{said}");
    let (one, other) =
        (format!("{}X{}", "a".repeat(300), "b".repeat(300)), format!("{}Y{}", "a".repeat(300), "b".repeat(300)));
    let said = scene(&format!("$ a\na | {one}\na = exit 0\n"), "  []", &format!("a | {other}")).explain().say;
    assert!(said.contains("aXb") && said.contains("aYb") && said.len() < 500, "{said}");
}

/// What was seen is never told as the learner's where somebody else did it.
#[test]
fn the_reference_is_never_yours() {
    let logs = [
        "a | Hello there",
        "a = exit 0",
        "a = exit 3",
        "flood a",
        "leaked a",
        "spins a",
        "stuck",
        "b > a fin\nstuck",
        "a |- hello there",
    ];
    for log in logs {
        for party in ["reference", "stage"] {
            let scene = talk(&format!("a by {party}\nb by {party}\n{log}"));
            for fact in scene.facts() {
                assert!(!fact.say.contains("our a") && !fact.say.contains("our b"), "{log}: {}", fact.say);
            }
        }
    }
}

/// A detector: it has to say soon that the other one is gone, and not too soon.
const DETECTOR: &str = "\
$ a
a | ping 3
$ b
b | ping 3
! kill a
! nothing from b for 1s
b within 2s | peer lost
b within 1s ~ bye
b within 3s ~ so long
b within 1s = exit 0
";

#[test]
fn what_comes_too_early_or_too_late() {
    let detector = |log: &str| scene(DETECTOR, "  []", &format!("a | ping 3\nb | ping 3\n{log}"));
    let lost = "after 1900\nb | peer lost\n";
    for (log, id, say) in [
        (
            "early 5 800\nb | peer lost",
            "too-early",
            "Your b printed «peer lost» 0.8 s after a was killed: for 1 s, nothing may come from it.",
        ),
        (
            "after 5100\nb | peer lost",
            "too-late",
            "Your b printed «peer lost» 5.1 s after a silence of 1 s: it has to come within 2 s.",
        ),
        (
            "after 6000\nlate",
            "too-late",
            "Your b has to print «peer lost» within 2 s after a silence of 1 s, and had not after 6.0 s.",
        ),
        ("b by stage\nafter 6000\nlate", "too-late", "The stage's b has to print"),
        // The lines of a group have one beginning.
        (
            &format!("{lost}after 2900\nb | so long\nb | bye"),
            "too-late",
            "Your b printed «bye» 2.9 s after «peer lost»: it has to come within 1 s.",
        ),
        (
            &format!("{lost}b | bye\nafter 3500\nb | so long"),
            "too-late",
            "Your b printed «so long» 3.5 s after «peer lost»: it has to come within 3 s.",
        ),
        (
            &format!("{lost}b | bye\nb | so long\nafter 1200\nb = exit 0"),
            "too-late",
            "Your b ended with exit code 0 1.2 s after «so long»: it has to end within 1 s.",
        ),
        (
            &format!("{lost}b | bye\nb | so long\nafter 4000\nlate"),
            "too-late",
            "Your b has to end within 1 s after «so long», and had not after 4.0 s.",
        ),
        (&format!("{lost}b | bye\nb | so long\nb = exit 1"), "wrong-ending", "Your b ended with exit code 1"),
        ("b | what is this", "wrong-line", "where «peer lost» was expected"),
    ] {
        is(&detector(log), id, &[say]);
    }
    let any = "$ a\na | x\n! nothing for 2s\na < y\na = running for 1s\n";
    is(
        &scene(any, "  []", "a | x\nearly 2 300\na | z"),
        "too-early",
        &["0.3 s after «x»: for 2 s, nothing may come from any program."],
    );
    is(
        &scene(any, "  []", "a | x\nearly 4 300\na | z"),
        "too-early",
        &["0.3 s after everything else: for 1 s, nothing"],
    );
    // What may be missing can't be too late in the place of what has to come.
    let elided = "$ a\na | x\na | ...\na within 2s | y\na = running\n";
    is(&scene(elided, "  []", "a | x\nafter 1900\na | z\nafter 600\na | y"), "too-late", &["«y» 2.5 s after «x»"]);
}

/// Each fact of the list is one that a run can have; all that were seen above are of the list.
#[test]
fn every_fact_is_tried() {
    let tried = include_str!("facts.rs");
    let untried: Vec<&str> = FACTS.into_iter().filter(|id| !tried.contains(&format!("\"{id}\","))).collect();
    assert_eq!(untried, ["not-the-protocol"]);
}
