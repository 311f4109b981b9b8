//! What runs a command's asynchronous work, and ends it with all its processes when a signal says so.

use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::machine::files;
use crate::process::orphans;
use crate::runs::sweep;

/// The files that the runtime opens for itself, at most.
const FILES: usize = 12;

/// Runs asynchronous work until it is done or a signal asks to stop. When the work is dropped,
/// every process that it started is ended.
///
/// # Errors
/// Those of the work; a signal has stopped it; the runtime can't be started.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    until_stopped(work)?.map_err(|signal| {
        Error::new(format!("stopped by {signal}"))
            .help("all programs that were running are ended, and your files are as they were")
    })
}

/// The same for work that a signal is the usual end of: the signal is the inner error.
///
/// # Errors
/// Those of the work; the runtime can't be started.
pub fn until_stopped<T>(work: impl Future<Output = Result<T>>) -> Result<Result<T, &'static str>> {
    block_on_unasked(async {
        tokio::select! {
            result = work => result.map(Ok),
            signal = interrupted() => Ok(Err(signal)),
        }
    })
}

/// The same without a look at signals: for a thread beside the one that they stop.
///
/// # Errors
/// Those of the work; the runtime can't be started.
pub fn block_on_unasked<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    // Tokio panics when it finds no file later on, for a signal or a child.
    let runtime = files::has(FILES)
        .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build())
        .map_err(|error| {
        let help = Fault::of(&error).map_or("`workshop doctor` looks at what is needed", Fault::help);
        Error::new("the runtime can't be started").because(error).help(help)
    })?;
    let result = runtime.block_on(work);
    // Dropping ends the process groups that were still running; what follows ends processes that left their group.
    drop(runtime);
    orphans::end();
    sweep();
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
