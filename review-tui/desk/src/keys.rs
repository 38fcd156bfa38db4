//! What each key does on each screen. Each screen has a table of its own; help is made from them, presets and the reader's
//! own file change them.

pub mod file;
pub mod press;
mod table;

use rustc_hash::FxHashMap;

pub use press::Press;
pub use table::{Binding, actions, on, tables};

/// Where a binding holds: a screen, by its name in files of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope(pub &'static str);

impl Scope {
    /// Every screen that does not bind the key otherwise.
    pub const EVERYWHERE: Scope = Scope("everywhere");
}

/// What a key can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table says what each does, for readers of the program as well")]
pub enum Action {
    Down,
    Up,
    HalfDown,
    HalfUp,
    PageDown,
    PageUp,
    First,
    Last,
    Left,
    Right,
    Enter,
    Back,
    Quit,
    Help,
    Command,
    Menu,
    Focus,
    Zoom,
    Search,
    SearchNext,
    SearchBack,
    Cancel,
    Suspend,
    Redraw,
    Query,
    Limit,
    Threads,
    Tag,
    Saved,
    Sort,
    NextPatch,
    PreviousPatch,
    NextHunk,
    PreviousHunk,
    NextFile,
    PreviousFile,
    Files,
    NextRemark,
    PreviousRemark,
    Quoted,
    Fold,
    FoldAll,
    Headers,
    Voices,
    Sideways,
    SidewaysBack,
    Reply,
    ReplyAll,
    Reviewed,
    Remark,
    Note,
    Pipe,
    Write,
    Shell,
    Mechanisms,
    Lab,
    TextMap,
    Checks,
    Versions,
    Diff,
    DiffAll,
    Copy,
    Dismiss,
    Thread,
    Run,
    RunAll,
    Stop,
    Edit,
    Confirm,
    Delete,
    /// Opens the screen of this name for the mail at hand.
    Open(&'static str),
}

impl Action {
    /// Whether it does more than look around: writes, starts or changes something, or asks for what it needs to do so.
    pub fn is_deed(self) -> bool {
        use Action::{
            Confirm, Copy, Delete, Dismiss, Edit, Menu, Note, Pipe, Remark, Reply, ReplyAll, Reviewed, Run, RunAll,
            Shell, Stop, Suspend, Tag, Write,
        };
        matches!(
            self,
            Confirm
                | Copy
                | Delete
                | Dismiss
                | Edit
                | Menu
                | Note
                | Pipe
                | Remark
                | Reply
                | ReplyAll
                | Reviewed
                | Run
                | RunAll
                | Shell
                | Stop
                | Suspend
                | Tag
                | Write
        )
    }
}

/// Which table the reader starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// As tig, less and b4 have it.
    #[default]
    Vi,
    /// As mutt has it.
    Mutt,
}

/// Keys and what they do, on each screen.
#[derive(Clone, Debug)]
pub struct Keymap {
    by_key: FxHashMap<(Scope, Press), Action>,
}

impl Keymap {
    /// A preset.
    pub fn preset(preset: Preset) -> Keymap {
        let mut by_key = FxHashMap::default();
        for (scope, binding) in tables().flat_map(|(scope, table)| table.iter().map(move |one| (scope, one))) {
            let keys = match preset {
                Preset::Mutt if !binding.mutt.is_empty() => binding.mutt,
                _ => binding.vi,
            };
            for press in keys.split_whitespace().filter_map(|key| Press::parse(key).ok()) {
                by_key.insert((scope, press), binding.action);
            }
        }
        Keymap { by_key }
    }

    /// What a key does on a screen.
    pub fn action(&self, scope: Scope, press: Press) -> Option<Action> {
        self.by_key.get(&(scope, press)).or_else(|| self.by_key.get(&(Scope::EVERYWHERE, press))).copied()
    }

    /// Binds a key, or takes its binding away.
    pub fn set(&mut self, scope: Scope, press: Press, action: Option<Action>) {
        match action {
            Some(action) => self.by_key.insert((scope, press), action),
            None => self.by_key.remove(&(scope, press)),
        };
    }

    /// The keys of an action on a screen, the shortest first.
    pub fn keys(&self, scope: Scope, action: Action) -> Vec<String> {
        let bound = |s: Scope| self.by_key.iter().filter(move |((at, _), a)| *at == s && **a == action);
        let mut keys: Vec<String> = bound(scope).map(|((_, press), _)| press.to_string()).collect();
        keys.sort_by(|a, b| (a.chars().count(), a).cmp(&(b.chars().count(), b)));
        keys
    }

    /// The first key of an action on a screen, wherever it is bound.
    pub fn key(&self, scope: Scope, action: Action) -> String {
        let mut keys = self.keys(scope, action);
        if keys.is_empty() {
            keys = self.keys(Scope::EVERYWHERE, action);
        }
        keys.into_iter().next().unwrap_or_default()
    }
}

/// The name of an action in files of keys: `half-down`.
pub fn name(action: Action) -> String {
    if let Action::Open(screen) = action {
        return screen.to_owned();
    }
    let mut out = String::new();
    for c in format!("{action:?}").chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests;
