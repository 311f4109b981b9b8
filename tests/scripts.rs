//! Peers that are scripts: the runner knows no language by name, and no peer, however it
//! behaves, keeps it from a verdict or survives it.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use support::learner::{Learner, Verdict};
use support::system::{is_alive, is_listened_on, peak_memory, until};

/// Runs of one scenario of `echo-line`: over four links, in three pairings.
const EVERY_WAY: usize = 4 * 3;

/// Scripts that do as they should, and those that a learner starts from.
mod honest {
    use super::*;

    /// The solution in the learner's place passes.
    fn solution_passes(track: &str, args: &[&str], runs: usize) {
        let learner = Learner::new("scripts", track);
        assert_eq!(learner.verify(&[args, &["--solution"]].concat()).passed(), runs);
        learner.nothing_is_left();
    }

    #[test]
    fn python_over_every_link() {
        // Three scenarios over every link, and one over a clear one.
        solution_passes("python", &["echo-line"], 3 * EVERY_WAY + 3);
    }

    #[test]
    fn a_shell_that_becomes_python_over_every_link() {
        solution_passes("sh", &["echo-line", "--scenario", "both-talk"], EVERY_WAY);
    }

    #[test]
    fn a_shell_without_a_network() {
        solution_passes("sh", &["shout"], 2);
    }

    #[test]
    fn python_without_a_network() {
        solution_passes("python", &["shout"], 2);
    }

    /// What a read brings is taken for a line: right, as long as the link is kind.
    #[test]
    fn the_template_passes_only_over_a_kind_link() {
        let learner = Learner::new("scripts", "python");
        let verify = |scenario, condition| {
            let which = ["--scenario", scenario, "--condition", condition, "--pairing", "you/you"];
            learner.verify(&[&["echo-line"], &which[..]].concat())
        };
        assert_eq!(verify("greeting", "clear").passed(), 1);
        let in_pieces = verify("greeting", "fragmented");
        assert_eq!(in_pieces.failed("read-as-message")["lanes"][0]["lines"][1], "h");
        verify("both-talk", "coalesced").failed("read-as-message");
        learner.nothing_is_left();
    }

    #[test]
    fn the_template_is_told_why_in_one_word() {
        let learner = Learner::new("scripts", "python");
        let verdict = learner.verify(&["echo-line", "--scenario", "greeting"]);
        assert_eq!(verdict.runs().len(), EVERY_WAY);
        let stage = verdict.events.iter().find(|event| event["event"] == "stage").expect("a stage's verdict");
        assert_eq!(stage["reason"]["id"], "read-as-message", "{stage:#}");
        // Each pairing over the fragmented link, and nothing else.
        assert_eq!(stage["failed"], 3, "{stage:#}");
        learner.nothing_is_left();
    }

    #[test]
    fn who_reads_all_before_answering_is_stuck_at_once() {
        let learner = Learner::new("scripts", "python");
        let verdict = learner.verify(&["shout", "--scenario", "one-by-one"]);
        assert!(soon(verdict.failed("missing-line")), "{:#}", verdict.run());
        assert_eq!(learner.verify(&["shout", "--scenario", "nothing"]).passed(), 1);
    }

    #[test]
    fn a_wrong_line_of_a_shell() {
        let learner = Learner::new("scripts", "sh");
        let verdict = learner.verify(&["shout", "--scenario", "one-by-one"]);
        let run = verdict.failed("letter-case");
        assert_eq!(run["lanes"][0]["lines"][0], "hello");
    }

    /// From the first `next` to the end of a course without a compiler.
    #[test]
    fn a_learner_gets_through() {
        let learner = Learner::new("scripts", "sh");
        let text = learner.command(&["verify"]).code(1).text();
        assert!(text.contains("scripts/shout/crier.sh"), "{text}");
        let solution = learner.command(&["solution", "--spoil"]).success().text();
        let script = solution.split_once("──\n").expect("a title").1.trim_end();
        fs::write(learner.file("shout/crier.sh"), format!("{script}\n")).expect("written");
        assert_eq!(learner.verify(&[]).passed(), 2);
        let text = learner.command(&["next"]).success().text();
        assert!(text.contains("Stage 2 of 2: Lines over TCP"), "{text}");
    }

