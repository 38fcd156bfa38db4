//! The content of a file that a patch adds, and the id that git gives to it.

use super::{FileDiff, LineKind, Patch, Status};
use sha1::{Digest, Sha1};
use std::fmt;

/// The id of a blob in a SHA-1 repository.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 20]);

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id that `git hash-object` gives to `content` (gitformat-pack(5): the SHA-1 of type, size, NUL, content).
pub fn blob_id(content: &[u8]) -> BlobId {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", content.len()));
    hash.update(content);
    BlobId(hash.finalize().into())
}

impl Patch<'_> {
    /// The content of a file that this patch adds. `None` if it adds no such text, or if its hunks do not
    /// hold all of it: compare [`blob_id`] with [`FileDiff::new_blob`] to know that it is byte for byte.
    pub fn added_content(&self, file: &FileDiff<'_>) -> Option<String> {
        if file.status != Status::Added || file.binary.is_some() {
            return None;
        }
        let mut content = String::with_capacity(file.span.len());
        let mut next = 1;
        for line in self.hunks(file).iter().flat_map(|hunk| self.lines(hunk)) {
            if line.kind != LineKind::Added || line.new != next {
                return None;
            }
            next += 1;
            content.push_str(self.slice(line.span));
            if !line.no_newline {
                content.push('\n');
            }
        }
        let promised: u64 = self.hunks(file).iter().map(|hunk| u64::from(hunk.new_len)).sum();
        (promised == u64::from(next) - 1).then_some(content)
    }
}
