//! The commands that lead a learner through the course.

use std::fs;
use std::path::Path;

use colored::Colorize;
use regex_lite::Regex;

use super::context;
use super::pager::page;
use crate::assets::Another;
use crate::cli::{Chosen, DiffArgs, NextArgs, SolutionArgs};
use crate::course::{Rule, Stage};
use crate::error::{Error, Result};
use crate::pattern::visible;
use crate::progress::{Standing, WorkspaceState};
use crate::report::{self, print, width, wrap};
use crate::workspace::{DOT, TextFile, Workspace};

/// Shows the next exercise; makes a workspace where there is none.
pub fn next(chosen: &Chosen, args: &NextArgs) -> Result<bool> {
    let here = context::current_dir()?;
    let made = !Workspace::exists(&here)?;
    let workspace = if made { make(&here, chosen, args)? } else { context::open_workspace(chosen)? };
    if let Some(wanted) = &args.stage {
        let stage = context::stage_name(&workspace, Some(wanted))?;
        take_up(&workspace, &stage)?;
        let ahead = start_ahead(&workspace, args.no_prefetch);
        return show(&workspace, &stage).inspect(|_| say_ahead(ahead));
    }
    let current = workspace.state.current.clone();
    let verified = workspace.state.verified(&current);
    if !verified && !args.skip {
        if workspace.state.stages.get(&current).is_some_and(|progress| progress.shown) {
            print(&format!(
                "{}\n\n",
                format!("{current} is not verified yet: here it is again (`workshop next --skip` moves on)").yellow()
            ));
        }
        WorkspaceState::update(&workspace.dot(), |state| state.stage(&current).shown = true)?;
        let ahead = start_ahead(&workspace, args.no_prefetch);
        show(&workspace, &current)?;
        if made {
            // Behind the lesson: a pager may have hidden what stood above it.
            print(&format!("\n{}\n", format!("Your workspace: {}", report::relative(&workspace.root)).bold()));
            print(&wrap(workspace.catalog.course.about.trim(), width(), ""));
        }
        say_ahead(ahead);
        return Ok(true);
    }
    let following = move_on(&workspace, &current)?;
    let ahead = start_ahead(&workspace, args.no_prefetch);
    match following {
        Some(next) => show(&workspace, &next).inspect(|_| say_ahead(ahead)),
        None => {
            print(&ending_text(&workspace, width()));
            Ok(true)
        }
    }
}

/// A workspace in a folder; one that was there before is restored.
fn make(here: &Path, chosen: &Chosen, args: &NextArgs) -> Result<Workspace> {
    let (catalog, track) = (context::open_course(chosen)?, args.track.as_deref());
    for root in [here.to_owned(), here.join(&catalog.course.name)] {
        if Workspace::was_here(&root, &catalog, track)? {
            let workspace = Workspace::take_up_again(&root, catalog, track)?;
            context::remember(&workspace, chosen)?;
            print(&format!("{}\n", "Your workspace is restored, with your files as they are.".bold()));
            let how = "It is not known which stages you have passed: `workshop verify --all` finds out, and records \
                it.";
            print(&wrap(how, width(), ""));
            return Ok(workspace);
        }
    }
    if here.join(DOT).is_dir() {
        return Err(Error::new(format!(
            "{} has been a workspace, but not of the course `{}`",
            here.display(),
            catalog.course.name
        ))
        .help("`workshop next --course PATH` restores it, with PATH its own course"));
    }
    let workspace = Workspace::create(here, catalog, track)?;
    context::remember(&workspace, chosen)?;
    Ok(workspace)
}

/// The next unverified stage after a stage.
pub(super) fn following<'w>(workspace: &'w Workspace, from: &str) -> Option<&'w String> {
    let course = &workspace.catalog.course;
    course.stages[course.number(from)..].iter().find(|stage| !workspace.state.verified(stage))
}

