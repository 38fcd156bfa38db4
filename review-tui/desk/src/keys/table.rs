//! What a key does: the form of a binding, and the bindings that hold on every screen. A screen's own stand in its file.

use super::Action::{self, *};
use super::Scope;
use crate::screen;

/// A binding. An empty `mutt` means: as in vi.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// What it does.
    pub action: Action,
    /// Keys of the preset `vi`, parted by blanks.
    pub vi: &'static str,
    /// Keys of the preset `mutt`.
    pub mutt: &'static str,
    /// For help.
    pub help: &'static str,
}

/// A line of a table of bindings: action, keys as in vi, keys as in mutt, the words of help.
pub const fn on(action: Action, vi: &'static str, mutt: &'static str, help: &'static str) -> Binding {
    Binding { action, vi, mutt, help }
}

/// What holds everywhere, in the order of help.
const EVERYWHERE: &[Binding] = &[
    on(Down, "j down", "j down", "one line down"),
    on(Up, "k up", "k up", "one line up"),
    on(HalfDown, "ctrl-d", "", "half a page down"),
    on(HalfUp, "ctrl-u", "", "half a page up"),
    on(PageDown, "space pagedown ctrl-f", "", "a page down"),
    on(PageUp, "- pageup ctrl-b", "", "a page up"),
    on(First, "g home", "= home", "to the top"),
    on(Last, "G end", "* end", "to the end"),
    on(Enter, "enter", "", "open"),
    on(Back, "q", "q", "back one level; in Find, take back the last limit; nothing is lost"),
    on(Quit, "Q ctrl-c", "Q x ctrl-c", "quit"),
    on(Help, "? f1", "", "this help"),
    on(Command, ":", "", "command line"),
    on(Menu, "a", "", "actions: reply, tags of review, notes, mbox, apply"),
    on(Search, "/", "", "search in what is shown"),
    on(SearchNext, "n", "", "next match"),
    on(SearchBack, "N", "", "previous match"),
    on(Lab, "b", "", "the lab: conflicts and benchmarks"),
    on(Shell, "s", "!", "a shell here, after Ctrl-y; :shell asks nothing"),
    on(Cancel, "esc", "", "cancel; clear the message"),
    on(Suspend, "ctrl-z", "", "suspend"),
    on(Redraw, "ctrl-l", "", "redraw"),
];

/// Where bindings hold, each with its own, in the order of help.
pub fn tables() -> impl Iterator<Item = (Scope, &'static [Binding])> {
    std::iter::once((Scope::EVERYWHERE, EVERYWHERE)).chain(screen::ALL.iter().map(|kind| (kind.scope, kind.keys)))
}

/// All actions that a key can have, some of them several times.
pub fn actions() -> impl Iterator<Item = Action> {
    tables().flat_map(|(_, table)| table).map(|binding| binding.action)
}
