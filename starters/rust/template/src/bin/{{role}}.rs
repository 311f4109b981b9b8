//! {{ role }}: one of the peers.
//!
//!     {{ role }}              listens, and greets whoever dials
//!     {{ role }} ADDRESS      dials, and greets

use std::process::ExitCode;

fn main() -> ExitCode {
    {{ ident }}::run("{{ role }}")
}
