//! Keys that come before what they are about. Whoever types ahead of a mail that still loads means that mail, not what
//! happens to stand on the screen; and a text that runs into the desk is no list of commands. So from the first key that
//! is pressed while something loads until the keyboard is quiet for a moment, keys may look around and do nothing else:
//! the first one that would, and all behind it, are dropped and told.

use crate::keys::Press;

/// How long the keyboard is quiet before keys count again, in milliseconds.
pub const QUIET: u64 = 300;

/// Keys pressed since something loaded, without a pause.
#[derive(Clone, Debug, Default)]
pub struct Burst {
    /// A key was pressed too early.
    hasty: bool,
    /// Keys that were dropped, the first of them by its name.
    dropped: Option<(String, usize)>,
}

impl Burst {
    /// A key comes while something loads.
    pub fn begin(&mut self) {
        self.hasty = true;
    }

    /// Whether keys may only look around.
    pub fn is_hasty(&self) -> bool {
        self.hasty
    }

    /// Whether a key was dropped, so that all that follow are.
    pub fn drops(&self) -> bool {
        self.dropped.is_some()
    }

    /// Drops a key; what is to be said of that.
    pub fn lose(&mut self, press: Press) -> String {
        let (first, count) = self.dropped.get_or_insert_with(|| (press.to_string(), 0));
        *count += 1;
        match *count - 1 {
            0 => format!("still loading: {first} was not done"),
            1 => format!("still loading: {first} and 1 more key were not done"),
            more => format!("still loading: {first} and {more} more keys were not done"),
        }
    }

    /// The keyboard is quiet.
    pub fn end(&mut self) {
        *self = Burst::default();
    }
}

/// The keys that are heard at all times: Ctrl-c and Esc, whatever they are bound to.
pub fn is_heard(press: Press) -> bool {
    use ratatui::crossterm::event::KeyCode::{Char, Esc};
    press.code == Esc || (press.control && press.code == Char('c'))
}

/// Whether a command of the command line does more than look around.
pub fn is_deed(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    crate::keys::actions().any(|action| crate::keys::name(action) == word && action.is_deed())
}
