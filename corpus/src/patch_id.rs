//! `git patch-id --stable`, computed in process, because one is wanted for every mail with a diff.
//!
//! A patch id is a sum of SHA-1s, one per file, of the diff's text without white space and without hunk
//! headers: the same change at other lines, or with the files in another order, has the same id.
//!
//! git reads its input line by line and has never seen a mail: it knows no quoting, no signature and no
//! MIME, and stops a patch at the first line that cannot belong to one. The rules below are those of
//! git 2.47, found by experiment (`git-patch-id(1)` names none of them), and hold for damaged patches too:
//!
//! - A patch begins at a line that starts with `diff `, be it prose; what stands before is not read.
//! - It ends at `From HEX`, `commit HEX` or `HEX` (40 digits); in a header, at a line that starts with no
//!   letter; after the last line that a hunk promised, at anything but `@@ -` and `diff `. The line that ends
//!   a patch is dropped and the search goes on, so that a mail may have several ids.
//! - In a hunk every line is hashed, also one without a marker (a blank context line that lost its space);
//!   only ` `, `-` and `+` count against what the hunk promised. So a damaged hunk swallows what follows.
//! - A binary file is its two blob ids, as far as the mail gives them. What follows is skipped up to and
//!   including the next `diff ` line, which is missing from the hash of the file it opens.
//! - `\ No newline at end of file` and `index` lines are not hashed. A line ends at its first NUL.
//!
//! One thing cannot be equalled: for a binary file without an `index` line (`a..b`) git hashes memory that
//! it never set and answers differently in every run. Here such a file's ids are empty.

use memchr::{memchr, memmem};
use sha1::{Digest, Sha1};
use std::fmt;

#[cfg(test)]
mod tests;

/// The id of one patch, as `git patch-id --stable` prints it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatchId(pub [u8; 20]);

impl fmt::Display for PatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first patch id of `text`: the one that git prints for a mail with one patch.
///
/// `text` is the decoded body; headers in front of it change nothing.
pub fn patch_id(text: &[u8]) -> Option<PatchId> {
    patch_ids(text).next()
}

/// Every patch id of `text`, in the order in which git prints them. Linear in the length of the text.
pub fn patch_ids(text: &[u8]) -> PatchIds<'_> {
    PatchIds { rest: text, index: (b"", b"") }
}

/// The iterator that [`patch_ids`] returns.
#[derive(Clone, Debug)]
pub struct PatchIds<'a> {
    rest: &'a [u8],
    /// The last `index` line's two ids. git keeps them from one patch to the next.
    index: (&'a [u8], &'a [u8]),
}

/// How many lines a hunk still promises, before and after. git spends these two counters on the state of
/// its reader as well, and a count that is overdrawn *becomes* such a state, so they are kept as git has them.
const HEADER: i32 = -1;

/// What git's buffer for a blob id holds: 64 digits.
const MAX_BLOB_ID: usize = 64;

impl Iterator for PatchIds<'_> {
    type Item = PatchId;

    fn next(&mut self) -> Option<PatchId> {
        let start = find_line(self.rest, b"diff ")?;
        self.rest = &self.rest[start..];

        let mut sum = Sum::default();
        let (mut before, mut after) = (HEADER, HEADER);
        let mut binary = false;
        while let Some(line) = self.take_line() {
            if line.starts_with(b"\\ ") && line.len() > 12 {
                continue;
            }
            if opens_commit(line) {
                break;
            }
            if before == HEADER {
                if line.starts_with(b"GIT binary patch") || line.starts_with(b"Binary files") {
                    binary = true;
                    before = 0;
                    sum.raw(self.index.0);
                    sum.raw(self.index.1);
                    sum.close_file();
                    continue;
                } else if let Some(ids) = line.strip_prefix(b"index ") {
                    self.index = blob_ids(ids).unwrap_or(self.index);
                    continue;
                } else if line.starts_with(b"--- ") {
                    (before, after) = (1, 1);
                } else if !line.first().is_some_and(u8::is_ascii_alphabetic) {
                    break;
                }
            }
            if binary {
                if line.starts_with(b"diff ") {
                    binary = false;
                    before = HEADER;
                }
                continue;
            }
            if before == 0 && after == 0 {
                if let Some(ranges) = line.strip_prefix(b"@@ -") {
                    promised(ranges, &mut before, &mut after);
                    continue;
                }
                if !line.starts_with(b"diff ") {
                    break;
                }
                sum.close_file();
                (before, after) = (HEADER, HEADER);
            }
            match line.first() {
                Some(b' ') => {
                    before = before.wrapping_sub(1);
                    after = after.wrapping_sub(1);
                }
                Some(b'-') => before = before.wrapping_sub(1),
                Some(b'+') => after = after.wrapping_sub(1),
                _ => {}
            }
            sum.squeezed(line);
        }
        sum.close_file();
        Some(PatchId(sum.total))
    }
}

