//! The drawing as one SVG file that refers to nothing outside itself. Time runs downwards, a row for each event, so
//! labels cannot overlap; years are bands; each mechanism has a lane; everything has a tooltip.

use std::fmt::Write as _;

use provenance_corpus::catalogue::{EdgeKind, Event, Kind};
use provenance_index::lineage::{End, Lineage, Link, Row};

use super::{best, clean, heading, reference, sentence, title};

/// Height of a row.
const ROW: usize = 24;
/// Width of a lane.
const LANE: usize = 24;
/// Left of the lanes: years and days.
const AXIS: usize = 132;
/// Above the rows: title, legend, and the slanting names of the lanes.
const HEAD: usize = 272;
/// Right of the lanes: labels.
const LABEL: usize = 760;
/// About how many letters a label can have.
const LETTERS: usize = 104;

/// Lane colours for a light and a dark ground, chosen to differ in lightness too.
const LANES: [(&str, &str); 10] = [
    ("#1b6ca8", "#6cb6ff"),
    ("#b5520a", "#ffa657"),
    ("#2e7d32", "#7ee787"),
    ("#8e24aa", "#d2a8ff"),
    ("#00796b", "#56d4c4"),
    ("#ad1457", "#ff8fb8"),
    ("#5d4037", "#d7b49e"),
    ("#3949ab", "#a5b4ff"),
    ("#6b7a00", "#d4e157"),
    ("#455a64", "#b0bec5"),
];

/// How an edge of each kind looks: class, colours, dash.
const EDGES: [(EdgeKind, &str, &str, &str, &str); 6] = [
    (EdgeKind::Introduces, "e-in", "#2e7d32", "#7ee787", ""),
    (EdgeKind::Replaces, "e-re", "#8e24aa", "#d2a8ff", "7 3"),
    (EdgeKind::BuildsOn, "e-bu", "#1b6ca8", "#6cb6ff", ""),
    (EdgeKind::Fixes, "e-fi", "#b5520a", "#ffa657", "2 3"),
    (EdgeKind::SimilarTo, "e-si", "#00796b", "#56d4c4", "1 4"),
    (EdgeKind::ConflictsWith, "e-co", "#c62828", "#ff7b72", "9 3 2 3"),
];

/// The drawing.
pub fn svg(lineage: &Lineage<'_>) -> String {
    let rows = lineage.rows();
    let mut row_of = vec![0; lineage.entries.len()];
    let mut judgement_of = vec![0; lineage.links.len()];
    for (i, row) in rows.iter().enumerate() {
        match row {
            Row::Entry(e) => row_of[*e] = i,
            Row::Judgement(l) => judgement_of[*l] = i,
        }
    }
    let mut first_row = vec![usize::MAX; lineage.lanes.len()];
    let mut last_row = vec![0; lineage.lanes.len()];
    for (entry, row) in lineage.entries.iter().zip(&row_of) {
        first_row[entry.lane] = first_row[entry.lane].min(*row);
        last_row[entry.lane] = last_row[entry.lane].max(*row);
    }
    let sheet = Sheet { lineage, rows, row_of, judgement_of, first_row, last_row };
    sheet.draw()
}

struct Sheet<'l, 'c> {
    lineage: &'l Lineage<'c>,
    rows: Vec<Row>,
    row_of: Vec<usize>,
    judgement_of: Vec<usize>,
    first_row: Vec<usize>,
    last_row: Vec<usize>,
}

impl Sheet<'_, '_> {
    fn x(lane: usize) -> usize {
        AXIS + LANE / 2 + lane * LANE
    }

    fn y(row: usize) -> usize {
        HEAD + ROW / 2 + row * ROW
    }

    fn labels(&self) -> usize {
        AXIS + self.lineage.lanes.len() * LANE + 12
    }

