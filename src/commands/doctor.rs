//! `workshop doctor`: does this machine have what is needed?

pub mod grade;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use colored::Colorize;

use super::context;
use super::verify::StageVerify;
use crate::assets::{Catalog, Origin};
use crate::build::Package;
use crate::cli::Chosen;
use crate::course::{DoctorCheck, Party, fill_words};
use crate::error::Result;
use crate::event::{Event, Reporter};
use crate::fault::Fault;
use crate::machine::{ports, proc_is_ours};
use crate::pattern::escape;
use crate::quiescence::SocketTable;
use crate::report::{Spinner, build_progress, plain, print, progress_line, render_error, width, wrap};
use crate::runtime::block_on;
use crate::verify::{Selection, new_seed};
use crate::workspace::Workspace;

/// With fewer free bytes on its disk, a workspace can't hold the build of a single stage.
#[cfg(unix)]
const LEAST: u64 = 512 << 20;

/// So many lines of what a failed check says are shown.
const MOST_SAID: usize = 6;

/// With fewer free bytes, the builds of a whole course may not fit.
#[cfg(unix)]
const ROOM: u64 = 4 << 30;

/// Checks everything, and says what to do about what is missing.
pub fn doctor(chosen: &Chosen) -> Result<bool> {
    let here = context::current_dir()?;
    let workspace = workspace_of(&here, chosen)?;
    let catalog = match &workspace {
        Some(workspace) => workspace.catalog.clone(),
        None => context::open_course(chosen)?,
    };
    // Before anything is run.
    let accepted = match (&workspace, &catalog.origin) {
        (_, Origin::BuiltIn) => true,
        (Some(workspace), _) => workspace.state.accepts(&catalog.course.commands()),
        (None, _) => false,
    };
    if catalog.origin != Origin::BuiltIn {
        print(&what_it_runs(&catalog, None)?);
    }
    let mut good = true;
    match &workspace {
        Some(workspace) => good &= line(true, &format!("the workspace is {}", workspace.root.display()), ""),
        None if Workspace::exists(&here)? => good &= line(true, "the workspace here belongs to another course", ""),
        None => good &= line(true, "there is no workspace here yet (`workshop next` makes one)", ""),
    }
    for (name, track) in &catalog.course.tracks {
        if !accepted {
            continue;
        }
        let (root, package) = places(&catalog, workspace.as_ref(), name)?;
        for check in &track.checks {
            good &= look(check, root.as_deref(), package.as_ref());
        }
    }
    if !accepted && catalog.course.tracks.values().any(|track| !track.checks.is_empty()) {
        print(&wrap(
            "The course's own checks are left out: they run in its workspace, after a `workshop verify`.",
            width(),
            "",
        ));
    }
    let used_up = ports::are_used_up();
    good &= line(
        !used_up && TcpListener::bind(("127.0.0.1", 0)).is_ok(),
        "ports are available on loopback",
        if used_up { Fault::Ports.help() } else { "is a sandbox or a firewall in the way? Peers listen on 127.0.0.1" },
    );
    let seen = SocketTable::open().is_some();
    line(
        seen || !cfg!(target_os = "linux"),
        if seen {
            "the kernel reports what peers have read (sock_diag)"
        } else {
            "the kernel does not report what peers have read: fragments may merge on this system"
        },
        "a sandbox forbids netlink: fragmented links are paced by the clock here and may miss a mistake",
    );
    if !proc_is_ours() {
        line(
            false,
            "/proc does not show the processes that are started here",
            "without it, a run that is stuck lasts until its time limit: in a container, or after `unshare --pid`, \
             mount a `/proc` of its own (`unshare --mount-proc`)",
        );
    }
    good &= disk(workspace.as_ref().map_or(here.as_path(), |workspace| workspace.root.as_path()));
    if let Some(workspace) = workspace.as_ref().filter(|_| accepted) {
        good &= plays_a_stage(workspace)?;
    }
    print(if good { "All is well.\n" } else { "Something is missing.\n" });
    Ok(good)
}

/// The workspace here. A course named with `--course` may be another one; then it is checked by itself.
fn workspace_of(here: &Path, chosen: &Chosen) -> Result<Option<Workspace>> {
    if !Workspace::exists(here)? {
        return Ok(None);
    }
    if chosen.course.is_none() {
        return context::open_workspace(chosen).map(Some);
    }
    let (root, state) = Workspace::locate(here)?;
    let own = state.course_path.as_ref().and_then(|path| root.join(path).canonicalize().ok());
    let catalog = context::open_course(chosen)?;
    if own.is_some_and(|own| catalog.origin == Origin::Folder(own)) {
        return Workspace::with(root, state, catalog).map(Some);
    }
    Ok(None)
}

/// What a course runs on this machine, and when: all tracks, or one. This runs nothing.
pub fn what_it_runs(catalog: &Catalog, only: Option<&str>) -> Result<String> {
    let mut out = format!("{}\n", format!("What the course `{}` runs on this machine:", catalog.course.name).bold());
    for (name, track) in catalog.course.tracks.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let mut tell = |when: &str, what: String| {
            out.push_str(&wrap(&format!("{when}: {what}"), width(), "    "));
        };
        tell(&format!("track {name}"), track.title.clone());
        tell("to build a stage", if track.build.is_empty() { "nothing".to_owned() } else { words(&track.build) });
        tell("to run a role", words(&track.run));
        for (role, command) in &track.run_role {
            tell(&format!("to run {role}"), words(command));
        }
        if !track.env.is_empty() {
            let env = track.env.iter().map(|(key, value)| format!("{key}={value}"));
            tell("with", words(&env.collect::<Vec<_>>()));
        }
        for check in &track.checks {
            tell("in `workshop doctor`", words(&check.run));
        }
        if !track.mutants.is_empty() {
            tell("in `workshop author mutants`, for authors", words(&track.mutants));
        }
        tell("beside your programs", format!("those in {}", track.solutions));
    }
    for stage in &catalog.course.stages {
        let stage = catalog.stage(stage)?;
        let own: Vec<&str> =
            stage.roles.iter().filter(|role| role.by == Some(Party::Stage)).map(|role| role.name.as_str()).collect();
        if !own.is_empty() {
            out.push_str(&wrap(&format!("stage {}: runs {} itself", stage.name, own.join(", ")), width(), "    "));
        }
    }
    Ok(out)
}

