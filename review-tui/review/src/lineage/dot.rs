//! The graph in the language of graphviz, one cluster per mechanism.

use std::fmt::Write as _;

use provenance_corpus::catalogue::{EdgeKind, Kind};
use provenance_index::lineage::{End, Lineage};

use super::{clean, heading, title};

/// A digraph that `dot` and its kin read.
pub fn dot(lineage: &Lineage<'_>) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "digraph lineage {{");
    let _ = writeln!(out, "  label={}; labelloc=t; rankdir=LR; newrank=true; compound=true;", quoted(&title(lineage)));
    let _ = writeln!(out, "  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=10];");
    let _ = writeln!(out, "  edge [fontname=\"sans-serif\", fontsize=8];");
    for (i, lane) in lineage.lanes.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{i} {{");
        let _ = writeln!(out, "    label={}; color=gray;", quoted(heading(lane)));
        let _ =
            writeln!(out, "    {} [label={}, shape=plaintext];", node(lineage, End::Lane(i)), quoted(heading(lane)));
        for (e, entry) in lineage.entries.iter().enumerate().filter(|(_, e)| e.lane == i) {
            let label = format!("{}\n{}", entry.event.happened, entry.event.id);
            let shape = match entry.event.kind {
                Kind::Merge => ", style=\"rounded,bold\"",
                Kind::Incident | Kind::Report => ", shape=octagon, style=solid",
                Kind::Argument | Kind::Claim => ", style=\"rounded,dashed\"",
                _ => "",
            };
            let name = node(lineage, End::Entry(e));
            let tip = quoted(&entry.event.text);
            let _ = writeln!(out, "    {name} [label={}, tooltip={tip}{shape}];", quoted(&label));
        }
        let _ = writeln!(out, "  }}");
    }
    for link in &lineage.links {
        let look = match link.edge.kind {
            EdgeKind::Introduces => "color=\"#2e7d32\"",
            EdgeKind::Replaces => "color=\"#6a1b9a\"",
            EdgeKind::BuildsOn => "color=\"#1565c0\"",
            EdgeKind::Fixes => "color=\"#ef6c00\"",
            EdgeKind::SimilarTo => "color=\"#00838f\", style=dashed, dir=both, constraint=false",
            EdgeKind::ConflictsWith => "color=\"#c62828\", style=bold, dir=both, constraint=false",
        };
        let (from, to) = (node(lineage, link.from), node(lineage, link.to));
        let _ = writeln!(out, "  {from} -> {to} [label=\"{}\", {look}];", link.edge.kind.as_str());
    }
    out.push_str("}\n");
    out
}

fn node(lineage: &Lineage<'_>, end: End) -> String {
    match end {
        End::Entry(i) => quoted(lineage.entries[i].event.id.as_str()),
        End::Lane(i) => quoted(lineage.lanes[i].mechanism.slug.as_str()),
    }
}

/// A quoted string; line breaks stay line breaks, a backslash is one.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for line in text.split('\n').enumerate() {
        if line.0 > 0 {
            out.push_str("\\n");
        }
        for c in clean(line.1).chars() {
            if c == '"' || c == '\\' {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out.push('"');
    out
}
