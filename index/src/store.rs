//! Where the index lies in the data directory, and how it is opened.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tantivy::directory::{Directory, MmapDirectory};
use tantivy::tokenizer::TokenizerManager;
use tantivy::{Index, IndexSettings};

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
    #[error("the index in {data} does not say what it holds: remove {}, then run `provenance index`", index_dir(data).display())]
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

fn mail_dir(data: &Path) -> PathBuf {
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

impl Store {
    /// Opens the index for reading.
    pub fn open(data: &Path) -> Result<Store, StoreError> {
        let dir = mail_dir(data);
        if !dir.join("meta.json").exists() {
            return Err(match other_schema(data) {
                Some(found) => StoreError::Schema { data: data.to_owned(), found },
                None => StoreError::Missing { data: data.to_owned() },
            });
        }
        let wrap = |source| StoreError::Tantivy { data: data.to_owned(), source };
        let index = Index::open_in_dir(&dir).map_err(wrap)?;
        Store::with_index(data, index)
    }

    /// Opens the index for writing, and makes it if need be.
    pub fn open_or_create(data: &Path) -> Result<Store, StoreError> {
        let dir = mail_dir(data);
        fs::create_dir_all(&dir).map_err(|source| StoreError::Io { path: dir.clone(), source })?;
        let wrap = |source| StoreError::Tantivy { data: data.to_owned(), source };
        let directory = MmapDirectory::open(&dir).map_err(|e| wrap(e.into()))?;
        let (schema, _) = Fields::build();
        let settings = IndexSettings { docstore_blocksize: STORED_BLOCK, ..IndexSettings::default() };
        let index = Index::builder().schema(schema).settings(settings).open_or_create(directory).map_err(wrap)?;
        Store::with_index(data, index)
    }

    fn with_index(data: &Path, mut index: Index) -> Result<Store, StoreError> {
        let wrap = |source| StoreError::Tantivy { data: data.to_owned(), source };
        index.set_tokenizers(tokenizers());
        let bytes = index.directory().atomic_read(Path::new("meta.json")).map_err(|e| wrap(e.into()))?;
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

/// Held while a process writes; the operating system drops it when the process dies.
pub struct Lock(File);

impl Drop for Lock {
    /// Closing is not enough: a child that another thread has forked and not yet turned into its program
    /// shares the open file, and would hold the lock a moment longer.
    fn drop(&mut self) {
        // What cannot be unlocked here is unlocked when the last holder of the file closes it.
        let _ = self.0.unlock();
    }
}

impl Lock {
    /// Takes the lock or says who has it.
    pub fn take(data: &Path) -> Result<Lock, StoreError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        fs::create_dir_all(data).map_err(io(data))?;
        let path = data.join("index.lock");
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder's name is a courtesy; without it the lock is still held.
                let _ = file.take(100).read_to_string(&mut holder);
                return Err(StoreError::Locked { data: data.to_owned(), holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(StoreError::Io { path, source }),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "process {}", std::process::id()))
            .map_err(io(&path))?;
        Ok(Lock(file))
    }
}
