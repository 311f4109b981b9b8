//! What something costs, in time of a processor: the same on a machine that is busy.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// What work comes to, if it takes at most so many seconds of a processor: how many others want one
/// makes no difference. Work that takes hours is left behind, and ends with the process.
pub fn within<T: Send + 'static>(seconds: u64, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let used = |thread: &Path| {
        let times = std::fs::read_to_string(Path::new("/proc").join(thread).join("schedstat")).unwrap_or_default();
        Duration::from_nanos(times.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0))
    };
    let limit = Duration::from_secs(seconds);
    let (begins, begun) = channel();
    let (ends, ended) = channel();
    std::thread::spawn(move || {
        let thread = std::fs::read_link("/proc/thread-self").unwrap_or_default();
        begins.send(thread.clone()).expect("somebody waits");
        let value = work();
        // Nobody waits any more for what took too long.
        let _ = ends.send((value, used(&thread)));
    });
    let thread = begun.recv().expect("it begins");
    loop {
        match ended.recv_timeout(Duration::from_millis(100)) {
            Ok((value, used)) => return (used <= limit).then_some(value),
            Err(RecvTimeoutError::Timeout) if used(&thread) <= limit => {}
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => panic!("the work has failed"),
        }
    }
}
