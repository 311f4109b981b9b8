//! Builds a package into programs, in the same way for every party.
//!
//! The track names the command that builds. Each party has an output folder for each stage, all share one cache, and
//! editors build elsewhere: a verify and rust-analyzer never wait for each other. A package that is not edited, and
//! has been built from the same files by the same command, is not built again.

mod lines;
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::EXE_EXTENSION;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::course::{Party, Track, fill_words, names_role};
use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::files::remove_file;
use crate::hash::stable_hash;
use crate::machine::room::Before;
use crate::machine::{is_noexec, machine_failure};
use crate::process::{Group, LEAK_GRACE, PeerCommand};
use crate::runs::Programs;
use crate::sandbox::Sandbox;

use lines::{ToolLine, ToolLines};
use sources::{Sources, Tried};

/// What is built, and where it goes.
#[derive(Debug, Clone)]
pub struct Package {
    /// Whose it is.
    pub party: Party,
    /// The stage's name.
    pub stage: String,
    /// The roles whose programs it makes.
    pub roles: Vec<String>,
    /// It is being edited: only the build tool knows everything that it depends on, so it is run each time.
    pub edited: bool,
    /// The files that a learner was given, below the package: one that is missing explains why a build fails.
    pub given: Vec<PathBuf>,
    /// The files that a learner was given beside all packages.
    pub beside: Vec<PathBuf>,
    /// The folder of all packages.
    pub root: PathBuf,
    /// The folder for what is built of this package.
    pub out: PathBuf,
    /// The cache that all builds share.
    pub cache: PathBuf,
    /// Show errors in colour.
    pub colour: bool,
    /// It is a stranger's: it is built and run in a sandbox.
    pub sandboxed: bool,
}

/// How a build went.
pub enum BuildOutcome {
    /// It was built from exactly these files before.
    Fresh,
    /// It was built.
    Built {
        /// How long it took.
        took: Duration,
        /// What the tool printed.
        output: String,
    },
    /// It can't be built: what the tool printed, errors first.
    Failed(String),
}

/// The folder for dependencies: the one that `WORKSHOP_CACHE` names, which several workspaces can share, or this one.
pub fn cache(own: PathBuf) -> PathBuf {
    std::env::var_os("WORKSHOP_CACHE").filter(|path| !path.is_empty()).map_or(own, PathBuf::from)
}

/// At most this many bytes of a build tool's output are shown.
const MAX_OUTPUT: usize = 1 << 20;

/// What to do when a tool can't be started.
const NOT_INSTALLED: &str = "is the language of this track installed? `workshop doctor` checks; it is named under \
                             `build` of the track in exercises/course.yaml";

/// What the last good build was made from.
const BUILT_FROM: &str = ".built-from";

/// What the last build, successful or not, was tried from.
const TRIED: &str = ".tried";

impl Package {
    /// The stage's own folder.
    pub fn dir(&self) -> PathBuf {
        self.root.join(&self.stage)
    }

    /// The `{number}` of a [`Track`]'s command: the same for the same folder, and almost certainly a different one
    /// for another (one in a thousand million is equal).
    fn number(&self) -> u64 {
        256 + stable_hash(&self.root) % 1_000_000_000
    }

    fn fill(&self, text: &str, role: &str) -> String {
        fill_words(text, &|word| {
            let path = match word {
                "stage" => return Some(self.stage.clone()),
                "number" => return Some(self.number().to_string()),
                "colour" => return Some(if self.colour { "always" } else { "never" }.to_owned()),
                "role" => return Some(role.to_owned()),
                "root" => self.root.clone(),
                "package" => self.dir(),
                "out" => self.out.clone(),
                "cache" => self.cache.clone(),
                _ => return None,
            };
            Some(path.to_string_lossy().into_owned())
        })
    }

