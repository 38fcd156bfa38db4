//! Hunks and their lines. What a header promises is believed as long as the lines agree with it.

use super::file::FileDiff;
use super::text::{Line as TextLine, Span};
use super::{Defect, Patch};
use std::ops::Range;

/// One hunk of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// Its first line in the old file, from 1; 0 where the old side is empty.
    pub old_start: u32,
    /// Lines of the old file, as the header says.
    pub old_len: u32,
    /// Its first line in the new file, from 1; 0 where the new side is empty.
    pub new_start: u32,
    /// Lines of the new file, as the header says.
    pub new_len: u32,
    /// What follows the second `@@`: the function or section, empty if nothing does.
    pub section: Span,
    /// Header and lines, whole lines.
    pub span: Span,
    /// Its lines, as a range of all lines of the patch; see [`Patch::lines`].
    pub(super) lines: Range<u32>,
}

/// What a line of a hunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// In both files.
    Context,
    /// In the new file only.
    Added,
    /// In the old file only.
    Removed,
}

/// One line of a hunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which side it is on.
    pub kind: LineKind,
    /// Whether it is followed by `\ No newline at end of file`.
    pub no_newline: bool,
    /// Its number in the old file; 0 for an added line.
    pub old: u32,
    /// Its number in the new file; 0 for a removed line.
    pub new: u32,
    /// Its text, without the marker and the line end.
    pub span: Span,
}

/// The four numbers of a hunk header and the byte where its section begins.
struct Header {
    old: (u32, u32),
    new: (u32, u32),
    section: usize,
}

impl Header {
    /// Reads `@@ -1,2 +3,4 @@ section`.
    fn parse(line: &str) -> Option<Header> {
        let (old, rest) = range(line.strip_prefix("@@ -")?)?;
        let (new, rest) = range(rest.strip_prefix(" +")?)?;
        let section = rest.strip_prefix(" @@")?;
        let section = section.strip_prefix(' ').unwrap_or(section);
        Some(Header { old, new, section: line.len() - section.len() })
    }
}

/// `12,3` or `12`, which means one line.
fn range(text: &str) -> Option<((u32, u32), &str)> {
    let (start, rest) = number(text)?;
    match rest.strip_prefix(',') {
        Some(rest) => number(rest).map(|(len, rest)| ((start, len), rest)),
        None => Some(((start, 1), rest)),
    }
}

fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// Reads the hunks that begin at `start` and returns where reading goes on.
pub(super) fn read_all<'a>(patch: &mut Patch<'a>, file: &mut FileDiff<'a>, start: usize) -> usize {
    let first = patch.hunks.len() as u32;
    let mut end = start;
    while let Some(line) = TextLine::at(patch.text, end).filter(|line| line.raw.starts_with("@@ ")) {
        end = Reader::new(patch, file, line).read();
    }
    file.hunks = first..patch.hunks.len() as u32;
    end
}

/// One hunk while it is read.
struct Reader<'p, 'a> {
    patch: &'p mut Patch<'a>,
    file: &'p mut FileDiff<'a>,
    hunk: Hunk,
    /// Lines of either side that are still to come.
    left: (u32, u32),
    /// The numbers of the next line.
    next: (u32, u32),
    /// Where the text behind the last line taken begins.
    end: usize,
    /// Whether the text has CRLF line ends, so that a carriage return is none of the file's.
    crlf: bool,
    /// The first blank line that was taken for context, and how many lines at the end of `lines` are such.
    stripped: Option<Span>,
    trailing: Vec<usize>,
}

impl<'p, 'a> Reader<'p, 'a> {
    fn new(patch: &'p mut Patch<'a>, file: &'p mut FileDiff<'a>, line: TextLine<'a>) -> Self {
        let header = Header::parse(line.text());
        let end_of_text = line.start + line.text().len();
        let section = header.as_ref().map_or(line.text().len(), |header| header.section);
        if header.is_none() {
            patch.defect(Defect::HunkHeader { span: line.span() });
        }
        let (old, new) = header.map_or(((0, 0), (0, 0)), |header| (header.old, header.new));
        let lines = patch.lines.len() as u32;
        Reader {
            hunk: Hunk {
                old_start: old.0,
                old_len: old.1,
                new_start: new.0,
                new_len: new.1,
                section: Span::new(line.start + section, end_of_text),
                span: line.span(),
                lines: lines..lines,
            },
            left: (old.1, new.1),
            // The header of an empty side names the line before.
            next: (old.0.saturating_add(u32::from(old.1 == 0)), new.0.saturating_add(u32::from(new.1 == 0))),
            end: line.next,
            crlf: line.raw.ends_with('\r'),
            stripped: None,
            trailing: Vec::new(),
            patch,
            file,
        }
    }

    fn read(mut self) -> usize {
        let complete = self.promised();
        if complete {
            self.no_newline();
            self.surplus();
        } else {
            self.give_back_blanks();
            self.patch.defect(Defect::Truncated { span: self.hunk.span });
        }
        if let Some(span) = self.stripped {
            self.patch.defect(Defect::StrippedBlank { span });
        }
        self.hunk.lines.end = self.patch.lines.len() as u32;
        self.hunk.span.end = self.end as u32;
        self.patch.hunks.push(self.hunk);
        self.end
    }

