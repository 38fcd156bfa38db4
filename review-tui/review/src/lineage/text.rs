//! The drawing for a terminal: a date, the lanes, the mechanism, and what happened, with its evidence.

use std::fmt::Write as _;

use provenance_corpus::catalogue::{Class, EdgeKind, Kind};
use provenance_index::lineage::{End, Lineage, Link, Row};

use super::graph::Graph;
use super::{best, clean, columns, heading, reference, sentence, title, wrap};

/// How the text is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Colour by escape sequences. Colour is never the only carrier.
    pub colour: bool,
    /// Lines and marks of ASCII alone.
    pub ascii: bool,
}

#[derive(Clone, Copy)]
enum Ink {
    Plain,
    Bold,
    Dim,
    Warn,
    Lane(usize),
}

impl Style {
    fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            _ if !self.colour || text.trim().is_empty() => return text.to_owned(),
            Ink::Plain => return text.to_owned(),
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Warn => "31",
            Ink::Lane(i) => ["32", "33", "34", "35", "36", "92", "94", "95"][i % 8],
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn mark(self, kind: Kind) -> char {
        let (drawn, ascii) = match kind {
            Kind::Merge => ('●', '*'),
            Kind::Posting | Kind::Revision => ('○', 'o'),
            Kind::Incident | Kind::Report => ('▲', '!'),
            Kind::Argument | Kind::Claim => ('◇', '?'),
            Kind::Talk | Kind::Article | Kind::Measurement => ('□', '#'),
        };
        if self.ascii { ascii } else { drawn }
    }
}

/// Dates are this wide, and two spaces follow.
const DATE: usize = 12;
/// Fewer columns than this for the sentence would be a ladder of words.
const SENTENCE: usize = 30;

/// The drawing, ending in a newline. `width` is that of the terminal; below 60 columns it is drawn for 60.
pub fn text(lineage: &Lineage<'_>, width: usize, style: Style) -> String {
    let graph = Graph::new(lineage);
    let width = width.max(60);
    let names = lineage.lanes.iter().map(|l| columns(l.mechanism.slug.as_str())).max().unwrap_or(0);
    // All mechanisms have too many lanes for a narrow terminal: the lanes give way, the words stay.
    let lanes = graph.width * 2;
    let lanes = if DATE + lanes + 1 + names + 2 + SENTENCE <= width { lanes } else { 0 };
    let mut page = Page { lineage, graph: &graph, style, width, lanes, names, out: String::new() };
    page.head();
    for row in 0..graph.rows.len() {
        page.row(row);
    }
    page.foot();
    page.out
}

struct Page<'l, 'c> {
    lineage: &'l Lineage<'c>,
    graph: &'l Graph,
    style: Style,
    width: usize,
    lanes: usize,
    names: usize,
    out: String,
}

