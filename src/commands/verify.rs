//! `workshop verify` and `workshop run`.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use super::context;
use crate::cli::{Chosen, PartyName, RunArgs, VerifyArgs};
use crate::course::Stage;
use crate::error::{Error, Result};
use crate::event::{Event, Reporter};
use crate::files::Lock;
use crate::last::Last;
use crate::progress::WorkspaceState;
use crate::report;
use crate::runtime;
use crate::trace::Trace;
use crate::verdict::{RuleState, StageVerdict};
use crate::verify::{Selection, Verified, new_seed, verify as verify_stage};
use crate::workspace::Workspace;

/// One verify at a time runs in a workspace.
pub const VERIFY: &str = "verify.lock";

/// Builds and runs, and records the result.
pub fn verify(chosen: &Chosen, args: &VerifyArgs) -> Result<bool> {
    let waits = || report::say("another `workshop` is verifying in this workspace; waiting for it to finish");
    let _lock = Lock::take(&context::dot()?, VERIFY, waits)?;
    // Not before the lock: it may have been held by an update.
    let workspace = context::open_workspace(chosen)?;
    let names = if args.all {
        workspace.catalog.course.stages.clone()
    } else {
        vec![context::stage_name(&workspace, args.stage.as_deref())?]
    };
    let stages = names.iter().map(|name| workspace.catalog.stage(name)).collect::<Result<Vec<Stage>>>()?;
    let selection = selection(args);
    let mut reporter = args.format.reporter(args.verbose);
    let (mut passed, mut trouble) = (true, None);
    for stage in stages.iter().filter(|_| !args.solution) {
        has_package(&workspace, stage)?;
    }
    context::accept(&workspace)?;
    for (index, stage) in stages.iter().enumerate() {
        if stages.len() > 1 {
            reporter.tell(&Event::Turn { number: index + 1, of: stages.len() });
        }
        let stage_verify = StageVerify { workspace: &workspace, stage, solution: args.solution, selection: &selection };
        let (good, trouble_here) = verify_one(&stage_verify, args, reporter.as_mut())?;
        passed &= good;
        trouble = trouble.or(trouble_here);
    }
    reporter.tell(&Event::Over { passed });
    // Failed runs were shown; but with runs that could not be executed there is no verdict.
    trouble.map_or(Ok(passed), Err)
}

/// Checks that the stage has a folder in the workspace: a new or renamed stage may not have one yet.
pub(super) fn has_package(workspace: &Workspace, stage: &Stage) -> Result<()> {
    let package = workspace.root.join(&stage.name);
    if package.is_dir() {
        return Ok(());
    }
    Err(Error::new(format!("there is no folder {}", report::relative(&package))).help(
        "`workshop update` brings the course's changes; `workshop reset` restores a folder that you have removed",
    ))
}

fn selection(args: &VerifyArgs) -> Selection {
    Selection {
        scenarios: args.scenario.iter().cloned().collect(),
        pairing: args.pairing.clone(),
        condition: args.condition.map(Into::into),
        repeat: args.repeat,
        seed: args.seed.unwrap_or_else(new_seed),
        jobs: args.jobs,
        until_failed: false,
    }
}

/// What is verified, and how.
pub struct StageVerify<'j> {
    /// The workspace.
    pub workspace: &'j Workspace,
    /// The stage.
    pub stage: &'j Stage,
    /// Run the reference in the learner's place; then nothing is recorded.
    pub solution: bool,
    /// Which runs.
    pub selection: &'j Selection,
}

impl StageVerify<'_> {
    /// Builds, executes the runs and records the result: the verdict, and the traces of the runs. `None` when the
    /// learner's package can't be built.
    pub async fn run(&self, reporter: &mut dyn Reporter) -> Result<Option<(StageVerdict, Last)>> {
        let _lock = super::prefetch::build_lock(self.workspace, reporter).await?;
        let built = context::built(self.workspace, self.stage, self.solution)?;
        let before = self.workspace.state.stages.get(&self.stage.name).filter(|_| !self.solution && self.whole());
        if let Some(progress) = before.filter(|progress| progress.last_failure.is_some()) {
            reporter.tell(&Event::LastTime { kept: progress.kept.len() });
        }
        match verify_stage(self.stage, &built, self.selection, reporter).await? {
            Verified::NotBuilt => Ok(None),
            Verified::Verdict(verdict, traces) => {
                let last = self.record(&verdict, traces)?;
                Ok(Some((verdict, last)))
            }
        }
    }

    /// Are all runs of the stage selected?
    fn whole(&self) -> bool {
        let Selection { scenarios, pairing, condition, .. } = self.selection;
        scenarios.is_empty() && pairing.is_none() && condition.is_none()
    }

    /// Records the last runs, for pictures, and the learner's progress. The solution records nothing.
    fn record(&self, verdict: &StageVerdict, traces: Vec<Trace>) -> Result<Last> {
        let (stage, dot) = (self.stage, self.workspace.dot());
        let last = Last::new(&stage.name, &stage.title, self.selection.seed, traces);
        if self.solution {
            return Ok(last);
        }
        // If no run could be executed, the earlier ones stay the last.
        if !last.runs.is_empty() {
            last.save(&dot)?;
        }
        let shown = verdict.shown().map(|(_, failed)| failed.because.id.clone());
        let whole = self.whole();
        let rules = verdict.rules(stage).into_iter().filter(|(_, kept)| *kept == RuleState::Kept);
        let kept: Vec<String> = rules.map(|(rule, _)| rule.id.clone()).collect();
        let failed: BTreeSet<&str> = verdict.failed().map(|(run, _)| run.id.scenario.as_str()).collect();
        let all = stage.scenarios.iter().map(|scenario| scenario.name.as_str());
        WorkspaceState::update(&dot, |state| {
            let progress = state.stage(&stage.name);
            let is_failing = |name: &&str| {
                failed.contains(name) || (!whole && progress.failing.iter().any(|failing| failing == name))
            };
            if !failed.is_empty() || (whole && verdict.trouble().is_none()) {
                progress.failing = all.clone().filter(is_failing).map(str::to_owned).collect();
            }
            if verdict.passed() && whole {
                progress.scenarios = all.map(str::to_owned).collect();
            }
            // Runs that could not be executed say nothing, so nothing is recorded.
            if shown.is_some() || (whole && verdict.trouble().is_none()) {
                progress.last_failure = shown;
            }
            if whole && verdict.trouble().is_none() {
                progress.kept = kept;
            }
            if verdict.passed() && whole && progress.verified.is_none() {
                progress.verified = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs());
            }
        })?;
        Ok(last)
    }
}

