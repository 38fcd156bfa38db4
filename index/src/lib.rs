//! Messages become documents, documents an index, a query hits; links and lineage are derived from both.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod collapse;
pub mod document;
pub mod events;
pub mod footer;
pub mod hash;
pub mod history;
pub mod lineage;
pub mod links;
pub mod people;
pub mod prior_art;
pub mod query;
pub mod raw;
pub mod reader;
pub mod row;
pub mod schema;
pub mod scope;
pub mod search;
pub mod sections;
pub mod sources;
pub mod state;
pub mod store;
pub mod terms;
pub mod writer;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file whole beside the old one, syncs it, and puts it in the old one's place: a crash leaves
/// the old or the new, never a mixture. Directories on the way are made.
///
/// # Errors
/// What the file system says.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(dir)?.sync_all()
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}
