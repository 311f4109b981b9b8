//! A real terminal: a pseudo-terminal of the system, whose screen is read as a person reads it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use super::system::PATIENCE;

/// A program in a terminal of its own.
pub struct Terminal {
    child: Child,
    ours: File,
    theirs: File,
    before: Termios,
    printed: Receiver<Vec<u8>>,
    parser: vt100::Parser,
}

impl Terminal {
    /// Starts a program in a terminal of so many columns and rows.
    pub fn start(program: &Command, columns: u16, rows: u16) -> Terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("it is ours");
        let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("a plain name");
        let open = || OpenOptions::new().read(true).write(true).custom_flags(libc_noctty()).open(&name);
        let theirs = open().expect("its other end");
        let ours = File::from(ours);
        tcsetwinsize(&ours, size(columns, rows)).expect("it has a size");
        let before = tcgetattr(&theirs).expect("it is a terminal");
        // In a session of its own, whose terminal this is: only then is the program told when the
        // size changes, and a key can stop it.
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program.get_program()).args(program.get_args());
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None if name == "LANG" => &mut command,
                None => command.env_remove(name),
            };
        }
        command.current_dir(program.get_current_dir().expect("a folder"));
        command.stdin(open().expect("it")).stdout(open().expect("it")).stderr(open().expect("it"));
        let child = command.spawn().expect("setsid is there");
        let (sender, printed) = channel();
        let mut reader = ours.try_clone().expect("a second handle");
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal {
            child,
            ours,
            theirs,
            before,
            printed,
            parser: vt100::Parser::new(NonZero::new(rows).expect("rows"), NonZero::new(columns).expect("columns"), 0),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The screen as it is known now.
    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// The text on it.
    pub fn text(&self) -> String {
        self.screen().contents()
    }

    /// Waits until the screen is so. What is printed is what is waited for.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&vt100::Screen) -> bool) {
        let start = Instant::now();
        while !holds(self.parser.screen()) {
            match self.printed.recv_timeout(PATIENCE.saturating_sub(start.elapsed())) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("{what}: not within {PATIENCE:?}; there is\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => panic!("{what}: it has ended; there is\n{}", self.text()),
            }
        }
    }

    /// Waits until this stands on the screen.
    pub fn sees(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    /// Waits until this stands on the screen no more.
    pub fn sees_no(&mut self, text: &str) {
        self.until(&format!("no {text}"), |screen| !screen.contents().contains(text));
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).expect("it is there");
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let some = |count| NonZero::new(count).expect("a size");
        self.parser.screen_mut().set_size(some(rows), some(columns));
        tcsetwinsize(&self.ours, size(columns, rows)).expect("it has a size");
    }

    /// How the terminal treats keys at the moment.
    pub fn settings(&self) -> Termios {
        tcgetattr(&self.theirs).expect("it is a terminal")
    }

    /// The same before the program was started.
    pub fn settings_before(&self) -> &Termios {
        &self.before
    }

    /// Waits until the program has ended, and reads all that it has printed.
    pub fn ends(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let status = super::system::until("the program ends", || {
            while let Ok(bytes) = self.printed.try_recv() {
                self.parser.process(&bytes);
            }
            child.try_wait().expect("it is ours").ok_or_else(|| self.parser.screen().contents())
        });
        // What it has printed is in the terminal before it ends: a mark of ours comes after it.
        self.theirs.write_all(b"\r\n(over)").expect("it is there");
        self.sees("(over)");
        status
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn libc_noctty() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).expect("a small number")
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
