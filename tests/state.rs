//! Progress survives being killed at any moment, and two commands at once.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use workshop::progress::WorkspaceState;

fn workshop(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.current_dir(dir).env("WORKSHOP_NO_PREFETCH", "1").env("HOME", dir);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn workspace() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    assert!(workshop(dir.path()).arg("next").status().expect("it starts").success());
    let dot = dir.path().join("p2p-workshop/.workshop");
    (dir, dot)
}

/// A state that takes more than one write: a torn one would show.
fn large(course: &str, filler: usize) -> WorkspaceState {
    let mut state = WorkspaceState::new(course, None, "rust", "duplex-tcp");
    for stage in 0..200 {
        state.stage(&format!("stage-{stage}")).hints = vec![filler; 8];
    }
    state
}

/// Killed 200 times while it writes, the state is always one of those that were written whole.
#[test]
fn killed_at_any_moment_the_state_is_the_old_one_or_the_new_one() {
    let (_dir, dot) = workspace();
    let exe = std::env::current_exe().expect("this test");
    large("p2p-workshop", 0).save(&dot).expect("saved");
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..200_u64 {
        let mut writer = Command::new(&exe)
            .args(["--exact", "helper_that_writes_until_it_is_killed", "--nocapture"])
            .env("STATE_DIR", &dot)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        // Wait for the first write, then for a number of reads of ours that differs each round.
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(writer.stdout.take().expect("piped")));
        assert!(lines.by_ref().map_while(Result::ok).any(|line| line.contains("writing")), "the helper writes");
        for _ in 0..(round * 7) % 13 {
            WorkspaceState::load(&dot).expect("whole while it is being written");
        }
        writer.kill().expect("killed");
        writer.wait().expect("reaped");
        let state = WorkspaceState::load(&dot).expect("whole after the kill");
        let fillers: std::collections::BTreeSet<usize> = state.stages.values().flat_map(|p| p.hints.clone()).collect();
        assert_eq!(state.stages.len(), 200);
        assert_eq!(fillers.len(), 1, "one state, not a mixture of two");
        seen.extend(fillers);
    }
    assert!(seen.len() > 2, "the kills came at different moments: {seen:?}");
}

/// Not a test of its own: the process that the test above kills.
#[test]
fn helper_that_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os("STATE_DIR") else { return };
    for filler in 1.. {
        large("p2p-workshop", filler).save(Path::new(&dir)).expect("saved");
        if filler == 1 {
            println!("writing");
        }
    }
}

#[test]
fn changes_at_the_same_time_are_all_kept() {
    let (_dir, dot) = workspace();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let dot = &dot;
            scope.spawn(move || {
                for change in 0..25 {
                    WorkspaceState::update(dot, |state| {
                        state.stage(&format!("{thread}-{change}")).skipped = true;
                    })
                    .expect("updated");
                }
            });
        }
    });
    let state = WorkspaceState::load(&dot).expect("loaded");
    assert_eq!(state.stages.values().filter(|progress| progress.skipped).count(), 100);
}

#[test]
fn a_state_of_a_newer_format_is_refused_and_left_alone() {
    let (dir, dot) = workspace();
    let path = dot.join("state.json");
    let newer = r#"{"format": 99, "surprise": true}"#;
    fs::write(&path, newer).expect("written");
    let output = workshop(dir.path()).arg("list").output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("newer workshop"), "{stderr}");
    assert_eq!(fs::read_to_string(&path).expect("still there"), newer);
}

#[test]
fn a_damaged_state_is_said_to_be_damaged() {
    let (dir, dot) = workspace();
    fs::write(dot.join("state.json"), "{").expect("written");
    let output = workshop(dir.path()).arg("verify").output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("is damaged") && stderr.contains("move it away"), "{stderr}");
}

/// A clone of a workspace that is kept in git has everything but the `.workshop` folder.
#[test]
fn a_workspace_that_has_lost_its_folder_is_taken_up_again() {
    let (dir, dot) = workspace();
    let root = dot.parent().expect("a folder").to_owned();
    let (mine, lost) = (root.join("duplex-tcp/src/lib.rs"), root.join("chat/src/lib.rs"));
    fs::write(&mine, "// mine\n").expect("written");
    let says = |from: &Path, command: &str| {
        let output = workshop(from).arg(command).stdout(Stdio::piped()).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}");
        said
    };
    // All of it, as in a clone; or only the state, as after it was damaged, and from above.
    fs::remove_dir_all(&dot).expect("removed");
    assert!(says(&root, "next").contains("is restored"));
    assert!(says(&root, "update").contains("up to date"));
    fs::remove_file(dot.join("state.json")).expect("removed");
    assert!(says(dir.path(), "next").contains("is restored"));
    assert!(!says(dir.path(), "next").contains("is restored"), "once");
    // What is not there is no deletion of the learner's.
    fs::remove_dir_all(&dot).expect("removed");
    fs::remove_file(&lost).expect("removed");
    says(&root, "next");
    assert!(says(&root, "update").contains("1 file brought up to date") && lost.exists());
    assert_eq!(fs::read_to_string(&mine).expect("there"), "// mine\n");
    assert!(!root.join("p2p-workshop").exists(), "no other one in it");
}

#[test]
fn a_workspace_of_another_course_is_not_taken_over() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(dir.path().join(".workshop")).expect("made");
    let output = workshop(dir.path()).arg("next").output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--course"));
    assert!(!dir.path().join("p2p-workshop").exists());
}
