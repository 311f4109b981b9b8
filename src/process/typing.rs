//! The input of a peer: from the runner into the pipe, and from there into the peer.

#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;

/// The input of a peer.
pub(super) struct Input {
    lines: Option<mpsc::UnboundedSender<Vec<u8>>>,
    pipe: Arc<Pipe>,
}

/// The state of the pipe.
struct Pipe {
    /// How many bytes were typed; an end counts as one.
    typed: AtomicU64,
    /// How many of them the pipe has taken, or were dropped because the peer has closed it.
    written: AtomicU64,
    /// Another descriptor of the pipe, to ask how much is unread. It would keep the pipe open, so it is closed
    /// together with the one that is written to.
    #[cfg(unix)]
    look: Mutex<Option<OwnedFd>>,
}

impl Input {
    /// The input, and the future that writes it.
    pub(super) fn new(stdin: ChildStdin) -> (Input, impl Future<Output = ()>) {
        let (lines, to_type) = mpsc::unbounded_channel();
        let pipe = Arc::new(Pipe {
            typed: AtomicU64::new(0),
            written: AtomicU64::new(0),
            #[cfg(unix)]
            look: Mutex::new(stdin.as_fd().try_clone_to_owned().inspect_err(crate::machine::shortage::note).ok()),
        });
        (Input { lines: Some(lines), pipe: Arc::clone(&pipe) }, type_in(stdin, to_type, pipe))
    }

    /// Types a line.
    pub(super) fn type_line(&self, text: &str) {
        if let Some(lines) = &self.lines {
            let line = format!("{text}\n").into_bytes();
            self.pipe.typed.fetch_add(line.len() as u64, Ordering::Relaxed);
            let _ = lines.send(line);
        }
    }

    /// Ends the input, once all that was typed is in it.
    pub(super) fn end(&mut self) {
        if self.lines.take().is_some() {
            self.pipe.typed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The typed bytes that the pipe has taken so far.
    pub(super) fn written(&self) -> u64 {
        self.pipe.written.load(Ordering::Relaxed)
    }

    /// Does the pipe have room for something typed that is not in it yet? Then the runner is about to wake the peer.
    pub(super) fn is_on_its_way(&self) -> bool {
        let waits = self.pipe.typed.load(Ordering::Relaxed) > self.written();
        waits && self.unread() == Some(0)
    }

    /// The bytes in the pipe that the peer has not read, where the system says so.
    #[cfg(unix)]
    pub(super) fn unread(&self) -> Option<usize> {
        let look = self.pipe.look.lock().unwrap_or_else(PoisonError::into_inner);
        crate::quiescence::unread_in_pipe(look.as_ref()?.as_fd())
    }

    /// The same: not known here.
    #[cfg(not(unix))]
    pub(super) fn unread(&self) -> Option<usize> {
        None
    }
}

/// Writes what is typed; ends the input when there will be no more.
async fn type_in(mut stdin: ChildStdin, mut to_type: mpsc::UnboundedReceiver<Vec<u8>>, pipe: Arc<Pipe>) {
    while let Some(line) = to_type.recv().await {
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match stdin.write(rest).await {
                Ok(count @ 1..) => {
                    pipe.written.fetch_add(count as u64, Ordering::Relaxed);
                    rest = &rest[count..];
                }
                // A peer may close its input; the transcript decides whether that is right.
                _ => return pipe.close(),
            }
        }
    }
    pipe.close();
}

impl Pipe {
    /// Closes it: nothing more is written.
    fn close(&self) {
        #[cfg(unix)]
        self.look.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.written.store(u64::MAX, Ordering::Relaxed);
    }
}
