//! What a command needs first: the workspace, the course, the language, the stage.

use std::path::PathBuf;

use crate::assets::{Catalog, Origin};
use crate::build::{self, Built, Package};
use crate::cli::Chosen;
use crate::course::{Party, Stage};
use crate::error::{Error, Result};
use crate::pattern::escape;
use crate::progress::WorkspaceState;
use crate::workspace::{DOT, Workspace};

pub(super) fn current_dir() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::new("the current folder is gone").because(error))
}

/// The `.workshop` folder of the workspace that the current folder belongs to.
pub(super) fn dot() -> Result<PathBuf> {
    Ok(Workspace::locate(&current_dir()?)?.0.join(DOT))
}

pub(super) fn open_course(chosen: &Chosen) -> Result<Catalog> {
    let mut catalog = match &chosen.course {
        Some(path) => Catalog::folder(path)?,
        None => Catalog::open(Origin::BuiltIn)?,
    };
    speak(&mut catalog, chosen, None)?;
    Ok(catalog)
}

pub(super) fn open_workspace(chosen: &Chosen) -> Result<Workspace> {
    let workspace = open_quietly(chosen)?;
    if workspace.has_news() {
        crate::report::say("this course has changed: `workshop update` brings the changes and keeps what you wrote");
    }
    Ok(workspace)
}

/// The same without a message about changes: for commands that own the whole screen, or open it repeatedly.
pub(super) fn open_quietly(chosen: &Chosen) -> Result<Workspace> {
    let mut workspace = Workspace::find(&current_dir()?, chosen.course.as_deref())?;
    speak(&mut workspace.catalog, chosen, workspace.state.language.as_deref())?;
    remember(&workspace, chosen)?;
    Ok(workspace)
}

/// Sets the language of the course: the one asked for now, or earlier (`before`), or that of the environment, or the
/// course's first. It is an error if the course lacks the one asked for now.
pub(super) fn speak(catalog: &mut Catalog, chosen: &Chosen, before: Option<&str>) -> Result<()> {
    let tag = match &chosen.lang {
        Some(wanted) => Some(catalog.course.language(wanted).ok_or_else(|| {
            let has = catalog.course.languages.join(", ");
            let has = if has.is_empty() { "in one language only".to_owned() } else { format!("in: {has}") };
            Error::new(format!("this course is not in `{}`", escape(wanted.as_bytes()))).help(format!("it is {has}"))
        })?),
        None => before.or(locale().as_deref()).and_then(|wanted| catalog.course.language(wanted)),
    };
    tag.map(str::to_owned).map_or(Ok(()), |tag| catalog.speak(&tag))
}

/// Remembers the requested language in the workspace.
pub(super) fn remember(workspace: &Workspace, chosen: &Chosen) -> Result<()> {
    if chosen.lang.is_some() && workspace.state.language != chosen.lang {
        WorkspaceState::update(&workspace.dot(), |state| state.language.clone_from(&chosen.lang))?;
    }
    Ok(())
}

/// The language of the environment, as POSIX finds it: the first of these variables that is set.
fn locale() -> Option<String> {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    set.into_iter().find(|value| !value.is_empty())
}

/// Records that the learner agrees to run the course's commands.
pub(super) fn accept(workspace: &Workspace) -> Result<()> {
    let commands = workspace.catalog.course.commands();
    if !workspace.state.accepts(&commands) {
        WorkspaceState::update(&workspace.dot(), |state| state.accepted = Some(commands))?;
    }
    Ok(())
}

/// The stage: the one named, the one whose folder this is, or the current one.
pub(super) fn stage_name(workspace: &Workspace, named: Option<&str>) -> Result<String> {
    if let Some(name) = named {
        // A wrong name is reported with the nearest right ones.
        return workspace.catalog.stage(name).map(|stage| stage.name);
    }
    let dir = current_dir()?;
    let inside = dir
        .strip_prefix(&workspace.root)
        .ok()
        .and_then(|path| path.components().next())
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    Ok(inside
        .filter(|name| workspace.catalog.course.stages.contains(name))
        .unwrap_or_else(|| workspace.state.current.clone()))
}

/// The packages of a stage, for both parties.
pub(super) fn built<'w>(workspace: &'w Workspace, stage: &Stage, solution: bool) -> Result<Built<'w>> {
    if solution {
        workspace.catalog.has_solutions()?;
    }
    let you = package(workspace, stage, Party::You, if solution { Party::Reference } else { Party::You })?;
    let reference = package(workspace, stage, Party::Reference, Party::Reference)?;
    Ok(Built { track: workspace.track()?, you, reference })
}

/// The package of a stage that a party runs.
pub(super) fn package(workspace: &Workspace, stage: &Stage, party: Party, whose: Party) -> Result<Package> {
    let given = match whose {
        Party::You => workspace.template(&stage.name)?.into_iter().map(|(path, _)| path.into()).collect(),
        Party::Reference | Party::Stage => Vec::new(),
    };
    let beside = match whose {
        Party::You => workspace.beside(),
        Party::Reference | Party::Stage => Vec::new(),
    };
    Ok(Package {
        beside,
        party,
        stage: stage.name.clone(),
        roles: stage.programs(whose),
        edited: whose == Party::You,
        given,
        root: workspace.packages(whose)?,
        out: workspace.dot().join("out").join(whose.name()).join(&stage.name),
        cache: build::cache(workspace.dot().join("cache")),
        colour: crate::report::colour(),
        sandboxed: false,
    })
}
