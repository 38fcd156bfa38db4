//! A picture of the text: the sections from left to right, a band for each owner, darker where it has more of the bytes.
//! One SVG file that refers to nothing outside itself; every mark has a tooltip.

use std::fmt::Write as _;

use provenance_engine::image::{Finding, Image, Owner, Severity, When};
use provenance_review::text::count;

use super::release;

/// Cells in a row.
const CELLS: usize = 480;
/// Width of a cell, height of a band, left and top margins.
const CELL: usize = 2;
const BAND: usize = 26;
const LEFT: usize = 220;
const TOP: usize = 84;

/// A colour for each owner: warm for those that write at any time, cool for those that write once, grey for names only.
fn colour(owner: Owner) -> &'static str {
    match owner {
        Owner::Ftrace => "#d9480f",
        Owner::StaticCall => "#c2255c",
        Owner::JumpLabel => "#e67700",
        Owner::BpfDispatcher => "#b5179e",
        Owner::Kprobes => "#a61e4d",
        Owner::Alternatives => "#1971c2",
        Owner::Retpoline => "#0b7285",
        Owner::ReturnThunk => "#087f5b",
        Owner::CallDepth => "#364fc7",
        Owner::Ibt => "#5f3dc4",
        Owner::SmpLocks => "#2b8a3e",
        Owner::Paravirt => "#0c8599",
        Owner::Cfi => "#5c940d",
        Owner::RuntimeConst => "#1864ab",
        Owner::KprobeBlacklist | Owner::Bug | Owner::Exception => "#868e96",
    }
}

/// Text for an element or attribute.
fn escape(text: &str) -> String {
    let clean = provenance_review::text::line(text).into_owned();
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Sections laid end to end: where an address is in them.
struct Strip {
    parts: Vec<(u64, u64, u64, String)>,
    total: u64,
}

impl Strip {
    fn of(image: &Image) -> Strip {
        let mut parts = Vec::new();
        let mut total = 0;
        for section in image.text() {
            parts.push((section.addr, section.end(), total, section.name.clone()));
            total += section.size;
        }
        Strip { parts, total: total.max(1) }
    }

    fn cell(&self, addr: u64) -> Option<usize> {
        let after = self.parts.partition_point(|p| p.0 <= addr);
        let (start, end, before, _) = self.parts.get(after.checked_sub(1)?)?;
        (addr < *end).then(|| ((before + addr - start) as u128 * CELLS as u128 / u128::from(self.total)) as usize)
    }
}

/// The text of an image as SVG: a band for each owner, darker where it owns more bytes, and the conflicts below.
pub fn picture(image: &Image) -> String {
    let strip = Strip::of(image);
    let mut density = vec![[0_u64; CELLS]; Owner::ALL.len()];
    for span in image.spans() {
        if let Some(cell) = strip.cell(span.addr) {
            density[span.owner as usize][cell.min(CELLS - 1)] += u64::from(span.len);
        }
    }
    let census = image.census();
    let bands: Vec<_> = census.owners.iter().filter(|(_, share)| share.sites > 0).collect();
    let findings: Vec<Finding> = image.findings().into_iter().filter(|f| f.severity == Severity::Conflict).collect();
    let (width, height) = (LEFT + CELLS * CELL + 20, TOP + bands.len() * BAND + 50);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    );
    let title = format!("{}: who owns the text", release(image.version.as_deref()));
    let _ = writeln!(out, "<text x=\"16\" y=\"28\" font-size=\"18\">{}</text>", escape(&title));
    let _ = writeln!(
        out,
        "<text x=\"16\" y=\"48\" fill=\"#555\">{} bytes, {} bytes a column; darker: more of them are the owner's</text>",
        count(census.text),
        count(strip.total / CELLS as u64)
    );
    sections(&mut out, &strip, bands.len());
    for (row, (owner, share)) in bands.iter().enumerate() {
        band(&mut out, row, *owner, share.sites, &density[*owner as usize], &strip);
    }
    conflicts(&mut out, &findings, &strip, bands.len());
    out.push_str("</svg>\n");
    out
}

fn sections(out: &mut String, strip: &Strip, bands: usize) {
    let mut free = 0;
    for (_, _, before, name) in &strip.parts {
        let x = LEFT + (*before as u128 * (CELLS * CELL) as u128 / u128::from(strip.total)) as usize;
        let bottom = TOP + bands * BAND;
        let _ = writeln!(out, "<line x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{bottom}\" stroke=\"#ccc\"/>", TOP - 6);
        // Small sections at the end stand too close for all their names.
        if x >= free {
            let _ = writeln!(out, "<text x=\"{x}\" y=\"{}\" fill=\"#555\">{}</text>", TOP - 10, escape(name));
            free = x + 8 * name.len() + 8;
        }
    }
}

fn band(out: &mut String, row: usize, owner: Owner, sites: usize, cells: &[u64; CELLS], strip: &Strip) {
    let y = TOP + row * BAND;
    let when = match owner.when() {
        When::Live => "live",
        When::Boot => "boot",
        When::Never => "named",
    };
    let _ = writeln!(
        out,
        "<text x=\"16\" y=\"{}\" fill=\"{}\">{} <tspan fill=\"#777\">{when}, {}</tspan></text>",
        y + 17,
        colour(owner),
        owner.name(),
        count(sites as u64)
    );
    let most = cells.iter().copied().max().unwrap_or(0).max(1);
    let level = |bytes: u64| if bytes == 0 { 0 } else { 1 + (bytes * 7 / most).min(7) };
    let _ = writeln!(
        out,
        "<g fill=\"{}\"><title>{}: at most {} of {} bytes in a column</title>",
        colour(owner),
        owner.name(),
        count(most),
        count(strip.total / CELLS as u64)
    );
    let mut from = 0;
    while from < CELLS {
        let now = level(cells[from]);
        let until = (from..CELLS).find(|c| level(cells[*c]) != now).unwrap_or(CELLS);
        if now > 0 {
            let (x, wide, high) = (LEFT + from * CELL, (until - from) * CELL, BAND - 6);
            let opacity = now as f64 / 8.0;
            let _ = writeln!(
                out,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" opacity=\"{opacity:.2}\"/>"
            );
        }
        from = until;
    }
    out.push_str("</g>\n");
}

fn conflicts(out: &mut String, findings: &[Finding], strip: &Strip, bands: usize) {
    let y = TOP + bands * BAND + 12;
    for finding in findings {
        let Some(cell) = strip.cell(finding.addr) else { continue };
        let x = LEFT + cell * CELL;
        let owners: Vec<&str> = finding.owners.iter().map(|(o, _)| o.name()).collect();
        let _ = writeln!(
            out,
            "<path d=\"M{x} {y} l-6 12 h12 z\" fill=\"#e03131\"><title>{}: {}</title></path>",
            escape(&finding.place),
            owners.join(" × ")
        );
    }
    if !findings.is_empty() {
        let words = provenance_review::text::plural(findings.len() as u64, "conflict", "conflicts");
        let _ = writeln!(out, "<text x=\"16\" y=\"{}\" fill=\"#e03131\">{words}</text>", y + 12);
    }
}
