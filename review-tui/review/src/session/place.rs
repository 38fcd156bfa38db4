//! Where things lie: the data directory and what is in it, the catalogue with the user's additions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use provenance_corpus::catalogue::Catalogue;
use provenance_index::reader::{Reader, ReaderError};
use provenance_index::store::{Lock, StoreError};

use crate::failure::{Exit, Failure};

/// The data directory.
#[derive(Clone, Debug)]
pub struct Place {
    data: PathBuf,
}

impl Place {
    /// The directory asked for, or `$XDG_DATA_HOME/provenance`, or `~/.local/share/provenance`.
    pub fn find(asked: Option<PathBuf>) -> Result<Place, Failure> {
        let set = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let data = asked
            .or_else(|| set("XDG_DATA_HOME").map(|dir| dir.join("provenance")))
            .or_else(|| set("HOME").map(|home| home.join(".local/share/provenance")))
            .ok_or_else(|| {
                Failure::new(Exit::Usage, "there is no place for the index: neither XDG_DATA_HOME nor HOME is set")
                    .hint("name one with --data-dir DIR or PROVENANCE_DATA_DIR")
            })?;
        let data = std::path::absolute(&data).unwrap_or(data);
        Ok(Place { data })
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The writer's lock, which is waited for so long where another process has it; `tell` is told who that is.
    pub fn lock(&self, limit: Duration, tell: &dyn Fn(&str)) -> Result<Lock, Failure> {
        Lock::wait(&self.data, limit, tell).map_err(|e| store_failure(&e))
    }

    /// The program's own mail store.
    pub fn own_store(&self) -> PathBuf {
        self.data.join("mail")
    }

    /// The built-in catalogue with the files of the data directory's `catalogue/`.
    pub fn catalogue(&self) -> Result<Catalogue, Failure> {
        let dir = self.data.join("catalogue");
        Catalogue::with_files(&dir).map_err(|e| {
            Failure::from_error(Exit::Unreadable, &e).hint(format!("fix or move the file in {}", dir.display()))
        })
    }

    /// The index, or `None` where nothing was indexed yet: the catalogue answers without one.
    pub fn reader(&self) -> Result<Option<Reader>, Failure> {
        match Reader::open(&self.data) {
            Ok(reader) => Ok(Some(reader)),
            Err(ReaderError::Store(StoreError::Missing { .. })) => Ok(None),
            Err(error) => Err(reader_failure(&error)),
        }
    }

    /// The index, which must be there.
    pub fn required_reader(&self) -> Result<Reader, Failure> {
        self.reader()?.ok_or_else(|| {
            Failure::new(Exit::Unreadable, format!("nothing is indexed in {}", self.data.display()))
                .hint("run `provenance index PATH` with a clone from lore, an mbox, a maildir or a mail")
        })
    }
}

/// What to do about an index that is damaged. One that is whole is never to be moved or removed.
pub const MEND: &str = "run `provenance index`: it looks through all of it, and makes anew what is damaged";

/// A store that could not be opened, with what to do.
pub fn store_failure(error: &StoreError) -> Failure {
    match error {
        StoreError::Schema { .. } => Failure::from_error(Exit::Schema, error)
            .hint("run `provenance index`: it builds the new index beside the old one"),
        StoreError::Locked { .. } => Failure::from_error(Exit::Locked, error)
            .hint("nothing was changed; wait for it and run the same command again; queries go on meanwhile"),
        error if error.is_refusal() => Failure::from_error(Exit::Unreadable, error)
            .hint("check the permissions and the space, or name another place with --data-dir"),
        _ => Failure::from_error(Exit::Unreadable, error).hint(MEND),
    }
}

/// A reader that could not be opened or read, with what to do.
pub fn reader_failure(error: &ReaderError) -> Failure {
    match error {
        ReaderError::Store(error) => store_failure(error),
        _ => Failure::from_error(Exit::Unreadable, error).hint(MEND),
    }
}
