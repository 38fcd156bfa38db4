//! Which mechanisms a patch is about, by its added lines first and its words second, and which others were there for the
//! same purpose before it.

use provenance_corpus::catalogue::{Catalogue, Day, Event, Kind, Mechanism, MechanismId};
use provenance_corpus::patch::LineKind;

use super::code::{Code, names};
use super::{Target, World, day};

/// Shorter names and aliases are words of everybody's.
const SHORTEST: usize = 7;

/// A mechanism that a patch names, and by what.
#[derive(Clone, Debug)]
pub struct Named<'c> {
    /// The mechanism.
    pub mechanism: &'c Mechanism,
    /// The name on an added line, or in the text.
    pub by: String,
    /// Through it the patch writes text.
    pub writes: bool,
}

/// An earlier event of another mechanism that does something like this.
#[derive(Clone, Debug)]
pub struct Similar<'c> {
    /// The event.
    pub event: &'c Event,
    /// What both have in common.
    pub matched: Vec<String>,
}

/// What a patch is kin to.
#[derive(Clone, Debug, Default)]
pub struct Kin<'c> {
    /// Mechanisms that it names.
    pub named: Vec<Named<'c>>,
    /// Earlier events of others.
    pub similar: Vec<Similar<'c>>,
}

/// Finds both, as of the patch's day.
pub fn kin<'c>(target: &Target<'_>, world: &World<'c>, code: &Code) -> Kin<'c> {
    let today = Day(day(target.as_of));
    let mut words: Vec<&str> = Vec::new();
    for line in code.lines.iter().filter(|line| line.kind == LineKind::Added) {
        words.extend(names(&line.code).map(|(_, name)| name));
    }
    words.sort_unstable();
    words.dedup();
    let known = |event: &&Event| event.recorded() <= today;
    let mut named: Vec<Named<'c>> = Vec::new();
    for mechanism in world.catalogue.mechanisms() {
        // What nobody had heard of on that day cannot be named.
        if !world.catalogue.events_of(&mechanism.slug).any(|e| known(&e)) {
            continue;
        }
        let symbols = mechanism.symbols.iter().filter(|s| s.from.is_none_or(|from| from <= today));
        let symbol = symbols.clone().find(|s| words.binary_search(&s.name.as_str()).is_ok());
        let alias = || {
            let aliases = mechanism.aliases.iter().map(String::as_str).chain([mechanism.slug.as_str()]);
            aliases.filter(|alias| alias.len() >= SHORTEST).find_map(|alias| {
                let plain = alias.to_lowercase().replace([' ', '-'], "_");
                words.iter().find(|word| word.to_lowercase().contains(&plain)).map(|word| (*word).to_owned())
            })
        };
        if let Some(by) = symbol.map(|s| s.name.clone()).or_else(alias) {
            let writes = symbols.clone().any(|s| s.writes_text && words.binary_search(&s.name.as_str()).is_ok());
            named.push(Named { mechanism, by, writes });
        }
    }
    let similar = if named.iter().any(|n| n.writes) { similar(world, &named, today) } else { Vec::new() };
    Kin { named, similar }
}

/// Whether a patch is about a mechanism: it writes text through it, or changes the files where it lives.
pub fn touches(target: &Target<'_>, world: &World<'_>, kin: &Kin<'_>) -> bool {
    kin.named.iter().any(|named| named.writes)
        || target.patch.files.iter().any(|file| lives(world.catalogue, file.path()))
}

/// Whether a file is one where a mechanism lives.
pub fn lives(catalogue: &Catalogue, path: &str) -> bool {
    let mut paths = catalogue.mechanisms().iter().flat_map(|mechanism| &mechanism.paths);
    paths.any(|known| known == path || known.ends_with('/') && path.starts_with(known.as_str()))
}

/// Events of mechanisms that write text too, that the patch does not go through, and that are there for something that the
/// patch names and does not write through: the reason for which both exist.
fn similar<'c>(world: &World<'c>, named: &[Named<'c>], today: Day) -> Vec<Similar<'c>> {
    let reasons: Vec<&Named<'c>> = named.iter().filter(|n| !n.writes).collect();
    let through = |slug: &MechanismId| named.iter().any(|n| n.mechanism.slug == *slug);
    let mut found: Vec<Similar<'c>> = Vec::new();
    for event in world.catalogue.events().iter().filter(|e| e.recorded() <= today && e.kind == Kind::Posting) {
        let owner = world.catalogue.mechanisms().iter().find(|m| m.slug == event.mechanism);
        let writes = owner.is_some_and(|m| m.symbols.iter().any(|s| s.writes_text) || !m.owns.is_empty());
        if !writes || through(&event.mechanism) {
            continue;
        }
        let shared: Vec<&&Named<'c>> = reasons.iter().filter(|n| event.also.contains(&n.mechanism.slug)).collect();
        if !shared.is_empty() {
            let mut matched: Vec<String> = shared.iter().map(|n| format!("{} ({})", n.mechanism.slug, n.by)).collect();
            matched.push("text written at run time".to_owned());
            found.push(Similar { event, matched });
        }
    }
    found
}

/// The mail that is an event's evidence.
pub fn mail_of(event: &Event) -> Option<&str> {
    event.evidence.iter().find_map(|e| e.mail.as_ref()).map(|mail| mail.as_str())
}
