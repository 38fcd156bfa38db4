//! Thread: the tree of a thread, and beside it one of its mails.

mod actions;
mod mail;
mod paint;
mod tree;

use mail::MailPane;
use ratatui::layout::Rect;
use tree::TreePane;

use super::{Item, checks, diff, lineage, series, text_map};
use crate::app::{Desk, Go, movement};
use crate::draft::Endorsement;
use crate::facts::{Brief, SharedPage, Tree};
use crate::keys::Action;
use crate::msg::Effect;
use crate::picker::{Choice, Picker};
use crate::prompt::{Asked, Prompt};
use crate::screen::Screen;
use crate::state::Fact;

/// The screen.
pub struct Thread {
    /// The question that it waits for.
    pub ask: u64,
    tree: TreePane,
    mail: MailPane,
    /// Whether the mail has the keys.
    on_mail: bool,
    hides_tree: bool,
    trouble: Option<String>,
    /// The mail that is wanted, from when the screen is opened.
    wanted: String,
    heights: (u16, u16),
}

/// Opens the thread of a mail, at that mail.
pub fn open(desk: &mut Desk, id: &str) {
    let ask = desk.ask();
    desk.effects.push(Effect::Thread { ask, id: id.to_owned() });
    let thread = Thread {
        ask,
        tree: TreePane::default(),
        mail: MailPane::default(),
        on_mail: true,
        hides_tree: false,
        trouble: None,
        wanted: id.to_owned(),
        heights: (0, 0),
    };
    desk.go.push(Go::Push(Box::new(Screen::Thread(Box::new(thread)))));
}

impl Thread {
    /// Takes the thread that was asked for.
    pub fn take(&mut self, desk: &mut Desk, id: &str, tree: Result<Tree, String>) {
        match tree {
            Ok(found) => {
                self.tree.take(found, id);
                self.read(desk);
            }
            Err(why) => self.trouble = Some(crate::text::clean(&why)),
        }
    }

    /// A page came; it may be the one that is waited for.
    pub fn page_came(&mut self, desk: &mut Desk, id: &str) {
        if self.mail.id == id {
            self.show(desk);
        }
    }

    /// Shows the mail under the tree's cursor.
    fn read(&mut self, desk: &mut Desk) {
        let Some(row) = self.tree.row() else { return };
        if row.mail.is_none() {
            self.mail.missing(&row.id);
            return;
        }
        let id = row.id.clone();
        if self.mail.id == id {
            return;
        }
        self.mail = MailPane { id: id.clone(), ..self.mail.fresh() };
        if desk.page(&id).is_some() {
            self.show(desk);
        } else {
            desk.effects.push(Effect::Page { id });
        }
    }

    fn show(&mut self, desk: &mut Desk) {
        match desk.page(&self.mail.id).cloned() {
            Some(Ok(page)) => {
                self.mail.show(page);
                if !desk.review.read.contains(&self.mail.id) {
                    desk.record(Fact::Read { id: self.mail.id.clone() });
                }
            }
            Some(Err(why)) => self.mail.trouble = Some(why),
            None => {}
        }
    }

    /// The remarks changed.
    pub fn lay_out_again(&mut self) {
        self.mail.layout = None;
    }

    fn page(&self) -> Option<&SharedPage> {
        self.mail.page.as_ref()
    }

    /// The mechanisms that the open mail touches.
    pub fn mechanisms(&self, _: &Desk) -> Vec<String> {
        let strong = self.page().map(|p| p.touches.as_slice()).unwrap_or_default();
        // One shared header says little beside a symbol that is changed.
        let most = strong.first().map_or(0, |t| t.weight);
        strong.iter().filter(|t| t.weight * 5 >= most).map(|t| t.slug.clone()).collect()
    }

    /// Does what a key asks for.
    pub fn act(&mut self, desk: &mut Desk, action: Action) {
        let rows = if self.on_mail { self.heights.1 } else { self.heights.0 };
        if let Some(by) = movement(action, rows) {
            if self.on_mail {
                self.mail.step(by, action);
            } else {
                self.tree.step(by);
                self.read(desk);
            }
            return;
        }
        match action {
            Action::Focus => {
                self.on_mail = !self.on_mail;
                self.hides_tree &= self.on_mail;
            }
            Action::Zoom => {
                self.hides_tree = !self.hides_tree;
                self.on_mail |= self.hides_tree;
            }
            Action::NextPatch | Action::PreviousPatch => {
                if self.tree.patch(action == Action::NextPatch) {
                    self.read(desk);
                } else {
                    desk.say("there is no further patch in this thread");
                }
            }
            Action::Left | Action::Right => {
                self.tree.family(action == Action::Right);
                self.read(desk);
            }
            Action::Enter if !self.on_mail => self.on_mail = true,
            Action::Enter => self.enter(desk),
            Action::Fold | Action::FoldAll if !self.on_mail => self.tree.fold(action == Action::FoldAll),
            Action::SearchNext | Action::SearchBack if !self.on_mail => {
                self.tree.seek(&desk.search, action == Action::SearchNext);
                self.read(desk);
            }
            Action::Cancel => {}
            _ => {
                if !self.mail.act(desk, action) {
                    self.review(desk, action);
                }
            }
        }
    }

    /// Enter on a line of the mail: a fold opens, a file of the overview is gone to, a link is followed.
    fn enter(&mut self, desk: &mut Desk) {
        if self.mail.open_line() {
            return;
        }
        let numbers = self.mail.links_here();
        match numbers.as_slice() {
            [] => {}
            [one] => self.follow(desk, *one),
            many => {
                let items = many.iter().map(|at| (self.mail.link_name(*at), Choice::Link(*at)));
                desk.go.push(Go::Pick(Picker::list("links", items.collect::<Vec<_>>())));
            }
        }
    }

    /// Fits both panes.
    pub fn fit(&mut self, desk: &mut Desk, area: Rect) {
        let (tree, mail) = self.areas(area);
        self.heights = (tree.height.saturating_sub(1), mail.height.saturating_sub(1));
        self.tree.place.show(usize::from(self.heights.0), self.tree.seen.len());
        let remarks = desk.review.remarks_of(&self.mail.id);
        self.mail.fit(mail.width, usize::from(self.heights.1), &remarks);
    }

    /// The areas of tree and mail: beside one another where there is room, else above.
    fn areas(&self, area: Rect) -> (Rect, Rect) {
        let none = Rect { width: 0, height: 0, ..area };
        if self.hides_tree {
            return (none, area);
        }
        if area.width >= 116 {
            let width = (area.width - 82).min(area.width * 2 / 5).clamp(32, 64);
            let mail = Rect { x: area.x + width + 1, width: area.width - width - 1, ..area };
            return (Rect { width, ..area }, mail);
        }
        let wanted = u16::try_from(self.tree.seen.len()).unwrap_or(u16::MAX).saturating_add(1);
        let height = if self.on_mail { wanted.min(area.height / 3).min(8) } else { wanted.min(area.height / 2) };
        let height = height.clamp(2.min(area.height), area.height);
        (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
    }
}
