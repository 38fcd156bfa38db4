//! `--diff OLD NEW`: what each owner gained and lost, and which owners newly meet.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use provenance_engine::image::{
    Census, Change, Diff, Image, Layout, Limits, Owner, Rank, Severity, Share, Table, When, diff,
};
use provenance_review::failure::{Exit, Failure};
use provenance_review::json::{self, FORMAT};
use provenance_review::look::{Look, Style};
use provenance_review::text::{count, line, pad, plural};
use serde_json::json;

use super::{Arguments, Format, failure, release};
use crate::Context;

/// Functions of an owner that are written out; where there are more, the owner's row counts them.
const SHOWN: usize = 10;
/// Meetings that are written out.
const MEETINGS: usize = 20;

/// `scan --diff OLD NEW`: what each owner gained and lost.
///
/// # Errors
/// An image that cannot be read.
pub fn run(context: &Context, arguments: &Arguments, old: &Path, new: &Path, limits: Limits) -> Result<Exit, Failure> {
    let (before, after) = std::thread::scope(|scope| {
        let before = scope.spawn(|| Image::open(old, limits));
        let after = Image::open(new, limits);
        (before.join(), after)
    });
    let before =
        before.map_err(|_| Failure::new(Exit::Unreadable, format!("reading {} failed with a panic", old.display())))?;
    let before = before.map_err(|e| failure(old, &e))?;
    let after = after.map_err(|e| failure(new, &e))?;
    let diff = diff(&before, &after);
    let sides = Sides { old: Side::of(&before), new: Side::of(&after) };
    let gate = Gate::of(&sides);
    let mut out = context.paged();
    match arguments.format {
        Format::Text => out.write_all(text(&sides, &diff, &gate, &context.look).as_bytes())?,
        Format::Json => {
            let side = |path: &Path, image: &Image| json!({ "path": path.to_string_lossy(), "version": image.version, "build_id": image.build_id });
            let value = json!({
                "format": FORMAT, "old": side(old, &before), "new": side(new, &after), "diff": diff,
                "no_longer_read": gate.unread, "newly_odd": gate.odd.iter().map(|(owner, what, times)| json!({
                    "owner": owner.name(), "what": what, "times": times,
                })).collect::<Vec<_>>(),
            });
            json::pretty(&mut out, &value)?;
        }
        Format::Svg => {
            return Err(Failure::new(Exit::Usage, "a difference is shown as text or JSON; leave out -f svg"));
        }
    }
    out.finish()?;
    Ok(if arguments.exit_code && !gate.passes(&diff) { Exit::Findings } else { Exit::Done })
}

/// What is told of one image.
struct Side {
    release: String,
    census: Census,
    tables: Vec<Table>,
    odd: BTreeMap<(Owner, String), usize>,
}

struct Sides {
    old: Side,
    new: Side,
}

impl Side {
    fn of(image: &Image) -> Side {
        let mut odd: BTreeMap<(Owner, String), usize> = BTreeMap::new();
        for finding in image.findings().iter().filter(|f| f.severity == Severity::Unexpected) {
            if let Some((owner, _)) = finding.owners.first() {
                *odd.entry((*owner, finding.what.clone())).or_default() += finding.times;
            }
        }
        Side { release: release(image.version.as_deref()), census: image.census(), tables: image.tables.clone(), odd }
    }

    fn share(&self, owner: Owner) -> Option<&Share> {
        self.census.owners.iter().find(|(o, _)| *o == owner).map(|(_, share)| share)
    }
}

/// What a build is held up for, beside owners that newly meet.
struct Gate {
    /// Tables of the new image that ought to be read and are not, where the old one's were.
    unread: Vec<String>,
    /// Kinds of sites that are not what their owner expects, of which the old image had none.
    odd: Vec<(Owner, String, usize)>,
}

impl Gate {
    fn of(sides: &Sides) -> Gate {
        let failed = |side: &Side, table: &str| side.census.not_read.iter().any(|(_, name, _, _)| name == table);
        let unread = sides.new.census.not_read.iter().filter(|(_, name, _, _)| !failed(&sides.old, name));
        let odd = sides.new.odd.iter().filter(|(kind, _)| !sides.old.odd.contains_key(*kind));
        Gate {
            unread: unread.map(|(_, table, why, _)| format!("{table}: {why}")).collect(),
            odd: odd.map(|((owner, what), times)| (*owner, what.clone(), *times)).collect(),
        }
    }

    fn passes(&self, diff: &Diff) -> bool {
        diff.newly.is_empty() && self.unread.is_empty() && self.odd.is_empty()
    }
}

/// One page: the verdict, what each owner has now, what is new in the tables, who meets; the functions only where they are
/// few enough to read.
fn text(sides: &Sides, diff: &Diff, gate: &Gate, look: &Look) -> String {
    let mut out = String::new();
    let head = format!("{} -> {}", sides.old.release, sides.new.release);
    let _ = writeln!(out, "{}", look.paint(Style::Strong, &line(&head)));
    verdict(&mut out, diff, gate, look);
    owners(&mut out, sides, diff, look);
    tables(&mut out, sides, look);
    for (what, style, meets) in
        [("newly meet", Style::Warning, &diff.newly), ("no longer meet", Style::Dim, &diff.no_longer)]
    {
        for (place, a, b, rank) in meets.iter().take(MEETINGS) {
            let what = look.paint(style, &pad(what, 14));
            let _ = writeln!(out, "{what} {}  {} × {}  ({})", line(place), a.name(), b.name(), rank.name());
        }
        if meets.len() > MEETINGS {
            let _ =
                writeln!(out, "{} … {} more (-f json has all)", pad(what, 14), count((meets.len() - MEETINGS) as u64));
        }
    }
    for why in &gate.unread {
        let _ = writeln!(out, "{} {}", look.paint(Style::Warning, &pad("no longer read", 14)), line(why));
    }
    for (_, what, times) in &gate.odd {
        let _ = writeln!(
            out,
            "{} {} × {}",
            look.paint(Style::Warning, &pad("newly odd", 14)),
            count(*times as u64),
            line(what)
        );
    }
    for change in diff.changes.iter().filter(|c| c.gained.len() + c.lost.len() + c.changed.len() <= SHOWN) {
        functions(&mut out, change, look);
    }
    out
}