    /// What both roles of `echo-line` do, as the solution has it.
    fn conversation_of_the_solution(learner: &Learner) -> String {
        let solution = learner.command(&["solution", "echo-line", "--spoil"]).success().text();
        solution.split_once("conversation.py ──\n").expect("a title").1.to_owned()
    }

    /// A line that was sent so is no piece that one read has brought.
    #[test]
    fn a_line_that_is_cut_by_its_sender_is_not_read_as_a_message() {
        let learner = Learner::new("scripts", "python");
        let script = conversation_of_the_solution(&learner);
        let cut = script.replace(r#"f"hello from {me}\n""#, r#"f"hello\n""#);
        assert_ne!(cut, script);
        fs::write(learner.file("echo-line/conversation.py"), cut).expect("written");
        let verdict = learner.verify(&["echo-line", "--scenario", "greeting", "--condition", "fragmented"]);
        let reasons: Vec<_> = verdict.runs().iter().filter_map(|run| run["reason"]["id"].as_str()).collect();
        assert_eq!(reasons, ["wrong-line"; 3], "{:#?}", verdict.runs());
    }

    /// Who sends no newline is told so, and not who waits for it.
    #[test]
    fn a_line_that_its_sender_does_not_end() {
        let learner = Learner::new("scripts", "python");
        let script = conversation_of_the_solution(&learner);
        let unended = script.replace(r#"f"hello from {me}\n""#, r#"f"hello from {me}""#);
        assert_ne!(unended, script);
        fs::write(learner.file("echo-line/conversation.py"), unended).expect("written");
        let args = ["echo-line", "--scenario", "greeting", "--condition", "clear", "--pairing", "you/you"];
        let say = learner.verify(&args).failed("newline-not-sent")["reason"]["say"].to_string();
        assert!(say.contains("Your dialer sent «hello from dialer» without a newline after it"), "{say}");
    }

    /// Who is left may end: it is the one who leaves who is told.
    #[test]
    fn a_sender_that_says_too_soon_that_it_has_said_all() {
        let learner = Learner::new("scripts", "python");
        let hasty = r#"
import socket, sys

def converse(connection, me):
    connection.sendall(f"hello from {me}\n".encode())
    if me == "dialer":
        connection.shutdown(socket.SHUT_WR)
    for line in connection.makefile():
        print(line.rstrip())
    if me == "dialer":
        sys.stdin.read()

def listen():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening on 127.0.0.1:%d" % listener.getsockname()[1])
        converse(listener.accept()[0], "listener")

def dial(address):
    host, port = address.rsplit(":", 1)
    converse(socket.create_connection((host, int(port))), "dialer")
"#;
        fs::write(learner.file("echo-line/conversation.py"), hasty).expect("written");
        let args = ["echo-line", "--scenario", "both-talk", "--condition", "clear", "--pairing", "you/you"];
        let say = learner.verify(&args).failed("exited-early")["reason"]["say"].to_string();
        assert!(say.contains("your dialer closed its sending half although its input had not ended"), "{say}");
    }

    /// A traceback is shown as the program has written it, and its place is in the learner's own file.
    #[test]
    fn a_traceback_keeps_its_indentation_and_has_a_place() {
        let learner = Learner::new("scripts", "python");
        let program = "import sys\n\n\ndef main():\n    int(sys.argv[0])\n\n\nmain()\n";
        fs::write(learner.file("shout/crier.py"), program).expect("written");
        let args = ["shout", "--scenario", "one-by-one"];
        let verdict = learner.verify(&args);
        let reason = &verdict.failed("panicked")["reason"];
        assert_eq!(reason["place"], "shout/crier.py:5", "{reason:#}");
        assert!(reason["say"].to_string().contains("ValueError: invalid literal"), "{reason:#}");
        let text = learner.command(&[&["verify"], &args[..]].concat()).code(1).text();
        assert!(text.contains("\n        File ") && text.contains("\n          main()\n"), "{text}");
        assert!(text.contains("look at scripts/shout/crier.py:5"), "{text}");
    }

    /// The rules of every course hold for scripts too, in every track.
    #[test]
    fn the_author_is_told_so() {
        let learner = Learner::new("scripts", "sh");
        let text = learner.command(&["author", "check", "shout"]).success().text();
        assert!(text.contains("missing-line") && text.contains("letter-case"), "what each template fails for: {text}");
        assert_eq!(text.matches("passes 1 of 1 times, 2 runs").count(), 2, "{text}");
        learner.nothing_is_left();
    }
}

/// Texts without a newline that the transcript expects.
mod prompts {
    use super::*;

    #[test]
    fn what_is_expected_passes_in_however_many_pieces_it_comes() {
        let learner = Learner::new("nasty", "scripts");
        for scenario in ["asks", "in-pieces", "goes-on", "after-other-lines", "stays"] {
            assert_eq!(learner.verify(&["prompts", "--scenario", scenario]).passed(), 1, "{scenario}");
        }
        learner.nothing_is_left();
    }

    #[test]
    fn what_is_not_is_shown() {
        let learner = Learner::new("nasty", "scripts");
        let fails = |scenario: &str, reason: &str| {
            learner.verify(&["prompts", "--scenario", scenario]).failed(reason);
            learner.command(&["verify", "prompts", "--scenario", scenario]).code(1).text()
        };
        let text = fails("asks-otherwise", "missing-line");
        assert!(text.contains("did not print «Name: (without a newline)»"), "{text}");
        assert!(text.contains("- Name:  (without a newline)\n    + Nam:  (without a newline)\n"), "{text}");
        let text = fails("with-a-newline", "extra-line");
        assert!(text.contains("      Name:  (without a newline)\n"), "it has come: {text}");
        assert!(text.contains("Your peer printed a newline after «Name: », where none is expected"), "{text}");
        fails("no-such-character", "extra-line");
    }
}

/// Scripts that do their worst: each gets the verdict that it deserves, and leaves nothing.
mod hostile {
    use super::*;

    /// Plays a scenario of the stage `hostile`; afterwards nothing may be left of it.
    fn play(learner: &Learner, scenario: &str) -> Verdict {
        let verdict = learner.verify(&["hostile", "--scenario", scenario]);
        learner.nothing_is_left();
        verdict
    }

    /// Plays a scenario that is to pass.
    fn passes(scenario: &str) -> Learner {
        let learner = Learner::new("nasty", "scripts");
        assert_eq!(play(&learner, scenario).passed(), 1);
        learner
    }

    /// Plays a scenario that is to fail for a reason.
    fn fails(scenario: &str, reason: &str) -> (Learner, Verdict) {
        let learner = Learner::new("nasty", "scripts");
        let verdict = play(&learner, scenario);
        verdict.failed(reason);
        (learner, verdict)
    }

    /// The process that a peer has left behind, as the peer says: it was there, and is not now.
    fn grandchild_is_gone(learner: &Learner, stage: &str) {
        let id = fs::read_to_string(learner.file(&format!("{stage}/grandchild"))).expect("the peer has started it");
        let id = id.trim().parse().expect("a process id");
        until("what the peer has left is gone", || if is_alive(id) { Err(id.to_string()) } else { Ok(()) });
    }

    #[test]
    fn who_ignores_sigterm_is_ended() {
        let (_learner, verdict) = fails("ignores-term", "missing-line");
        assert!(soon(verdict.run()), "{:#}", verdict.run());
    }

    #[test]
    fn who_ignores_sigterm_is_ended_after_passing() {
        passes("ignores-term-and-runs");
    }

    #[test]
    fn a_wrong_exit_code_is_shown() {
        let (_learner, verdict) = fails("wrong-code", "wrong-ending");
        assert_eq!(verdict.run()["lanes"][0]["ending"]["exit"], 3);
        assert!(verdict.run()["reason"]["say"].to_string().contains("exit code 3"));
    }

    #[test]
    fn a_signal_is_shown() {
        let (_learner, verdict) = fails("killed", "wrong-ending");
        assert_eq!(verdict.run()["lanes"][0]["ending"]["signal"], 9);
        assert!(verdict.run()["reason"]["say"].to_string().contains("was ended by SIGKILL (signal 9)"));
    }

    #[test]
    fn who_wakes_for_ever_runs_into_the_limit() {
        let (_learner, verdict) = fails("wakes-for-ever", "not-ended");
        assert!(verdict.run()["reason"]["say"].to_string().contains("after 1 s"), "{:#}", verdict.run());
    }

    /// The limit is time that a peer has had, not time that others have taken from it.
    #[test]
    fn a_busy_machine_takes_longer_and_comes_to_the_same_verdict() {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let spin = || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        };
        std::thread::scope(|scope| {
            let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
            (0..6 * cores).for_each(|_| drop(scope.spawn(spin)));
            let learner = Learner::new("nasty", "scripts");
            let verdict = play(&learner, "works");
            let failed = learner.command(&["verify", "hostile", "--scenario", "spins"]);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(verdict.passed(), 1);
            assert!(verdict.run()["ms"].as_u64() > Some(3000), "there was a load: {:#}", verdict.run());
            assert!(failed.text().contains("(The machine was busy: in "), "{}", failed.text());
            let idle = learner.command(&["verify", "hostile", "--scenario", "wrong-code"]).code(1).text();
            assert!(!idle.contains("The machine was busy"), "{idle}");
        });
    }

    #[test]
    fn who_waits_for_a_line_that_never_comes_is_stuck_at_once() {
        let (_learner, verdict) = fails("waits-for-a-line", "missing-line");
        assert!(soon(verdict.run()), "{:#}", verdict.run());
    }

    #[test]
    fn who_waits_instead_of_ending_is_stuck_at_once() {
        let (_learner, verdict) = fails("waits-for-the-end", "not-ended");
        assert!(soon(verdict.run()), "{:#}", verdict.run());
    }

    #[test]
    fn who_waits_in_other_processes_is_stuck_at_once() {
        let (_learner, verdict) = fails("waits-in-a-pipe", "missing-line");
        assert!(soon(verdict.run()), "{:#}", verdict.run());
    }

    #[test]
    fn a_process_left_behind_with_the_output_is_a_leak() {
        let (learner, verdict) = fails("holds-output", "leaked");
        assert!(soon(verdict.run()), "{:#}", verdict.run());
        grandchild_is_gone(&learner, "hostile");
    }

    #[test]
    fn a_process_left_behind_with_the_output_is_a_leak_though_it_sleeps() {
        let (learner, _verdict) = fails("holds-output-later", "leaked");
        grandchild_is_gone(&learner, "hostile");
    }

    #[test]
    fn a_process_left_behind_quietly_is_ended_quietly() {
        grandchild_is_gone(&passes("leaves-quietly"), "hostile");
    }

    #[test]
    fn a_daemon_left_behind_is_ended_quietly() {
        let learner = Learner::new("nasty", "scripts");
        assert_eq!(learner.verify(&["daemon"]).passed(), 1);
        grandchild_is_gone(&learner, "daemon");
        learner.nothing_is_left();
    }

    #[test]
    fn bytes_that_are_no_text() {
        let (_learner, verdict) = fails("binary", "not-utf8");
        assert!(verdict.run()["reason"]["say"].to_string().contains("xe9"), "{:#}", verdict.run());
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        for (scenario, reason) in [("escapes", "wrong-line"), ("binary", "not-utf8")] {
            let (learner, _verdict) = fails(scenario, reason);
            for args in [&["--format", "text"][..], &["--verbose"], &["--format", "junit"]] {
                let args = [&["verify", "hostile", "--scenario", scenario], args].concat();
                let done = learner.command(&args).code(1);
                assert_eq!(obeyed(&done.text()), "", "{args:?}: {}", done.text().escape_debug());
                assert_eq!(obeyed(&done.stderr), "", "{args:?}: {}", done.stderr.escape_debug());
                assert!(done.text().contains("\\x1b"), "the escape is shown as one: {}", done.text());
            }
            // In JSON all is told as it is, but for what no JSON may have in it.
            let json = learner.command(&["verify", "hostile", "--scenario", scenario, "--format", "json"]).text();
            assert!(!json.contains(|c: char| c < ' ' && c != '\n'), "{}", json.escape_debug());
        }
    }

    #[test]
    fn a_last_line_without_a_newline_is_none() {
        fails("no-final-newline", "no-final-newline");
    }

    #[test]
    fn the_right_line_in_the_wrong_place() {
        fails("on-stderr", "on-stderr");
    }

    #[test]
    fn output_may_be_closed_early() {
        passes("closes-output");
    }

    #[test]
    fn who_closes_the_output_and_owes_a_line_is_stuck_at_once() {
        let (_learner, verdict) = fails("closes-output-and-owes", "missing-line");
        assert!(soon(verdict.run()), "{:#}", verdict.run());
    }

    #[test]
    fn who_does_not_read_a_mebibyte_is_told_so_at_once() {
        let (_learner, verdict) = fails("never-reads", "waits-in-turn");
        assert!(soon(verdict.run()), "{:#}", verdict.run());
    }

    #[test]
    fn who_ends_without_reading_a_mebibyte_may() {
        passes("never-reads-and-ends");
    }

    #[test]
    fn a_program_that_does_not_exist() {
        let learner = Learner::new("nasty", "absent");
        let verdict = play(&learner, "wrong-code");
        let run = verdict.failed("not-started");
        assert!(run["reason"]["say"].to_string().contains("no-such-program"), "{run:#}");
    }

    #[test]
    fn rest_is_waited_for() {
        passes("rests");
    }

    /// However much work stands before the line, it is printed before the peer rests.
    #[test]
    fn a_line_before_rest_stands_above_it() {
        let (_learner, verdict) = fails("rests-too-late", "extra-line");
        assert_eq!(verdict.run()["lanes"][0]["lines"], serde_json::json!(["one", "two"]));
    }

    /// Whatever it prints: the system says where its socket listens.
    #[test]
    fn who_listens_on_every_interface_is_told_so() {
        passes("listens-on-loopback");
        for scenario in ["listens-to-all", "listens-to-all-in-secret"] {
            let (_learner, verdict) = fails(scenario, "open-to-all");
            assert!(verdict.run()["reason"]["say"].to_string().contains("127.0.0.1"), "{:#}", verdict.run());
        }
    }

    #[test]
    fn a_line_that_comes_again_is_told_as_that() {
        let (_learner, verdict) = fails("stutters", "printed-twice");
        let said = verdict.run()["reason"]["say"].to_string();
        assert!(said.contains("«one» a second time, where «two» was expected"), "{said}");
    }

    #[test]
    fn who_needs_too_much_memory_is_told_so() {
        let (_learner, verdict) = fails("has-no-memory", "out-of-memory");
        assert!(verdict.run()["reason"]["say"].to_string().contains("128 MiB"), "{:#}", verdict.run());
        passes("has-memory");
    }

    #[test]
    fn what_is_kept_in_the_folder_of_a_run_is_found_again() {
        let learner = passes("keeps");
        // Each run has a folder of its own.
        let verdict = learner.verify(&["hostile", "--scenario", "keeps", "--repeat", "20"]);
        assert_eq!(verdict.passed(), 20);
        learner.nothing_is_left();
    }

    #[test]
    fn a_run_that_fails_leaves_no_folder() {
        let (_learner, verdict) = fails("keeps-and-fails", "wrong-line");
        let line = verdict.run()["lanes"][0]["lines"][0].as_str().expect("a line").to_owned();
        assert!(line.contains("/tmp/workshop-") && line.ends_with("/notes: one"), "{line}");
    }

    #[test]
    fn a_folder_that_can_not_be_made_is_told() {
        let learner = Learner::new("nasty", "scripts");
        fs::remove_dir(learner.temporary()).expect("it is empty");
        let verdict = learner.verify(&["hostile", "--scenario", "keeps"]);
        assert_eq!(verdict.done.status.code(), Some(2), "it is the machine's: {}", verdict.done.stderr);
        let run = verdict.run();
        assert!(run["unplayed"]["say"].to_string().contains("make a folder for the run in"), "{run:#}");
    }

    #[test]
    fn who_sleeps_is_not_stuck() {
        passes("sleeps");
    }

    #[test]
    fn who_sleeps_in_any_way_is_not_stuck() {
        passes("sleeps-in-python");
    }

    #[test]
    fn who_sleeps_while_another_process_waits_is_not_stuck() {
        passes("sleeps-while-another-waits");
    }

    /// Beside each other they get the verdicts that they get alone, and leave nothing either.
    #[test]
    fn all_at_once() {
        const REASONS: [(&str, &str); 17] = [
            ("ignores-term", "missing-line"),
            ("wrong-code", "wrong-ending"),
            ("killed", "wrong-ending"),
            ("wakes-for-ever", "not-ended"),
            ("waits-for-a-line", "missing-line"),
            ("waits-for-the-end", "not-ended"),
            ("waits-in-a-pipe", "missing-line"),
            ("holds-output", "leaked"),
            ("holds-output-later", "leaked"),
            ("flood-of-bytes", "flood"),
            ("flood-of-lines", "flood"),
            ("flood-of-wrong-lines", "wrong-line"),
            ("flood-of-empty-lines", "flood"),
            ("flood-of-errors", "flood"),
            ("binary", "not-utf8"),
            ("escapes", "wrong-line"),
            ("no-final-newline", "no-final-newline"),
        ];
        let learner = Learner::new("nasty", "scripts");
        let verdict = learner.verify(&["hostile", "--jobs", "12"]);
        learner.nothing_is_left();
        assert_eq!(verdict.done.status.code(), Some(1));
        // After three slow ones the rest is left out; which ones these are is a matter of speed.
        for run in verdict.runs() {
            let expected = REASONS.iter().find(|(scenario, _)| run["scenario"] == *scenario);
            if let Some((scenario, reason)) = expected {
                assert_eq!(run["reason"]["id"], *reason, "{scenario}");
            }
        }
        let number = |name: &str| verdict.events.iter().find_map(|event| event[name].as_u64()).expect("a number");
        let told = verdict.runs().len() as u64;
        assert!(told >= 3, "{told} runs");
        assert_eq!(told + number("left_out"), number("runs"), "none is forgotten");
    }
}

/// Floods: a verdict, and the runner's memory stays flat.
mod floods {
    use super::*;

