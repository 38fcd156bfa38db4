//! Find, drawn.

use provenance_review::text::{count, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Find;
use crate::canvas::{put, put_cut, select};
use crate::desk::Desk;
use crate::facts::HitRow;
use crate::msg::Order;
use crate::people::fitting;
use crate::text::clean;
use crate::theme::Ink;

const DATE: u16 = 10;
/// From this width on lists and kinds have columns of their own.
const WIDE: u16 = 116;

impl Find {
    /// Draws the screen.
    pub(super) fn paint(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        self.query_line(desk, buf, area);
        let list = Rect { y: area.y + 2.min(area.height), height: area.height.saturating_sub(2), ..area };
        let wide = area.width >= WIDE;
        let (lists, kinds) = (self.widths.0.min(18), self.widths.1.min(22));
        // As wide as the names are, within what the subject can spare.
        let author = self.names.clamp(12, (area.width / 4).clamp(12, 32));
        let seen = self.rows.iter().enumerate().skip(self.place.top).take(usize::from(list.height));
        for (row, (at, hit)) in seen.enumerate() {
            let row = row as u16;
            let (lists, kinds) = if wide { (lists, kinds) } else { (0, 0) };
            let columns = Columns { author, lists, kinds, subject: self.widths.2 };
            self.hit(desk, buf, list, row, hit, columns);
            if at == self.place.at {
                select(buf, list, row, desk.theme, true);
            }
        }
        if self.rows.is_empty() && !self.busy && self.wrong.is_none() {
            let horizon = desk.opened.as_ref().map_or("", |o| o.horizon.as_str());
            put(buf, list, 2, 1, "nothing found", desk.theme.style(Ink::Strong));
            put(buf, list, 2, 2, horizon, desk.theme.style(Ink::Dim));
        }
    }

    fn query_line(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let mut at = put(buf, area, 1, 0, "query ", theme.style(Ink::Dim));
        let query = clean(&self.query);
        let shown = if query.is_empty() { "everything" } else { query.as_str() };
        let start = at;
        let ink = if query.is_empty() { Ink::Dim } else { Ink::Strong };
        at = put(buf, area, at, 0, shown, theme.style(ink));
        for limit in &self.limits {
            at = put(buf, area, at + 1, 0, "▸ ", theme.style(Ink::Mark));
            at = put(buf, area, at, 0, &clean(limit), theme.style(Ink::Mark));
        }
        let order = match self.order {
            Order::Newest => "newest first",
            Order::Oldest => "oldest first",
            Order::Best => "best first",
        };
        let what = if self.threads { "threads of " } else { "" };
        let loading = if self.busy { "… " } else { "" };
        let number = if self.busy && self.rows.is_empty() {
            "searching…".to_owned()
        } else {
            format!("{loading}{what}{} hits, {order}", count(self.total as u64))
        };
        let column = area.width.saturating_sub(width(&number) as u16 + 1);
        if column > at + 1 {
            put(buf, area, column, 0, &number, theme.style(Ink::Dim));
        }
        if let Some((what, span)) = &self.wrong {
            let shift = u16::from(!self.limits.is_empty());
            let caret = span.map_or(0, |(from, _)| self.query.get(..from).map_or(0, width)) as u16;
            let caret = (start + caret).saturating_sub(shift).min(area.width.saturating_sub(1));
            let room = area.width.saturating_sub(caret + 2);
            let warning = theme.style(Ink::Warning);
            if width(what) as u16 <= room {
                put(buf, area, caret, 1, &format!("^ {what}"), warning);
            } else {
                put(buf, area, 1, 1, what, warning);
            }
        } else if area.width < WIDE {
            // What the list has no columns for.
            if let Some(hit) = self.rows.get(self.place.at) {
                // An id is there to be copied: it stands whole, and what has no room beside it is left out.
                let room = usize::from(area.width.saturating_sub(2));
                let mut words = hit.id.clone();
                for more in [&hit.kind, &hit.lists] {
                    if !more.is_empty() && width(&words) + 2 + width(more) <= room {
                        words = format!("{more}  {words}");
                    }
                }
                put_cut(buf, area, 1, 1, &clean(&words), area.width.saturating_sub(2), theme.style(Ink::Dim));
            }
        }
    }

    fn hit(&self, desk: &Desk, buf: &mut Buffer, area: Rect, row: u16, hit: &HitRow, columns: Columns) {
        let theme = desk.theme;
        let read = desk.review.read.contains(&hit.id);
        // What is unread is bold, and has a mark of its own: colour is never the only carrier.
        let base = theme.style(if read || !hit.is_mail { Ink::Dim } else { Ink::Strong });
        if hit.is_mail && !read {
            put(buf, area, 0, row, "•", theme.style(Ink::Own));
        }
        put(buf, area, 1, row, marks(desk, hit), theme.style(Ink::Own));
        // A finding stands before the mark of what landed: it is what the reader asked for.
        match desk.checked.get(&hit.id) {
            Some('!') => put(buf, area, 2, row, "!", theme.style(Ink::Warning)),
            Some('·') => put(buf, area, 2, row, "·", theme.style(Ink::Mark)),
            _ if hit.landed => put(buf, area, 2, row, "≡", theme.style(Ink::Good)),
            _ => 0,
        };
        let mut at = 3;
        at = put_cut(buf, area, at, row, &hit.date, DATE, theme.style(Ink::Dim)) + 2;
        at = put_cut(buf, area, at, row, &fitting(&hit.author, usize::from(columns.author)), columns.author, base) + 1;
        put(buf, area, at, row, if hit.event.is_some() { "◆" } else { " " }, theme.style(Ink::Mark));
        at += 2;
        let tags =
            desk.review.tags.get(&hit.id).map_or_else(String::new, |tags| clean(&format!(" [{}]", tags.join(" "))));
        let many = if hit.count > 1 { format!(" ({})", hit.count) } else { String::new() };
        let behind = columns.lists + columns.kinds + if columns.lists > 0 { 4 } else { 0 };
        let extra = (width(&tags) + width(&many)) as u16;
        let room = area.width.saturating_sub(at + behind + 1 + extra);
        let subject = if hit.is_mail { base } else { theme.style(Ink::Plain) };
        put_cut(buf, area, at, row, &hit.subject, room, subject);
        let end = at + (width(&hit.subject) as u16).min(room);
        let end = put(buf, area, end, row, &many, theme.style(Ink::Mark));
        put(buf, area, end, row, &tags, theme.style(Ink::Own));
        if columns.lists > 0 {
            // On a wide terminal the columns stand behind the longest subject, not at the other end of the screen.
            at = area.width.saturating_sub(behind).min(at.saturating_add(columns.subject + 10));
            at = put_cut(buf, area, at + 1, row, &hit.lists, columns.lists, theme.style(Ink::Dim)) + 2;
            put_cut(buf, area, at, row, &hit.kind, columns.kinds, theme.style(Ink::Mark));
        }
    }
}

#[derive(Clone, Copy)]
struct Columns {
    author: u16,
    lists: u16,
    kinds: u16,
    subject: u16,
}

/// What the reader did with a mail: reviewed, remarked or noted, answered.
fn marks(desk: &Desk, hit: &HitRow) -> &'static str {
    mark(desk, &hit.id)
}

/// `✓` reviewed, `✎` with remarks or a note, `↩` a draft waits.
pub fn mark(desk: &Desk, id: &str) -> &'static str {
    if desk.drafts.iter().any(|d| d.answers == id) {
        "↩"
    } else if desk.review.reviewed.contains(id) {
        "✓"
    } else if desk.review.remarks.contains_key(id) || desk.review.notes.contains_key(id) {
        "✎"
    } else {
        " "
    }
}
