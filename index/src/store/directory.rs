//! Where tantivy's files lie. Its segments are tantivy's own, with a checksum at their ends; what it writes in one piece - which
//! segments there are, and with them our state - is written as a container.
//!
//! Reading takes no lock and writes nothing. tantivy's reader takes a lock file (`META_LOCK`) so that no merge removes the segments
//! that it is about to open; a directory that belongs to somebody else has no place for it. Instead a reader sees one state of
//! `meta.json` for its whole life, and who finds that a segment of it is gone meanwhile begins again with the next one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tantivy::Directory;
use tantivy::directory::error::{DeleteError, LockError, OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    DirectoryLock, FileHandle, Lock, META_LOCK, MmapDirectory, WatchCallback, WatchHandle, WritePtr,
};

use crate::container::{self, Damage, Kind};

/// What tantivy writes in one piece.
pub const META: Kind = Kind { name: *b"tantivy\0", version: 1 };

/// The file that says which segments there are.
pub const META_FILE: &str = "meta.json";

/// A directory of an index.
#[derive(Clone, Debug)]
pub struct Sealed {
    inner: MmapDirectory,
    path: PathBuf,
    /// `meta.json` as it was when it was first read, for a reader.
    frozen: Option<Arc<OnceLock<Vec<u8>>>>,
}

impl Sealed {
    /// For a reader: one state of the index, whatever is written meanwhile.
    ///
    /// # Errors
    /// A path that is no directory.
    pub fn reading(path: &Path) -> Result<Sealed, OpenDirectoryError> {
        Ok(Sealed { frozen: Some(Arc::default()), ..Sealed::writing(path)? })
    }

    /// For who holds the writer's lock.
    ///
    /// # Errors
    /// A path that is no directory.
    pub fn writing(path: &Path) -> Result<Sealed, OpenDirectoryError> {
        Ok(Sealed { inner: MmapDirectory::open(path)?, path: path.to_owned(), frozen: None })
    }

    fn unsealed(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let bytes = self.inner.atomic_read(path)?;
        let place = self.path.join(path);
        container::unseal(META, &place, &bytes)
            .and_then(|bytes| bytes.ok_or_else(|| Damage::error(&place, "it is not in our form")))
            .map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))
    }
}

impl Directory for Sealed {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.inner.get_file_handle(path)
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.inner.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.inner.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.inner.open_write(path)
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        match &self.frozen {
            Some(frozen) if path == Path::new(META_FILE) => match frozen.get() {
                Some(bytes) => Ok(bytes.clone()),
                None => {
                    let bytes = self.unsealed(path)?;
                    Ok(frozen.get_or_init(|| bytes).clone())
                }
            },
            _ => self.unsealed(path),
        }
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.inner.atomic_write(path, &container::seal(META, data)?)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.inner.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        if lock.filepath == META_LOCK.filepath {
            return Ok(DirectoryLock::from(Box::new(())));
        }
        self.inner.acquire_lock(lock)
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.inner.watch(callback)
    }
}
