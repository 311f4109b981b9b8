//! The terminal: taken over, and restored.

use std::io::{Stdout, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{Event, EventStream, KeyEvent};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::layout::{Position, Rect};

use super::{View, draw};
use crate::error::{Error, Result};

/// Is the terminal ours at the moment? Restoring it twice would put the cursor back over what was printed since, such
/// as the message of a panic.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The whole terminal, until it is dropped. A panic of any thread restores it too, before its message is printed.
pub struct Screen(Terminal<CrosstermBackend<Stdout>>);

fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // If the terminal is gone, there is nothing to restore.
        let _ = disable_raw_mode();
        let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    }
}

fn give_back_in_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}

impl Screen {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// It can't be taken.
    pub fn enter() -> Result<Screen> {
        give_back_in_panic();
        TAKEN.store(true, Ordering::SeqCst);
        let taken = enable_raw_mode()
            .and_then(|()| execute!(stdout(), EnterAlternateScreen))
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        taken.map(Screen).map_err(|error| {
            give_back();
            Error::new("the terminal can't be used").because(error)
        })
    }

    /// The columns of the terminal.
    pub fn width(&self) -> u16 {
        self.0.size().map_or(80, |size| size.width)
    }

    /// Draws everything anew next time: a resized terminal may have lost its content.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn clear(&mut self) -> Result<()> {
        let area = Rect::from((Position::ORIGIN, self.0.size().map_err(lost)?));
        self.0.resize(area).map_err(lost)
    }

    /// Shows a view.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn show(&mut self, view: &mut View) -> Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            return Err(Error::new("a thread of `workshop` has panicked").help("this is a bug of `workshop`"));
        }
        self.0.draw(|frame| draw(frame, view)).map(drop).map_err(lost)
    }
}

fn lost(error: std::io::Error) -> Error {
    Error::new("the terminal can't be written to").because(error)
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// The keys that are pressed. Whatever is pressed after it is dropped is left to others, such as an editor.
pub struct Keys(EventStream);

impl Keys {
    /// Begins to read.
    pub fn read() -> Keys {
        Keys(EventStream::new())
    }

    /// The next event; `None` when the terminal is gone.
    pub async fn next(&mut self) -> Option<KeyOrResize> {
        loop {
            match self.0.next().await?.ok()? {
                Event::Key(key) => return Some(KeyOrResize::Key(key)),
                Event::Resize(..) => return Some(KeyOrResize::Resize),
                _ => {}
            }
        }
    }
}

/// What can come from a terminal.
pub enum KeyOrResize {
    /// A key.
    Key(KeyEvent),
    /// The terminal has another size.
    Resize,
}

/// Stops this process as Ctrl-Z does, until `fg`. The terminal must not be taken over.
pub fn suspend() {
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
}
