//! Maildir: one file a mail in `cur/` and `new/`, written through `tmp/` (maildir(5)).

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid};
use rustc_hash::FxHashSet;

use super::ArchiveError;

/// Is this directory a maildir? `tmp/` may be missing: copies and backups leave it out, being empty.
pub fn is_maildir(path: &Path) -> bool {
    path.join("cur").is_dir() && path.join("new").is_dir()
}

/// One mail's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The file's name without the flags: it does not change when a mail program marks the mail.
    pub name: String,
    /// `S` seen, `R` replied, `F` flagged, `T` trashed, `D` draft, `P` passed on; in `new/` there are none.
    pub flags: String,
    /// The file.
    pub path: PathBuf,
}

impl Entry {
    /// When the mail was delivered, in seconds since 1970: most programs begin the name with it.
    pub fn arrival(&self) -> Option<i64> {
        let digits = self.name.split(['.', '_', ',']).next()?;
        if !(9..=11).contains(&digits.len()) {
            return None;
        }
        digits.parse().ok()
    }
}

/// The mails, in the order of their names, so that two runs agree.
pub fn entries(path: &Path) -> Result<Vec<Entry>, ArchiveError> {
    let mut found = Vec::new();
    for folder in ["cur", "new"] {
        let folder = path.join(folder);
        let unreadable = |source| ArchiveError::Io { path: folder.clone(), source };
        for file in fs::read_dir(&folder).map_err(unreadable)? {
            let file = file.map_err(unreadable)?;
            let full = file.file_name().to_string_lossy().into_owned();
            if full.starts_with('.') || !file.path().is_file() {
                continue;
            }
            let (name, info) = full.split_once(":2,").unwrap_or((&full, ""));
            found.push(Entry { name: name.into(), flags: info.into(), path: file.path() });
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// What [`Maildir::deliver`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// A file was written.
    New(PathBuf),
    /// An earlier run delivered this very mail.
    Present,
}

/// A maildir that query results are written to, as `lei q -o maildir:DIR` does.
///
/// A file is named by the hash of the mail's bytes (git's name of the blob), so a later run finds what it delivered
/// before, wherever a mail program has moved it within the maildir and however it has marked it.
#[derive(Debug)]
pub struct Maildir {
    path: PathBuf,
    present: FxHashSet<String>,
}

impl Maildir {
    /// Opens it, and makes it where it is not there.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        for folder in ["tmp", "new", "cur"] {
            let folder = path.join(folder);
            fs::create_dir_all(&folder).map_err(|source| ArchiveError::Io { path: folder, source })?;
        }
        let present = entries(path)?.into_iter().map(|it| it.name).collect();
        Ok(Self { path: path.to_owned(), present })
    }

    /// Writes a mail into `new/`, unless it is there.
    pub fn deliver(&mut self, mail: &[u8]) -> Result<Delivered, ArchiveError> {
        let name =
            Oid::hash_object(ObjectType::Blob, mail).map_err(|source| ArchiveError::Hash { source })?.to_string();
        if self.present.contains(&name) {
            return Ok(Delivered::Present);
        }
        // Two processes may deliver the same mail at once: each writes its own file in tmp/, and both rename it to one name.
        let tmp = self.path.join("tmp").join(format!("{name}.{}", std::process::id()));
        let new = self.path.join("new").join(&name);
        let written = write_whole(&tmp, mail).and_then(|()| fs::rename(&tmp, &new));
        written.map_err(|source| {
            let _ = fs::remove_file(&tmp);
            ArchiveError::Io { path: new.clone(), source }
        })?;
        self.present.insert(name);
        Ok(Delivered::New(new))
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// A maildir and its Maildir++ folders, which lie beside `cur/` under names that begin with a dot.
pub(super) fn with_folders(path: &Path) -> Vec<PathBuf> {
    let mut folders = BTreeSet::from([path.to_owned()]);
    let children = fs::read_dir(path).into_iter().flatten().flatten();
    folders.extend(children.map(|it| it.path()).filter(|it| is_dotted(it) && is_maildir(it)));
    folders.into_iter().collect()
}

fn is_dotted(path: &Path) -> bool {
    path.file_name().is_some_and(|it| it.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_delivers_only_what_is_new_even_after_a_mail_program_was_at_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("box");
        let mut maildir = Maildir::open(&path).unwrap();
        let Delivered::New(first) = maildir.deliver(b"Subject: one\n\n1\n").unwrap() else { panic!("not new") };
        assert_eq!(maildir.deliver(b"Subject: one\n\n1\n").unwrap(), Delivered::Present);
        let name = first.file_name().unwrap().to_string_lossy().into_owned();
        fs::rename(&first, path.join("cur").join(format!("{name}:2,RS"))).unwrap();

        let mut again = Maildir::open(&path).unwrap();
        assert_eq!(again.deliver(b"Subject: one\n\n1\n").unwrap(), Delivered::Present);
        assert!(matches!(again.deliver(b"Subject: two\n\n2\n").unwrap(), Delivered::New(_)));
        let mut flags: Vec<_> = entries(&path).unwrap().into_iter().map(|it| it.flags).collect();
        flags.sort();
        assert_eq!(flags, ["", "RS"]);
        assert_eq!(fs::read_dir(path.join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn names_give_order_flags_and_time() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["cur", "new", "tmp", ".Sent/cur", ".Sent/new"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for file in ["cur/1700000002.b.host:2,S", "new/1700000001.a.host", "cur/.hidden", "tmp/1700000003.c.host"] {
            fs::write(dir.path().join(file), "Subject: x\n\n").unwrap();
        }
        let found = entries(dir.path()).unwrap();
        let found: Vec<_> = found.iter().map(|it| (it.name.as_str(), it.flags.as_str(), it.arrival())).collect();
        let expected =
            [("1700000001.a.host", "", Some(1_700_000_001)), ("1700000002.b.host", "S", Some(1_700_000_002))];
        assert_eq!(found, expected);
        assert_eq!(with_folders(dir.path()).len(), 2);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let error = Maildir::open(&dir.path().join("file")).unwrap_err();
        assert!(matches!(&error, ArchiveError::Io { path, .. } if path.ends_with("file/tmp")), "{error}");
    }
}