impl Page<'_, '_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn head(&mut self) {
        let title = self.style.paint(Ink::Bold, &clean(&title(self.lineage)));
        self.line(&title);
        if let Some(summary) = self.lineage.mechanism.and_then(|m| m.summary.as_deref()) {
            for part in wrap(&clean(summary), self.width) {
                self.line(&part);
            }
        }
        if !self.lineage.entries.is_empty() {
            self.line("");
        }
    }

    /// The columns of lanes in one row; `joints` where the row joins lanes.
    fn gutter(&self, row: usize, mark: Option<(char, Ink)>) -> String {
        if self.lanes == 0 {
            return match mark {
                Some((c, ink)) => format!("{} ", self.style.paint(ink, &c.to_string())),
                None => "  ".to_owned(),
            };
        }
        let (down, across, cross, left, right) =
            if self.style.ascii { ('|', '-', '+', '+', '+') } else { ('│', '─', '┼', '├', '┤') };
        let joined = if mark.is_some() { self.graph.joined[row].as_slice() } else { &[] };
        let ends = joined.iter().map(|l| self.graph.column[*l]);
        let (from, to) = (ends.clone().min().unwrap_or(0), ends.max().unwrap_or(0));
        let mut out = String::new();
        for column in 0..self.graph.width {
            // A lane ends with its last row: what follows that row's first line is empty.
            let alive = |l: &usize| self.graph.column[*l] == column && (mark.is_some() || self.graph.last[*l] > row);
            let lane = self.graph.alive(row).find(alive);
            let joint = joined.iter().position(|l| self.graph.column[*l] == column);
            let inside = from < column && column < to;
            let (c, ink) = match (joint, lane) {
                (Some(0), Some(_)) => mark.unwrap_or((down, Ink::Plain)),
                (Some(_), Some(l)) if column == from => (left, Ink::Lane(l)),
                (Some(_), Some(l)) if column == to => (right, Ink::Lane(l)),
                (Some(_), Some(l)) => (cross, Ink::Lane(l)),
                (None, Some(l)) => (down, Ink::Lane(l)),
                (_, None) => (if inside { across } else { ' ' }, Ink::Dim),
            };
            out.push_str(&self.style.paint(ink, &c.to_string()));
            let after = if from <= column && column < to { across } else { ' ' };
            out.push_str(&self.style.paint(Ink::Dim, &after.to_string()));
        }
        out.push(' ');
        out
    }

    fn row(&mut self, row: usize) {
        let lineage = self.lineage;
        match self.graph.rows[row] {
            Row::Entry(i) => {
                let entry = &lineage.entries[i];
                let (event, lane) = (entry.event, entry.lane);
                let ink = if matches!(event.kind, Kind::Incident | Kind::Report) { Ink::Warn } else { Ink::Lane(lane) };
                let relations = relations(lineage, i);
                let mut evidence = best(event).map(|e| {
                    let class = match e.class() {
                        Class::Seen => String::new(),
                        other => format!("{}: ", other.as_str()),
                    };
                    format!("{class}{}", clean(&reference(e)))
                });
                if let Some(text) = evidence.as_mut().filter(|_| event.evidence.len() > 1) {
                    let _ = write!(text, " +{}", event.evidence.len() - 1);
                }
                if let Some(text) = evidence.as_mut().filter(|_| entry.indexed == Some(false)) {
                    text.push_str(", not indexed");
                }
                let mark = (self.style.mark(event.kind), ink);
                let day = event.happened.to_string();
                self.block(row, &day, mark, lane, &clean(&sentence(event)), &relations, evidence.as_deref());
            }
            Row::Judgement(i) => {
                let link = &lineage.links[i];
                let mark = match (link.edge.kind, self.style.ascii) {
                    (EdgeKind::ConflictsWith, false) => '✗',
                    (EdgeKind::ConflictsWith, true) => 'x',
                    (_, false) => '≈',
                    (_, true) => '~',
                };
                let lane = lineage.lane(link.from);
                let by = link.edge.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
                let mut words = format!("{}, first written{by}", relation(link));
                if let Some(text) = &link.edge.text {
                    let _ = write!(words, ": {text}");
                }
                let evidence = link.edge.evidence.first().map(|e| clean(&reference(e)));
                let day = link.edge.recorded.map(|d| d.to_string()).unwrap_or_default();
                self.block(row, &day, (mark, Ink::Warn), lane, &clean(&words), &[], evidence.as_deref());
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one place that lays a row out")]
    fn block(
        &mut self,
        row: usize,
        day: &str,
        mark: (char, Ink),
        lane: usize,
        words: &str,
        relations: &[String],
        evidence: Option<&str>,
    ) {
        let indent = DATE + self.lanes.max(1) + 1 + self.names + 2;
        let room = self.width - indent;
        let slug = self.lineage.lanes[lane].mechanism.slug.as_str();
        let mut lines: Vec<(String, Ink)> = wrap(words, room).into_iter().map(|l| (l, Ink::Plain)).collect();
        for relation in relations {
            lines.extend(wrap(relation, room).into_iter().map(|l| (l, Ink::Dim)));
        }
        for (n, (words, ink)) in lines.iter().enumerate() {
            let gutter = self.gutter(row, (n == 0).then_some(mark));
            let (day, slug) = if n == 0 { (day, slug) } else { ("", "") };
            let name = self.style.paint(Ink::Lane(lane), &format!("{slug:<width$}", width = self.names));
            let text = format!("{day:<DATE$}{gutter}{name}  {}", self.style.paint(*ink, words));
            self.line(&text);
        }
        let Some(evidence) = evidence else { return };
        // An id is never broken: it is there to be copied. It stands to the right where there is room for it.
        let gutter = self.gutter(row, None);
        let start = (DATE + self.lanes.max(1) + 1).max(self.width.saturating_sub(columns(evidence)).min(indent));
        let space = " ".repeat(start - (DATE + self.lanes.max(1) + 1));
        let text = format!("{:DATE$}{gutter}{space}{}", "", self.style.paint(Ink::Dim, evidence));
        self.line(&text);
    }

    fn foot(&mut self) {
        let l = self.lineage;
        if !l.entries.is_empty() {
            let marks = [
                (Kind::Merge, "merged"),
                (Kind::Posting, "posted"),
                (Kind::Report, "broke, reported"),
                (Kind::Argument, "argued, claimed"),
                (Kind::Article, "written elsewhere"),
            ];
            self.line("");
            let mut legend = String::new();
            for (kind, word) in marks {
                let key = format!("{} {word}", self.style.mark(kind));
                if columns(&legend) + 3 + columns(&key) > self.width {
                    let full = self.style.paint(Ink::Dim, &std::mem::take(&mut legend));
                    self.line(&full);
                }
                legend.push_str(if legend.is_empty() { "" } else { "   " });
                legend.push_str(&key);
            }
            let legend = self.style.paint(Ink::Dim, &legend);
            self.line(&legend);
        }
        let mut count = format!("{} events of {} mechanisms, {} edges", l.entries.len(), l.lanes.len(), l.links.len());
        if l.elsewhere > 0 {
            let _ = write!(count, "; {} more of these mechanisms are not joined to it", l.elsewhere);
        }
        if let Some(day) = l.as_of.filter(|_| l.later > 0) {
            let _ = write!(count, "; {} recorded after {day} are hidden", l.later);
        }
        for part in wrap(&count, self.width) {
            self.line(&part);
        }
        let hint = match (l.mechanism, l.as_of) {
            (None, _) => "provenance lineage MECHANISM for one of them; provenance show ID for a mail",
            (_, None) => "provenance show ID for a mail; --as-of DATE for what was known on a day",
            (_, Some(_)) => "provenance show ID for a mail; without --as-of for all that is known",
        };
        for part in wrap(hint, self.width) {
            let part = self.style.paint(Ink::Dim, &part);
            self.line(&part);
        }
    }
}

fn relation(link: &Link<'_>) -> String {
    format!("{} {}", link.edge.kind.as_str(), link.edge.to)
}

/// What an event does to others, and since when its mechanism as a whole does.
fn relations(lineage: &Lineage<'_>, entry: usize) -> Vec<String> {
    let lane = lineage.entries[entry].lane;
    let is_first = lineage.entries.iter().position(|e| e.lane == lane) == Some(entry);
    let own = lineage.links.iter().filter(|l| !l.edge.kind.is_judgement() && l.from == End::Entry(entry));
    let mut words: Vec<String> = own.map(relation).collect();
    if is_first {
        let whole = lineage.links.iter().filter(|l| !l.edge.kind.is_judgement() && l.from == End::Lane(lane));
        let whole: Vec<String> = whole.map(|l| l.edge.to.to_string()).collect();
        if !whole.is_empty() {
            words.push(format!("{} builds on {}", heading(&lineage.lanes[lane]), whole.join(", ")));
        }
    }
    if words.is_empty() { Vec::new() } else { vec![words.join("; ")] }
}
