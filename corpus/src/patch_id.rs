//! The id that `git patch-id --stable` gives a patch: equal for two patches that differ in line numbers and white
//! space alone, whatever the order of their files (git-patch-id(1); behaviour of git 2.47).
//!
//! The sum, over the files, of the SHA-1 of each file's header and changed lines with all white space taken out. Where a
//! patch begins and ends in a mail is part of the id, so git's way of reading is followed even where it is odd: text
//! before the first `diff ` line is passed over, a line that begins with a commit id ends the patch, and so does
//! anything that cannot stand in a diff where it stands.

use memchr::memchr;
use sha1::{Digest, Sha1};

#[cfg(test)]
mod tests;

/// A patch-id, as bytes.
pub type PatchId = [u8; 20];

/// The id of the first patch in a text, in hexadecimal; what public-inbox indexes of a mail.
pub fn of_text(text: &str) -> Option<String> {
    let id = PatchIds::new(text.as_bytes()).next()?;
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The ids of all patches in a text, in order.
pub struct PatchIds<'a> {
    rest: &'a [u8],
}

impl<'a> PatchIds<'a> {
    /// Looks for patches in a mail's text.
    pub fn new(text: &'a [u8]) -> PatchIds<'a> {
        PatchIds { rest: text }
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.rest).map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        // To git a line is a C string.
        Some(memchr(0, line).map_or(line, |nul| &line[..nul]))
    }
}

impl Iterator for PatchIds<'_> {
    type Item = PatchId;

    fn next(&mut self) -> Option<PatchId> {
        while !self.rest.is_empty() {
            let mut patch = Patch::new();
            while let Some(line) = self.line() {
                if !patch.take(line) {
                    break;
                }
            }
            if let Some(id) = patch.finish() {
                return Some(id);
            }
        }
        None
    }
}

/// Before the first hunk of a file no lines are counted. A hunk with more lines of the old file than its header says
/// counts down to the same number, and from there on is read as the header of a file: so does git.
const HEADER: i64 = -1;

struct Patch {
    /// Lines of the old file that are to come in this hunk.
    old: i64,
    /// Lines of the new file that are to come in this hunk.
    new: i64,
    /// In a file whose change is told by blob ids alone.
    binary: bool,
    blobs: [Vec<u8>; 2],
    file: Sha1,
    sum: PatchId,
    /// Bytes that went into the id, white space not counted.
    taken: usize,
    stripped: Vec<u8>,
}

impl Patch {
    fn new() -> Patch {
        Patch {
            old: HEADER,
            new: HEADER,
            binary: false,
            blobs: [Vec::new(), Vec::new()],
            file: Sha1::new(),
            sum: [0; 20],
            taken: 0,
            stripped: Vec::new(),
        }
    }

    /// Reads a line; tells whether the patch may go on after it.
    fn take(&mut self, line: &[u8]) -> bool {
        let named = line.strip_prefix(b"commit ").or_else(|| line.strip_prefix(b"From "));
        if named.is_none() && line.starts_with(b"\\ ") && line.len() > 12 {
            return true;
        }
        if is_object_id(named.unwrap_or(line)) {
            return false;
        }
        if self.taken == 0 && !line.starts_with(b"diff ") {
            return true;
        }
        if self.old == HEADER {
            if line.starts_with(b"GIT binary patch") || line.starts_with(b"Binary files") {
                self.begin_binary();
                return true;
            }
            if let Some(ids) = line.strip_prefix(b"index ") {
                self.index(ids);
                return true;
            }
            if line.starts_with(b"--- ") {
                (self.old, self.new) = (1, 1);
            } else if !line.first().is_some_and(u8::is_ascii_alphabetic) {
                return false;
            }
        }
        if self.binary {
            if line.starts_with(b"diff ") {
                self.binary = false;
                self.old = HEADER;
            }
            return true;
        }
        if self.old == 0 && self.new == 0 {
            if line.starts_with(b"@@ -") {
                self.hunk(&line[4..]);
                return true;
            }
            if !line.starts_with(b"diff ") {
                return false;
            }
            self.end_file();
            (self.old, self.new) = (HEADER, HEADER);
        }
        self.changed(line);
        true
    }

    fn begin_binary(&mut self) {
        self.binary = true;
        self.old = 0;
        for blob in &self.blobs {
            self.file.update(blob);
        }
        self.end_file();
    }

    /// `old..new mode`; a line without a mode loses its last character to git, the line end.
    fn index(&mut self, ids: &[u8]) {
        let Some(dots) = memchr::memmem::find(ids, b"..") else { return };
        let after = &ids[dots..];
        let end = memchr(b' ', after).unwrap_or(after.len().saturating_sub(1)).max(2);
        /// What git's buffer for a hexadecimal id holds.
        const LONGEST: usize = 64;
        let cut = |id: &[u8]| id[..id.len().min(LONGEST)].to_vec();
        self.blobs = [cut(&ids[..dots]), cut(&after[2..end])];
    }

    /// `a,b +c,d @@`: a length that is not given is 1; one that cannot be read leaves the number as it was.
    fn hunk(&mut self, range: &[u8]) {
        let (old, rest) = length(range);
        self.old = old.unwrap_or(self.old);
        if let Some(rest) = rest.and_then(|rest| rest.strip_prefix(b" +")) {
            self.new = length(rest).0.unwrap_or(self.new);
        }
    }

    fn changed(&mut self, line: &[u8]) {
        self.old -= i64::from(matches!(line.first(), Some(b'-' | b' ')));
        self.new -= i64::from(matches!(line.first(), Some(b'+' | b' ')));
        self.stripped.clear();
        self.stripped.extend(line.iter().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')));
        self.taken += self.stripped.len();
        self.file.update(&self.stripped);
    }

    /// Adds the file's hash to the sum, as one number of 160 bits whose lowest byte stands first.
    fn end_file(&mut self) {
        let hash = std::mem::take(&mut self.file).finalize();
        let mut carry = 0u16;
        for (sum, byte) in self.sum.iter_mut().zip(hash) {
            carry += u16::from(*sum) + u16::from(byte);
            *sum = carry as u8;
            carry >>= 8;
        }
    }

    fn finish(mut self) -> Option<PatchId> {
        self.end_file();
        (self.taken > 0).then_some(self.sum)
    }
}

/// Whether a text begins with forty hexadecimal digits.
fn is_object_id(text: &[u8]) -> bool {
    text.len() >= 40 && text[..40].iter().all(u8::is_ascii_hexdigit)
}

/// `a,b` -> b, `a` -> 1, and what follows.
fn length(range: &[u8]) -> (Option<i64>, Option<&[u8]>) {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start = digits(range);
    let Some(count) = range[start..].strip_prefix(b",") else {
        return (Some(1), (start > 0).then(|| &range[start..]));
    };
    let end = digits(count);
    let value = std::str::from_utf8(&count[..end]).ok().and_then(|text| text.parse().ok());
    (value, (end > 0).then(|| &count[end..]))
}
