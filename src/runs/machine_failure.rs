//! Was it the machine? Tells what keeps a run from being executed from what a program does wrong; see
//! [`machine`](crate::machine).

use std::io;
use std::path::{Path, PathBuf};

use super::{ExecutedRun, Plan, Programs};
use crate::fault::Fault;
use crate::machine::ports;
use crate::machine::room::{self, Before};
use crate::machine::shortage::Since;
use crate::machine::{could_not, could_not_start, machine_failure};
use crate::matcher::Ending;
use crate::process::PeerCommand;
use crate::transcript::RoleId;
use crate::verdict::{Failure, MachineFailure};

/// SIGKILL, with which the system ends processes when memory runs out.
const KILL: i32 = 9;

/// The failure of a role that can't be started, through the machine's fault or the learner's.
pub(super) fn not_started(command: &PeerCommand, role: RoleId, error: &io::Error) -> Failure {
    let program = Path::new(command.run.first().map_or("", String::as_str));
    match could_not_start(program, &command.dir, error) {
        Some(failure) => Failure::Machine(failure),
        None => Failure::NotStarted(role, format!("{}: {error}", command.run.join(" "))),
    }
}

/// The failure of a link that can't be opened. An address that the machine does not have was printed by a role.
pub(super) fn no_link(dialer: RoleId, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => Failure::NotStarted(dialer, error.to_string()),
        _ => Failure::Machine(could_not("open a link", error)),
    }
}

/// Why a run could not be executed, if so. All its processes have ended by now.
pub(super) fn reason(
    plan: &Plan<'_>,
    programs: &dyn Programs,
    executed: &ExecutedRun,
    before: &Before,
    since: &Since,
) -> Option<MachineFailure> {
    if matches!(executed.failure, Some(Failure::Machine(_))) {
        return None;
    }
    // Even if the run passed: what could not be checked may have been wrong.
    if let Some(failure) = since.met() {
        return Some(failure);
    }
    executed.failure.as_ref()?;
    let connections = || executed.evidence.links.iter().map(|link| link.connections.len()).sum();
    if ports::are_used_up() && !ports::are_many(connections()) {
        return Some(machine_failure(Fault::Ports, "Nearly all ports of this machine are in use.".to_owned()));
    }
    let temporary = std::env::temp_dir();
    executed.evidence.outputs.iter().enumerate().find_map(|(role, output)| {
        let who = &output.role;
        let name = &plan.stage.roles[plan.scenario.cast[role]].name;
        let dir: PathBuf = programs.command(output.party, name).dir;
        let stderr = String::from_utf8_lossy(&output.stderr);
        // If the scenario itself limits memory, running out of it is the program's fault.
        let lacked = before.lacked(&stderr, plan.scenario.memory.is_some(), &[&dir, &temporary]);
        let killed = || {
            let is = output.ending == Some(Ending::Signal(KILL)) && before.has_killed() && room::is_short_of_memory();
            is.then(|| machine_failure(Fault::Memory, "The system killed it: no memory was left.".to_owned()))
        };
        let failure = lacked.or_else(killed)?;
        Some(MachineFailure { say: format!("Of {who}: {}", failure.say), ..failure })
    })
}
