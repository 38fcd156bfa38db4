//! The series around a patch: parts that are missing or doubled, a `Fixes:` that names another commit than it says.

use provenance_corpus::subject::Subject;
use provenance_corpus::trailer::{self, Kind};
use provenance_index::document::hex;
use provenance_index::{hash, history};

use super::{Evidence, Finding, Severity, Target, World};

/// The name of the rule.
pub const RULE: &str = "series";

/// Runs the rule.
pub fn check(target: &Target<'_>, world: &World<'_>) -> Vec<Finding> {
    let mut findings = parts(target, world);
    findings.extend(fixes(target, world));
    findings
}

/// Parts are counted where the cover letter or another part is indexed: of one mail alone nothing is missing.
fn parts(target: &Target<'_>, world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let subject = Subject::parse(&target.message.subject);
    let (Some(reader), Some(total)) = (world.reader, subject.total.filter(|total| (2..=1_000).contains(total))) else {
        return findings;
    };
    let graph = &reader.links.graph;
    let own = hash::message_id(&target.message.message_id);
    let Ok(Some((head, _))) = graph.sending(own) else { return findings };
    let Ok(members) = graph.members(head) else { return findings };
    let minor = subject.version.is_some_and(|v| v.1 > 0);
    if members.iter().any(|m| m.mail != own) && !minor {
        let missing: Vec<String> =
            (1..=total).filter(|n| !members.iter().any(|m| m.number == *n)).map(|n| n.to_string()).collect();
        if !missing.is_empty() {
            let says = format!("parts are not in the indexed lists: {} of {total}", missing.join(", "));
            findings.push(Finding::new(RULE, Severity::Note, says));
        }
    }
    let mut doubled: Vec<u32> =
        members.windows(2).filter(|w| w[0].number == w[1].number).map(|w| w[0].number).collect();
    doubled.dedup();
    if !doubled.is_empty() {
        let list: Vec<String> = doubled.iter().map(u32::to_string).collect();
        findings.push(Finding::new(
            RULE,
            Severity::Note,
            format!("parts were sent more than once: {}", list.join(", ")),
        ));
    }
    findings
}

/// A `Fixes:` whose title does not match its commit, where a tree has that commit; one that no tree has is a note, and
/// absent when no tree is there.
fn fixes(target: &Target<'_>, world: &World<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Ok(trees) = history::Trees::load(world.data) else { return findings };
    if trees.trees.is_empty() {
        return findings;
    }
    for trailer in trailer::parse(target.text).iter().filter(|t| t.kind == Kind::Fixes).take(10) {
        let Some(id) = trailer.commit().map(str::to_lowercase) else { continue };
        let Ok(found) = history::beginning(world.data, &id, 2) else { continue };
        let title =
            trailer.value.split_once("(\"").and_then(|(_, rest)| rest.rsplit_once("\")")).map(|(title, _)| title);
        match found.as_slice() {
            [] => {
                let newest = trees.trees.iter().map(|tree| tree.newest).max().unwrap_or_default();
                let says =
                    format!("{id} of a Fixes: is not in the attached trees (newest commit {})", super::day(newest));
                findings.push(Finding::new(RULE, Severity::Note, says));
            }
            [full] => {
                let Ok(Some((_, entry))) = history::find(world.data, full) else { continue };
                let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                if let Some(title) = title.filter(|title| plain(title) != plain(&entry.subject)) {
                    let mut finding =
                        Finding::new(RULE, Severity::Warning, "the title of a Fixes: is not that of its commit")
                            .fact("says", title.to_owned())
                            .fact("is", entry.subject.clone());
                    finding.cite(Evidence::Commit(hex(full), entry.subject));
                    findings.push(finding);
                }
            }
            _ => {}
        }
    }
    findings
}
