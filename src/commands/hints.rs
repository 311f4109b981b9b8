//! Hints: one more each time, chosen by what failed last.

use colored::Colorize;

use super::context;
use crate::cli::{Chosen, HintArgs};
use crate::course::Stage;
use crate::error::Result;
use crate::progress::WorkspaceState;
use crate::report::{print, width, wrap};
use crate::workspace::Workspace;

/// The reason of a run that has reached a hole of the template.
const UNFINISHED: &str = "unfinished";

/// A hint that was given.
pub(super) struct Hint {
    title: String,
    /// What it says, in Markdown.
    pub(super) say: String,
}

impl Hint {
    fn new(stage: &Stage, number: usize, say: &str) -> Hint {
        let title = format!("Hint {number} of {} for {}", stage.hints.len(), stage.name);
        Hint { title, say: say.trim().to_owned() }
    }

    /// A title and no hint.
    fn none(why: String) -> Hint {
        Hint { title: why, say: String::new() }
    }
}

/// Gives one more hint, or shows the given ones again.
pub fn hint(chosen: &Chosen, args: &HintArgs) -> Result<bool> {
    let workspace = context::open_workspace(chosen)?;
    let stage = workspace.catalog.stage(&context::stage_name(&workspace, args.stage.as_deref())?)?;
    let mut hints = if args.again { given(&workspace, &stage) } else { vec![one_more(&workspace, &stage)?] };
    if hints.is_empty() {
        hints.push(Hint::none(format!("You have seen no hint for {} yet; `workshop hint` gives one.", stage.name)));
    }
    print(&text(&hints, width()));
    Ok(true)
}

/// The newest hint, if it is shown, and the earlier ones, the latest first.
pub(super) fn page(newest: Option<&Hint>, given: &[Hint], width: usize) -> String {
    let before = given.iter().rev().filter(|one| newest.is_none_or(|newest| newest.say != one.say));
    text(newest.into_iter().chain(before), width)
}

/// Hints as they are shown in a terminal.
fn text<'h>(hints: impl IntoIterator<Item = &'h Hint>, width: usize) -> String {
    let one = |hint: &Hint| format!("{}\n{}", hint.title.bold(), wrap(&hint.say, width, "  "));
    hints.into_iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The hints that were given, the first one first.
pub(super) fn given(workspace: &Workspace, stage: &Stage) -> Vec<Hint> {
    let given = workspace.state.stages.get(&stage.name).map(|progress| progress.hints.as_slice()).unwrap_or_default();
    let says = given.iter().filter_map(|index| stage.hints.get(*index)).map(|hint| &hint.say);
    says.enumerate().map(|(before, say)| Hint::new(stage, before + 1, say)).collect()
}

/// Gives one more hint: the next one for what failed last, or else the next one.
pub(super) fn one_more(workspace: &Workspace, stage: &Stage) -> Result<Hint> {
    let mut hint = Hint::none("This stage has no hints.".to_owned());
    let all = 0..stage.hints.len();
    WorkspaceState::update(&workspace.dot(), |state| {
        let progress = state.stage(&stage.name);
        let fresh = |index: &usize| !progress.hints.contains(index);
        let fits =
            |index: &usize| progress.last_failure.as_ref().is_some_and(|id| stage.hints[*index].helps.contains(id));
        // Some hints are for whoever has not begun: where there is a program, the others come first.
        let begun = progress.last_failure.as_deref().is_some_and(|id| id != UNFINISHED);
        let later = |index: &usize| begun && stage.hints[*index].helps.iter().any(|id| id == UNFINISHED);
        let others = || all.clone().filter(fresh);
        let chosen = others().find(fits).or_else(|| others().find(|index| !later(index))).or_else(|| others().next());
        // The course may have fewer hints than before.
        let there = |index: &usize| all.contains(index);
        let again = all.clone().rev().find(fits).or_else(|| progress.hints.iter().copied().rfind(there));
        if let Some(index) = chosen {
            progress.hints.push(index);
            hint = Hint::new(stage, progress.hints.len(), &stage.hints[index].say);
        } else if let Some(index) = again {
            let title = "You have seen all hints; here is the best match again:".to_owned();
            hint = Hint { title, ..Hint::new(stage, 0, &stage.hints[index].say) };
        }
    })?;
    Ok(hint)
}
