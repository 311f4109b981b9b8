//! The watch view, in a real terminal: keys are typed, and the screen is read.
#![cfg(target_os = "linux")]

#[path = "support/picture.rs"]
mod picture;
#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;
#[path = "support/terminal.rs"]
mod terminal;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use support::learner::Learner;
use support::system;
use terminal::Terminal;

/// Keys as a terminal sends them.
const DOWN: &str = "\x1b[B";
const RIGHT: &str = "\x1b[C";
const ENTER: &str = "\r";
const ESC: &str = "\x1b";
const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";

/// The stage is not passed yet: its template answers too late.
const FAILED: &str = "✗ 1 of 2 runs failed";
const PASSED: &str = "✓ all 2 runs passed";

fn learner() -> Learner {
    Learner::new("scripts", "python")
}

fn watch(learner: &Learner, columns: u16, rows: u16) -> Terminal {
    Terminal::start(&learner.prepare(&[], &[]), columns, rows)
}

fn course_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/courses/scripts").join(path)
}

/// The learner writes the solution of the first stage into their file.
fn solve(learner: &Learner) {
    fs::copy(course_file("solutions/python/shout/crier.py"), learner.file("shout/crier.py")).expect("it is saved");
}

/// The learner adds a remark at the end of a file: what it does stays the same.
fn remark(file: &Path) {
    let mut file = fs::OpenOptions::new().append(true).open(file).expect("it is there");
    file.write_all(b"# saved\n").expect("it is saved");
}

/// Leaves with `q`: nothing stays behind.
fn leave(mut terminal: Terminal, learner: &Learner) {
    terminal.press("q");
    assert_eq!(terminal.ends().code(), Some(0));
    learner.nothing_is_left();
}

/// The rows of the screen.
fn rows(terminal: &Terminal) -> Vec<String> {
    let (_, columns) = terminal.screen().size();
    terminal.screen().rows(0, columns.get()).collect()
}

#[test]
fn from_a_failing_program_to_the_next_stage() {
    let learner = learner();
    let mut terminal = watch(&learner, 80, 24);
    terminal.sees(FAILED);
    for shown in ["1/2 shout", "one-by-one · you · clear", "crier (you)", "< hello", "- HELLO", "run 1 of 2"] {
        assert!(terminal.text().contains(shown), "{shown} is not in\n{}", terminal.text());
    }
    solve(&learner);
    terminal.sees(PASSED);
    terminal.sees("✓ Passed.");
    terminal.press("n");
    terminal.sees("2/2 echo-line");
    // The lesson comes first; the verdict stands above it.
    terminal.sees("Lines over TCP");
    terminal.sees("runs failed");
    terminal.press(ESC);
    terminal.sees("listener (you)");
    assert!(terminal.text().contains("«"), "what went over the wire:\n{}", terminal.text());
    // The names stay above their columns while the picture is scrolled.
    terminal.press("g");
    terminal.sees("starts");
    terminal.press("jjjj");
    terminal.sees_no("starts");
    assert!(terminal.text().contains("listener (you)"), "{}", terminal.text());
    terminal.press("s");
    terminal.sees("✓ verified");
    leave(terminal, &learner);
}

#[test]
fn keys_lead_to_every_page_and_back() {
    let learner = learner();
    let mut terminal = watch(&learner, 80, 24);
    terminal.sees(FAILED);
    terminal.press("l");
    terminal.sees("how many there were.");
    terminal.press("?");
    terminal.sees("only the runs that failed");
    terminal.press("h");
    terminal.sees("This stage has no hints.");
    terminal.press("n");
    terminal.sees("shout is not verified yet; N goes on");
    terminal.press("d");
    terminal.sees("shout is not verified yet; D shows");
    terminal.press("D");
    terminal.sees("+count = 0");
    terminal.press("D");
    terminal.sees("── shout/crier.py ──");
    terminal.press(ESC);
    terminal.sees("run 1 of 2");
    terminal.press(RIGHT);
    terminal.sees("run 2 of 2");
    terminal.sees("nothing · you · clear");
    terminal.press("f");
    terminal.sees("failed run 1 of 1");
    terminal.press("f");
    terminal.sees("run 1 of 2");
    terminal.press("s");
    terminal.sees("Enter go");
    terminal.press(DOWN);
    terminal.press(ENTER);
    terminal.sees("2/2 echo-line");
    terminal.sees("runs failed");
    hints_come_one_by_one_and_stay(&mut terminal);
    leave(terminal, &learner);
    assert_eq!(
        learner.command(&["hint", "--again"]).text(),
        "Hint 1 of 2 for echo-line\n  Which of the two says the first word?\n\n\
         Hint 2 of 2 for echo-line\n  What ends a line?\n"
    );
    assert!(learner.command(&["hint", "shout", "--again"]).text().contains("You have seen no hint for shout yet"));
    // Other commands are about the stage that was chosen.
    assert!(learner.command(&["list"]).text().contains("echo-line  → current"));
}

