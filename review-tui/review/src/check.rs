//! Checks of a patch: what a maintainer would otherwise learn years later. One file per rule; a rule reads the patch, the
//! catalogue, the index and the engine as of the patch's own day, and returns findings that show their evidence, and what it
//! could not look at. A new rule is its file and its line in [`rules::ALL`].

pub mod case;
pub mod claims;
pub mod code;
pub mod deeds;
pub mod earlier;
pub mod fact;
pub mod form;
pub mod functions;
pub mod gather;
pub mod history_of;
pub mod in_image;
pub mod missing_cc;
pub mod outcome;
pub mod ownership;
pub mod prior_art;
pub mod revision;
pub mod rule;
pub mod rules;
pub mod scenario;
pub mod series;
pub mod verdict;

use provenance_corpus::catalogue::Catalogue;
use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_index::reader::Reader;

pub use case::Case;
pub use fact::Fact;
pub use outcome::{Outcome, Report};
pub use rule::Rule;

/// How sure and how grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Shown under `-v` only.
    Silent,
    /// Inferred, so worth a look.
    Note,
    /// Certain, with cited evidence.
    Warning,
    /// Certain from the patch alone.
    Error,
}

impl Severity {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Silent => "uses",
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// Where a statement can be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A mail: its Message-ID.
    Mail(String),
    /// A commit: its id and its subject, as far as known.
    Commit(String, String),
    /// A page.
    Page(String),
}

/// What a rule found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static str,
    /// What of the rule's findings on one patch it is: with the rule and the patch-id it makes [`Finding::id`].
    pub key: String,
    /// Names the finding as long as the patch stays the same: a verdict on it survives an unchanged reroll.
    pub id: String,
    /// The reader's verdict, where there is one: why it does not count.
    pub dismissed: Option<String>,
    /// How grave.
    pub severity: Severity,
    /// The file, where it is about one.
    pub path: String,
    /// The line of the new file; 0 where it is about none.
    pub line: u32,
    /// Lines of the patch with their signs.
    pub quote: Vec<String>,
    /// The header of the hunk that they stand in.
    pub hunk: String,
    /// One sentence, without full stop.
    pub says: String,
    /// What it rests on, in the order in which it is shown.
    pub facts: Vec<Fact>,
    /// Where it can be checked.
    pub evidence: Vec<Evidence>,
    /// Which fact rests on which evidence, as places in both.
    pub cited: Vec<(usize, usize)>,
    /// What to do.
    pub advice: Option<String>,
    /// People that should be asked, for `git send-email --cc-cmd`.
    pub addresses: Vec<String>,
}

impl Finding {
    /// A finding without particulars.
    pub fn new(rule: &'static str, severity: Severity, says: impl Into<String>) -> Finding {
        Finding {
            rule,
            key: String::new(),
            id: String::new(),
            dismissed: None,
            severity,
            path: String::new(),
            line: 0,
            quote: Vec::new(),
            hunk: String::new(),
            says: says.into(),
            facts: Vec::new(),
            evidence: Vec::new(),
            cited: Vec::new(),
            advice: None,
            addresses: Vec::new(),
        }
    }

    /// Says which of the rule's findings it is.
    pub fn key(mut self, key: impl Into<String>) -> Finding {
        self.key = key.into();
        self
    }

    /// Says where the last fact can be checked.
    pub fn cite(&mut self, evidence: Evidence) {
        let at = self.evidence.iter().position(|known| *known == evidence).unwrap_or_else(|| {
            self.evidence.push(evidence);
            self.evidence.len() - 1
        });
        self.cited.extend(self.facts.len().checked_sub(1).map(|fact| (fact, at)));
    }

    /// The evidence of one fact; of none, what the finding as a whole rests on.
    pub fn rests_on(&self, fact: Option<usize>) -> impl Iterator<Item = &Evidence> {
        let of = move |at: &usize| match fact {
            Some(fact) => self.cited.contains(&(fact, *at)),
            None => !self.cited.iter().any(|(_, cited)| cited == at),
        };
        (0..self.evidence.len()).filter(of).map(|at| &self.evidence[at])
    }

    /// Adds a fact.
    pub fn fact(mut self, fact: Fact) -> Finding {
        self.facts.push(fact);
        self
    }

    /// The finding about a line of the code, which is quoted with lines below it.
    pub fn at(mut self, code: &code::Code, line: usize) -> Finding {
        let place = &code.lines[line];
        self.path.clone_from(&code.paths[place.file]);
        self.line = place.number;
        self.quote = code.quote(line, 2);
        code.header(line).clone_into(&mut self.hunk);
        self
    }
}

/// What is checked.
pub struct Target<'a> {
    /// The mail.
    pub message: &'a Message<'a>,
    /// Its decoded text.
    pub text: &'a str,
    /// The patch in it.
    pub patch: Patch<'a>,
    /// The moment of knowledge: the mail's date, seconds since 1970.
    pub as_of: i64,
}

/// What a patch is checked against.
pub struct World<'a> {
    /// What is known of mechanisms.
    pub catalogue: &'a Catalogue,
    /// The index, where there is one.
    pub reader: Option<&'a Reader>,
    /// The data directory.
    pub data: &'a std::path::Path,
    /// Whether the engine may run.
    pub engine: bool,
    /// Whether figures are looked at, see [`claims`].
    pub claims: bool,
    /// Only what needs no search: ownership and the series.
    pub brief: bool,
    /// Where the patch was made, for one that was not sent.
    pub base: Option<Base>,
    /// What the reader has dismissed.
    pub verdicts: verdict::Verdicts,
}

impl<'a> World<'a> {
    /// A world in which the engine does not run.
    pub fn new(catalogue: &'a Catalogue, reader: Option<&'a Reader>, data: &'a std::path::Path) -> World<'a> {
        let verdicts = verdict::Verdicts::default();
        World { catalogue, reader, data, engine: false, claims: false, brief: false, base: None, verdicts }
    }
}

/// The commit below a patch that was not sent.
#[derive(Clone, Debug)]
pub struct Base {
    /// The repository.
    pub repository: std::path::PathBuf,
    /// Its full id.
    pub id: Vec<u8>,
    /// First line of its message.
    pub subject: String,
    /// Committer date, seconds since 1970.
    pub date: i64,
}

/// Runs all rules, the gravest findings first.
pub fn run(target: &Target<'_>, world: &World<'_>) -> Report {
    let mut findings = Vec::new();
    let mut report = each(target, world, |of_rule| findings.extend(of_rule));
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    report.findings = findings;
    report
}

/// Runs all rules, and hands out the findings of each as soon as they are there; the report has the rest.
pub fn each(target: &Target<'_>, world: &World<'_>, mut give: impl FnMut(Vec<Finding>)) -> Report {
    let case = Case::new(target, world);
    let mut report = Report::default();
    for rule in rules::ALL.iter().filter(|rule| rule.wanted(world)) {
        let mut findings = report.note(rule.name(), rule.check(&case));
        for finding in &mut findings {
            finding.id = verdict::id(finding, target.text);
            finding.dismissed = world.verdicts.of(&finding.id).map(str::to_owned);
        }
        give(findings);
    }
    report
}

/// The day of a moment, as the catalogue counts.
pub fn day(as_of: i64) -> jiff::civil::Date {
    let moment = jiff::Timestamp::from_second(as_of).unwrap_or(jiff::Timestamp::MAX);
    moment.to_zoned(jiff::tz::TimeZone::UTC).date()
}
