//! mbox: many mails in one file, each behind a `From ` line (RFC 4155 and its relatives).
//!
//! A line is a separator where the line before it is blank, it has the form of a From_ line with a date, and a header
//! follows: bodies hold lines that begin with `From ` more often than one would think. `Content-Length` is not looked
//! at: it is wrong as soon as anything rewrote the mail.
//!
//! The bytes are streamed; what is held is one mail, never more than 64 MiB.

mod separator;
#[cfg(test)]
mod tests;
mod write;

use std::io::{self, BufRead};

use memchr::memmem;

use super::public_inbox_v2::LARGEST_MAIL;
pub use write::write;

/// Lines are taken in pieces of this size at most, so that a file without line ends needs no memory.
const PIECE: usize = 64 << 10;

/// After so many bytes without a separator the rest of the file is given up.
const LONGEST_SKIP: u64 = 4 << 30;

/// How body lines that begin with `From ` are written in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quoting {
    /// By evidence, mail by mail: a separator as public-inbox writes it means mboxrd; one as `git format-patch` writes
    /// it, or a body line that begins with `From ` bare, means that nothing was quoted; all else is read as
    /// mboxrd, which agrees with mboxo on all but `>>From `.
    #[default]
    Auto,
    /// One `>` goes from each `>From `, `>>From `, ...
    Mboxrd,
    /// One `>` goes from each `>From `, and `>>From ` stays.
    Mboxo,
    /// Nothing was quoted (mboxcl2, `git format-patch --stdout`).
    Nothing,
}

/// One mail of a mbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MboxMail {
    /// The mail without its From_ line, quoting taken off.
    pub bytes: Vec<u8>,
    /// Where its From_ line begins, in bytes of the uncompressed file.
    pub offset: u64,
    /// The time on the From_ line in seconds since 1970; without a zone it is taken as UTC.
    pub arrival: Option<i64>,
    /// The file could not be read to the end of this mail; the error follows.
    pub truncated: bool,
}

/// What a mbox had that is no mail; reading goes on after all but the last two.
#[derive(Debug, thiserror::Error)]
pub enum MboxError {
    /// Something lies before the first From_ line.
    #[error("{size} bytes before the first `From ` line are no mail; they begin with {start:?}")]
    BeforeFirstMail {
        /// In bytes.
        size: u64,
        /// The first of them.
        start: String,
    },
    /// A mail above 64 MiB, which was passed over.
    #[error("the mail at byte {offset} has {size} bytes; mails above 64 MiB are not read")]
    TooLarge {
        /// Where its From_ line begins.
        offset: u64,
        /// In bytes.
        size: u64,
    },
    /// Nothing that ends: a compressed file made to exhaust its reader.
    #[error("no mail begins in the {size} bytes after byte {offset}; the rest of the file is not read")]
    Endless {
        /// Where the last From_ line began.
        offset: u64,
        /// In bytes.
        size: u64,
    },
    /// Reading failed; the mails before this place were read.
    #[error("reading stops at byte {at} of the uncompressed mail ({source}); if it was fetched, fetch it again")]
    Io {
        /// In bytes of the uncompressed file.
        at: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
}

/// Reads mails one after the other.
pub struct Mbox<R> {
    input: R,
    quoting: Quoting,
    /// Bytes taken from `input`.
    taken: u64,
    line: Piece,
    /// Read ahead, to see whether a header follows a From_ line.
    next: Option<Piece>,
    state: State,
    /// Comes after the mail that it cut short.
    late: Option<MboxError>,
}

#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    offset: u64,
    /// Begins a line (a piece may also continue one).
    starts: bool,
}

#[derive(PartialEq)]
enum State {
    /// Nothing read yet.
    Start,
    /// The line in `Mbox::line` is a separator.
    AtSeparator,
    End,
}

impl<R: BufRead> Mbox<R> {
    /// Quoting is found out by evidence.
    pub fn new(input: R) -> Self {
        Self::with_quoting(input, Quoting::Auto)
    }

    /// Quoting is known.
    pub fn with_quoting(input: R, quoting: Quoting) -> Self {
        let line = Piece::default();
        Self { input, quoting, taken: 0, line, next: None, state: State::Start, late: None }
    }

    /// Moves to the next piece; `false` at the end, also where reading failed.
    fn advance(&mut self) -> bool {
        let continues = !self.line.bytes.is_empty() && !self.line.bytes.ends_with(b"\n");
        if let Some(next) = self.next.take() {
            self.line = next;
        } else {
            self.line.starts = !continues;
            fill(&mut self.input, &mut self.taken, &mut self.line, &mut self.late);
        }
        !self.line.bytes.is_empty()
    }

    fn is_separator(&mut self, after_blank: bool) -> bool {
        if !(after_blank && self.line.starts && self.line.bytes.starts_with(b"From ")) {
            return false;
        }
        match separator::recognise(&self.line.bytes) {
            None => false,
            Some(it) if it.by_public_inbox => true,
            Some(_) => {
                let mut next = Piece { starts: true, ..Piece::default() };
                fill(&mut self.input, &mut self.taken, &mut next, &mut self.late);
                let found = separator::may_follow(&next.bytes);
                self.next = Some(next);
                found
            }
        }
    }

