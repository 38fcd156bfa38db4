//! The calibrated dispatcher against every form that it can choose: seven patterns, 1 to 64 targets.
//!
//! What is calibrated on is not what is measured: the trace has the same pattern and another seed.

use super::dispatch::{PATTERNS, Pattern};
use super::report::{Goal, Part, row};
use crate::runner::{Reporter, ScenarioError};
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::internals::{Track, median, time};
use provenance_engine::mechanism::dispatcher::calibrate::calibrate;
use provenance_engine::mechanism::dispatcher::shape::{Shape, by_frequency};

const ROUNDS: usize = 15;
const MOST: usize = 64;

struct Cell {
    pattern: &'static str,
    targets: usize,
    chosen: Shape,
    best: Shape,
    /// Chosen by best.
    ratio: f64,
    tree: f64,
    calibrated: Vec<f64>,
}

/// Calibrates on one sequence, then measures the choice and every form on another, interleaved.
fn cell(engine: &Engine, pattern: Pattern, name: &'static str, n: usize) -> Result<Cell, ScenarioError> {
    let holder = engine.holder(MechanismId::TEXT, "bench")?;
    let mut track = Track::new(engine, holder, MOST)?;
    let (set, stranger) = (track.targets[..n].to_vec(), track.targets[MOST]);
    let align = n <= 48;
    let trace = pattern.sequence(&set, stranger, 7);
    let choice = calibrate(engine, holder, &set, &trace, align)?;
    let sequence = pattern.sequence(&set, stranger, 42);
    let order = by_frequency(&set, &trace);
    let mut lanes = vec![(choice.shape, track.lane(choice.shape, &order, align)?, Vec::new())];
    for shape in Shape::ALL.into_iter().filter(|s| s.differs(n)) {
        lanes.push((shape, track.lane(shape, &order, align)?, Vec::new()));
    }
    for round in 0..=ROUNDS {
        for (_, entry, samples) in &mut lanes {
            // SAFETY: a loop that `looped` laid out, over stand-ins that return at once.
            let ns = unsafe { time(*entry, &sequence) };
            if round > 0 {
                samples.push(ns);
            }
        }
    }
    let calibrated = lanes.swap_remove(0).2;
    let costs: Vec<(Shape, f64)> = lanes.into_iter().map(|(shape, _, s)| (shape, median(s))).collect();
    let mine = median(calibrated.clone());
    let tree = costs.iter().find(|c| c.0 == Shape::Tree).map_or(0.0, |c| c.1);
    let best = costs.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).ok_or("no form")?;
    Ok(Cell {
        pattern: name,
        targets: n,
        chosen: choice.shape,
        best: best.0,
        ratio: mine / best.1.max(0.01),
        tree,
        calibrated,
    })
}

pub(super) fn run(reporter: &mut Reporter) -> Result<Part, ScenarioError> {
    let engine = Engine::new(Options::default())?;
    let mut part = Part::default();
    let (mut cells, mut above, mut worst) = (0usize, Vec::new(), 1.0f64);
    let mut gains = Vec::new();
    for (pattern, name) in PATTERNS {
        reporter.progress(format!("calibrated: {name}"));
        for n in 1..=MOST {
            let first = cell(&engine, pattern, name, n)?;
            cells += 1;
            if n == 48 {
                gains.push((name, first.tree / median(first.calibrated.clone()).max(0.01)));
            }
            if n.is_power_of_two() || n == 48 {
                let label = format!("{name} N={n}: {}", first.chosen.name());
                let row = row("calibrated", label, "ns/call", first.calibrated.clone());
                reporter.sample(&row);
                part.rows.push(row);
            }
            if first.ratio > 1.10 {
                let second = cell(&engine, pattern, name, n)?;
                worst = worst.max(second.ratio);
                above.push((first, second.ratio));
            }
        }
    }
    for (c, again) in &above {
        part.notes.push(format!(
            "above 1.10: {} N={}: {} chosen, {:.2} times {}; on a second look {again:.2}",
            c.pattern,
            c.targets,
            c.chosen.name(),
            c.ratio,
            c.best.name()
        ));
    }
    let goal = |what: String, measured, limit, at_least| Goal { what, measured, limit, at_least };
    let within = 100.0 * (cells - above.len()) as f64 / cells.max(1) as f64;
    part.goals.push(goal(
        format!("cells of {cells} at most 1.10 times the best form, in per cent"),
        within,
        95.0,
        true,
    ));
    part.goals.push(goal("worst cell on a second look, times the best form".into(), worst, 1.25, false));
    for (pattern, limit) in [("random", 1.8), ("zipf", 1.4), ("90 % one", 1.3)] {
        let gain = gains.iter().find(|g| g.0 == pattern).map_or(0.0, |g| g.1);
        part.goals.push(goal(
            format!("against the reference tree, 48 targets, {pattern}: times faster"),
            gain,
            limit,
            true,
        ));
    }
    Ok(part)
}
