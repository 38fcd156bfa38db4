//! Loose objects that end early. libgit2 1.9 waits for ever for the rest of one (its inflate loop makes no headway and
//! does not notice), so each is inflated here before it is asked for. A clone has none; a repository that was written to
//! since its last repack has a few.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::ZlibDecoder;
use git2::Oid;

use super::LARGEST_MAIL;

/// An object's header, `blob 123` and a NUL, is no longer.
const HEADER: u64 = 64;

/// The loose objects of a repository, by the first byte of their names.
pub(super) struct Loose {
    objects: PathBuf,
    folders: Vec<bool>,
}

impl Loose {
    /// Looks which of the 256 folders are there.
    pub(super) fn of(directory: &Path) -> Loose {
        let objects = directory.join("objects");
        let mut folders = vec![false; 256];
        for entry in fs::read_dir(&objects).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let byte = name.to_str().filter(|it| it.len() == 2).and_then(|it| u8::from_str_radix(it, 16).ok());
            if let Some(byte) = byte {
                folders[usize::from(byte)] = true;
            }
        }
        Loose { objects, folders }
    }

    /// Fails where the object is loose and cannot be inflated to its end.
    pub(super) fn check(&self, oid: Oid) -> Result<(), git2::Error> {
        if !self.folders[usize::from(oid.as_bytes()[0])] {
            return Ok(());
        }
        let name = oid.to_string();
        let Ok(file) = File::open(self.objects.join(&name[..2]).join(&name[2..])) else { return Ok(()) };
        // What is larger than a mail may be is refused by its header, and never inflated whole.
        let mut inflated = ZlibDecoder::new(file).take(LARGEST_MAIL + HEADER);
        match io::copy(&mut inflated, &mut io::sink()) {
            Ok(_) => Ok(()),
            Err(e) => Err(git2::Error::from_str(&format!("the loose object ends early or is no zlib stream: {e}"))),
        }
    }
}
