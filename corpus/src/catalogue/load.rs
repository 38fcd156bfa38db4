//! From files to a checked [`super::Catalogue`]. A file that is wrong in one place is refused whole.

use super::error::CatalogueError;
use super::model::{Edge, EdgeKind, Event, Evidence, Mechanism};
use super::words::{Day, Node};
use super::{Facts, near, normal};
use rustc_hash::FxHashMap;

/// A decoded file and the name that errors give it.
pub(super) struct Decoded {
    pub(super) file: String,
    pub(super) mechanism: Mechanism,
}

/// Reads one TOML file.
pub(super) fn parse(file: &str, text: &str) -> Result<Decoded, CatalogueError> {
    match toml::from_str::<Mechanism>(text) {
        Ok(mechanism) => Ok(Decoded { file: file.to_owned(), mechanism }),
        Err(e) => {
            let at = e.span().map_or(0, |s| s.start).min(text.len());
            let before = text.get(..at).unwrap_or(text);
            Err(CatalogueError::Syntax {
                file: file.to_owned(),
                line: before.bytes().filter(|b| *b == b'\n').count() + 1,
                entry: entry_at(text, before.len()),
                message: field_and_message(text, before.len(), e.message()),
            })
        }
    }
}

/// The table that surrounds a place: the event's id, or the kind of table.
fn entry_at(text: &str, at: usize) -> Option<String> {
    // An error about a whole table (a missing field) points at its header; one about a field points behind it.
    let line_end = text[at..].find('\n').map_or(text.len(), |n| at + n);
    let header = text[..line_end].rfind("\n[[").map(|n| n + 1).or_else(|| text.starts_with("[[").then_some(0))?;
    let table = text[header..].lines().next().unwrap_or("");
    let body = text[header..].split_inclusive('\n').skip(1).take_while(|l| !l.starts_with("[["));
    let id = body.clone().find_map(|l| l.strip_prefix("id = \"")).and_then(|rest| rest.split('"').next());
    Some(match id {
        Some(id) => format!("event {id}"),
        None => table.trim_matches(['[', ']', ' ']).to_owned(),
    })
}

/// serde's messages about a value do not name its field; the line does.
fn field_and_message(text: &str, at: usize, message: &str) -> String {
    let message = message.trim_end().replace('\n', "; ");
    let line_start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let key = text[line_start..].split('=').next().unwrap_or("").trim();
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if is_key && !message.contains(&format!("`{key}`")) { format!("{key}: {message}") } else { message }
}

/// Puts files together, later ones adding to earlier ones, and checks the whole.
pub(super) fn assemble(files: Vec<Decoded>) -> Result<Facts, CatalogueError> {
    let mut catalogue = Facts::default();
    let mut names: Vec<String> = Vec::with_capacity(files.len());
    let mut events: Vec<(usize, Event)> = Vec::with_capacity(files.iter().map(|f| f.mechanism.events.len()).sum());
    let mut edges: Vec<(usize, Edge)> = Vec::with_capacity(files.iter().map(|f| f.mechanism.edges.len()).sum());
    catalogue.by_event.reserve(events.capacity());
    for (i, Decoded { file, mut mechanism }) in files.into_iter().enumerate() {
        for mut event in std::mem::take(&mut mechanism.events) {
            event.mechanism = mechanism.slug.clone();
            events.push((i, event));
        }
        for mut edge in std::mem::take(&mut mechanism.edges) {
            edge.mechanism = mechanism.slug.clone();
            edges.push((i, edge));
        }
        define(&mut catalogue, &file, mechanism)?;
        names.push(file);
    }
    // Stable: within a day the order of the files and of the entries in them stands. The keys are sorted and not the
    // events, which are large and would be moved at each step of every start.
    events.sort_by_cached_key(|(_, e)| (e.happened, e.recorded()));
    for (i, (file, event)) in events.iter().enumerate() {
        let file = &names[*file];
        let taken = catalogue.by_name.contains_key(event.id.as_str()).then(|| "a mechanism".to_owned());
        let other = catalogue.by_event.insert(event.id.as_str().to_owned(), i as u32);
        let taken = taken.or_else(|| Some(format!("an event of {}", names[events[other? as usize].0])));
        if let Some(taken_by) = taken {
            return Err(CatalogueError::Duplicate { file: file.clone(), name: event.id.to_string(), taken_by });
        }
        check_event(file, event)?;
    }
    let event_files: Vec<usize> = events.iter().map(|(file, _)| *file).collect();
    catalogue.events = events.into_iter().map(|(_, event)| event).collect();
    for (event, file) in catalogue.events.iter().zip(event_files) {
        check_references(&catalogue, &names[file], event)?;
    }
    let first = first_recorded(&catalogue.events);
    for (file, edge) in &mut edges {
        check_edge(&catalogue, &first, &names[*file], edge)?;
    }
    catalogue.edges = edges.into_iter().map(|(_, edge)| edge).collect();
    Ok(catalogue)
}

