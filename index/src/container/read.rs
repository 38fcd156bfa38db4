//! Reading: by position, each block checked before a byte of it is used.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::{BODY, Damage, FIXED, Kind, MAGIC, MOST_SECTIONS, SUM, sum};

/// Blocks that are read at once where all of a section is.
const AHEAD: usize = 64;

/// Blocks of look-ups that are remembered: 4 MB of each file. The upper steps of every binary search are the same.
const KEPT: usize = 1_024;

/// An open container.
#[derive(Debug)]
pub struct Container {
    bytes: Bytes,
    path: PathBuf,
    generation: u64,
    onto: u64,
    salt: u64,
    /// Where the first block begins, in bytes of the file.
    start: u64,
    /// Start and length of each section, in bytes of all sections together.
    sections: Vec<(u64, u64)>,
    /// Length of all sections together.
    length: u64,
    /// Blocks that look-ups have read and checked, without their checksums.
    kept: Mutex<FxHashMap<u64, Vec<u8>>>,
}

#[derive(Debug)]
pub(super) enum Bytes {
    File(File),
    Memory(Vec<u8>),
}

impl Bytes {
    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            Bytes::File(file) => file.read_exact_at(buffer, at),
            Bytes::Memory(bytes) => {
                let from = usize::try_from(at).ok().and_then(|at| bytes.get(at..)?.get(..buffer.len()));
                buffer.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

impl Container {
    /// Opens a file; its head is checked, and that the file is as long as the head says.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` ([`Damage`]) for a file that is not as it was written, `Unsupported` for one of a
    /// later version of this program.
    pub fn open(path: &Path, kind: Kind) -> io::Result<Container> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Container::over(Bytes::File(file), length, path, kind)
    }

    /// Opens a file of whatever kind, to look whether it is whole.
    ///
    /// # Errors
    /// As [`Container::open`].
    pub fn open_any(path: &Path) -> io::Result<Container> {
        let mut kind = Kind { name: [0; 8], version: 0 };
        let file = File::open(path)?;
        let mut head = [0; 20];
        if file.read_exact_at(&mut head, 0).is_ok() {
            kind.name.copy_from_slice(&head[8..16]);
            kind.version = u32::from_le_bytes(std::array::from_fn(|i| head[16 + i]));
        }
        let length = file.metadata()?.len();
        Container::over(Bytes::File(file), length, path, kind)
    }

    pub(super) fn over(bytes: Bytes, length: u64, path: &Path, kind: Kind) -> io::Result<Container> {
        let damaged = |what: &str| Damage::error(path, what);
        let mut head = [0; FIXED + 8 * MOST_SECTIONS + SUM];
        let head = &mut head[..length.min((FIXED + 8 * MOST_SECTIONS + SUM) as u64) as usize];
        if head.len() < FIXED + SUM {
            return Err(damaged("it ends within its head"));
        }
        bytes.read(head, 0)?;
        let count = (number(head, 16) >> 32) as usize;
        let end = FIXED + 8 * count.min(MOST_SECTIONS);
        if &head[..8] != MAGIC || count > MOST_SECTIONS || head.len() < end + SUM {
            return Err(damaged("its head makes no sense"));
        }
        if xxh3_64(&head[..end]) != number(head, end) {
            return Err(damaged("its head does not match its checksum"));
        }
        if head[8..16] != kind.name {
            return Err(damaged("it is a file of another kind"));
        }
        let version = number(head, 16) as u32;
        if version != kind.version {
            let what = format!(
                "{} has version {version} of its form, this program reads version {}",
                path.display(),
                kind.version
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        let mut sections = Vec::with_capacity(count);
        let mut all = 0_u64;
        for at in 0..count {
            let length = number(head, FIXED + 8 * at);
            sections.push((all, length));
            all = all.checked_add(length).ok_or_else(|| damaged("its sections have no end"))?;
        }
        let start = (end + SUM) as u64;
        let whole = all
            .div_ceil(BODY as u64)
            .checked_mul(SUM as u64)
            .and_then(|sums| sums.checked_add(all)?.checked_add(start));
        if whole != Some(length) {
            return Err(damaged("it is shorter or longer than its head says"));
        }
        let (generation, onto, salt) = (number(head, 24), number(head, 32), number(head, 40));
        Ok(Container {
            bytes,
            path: path.to_owned(),
            generation,
            onto,
            salt,
            start,
            sections,
            length: all,
            kept: Mutex::default(),
        })
    }

    /// The generation that wrote it.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The generation of the file that this one adds to; 0 for a base.
    pub fn onto(&self) -> u64 {
        self.onto
    }

    /// Number of sections: a file of an older program may have fewer.
    pub fn sections(&self) -> usize {
        self.sections.len()
    }

    /// Bytes of a section; one that is not there is empty.
    pub fn len(&self, section: usize) -> u64 {
        self.sections.get(section).map_or(0, |section| section.1)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// This file is damaged, and how.
    pub fn damaged(&self, what: impl Into<String>) -> io::Error {
        Damage::error(&self.path, what)
    }

    /// For look-ups: reads one block at a time; the file remembers some.
    pub fn window(&self) -> Window<'_> {
        Window { container: self, first: 0, ahead: 1, body: Vec::new(), raw: Vec::new() }
    }

    /// For reading all of a section: many blocks at a time.
    pub fn reader(&self) -> Window<'_> {
        Window { ahead: AHEAD, ..self.window() }
    }

    /// A whole section.
    ///
    /// # Errors
    /// As [`Window::read`].
    pub fn all(&self, section: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len(section) as usize];
        self.reader().read(section, 0, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads every block and checks it.
    ///
    /// # Errors
    /// As [`Window::read`].
    pub fn verify(&self) -> io::Result<()> {
        let mut window = self.reader();
        let mut block = 0;
        while block * (BODY as u64) < self.length {
            window.load(block)?;
            block += AHEAD as u64;
        }
        Ok(())
    }
}

/// Blocks that were read, and checked.
pub struct Window<'c> {
    container: &'c Container,
    /// Number of the first of them.
    first: u64,
    /// How many are read at a time.
    ahead: usize,
    /// Their bytes, without the checksums.
    body: Vec<u8>,
    raw: Vec<u8>,
}

impl Window<'_> {
    /// Fills a buffer from a place in a section.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` ([`Damage`]) where a block does not match its checksum, or the section ends before.
    pub fn read(&mut self, section: usize, at: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        let (start, length) = self.container.sections.get(section).copied().unwrap_or_default();
        if at.checked_add(buffer.len() as u64).is_none_or(|end| end > length) {
            return Err(self.container.damaged("it names a place behind its end"));
        }
        let mut at = start + at;
        while !buffer.is_empty() {
            let loaded = self.first * BODY as u64;
            if at < loaded || at >= loaded + self.body.len() as u64 {
                self.load(at / BODY as u64)?;
            }
            let from = &self.body[(at - self.first * BODY as u64) as usize..];
            let now = from.len().min(buffer.len());
            let (head, rest) = buffer.split_at_mut(now);
            head.copy_from_slice(&from[..now]);
            buffer = rest;
            at += now as u64;
        }
        Ok(())
    }

    /// Reads some blocks, the first of which is `block`, and checks them.
    fn load(&mut self, block: u64) -> io::Result<()> {
        let from = block * BODY as u64;
        let bytes = (self.container.length - from).min((self.ahead * BODY) as u64) as usize;
        self.body.clear();
        self.first = block;
        let look_up = self.ahead == 1;
        let kept = || self.container.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if look_up && let Some(body) = kept().get(&block) {
            self.body.extend_from_slice(body);
            return Ok(());
        }
        self.raw.resize(bytes + bytes.div_ceil(BODY) * SUM, 0);
        self.container.bytes.read(&mut self.raw, self.container.start + block * (BODY + SUM) as u64)?;
        for (number, piece) in (block..).zip(self.raw.chunks(BODY + SUM)) {
            let (body, end) = piece.split_at(piece.len() - SUM);
            if sum(self.container.salt, number, body) != self::number(end, 0) {
                // What was checked before stays out too: nobody reads on behind damage.
                self.body.clear();
                return Err(self.container.damaged(format!("block {number} does not match its checksum")));
            }
            self.body.extend_from_slice(body);
        }
        if look_up {
            let mut kept = kept();
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(block, self.body.clone());
        }
        Ok(())
    }
}
