//! Series: versions as columns, patches as rows, and what became of each.

mod table;

use provenance_review::text::{cut, plural};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use table::{Line, lines, own, part};

use super::diff;
use super::kind::{Kind, Screen};
use crate::canvas::{heading, put, put_cut, select};
use crate::desk::{Desk, Go, movement};
use crate::facts::series::{Cell, Column, SeriesFacts};
use crate::keys::{Action, Scope, on};
use crate::library::Library;
use crate::lines::Place;
use crate::msg::Msg;
use crate::question::Question;
use crate::theme::{Ink, Theme};
use crate::worker;

/// Columns of a version.
const VERSION: u16 = 12;

/// Lines below the table for what is under the cursor.
const DETAIL: u16 = 5;

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("series"),
    keys: &[
        on(Action::Left, "h left", "", "the version before"),
        on(Action::Right, "l right", "", "the next version"),
        on(Action::Fold, "o", "", "show or fold the patches that the newest version does not have"),
        on(Action::Diff, "d", "", "what changed in this patch; at the cover letter, in the series"),
        on(Action::DiffAll, "D", "", "what changed in the whole series"),
        on(Action::Focus, "tab", "", "between the patches and the remarks to look at"),
    ],
    hints: &[
        (Action::Help, "help"),
        (Action::Right, "version"),
        (Action::Enter, "open"),
        (Action::Diff, "what changed"),
        (Action::DiffAll, "in all"),
        (Action::Focus, "remarks"),
        (Action::Back, "back"),
    ],
    open: Some(open),
};

/// The table of versions, and the cell that the keys act on.
#[derive(Default)]
pub struct Series {
    /// The question that it waits for.
    pub ask: u64,
    /// Message-ID of the mail that it was opened from.
    id: String,
    facts: Option<Result<SeriesFacts, String>>,
    /// Columns that are of the series: what somebody else sent, and nothing was paired with, is none.
    own: Vec<usize>,
    /// What stands in the table, from the top down.
    lines: Vec<Line>,
    /// Rows that the newest version does not have are shown.
    unfolded: bool,
    rows: Place,
    columns: Place,
    remarks: Place,
    on_remarks: bool,
    seen: (u16, u16),
}

/// Opens the series of a mail.
pub fn open(desk: &mut Desk, id: &str) {
    let ask = desk.put(Versions { id: id.to_owned() });
    let screen = Series { ask, id: id.to_owned(), ..Series::default() };
    desk.go.push(Go::Push(Box::new(screen)));
}

/// The versions of a mail's series.
#[derive(Debug)]
pub struct Versions {
    /// Message-ID of the mail.
    pub id: String,
}

impl Question for Versions {
    type Answer = Result<SeriesFacts, String>;

    fn answer(&self, library: &Library) -> Self::Answer {
        worker::series::series(library, &self.id)
    }
}