fn define(catalogue: &mut Facts, file: &str, mechanism: Mechanism) -> Result<(), CatalogueError> {
    let slug = mechanism.slug.to_string();
    for symbol in &mechanism.symbols {
        check_interval(file, &symbol.name, symbol.from, symbol.until)?;
    }
    for owns in &mechanism.owns {
        check_interval(file, &owns.site, owns.from, owns.until)?;
    }
    for answers in &mechanism.answers {
        check_interval(file, &answers.list, Some(answers.from), answers.until)?;
        check_evidence(file, &|| format!("answers {}", answers.list), &answers.evidence)?;
    }
    let known =
        catalogue.by_name.get(&slug).copied().filter(|i| catalogue.mechanisms[*i as usize].slug.as_str() == slug);
    let index = match known {
        Some(index) => {
            for (field, given) in [("name", mechanism.name.is_some()), ("summary", mechanism.summary.is_some())] {
                if given {
                    let problem = "is given by another file already; leave it out to add to that mechanism";
                    return Err(CatalogueError::Definition { file: file.to_owned(), slug, field, problem });
                }
            }
            index
        }
        None => {
            for (field, given) in [("name", mechanism.name.is_some()), ("summary", mechanism.summary.is_some())] {
                if !given {
                    let problem = "is missing, and no other file defines this mechanism; add it, or correct the slug";
                    return Err(CatalogueError::Definition { file: file.to_owned(), slug, field, problem });
                }
            }
            let index = catalogue.mechanisms.len() as u32;
            take_name(catalogue, file, &slug, index)?;
            index
        }
    };
    let fresh = known.is_none();
    let spellings = mechanism.aliases.iter().chain(mechanism.name.as_ref().filter(|_| fresh));
    for alias in spellings {
        if normal(alias).is_empty() {
            let problem = "holds an empty name; remove it";
            return Err(CatalogueError::Definition { file: file.to_owned(), slug, field: "aliases", problem });
        }
        if catalogue.by_name.get(&normal(alias)) != Some(&index) {
            take_name(catalogue, file, alias, index)?;
        }
    }
    if fresh {
        catalogue.mechanisms.push(mechanism);
    } else {
        let old = &mut catalogue.mechanisms[index as usize];
        old.aliases.extend(mechanism.aliases);
        old.paths.extend(mechanism.paths);
        old.symbols.extend(mechanism.symbols);
        old.owns.extend(mechanism.owns);
        old.answers.extend(mechanism.answers);
    }
    Ok(())
}

fn take_name(catalogue: &mut Facts, file: &str, name: &str, index: u32) -> Result<(), CatalogueError> {
    if let Some(other) = catalogue.by_name.insert(normal(name), index) {
        let taken_by = format!("a name of {}", catalogue.mechanisms[other as usize].slug);
        return Err(CatalogueError::Duplicate { file: file.to_owned(), name: name.to_owned(), taken_by });
    }
    Ok(())
}

fn check_interval(file: &str, entry: &str, from: Option<Day>, until: Option<Day>) -> Result<(), CatalogueError> {
    match (from, until) {
        (Some(from), Some(until)) if until < from => {
            Err(CatalogueError::EndsEarly { file: file.to_owned(), entry: entry.to_owned(), from, until })
        }
        _ => Ok(()),
    }
}

fn check_evidence(file: &str, entry: &dyn Fn() -> String, evidence: &[Evidence]) -> Result<(), CatalogueError> {
    if evidence.is_empty() {
        return Err(CatalogueError::NoEvidence { file: file.to_owned(), entry: entry() });
    }
    for e in evidence {
        let problem = if e.source().is_none() {
            "wanted exactly one of mail, commit and url"
        } else if e.url.is_some() != e.read.is_some() {
            "url and read go together: the page, and the day by which it had been read"
        } else if e.url.as_ref().is_some_and(|u| !u.starts_with("https://") && !u.starts_with("http://")) {
            "url must begin with https:// or http://"
        } else if e.archive.is_some() && (e.mail.is_none() || e.date.is_none()) {
            "archive goes with mail and date: that is what can be checked there"
        } else if e.linked && e.url.is_some() {
            "linked goes with mail or commit; a page is always secondary"
        } else {
            continue;
        };
        return Err(CatalogueError::BadEvidence { file: file.to_owned(), entry: entry(), problem });
    }
    Ok(())
}

/// `recorded` may not be before the earliest date that its evidence has.
fn check_recorded(
    file: &str,
    entry: &dyn Fn() -> String,
    recorded: Day,
    evidence: &[Evidence],
) -> Result<(), CatalogueError> {
    let earliest = evidence.iter().map(|e| e.date).min().flatten();
    match earliest {
        Some(day) if recorded < day => Err(CatalogueError::RecordedEarly {
            file: file.to_owned(),
            entry: entry(),
            recorded,
            what: "its earliest evidence",
            day,
        }),
        _ => Ok(()),
    }
}

