//! `--diff OLD NEW`: what each owner gained and lost, and which owners newly meet.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use provenance_engine::image::{Change, Diff, Image, Limits, diff};
use provenance_review::failure::{Exit, Failure};
use provenance_review::json::{self, FORMAT};
use provenance_review::look::{Look, Style};
use provenance_review::text::{count, line, pad};
use serde_json::json;

use super::{Arguments, Format, failure, release};
use crate::Context;

/// Functions that are written out for each owner and direction; the rest is counted.
const SHOWN: usize = 10;

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
    let mut out = context.paged();
    match arguments.format {
        Format::Text => out.write_all(text(&before, &after, &diff, &context.look).as_bytes())?,
        Format::Json => {
            let side = |path: &Path, image: &Image| json!({ "path": path.to_string_lossy(), "version": image.version, "build_id": image.build_id });
            let value = json!({ "format": FORMAT, "old": side(old, &before), "new": side(new, &after), "diff": diff });
            json::pretty(&mut out, &value)?;
        }
        Format::Svg => {
            return Err(Failure::new(Exit::Usage, "a difference is shown as text or JSON; leave out -f svg"));
        }
    }
    out.finish()?;
    Ok(if arguments.exit_code && !diff.newly.is_empty() { Exit::Findings } else { Exit::Done })
}

fn text(before: &Image, after: &Image, diff: &Diff, look: &Look) -> String {
    let mut out = String::new();
    let head = format!("{} -> {}", release(before.version.as_deref()), release(after.version.as_deref()));
    let _ = writeln!(out, "{}", look.paint(Style::Strong, &line(&head)));
    for change in &diff.changes {
        owner(&mut out, change, look);
    }
    for (what, style, meets) in
        [("newly meet", Style::Warning, &diff.newly), ("no longer meet", Style::Dim, &diff.no_longer)]
    {
        for (place, a, b, rank) in meets {
            let what = look.paint(style, &pad(what, 14));
            let _ = writeln!(out, "{what} {}  {} × {}  ({})", line(place), a.name(), b.name(), rank.name());
        }
    }
    if diff.changes.is_empty() {
        let _ = writeln!(out, "no owner gained or lost a site in any function");
    }
    if diff.newly.is_empty() {
        let _ = writeln!(out, "no two owners newly meet, other than by design");
    }
    out
}

fn owner(out: &mut String, change: &Change, look: &Look) {
    let (was, is) = change.sites;
    let _ = writeln!(
        out,
        "{} {} -> {} sites; functions: {} gained, {} lost, {} changed",
        look.paint(Style::Name, &pad(change.owner.name(), 16)),
        count(was as u64),
        count(is as u64),
        count(change.gained.len() as u64),
        count(change.lost.len() as u64),
        count(change.changed.len() as u64),
    );
    for (sign, style, list) in [('+', Style::Added, &change.gained), ('-', Style::Removed, &change.lost)] {
        for (name, times) in list.iter().take(SHOWN) {
            let _ = writeln!(out, "  {} {times}", look.paint(style, &line(&format!("{sign} {name}"))));
        }
        if list.len() > SHOWN {
            let _ = writeln!(out, "  {sign} … {} more (-f json has all)", count((list.len() - SHOWN) as u64));
        }
    }
    for (name, was, is) in change.changed.iter().take(SHOWN) {
        let _ = writeln!(out, "  ~ {} {was} -> {is}", line(name));
    }
    if change.changed.len() > SHOWN {
        let _ = writeln!(out, "  ~ … {} more (-f json has all)", count((change.changed.len() - SHOWN) as u64));
    }
}
