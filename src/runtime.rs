//! Runs a command's asynchronous work, and ends it, with all its processes, on a signal.

use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::machine::files;
use crate::process::orphans;
use crate::runs::sweep;

/// The most files that the runtime opens for itself.
const FILES: usize = 12;

/// Runs asynchronous work until it is done or a signal asks to stop. When the work is dropped, every process that it
/// started is ended.
///
/// # Errors
/// Those of the work; a signal has stopped it; the runtime can't be started.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    until_stopped(work)?.map_err(|signal| {
        Error::new(format!("stopped by {signal}")).help("all running programs were ended, and your files are unchanged")
    })
}

/// The same for work that usually ends with a signal: the signal is the inner error.
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

/// The same without signal handling, for a thread beside the main one.
///
/// # Errors
/// Those of the work; the runtime can't be started.
pub fn block_on_unasked<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    // Tokio panics when it can't open a file later, for a signal or a child.
    let runtime = files::has(FILES)
        .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build())
        .map_err(|error| {
        let help = Fault::of(&error).map_or("`workshop doctor` checks what is needed", Fault::help);
        Error::new("the runtime can't be started").because(error).help(help)
    })?;
    let result = runtime.block_on(work);
    // Dropping it ends the process groups that are still running; the next line ends processes that left their group.
    drop(runtime);
    orphans::end();
    sweep();
    result
}

/// Does something during which Ctrl-C does not end this process, as it is meant for another one.
pub fn unharmed<T>(work: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    // What is listened for does not end the process, also when nobody reacts.
    let _listening = runtime.as_ref().ok().map(|runtime| {
        let _inside = runtime.enter();
        #[cfg(unix)]
        return tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
        #[cfg(windows)]
        return tokio::signal::windows::ctrl_c();
    });
    work()
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
