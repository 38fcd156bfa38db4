//! One mail in its pane: where it stands, what is folded, where its files, hunks, remarks and links are.

use super::Desk;
use crate::desk::Go;
use crate::facts::SharedPage;
use crate::keys::Action;
use crate::lines::Place;
use crate::page::layout::{Folds, Layout, Seg, What, lay};
use crate::page::{Kind, Target};
use crate::picker::{Choice, Picker};

/// Columns by which a key scrolls sideways, and how far at most.
const SIDEWAYS: usize = 16;
const FURTHEST: usize = 4_000;

/// The right pane: the mail, laid out.
#[derive(Debug, Default)]
pub(super) struct MailPane {
    pub(super) id: String,
    pub(super) page: Option<SharedPage>,
    pub(super) trouble: Option<String>,
    pub(super) layout: Option<Layout>,
    pub(super) remarks: Vec<(u32, String)>,
    pub(super) place: Place,
    pub(super) folds: Folds,
    pub(super) rows_seen: usize,
}

impl MailPane {
    /// For another mail: what the reader chose for all mails stays.
    pub(super) fn fresh(&self) -> MailPane {
        let Folds { quotes, headers, unwrapped, all_voices, .. } = self.folds;
        let folds = Folds { quotes, headers, unwrapped, all_voices, ..Folds::default() };
        MailPane { folds, rows_seen: self.rows_seen, ..MailPane::default() }
    }

    pub(super) fn missing(&mut self, id: &str) {
        *self = MailPane { id: id.to_owned(), ..self.fresh() };
        self.trouble = Some("this mail is referred to in the thread, but is not in the indexed lists".to_owned());
    }

    pub(super) fn show(&mut self, page: SharedPage) {
        self.page = Some(page);
        self.layout = None;
        self.trouble = None;
    }

    /// Lays the page out where it is not yet, and keeps the cursor in sight.
    pub(super) fn fit(&mut self, width: u16, rows: usize, remarks: &[(u32, String)]) {
        self.rows_seen = rows;
        let Some(page) = &self.page else { return };
        let stale = self.layout.as_ref().is_none_or(|l| l.width != width) || self.remarks != remarks;
        if stale {
            let here = self.seg().copied();
            self.remarks = remarks.iter().map(|(at, text)| (*at, crate::text::clean(text))).collect();
            let layout = lay(page, &self.folds, &self.remarks, width);
            if let Some(Seg { what, row, start, .. }) = here {
                let first = layout.line_of(row);
                let rows = layout.segs[first..].iter().take_while(|s| s.row == row);
                let same =
                    rows.clone().position(|s| matches!(what, What::Voice(..)) && s.what == what && s.start == start);
                let more = same.unwrap_or_else(|| rows.take_while(|s| s.start < start).count());
                self.place.at = (first + more).min(layout.segs.len().saturating_sub(1));
            }
            self.layout = Some(layout);
        }
        let len = self.layout.as_ref().map_or(0, |l| l.segs.len());
        self.place.show(rows, len);
    }

    pub(super) fn seg(&self) -> Option<&Seg> {
        self.layout.as_ref()?.segs.get(self.place.at)
    }

    fn kind(&self) -> Option<Kind> {
        Some(self.page.as_ref()?.rows.get(self.seg()?.row as usize)?.kind)
    }

    pub(super) fn step(&mut self, by: isize, action: Action) {
        let len = self.layout.as_ref().map_or(0, |l| l.segs.len());
        // Pages turn with what is seen, not with the cursor alone.
        if matches!(action, Action::PageDown | Action::PageUp | Action::HalfDown | Action::HalfUp) {
            let top = self.place.top.saturating_add_signed(by).min(len.saturating_sub(self.rows_seen));
            let moved = top != self.place.top;
            self.place.top = top;
            if moved {
                self.place.at = self.place.at.saturating_add_signed(by).clamp(top, top + self.rows_seen.max(1) - 1);
                return;
            }
        }
        self.place.step(by, len);
    }

    /// Goes to a line and shows it near the top.
    fn go(&mut self, at: usize) {
        self.place.at = at;
        self.place.top = at.saturating_sub(self.rows_seen / 5);
    }

    fn relayout(&mut self) {
        // The cursor stays on its row: the layout is made anew with the next fit.
        if let Some(layout) = &mut self.layout {
            layout.width = 0;
        }
    }