fn verdict(out: &mut String, diff: &Diff, gate: &Gate, look: &Look) {
    let conflicts = diff.newly.iter().filter(|m| m.3 == Rank::Conflict).count();
    let mut against = Vec::new();
    let mut say = |times: usize, one: &str, many: &str| {
        if times > 0 {
            against.push(plural(times as u64, one, many));
        }
    };
    say(conflicts, "new conflict", "new conflicts");
    say(diff.newly.len() - conflicts, "new meeting without an arbiter", "new meetings without an arbiter");
    say(gate.unread.len(), "table no longer read", "tables no longer read");
    say(gate.odd.len(), "new kind of odd site", "new kinds of odd sites");
    let _ = match against.as_slice() {
        [] => writeln!(
            out,
            "{} no two owners newly meet, other than by design; every table is read; no new kind of odd site",
            look.paint(Style::Added, "passes:")
        ),
        against => writeln!(out, "{} {}", look.paint(Style::Warning, "to look at:"), against.join(", ")),
    };
    if diff.changes.is_empty() {
        let _ = writeln!(out, "no owner gained or lost a site in any function");
    }
}

fn owners(out: &mut String, sides: &Sides, diff: &Diff, look: &Look) {
    if diff.changes.is_empty() {
        return;
    }
    let header = format!(
        "{:<16} {:<5} {:>9} {:>9} {:>9} {:>8}  functions that gained, lost, changed",
        "owner", "when", "sites", "now", "change", ""
    );
    let _ = writeln!(out, "{}", look.paint(Style::Dim, &header));
    for owner in Owner::ALL {
        let (was, is) = (sides.old.share(owner), sides.new.share(owner));
        if was.is_none() && is.is_none() {
            continue;
        }
        let sites = |share: Option<&Share>| share.map_or(0, |s| s.sites);
        let (a, b) = (sites(was), sites(is));
        let change = match b.cmp(&a) {
            Ordering::Less => format!("−{}", count((a - b) as u64)),
            Ordering::Equal => String::new(),
            Ordering::Greater => format!("+{}", count((b - a) as u64)),
        };
        let share = match (a, b) {
            (0, 0) => String::new(),
            (0, _) => "new".into(),
            (_, 0) => "gone".into(),
            _ if a == b => String::new(),
            _ => format!("{:+.1}%", (b as f64 / a as f64 - 1.0) * 100.0),
        };
        let functions = diff.changes.iter().find(|c| c.owner == owner).map_or_else(String::new, |c| {
            let n = |list: usize| count(list as u64);
            format!("+{} −{} ~{}", n(c.gained.len()), n(c.lost.len()), n(c.changed.len()))
        });
        let when = match owner.when() {
            When::Live => "live",
            When::Boot => "boot",
            When::Never => "never",
        };
        let row =
            format!("{when:<5} {:>9} {:>9} {change:>9} {share:>8}  {functions}", count(a as u64), count(b as u64));
        let _ = writeln!(out, "{} {}", look.paint(Style::Name, &pad(owner.name(), 16)), row.trim_end());
    }
    let text = |side: &Side| format!("{:.1} MB", side.census.text as f64 / 1e6);
    let _ = writeln!(out, "{} {:>15} {:>9}", pad("text", 16), text(&sides.old), text(&sides.new));
}

/// Tables that came, went, or changed the form of their records.
fn tables(out: &mut String, sides: &Sides, look: &Look) {
    let read = |side: &Side| -> BTreeMap<String, Option<Layout>> {
        let tables = side.tables.iter().filter(|t| t.records > 0);
        tables.map(|t| (t.name.clone(), t.layout)).collect()
    };
    let (old, new) = (read(&sides.old), read(&sides.new));
    let mut say = |what: &str, names: Vec<String>| {
        if !names.is_empty() {
            let _ = writeln!(out, "{} {}", look.paint(Style::Dim, &pad(what, 14)), line(&names.join(", ")));
        }
    };
    say("tables, new", new.keys().filter(|n| !old.contains_key(*n)).cloned().collect());
    say("tables, gone", old.keys().filter(|n| !new.contains_key(*n)).cloned().collect());
    let changed = old.iter().filter_map(|(name, layout)| {
        let (was, is) = ((*layout)?, (*new.get(name)?)?);
        (was != is).then(|| format!("{name} (records of {} -> {} bytes)", was.size(), is.size()))
    });
    say("new records", changed.collect());
}

fn functions(out: &mut String, change: &Change, look: &Look) {
    let name = change.owner.name();
    for (sign, style, list) in [('+', Style::Added, &change.gained), ('-', Style::Removed, &change.lost)] {
        for (function, times) in list {
            let _ = writeln!(out, "{} {times}", look.paint(style, &line(&format!("{sign} {name}: {function}"))));
        }
    }
    for (function, was, is) in &change.changed {
        let _ = writeln!(out, "~ {name}: {} {was} -> {is}", line(function));
    }
}