impl<'a> PatchIds<'a> {
    /// The next line with its line feed, cut before a NUL as a C string is.
    fn take_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(memchr(0, line).map_or(line, |nul| &line[..nul]))
    }
}

/// The offset of the first line that starts with `prefix`.
fn find_line(text: &[u8], prefix: &[u8]) -> Option<usize> {
    memmem::find_iter(text, prefix).find(|&at| at == 0 || text[at - 1] == b'\n')
}

fn opens_commit(line: &[u8]) -> bool {
    let id = line.strip_prefix(b"commit ").or_else(|| line.strip_prefix(b"From ")).unwrap_or(line);
    id.first_chunk::<40>().is_some_and(|id| id.iter().all(u8::is_ascii_hexdigit))
}

/// The two ids of an `index` line: up to `..`, and from there to the next space or the last byte.
fn blob_ids(ids: &[u8]) -> Option<(&[u8], &[u8])> {
    let dots = memmem::find(ids, b"..")?;
    let tail = &ids[dots..];
    let end = memchr(b' ', tail).unwrap_or(tail.len() - 1);
    let cut = |id: &'_ [u8]| id.len().min(MAX_BLOB_ID);
    let (pre, post) = (&ids[..dots], tail.get(2..end).unwrap_or_default());
    Some((&pre[..cut(pre)], &post[..cut(post)]))
}

/// Reads `1,2 +3,4 @@` as git does: where it stops to make sense, the counts read so far stay.
fn promised(ranges: &[u8], before: &mut i32, after: &mut i32) {
    let (count, rest) = range(ranges);
    *before = count;
    if let Some(ranges) = rest.and_then(|rest| rest.strip_prefix(b" +")) {
        *after = range(ranges).0;
    }
}

/// The count of one range, and what follows it if the range is well formed.
fn range(text: &[u8]) -> (i32, Option<&[u8]>) {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (count, number, rest) = match digits(text) {
        start if text.get(start) == Some(&b',') => {
            let text = &text[start + 1..];
            (atoi(text), digits(text), text)
        }
        start => (1, start, text),
    };
    (count, (number > 0).then(|| &rest[number..]))
}

/// C's `atoi` with 64-bit `long`: leading white space, a sign, digits; the result is cut to 32 bits.
fn atoi(text: &[u8]) -> i32 {
    let blank = |byte: &&u8| matches!(byte, b' ' | 9..=13);
    let text = &text[text.iter().take_while(blank).count()..];
    let (sign, text) = match text.first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    let value =
        digits.fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(sign * i64::from(digit - b'0')));
    value as i32
}

/// The running sum: one SHA-1 per file, added up byte by byte with carry, lowest byte first.
#[derive(Default)]
struct Sum {
    file: Sha1,
    total: [u8; 20],
}

impl Sum {
    fn raw(&mut self, bytes: &[u8]) {
        self.file.update(bytes);
    }

    /// Hashes a line without blanks, tabs and line ends.
    fn squeezed(&mut self, line: &[u8]) {
        let mut buffer = [0u8; 256];
        for chunk in line.chunks(buffer.len()) {
            let mut len = 0;
            for &byte in chunk {
                buffer[len] = byte;
                len += usize::from(!matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
            }
            self.file.update(&buffer[..len]);
        }
    }

    fn close_file(&mut self) {
        let hash = self.file.finalize_reset();
        let mut carry = 0u16;
        for (sum, byte) in self.total.iter_mut().zip(hash) {
            carry += u16::from(*sum) + u16::from(byte);
            *sum = carry as u8;
            carry >>= 8;
        }
    }
}
