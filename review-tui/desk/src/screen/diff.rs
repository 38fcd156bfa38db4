//! Diff: what changed from one version of a patch or series to the next, from the mails alone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kind::{Kind, Screen};
use crate::canvas::{heading, put, put_cut, select};
use crate::desk::{Desk, Go, movement};
use crate::keys::{Action, Scope, on};
use crate::library::Library;
use crate::lines::Place;
use crate::msg::Msg;
use crate::question::Question;
use crate::theme::Ink;
use crate::worker;

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("diff"),
    keys: &[
        on(Action::NextHunk, "@", "", "next file or hunk"),
        on(Action::PreviousHunk, "ctrl-p", "", "previous file or hunk"),
    ],
    hints: &[(Action::Help, "help"), (Action::NextHunk, "next"), (Action::Search, "search"), (Action::Back, "back")],
    open: Some(|desk, id| open(desk, id, false)),
};

/// The comparison, line by line.
#[derive(Default)]
pub struct Diff {
    /// The question that it waits for.
    pub ask: u64,
    lines: Option<Result<Lines, String>>,
    place: Place,
    seen: u16,
}

/// Compares the patch of a mail, or its whole series, with the version before.
pub fn open(desk: &mut Desk, id: &str, whole: bool) {
    let ask = desk.put(Changes { id: id.to_owned(), whole });
    desk.go.push(Go::Push(Box::new(Diff { ask, ..Diff::default() })));
}

/// Lines with their meanings.
pub type Lines = Vec<(String, Ink)>;

/// What changed in a mail's patch, or in its whole series, since the version before.
#[derive(Debug)]
pub struct Changes {
    /// Message-ID of the mail.
    pub id: String,
    /// Whether the whole series is compared.
    pub whole: bool,
}

impl Question for Changes {
    type Answer = Result<Lines, String>;

    fn answer(&self, library: &Library) -> Self::Answer {
        worker::series::difference(library, &self.id, self.whole)
    }
}

impl Screen for Diff {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
        let count = self.lines().len();
        if let Some(by) = movement(action, self.seen) {
            self.place.step(by, count);
            return;
        }
        let lines = self.lines();
        let from = self.place.at;
        let holds = |at: &usize| lines[*at].0.to_lowercase().contains(&desk.search);
        let head = |at: &usize| lines[*at].1 == Ink::File;
        let found = match action {
            Action::SearchNext if !desk.search.is_empty() => (from + 1..count).find(holds),
            Action::SearchBack if !desk.search.is_empty() => (0..from).rev().find(holds),
            Action::NextHunk => (from + 1..count).find(head),
            Action::PreviousHunk => (0..from).rev().find(head),
            _ => return,
        };
        self.place.at = found.unwrap_or(from);
    }

    fn fit(&mut self, _: &mut Desk, area: Rect) {
        self.seen = area.height.saturating_sub(1);
        let count = self.lines().len();
        self.place.show(usize::from(self.seen), count);
    }

    fn waits(&self) -> bool {
        self.lines.is_none()
    }

    fn take(&mut self, _: &mut Desk, msg: &Msg) {
        if let Some(lines) = msg.answer::<Result<Lines, String>>(self.ask) {
            self.lines = Some(lines.clone().map_err(|why| crate::text::clean(&why)));
        }
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let part = match self.lines().len() {
            0 => String::new(),
            count => format!("{} %", (self.place.at + 1) * 100 / count),
        };
        heading(buf, area, "what changed since the version before", &part, true, theme);
        match &self.lines {
            None => {
                put(buf, area, 2, 2, "comparing…", theme.style(Ink::Dim));
            }
            Some(Err(why)) => {
                put_cut(buf, area, 2, 2, why, area.width.saturating_sub(3), theme.style(Ink::Warning));
            }
            Some(Ok(lines)) if lines.is_empty() => {
                put(buf, area, 2, 2, "nothing changed", theme.style(Ink::Dim));
            }
            Some(Ok(lines)) => {
                let seen = lines.iter().enumerate().skip(self.place.top).take(usize::from(self.seen));
                for (y, (at, (line, ink))) in (1..).zip(seen) {
                    put_cut(buf, area, 1, y, line, area.width.saturating_sub(1), theme.style(*ink));
                    if at == self.place.at {
                        select(buf, area, y, theme, true);
                    }
                }
            }
        }
    }
}

impl Diff {
    fn lines(&self) -> &[(String, Ink)] {
        self.lines.as_ref().and_then(|lines| lines.as_ref().ok()).map_or(&[], Vec::as_slice)
    }
}
