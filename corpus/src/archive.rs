//! Where mail lies: one module per kind of source, all of them streaming bytes and origin.
//!
//! [`detect`] says what a path is. public-inbox repositories are attached and read in place; everything else is a
//! [`Source`] whose [`mails`](Source::mails) are imported into the program's own repository ([`crate::store`]).

mod detect;
pub mod maildir;
pub mod mbox;
pub mod public_inbox_config;
pub mod public_inbox_v1;
pub mod public_inbox_v2;
pub mod single;
mod source;
#[cfg(test)]
mod tests;
pub mod web_page;

use std::io;
use std::path::{Path, PathBuf};

pub use detect::detect;
pub use public_inbox_v2::LARGEST_MAIL;
pub use source::{Origin, RawMail, Source, SourceKind};

/// Everything that a path was found to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// public-inbox repositories, to be attached; by list, then by epoch.
    pub repositories: Vec<Repository>,
    /// What is to be imported, in the order of the paths.
    pub sources: Vec<Source>,
    /// What lies in a folder and is neither, with the reason.
    pub skipped: Vec<Skipped>,
}

/// A public-inbox repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    /// The list's name, taken from the folder: `LIST/git/0.git`, `LIST/0.git`, `LIST.git`.
    pub list: String,
    /// Which of the list's epochs; `None` for v1, which has none.
    pub epoch: Option<u32>,
    /// The git repository, absolute, symbolic links resolved.
    pub path: PathBuf,
}

/// Something in a folder that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file or repository.
    pub path: PathBuf,
    /// What it seems to be.
    pub why: String,
}

/// Why a path, or a file in it, gave no mail.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system refused: the path is not there, may not be read or written, or the disk is full.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A git repository that holds no mail.
    #[error("{}: not a public-inbox repository: {saw}; to search its commits, attach it with `index --repo {}`", .path.display(), .path.display())]
    NotPublicInbox {
        /// The repository.
        path: PathBuf,
        /// What its newest commit holds.
        saw: String,
    },
    /// A file that is neither mbox nor mail.
    #[error("{}: no mail: {saw}; supported: public-inbox clones, mbox (.gz), maildir, .eml, .patch and `-`", .path.display())]
    NotMail {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        saw: String,
    },
    /// A folder in which nothing was found.
    #[error("{}: no mail in this folder: {saw}; name a public-inbox clone, a maildir, or a folder of mbox or .eml files", .path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
        /// What was there instead.
        saw: String,
    },
    /// A single mail above the limit.
    #[error("{}: a mail above 64 MiB is not read", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A mbox's own trouble.
    #[error("{}: {source}", .path.display())]
    Mbox {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: mbox::MboxError,
    },
    /// A public-inbox repository that cannot be opened.
    #[error(transparent)]
    Epoch(#[from] public_inbox_v2::EpochError),
    /// A configuration file of public-inbox that cannot be read.
    #[error("{}: {}; correct it, or set PI_CONFIG to another", .path.display(), .source.message())]
    Config {
        /// The file.
        path: PathBuf,
        /// What git's parser said.
        source: git2::Error,
    },
    /// git could not hash a mail.
    #[error("a mail could not be hashed: {}", .source.message())]
    Hash {
        /// What libgit2 said.
        source: git2::Error,
    },
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> ArchiveError {
    move |source| ArchiveError::Io { path: path.to_owned(), source }
}
