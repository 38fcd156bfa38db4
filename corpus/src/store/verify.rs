//! Whether the store is as it was written: git's own checksums of packs and of their indexes, and that the history can be walked.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha1::{Digest, Sha1};

use super::layout;
use crate::archive::public_inbox_v2::Epoch;

/// Bytes of a SHA-1.
const SUM: usize = 20;

/// The files of a store that are damaged, or refused, and how; of a folder without a store there are none.
pub fn verify(path: &Path) -> Vec<(PathBuf, io::Error)> {
    let damaged = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let epoch = layout::epoch(path);
    if !epoch.exists() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for file in files(&epoch.join("objects/pack")) {
        let kind = file.extension().and_then(|e| e.to_str());
        if matches!(kind, Some("pack" | "idx" | "rev")) {
            match sums(&file) {
                Ok(true) => {}
                Ok(false) => found.push((file, damaged("its checksum does not match".to_owned()))),
                Err(error) => found.push((file, error)),
            }
        }
    }
    let history = Epoch::open(&epoch).and_then(|epoch| epoch.commits(None));
    match history {
        Ok(history) if history.damaged.is_empty() => {}
        Ok(history) => found.push((epoch, damaged(format!("{} of its commits cannot be read", history.damaged.len())))),
        // What refuses its files refuses its history.
        Err(_) if found.iter().any(|(_, error)| error.kind() == io::ErrorKind::PermissionDenied) => {}
        Err(error) => found.push((epoch, damaged(error.to_string()))),
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Whether a file ends with the checksum of all before.
fn sums(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut left = file.metadata()?.len().saturating_sub(SUM as u64);
    let (mut sum, mut buffer) = (Sha1::new(), vec![0; 1 << 18]);
    while left > 0 {
        let now = left.min(buffer.len() as u64) as usize;
        file.read_exact(&mut buffer[..now])?;
        sum.update(&buffer[..now]);
        left -= now as u64;
    }
    let mut end = [0; SUM];
    file.read_exact(&mut end)?;
    Ok(end[..] == sum.finalize()[..])
}
