//! What real kernels did, step by step, and what the model does in the same steps.

use std::io::Write;

use provenance_lab::witness::{self, Difference, Kernel, Record, SCENARIOS, Seen};
use provenance_review::failure::{Exit, Failure};
use provenance_review::lab;
use provenance_review::look::{Look, Style};
use provenance_review::text::{pad, width, wrap};
use serde::Serialize;

use super::Format;
use crate::progress::Bar;
use crate::{Context, text};

/// One experiment on one kernel, and the model beside it.
#[derive(Serialize)]
struct Beside {
    record: Record,
    model: Vec<Seen>,
    differences: Vec<Difference>,
}

/// Shows one experiment, or what there are.
///
/// # Errors
/// An unknown name; a lab process that cannot be started, or that ends before its time.
pub fn run(context: &Context, name: &str, format: Format) -> Result<Exit, Failure> {
    if !name.is_empty() && !SCENARIOS.contains(&name) {
        return Err(Failure::new(Exit::Usage, format!("there is no experiment `{name}`"))
            .hint(format!("there are {}", SCENARIOS.join(", "))));
    }
    let wanted: Vec<&str> = SCENARIOS.iter().copied().filter(|s| name.is_empty() || *s == name).collect();
    let bar = Bar::new(context, (Kernel::ALL.len() * wanted.len()) as u64);
    let (mut found, mut absent) = (Vec::new(), Vec::new());
    for scenario in &wanted {
        for kernel in Kernel::ALL {
            bar.show(scenario);
            match witness::record(kernel, scenario) {
                Some(record) => found.push(beside(kernel, scenario, record)?),
                None => absent.push(format!("{scenario} on {}", kernel.version())),
            }
            bar.step();
        }
    }
    drop(bar);
    let mut out = context.paged();
    match format {
        Format::Json => {
            provenance_review::json::pretty(&mut out, &found)?;
        }
        Format::Text if name.is_empty() => out.write_all(list(&found, &absent, &context.look).as_bytes())?,
        Format::Text => out.write_all(whole(name, &found, &context.look).as_bytes())?,
    }
    out.finish()?;
    Ok(Exit::Done)
}

fn beside(kernel: Kernel, scenario: &str, record: Record) -> Result<Beside, Failure> {
    let model = witness::predict(&lab::runner(), kernel, scenario)
        .map_err(|e| Failure::from_error(Exit::Unreadable, &e).hint("the model runs in a process of its own"))?
        .map_err(|ended| Failure::new(Exit::Unreadable, format!("the model of {scenario} ended early: {ended}")))?;
    let differences = witness::compare(&record, &model);
    Ok(Beside { record, model, differences })
}

fn verdict(beside: &Beside) -> String {
    let steps = beside.record.steps.len();
    match beside.differences.len() {
        0 => format!("{steps} steps, model and kernel agree in each"),
        n => format!("{steps} steps, model and kernel differ in {n} places"),
    }
}

fn list(found: &[Beside], absent: &[String], look: &Look) -> String {
    let mut out =
        look.paint(Style::Strong, "experiments on real kernels, and what the model says to the same steps") + "\n\n";
    let left = SCENARIOS.iter().map(|s| width(s)).max().unwrap_or(0) + 2;
    for beside in found {
        let kernel = beside.record.kernel.split(['-', '+']).next().unwrap_or_default();
        let style = if beside.differences.is_empty() { Style::Added } else { Style::Warning };
        let line = format!("{}{} {}", pad(&beside.record.scenario, left), pad(kernel, 8), verdict(beside));
        out.push_str(&look.paint(style, &line));
        out.push('\n');
    }
    if !absent.is_empty() {
        let line = format!("not run: {}", absent.join(", "));
        out.push('\n');
        wrap(&line, look.width, 9).iter().for_each(|line| out.push_str(&format!("{line}\n")));
    }
    out.push_str(
        "\n# `provenance conflicts --witness NAME` shows the steps; core/lab/witness/run.sh makes the records\n",
    );
    out
}

/// What was seen after a step, in words.
fn seen(seen: &Seen, before: Option<&Seen>) -> String {
    let mut words = Vec::new();
    words.push(if seen.errno.is_empty() { "ok".to_owned() } else { seen.errno.clone() });
    words.push(format!("{} ({})", witness::shape(&seen.bytes), seen.bytes.get(..14).unwrap_or(&seen.bytes)));
    let counts = [
        ("tracer", seen.tracer),
        ("kprobe", seen.kprobe),
        ("fentry", seen.fentry),
        ("fexit", seen.fexit),
        ("xdp", seen.xdp),
        ("patched", seen.patched),
    ];
    words.extend(counts.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}")));
    if seen.dead && before.is_none_or(|b| !b.dead) {
        words.push("ftrace is dead from here on".into());
    }
    words.join(", ")
}

fn whole(name: &str, found: &[Beside], look: &Look) -> String {
    let mut out = look.paint(Style::Strong, name) + "\n";
    for line in witness::scenario_text(name).lines().filter_map(|line| line.strip_prefix("# ")) {
        out.push_str(&format!("{line}\n"));
    }
    for beside in found {
        let Record { kernel, machine, date, ended, .. } = &beside.record;
        out.push('\n');
        let head = format!("{kernel} ({machine}), run on {date}, ended {ended}");
        wrap(&text::line(&head), look.width, 2).iter().for_each(|line| out.push_str(&format!("{line}\n")));
        let steps = &beside.record.steps;
        let left = steps.iter().map(|s| width(&s.step)).max().unwrap_or(0) + 4;
        for (at, step) in steps.iter().enumerate() {
            let what = seen(step, at.checked_sub(1).map(|at| &steps[at]));
            let style = if step.errno.is_empty() && !what.contains("dead") { None } else { Some(Style::Warning) };
            for part in
                wrap(&format!("  {}{}", pad(&text::line(&step.step), left), text::line(&what)), look.width, left + 2)
            {
                out.push_str(&style.map_or_else(|| part.clone(), |style| look.paint(style, &part)));
                out.push('\n');
            }
            for log in step.log.iter().filter(|log| log.contains("WARNING") || log.contains("BUG")) {
                for part in wrap(&format!("  {}{}", " ".repeat(left), text::line(log)), look.width, left + 2) {
                    out.push_str(&look.paint(Style::Dim, &part));
                    out.push('\n');
                }
            }
        }
        let style = if beside.differences.is_empty() { Style::Added } else { Style::Warning };
        out.push_str(&format!("  {}\n", look.paint(style, &verdict(beside))));
        for d in &beside.differences {
            let line = format!("  step {} ({}), {}: kernel {}, model {}", d.at + 1, d.step, d.what, d.kernel, d.model);
            out.push_str(&format!("{}\n", text::line(&line)));
        }
    }
    out
}