    /// Takes lines until both sides have what the header promised; false if the text ends before.
    fn promised(&mut self) -> bool {
        while self.left != (0, 0) {
            let Some(line) = TextLine::at(self.patch.text, self.end) else { return false };
            match line.raw.as_bytes().first() {
                Some(b'-') if ends_diff(self.patch.text, line, self.left) => return false,
                Some(b' ') => self.take(LineKind::Context, line, 1),
                Some(b'+') => self.take(LineKind::Added, line, 1),
                Some(b'-') => self.take(LineKind::Removed, line, 1),
                Some(b'\\') => self.no_newline(),
                // A mailer that cuts trailing blanks leaves nothing of an empty context line.
                None | Some(b'\r') if line.text().is_empty() => {
                    self.trailing.push(line.start);
                    self.stripped.get_or_insert(line.span());
                    self.take(LineKind::Context, line, 0);
                    continue;
                }
                _ if is_header(line.raw) || !self.goes_on_after(line) => return false,
                _ => self.patch.defect(Defect::WrappedLine { span: line.span() }),
            }
            self.trailing.clear();
            self.end = line.next;
        }
        true
    }

    /// Whether a line without a marker is the rest of the line before it, broken off by a mailer.
    fn goes_on_after(&self, line: TextLine<'a>) -> bool {
        !line.raw.starts_with('>')
            && line
                .following(self.patch.text)
                .is_some_and(|next| matches!(next.raw.as_bytes().first(), Some(b' ' | b'+' | b'-')))
    }

    /// Blank lines at the end of a hunk that was cut short belong to the text after it.
    fn give_back_blanks(&mut self) {
        let Some(&first) = self.trailing.first() else { return };
        let keep = self.patch.lines.len() - self.trailing.len();
        self.patch.lines.truncate(keep);
        self.end = first;
        if self.stripped.is_some_and(|span| span.start as usize >= first) {
            self.stripped = None;
        }
    }

    /// Lines with a marker right after a complete hunk: somebody edited it and did not count again.
    fn surplus(&mut self) {
        let mut end = self.end;
        let mut changes = false;
        while let Some(line) = TextLine::at(self.patch.text, end) {
            match line.raw.as_bytes().first() {
                Some(b'+' | b'-') if !is_header(line.raw) && !line.raw.starts_with("--") => changes = true,
                Some(b' ') => {}
                _ => break,
            }
            end = line.next;
        }
        if !changes {
            return;
        }
        if (self.hunk.old_len, self.hunk.new_len) != (0, 0) {
            self.patch.defect(Defect::HunkCount { span: self.hunk.span });
        }
        while let Some(line) = TextLine::at(self.patch.text, self.end).filter(|_| self.end < end) {
            let kind = match line.raw.as_bytes()[0] {
                b'+' => LineKind::Added,
                b'-' => LineKind::Removed,
                _ => LineKind::Context,
            };
            self.take(kind, line, 1);
        }
        self.no_newline();
    }

    /// `\ No newline at end of file`, in whatever language: it speaks of the line before.
    fn no_newline(&mut self) {
        let marker = TextLine::at(self.patch.text, self.end).filter(|line| line.raw.starts_with("\\ "));
        let Some(marker) = marker else { return };
        if self.patch.lines.len() as u32 > self.hunk.lines.start
            && let Some(last) = self.patch.lines.last_mut()
        {
            last.no_newline = true;
        }
        self.end = marker.next;
    }

    fn take(&mut self, kind: LineKind, line: TextLine<'a>, marker: usize) {
        let len = if self.crlf { line.text().len() } else { line.raw.len() };
        let span = Span::new(line.start + marker.min(len), line.start + len);
        let (old, new) = (kind != LineKind::Added, kind != LineKind::Removed);
        self.patch.lines.push(Line {
            kind,
            no_newline: false,
            old: if old { self.next.0 } else { 0 },
            new: if new { self.next.1 } else { 0 },
            span,
        });
        self.next.0 = self.next.0.saturating_add(u32::from(old));
        self.next.1 = self.next.1.saturating_add(u32::from(new));
        let short = (old && self.left.0 == 0 || new && self.left.1 == 0) && self.left != (0, 0);
        if short && self.patch.defects.last() != Some(&Defect::HunkCount { span: self.hunk.span }) {
            self.patch.defect(Defect::HunkCount { span: self.hunk.span });
        }
        self.left.0 = self.left.0.saturating_sub(u32::from(old));
        self.left.1 = self.left.1.saturating_sub(u32::from(new));
        self.file.added += u32::from(kind == LineKind::Added);
        self.file.removed += u32::from(kind == LineKind::Removed);
        self.end = line.next;
    }
}

/// A line that begins something else even inside a hunk. `--- ` does not: it may be a removed `-- `.
fn is_header(line: &str) -> bool {
    match line.as_bytes().first() {
        Some(b'd') => line.starts_with("diff -"),
        Some(b'@') => line.starts_with("@@ -"),
        Some(b'I') => line.starts_with("Index: "),
        Some(b'+') => line.starts_with("+++ "),
        Some(b'F') => line.starts_with("From ") && line.len() > 45,
        _ => false,
    }
}

/// What looks like a removed line and is none: the signature that `git format-patch` adds, `-- ` and then
/// git's version, which has no marker; or the names of the next file of a plain diff. Where such lines are
/// just what the hunk still promises, they are its own.
fn ends_diff(text: &str, line: TextLine<'_>, left: (u32, u32)) -> bool {
    let next = line.following(text);
    if line.text() == "-- " {
        return left != (1, 0) && next.is_none_or(|next| next.raw.as_bytes().first().is_some_and(u8::is_ascii_digit));
    }
    line.raw.starts_with("--- ")
        && left != (1, 1)
        && next.is_some_and(|next| {
            next.raw.starts_with("+++ ") && next.following(text).is_some_and(|hunk| hunk.raw.starts_with("@@ -"))
        })
}