impl Screen for Series {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
        let Some(facts) = self.facts() else { return };
        let (rows, columns, remarks) = (self.lines.len(), self.own.len(), facts.remarks.len());
        if let Some(by) = movement(action, self.seen.0) {
            if self.on_remarks {
                self.remarks.step(by, remarks);
            } else {
                self.rows.step(by, rows);
            }
            return;
        }
        match action {
            Action::Left => self.columns.step(-1, columns),
            Action::Right => self.columns.step(1, columns),
            Action::Focus if remarks > 0 => self.on_remarks = !self.on_remarks,
            Action::Focus => desk.say("there are no remarks to look at"),
            Action::Enter if self.on_remarks => {
                let id = facts.remarks.get(self.remarks.at).map(|remark| remark.id.clone());
                id.filter(|id| !id.is_empty()).into_iter().for_each(|id| desk.go.push(Go::Thread(id)));
            }
            Action::SearchNext | Action::SearchBack => self.seek(desk, action == Action::SearchNext),
            Action::Fold | Action::FoldAll => self.fold(),
            Action::Enter if matches!(self.lines.get(self.rows.at), Some(Line::Folded(_))) => self.fold(),
            Action::Enter => match self.cell().filter(|cell| !cell.id.is_empty()) {
                Some(cell) => desk.go.push(Go::Thread(cell.id.clone())),
                None => desk.say("this version has no such patch"),
            },
            Action::Diff | Action::DiffAll => self.compare(desk, action == Action::DiffAll),
            _ => {}
        }
    }

    fn fit(&mut self, _: &mut Desk, area: Rect) {
        let (rows, columns, remarks) =
            self.facts().map_or((0, 0, 0), |f| (self.lines.len(), self.own.len(), f.remarks.len()));
        let below = self.remark_rows(remarks, area);
        self.seen = (area.height.saturating_sub(3 + DETAIL + below), self.versions_seen(area.width));
        self.rows.show(usize::from(self.seen.0), rows);
        self.columns.show(usize::from(self.seen.1), columns);
        self.remarks.show(usize::from(below.saturating_sub(1)), remarks);
    }

    fn waits(&self) -> bool {
        self.facts.is_none()
    }

    fn take(&mut self, _: &mut Desk, msg: &Msg) {
        if let Some(facts) = msg.answer::<Result<SeriesFacts, String>>(self.ask) {
            self.show(facts.clone());
        }
    }

    fn mail(&self) -> Option<String> {
        self.cell().map(|cell| cell.id.clone()).filter(|id| !id.is_empty())
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let Some(Ok(facts)) = &self.facts else {
            heading(buf, area, "series", "", true, theme);
            let said = self.facts.as_ref().and_then(|f| f.as_ref().err());
            let ink = if said.is_some() { Ink::Warning } else { Ink::Dim };
            let words = said.map_or("gathering the versions…", String::as_str);
            put_cut(buf, area, 2, 2, words, area.width.saturating_sub(3), theme.style(ink));
            return;
        };
        let mut count = plural(self.own.len() as u64, "version", "versions");
        let strangers = facts.columns.len() - self.own.len();
        if strangers > 0 {
            count = format!("{count}, {strangers} by others left out");
        }
        heading(buf, area, &facts.title, &count, !self.on_remarks, theme);
        let title = self.title(area.width);
        let columns = self.own.iter().filter_map(|at| facts.columns.get(*at)).enumerate();
        let versions = columns.skip(self.columns.top).take(usize::from(self.seen.1));
        for (nth, (at, column)) in versions.enumerate() {
            let x = title + nth as u16 * VERSION;
            let ink = if at == self.columns.at { Ink::Strong } else { Ink::Plain };
            put_cut(buf, area, x, 1, &column.name, VERSION - 1, theme.style(ink));
            put_cut(buf, area, x, 2, &column.date, VERSION - 1, theme.style(Ink::Dim));
        }
        let rows = self.lines.iter().enumerate().skip(self.rows.top).take(usize::from(self.seen.0));
        for (y, (at, line)) in (3..).zip(rows) {
            let row = match line {
                Line::Row(row) => &facts.rows[*row],
                Line::Folded(count) => {
                    let words = plural(*count as u64, "patch of other versions", "patches of other versions");
                    let mark = if self.unfolded { "▾" } else { "▸" };
                    put(buf, area, 1, y, &format!("{mark} {words}"), theme.style(Ink::Dim));
                    if at == self.rows.at {
                        select(buf, area, y, theme, !self.on_remarks);
                    }
                    continue;
                }
            };
            put_cut(buf, area, 1, y, &row.title, title.saturating_sub(2), theme.style(Ink::Plain));
            // The bar fills the row; the cell that the keys act on stands out of it.
            let here = at == self.rows.at;
            let mut chosen = None;
            let cells = self.own.iter().map(|at| row.cells.get(*at).and_then(Option::as_ref)).enumerate();
            let cells = cells.skip(self.columns.top).take(usize::from(self.seen.1));
            for (nth, (column, cell)) in cells.enumerate() {
                let x = title + nth as u16 * VERSION;
                let Some(cell) = cell else { continue };
                put_cut(buf, area, x, y, &short(cell), VERSION - 1, theme.style(ink(cell)));
                if here && column == self.columns.at {
                    chosen = Some(x);
                }
            }
            if here {
                select(buf, area, y, theme, false);
                let on = !self.on_remarks;
                select(buf, Rect { width: title.saturating_sub(1).min(area.width), ..area }, y, theme, on);
                if let Some(x) = chosen {
                    let cell = Rect { x: area.x + x, width: (VERSION - 1).min(area.width.saturating_sub(x)), ..area };
                    select(buf, cell, y, theme, on);
                }
            }
        }
        self.details(facts, buf, area, theme);
    }
}

