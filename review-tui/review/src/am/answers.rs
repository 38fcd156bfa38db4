//! Who gave which trailer to which patch: the answers in the threads of a series, each about the nearest patch or cover
//! letter above it.

use provenance_corpus::address::Address;
use provenance_corpus::message::Message;
use provenance_corpus::trailer;
use provenance_index::hash;
use provenance_index::links::fact::Flags;
use rustc_hash::{FxHashMap, FxHashSet};

use super::spoken::{self, Meant, Spoken};
use crate::failure::Failure;
use crate::series::{Part, Version};
use crate::session::letters::{Letters, links_failure};
use crate::session::place::reader_failure;

/// Answers that are read.
const MOST_ANSWERS: usize = 5_000;

/// Mails that an answer may be below a patch.
const DEPTH: usize = 100;

/// A trailer that a patch was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// As it is added.
    pub line: String,
    /// The answer that gives it.
    pub message_id: String,
    /// The earlier version that it was given to.
    pub earlier: Option<String>,
}

/// A trailer that was not added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// As it was written.
    pub line: String,
    /// What it was written about: `v2 3/6`, `v2 cover letter`.
    pub about: String,
    /// The answer.
    pub message_id: String,
    /// Why it was not added.
    pub why: String,
    /// The patches, by place, that it would have been added to.
    fits: Vec<usize>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// For each patch what is added to it.
    pub added: Vec<Vec<Given>>,
    /// What is not.
    pub left: Vec<Left>,
}

/// A mail of a version: which version, and its number; 0 is the cover letter.
type Places = FxHashMap<u64, (usize, u32)>;

/// An answer with what it is about.
struct Answer {
    mail: u64,
    /// The patch or cover letter above it.
    about: u64,
    /// It answers a diff that somebody suggests, by this mail.
    suggestion: Option<u64>,
}

/// Reads the answers to all versions up to the one at `at`, whose patches are `parts`.
///
/// # Errors
/// Links or mails that cannot be read.
pub fn gather(
    letters: &mut Letters<'_>,
    versions: &[Version],
    at: usize,
    parts: &[(Part, Option<String>)],
) -> Result<Gathered, Failure> {
    let mut places: Places = FxHashMap::default();
    let mut ids: FxHashMap<u64, u64> = FxHashMap::default();
    for (number, version) in versions.iter().enumerate() {
        let members = letters.reader.links.graph.members(version.head).map_err(|e| links_failure(&e))?;
        for member in members {
            places.insert(member.mail, (number, member.number));
            let patch_id = letters.fact(member.mail)?.map_or(0, |fact| fact.patch_id);
            if patch_id != 0 {
                ids.insert(member.mail, patch_id);
            }
        }
    }
    let mut known: Vec<FxHashSet<(String, String)>> = Vec::new();
    for (part, _) in parts {
        known.push(own(letters, part)?);
    }
    let mut found = Gathered { added: vec![Vec::new(); parts.len()], left: Vec::new() };
    for answer in answers(letters, &places)? {
        let (version, number) = places[&answer.about];
        if version > at {
            continue;
        }
        let Some(copy) = letters.copy(answer.mail)? else { continue };
        let bytes = letters.bytes(&copy)?;
        let message = Message::parse(&bytes);
        let sender = message.author();
        let about = match number {
            0 => format!("{} cover letter", versions[version].name()),
            _ => format!(
                "{} {}/{}",
                versions[version].name(),
                provenance_corpus::subject::place(number),
                versions[version].total
            ),
        };
        // A cover letter stands for all patches of its version.
        let targets: Vec<u64> = match number {
            0 => places.iter().filter(|(_, place)| place.0 == version && place.1 > 0).map(|(mail, _)| *mail).collect(),
            _ => vec![answer.about],
        };
        for spoken in spoken::read(&message.patch_text()) {
            let why = match (answer.suggestion, refused(&spoken, sender.as_ref())) {
                (_, Some(why)) => Some(why),
                (Some(mail), None) => {
                    let id = letters.stored(mail)?.map_or_else(String::new, |stored| stored.message_id);
                    Some(format!("it answers the diff in {id}"))
                }
                _ => None,
            };
            let mut fits: Vec<usize> = Vec::new();
            for (place, (part, _)) in parts.iter().enumerate() {
                let same = |target: &u64| {
                    *target == part.mail || part.fact.patch_id != 0 && ids.get(target) == Some(&part.fact.patch_id)
                };
                if targets.iter().any(same) {
                    fits.push(place);
                }
            }
            let key = key(&spoken.line);
            let why = why.or_else(|| fits.is_empty().then(|| "the patch has changed since".to_owned()));
            if let Some(why) = why {
                // What the series has by now needs no word.
                let there = |has: &FxHashSet<(String, String)>| has.contains(&key);
                let relevant =
                    if fits.is_empty() { known.iter().any(there) } else { fits.iter().all(|p| there(&known[*p])) };
                if !relevant {
                    let (line, message_id) = (spoken.line, message.message_id.to_string());
                    found.left.push(Left { line, about: about.clone(), message_id, why, fits });
                }
                continue;
            }
            for place in fits {
                // A name beside the address says more than the address alone.
                let bare = |given: &&mut Given| self::key(&given.line) == key && !given.line.contains('<');
                if let Some(given) = found.added[place].iter_mut().find(bare).filter(|_| spoken.line.contains('<')) {
                    given.line.clone_from(&spoken.line);
                    given.message_id = message.message_id.to_string();
                }
                if known[place].insert(key.clone()) {
                    found.added[place].push(Given {
                        line: spoken.line.clone(),
                        message_id: message.message_id.to_string(),
                        earlier: (version != at).then(|| versions[version].name()),
                    });
                }
            }
        }
    }
    // What another answer gave to the same patches without a condition needs no word.
    let Gathered { added, left } = &mut found;
    left.retain(|left| {
        let given = |place: &usize| added[*place].iter().any(|given| key(&given.line) == key(&left.line));
        left.fits.is_empty() || !left.fits.iter().all(given)
    });
    Ok(found)
}

