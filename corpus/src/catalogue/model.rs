//! What a catalogue file says, type by type.
//!
//! The build script reads the TOML files with these very types and writes them in the form that is compiled in, so what
//! a reader's own file may say and what the built-in files may say cannot differ. For the same reason this file uses
//! nothing of the crate but `words`. What needs a second fact to be checked is in `load`.

use super::words::{Commit, Day, EventId, MechanismId, MessageId, Node};
use serde::{Deserialize, Serialize};

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A patch or series was sent for the first time.
    Posting,
    /// A later version of a posting.
    Revision,
    /// A commit entered a maintainer's branch or the mainline.
    Merge,
    /// Something broke.
    Incident,
    /// Somebody reported that something is broken, or asked about it.
    Report,
    /// A reply that objects or argues.
    Argument,
    /// A statement that somebody else disputes, or that we cannot confirm; it is recorded as said, not as true.
    Claim,
    /// A talk.
    Talk,
    /// An article or page.
    Article,
    /// A measurement was published on its own.
    Measurement,
}

/// An edge's meaning, read from its first end to its second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeKind {
    /// The event brings the mechanism (or a part of it) into being.
    Introduces,
    /// The first takes the place of the second.
    Replaces,
    /// The first uses or extends the second.
    BuildsOn,
    /// The first repairs the second.
    Fixes,
    /// Somebody wrote that the two do the same; a judgement.
    SimilarTo,
    /// Somebody wrote that the two cannot have the same bytes; a judgement.
    ConflictsWith,
}

impl EdgeKind {
    /// Judgements count only from the day somebody wrote them.
    pub fn is_judgement(self) -> bool {
        matches!(self, EdgeKind::SimilarTo | EdgeKind::ConflictsWith)
    }

    /// The word used in files and outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            EdgeKind::Introduces => "introduces",
            EdgeKind::Replaces => "replaces",
            EdgeKind::BuildsOn => "builds-on",
            EdgeKind::Fixes => "fixes",
            EdgeKind::SimilarTo => "similar-to",
            EdgeKind::ConflictsWith => "conflicts-with",
        }
    }
}

impl Kind {
    /// The word used in files and outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Posting => "posting",
            Kind::Revision => "revision",
            Kind::Merge => "merge",
            Kind::Incident => "incident",
            Kind::Report => "report",
            Kind::Argument => "argument",
            Kind::Claim => "claim",
            Kind::Talk => "talk",
            Kind::Article => "article",
            Kind::Measurement => "measurement",
        }
    }
}

/// How good a piece of evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The mail or commit itself was read.
    Seen,
    /// Only its id was seen, as a link, trailer or reference in something that was read.
    Linked,
    /// A page that tells of it.
    Secondary,
}

impl Class {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Seen => "seen",
            Class::Linked => "linked",
            Class::Secondary => "secondary",
        }
    }
}

/// Where a fact can be checked: exactly one of a mail, a commit and a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Evidence {
    /// A mail.
    #[serde(default)]
    pub mail: Option<MessageId>,
    /// A commit.
    #[serde(default)]
    pub commit: Option<Commit>,
    /// A page; needs `read`.
    #[serde(default)]
    pub url: Option<String>,
    /// The mail's Date, the commit's date or the page's date, UTC.
    #[serde(default)]
    pub date: Option<Day>,
    /// Who wrote the mail, where it is not the event's author.
    #[serde(default)]
    pub from: Option<String>,
    /// The list whose public archive holds the mail, where it was checked there.
    #[serde(default)]
    pub archive: Option<String>,
    /// The day by which the page had been read.
    #[serde(default)]
    pub read: Option<Day>,
    /// Only the id was seen, not the thing itself.
    #[serde(default)]
    pub linked: bool,
}

/// What a piece of [`Evidence`] points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A mail.
    Mail(&'a MessageId),
    /// A commit.
    Commit(&'a Commit),
    /// A page.
    Page(&'a str),
}

impl Evidence {
    /// What it points at. A loaded catalogue holds no evidence for which this is `None`.
    pub fn source(&self) -> Option<Source<'_>> {
        match (&self.mail, &self.commit, &self.url) {
            (Some(mail), None, None) => Some(Source::Mail(mail)),
            (None, Some(commit), None) => Some(Source::Commit(commit)),
            (None, None, Some(url)) => Some(Source::Page(url)),
            _ => None,
        }
    }

    /// How good it is.
    pub fn class(&self) -> Class {
        match (&self.url, self.linked) {
            (Some(_), _) => Class::Secondary,
            (None, true) => Class::Linked,
            (None, false) => Class::Seen,
        }
    }
}

/// Both sides of a disputed statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Claim {
    /// Who says so.
    pub by: String,
    /// Who disputes it; empty where nobody was found to.
    pub disputed_by: Vec<String>,
    /// Events that bear on it, on either side.
    #[serde(default)]
    pub see: Vec<EventId>,
}

/// A published measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Figure {
    /// What was measured.
    pub measures: String,
    /// The figure.
    pub value: f64,
    /// What it is compared with by its author.
    #[serde(default)]
    pub baseline: Option<f64>,
    /// Unit of both.
    pub unit: String,
    /// Under which conditions.
    #[serde(default)]
    pub conditions: Option<String>,
    /// On which machine; absent where the source does not say.
    #[serde(default)]
    pub machine: Option<String>,
}

