//! What a benchmark gives back: figures, promises, notes.

use serde::{Deserialize, Serialize};

/// One measured figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// The benchmark.
    pub bench: String,
    /// What was measured, under which conditions.
    pub label: String,
    /// The unit: `ns/call`, `ns/site`, `us`.
    pub unit: String,
    /// The median of the samples.
    pub median: f64,
    /// 10th and 90th percentile.
    pub spread: [f64; 2],
    /// How many samples were taken.
    pub samples: usize,
    /// What its authors published, in the same unit.
    pub published: Option<Published>,
}

/// A figure of others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Published {
    /// The figure, in the row's unit.
    pub value: f64,
    /// Under which conditions.
    pub conditions: String,
    /// Message-id.
    pub source: String,
}

impl Published {
    /// As it stands below the figure that it belongs to.
    pub(super) fn line(&self, unit: &str) -> String {
        format!("    published {} {unit}: {} <{}>\n", self.value, self.conditions, self.source)
    }
}

/// A promise of this library, and whether this run keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Goal {
    /// What was promised.
    pub what: String,
    /// What came out.
    pub measured: f64,
    /// The limit.
    pub limit: f64,
    /// Whether more is better.
    pub at_least: bool,
}

impl Goal {
    /// Whether it is kept.
    #[must_use]
    pub fn met(&self) -> bool {
        if self.at_least { self.measured >= self.limit } else { self.measured <= self.limit }
    }
}

/// What one benchmark gives back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Part {
    /// What was measured, a row each.
    pub rows: Vec<Row>,
    /// The goals that the figures are held against.
    pub goals: Vec<Goal>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// Median and spread of samples.
pub(super) fn row(bench: &str, label: String, unit: &str, mut samples: Vec<f64>) -> Row {
    samples.sort_by(f64::total_cmp);
    let at = |p: usize| samples.get((samples.len().saturating_sub(1)) * p / 100).copied().unwrap_or(0.0);
    Row {
        bench: bench.to_owned(),
        label,
        unit: unit.to_owned(),
        median: at(50),
        spread: [at(10), at(90)],
        samples: samples.len(),
        published: None,
    }
}
