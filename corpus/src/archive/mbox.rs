//! mbox: many mails in one file, each behind a `From ` line (RFC 4155 and its relatives).
//!
//! A line is a separator where the line before it is blank, it has the form of a From_ line with a date, and a header
//! follows: bodies hold lines that begin with `From ` more often than one would think. Where one of the first two is
//! missing (Thunderbird writes `From ` alone, others leave out the blank line), a whole header with From, and two of Date,
//! Subject and Message-ID, has to follow.
//!
//! `Content-Length` is wrong as soon as anything rewrote the mail. So it is asked only where a separator stands before
//! its end, and believed only where it proves itself: at the end of the file, or before a separator (mboxcl, mboxcl2).
//!
//! The bytes are streamed; what is held is one mail, never more than 64 MiB, and as much again where a length is looked into.

mod separator;
#[cfg(test)]
mod tests;
mod write;

use std::collections::VecDeque;
use std::io::{self, BufRead};

use memchr::memmem;

use super::public_inbox_v2::LARGEST_MAIL;
pub use write::write;

/// Lines are taken in pieces of this size at most, so that a file without line ends needs no memory.
const PIECE: usize = 64 << 10;

/// A header behind a doubtful separator is looked at for so many lines.
const LONGEST_HEADER: usize = 400;

/// Of the lengths that a mail claims so many are tried.
const MOST_LENGTHS: usize = 3;

/// To prove a length so many pieces are read ahead at most.
const LONGEST_LOOK: usize = 1 << 20;

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

/// One mail of an mbox.
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

