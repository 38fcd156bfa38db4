//! The archives that the index knows: attached public-inbox repositories, read in place, and the
//! program's own store, into which everything else was imported.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The number of the program's own store.
pub const OWN: u32 = 0;

/// All sources of one data directory, in the order in which they were attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    format: u32,
    repositories: Vec<Repository>,
}

/// One git repository: an epoch of a public-inbox v2 clone, or a v1 inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Never given out twice, since documents and cursors name it.
    pub number: u32,
    /// Where the git repository lies.
    pub path: PathBuf,
    /// The name of the clone: the folder that holds `git/0.git`.
    pub name: String,
    /// What the path given on the command line was; new epochs below it are found on the next run.
    pub attached_as: PathBuf,
    /// How mail lies in it.
    pub layout: Layout,
}

/// How mail lies in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// One commit per mail, one file `m`.
    PublicInboxV2,
    /// One file per mail, `xx/38 hex`.
    PublicInboxV1,
}

/// Why the list of sources could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The file system said no.
    #[error("the list of sources {path} cannot be {what}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Read or written.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Not what this program writes.
    #[error("the list of sources {path} is damaged: move it away, then attach the archives again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        source: serde_json::Error,
    },
}

impl Sources {
    fn file(data: &Path) -> PathBuf {
        data.join("sources.json")
    }

    /// Reads the list; a data directory without one has no sources.
    pub fn load(data: &Path) -> Result<Sources, SourcesError> {
        let path = Sources::file(data);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Sources::default()),
            Err(source) => return Err(SourcesError::Io { path, what: "read", source }),
        };
        serde_json::from_slice(&text).map_err(|source| SourcesError::Damaged { path, source })
    }

    /// Writes the list beside the old one and puts it in its place.
    pub fn save(&self, data: &Path) -> Result<(), SourcesError> {
        let path = Sources::file(data);
        let text = serde_json::to_vec_pretty(&Sources { format: 1, ..self.clone() }).expect("plain data serialises");
        crate::replace_file(&path, &text).map_err(|source| SourcesError::Io { path, what: "written", source })
    }

    /// All repositories.
    pub fn repositories(&self) -> &[Repository] {
        &self.repositories
    }

    /// The repository of a number.
    pub fn get(&self, number: u32) -> Option<&Repository> {
        self.repositories.iter().find(|r| r.number == number)
    }

    /// Adds a repository unless its path is known; tells whether it is new.
    pub fn attach(&mut self, path: &Path, name: &str, attached_as: &Path, layout: Layout) -> bool {
        if self.repositories.iter().any(|r| r.path == path) {
            return false;
        }
        let number = self.repositories.iter().map(|r| r.number).max().unwrap_or(OWN) + 1;
        self.repositories.push(Repository {
            number,
            path: path.to_owned(),
            name: name.to_owned(),
            attached_as: attached_as.to_owned(),
            layout,
        });
        true
    }

    /// Makes the program's own store a source.
    pub fn attach_own(&mut self, path: &Path) {
        if self.get(OWN).is_none() {
            self.repositories.insert(
                0,
                Repository {
                    number: OWN,
                    path: path.to_owned(),
                    name: "imported".to_owned(),
                    attached_as: path.to_owned(),
                    layout: Layout::PublicInboxV2,
                },
            );
        }
    }
}
