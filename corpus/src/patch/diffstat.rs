//! The table of changed files that git writes under `---` and into cover letters (git-diff(1), `--stat`).

use super::text::{Line, Span};

/// A diffstat, as written: nothing in it is checked against the diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diffstat<'a> {
    /// From its first line to its last: in the text given to [`Diffstat::find`], or in that of the patch.
    pub span: Span,
    /// One entry per file.
    pub files: Vec<Stat<'a>>,
    /// The line of totals.
    pub total: Option<Total>,
}

/// One file of a diffstat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat<'a> {
    /// The name as written, perhaps shortened (`.../x.c`) or a rename (`{old => new}/x.c`).
    pub path: &'a str,
    /// What changes.
    pub change: Change,
}

/// The column behind the bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many lines added or removed.
    Lines(u32),
    /// `Bin`.
    Binary,
}

/// `3 files changed, 4 insertions(+), 5 deletions(-)`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Files changed.
    pub files: u32,
    /// Lines added.
    pub insertions: u32,
    /// Lines removed.
    pub deletions: u32,
}

impl<'a> Diffstat<'a> {
    /// The first diffstat of `text`: lines of files one after the other, then the totals.
    pub fn find(text: &'a str) -> Option<Diffstat<'a>> {
        let mut files = Vec::new();
        let mut span = Span::default();
        let mut at = 0;
        while let Some(line) = Line::at(text, at) {
            at = line.next;
            if let Some(stat) = stat(line.text()) {
                if files.is_empty() {
                    span.start = line.start as u32;
                }
                span.end = line.next as u32;
                files.push(stat);
            } else if let Some(total) = total(line.text()) {
                if files.is_empty() {
                    span.start = line.start as u32;
                }
                span.end = line.next as u32;
                return Some(Diffstat { span, files, total: Some(total) });
            } else if !files.is_empty() && line.text().trim().is_empty() {
                break;
            }
        }
        (!files.is_empty()).then_some(Diffstat { span, files, total: None })
    }

    pub(super) fn moved(mut self, by: u32) -> Diffstat<'a> {
        self.span = Span { start: self.span.start + by, end: self.span.end + by };
        self
    }
}

/// ` path | 12 ++--`, ` path | Bin 0 -> 12 bytes`
fn stat(line: &str) -> Option<Stat<'_>> {
    let (path, change) = line.strip_prefix(' ')?.rsplit_once('|')?;
    let path = path.trim();
    let mut words = change.split_ascii_whitespace();
    let change = match words.next()? {
        "Bin" => Change::Binary,
        number => {
            let bar = words.next().unwrap_or_default();
            if words.next().is_some() || !bar.bytes().all(|byte| matches!(byte, b'+' | b'-')) {
                return None;
            }
            Change::Lines(number.parse().ok()?)
        }
    };
    (!path.is_empty()).then_some(Stat { path, change })
}

fn total(line: &str) -> Option<Total> {
    let (files, rest) = line.strip_prefix(' ')?.split_once(" file")?;
    let rest = rest.strip_prefix('s').unwrap_or(rest).strip_prefix(" changed")?;
    let mut total = Total { files: files.trim().parse().ok()?, ..Total::default() };
    for part in rest.split(',').skip(1) {
        let (number, word) = part.trim().split_once(' ')?;
        let number = number.parse().ok()?;
        match word.as_bytes().first()? {
            b'i' => total.insertions = number,
            b'd' => total.deletions = number,
            _ => return None,
        }
    }
    Some(total)
}
