//! The binary: parse, run, one exit code.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    workshop::report::choose_colour();
    match workshop::commands::run(workshop::cli::Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            workshop::report::error(&error);
            ExitCode::from(2)
        }
    }
}