    /// A runner that keeps all that it is given has more, after half a second of a flood.
    const MOST: u64 = 40 * 1024;

    /// Plays a flood, and looks at the runner's memory until it ends.
    fn flood(scenario: &str, reason: &str) {
        let learner = Learner::new("nasty", "scripts");
        let mut running = learner.start(&["verify", "hostile", "--scenario", scenario, "--format", "json"]);
        let (mut peak, mut looks) = (0, 0);
        while !running.is_over() {
            if let Some(memory) = peak_memory(running.id()) {
                (peak, looks) = (peak.max(memory), looks + 1);
            }
            std::thread::sleep(support::system::POLL);
        }
        let verdict = Verdict::of(running.end());
        learner.nothing_is_left();
        verdict.failed(reason);
        // The peers ignore SIGTERM, so that they flood on until they are killed.
        assert!(looks > 20, "the runner was watched only {looks} times");
        assert!(peak < MOST, "the runner had {peak} KiB");
    }

    #[test]
    fn without_a_newline() {
        flood("flood-of-bytes", "flood");
    }

    #[test]
    fn of_lines() {
        flood("flood-of-lines", "flood");
    }

    #[test]
    fn of_lines_that_are_wrong() {
        flood("flood-of-wrong-lines", "wrong-line");
    }