/// Why a trailer is not added, whatever it is about.
fn refused(spoken: &Spoken, sender: Option<&Address>) -> Option<String> {
    let why = match spoken.meant {
        Meant::Given => {
            let person = spoken.person.as_ref()?;
            let is_own = sender.is_some_and(|sender| is_one(person, sender));
            if is_own {
                return None;
            }
            return Some(format!(
                "its name and address are not those of the sender, {}",
                sender.map_or_else(String::new, ToString::to_string)
            ));
        }
        Meant::Condition => "on a condition",
        Meant::Sentence => "inside a sentence",
        Meant::Objection => "an objection",
        Meant::Link => "a link; git config b4.linkmask or provenance.linkmask asks for one",
        Meant::NoAddress => "it names no whole address",
        Meant::Control => "it holds control characters",
    };
    Some(why.to_owned())
}

/// Whether two addresses are one person's: by the address, without what follows a `+`, or by the name.
fn is_one(one: &Address, other: &Address) -> bool {
    let address = |who: &Address| {
        let (local, domain) = who.address.rsplit_once('@').unwrap_or((&who.address, ""));
        let local = local.split_once('+').map_or(local, |(local, _)| local);
        format!("{local}@{domain}").to_lowercase()
    };
    let name = |who: &Address| -> Vec<String> {
        let said = who.name.as_deref().unwrap_or_default();
        let said = said.split_once('(').map_or(said, |(said, _)| said);
        let mut words: Vec<String> =
            said.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
        // `Example, Ada` is Ada Example.
        words.sort_unstable();
        words
    };
    let (a, b) = (name(one), name(other));
    address(one) == address(other) || !a.is_empty() && a == b
}

/// By what two trailers are one: name, and address or value.
fn key(line: &str) -> (String, String) {
    let parsed = trailer::parse(line);
    match parsed.first() {
        Some(found) => {
            let value = match found.address().filter(|one| one.address.contains('@')) {
                Some(person) => person.address.to_lowercase(),
                None => found.value.to_lowercase(),
            };
            (found.name.to_lowercase(), value)
        }
        None => (String::new(), line.to_lowercase()),
    }
}

