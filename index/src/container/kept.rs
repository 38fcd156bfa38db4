//! Small lists that nothing can make anew - which archives, trees and images were attached - as JSON in a container, twice: the
//! second copy is read where the first is damaged.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Container, Damage, Kind, replace};

/// A list that was read.
#[derive(Debug)]
pub struct Kept<T> {
    /// What it says.
    pub value: T,
    /// What is wrong with the first copy; the second was read.
    pub damage: Option<io::Error>,
}

fn copy(path: &Path) -> PathBuf {
    path.with_added_extension("copy")
}

fn read<T: DeserializeOwned>(path: &Path, kind: Kind) -> io::Result<T> {
    let bytes = Container::open(path, kind)?.all(0)?;
    serde_json::from_slice(&bytes).map_err(|e| Damage::error(path, e.to_string()))
}

/// Reads a list; `None` where there is none. A list that an earlier version of this program kept as plain JSON, `NAME.json`, is
/// read where there is no other.
///
/// # Errors
/// What the file system says; `InvalidData` where both copies are damaged.
pub fn load<T: DeserializeOwned>(path: &Path, kind: Kind) -> io::Result<Option<Kept<T>>> {
    let error = match read(path, kind) {
        Ok(value) => return Ok(Some(Kept { value, damage: None })),
        Err(error) => error,
    };
    match read(&copy(path), kind) {
        Ok(value) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::NotFound) => {
            return Ok(Some(Kept { value, damage: Some(error) }));
        }
        // Neither is there.
        Err(other) if [&error, &other].iter().all(|e| e.kind() == io::ErrorKind::NotFound) => {}
        // Of a list that is lost the damage is said, and not that the other copy is missing.
        Err(other) if error.kind() == io::ErrorKind::NotFound => return Err(other),
        _ => return Err(error),
    }
    let old = path.with_added_extension("json");
    match fs::read(&old) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(value) => Ok(Some(Kept { value, damage: None })),
            Err(e) => Err(Damage::error(&old, e.to_string())),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Whether both copies of a list are whole, or there is none.
pub fn is_whole(path: &Path) -> bool {
    let whole = |path: &Path| Container::open_any(path).and_then(|file| file.verify());
    let (one, other) = (whole(path), whole(&copy(path)));
    let none = |read: &io::Result<()>| read.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
    one.is_ok() && other.is_ok() || none(&one) && none(&other)
}

/// Writes a list. The second copy goes first, so that it never knows less than the first; what an earlier version of this program
/// kept goes when both are there.
///
/// # Errors
/// What the file system says, or a path that is no UTF-8.
pub fn save(path: &Path, kind: Kind, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    for place in [copy(path), path.to_owned()] {
        replace(&place, kind, 1, (0, 0), |out| out.write_all(&text))?;
    }
    match fs::remove_file(path.with_added_extension("json")) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