/// Goes to the next unverified stage after a stage; `None` when it was the last. A stage that is left unverified is
/// recorded as skipped.
pub(super) fn move_on(workspace: &Workspace, from: &str) -> Result<Option<String>> {
    let following = following(workspace, from).cloned();
    WorkspaceState::update(&workspace.dot(), |state| {
        if !state.verified(from) {
            state.stage(from).skipped = true;
        }
        if let Some(next) = &following {
            state.current.clone_from(next);
            state.stage(next).shown = true;
        }
    })?;
    Ok(following)
}

/// Makes this stage the current one, which other commands are about.
pub(super) fn take_up(workspace: &Workspace, stage: &str) -> Result<()> {
    WorkspaceState::update(&workspace.dot(), |state| {
        stage.clone_into(&mut state.current);
        state.stage(stage).shown = true;
    })
    .map(drop)
}

/// Says what goes on in the background, and until when.
fn say_ahead(ahead: bool) {
    if ahead {
        let say = "What the stages need is being built in the background, until this terminal is closed; `workshop next \
            --no-prefetch` builds nothing ahead.";
        print(&wrap(say, width(), "").dimmed().to_string());
    }
}

/// Starts building dependencies in the background, unless that is not wanted; says whether it was.
pub(super) fn start_ahead(workspace: &Workspace, not_wanted: bool) -> bool {
    // A build runs programs of the course: only after the learner has agreed.
    let is_wanted = !not_wanted && workspace.state.accepts(&workspace.catalog.course.commands());
    if is_wanted {
        super::prefetch::start(workspace);
    }
    is_wanted
}

/// The lesson, the files to edit, the command to try.
fn show(workspace: &Workspace, stage: &str) -> Result<bool> {
    let stage = workspace.catalog.stage(stage)?;
    let course = &workspace.catalog.course;
    let title = format!("Stage {} of {}: {}", course.number(&stage.name), course.stages.len(), stage.title);
    let lesson = visible(&workspace.catalog.lesson(&stage.name)?);
    // In a pipe or without colour, Markdown stays as it is: it is readable as text.
    let lesson = if report::colour() { report::laid_out(&lesson, width()) } else { lesson };
    let task = task(workspace, &stage)?;
    page(&format!("\n{}\n{lesson}", title.cyan().bold()));
    print(&format!("\n{task}"));
    Ok(true)
}

fn task(workspace: &Workspace, stage: &Stage) -> Result<String> {
    let mut out = format!("{}\n", "Edit".bold());
    for file in workspace.editable(&stage.name)? {
        out.push_str(&format!("  {}\n", report::link(&workspace.root.join(file))));
    }
    out.push_str(&format!("{}\n  workshop verify\n", "Then try".bold()));
    for also in
        ["workshop watch verifies at each save", "workshop hint gives a hint; workshop run ROLE runs one peer by hand"]
    {
        out.push_str(&format!("  {}\n", also.dimmed()));
    }
    Ok(out)
}

/// Is this stage verified as it is now, and was nothing broken since?
pub(super) fn has_tick(workspace: &Workspace, stage: &str) -> bool {
    let now = workspace.catalog.stage(stage).map(|stage| workspace.state.standing(&stage) == Standing::Verified);
    now.unwrap_or_else(|_| workspace.state.verified(stage))
}

/// What is said after the last stage.
pub(super) fn ending_text(workspace: &Workspace, width: usize) -> String {
    let stages = &workspace.catalog.course.stages;
    let open: Vec<&str> = stages.iter().filter(|stage| !has_tick(workspace, stage)).map(String::as_str).collect();
    if open.is_empty() {
        let all =
            if stages.len() == 1 { "The one stage is".to_owned() } else { format!("All {} stages are", stages.len()) };
        let title = format!("✓ {all} verified.").green().bold();
        return format!("{title}\n{}", wrap(workspace.catalog.course.ending.trim(), width, ""));
    }
    let rest =
        format!("Not verified: {}. `workshop verify {}` goes back to the first of them.", open.join(", "), open[0]);
    format!("{}\n{}", "This was the last stage.".bold(), wrap(&rest, width, ""))
}

