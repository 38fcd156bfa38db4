//! Thread: the tree of a thread, and beside it one of its mails.

mod actions;
mod mail;
mod paint;
mod tree;

use mail::MailPane;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tree::TreePane;

use super::kind::{Item, Kind, Screen};
use super::{checks, diff, lineage, series, text_map};
use crate::desk::{Desk, Go, movement};
use crate::draft::Endorsement;
use crate::facts::{Brief, SharedPage, Tree};
use crate::keys::{Action, Scope, on};
use crate::msg::{Effect, Msg};
use crate::picker::{Choice, Picker};
use crate::prompt::{Asked, Prompt};
use crate::state::Fact;

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("thread"),
    keys: &[
        on(Action::Focus, "tab", "", "between the tree and the mail"),
        on(Action::Zoom, "z", "", "hide or show the tree"),
        on(Action::NextPatch, "]", "", "next patch of the thread"),
        on(Action::PreviousPatch, "[", "", "previous patch"),
        on(Action::NextHunk, "@", "", "next hunk"),
        on(Action::PreviousHunk, "ctrl-p", "", "previous hunk"),
        on(Action::NextFile, "}", "", "next file"),
        on(Action::PreviousFile, "{", "", "previous file"),
        on(Action::Files, "F", "", "files of the patch: jump to one"),
        on(Action::NextRemark, ".", "", "next remark"),
        on(Action::PreviousRemark, ",", "", "previous remark"),
        on(Action::Quoted, "S", "S T", "fold or show quoted text"),
        on(Action::Checks, "c", "", "checks: findings on this patch, with their evidence"),
        on(Action::Versions, "v", "", "series: its versions and the fate of each patch"),
        on(Action::Diff, "d", "", "what changed in this patch since the version before"),
        on(Action::Fold, "o", "", "fold or show what is under the cursor: quote, file, answers"),
        on(Action::FoldAll, "O", "", "fold or show all files, or all answers"),
        on(Action::Voices, "V", "", "what answers say of lines: one line each, or all of it"),
        on(Action::Sideways, ">", "", "lines of the patch unwrapped; again: further to the right"),
        on(Action::SidewaysBack, "<", "", "back to the left, and wrapped again"),
        on(Action::Headers, "h", "h", "all headers"),
        on(Action::Left, "left", "", "to the parent"),
        on(Action::Right, "right", "", "to the first reply"),
        on(Action::Reply, "r", "r g", "write a reply"),
        on(Action::ReplyAll, "R", "alt-r", "write the replies to all mails of this thread that have remarks"),
        on(Action::Reviewed, "x", "W", "mark reviewed, or not"),
        on(Action::Remark, "i", "R", "a remark on this line"),
        on(Action::Note, "I", "", "a private note on this mail"),
        on(Action::Tag, "t", "", "tags of this mail"),
        on(Action::Pipe, "|", "", "pipe the mail to a command"),
        on(Action::Write, "w", "w s", "write an mbox that git am takes"),
        on(Action::Mechanisms, "m", "", "lineage: the mechanisms that this patch touches"),
        on(Action::TextMap, "M", "", "text map: who owns the bytes of the functions that this patch changes"),
    ],
    hints: &[
        (Action::Help, "help"),
        (Action::NextPatch, "patch"),
        (Action::NextHunk, "hunk"),
        (Action::Focus, "pane"),
        (Action::Quoted, "quotes"),
        (Action::Mechanisms, "lineage"),
        (Action::Lab, "lab"),
        (Action::Reply, "reply"),
        (Action::Remark, "remark"),
        (Action::Reviewed, "reviewed"),
        (Action::Menu, "actions"),
        (Action::Command, "command"),
        (Action::Back, "back"),
    ],
    open: None,
};

/// The tree of the thread, and the mail that its cursor chose.
pub struct Thread {
    /// The question that it waits for.
    pub ask: u64,
    tree: TreePane,
    mail: MailPane,
    /// Whether the mail has the keys.
    on_mail: bool,
    hides_tree: bool,
    trouble: Option<String>,
    /// The tree is there.
    came: bool,
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
        came: false,
        wanted: id.to_owned(),
        heights: (0, 0),
    };
    desk.go.push(Go::Push(Box::new(thread)));
}

impl Screen for Thread {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
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

    fn fit(&mut self, desk: &mut Desk, area: Rect) {
        let (tree, mail) = self.areas(area);
        self.heights =
            (tree.height.saturating_sub(1), mail.height.saturating_sub(1 + self.note(desk, mail.width).len() as u16));
        self.tree.place.show(usize::from(self.heights.0), self.tree.seen.len());
        let remarks = desk.review.remarks_of(&self.mail.id);
        self.mail.fit(mail.width, usize::from(self.heights.1), &remarks);
    }

    fn take(&mut self, desk: &mut Desk, msg: &Msg) {
        match msg {
            Msg::Thread { ask, id, tree } if *ask == self.ask => self.tree_came(desk, id, tree.clone()),
            Msg::Page { id, .. } if self.mail.id == *id => self.show(desk),
            _ => {}
        }
    }

    fn waits(&self) -> bool {
        let reads = !self.mail.id.is_empty() && self.mail.page.is_none() && self.mail.trouble.is_none();
        self.trouble.is_none() && (!self.came || reads)
    }

    fn answered(&mut self, desk: &mut Desk, asked: &Asked, text: &str) {
        match asked {
            Asked::Remark(..) => self.mail.layout = None,
            Asked::Link => {
                if let Some(number) = text.parse::<usize>().ok().and_then(|n| n.checked_sub(1)) {
                    self.follow(desk, number);
                }
            }
            _ => {}
        }
    }

    fn choose(&mut self, desk: &mut Desk, choice: Choice) {
        self.chosen(desk, choice);
    }

    fn menu(&self, _: &Desk) -> Vec<Item> {
        self.deeds()
    }

    fn mail(&self) -> Option<String> {
        self.tree.brief().map(|_| self.mail.id.clone())
    }

    fn mechanisms(&self) -> Vec<String> {
        let strong = self.page().map(|p| p.touches.as_slice()).unwrap_or_default();
        // One shared header says little beside a symbol that is changed.
        let most = strong.first().map_or(0, |t| t.weight);
        strong.iter().filter(|t| t.weight * 5 >= most).map(|t| t.slug.clone()).collect()
    }

    fn has_links(&self) -> bool {
        true
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        self.paint(desk, buf, area);
    }
}

impl Thread {
    /// Takes the thread that was asked for.
    fn tree_came(&mut self, desk: &mut Desk, id: &str, tree: Result<Tree, String>) {
        match tree {
            Ok(found) => {
                self.came = true;
                self.tree.take(found, id);
                self.read(desk);
            }
            Err(why) => self.trouble = Some(crate::text::clean(&why)),
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

    fn page(&self) -> Option<&SharedPage> {
        self.mail.page.as_ref()
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

    /// The reader's note, above the mail, in at most three lines.
    fn note(&self, desk: &Desk, width: u16) -> Vec<String> {
        let Some(note) = desk.review.notes.get(&self.mail.id) else { return Vec::new() };
        let words = format!("note: {}", crate::text::clean(note));
        let pieces = crate::text::pieces(&words, usize::from(width.saturating_sub(2)), true, 3);
        pieces.into_iter().map(|piece| words[piece].trim_end().to_owned()).collect()
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
