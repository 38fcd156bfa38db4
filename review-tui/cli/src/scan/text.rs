//! Census and findings for reading.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use provenance_engine::image::{Census, Finding, Kind, Owner, Severity, When};
use provenance_review::look::{Look, Style};
use provenance_review::text::{count, line, pad, plural};

use super::{Report, Scan, release};

/// Findings of one kind that are written out; the rest is counted.
const SHOWN: usize = 3;
/// The same of conflicts.
const CONFLICTS: usize = 20;

/// A scan for reading: the owners over all images, then findings and what could not be read.
pub fn scan(scan: &Scan, look: &Look) -> String {
    let mut out = String::new();
    let mut total = Census::default();
    scan.reports.iter().for_each(|(_, report)| total.add(&report.census));
    let head = match scan.reports.as_slice() {
        [] => "nothing was read".to_owned(),
        [(_, report)] => format!("{}{}, x86-64, {}", release(report.version.as_deref()), kind(report), text(&total)),
        reports => {
            let modules = reports.iter().filter(|(_, r)| r.kind == Kind::Module).count();
            let kernels = reports.len() - modules;
            let mut parts = Vec::new();
            if kernels > 0 {
                parts.push(plural(kernels as u64, "kernel", "kernels"));
            }
            if modules > 0 {
                parts.push(plural(modules as u64, "module", "modules"));
            }
            format!("{}, {}, x86-64, {}", parts.join(" and "), releases(scan), text(&total))
        }
    };
    let _ = writeln!(out, "{}   {:.2} s", look.paint(Style::Strong, &line(&head)), scan.seconds);
    table(&mut out, &total, look);
    not_read(&mut out, &total, look);
    designed(&mut out, &total, look);
    match &scan.traced {
        Some(Ok(traces)) => super::traced::table(&mut out, traces, look),
        Some(Err(why)) => {
            let _ = writeln!(out, "{} {}", pad("traced now", 16), line(&format!("not read: enabled_functions: {why}")));
        }
        None => {}
    }
    findings(&mut out, scan, look);
    notes(&mut out, scan, look);
    out
}

fn kind(report: &Report) -> String {
    let kind = match report.kind {
        Kind::Vmlinux => "",
        Kind::Module => ", a module",
        Kind::Running => ", running",
    };
    let boot = report.boot.then_some("bzImage");
    match boot.into_iter().chain(report.compression).collect::<Vec<_>>().as_slice() {
        [] => kind.to_owned(),
        around => format!("{kind} ({})", around.join(", ")),
    }
}

fn releases(scan: &Scan) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, report) in &scan.reports {
        *counts.entry(release(report.version.as_deref())).or_default() += 1;
    }
    let mut all: Vec<_> = counts.into_iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match all.as_slice() {
        [(one, _)] => one.clone(),
        [(most, _), rest @ ..] => format!("{most} and {}", plural(rest.len() as u64, "other", "others")),
        [] => String::new(),
    }
}

fn text(census: &Census) -> String {
    let megabytes = census.text as f64 / 1e6;
    format!("{megabytes:.1} MB of text in {}", plural(census.sections as u64, "section", "sections"))
}

fn table(out: &mut String, census: &Census, look: &Look) {
    for (never, title) in [(false, "owner"), (true, "only named")] {
        let rows: Vec<_> = census.owners.iter().filter(|(o, _)| (o.when() == When::Never) == never).collect();
        if rows.is_empty() {
            continue;
        }
        let header = format!(
            "{title:<16} {:<5} {:>10} {:>10} {:>12} {:>8} {:>9} {:>7}  table",
            "when", "records", "sites", "bytes", "share", "crossing", "odd"
        );
        let _ = writeln!(out, "{}", look.paint(Style::Dim, &header));
        for (owner, share) in rows {
            let when = match owner.when() {
                When::Live => "live",
                When::Boot => "boot",
                When::Never => "never",
            };
            let odd = if share.unexpected == 0 { String::new() } else { count(share.unexpected as u64) };
            let _ = writeln!(
                out,
                "{} {when:<5} {:>10} {:>10} {:>12} {:>7.2}% {:>9} {odd:>7}  {}",
                look.paint(Style::Name, &pad(owner.name(), 16)),
                count(share.records as u64),
                count(share.sites as u64),
                count(share.bytes),
                share.share * 100.0,
                count(share.crossing as u64),
                line(&tables(&share.tables)),
            );
        }
    }
}

fn tables(names: &[String]) -> String {
    match names {
        [a, b, c, rest @ ..] if !rest.is_empty() => format!("{a}, {b}, {c} and {} more", rest.len()),
        _ => names.join(", "),
    }
}

