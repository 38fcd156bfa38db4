//! The terminal in raw mode, given back when this is dropped, and when the program panics.

use std::io::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::crossterm::{cursor, execute};

use crate::worker::THREAD;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Whoever holds this has the terminal.
pub(super) struct Guard(());

impl Guard {
    /// Takes the terminal.
    pub(super) fn enter() -> io::Result<Guard> {
        take()?;
        Ok(Guard(()))
    }

    /// Gives it back for a while.
    pub(super) fn leave(&self) {
        give_back();
    }

    /// Takes it again.
    pub(super) fn again(&self) -> io::Result<()> {
        take()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    // Terminals that reorder right-to-left text do it over the whole line, borders of panes included (ECMA-48, BDSM):
    // here each cell stays where it is put.
    io::stdout().write_all(b"\x1b[8l")?;
    io::stdout().flush()
}

/// Gives the terminal back; does nothing where it was not taken. A terminal that is gone needs nothing.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = io::stdout().write_all(b"\x1b[8h\x1b[m");
        let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
        let _ = disable_raw_mode();
    }
}

/// A panic of the desk gives the terminal back before it is told. One of a worker is told by the desk itself.
pub(super) fn keep_panics_readable() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() == Some(THREAD) && TAKEN.load(Ordering::SeqCst) {
                return;
            }
            give_back();
            before(info);
        }));
    });
}
