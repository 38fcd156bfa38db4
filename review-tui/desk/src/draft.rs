//! An answer before it is sent: a file that holds a whole mail, as `mutt -H` and `git send-email` take it. It is on the
//! disk from its first moment on; the desk never holds one that is not.

pub mod compose;
pub mod deliver;
pub mod excerpt;
pub mod files;
pub mod headers;
pub mod place;

use std::path::PathBuf;

pub use compose::{Endorsement, Identity, Original};

/// A draft as the screen shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// Where it lies.
    pub path: PathBuf,
    /// Subject, decoded and clean.
    pub subject: String,
    /// Who gets it: field and addresses, clean.
    pub recipients: Vec<(String, String)>,
    /// The mail that it answers.
    pub answers: String,
    /// The text, line by line, clean.
    pub lines: Vec<String>,
    /// When it was last written: `2026-11-28 05:30`, in UTC.
    pub date: Box<str>,
    /// The first line of the reader's own.
    pub first: Box<str>,
    /// What is wrong with it, so that it cannot be sent as it is.
    pub trouble: Option<String>,
    /// Whether it is to be opened in the editor at once.
    pub fresh: bool,
}

impl Draft {
    /// What to type to go on with it elsewhere.
    pub fn command(&self) -> String {
        format!("mutt -H {}", shell_word(&self.path.display().to_string()))
    }
}

/// A word as a shell takes it.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
