//! Checks of a patch: what a maintainer would otherwise learn years later. One file per rule; a rule reads the patch, the
//! catalogue, the index and the engine as of the patch's own day, and returns findings that show their evidence.

pub mod code;
pub mod history_of;
pub mod missing_cc;
pub mod ownership;
pub mod prior_art;
pub mod revision;
pub mod scenario;
pub mod series;

use provenance_corpus::catalogue::Catalogue;
use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_index::reader::Reader;

/// How sure and how grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Shown under `-v` only.
    Silent,
    /// Inferred.
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
    /// How grave.
    pub severity: Severity,
    /// The file, where it is about one.
    pub path: String,
    /// The line of the new file; 0 where it is about none.
    pub line: u32,
    /// Lines of the patch with their signs.
    pub quote: Vec<String>,
    /// One sentence, without full stop.
    pub says: String,
    /// Label and text, in the order in which they are shown.
    pub facts: Vec<(String, String)>,
    /// Where it can be checked.
    pub evidence: Vec<Evidence>,
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
            severity,
            path: String::new(),
            line: 0,
            quote: Vec::new(),
            says: says.into(),
            facts: Vec::new(),
            evidence: Vec::new(),
            advice: None,
            addresses: Vec::new(),
        }
    }

    /// Adds a labelled fact.
    pub fn fact(mut self, label: &str, text: impl Into<String>) -> Finding {
        self.facts.push((label.to_owned(), text.into()));
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
}

/// How many rules there are.
pub const RULES: usize = 5;

/// Runs all rules, the gravest findings first.
pub fn run(target: &Target<'_>, world: &World<'_>) -> Vec<Finding> {
    let code = code::read(&target.patch);
    let mut findings = ownership::check(target, world, &code);
    let takes: Vec<String> = findings
        .iter()
        .filter(|f| f.rule == ownership::RULE && f.severity == Severity::Warning)
        .flat_map(|f| f.facts.iter().filter(|(label, _)| label == ownership::OWNER).map(|(_, owner)| owner.clone()))
        .collect();
    let kin = history_of::kin(target, world, &code);
    findings.extend(missing_cc::check(target, world, &takes, &kin));
    findings.extend(prior_art::check(target, world, &kin));
    findings.extend(revision::check(target, world));
    findings.extend(series::check(target, world));
    for finding in &mut findings {
        finding.facts.retain(|(label, _)| label != ownership::OWNER);
    }
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    findings
}

/// The day of a moment, as the catalogue counts.
pub fn day(as_of: i64) -> jiff::civil::Date {
    let moment = jiff::Timestamp::from_second(as_of).unwrap_or(jiff::Timestamp::MAX);
    moment.to_zoned(jiff::tz::TimeZone::UTC).date()
}
