//! Trailers that were given to the earlier revision and are not carried.

use provenance_corpus::trailer::{self, Kind as TrailerKind};
use rustc_hash::FxHashSet;

use super::RULE;
use crate::check::earlier::Earlier;
use crate::check::{Evidence, Fact, Finding, Severity, Target};

/// Trailers that a reader gives to a patch.
const GIVEN: [&str; 3] = ["reviewed-by", "acked-by", "tested-by"];

/// Trailers that are shown.
const SHOWN: usize = 8;

/// The finding.
pub fn check(target: &Target<'_>, earlier: &Earlier) -> Option<Finding> {
    let carried: FxHashSet<String> =
        given(target.text).into_iter().map(|(name, who)| format!("{name} {who}")).collect();
    let mut lost: Vec<(String, String)> = Vec::new();
    // Given in an answer to the earlier patch, or in that patch itself.
    let answers =
        earlier.answers.iter().filter(|answer| answer.direct).map(|answer| (&answer.text, &answer.message_id));
    for (text, id) in std::iter::once((&earlier.text, &earlier.message_id)).chain(answers) {
        for (name, who) in given(text) {
            if !carried.contains(&format!("{name} {who}")) && !lost.iter().any(|(known, _)| known.contains(&who)) {
                lost.push((format!("{name}: {who}"), id.clone()));
            }
        }
    }
    if lost.is_empty() {
        return None;
    }
    // A patch that changed much is right to drop them; that is for the reader to say.
    let severity = if earlier.similarity >= 900 { Severity::Warning } else { Severity::Note };
    let says = "trailers given to an earlier version are not carried over";
    let mut finding = Finding::new(RULE, severity, says).key("trailers").fact(earlier.fact());
    for (trailer, id) in lost.into_iter().take(SHOWN) {
        finding = finding.fact(Fact::Given(trailer));
        finding.cite(Evidence::Mail(id));
    }
    finding.advice = Some("carry them over, or say in the changelog why not".to_owned());
    Some(finding)
}

/// Name and address of each trailer that a reader gave.
pub(super) fn given(text: &str) -> Vec<(String, String)> {
    let parsed = trailer::parse(text);
    let people = parsed.iter().filter(|t| t.kind == TrailerKind::Person);
    people
        .filter(|t| GIVEN.contains(&t.name.to_lowercase().as_str()))
        .filter_map(|t| Some((t.name.to_lowercase(), t.address()?.address.to_lowercase())))
        .collect()
}