    /// Does what a key asks of the mail; whether it was one of these.
    pub(super) fn act(&mut self, desk: &mut Desk, action: Action) -> bool {
        let Some(page) = self.page.clone() else {
            return false;
        };
        let kind = |seg: &Seg| page.rows[seg.row as usize].kind;
        let found = match action {
            Action::NextHunk | Action::PreviousHunk => {
                self.seek(action == Action::NextHunk, |seg| kind(seg) == Kind::Hunk)
            }
            Action::NextFile | Action::PreviousFile => {
                self.seek(action == Action::NextFile, |seg| matches!(kind(seg), Kind::File(_)))
            }
            Action::NextRemark | Action::PreviousRemark => {
                self.seek(action == Action::NextRemark, |seg| matches!(seg.what, What::Remark(_) | What::Voice(_, 0)))
            }
            Action::SearchNext | Action::SearchBack => {
                let search = desk.search.clone();
                let remarks = self.remarks.clone();
                if search.is_empty() {
                    return true;
                }
                self.seek(action == Action::SearchNext, |seg| {
                    let text: &str = match seg.what {
                        What::Voice(nth, 0) => &page.voices[nth as usize].said.join(" "),
                        What::Remark(at) => remarks.get(at as usize).map_or("", |(_, text)| text),
                        _ => &page.rows[seg.row as usize].text,
                    };
                    text.to_lowercase().contains(&search)
                })
            }
            Action::Quoted => {
                self.folds.quotes = !self.folds.quotes;
                self.relayout();
                return true;
            }
            Action::Sideways => {
                self.folds.shift = if self.folds.unwrapped { (self.folds.shift + SIDEWAYS).min(FURTHEST) } else { 0 };
                self.folds.unwrapped = true;
                self.relayout();
                return true;
            }
            Action::SidewaysBack => {
                self.folds.unwrapped = self.folds.shift > 0;
                self.folds.shift = self.folds.shift.saturating_sub(SIDEWAYS);
                self.relayout();
                return true;
            }
            Action::Voices => {
                self.folds.all_voices = !self.folds.all_voices;
                self.folds.voices.clear();
                self.relayout();
                return true;
            }
            Action::Headers => {
                self.folds.headers = !self.folds.headers;
                self.relayout();
                return true;
            }
            Action::Fold => {
                self.turn();
                return true;
            }
            Action::FoldAll => {
                let first = |at: usize| page.files[at].rows.start;
                let all: Vec<u32> = (0..page.files.len()).map(first).collect();
                if all.iter().all(|row| self.folds.turned.contains(row)) {
                    all.iter().for_each(|row| {
                        self.folds.turned.remove(row);
                    });
                } else {
                    self.folds.turned.extend(all);
                }
                self.relayout();
                return true;
            }
            Action::Files => {
                let items = page.files.iter().enumerate().map(|(at, file)| {
                    (format!("{}  +{} −{}", file.path, file.changed.0, file.changed.1), Choice::File(at))
                });
                desk.go.push(Go::Pick(Picker::list("files", items.collect::<Vec<_>>())));
                return true;
            }
            _ => return false,
        };
        match (found, action) {
            (Some(at), _) => self.go(at),
            (None, Action::NextRemark | Action::PreviousRemark) => desk.say("there is no further remark in this mail"),
            (None, Action::SearchNext | Action::SearchBack) => {
                let what = desk.search.clone();
                desk.warn(format!("no further match for {what}"));
            }
            (None, _) => desk.say("there is none further in this mail"),
        }
        true
    }

    fn seek(&self, forward: bool, holds: impl FnMut(&Seg) -> bool) -> Option<usize> {
        self.layout.as_ref()?.seek(self.place.at, forward, holds)
    }

    /// Folds or shows what is under the cursor.
    pub(super) fn turn(&mut self) {
        let (Some(page), Some(seg)) = (&self.page, self.seg().copied()) else { return };
        if let What::Voice(nth, _) = seg.what {
            if !self.folds.voices.remove(&nth) {
                self.folds.voices.insert(nth);
            }
            // The cursor stays on the voice, whose first line is always there.
            if let Some(layout) = &self.layout {
                let head = |seg: &Seg| seg.what == What::Voice(nth, 0);
                self.place.at = layout.segs.iter().position(head).unwrap_or(self.place.at);
            }
            self.relayout();
            return;
        }
        let quoted = |row: usize| matches!(page.rows[row].kind, Kind::Quote(_));
        let row = seg.row as usize;
        let first = if quoted(row) {
            (0..=row).rev().take_while(|r| quoted(*r)).last()
        } else {
            page.file_of(seg.row).map(|at| page.files[at].rows.start as usize)
        };
        if let Some(first) = first {
            let first = first as u32;
            if !self.folds.turned.remove(&first) {
                self.folds.turned.insert(first);
            }
            self.place.at = self.layout.as_ref().map_or(0, |l| l.line_of(first));
            self.relayout();
        }
    }

    /// Enter on a fold or on a file of the overview.
    pub(super) fn open_line(&mut self) -> bool {
        match (self.seg().map(|s| s.what), self.kind()) {
            (Some(What::Fold(_) | What::Voice(..)), _) | (_, Some(Kind::File(_))) => self.turn(),
            (_, Some(Kind::FileList(at))) => self.go_to_file(at as usize),
            _ => return false,
        }
        true
    }

    pub(super) fn go_to_file(&mut self, at: usize) {
        let (Some(page), Some(layout)) = (&self.page, &self.layout) else { return };
        if let Some(file) = page.files.get(at) {
            let line = layout.line_of(file.rows.start);
            self.go(line);
        }
    }

    /// Numbers of the links on the line, from 0.
    pub(super) fn links_here(&self) -> Vec<usize> {
        let (Some(page), Some(seg)) = (&self.page, self.seg()) else { return Vec::new() };
        let text = &page.rows[seg.row as usize].text;
        let mut out = Vec::new();
        for (at, _) in text.match_indices('[') {
            let digits: String = text[at + 1..].chars().take_while(char::is_ascii_digit).take(3).collect();
            let number = digits.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
            if let Some(number) =
                number.filter(|n| *n < page.links.len() && text[at + 1 + digits.len()..].starts_with(']'))
            {
                out.push(number);
            }
        }
        out
    }

    pub(super) fn link(&self, at: usize) -> Option<Target> {
        self.page.as_ref()?.links.get(at).cloned()
    }

    pub(super) fn link_name(&self, at: usize) -> String {
        match self.link(at) {
            Some(Target::Mail(id)) => format!("[{}] mail {id}", at + 1),
            Some(Target::Page(url)) => format!("[{}] {url}", at + 1),
            Some(Target::Commit(id)) => format!("[{}] commit {id}", at + 1),
            None => String::new(),
        }
    }

    /// The line of the mail's text under the cursor.
    pub(super) fn source_line(&self) -> Option<(u32, String)> {
        let page = self.page.as_ref()?;
        let source = page.rows.get(self.seg()?.row as usize)?.source;
        Some((source, page.lines.get(source as usize)?.to_string()))
    }
}
