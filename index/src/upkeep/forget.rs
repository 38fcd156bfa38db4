//! Takes an archive out: its place leaves the list at once, its mails leave the index with the next commit. The archive itself is the
//! user's, and stays; a mirror that `fetch` made in the data directory is the program's, and goes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::sources::{OWN, Repository, Sources};

/// Why nothing was forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// No archive has this name.
    #[error("no attached archive is called `{name}`; attached are {}", if .known.is_empty() { "none".to_owned() } else { .known.join(", ") })]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Imported mail lies nowhere else.
    #[error("imported mail is not forgotten: it lies nowhere else")]
    Own,
}

/// Takes the repositories of an archive - its name, or where it lies - from the list; returns them.
///
/// # Errors
/// There is no such archive, or it is the program's own store.
pub fn forget(sources: &mut Sources, name: &str) -> Result<Vec<Repository>, ForgetError> {
    let path = std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name));
    let meant = |r: &&Repository| r.name == name || r.path == path || r.attached_as == path;
    let found: Vec<Repository> = sources.repositories().iter().filter(meant).cloned().collect();
    if found.iter().any(|r| r.number == OWN) {
        return Err(ForgetError::Own);
    }
    if found.is_empty() {
        let others = sources.repositories().iter().filter(|r| r.number != OWN);
        let mut known: Vec<String> = others.map(|r| r.name.clone()).collect();
        known.sort();
        known.dedup();
        return Err(ForgetError::Unknown { name: name.to_owned(), known });
    }
    for repository in &found {
        sources.detach(repository.number);
    }
    Ok(found)
}

/// Removes the mirrors of forgotten repositories that `fetch` made below the data directory.
///
/// # Errors
/// What the file system says.
pub fn remove_mirrors(data: &Path, forgotten: &[Repository]) -> io::Result<()> {
    let lists = data.join("lists");
    for repository in forgotten.iter().filter(|r| r.path.starts_with(&lists)) {
        match fs::remove_dir_all(&repository.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        // What was known of its states is known no more; folders that are empty now go with it.
        for dir in repository.path.ancestors().skip(1).take_while(|dir| dir.starts_with(&lists) && *dir != lists) {
            let _ = fs::remove_file(dir.join("fetched.json"));
            if fs::remove_dir(dir).is_err() {
                break;
            }
        }
    }
    Ok(())
}