/// Did the stage pass? And the error, if runs of it could not be executed.
fn verify_one(
    stage_verify: &StageVerify<'_>,
    args: &VerifyArgs,
    reporter: &mut dyn Reporter,
) -> Result<(bool, Option<Error>)> {
    let (workspace, stage) = (stage_verify.workspace, stage_verify.stage);
    let Some((verdict, last)) = runtime::block_on(stage_verify.run(reporter))? else {
        if args.format == report::Format::Text {
            report::print("  fix the first error above, then `workshop verify`\n");
        }
        return Ok((false, None));
    };
    if let Some(path) = &args.html {
        super::trace::write_page(&last, path)?;
    }
    let whole = stage_verify.whole();
    let shown = verdict.shown().map(|(_, failed)| failed.because.clone());
    let trouble = verdict.trouble();
    // Advice about the machine is printed last, with the error.
    if args.format == report::Format::Text && (trouble.is_none() || shown.is_some()) {
        let next = match (verdict.passed(), args.solution, whole) {
            (true, true, _) => String::new(),
            (true, false, true) => {
                let learned = report::wrap(&stage.learned, report::width(), "  ");
                let another = match workspace.catalog.another(&stage.name, &workspace.state.track)? {
                    Some(another) => format!(
                        "`workshop solution --another` shows another good way: {}",
                        crate::pattern::visible(&another.title)
                    ),
                    None => String::new(),
                };
                let another = report::wrap(&another, report::width(), "  ");
                let next = match workspace.catalog.course.withheld {
                    true => "`workshop next` moves on",
                    false => "`workshop next` moves on; `workshop diff` compares yours with the solution",
                };
                format!("{learned}  {next}\n{another}")
            }
            (true, false, false) => {
                "  only some runs were selected: `workshop verify` executes all and records the result\n".to_owned()
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
    Ok((verdict.passed(), trouble))
}

/// The files to edit, as paths from here, a line each.
fn files_to_edit(workspace: &Workspace, stage: &Stage) -> String {
    let files = workspace.editable(&stage.name).unwrap_or_default();
    files.iter().map(|file| format!("    {}\n", report::link(&workspace.root.join(file)))).collect()
}

/// A program's `file:line`, as a path from here; `None` outside of the workspace, such as in a library.
pub(super) fn place_from_here(workspace: &Workspace, place: &str) -> Option<String> {
    let (file, line) = place.rsplit_once(':')?;
    let path = workspace.root.join(file);
    let theirs = path.is_file() && path.starts_with(&workspace.root);
    theirs.then(|| format!("{}:{line}", report::relative(&path)))
}

/// The first stage of the course that has this role.
fn stage_with_role(workspace: &Workspace, role: &str) -> Option<String> {
    let mut stages = workspace.catalog.course.stages.iter();
    stages.find(|name| workspace.catalog.stage(name).is_ok_and(|stage| stage.role(role).is_ok())).cloned()
}

/// Runs one peer in this terminal.
pub fn run_role(chosen: &Chosen, args: &RunArgs) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    let stage = workspace.catalog.stage(&context::stage_name(&workspace, args.stage.as_deref())?)?;
    let role = stage.role(&args.role).map_err(|error| match stage_with_role(&workspace, &args.role) {
        Some(other) if args.stage.is_none() => {
            error.help(format!("`{other}` has one: `workshop run {} --stage {other}`", args.role))
        }
        _ => error,
    })?;
    if args.args.is_empty() && !role.args.is_empty() {
        let wanted: Vec<String> =
            role.args.iter().map(|arg| arg.fill(&|_| None).replace(['{', '}'], "").to_uppercase()).collect();
        return Err(Error::new(format!("`{}` needs arguments: {}", role.name, wanted.join(" "))).help(format!(
            "`workshop run {} -- {}`; the other peer prints it when it runs in another terminal",
            role.name,
            wanted.join(" ")
        )));
    }
    let of_the_course = args.party == PartyName::Reference || role.by.is_some();
    if !of_the_course {
        has_package(&workspace, &stage)?;
    }
    context::accept(&workspace)?;
    let built = context::built(&workspace, &stage, false)?;
    let package = if of_the_course { &built.reference } else { &built.you };
    let mut reporter = report::Format::Text.reporter(false);
    let good = runtime::block_on(async {
        let _lock = super::prefetch::build_lock(&workspace, reporter.as_mut()).await?;
        crate::verify::build(built.track, package, reporter.as_mut()).await
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