    /// Gathers up to the next separator. `held`: the piece in `self.line` belongs to what is gathered.
    fn gather(&mut self, offset: u64, mut held: bool) -> (Vec<u8>, u64) {
        let (mut bytes, mut size) = (Vec::new(), 0);
        let mut after_blank = held;
        self.state = State::End;
        while std::mem::take(&mut held) || self.advance() {
            if self.is_separator(after_blank) {
                self.state = State::AtSeparator;
                break;
            }
            after_blank = self.line.starts && matches!(&self.line.bytes[..], b"\n" | b"\r\n");
            size += self.line.bytes.len() as u64;
            if size <= LARGEST_MAIL {
                bytes.extend_from_slice(&self.line.bytes);
            } else if size > LONGEST_SKIP {
                self.late = Some(MboxError::Endless { offset, size });
                break;
            } else {
                bytes = Vec::new();
            }
        }
        (bytes, size)
    }

    /// What lies before the first From_ line: blank lines are nothing, a mail whose From_ line was lost is one.
    fn start(&mut self) -> Option<Result<MboxMail, MboxError>> {
        let held = self.advance();
        let (bytes, size) = self.gather(0, held);
        if size > LONGEST_SKIP || bytes.len() as u64 == size && bytes.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        if size <= LARGEST_MAIL && super::single::begins_with_header(&bytes) {
            return Some(Ok(self.finish(bytes, 0, None)));
        }
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        Some(Err(MboxError::BeforeFirstMail { size, start }))
    }

    fn finish(&self, mut bytes: Vec<u8>, offset: u64, line: Option<separator::Separator>) -> MboxMail {
        // The blank line before the next separator is the file's, not the mail's.
        let blank = match &bytes[..] {
            b"\n" => 1,
            it if it.ends_with(b"\n\n") => 1,
            it if it.ends_with(b"\n\r\n") => 2,
            _ => 0,
        };
        bytes.truncate(bytes.len() - blank);
        let quoting = match (self.quoting, &line) {
            (Quoting::Auto, Some(it)) if it.by_public_inbox => Quoting::Mboxrd,
            (Quoting::Auto, Some(it)) if it.by_format_patch => Quoting::Nothing,
            (it, _) => it,
        };
        unquote(&mut bytes, quoting);
        let arrival = line.and_then(|it| it.time);
        MboxMail { bytes, offset, arrival, truncated: self.late.is_some() && self.state == State::End }
    }
}

impl<R: BufRead> Iterator for Mbox<R> {
    type Item = Result<MboxMail, MboxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Start
            && let Some(first) = self.start()
        {
            return Some(first);
        }
        if self.state == State::AtSeparator {
            let (offset, line) = (self.line.offset, separator::recognise(&self.line.bytes));
            let (bytes, size) = self.gather(offset, false);
            if size > LARGEST_MAIL && size <= LONGEST_SKIP {
                return Some(Err(MboxError::TooLarge { offset, size }));
            }
            let cut_at_once = size == 0 && self.late.is_some();
            if size <= LARGEST_MAIL && !cut_at_once {
                return Some(Ok(self.finish(bytes, offset, line)));
            }
        }
        self.late.take().map(Err)
    }
}

/// Reads one line, or a piece of it.
fn fill<R: BufRead>(input: &mut R, taken: &mut u64, piece: &mut Piece, late: &mut Option<MboxError>) {
    piece.bytes.clear();
    piece.offset = *taken;
    while late.is_none() && piece.bytes.len() < PIECE && !piece.bytes.ends_with(b"\n") {
        let ready = match input.fill_buf() {
            Ok(it) => it,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => {
                *late = Some(MboxError::Io { at: *taken, source });
                return;
            }
        };
        if ready.is_empty() {
            return;
        }
        let room = ready.len().min(PIECE - piece.bytes.len());
        let end = memchr::memchr(b'\n', &ready[..room]).map_or(room, |it| it + 1);
        piece.bytes.extend_from_slice(&ready[..end]);
        input.consume(end);
        *taken += end as u64;
    }
}

/// Takes the quoting off in place.
fn unquote(bytes: &mut Vec<u8>, quoting: Quoting) {
    if quoting == Quoting::Nothing {
        return;
    }
    let mut quotes = Vec::new();
    for at in memmem::find_iter(bytes, b"From ") {
        let depth = bytes[..at].iter().rev().take_while(|b| **b == b'>').count();
        let starts = at == depth || bytes[at - depth - 1] == b'\n';
        match depth {
            _ if !starts => {}
            0 if quoting == Quoting::Auto && at > 0 => return,
            0 => {}
            1 => quotes.push(at - 1),
            _ if quoting == Quoting::Mboxo => {}
            _ => quotes.push(at - 1),
        }
    }
    if quotes.is_empty() {
        return;
    }
    let mut kept = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for at in quotes {
        kept.extend_from_slice(&bytes[from..at]);
        from = at + 1;
    }
    kept.extend_from_slice(&bytes[from..]);
    *bytes = kept;
}

/// Does this text begin with a From_ line?
pub(super) fn is_separator(text: &[u8]) -> bool {
    let line = memchr::memchr(b'\n', text).map_or(text, |it| &text[..it]);
    separator::recognise(line).is_some()
}
