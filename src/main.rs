//! The binary: parse, run, one exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    workshop::commands::answer_shell();
    workshop::report::choose_colour();
    let done = workshop::commands::run(workshop::cli::Cli::parse());
    match done.and_then(|good| workshop::report::printed().map(|()| good)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            workshop::report::error(&error);
            ExitCode::from(2)
        }
    }
}