fn hints_come_one_by_one_and_stay(terminal: &mut Terminal) {
    terminal.press("H");
    terminal.sees("you have seen no hint yet; h gives one");
    terminal.press("h");
    terminal.sees("Hint 1 of 2");
    terminal.press("h");
    terminal.until("the newest comes first", |screen| {
        let text = screen.contents();
        let [newest, before] = ["Hint 2 of 2", "Hint 1 of 2"].map(|title| text.find(title));
        newest.is_some() && newest < before && text.contains("What ends a line?")
    });
    terminal.press("h");
    terminal.sees("You have seen all hints");
    terminal.press("H");
    terminal.sees_no("You have seen all hints");
    terminal.sees("Hint 2 of 2");
    terminal.press(ESC);
}

#[test]
fn any_size_will_do() {
    let learner = learner();
    let mut terminal = watch(&learner, 200, 50);
    terminal.sees(FAILED);
    // The lesson stands beside the run.
    let both = |row: &String| row.contains("Print every line that is typed") && row.contains('│');
    assert!(rows(&terminal).iter().any(both), "{}", terminal.text());
    assert!(terminal.text().contains("crier (you)"));
    terminal.resize(80, 24);
    terminal.sees_no("Print every line that is typed");
    terminal.sees("crier (you)");
    for (columns, rows) in [(40, 10), (20, 5), (1, 1), (3, 2), (130, 3)] {
        terminal.resize(columns, rows);
        terminal.press("l?s");
        terminal.press(ESC);
        terminal
            .until("it is drawn", |screen| screen.contents().trim_start().starts_with(['1', '✗', '…']) || columns < 4);
    }
    terminal.resize(80, 24);
    terminal.sees("run 1 of 2");
    terminal.sees(FAILED);
    leave(terminal, &learner);
}

#[test]
fn without_colour_and_without_unicode() {
    let learner = learner();
    let plain = learner.prepare(&["watch"], &[("NO_COLOR", "1"), ("LC_ALL", "C")]);
    let mut terminal = Terminal::start(&plain, 80, 24);
    terminal.sees("x 1 of 2 runs failed");
    terminal.sees("one-by-one . you . clear");
    let (rows, columns) = terminal.screen().size();
    for (row, column) in (0..rows.get()).flat_map(|row| (0..columns.get()).map(move |column| (row, column))) {
        let cell = terminal.screen().cell(row, column).expect("it is on the screen");
        assert!(cell.contents().is_ascii(), "{} in\n{}", cell.contents(), terminal.text());
        assert_eq!((cell.fgcolor(), cell.bgcolor()), (vt100::Color::Default, vt100::Color::Default));
    }
    terminal.press("l");
    terminal.sees("how many there were.");
    leave(terminal, &learner);
}

/// So do the other commands on such a terminal; a pipe gets all characters.
#[test]
fn a_list_without_unicode() {
    let learner = learner();
    let mut terminal = Terminal::start(&learner.prepare(&["list"], &[("LC_ALL", "C")]), 80, 24);
    assert_eq!(terminal.ends().code(), Some(0));
    assert!(terminal.text().contains("> current") && terminal.text().contains("o open"), "{}", terminal.text());
    let mut terminal = Terminal::start(&learner.prepare(&["list"], &[]), 80, 24);
    assert_eq!(terminal.ends().code(), Some(0));
    assert!(terminal.text().contains("→ current"), "{}", terminal.text());
}

