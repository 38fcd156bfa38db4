//! Lineage: the history of a mechanism, drawn in the order of time.

pub mod build;

use provenance_review::text::{pad, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kind::{Kind, Screen};
use crate::canvas::{heading, put, select};
use crate::desk::{Desk, Go, movement};
use crate::facts::{LineageFacts, LineageRow};
use crate::keys::{Action, Scope, on};
use crate::library::Library;
use crate::lines::Place;
use crate::msg::Msg;
use crate::picker::{Choice, Picker};
use crate::question::Question;
use crate::text::pieces;
use crate::theme::Ink;

/// Columns of the date and a blank.
const DATE: u16 = 11;

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("lineage"),
    keys: &[
        on(Action::Mechanisms, "m", "", "choose another mechanism"),
        on(Action::Left, "left", "", "to the event or mechanism that an edge names"),
    ],
    hints: &[
        (Action::Help, "help"),
        (Action::Enter, "thread"),
        (Action::Left, "follow edge"),
        (Action::Mechanisms, "mechanism"),
        (Action::Lab, "lab"),
        (Action::Search, "search"),
        (Action::Back, "back"),
    ],
    open: None,
};

/// The history as it is drawn, and the event that the keys act on.
#[derive(Default)]
pub struct LineageScreen {
    /// The question that it waits for.
    pub ask: u64,
    facts: LineageFacts,
    /// Row that the keys act on, and the first line seen.
    place: Place,
    /// For each line that is drawn: its row, its place in the row, the words.
    lines: Vec<(usize, usize, String, Ink)>,
    width: u16,
    rows_seen: u16,
    /// The event to begin at.
    wanted: Option<String>,
    came: bool,
    /// Not yet seen: it begins with what was before in sight.
    opening: bool,
}

/// Opens the history of a mechanism (all where the slug is empty), at an event.
pub fn open(desk: &mut Desk, slug: &str, event: Option<String>) {
    let ask = desk.put(History { slug: slug.to_owned() });
    let screen = LineageScreen { ask, wanted: event, ..LineageScreen::default() };
    desk.go.push(Go::Push(Box::new(screen)));
}

/// The history of a mechanism; an empty slug means all.
#[derive(Debug)]
pub struct History {
    /// Its slug.
    pub slug: String,
}

impl Question for History {
    type Answer = LineageFacts;

    fn answer(&self, library: &Library) -> LineageFacts {
        let shelf = library.shelf();
        let has = |id: &str| shelf.reader.as_ref().is_some_and(|r| r.has(provenance_index::hash::message_id(id)));
        build::build(&shelf.catalogue, &self.slug, |mail| has(mail.as_str()))
    }
}

/// Lets choose a mechanism.
pub fn choose(desk: &mut Desk) {
    let known = desk.opened.iter().flat_map(|o| &o.mechanisms);
    let mut items = vec![("all mechanisms".to_owned(), Choice::Lineage(String::new()))];
    items.extend(known.map(|(slug, name)| (format!("{slug:<16} {name}"), Choice::Lineage(slug.clone()))));
    desk.go.push(Go::Pick(Picker::list("lineage of", items)));
}

