//! What each command does, from the parts that the other modules offer.

mod doctor;
mod init;
mod learn;
mod prefetch;
mod update;
mod verify;

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::assets::{Catalog, Origin};
use crate::build::{Built, Package};
use crate::cli::{AuthorCommand, Cli, Command, SchemaOf};
use crate::course::{Party, schema};
use crate::error::{Error, Result};
use crate::process::strays;
use crate::progress::State;
use crate::workspace::Workspace;

/// Does what was asked for. `Ok(false)` is a verdict against the learner's program.
///
/// # Errors
/// What kept the runner from doing its work.
pub fn run(cli: Cli) -> Result<bool> {
    let course = cli.course.as_deref();
    match cli.command {
        Command::Next(args) => learn::next(course, &args),
        Command::Init(args) => init::init(course, &args),
        Command::Update(args) => update::update(course, &args),
        Command::Verify(args) => verify::verify(course, &args),
        Command::List => learn::list(course),
        Command::Lesson(args) => learn::lesson(course, args.stage.as_deref()),
        Command::Hint(args) => learn::hint(course, args.stage.as_deref()),
        Command::Solution(args) => learn::solution(course, &args),
        Command::Diff(args) => learn::diff(course, &args),
        Command::Reset(args) => learn::reset(course, args.stage.as_deref()),
        Command::Run(args) => verify::run_role(course, &args),
        Command::Doctor => doctor::doctor(course),
        Command::Prefetch => prefetch::prefetch(course),
        Command::Author(AuthorCommand::Check(args)) => crate::author::check(&open_course(course)?, &args),
        Command::Author(AuthorCommand::New(args)) => crate::author::new::stage(course, &args),
        Command::Author(AuthorCommand::NewCourse(args)) => {
            crate::author::new_course::course(&open_course(course)?, &args)
        }
        Command::Author(AuthorCommand::Schema(args)) => {
            crate::report::print(match args.file {
                Some(SchemaOf::Course) => schema::COURSE,
                Some(SchemaOf::Stage) => schema::STAGE,
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

fn open_course(path: Option<&Path>) -> Result<Catalog> {
    match path {
        Some(path) => Catalog::folder(path),
        None => Catalog::open(Origin::BuiltIn),
    }
}

fn open_workspace(course: Option<&Path>) -> Result<Workspace> {
    let workspace = Workspace::find(&here()?, course)?;
    if workspace.has_news() {
        crate::report::say("this course has changed: `workshop update` brings what is new, and keeps what you wrote");
    }
    Ok(workspace)
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
fn built<'w>(workspace: &'w Workspace, stage: &str, solution: bool) -> Result<Built<'w>> {
    let package = |party: Party, whose: Party| -> Result<Package> {
        Ok(Package {
            party,
            stage: stage.to_owned(),
            root: workspace.packages(whose)?,
            out: workspace.dot().join("out").join(whose.name()).join(stage),
            cache: workspace.dot().join("cache"),
            colour: crate::report::colour(),
        })
    };
    let you = package(Party::You, if solution { Party::Reference } else { Party::You })?;
    Ok(Built { track: workspace.track()?, you, reference: package(Party::Reference, Party::Reference)? })
}

/// Runs asynchronous work until it is done or a signal asks to stop. When the work is dropped,
/// every process that it started is ended.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new("the runtime can't be started").because(error))?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = work => result,
            signal = interrupted() => Err(Error::new(format!("stopped by {signal}")).help("all programs that were running are ended, and your files are as they were")),
        }
    });
    // Ends the groups of whatever was still running, and then whoever has left his group.
    drop(runtime);
    strays::end();
    crate::runs::sweep();
    result
}

#[cfg(unix)]
async fn interrupted() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term), Ok(mut hup)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => "Ctrl-C",
        _ = term.recv() => "SIGTERM",
        _ = hup.recv() => "the terminal's end",
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
