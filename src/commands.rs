//! What each command does, from the parts that the other modules offer.

mod doctor;
mod hints;
mod init;
mod learn;
mod live;
mod prefetch;
mod serve;
mod trace;
mod update;
mod verify;
mod watch;

use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use crate::assets::{Catalog, Origin};
use crate::build::{Built, Package};
use crate::cli::{AuthorCommand, Chosen, Cli, Command, SchemaOf, WatchArgs};
use crate::course::{Party, Stage, schema};
use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::machine::files;
use crate::pattern::escape;
use crate::process::strays;
use crate::progress::State;
use crate::workspace::{DOT, Workspace};

/// So many files the runtime has open for itself, at most.
const RUNTIME: usize = 12;

/// Does what was asked for. `Ok(false)` is a verdict against the learner's program.
///
/// # Errors
/// What kept the runner from doing its work.
pub fn run(cli: Cli) -> Result<bool> {
    let chosen = &cli.chosen;
    let course = chosen.course.as_deref();
    match cli.command.unwrap_or_else(|| Command::Watch(WatchArgs::parse_from(["watch"]))) {
        Command::Watch(args) => watch::watch(chosen, &args),
        Command::Next(args) => learn::next(chosen, &args),
        Command::Init(args) => init::init(chosen, &args),
        Command::Update(args) => update::update(chosen, &args),
        Command::Verify(args) => verify::verify(chosen, &args),
        Command::Serve(args) => serve::serve(chosen, &args),
        Command::Trace(args) => trace::trace(chosen, &args),
        Command::List => learn::list(chosen),
        Command::Lesson(args) => learn::lesson(chosen, args.stage.as_deref()),
        Command::Hint(args) => hints::hint(chosen, &args),
        Command::Solution(args) => learn::solution(chosen, &args),
        Command::Diff(args) => learn::diff(chosen, &args),
        Command::Reset(args) => learn::reset(chosen, args.stage.as_deref()),
        Command::Run(args) => verify::run_role(chosen, &args),
        Command::Doctor => doctor::doctor(chosen),
        Command::Prefetch => prefetch::prefetch(chosen),
        Command::Author(AuthorCommand::Check(args)) => {
            let around = crate::author::course(course)?;
            crate::author::check(&around.map_or_else(|| Catalog::open(Origin::BuiltIn), Ok)?, &args)
        }
        Command::Author(AuthorCommand::Mutants(args)) => {
            let around = crate::author::course(course)?;
            crate::author::mutants(&around.map_or_else(|| Catalog::open(Origin::BuiltIn), Ok)?, &args)
        }
        Command::Author(AuthorCommand::New(args)) => crate::author::new::stage(course, &args),
        Command::Author(AuthorCommand::NewCourse(args)) => {
            crate::author::new_course::course(&open_course(chosen)?, &args)
        }
        Command::Author(AuthorCommand::Schema(args)) => {
            crate::report::print(match args.file {
                Some(SchemaOf::Course) => schema::COURSE,
                Some(SchemaOf::Stage) => schema::STAGE,
                Some(SchemaOf::CourseLanguage) => schema::COURSE_LANGUAGE,
                Some(SchemaOf::StageLanguage) => schema::STAGE_LANGUAGE,
                None => schema::REFERENCE,
            });
            Ok(true)
        }
        Command::Author(AuthorCommand::Record(args)) => crate::author::record(course, &args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "workshop", &mut script);
            crate::report::print(&String::from_utf8_lossy(&script));
            Ok(true)
        }
    }
}

fn here() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::new("the current folder is gone").because(error))
}

/// The `.workshop` of the workspace that is found from here.
fn dot() -> Result<PathBuf> {
    Ok(Workspace::locate(&here()?)?.0.join(DOT))
}

fn open_course(chosen: &Chosen) -> Result<Catalog> {
    let mut catalog = match &chosen.course {
        Some(path) => Catalog::folder(path)?,
        None => Catalog::open(Origin::BuiltIn)?,
    };
    speak(&mut catalog, chosen, None)?;
    Ok(catalog)
}

fn open_workspace(chosen: &Chosen) -> Result<Workspace> {
    let workspace = open_quietly(chosen)?;
    if workspace.has_news() {
        crate::report::say("this course has changed: `workshop update` brings what is new, and keeps what you wrote");
    }
    Ok(workspace)
}

/// The same for those who have the whole screen, or are asked often.
fn open_quietly(chosen: &Chosen) -> Result<Workspace> {
    let mut workspace = Workspace::find(&here()?, chosen.course.as_deref())?;
    speak(&mut workspace.catalog, chosen, workspace.state.language.as_deref())?;
    remember(&workspace, chosen)?;
    Ok(workspace)
}

