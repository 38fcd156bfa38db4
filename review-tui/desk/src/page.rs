//! A mail, made ready for reading: rows of clean text, each with what it is, its files, hunks and links. Made once, away
//! from the screen; what is folded and how wide the pane is concerns [`layout`] alone.

pub mod build;
pub mod layout;
pub mod paint;
pub mod syntax;
pub mod voices;
pub mod words;

use std::ops::Range;

use syntax::Language;
use voices::Voice;

use super::touch::Touch;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A field of the header; the first so many bytes are its name.
    Header(u8),
    /// A field that is shown on request.
    MoreHeader(u8),
    /// A trailer; the first so many bytes are its name.
    Trailer(u8),
    /// A file of the patch with what changes in it, as an overview.
    FileList(u32),
    /// An empty line.
    Blank,
    /// Running text.
    Prose,
    /// Quoted text, by depth from 0.
    Quote(u8),
    /// The first row of a file in the diff.
    File(u32),
    /// `index`, `---`, `+++` and the like.
    FileNote,
    /// A hunk's header.
    Hunk,
    /// A line of a diff that is only in the new file.
    Added,
    /// A line that is only in the old file.
    Removed,
    /// A line that is in both.
    Context,
    /// What follows `-- `.
    Signature,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub kind: Kind,
    /// Clean text; of a line of a diff without its marker.
    pub text: Box<str>,
    /// Line of the mail's text from 0; `u32::MAX` for what the desk added.
    pub source: u32,
    /// Number in the new file; 0 for a removed line, and for what is no line of a file.
    pub number: u32,
    /// Number in the old file; 0 for an added line, and for what is no line of a file.
    pub old: u32,
    /// What differs from the line's counterpart.
    pub words: Box<[Range<u32>]>,
    /// Whether a comment of the source is open at its start.
    pub in_comment: bool,
}

/// A file of the patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub path: String,
    /// How it is written.
    pub language: Language,
    /// Lines added and removed.
    pub changed: (u32, u32),
    /// Its first row, and one past its last.
    pub rows: Range<u32>,
}

/// Something to go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A mail, by its id.
    Mail(String),
    /// A page; the desk shows the address and opens nothing.
    Page(String),
    /// A commit.
    Commit(String),
}

/// A mail, ready.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The Message-ID, without angle brackets.
    pub id: String,
    /// Clean subject.
    pub subject: String,
    /// Clean name of the author.
    pub author: String,
    /// Seconds since 1970.
    pub date: i64,
    /// All rows.
    pub rows: Vec<Row>,
    /// Files of the patch.
    pub files: Vec<File>,
    /// What `[1]` and so on lead to.
    pub links: Vec<Target>,
    /// Mechanisms that the mail touches, with the reasons.
    pub touches: Vec<Touch>,
    /// What answers say of its lines, by line.
    pub voices: Vec<Voice>,
    /// Whether there is a diff.
    pub is_patch: bool,
    /// The text of the mail, line by line, as it was sent; for replies.
    pub lines: Vec<Box<str>>,
}

impl Page {
    /// The file that a row belongs to.
    pub fn file_of(&self, row: u32) -> Option<usize> {
        let at = self.files.partition_point(|file| file.rows.end <= row);
        self.files.get(at).filter(|file| file.rows.contains(&row)).map(|_| at)
    }

    /// How the line of a row is written.
    pub fn language(&self, row: u32) -> Language {
        self.file_of(row).map_or(Language::Text, |at| self.files[at].language)
    }
}
