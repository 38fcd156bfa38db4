//! The screens. Each file holds one: its state, what its keys do, how it is drawn.

pub mod checks;
pub mod diff;
pub mod draft;
pub mod find;
pub mod help;
pub mod lab;
pub mod lineage;
pub mod series;
pub mod text_map;
pub mod thread;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::Desk;
use super::keys::{Action, Scope};
use super::picker::Choice;

/// A screen.
pub enum Screen {
    /// Search.
    Find(Box<find::Find>),
    /// A thread and one of its mails.
    Thread(Box<thread::Thread>),
    /// The history of a mechanism.
    Lineage(Box<lineage::LineageScreen>),
    /// The lab.
    Lab(Box<lab::LabScreen>),
    /// Findings on a patch.
    Checks(Box<checks::Checks>),
    /// The versions of a series.
    Series(Box<series::Series>),
    /// What changed from one version to the next.
    Diff(Box<diff::Diff>),
    /// Who owns the bytes of a patch's functions.
    TextMap(Box<text_map::TextMapScreen>),
    /// A draft.
    Draft(Box<draft::DraftScreen>),
}

/// An item of the action menu: its key, its words, what it does.
pub type Item = (char, String, Choice);

impl Screen {
    /// Whose keys hold.
    pub fn scope(&self) -> Scope {
        match self {
            Screen::Find(_) => Scope::Find,
            Screen::Thread(_) => Scope::Thread,
            Screen::Lineage(_) => Scope::Lineage,
            Screen::Lab(_) => Scope::Lab,
            Screen::Checks(_) => Scope::Checks,
            Screen::Series(_) => Scope::Series,
            Screen::Diff(_) => Scope::Diff,
            Screen::TextMap(_) => Scope::TextMap,
            Screen::Draft(_) => Scope::Draft,
        }
    }

    /// For the first line of the screen.
    pub fn name(&self) -> &'static str {
        match self {
            Screen::Find(_) => "find",
            Screen::Thread(_) => "thread",
            Screen::Lineage(_) => "lineage",
            Screen::Lab(_) => "lab",
            Screen::Checks(_) => "checks",
            Screen::Series(_) => "series",
            Screen::Diff(_) => "diff",
            Screen::TextMap(_) => "text map",
            Screen::Draft(_) => "draft",
        }
    }

    /// Whether what was asked for is still to come.
    pub fn waits(&self) -> bool {
        match self {
            Screen::Checks(screen) => screen.waits(),
            Screen::Series(screen) => screen.waits(),
            Screen::Diff(screen) => screen.waits(),
            Screen::TextMap(screen) => screen.waits(),
            _ => false,
        }
    }

    /// Does what a key asks for.
    pub fn act(&mut self, desk: &mut Desk, action: Action) {
        match self {
            Screen::Find(screen) => screen.act(desk, action),
            Screen::Thread(screen) => screen.act(desk, action),
            Screen::Lineage(screen) => screen.act(desk, action),
            Screen::Lab(screen) => screen.act(desk, action),
            Screen::Checks(screen) => screen.act(desk, action),
            Screen::Series(screen) => screen.act(desk, action),
            Screen::Diff(screen) => screen.act(desk, action),
            Screen::TextMap(screen) => screen.act(desk, action),
            Screen::Draft(screen) => screen.act(desk, action),
        }
    }

    /// Does what was chosen from a list.
    pub fn choose(&mut self, desk: &mut Desk, choice: Choice) {
        if let Screen::Thread(screen) = self {
            screen.choose(desk, choice);
        }
    }

    /// The mechanisms that what is open touches.
    pub fn mechanisms(&self, desk: &Desk) -> Vec<String> {
        match self {
            Screen::Find(screen) => screen.mechanism().into_iter().collect(),
            Screen::Thread(screen) => screen.mechanisms(desk),
            Screen::Lineage(screen) => screen.mechanism().into_iter().collect(),
            Screen::TextMap(screen) => screen.mechanism().into_iter().collect(),
            Screen::Checks(screen) => screen.mechanism().into_iter().collect(),
            Screen::Lab(_) | Screen::Draft(_) | Screen::Series(_) | Screen::Diff(_) => Vec::new(),
        }
    }

    /// The items of the action menu.
    pub fn menu(&self, desk: &Desk) -> Vec<Item> {
        let mut items = match self {
            Screen::Thread(screen) => screen.menu(desk),
            Screen::Find(screen) => screen.menu(),
            _ => Vec::new(),
        };
        let drafts = desk.drafts.len();
        items.push(('d', format!("drafts ({drafts})"), Choice::Drafts));
        items.push(('x', "export verdicts, notes and remarks".to_owned(), Choice::Export));
        items
    }

    /// Fits what is seen to the area, after every change.
    pub fn fit(&mut self, desk: &mut Desk, area: Rect) {
        match self {
            Screen::Find(screen) => screen.fit(area),
            Screen::Thread(screen) => screen.fit(desk, area),
            Screen::Lineage(screen) => screen.fit(area),
            Screen::Lab(screen) => screen.fit(desk, area),
            Screen::Checks(screen) => screen.fit(area),
            Screen::Series(screen) => screen.fit(area),
            Screen::Diff(screen) => screen.fit(area),
            Screen::TextMap(screen) => screen.fit(area),
            Screen::Draft(screen) => screen.fit(area),
        }
    }

    /// Draws it.
    pub fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        match self {
            Screen::Find(screen) => screen.draw(desk, buf, area),
            Screen::Thread(screen) => screen.draw(desk, buf, area),
            Screen::Lineage(screen) => screen.draw(desk, buf, area),
            Screen::Lab(screen) => screen.draw(desk, buf, area),
            Screen::Checks(screen) => screen.draw(desk, buf, area),
            Screen::Series(screen) => screen.draw(desk, buf, area),
            Screen::Diff(screen) => screen.draw(desk, buf, area),
            Screen::TextMap(screen) => screen.draw(desk, buf, area),
            Screen::Draft(screen) => screen.draw(desk, buf, area),
        }
    }
}
