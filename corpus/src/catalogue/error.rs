//! Why a catalogue file is refused. Every error names the file, the event and the field, and says what would be right.

use super::model::EdgeKind;
use super::words::Day;
use std::path::PathBuf;
use thiserror::Error;

/// A catalogue that does not load. Nothing of it is used: half a history would give wrong answers.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The directory or a file in it cannot be read.
    #[error("{}: cannot be read; check its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML, an unknown or missing field, a bad date, id or word.
    #[error("{file}:{line}: {}{message}", entry.as_deref().map(|e| format!("{e}: ")).unwrap_or_default())]
    Syntax {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// The last `id`, or edge, before the place.
        entry: Option<String>,
        /// What is wrong, naming the field.
        message: String,
    },
    /// A slug, alias or event id that another file or entry has already.
    #[error("{file}: `{name}` is already {taken_by}; choose another name")]
    Duplicate {
        /// Name of the file.
        file: String,
        /// The name.
        name: String,
        /// Who has it.
        taken_by: String,
    },
    /// A mechanism without `name` or `summary` that no other file defines, or a second definition.
    #[error("{file}: {slug}: {field} {problem}")]
    Definition {
        /// Name of the file.
        file: String,
        /// The mechanism.
        slug: String,
        /// `name` or `summary`.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// An event or edge without evidence.
    #[error("{file}: {entry}: evidence is missing; give at least one of mail, commit, or url with read")]
    NoEvidence {
        /// Name of the file.
        file: String,
        /// The event or edge.
        entry: String,
    },
    /// Evidence that does not point at exactly one thing.
    #[error("{file}: {entry}: evidence: {problem}")]
    BadEvidence {
        /// Name of the file.
        file: String,
        /// The event or edge.
        entry: String,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// An edge, an answer or a list that names no event or mechanism.
    #[error("{file}: {entry}: {field} names `{target}`, which is no event or mechanism{}", did_you_mean(near))]
    Nowhere {
        /// Name of the file.
        file: String,
        /// The event or edge.
        entry: String,
        /// The field.
        field: &'static str,
        /// The name that leads nowhere.
        target: String,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// An event before the one that it answers or fixes.
    #[error(
        "{file}: {entry}: happened {happened}, before {other} of {other_happened}, which it {verb}; correct one of the dates"
    )]
    BeforeItsCause {
        /// Name of the file.
        file: String,
        /// The event or edge.
        entry: String,
        /// Its day.
        happened: Day,
        /// The event that it answers or fixes.
        other: String,
        /// That one's day.
        other_happened: Day,
        /// `answers` or `fixes`.
        verb: &'static str,
    },
    /// Known before it happened, or before anything that could be known of it.
    #[error("{file}: {entry}: recorded {recorded} is before {what}, {day}; correct one of the dates")]
    RecordedEarly {
        /// Name of the file.
        file: String,
        /// The event or edge.
        entry: String,
        /// The date given.
        recorded: Day,
        /// What it is before: that it happened, or its evidence.
        what: &'static str,
        /// The day of that.
        day: Day,
    },
    /// A judgement that does not say since when it counts.
    #[error("{file}: {entry}: {} is a judgement and counts from the day somebody first wrote it; give recorded, and evidence of that date", kind.as_str())]
    UndatedJudgement {
        /// Name of the file.
        file: String,
        /// The edge.
        entry: String,
        /// Its kind.
        kind: EdgeKind,
    },
    /// A symbol or site that ends before it begins.
    #[error("{file}: {entry}: until {until} is before from {from}; correct one of the dates")]
    EndsEarly {
        /// Name of the file.
        file: String,
        /// The symbol or site.
        entry: String,
        /// First day.
        from: Day,
        /// Last day.
        until: Day,
    },
    /// A field whose value says nothing.
    #[error("{file}: {entry}: {field} {problem}")]
    Field {
        /// Name of the file.
        file: String,
        /// The event, edge or symbol.
        entry: String,
        /// The field.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: &'static str,
    },
    /// The compiled-in catalogue cannot be decoded; only a broken build does this.
    #[error("the built-in catalogue cannot be decoded: {0}; build the program again")]
    Embedded(String),
}

/// A name that is no mechanism.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no mechanism is called `{}`{}", name.escape_debug(), did_you_mean(near))]
pub struct UnknownMechanism {
    /// The name asked for.
    pub name: String,
    /// Slugs and aliases that look like it, nearest first; where none does, all slugs.
    pub near: Vec<String>,
}

fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [one] => format!("; did you mean `{one}`?"),
        many => format!("; try one of: {}", many.join(", ")),
    }
}
