//! The terminal: taken, and given back as it was.

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEvent};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{View, draw};
use crate::error::{Error, Result};

/// The whole terminal, until it is dropped. A panic gives it back as well.
pub struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It can't be taken.
    pub fn enter() -> Result<Screen> {
        ratatui::try_init().map(Screen).map_err(|error| Error::new("the terminal can't be used").because(error))
    }

    /// The columns of the terminal.
    pub fn width(&self) -> u16 {
        self.0.size().map_or(80, |size| size.width)
    }

    /// Shows a view.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn show(&mut self, view: &mut View) -> Result<()> {
        let drawn = self.0.draw(|frame| draw(frame, view)).map(drop);
        drawn.map_err(|error| Error::new("the terminal can't be written to").because(error))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// The keys that are pressed; `None` says that the terminal has another size. It ends with the
/// terminal.
///
/// # Errors
/// The thread that reads them can't be started.
pub fn keys() -> Result<UnboundedReceiver<Option<KeyEvent>>> {
    let (sender, keys) = unbounded_channel();
    let read = move || {
        while let Ok(event) = event::read() {
            let pressed = match event {
                Event::Key(key) => Some(key),
                Event::Resize(..) => None,
                _ => continue,
            };
            if sender.send(pressed).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(read)
        .map_err(|error| Error::new("keys can't be read").because(error))?;
    Ok(keys)
}

/// Stops this process as the shell's Ctrl-Z does, until `fg`. The terminal is not taken.
pub fn suspend() {
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP);
}