/// A lesson that does not fit goes through the pager, and what is to be done is said after it.
#[test]
fn a_long_text_goes_through_the_pager() {
    let learner = learner();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let pager = dir.path().join("pager");
    let read = dir.path().join("read");
    fs::write(&pager, format!("cat >{0}\necho \"$LESS\" >>{0}\n", read.display())).expect("written");
    let pager = format!("sh {}", pager.display());
    let command = learner.prepare(&["lesson"], &[("PAGER", &pager)]);
    let mut high = Terminal::start(&command, 80, 24);
    assert_eq!(high.ends().code(), Some(0));
    assert!(high.text().contains("workshop hint") && !read.exists(), "{}", high.text());
    let mut low = Terminal::start(&command, 80, 5);
    assert_eq!(low.ends().code(), Some(0));
    assert!(low.text().contains("workshop hint"), "{}", low.text());
    let read = fs::read_to_string(read).expect("the pager was started");
    assert!(read.contains("Stage 1 of 2") && read.ends_with("\nFRX\n"), "{read}");
}

/// A program that never ends is at work; the save of a right one is not kept waiting by it.
#[test]
fn a_save_calls_off_what_is_at_work() {
    let learner = learner();
    fs::write(learner.file("shout/crier.py"), "while True: pass\n").expect("it is saved");
    let mut terminal = watch(&learner, 80, 24);
    terminal.sees("… 2 runs");
    solve(&learner);
    terminal.sees(PASSED);
    leave(terminal, &learner);
}

/// What is gone is no verdict any more.
#[test]
fn a_folder_that_is_gone_is_told() {
    let learner = learner();
    solve(&learner);
    let mut terminal = watch(&learner, 80, 24);
    terminal.sees(PASSED);
    fs::remove_dir_all(learner.file("shout")).expect("it is removed");
    terminal.sees("✗ can't be verified");
    terminal.sees("workshop reset");
    learner.command(&["reset", "shout"]).success();
    terminal.sees(FAILED);
    leave(terminal, &learner);
}

/// Who looks at a run sees the same one again after a save, as long as it fails.
#[test]
fn the_run_that_is_looked_at_stays() {
    let learner = Learner::new("scripts", "python");
    let mut terminal = Terminal::start(&learner.prepare(&["watch", "echo-line"], &[]), 100, 30);
    terminal.sees("runs failed, in");
    terminal.sees("run ");
    terminal.press("f");
    terminal.sees("failed run 1 of");
    terminal.press(RIGHT);
    terminal.sees("failed run 2 of");
    // Without "failed run 2 of 12": how many fail, and so the run's place among them, is not the same each time.
    let title = |terminal: &Terminal| {
        let row = rows(terminal).into_iter().find(|row| row.contains("failed run")).expect("a title");
        row.split("failed run").next().unwrap_or_default().to_owned()
    };
    let before = title(&terminal);
    remark(&learner.file("echo-line/conversation.py"));
    terminal.sees("…");
    terminal.sees("runs failed, in");
    terminal.sees("failed run ");
    assert_eq!(title(&terminal), before);
    leave(terminal, &learner);
}

/// As editors save: another file is renamed into place, or the folder is another one altogether.
#[test]
fn a_file_that_is_replaced_is_saved() {
    let learner = learner();
    let mut terminal = watch(&learner, 80, 24);
    terminal.sees(FAILED);
    let (new, file) = (learner.file("shout/.crier.py.new"), learner.file("shout/crier.py"));
    fs::copy(course_file("solutions/python/shout/crier.py"), &new).expect("it is written");
    fs::rename(&new, &file).expect("it is renamed");
    terminal.sees(PASSED);
    learner.command(&["reset", "shout"]).success();
    terminal.sees(FAILED);
    solve(&learner);
    terminal.sees(PASSED);
    leave(terminal, &learner);
}

