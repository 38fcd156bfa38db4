//! The form of a record: a kernel, an experiment, and what was seen after each step.

use serde::{Deserialize, Serialize};

/// A kernel that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Kernel {
    /// Debian bullseye's.
    #[serde(rename = "5.10")]
    V5_10,
    /// Debian bookworm's.
    #[serde(rename = "6.1")]
    V6_1,
}

impl Kernel {
    /// Both eras, the older first.
    pub const ALL: [Self; 2] = [Self::V5_10, Self::V6_1];

    /// `5.10`, `6.1`.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::V5_10 => "5.10",
            Self::V6_1 => "6.1",
        }
    }
}

/// What a kernel, or the model, showed after one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The step, as in the scenario.
    pub step: String,
    /// The error's name; empty for success.
    pub errno: String,
    /// The site's first ten bytes.
    pub bytes: String,
    /// Whether ftrace answers `ENODEV` to whoever opens its filter.
    pub dead: bool,
    /// Lines that the function tracer wrote of the site in this step.
    pub tracer: u64,
    /// Hits of all probes that stand.
    pub kprobe: u64,
    /// Runs of the program before the site, since it was attached.
    pub fentry: u64,
    /// Runs of the program behind it.
    pub fexit: u64,
    /// Runs of the XDP program.
    pub xdp: u64,
    /// Times that the live patch ran, since the beginning.
    #[serde(default)]
    pub patched: u64,
    /// What the kernel logged, as far as it matters.
    #[serde(default)]
    pub log: Vec<String>,
}

/// One experiment on one kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this form: 1.
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// When it was run.
    pub date: String,
    /// `whole`, or `panic` if the kernel did not come to the end.
    pub ended: String,
    /// Release and version of the kernel.
    pub kernel: String,
    /// What it was run in.
    pub machine: String,
    /// Step by step.
    pub steps: Vec<Seen>,
}
