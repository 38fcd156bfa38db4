//! Thread, drawn.

use provenance_review::text::{plural, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Desk, Thread};
use crate::canvas::{heading, put, put_cut, put_line, select};
use crate::page::paint::{Brush, line};
use crate::people::fitting;
use crate::screen::find::paint::mark;
use crate::text::clean;
use crate::theme::Ink;

impl Thread {
    /// Draws the screen.
    pub(super) fn paint(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        if let Some(trouble) = self.trouble.as_ref() {
            put(buf, area, 2, 1, "this thread cannot be shown", desk.theme.style(Ink::Strong));
            put(buf, area, 2, 2, trouble, desk.theme.style(Ink::Warning));
            put(buf, area, 2, 3, &clean(&self.wanted), desk.theme.style(Ink::Dim));
            return;
        }
        let (tree, mail) = self.areas(area);
        if tree.width > 0 {
            self.draw_tree(desk, buf, tree);
        }
        if mail.x > area.x {
            let style = desk.theme.style(Ink::Border(false));
            for row in 0..mail.height {
                put(buf, area, tree.width, row, if row == 0 { "┬" } else { "│" }, style);
            }
        }
        self.draw_mail(desk, buf, mail);
    }

    fn draw_tree(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let mails = self.tree.tree.rows.len() as u64;
        let right = match self.tree.tree.missing {
            0 => plural(mails, "mail", "mails"),
            n => format!("{n} of {} missing", plural(mails, "mail", "mails")),
        };
        heading(buf, area, "thread", &right, !self.on_mail, theme);
        let list = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        let seen = self.tree.seen.iter().enumerate().skip(self.tree.place.top).take(usize::from(list.height));
        for (row, (at, (node, branches, folded))) in seen.enumerate() {
            let row = row as u16;
            let node_row = &self.tree.tree.rows[*node];
            let own = mark(desk, &node_row.id);
            let mut column = put(buf, list, 0, row, own, theme.style(Ink::Own)).max(1);
            column = put(buf, list, column, row, branches, theme.style(Ink::Dim));
            match &node_row.mail {
                None => {
                    column = put(buf, list, column, row, "? ", theme.style(Ink::Dim));
                    let text = format!("not indexed  {}", clean(&node_row.id));
                    put_cut(buf, list, column, row, &text, list.width.saturating_sub(column), theme.style(Ink::Dim));
                }
                Some(mail) => {
                    let read = desk.review.read.contains(&node_row.id);
                    let ink = if read { Ink::Dim } else { Ink::Strong };
                    let dot = match (mail.is_patch && !mail.is_reply, read) {
                        (true, false) => "■ ",
                        (true, true) => "□ ",
                        (false, false) => "● ",
                        (false, true) => "○ ",
                    };
                    let dot_ink = if mail.is_patch && !mail.is_reply { Ink::Mark } else { ink };
                    column = put(buf, list, column, row, dot, theme.style(dot_ink));
                    let folded = if *folded > 0 { format!(" +{folded}") } else { String::new() };
                    let number = mail.part.map_or_else(String::new, |(n, of)| format!("{n}/{of} "));
                    // A reply is told by who wrote it, a patch by its subject.
                    let date = mail.date.get(..10).unwrap_or_default();
                    let dated = list.width >= 44;
                    let behind = width(&folded) as u16 + if dated { 11 } else { 0 };
                    let room = list.width.saturating_sub(column + behind);
                    let words = if mail.is_reply {
                        fitting(&mail.author, usize::from(room))
                    } else {
                        format!("{number}{}", title(&mail.subject))
                    };
                    put_cut(buf, list, column, row, &words, room, theme.style(ink));
                    let end = column + (width(&words) as u16).min(room);
                    put(buf, list, end, row, &folded, theme.style(Ink::Mark));
                    if dated {
                        put(buf, list, list.width - 10, row, date, theme.style(Ink::Dim));
                    }
                }
            }
            if at == self.tree.place.at {
                select(buf, list, row, theme, !self.on_mail);
            }
        }
    }

    fn draw_mail(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let note = self.note(desk, area.width);
        let above = note.len() as u16;
        for (row, words) in (1..).zip(&note) {
            put(buf, area, 1, row, words, theme.style(Ink::Own));
        }
        let text = Rect { y: area.y + 1 + above, height: area.height.saturating_sub(1 + above), ..area };
        let Some(page) = &self.mail.page else {
            heading(buf, area, "mail", "", self.on_mail, theme);
            let words = self.mail.trouble.as_deref().unwrap_or("reading…");
            put(buf, text, 2, 1, words, theme.style(Ink::Dim));
            put(buf, text, 2, 2, &clean(&self.mail.id), theme.style(Ink::Dim));
            return;
        };
        let Some(layout) = &self.mail.layout else { return };
        let len = layout.segs.len();
        let bottom = (self.mail.place.top + usize::from(text.height)).min(len);
        let percent = (bottom * 100).checked_div(len).unwrap_or(100);
        let mut right = format!("{percent} %");
        if let Some(touch) = page.touches.first() {
            let more = page.touches.len() - 1;
            let more = if more > 0 { format!(" +{more}") } else { String::new() };
            let longer = format!("mech: {}{more}  {right}", touch.slug);
            if width(&page.subject) + width(&longer) + 8 <= usize::from(area.width) {
                right = longer;
            }
        }
        heading(buf, area, &page.subject, &right, self.on_mail, theme);
        let search = Some(desk.search.as_str()).filter(|s| !s.is_empty());
        let brush = Brush { theme, search, width: text.width, shift: self.mail.folds.shift };
        for (row, at) in (self.mail.place.top..bottom).enumerate() {
            let row = row as u16;
            put_line(buf, text, row, &line(page, &self.mail.remarks, &layout.segs[at], brush));
            if at == self.mail.place.at {
                select(buf, text, row, theme, self.on_mail);
            }
        }
    }
}

/// A subject without its brackets, whose content the tree tells itself.
fn title(subject: &str) -> &str {
    let mut rest = subject.trim_start();
    while let Some((_, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
        rest = after.trim_start();
    }
    if rest.is_empty() { subject } else { rest }
}
