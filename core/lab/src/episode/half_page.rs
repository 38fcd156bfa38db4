//! December 2022: half a page, written while somebody was still in it.

use super::story::{Episode, Kind, Log, Rule, Verdict, told};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::internals;
use provenance_engine::isa::hex;
use provenance_engine::mechanism::dispatcher::{Dispatcher, Layout};
use provenance_engine::text::Builder;

pub(super) const EPISODE: Episode = Episode {
    name: "half-page",
    year: "2022",
    kind: Kind::Incident,
    title: "two updates of the dispatcher in a row rewrote the half page that a slow reader was still in",
    old: "kernel/bpf/dispatcher.c: bpf_dispatcher_update(), v6.1: two halves, no grace period",
    new: "v6.2: synchronize_rcu() between two updates (4121d4481b72)",
    events: &["dispatcher-synchronize"],
    not_modelled: "the reader's preemption: it stands in the half for the whole of the story",
    story,
};

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let engine = Engine::new(Options::default())?;
    let holder = engine.holder(MechanismId::TEXT, "")?;
    let mut b = Builder::new();
    let layout = Layout::static_call(&mut b, "bpf_dispatcher_xdp_func");
    let programs: Vec<_> = (0..6)
        .map(|_| {
            b.at(16, 0);
            let p = b.here();
            b.ret();
            p
        })
        .collect();
    let loaded = engine.load(b, holder)?;
    let programs = programs.into_iter().map(|p| loaded.addr(p)).collect::<Result<Vec<_>, _>>()?;
    let trampoline = layout.trampoline.ok_or("no trampoline")?;
    let dispatcher = Dispatcher::static_call(&engine, "xdp", loaded.addr(trampoline)?, loaded.addr(layout.thunk)?)?;
    // SAFETY: a lab process may die of it, which is the story.
    let dispatcher = if rule == Rule::Old { unsafe { internals::without_grace(dispatcher) } } else { dispatcher };
    for &p in &programs[..3] {
        dispatcher.change(None, Some(p))?;
    }
    let reader = engine.grace().register("slow reader")?;
    let half = dispatcher.image_addr().ok_or("no image")?;
    let before = engine.text().read(half, 96)?;
    log.step("a reader enters the image in use", format!("{half:#x}: {}", hex(&before[..16])));
    for (i, &p) in programs[3..5].iter().enumerate() {
        let change = dispatcher.change(None, Some(p));
        let at = dispatcher.image_addr().ok_or("no image")?;
        log.step(format!("update {}", i + 1), format!("{}; in use: {at:#x}", told(&change)));
    }
    let after = engine.text().read(half, 96)?;
    let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    log.step("the bytes under the reader", format!("{changed} of {} changed", before.len()));
    if changed > 0 {
        return Ok(Verdict::Broken(format!(
            "{changed} bytes were rewritten under the reader, who goes on in the middle of other instructions"
        )));
    }
    reader.quiescent();
    let again = dispatcher.change(None, Some(programs[4]));
    log.step("the reader leaves, and the update is tried again", told(&again));
    again?;
    Ok(Verdict::Holds("the second update waits until the reader has left".into()))
}