    fn env(&self, track: &Track) -> BTreeMap<String, String> {
        let mut env: BTreeMap<String, String> =
            track.env.iter().map(|(key, value)| (key.clone(), self.fill(value, ""))).collect();
        if self.sandboxed {
            // A sandbox passes on nothing else.
            let named = track.reads.iter().filter_map(|word| word.strip_prefix('$')?.split('/').next());
            env.extend(named.filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))));
        }
        env
    }

    /// The command that builds it. A word that names the role appears once for each role.
    fn build_command(&self, track: &Track) -> Vec<String> {
        let fill = |word: &String| match names_role(word) {
            true => self.built_roles(track).map(|role| self.fill(word, role)).collect(),
            false => vec![self.fill(word, "")],
        };
        track.build.iter().flat_map(fill).collect()
    }

    /// The roles whose programs the build makes.
    fn built_roles(&self, track: &Track) -> impl Iterator<Item = &String> {
        self.roles.iter().filter(|role| track.builds(role))
    }

    /// The command that lists the mutants of the package.
    pub fn mutants_command(&self, track: &Track) -> Vec<String> {
        track.mutants.iter().map(|word| self.fill(word, "")).collect()
    }

    /// Runs that command; returns its output.
    ///
    /// # Errors
    /// It can't be started.
    pub fn list_mutants(&self, track: &Track) -> std::io::Result<std::process::Output> {
        let words = self.mutants_command(track);
        let (program, args) = words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        std::process::Command::new(program)
            .args(args)
            .envs(self.env(track))
            .current_dir(&self.root)
            .stdin(std::process::Stdio::null())
            .output()
    }

    /// The command that runs a role.
    pub fn command(&self, track: &Track, role: &str) -> PeerCommand {
        let mut run: Vec<String> = track.run_of(role).iter().map(|word| self.fill(word, role)).collect();
        if let Some(found) = self.program(track, role).and_then(|path| self.find(&path)) {
            run[0] = found.to_string_lossy().into_owned();
        }
        let reads = || {
            let own = [self.out.clone(), self.dir()];
            own.into_iter().chain(Sandbox::reads_of(&track.reads)).collect()
        };
        let sandbox = self.sandboxed.then(|| Sandbox { reads: reads(), ..Sandbox::default() });
        PeerCommand { run, env: self.env(track), dir: self.dir(), parts: false, memory: None, sandbox }
    }

    /// Forgets that it is built: the next build runs the tool again.
    pub fn forget(&self) {
        let _ = fs::remove_file(self.out.join(BUILT_FROM));
    }

    /// Builds the package, unless it is up to date. `line` receives what the tool prints.
    ///
    /// # Errors
    /// The tool can't be started, or the files can't be read.
    pub async fn build(&self, track: &Track, line: &mut dyn FnMut(&str)) -> Result<BuildOutcome> {
        if track.build.is_empty() {
            return Ok(BuildOutcome::Fresh);
        }
        let sources = self.sources(track)?;
        let built_from = self.out.join(BUILT_FROM);
        let as_built = || fs::read_to_string(&built_from).is_ok_and(|old| old == sources.stamp());
        if !self.edited && as_built() && self.lacks(track).is_none() {
            return Ok(BuildOutcome::Fresh);
        }
        fs::create_dir_all(&self.out).map_err(|error| Error::io("make", &self.out, &error))?;
        let _ = fs::remove_file(&built_from);
        let (start, before) = (Instant::now(), Before::now());
        let tried = Tried::after(&self.out.join(TRIED), self.programs(track));
        tried.touch_changed(&sources)?;
        self.remove_programs(track)?;
        tried.write(&sources)?;
        let (success, output) = self.run_tool(track, line).await?;
        // A file that was saved meanwhile may have been built or not.
        let now = self.sources(track)?;
        tried.write(&sources.common(&now))?;
        if !success && let Some(trouble) = self.trouble(&output, &before) {
            return Err(trouble);
        }
        if !success {
            let errors = errors_first(&output, track.error.as_deref());
            return Ok(BuildOutcome::Failed(errors + &self.missing_files()));
        }
        if let Some((role, path)) = self.lacks(track) {
            return Ok(BuildOutcome::Failed(no_program(role, &path, self.edited)));
        }
        if now == sources {
            fs::write(&built_from, sources.stamp()).map_err(|error| Error::io("write", &built_from, &error))?;
        }
        Ok(BuildOutcome::Built { took: start.elapsed(), output })
    }

    /// What to say of the files that the learner was given and that are no longer there; empty when there are none.
    fn missing_files(&self) -> String {
        let beside = self.beside.iter().filter(|path| !self.root.join(path).exists());
        let beside: String = beside.map(|path| format!("  {}\n", path.display())).collect();
        if !beside.is_empty() {
            return format!("\nfiles of the workspace are missing:\n{beside}`workshop update` restores them\n");
        }
        let missing = self.given.iter().filter(|path| !self.dir().join(path).exists());
        let lines: String = missing.map(|path| format!("  {}/{}\n", self.stage, path.display())).collect();
        if lines.is_empty() {
            return lines;
        }
        format!(
            "\nfiles of the stage are missing:\n{lines}\
             were they renamed or removed? `workshop reset` restores the files of the stage,\n\
             and keeps yours as a backup\n"
        )
    }

    /// The program of a role, where the build puts it; `None` where the track runs something else,
    /// such as the interpreter of a script.
    fn program(&self, track: &Track, role: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.fill(track.run_of(role).first()?, role));
        path.starts_with(&self.out).then(|| with_suffix(path, EXE_EXTENSION))
    }

    /// Where a program is: at its path, or below one more folder of the output. A learner's own settings, such as
    /// `build.target` of cargo, may put programs into a folder for each kind of machine.
    fn find(&self, path: &Path) -> Option<PathBuf> {
        // Asked at each start of a peer: as a rule, no folder needs to be read.
        if path.is_file() {
            return Some(path.to_owned());
        }
        self.places(path).into_iter().find(|path| path.is_file())
    }

    /// Everywhere that a program may be.
    fn places(&self, path: &Path) -> Vec<PathBuf> {
        let below = path.strip_prefix(&self.out).unwrap_or(path);
        let folders = fs::read_dir(&self.out).into_iter().flatten().flatten().map(|entry| entry.path());
        let in_folders = folders.filter(|folder| folder.is_dir()).map(|folder| folder.join(below));
        std::iter::once(path.to_owned()).chain(in_folders).collect()
    }

    /// The programs of all roles: where they are, or else where they belong.
    fn programs(&self, track: &Track) -> impl Iterator<Item = PathBuf> {
        let paths = self.roles.iter().filter_map(|role| self.program(track, role));
        paths.map(|path| self.find(&path).unwrap_or(path))
    }

    /// The first role whose program is missing, and where it would be.
    fn lacks(&self, track: &Track) -> Option<(&str, PathBuf)> {
        let mut programs = self.roles.iter().filter_map(|role| Some((role.as_str(), self.program(track, role)?)));
        programs.find(|(_, path)| self.find(path).is_none())
    }

    /// Build tools leave programs in place that they no longer make. A role whose file was renamed would run the old
    /// program.
    fn remove_programs(&self, track: &Track) -> Result<()> {
        let paths = self.roles.iter().filter_map(|role| self.program(track, role));
        paths.flat_map(|path| self.places(&path)).try_for_each(|path| remove_file(&path))
    }

    /// A mark of everything that a build depends on; it changes when anything of that changes. Of the package's own
    /// files, those count that `counts` accepts, by their path below the package: files that its programs write do
    /// not.
    ///
    /// # Errors
    /// The files can't be read.
    pub fn mark(&self, track: &Track, counts: &dyn Fn(&Path) -> bool) -> Result<u64> {
        let dir = self.dir();
        Ok(self.sources(track)?.mark(&|path| path.strip_prefix(&dir).map_or(true, counts)))
    }

    async fn run_tool(&self, track: &Track, line: &mut dyn FnMut(&str)) -> Result<(bool, String)> {
        let command = self.build_command(track);
        // The tool by its name: its arguments are the course's, and say nothing of what is wrong.
        let fail = |what: &str, error: std::io::Error| {
            Error::new(format!("cannot {what} `{}`, which builds `{}`", command[0], self.stage)).because(error)
        };
        let words = self.sandboxed_build(track, &command);
        let mut tool = tokio::process::Command::new(&words[0]);
        tool.args(&words[1..]).envs(self.env(track)).current_dir(&self.root);
        tool.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // In a group: the compilers that it starts end with it when the runner is interrupted.
        let mut tool = Group::spawn(tool).map_err(|error| {
            let help = Fault::of(&error).map_or(NOT_INSTALLED, Fault::help);
            fail("start", error).help(help)
        })?;
        let mut output = String::new();
        let mut told = |printed: ToolLine| {
            let (ToolLine::Said(bytes) | ToolLine::Passing(bytes)) = &printed;
            // Tools clear the rest of a line that they overwrite.
            let text = String::from_utf8_lossy(bytes).replace("\u{1b}[K", "");
            line(&text);
            if matches!(printed, ToolLine::Passing(_)) {
                return;
            }
            // A tool that never stops printing is cut short.
            if output.len() < MAX_OUTPUT {
                output.push_str(&text);
                output.push('\n');
            }
        };
        let stderr = tool.stderr().ok_or_else(|| fail("listen to", std::io::ErrorKind::BrokenPipe.into()))?;
        let mut lines = ToolLines::of(stderr);
        let status = loop {
            tokio::select! {
                biased;
                printed = lines.next() => match printed {
                    Ok(Some(printed)) => told(printed),
                    _ => break tool.wait().await,
                },
                status = tool.wait() => {
                    // A helper that the tool leaves behind may hold its output open for ever.
                    let rest = async { while let Ok(Some(printed)) = lines.next().await { told(printed); } };
                    let _ = tokio::time::timeout(LEAK_GRACE, rest).await;
                    break status;
                }
            }
        };
        let status = status.map_err(|error| fail("wait for", error))?;
        Ok((status.success(), output))
    }

    /// The command that builds, in a sandbox if the package is a stranger's.
    fn sandboxed_build(&self, track: &Track, command: &[String]) -> Vec<String> {
        if !self.sandboxed {
            return command.to_vec();
        }
        let reads = std::iter::once(self.root.clone()).chain(Sandbox::reads_of(&track.reads)).collect();
        let writes = [&self.out, &self.cache].into_iter().filter(|path| path.is_dir()).cloned().collect();
        Sandbox { reads, writes, build: true }.command(command.to_vec(), &self.root, &self.env(track))
    }

    /// What kept the tool from building, if it was not the package: the tool reports what it lacked, and that is
    /// true; see [`machine`].
    fn trouble(&self, output: &str, before: &Before) -> Option<Error> {
        let temporary = std::env::temp_dir();
        let folders = [self.out.as_path(), &self.cache, &temporary];
        let lacked = before.lacked(output, false, &folders);
        // A compiler is large: once it is killed, there is room again.
        let killed = || {
            let is = output.contains("SIGKILL") && before.has_killed();
            is.then(|| machine_failure(Fault::Memory, "The system killed the compiler: no memory was left.".to_owned()))
        };
        // Some tools start programs that they have built.
        let noexec = || {
            let on = folders.iter().find(|folder| Fault::NoExec.is_said(output) && is_noexec(folder))?;
            Some(machine_failure(Fault::NoExec, format!("{} is on a disk that is mounted `noexec`.", on.display())))
        };
        let failure = lacked.or_else(killed).or_else(noexec)?;
        let message = format!("the machine keeps `{}` from being built", self.stage);
        Some(Error::new(message).because(failure.say).help(failure.help))
    }

    /// Everything that a build depends on, with hashes: the command, and the files of all packages, because one may
    /// use another.
    fn sources(&self, track: &Track) -> Result<Sources> {
        let command = self.build_command(track);
        let (mut sources, mut seen) = (Sources::of(&(command, &track.env)), BTreeSet::new());
        // First the required ones, so that a missing one is reported.
        let needed = std::iter::once(&self.stage).chain(&track.shared).map(|package| self.root.join(package));
        for dir in needed.chain([self.root.clone()]) {
            sources.add(&dir, &mut seen).map_err(|error| {
                Error::io("read", &dir, &error).help(
                    "was it moved? `workshop update` brings the course's changes, `workshop reset` restores a stage's \
                     files",
                )
            })?;
        }
        Ok(sources)
    }
}