/// The course speaks the language that was asked for, now or (`before`) earlier, or else that of the
/// environment, or else its first one. What was asked for now it has to have.
fn speak(catalog: &mut Catalog, chosen: &Chosen, before: Option<&str>) -> Result<()> {
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

/// The language that was asked for is the workspace's from now on.
fn remember(workspace: &Workspace, chosen: &Chosen) -> Result<()> {
    if chosen.lang.is_some() && workspace.state.language != chosen.lang {
        State::update(&workspace.dot(), |state| state.language.clone_from(&chosen.lang))?;
    }
    Ok(())
}

/// The language of the environment, as POSIX finds it: the first of these variables that is set.
fn locale() -> Option<String> {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    set.into_iter().find(|value| !value.is_empty())
}

/// The learner has something of the course run, knowingly.
fn accept(workspace: &Workspace) -> Result<()> {
    let commands = workspace.catalog.course.commands();
    if !workspace.state.accepts(&commands) {
        State::update(&workspace.dot(), |state| state.accepted = Some(commands))?;
    }
    Ok(())
}

/// The stage that is meant: the one named, the one whose folder this is, or the current one.
fn stage_name(workspace: &Workspace, named: Option<&str>) -> Result<String> {
    if let Some(name) = named {
        // A wrong name is reported with the nearest right ones.
        return workspace.catalog.stage(name).map(|stage| stage.name);
    }
    let here = here()?;
    let inside = here
        .strip_prefix(&workspace.root)
        .ok()
        .and_then(|path| path.components().next())
        .map(|part| part.as_os_str().to_string_lossy().into_owned());
    Ok(inside
        .filter(|name| workspace.catalog.course.stages.contains(name))
        .unwrap_or_else(|| workspace.state.current.clone()))
}

/// The packages of a stage, for both parties.
fn built<'w>(workspace: &'w Workspace, stage: &Stage, solution: bool) -> Result<Built<'w>> {
    let you = package(workspace, stage, Party::You, if solution { Party::Reference } else { Party::You })?;
    let reference = package(workspace, stage, Party::Reference, Party::Reference)?;
    Ok(Built { track: workspace.track()?, you, reference })
}

/// The package of a stage with which a party plays.
fn package(workspace: &Workspace, stage: &Stage, party: Party, whose: Party) -> Result<Package> {
    Ok(Package {
        party,
        stage: stage.name.clone(),
        roles: stage.programs(whose),
        edited: whose == Party::You,
        root: workspace.packages(whose)?,
        out: workspace.dot().join("out").join(whose.name()).join(&stage.name),
        cache: workspace.dot().join("cache"),
        colour: crate::report::colour(),
    })
}

/// Runs asynchronous work until it is done or a signal asks to stop. When the work is dropped,
/// every process that it started is ended.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    until_stopped(work)?.map_err(|signal| {
        Error::new(format!("stopped by {signal}"))
            .help("all programs that were running are ended, and your files are as they were")
    })
}

/// The same for work that a signal is the usual end of: it is the inner error.
fn until_stopped<T>(work: impl Future<Output = Result<T>>) -> Result<Result<T, &'static str>> {
    block_on_unasked(async {
        tokio::select! {
            result = work => result.map(Ok),
            signal = interrupted() => Ok(Err(signal)),
        }
    })
}

/// The same in a thread beside the one that is asked to stop.
fn block_on_unasked<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    // What the runtime needs later, for signals and for children, it takes for granted.
    let runtime = files::has(RUNTIME)
        .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build())
        .map_err(|error| {
            let help = Fault::of(&error).map_or("`workshop doctor` looks at what is needed", Fault::help);
            Error::new("the runtime can't be started").because(error).help(help)
        })?;
    let result = runtime.block_on(work);
    // Ends the groups of whatever was still running, and then whoever has left his group.
    drop(runtime);
    strays::end();
    crate::runs::sweep();
    result
}

#[cfg(unix)]
async fn interrupted() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let asked = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    let [Ok(mut int), Ok(mut term), Ok(mut hup), Ok(mut quit)] = asked.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => "Ctrl-C",
        _ = term.recv() => "SIGTERM",
        _ = hup.recv() => "the terminal's end",
        _ = quit.recv() => "SIGQUIT",
    }
}

#[cfg(not(unix))]
async fn interrupted() -> &'static str {
    let _ = tokio::signal::ctrl_c().await;
    "Ctrl-C"
}

/// A path as the reader can use it from where they are.
fn relative(path: &Path) -> String {
    let here = here().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// A path that a terminal can open: OSC 8, where there is a terminal.
fn link(path: &Path) -> String {
    let shown = relative(path);
    if crate::report::colour() {
        format!("\u{1b}]8;;file://{}\u{1b}\\{shown}\u{1b}]8;;\u{1b}\\", path.display())
    } else {
        shown
    }
}
