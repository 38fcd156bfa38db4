//! A question on the last line of the screen, and what the answer is for.

use super::input::Input;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A command.
    Command,
    /// The query, answered while it is typed.
    Query,
    /// A limit of what is shown, added to the query.
    Limit,
    /// A text to search for in what is shown.
    Search,
    /// The tags of a mail.
    Tags(String),
    /// A note on a mail.
    Note(String),
    /// A remark on a line of a mail: id, line, the line itself.
    Remark(String, u32, String),
    /// A command to pipe mails to.
    Pipe(super::msg::Mails),
    /// A file to write mails to.
    Write(super::msg::Mails),
    /// A maildir for a draft.
    Maildir(std::path::PathBuf),
    /// The number of a link.
    Link,
    /// A name for the query.
    Save(String),
    /// A file for the export.
    Export,
    /// Why a finding, by its id, does not count.
    Dismiss(String),
}

/// A question with what was typed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What for.
    pub asked: Asked,
    /// The answer so far.
    pub input: Input,
    /// What the line can be completed to.
    pub offers: Vec<String>,
    /// How far back in what was asked before it stands; 0 for what is being typed.
    pub back: usize,
    /// What was being typed before it went back.
    pub typed: String,
}

impl Prompt {
    /// A question with an answer to begin with.
    pub fn new(asked: Asked, text: impl Into<String>) -> Prompt {
        Prompt { asked, input: Input::new(text), offers: Vec::new(), back: 0, typed: String::new() }
    }

    /// What stands before the answer.
    pub fn label(&self) -> String {
        match &self.asked {
            Asked::Command => ":".to_owned(),
            Asked::Query => "query: ".to_owned(),
            Asked::Limit => "limit to: ".to_owned(),
            Asked::Search => "/".to_owned(),
            Asked::Tags(_) => "tags: ".to_owned(),
            Asked::Note(_) => "note: ".to_owned(),
            Asked::Remark(_, _, quoted) => {
                format!("remark on `{}`: ", provenance_review::text::cut(&super::text::clean(quoted.trim()), 24))
            }
            Asked::Pipe(mails) => format!("pipe {} to: ", mails.name),
            Asked::Write(mails) => format!("write {} to: ", mails.name),
            Asked::Maildir(_) => "maildir: ".to_owned(),
            Asked::Link => "link: ".to_owned(),
            Asked::Save(_) => "save the query as: ".to_owned(),
            Asked::Export => "export to: ".to_owned(),
            Asked::Dismiss(_) => "dismiss, because: ".to_owned(),
        }
    }
}