    fn draw(&self) -> String {
        let width = self.labels() + LABEL;
        let height = HEAD + self.rows.len() * ROW + 56;
        let mut out = String::new();
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">"
        );
        let name = escape(&title(self.lineage));
        let _ = writeln!(out, "<title>Lineage: {name}</title>");
        style(&mut out);
        let _ = writeln!(out, "<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>");
        self.years(&mut out, width);
        let _ = writeln!(out, "<text class=\"head\" x=\"24\" y=\"38\">{name}</text>");
        if let Some(summary) = self.lineage.mechanism.and_then(|m| m.summary.as_deref()) {
            let _ = writeln!(out, "<text class=\"dim\" x=\"24\" y=\"60\">{}</text>", escape(summary));
        }
        legend(&mut out);
        self.lanes(&mut out);
        for (i, link) in self.lineage.links.iter().enumerate() {
            self.edge(&mut out, i, link);
        }
        for row in 0..self.rows.len() {
            self.row(&mut out, row);
        }
        let y = HEAD + self.rows.len() * ROW + 32;
        let l = self.lineage;
        let mut foot = format!("{} events of {} mechanisms, {} edges", l.entries.len(), l.lanes.len(), l.links.len());
        if let Some(day) = l.as_of.filter(|_| l.later > 0) {
            let _ = write!(foot, "; {} recorded after {day} are hidden", l.later);
        }
        let _ = writeln!(out, "<text class=\"dim\" x=\"24\" y=\"{y}\">{}</text>", escape(&foot));
        out.push_str("</svg>\n");
        out
    }

    fn day(&self, row: usize) -> String {
        match self.rows[row] {
            Row::Entry(e) => self.lineage.entries[e].event.happened.to_string(),
            Row::Judgement(l) => self.lineage.links[l].edge.recorded.map(|d| d.to_string()).unwrap_or_default(),
        }
    }

    /// Bands and labels of the years, and the day of each row where it changes.
    fn years(&self, out: &mut String, width: usize) {
        let days: Vec<String> = (0..self.rows.len()).map(|r| self.day(r)).collect();
        let mut start = 0;
        let mut band = false;
        while start < days.len() {
            let year = days[start].get(..4).unwrap_or("");
            let end = (start..days.len()).find(|r| !days[*r].starts_with(year)).unwrap_or(days.len());
            let y = HEAD + start * ROW;
            if band {
                let _ = writeln!(
                    out,
                    "<rect class=\"band\" y=\"{y}\" width=\"{width}\" height=\"{}\"/>",
                    (end - start) * ROW
                );
            }
            let _ = writeln!(out, "<text class=\"year\" x=\"24\" y=\"{}\">{year}</text>", y + 17);
            for row in start..end {
                if row == start || days[row] != days[row - 1] {
                    let day = days[row].get(5..).unwrap_or("");
                    let y = Self::y(row) + 4;
                    let _ = writeln!(out, "<text class=\"day\" x=\"{}\" y=\"{y}\">{day}</text>", AXIS - 14);
                }
            }
            band = !band;
            start = end;
        }
    }

    fn lanes(&self, out: &mut String) {
        for (i, lane) in self.lineage.lanes.iter().enumerate() {
            let (x, class) = (Self::x(i), i % LANES.len());
            let (from, to) = (Self::y(self.first_row[i]), Self::y(self.last_row[i]));
            let summary = lane.mechanism.summary.as_deref().unwrap_or("");
            let tip = escape(&format!("{}: {summary}", heading(lane)));
            let _ = writeln!(out, "<g class=\"c{class}\"><title>{tip}</title>");
            let _ = writeln!(out, "<path class=\"guide\" d=\"M{x} {}V{from}\"/>", HEAD - 6);
            let _ = writeln!(out, "<path class=\"lane\" d=\"M{x} {from}V{to}\"/>");
            let (tx, ty) = (x + 3, HEAD - 12);
            let _ = writeln!(
                out,
                "<text class=\"name\" x=\"{tx}\" y=\"{ty}\" transform=\"rotate(-50 {tx} {ty})\">{}</text></g>",
                escape(heading(lane))
            );
        }
    }

    /// Where an end is anchored: a mechanism as a whole at its first event.
    fn anchor(&self, end: End) -> (usize, usize) {
        match end {
            End::Entry(e) => (Self::x(self.lineage.entries[e].lane), Self::y(self.row_of[e])),
            End::Lane(l) => (Self::x(l), Self::y(self.first_row[l])),
        }
    }

    fn edge(&self, out: &mut String, index: usize, link: &Link<'_>) {
        let kind = link.edge.kind;
        let class = EDGES.iter().find(|e| e.0 == kind).map_or("", |e| e.1);
        let (x1, y1) = self.anchor(link.from);
        let (x2, y2) = self.anchor(link.to);
        let path = if kind.is_judgement() {
            let y = Self::y(self.judgement_of[index]);
            format!("M{x1} {y}H{x2}")
        } else if x1 == x2 {
            // Within a lane: a bow to the left, the wider the longer.
            let bow = x1.saturating_sub((8 + y1.abs_diff(y2) / 24).min(20));
            format!("M{x1} {y1}C{bow} {y1} {bow} {y2} {x2} {y2}")
        } else {
            let bend = (y1.abs_diff(y2) / 2).min(60);
            let (c1, c2) = if y1 > y2 { (y1 - bend, y2 + bend) } else { (y1 + bend, y2 - bend) };
            format!("M{x1} {y1}C{x1} {c1} {x2} {c2} {x2} {y2}")
        };
        let mut tip = format!("{} {} {}", link.edge.from, kind.as_str(), link.edge.to);
        if let (true, Some(by)) = (kind.is_judgement(), &link.edge.by) {
            let _ = write!(tip, ", first written by {by}");
        }
        if let Some(day) = link.recorded() {
            let _ = write!(tip, "; known since {day}");
        }
        if let Some(text) = &link.edge.text {
            let _ = write!(tip, "\n{text}");
        }
        let _ = writeln!(out, "<path class=\"edge {class}\" d=\"{path}\"><title>{}</title></path>", escape(&tip));
    }

    fn row(&self, out: &mut String, row: usize) {
        let y = Self::y(row);
        let (lane, tip, name, label, mark) = match self.rows[row] {
            Row::Entry(e) => {
                let entry = &self.lineage.entries[e];
                let name = entry.event.mechanism.as_str();
                (
                    entry.lane,
                    tip(entry.event),
                    name,
                    sentence(entry.event),
                    mark(entry.event.kind, Self::x(entry.lane), y),
                )
            }
            Row::Judgement(l) => {
                let link = &self.lineage.links[l];
                let by = link.edge.by.as_deref().map(|b| format!(" by {b}")).unwrap_or_default();
                let words = format!("{} {}, first written{by}", link.edge.kind.as_str(), link.edge.to);
                let lane = self.lineage.lane(link.from);
                let mark = judgement(link.edge.kind, Self::x(lane), y);
                let text = link.edge.text.clone().unwrap_or_default();
                (lane, format!("{words}\n{text}"), self.lineage.lanes[lane].mechanism.slug.as_str(), words, mark)
            }
        };
        let room = LETTERS.saturating_sub(name.len() + 2);
        let _ = writeln!(out, "<g class=\"c{}\"><title>{}</title>{mark}", lane % LANES.len(), escape(&tip));
        let _ = writeln!(
            out,
            "<text class=\"label\" x=\"{}\" y=\"{}\"><tspan class=\"name\">{}</tspan>  {}</text></g>",
            self.labels(),
            y + 4,
            escape(name),
            escape(&shorten(&label, room))
        );
    }
}