impl Series {
    /// Takes what was asked for; begins at the mail that it was opened from.
    fn show(&mut self, facts: Result<SeriesFacts, String>) {
        if let Ok(facts) = &facts {
            self.own = own(facts, &self.id);
            let newest = self.own.last().copied().unwrap_or_default();
            let mut opened = None;
            for (row, line) in facts.rows.iter().enumerate() {
                let columns = self.own.iter().enumerate();
                let here = |(_, at): &(usize, &usize)| {
                    line.cells.get(**at).and_then(Option::as_ref).is_some_and(|c| c.id == self.id)
                };
                opened = columns.clone().find(here).map(|(nth, _)| (row, nth)).or(opened);
            }
            self.unfolded = opened.is_some_and(|(row, _)| part(&facts.rows[row], newest).is_none());
            self.lines = lines(facts, newest, self.unfolded);
            self.columns.at = self.own.len().saturating_sub(1);
            if let Some((row, column)) = opened {
                self.columns.at = column;
                self.rows.at = self.lines.iter().position(|line| *line == Line::Row(row)).unwrap_or(0);
            }
        }
        self.facts = Some(facts.map_err(|why| crate::text::clean(&why)));
    }

    fn facts(&self) -> Option<&SeriesFacts> {
        self.facts.as_ref()?.as_ref().ok()
    }

