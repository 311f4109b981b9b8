//! The values of each part of the page, from the workspace and the last verify.

use std::path::{Path, PathBuf};

use super::super::hints::given;
use super::super::learn::{comment, following, has_tick, kept_and_others};
use super::super::verify_worker::VerifyResult;
use super::page_state::{LastVerify, PageState};
use crate::course::{Rule, Stage};
use crate::error::Result;
use crate::pattern::{counted, visible};
use crate::progress::{Standing, WorkspaceState};
use crate::report::trace::{others, show};
use crate::report::{all_runs, plain, render_error};
use crate::serve::{
    FileEntry, FilesPart, HintsPart, HoleEntry, Holes, LessonPart, PageAddress, PagePart, ProgressPart, RunEntry,
    SolutionPart, StageEntry, StatusPart, Templates, VerdictPart, around, difference, lesson_html,
};
use crate::trace::Trace;
use crate::workspace::Workspace;

/// A part as HTML.
pub(super) fn made(state: &PageState, templates: &Templates, part: PagePart, address: &PageAddress) -> Result<String> {
    match part {
        PagePart::Status => templates.part(part, &status(state)),
        PagePart::Verdict => templates.part(part, &verdict(state, address)?),
        PagePart::Progress => templates.part(part, &progress(&state.workspace()?, &state.stage)),
        PagePart::Files => templates.part(part, &files(&state.workspace()?, state, address)?),
        PagePart::Hints => templates.part(part, &hints(&state.workspace()?, &state.stage)?),
        PagePart::Solution => templates.part(part, &solution(&state.workspace()?, &state.stage)?),
        PagePart::Lesson => templates.part(part, &lesson(&state.workspace()?, &state.stage)?),
    }
}

fn status(state: &PageState) -> StatusPart {
    let progress = &state.progress;
    let (kind, mark, say, more) = match &state.last {
        _ if !progress.over && progress.done == 0 => ("busy", "…", "verifying".to_owned(), progress.doing.clone()),
        _ if !progress.over => {
            let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
            ("busy", "…", "verifying".to_owned(), format!("{} of {} runs{failed}", progress.done, progress.total))
        }
        LastVerify::Nothing => ("busy", "…", "verifying".to_owned(), String::new()),
        LastVerify::NotBuilt(_) => ("failed", "✗", "does not build yet".to_owned(), String::new()),
        LastVerify::Trouble(error) => ("failed", "!", error.message.clone(), String::new()),
        LastVerify::Verdict(outcome) if outcome.failed == 0 => {
            ("passed", "✓", format!("{} passed", all_runs(outcome.runs)), took(outcome))
        }
        LastVerify::Verdict(outcome) => {
            ("failed", "✗", format!("{} of {} failed", outcome.failed, counted(outcome.runs, "run")), took(outcome))
        }
    };
    StatusPart { kind, mark, say, more, stage: state.stage.clone() }
}

fn took(outcome: &VerifyResult) -> String {
    format!("in {:.2} s", outcome.took.as_secs_f64())
}

fn progress(workspace: &Workspace, here: &str) -> ProgressPart {
    let (state, names) = (&workspace.state, &workspace.catalog.course.stages);
    let stages = names.iter().map(|name| {
        let stage = workspace.catalog.stage(name).ok();
        let (state, mark) = match stage.as_ref().map_or(Standing::Open, |stage| state.standing(stage)) {
            Standing::Verified => ("verified", "✓"),
            Standing::FailsNow => ("fails now", "!"),
            Standing::NewScenarios => ("changed", "!"),
            Standing::Current => ("current", "→"),
            Standing::Skipped => ("skipped", "○"),
            Standing::Open => ("open", "·"),
        };
        let title = stage.map(|stage| stage.title).unwrap_or_default();
        StageEntry { name: name.clone(), title, state, mark, here: name == here }
    });
    let others = following(workspace, here).is_some();
    let verified = has_tick(workspace, here);
    let all = names.iter().all(|name| has_tick(workspace, name));
    let ending = if all { workspace.catalog.course.ending.trim().to_owned() } else { String::new() };
    let said = if all && ending.is_empty() { "All stages are verified.".to_owned() } else { ending };
    ProgressPart {
        stages: stages.collect(),
        here: here.to_owned(),
        next: verified && others,
        skip: !verified && others,
        ending: said,
    }
}

