//! Checks, drawn.

use provenance_review::text::pad;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{At, Checks};
use crate::canvas::{heading, put, put_cut, select};
use crate::desk::Desk;
use crate::facts::checked::Lead;
use crate::text::pieces;
use crate::theme::{Ink, Theme};

/// Columns of a label.
const LABEL: usize = 8;

/// Lines that one row takes at most.
const LINES: usize = 24;

impl Checks {
    /// The lines of a row: label and words.
    pub(super) fn lines_of(&self, at: At) -> Vec<(String, String, Ink)> {
        let row = &self.findings[at.finding];
        let Some(detail) = at.detail.and_then(|detail| row.details.get(detail)) else {
            let ink = match (row.dismissed.is_some(), row.sign) {
                (true, _) => Ink::Dim,
                (false, '!') => Ink::Warning,
                _ => Ink::Mark,
            };
            let says = match &row.dismissed {
                Some(why) => format!("{} {}   dismissed: {why}", row.head, row.says),
                None => format!("{} {}", row.head, row.says),
            };
            let room = usize::from(self.width.saturating_sub(4)).max(16);
            return pieces(&says, room, true, LINES)
                .into_iter()
                .map(|piece| (String::new(), says[piece].trim_end().to_owned(), ink))
                .collect();
        };
        let room = usize::from(self.width).saturating_sub(5 + LABEL).max(16);
        let ink = match detail.lead {
            Lead::None => Ink::Plain,
            _ => Ink::Link,
        };
        let mut label = detail.label.clone();
        let lines = pieces(&detail.text, room, true, LINES).into_iter();
        lines.map(|piece| (std::mem::take(&mut label), detail.text[piece].trim_end().to_owned(), ink)).collect()
    }

    /// Draws the screen.
    pub(super) fn paint(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let (list, lines) = self.areas(area);
        let state = match &self.said {
            None => "checking…".to_owned(),
            Some(_) => self.findings.len().to_string(),
        };
        heading(buf, list, "findings", &state, !self.on_lines, theme);
        let last = list.height.saturating_sub(1);
        let mut y = 1;
        for (at, row) in self.rows().into_iter().enumerate().skip(self.place.top) {
            for (number, (label, words, ink)) in self.lines_of(row).into_iter().enumerate() {
                if y >= last {
                    break;
                }
                if row.detail.is_none() {
                    let sign = if self.open.get(row.finding) == Some(&true) { "▾" } else { "▸" };
                    if number == 0 {
                        put(buf, list, 1, y, sign, theme.style(Ink::Dim));
                    }
                    put(buf, list, 3, y, &words, theme.style(ink));
                } else {
                    put(buf, list, 4, y, &pad(&label, LABEL), theme.style(Ink::Dim));
                    put(buf, list, 4 + LABEL as u16, y, &words, theme.style(ink));
                }
                if at == self.place.at {
                    select(buf, list, y, theme, !self.on_lines);
                }
                y += 1;
            }
        }
        let (words, ink) = match &self.said {
            None => ("the rules run; the engine may take a moment", Ink::Dim),
            Some(Ok(said)) => (said.as_str(), Ink::Dim),
            Some(Err(why)) => (why.as_str(), Ink::Warning),
        };
        put_cut(buf, list, 1, last, words, list.width.saturating_sub(2), theme.style(ink));
        self.beside(buf, lines, theme);
    }

    fn beside(&self, buf: &mut Buffer, area: Rect, theme: Theme) {
        let Some(finding) = self.finding() else {
            heading(buf, area, "the patch", "", self.on_lines, theme);
            return;
        };
        heading(
            buf,
            area,
            if finding.path.is_empty() { "the patch" } else { &finding.path },
            &finding.id,
            self.on_lines,
            theme,
        );
        let seen = finding.beside.iter().skip(self.top).take(usize::from(self.seen.1));
        for (y, line) in (1..).zip(seen) {
            let ink = match line.sign {
                '+' => Ink::Added,
                '-' => Ink::Removed,
                '@' => Ink::Hunk,
                _ => Ink::Plain,
            };
            if line.sign == '@' {
                put_cut(buf, area, 1, y, &line.text, area.width.saturating_sub(2), theme.style(ink));
                continue;
            }
            if line.number > 0 {
                put(buf, area, 1, y, &format!("{:>5}", line.number), theme.style(Ink::Dim));
            }
            let text = format!("{}{}", line.sign, line.text);
            put_cut(buf, area, 7, y, &text, area.width.saturating_sub(8), theme.style(ink));
            if line.marked {
                put(buf, area, 0, y, "▌", theme.style(Ink::Warning));
                select(buf, area, y, theme, false);
            }
        }
    }
}