impl Screen for LineageScreen {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
        if let Some(by) = movement(action, self.rows_seen / 2) {
            self.place.step(by, self.facts.rows.len());
            return;
        }
        match action {
            Action::Enter => match self.row().map(|row| (row.mail.clone(), row.evidence.clone())) {
                Some((Some((id, true)), _)) => desk.go.push(Go::Thread(id)),
                Some((Some((id, false)), _)) => desk.say(format!("{id} is not in the indexed lists")),
                Some((None, evidence)) => desk.say(format!("its evidence is not a mail: {evidence}")),
                None => {}
            },
            Action::Left => {
                let others = self.row().map(|row| row.others.clone()).unwrap_or_default();
                match others.as_slice() {
                    [] => desk.say("no edge leads from here"),
                    [one] => open(desk, one, None),
                    many => {
                        let items = many.iter().map(|slug| (slug.clone(), Choice::Lineage(slug.clone())));
                        desk.go.push(Go::Pick(Picker::list("edges to", items.collect::<Vec<_>>())));
                    }
                }
            }
            Action::Mechanisms => choose(desk),
            Action::SearchNext | Action::SearchBack if !desk.search.is_empty() => {
                let holds = |row: &LineageRow| {
                    [&row.words, &row.slug, &row.evidence].iter().any(|t| t.to_lowercase().contains(&desk.search))
                };
                let rows = &self.facts.rows;
                let found = if action == Action::SearchNext {
                    (self.place.at + 1..rows.len()).find(|at| holds(&rows[*at]))
                } else {
                    (0..self.place.at).rev().find(|at| holds(&rows[*at]))
                };
                self.place.at = found.unwrap_or(self.place.at);
            }
            _ => {}
        }
    }

    fn fit(&mut self, _: &mut Desk, area: Rect) {
        let head = self.head_rows(area.width);
        self.rows_seen = area.height.saturating_sub(1 + head);
        if self.width != area.width {
            self.width = area.width;
            self.lay();
        }
        let first = self.lines.partition_point(|l| l.0 < self.place.at);
        let last = self.lines.partition_point(|l| l.0 <= self.place.at).saturating_sub(1);
        let rows = usize::from(self.rows_seen).max(1);
        if std::mem::take(&mut self.opening) {
            self.place.top = first.saturating_sub(rows / 3);
        }
        self.place.top = self.place.top.clamp((last + 1).saturating_sub(rows).min(first), first);
        self.place.top = self.place.top.min(self.lines.len().saturating_sub(rows));
    }

    fn take(&mut self, _: &mut Desk, msg: &Msg) {
        if let Some(facts) = msg.answer::<LineageFacts>(self.ask) {
            self.show(facts.clone());
        }
    }

    fn waits(&self) -> bool {
        !self.came
    }

    fn mechanisms(&self) -> Vec<String> {
        self.row().map(|row| row.slug.clone()).into_iter().collect()
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let name = if self.facts.name.is_empty() { "all mechanisms" } else { &self.facts.name };
        heading(buf, area, &format!("lineage: {name}"), &self.facts.count, true, theme);
        if !self.came {
            put(buf, area, 2, 2, "reading…", theme.style(Ink::Dim));
            return;
        }
        let mut top = 1;
        if !self.facts.summary.is_empty() {
            for piece in pieces(&self.facts.summary, usize::from(area.width.saturating_sub(2)), true, 3) {
                put(buf, area, 1, top, self.facts.summary[piece].trim_end(), theme.style(Ink::Dim));
                top += 1;
            }
            top += 1;
        }
        let names = self.names();
        let indent = self.indent();
        let lines = self.lines.iter().skip(self.place.top).take(usize::from(area.height.saturating_sub(top)));
        for (line, (at, place, words, ink)) in lines.enumerate() {
            let y = top + line as u16;
            let row = &self.facts.rows[*at];
            if *place == 0 {
                put(buf, area, 1, y, &row.day, theme.style(Ink::Dim));
            }
            let gutter = if *place == 0 { &row.gutter } else { &row.below };
            for (column, (c, lane)) in gutter.iter().enumerate() {
                let ink = lane.map_or(Ink::Dim, Ink::Lane);
                let ink = if row.warns && *place == 0 && "✗≈▲x~!".contains(*c) { Ink::Warning } else { ink };
                put(buf, area, 1 + DATE + column as u16, y, c.encode_utf8(&mut [0; 4]), theme.style(ink));
            }
            if *place == 0 {
                let slug = pad(&row.slug, usize::from(names));
                put(buf, area, 1 + DATE + self.lanes() + 1, y, &slug, theme.style(Ink::Lane(row.lane)));
            }
            put(buf, area, indent, y, words, theme.style(*ink));
            if *at == self.place.at {
                select(buf, area, y, theme, true);
            }
        }
        if self.facts.rows.is_empty() {
            put(buf, area, 2, 2, "the catalogue knows no event of it", theme.style(Ink::Dim));
        }
    }
}

impl LineageScreen {
    /// Takes what was asked for.
    fn show(&mut self, facts: LineageFacts) {
        self.facts = facts;
        self.came = true;
        let at = self.wanted.as_ref().and_then(|id| self.facts.rows.iter().position(|row| row.event == *id));
        self.place.at =
            at.unwrap_or_else(|| self.facts.rows.iter().position(|row| row.slug == self.facts.slug).unwrap_or(0));
        (self.width, self.opening) = (0, true);
    }

    fn row(&self) -> Option<&LineageRow> {
        self.facts.rows.get(self.place.at)
    }

    fn head_rows(&self, columns: u16) -> u16 {
        if self.facts.summary.is_empty() {
            return 0;
        }
        pieces(&self.facts.summary, usize::from(columns.saturating_sub(2)), true, 3).len() as u16 + 1
    }

    fn lanes(&self) -> u16 {
        self.facts.rows.iter().map(|r| r.gutter.len()).max().unwrap_or(0) as u16
    }

    fn names(&self) -> u16 {
        self.facts.rows.iter().map(|r| width(&r.slug)).max().unwrap_or(0).min(16) as u16
    }

    fn indent(&self) -> u16 {
        1 + DATE + self.lanes() + 1 + self.names() + 2
    }

    fn lay(&mut self) {
        let room = usize::from(self.width.saturating_sub(self.indent() + 1)).max(16);
        let mut lines = Vec::new();
        for (at, row) in self.facts.rows.iter().enumerate() {
            let mut place = 0;
            let ink = if row.warns { Ink::Warning } else { Ink::Plain };
            let evidence = match &row.mail {
                Some((_, false)) => format!("{}, not indexed", row.evidence),
                _ => row.evidence.clone(),
            };
            let parts = std::iter::once((&row.words, ink)).chain(row.relations.iter().map(|r| (r, Ink::Mark)));
            for (text, ink) in parts.chain(std::iter::once((&evidence, Ink::Dim))) {
                for piece in pieces(text, room, true, 40) {
                    lines.push((at, place, text[piece].trim_end().to_owned(), ink));
                    place += 1;
                }
            }
        }
        self.lines = lines;
    }
}
