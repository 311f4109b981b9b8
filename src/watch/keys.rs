//! What the keys mean.

use colored::Colorize;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::report::wrap;

/// An action that a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAction {
    /// Quit.
    Quit,
    /// Suspend, for the shell's job control.
    Suspend,
    /// Edit the file to look at.
    Edit,
    /// Verify again.
    Again,
    /// Go to the next stage.
    Next {
        /// Also from an unverified stage.
        skip: bool,
    },
    /// Show one more hint.
    Hint,
    /// The hints so far.
    Hints,
    /// The lesson.
    Lesson,
    /// Show how the solution differs, or all of it.
    Solution {
        /// Also before the stage is passed.
        spoil: bool,
    },
    /// All stages.
    Stages,
    /// The keys.
    Help,
    /// Only the failed runs, or all again.
    Filter,
    /// The next run, or the one before.
    Step(isize),
    /// Scroll by this many lines.
    Scroll(isize),
    /// Scroll by this many screens.
    Leaf(isize),
    /// To the first line.
    Top,
    /// To the last line.
    Bottom,
    /// Choose the selected stage.
    Choose,
    /// Back to the run.
    Back,
}

/// The keys, and what they do.
const HELP: [(&str, &str); 18] = [
    ("l", "the lesson"),
    ("h", "one more hint"),
    ("H", "the hints so far"),
    ("d", "after passing: how your files differ from the solution; again: the whole solution"),
    ("D", "the same before passing"),
    ("s", "all stages; up, down and Enter choose one"),
    ("n", "the next stage, after passing this one"),
    ("N", "the next stage anyway"),
    ("e", "your editor ($VISUAL, $EDITOR), at the place to look at"),
    ("r", "verify again; a save does so by itself"),
    ("Esc", "back to the run"),
    ("left right", "the previous run, the next run"),
    ("f", "only the runs that failed, or all again"),
    ("up down", "scroll by a line; j and k do too"),
    ("PgUp PgDn", "scroll by a screen; b and the space bar do too"),
    ("Home End", "the first line, the last one; g and G do too"),
    ("Ctrl-Z", "back to the shell; `fg` returns here"),
    ("q", "leave; Ctrl-C does too"),
];

/// The help page: all keys.
pub fn help(width: usize) -> String {
    const KEYS: usize = 12;
    let line = |(key, what): &(&str, &str)| {
        let told = wrap(what, width, &" ".repeat(KEYS));
        format!("{}{}", format!("{key:<KEYS$}").bold(), told.trim_start())
    };
    format!("{}\n\n{}", "Keys".bold(), HELP.iter().map(line).collect::<String>())
}

/// What a key means.
pub fn ask(key: KeyEvent) -> Option<KeyAction> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(KeyAction::Quit),
            KeyCode::Char('z') => Some(KeyAction::Suspend),
            _ => None,
        };
    }
    Some(match key.code {
        KeyCode::Char('q') => KeyAction::Quit,
        KeyCode::Char('e') => KeyAction::Edit,
        KeyCode::Char('r') => KeyAction::Again,
        KeyCode::Char('n') => KeyAction::Next { skip: false },
        KeyCode::Char('N') => KeyAction::Next { skip: true },
        KeyCode::Char('h') => KeyAction::Hint,
        KeyCode::Char('H') => KeyAction::Hints,
        KeyCode::Char('l') => KeyAction::Lesson,
        KeyCode::Char('d') => KeyAction::Solution { spoil: false },
        KeyCode::Char('D') => KeyAction::Solution { spoil: true },
        KeyCode::Char('s') => KeyAction::Stages,
        KeyCode::Char('?') | KeyCode::F(1) => KeyAction::Help,
        KeyCode::Char('f') => KeyAction::Filter,
        KeyCode::Left => KeyAction::Step(-1),
        KeyCode::Right => KeyAction::Step(1),
        KeyCode::Up | KeyCode::Char('k') => KeyAction::Scroll(-1),
        KeyCode::Down | KeyCode::Char('j') => KeyAction::Scroll(1),
        KeyCode::PageUp | KeyCode::Char('b') => KeyAction::Leaf(-1),
        KeyCode::PageDown | KeyCode::Char(' ') => KeyAction::Leaf(1),
        KeyCode::Home | KeyCode::Char('g') => KeyAction::Top,
        KeyCode::End | KeyCode::Char('G') => KeyAction::Bottom,
        KeyCode::Enter => KeyAction::Choose,
        KeyCode::Esc | KeyCode::Backspace => KeyAction::Back,
        _ => return None,
    })
}