fn check_event(file: &str, event: &Event) -> Result<(), CatalogueError> {
    let entry = || format!("event {}", event.id);
    check_evidence(file, &entry, &event.evidence)?;
    if let Some(recorded) = event.recorded
        && recorded < event.happened
    {
        return Err(CatalogueError::RecordedEarly {
            file: file.to_owned(),
            entry: entry(),
            recorded,
            what: "the day it happened",
            day: event.happened,
        });
    }
    check_recorded(file, &entry, event.recorded(), &event.evidence)?;
    let field = if event.text.trim().is_empty() {
        Some(("text", "is empty; say in a sentence what happened"))
    } else if event.kind == super::Kind::Claim && event.claim.is_none() {
        Some(("claim", "is missing; say who claims it and who disputes it"))
    } else if event.figures.iter().any(|f| f.unit.trim().is_empty() || f.measures.trim().is_empty()) {
        Some(("figure", "has no unit or does not say what it measures; add it"))
    } else if event.figures.iter().any(|f| !f.value.is_finite() || f.baseline.is_some_and(|b| !b.is_finite())) {
        Some(("figure", "is not a finite number; correct it"))
    } else {
        None
    };
    match field {
        Some((field, problem)) => Err(CatalogueError::Field { file: file.to_owned(), entry: entry(), field, problem }),
        None => Ok(()),
    }
}

fn check_references(catalogue: &Facts, file: &str, event: &Event) -> Result<(), CatalogueError> {
    let nowhere = |field: &'static str, target: &str| CatalogueError::Nowhere {
        file: file.to_owned(),
        entry: format!("event {}", event.id),
        field,
        target: target.to_owned(),
        near: near_nodes(catalogue, target),
    };
    if let Some(answered) = &event.answers {
        let other = catalogue.event(answered.as_str()).ok_or_else(|| nowhere("answers", answered.as_str()))?;
        if event.happened < other.happened {
            return Err(CatalogueError::BeforeItsCause {
                file: file.to_owned(),
                entry: format!("event {}", event.id),
                happened: event.happened,
                other: other.id.to_string(),
                other_happened: other.happened,
                verb: "answers",
            });
        }
    }
    if let Some(target) = event.claim.iter().flat_map(|c| &c.see).find(|id| catalogue.event(id.as_str()).is_none()) {
        return Err(nowhere("claim.see", target.as_str()));
    }
    if let Some(target) = event.also.iter().find(|m| !catalogue.is_slug(m.as_str())) {
        return Err(nowhere("also", target.as_str()));
    }
    Ok(())
}

/// When each mechanism could first be known.
fn first_recorded(events: &[Event]) -> FxHashMap<&str, Day> {
    let mut first: FxHashMap<&str, Day> = FxHashMap::default();
    for event in events {
        let day = first.entry(event.mechanism.as_str()).or_insert(event.recorded());
        *day = (*day).min(event.recorded());
    }
    first
}

fn check_edge(
    catalogue: &Facts,
    first: &FxHashMap<&str, Day>,
    file: &str,
    edge: &mut Edge,
) -> Result<(), CatalogueError> {
    let (from, kind, to) = (edge.from.clone(), edge.kind, edge.to.clone());
    let entry = || format!("edge {from} {} {to}", kind.as_str());
    check_evidence(file, &entry, &edge.evidence)?;
    let known_since = |field: &'static str, node: &Node| match catalogue.event(node.as_str()) {
        Some(event) => Ok(Some(event.recorded())),
        None if catalogue.is_slug(node.as_str()) => Ok(first.get(node.as_str()).copied()),
        None => Err(CatalogueError::Nowhere {
            file: file.to_owned(),
            entry: entry(),
            field,
            target: node.to_string(),
            near: near_nodes(catalogue, node.as_str()),
        }),
    };
    let both = known_since("from", &edge.from)?.max(known_since("to", &edge.to)?);
    let ends = (catalogue.event(edge.from.as_str()), catalogue.event(edge.to.as_str()));
    if let (EdgeKind::Fixes, (Some(from), Some(to))) = (edge.kind, ends)
        && from.happened < to.happened
    {
        return Err(CatalogueError::BeforeItsCause {
            file: file.to_owned(),
            entry: entry(),
            happened: from.happened,
            other: to.id.to_string(),
            other_happened: to.happened,
            verb: "fixes",
        });
    }
    match edge.recorded {
        Some(recorded) => {
            check_recorded(file, &entry, recorded, &edge.evidence)?;
            if let Some(day) = both.filter(|day| recorded < *day) {
                let what = "both ends could be known";
                return Err(CatalogueError::RecordedEarly {
                    file: file.to_owned(),
                    entry: entry(),
                    recorded,
                    what,
                    day,
                });
            }
            if edge.kind.is_judgement() && !edge.evidence.iter().any(|e| e.date == Some(recorded)) {
                return Err(CatalogueError::UndatedJudgement {
                    file: file.to_owned(),
                    entry: entry(),
                    kind: edge.kind,
                });
            }
        }
        None if edge.kind.is_judgement() => {
            return Err(CatalogueError::UndatedJudgement { file: file.to_owned(), entry: entry(), kind: edge.kind });
        }
        None => edge.recorded = both,
    }
    Ok(())
}

fn near_nodes(catalogue: &Facts, target: &str) -> Vec<String> {
    let slugs = catalogue.mechanisms.iter().map(|m| m.slug.as_str());
    near(target, slugs.chain(catalogue.events.iter().map(|e| e.id.as_str())))
}
