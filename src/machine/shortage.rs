//! When the runner itself runs out of something, it does so for all current runs: files, processes and memory are
//! limited for the process, or the user, as a whole. The code that meets a shortage notes it here, once, and each run
//! checks whether it was hit.

use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use super::machine_failure;
use crate::fault::Fault;
use crate::verdict::MachineFailure;

/// How often something was lacking, and what was lacking last.
static LACKED: Mutex<(u64, Option<(Fault, String)>)> = Mutex::new((0, None));

/// Notified each time.
static RAISED: Notify = Notify::const_new();

/// Notes an error, if it means that the runner has run out of something that all runs share.
pub fn note(error: &io::Error) {
    let Some(fault @ (Fault::Files | Fault::Processes | Fault::Memory)) = Fault::of(error) else { return };
    let mut lacked = LACKED.lock().unwrap_or_else(PoisonError::into_inner);
    *lacked = (lacked.0 + 1, Some((fault, error.to_string())));
    drop(lacked);
    RAISED.notify_waiters();
}

/// The moment after which a shortage matters.
pub struct Since(u64);

impl Since {
    /// From now on.
    pub fn now() -> Since {
        Since(LACKED.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// What the runner has run out of since then.
    pub fn met(&self) -> Option<MachineFailure> {
        let lacked = LACKED.lock().unwrap_or_else(PoisonError::into_inner);
        let (fault, error) = lacked.1.as_ref().filter(|_| lacked.0 > self.0)?;
        Some(machine_failure(*fault, format!("The runner itself ran into a limit: {} ({error}).", fault.what())))
    }

    /// Waits until the runner runs out of something.
    pub async fn meets(&self) -> MachineFailure {
        loop {
            let raised = RAISED.notified();
            tokio::pin!(raised);
            raised.as_mut().enable();
            if let Some(failure) = self.met() {
                return failure;
            }
            raised.await;
        }
    }
}
