//! What programs of strangers may see and do: a sandbox of Linux namespaces, made by `bwrap` (bubblewrap).
//!
//! There are two walls. The command that grades runs in a network namespace of its own, which has loopback and nothing
//! else: no service of the machine and nothing outside of it can be reached. Each program runs in namespaces of its
//! own inside of that: it sees the system's programs and libraries, its own files and an empty `/tmp`, no other
//! process, and no environment but the track's. When its first process ends, the kernel ends all others.

mod layer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use layer::Layer;

use crate::error::{Error, Result};

/// The program that makes namespaces.
const BWRAP: &str = "bwrap";

/// Says to the command inside of the outer wall where it is.
const INSIDE: &str = "WORKSHOP_GRADE_INSIDE";

/// The system's own folders and files, as far as there are any: what a program or a compiler is linked with.
const SYSTEM: [&str; 14] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/ssl",
];

/// Variables that are passed on, beside those of the track.
const PASSED_ON: [&str; 4] = ["HOME", "LANG", "LC_ALL", "PATH"];

/// Bytes in `/tmp`.
const TMP: &str = "268435456";

/// The limits of a program: no core files, files of 64 MiB, 512 open files, 2 GiB of data, 60 s of processor time, 256
/// processes and threads. Shells name the last one in two ways.
const LIMITS: &str = "ulimit -c 0; ulimit -f 131072; ulimit -n 512; ulimit -d 2097152; ulimit -t 60; \
                      ulimit -u 256 2>/dev/null || ulimit -p 256 2>/dev/null; exec \"$@\"";

/// The limits of a build: no core files, files of 2 GiB, two minutes of processor time for each of its processes.
const BUILD_LIMITS: &str = "ulimit -c 0; ulimit -f 4194304; ulimit -t 120; exec \"$@\"";

/// What a program may see and do beside what all may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sandbox {
    /// What it may read.
    pub reads: Vec<PathBuf>,
    /// What it may change.
    pub writes: Vec<PathBuf>,
    /// It is a build: it may take longer, and write larger files.
    pub build: bool,
}

impl Sandbox {
    /// The folders that a track names under `reads`: `~/` is the home, `$NAME` a variable. What is not there is left
    /// out.
    pub fn reads_of(words: &[String]) -> Vec<PathBuf> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let path = |word: &String| match (word.strip_prefix("~/"), word.strip_prefix('$')) {
            (Some(below), _) => home.as_ref().map(|home| home.join(below)),
            (None, Some(name)) => {
                let (name, below) = name.split_once('/').unwrap_or((name, ""));
                std::env::var_os(name).map(|folder| Path::new(&folder).join(below))
            }
            (None, None) => Some(PathBuf::from(word)),
        };
        words.iter().filter_map(path).filter(|path| path.is_absolute() && path.exists()).collect()
    }

    /// The command that runs this one in the sandbox.
    pub fn command(&self, command: Vec<String>, dir: &Path, env: &BTreeMap<String, String>) -> Vec<String> {
        let mut words: Vec<String> = [
            BWRAP,
            "--unshare-user",
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--unshare-cgroup-try",
            "--die-with-parent",
            "--uid",
            "65534",
            "--gid",
            "65534",
            "--hostname",
            "sandbox",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
        for path in SYSTEM.iter().map(Path::new) {
            let shown = path.to_string_lossy();
            match path.read_link() {
                Ok(target) => add(&["--symlink", &target.to_string_lossy(), &shown]),
                Err(_) => add(&["--ro-bind-try", &shown, &shown]),
            }
        }
        add(&["--proc", "/proc", "--dev", "/dev", "--size", TMP, "--tmpfs", "/tmp"]);
        for (how, paths) in [("--ro-bind-try", &self.reads), ("--bind", &self.writes)] {
            paths.iter().map(|path| path.to_string_lossy()).for_each(|path| add(&[how, &path, &path]));
        }
        add(&["--chdir", &dir.to_string_lossy(), "--clearenv", "--setenv", "TMPDIR", "/tmp"]);
        for (name, value) in PASSED_ON.iter().filter_map(|name| Some((name, std::env::var(name).ok()?))) {
            add(&["--setenv", name, &value]);
        }
        for (name, value) in env {
            add(&["--setenv", name, value]);
        }
        add(&["--", "/bin/sh", "-c", if self.build { BUILD_LIMITS } else { LIMITS }, "sh"]);
        words.extend(command);
        words
    }
}

