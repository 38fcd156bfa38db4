//! Which mechanisms a mail touches, and why: by the symbols and paths that the catalogue knows them by, and by the
//! mails that are evidence of their events. What `mech:` finds, said for one mail.

use provenance_corpus::catalogue::Catalogue;
use provenance_corpus::message::Message;
use provenance_corpus::patch::{LineKind, Patch};
use rustc_hash::{FxHashMap, FxHashSet};

/// A mechanism that a mail touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Its slug.
    pub slug: String,
    /// Symbols, paths and events that say so, the strongest first.
    pub why: Vec<String>,
    /// How strongly: events count most, then what is changed, then what stands beside it.
    pub weight: u32,
}

/// The mechanisms of a mail, the most touched first.
pub fn find(message: &Message<'_>, patch: Option<&Patch<'_>>, catalogue: &Catalogue) -> Vec<Touch> {
    let mut found: FxHashMap<&str, Touch> = FxHashMap::default();
    let mut note = |slug: &str, why: String, weight: u32| {
        let mechanism = catalogue.mechanisms().iter().find(|m| m.slug.as_str() == slug);
        let Some(slug) = mechanism.map(|m| m.slug.as_str()) else { return };
        let touch = found.entry(slug).or_insert_with(|| Touch { slug: slug.to_owned(), why: Vec::new(), weight: 0 });
        if !touch.why.contains(&why) {
            touch.why.push(why);
            touch.weight += weight;
        }
    };
    let mut symbols: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
    for mechanism in catalogue.mechanisms() {
        for symbol in &mechanism.symbols {
            symbols.entry(symbol.name.as_str()).or_default().push(mechanism.slug.as_str());
        }
        for mail in catalogue.mails_of(&mechanism.slug) {
            if mail.as_str() == message.message_id {
                note(mechanism.slug.as_str(), "an event of its history".into(), 100);
            }
        }
    }
    if let Some(patch) = patch {
        for file in &patch.files {
            for mechanism in catalogue.mechanisms() {
                let under = |path: &&String| {
                    let rest = file.path().strip_prefix(path.trim_end_matches('/'));
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                };
                if let Some(path) = mechanism.paths.iter().find(under) {
                    note(mechanism.slug.as_str(), path.clone(), 4);
                }
            }
        }
        let mut seen: FxHashSet<(&str, bool)> = FxHashSet::default();
        for line in patch.all_lines() {
            let changed = line.kind != LineKind::Context;
            for word in identifiers(patch.slice(line.span)) {
                if let Some(slugs) = symbols.get(word)
                    && seen.insert((word, changed))
                {
                    slugs.iter().for_each(|slug| note(slug, word.to_owned(), if changed { 10 } else { 2 }));
                }
            }
        }
    }
    for word in identifiers(&message.subject) {
        for slug in symbols.get(word).into_iter().flatten() {
            note(slug, word.to_owned(), 10);
        }
    }
    let mut touches: Vec<Touch> = found.into_values().collect();
    touches.sort_by(|a, b| b.weight.cmp(&a.weight).then(a.slug.cmp(&b.slug)));
    touches
}

/// Runs of letters, digits and `_`.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.len() > 2)
}
