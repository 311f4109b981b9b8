//! What each command does, assembled from the other modules.

mod completion;
mod context;
mod doctor;
mod editor;
mod hints;
mod init;
mod learn;
mod pager;
mod prefetch;
mod serve;
mod trace;
mod update;
mod verify;
mod verify_worker;
mod watch;

use clap::Parser;

use crate::assets::{Catalog, Origin};
use crate::cli::{AuthorCommand, Cli, Command, GradeCommand, SchemaOf, WatchArgs};
use crate::course::schema;
use crate::error::Result;
use crate::grade::cluster;

pub use completion::answer as answer_shell;

/// Executes the command. `Ok(false)` is a verdict against the learner's program.
///
/// # Errors
/// Whatever kept the runner from doing its work.
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
        Command::Doctor(args) if args.grade => doctor::grade::doctor(chosen),
        Command::Doctor(_) => doctor::doctor(chosen),
        Command::Prefetch => prefetch::prefetch(chosen),
        Command::Grade(args) => {
            let catalog = || crate::author::course(course)?.map_or_else(|| Catalog::open(Origin::BuiltIn), Ok);
            match &args.command {
                Some(GradeCommand::Report(args)) => crate::grade::report(args),
                Some(GradeCommand::Slurm(args)) => cluster::slurm(&catalog()?, args),
                Some(GradeCommand::Kubernetes(args)) => cluster::kubernetes(&catalog()?, args),
                Some(GradeCommand::Github(args)) => cluster::github(&catalog()?, args),
                Some(GradeCommand::Gradescope(args)) => cluster::gradescope(&catalog()?, args),
                None => crate::grade::grade(&catalog()?, &args),
            }
        }
        Command::Author(AuthorCommand::Check(args)) => {
            crate::author::check(&crate::author::course_or_built_in(course)?, &args)
        }
        Command::Author(AuthorCommand::Mutants(args)) => {
            crate::author::mutants(&crate::author::course_or_built_in(course)?, &args)
        }
        Command::Author(AuthorCommand::New(args)) => crate::author::new::stage(course, &args),
        Command::Author(AuthorCommand::NewCourse(args)) => {
            crate::author::new_course::course(&context::open_course(chosen)?, &args)
        }
        Command::Author(AuthorCommand::Schema(args)) => {
            crate::report::print(match args.file {
                Some(SchemaOf::Course) => schema::COURSE,
                Some(SchemaOf::Stage) => schema::STAGE,
                Some(SchemaOf::CourseLanguage) => schema::COURSE_LANGUAGE,
                Some(SchemaOf::StageLanguage) => schema::STAGE_LANGUAGE,
                Some(SchemaOf::Grade) => schema::GRADE,
                None => schema::REFERENCE,
            });
            Ok(true)
        }
        Command::Author(AuthorCommand::Export(args)) => crate::author::export(course, &args),
        Command::Author(AuthorCommand::Template(args)) => crate::author::template(course, &args),
        Command::Author(AuthorCommand::Record(args)) => crate::author::record(course, &args),
        Command::Completions { shell } => {
            let script = completion::script(&shell.to_string())?;
            crate::report::print(&String::from_utf8_lossy(&script));
            Ok(true)
        }
    }
}
