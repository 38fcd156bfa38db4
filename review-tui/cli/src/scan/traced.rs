//! `--running`: who holds each traced function now, and with `--watch` what changes.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use provenance_engine::image::running::{Traced, Traces, traces};
use serde_json::{Value, json};

use super::Arguments;
use crate::Context;
use provenance_review::failure::{Exit, Failure};
use provenance_review::look::{Look, Style};
use provenance_review::text::{count, line, pad};

/// Functions that are written out; a tracer without a filter holds all of them.
const SHOWN: usize = 40;

/// The table.
pub fn table(out: &mut String, traces: &Traces, look: &Look) {
    let header = format!("{:<32} {:>5} {:<5}  held by", "traced now", "users", "flags");
    let _ = writeln!(out, "{}", look.paint(Style::Dim, &header));
    for traced in traces.entries.iter().take(SHOWN) {
        let name = look.paint(Style::Name, &pad(&line(&name(traced)), 32));
        let _ = writeln!(out, "{name} {:>5} {:<5}  {}", traced.users, flags(traced), line(&holders(traced)));
    }
    if traces.entries.len() > SHOWN {
        let _ = writeln!(out, "… and {} more (-f json has all)", count((traces.entries.len() - SHOWN) as u64));
    }
    if traces.entries.is_empty() {
        let _ = writeln!(out, "nothing is traced");
    }
    for note in &traces.notes {
        let _ = writeln!(out, "{} {}", look.paint(Style::Dim, &pad("note", 13)), line(note));
    }
}

/// The same as JSON.
pub fn json(traces: &Traces) -> Value {
    let entry = |traced: &Traced| {
        let mut value = json!(traced);
        value["flags"] = json!(flags(traced));
        value
    };
    json!({ "entries": traces.entries.iter().map(entry).collect::<Vec<_>>(), "notes": traces.notes })
}

fn name(traced: &Traced) -> String {
    match &traced.module {
        Some(module) => format!("{} [{module}]", traced.name),
        None => traced.name.clone(),
    }
}

/// The kernel's letters in its order: registers, IPMODIFY, direct, call ops, modified once.
fn flags(traced: &Traced) -> String {
    let letters = [
        (traced.registers, 'R'),
        (traced.ipmodify, 'I'),
        (traced.direct.is_some(), 'D'),
        (traced.call_ops, 'O'),
        (traced.modified, 'M'),
    ];
    letters.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect()
}

fn holders(traced: &Traced) -> String {
    let mut said: Vec<String> = traced.holders.iter().map(|h| format!("{} ({})", h.who, h.which)).collect();
    match traced.unknown {
        0 => {}
        1 => said.push("unknown holder".into()),
        n => said.push(format!("{n} unknown holders")),
    }
    said.join(", ")
}

/// Prints what is held, and then what changes, until it is interrupted or has looked often enough.
///
/// # Errors
/// `enabled_functions` cannot be read.
pub fn watch(context: &Context, arguments: &Arguments, seconds: f64) -> Result<Exit, Failure> {
    let pause = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Failure::new(Exit::Usage, format!("{seconds} is no time to wait; give seconds, --watch=0.5")))?;
    let look = || {
        traces(&arguments.root).map_err(|e| {
            let mut failure = Failure::from_error(Exit::Unreadable, &e);
            failure.what = format!("enabled_functions cannot be read: {}; it takes root and a tracefs", failure.what);
            failure
        })
    };
    let mut before = look()?;
    let mut out = std::io::stdout().lock();
    let mut first = String::new();
    table(&mut first, &before, &context.look);
    out.write_all(first.as_bytes())?;
    out.flush()?;
    let mut looks = 1_u64;
    while arguments.looks.is_none_or(|most| looks < most) {
        std::thread::sleep(pause);
        let after = look()?;
        looks += 1;
        let changes = changes(&before, &after, &context.look);
        if !changes.is_empty() {
            let now = jiff::Zoned::now().strftime("%H:%M:%S").to_string();
            for change in changes {
                writeln!(out, "{} {change}", context.look.paint(Style::Dim, &now))?;
            }
            out.flush()?;
        }
        before = after;
    }
    Ok(Exit::Done)
}

/// A line for each function that is traced newly, no longer, or by others.
fn changes(before: &Traces, after: &Traces, look: &Look) -> Vec<String> {
    let key = |t: &Traced| (t.name.clone(), t.module.clone());
    let row = |sign: char, style: Style, t: &Traced| {
        let what = format!("{sign} {}", pad(&line(&name(t)), 32));
        format!("{} {:>5} {:<5}  {}", look.paint(style, &what), t.users, flags(t), line(&holders(t)))
    };
    let mut out = Vec::new();
    // Both are in order; functions of one name stand beside each other, and are compared one by one.
    let (mut old, mut new) = (before.entries.iter().peekable(), after.entries.iter().peekable());
    loop {
        match (old.peek(), new.peek()) {
            (None, None) => return out,
            (Some(a), b) if b.is_none_or(|b| key(a) < key(b)) => {
                out.extend(old.next().map(|t| row('-', Style::Removed, t)));
            }
            (a, Some(b)) if a.is_none_or(|a| key(b) < key(a)) => {
                out.extend(new.next().map(|t| row('+', Style::Added, t)));
            }
            _ => {
                if let (Some(a), Some(b)) = (old.next(), new.next())
                    && a != b
                {
                    out.push(format!(
                        "{}; was {}",
                        row('~', Style::Mark, b),
                        line(&format!("{} {}", flags(a), holders(a)))
                    ));
                }
            }
        }
    }
}