/// Tables that ought to be there and are missing from the rows above.
fn not_read(out: &mut String, census: &Census, look: &Look) {
    for (owner, table, why, images) in &census.not_read {
        let times = if *images > 1 { format!(" ({} images)", count(*images as u64)) } else { String::new() };
        let name = look.paint(Style::Name, &pad(owner.name(), 16));
        let word = look.paint(Style::Warning, "not read:");
        let _ = writeln!(out, "{name} {word} {}{times}", line(&format!("{table}: {why}")));
    }
}

fn designed(out: &mut String, census: &Census, look: &Look) {
    for (a, b, times, why) in &census.by_design {
        let pair = format!("{} × {}: {}", a.name(), b.name(), count(*times as u64));
        let _ = writeln!(out, "{} {}  {why}", look.paint(Style::Dim, "by design "), pad(&pair, 36));
    }
}

/// Findings folded: those of one severity, owner and kind are one line with their number, and under it the first few.
fn findings(out: &mut String, scan: &Scan, look: &Look) {
    let mut all: Vec<(&Path, &Finding)> = Vec::new();
    for (path, report) in &scan.reports {
        all.extend(report.findings.iter().map(|f| (path.as_path(), f)));
    }
    // A table that was not read has its line in the census.
    all.retain(|(_, f)| f.severity != Severity::Table || !f.what.starts_with("not read"));
    // Stable: within a severity the order is that of the files, and of the addresses.
    all.sort_by_key(|(_, f)| std::cmp::Reverse(f.severity));
    let many = scan.reports.len() > 1;
    let mut kinds: Vec<Vec<(&Path, &Finding)>> = Vec::new();
    let mut known: HashMap<(Severity, Vec<Owner>, &str), usize> = HashMap::new();
    for (path, finding) in all {
        let owners = finding.owners.iter().map(|(o, _)| *o).collect();
        let kind = *known.entry((finding.severity, owners, &finding.what)).or_insert_with(|| {
            kinds.push(Vec::new());
            kinds.len() - 1
        });
        kinds[kind].push((path, finding));
    }
    for kind in &kinds {
        let times: usize = kind.iter().map(|(_, f)| f.times).sum();
        let first = kind[0].1;
        let style = if first.severity == Severity::WorthKnowing { Style::Mark } else { Style::Warning };
        let severity = look.paint(style, &pad(first.severity.name(), 13));
        let shown = if first.severity == Severity::Conflict { CONFLICTS } else { SHOWN };
        if times > 1 {
            let _ = writeln!(out, "{severity} {} ×  {}", count(times as u64), line(&first.what));
        }
        for (path, finding) in kind.iter().filter(|(_, f)| f.times == 1).take(shown) {
            let severity = if times > 1 { pad("", 13) } else { severity.clone() };
            let owners: Vec<String> = finding.owners.iter().map(|(o, t)| format!("{} ({t})", o.name())).collect();
            let within = if many { format!("{}: ", path.display()) } else { String::new() };
            let place = format!("{within}{}..{}", finding.place, finding.len);
            let _ = writeln!(out, "{severity} {}  {}", line(&place), line(&owners.join("  ×  ")));
            let what = if times > 1 { String::new() } else { format!("   {}", finding.what) };
            let _ = writeln!(out, "{:13} {:#x}  {}{}", "", finding.addr, finding.bytes, line(&what));
        }
        if times > shown {
            let _ = writeln!(out, "{:13} … and {} more (-f json)", "", count((times - shown) as u64));
        }
    }
    if kinds.is_empty() && !scan.reports.is_empty() {
        let tables: usize = scan.reports.iter().map(|(_, r)| r.tables.iter().filter(|t| t.records > 0).count()).sum();
        let images = plural(scan.reports.len() as u64, "image", "images");
        let _ = writeln!(out, "no findings ({} in {images})", plural(tables as u64, "table read", "tables read"));
    }
}

fn notes(out: &mut String, scan: &Scan, look: &Look) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for note in scan.reports.iter().flat_map(|(_, r)| &r.notes) {
        *counts.entry(note).or_default() += 1;
    }
    for (note, times) in counts {
        let times = if times > 1 { format!(" ({} images)", count(times as u64)) } else { String::new() };
        let _ = writeln!(out, "{} {}{times}", look.paint(Style::Dim, &pad("note", 13)), line(note));
    }
    for (path, reason) in &scan.failed {
        let head = look.paint(Style::Warning, &pad("not read", 13));
        let _ = writeln!(out, "{head} {}: {}", line(&path.to_string_lossy()), line(reason));
    }
}
