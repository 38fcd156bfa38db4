//! Places in a text, and its lines one after the other.

use memchr::memchr;

/// A range of bytes of the text that a [`Patch`](super::Patch) was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span `start..end`. The parser looks at no text longer than [`MAX_TEXT`](super::MAX_TEXT), so offsets fit.
    pub(super) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// The text that the span covers; empty if it lies outside of `text`, as that of another mail would.
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the span covers nothing.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// One line of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// The line without its line feed; a carriage return before that is kept.
    pub raw: &'a str,
    pub start: usize,
    /// Where the next line starts.
    pub next: usize,
}

impl<'a> Line<'a> {
    /// The line that starts at `start`, or `None` at the end of the text.
    pub fn at(text: &'a str, start: usize) -> Option<Line<'a>> {
        let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
        let end = memchr(b'\n', rest.as_bytes());
        let (len, next) = end.map_or((rest.len(), text.len()), |at| (at, start + at + 1));
        Some(Line { raw: &rest[..len], start, next })
    }

    /// The line that follows.
    pub fn following(&self, text: &'a str) -> Option<Line<'a>> {
        Line::at(text, self.next)
    }

    /// The line as a header is read: without the carriage return of a CRLF text.
    pub fn text(&self) -> &'a str {
        self.raw.strip_suffix('\r').unwrap_or(self.raw)
    }

    /// The bytes of the line with its line end.
    pub fn span(&self) -> Span {
        Span::new(self.start, self.next)
    }
}