fn verdict<'s>(state: &'s PageState, address: &PageAddress) -> Result<VerdictPart<'s>> {
    let old = !state.progress.over;
    Ok(match &state.last {
        LastVerify::Nothing => VerdictPart::default(),
        LastVerify::NotBuilt(output) => VerdictPart { old, output: plain(output), ..VerdictPart::default() },
        LastVerify::Trouble(error) => {
            VerdictPart { old, trouble: render_error(error, false), ..VerdictPart::default() }
        }
        LastVerify::Verdict(outcome) => {
            let mut notes = others(&outcome.last.runs, outcome.failed);
            if outcome.left_out > 0 {
                let skipped = counted(outcome.left_out, "more run");
                notes.push(format!("Skipped: {skipped}, because the failed ones took long."));
            }
            let workspace = state.workspace()?;
            let stage = workspace.catalog.stage(&state.stage)?;
            notes.extend(rules_kept(&workspace.state, &stage));
            let place = outcome.place.clone().unwrap_or_default();
            let paths = workspace.editable(&state.stage)?;
            let looked_at = looked_at(&paths, &place);
            let code = looked_at
                .and_then(|(file, line)| Some(around(&workspace.text(&paths[file]).ok()?, line.parse().ok()?)));
            let code = code.unwrap_or_default();
            let place_address =
                looked_at.map(|(file, line)| format!("{}#line-{line}", address.with_file(file + 1).link()));
            let place_address = place_address.unwrap_or_default();
            let (count, failed) = (outcome.runs, outcome.failed);
            let learned = if failed == 0 { stage.learned } else { String::new() };
            let shown = runs(&outcome.last.runs, address);
            VerdictPart { old, notes, learned, place, place_address, code, count, failed, ..shown }
        }
    })
}

/// How many rules of the stage the last verify found kept, and which not; nothing where the stage names no rules.
fn rules_kept(state: &WorkspaceState, stage: &Stage) -> Option<String> {
    let (kept, other) = kept_and_others(state, stage);
    let what = |rule: &&Rule| match &rule.lesson {
        Some(heading) => format!("{} (lesson: {heading})", rule.id),
        None => rule.id.clone(),
    };
    match (kept.len(), other.len()) {
        (0, 0) => None,
        (all, 0) => Some(format!("All {all} rules are kept.")),
        (count, _) => {
            let not = other.iter().map(what).collect::<Vec<_>>().join(", ");
            Some(format!("{count} of {} rules kept. Not kept, or not fully tested: {not}.", stage.rules.len()))
        }
    }
}

/// Which of these files a place (`path:line`) is in, and the line.
fn looked_at<'p>(files: &[PathBuf], place: &'p str) -> Option<(usize, &'p str)> {
    let (path, line) = place.rsplit_once(':')?;
    let file = files.iter().position(|file| Path::new(path).ends_with(file))?;
    Some((file, line))
}

/// The run that is shown (the chosen one, or else the first that failed, or else the first), and the list to choose
/// from.
fn runs<'r>(runs: &'r [Trace], address: &PageAddress) -> VerdictPart<'r> {
    let first_failed = runs.iter().position(|run| !run.passed());
    let chosen = address.run.and_then(|number| number.checked_sub(1)).filter(|index| *index < runs.len());
    let here = chosen.or(first_failed).unwrap_or(0);
    let line = |(index, run): (usize, &Trace)| RunEntry {
        number: index + 1,
        title: run.title(),
        passed: run.passed(),
        here: index == here,
        address: address.with_run(index + 1).link(),
    };
    let listed: Vec<RunEntry> =
        runs.iter().enumerate().filter(|(_, run)| !address.failed || !run.passed()).map(line).collect();
    let link = |line: Option<&RunEntry>| line.map(|line| line.address.clone()).unwrap_or_default();
    VerdictPart {
        before: link(listed.iter().rev().find(|line| line.number <= here)),
        after: link(listed.iter().find(|line| line.number > here + 1)),
        run: runs.get(here).map(|run| show(here + 1, run)),
        listing: address.failed || address.run.is_some(),
        failed_only: address.failed,
        toggle: PageAddress { failed: !address.failed, ..address.clone() }.link(),
        runs: listed,
        ..VerdictPart::default()
    }
}

