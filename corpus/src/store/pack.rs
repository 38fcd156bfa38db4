//! Objects become packs (gitformat-pack(5)): each compressed on its own, gathered in memory, written in one piece.
//!
//! No deltas are searched: libgit2 spends twenty times the rest of an import on them, and saves little on mail. Who wants
//! them runs `git gc`. The index is made by libgit2, which reads the whole pack again to make it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use git2::{Indexer, ObjectType, Odb, Oid, Repository};
use rustc_hash::FxHashSet;
use sha1::{Digest, Sha1};

use super::{StoreError, write_error};

/// Mail gathered, in bytes before compression, until it becomes a pack.
const PACK_BYTES: usize = 32 << 20;

/// The pack that is being filled.
pub(super) struct PackInProgress {
    epoch: PathBuf,
    repository: Repository,
    objects: FxHashSet<Oid>,
    /// Compressed, as they will stand in the pack.
    entries: Vec<u8>,
    /// Before compression.
    bytes: usize,
}

impl PackInProgress {
    pub fn new(epoch: &Path) -> Result<Self, StoreError> {
        let repository = Repository::open_bare(epoch).map_err(write_error(epoch))?;
        let (epoch, objects, entries) = (epoch.to_owned(), FxHashSet::default(), Vec::new());
        Ok(Self { epoch, repository, objects, entries, bytes: 0 })
    }

    pub fn write(&mut self, kind: ObjectType, data: &[u8]) -> Result<Oid, StoreError> {
        let oid = Oid::hash_object(kind, data).map_err(write_error(&self.epoch))?;
        if self.objects.insert(oid) {
            entry(&mut self.entries, kind, data).map_err(|source| self.io_error(source))?;
            self.bytes += data.len();
        }
        Ok(oid)
    }

    /// In the packs that are written; the one in progress does not count.
    pub fn exists(&self, oid: Oid) -> bool {
        self.repository.odb().is_ok_and(|it| it.exists(oid))
    }

    pub fn read(&mut self, oid: Oid) -> Result<Vec<u8>, StoreError> {
        if self.objects.contains(&oid) {
            self.flush()?;
        }
        let read = self.repository.odb().and_then(|it| Ok(it.read(oid)?.data().to_vec()));
        read.map_err(write_error(&self.epoch))
    }

    pub fn flush_if_large(&mut self) -> Result<(), StoreError> {
        if self.bytes < PACK_BYTES {
            return Ok(());
        }
        self.flush()
    }

    pub fn flush(&mut self) -> Result<(), StoreError> {
        if self.objects.is_empty() {
            return Ok(());
        }
        let mut pack = NewPack::begin(&self.epoch, self.objects.len())?;
        pack.write_all(&self.entries).map_err(|source| self.io_error(source))?;
        pack.finish()?;
        self.objects.clear();
        self.entries.clear();
        self.bytes = 0;
        Ok(())
    }

    fn io_error(&self, source: io::Error) -> StoreError {
        StoreError::Io { path: self.epoch.join("objects/pack"), source }
    }
}

/// Kind and size, seven bits to a byte after the first four, then the object.
fn entry(out: &mut impl Write, kind: ObjectType, data: &[u8]) -> io::Result<()> {
    let kind = match kind {
        ObjectType::Commit => 1,
        ObjectType::Tree => 2,
        ObjectType::Blob => 3,
        _ => 4,
    };
    let mut size = data.len() >> 4;
    let mut byte = kind << 4 | (data.len() & 15) as u8;
    while size > 0 {
        out.write_all(&[byte | 0x80])?;
        byte = (size & 0x7f) as u8;
        size >>= 7;
    }
    out.write_all(&[byte])?;
    let mut zlib = ZlibEncoder::new(out, Compression::default());
    zlib.write_all(data)?;
    zlib.finish().map(drop)
}

/// A pack on its way to the disk, with its checksum.
struct NewPack<'a> {
    epoch: PathBuf,
    indexer: Indexer<'a>,
    sum: Sha1,
}