/// What the tooltip of an event says: everything.
fn tip(event: &Event) -> String {
    let mut tip = format!("{}  {}  ({})", event.happened, event.id, event.kind.as_str());
    for line in [event.subject.clone(), Some(event.authors.join(", ")), Some(sentence(event))] {
        if let Some(line) = line.filter(|l| !l.is_empty()) {
            let _ = write!(tip, "\n{line}");
        }
    }
    if let Some(evidence) = best(event) {
        let _ = write!(tip, "\n{}: {}", evidence.class().as_str(), reference(evidence));
    }
    tip
}

fn mark(kind: Kind, x: usize, y: usize) -> String {
    match kind {
        Kind::Merge => format!("<circle class=\"full\" cx=\"{x}\" cy=\"{y}\" r=\"6\"/>"),
        Kind::Posting | Kind::Revision => format!("<circle class=\"open\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>"),
        Kind::Incident | Kind::Report => {
            format!("<path class=\"full\" d=\"M{x} {}L{} {}H{}Z\"/>", y - 7, x + 7, y + 5, x - 7)
        }
        Kind::Argument | Kind::Claim => {
            format!("<path class=\"open\" d=\"M{x} {}L{} {y}L{x} {}L{} {y}Z\"/>", y - 6, x + 6, y + 6, x - 6)
        }
        Kind::Talk | Kind::Article | Kind::Measurement => {
            format!("<rect class=\"open\" x=\"{}\" y=\"{}\" width=\"10\" height=\"10\"/>", x - 5, y - 5)
        }
    }
}

