//! The history of one mechanism, or of all, as a graph over time: what the drawings draw.
//!
//! For one mechanism the graph holds its own events, the events that an edge joins to them, and a lane for each
//! mechanism that it builds on or that somebody compared with it, each with the events that brought it into being.
//! Reading as of a day hides every event and edge that was recorded later, and what hangs on them.

#[cfg(test)]
mod tests;

use provenance_corpus::catalogue::{Catalogue, Day, Edge, EdgeKind, Event, Mechanism, MechanismId, MessageId};
use rustc_hash::{FxHashMap, FxHashSet};

/// Why a mechanism has a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It was asked for, or all were.
    Subject,
    /// The subject builds on it, directly or not.
    Ancestor,
    /// An edge joins it to the subject in another way.
    Relative,
}

/// A mechanism in the drawing.
#[derive(Clone, Debug)]
pub struct Lane<'c> {
    /// The mechanism whose history it is.
    pub mechanism: &'c Mechanism,
    /// Why it is there.
    pub role: Role,
    /// Events of its file that could be known on the day, shown or not.
    pub known: usize,
}

/// An event in the drawing.
#[derive(Clone, Debug)]
pub struct Entry<'c> {
    /// The event.
    pub event: &'c Event,
    /// Index of its lane.
    pub lane: usize,
    /// Whether one of its mails is in the index; `None` until [`Lineage::mark_indexed`] asked.
    pub indexed: Option<bool>,
}

/// One end of a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// An event, by its index in [`Lineage::entries`].
    Entry(usize),
    /// A mechanism as a whole, by its index in [`Lineage::lanes`].
    Lane(usize),
}

/// An edge in the drawing.
#[derive(Clone, Debug)]
pub struct Link<'c> {
    /// The edge.
    pub edge: &'c Edge,
    /// Its first end.
    pub from: End,
    /// Its second end.
    pub to: End,
}

impl Link<'_> {
    /// The day from which it could be known.
    pub fn recorded(&self) -> Option<Day> {
        self.edge.recorded
    }
}

/// A line of the drawing, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// An event, on the day it happened.
    Entry(usize),
    /// A judgement, on the day somebody first wrote it.
    Judgement(usize),
}

/// The graph.
#[derive(Clone, Debug)]
pub struct Lineage<'c> {
    /// The mechanism asked for; `None` for all.
    pub mechanism: Option<&'c Mechanism>,
    /// The day as of which it is read.
    pub as_of: Option<Day>,
    /// Mechanisms, by the day of their first event shown.
    pub lanes: Vec<Lane<'c>>,
    /// Events shown, by the day they happened.
    pub entries: Vec<Entry<'c>>,
    /// Edges with both ends shown.
    pub links: Vec<Link<'c>>,
    /// Events of the lanes that are left out because they were recorded after [`Lineage::as_of`].
    pub later: usize,
    /// Events of lanes other than the subject's that could be known and are left out because no edge joins them.
    pub elsewhere: usize,
}

/// Events, edges and mechanisms that could be known on a day.
struct Known<'c> {
    catalogue: &'c Catalogue,
    as_of: Option<Day>,
    mechanisms: FxHashSet<&'c str>,
}

impl<'c> Known<'c> {
    fn new(catalogue: &'c Catalogue, as_of: Option<Day>) -> Self {
        let mut known = Known { catalogue, as_of, mechanisms: FxHashSet::default() };
        let events = catalogue.events().iter().filter(|e| known.day(e.recorded()));
        known.mechanisms = events.map(|e| e.mechanism.as_str()).collect();
        known
    }

    fn day(&self, recorded: Day) -> bool {
        self.as_of.is_none_or(|as_of| recorded <= as_of)
    }

    fn node(&self, name: &str) -> bool {
        match self.catalogue.event(name) {
            Some(event) => self.day(event.recorded()),
            None => self.mechanisms.contains(name),
        }
    }

    fn edges(&self) -> impl Iterator<Item = &'c Edge> {
        let known = |e: &&Edge| {
            e.recorded.is_none_or(|r| self.day(r)) && self.node(e.from.as_str()) && self.node(e.to.as_str())
        };
        self.catalogue.edges().iter().filter(known)
    }

    /// The mechanism of an end of an edge.
    fn mechanism_of(&self, name: &'c str) -> &'c str {
        self.catalogue.event(name).map_or(name, |e| e.mechanism.as_str())
    }
}

