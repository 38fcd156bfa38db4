//! The versions of a series, for the screen.

/// A version: a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// `v4`, `RFC v2`
    pub name: String,
    /// `2019-12-11`
    pub date: String,
    /// Message-ID of its cover letter, or of its first mail.
    pub head: String,
    /// Missing or doubled parts, who sent it if somebody else.
    pub remark: String,
    /// Address of who sent it.
    pub author: String,
    /// Whether there is a version before that it is compared with.
    pub compared: bool,
}

/// A patch in a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// `2/6`; empty where the patch was dropped here.
    pub number: String,
    /// Message-ID; empty where the patch was dropped here.
    pub id: String,
    /// As `git range-diff`: `=` the same, `!` changed, `>` new, `<` gone; a blank in the first version.
    pub sign: char,
    /// `changed, 87 % kept`
    pub fate: String,
    /// What the pairing rests on.
    pub reason: String,
    /// The subject, as sent.
    pub subject: String,
    /// The commit that it became.
    pub landed: String,
}

/// A patch through all versions: a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its last title.
    pub title: String,
    /// One for each version.
    pub cells: Vec<Option<Cell>>,
}

/// A remark to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remark {
    /// Who and what.
    pub text: String,
    /// The mail that it stands in.
    pub id: String,
}

/// A series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesFacts {
    /// Title of its last version.
    pub title: String,
    /// In the order of time.
    pub columns: Vec<Column>,
    /// In the order of the patches; the cover letters first, where there are any.
    pub rows: Vec<Row>,
    /// Remarks on lines of the open patch that are as they were, and that nobody answered.
    pub remarks: Vec<Remark>,
}