/// The isolation that there is inside: with a layer for each submission, or without.
pub fn level(layered: bool) -> &'static str {
    if layered { "namespaces" } else { "namespaces, shared cache" }
}

/// Did the sandbox itself fail, and not the program in it? That is what this standard error says.
pub fn failed(stderr: &[u8]) -> bool {
    stderr.starts_with(b"bwrap: ")
}

/// Is this command inside of the outer wall? That is seen from the network, and not taken from a variable alone.
pub fn is_inside() -> bool {
    let is_said = std::env::var_os(INSIDE).is_some();
    let interfaces = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let names: Vec<&str> = interfaces.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    is_said && names == ["lo"]
}

/// The command that runs this one inside of the outer wall.
fn outer() -> std::process::Command {
    let mut command = std::process::Command::new(BWRAP);
    // This command may do there what root may, in namespaces that are its own: that is how it makes a layer. Programs of
    // strangers have an inner wall around them, and none of these rights.
    command.args(["--dev-bind", "/", "/", "--unshare-net", "--unshare-user", "--uid", "0", "--gid", "0"]);
    command.args(["--cap-add", "ALL", "--die-with-parent", "--setenv", INSIDE, "1", "--"]);
    command
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// Can both walls be made here? Found out by making them.
///
/// # Errors
/// What is lacking, and what to do.
pub fn works() -> Result<()> {
    if is_root() {
        return Err(Error::new("as root, submissions can't be graded")
            .because("the system sets root no limits, such as on the number of processes")
            .help("grade as an ordinary user"));
    }
    if std::env::var_os(INSIDE).is_some() {
        return Err(Error::new(format!("{INSIDE} is set, but there is a network here"))
            .help("unset it: this command sets it by itself"));
    }
    let inner = Sandbox::default().command(vec!["true".to_owned()], Path::new("/"), &BTreeMap::new());
    let tried = outer().args(inner).stdin(std::process::Stdio::null()).output();
    let cannot = || Error::new("programs of strangers can't be kept apart from this machine");
    let help = "`--trust-submissions` runs them with all your rights: only where there is nothing to lose";
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(cannot().because(said).help(format!(
                "the system has to allow namespaces to users who are not root (on Ubuntu: an AppArmor profile for bwrap; in \
                 a container: its runtime's settings). {help}"
            )))
        }
        Err(error) => {
            Err(cannot().because(format!("{BWRAP}: {error}")).help(format!("install bubblewrap, on Linux. {help}")))
        }
    }
}

/// The command that starts this program again inside of an outer wall of its own, with the same arguments.
///
/// # Errors
/// It can't be found.
pub fn inside() -> std::io::Result<std::process::Command> {
    let mut command = outer();
    command.arg(std::env::current_exe()?).args(std::env::args_os().skip(1));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::Sandbox;
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    #[test]
    fn only_what_is_named_is_seen() {
        let sandbox = Sandbox { reads: vec!["/opt/own".into()], writes: vec!["/scratch".into()], build: false };
        let env = BTreeMap::from([("NAME".to_owned(), "value".to_owned())]);
        let words = sandbox.command(vec!["/opt/own/a".to_owned(), "1".to_owned()], Path::new("/opt/own"), &env);
        let all = words.join(" ");
        assert!(all.contains("--ro-bind-try /opt/own /opt/own --bind /scratch /scratch"), "{all}");
        assert!(all.contains("--clearenv") && all.contains("--setenv NAME value"), "{all}");
        assert!(all.ends_with("sh /opt/own/a 1"), "{all}");
        assert!(!words.iter().any(|word| word == "/home" || word == "/etc" || word == "/"), "{all}");
    }

    #[test]
    fn what_a_track_reads_is_there() {
        let words = ["~/", "$NO_SUCH_VARIABLE/x", "/no/such/folder", "/usr", "relative"].map(str::to_owned);
        let reads = Sandbox::reads_of(&words);
        assert!(reads.contains(&PathBuf::from("/usr")), "{reads:?}");
        assert!(!reads.iter().any(|path| path.starts_with("/no")), "{reads:?}");
        assert!(reads.len() <= 2, "{reads:?}");
    }
}
