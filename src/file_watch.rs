//! Saves: who is told when a file has other content than before.
//!
//! The system says that something has happened in a folder, and not what it means: an editor may
//! write a file twice, or write another one and rename it into place; a folder may be moved away
//! and made anew. So whatever is said is only a reason to look: a *mark* of the content, which the
//! caller makes, tells whether anything is different. Where the system says nothing (folders of
//! Windows seen from WSL, some network file systems), the mark is made again every so often.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::error::{Error, Result};

/// What belongs to one save comes within this time of each other.
const TOGETHER: Duration = Duration::from_millis(30);

/// How often is looked where the system tells nothing.
const POLL: Duration = Duration::from_millis(300);

/// What is looked at.
pub struct WatchedFiles {
    /// The folder in which things may come and go; what is below it is not looked at.
    pub root: PathBuf,
    /// Folders that are looked at with all below them.
    pub folders: Vec<PathBuf>,
    /// A mark of the content of the files that count; `None` when it can't be made at the moment,
    /// as in the midst of a save.
    pub mark: Box<dyn Fn() -> Option<u64> + Send>,
}

/// Looks for saves until it is dropped.
pub struct FileWatch(Sender<Message>);

enum Message {
    /// The system says that something has happened.
    Happened,
    /// Something else is to be looked at from now on.
    LookAt(WatchedFiles, Option<u64>),
    /// Nobody wants to know any more.
    Over,
}

impl FileWatch {
    /// Calls `saved` at each save from now on. With `poll` the system is not asked to tell.
    ///
    /// # Errors
    /// The thread for it can't be started.
    pub fn start(watched: WatchedFiles, poll: bool, saved: impl Fn() + Send + 'static) -> Result<FileWatch> {
        let (sender, messages) = channel();
        let watcher = if poll || is_silent(&watched.root) { None } else { watcher(sender.clone()) };
        // Made before anybody acts on the content: a save from now on is a save.
        let mark = (watched.mark)();
        let watch_thread = move || WatchThread { watcher, mark, watched }.until_over(&messages, &saved);
        std::thread::Builder::new()
            .name("file_watch".to_owned())
            .spawn(watch_thread)
            .map_err(|error| Error::new("saves can't be looked for").because(error))?;
        Ok(FileWatch(sender))
    }

    /// Looks at something else from now on.
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

/// `None` where the system can't tell, or has no room for another one who wants to know.
fn watcher(sender: Sender<Message>) -> Option<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // To look is to open folders and files: whoever looked again because of that would look for ever.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            let _ = sender.send(Message::Happened);
        }
    })
    .ok()
}

/// Is this a file system that changes without the kernel's knowledge? Windows' folders in WSL and
/// those that a virtual machine shares by 9P are.
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

    /// Is anything different?
    fn look(&mut self, saved: &dyn Fn()) {
        // Each time: a folder that was moved away and made anew is another one to the system.
        self.watch();
        let mark = (self.watched.mark)();
        if mark.is_some() && mark != self.mark {
            self.mark = mark;
            saved();
        }
    }

    /// The next message; those of one save are one.
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

    /// Asks the system to tell. Where it does not, as when it has no room, the mark is made again
    /// every so often.
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