/// Files are chosen by their number among those of the stage: no path comes from a request.
fn files(workspace: &Workspace, state: &PageState, address: &PageAddress) -> Result<FilesPart> {
    let hole = workspace.track()?.hole.as_deref();
    let holes = Holes::new(hole);
    let paths = workspace.editable(&state.stage)?;
    let texts: Vec<Result<String>> = paths.iter().map(|path| workspace.text(path)).collect();
    let found: Vec<_> = texts.iter().map(|text| text.as_ref().map(|text| holes.of(text)).unwrap_or_default()).collect();
    let chosen = address.file.and_then(|number| number.checked_sub(1)).filter(|index| *index < paths.len());
    let place = match &state.last {
        LastVerify::Verdict(outcome) => outcome.place.as_deref().and_then(|place| looked_at(&paths, place)),
        _ => None,
    };
    let place = place.map(|(file, _)| file);
    let here = chosen.or(place).or_else(|| found.iter().position(|holes| !holes.is_empty())).unwrap_or(0);
    let mut shown = FilesPart { has_holes: hole.is_some(), ..FilesPart::default() };
    for (index, (path, holes)) in paths.iter().zip(&found).enumerate() {
        let (name, link) = (path.display().to_string(), address.with_file(index + 1).link());
        shown.holes.extend(holes.iter().map(|hole| HoleEntry {
            place: format!("{name}:{}", hole.line),
            text: hole.text.clone(),
            address: format!("{link}#line-{}", hole.line),
        }));
        shown.files.push(FileEntry { name, holes: holes.len(), here: index == here, address: link });
    }
    match texts.get(here) {
        Some(Ok(text)) => shown.lines = holes.lines(text),
        Some(Err(error)) => shown.trouble = error.to_string(),
        None => {}
    }
    Ok(shown)
}

fn solution(workspace: &Workspace, stage: &str) -> Result<SolutionPart> {
    if !workspace.state.verified(stage) || workspace.catalog.course.withheld {
        return Ok(SolutionPart::default());
    }
    let comment = comment(workspace)?;
    let solution = workspace.solution(stage)?;
    let between =
        |path: &Path, old: &str, new: &str| difference(&path.display().to_string(), old, new, comment.as_ref());
    let files = solution.iter().filter_map(|(path, theirs)| {
        let mine = workspace.text(path).unwrap_or_default();
        between(path, &mine, theirs)
    });
    let mut part =
        SolutionPart { open: true, files: files.collect(), code_only: comment.is_some(), ..SolutionPart::default() };
    if let Some((another, others)) = workspace.another(stage)? {
        part.another = another.title;
        part.why = lesson_html(&visible(&another.why));
        let files = solution.iter().zip(&others).filter_map(|((path, old), (_, new))| between(path, old, new));
        part.other_files = files.collect();
    }
    Ok(part)
}

fn lesson(workspace: &Workspace, stage: &str) -> Result<LessonPart> {
    let Stage { name, title, .. } = workspace.catalog.stage(stage)?;
    let course = &workspace.catalog.course;
    Ok(LessonPart {
        number: format!("Stage {} of {}", course.number(&name), course.stages.len()),
        html: lesson_html(&crate::pattern::visible(&workspace.catalog.lesson(&name)?)),
        stage: name,
        title,
    })
}

fn hints(workspace: &Workspace, stage: &str) -> Result<HintsPart> {
    let stage = workspace.catalog.stage(stage)?;
    let hints: Vec<String> = given(workspace, &stage).iter().map(|hint| lesson_html(&hint.say)).collect();
    let count = stage.hints.len();
    Ok(HintsPart { more: hints.len() < count, hints, count, stage: stage.name })
}
