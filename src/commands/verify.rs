//! `workshop verify` and `workshop run`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::{Chosen, PartyName, RunArgs, VerifyArgs};
use crate::course::Stage;
use crate::error::{Error, Result};
use crate::event::{Event, Reporter};
use crate::last::Last;
use crate::progress::{Lock, State};
use crate::report;
use crate::verify::{Selection, Verified, verify as verify_stage};
use crate::workspace::Workspace;

/// Builds, plays, and records what came of it.
pub fn verify(chosen: &Chosen, args: &VerifyArgs) -> Result<bool> {
    let workspace = super::open_workspace(chosen)?;
    let names = if args.all {
        workspace.catalog.course.stages.clone()
    } else {
        vec![super::stage_name(&workspace, args.stage.as_deref())?]
    };
    let stages = names.iter().map(|name| workspace.catalog.stage(name)).collect::<Result<Vec<Stage>>>()?;
    let selection = selection(args);
    let mut reporter = args.format.reporter(args.verbose);
    let mut passed = true;
    let dot = workspace.dot();
    let waits = || report::say("another `workshop` is verifying in this workspace; waiting for it to finish");
    let _lock = Lock::take(&dot, "verify.lock", waits)?;
    for stage in stages.iter().filter(|_| !args.solution) {
        has_package(&workspace, stage)?;
    }
    super::accept(&workspace)?;
    for stage in &stages {
        passed &= verify_one(&workspace, stage, args, &selection, reporter.as_mut())?;
    }
    reporter.tell(&Event::Over { passed });
    Ok(passed)
}

/// The stage has a folder in the workspace: a new or renamed one may not yet.
fn has_package(workspace: &Workspace, stage: &Stage) -> Result<()> {
    let package = workspace.root.join(&stage.name);
    if package.is_dir() {
        return Ok(());
    }
    Err(Error::new(format!("there is no folder {}", super::relative(&package))).help(
        "`workshop update` brings what is new in the course; `workshop reset` brings back a folder that you have removed",
    ))
}

fn selection(args: &VerifyArgs) -> Selection {
    Selection {
        scenario: args.scenario.clone(),
        pairing: args.pairing.clone(),
        condition: args.condition.map(Into::into),
        repeat: args.repeat,
        seed: args.seed.unwrap_or_else(|| fastrand::u64(1..1_000_000)),
        jobs: args.jobs,
        until_failed: false,
    }
}

fn verify_one(
    workspace: &Workspace,
    stage: &Stage,
    args: &VerifyArgs,
    selection: &Selection,
    reporter: &mut dyn Reporter,
) -> Result<bool> {
    let built = super::built(workspace, &stage.name, args.solution)?;
    let verified = super::prefetch::with_build_lock(workspace, reporter, |reporter| {
        super::block_on(verify_stage(stage, &built, selection, reporter))
    })?;
    let Verified::Verdict(verdict) = verified else {
        if args.format == report::Format::Text {
            report::print("  mend the first error above, then `workshop verify`\n");
        }
        return Ok(false);
    };
    let traces = verdict.runs.iter().filter_map(|run| run.trace.clone()).collect();
    let last = Last::new(&stage.name, &stage.title, selection.seed, traces);
    last.save(&workspace.dot())?;
    if let Some(path) = &args.html {
        super::trace::write_page(&last, path)?;
    }
    let whole = args.scenario.is_none() && args.pairing.is_none() && args.condition.is_none();
    let shown = verdict.shown().map(|(_, failed)| failed.because.clone());
    if !args.solution {
        State::update(&workspace.dot(), |state| {
            let progress = state.stage(&stage.name);
            if whole || shown.is_some() {
                progress.last_failure = shown.as_ref().map(|because| because.id.clone());
            }
            if verdict.passed() && whole && progress.verified.is_none() {
                progress.verified = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
            }
        })?;
    }
    if args.format == report::Format::Text {
        let next = match (verdict.passed(), args.solution, whole) {
            (true, true, _) => String::new(),
            (true, false, true) => {
                "  `workshop next` moves on; `workshop diff` compares yours with the solution\n".to_owned()
            }
            (true, false, false) => {
                "  these were some of the runs only: `workshop verify` plays all, and records it\n".to_owned()
            }
            (false, true, _) => String::new(),
            (false, false, _) => {
                let place = shown.and_then(|because| because.place);
                let place = place
                    .and_then(|place| place_from_here(workspace, &place))
                    .map(|place| format!("  look at {place}\n"))
                    .unwrap_or_default();
                format!(
                    "{place}  edit, then `workshop verify`; `workshop hint` helps\n{}",
                    files_to_edit(workspace, stage)
                )
            }
        };
        report::print(&next);
    }
    Ok(verdict.passed())
}

/// The files to edit, as paths from here, a line each.
fn files_to_edit(workspace: &Workspace, stage: &Stage) -> String {
    let files = workspace.editable(&stage.name).unwrap_or_default();
    files.iter().map(|file| format!("    {}\n", super::link(&workspace.root.join(file)))).collect()
}

/// `file:line` as a program said it, as a path from here. A library that panicked is none of the
/// learner's files, and nothing to look at.
fn place_from_here(workspace: &Workspace, place: &str) -> Option<String> {
    let (file, line) = place.rsplit_once(':')?;
    let path = workspace.root.join(file);
    let theirs = path.is_file() && path.starts_with(&workspace.root);
    theirs.then(|| format!("{}:{line}", super::relative(&path)))
}

/// Plays one peer in this terminal.
pub fn run_role(chosen: &Chosen, args: &RunArgs) -> Result<bool> {
    let workspace = super::open_workspace(chosen)?;
    let stage = workspace.catalog.stage(&super::stage_name(&workspace, args.stage.as_deref())?)?;
    let role = stage.role(&args.role)?;
    if args.args.is_empty() && !role.args.is_empty() {
        let wanted: Vec<String> =
            role.args.iter().map(|arg| arg.fill(&|_| None).replace(['{', '}'], "").to_uppercase()).collect();
        return Err(Error::new(format!("`{}` needs to be told: {}", role.name, wanted.join(" "))).help(format!(
            "`workshop run {} -- {}`; the other peer prints it when it runs in another terminal",
            role.name,
            wanted.join(" ")
        )));
    }
    let of_the_course = args.party == PartyName::Reference || role.by.is_some();
    if !of_the_course {
        has_package(&workspace, &stage)?;
    }
    super::accept(&workspace)?;
    let built = super::built(&workspace, &stage.name, false)?;
    let package = if of_the_course { &built.reference } else { &built.you };
    let mut reporter = report::Format::Text.reporter(false);
    let good = super::prefetch::with_build_lock(&workspace, reporter.as_mut(), |reporter| {
        super::block_on(crate::verify::build(built.track, package, reporter))
    })?;
    drop(reporter);
    if !good {
        return Ok(false);
    }
    let command = package.command(built.track, &role.name);
    let mut peer = std::process::Command::new(&command.run[0]);
    peer.args(&command.run[1..]).args(&args.args).envs(&command.env).current_dir(&command.dir);
    let fail = |error: std::io::Error| Error::new(format!("cannot start `{}`", command.run.join(" "))).because(error);
    // The peer takes this process's place: its terminal, its signals, its exit code.
    #[cfg(unix)]
    return Err(fail(std::os::unix::process::CommandExt::exec(&mut peer)));
    #[cfg(not(unix))]
    peer.status().map(|status| status.success()).map_err(fail)
}
