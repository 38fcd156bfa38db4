//! What can happen, and what can be done.

use std::path::PathBuf;

use ratatui::crossterm::event::KeyEvent;

use super::draft::{Draft, Endorsement};
use super::facts::checked::FindingRow;
use super::facts::series::SeriesFacts;
use super::facts::{HitRow, LineageFacts, Opened, SharedPage, TextMap, Tree};
use super::lab;
use super::state::Fact;
use super::theme::Ink;

/// Something that happened.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "fields are named for what the variants say")]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// Text that was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// The desk has looked around.
    Opened(Box<Opened>),
    /// Hits of a question, from a place on; `total` in all.
    Hits { ask: u64, from: usize, hits: Vec<HitRow>, total: usize, done: bool },
    /// A question that has no answer: what is wrong, and where in the query.
    Unanswered { ask: u64, what: String, at: Option<(usize, usize)> },
    /// A thread.
    Thread { ask: u64, id: String, tree: Result<Tree, String> },
    /// A mail.
    Page { id: String, page: Result<SharedPage, String> },
    /// A lineage.
    Lineage { ask: u64, facts: Box<LineageFacts> },
    /// Who owns the bytes of a patch's functions.
    TextMap { ask: u64, map: Result<Box<TextMap>, String> },
    /// Findings of one rule on a patch.
    Findings { ask: u64, id: String, rows: Vec<FindingRow> },
    /// All rules ran: what there is to say of that.
    Checked { ask: u64, id: String, said: Result<String, String> },
    /// The versions of a series.
    Series { ask: u64, facts: Result<Box<SeriesFacts>, String> },
    /// What changed from one version to the next, line by line.
    Difference { ask: u64, lines: Result<Vec<(String, Ink)>, String> },
    /// News from the lab.
    Lab(lab::News),
    /// A draft was written and is to be edited.
    Drafted(Draft),
    /// A draft was edited or looked at: as it is now.
    Edited(Result<Draft, String>),
    /// Something was done.
    Done(String),
    /// Something was not done.
    Failed(String),
}

/// Which mails an effect concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mails {
    /// Message-IDs, in the order in which git am takes them.
    pub ids: Vec<String>,
    /// For the reader: `1 mail`, `6 patches`.
    pub name: String,
}

/// In which order hits stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
    /// Best first.
    Best,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "fields are named for what the variants say")]
pub enum Effect {
    /// Answer a question; a newer one makes it void.
    Search { ask: u64, query: String, order: Order, threads: bool },
    /// Gather a thread.
    Thread { ask: u64, id: String },
    /// Read a mail.
    Page { id: String },
    /// Draw a lineage; an empty slug means all.
    Lineage { ask: u64, slug: String },
    /// Look the functions of a patch up in an attached image, counted from the last attached.
    TextMap { ask: u64, id: String, image: usize },
    /// Check the patch of a mail.
    Check { ask: u64, id: String },
    /// Keep a verdict on a finding: why it does not count; empty takes that back.
    Dismiss { finding: String, why: String },
    /// Put a text into the draft of an answer to a mail.
    Paste { id: String, text: String },
    /// Gather the versions of a mail's series.
    Series { ask: u64, id: String },
    /// Compare a mail's patch, or its whole series, with the version before.
    Difference { ask: u64, id: String, whole: bool },
    /// Run in the lab.
    Lab(lab::Job),
    /// Cancel what runs in the lab.
    StopLab,
    /// Keep a verdict, note or remark.
    Record(Fact),
    /// Write a draft: an answer to a mail, perhaps with an endorsement.
    Draft { id: String, endorsement: Option<Endorsement>, remarks: Vec<(u32, String)> },
    /// Open the editor on a draft.
    Edit(PathBuf),
    /// Read a draft again.
    LookAtDraft(PathBuf),
    /// Send a draft with the user's own tool.
    Send(PathBuf),
    /// Put a draft into a maildir.
    Maildir { draft: PathBuf, maildir: PathBuf },
    /// Write mails into a mbox.
    Write { mails: Mails, path: PathBuf },
    /// Pipe mails to a command.
    Pipe { mails: Mails, command: String },
    /// Apply patches to the work tree of the current directory.
    Apply { mails: Mails },
    /// Write all verdicts, notes and remarks as one JSON file.
    Export(PathBuf),
    /// Open a shell.
    Shell,
    /// Stop until the shell continues the program.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// End.
    Quit,
}
