//! The raw bytes of an indexed mail, from the repository that holds it.

use std::path::{Path, PathBuf};

use provenance_corpus::archive::public_inbox_v2;
use rustc_hash::FxHashMap;

use crate::reader::Copy;
use crate::sources::{Sources, SourcesError};

/// Why a body cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum RawError {
    /// The list of sources cannot be read.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// The repository was detached.
    #[error("the mail lay in a repository that is attached no more")]
    Detached,
    /// The repository is gone or damaged, or the mail in it.
    #[error("the mail lay in {path}, which cannot be read")]
    Repository {
        /// The repository.
        path: PathBuf,
        /// What was wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Opens each repository once.
pub struct Raw {
    sources: Sources,
    readers: FxHashMap<u32, public_inbox_v2::Reader>,
}

impl Raw {
    /// Reads the list of sources; repositories are opened when a mail of theirs is wanted.
    pub fn open(data: &Path) -> Result<Raw, RawError> {
        Ok(Raw { sources: Sources::load(data)?, readers: FxHashMap::default() })
    }

    /// The raw bytes of a copy.
    pub fn read(&mut self, copy: &Copy) -> Result<Vec<u8>, RawError> {
        let repository = self.sources.get(copy.repository).ok_or(RawError::Detached)?;
        let path = &repository.path;
        let wrap =
            |source: Box<dyn std::error::Error + Send + Sync>| RawError::Repository { path: path.clone(), source };
        if let std::collections::hash_map::Entry::Vacant(slot) = self.readers.entry(copy.repository) {
            slot.insert(public_inbox_v2::Reader::open(path).map_err(|e| wrap(e.into()))?);
        }
        let reader = &self.readers[&copy.repository];
        let blob = git2::Oid::from_bytes(&copy.stored.blob).map_err(|e| wrap(e.into()))?;
        reader.blob(blob).map(|bytes| bytes.to_vec()).map_err(|e| wrap(e.into()))
    }
}