    #[test]
    fn of_empty_lines() {
        flood("flood-of-empty-lines", "flood");
    }

    #[test]
    fn of_standard_error() {
        flood("flood-of-errors", "flood");
    }
}

/// Ctrl-C and its like in the middle of a run.
mod interrupted {
    use super::*;

    /// Interrupts a verify when all of its peers are up; nothing may be left of it.
    fn interrupt(signal: Signal, again: bool, says: &str) {
        let learner = Learner::new("nasty", "scripts");
        let mut running = learner.start(&["verify", "endless", "--pairing", "you/you"]);
        let mut port_of = |role: &str| {
            until(&format!("{role} is up"), || {
                assert!(!running.is_over(), "the verify ended by itself");
                let told = fs::read_to_string(learner.file(&format!("endless/{role}.up")));
                told.map(|port| port.parse::<u16>().expect("a port")).map_err(|error| error.to_string())
            })
        };
        // The listener's own, and the one of the link that the dialer was handed.
        let ports = [port_of("listener"), port_of("dialer")];
        assert_ne!(ports[0], ports[1], "there is a link in between");
        assert_eq!(ports.map(is_listened_on), [true, true]);
        running.signal(signal);
        if again {
            running.signal(signal);
        }
        let done = running.end().code(2);
        learner.nothing_is_left();
        assert!(done.stderr.contains(says), "{}", done.stderr);
        assert_eq!(done.text(), "", "no verdict");
        until("the ports are free", || {
            let held = ports.map(is_listened_on);
            if held == [false, false] { Ok(()) } else { Err(format!("{ports:?}: {held:?}")) }
        });
        // No lock is left either.
        assert_eq!(learner.verify(&["hostile", "--scenario", "leaves-quietly"]).passed(), 1);
    }

