//! The series around a patch: parts that are missing or doubled, a `Fixes:` that names another commit than it says.

use provenance_corpus::subject::Subject;
use provenance_corpus::trailer::{self, Kind};
use provenance_index::document::hex;
use provenance_index::hash;
use provenance_index::history::{self, mainline};

use super::outcome::{Look, Missing};
use super::{Case, Evidence, Fact, Finding, Outcome, Rule, Severity, Target};

/// The name of the rule.
pub const RULE: &str = "series";

/// Runs [`RULE`].
pub struct Series;

/// Trailers of one patch that are looked up.
const MOST: usize = 10;

impl Rule for Series {
    fn name(&self) -> &'static str {
        RULE
    }

    fn check(&self, case: &Case<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.add("parts", parts(case));
        let trailers = named(case.target);
        if !trailers.is_empty() {
            match fixes(case, &trailers) {
                Ok(None) => outcome.lacks("Fixes:", Missing::Tree),
                Ok(Some(findings)) => outcome.findings.extend(findings),
                Err(broken) => outcome.broken("Fixes:", broken),
            }
        }
        outcome
    }
}

/// Parts are counted where the cover letter or another part is indexed: of one mail alone nothing is missing.
fn parts(case: &Case<'_>) -> Look<Vec<Finding>> {
    let mut findings = Vec::new();
    let message = case.target.message;
    let subject = Subject::parse(&message.subject);
    let (Some(reader), Some(total)) = (case.world.reader, subject.total.filter(|total| (2..=1_000).contains(total)))
    else {
        return Ok(findings);
    };
    let graph = &reader.links.graph;
    let own = hash::message_id(&message.message_id);
    let Some((head, _)) = graph.sending(own)? else { return Ok(findings) };
    let members = graph.members(head)?;
    let minor = subject.version.is_some_and(|v| v.1 > 0);
    if members.iter().any(|m| m.mail != own) && !minor {
        let missing: Vec<String> =
            (1..=total).filter(|n| !members.iter().any(|m| m.number == *n)).map(|n| n.to_string()).collect();
        if !missing.is_empty() {
            let says = format!("patches missing from the indexed lists: {} of {total}", missing.join(", "));
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
    Ok(findings)
}

/// The commits that `Fixes:` trailers name, each with the title that stands there.
fn named(target: &Target<'_>) -> Vec<(String, Option<String>)> {
    let trailers = trailer::parse(target.text);
    let fixes = trailers.iter().filter(|t| t.kind == Kind::Fixes).take(MOST);
    fixes
        .filter_map(|trailer| {
            let title = trailer.value.split_once("(\"").and_then(|(_, rest)| rest.rsplit_once("\")"));
            Some((trailer.commit()?.to_lowercase(), title.map(|(title, _)| title.to_owned())))
        })
        .collect()
}

/// The attached trees that the patch may be for: that have one of its files, or the directory of one that it adds, on the patch's day
/// or now.
fn knowing(case: &Case<'_>) -> std::io::Result<Vec<history::Tree>> {
    let paths = case.target.patch.files.iter().filter_map(|file| match (&file.old_path, &file.new_path) {
        (Some(old), _) => Some(old.as_ref()),
        (None, Some(new)) => Some(new.rsplit_once('/')?.0),
        (None, None) => None,
    });
    let paths: Vec<&str> = paths.filter(|path| !path.is_empty()).collect();
    let mut trees: Vec<history::Tree> = Vec::new();
    for as_of in [case.target.as_of, i64::MAX] {
        for moment in mainline::at(case.world.data, as_of)? {
            if !trees.iter().any(|tree| tree.number == moment.tree.number) && moment.has_one(paths.iter().copied()) {
                trees.push(moment.tree);
            }
        }
    }
    Ok(trees)
}

/// A `Fixes:` whose title does not match its commit, where a tree has that commit; one that no tree has is a note. `None`
/// where no tree is there that knows the files of the patch: another project's says nothing.
fn fixes(case: &Case<'_>, named: &[(String, Option<String>)]) -> Look<Option<Vec<Finding>>> {
    let data = case.world.data;
    let trees = knowing(case)?;
    if trees.is_empty() {
        return Ok(None);
    }
    let mut findings = Vec::new();
    for (id, title) in named {
        match history::beginning_in(data, &trees, id, 2)?.as_slice() {
            [] => {
                let newest = trees.iter().map(|tree| tree.newest).max().unwrap_or_default();
                let says = format!(
                    "Fixes: names {id}, which is not in the attached trees (newest commit {})",
                    super::day(newest)
                );
                findings.push(Finding::new(RULE, Severity::Note, says));
            }
            [full] => {
                let Some((_, entry)) = history::find(data, full)? else { continue };
                let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                if let Some(title) = title.as_ref().filter(|title| plain(title) != plain(&entry.subject)) {
                    let mut finding =
                        Finding::new(RULE, Severity::Warning, "Fixes: quotes a different title than the commit has")
                            .fact(Fact::Titles { says: title.clone(), is: entry.subject.clone() });
                    finding.cite(Evidence::Commit(hex(full), entry.subject));
                    findings.push(finding);
                }
            }
            _ => {}
        }
    }
    Ok(Some(findings))
}