/// Programs that leave files where they are have saved nothing: the verify would begin again for ever.
#[test]
fn a_program_that_writes_a_file_has_not_saved() {
    let learner = learner();
    let right = fs::read_to_string(course_file("solutions/python/shout/crier.py")).expect("it is there");
    let leaves = format!("import os\nopen(f'log-{{os.getpid()}}', 'w').close()\n{right}");
    fs::write(learner.file("shout/crier.py"), leaves).expect("it is saved");
    let mut terminal = watch(&learner, 80, 24);
    terminal.sees(PASSED);
    let log = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("log-");
    let logs = || fs::read_dir(learner.file("shout")).expect("a folder").flatten().filter(log).count();
    assert_eq!(logs(), 2, "one for each run");
    // Another save comes after all of that: only its own two runs are played.
    remark(&learner.file("shout/crier.py"));
    terminal.sees_no(PASSED);
    terminal.sees(PASSED);
    terminal.press("q");
    assert_eq!(terminal.ends().code(), Some(0));
    assert_eq!(logs(), 4, "two for each verify");
}

#[test]
fn saves_are_found_without_being_told() {
    let learner = learner();
    let mut terminal = Terminal::start(&learner.prepare(&["watch", "--poll"], &[]), 80, 24);
    terminal.sees(FAILED);
    solve(&learner);
    terminal.sees(PASSED);
    leave(terminal, &learner);
}

#[test]
fn what_can_not_be_built_is_told_and_fixed() {
    let learner = Learner::new("ahead", "sh");
    let build = learner.file("quick/build.sh");
    let right = fs::read(&build).expect("it is there");
    fs::write(&build, "echo 'error: this is no program' >&2; exit 1\n").expect("it is saved");
    let mut terminal = Terminal::start(&learner.prepare(&["watch", "quick"], &[]), 80, 24);
    terminal.sees("✗ does not build yet");
    terminal.sees("error: this is no program");
    fs::write(&build, right).expect("it is saved");
    terminal.sees("the run passed");
    terminal.sees_no("this is no program");
    leave(terminal, &learner);
}

/// The terminal is as it was before.
fn is_given_back(terminal: &Terminal) {
    let (before, now) = (terminal.settings_before(), terminal.settings());
    assert_eq!(
        (now.input_modes, now.output_modes, now.local_modes, now.control_modes),
        (before.input_modes, before.output_modes, before.local_modes, before.control_modes)
    );
    assert!(!terminal.screen().alternate_screen(), "{}", terminal.text());
    assert!(!terminal.screen().hide_cursor(), "the cursor is to be seen");
}

#[test]
fn whoever_leaves_has_the_terminal_back() {
    let learner = learner();
    for way in ["q", CTRL_C, "SIGTERM", "SIGHUP"] {
        let mut terminal = watch(&learner, 80, 24);
        terminal.sees(FAILED);
        assert!(terminal.screen().alternate_screen());
        assert_ne!(terminal.settings().local_modes, terminal.settings_before().local_modes);
        let id = Pid::from_raw(terminal.id().cast_signed()).expect("a process");
        let code = match way {
            "SIGTERM" => kill_process(id, Signal::TERM).map(|()| 2).expect("it is there"),
            "SIGHUP" => kill_process(id, Signal::HUP).map(|()| 2).expect("it is there"),
            keys => {
                terminal.press(keys);
                0
            }
        };
        assert_eq!(terminal.ends().code(), Some(code), "{way}: {}", terminal.text());
        is_given_back(&terminal);
        assert_eq!(terminal.text().contains("error: stopped by"), code == 2, "{way}: {}", terminal.text());
        learner.nothing_is_left();
    }
}

/// Also in the midst of a verify: what runs is ended.
#[test]
fn whoever_leaves_early_leaves_nothing_running() {
    let learner = learner();
    fs::write(learner.file("shout/crier.py"), "while True: pass\n").expect("it is saved");
    let mut terminal = watch(&learner, 80, 24);
    terminal.sees("… 2 runs");
    leave(terminal, &learner);
}