/// A cross for a conflict, two level strokes for a likeness.
fn judgement(kind: EdgeKind, x: usize, y: usize) -> String {
    let (l, r, up, down) = (x - 5, x + 5, y - 5, y + 5);
    if kind == EdgeKind::ConflictsWith {
        format!("<path class=\"cross\" d=\"M{l} {up}L{r} {down}M{l} {down}L{r} {up}\"/>")
    } else {
        format!("<path class=\"alike\" d=\"M{l} {}H{r}M{l} {}H{r}\"/>", y - 3, y + 3)
    }
}

fn legend(out: &mut String) {
    let marks = [
        (Kind::Merge, "merged"),
        (Kind::Posting, "posted"),
        (Kind::Report, "broke, reported"),
        (Kind::Argument, "argued, claimed"),
        (Kind::Article, "elsewhere"),
    ];
    let mut x = 30;
    for (kind, word) in marks {
        let _ = writeln!(
            out,
            "<g class=\"key\">{}<text class=\"dim\" x=\"{}\" y=\"88\">{word}</text></g>",
            mark(kind, x, 84),
            x + 12
        );
        x += 36 + word.len() * 7;
    }
    x = 24;
    for (kind, class, ..) in EDGES {
        let word = kind.as_str();
        let _ = writeln!(
            out,
            "<path class=\"edge {class}\" d=\"M{x} 110h26\"/><text class=\"dim\" x=\"{}\" y=\"114\">{word}</text>",
            x + 32
        );
        x += 52 + word.len() * 7;
    }
}

fn style(out: &mut String) {
    out.push_str(
        "<style>\n\
         text{font:12px system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif;fill:#1f2328}\n\
         .ground{fill:#fff}.band{fill:#f3f5f7}.dim,.day{fill:#656d76}.day{text-anchor:end;font-size:11px}\n\
         .head{font-size:22px;font-weight:600}.year{font-size:13px;font-weight:600}.name{font-weight:600}\n\
         .lane{stroke-width:3;opacity:.35;fill:none}.guide{stroke-width:1;stroke-dasharray:1 4;opacity:.5;fill:none}\n\
         .edge{fill:none;stroke-width:1.6;opacity:.6}.edge:hover{stroke-width:3.5;opacity:1}\n\
         .open{fill:#fff;stroke-width:2}.full{stroke-width:0}.cross,.alike{stroke-width:3;fill:none}\n\
         .key .open{stroke:#656d76}.key .full{fill:#656d76}\n",
    );
    for (i, (light, _)) in LANES.iter().enumerate() {
        let _ = writeln!(
            out,
            ".c{i} .name{{fill:{light}}}.c{i} .lane,.c{i} .guide,.c{i} .open{{stroke:{light}}}.c{i} .full{{fill:{light}}}"
        );
    }
    for (_, class, light, _, dash) in EDGES {
        let _ = writeln!(
            out,
            ".{class}{{stroke:{light};stroke-dasharray:{}}}",
            if dash.is_empty() { "none" } else { dash }
        );
    }
    out.push_str(".cross{stroke:#c62828}.alike{stroke:#00796b}.e-co{stroke-width:2.4;opacity:.9}\n@media (prefers-color-scheme:dark){\n");
    out.push_str(
        "text{fill:#e6edf3}.ground{fill:#0d1117}.band{fill:#151b23}.dim,.day{fill:#9198a1}.open{fill:#0d1117}\n\
         .key .open{stroke:#9198a1}.key .full{fill:#9198a1}.cross{stroke:#ff7b72}.alike{stroke:#56d4c4}\n",
    );
    for (i, (_, dark)) in LANES.iter().enumerate() {
        let _ = writeln!(
            out,
            ".c{i} .name{{fill:{dark}}}.c{i} .lane,.c{i} .guide,.c{i} .open{{stroke:{dark}}}.c{i} .full{{fill:{dark}}}"
        );
    }
    for (_, class, _, dark, _) in EDGES {
        let _ = writeln!(out, ".{class}{{stroke:{dark}}}");
    }
    out.push_str("}\n</style>\n");
}

/// Cuts a label at a space; the tooltip has all of it.
fn shorten(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let cut: String = text.chars().take(letters.saturating_sub(1)).collect();
    let end = cut.rfind(' ').filter(|e| *e > cut.len() / 2).unwrap_or(cut.len());
    format!("{}…", cut[..end].trim_end_matches([' ', ',', ';', ':']))
}

/// Text for XML, also where it stands in an attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
        }
        for c in clean(line).chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                c => out.push(c),
            }
        }
    }
    out
}
