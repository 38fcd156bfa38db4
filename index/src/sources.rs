//! The archives that the index knows: attached public-inbox repositories, read in place, and the
//! program's own store, into which everything else was imported.
//!
//! What lies below the data directory - the store, and the lists that were fetched - is named relative to it, so that a data
//! directory can be moved and copied. The list is changed by who holds the writer's lock, from reading it to writing it.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::container::{self, Kept, Kind};
use crate::state::State;
use crate::store::{Lock, Store};

/// The number of the program's own store.
pub const OWN: u32 = 0;

/// The file of the list.
const KIND: Kind = Kind { name: *b"sources\0", version: 1 };

/// Where the program's own store has its one epoch, in the data directory.
const OWN_EPOCH: &str = "mail/git/0.git";

/// All sources of one data directory, in the order in which they were attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    format: u32,
    /// The number that the next repository gets; 0 in a list from before it was kept.
    #[serde(default)]
    next: u32,
    repositories: Vec<Repository>,
    /// Those that were forgotten: their mails leave the index, and nothing but a word of the user attaches them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    detached: Vec<Repository>,
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
#[error("the list of sources in {data} cannot be {what}")]
pub struct SourcesError {
    /// The data directory.
    pub data: PathBuf,
    /// Read or written.
    pub what: &'static str,
    /// What the system said, or how the list is damaged.
    pub source: io::Error,
}

impl Sources {
    fn file(data: &Path) -> PathBuf {
        data.join("sources")
    }

    /// Reads the list; a data directory without one has no sources.
    ///
    /// # Errors
    /// What the file system says, or damage to both copies of the list.
    pub fn load(data: &Path) -> Result<Sources, SourcesError> {
        Ok(Sources::kept(data)?.map_or_else(Sources::default, |kept| kept.value))
    }

    /// Reads the list to change it: numbers that the index has mails of are not given out again, even where the list has lost them.
    ///
    /// # Errors
    /// As [`Sources::load`].
    pub fn to_change(lock: &Lock) -> Result<Sources, SourcesError> {
        let mut sources = Sources::load(lock.data())?;
        if let Ok(store) = Store::open(lock.data()) {
            sources.spare(&store.state);
        }
        Ok(sources)
    }

    /// As [`Sources::load`], with what is wrong with the list.
    ///
    /// # Errors
    /// As [`Sources::load`].
    pub fn kept(data: &Path) -> Result<Option<Kept<Sources>>, SourcesError> {
        let kept = container::load::<Sources>(&Sources::file(data), KIND).map_err(|source| SourcesError {
            data: data.to_owned(),
            what: "read",
            source,
        })?;
        Ok(kept.map(|mut kept| {
            kept.value.resolve(data);
            kept
        }))
    }

    /// Makes all paths absolute.
    fn resolve(&mut self, data: &Path) {
        let own = self.repositories.iter().find(|r| r.number == OWN);
        // Lists of the first form name everything by absolute paths, also what lay below the data directory, wherever that was.
        let before = own.and_then(|own| own.path.to_str()?.strip_suffix(OWN_EPOCH)).map(PathBuf::from);
        let place = |path: &Path| match before.as_ref().and_then(|before| path.strip_prefix(before).ok()) {
            Some(below) if path.is_absolute() => data.join(below),
            _ => data.join(path),
        };
        for repository in self.repositories.iter_mut().chain(&mut self.detached) {
            repository.path = place(&repository.path);
            repository.attached_as = place(&repository.attached_as);
            if repository.number == OWN {
                repository.path = data.join(OWN_EPOCH);
            }
        }
        self.next = self.repositories.iter().map(|r| r.number + 1).max().unwrap_or(OWN + 1).max(self.next);
    }

    /// Writes the list beside the old one and puts it in its place.
    ///
    /// # Errors
    /// What the file system says.
    pub fn save(&self, lock: &Lock) -> Result<(), SourcesError> {
        let data = lock.data();
        // A data directory behind a link has two names.
        let names = [Some(data.to_owned()), data.canonicalize().ok()];
        let relative = |path: &Path| {
            let below = names.iter().flatten().find_map(|name| path.strip_prefix(name).ok());
            below.unwrap_or(path).to_owned()
        };
        let mut kept = Sources { format: 2, ..self.clone() };
        for repository in kept.repositories.iter_mut().chain(&mut kept.detached) {
            repository.path = relative(&repository.path);
            repository.attached_as = relative(&repository.attached_as);
        }
        container::save(&Sources::file(data), KIND, &kept).map_err(|source| SourcesError {
            data: data.to_owned(),
            what: "written",
            source,
        })
    }

