//! Messages become documents, documents an index, a query hits; links and lineage are derived from both.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod child;
pub mod collapse;
pub mod container;
pub mod document;
pub mod events;
pub mod footer;
pub mod guard;
pub mod hash;
pub mod history;
pub mod journal;
pub mod lineage;
pub mod links;
mod newest;
pub mod people;
pub mod prior_art;
pub mod progress;
pub mod query;
pub mod raw;
pub mod reader;
pub mod reason;
pub mod row;
pub mod schema;
pub mod scope;
pub mod search;
pub mod sections;
pub mod sources;
pub mod state;
pub mod store;
pub mod terms;
pub mod upkeep;
pub mod writer;

use std::io::{self, Write};
use std::path::Path;

/// Writes a file whole beside the old one, syncs it, and puts it in the old one's place: a crash leaves
/// the old or the new, never a mixture. Directories on the way are made.
///
/// # Errors
/// What the file system says.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    container::replace_with(path, |mut file| file.write_all(bytes).map(|()| file))
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