impl<'c> Lineage<'c> {
    /// The graph of `mechanism`, or of all, as of a day, or of today. A slug that the catalogue lacks gives an empty
    /// graph; resolve names with [`Catalogue::mechanism`] first.
    pub fn new(catalogue: &'c Catalogue, mechanism: Option<&MechanismId>, as_of: Option<Day>) -> Lineage<'c> {
        let known = Known::new(catalogue, as_of);
        let edges: Vec<&'c Edge> = known.edges().collect();
        let subject = mechanism.and_then(|slug| catalogue.mechanisms().iter().find(|m| m.slug == *slug));
        let mut roles: FxHashMap<&'c str, Role> = FxHashMap::default();
        let mut shown: FxHashSet<&'c str> = FxHashSet::default();
        match (mechanism, subject) {
            (None, _) => {
                roles.extend(known.mechanisms.iter().map(|m| (*m, Role::Subject)));
                shown.extend(catalogue.events().iter().map(|e| e.id.as_str()));
            }
            (Some(_), Some(subject)) => select(&known, &edges, subject, &mut roles, &mut shown),
            (Some(_), None) => {}
        }
        let mut lanes: Vec<Lane<'c>> = Vec::new();
        let mut entries: Vec<Entry<'c>> = Vec::new();
        let mut lane_of: FxHashMap<&'c str, usize> = FxHashMap::default();
        let mut entry_of: FxHashMap<&'c str, usize> = FxHashMap::default();
        let (mut later, mut elsewhere) = (0, 0);
        for event in catalogue.events() {
            let slug = event.mechanism.as_str();
            let Some(role) = roles.get(slug) else { continue };
            if !known.day(event.recorded()) {
                later += 1;
                continue;
            }
            if !shown.contains(event.id.as_str()) {
                elsewhere += 1;
                continue;
            }
            let lane = *lane_of.entry(slug).or_insert_with(|| {
                let mechanism = catalogue.mechanisms().iter().find(|m| m.slug.as_str() == slug);
                lanes.extend(mechanism.map(|mechanism| Lane { mechanism, role: *role, known: 0 }));
                lanes.len() - 1
            });
            entry_of.insert(event.id.as_str(), entries.len());
            entries.push(Entry { event, lane, indexed: None });
        }
        for lane in &mut lanes {
            lane.known = catalogue.events_of(&lane.mechanism.slug).filter(|e| known.day(e.recorded())).count();
        }
        let end = |name: &str| {
            let entry = entry_of.get(name).map(|i| End::Entry(*i));
            entry.or_else(|| lane_of.get(name).map(|i| End::Lane(*i)))
        };
        let links = edges
            .iter()
            .filter_map(|edge| Some(Link { edge, from: end(edge.from.as_str())?, to: end(edge.to.as_str())? }))
            .collect();
        Lineage { mechanism: subject, as_of, lanes, entries, links, later, elsewhere }
    }

    /// Notes for each event whether one of its mails is in the index.
    pub fn mark_indexed(&mut self, mut is_indexed: impl FnMut(&MessageId) -> bool) {
        for entry in &mut self.entries {
            let mut mails = entry.event.evidence.iter().filter_map(|e| e.mail.as_ref());
            entry.indexed = Some(mails.any(&mut is_indexed));
        }
    }

    /// Events and judgements in the order of time. An event of the same day stands before a judgement.
    pub fn rows(&self) -> Vec<Row> {
        let events = self.entries.iter().enumerate().map(|(i, e)| (e.event.happened, 0, i, Row::Entry(i)));
        let judgements = self.links.iter().enumerate().filter(|(_, l)| l.edge.kind.is_judgement());
        let judgements = judgements.filter_map(|(i, l)| Some((l.edge.recorded?, 1, i, Row::Judgement(i))));
        let mut rows: Vec<_> = events.chain(judgements).collect();
        rows.sort_by_key(|(day, class, i, _)| (*day, *class, *i));
        rows.into_iter().map(|(.., row)| row).collect()
    }

    /// The lane of an end.
    pub fn lane(&self, end: End) -> usize {
        match end {
            End::Entry(i) => self.entries[i].lane,
            End::Lane(i) => i,
        }
    }
}

/// Which lanes and events the history of one mechanism needs.
fn select<'c>(
    known: &Known<'c>,
    edges: &[&'c Edge],
    subject: &'c Mechanism,
    roles: &mut FxHashMap<&'c str, Role>,
    shown: &mut FxHashSet<&'c str>,
) {
    let slug = subject.slug.as_str();
    roles.insert(slug, Role::Subject);
    shown.extend(known.catalogue.events_of(&subject.slug).map(|e| e.id.as_str()));
    for edge in edges {
        let (from, to) = (edge.from.as_str(), edge.to.as_str());
        for (near, far) in [(from, to), (to, from)] {
            if known.mechanism_of(near) == slug && known.mechanism_of(far) != slug {
                roles.entry(known.mechanism_of(far)).or_insert(Role::Relative);
                shown.extend(known.catalogue.event(far).map(|e| e.id.as_str()));
            }
        }
    }
    // Ancestors: what the subject as a whole builds on, and what that builds on. Each is visited once.
    let mut open = vec![slug];
    let mut visited: FxHashSet<&str> = FxHashSet::default();
    while let Some(name) = open.pop() {
        if !visited.insert(name) {
            continue;
        }
        if name != slug {
            roles.insert(name, Role::Ancestor);
        }
        let below = edges.iter().filter(|e| e.kind == EdgeKind::BuildsOn && e.from.as_str() == name);
        open.extend(below.map(|e| e.to.as_str()).filter(|to| known.catalogue.event(to).is_none()));
    }
    // A lane without an event would hang in the air: show what brought it into being, else the first thing known.
    for name in roles.keys().copied().collect::<Vec<_>>() {
        let brought = edges.iter().filter(|e| e.kind == EdgeKind::Introduces && e.to.as_str() == name);
        let mut any = false;
        for edge in brought {
            let by = known.mechanism_of(edge.from.as_str());
            any |= by == name;
            roles.entry(by).or_insert(Role::Relative);
            shown.insert(edge.from.as_str());
        }
        if !any {
            let own = known.catalogue.events().iter().filter(|e| e.mechanism.as_str() == name);
            shown.extend(own.filter(|e| known.day(e.recorded())).map(|e| e.id.as_str()).next());
        }
    }
}
