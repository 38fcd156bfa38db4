//! The files that make a folder a public-inbox v2 inbox (public-inbox-v2-format(5)).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::StoreError;

pub(super) fn epoch(path: &Path) -> PathBuf {
    path.join("git/0.git")
}

/// Makes what is missing; what is there is left alone.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    let (epoch, all) = (epoch(path), path.join("all.git"));
    for folder in [&epoch, &all] {
        for inner in ["objects/info", "objects/pack", "refs/heads"] {
            let folder = folder.join(inner);
            fs::create_dir_all(&folder).map_err(|source| StoreError::Io { path: folder, source })?;
        }
        put(&folder.join("HEAD"), "ref: refs/heads/master\n")?;
    }
    // public-inbox takes a folder with this file for an inbox of the second version, and locks it when it writes.
    put(&path.join("inbox.lock"), "")?;
    put(&path.join("description"), "mail imported by provenance\n")?;
    let settings = "[core]\n\trepositoryFormatVersion = 0\n\tfilemode = true\n\tbare = true\n";
    put(&all.join("config"), settings)?;
    put(&all.join("objects/info/alternates"), "../../git/0.git/objects\n")?;
    put(&epoch.join("config"), settings)
}

/// Through a rename, so that a file that is there is whole.
fn put(path: &Path, text: &str) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let own = format!("tmp-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let temporary = path.with_extension(own);
    let made: io::Result<()> = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    made.map_err(|source| StoreError::Io { path: path.to_owned(), source })
}
