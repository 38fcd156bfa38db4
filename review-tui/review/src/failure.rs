//! What the program says when it could not do what it was asked: what was refused, caused by what, and
//! what to do. And the exit codes, in one place.

use std::error::Error;
use std::io;

/// How a run ended, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; also when the reader of our output went away.
    Done,
    /// Findings of `warning` or above, or nothing found under `--exit-code`.
    Findings,
    /// The command line or the query makes no sense.
    Usage,
    /// Part or all of a source could not be read; stdout holds the rest.
    Unreadable,
    /// The index has another schema.
    Schema,
    /// Another process is indexing.
    Locked,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Findings => 1,
            Exit::Usage => 2,
            Exit::Unreadable => 3,
            Exit::Schema => 11,
            Exit::Locked => 19,
        }
    }
}

/// Why a command ended early.
#[derive(Debug)]
pub struct Failure {
    /// How the run ends.
    pub exit: Exit,
    /// What was refused, without full stop.
    pub what: String,
    /// Why, the nearest cause first.
    pub causes: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a cause beneath it.
    pub fn new(exit: Exit, what: impl Into<String>) -> Failure {
        Failure { exit, what: what.into(), causes: Vec::new(), hint: None }
    }

    /// A failure with an error and all its causes, but for those that are told already.
    pub fn from_error(exit: Exit, error: &dyn Error) -> Failure {
        let what = error.to_string();
        let mut causes: Vec<String> = Vec::new();
        let mut cause = error.source();
        while let Some(e) = cause {
            let text = e.to_string();
            if !what.contains(&text) && !causes.iter().any(|told| told.contains(&text)) {
                causes.push(text);
            }
            cause = e.source();
        }
        Failure { exit, what, causes, hint: None }
    }

    /// Says what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// The three parts, as they are printed.
    pub fn text(&self) -> String {
        let mut out = format!("error: {}\n", self.what);
        for cause in &self.causes {
            out.push_str(&format!("caused by: {cause}\n"));
        }
        if let Some(hint) = &self.hint {
            out.push_str(&format!("hint: {hint}\n"));
        }
        out
    }
}

/// Writing to stdout failed. A closed pipe is no failure: whoever reads has had enough.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::new(Exit::Done, "")
        } else {
            Failure::from_error(Exit::Unreadable, &Output(error))
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the output cannot be written")]
struct Output(#[source] io::Error);