/// The stages, and how far the learner is.
pub fn list(chosen: &Chosen) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    print(&list_text(&workspace, width())?);
    Ok(true)
}

/// The same as text.
pub(super) fn list_text(workspace: &Workspace, width: usize) -> Result<String> {
    let names = &workspace.catalog.course.stages;
    let room = names.iter().map(String::len).max().unwrap_or(0);
    let mut out = format!("{}\n", workspace.catalog.course.title.bold());
    for name in names {
        let stage = workspace.catalog.stage(name)?;
        let standing = workspace.state.standing(&stage);
        let mark = match standing {
            Standing::Verified => "✓ verified".green(),
            Standing::FailsNow => "! fails now".red(),
            Standing::NewScenarios => "! changed".yellow(),
            Standing::Current => "→ current".yellow(),
            Standing::Skipped => "○ skipped".normal(),
            Standing::Open => "○ open".dimmed(),
        };
        let title = crate::pattern::cut(&stage.title, width.saturating_sub(room + 16).max(6));
        out.push_str(&format!("  {name:room$}  {mark:<10}  {title}\n"));
        let which = which_scenarios(&workspace.state, &stage, standing);
        if !which.is_empty() {
            out.push_str(&wrap(&which, width, &" ".repeat(room + 4)));
        }
        if let Some(kept) = rules_kept(&workspace.state, &stage) {
            out.push_str(&format!("  {:room$}  {}\n", "", kept.dimmed()));
        }
    }
    if let Some(status) = super::prefetch::status(workspace) {
        let status = crate::pattern::cut(&format!("building ahead: {status}"), width.saturating_sub(2).max(20));
        out.push_str(&format!("  {}\n", status.dimmed()));
    }
    Ok(out)
}

/// The scenarios that a verified stage fails now, or that are new in it, and what to do.
fn which_scenarios(state: &WorkspaceState, stage: &Stage, standing: Standing) -> String {
    let (what, names) = match standing {
        Standing::FailsNow => {
            let failing = state.stages.get(&stage.name).map(|progress| progress.failing.as_slice());
            ("fails", failing.unwrap_or_default().iter().map(String::as_str).collect())
        }
        Standing::NewScenarios => ("new in it", state.new_scenarios(stage)),
        Standing::Verified | Standing::Current | Standing::Skipped | Standing::Open => return String::new(),
    };
    if names.is_empty() {
        return String::new();
    }
    format!("{what}: {} (`workshop verify {}`)", names.join(", "), stage.name)
}

/// How many rules of an unverified stage the last verify found kept.
fn rules_kept(state: &WorkspaceState, stage: &Stage) -> Option<String> {
    let (kept, _) = kept_and_others(state, stage);
    let tells = state.standing(stage) != Standing::Verified && !kept.is_empty();
    tells.then(|| format!("{} of {} rules kept", kept.len(), stage.rules.len()))
}

/// The rules that the last whole verify of a stage found kept, and the others.
pub(super) fn kept_and_others<'s>(state: &WorkspaceState, stage: &'s Stage) -> (Vec<&'s Rule>, Vec<&'s Rule>) {
    let kept = state.stages.get(&stage.name).map(|progress| progress.kept.as_slice()).unwrap_or_default();
    stage.rules.iter().partition(|rule| kept.contains(&rule.id))
}

/// The lesson again.
pub fn lesson(chosen: &Chosen, named: Option<&str>) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    show(&workspace, &context::stage_name(&workspace, named)?)
}

/// A stage whose solution may be shown.
fn spoilable(workspace: &Workspace, args: &SolutionArgs) -> Result<String> {
    let stage = context::stage_name(workspace, args.stage.as_deref())?;
    if workspace.state.verified(&stage) || args.spoil {
        return Ok(stage);
    }
    Err(Error::new(format!("{stage} is not verified yet"))
        .help("`--spoil` shows it anyway; `workshop hint` reveals less"))
}

