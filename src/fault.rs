//! What a machine can lack or refuse, as values: how the system's errors and the messages of programs name it, and
//! what to do about it. [`machine`](crate::machine) asks the system whether it is true.

use std::io;

/// Something that a machine lacks or refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No more files or sockets can be opened.
    Files,
    /// No more processes or threads can be started.
    Processes,
    /// No free ports are left.
    Ports,
    /// No memory is left.
    Memory,
    /// A disk is full, or its quota is used up.
    Space,
    /// Programs can't be started from this disk (`noexec`).
    NoExec,
    /// The system does not permit it.
    Permission,
    /// Something else that the runner needs: a program, a folder, a port.
    Missing,
}

impl Fault {
    /// The faults that programs report in their messages.
    pub const SAID: [Fault; 4] = [Fault::Space, Fault::Memory, Fault::Files, Fault::Processes];

    /// The fault that an error of the system means, if it means one.
    pub fn of(error: &io::Error) -> Option<Fault> {
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => Some(Fault::Space),
            (io::ErrorKind::OutOfMemory, _) => Some(Fault::Memory),
            // EAGAIN, where a process or a thread is started.
            (io::ErrorKind::WouldBlock, _) => Some(Fault::Processes),
            // ENFILE, EMFILE: the numbers are the same on all Unix systems, and std has no kind for them.
            (_, Some(23 | 24)) if cfg!(unix) => Some(Fault::Files),
            _ => None,
        }
    }

    /// Its name in JSON and in JUnit.
    pub fn id(self) -> &'static str {
        match self {
            Fault::Files => "open-files",
            Fault::Processes => "processes",
            Fault::Ports => "ports",
            Fault::Memory => "memory",
            Fault::Space => "disk-space",
            Fault::NoExec => "noexec",
            Fault::Permission => "permission",
            Fault::Missing => "missing",
        }
    }

    /// Does a text report this fault, in the words of any language's runtime? It is no proof: a program that used up
    /// its own limits prints the same.
    pub fn is_said(self, text: &str) -> bool {
        let words: &[&str] = match self {
            Fault::Files => &[
                "Too many open files",
                "EMFILE",
                "ENFILE",
                "[Errno 24]",
                "[Errno 23]",
                "(os error 24)",
                "(os error 23)",
            ],
            Fault::Processes => &[
                "Resource temporarily unavailable",
                "annot fork",
                "can't start new thread",
                "failed to spawn thread",
                "EAGAIN",
                "(os error 11)",
            ],
            Fault::Memory => &[
                "memory allocation of",
                "MemoryError",
                "out of memory",
                "bad_alloc",
                "annot allocate memory",
                "ENOMEM",
            ],
            Fault::Space => {
                &["No space left on device", "ENOSPC", "Disk quota exceeded", "EDQUOT", "(os error 28)", "[Errno 28]"]
            }
            Fault::NoExec | Fault::Permission => &["Permission denied", "EACCES"],
            Fault::Ports | Fault::Missing => &[],
        };
        words.iter().any(|words| text.contains(words))
    }

    /// What is lacking, as the end of a sentence.
    pub fn what(self) -> &'static str {
        match self {
            Fault::Files => "no more files or sockets can be opened here",
            Fault::Processes => "no more processes or threads can be started here",
            Fault::Ports => "nearly all ports are in use here",
            Fault::Memory => "no memory is left here",
            Fault::Space => "the disk is full",
            Fault::NoExec => "the disk is mounted `noexec`: no program can be started from it",
            Fault::Permission => "the system does not permit it",
            Fault::Missing => "it is not available",
        }
    }

    /// What to do about it.
    pub fn help(self) -> &'static str {
        match self {
            Fault::Files => "raise the limit of open files with `ulimit -n 1024`, or close other programs",
            Fault::Processes => {
                "close other programs, or raise the limit of processes: `ulimit -u` shows the user's, `pids.max` a \
                 container's"
            }
            Fault::Ports => {
                "wait a minute and try again: a closed connection keeps its port that long, and `ss -s` counts them; \
                 a program that connects in an endless loop uses up all ports"
            }
            Fault::Memory => {
                "close other programs, give the machine or the container more memory, or raise the limit: `ulimit -v \
                 unlimited`"
            }
            Fault::Space => "`df -h` shows which disks are full: make room; TMPDIR can name another temporary folder",
            Fault::NoExec => {
                "put the workspace on a disk from which programs can be started; `mount` shows the options of each disk"
            }
            Fault::Permission => {
                "check the permissions of the file and of the folders above it, and whether a sandbox forbids it"
            }
            Fault::Missing => "`workshop doctor` checks what is needed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system() {
        let of = |kind: io::ErrorKind| Fault::of(&kind.into());
        assert_eq!(of(io::ErrorKind::StorageFull), Some(Fault::Space));
        assert_eq!(of(io::ErrorKind::OutOfMemory), Some(Fault::Memory));
        assert_eq!(of(io::ErrorKind::WouldBlock), Some(Fault::Processes));
        assert_eq!(of(io::ErrorKind::NotFound), None);
        #[cfg(unix)]
        assert_eq!(Fault::of(&io::Error::from_raw_os_error(24)), Some(Fault::Files));
    }

    #[test]
    fn the_words_of_runtimes() {
        let said = |text: &str| Fault::SAID.into_iter().filter(|fault| fault.is_said(text)).collect::<Vec<_>>();
        for (text, fault) in [
            ("Error: Too many open files (os error 24)", Fault::Files),
            ("Error: listen EMFILE: too many open files", Fault::Files),
            ("OSError: [Errno 24] Zu viele offene Dateien", Fault::Files),
            ("OS can't spawn worker thread: Resource temporarily unavailable (os error 11)", Fault::Processes),
            ("RuntimeError: can't start new thread", Fault::Processes),
            ("sh: 1: Cannot fork", Fault::Processes),
            ("Error: spawn /usr/bin/node EAGAIN", Fault::Processes),
            ("memory allocation of 4096 bytes failed", Fault::Memory),
            ("OSError: [Errno 12] Cannot allocate memory", Fault::Memory),
            ("Error: ENOSPC: no space left on device, write", Fault::Space),
            ("No space left on device (os error 28)", Fault::Space),
        ] {
            assert_eq!(said(text), [fault], "{text}");
        }
        assert_eq!(said("connection refused (os error 111)"), []);
    }
}
