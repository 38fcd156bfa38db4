//! From the catalogue's graph to the rows that the screen draws.

use provenance_corpus::catalogue::{Catalogue, Class, EdgeKind, Evidence, Kind, MechanismId, MessageId, Source};
use provenance_index::lineage::{End, Lineage, Link, Row};
use provenance_review::lineage::graph::Graph;

use crate::facts::{LineageFacts, LineageRow};
use crate::text::clean;

/// Draws the lineage of a mechanism (of all where the slug is empty).
pub fn build(catalogue: &Catalogue, slug: &str, is_indexed: impl FnMut(&MessageId) -> bool) -> LineageFacts {
    let subject = catalogue.mechanism(slug).ok();
    let wanted: Option<&MechanismId> = subject.map(|m| &m.slug);
    let mut lineage = Lineage::new(catalogue, wanted, None);
    lineage.mark_indexed(is_indexed);
    let graph = Graph::new(&lineage);
    let rows = graph.rows.iter().enumerate().map(|(at, row)| draw(catalogue, &lineage, &graph, at, row)).collect();
    let count =
        format!("{} events, {} mechanisms, {} edges", lineage.entries.len(), lineage.lanes.len(), lineage.links.len());
    LineageFacts {
        slug: wanted.map_or_else(String::new, |s| s.as_str().to_owned()),
        name: subject.map_or_else(String::new, |m| clean(m.name.as_deref().unwrap_or(m.slug.as_str()))),
        summary: subject.and_then(|m| m.summary.as_deref()).map(clean).unwrap_or_default(),
        rows,
        count,
    }
}

fn draw(catalogue: &Catalogue, lineage: &Lineage<'_>, graph: &Graph, at: usize, row: &Row) -> LineageRow {
    let mechanism_of = |node: &str| catalogue.event(node).map_or(node, |e| e.mechanism.as_str()).to_owned();
    match row {
        Row::Entry(entry) => {
            let known = &lineage.entries[*entry];
            let (event, lane) = (known.event, known.lane);
            let slug = lineage.lanes[lane].mechanism.slug.as_str();
            let warns = matches!(event.kind, Kind::Incident | Kind::Report);
            let own = lineage.links.iter().filter(|l| !l.edge.kind.is_judgement() && l.from == End::Entry(*entry));
            let own: Vec<&Link<'_>> = own.collect();
            let is_first = lineage.entries.iter().position(|e| e.lane == lane) == Some(*entry);
            let whole =
                lineage.links.iter().filter(|l| is_first && !l.edge.kind.is_judgement() && l.from == End::Lane(lane));
            let whole: Vec<String> = whole.map(|l| l.edge.to.to_string()).collect();
            let mut relations: Vec<String> = own.iter().map(|l| clean(&relation(l))).collect();
            if !whole.is_empty() {
                relations.push(format!("{slug} builds on {}", clean(&whole.join(", "))));
            }
            let mut others: Vec<String> = own.iter().map(|l| mechanism_of(l.edge.to.as_str())).chain(whole).collect();
            others.retain(|other| other != slug);
            others.dedup();
            let mail = event.evidence.iter().find_map(|e| e.mail.as_ref());
            let title = match (&event.subject, event.kind) {
                (Some(subject), Kind::Posting | Kind::Revision | Kind::Merge) => format!("{subject}: {}", event.text),
                _ => event.text.clone(),
            };
            LineageRow {
                day: event.happened.to_string(),
                gutter: gutter(graph, at, Some((mark(event.kind), lane))),
                below: gutter(graph, at, None),
                slug: slug.to_owned(),
                lane: lane as u8,
                words: clean(&title),
                relations,
                evidence: evidence(&event.evidence),
                mail: mail.map(|m| (m.to_string(), known.indexed == Some(true))),
                others,
                warns,
                event: event.id.to_string(),
            }
        }
        Row::Judgement(link) => {
            let link = &lineage.links[*link];
            let lane = lineage.lane(link.from);
            let mark = if link.edge.kind == EdgeKind::ConflictsWith { '✗' } else { '≈' };
            let by = link.edge.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
            let text = link.edge.text.as_deref().map(|t| format!(": {t}")).unwrap_or_default();
            let mail = link.edge.evidence.iter().find_map(|e| e.mail.as_ref());
            LineageRow {
                day: link.edge.recorded.map(|d| d.to_string()).unwrap_or_default(),
                gutter: gutter(graph, at, Some((mark, lane))),
                below: gutter(graph, at, None),
                slug: lineage.lanes[lane].mechanism.slug.as_str().to_owned(),
                lane: lane as u8,
                words: clean(&format!("{}, first written{by}{text}", relation(link))),
                relations: Vec::new(),
                evidence: evidence(&link.edge.evidence),
                mail: mail.map(|m| (m.to_string(), true)),
                others: vec![mechanism_of(link.edge.to.as_str())],
                warns: true,
                event: String::new(),
            }
        }
    }
}

fn relation(link: &Link<'_>) -> String {
    format!("{} {}", link.edge.kind.as_str(), link.edge.to)
}

/// The first piece of evidence, with its class where it was not seen itself, and how many more there are.
fn evidence(all: &[Evidence]) -> String {
    let Some(first) = all.first() else { return String::new() };
    let class = match first.class() {
        Class::Seen => String::new(),
        other => format!("{}: ", other.as_str()),
    };
    let source = match first.source() {
        Some(Source::Mail(mail)) => mail.to_string(),
        Some(Source::Commit(commit)) => format!("commit {}", commit.short()),
        Some(Source::Page(url)) => url.to_owned(),
        None => String::new(),
    };
    let more = if all.len() > 1 { format!(" +{}", all.len() - 1) } else { String::new() };
    clean(&format!("{class}{source}{more}"))
}

fn mark(kind: Kind) -> char {
    match kind {
        Kind::Merge => '●',
        Kind::Posting | Kind::Revision => '○',
        Kind::Report | Kind::Incident => '▲',
        Kind::Article => '≡',
        _ => '·',
    }
}

/// The lanes of a row: its mark, and lines to what its edges name.
fn gutter(graph: &Graph, row: usize, mark: Option<(char, usize)>) -> Vec<(char, Option<u8>)> {
    let joined = if mark.is_some() { graph.joined[row].as_slice() } else { &[] };
    let ends = joined.iter().map(|l| graph.column[*l]);
    let (from, to) = (ends.clone().min().unwrap_or(0), ends.max().unwrap_or(0));
    let mut out = Vec::new();
    for column in 0..graph.width {
        // A lane ends with its last row: what follows that row's first line is empty.
        let alive = |l: &usize| graph.column[*l] == column && (mark.is_some() || graph.last[*l] > row);
        let lane = graph.alive(row).find(alive);
        let joint = joined.iter().position(|l| graph.column[*l] == column);
        let cell = match (joint, lane) {
            (Some(0), Some(l)) => (mark.map_or('│', |m| m.0), Some(l)),
            (Some(_), Some(l)) if column == from => ('├', Some(l)),
            (Some(_), Some(l)) if column == to => ('┤', Some(l)),
            (Some(_), Some(l)) => ('┼', Some(l)),
            (None, Some(l)) => ('│', Some(l)),
            (_, None) if from < column && column < to => ('─', None),
            (_, None) => (' ', None),
        };
        out.push((cell.0, cell.1.map(|l| l as u8)));
        out.push((if from <= column && column < to { '─' } else { ' ' }, None));
    }
    out
}