/// The file of a program: where the system wants an extension (`exe`), a track need not say so.
fn with_suffix(mut path: PathBuf, extension: &str) -> PathBuf {
    if !extension.is_empty() && path.extension().is_none() {
        path.set_extension(extension);
    }
    path
}

/// The message when the tool succeeds but a role has no program. `edited`: a learner can have renamed its file.
fn no_program(role: &str, path: &Path, edited: bool) -> String {
    let help = if edited {
        "was its file renamed or removed? `workshop reset` restores the files of the\n  stage, and keeps yours as a backup"
    } else {
        "in exercises/course.yaml, `build` of the track is to make it, and `run` names\n  it: is it spelt right in both?"
    };
    format!(
        "error: there is no program for the role `{role}`\n  the build succeeds, but does not make {}\n  {help}\n",
        path.display()
    )
}

/// Keeps the blocks that are errors, if there are any, and leaves out the rest.
fn errors_first(output: &str, error: Option<&str>) -> String {
    let Some(regex) = error.and_then(|source| regex_lite::Regex::new(source).ok()) else { return output.to_owned() };
    let ansi = regex_lite::Regex::new("\u{1b}\\[[0-9;]*m").ok();
    let plain =
        |text: &str| ansi.as_ref().map_or_else(|| text.to_owned(), |ansi| ansi.replace_all(text, "").into_owned());
    let mut blocks: Vec<String> = Vec::new();
    for line in output.lines() {
        let starts_block =
            !plain(line).starts_with([' ', '\t']) && blocks.last().is_none_or(|block| block.ends_with("\n\n"));
        match blocks.last_mut() {
            Some(block) if !starts_block => block.push_str(line),
            _ => blocks.push(line.to_owned()),
        }
        if let Some(block) = blocks.last_mut() {
            block.push('\n');
        }
    }
    let (errors, rest): (Vec<_>, Vec<_>) =
        blocks.into_iter().partition(|block| block.lines().any(|line| regex.is_match(&plain(line))));
    if errors.is_empty() { rest.concat() } else { errors.concat() }
}

