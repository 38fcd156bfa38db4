//! Where the index lies in the data directory, and how it is opened.

pub mod directory;
mod lock;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tantivy::directory::Directory;
use tantivy::directory::error::OpenReadError;
use tantivy::tokenizer::TokenizerManager;
use tantivy::{Index, IndexSettings};

use self::directory::{META_FILE, Sealed};
pub use self::lock::Lock;
use crate::guard::guarded;
use crate::schema::{Fields, SCHEMA_VERSION};
use crate::state::State;

/// Bytes of stored documents that are compressed together: a page of hits, which lie all over the index, inflates one such
/// block a hit.
const STORED_BLOCK: usize = 4 << 10;

/// Why the index could not be opened or locked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was indexed yet.
    #[error("there is no index in {data}")]
    Missing {
        /// The data directory.
        data: PathBuf,
    },
    /// An index of another version of the schema is there, and none of ours.
    #[error("the index in {data} has schema {found}, this program reads schema {SCHEMA_VERSION}")]
    Schema {
        /// The data directory.
        data: PathBuf,
        /// The version found.
        found: u32,
    },
    /// Another process is indexing.
    #[error("another process is indexing into {data} ({holder})")]
    Locked {
        /// The data directory.
        data: PathBuf,
        /// What the lock file says of its holder.
        holder: String,
    },
    /// The file system said no.
    #[error("the data directory {path} cannot be used")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index is damaged, or the disk is full.
    #[error("the index in {data} cannot be opened")]
    Tantivy {
        /// The data directory.
        data: PathBuf,
        /// What tantivy said.
        source: tantivy::TantivyError,
    },
    /// The commit payload is not ours.
    #[error("the index in {data} does not say what it holds")]
    Payload {
        /// The data directory.
        data: PathBuf,
    },
}

/// The directory of the index of this schema.
pub fn index_dir(data: &Path) -> PathBuf {
    data.join(format!("index.{SCHEMA_VERSION}"))
}

/// The directory of the links that belong to it.
pub fn links_dir(data: &Path) -> PathBuf {
    index_dir(data).join("links")
}

/// Where the index of the catalogue's events is kept.
pub fn events_dir(data: &Path) -> PathBuf {
    index_dir(data).join("events")
}

/// Where the index of the mails is.
pub fn mail_dir(data: &Path) -> PathBuf {
    index_dir(data).join("mail")
}

/// An open index and the state of its last commit.
pub struct Store {
    /// The tantivy index.
    pub index: Index,
    /// Its fields.
    pub fields: Fields,
    /// What its last commit says.
    pub state: State,
}

impl StoreError {
    /// Of what tantivy said: a file that the system refused is named as such.
    pub(crate) fn of(data: &Path, source: tantivy::TantivyError) -> StoreError {
        match &source {
            tantivy::TantivyError::OpenReadError(OpenReadError::IoError { io_error, filepath })
                if is_refusal(&source) =>
            {
                let source = io::Error::new(io_error.kind(), io_error.to_string());
                StoreError::Io { path: mail_dir(data).join(filepath), source }
            }
            _ => StoreError::Tantivy { data: data.to_owned(), source },
        }
    }

    /// Whether the file system refused: the index may be whole, and this user not be allowed to read it.
    pub fn is_refusal(&self) -> bool {
        match self {
            StoreError::Io { .. } => true,
            StoreError::Tantivy { source, .. } => is_refusal(source),
            _ => false,
        }
    }
}

/// Whether tantivy was refused a file by the system, and did not find it damaged or gone.
pub(crate) fn is_refusal(error: &tantivy::TantivyError) -> bool {
    let kind = match error {
        tantivy::TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }) => io_error.kind(),
        tantivy::TantivyError::IoError(error) => error.kind(),
        _ => return false,
    };
    use io::ErrorKind as E;
    matches!(kind, E::PermissionDenied | E::StorageFull | E::ReadOnlyFilesystem | E::OutOfMemory)
}

impl Store {
    /// Opens the index for reading: nothing is written, and no lock is taken.
    ///
    /// # Errors
    /// There is none, or none of ours; or it is damaged, or refused.
    pub fn open(data: &Path) -> Result<Store, StoreError> {
        let dir = mail_dir(data);
        match dir.join(META_FILE).try_exists() {
            Ok(true) => {}
            Ok(false) => {
                return Err(match other_schema(data) {
                    Some(found) => StoreError::Schema { data: data.to_owned(), found },
                    None => StoreError::Missing { data: data.to_owned() },
                });
            }
            Err(source) => return Err(StoreError::Io { path: dir, source }),
        }
        let wrap = |source| StoreError::of(data, source);
        let directory = Sealed::reading(&dir).map_err(|e| wrap(e.into()))?;
        let index = guarded(|| Index::open(directory)).map_err(wrap)?;
        Store::with_index(data, index)
    }

    /// Opens the index for writing, and makes it if need be.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_or_create(lock: &Lock) -> Result<Store, StoreError> {
        let data = lock.data();
        let dir = mail_dir(data);
        fs::create_dir_all(&dir).map_err(|source| StoreError::Io { path: dir.clone(), source })?;
        let wrap = |source| StoreError::Tantivy { data: data.to_owned(), source };
        let directory = Sealed::writing(&dir).map_err(|e| wrap(e.into()))?;
        let (schema, _) = Fields::build();
        let settings = IndexSettings { docstore_blocksize: STORED_BLOCK, ..IndexSettings::default() };
        let index = guarded(|| Index::builder().schema(schema).settings(settings).open_or_create(directory));
        Store::with_index(data, index.map_err(wrap)?)
    }

    fn with_index(data: &Path, mut index: Index) -> Result<Store, StoreError> {
        let wrap = |source| StoreError::Tantivy { data: data.to_owned(), source };
        index.set_tokenizers(tokenizers());
        let bytes = index.directory().atomic_read(Path::new(META_FILE)).map_err(|e| wrap(e.into()))?;
        let unknown = |_| StoreError::Payload { data: data.to_owned() };
        let state = match serde_json::from_slice(&bytes).map_err(unknown)? {
            Payload { payload: Some(text) } => serde_json::from_str(&text).map_err(unknown)?,
            Payload { payload: None } => State::default(),
        };
        let (_, fields) = Fields::build();
        Ok(Store { index, fields, state })
    }
}

/// What of tantivy's `meta.json` says what was indexed. Its schema, ten times as long, was read when the index was opened.
#[derive(Deserialize)]
struct Payload {
    payload: Option<String>,
}

/// Our tokenizers under the names that the schema uses, and tantivy's own.
pub fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::default();
    crate::terms::register(&manager);
    manager
}

fn other_schema(data: &Path) -> Option<u32> {
    fs::read_dir(data)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix("index.")?.parse().ok())
        .max()
}
