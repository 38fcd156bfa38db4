//! Witnesses: experiments that were run on real kernels, and the model put to the same steps.
//!
//! `core/lab/witness/run.sh` boots a kernel under qemu and runs a scenario's steps; the record of what came of each step is
//! kept beside the scenario. [`predict`] runs the same steps on the mechanisms of this library, and [`compare`] says where the two
//! differ. A difference is mended in the model, or stands in [`KNOWN`] with its reason.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::runner::{Outcome as Ended, Reporter, Request, Runner, ScenarioError, StartError};

mod model;
mod record;
mod store;

pub use record::{Kernel, Record, Seen};
pub use store::{SCENARIOS, record, scenario_text};

/// Where kernel and model differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which step, from 0.
    pub at: usize,
    /// The step.
    pub step: String,
    /// What differs: `errno`, `site`, `dead`, or a counter.
    pub what: String,
    /// The kernel's.
    pub kernel: String,
    /// The model's.
    pub model: String,
}

/// A difference that stays, and why: kernel, scenario, step, what.
pub const KNOWN: &[(Kernel, &str, usize, &str, &str)] = &[];

/// Why a known difference stands.
#[must_use]
pub fn reason(kernel: Kernel, scenario: &str, difference: &Difference) -> Option<&'static str> {
    KNOWN
        .iter()
        .find(|k| (k.0, k.1, k.2, k.3) == (kernel, scenario, difference.at, difference.what.as_str()))
        .map(|k| k.4)
}

/// What stands at the site, in a word: the displacements are each machine's own, and so is the form of a nop.
#[must_use]
pub fn shape(bytes: &str) -> &'static str {
    match bytes.get(..2) {
        Some("e8") => "call",
        Some("e9") => "jmp",
        Some("cc") => "int3",
        _ if bytes.starts_with("66 66 66 66 90") || bytes.starts_with("0f 1f 44 00 00") => "nop",
        _ => "other",
    }
}

/// The steps by the model, in a lab process.
///
/// # Errors
/// [`StartError`] if the process cannot be started; how it ended otherwise.
pub fn predict(runner: &Runner, kernel: Kernel, scenario: &str) -> Result<Result<Vec<Seen>, Ended>, StartError> {
    let request = Request::new("witness", json!({ "kernel": kernel, "steps": scenario_text(scenario) }));
    let ended = runner.run(&request, |_| {})?;
    Ok(match &ended {
        Ended::Done { result } => {
            serde_json::from_value(result.clone()).map_err(|e| Ended::BadOutput { line: e.to_string() })
        }
        _ => Err(ended),
    })
}

/// Where they differ, step by step.
#[must_use]
pub fn compare(record: &Record, model: &[Seen]) -> Vec<Difference> {
    let mut out = Vec::new();
    if record.steps.len() != model.len() {
        out.push(Difference {
            at: record.steps.len().min(model.len()),
            step: "the end".into(),
            what: "steps".into(),
            kernel: record.steps.len().to_string(),
            model: model.len().to_string(),
        });
    }
    for (at, (kernel, model)) in record.steps.iter().zip(model).enumerate() {
        let pairs = [
            ("errno", kernel.errno.clone(), model.errno.clone()),
            ("site", shape(&kernel.bytes).to_owned(), shape(&model.bytes).to_owned()),
            ("dead", kernel.dead.to_string(), model.dead.to_string()),
            ("tracer", kernel.tracer.to_string(), model.tracer.to_string()),
            ("kprobe", kernel.kprobe.to_string(), model.kprobe.to_string()),
            ("fentry", kernel.fentry.to_string(), model.fentry.to_string()),
            ("fexit", kernel.fexit.to_string(), model.fexit.to_string()),
            ("xdp", kernel.xdp.to_string(), model.xdp.to_string()),
            ("patched", kernel.patched.to_string(), model.patched.to_string()),
        ];
        for (what, kernel, model_value) in pairs {
            if kernel != model_value {
                let (what, step) = (what.to_owned(), model.step.clone());
                out.push(Difference { at, step, what, kernel, model: model_value });
            }
        }
    }
    out
}

#[derive(Deserialize)]
struct Params {
    kernel: Kernel,
    steps: String,
}

pub(crate) fn scenario(params: &Value, _: &mut Reporter) -> Result<Value, ScenarioError> {
    let Params { kernel, steps } = serde_json::from_value(params.clone())?;
    Ok(serde_json::to_value(model::run(kernel, &steps)?)?)
}