    #[test]
    fn by_ctrl_c() {
        interrupt(Signal::INT, false, "stopped by Ctrl-C");
    }

    #[test]
    fn by_ctrl_c_twice() {
        interrupt(Signal::INT, true, "stopped by Ctrl-C");
    }

    #[test]
    fn by_sigterm() {
        interrupt(Signal::TERM, false, "stopped by SIGTERM");
    }

    #[test]
    fn by_sigquit() {
        interrupt(Signal::QUIT, false, "stopped by SIGQUIT");
    }

    /// Who is killed can't end anything any more: the next verify does.
    #[test]
    fn by_sigkill() {
        let learner = Learner::new("nasty", "scripts");
        let running = learner.start(&["verify", "endless", "--pairing", "you/you"]);
        until("the dialer is up", || fs::read(learner.file("endless/dialer.up")).map_err(|error| error.to_string()));
        running.signal(Signal::KILL);
        let _ = running.end();
        assert_eq!(learner.verify(&["hostile", "--scenario", "leaves-quietly"]).passed(), 1);
        // Its temporary folder is the system's to clean.
        learner.no_process_is_left();
    }

    #[test]
    fn by_the_end_of_the_terminal() {
        interrupt(Signal::HUP, false, "stopped by the terminal's end");
    }
}

/// What a learner has, and where they are.
mod kept {
    use std::os::unix::fs::MetadataExt;
    use std::process::{Command, Output, Stdio};