#[test]
fn the_shell_has_the_terminal_for_a_while() {
    let learner = learner();
    let workshop = learner.prepare(&[], &[]);
    let mut shell = Command::new("bash");
    let line = "set -m; \"$0\" \"$@\"; echo \"away $?\"; fg; echo \"back $?\"";
    shell.arg("-c").arg(line).arg(workshop.get_program()).args(workshop.get_args());
    shell.envs(workshop.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(workshop.get_current_dir().expect("a folder"));
    let mut terminal = Terminal::start(&shell, 80, 24);
    terminal.sees(FAILED);
    terminal.press(CTRL_Z);
    terminal.sees(FAILED);
    terminal.until("it has come back", |screen| screen.alternate_screen() && screen.contents().contains(FAILED));
    terminal.press("q");
    assert_eq!(terminal.ends().code(), Some(0));
    assert!(terminal.text().contains("away 148") && terminal.text().contains("back 0"), "{}", terminal.text());
    learner.nothing_is_left();
}

/// An editor in the terminal: it says what it was given, and has the keyboard.
const EDITOR: &str = "#!/bin/sh\necho \"editing $*\"\nread -r typed\necho \"$* $typed\" >>\"$EDITED\"\n";

#[test]
fn an_editor_has_the_terminal_for_a_while() {
    let learner = learner();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (editor, edited) = (dir.path().join("an-editor"), dir.path().join("edited"));
    fs::write(&editor, EDITOR)
        .and_then(|()| fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)))
        .expect("written");
    let [editor, edited_path] = [&editor, &edited].map(|path| path.to_str().expect("text"));
    let command = learner.prepare(&[], &[("EDITOR", editor), ("EDITED", edited_path)]);
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.sees(FAILED);
    terminal.press("e");
    terminal.sees("editing ");
    // These keys are the editor's: the first of them would leave the view.
    terminal.press("qq\r");
    terminal.sees(FAILED);
    assert!(fs::read_to_string(&edited).expect("it was edited").ends_with("crier.py qq\n"));
    leave(terminal, &learner);
    // Without an editor it says what to do.
    let command = learner.prepare(&[], &[("EDITOR", ""), ("VISUAL", "")]);
    let mut terminal = Terminal::start(&command, 80, 24);
    terminal.sees(FAILED);
    terminal.press("e");
    terminal.sees("no editor is named: set EDITOR");
    leave(terminal, &learner);
}

/// Run by the next test, in a terminal.
#[test]
fn panics_if_it_is_told_to() {
    if std::env::var_os("WORKSHOP_TEST_PANICS").is_none() {
        return;
    }
    let mut screen = workshop::watch::Screen::enter().expect("a terminal");
    let mut view = workshop::watch::View::new(("a stage".to_owned(), 1, 2), workshop::watch::ViewPage::Run);
    screen.show(&mut view).expect("it is shown");
    // Whichever thread it is: here one that does not own the screen.
    let panicked = std::thread::spawn(|| panic!("on purpose")).join();
    assert!(panicked.is_err() && screen.show(&mut view).is_err());
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "panics_if_it_is_told_to", "--nocapture"]);
    command.env("WORKSHOP_TEST_PANICS", "1").env("RUST_BACKTRACE", "0").current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut terminal = Terminal::start(&command, 80, 24);
    assert_eq!(terminal.ends().code(), Some(0), "{}", terminal.text());
    assert!(terminal.text().contains("on purpose"), "{}", terminal.text());
    is_given_back(&terminal);
}

/// The README's picture is one of the real thing: with `PICTURE_OF=FOLDER`, a workspace,
/// its view is written into `docs/pictures/watch.svg` as it is when a verify is over.
#[test]
fn a_picture_of_the_view() {
    let learner = learner();
    let real = std::env::var_os("PICTURE_OF");
    let mut command = learner.prepare(&["watch"], &[]);
    if let Some(folder) = &real {
        command = Command::new(command.get_program());
        command.current_dir(folder);
    }
    let mut terminal = Terminal::start(&command, 96, 30);
    terminal.until("a verdict", |screen| screen.contents().contains("runs failed"));
    let svg = picture::svg(terminal.screen(), "The watch view");
    assert!(svg.contains(">✗ missing-line<") || real.is_some(), "{svg}");
    if real.is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures/watch.svg");
        fs::write(path, svg).expect("it is written");
    }
    terminal.press("q");
    assert_eq!(terminal.ends().code(), Some(0));
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let learner = learner();
    for args in [&[][..], &["watch"]] {
        let done = learner.command(args).code(2);
        assert!(
            done.stderr.contains("needs an interactive terminal") && done.stderr.contains("workshop verify"),
            "{}",
            done.stderr
        );
    }
    assert!(system::processes_of(learner.mark()).is_empty());
}
