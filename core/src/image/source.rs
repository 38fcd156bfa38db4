//! Where the bytes of an image come from: memory, or a file of which only what is asked for is read. A file is read with
//! pread(2) and never mapped: one that shrinks meanwhile is an error, and no SIGBUS for the caller.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt;
use std::path::Path;

use object::ReadRef;
use object::read::ReadCache;

use super::ImageError;

/// Files of at least this size are read in parts: a vmlinux with its debug sections is mostly never looked at.
const PARTS_FROM: u64 = 4 << 20;

/// Bounds on what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes to which a compressed file may inflate, and of one file in an archive.
    pub inflated: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { inflated: 1 << 30 }
    }
}

/// Bytes in memory, for as long as the image lives; the buffer is used again for the thread's next file.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

/// Buffers that a thread keeps for its next file, and how large one may be. Thousands of modules are read one after another:
/// fresh pages for each cost as much as inflating them.
const SPARES: usize = 3;
pub(super) const LARGEST_SPARE: usize = 64 << 20;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Buffer {
    /// An empty buffer with room for so many bytes.
    pub fn with_room(room: usize) -> Self {
        let mut bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        bytes.clear();
        bytes.reserve(room);
        Self(bytes)
    }

    pub fn vec(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.capacity() == 0 || self.0.capacity() > LARGEST_SPARE {
            return;
        }
        let bytes = std::mem::take(&mut self.0);
        // The thread may be ending; then nobody wants it.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARES {
                spare.push(bytes);
            }
        });
    }
}

/// A file, or bytes that are as good as one.
#[derive(Debug)]
pub(crate) enum Source {
    Memory(Buffer),
    File {
        file: File,
        len: u64,
        /// Headers, which live as long as this.
        headers: Box<ReadCache<File>>,
    },
}

impl Source {
    /// Opens a regular file. Small ones are read at once.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let mut file = File::open(path).map_err(ImageError::Read)?;
        let about = file.metadata().map_err(ImageError::Read)?;
        if !about.is_file() {
            return Err(ImageError::Read(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        if about.len() >= PARTS_FROM {
            let headers = Box::new(ReadCache::new(file.try_clone().map_err(ImageError::Read)?));
            return Ok(Self::File { file, len: about.len(), headers });
        }
        let mut bytes = Buffer::with_room(about.len() as usize);
        // Bounded, because a file may grow while it is read.
        file.by_ref().take(PARTS_FROM).read_to_end(bytes.vec()).map_err(ImageError::Read)?;
        Ok(Self::Memory(bytes))
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// Up to so many bytes from the beginning.
    pub fn beginning(&self, len: usize) -> Result<Vec<u8>, ImageError> {
        let len = len.min(usize::try_from(self.size()).unwrap_or(usize::MAX));
        self.copy(0..len)
    }

    /// A copy of bytes within the file.
    pub fn copy(&self, range: Range<usize>) -> Result<Vec<u8>, ImageError> {
        match self {
            Self::Memory(bytes) => bytes.get(range.clone()).map(<[u8]>::to_vec).ok_or_else(|| self.short(&range)),
            Self::File { file, len, .. } => {
                if range.end as u64 > *len {
                    return Err(self.short(&range));
                }
                let mut out = vec![0; range.len()];
                file.read_exact_at(&mut out, range.start as u64).map_err(|e| match e.kind() {
                    io::ErrorKind::UnexpectedEof => self.short(&range),
                    _ => ImageError::Read(e),
                })?;
                Ok(out)
            }
        }
    }

    /// Bytes within the file, without a copy where they are in memory.
    pub fn bytes(&self, range: Range<usize>) -> Result<Cow<'_, [u8]>, ImageError> {
        match self {
            Self::Memory(bytes) => bytes.get(range.clone()).map(Cow::Borrowed).ok_or_else(|| self.short(&range)),
            Self::File { .. } => self.copy(range).map(Cow::Owned),
        }
    }

    /// Everything, to be inflated: from memory, or as a stream.
    pub fn reader(&self) -> Box<dyn BufRead + '_> {
        match self {
            Self::Memory(bytes) => Box::new(&**bytes),
            Self::File { file, len, .. } => {
                Box::new(io::BufReader::with_capacity(1 << 18, At { file, at: 0, end: *len }))
            }
        }
    }

    fn short(&self, range: &Range<usize>) -> ImageError {
        let what = format!("{} bytes at {:#x}", range.len(), range.start);
        ImageError::Damaged { what, bytes: usize::try_from(self.size()).unwrap_or(usize::MAX) }
    }

    /// What has to stay in memory when all that is needed of a file has been copied.
    pub fn into_buffer(self) -> Buffer {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File { .. } => Buffer::default(),
        }
    }
}

/// A file read by position, so that nobody else's position moves.
struct At<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = into.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut into[..room], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<'a> ReadRef<'a> for &'a Source {
    fn len(self) -> Result<u64, ()> {
        Ok(self.size())
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        match self {
            Source::Memory(bytes) => (&**bytes).read_bytes_at(offset, size),
            Source::File { headers, .. } => (&**headers).read_bytes_at(offset, size),
        }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        match self {
            Source::Memory(bytes) => (&**bytes).read_bytes_at_until(range, delimiter),
            Source::File { headers, .. } => (&**headers).read_bytes_at_until(range, delimiter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_shrinks_while_it_is_read_is_an_error_and_no_signal() {
        let dir = std::env::temp_dir().join(format!("provenance-source-{}", std::process::id()));
        std::fs::write(&dir, vec![7_u8; 5 << 20]).expect("a file");
        let source = Source::open(&dir).expect("opened");
        assert_eq!(source.copy(4 << 20..(4 << 20) + 3).expect("three bytes"), [7, 7, 7]);
        File::options().write(true).open(&dir).and_then(|f| f.set_len(4096)).expect("cut");
        let said = source.copy(4 << 20..(4 << 20) + 3).expect_err("cut").to_string();
        std::fs::remove_file(&dir).expect("removed");
        assert!(said.contains("3 bytes at 0x400000"), "{said}");
        // Where the file was never so large, nothing is asked of it.
        assert!(matches!(source.copy(0..6 << 20), Err(ImageError::Damaged { .. })));
        let mut stream = Vec::new();
        source.reader().read_to_end(&mut stream).expect("what is left");
        assert_eq!(stream.len(), 4096);
    }
}
