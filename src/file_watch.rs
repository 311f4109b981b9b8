//! Reports saves: changes of a file's content.
//!
//! The system reports that something happened in a folder, not what it means: an editor may write a file twice, or
//! write another one and rename it into place; a folder may be moved away and made anew. So an event is only a reason
//! to check: a *mark* of the content, which the caller makes, decides whether anything is different. Where the system
//! reports nothing (Windows folders seen from WSL, some network file systems), the mark is polled.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::error::{Error, Result};

/// The events of one save come within this time of each other.
const TOGETHER: Duration = Duration::from_millis(30);

/// How often the mark is made where the system reports nothing.
const POLL: Duration = Duration::from_millis(300);

/// What is watched.
pub struct WatchedFiles {
    /// A folder whose entries may come and go; it is not watched recursively.
    pub root: PathBuf,
    /// Folders that are watched recursively.
    pub folders: Vec<PathBuf>,
    /// A mark of the content of the files that count; `None` when it can't be made now, as in the middle of a save.
    pub mark: Box<dyn Fn() -> Option<u64> + Send>,
}

/// Watches for saves until it is dropped.
pub struct FileWatch(Sender<Message>);

enum Message {
    /// The system reports an event.
    Happened,
    /// Other files are watched from now on.
    LookAt(WatchedFiles, Option<u64>),
    /// The watch was dropped.
    Over,
}

impl FileWatch {
    /// Calls `saved` at each save from now on. With `poll`, it polls and does not rely on the system.
    ///
    /// # Errors
    /// The thread for it can't be started.
    pub fn start(watched: WatchedFiles, poll: bool, saved: impl Fn() + Send + 'static) -> Result<FileWatch> {
        let (sender, messages) = channel();
        let watcher = if poll || is_silent(&watched.root) { None } else { watcher(sender.clone()) };
        // Made before the content is used, so that no save is missed.
        let mark = (watched.mark)();
        let watch_thread = move || WatchThread { watcher, mark, watched }.until_over(&messages, &saved);
        std::thread::Builder::new()
            .name("file_watch".to_owned())
            .spawn(watch_thread)
            .map_err(|error| Error::new("the watch for saves can't be started").because(error))?;
        Ok(FileWatch(sender))
    }

    /// Watches other files from now on.
    pub fn watch_instead(&self, watched: WatchedFiles) {
        let mark = (watched.mark)();
        let _ = self.0.send(Message::LookAt(watched, mark));
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        let _ = self.0.send(Message::Over);
    }
}

/// `None` where the system can't report changes, or has no room for another watch.
fn watcher(sender: Sender<Message>) -> Option<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Checking opens folders and files. A check because of that would go on for ever.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            let _ = sender.send(Message::Happened);
        }
    })
    .ok()
}

/// Is this a file system that changes without the kernel's knowledge? Windows folders in WSL, and those that a
/// virtual machine shares by 9P, are.
#[cfg(target_os = "linux")]
fn is_silent(path: &Path) -> bool {
    const V9FS_MAGIC: i128 = 0x0102_1997;
    rustix::fs::statfs(path).is_ok_and(|about| i128::from(about.f_type) == V9FS_MAGIC)
}

#[cfg(not(target_os = "linux"))]
fn is_silent(_: &Path) -> bool {
    false
}

struct WatchThread {
    watcher: Option<RecommendedWatcher>,
    watched: WatchedFiles,
    mark: Option<u64>,
}

impl WatchThread {
    fn until_over(mut self, messages: &Receiver<Message>, saved: &dyn Fn()) {
        self.look(saved);
        loop {
            match self.next(messages) {
                Ok(Message::LookAt(watched, mark)) => {
                    self.watched = watched;
                    self.mark = mark;
                    self.look(saved);
                }
                Ok(Message::Happened) | Err(RecvTimeoutError::Timeout) => self.look(saved),
                Ok(Message::Over) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Calls `saved` if anything is different.
    fn look(&mut self, saved: &dyn Fn()) {
        // Each time, because a folder that was moved away and made anew is another one to the system.
        self.watch();
        let mark = (self.watched.mark)();
        if mark.is_some() && mark != self.mark {
            self.mark = mark;
            saved();
        }
    }

    /// The next message; the events of one save count as one.
    fn next(&self, messages: &Receiver<Message>) -> std::result::Result<Message, RecvTimeoutError> {
        if self.watcher.is_none() {
            return messages.recv_timeout(POLL);
        }
        let mut first = messages.recv().map_err(|_| RecvTimeoutError::Disconnected)?;
        while let Message::Happened = first {
            match messages.recv_timeout(TOGETHER) {
                Ok(another) => first = another,
                Err(_) => break,
            }
        }
        Ok(first)
    }

    /// Asks the system to report events. If it can't, as when it has no room, the mark is polled.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let mut good = watcher.watch(&self.watched.root, RecursiveMode::NonRecursive).is_ok();
        for folder in self.watched.folders.iter().filter(|folder| folder.is_dir()) {
            good &= watcher.watch(folder, RecursiveMode::Recursive).is_ok() || !folder.is_dir();
        }
        if !good {
            self.watcher = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::{FileWatch, WatchedFiles};

    /// Touched, and written with what it had: that is no save. Both ways of looking agree.
    #[test]
    fn only_another_content_is_a_save() {
        for poll in [false, true] {
            let dir = tempfile::tempdir().expect("a folder");
            let (root, folder) = (dir.path().to_owned(), dir.path().join("stage"));
            let file = folder.join("file");
            fs::create_dir(&folder).expect("a folder");
            fs::write(&file, "0").expect("written");
            let number = {
                let file = file.clone();
                move || fs::read_to_string(&file).ok()?.parse().ok()
            };
            let (sender, saved) = channel();
            let watched = WatchedFiles { root, folders: vec![folder], mark: Box::new(number) };
            let _saves = FileWatch::start(watched, poll, move || sender.send(()).expect("heard")).expect("it looks");
            fs::write(&file, "0").expect("written");
            // In the midst of a save there is nothing to be made a mark of.
            fs::remove_file(&file).expect("gone");
            fs::write(&file, "1").expect("written");
            saved.recv_timeout(Duration::from_secs(30)).expect("a save");
            fs::write(&file, "1").expect("written");
            fs::write(&file, "2").expect("written");
            saved.recv_timeout(Duration::from_secs(30)).expect("another save");
            assert!(saved.try_recv().is_err(), "there were two");
        }
    }
}