/// What an mbox had that is no mail; reading goes on after all but the last two.
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
    /// Read ahead, to see whether a header follows a From_ line, or a separator what a mail claims to hold.
    ahead: VecDeque<Piece>,
    /// Bytes that were looked at for lengths that were wrong.
    wasted: u64,
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
        Self { input, quoting, taken: 0, line, ahead: VecDeque::new(), wasted: 0, state: State::Start, late: None }
    }

    /// Moves to the next piece; `false` at the end, also where reading failed.
    fn advance(&mut self) -> bool {
        let continues = !self.line.bytes.is_empty() && !self.line.bytes.ends_with(b"\n");
        if let Some(next) = self.ahead.pop_front() {
            self.line = next;
        } else {
            self.line.starts = !continues;
            fill(&mut self.input, &mut self.taken, &mut self.line, &mut self.late);
        }
        !self.line.bytes.is_empty()
    }

    /// The piece that is `at` pieces behind the current one; `None` at the end.
    fn peek(&mut self, at: usize) -> Option<&Piece> {
        while self.ahead.len() <= at {
            let last = self.ahead.back().unwrap_or(&self.line);
            let starts = last.bytes.is_empty() || last.bytes.ends_with(b"\n");
            let mut next = Piece { starts, ..Piece::default() };
            fill(&mut self.input, &mut self.taken, &mut next, &mut self.late);
            if next.bytes.is_empty() {
                return None;
            }
            self.ahead.push_back(next);
        }
        self.ahead.get(at)
    }

    fn is_separator(&mut self, after_blank: bool) -> bool {
        if !(self.line.starts && self.line.bytes.starts_with(b"From ")) {
            return false;
        }
        let line = std::mem::take(&mut self.line.bytes);
        let found = self.separates(&line, 0, after_blank);
        self.line.bytes = line;
        found
    }

    /// Whether `line` is a separator; what follows it begins `behind` pieces behind the current one.
    fn separates(&mut self, line: &[u8], behind: usize, after_blank: bool) -> bool {
        match separator::recognise(line) {
            Some(it) if it.by_public_inbox && after_blank => true,
            Some(_) if after_blank => {
                let next = self.peek(behind);
                next.is_none_or(|next| separator::may_follow(&next.bytes))
            }
            // A patch that somebody pasted below a line of his own.
            Some(it) if it.by_format_patch => false,
            Some(_) => self.header_follows(behind),
            None if after_blank && separator::is_bare(line) => self.header_follows(behind),
            None => false,
        }
    }

    /// Whether a whole header follows that nobody writes by chance. No line of a header is a From_ line, so that no line is
    /// looked at twice.
    fn header_follows(&mut self, behind: usize) -> bool {
        let mut seen = separator::Seen::default();
        for at in behind..behind + LONGEST_HEADER {
            let Some(piece) = self.peek(at) else { break };
            if piece.starts && !seen.take(&piece.bytes) {
                break;
            }
        }
        seen.is_mail()
    }

    /// Whether one of the lengths that a mail claims ends where a mail may end: `sizes` are the bytes from the current line
    /// to that place. Returns the one that does.
    fn proven(&mut self, sizes: &[u64]) -> Option<u64> {
        for size in sizes {
            // Looking costs as much as reading, however many mails claim to fill the file.
            if *size > LARGEST_MAIL || self.wasted > self.taken {
                continue;
            }
            let mut left = size.saturating_sub(self.line.bytes.len() as u64);
            let mut at = 0;
            while left > 0 && at < LONGEST_LOOK {
                let Some(piece) = self.peek(at) else { break };
                let length = piece.bytes.len() as u64;
                if length > left {
                    break;
                }
                (left, at) = (left - length, at + 1);
            }
            if left == 0 && *size >= self.line.bytes.len() as u64 && self.ends_at(at) {
                return Some(*size);
            }
            self.wasted += size - left;
        }
        None
    }

    /// Whether a mail may end before the piece that is `at` pieces behind the current one: there the file ends, or a separator
    /// stands, perhaps behind one blank line.
    fn ends_at(&mut self, mut at: usize) -> bool {
        let is_blank = |piece: &Piece| matches!(&piece.bytes[..], b"\n" | b"\r\n");
        if self.peek(at).is_some_and(is_blank) {
            at += 1;
        }
        let Some(piece) = self.peek(at) else { return self.late.is_none() };
        if !piece.starts || !piece.bytes.starts_with(b"From ") {
            return false;
        }
        let line = piece.bytes.clone();
        self.separates(&line, at + 1, true)
    }

    /// Gathers up to the next separator. `held`: the piece in `self.line` belongs to what is gathered. `claims`: what the mail
    /// says of its own length may be looked into.
    fn gather(&mut self, offset: u64, mut held: bool, claims: bool) -> Gathered {
        let (mut bytes, mut size) = (Vec::new(), 0);
        let mut after_blank = held;
        let mut lengths = Lengths::default();
        self.state = State::End;
        while std::mem::take(&mut held) || self.advance() {
            // Inside of a length that was proven nothing is a separator, and at its end the mail is over.
            let at_end = claims && lengths.end_at(size);
            if size >= lengths.proven && self.is_separator(after_blank || at_end) {
                if at_end {
                    lengths.proven = size;
                }
                let open = claims && lengths.proven == 0;
                match open.then(|| self.proven(&lengths.beyond(size))).flatten() {
                    Some(more) => lengths.proven = size + more,
                    None => {
                        self.state = State::AtSeparator;
                        break;
                    }
                }
            }
            after_blank = self.line.starts && matches!(&self.line.bytes[..], b"\n" | b"\r\n");
            size += self.line.bytes.len() as u64;
            lengths.take(&self.line, after_blank, size);
            if size <= LARGEST_MAIL {
                bytes.extend_from_slice(&self.line.bytes);
            } else if size > LONGEST_SKIP {
                self.late = Some(MboxError::Endless { offset, size });
                break;
            } else {
                bytes = Vec::new();
            }
        }
        // The blank line before the next separator is the file's, not the mail's.
        let blank = match &bytes[..] {
            it if lengths.proven > 0 => it.len().saturating_sub(lengths.proven as usize),
            b"\n" => 1,
            it if it.ends_with(b"\n\n") => 1,
            it if it.ends_with(b"\n\r\n") => 2,
            _ => 0,
        };
        let read = bytes.len();
        bytes.truncate(read - blank);
        Gathered { whole: read as u64 == size, bytes, size }
    }

    /// What lies before the first From_ line: blank lines are nothing, a mail whose From_ line was lost is one.
    fn start(&mut self) -> Option<Result<MboxMail, MboxError>> {
        let held = self.advance();
        let Gathered { bytes, size, whole } = self.gather(0, held, false);
        if size > LONGEST_SKIP || whole && bytes.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        if size <= LARGEST_MAIL && super::single::begins_with_header(&bytes) {
            return Some(Ok(self.finish(bytes, 0, None)));
        }
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        Some(Err(MboxError::BeforeFirstMail { size, start }))
    }

    fn finish(&self, mut bytes: Vec<u8>, offset: u64, line: Option<separator::Separator>) -> MboxMail {
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
            // Where the writer is known to quote, or to write no lengths, they are old ones or lies.
            let known = line.as_ref().is_some_and(|it| it.by_public_inbox || it.by_format_patch);
            let Gathered { bytes, size, .. } = self.gather(offset, false, !known);
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

/// What lies between two separators.
struct Gathered {
    /// The mail, or nothing of one that is too large.
    bytes: Vec<u8>,
    /// In the file.
    size: u64,
    whole: bool,
}

/// What the header of a mail claims of its length.
#[derive(Default)]
struct Lengths {
    claimed: Vec<u64>,
    /// Where the body begins; 0 before it is reached.
    body: u64,
    /// Up to here the mail goes, as its length proved.
    proven: u64,
}

impl Lengths {
    /// Looks at a line of the mail; `size` is where it ends.
    fn take(&mut self, line: &Piece, blank: bool, size: u64) {
        const NAME: &[u8] = b"content-length:";
        if self.body > 0 {
            return;
        }
        if blank {
            self.body = size;
        } else if line.starts
            && self.claimed.len() < MOST_LENGTHS
            && let Some((name, value)) = line.bytes.split_at_checked(NAME.len())
            && name.eq_ignore_ascii_case(NAME)
            && let Some(length) = std::str::from_utf8(value).ok().and_then(|value| value.trim().parse().ok())
        {
            self.claimed.push(length);
        }
    }

    /// Whether one of the claims ends here.
    fn end_at(&self, size: u64) -> bool {
        self.body > 0 && self.claimed.iter().any(|length| self.body.checked_add(*length) == Some(size))
    }

    /// How far beyond `size` the claims go, those that do.
    fn beyond(&self, size: u64) -> Vec<u64> {
        let body = self.body;
        let ends = self.claimed.iter().filter(|_| body > 0).filter_map(|length| body.checked_add(*length));
        ends.filter(|end| *end > size).map(|end| end - size).collect()
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
