//! The lines of a pane: rows cut to its width, without what is folded, with the reader's remarks under their lines.

use rustc_hash::FxHashSet;

use super::{Kind, Page};
use crate::text::pieces;

/// Pieces of one row; of a longer one the rest is counted.
const MOST_PIECES: usize = 8;
/// Quotes up to so many rows are never folded, and of a folded one the last rows stay: they are what is answered.
const SHORT_QUOTE: usize = 5;
const QUOTE_TAIL: usize = 2;
/// From this width on line numbers are shown.
const NUMBERED: u16 = 100;

/// What is folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    /// Quotes are shown.
    pub quotes: bool,
    /// All fields of the header are shown.
    pub headers: bool,
    /// Lines of a diff are not wrapped.
    pub unwrapped: bool,
    /// How far they are scrolled to the left.
    pub shift: usize,
    /// Voices that are unfolded, by their place in the list; all of them where `all_voices`.
    pub voices: FxHashSet<u32>,
    /// The other way round for all voices.
    pub all_voices: bool,
    /// Quotes (by first row) and files (by first row) that are the other way round.
    pub turned: FxHashSet<u32>,
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A piece of a row.
    Row,
    /// That so many rows from this one on are folded.
    Fold(u32),
    /// A remark of the reader's, by its place in the list, under this row.
    Remark(u32),
    /// A voice, by its place in the list, and which of its lines; under this row. A folded one has only its first line.
    Voice(u32, u32),
    /// How many bytes of this row are left out.
    Rest,
}

/// A line of the pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seg {
    /// What it shows.
    pub what: What,
    /// The row.
    pub row: u32,
    /// Bytes of the row's text, or of the remark's.
    pub start: u32,
    /// One past the last.
    pub end: u32,
}

/// A page laid out.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// For so many columns.
    pub width: u16,
    /// All lines.
    pub segs: Vec<Seg>,
}

/// Columns in front of the text of a row.
pub fn gutter(kind: Kind, width: u16) -> u16 {
    match kind {
        Kind::Added | Kind::Removed | Kind::Context if width >= NUMBERED => 13,
        Kind::Added | Kind::Removed | Kind::Context => 1,
        _ => 0,
    }
}

/// Lays a page out. `remarks` are (line of the mail, text), sorted.
pub fn lay(page: &Page, folds: &Folds, remarks: &[(u32, String)], width: u16) -> Layout {
    let mut segs = Vec::with_capacity(page.rows.len() + 16);
    let mut row = 0;
    let mut remark = 0;
    let mut voice = 0;
    while row < page.rows.len() {
        let this = &page.rows[row];
        match this.kind {
            Kind::MoreHeader(_) if !folds.headers => {
                row += 1;
                continue;
            }
            Kind::Quote(_) => {
                let block = page.rows[row..].iter().take_while(|r| matches!(r.kind, Kind::Quote(_))).count();
                let first = row == 0 || !matches!(page.rows[row - 1].kind, Kind::Quote(_));
                let folded = folds.quotes == folds.turned.contains(&(row as u32));
                if first && folded && block > SHORT_QUOTE {
                    let hidden = block - QUOTE_TAIL;
                    segs.push(Seg { what: What::Fold(hidden as u32), row: row as u32, start: 0, end: 0 });
                    row += hidden;
                    // Remarks within what is folded are shown with the fold.
                    let last = page.rows[row - 1].source;
                    push_remarks(&mut segs, remarks, &mut remark, row as u32 - 1, last, width);
                    continue;
                }
            }
            _ => {}
        }
        if folds.unwrapped && matches!(this.kind, Kind::Added | Kind::Removed | Kind::Context) {
            segs.push(Seg { what: What::Row, row: row as u32, start: 0, end: this.text.len() as u32 });
        } else {
            lines_of(&mut segs, this.kind, &this.text, row as u32, width);
        }
        if this.source != u32::MAX {
            push_remarks(&mut segs, remarks, &mut remark, row as u32, this.source, width);
            push_voices(&mut segs, page, folds, &mut voice, row as u32, this.source, width);
        }
        if let Kind::File(at) = this.kind
            && folds.turned.contains(&(row as u32))
        {
            let end = page.files[at as usize].rows.end as usize;
            segs.push(Seg { what: What::Fold((end - row - 1) as u32), row: row as u32, start: 0, end: 0 });
            while remark < remarks.len() && page.rows.get(end).is_some_and(|r| remarks[remark].0 < r.source) {
                remark += 1;
            }
            let behind = |line: u32| page.rows.get(end).is_some_and(|r| line < r.source);
            voice += page.voices[voice..].iter().take_while(|v| behind(v.line)).count();
            row = end.max(row + 1);
            continue;
        }
        row += 1;
    }
    Layout { width, segs }
}

