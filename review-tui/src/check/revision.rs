//! A patch against its last revision: trailers that were given to it and are not carried.

use provenance_corpus::trailer::{self, Kind as TrailerKind};
use provenance_index::hash;
use provenance_index::links::edge::Kind;
use provenance_index::raw::Raw;
use rustc_hash::FxHashSet;

use super::{Evidence, Finding, Severity, Target, World};

/// The name of the rule.
pub const RULE: &str = "revision";

/// Trailers that a reader gives to a patch.
const GIVEN: [&str; 3] = ["reviewed-by", "acked-by", "tested-by"];

/// Runs the rule.
pub fn check(target: &Target<'_>, world: &World<'_>) -> Option<Finding> {
    let reader = world.reader?;
    let own = hash::message_id(&target.message.message_id);
    let edges = reader.links.graph.edges(own).ok()?;
    let earlier = edges.iter().find(|e| e.kind == Kind::Revision && e.from == own)?;
    let copy = reader.mail(earlier.to).ok()??;
    let mut raw = Raw::open(world.data).ok()?;
    let carried: FxHashSet<String> =
        given(target.text).into_iter().map(|(name, who)| format!("{name} {who}")).collect();
    let mut lost: Vec<(String, String)> = Vec::new();
    // Given in an answer to the earlier patch, or in that patch itself.
    for id in reader.thread(earlier.to).ok()?.into_iter().take(500) {
        let Some(mail) = reader.mail(id).ok().flatten().filter(|m| m.stored.date <= target.as_of) else { continue };
        let answers = mail.stored.references.last().is_some_and(|parent| hash::message_id(parent) == earlier.to);
        if id != earlier.to && !answers {
            continue;
        }
        let Ok(bytes) = raw.read(&mail) else { continue };
        let message = provenance_corpus::message::Message::parse(&bytes);
        for (name, who) in given(&message.text()) {
            if !carried.contains(&format!("{name} {who}")) && !lost.iter().any(|(known, _)| known.contains(&who)) {
                lost.push((format!("{name}: {who}"), mail.stored.message_id.clone()));
            }
        }
    }
    if lost.is_empty() {
        return None;
    }
    // A patch that changed much is right to drop them; that is for the reader to say.
    let severity = if earlier.similarity >= 900 { Severity::Warning } else { Severity::Note };
    let mut finding = Finding::new(RULE, severity, "trailers given to the earlier revision are not carried").fact(
        "earlier",
        format!("\"{}\", {} % of its changed lines are the same", copy.stored.subject, earlier.similarity / 10),
    );
    for (trailer, id) in lost.into_iter().take(8) {
        finding = finding.fact("given", trailer);
        finding.evidence.push(Evidence::Mail(id));
    }
    finding.advice = Some("carry them, or say in the changelog why not".to_owned());
    Some(finding)
}

/// Name and address of each trailer that a reader gave.
fn given(text: &str) -> Vec<(String, String)> {
    let parsed = trailer::parse(text);
    let people = parsed.iter().filter(|t| t.kind == TrailerKind::Person);
    people
        .filter(|t| GIVEN.contains(&t.name.to_lowercase().as_str()))
        .filter_map(|t| Some((t.name.to_lowercase(), t.address()?.address.to_lowercase())))
        .collect()
}