/// Something that happened to a mechanism.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// The mechanism whose file holds it; set by the loader.
    #[serde(skip)]
    pub mechanism: MechanismId,
    /// When it happened.
    pub happened: Day,
    /// When it could first be known: the date of its evidence. Absent: the day it happened.
    #[serde(default)]
    pub recorded: Option<Day>,
    /// What it is.
    pub kind: Kind,
    /// Subject of the mail or commit, without tags for the tree.
    #[serde(default)]
    pub subject: Option<String>,
    /// Who wrote it, as in From or Author.
    #[serde(default)]
    pub authors: Vec<String>,
    /// Addresses of the authors at that time, where an archive shows them; what `f:` searches beside the names.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Lists it went to, by their short names.
    #[serde(default)]
    pub lists: Vec<String>,
    /// One or two sentences of our own.
    pub text: String,
    /// The event that it replies to.
    #[serde(default)]
    pub answers: Option<EventId>,
    /// Set where the text is what somebody said, and is disputed.
    #[serde(default)]
    pub claim: Option<Claim>,
    /// Addresses in To, where they matter.
    #[serde(default)]
    pub to: Vec<String>,
    /// Addresses in Cc, where they matter.
    #[serde(default)]
    pub cc: Vec<String>,
    /// Files of the kernel that it changes.
    #[serde(default)]
    pub files: Vec<String>,
    /// Symbols that it adds, renames or is about.
    #[serde(default)]
    pub symbols: Vec<String>,
    /// The first release that has it, where a source says so.
    #[serde(default)]
    pub release: Option<String>,
    /// Other mechanisms that it concerns.
    #[serde(default)]
    pub also: Vec<MechanismId>,
    /// Where to check it.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// Measurements published with it.
    #[serde(default, rename = "figure")]
    pub figures: Vec<Figure>,
}

impl Event {
    /// The day from which it could be known.
    pub fn recorded(&self) -> Day {
        self.recorded.unwrap_or(self.happened)
    }
}

/// A relation between two events or mechanisms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Edge {
    /// The end that is read first: "from builds on to".
    pub from: Node,
    /// What the first end does to the second.
    pub kind: EdgeKind,
    /// The other end.
    pub to: Node,
    /// When somebody first wrote it; must be given for a judgement. The loader fills it in for the others: the day from
    /// which both ends could be known.
    #[serde(default)]
    pub recorded: Option<Day>,
    /// Who first wrote a judgement.
    #[serde(default)]
    pub by: Option<String>,
    /// A sentence of our own, where the words of the edge are not enough.
    #[serde(default)]
    pub text: Option<String>,
    /// Where to check it.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
    /// The file that holds it; set by the loader.
    #[serde(skip)]
    pub mechanism: MechanismId,
}

/// A name in the source, and when it was valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Symbol {
    /// The name.
    pub name: String,
    /// First day; absent where no source gives it.
    #[serde(default)]
    pub from: Option<Day>,
    /// The commit that added it.
    #[serde(default)]
    pub from_commit: Option<Commit>,
    /// Day on which the name was gone; absent where it is still there or no source tells.
    #[serde(default)]
    pub until: Option<Day>,
    /// The commit that removed or renamed it.
    #[serde(default)]
    pub until_commit: Option<Commit>,
    /// What it is called since.
    #[serde(default)]
    pub renamed_to: Option<String>,
    /// The name lived only inside a series and was never in a release.
    #[serde(default)]
    pub never_released: bool,
    /// It is one of the functions that write text.
    #[serde(default)]
    pub writes_text: bool,
    /// A remark of our own.
    #[serde(default)]
    pub note: Option<String>,
}

/// Bytes that a mechanism owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Owns {
    /// Kind of site.
    pub site: String,
    /// Possible sizes of one site in bytes; empty where they vary without bound.
    #[serde(default)]
    pub bytes: Vec<u8>,
    /// Section or table that records the sites.
    #[serde(default)]
    pub table: Option<String>,
    /// Layout of one record.
    #[serde(default)]
    pub record: Option<String>,
    /// What it asks or compares before it writes.
    #[serde(default)]
    pub asks: Vec<String>,
    /// What happens when the answer is no.
    #[serde(default)]
    pub on_conflict: Option<String>,
    /// Which mechanisms ask it before they write, and how.
    #[serde(default)]
    pub asked_by: Vec<String>,
    /// First day; absent where no source gives it.
    #[serde(default)]
    pub from: Option<Day>,
    /// Last day, exclusive.
    #[serde(default)]
    pub until: Option<Day>,
}

/// A list that answers for a mechanism: where its people wrote about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Answers {
    /// The address.
    pub list: String,
    /// The first day that a source shows.
    pub from: Day,
    /// Last day, exclusive.
    #[serde(default)]
    pub until: Option<Day>,
    /// Mails of those people with the list in To or Cc.
    #[serde(default)]
    pub evidence: Vec<Evidence>,
}

/// One file of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mechanism {
    /// Its name.
    pub slug: MechanismId,
    /// How the kernel's people write it. Absent in a file that only adds to a mechanism that another file defines.
    #[serde(default)]
    pub name: Option<String>,
    /// Other names under which it is found.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is, in a sentence of our own.
    #[serde(default)]
    pub summary: Option<String>,
    /// Files of the kernel where it lives.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Its symbols.
    #[serde(default, rename = "symbol")]
    pub symbols: Vec<Symbol>,
    /// What it owns.
    #[serde(default)]
    pub owns: Vec<Owns>,
    /// The lists that answer for it.
    #[serde(default)]
    pub answers: Vec<Answers>,
    /// Its events. In a loaded catalogue they are in [`super::Catalogue::events`] and this is empty.
    #[serde(default, rename = "event")]
    pub events: Vec<Event>,
    /// Its edges. In a loaded catalogue they are in [`super::Catalogue::edges`] and this is empty.
    #[serde(default, rename = "edge")]
    pub edges: Vec<Edge>,
}
