//! What can happen, and what can be done.

use std::path::PathBuf;

use ratatui::crossterm::event::KeyEvent;

use super::draft::{Draft, Endorsement};
use super::facts::checked::FindingRow;
use super::facts::{HitRow, Opened, SharedPage, Tree};
use super::lab;
use super::question::{Answer, Asking};
use super::state::Fact;

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
    /// No key was pressed for a moment.
    Quiet,
    /// Keys that were pressed for another program, and came here: how many.
    Lost(usize),
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
    /// Findings of one rule on a patch.
    Findings { ask: u64, id: String, rows: Vec<FindingRow> },
    /// All rules ran: what there is to say of that.
    Checked { ask: u64, id: String, said: Result<String, String> },
    /// The answer to a question of a screen.
    Answer { ask: u64, answer: Answer },
    /// News from the lab.
    Lab(lab::News),
    /// A draft was written and is to be edited.
    Drafted(Draft),
    /// A draft was edited or looked at: as it is now.
    Edited(Result<Draft, String>),
    /// Patches were tried on the work tree, and nothing was changed.
    Tried(Box<Trial>),
    /// Drafts of several answers were written.
    Answered(Vec<Draft>),
    /// A draft was sent, and its copy lies elsewhere.
    Sent { draft: PathBuf, copy: PathBuf },
    /// A draft is gone.
    Deleted(PathBuf),
    /// Something was done.
    Done(String),
    /// Something was not done.
    Failed(String),
}

impl Msg {
    /// The answer to the question of this number, where this is that.
    pub fn answer<T: 'static>(&self, to: u64) -> Option<&T> {
        match self {
            Msg::Answer { ask, answer } if *ask == to => answer.of(),
            _ => None,
        }
    }
}

/// Which mails an effect concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mails {
    /// Message-IDs, in the order in which git am takes them.
    pub ids: Vec<String>,
    /// For the reader: `1 mail`, `6 patches`.
    pub name: String,
}

/// What became of patches that were tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The patches.
    pub mails: Mails,
    /// Branch, subjects, and where it fails.
    pub lines: Vec<String>,
    /// Whether all would apply.
    pub would: bool,
}

/// A line of a patch, as a finding names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchLine {
    /// The file.
    pub path: String,
    /// Its number in the new file.
    pub number: u32,
    /// `+`, `-` or a blank.
    pub sign: char,
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
    /// Check the patch of a mail.
    Check { ask: u64, id: String },
    /// Keep a verdict on a finding: why it does not count; empty takes that back.
    Dismiss { finding: String, why: String },
    /// Put a text into the draft of an answer to a mail, below the line of the patch that it is about.
    Paste { id: String, text: String, about: Option<PatchLine> },
    /// Delete a draft.
    DeleteDraft(PathBuf),
    /// Answer a question of a screen.
    Ask { ask: u64, question: Asking },
    /// Run in the lab.
    Lab(lab::Job),
    /// Cancel what runs in the lab.
    StopLab,
    /// Keep a verdict, note or remark.
    Record(Fact),
    /// Write a draft: an answer to a mail, perhaps with an endorsement.
    Draft { id: String, endorsement: Option<Endorsement>, remarks: Vec<(u32, String)> },
    /// Write drafts: answers to several mails, each with its remarks, quoting no more than they need.
    Answers { answers: Vec<(String, Vec<(u32, String)>)> },
    /// Open the editor on a draft.
    Edit(PathBuf),
    /// Read a draft again.
    LookAtDraft(PathBuf),
    /// Send a draft with the user's own tool.
    Send(PathBuf),
    /// Put a draft into a maildir.
    Maildir { draft: PathBuf, maildir: PathBuf },
    /// Write mails into an mbox.
    Write { mails: Mails, path: PathBuf },
    /// Pipe mails to a command.
    Pipe { mails: Mails, command: String },
    /// Look whether patches would apply there.
    TryApply { mails: Mails },
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
    /// Leave the desk.
    Quit,
}
