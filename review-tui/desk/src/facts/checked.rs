//! Findings on a patch, for the screen.

/// Where a line of a finding leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lead {
    /// It leads nowhere.
    #[default]
    None,
    /// To a mail, by its Message-ID.
    Mail(String),
    /// To a commit or page, that is told.
    Told(String),
    /// To the lab's scenarios of a mechanism.
    Scenario(String),
    /// To the text map.
    Image,
}

/// A line below a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// `ran`, `rule`, `image`; empty where it goes on.
    pub label: String,
    /// What is said.
    pub text: String,
    /// Where it leads.
    pub lead: Lead,
}

/// A line of the patch beside a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// `+`, `-`, a blank, or `@` for a header.
    pub sign: char,
    /// Number in the new file; 0 for none.
    pub number: u32,
    /// Its text.
    pub text: String,
    /// The finding is about it.
    pub marked: bool,
}

/// A finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingRow {
    /// `ownership-0123abcd`
    pub id: String,
    /// `warning[ownership]`
    pub head: String,
    /// `!` from a warning up, `·` for a note.
    pub sign: char,
    /// One sentence.
    pub says: String,
    /// The reader's own verdict.
    pub dismissed: Option<String>,
    /// What it rests on, what to do.
    pub details: Vec<Detail>,
    /// The file.
    pub path: String,
    /// Lines of the patch around it.
    pub beside: Vec<Beside>,
    /// As it is pasted into a reply.
    pub reply: String,
}
