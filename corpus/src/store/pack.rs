//! Objects become packs: kept in memory first, then written in one piece. Packs are merged when there are many.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository};

use super::{StoreError, write_error};

/// Objects kept in memory before they become a pack.
const PACK_BYTES: usize = 32 << 20;

/// Above libgit2's own backends, so that what is written goes to memory and not to a loose file.
const MEMORY_FIRST: i32 = 1000;

/// The pack that is being filled.
pub(super) struct PackInProgress {
    epoch: PathBuf,
    /// Its object database has the memory backend; a new one is opened for each pack, which frees the memory.
    repository: Repository,
    objects: Vec<Oid>,
    bytes: usize,
}

impl PackInProgress {
    pub fn new(epoch: &Path) -> Result<Self, StoreError> {
        let repository = with_memory(epoch).map_err(write_error(epoch))?;
        Ok(Self { epoch: epoch.to_owned(), repository, objects: Vec::new(), bytes: 0 })
    }

    pub fn write(&mut self, kind: ObjectType, data: &[u8]) -> Result<Oid, StoreError> {
        let written = self.repository.odb().and_then(|it| it.write(kind, data));
        let oid = written.map_err(write_error(&self.epoch))?;
        self.objects.push(oid);
        self.bytes += data.len();
        Ok(oid)
    }

    pub fn exists(&self, oid: Oid) -> bool {
        self.repository.odb().is_ok_and(|it| it.exists(oid))
    }

    pub fn read(&self, oid: Oid) -> Result<Vec<u8>, StoreError> {
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
        build(&self.repository, &self.epoch, &self.objects).map_err(write_error(&self.epoch))?;
        *self = Self::new(&self.epoch)?;
        Ok(())
    }
}

fn with_memory(epoch: &Path) -> Result<Repository, git2::Error> {
    let repository = Repository::open_bare(epoch)?;
    repository.odb()?.add_new_mempack_backend(MEMORY_FIRST)?;
    Ok(repository)
}

/// Writes one pack and its index; returns the pack's file.
fn build(repository: &Repository, epoch: &Path, objects: &[Oid]) -> Result<PathBuf, git2::Error> {
    let mut builder = repository.packbuilder()?;
    for oid in objects {
        builder.insert_object(*oid, None)?;
    }
    let folder = epoch.join("objects/pack");
    builder.write(&folder, 0o444)?;
    let name = builder.name()?.unwrap_or_default();
    let pack = folder.join(format!("pack-{name}.pack"));
    // On the disk before the branch names what is in it, or before an older pack goes.
    let sync = |path: &Path| File::open(path).and_then(|it| it.sync_all());
    let synced = sync(&pack).and_then(|()| sync(&pack.with_extension("idx"))).and_then(|()| sync(&folder));
    synced.map_err(|e| git2::Error::from_str(&e.to_string()))?;
    Ok(pack)
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
    let merged = match build(&repository, epoch, &objects) {
        Ok(it) => it,
        // A pack that cannot be read stays as it is: `git fsck` is the one to tell.
        Err(e) if e.code() == ErrorCode::NotFound => return Ok(()),
        Err(source) => return Err(StoreError::Write { path: epoch.to_owned(), source }),
    };
    for pack in packs.into_iter().map(|it| it.1).filter(|it| *it != merged) {
        for extension in ["idx", "rev", "bitmap", "pack"] {
            let _ = fs::remove_file(pack.with_extension(extension));
        }
    }
    Ok(())
}

/// The objects of a pack, from its index (gitformat-pack(5), version 2).
fn names(index: &[u8]) -> Option<Vec<Oid>> {
    let rest = index.strip_prefix(b"\xfftOc\0\0\0\x02")?;
    let (fanout, rest) = rest.split_at_checked(256 * 4)?;
    let count = u32::from_be_bytes(fanout.last_chunk().copied()?) as usize;
    let names = rest.get(..count.checked_mul(20)?)?;
    names.chunks_exact(20).map(|it| Oid::from_bytes(it).ok()).collect()
}