    fn column<'f>(&self, facts: &'f SeriesFacts) -> Option<&'f Column> {
        facts.columns.get(*self.own.get(self.columns.at)?)
    }

    /// Shows the patches that the newest version does not have, or folds them.
    fn fold(&mut self) {
        self.unfolded = !self.unfolded;
        let newest = self.own.last().copied().unwrap_or_default();
        self.lines = self.facts().map_or_else(Vec::new, |facts| lines(facts, newest, self.unfolded));
        self.rows.step(0, self.lines.len());
    }

    /// Goes to the next row that holds what is searched for, in its title or in a cell.
    fn seek(&mut self, desk: &mut Desk, forward: bool) {
        let search = desk.search.clone();
        let Some(facts) = self.facts().filter(|_| !search.is_empty()) else { return };
        let holds = |at: &usize| match self.lines[*at] {
            Line::Row(row) => {
                let row = &facts.rows[row];
                let cells =
                    row.cells.iter().flatten().map(|cell| format!("{} {} {}", short(cell), cell.subject, cell.id));
                row.title.to_lowercase().contains(&search)
                    || cells.into_iter().any(|c| c.to_lowercase().contains(&search))
            }
            Line::Folded(_) => false,
        };
        let from = self.rows.at;
        let found = if forward {
            (from + 1..self.lines.len()).find(holds)
        } else {
            (0..from.min(self.lines.len())).rev().find(holds)
        };
        match found {
            Some(at) => self.rows.at = at,
            None => desk.warn(format!("no other row holds {search}")),
        }
    }

    fn cell(&self) -> Option<&Cell> {
        let Line::Row(row) = *self.lines.get(self.rows.at)? else { return None };
        self.facts()?.rows.get(row)?.cells.get(*self.own.get(self.columns.at)?)?.as_ref()
    }

    /// Compares a version with the one before: the patch under the cursor; the whole series at the cover letter.
    fn compare(&self, desk: &mut Desk, whole: bool) {
        let Some(facts) = self.facts() else { return };
        let Some(column) = self.column(facts) else { return };
        if !column.compared {
            desk.say(format!("there is no indexed version before {}", column.name));
            return;
        }
        let patch = self.cell().filter(|cell| !cell.id.is_empty() && !cell.number.starts_with("0/") && !whole);
        match patch {
            Some(cell) => diff::open(desk, &cell.id, false),
            None => diff::open(desk, &column.head, true),
        }
    }

    fn remark_rows(&self, remarks: usize, area: Rect) -> u16 {
        if remarks == 0 { 0 } else { (remarks as u16 + 1).min(area.height / 4).max(2) }
    }

    fn versions_seen(&self, width: u16) -> u16 {
        (width.saturating_sub(self.title(width)) / VERSION).max(1)
    }

    fn title(&self, width: u16) -> u16 {
        let columns = self.own.len().clamp(1, 64) as u16;
        width.saturating_sub(columns * VERSION).clamp(width / 3, 64.max(width / 3))
    }

    fn details(&self, facts: &SeriesFacts, buf: &mut Buffer, area: Rect, theme: Theme) {
        let below = self.remark_rows(facts.remarks.len(), area);
        let top = area.height.saturating_sub(DETAIL + below);
        let here = Rect { y: area.y + top, height: DETAIL.min(area.height), ..area };
        let column = self.column(facts);
        let name = column.map_or("", |column| column.name.as_str());
        heading(buf, here, name, column.map_or("", |c| c.remark.as_str()), false, theme);
        match self.cell() {
            Some(cell) => {
                let fate = [cell.number.as_str(), &cell.fate, &cell.reason].join("  ");
                put_cut(buf, here, 1, 1, fate.trim(), here.width.saturating_sub(2), theme.style(ink(cell)));
                put_cut(buf, here, 1, 2, &cell.subject, here.width.saturating_sub(2), theme.style(Ink::Plain));
                put_cut(buf, here, 1, 3, &cell.id, here.width.saturating_sub(2), theme.style(Ink::Dim));
                if !cell.landed.is_empty() {
                    let landed = format!("landed as commit {}", cell.landed);
                    put_cut(buf, here, 1, 4, &landed, here.width.saturating_sub(2), theme.style(Ink::Good));
                }
            }
            None => {
                put(buf, here, 1, 1, "not in this version", theme.style(Ink::Dim));
            }
        }
        if facts.remarks.is_empty() {
            return;
        }
        let here = Rect { y: area.y + area.height.saturating_sub(below), height: below, ..area };
        let title = "unanswered remarks on unchanged lines";
        heading(buf, here, title, &facts.remarks.len().to_string(), self.on_remarks, theme);
        let seen = facts.remarks.iter().enumerate().skip(self.remarks.top).take(usize::from(below.saturating_sub(1)));
        for (y, (at, remark)) in (1..).zip(seen) {
            put_cut(buf, here, 1, y, &remark.text, here.width.saturating_sub(2), theme.style(Ink::Plain));
            if at == self.remarks.at && self.on_remarks {
                select(buf, here, y, theme, true);
            }
        }
    }
}

/// `2/6 !`, with `+` where it landed.
fn short(cell: &Cell) -> String {
    if cell.number.is_empty() {
        return format!("-   {}", cell.sign);
    }
    let landed = if cell.landed.is_empty() { "" } else { " ≡" };
    cut(&format!("{} {}{landed}", cell.number, cell.sign), usize::from(VERSION - 1)).into_owned()
}

fn ink(cell: &Cell) -> Ink {
    match cell.sign {
        '!' => Ink::Warning,
        '>' => Ink::Added,
        '<' => Ink::Removed,
        '=' => Ink::Dim,
        _ => Ink::Plain,
    }
}