    use super::*;

    /// `workshop` in a folder of the workspace.
    fn output_in(learner: &Learner, folder: &str, mut command: Command) -> Output {
        command.current_dir(learner.file(folder)).stdin(Stdio::null());
        command.output().expect("it starts")
    }

    fn backups(learner: &Learner) -> Vec<String> {
        let backups = fs::read_dir(learner.file(".workshop/backups")).into_iter().flatten().flatten();
        let mut files: Vec<String> =
            backups.filter_map(|dir| fs::read_to_string(dir.path().join("own/part.sh")).ok()).collect();
        files.sort();
        files
    }

    /// A shell that is in the folder stays in it.
    #[test]
    fn a_reset_leaves_folders_where_they_are() {
        let learner = Learner::new("scripts", "sh");
        fs::create_dir(learner.file("shout/own")).expect("made");
        fs::write(learner.file("shout/own/part.sh"), "mine").expect("written");
        let place = |path: &str| fs::metadata(learner.file(path)).expect("there").ino();
        let before = place("shout");
        let output = output_in(&learner, "shout", learner.prepare(&["reset"], &[]));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("kept in /") && said.contains("/backups/shout-"), "{said}");
        assert_eq!(place("shout"), before);
        assert!(!learner.file("shout/own").exists() && learner.file("shout/crier.sh").exists());
        assert_eq!(backups(&learner), ["mine"]);
    }