/// The programs of a stage, for every party.
pub struct Built<'t> {
    /// The track.
    pub track: &'t Track,
    /// The learner's package, or the one that takes its place.
    pub you: Package,
    /// The reference's.
    pub reference: Package,
}

impl Programs for Built<'_> {
    fn command(&self, party: Party, role: &str) -> PeerCommand {
        match party {
            Party::You => self.you.command(self.track, role),
            Party::Reference | Party::Stage => self.reference.command(self.track, role),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_with_a_command_of_its_own_is_run_by_it() {
        let track = "  t: {title: T, templates: t, solutions: s, edit: [.], build: [make, \"{role}\"], run: [\"{out}/{role}\"], \
                     run-role: {web: [curl, --silent], fast: [\"{out}/fast\", -x]}}";
        let course = format!("name: c\ntitle: C\nstages: [s]\ntracks:\n{track}\n");
        let course = crate::course::Course::parse("course.yaml", &course).expect("a course");
        let track = &course.tracks["t"];
        let package = Package {
            party: Party::You,
            stage: "s".to_owned(),
            roles: ["a", "fast", "web"].map(str::to_owned).to_vec(),
            edited: false,
            given: Vec::new(),
            beside: Vec::new(),
            root: "/root".into(),
            out: "/out".into(),
            cache: "/cache".into(),
            colour: false,
            sandboxed: false,
        };
        assert_eq!(package.build_command(track), ["make", "a", "fast"], "nothing is built for curl");
        let run = |role| package.command(track, role).run;
        assert_eq!(run("a"), ["/out/a"]);
        assert_eq!(run("fast"), ["/out/fast", "-x"]);
        assert_eq!(run("web"), ["curl", "--silent"]);
    }

    #[test]
    fn a_program_has_the_extension_of_the_system() {
        let file = |path: &str, extension| with_suffix(path.into(), extension).display().to_string();
        assert_eq!(file("out/debug/a", ""), "out/debug/a");
        assert_eq!(file("out/debug/a", "exe"), "out/debug/a.exe");
        assert_eq!(file("out/debug/a.cmd", "exe"), "out/debug/a.cmd");
    }
}
