//! The one form of all files of our own. A head, then blocks, each with its checksum, which is looked at whenever the block is
//! read: a byte that changed on the disk is an error, never a wrong answer.
//!
//! | bytes of the head | what |
//! |---|---|
//! | 0..8 | `PROVDATA` |
//! | 8..16 | the kind, padded with zeros |
//! | 16..20, 20..24 | version of the kind, number of sections |
//! | 24..32 | the generation that wrote it |
//! | 32..40 | `onto`: the generation of the file that this one adds to; 0 for a base, which adds to none |
//! | 40..48 | a salt, which differs from file to file |
//! | then | length of each section in bytes, and the checksum of all before |
//!
//! All numbers are little-endian. The sections follow one another without a gap, cut into blocks of [`BODY`] bytes (the last may
//! be shorter), each followed by eight bytes of checksum: XXH3 of its bytes with the salt and its number as the seed, so that
//! neither a block of another file nor one of another place passes for it.

mod kept;
mod read;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

pub use kept::{Kept, is_whole, load, save};
pub use read::{Container, Window};

const MAGIC: &[u8; 8] = b"PROVDATA";

/// Bytes of a block before its checksum: with it, a page.
pub const BODY: usize = 4_096 - SUM;
const SUM: usize = 8;

/// Bytes of a head before the lengths of its sections.
const FIXED: usize = 48;

/// More sections than any file has; a larger number is damage.
const MOST_SECTIONS: usize = 64;

/// What a file holds, and in which version of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name, padded with zeros.
    pub name: [u8; 8],
    /// Raised when the meaning of the sections changes.
    pub version: u32,
}

/// A file that is not as it was written.
#[derive(Debug, thiserror::Error)]
#[error("{} is damaged: {what}", .path.display())]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
}

impl Damage {
    /// As the error of an operation on a file: of the kind `InvalidData`.
    pub fn error(path: &Path, what: impl Into<String>) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Damage { path: path.to_owned(), what: what.into() })
    }
}

fn sum(salt: u64, number: u64, block: &[u8]) -> u64 {
    xxh3_64_with_seed(block, salt ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Two files never have the same: the clock, the process, and a count in it.
fn salt() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    xxh3_64(format!("{} {} {count}", now.as_nanos(), std::process::id()).as_bytes())
}

/// Writes a container: the sections one after another, then the head, whose place was kept.
pub struct Writer<W> {
    out: W,
    kind: Kind,
    generation: u64,
    onto: u64,
    salt: u64,
    lengths: Vec<u64>,
    sections: usize,
    block: Vec<u8>,
    blocks: u64,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a container with so many sections; the first is open.
    ///
    /// # Errors
    /// What `out` says.
    pub fn new(mut out: W, kind: Kind, sections: usize, generation: u64, onto: u64) -> io::Result<Writer<W>> {
        debug_assert!((1..=MOST_SECTIONS).contains(&sections));
        out.write_all(&vec![0; FIXED + 8 * sections + SUM])?;
        let block = Vec::with_capacity(BODY);
        Ok(Writer { out, kind, generation, onto, salt: salt(), lengths: vec![0], sections, block, blocks: 0 })
    }

    /// Ends the open section and opens the next.
    pub fn next_section(&mut self) {
        debug_assert!(self.lengths.len() < self.sections);
        self.lengths.push(0);
    }

    /// Ends the last section; returns what was written to.
    ///
    /// # Errors
    /// What `out` says.
    pub fn finish(mut self) -> io::Result<W> {
        debug_assert_eq!(self.lengths.len(), self.sections);
        self.end_block()?;
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&self.kind.name);
        head.extend_from_slice(&self.kind.version.to_le_bytes());
        head.extend_from_slice(&(self.sections as u32).to_le_bytes());
        for value in [self.generation, self.onto, self.salt].iter().chain(&self.lengths) {
            head.extend_from_slice(&value.to_le_bytes());
        }
        head.extend_from_slice(&xxh3_64(&head).to_le_bytes());
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&head)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.out.write_all(&self.block)?;
        self.out.write_all(&sum(self.salt, self.blocks, &self.block).to_le_bytes())?;
        self.blocks += 1;
        self.block.clear();
        Ok(())
    }
}

impl<W: Write + Seek> Write for Writer<W> {
    /// Adds to the open section.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (now, _) = bytes.split_at(bytes.len().min(BODY - self.block.len()));
        self.block.extend_from_slice(now);
        *self.lengths.last_mut().expect("one is open from the beginning") += now.len() as u64;
        if self.block.len() == BODY {
            self.end_block()?;
        }
        Ok(now.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a container whole beside the old one, syncs it, and puts it in the old one's place.
///
/// # Errors
/// What the file system says.
pub fn replace(
    path: &Path,
    kind: Kind,
    sections: usize,
    generations: (u64, u64),
    fill: impl FnOnce(&mut Writer<io::BufWriter<File>>) -> io::Result<()>,
) -> io::Result<()> {
    replace_with(path, |file| {
        let out = io::BufWriter::with_capacity(1 << 18, file);
        let mut writer = Writer::new(out, kind, sections, generations.0, generations.1)?;
        fill(&mut writer)?;
        writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)
    })
}

/// A container of one section, as bytes.
pub fn seal(kind: Kind, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(io::Cursor::new(Vec::new()), kind, 1, 0, 0)?;
    writer.write_all(bytes)?;
    writer.finish().map(io::Cursor::into_inner)
}

/// What [`seal`] sealed; `None` for bytes that are no container at all.
///
/// # Errors
/// Damage, in the words of `path`.
pub fn unseal(kind: Kind, path: &Path, bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    if bytes.len() < FIXED + SUM && !bytes.starts_with(MAGIC) {
        return Ok(None);
    }
    let container = Container::over(read::Bytes::Memory(bytes.to_vec()), bytes.len() as u64, path, kind)?;
    container.all(0).map(Some)
}

/// What a file that is being written is called until it is whole: no two processes, and no two threads, share one.
fn temporary(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}-{count}{TEMPORARY}", std::process::id()));
    path.with_file_name(name)
}

/// How the names of files end that are not whole yet.
const TEMPORARY: &str = ".new";

/// How the names begin of what tantivy writes in one piece, until it is whole (0.26, `MmapDirectory::atomic_write()`).
const TANTIVYS: &str = ".tmp";

/// Writes a file whole beside the old one, syncs it, and puts it in the old one's place: a crash leaves
/// the old or the new, never a mixture. Directories on the way are made.
///
/// # Errors
/// What the file system, or `write`, says; what was written so far is gone.
pub fn replace_with(path: &Path, write: impl FnOnce(File) -> io::Result<File>) -> io::Result<()> {
    // The parent of a bare name is empty.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let new = temporary(path);
    let written = File::create(&new).and_then(write).and_then(|file| file.sync_all());
    written.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        // What cannot be removed now is swept by a later run.
        let _ = fs::remove_file(&new);
    })?;
    File::open(dir)?.sync_all()
}

/// Removes what killed processes left half written in a directory. Only who holds the writer's lock may.
pub fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let unfinished = |name: &str| name.ends_with(TEMPORARY) || name.starts_with(TANTIVYS);
        if name.to_str().is_some_and(unfinished) && entry.path().is_file() {
            // Tried again on the next run.
            let _ = fs::remove_file(entry.path());
        }
    }
}