    /// As on a full disk: the limit of a file's size is as good.
    #[test]
    fn a_reset_without_room_changes_nothing() {
        let learner = Learner::new("scripts", "sh");
        fs::create_dir(learner.file("shout/own")).expect("made");
        fs::write(learner.file("shout/own/part.sh"), "mine").expect("written");
        let reset = learner.prepare(&["reset"], &[]);
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
            .arg(reset.get_program())
            .args(reset.get_args());
        command.envs(reset.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = output_in(&learner, "shout", command);
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read_to_string(learner.file("shout/own/part.sh")).expect("there"), "mine");
        assert!(!fs::read_to_string(learner.file("shout/crier.sh")).expect("there").is_empty());
        assert_eq!(backups(&learner), [""; 0]);
    }

    /// What stands where the folder was is kept, too: here a link to nowhere.
    #[test]
    fn a_reset_brings_back_a_folder_that_is_none() {
        let learner = Learner::new("scripts", "sh");
        fs::remove_dir_all(learner.file("shout")).expect("removed");
        std::os::unix::fs::symlink("/nowhere", learner.file("shout")).expect("linked");
        learner.command(&["reset", "shout"]).success();
        assert!(learner.file("shout/crier.sh").is_file());
    }

    /// `workshop trace` is about the learner's programs.
    #[test]
    fn the_solution_s_runs_do_not_stand_for_the_learner_s() {
        let learner = Learner::new("scripts", "sh");
        learner.command(&["verify"]).code(1);
        learner.command(&["verify", "--solution"]).success();
        let text = learner.command(&["trace"]).success().text();
        assert!(text.contains('✗'), "{text}");
    }

