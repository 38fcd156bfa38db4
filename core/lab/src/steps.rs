//! One site, one change, step by step: the claim, the plan, and the bytes after each step of the protocol, read back
//! from the text itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::runner::{Reporter, ScenarioError};
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::internals;
use provenance_engine::isa::{Bytes, Insn, Line, disassemble};
use provenance_engine::ledger::Sharing;
use provenance_engine::plan::{Change, Plan};
use provenance_engine::poke::{Phase, Protocol};
use provenance_engine::text::Builder;
use provenance_engine::text::builder::Fentry;

/// What stands at the site after one step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// The step, in the words of [`provenance_engine::poke::int3`].
    pub name: String,
    /// What it means for a thread that comes by.
    pub seen: String,
    /// The bytes of the site.
    pub bytes: String,
    /// The bytes, disassembled.
    pub text: Vec<Line>,
}

/// The whole change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Steps {
    /// All steps, in order.
    pub steps: Vec<Step>,
    /// Core-serialising broadcasts that were made.
    pub syncs: usize,
}

const fn words(phase: Phase) -> Option<(&'static str, &'static str)> {
    Some(match phase {
        Phase::Start => ("plan", "the old bytes are compared with those in memory; nothing is written"),
        Phase::Trapped => ("int3", "a thread that gets here traps and gets the effect of the new instruction"),
        Phase::Sync1 => ("sync", "nobody runs the old instruction any more"),
        Phase::Tails => ("tail", "the bytes behind the first are the new ones"),
        Phase::Sync2 => ("sync", "everybody sees them"),
        Phase::Heads => ("first byte", "who comes by runs the new instruction"),
        Phase::Sync3 => ("sync", "no thread can hit the breakpoint any more"),
        _ => return None,
    })
}

/// Turns a five-byte nop into a call, and says what stood there when.
pub(crate) fn run(_: &Value, reporter: &mut Reporter) -> Result<Value, ScenarioError> {
    let engine = Engine::new(Options { protocol: Protocol::Int3, ..Options::default() })?;
    let me = engine.holder(MechanismId::FTRACE, "steps")?;
    let mut b = Builder::new();
    let target = b.function("tracer");
    b.code(&[0xc3]);
    b.at(16, 0);
    b.function("traced");
    let pad = b.fentry(Fentry::Nop);
    b.code(&[0xb8, 7, 0, 0, 0, 0xc3]);
    let loaded = engine.load(b, me)?;
    let site = engine.text().site(loaded.addr(pad)?, 5)?;
    let mut steps = Vec::new();
    let mut note = |name: &str, seen: &str| -> Result<(), ScenarioError> {
        let bytes = engine.text().read(site.addr(), 5)?;
        let text = disassemble(&bytes, site.addr());
        steps.push(Step { name: name.into(), seen: seen.into(), bytes: provenance_engine::isa::hex(&bytes), text });
        Ok(())
    };
    engine.claim(site, Bytes::nop5(), me, Sharing::Exclusive, "calls tracers")?;
    note("claim", "the ledger has a holder for the five bytes; whoever else wants them is told")?;
    let plan = Plan::new(me, [Change::new(site, Bytes::nop5(), Insn::Call(loaded.addr(target)?))])?;
    let applied = internals::apply_probed(&engine, &plan, Protocol::Int3, &mut |phase| {
        let Some((name, seen)) = words(phase) else { return Ok(()) };
        reporter.progress(name);
        note(name, seen).map_err(|e| std::io::Error::other(e.to_string()))
    })?;
    Ok(serde_json::to_value(Steps { steps, syncs: applied.syncs })?)
}