fn lines_of(segs: &mut Vec<Seg>, kind: Kind, text: &str, row: u32, width: u16) {
    let room = usize::from(width.saturating_sub(gutter(kind, width)).max(4));
    let soft = matches!(
        kind,
        Kind::Prose
            | Kind::Hunk
            | Kind::Quote(_)
            | Kind::Header(_)
            | Kind::MoreHeader(_)
            | Kind::Trailer(_)
            | Kind::Signature
    );
    let pieces = pieces(text, room, soft, MOST_PIECES);
    let mut end = 0;
    for piece in pieces {
        end = piece.end;
        segs.push(Seg { what: What::Row, row, start: piece.start as u32, end: piece.end as u32 });
    }
    if end < text.len() {
        segs.push(Seg { what: What::Rest, row, start: end as u32, end: text.len() as u32 });
    }
}

fn push_remarks(segs: &mut Vec<Seg>, all: &[(u32, String)], next: &mut usize, row: u32, source: u32, width: u16) {
    while let Some((line, text)) = all.get(*next) {
        if *line > source {
            return;
        }
        for piece in pieces(text, usize::from(width.saturating_sub(6).max(4)), true, MOST_PIECES) {
            let what = What::Remark(*next as u32);
            segs.push(Seg { what, row, start: piece.start as u32, end: piece.end as u32 });
        }
        *next += 1;
    }
}

/// Columns in front of what a voice says.
pub const VOICE: u16 = 5;

fn push_voices(segs: &mut Vec<Seg>, page: &Page, folds: &Folds, next: &mut usize, row: u32, source: u32, width: u16) {
    while let Some(voice) = page.voices.get(*next).filter(|voice| voice.line <= source) {
        let nth = *next as u32;
        let open = folds.voices.contains(&nth) != folds.all_voices;
        // The head of an open voice has its name alone.
        segs.push(Seg { what: What::Voice(nth, 0), row, start: 0, end: u32::from(open) });
        if open {
            let room = usize::from(width.saturating_sub(VOICE).max(4));
            for (at, line) in (1..).zip(&voice.said) {
                for piece in pieces(line, room, true, MOST_PIECES) {
                    let (start, end) = (piece.start as u32, piece.end as u32);
                    segs.push(Seg { what: What::Voice(nth, at), row, start, end });
                }
            }
        }
        *next += 1;
    }
}

impl Layout {
    /// The first line of a row, or of the fold that hides it.
    pub fn line_of(&self, row: u32) -> usize {
        self.segs.partition_point(|seg| seg.row < row).min(self.segs.len().saturating_sub(1))
    }

    /// The next line after `from` (or before it) where something holds of the row it begins.
    pub fn seek(&self, from: usize, forward: bool, mut holds: impl FnMut(&Seg) -> bool) -> Option<usize> {
        let begins = |at: &usize| {
            self.segs[*at].start == 0 && matches!(self.segs[*at].what, What::Row | What::Remark(_) | What::Voice(_, 0))
        };
        if forward {
            (from + 1..self.segs.len()).filter(begins).find(|at| holds(&self.segs[*at]))
        } else {
            (0..from.min(self.segs.len())).rev().filter(begins).find(|at| holds(&self.segs[*at]))
        }
    }
}
