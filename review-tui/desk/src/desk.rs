//! What all screens share, and what a screen may ask for: facts, drafts and pages; a notice; effects; where to go.

use ratatui::layout::Rect;
use rustc_hash::FxHashMap;

use super::draft::Draft;
use super::facts::{Opened, SharedPage};
use super::keys::{Action, Keymap};
use super::lab::{Job, Run};
use super::msg::Effect;
use super::picker::Picker;
use super::prompt::Prompt;
use super::question::{Asking, Question};
use super::screen::kind::Screen;
use super::state::{Fact, Review};
use super::theme::Theme;

/// Pages that are kept.
const KEPT_PAGES: usize = 12;

/// What all screens share.
pub struct Desk {
    /// The size of the terminal.
    pub size: (u16, u16),
    /// The colours that everything is drawn with.
    pub theme: Theme,
    /// The terminal has ASCII alone.
    pub ascii: bool,
    /// What each key does on each screen.
    pub keys: Keymap,
    /// What is known of the archives, once it is.
    pub opened: Option<Opened>,
    /// Verdicts, notes, remarks.
    pub review: Review,
    /// Drafts that wait.
    pub drafts: Vec<Draft>,
    /// What the checks found, by Message-ID: `!` a warning, `·` a note, a blank nothing.
    pub checked: FxHashMap<String, char>,
    /// What was run in the lab.
    pub lab: FxHashMap<Job, Run>,
    /// Pages, the last used last.
    pages: Vec<(String, Result<SharedPage, String>)>,
    /// Commands that were given, the last one last.
    pub commands: Vec<String>,
    /// What is searched for in what is shown.
    pub search: String,
    /// What is said on the last line, and whether it is a warning.
    pub notice: Option<(String, bool)>,
    /// To be done.
    pub effects: Vec<Effect>,
    /// Where to go.
    pub go: Vec<Go>,
    asks: u64,
    /// Facts from before the journal was read.
    pub(crate) early: Vec<Fact>,
}

/// A change of what is shown.
pub enum Go {
    /// Open a screen.
    Push(Box<dyn Screen>),
    /// Open the thread of a mail, by its Message-ID.
    Thread(String),
    /// Close the screen that is seen.
    Pop,
    /// Ask something on the last line.
    Ask(Prompt),
    /// Let choose.
    Pick(Picker),
    /// Do this only after Ctrl-y.
    Confirm(Confirm),
    /// Ask this query.
    Query(String),
}

/// Something that needs Ctrl-y.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// What it is.
    pub title: String,
    /// What will be done, in particular.
    pub lines: Vec<String>,
    /// The effect; `None` where there is nothing to be done, only to be read.
    pub effect: Option<Effect>,
}

impl Desk {
    /// A desk on which nothing lies yet.
    pub fn new(size: (u16, u16), theme: Theme, ascii: bool, keys: Keymap) -> Desk {
        Desk {
            size,
            theme,
            ascii,
            keys,
            opened: None,
            review: Review::default(),
            drafts: Vec::new(),
            checked: FxHashMap::default(),
            lab: FxHashMap::default(),
            pages: Vec::new(),
            commands: Vec::new(),
            search: String::new(),
            notice: None,
            effects: Vec::new(),
            go: Vec::new(),
            asks: 0,
            early: Vec::new(),
        }
    }

    /// A number that tells this question from earlier ones.
    pub fn ask(&mut self) -> u64 {
        self.asks += 1;
        self.asks
    }

    /// Puts a question to the archives; the number that its answer will have.
    pub fn put(&mut self, question: impl Question) -> u64 {
        let ask = self.ask();
        self.effects.push(Effect::Ask { ask, question: Asking::new(question) });
        ask
    }

    /// Says something on the last line.
    pub fn say(&mut self, what: impl Into<String>) {
        self.notice = Some((what.into(), false));
    }

    /// Warns on the last line.
    pub fn warn(&mut self, what: impl Into<String>) {
        self.notice = Some((what.into(), true));
    }

    /// Keeps a fact, here and on the disk.
    pub fn record(&mut self, fact: Fact) {
        self.review.take(fact.clone());
        if self.opened.is_none() {
            self.early.push(fact.clone());
        }
        self.effects.push(Effect::Record(fact));
    }

    /// A page, if it was read.
    pub fn page(&self, id: &str) -> Option<&Result<SharedPage, String>> {
        self.pages.iter().find(|(known, _)| known == id).map(|(_, page)| page)
    }

    /// Keeps a page, and forgets the one that was used longest ago.
    pub(crate) fn keep(&mut self, id: String, page: Result<SharedPage, String>) {
        self.pages.retain(|(known, _)| *known != id);
        self.pages.push((id, page));
        if self.pages.len() > KEPT_PAGES {
            drop(self.pages.remove(0));
        }
    }

    /// The area of the screens: all but the first and the last line.
    pub fn area(&self) -> Rect {
        Rect { x: 0, y: 1, width: self.size.0, height: self.size.1.saturating_sub(2) }
    }
}

/// Lines by which a list moves.
pub fn movement(action: Action, rows: u16) -> Option<isize> {
    let rows = isize::try_from(rows).unwrap_or(isize::MAX);
    Some(match action {
        Action::Down => 1,
        Action::Up => -1,
        Action::HalfDown => (rows / 2).max(1),
        Action::HalfUp => -(rows / 2).max(1),
        Action::PageDown => (rows - 1).max(1),
        Action::PageUp => -(rows - 1).max(1),
        Action::First => -(isize::MAX / 2),
        Action::Last => isize::MAX / 2,
        _ => return None,
    })
}