/// The solution's files.
pub fn solution(chosen: &Chosen, args: &SolutionArgs) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    workspace.catalog.has_solutions()?;
    let stage = spoilable(&workspace, args)?;
    page(&if args.another { another_text(&workspace, &stage)? } else { solution_text(&workspace, &stage)? });
    Ok(true)
}

/// The same as text.
pub(super) fn solution_text(workspace: &Workspace, stage: &str) -> Result<String> {
    Ok(in_full(workspace.solution(stage)?))
}

fn in_full(files: Vec<TextFile>) -> String {
    let files = files.into_iter();
    files.map(|(file, text)| format!("{}\n{}\n", format!("── {} ──", file.display()).bold(), visible(&text))).collect()
}

/// The stage's other solution: what it is, why it is good, and its files.
fn another_text(workspace: &Workspace, stage: &str) -> Result<String> {
    let (another, files) = other_solution(workspace, stage)?;
    let about = format!("# {}\n\n{}\n", another.title, another.why);
    Ok(format!("{}\n{}", report::laid_out(&visible(&about), width()), in_full(files)))
}

fn other_solution(workspace: &Workspace, stage: &str) -> Result<(Another, Vec<TextFile>)> {
    workspace.another(stage)?.ok_or_else(|| {
        Error::new(format!("{stage} has no other solution")).help("`workshop solution` shows the one that it has")
    })
}

/// The learner's files against the solution's.
pub fn diff(chosen: &Chosen, args: &DiffArgs) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    workspace.catalog.has_solutions()?;
    let stage = spoilable(&workspace, &args.solution)?;
    let theirs =
        if args.solution.another { other_solution(&workspace, &stage)?.1 } else { workspace.solution(&stage)? };
    page(&against(&workspace, theirs, args.comments)?);
    Ok(true)
}

/// The learner's files against the reference's, as text.
pub(super) fn diff_text(workspace: &Workspace, stage: &str, comments: bool) -> Result<String> {
    against(workspace, workspace.solution(stage)?, comments)
}

/// The learner's files against those of a solution.
fn against(workspace: &Workspace, solution: Vec<TextFile>, comments: bool) -> Result<String> {
    let comment = if comments { None } else { comment(workspace)? };
    let (mut out, mut is_same) = (String::new(), true);
    for (file, theirs) in solution {
        let path = workspace.root.join(&file);
        let mine = fs::read(&path).map_err(|error| Error::io("read", &path, &error))?;
        let [yours, solution] = ["yours   ", "solution"].map(|whose| format!("{whose} {}", file.display()));
        let mine = String::from_utf8_lossy(&mine);
        is_same &= mine == theirs;
        out.push_str(&report::diff(&yours, &mine, &solution, &theirs, comment.as_ref()));
    }
    let left_out = "`workshop diff --comments` compares comments and empty lines, too";
    out.push_str(&match (out.is_empty(), is_same) {
        (true, true) => "Your files are the same as the solution's.\n".to_owned(),
        (true, false) => format!("Your code is the same as the solution's. {left_out}.\n"),
        (false, _) if comment.is_some() => format!("{}\n", left_out.dimmed()),
        (false, _) => String::new(),
    });
    Ok(out)
}

/// What the lines of a learner's files look like that are only a comment, if the course says so.
pub(super) fn comment(workspace: &Workspace) -> Result<Option<Regex>> {
    Ok(workspace.track()?.comment.as_deref().and_then(|pattern| Regex::new(pattern).ok()))
}

/// Restores the template, and keeps a backup.
pub fn reset(chosen: &Chosen, named: Option<&str>) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    let stage = context::stage_name(&workspace, named)?;
    let backup = workspace.reset(&stage)?;
    print(&format!("{stage} is back to its first state.\n"));
    if let Some(backup) = backup {
        print(&format!("  your files are kept in {}\n", report::relative(&backup)));
    }
    Ok(true)
}
