//! The program's own archive: a public-inbox v2 inbox, `git/0.git` and `all.git`, into which all mail is imported that
//! does not come from a public-inbox repository. lei and public-inbox can read it.
//!
//! An [`Import`] writes packs as it goes and moves the branch last, so an import that is killed leaves the archive as
//! it was, and at most a pack that nothing refers to.

mod layout;
mod pack;
mod signature;
#[cfg(test)]
mod tests;
mod verify;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository};
use rustc_hash::FxHashSet;

use crate::archive::public_inbox_v2::{Entry, Epoch, EpochError, LARGEST_MAIL};
use pack::PackInProgress;
pub use verify::verify;

/// As git's own gc does, packs are merged when there are many.
const MANY_PACKS: usize = 20;

/// Why mail could not be stored. Nothing that was stored before is lost by any of these.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process imports.
    #[error("{}: another import is under way ({holder}); wait for it to end", .path.display())]
    Locked {
        /// The archive.
        path: PathBuf,
        /// `process 1234`, as far as it is known.
        holder: String,
    },
    /// The system refused.
    #[error("{}: {source}; is the disk full, or the folder read-only?", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// git could not write.
    #[error("{}: the mail could not be written ({}); is the disk full, or the folder read-only?", .path.display(), .source.message())]
    Write {
        /// The repository.
        path: PathBuf,
        /// What libgit2 said.
        source: git2::Error,
    },
    /// A mail above 64 MiB.
    #[error("a mail of {size} bytes is not stored; the limit is 64 MiB")]
    TooLarge {
        /// In bytes.
        size: u64,
    },
    /// Something else was committed while this import held the lock.
    #[error("{}: the branch moved during the import, so another program writes there; run the import again", .path.display())]
    Moved {
        /// The repository.
        path: PathBuf,
    },
    /// What is there cannot be read.
    #[error(transparent)]
    Epoch(#[from] EpochError),
}

/// The archive in a folder.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// Opens the archive in a folder, and makes both where they are not there.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        layout::make(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// The git repository with the mails: an epoch like any other, to be read by [`Epoch`].
    pub fn epoch(&self) -> PathBuf {
        layout::epoch(&self.path)
    }

    /// Begins an import, which holds the archive's lock until it is dropped.
    ///
    /// The lock is public-inbox's own, so an import and a running `public-inbox-watch` keep apart too.
    pub fn begin(&self) -> Result<Import, StoreError> {
        let lock = Lock::take(&self.path)?;
        let epoch = self.epoch();
        let repository = Repository::open_bare(&epoch).map_err(write_error(&epoch))?;
        let tip = Epoch::open(&epoch)?.tip()?;
        Ok(Import {
            pack: PackInProgress::new(&epoch)?,
            epoch,
            repository,
            before: tip,
            tip,
            added: FxHashSet::default(),
            stored: None,
            _lock: lock,
        })
    }
}

/// What [`Import::add`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// The name of the mail's bytes.
    pub blob: Oid,
    /// `false`: these very bytes were stored before.
    pub new: bool,
}

/// Mails on their way into the archive. Until [`finish`](Import::finish) nobody sees any of them.
pub struct Import {
    pack: PackInProgress,
    epoch: PathBuf,
    repository: Repository,
    before: Option<Oid>,
    tip: Option<Oid>,
    /// By this import.
    added: FxHashSet<Oid>,
    /// By all imports before, once it was needed.
    stored: Option<FxHashSet<Oid>>,
    _lock: Lock,
}

impl Import {
    /// Stores a mail, unless the same bytes are there.
    ///
    /// `arrival`, in seconds since 1970, becomes the committer's time; author and subject are taken from the mail.
    pub fn add(&mut self, mail: &[u8], arrival: i64) -> Result<Added, StoreError> {
        if mail.len() as u64 > LARGEST_MAIL {
            return Err(StoreError::TooLarge { size: mail.len() as u64 });
        }
        let blob = Oid::hash_object(ObjectType::Blob, mail).map_err(write_error(&self.epoch))?;
        if self.added.contains(&blob) || self.is_stored(blob)? {
            return Ok(Added { blob, new: false });
        }
        let written = self.pack.write(ObjectType::Blob, mail)?;
        debug_assert_eq!(written, blob);
        self.commit(b"m", blob, mail, arrival)?;
        self.added.insert(blob);
        Ok(Added { blob, new: true })
    }

    /// Takes a mail out, by a commit with the file `d`; the bytes stay in the history. `false` where it is not there.
    pub fn remove(&mut self, blob: Oid, arrival: i64) -> Result<bool, StoreError> {
        if !(self.added.contains(&blob) || self.is_stored(blob)?) {
            return Ok(false);
        }
        let mail = self.pack.read(blob)?;
        self.commit(b"d", blob, &mail, arrival)?;
        self.added.remove(&blob);
        if let Some(stored) = &mut self.stored {
            stored.remove(&blob);
        }
        Ok(true)
    }