/// A command as it could be typed, without anything that a terminal obeys.
fn words(command: &[String]) -> String {
    let quoted = command.iter().map(|word| {
        let plain = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "'\"\\$&|;<>*?()`".contains(c));
        let shown = escape(word.as_bytes());
        if plain { shown } else { format!("'{shown}'") }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn places(
    catalog: &Catalog,
    workspace: Option<&Workspace>,
    track: &str,
) -> Result<(Option<std::path::PathBuf>, Option<Package>)> {
    let Some(workspace) = workspace.filter(|workspace| workspace.state.track == track) else { return Ok((None, None)) };
    let built = context::built(workspace, &catalog.stage(&catalog.course.stages[0])?, false)?;
    debug_assert_eq!(built.you.party, Party::You);
    Ok((Some(workspace.root.clone()), Some(built.you)))
}

/// Builds the reference of the first stage, and executes one run of it: what everything else rests on.
fn plays_a_stage(workspace: &Workspace) -> Result<bool> {
    let stage = workspace.catalog.stage(&workspace.catalog.course.stages[0])?;
    let scenario = &stage.scenarios[0];
    let selection = Selection {
        scenarios: vec![scenario.name.clone()],
        pairing: scenario.pairings.first().map(ToString::to_string),
        condition: scenario.conditions.first().copied(),
        seed: new_seed(),
        ..Selection::default()
    };
    let verify = StageVerify { workspace, stage: &stage, solution: true, selection: &selection };
    let mut seen = BuildOutput::default();
    let start = Instant::now();
    let result = block_on(verify.run(&mut seen));
    seen.spinner.done();
    let fails = |what: &str, why: &str| line(false, &format!("{}: {what}", stage.name), why);
    Ok(match result {
        Ok(Some((verdict, _))) => match (verdict.trouble(), verdict.shown()) {
            (None, None) => {
                line(true, &format!("{} builds and runs (in {:.1} s)", stage.name, start.elapsed().as_secs_f64()), "")
            }
            (Some(error), _) => fails("its programs can't be run", &render_error(&error, false)),
            (None, Some((_, failed))) => fails("the reference does not pass here", &failed.because.say),
        },
        Ok(None) => {
            let good = fails("the reference does not build; the build tool said:", "");
            print(&seen.output);
            good
        }
        Err(error) => fails("it can't be built", &render_error(&error, false)),
    })
}

/// Shows what is being done, and keeps what a build tool says when it fails.
#[derive(Default)]
struct BuildOutput {
    spinner: Spinner,
    output: String,
}

impl Reporter for BuildOutput {
    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Building { stage, .. } => self.spinner.say(format!("building {stage}")),
            Event::BuildLine(line) => self.spinner.say(progress_line(line)),
            Event::BuildProgress { done, total, what, .. } => {
                self.spinner.say(format!("building {}", build_progress(*done, *total, what)));
            }
            Event::NotBuilt { output, .. } => (*output).clone_into(&mut self.output),
            _ => {}
        }
    }
}

/// One check of a track: in the workspace if there is one, otherwise only if it needs none.
fn look(check: &DoctorCheck, root: Option<&Path>, package: Option<&Package>) -> bool {
    let needs_workspace = check.run.iter().any(|word| word.contains('{'));
    if needs_workspace && package.is_none() {
        return true;
    }
    let fill = |word: &String| {
        fill_words(word, &|name| {
            let package = package?;
            let path = match name {
                "root" => &package.root,
                "out" => &package.out,
                "cache" => &package.cache,
                _ => return None,
            };
            Some(path.display().to_string())
        })
    };
    let words: Vec<String> = check.run.iter().map(fill).collect();
    let Some((program, args)) = words.split_first() else { return true };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    if let Some(root) = root {
        command.current_dir(root);
    }
    let said = match command.output() {
        Ok(output) if output.status.success() => return line(true, &check.what, ""),
        Ok(output) => plain(String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => format!("{program}: {error}"),
    };
    line(false, &check.what, &check.fix);
    // What the tool itself says may name another cure.
    for said in said.lines().take(MOST_SAID) {
        print(&wrap(&format!("it says: {said}"), width(), "    "));
    }
    false
}

#[cfg(unix)]
fn disk(path: &Path) -> bool {
    let Ok(stat) = rustix::fs::statvfs(path) else { return true };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let shown = free as f64 / f64::from(1 << 30);
    let what = format!("{shown:.1} GiB are free on this disk");
    if (LEAST..ROOM).contains(&free) {
        print(&format!("{} {what}\n", "!".yellow().bold()));
        print(&wrap("the builds of a whole course may need more: make room before it runs out", width(), "    "));
        return true;
    }
    line(free >= LEAST, &what, "a stage can't be built here: make room")
}

#[cfg(not(unix))]
fn disk(_: &Path) -> bool {
    true
}

fn line(good: bool, what: &str, fix: &str) -> bool {
    let mark = if good { "✓".green() } else { "✗".red().bold() };
    print(&format!("{mark} {what}\n"));
    if !good {
        print(&wrap(fix, width(), "    "));
    }
    good
}