    /// What is said besides may find nobody who listens.
    #[test]
    fn who_does_not_listen_misses_nothing_else() {
        let learner = Learner::new("scripts", "sh");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = learner.prepare(&["verify", "nope"], &[]);
        assert_eq!(command.stdin(Stdio::null()).stderr(writer).status().expect("it starts").code(), Some(2));
    }

    /// A course may have fewer hints than it had.
    #[test]
    fn hints_that_are_no_more() {
        let learner = Learner::new("scripts", "sh");
        let path = learner.file(".workshop/state.json");
        let mut state: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&path).expect("there")).expect("JSON");
        state["stages"]["echo-line"] = serde_json::json!({"hints": [0, 1, 7]});
        fs::write(&path, state.to_string()).expect("written");
        assert!(learner.command(&["hint", "echo-line"]).success().text().starts_with("You have seen all hints"));
        assert_eq!(learner.command(&["hint", "echo-line", "--again"]).success().text().matches("Hint ").count(), 2);
    }
}

/// What is built ahead gives way to whoever wants to build, and is gone on with afterwards.
mod ahead {
    use super::*;
    use std::process::{Command, Stdio};

    /// How often the build of the stage `slow`, which is never done, was begun.
    fn begun(learner: &Learner) -> usize {
        let told = fs::read_to_string(learner.file(".workshop/cache/begun")).unwrap_or_default();
        told.lines().count()
    }

    #[test]
    fn a_verify_comes_first() {
        let learner = Learner::new("ahead", "sh");
        let prefetch = learner.start(&["prefetch"]);
        for times in 1..=3 {
            until("the build ahead is at work", || {
                if begun(&learner) == times { Ok(()) } else { Err(format!("begun {} times", begun(&learner))) }
            });
            // It would wait for ever for the stage that is built ahead.
            assert_eq!(learner.verify(&["quick"]).passed(), 1);
        }
        prefetch.signal(Signal::TERM);
        let _ = prefetch.end();
        learner.nothing_is_left();
    }

    #[test]
    fn one_prefetch_is_enough() {
        let learner = Learner::new("ahead", "sh");
        let first = learner.start(&["prefetch"]);
        until("the build ahead is at work", || if begun(&learner) == 1 { Ok(()) } else { Err(String::new()) });
        learner.command(&["prefetch"]).success();
        assert_eq!(begun(&learner), 1);
        first.signal(Signal::TERM);
        let _ = first.end();
        learner.nothing_is_left();
    }

    /// A terminal whose shell starts a command in a process group of its own, as `workshop next` starts the building.
    /// It is closed at the end of the input.
    const TERMINAL: &str = "
import os, pty, signal, subprocess, sys
child, terminal = pty.fork()
if child == 0:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    subprocess.Popen(sys.argv[1:], preexec_fn=os.setpgrp)
    signal.pause()
sys.stdin.readline()
os.close(terminal)
";

    #[test]
    fn it_ends_with_its_terminal() {
        let learner = Learner::new("ahead", "sh");
        let prefetch = learner.prepare(&["prefetch"], &[]);
        let mut terminal = Command::new("python3");
        terminal.args(["-c", TERMINAL]).arg(prefetch.get_program()).args(prefetch.get_args()).stdin(Stdio::piped());
        terminal.current_dir(prefetch.get_current_dir().expect("a folder"));
        for (name, value) in prefetch.get_envs() {
            match value {
                Some(value) => terminal.env(name, value),
                None => terminal.env_remove(name),
            };
        }
        let mut terminal = terminal.spawn().expect("these tests need python3");
        until("the build ahead is at work", || if begun(&learner) == 1 { Ok(()) } else { Err(String::new()) });
        drop(terminal.stdin.take());
        assert!(terminal.wait().expect("it is ours").success());
        learner.nothing_is_left();
    }
}

/// Was this found out long before the time limit of 10 s?
fn soon(run: &serde_json::Value) -> bool {
    Duration::from_millis(run["ms"].as_u64().expect("a time")) < Duration::from_secs(3)
}

/// The characters of a text that do something to a terminal instead of being shown.
fn obeyed(text: &str) -> String {
    let does = |c: &char| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c);
    text.chars().filter(does).map(|c| c.escape_unicode().to_string()).collect()
}
