//! The patch in the text of a mail: message, notes, diffstat, and the diff itself as files, hunks and lines.
//!
//! Reading never fails. What is damaged is listed as [`Defect`]s and the rest is kept. Everything is a
//! place in the text or a slice of it; names of files are names only and are never opened. Quoted text
//! (`> +foo`) is not a patch: a diff begins at the start of a line. All work is linear in the text.
//!
//! The forms read are those of git-diff(1) ("Generating patch text with -p"), and of `diff -u` as
//! patch(1) takes it.

mod base;
mod binary;
mod blob;
mod diffstat;
mod file;
mod hunk;
mod path;
mod text;

pub use base::{Base, Prerequisite};
pub use blob::{BlobId, blob_id};
pub use diffstat::{Change, Diffstat, Stat, Total};
pub use file::{Binary, FileDiff, Format, Status};
pub use hunk::{Hunk, Line, LineKind};
pub use text::Span;

use memchr::memmem;
use text::Line as TextLine;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// Text behind this many bytes is not read (64 MiB, as much of a mail as is ever read).
pub const MAX_TEXT: usize = 64 << 20;

/// At most so many defects are listed.
const MAX_DEFECTS: usize = 1000;

/// The mark that git-mailinfo(1) cuts a message at under `--scissors`.
const SCISSORS: [&str; 4] = [">8", "8<", ">%", "%<"];

/// What is wrong with a patch. The spans are whole lines of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Defect {
    /// Not so many lines as the hunk's header promises, or more.
    #[error("the hunk does not have as many lines as its header says")]
    HunkCount {
        /// The hunk's header.
        span: Span,
    },
    /// A line that begins with `@@` but cannot be read; its lines are kept, without numbers.
    #[error("the hunk header cannot be read")]
    HunkHeader {
        /// The line.
        span: Span,
    },
    /// The text ends, or turns to something else, inside a hunk or binary data.
    #[error("the diff is cut short")]
    Truncated {
        /// The header of what is incomplete.
        span: Span,
    },
    /// A line of a hunk was broken in two; the second half is dropped.
    #[error("a mailer wrapped a line of the diff")]
    WrappedLine {
        /// The second half.
        span: Span,
    },
    /// The `diff --git` line was broken in two.
    #[error("a mailer wrapped the first line of a diff")]
    WrappedHeader {
        /// The second half.
        span: Span,
    },
    /// An empty context line lost its blank. It is taken as meant, but changes the patch id.
    #[error("a mailer stripped trailing blanks from the diff")]
    StrippedBlank {
        /// The first such line of a hunk.
        span: Span,
    },
    /// No name of a file in the header.
    #[error("the diff does not say which file it changes")]
    NoName {
        /// The first line of the diff.
        span: Span,
    },
    /// The `---` and `+++` lines are missing; the `diff --git` line is believed.
    #[error("the diff has no --- and +++ lines")]
    NoPair {
        /// The first line of the diff.
        span: Span,
    },
    /// The diff of a merge; its hunks are not read.
    #[error("the hunks of a combined diff are not read")]
    Combined {
        /// The diff of that file.
        span: Span,
    },
    /// The text is longer than [`MAX_TEXT`].
    #[error("the text is longer than 64 MiB; the rest is not read")]
    TooLong,
}

/// A patch, read from the text of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch<'a> {
    text: &'a str,
    /// What would become the commit message: up to the line `---` or the diff, after a scissors line if
    /// there is one. In a reply that carries a diff, this is all that is said before.
    pub message: Span,
    /// What stands between `---` and the diff, diffstat included; empty if nothing does.
    pub notes: Span,
    /// The diffstat in the notes.
    pub diffstat: Option<Diffstat<'a>>,
    /// What the patch applies to, as far as its lines `base-commit:` and the like say.
    pub base: Base<'a>,
    /// The files, in the order of the mail. A file may occur twice.
    pub files: Vec<FileDiff<'a>>,
    /// What is wrong with it, in the order of the mail.
    pub defects: Vec<Defect>,
    hunks: Vec<Hunk>,
    lines: Vec<Line>,
}

impl<'a> Patch<'a> {
    /// Whether `text` may hold a diff: a quick look that is never wrong when it says no.
    pub fn suspect(text: &str) -> bool {
        let bytes = text.as_bytes();
        memmem::find(bytes, b"@@ ").is_some() || memmem::find(bytes, b"diff --").is_some()
    }

