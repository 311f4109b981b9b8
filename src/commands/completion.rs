//! Completion in a shell: of commands and flags, and of what they are about, as the course and the workspace have it.

use std::ffi::OsStr;

use clap::{Arg, Command, CommandFactory};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;

use super::context;
use crate::cli::{Chosen, Cli};
use crate::course::Stage;
use crate::error::{Error, Result};

/// Where the shell's script asks for candidates.
const VARIABLE: &str = "WORKSHOP_COMPLETE";

/// Answers a shell that asks for candidates, and then ends the process. Does nothing otherwise.
pub fn answer() {
    CompleteEnv::with_factory(|| with_values(Cli::command())).var(VARIABLE).complete();
}

/// The script that makes a shell ask.
pub(super) fn script(shell: &str) -> Result<Vec<u8>> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let shell = shells.completer(shell).ok_or_else(|| Error::new("there is no completion for this shell"))?;
    let written = shell.write_registration(VARIABLE, "workshop", "workshop", "workshop", &mut script);
    written.map_err(|error| Error::new("the script can't be made").because(error))?;
    Ok(script)
}

/// The commands, with completers for the arguments that name something of the course.
fn with_values(command: Command) -> Command {
    let command = command.mut_args(|arg| match completer(&arg) {
        Some(values) => arg.add(ArgValueCompleter::new(move |typed: &OsStr| candidates(values, typed))),
        None => arg,
    });
    command.mut_subcommands(with_values)
}

/// What an argument can be, if the course says it.
fn completer(arg: &Arg) -> Option<fn(&Known) -> Vec<String>> {
    Some(match arg.get_id().as_str() {
        "stage" | "stages" => |known| known.stages.iter().map(|stage| stage.name.clone()).collect(),
        "scenario" => |known| known.of_stage(|stage| stage.scenarios.iter().map(|s| s.name.clone()).collect()),
        "pairing" => |known| known.of_stage(pairings),
        "role" => |known| known.of_stage(roles),
        "mistake" => |known| known.of_stage(|stage| stage.mistakes.iter().map(|m| m.name.clone()).collect()),
        "track" => |known| known.tracks.clone(),
        _ => return None,
    })
}

fn pairings(stage: &Stage) -> Vec<String> {
    stage.scenarios.iter().flat_map(|scenario| &scenario.pairings).map(ToString::to_string).collect()
}

fn roles(stage: &Stage) -> Vec<String> {
    stage.roles.iter().filter(|role| role.by.is_none()).map(|role| role.name.clone()).collect()
}

/// The values that begin as what was typed, each once and in the course's order.
fn candidates(values: fn(&Known) -> Vec<String>, typed: &OsStr) -> Vec<CompletionCandidate> {
    // A shell shows no error.
    let (Some(typed), Ok(known)) = (typed.to_str(), Known::read()) else { return Vec::new() };
    let mut found: Vec<String> = Vec::new();
    for value in values(&known).into_iter().filter(|value| value.starts_with(typed)) {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found.into_iter().map(CompletionCandidate::new).collect()
}

/// What the course has.
struct Known {
    stages: Vec<Stage>,
    tracks: Vec<String>,
    /// The stage that is typed already, or else the workspace's current one.
    current: Option<String>,
}

impl Known {
    fn read() -> Result<Known> {
        let words: Vec<String> = std::env::args().skip_while(|word| word != "--").collect();
        let after = |flag: &str| {
            let at = words.iter().position(|word| word == flag)?;
            words.get(at + 1)
        };
        let chosen = Chosen { course: after("--course").map(Into::into), lang: None };
        let workspace = context::open_quietly(&chosen);
        let current = workspace.as_ref().ok().map(|workspace| workspace.state.current.clone());
        let catalog = workspace.map(|workspace| workspace.catalog).or_else(|_| context::open_course(&chosen))?;
        let names = &catalog.course.stages;
        let typed = words.iter().find(|word| names.contains(word)).cloned();
        let stages = names.iter().map(|name| catalog.stage(name)).collect::<Result<_>>()?;
        Ok(Known { stages, tracks: catalog.course.tracks.keys().cloned().collect(), current: typed.or(current) })
    }

    fn of_stage(&self, values: fn(&Stage) -> Vec<String>) -> Vec<String> {
        let is_current = |stage: &&Stage| self.current.as_ref().is_none_or(|current| *current == stage.name);
        self.stages.iter().filter(is_current).flat_map(values).collect()
    }
}
