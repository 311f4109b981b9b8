//! The stage `replication` against the original: its writer and its viewer replicate over TCP with
//! those of Hypercore in JavaScript, in both directions.
//!
//! The packages of `tests/hypercore/package-lock.json` are installed into the target folder. Where
//! there is no `node` these tests say so and are over, but for CI: there it is a failure.

use std::io::{BufRead, BufReader, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use std::{env, fs, thread};

/// So often each pair is played.
const TIMES: usize = 20;

/// Nothing here takes longer, on a machine that does a hundred other things.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn javascript_10_writes_and_we_view() {
    javascript_writes("10");
}

#[test]
fn javascript_11_writes_and_we_view() {
    javascript_writes("11");
}

#[test]
fn we_write_and_javascript_10_views() {
    javascript_views("10");
}

#[test]
fn we_write_and_javascript_11_views() {
    javascript_views("11");
}

/// A key that is a hash: no point of the curve, or one by chance. Either way the viewer says what it needs.
#[test]
fn javascript_11_writes_in_its_own_format() {
    let Some(tools) = &*TOOLS else { return };
    let (mut refused, mut tried) = (0, 0);
    for round in 0.. {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut writer = tools.javascript("11-default", &["writer", &path("writer"), "alice"]);
        let key = writer.line_with("key ");
        let address = writer.line_with("listening on ");
        writer.types("one");
        writer.message();
        let mut viewer = tools.ours("viewer", &[&path("viewer"), &key, &address]);
        let line = viewer.message();
        assert!(line.contains("compat: true"), "{line}");
        match line.starts_with("cannot replicate: ") {
            true => tried += 1,
            false => refused += 1,
        }
        if refused > 0 && tried > 0 {
            break;
        }
        assert!(round < 100, "one in two hashes is a point: {tried} of {}", refused + tried);
    }
}

fn javascript_writes(version: &str) {
    let Some(tools) = &*TOOLS else { return };
    for round in 0..TIMES {
        converse(round, &|folder| tools.javascript(version, &["writer", folder, "alice"]), &|folder, key, address| {
            tools.ours("viewer", &[folder, key, address])
        });
    }
}

fn javascript_views(version: &str) {
    let Some(tools) = &*TOOLS else { return };
    for round in 0..TIMES {
        converse(round, &|folder| tools.ours("writer", &[folder, "alice"]), &|folder, key, address| {
            tools.javascript(version, &["viewer", folder, key, address])
        });
    }
}

/// History, then live: each message once, in order, as it was written.
fn converse(round: usize, writer: &dyn Fn(&str) -> Peer, viewer: &dyn Fn(&str, &str, &str) -> Peer) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut writer = writer(&path("writer"));
    let key = writer.line_with("key ");
    let address = writer.line_with("listening on ");
    let mut expected = Vec::new();
    let mut say = |writer: &mut Peer, text: &str| {
        writer.types(text);
        let line = writer.message();
        assert!(line.ends_with(&format!(" alice: {text}")), "{line} is not {text}");
        expected.push(line);
    };
    say(&mut writer, "one");
    say(&mut writer, "Grüße, 你好 🙂");
    let mut viewer = viewer(&path("viewer"), &key, &address);
    let mut heard = vec![viewer.message(), viewer.message()];
    // One at a time and, now and then, many at once.
    say(&mut writer, "three");
    heard.push(viewer.message());
    say(&mut writer, "four");
    heard.push(viewer.message());
    if round.is_multiple_of(5) {
        writer.types("/many 300");
        let many: Vec<String> = (0..300).map(|_| writer.message()).collect();
        assert!(many[299].ends_with(" alice: 300"), "{}", many[299]);
        expected.extend(many);
        heard.extend((0..300).map(|_| viewer.message()));
    }
    assert_eq!(heard, expected, "round {round}");
    for peer in [&mut writer, &mut viewer] {
        peer.ends();
    }
}

/// A peer in a process of its own.
struct Peer {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Peer {
    fn start(mut command: Command) -> Peer {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|reason| panic!("{command:?}: {reason}"));
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Peer { name: format!("{command:?}"), input: child.stdin.take(), child, lines }
    }

    fn types(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it has not ended");
        writeln!(input, "{line}").unwrap_or_else(|reason| panic!("{}: {reason}", self.name));
    }

    fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap_or_else(|reason| panic!("no line of {}: {reason}", self.name))
    }

    /// The rest of the next line, which begins so.
    fn line_with(&mut self, start: &str) -> String {
        let line = self.line();
        let rest = line.strip_prefix(start);
        rest.unwrap_or_else(|| panic!("{line:?} does not begin with {start:?}")).to_owned()
    }

    /// The next message; only our own programs tell of other things.
    fn message(&mut self) -> String {
        loop {
            let line = self.line();
            if !line.starts_with(['(', 'l']) {
                return line;
            }
        }
    }

    /// It ends when its input does, and has said no more.
    fn ends(&mut self) {
        self.input = None;
        let status = self.child.wait().expect("it is ours");
        assert!(status.success(), "{}: {status}", self.name);
        let rest: Vec<String> = self.lines.iter().filter(|line| !line.starts_with(['(', 'l'])).collect();
        assert_eq!(rest, Vec::<String>::new(), "{}", self.name);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What both sides are started with: made once, for all tests.
struct Tools {
    programs: PathBuf,
    packages: PathBuf,
}

static TOOLS: LazyLock<Option<Tools>> = LazyLock::new(|| {
    let there = |tool: &str| Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !there("node") || !there("npm") {
        assert!(env::var_os("CI").is_none(), "CI needs node and npm: .ci/run installs them");
        // Past the test harness, which keeps what a test that passes prints to itself.
        let _ = writeln!(stderr(), "SKIPPED: no node and npm here, so nothing was played against JavaScript");
        return None;
    }
    Some(Tools { programs: build(), packages: install() })
});

impl Tools {
    fn ours(&self, role: &str, args: &[&str]) -> Peer {
        let mut command = Command::new(self.programs.join(role));
        command.args(args);
        Peer::start(command)
    }

    fn javascript(&self, version: &str, args: &[&str]) -> Peer {
        let mut command = Command::new("node");
        command.arg(self.packages.join("peer.js")).arg(version).args(args);
        Peer::start(command)
    }
}

/// The solution's programs. What they depend on is shared with the test of all stages.
fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hypercore/target");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("solutions/rust/Cargo.toml");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--package", "replication", "--bins", "--manifest-path"]);
    cargo.arg(manifest).env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS");
    cargo.env("CARGO_BUILD_BUILD_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    succeeds(cargo);
    target.join("debug")
}

/// The packages of the lock file, unless they are there.
fn install() -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hypercore");
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hypercore/packages");
    fs::create_dir_all(&to).expect("made");
    let lock = fs::read(from.join("package-lock.json")).expect("a lock file");
    let installed = to.join("node_modules/.installed");
    for file in ["package.json", "package-lock.json", ".npmrc", "peer.js"] {
        fs::copy(from.join(file), to.join(file)).expect("copied");
    }
    if fs::read(&installed).is_ok_and(|from| from == lock) {
        return to;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(&to);
    succeeds(npm);
    fs::write(installed, lock).expect("written");
    to
}

fn succeeds(mut command: Command) {
    let output = command.output().unwrap_or_else(|reason| panic!("{command:?}: {reason}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
}