    /// Reads the patch in `text`, the decoded body of a mail; `None` if there is no diff in it.
    pub fn parse(text: &'a str) -> Option<Patch<'a>> {
        if !Patch::suspect(text) {
            return None;
        }
        let mut limit = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(limit) {
            limit -= 1;
        }
        let mut patch = Patch {
            text: &text[..limit],
            message: Span::default(),
            notes: Span::default(),
            diffstat: None,
            base: Base::default(),
            files: Vec::new(),
            defects: Vec::new(),
            hunks: Vec::new(),
            lines: Vec::new(),
        };
        let mut at = 0;
        let mut gap = 0;
        while let Some(line) = TextLine::at(patch.text, at) {
            let starts_diff = matches!(line.raw.as_bytes().first(), Some(b'd' | b'-' | b'I'));
            match starts_diff.then(|| file::read(&mut patch, at)).flatten() {
                Some(end) => {
                    patch.base.read(&patch.text[gap..at]);
                    (at, gap) = (end, end);
                }
                None => at = line.next,
            }
        }
        let first = patch.files.first()?.span.start as usize;
        patch.base.read(&patch.text[gap..]);
        patch.split_message(first);
        if limit < text.len() {
            patch.defect(Defect::TooLong);
        }
        Some(patch)
    }

    /// The text that the spans refer to.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// All hunks of a file of this patch.
    pub fn hunks(&self, file: &FileDiff<'_>) -> &[Hunk] {
        self.hunks.get(file.hunks.start as usize..file.hunks.end as usize).unwrap_or_default()
    }

    /// All lines of a hunk of this patch.
    pub fn lines(&self, hunk: &Hunk) -> &[Line] {
        self.lines.get(hunk.lines.start as usize..hunk.lines.end as usize).unwrap_or_default()
    }

    /// The lines of all hunks of all files.
    pub fn all_lines(&self) -> &[Line] {
        &self.lines
    }

    /// The hunks of all files.
    pub fn all_hunks(&self) -> &[Hunk] {
        &self.hunks
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &'a str {
        span.of(self.text)
    }

    /// The text outside of the diffs: before, between and after them.
    pub fn prose(&self) -> impl Iterator<Item = &'a str> {
        let ends = self.files.iter().map(|file| file.span.end as usize);
        let starts = self.files.iter().map(|file| file.span.start as usize);
        std::iter::once(0)
            .chain(ends)
            .zip(starts.chain(std::iter::once(self.text.len())))
            .map(|(start, end)| &self.text[start..end])
            .filter(|text| !text.is_empty())
    }

    /// Lines added, in all files.
    pub fn added(&self) -> u64 {
        self.files.iter().map(|file| u64::from(file.added)).sum()
    }

    /// Lines removed, in all files.
    pub fn removed(&self) -> u64 {
        self.files.iter().map(|file| u64::from(file.removed)).sum()
    }

    fn defect(&mut self, defect: Defect) {
        if self.defects.len() < MAX_DEFECTS {
            self.defects.push(defect);
        }
    }

    /// Parts what stands before the first diff into message and notes, as git-am(1) does.
    fn split_message(&mut self, first: usize) {
        let head = &self.text[..first];
        let (mut start, mut cut) = (0, None);
        let mut at = 0;
        while let Some(line) = TextLine::at(head, at) {
            at = line.next;
            match line.raw.as_bytes().first() {
                Some(b'-') if line.text().trim_end() == "---" => {
                    cut = Some(line);
                    break;
                }
                Some(b'-' | b'>' | b'8' | b'%') if is_scissors(line.text()) => start = line.next,
                _ => {}
            }
        }
        self.message = Span::new(start, cut.map_or(first, |line| line.start));
        self.notes = cut.map_or(Span::new(first, first), |line| Span::new(line.next, first));
        self.diffstat = Diffstat::find(self.notes.of(self.text)).map(|diffstat| diffstat.moved(self.notes.start));
    }
}

/// A line of dashes and at least one pair of scissors, as in `-- >8 --`: more mark than words.
fn is_scissors(line: &str) -> bool {
    let marks = SCISSORS.iter().any(|mark| line.contains(mark));
    let dashes = line.bytes().filter(|byte| matches!(byte, b'-' | b'>' | b'<' | b'8' | b'%')).count();
    let others = line.bytes().filter(|byte| !byte.is_ascii_whitespace()).count() - dashes;
    marks && line.contains('-') && dashes >= 4 && others <= dashes
}
