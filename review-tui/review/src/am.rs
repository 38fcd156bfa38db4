//! A version of a series made ready for git-am(1): whole, in order, without its cover letter, with the trailers that it was
//! given in answers. Nothing is added that was not given to this very patch: what was said of an earlier version counts where
//! the patch-id is the same, and what was not meant as a trailer, or not of its sender, is listed for the reader to judge.

pub mod answers;
pub mod compose;
pub mod merge;
pub mod needed;
pub mod spoken;
pub mod trial;

use provenance_corpus::message::Message;
use provenance_corpus::subject;
use provenance_index::hash;

use crate::failure::{Exit, Failure};
use crate::series::{self, Part, Version, no_series};
use crate::session::letters::{Letters, id_of};
use crate::text;
use answers::{Given, Left};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The version, as its name says it; the newest whole one where none is named.
    pub version: Option<String>,
    /// A version of which parts are missing is taken as far as it is there.
    pub partial: bool,
    /// Add no trailers.
    pub bare: bool,
    /// Form of a `Link:` trailer with `%s` for the Message-ID.
    pub link: Option<String>,
}

/// One patch, ready.
pub struct Ready {
    /// The patch.
    pub part: Part,
    /// The version that it was sent with, where that is another than the one asked for.
    pub from: Option<String>,
    /// Trailers that were added.
    pub added: Vec<Given>,
    /// The mail for git am.
    pub composed: compose::Composed,
}

/// A version, ready.
pub struct Series {
    /// The version.
    pub version: Version,
    /// All versions that are indexed, by name.
    pub all: Vec<String>,
    /// Its patches in order.
    pub patches: Vec<Ready>,
    /// Trailers that were not added, and why.
    pub left: Vec<Left>,
    /// What the reader has to know besides.
    pub remarks: Vec<String>,
}

/// Chooses the version, gathers what was given to it, and writes its mails.
///
/// # Errors
/// A mail of no series, a version that is not there or not whole, mails that cannot be read.
pub fn prepare(letters: &mut Letters<'_>, id: &str, wish: &Wish) -> Result<Series, Failure> {
    let asked = id_of(letters.reader, id);
    let mail = series::about(letters, asked)?;
    let versions = series::versions(letters, mail)?;
    if versions.is_empty() {
        return Err(no_series(letters, id)?);
    }
    let mut remarks = Vec::new();
    let mut chosen = choose(letters, &versions, mail, wish, &mut remarks)?;
    let parts = std::mem::take(&mut chosen.parts);
    let version = &versions[chosen.at];
    let own = versions.iter().find(|v| v.holds(mail));
    if let Some(own) = own.filter(|own| own.head != version.head) {
        remarks.push(format!("{} is {}; this is {}", text::line(id), own.name(), version.name()));
    }
    if chosen.at > 0 && versions[chosen.at - 1].address() != version.address() {
        remarks.push(format!("{} is by {}", version.name(), text::line(&version.author())));
    }
    let gathered =
        if wish.bare { answers::Gathered::default() } else { answers::gather(letters, &versions, chosen.at, &parts)? };
    let mut patches = Vec::new();
    let mut added = gathered.added.into_iter();
    for (part, from) in parts {
        let given = added.next().unwrap_or_default();
        let copy = letters.copy(part.mail)?.ok_or_else(|| {
            Failure::new(Exit::Unreadable, format!("{} is no longer there", text::line(&part.message_id)))
        })?;
        let bytes = letters.bytes(&copy)?;
        let message = Message::parse(&bytes);
        let mut lines: Vec<String> = given.iter().map(|one| one.line.clone()).collect();
        let link = wish.link.as_deref().filter(|_| !message.has_made_id()).map(|mask| link(mask, &message.message_id));
        lines.extend(link.filter(|link| !message.text().contains(link.as_str())));
        let composed = compose::mail(&message, &lines)?;
        if composed.cut {
            remarks.push(format!("{}: what stands above its scissors line is left out", text::line(&part.message_id)));
        }
        patches.push(Ready { part, from, added: given, composed });
    }
    let all = versions.iter().map(Version::name).collect();
    Ok(Series { version: version.clone(), all, patches, left: gathered.left, remarks })
}

/// A `Link:` trailer. In an id, what would end the path of a URL is escaped (RFC 3986, 3.3).
pub fn link(mask: &str, message_id: &str) -> String {
    let escaped: String = message_id
        .chars()
        .map(|c| match c {
            '/' | '%' | '?' | '#' => format!("%{:02X}", c as u32),
            _ => c.to_string(),
        })
        .collect();
    format!("Link: {}", mask.replace("%s", &escaped))
}

/// The parts of a version in order, each with the name of the version that it comes from, if another.
type Parts = Vec<(Part, Option<String>)>;

/// A version by its place, and its parts.
struct Chosen {
    at: usize,
    parts: Parts,
}

