//! A backup of what nothing can make anew and what is small: what the reader judged, noted and drafted (`state/`), the reader's own facts
//! (`catalogue/`), and which archives, trees and images are attached. Imported mail is a git repository, and is cloned as one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::container::{self, Container, Kind};
use crate::store::Lock;

/// The file: section 0 lists the files in JSON, section 1 has their bytes, one after another.
const KIND: Kind = Kind { name: *b"backup\0\0", version: 1 };

/// What is taken, relative to the data directory.
const TAKEN: [&str; 10] = [
    "state",
    "catalogue",
    "sources",
    "sources.copy",
    "images",
    "images.copy",
    "history.2/trees",
    "history.2/trees.copy",
    "sources.json",
    "images.json",
];

#[derive(Serialize, Deserialize)]
struct Entry {
    path: PathBuf,
    length: u64,
}

/// All files of a data directory that are taken, sorted.
fn files(data: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), TAKEN.map(PathBuf::from).to_vec());
    while let Some(path) = open.pop() {
        match fs::symlink_metadata(data.join(&path)) {
            Ok(meta) if meta.is_dir() => {
                for entry in fs::read_dir(data.join(&path))? {
                    open.push(path.join(entry?.file_name()));
                }
            }
            Ok(meta) if meta.is_file() => found.push(path),
            // Links and sockets are nothing that this program made.
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a backup to a file that is not there yet; returns how many files are in it. No lock is taken: each file is replaced
/// in one step, or only added to, so that what is taken is whole whoever writes meanwhile.
///
/// # Errors
/// What the file system says, or a data directory that has nothing of the kind.
pub fn backup(data: &Path, to: &Path) -> io::Result<usize> {
    if to.symlink_metadata().is_ok() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is there already", to.display())));
    }
    let (mut entries, mut bytes) = (Vec::new(), Vec::new());
    for path in files(data)? {
        let before = bytes.len();
        match File::open(data.join(&path)) {
            Ok(mut file) => io::copy(&mut file, &mut bytes)?,
            // A draft that was sent, or thrown away, a moment ago.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e),
        };
        entries.push(Entry { path, length: (bytes.len() - before) as u64 });
    }
    if entries.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("{} has nothing to be backed up", data.display())));
    }
    let list = serde_json::to_vec(&entries).map_err(io::Error::from)?;
    container::replace(to, KIND, 2, (0, 0), |out| {
        out.write_all(&list)?;
        out.next_section();
        out.write_all(&bytes)
    })?;
    Ok(entries.len())
}

/// Puts the files of a backup into a data directory. Nothing that is there is written over: where one of the files is there with other
/// bytes, nothing is put anywhere. Returns how many were put.
///
/// # Errors
/// What the file system says; a damaged backup, or one that names places outside; a file that is there and is another.
pub fn restore(lock: &Lock, from: &Path) -> io::Result<usize> {
    let data = lock.data();
    let backup = Container::open(from, KIND)?;
    let entries: Vec<Entry> = serde_json::from_slice(&backup.all(0)?).map_err(|e| backup.damaged(e.to_string()))?;
    let bytes = backup.all(1)?;
    let (mut rest, mut puts) = (bytes.as_slice(), Vec::new());
    for entry in &entries {
        let plain = entry.path.components().all(|part| matches!(part, Component::Normal(_)));
        let taken = TAKEN.iter().any(|taken| entry.path.starts_with(taken));
        let length = usize::try_from(entry.length).ok().filter(|length| *length <= rest.len());
        let (true, true, Some(length)) = (plain, taken, length) else {
            return Err(backup.damaged(format!("it names {}", entry.path.display())));
        };
        let (now, after) = rest.split_at(length);
        rest = after;
        let place = data.join(&entry.path);
        match fs::read(&place) {
            Ok(there) if there == now => {}
            Ok(_) => {
                let what = format!("{} is there and is another: nothing was restored", place.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, what));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => puts.push((place, now)),
            Err(e) => return Err(e),
        }
    }
    for (place, bytes) in &puts {
        crate::replace_file(place, bytes)?;
    }
    Ok(puts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(data: &Path, name: &str, text: &str) {
        let path = data.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn what_is_backed_up_comes_back_and_nothing_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two, file) = (dir.path().join("one"), dir.path().join("two"), dir.path().join("backup"));
        let names = ["state/journal.jsonl", "state/drafts/re-1.eml", "catalogue/own.toml", "sources"];
        names.iter().for_each(|name| put(&one, name, name));
        put(&one, "index.4/mail/meta.json", "not taken");
        let _held = Lock::take(&one).unwrap();
        assert_eq!(backup(&one, &file).unwrap(), 4);
        assert!(backup(&one, &file).is_err());
        assert_eq!(
            backup(&dir.path().join("none"), &dir.path().join("nothing")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        let lock = Lock::take(&two).unwrap();
        assert_eq!(restore(&lock, &file).unwrap(), 4);
        assert!(names.iter().all(|name| fs::read_to_string(two.join(name)).unwrap() == *name));
        assert_eq!(restore(&lock, &file).unwrap(), 0);
        put(&two, "state/journal.jsonl", "newer");
        fs::remove_file(two.join("sources")).unwrap();
        assert_eq!(restore(&lock, &file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(!two.join("sources").exists());
    }

    #[test]
    fn a_backup_that_names_a_place_outside_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(&dir.path().join("data")).unwrap();
        for path in ["../outside", "/etc/outside", "state/../../outside", "index.4/x", ""] {
            let file = dir.path().join("backup");
            let list = serde_json::to_vec(&[Entry { path: path.into(), length: 1 }]).unwrap();
            container::replace(&file, KIND, 2, (0, 0), |out| {
                out.write_all(&list)?;
                out.next_section();
                out.write_all(b"x")
            })
            .unwrap();
            assert_eq!(restore(&lock, &file).unwrap_err().kind(), io::ErrorKind::InvalidData, "{path}");
        }
    }
}