impl NewPack<'_> {
    fn begin(epoch: &Path, objects: usize) -> Result<Self, StoreError> {
        let folder = epoch.join("objects/pack");
        let indexer = Indexer::new(None, &folder, 0o444, false).map_err(write_error(epoch))?;
        let mut pack = Self { epoch: epoch.to_owned(), indexer, sum: Sha1::new() };
        let count = u32::try_from(objects).unwrap_or(u32::MAX).to_be_bytes();
        let header = [&b"PACK\0\0\0\x02"[..], &count].concat();
        pack.write_all(&header).map_err(|source| StoreError::Io { path: folder, source })?;
        Ok(pack)
    }

    /// Returns the pack's file. Pack and index are on the disk before the branch names what is in them.
    fn finish(self) -> Result<PathBuf, StoreError> {
        let folder = self.epoch.join("objects/pack");
        let io_error = |source| StoreError::Io { path: folder.clone(), source };
        let mut indexer = self.indexer;
        indexer.write_all(&self.sum.finalize()).map_err(io_error)?;
        let name = indexer.commit().map_err(write_error(&self.epoch))?;
        let pack = folder.join(format!("pack-{name}.pack"));
        for path in [&pack, &pack.with_extension("idx"), &folder] {
            File::open(path).and_then(|it| it.sync_all()).map_err(io_error)?;
        }
        Ok(pack)
    }
}

impl Write for NewPack<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.indexer.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.indexer.flush()
    }
}

/// Merges packs once there are more than `limit`: all but those that are more than twice all smaller ones together.
///
/// So every mail is copied a number of times that grows with the logarithm of the archive only. Who reads meanwhile
/// finds each object in the old pack or in the new one: the old are unlinked after the new one is there.
pub(super) fn merge_small(epoch: &Path, limit: usize) -> Result<(), StoreError> {
    let folder = epoch.join("objects/pack");
    let io_error = |source| StoreError::Io { path: folder.clone(), source };
    let mut packs = Vec::new();
    for file in fs::read_dir(&folder).map_err(io_error)? {
        let path = file.map_err(io_error)?.path();
        let keep = path.with_extension("keep").exists() || !path.with_extension("idx").exists();
        if path.extension().is_some_and(|it| it == "pack") && !keep {
            packs.push((path.metadata().map_err(io_error)?.len(), path));
        }
    }
    if packs.len() <= limit {
        return Ok(());
    }
    packs.sort_unstable();
    let mut smaller = 0;
    let mut small = 2;
    for (at, (size, _)) in packs.iter().enumerate() {
        if *size <= 2 * smaller {
            small = small.max(at + 1);
        }
        smaller += size;
    }
    packs.truncate(small);

    let mut objects = Vec::new();
    for (_, pack) in &packs {
        let index = fs::read(pack.with_extension("idx")).map_err(io_error)?;
        match names(&index) {
            Some(it) => objects.extend(it),
            // An index of another form, or a damaged one: git repairs that, a merge must not lose it.
            None => return Ok(()),
        }
    }
    objects.sort_unstable();
    objects.dedup();
    let repository = Repository::open_bare(epoch).map_err(write_error(epoch))?;
    let odb = repository.odb().map_err(write_error(epoch))?;
    let Some(merged) = copy(epoch, &odb, &objects)? else { return Ok(()) };
    for pack in packs.into_iter().map(|it| it.1).filter(|it| *it != merged) {
        for extension in ["idx", "rev", "bitmap", "pack"] {
            let _ = fs::remove_file(pack.with_extension(extension));
        }
    }
    Ok(())
}

/// One pack with these objects; `None` where one cannot be read, and then the packs stay as they are: `git fsck` is the
/// one to tell.
fn copy(epoch: &Path, odb: &Odb<'_>, objects: &[Oid]) -> Result<Option<PathBuf>, StoreError> {
    let mut pack = NewPack::begin(epoch, objects.len())?;
    for oid in objects {
        let Ok(object) = odb.read(*oid) else { return Ok(None) };
        let copied = entry(&mut pack, object.kind(), object.data());
        copied.map_err(|source| StoreError::Io { path: epoch.join("objects/pack"), source })?;
    }
    pack.finish().map(Some)
}

/// The objects of a pack, from its index (gitformat-pack(5), version 2).
fn names(index: &[u8]) -> Option<Vec<Oid>> {
    let rest = index.strip_prefix(b"\xfftOc\0\0\0\x02")?;
    let (fanout, rest) = rest.split_at_checked(256 * 4)?;
    let count = u32::from_be_bytes(fanout.last_chunk().copied()?) as usize;
    let names = rest.get(..count.checked_mul(20)?)?;
    names.chunks_exact(20).map(|it| Oid::from_bytes(it).ok()).collect()
}
