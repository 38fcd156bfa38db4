//! One version of a series against another, from the text of the mails alone: nothing has to apply.

pub mod compare;
pub mod form;

use provenance_corpus::patch::Patch;
use provenance_index::links::pairing::{Fate, Pair};

use self::compare::{Change, FileChange, Line};
use crate::failure::{Exit, Failure};
use crate::series::{self, Part, Version, no_series};
use crate::session::letters::{Letters, id_of};

/// A pair of patches and what differs.
pub struct Compared {
    /// The older patch; neither for the cover letters.
    pub older: Option<Part>,
    /// The newer patch.
    pub newer: Option<Part>,
    /// How they were paired.
    pub pair: Pair,
    /// What differs in their messages.
    pub message: Vec<Line>,
    /// What differs in their diffs.
    pub files: Vec<FileChange>,
    /// Why the diffs could not be compared.
    pub refused: Option<String>,
}

/// Two versions, and what differs.
pub struct Comparison {
    /// The older version.
    pub older: Version,
    /// The newer version.
    pub newer: Version,
    /// Cover letters, where they differ, then patch by patch.
    pub all: Vec<Compared>,
}

/// What changed between two versions of the series of a mail: in all its patches or, unless `all`, in that mail's alone.
///
/// `asked` names no version (the mail's own against the one before), one, or both.
///
/// # Errors
/// A mail of no series, a version that is not there, mails that cannot be read.
pub fn compare(letters: &mut Letters<'_>, id: &str, asked: &[String], all: bool) -> Result<Comparison, Failure> {
    let mail = series::about(letters, id_of(letters.reader, id))?;
    let versions = series::versions(letters, mail)?;
    if versions.is_empty() {
        return Err(no_series(letters, id)?);
    }
    let (older, newer) = choose(&versions, mail, asked)?;
    let (older, newer) = (versions[older].clone(), versions[newer].clone());
    let mut pairs = series::pairs(&older, &newer);
    let named = |version: &Version| version.parts.iter().position(|part| part.mail == mail);
    if !all {
        let (old, new) = (named(&older), named(&newer));
        if old.is_some() || new.is_some() {
            pairs.retain(|pair| (old.is_some() && pair.older == old) || (new.is_some() && pair.newer == new));
        }
    }
    let mut compared = Vec::new();
    if newer.covered && older.covered && pairs.len() > 1 {
        compared.extend(covers(letters, &older, &newer)?);
    }
    for pair in pairs {
        compared.push(of_pair(letters, &older, &newer, pair)?);
    }
    Ok(Comparison { older, newer, all: compared })
}

/// Which two versions are compared, as places.
fn choose(versions: &[Version], mail: u64, asked: &[String]) -> Result<(usize, usize), Failure> {
    let list = || versions.iter().map(Version::name).collect::<Vec<_>>().join(", ");
    let find = |name: &str| series::named(versions, name, 0);
    let apart = |one: usize, two: usize| {
        if one != two {
            return Ok(());
        }
        Err(Failure::new(Exit::Usage, format!("{} cannot be compared with itself", versions[one].name()))
            .hint(format!("the indexed versions are {}", list())))
    };
    let own = versions
        .iter()
        .position(|v| v.head == mail || v.parts.iter().any(|part| part.mail == mail))
        .unwrap_or(versions.len() - 1);
    match asked {
        [] => match versions[own].before {
            Some(before) => Ok((before, own)),
            None if versions.len() > 1 => Ok((own, own + 1)),
            None => Err(Failure::new(
                Exit::Unreadable,
                format!("{} is the only version that is indexed", versions[own].name()),
            )
            .hint("import the other versions with `provenance index PATH`")),
        },
        [one] => {
            let one = find(one)?;
            apart(one, own)?;
            Ok((one.min(own), one.max(own)))
        }
        [one, two, ..] => {
            let (one, two) = (find(one)?, find(two)?);
            apart(one, two)?;
            Ok((one, two))
        }
    }
}

fn covers(letters: &mut Letters<'_>, older: &Version, newer: &Version) -> Result<Option<Compared>, Failure> {
    let mut read = |version: &Version| -> Result<Option<String>, Failure> {
        let Some(copy) = letters.copy(version.head)? else { return Ok(None) };
        letters.text(&copy).map(Some)
    };
    let (Some(old), Some(new)) = (read(older)?, read(newer)?) else { return Ok(None) };
    let message = compare::words(compare::letter(&old), compare::letter(&new));
    let pair = Pair { older: None, newer: None, fate: Fate::Changed(0.0), class: None };
    Ok((!message.is_empty()).then_some(Compared {
        older: None,
        newer: None,
        pair,
        message,
        files: Vec::new(),
        refused: None,
    }))
}

fn of_pair(letters: &mut Letters<'_>, older: &Version, newer: &Version, pair: Pair) -> Result<Compared, Failure> {
    let old = pair.older.map(|at| older.parts[at].clone());
    let new = pair.newer.map(|at| newer.parts[at].clone());
    let mut compared = Compared { older: old, newer: new, pair, message: Vec::new(), files: Vec::new(), refused: None };
    let (Some(old), Some(new)) = (&compared.older, &compared.newer) else { return Ok(compared) };
    let mut read = |part: &Part| -> Result<String, Failure> {
        let Some(copy) = letters.copy(part.mail)? else { return Ok(String::new()) };
        letters.text(&copy)
    };
    let (old_text, new_text) = (read(old)?, read(new)?);
    match (Patch::parse(&old_text), Patch::parse(&new_text)) {
        (Some(a), Some(b)) => {
            compared.message = compare::words(a.slice(a.message), b.slice(b.message));
            compared.files = compare::files(&a, &b);
            let worst =
                a.defects.first().map(|d| (&old.message_id, d)).or(b.defects.first().map(|d| (&new.message_id, d)));
            compared.refused = worst.map(|(id, defect)| format!("{id}: {defect}"));
        }
        (a, _) => {
            let which = if a.is_none() { &old.message_id } else { &new.message_id };
            compared.refused = Some(format!("{which}: no diff could be read in it"));
            compared.message = compare::words(&old_text, &new_text);
        }
    }
    Ok(compared)
}

impl Compared {
    /// Whether anything but context differs.
    pub fn changed(&self) -> bool {
        !self.message.is_empty() || self.files.iter().any(|file| file.change != Change::Context)
    }

    /// As `git range-diff` marks it.
    pub fn mark(&self) -> char {
        match (&self.older, &self.newer) {
            (Some(_), Some(_)) if self.changed() || self.refused.is_some() => '!',
            (Some(_), Some(_)) => '=',
            (None, Some(_)) => '>',
            (Some(_), None) => '<',
            (None, None) => '!',
        }
    }
}
