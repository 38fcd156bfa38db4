//! What a finding rests on, as data. How it reads is [`super::form`]'s affair alone: whoever wants to know what a fact is asks the
//! enum, never its words.

use jiff::civil::Date;
use provenance_corpus::catalogue::MechanismId;
use provenance_lab::conflict::{Era, Finding as Came};

/// One fact below a finding. Moments are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fact {
    /// A label and a sentence: enough for a rule whose facts nobody else asks about.
    Plain {
        /// Shown in front; empty where the fact goes on from the one before.
        label: &'static str,
        /// The sentence, without full stop.
        text: String,
    },
    /// An address is the entry of a function that a table of sites records.
    Entry {
        /// The expression that is written to.
        address: String,
        /// The function; `##` stays where a macro makes the name.
        function: String,
        /// The table.
        table: &'static str,
        /// Who keeps it.
        owner: String,
    },
    /// Two users of one function's entry of which only one can be there.
    Excludes {
        /// What is registered, in words: `a kprobe with a post_handler`.
        what: &'static str,
        /// Why it counts as a user that changes where the function goes on.
        because: &'static str,
        /// Whose entry it is: a name, or `None` for any function that somebody names at run time.
        function: Option<String>,
    },
    /// What the code does with the instruction pointer, beside what it declares.
    Declared {
        /// It asks for IPMODIFY, by a flag or by a `post_handler`.
        declares: bool,
        /// The name on the line that moves the instruction pointer, if one does.
        does: Option<String>,
    },
    /// A list that answers for a mechanism.
    Answers {
        /// Its address.
        list: String,
        /// The mechanism's name.
        mechanism: String,
        /// Since when a source shows it.
        since: Date,
    },
    /// The kernel's rule that decides: file, function, version.
    Rule(&'static str),
    /// What an owner does when it finds bytes that are not its own.
    OnConflict {
        /// The owner's name.
        owner: String,
        /// What happens.
        then: String,
    },
    /// The engine put two mechanisms on the same bytes, in this order.
    Ran {
        /// Who was there.
        first: Era,
        /// Who came.
        second: Era,
        /// What came of it.
        came: Came,
        /// The kernel that was put to the same test, if one was.
        witness: Option<String>,
    },
    /// The engine has no model of this function.
    NoModel(String),
    /// What an attached image holds at the function's entry.
    Image {
        /// The image.
        kernel: String,
        /// What it says.
        says: String,
    },
    /// A list that has not got the mail.
    List {
        /// Its address.
        address: String,
        /// Title of the section of MAINTAINERS, and the line of it that matched; `None` for the list of every patch.
        section: Option<(String, String)>,
    },
    /// Somebody of MAINTAINERS who has not got the mail.
    Maintainer {
        /// Name or address.
        who: String,
        /// Title of the section, and the line of it that matched.
        section: (String, String),
        /// The last indexed mail.
        last: Option<i64>,
    },
    /// Of when the MAINTAINERS is that was read.
    MaintainersOf(i64),
    /// A list to which most threads of earlier patches to the same files went.
    Habit {
        /// Its address.
        list: String,
        /// How many threads went there.
        threads: usize,
        /// How many there were.
        of: usize,
        /// The file, or the first of them.
        path: String,
        /// Date of the oldest.
        since: i64,
    },
    /// Somebody who knows the mechanism or the code.
    Person {
        /// Name as in From.
        name: String,
        /// By what.
        knows: Knows,
        /// Day of the last known mail.
        last: i64,
    },
    /// An event of the catalogue.
    Event {
        /// When it happened.
        on: Date,
        /// Its subject, or what it was.
        what: String,
        /// Who wrote it.
        who: Option<String>,
    },
    /// An earlier mail.
    Mail {
        /// Its date.
        date: i64,
        /// Its subject.
        subject: String,
        /// Who sent it.
        author: String,
    },
    /// Two pieces that do the same, of the patch and of an earlier mail: added lines without their signs.
    Pieces {
        /// Of the patch.
        here: Vec<String>,
        /// Its date.
        on: i64,
        /// Of the earlier mail.
        there: Vec<String>,
        /// Its date.
        then: i64,
    },
    /// How an earlier posting ended.
    Ended(Ended),
    /// What the patch and earlier events have in common.
    Matched(Vec<String>),
    /// When a mechanism was first posted.
    Posted {
        /// The mechanism.
        mechanism: MechanismId,
        /// The day.
        on: Date,
    },
    /// When it was merged, as a tree has the commit.
    Merged {
        /// The mechanism, where it is one's.
        mechanism: Option<MechanismId>,
        /// The day.
        on: Date,
    },
    /// The revision before this one.
    Earlier {
        /// Its date.
        date: i64,
        /// Its subject.
        subject: String,
        /// Equal changed lines of both, in per mille.
        similarity: u16,
    },
    /// A trailer that was given to it.
    Given(String),
    /// A place that was changed since.
    Changed {
        /// The file.
        path: String,
        /// The function; empty where none is known.
        function: String,
        /// Lines that came.
        came: usize,
        /// Lines that went.
        went: usize,
    },
    /// What is not shown: how many, of what (empty for the same as before).
    More(usize, &'static str),
    /// What a reader wrote below a quoted line.
    Remark {
        /// The line, with its sign.
        on: String,
        /// When it was sent, in seconds since 1970.
        date: i64,
        /// Who wrote it.
        who: String,
        /// The first line of it, cut.
        says: String,
    },
    /// The title that a trailer gives to a commit, and the commit's own.
    Titles {
        /// The trailer's.
        says: String,
        /// The commit's.
        is: String,
    },
    /// Figures of a message.
    Figures(Vec<String>),
    /// The mail where they were printed before.
    Printed {
        /// Its date.
        date: i64,
        /// Its subject.
        subject: String,
    },
}

/// How a posting ended, as far as the indexed mails tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody refused it.
    Nak {
        /// Who.
        who: String,
        /// When.
        on: i64,
        /// The line that says so.
        line: String,
    },
    /// Others answered, and nobody refused it; the last of them.
    Answers {
        /// How many mails.
        count: usize,
        /// Who wrote the last.
        who: String,
        /// When.
        on: i64,
    },
    /// No answer is indexed.
    Unanswered,
}

/// What makes somebody know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Knows {
    /// Work on the mechanism whose bytes are written over.
    Owner(MechanismId, Date, String),
    /// Work on a mechanism that does something like this.
    Similar(MechanismId, Date, String),
    /// Work on the mechanism through which the patch writes.
    Through(MechanismId, Date, String),
    /// Work on the mechanism whose users are kept out of an entry.
    Entry(MechanismId, Date, String),
    /// An earlier mail about the same files and names.
    Code {
        /// The file or name that both have.
        shared: String,
        /// Its date.
        date: i64,
        /// Its subject.
        subject: String,
        /// The line of it that says so.
        line: String,
        /// It is a line that the mail's own patch changes there, and not something that is said.
        changed: bool,
    },
}

impl Fact {
    /// A fact of a rule whose facts nobody else asks about.
    pub fn plain(label: &'static str, text: impl Into<String>) -> Fact {
        Fact::Plain { label, text: text.into() }
    }
}