    fn spare(&mut self, state: &State) {
        let used = state.repositories.keys().max().map_or(OWN + 1, |number| number + 1);
        self.next = self.next.max(used);
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
        self.detached.iter_mut().filter(|r| r.path == path).for_each(|r| r.path = PathBuf::new());
        let number = self.next.max(OWN + 1);
        self.next = number + 1;
        self.repositories.push(Repository {
            number,
            path: path.to_owned(),
            name: name.to_owned(),
            attached_as: attached_as.to_owned(),
            layout,
        });
        true
    }

    /// Takes a repository from the list; its number is not given out again.
    pub fn detach(&mut self, number: u32) {
        self.detached.extend(self.repositories.extract_if(.., |r| r.number == number));
    }

    /// Numbers of repositories that were forgotten.
    pub fn forgotten(&self) -> impl Iterator<Item = u32> + '_ {
        self.detached.iter().map(|r| r.number)
    }

    /// Whether what lies there was forgotten, and not attached again since.
    pub fn is_forgotten(&self, path: &Path) -> bool {
        self.detached.iter().any(|r| r.path == path)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn attach(sources: &mut Sources, path: &Path) -> u32 {
        assert!(sources.attach(path, "list", path, Layout::PublicInboxV2));
        sources.repositories().last().unwrap().number
    }

    #[test]
    fn what_lies_in_the_data_directory_moves_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let mut sources = Sources::default();
        sources.attach_own(&one.join(OWN_EPOCH));
        attach(&mut sources, &one.join("lists/host/bpf/git/0.git"));
        attach(&mut sources, Path::new("/elsewhere/git/0.git"));
        sources.save(&Lock::take(&one).unwrap()).unwrap();
        assert_eq!(Sources::load(&one).unwrap().repositories, sources.repositories);
        std::fs::rename(&one, &two).unwrap();
        let paths: Vec<PathBuf> = Sources::load(&two).unwrap().repositories.into_iter().map(|r| r.path).collect();
        assert_eq!(paths, [two.join(OWN_EPOCH), two.join("lists/host/bpf/git/0.git"), "/elsewhere/git/0.git".into()]);
    }

    #[test]
    fn a_list_of_the_first_form_is_read_wherever_it_lies_now() {
        let dir = tempfile::tempdir().unwrap();
        let repository = |number: u32, path: &str| {
            format!(
                r#"{{"number":{number},"path":"{path}","name":"n","attached_as":"{path}","layout":"public-inbox-v2"}}"#
            )
        };
        let text = [
            repository(0, "/old/data/mail/git/0.git"),
            repository(1, "/old/data/lists/h/l/git/0.git"),
            repository(4, "/old/other"),
        ];
        let text = format!(r#"{{"format":1,"repositories":[{}]}}"#, text.join(","));
        std::fs::write(dir.path().join("sources.json"), text).unwrap();
        let mut sources = Sources::load(dir.path()).unwrap();
        let paths: Vec<PathBuf> = sources.repositories.iter().map(|r| r.path.clone()).collect();
        let here = |path: &str| dir.path().join(path);
        assert_eq!(paths, [here("mail/git/0.git"), here("lists/h/l/git/0.git"), "/old/other".into()]);
        assert_eq!(attach(&mut sources, Path::new("/new")), 5);
    }

    #[test]
    fn a_number_is_never_given_out_again() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let mut sources = Sources::default();
        let first = attach(&mut sources, Path::new("/a"));
        let second = attach(&mut sources, Path::new("/b"));
        sources.detach(second);
        sources.save(&lock).unwrap();
        let mut sources = Sources::load(dir.path()).unwrap();
        assert_eq!((first, second, attach(&mut sources, Path::new("/b"))), (1, 2, 3));
        // A list that was lost knows nothing, the index does.
        let mut state = State::default();
        state.repositories.insert(7, Default::default());
        let mut lost = Sources::default();
        lost.spare(&state);
        assert_eq!(attach(&mut lost, Path::new("/b")), 8);
    }
}