/// The newest version that is whole, or the one asked for.
fn choose(
    letters: &Letters<'_>,
    versions: &[Version],
    mail: u64,
    wish: &Wish,
    remarks: &mut Vec<String>,
) -> Result<Chosen, Failure> {
    if let Some(name) = &wish.version {
        let at = series::named(versions, name, mail)?;
        let (parts, missing) = filled(letters, versions, at)?;
        if !missing.is_empty() && !wish.partial {
            return Err(not_whole(&versions[at], &missing));
        }
        tell(&versions[at], &parts, &missing, remarks);
        return Ok(Chosen { at, parts });
    }
    let newest = versions.len() - 1;
    for at in (0..versions.len()).rev() {
        let (parts, missing) = filled(letters, versions, at)?;
        if missing.is_empty() || wish.partial {
            tell(&versions[at], &parts, &missing, remarks);
            if at != newest {
                let problem = not_whole(&versions[newest], &filled(letters, versions, newest)?.1).what;
                remarks.push(format!("{problem}: this is the newest that is whole"));
            }
            return Ok(Chosen { at, parts });
        }
    }
    Err(not_whole(&versions[newest], &filled(letters, versions, newest)?.1))
}

/// The parts of a version, those that a reroll of some patches did not send again from the version that it rerolls; and the
/// numbers that are nowhere.
fn filled(letters: &Letters<'_>, versions: &[Version], at: usize) -> Result<(Parts, Vec<u32>), Failure> {
    let version = &versions[at];
    let mut parts: Parts = version.parts.iter().map(|part| (part.clone(), None)).collect();
    let absent = |parts: &[(Part, Option<String>)]| -> Vec<u32> {
        let numbers = 1..=version.total.min(10_000);
        numbers.filter(|number| !parts.iter().any(|(part, _)| part.place == *number)).collect()
    };
    let mut missing = absent(&parts);
    if !missing.is_empty() && !version.kept.is_empty() && rerolls(letters, versions, at)? {
        let same = |other: &&Version| other.total == version.total && other.address() == version.address();
        for earlier in versions[..at].iter().rev().filter(same) {
            for part in earlier.parts.iter().filter(|part| missing.contains(&part.place)) {
                parts.push((part.clone(), Some(earlier.name())));
            }
            missing = absent(&parts);
        }
    }
    parts.sort_by_key(|(part, _)| subject::order(part.place));
    Ok((parts, missing))
}

/// Whether a version says of itself that it is a reroll of some patches: `v5.1`, or its parts answer an earlier version.
fn rerolls(letters: &Letters<'_>, versions: &[Version], at: usize) -> Result<bool, Failure> {
    let version = &versions[at];
    if version.version.1 > 0 {
        return Ok(true);
    }
    let earlier =
        |id: u64| versions[..at].iter().any(|other| other.head == id || other.parts.iter().any(|part| part.mail == id));
    for part in &version.parts {
        let stored = letters.stored(part.mail)?;
        if !stored.is_some_and(|stored| stored.references.iter().any(|id| earlier(hash::message_id(id)))) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn not_whole(version: &Version, missing: &[u32]) -> Failure {
    let numbers = missing.iter().take(12).map(u32::to_string).collect::<Vec<_>>().join(", ");
    let more = if missing.len() > 12 { ", ..." } else { "" };
    let what = match version.elsewhere.is_empty() {
        true => format!("{} is not whole: not indexed: {numbers}{more} of {}", version.name(), version.total),
        false => format!("{} is not whole: {}", version.name(), version.problem().unwrap_or_default()),
    };
    Failure::new(Exit::Unreadable, what).hint(format!(
        "`provenance fetch {}` fetches its thread; --partial takes what is there",
        text::line(version.head_id())
    ))
}

fn tell(version: &Version, parts: &[(Part, Option<String>)], missing: &[u32], remarks: &mut Vec<String>) {
    if !missing.is_empty() {
        remarks.push(not_whole(version, missing).what);
    }
    let mut from: Vec<(&str, Vec<String>)> = Vec::new();
    for (part, name) in parts.iter().filter_map(|(part, name)| Some((part, name.as_deref()?))) {
        match from.iter_mut().find(|(known, _)| *known == name) {
            Some((_, numbers)) => numbers.push(part.number()),
            None => from.push((name, vec![part.number()])),
        }
    }
    for (name, numbers) in from {
        let which = if numbers.len() > 6 { format!("{} patches", numbers.len()) } else { numbers.join(", ") };
        remarks.push(format!("{} did not send {which} again: taken from {name}", version.name()));
    }
    for number in &version.doubled {
        remarks.push(format!("{number}/{} was sent more than once; the last is taken", version.total));
    }
    for (part, _) in parts.iter().filter(|(part, _)| part.place > version.total) {
        remarks.push(format!("{} is beyond what the cover letter promises", part.number()));
    }
}