    /// Makes the mails visible: the last pack is written, then the branch is moved. Returns the new tip.
    pub fn finish(mut self) -> Result<Option<Oid>, StoreError> {
        if self.tip == self.before {
            return Ok(self.tip);
        }
        self.pack.flush()?;
        self.move_branch()?;
        pack::merge_small(&self.epoch, MANY_PACKS)?;
        Ok(self.tip)
    }

    fn commit(&mut self, file: &[u8], blob: Oid, mail: &[u8], arrival: i64) -> Result<(), StoreError> {
        let tree = [b"100644 ", file, b"\0", blob.as_bytes()].concat();
        let tree = self.pack.write(ObjectType::Tree, &tree)?;
        let commit = signature::commit(mail, tree, self.tip, arrival);
        self.tip = Some(self.pack.write(ObjectType::Commit, commit.as_bytes())?);
        self.pack.flush_if_large()
    }

    /// Whether the history has these bytes. That the object exists does not suffice: it may lie in a pack that an
    /// import left behind when it was killed.
    fn is_stored(&mut self, blob: Oid) -> Result<bool, StoreError> {
        if self.stored.is_none() {
            if !self.pack.exists(blob) {
                return Ok(false);
            }
            self.stored = Some(stored(&self.epoch, self.before)?);
        }
        Ok(self.stored.as_ref().is_some_and(|it| it.contains(&blob)))
    }

    /// In one step, and only if nobody else moved it since.
    fn move_branch(&self) -> Result<(), StoreError> {
        let (name, why) = ("refs/heads/master", "import");
        let Some(tip) = self.tip else { return Ok(()) };
        let moved = match self.before {
            Some(before) => {
                let head = self.repository.find_reference("HEAD").and_then(|it| it.resolve());
                let name = head.ok().and_then(|it| it.name().ok().map(str::to_owned)).unwrap_or_else(|| name.into());
                self.repository.reference_matching(&name, tip, true, before, why)
            }
            None => self.repository.reference(name, tip, false, why),
        };
        match moved {
            Ok(_) => Ok(()),
            Err(e) if matches!(e.code(), git2::ErrorCode::Modified | git2::ErrorCode::Exists) => {
                Err(StoreError::Moved { path: self.epoch.clone() })
            }
            Err(source) => Err(StoreError::Write { path: self.epoch.clone(), source }),
        }
    }
}

/// The mails that are in the archive and were not taken out again.
fn stored(epoch: &Path, tip: Option<Oid>) -> Result<FxHashSet<Oid>, StoreError> {
    let mut found = FxHashSet::default();
    if tip.is_none() {
        return Ok(found);
    }
    let epoch = Epoch::open(epoch)?;
    let reader = epoch.reader()?;
    for commit in epoch.commits(None)?.commits {
        match reader.entry(commit.tree) {
            Ok(Some((Entry::Mail, blob))) => found.insert(blob),
            Ok(Some((Entry::Deletion, blob))) => found.remove(&blob),
            // What cannot be read is stored once more rather than not at all.
            Ok(None) | Err(_) => false,
        };
    }
    Ok(found)
}

/// Held while an import writes.
struct Lock(File);

impl Lock {
    fn take(path: &Path) -> Result<Lock, StoreError> {
        let name = path.join("inbox.lock");
        let io_error = |source| StoreError::Io { path: name.clone(), source };
        let file = File::options().read(true).append(true).create(true).open(&name).map_err(io_error)?;
        // Who holds the lock is written beside it: public-inbox writes into the lock itself.
        let holder = path.join("import.pid");
        match file.try_lock() {
            Ok(()) => {
                fs::write(&holder, std::process::id().to_string())
                    .map_err(|source| StoreError::Io { path: holder, source })?;
                Ok(Lock(file))
            }
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&holder).ok().filter(|it| Path::new("/proc").join(it.trim()).exists());
                let holder = pid.map_or_else(|| "of another program".to_owned(), |it| format!("process {}", it.trim()));
                Err(StoreError::Locked { path: path.to_owned(), holder })
            }
            Err(TryLockError::Error(source)) => Err(io_error(source)),
        }
    }
}

impl Drop for Lock {
    /// Closing is not enough: a child that another thread has forked and not yet turned into its program
    /// shares the open file, and would hold the lock a moment longer.
    fn drop(&mut self) {
        // What cannot be unlocked here is unlocked when the last holder of the file closes it.
        let _ = self.0.unlock();
    }
}

fn write_error(path: &Path) -> impl Fn(git2::Error) -> StoreError {
    move |source| StoreError::Write { path: path.to_owned(), source }
}
