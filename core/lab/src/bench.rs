//! Measurements, run in the lab: medians and spread of interleaved rounds, host facts, and beside a row the figure that
//! its authors published, where the unit is the same.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::runner::{Message, Reporter, Request, Runner, ScenarioError, StartError};
use provenance_engine::proof::Host;

pub mod calibrated;
mod dispatch;
mod peer;
pub mod poke;
mod report;
mod table;

pub use self::report::{Goal, Part, Published, Row};
pub use self::table::tables;

/// All that was run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Version of this form: 1.
    pub format: u32,
    /// Where it was run.
    pub host: Host,
    /// The benchmarks by name.
    pub parts: Vec<(String, Part)>,
    /// Those that did not end well.
    pub failed: Vec<String>,
}

type Bench = fn(&mut Reporter) -> Result<Part, ScenarioError>;

/// Every benchmark: name, title, function.
pub const ALL: &[(&str, &str, Bench)] = &[
    ("dispatch", "a call to one of N targets, by seven patterns", dispatch::run),
    ("calibrated", "the dispatcher that replays a trace, against every form, 1 to 64 targets", calibrated::run),
    ("sync", "serialising the other cores", poke::sync),
    ("poke", "one site, idle and under fire", poke::single),
    ("batch", "10,000 sites while another thread runs them", poke::batch),
    ("static-call", "an update of 1,000 inline sites", poke::static_call),
    ("static-key", "a key with 1,000 sites, against the crate static-keys", peer::run),
];

pub(crate) fn scenario(params: &Value, reporter: &mut Reporter) -> Result<Value, ScenarioError> {
    let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
    let (_, _, bench) = ALL.iter().find(|b| b.0 == name).ok_or_else(|| format!("no benchmark is called {name:?}"))?;
    Ok(serde_json::to_value(bench(reporter)?)?)
}

/// Runs the named benchmarks (all of them for none), each in a process of its own.
///
/// # Errors
/// [`StartError`] if a process cannot be started. Crashes are in the report.
pub fn run(runner: &Runner, names: &[&str], mut on: impl FnMut(&str, &Message)) -> Result<Report, StartError> {
    let mut report = Report { format: 1, host: Host::read(), parts: Vec::new(), failed: Vec::new() };
    for (name, ..) in ALL.iter().filter(|b| names.is_empty() || names.contains(&b.0)) {
        let ended = runner.run(&Request::new("bench", json!({ "name": name })), |m| on(name, m))?;
        match ended.result().map(|v| serde_json::from_value(v.clone())) {
            Some(Ok(part)) => report.parts.push(((*name).to_owned(), part)),
            Some(Err(e)) => report.failed.push(format!("{name}: {e}")),
            None => report.failed.push(format!("{name}: {}", ended)),
        }
    }
    Ok(report)
}

/// The longest bar, and the shortest that is still one.
const BAR: (usize, usize) = (30, 6);

impl Report {
    /// As text with bars for so many columns; the longest bar of a benchmark is its largest figure of that unit.
    #[must_use]
    pub fn render(&self, columns: usize) -> String {
        let mut out = format!("{}\n", self.host.render());
        for (name, part) in &self.parts {
            let title = ALL.iter().find(|b| b.0 == name).map_or("", |b| b.1);
            out.push_str(&format!("\n{name}: {title}\n"));
            part.render(columns, &mut out);
        }
        self.failed.iter().for_each(|f| out.push_str(&format!("\nfailed: {f}\n")));
        out
    }
}

impl Part {
    fn render(&self, columns: usize, out: &mut String) {
        let (tables, rows) = tables(&self.rows);
        out.push_str(&tables);
        let width = rows.iter().map(|r| r.label.chars().count()).max().unwrap_or(0);
        let figures: Vec<String> = rows
            .iter()
            .map(|r| {
                let [low, high] = r.spread;
                format!("{:>9.2} {}  {low:.2}..{high:.2}", r.median, r.unit)
            })
            .collect();
        let taken = width + figures.iter().map(String::len).max().unwrap_or(0) + 6;
        let longest = columns.saturating_sub(taken).clamp(BAR.1, BAR.0);
        for (r, figure) in rows.iter().zip(figures) {
            let most = rows.iter().filter(|o| o.unit == r.unit).map(|o| o.median).fold(f64::MIN_POSITIVE, f64::max);
            let bar = "▇".repeat(((r.median / most * longest as f64).round() as usize).clamp(1, longest));
            out.push_str(&format!("  {:width$}  {bar:longest$}  {figure}\n", r.label));
            if let Some(p) = &r.published {
                out.push_str(&p.line(&r.unit));
            }
        }
        for goal in &self.goals {
            let (word, sign) =
                (if goal.met() { "kept" } else { "MISSED" }, if goal.at_least { "at least" } else { "at most" });
            out.push_str(&format!("  {word}: {}: {:.2}, {sign} {}\n", goal.what, goal.measured, goal.limit));
        }
        self.notes.iter().for_each(|n| out.push_str(&format!("  note: {n}\n")));
    }
}