/// The trailers that a patch has of its own.
fn own(letters: &mut Letters<'_>, part: &Part) -> Result<FxHashSet<(String, String)>, Failure> {
    let Some(copy) = letters.copy(part.mail)? else { return Ok(FxHashSet::default()) };
    let text = letters.text(&copy)?;
    let message =
        provenance_corpus::patch::Patch::parse(&text).map_or(text.as_str(), |patch| patch.slice(patch.message));
    Ok(trailer::parse(message).iter().map(|one| key(&message[one.span.clone()])).collect())
}

/// All answers in the threads of the versions, by date.
fn answers(letters: &Letters<'_>, places: &Places) -> Result<Vec<Answer>, Failure> {
    let mut members: Vec<u64> = places.keys().copied().collect();
    members = letters.reader.threads_of(&members).map_err(|e| reader_failure(&e))?;
    let mut parents: FxHashMap<u64, (u64, Flags)> = FxHashMap::default();
    let mut open: Vec<(i64, u64)> = Vec::new();
    for mail in members.into_iter().take(MOST_ANSWERS) {
        let Some(fact) = letters.fact(mail)? else { continue };
        parents.insert(mail, (fact.parent, fact.flags));
        if !places.contains_key(&mail) && !fact.flags.told && !fact.flags.page {
            open.push((fact.date, mail));
        }
    }
    open.sort_unstable();
    let mut found = Vec::new();
    for (_, mail) in open {
        if let Some(answer) = about(letters, places, &parents, mail)? {
            found.push(answer);
        }
    }
    Ok(found)
}

/// What an answer is about: the nearest mail of the series above it, unless a mail of another series stands between.
fn about(
    letters: &Letters<'_>,
    places: &Places,
    parents: &FxHashMap<u64, (u64, Flags)>,
    mail: u64,
) -> Result<Option<Answer>, Failure> {
    let sent = |mail| letters.reader.links.graph.sending(mail).map(|sending| sending.is_some());
    if sent(mail).map_err(|e| links_failure(&e))? {
        return Ok(None);
    }
    let (mut at, mut suggestion) = (mail, None);
    for _ in 0..DEPTH {
        let Some(parent) = parents.get(&at).map(|(parent, _)| *parent).filter(|parent| *parent != 0) else { break };
        if places.contains_key(&parent) {
            return Ok(Some(Answer { mail, about: parent, suggestion }));
        }
        if sent(parent).map_err(|e| links_failure(&e))? {
            return Ok(None);
        }
        if parents.get(&parent).is_some_and(|(_, flags)| flags.patch) {
            suggestion = suggestion.or(Some(parent));
        }
        at = parent;
    }
    // A mail between is not indexed, or the answer's own In-Reply-To is wrong: References tell of those above.
    let stored = letters.stored(mail)?;
    let above = stored.iter().flat_map(|stored| stored.references.iter().rev().take(DEPTH));
    let above = above.map(|id| hash::message_id(id)).find(|id| places.contains_key(id));
    Ok(above.map(|about| Answer { mail, about, suggestion }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use provenance_corpus::address::parse_one;

    #[test]
    fn a_person_is_known_by_name_or_address() {
        let one = |a: &str, b: &str| is_one(&parse_one(a).expect("a"), &parse_one(b).expect("b"));
        assert!(one("Ada Example <ada@example.org>", "\"Example, Ada\" <ada@work.example>"));
        assert!(one("Ada Example (Lab) <a@x.org>", "Ada Example <b@x.org>"));
        assert!(one("A <ada+list@example.org>", "B <Ada@Example.org>"));
        assert!(!one("Ada Example <ada@example.org>", "Ben Example <ben@example.org>"));
        assert!(!one("<ada@example.org>", "<ben@example.org>"));
    }

    #[test]
    fn a_trailer_is_known_by_its_name_and_address() {
        assert_eq!(key("Acked-by: Ada Example <ada@example.org> # x"), key("acked-by: A <Ada@example.org>"));
        assert_ne!(key("Acked-by: Ada Example <ada@example.org>"), key("Reviewed-by: Ada Example <ada@example.org>"));
    }
}
