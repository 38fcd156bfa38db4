//! 2019: a breakpoint that stood for a call was taken for a nop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::story::{Episode, Kind, Log, Rule, Verdict, call};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::internals;
use provenance_engine::isa::{Bytes, Insn};
use provenance_engine::ledger::Sharing;
use provenance_engine::mechanism::ftrace::{Flags, Ops};
use provenance_engine::plan::{Change, Plan};
use provenance_engine::poke::{Phase, Protocol};
use provenance_engine::text::Builder;
use provenance_engine::text::builder::Fentry;

pub(super) const EPISODE: Episode = Episode {
    name: "skipped-call",
    year: "2019",
    kind: Kind::Incident,
    title: "while a call to one trampoline became a call to another, the function ran without either: a live patch was left out",
    old: "arch/x86/kernel/ftrace.c: ftrace_int3_handler(), v5.0: skip the instruction",
    new: "v5.2: emulate the call",
    events: &["ftrace-int3-linus", "ftrace-emulate-call-rfc", "ftrace-emulate-call-v3", "ftrace-emulate-call-next"],
    not_modelled: "other processors: the function is called by the patcher itself, between two of its steps",
    story,
};

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::FTRACE, "")?;
    let _executor = engine.grace().register("caller")?;
    let mut b = Builder::new();
    let f = b.function("traced");
    let pad = b.fentry(Fentry::Nop);
    b.code(&[0xb8, 7, 0, 0, 0]).ret();
    let loaded = engine.load(b, me)?;
    let (f, pad) = (loaded.addr(f)?, loaded.addr(pad)?);
    let site = engine.text().site(pad, 5)?;
    let hits = Arc::new(AtomicU64::new(0));
    let ops = ["one", "two"].map(|name| {
        let hits = hits.clone();
        Ops::new(name, Flags::default(), move |_| {
            hits.fetch_add(1, Ordering::Relaxed);
        })
    });
    let stubs = [internals::stub(&engine, me, &ops[0])?.addr(), internals::stub(&engine, me, &ops[1])?.addr()];
    engine.claim(site, Bytes::nop5(), me, Sharing::Exclusive, "")?;
    engine.poke(me, [Change::new(site, Bytes::nop5(), Insn::Call(stubs[0]))])?;
    call(f, 0);
    log.text(
        "a call to the first trampoline",
        format!("called once: {} callback", hits.load(Ordering::Relaxed)),
        &engine,
        pad,
        5,
    );
    let before = hits.load(Ordering::Relaxed);
    let expect = engine.text().bytes(pad, 5)?;
    let emulate = (rule == Rule::Old).then_some(Insn::Nop(5));
    let change = Change { emulate, ..Change::new(site, expect, Insn::Call(stubs[1])) };
    let mut calls = 0;
    let plan = Plan::new(me, [change])?;
    internals::apply_probed(&engine, &plan, Protocol::Int3, &mut |phase| {
        if matches!(phase, Phase::Trapped | Phase::Sync1 | Phase::Tails | Phase::Sync2) {
            calls += 1;
            call(f, 0);
        }
        Ok(())
    })?;
    let ran = hits.load(Ordering::Relaxed) - before;
    let text = format!("the function was called {calls} times meanwhile, {ran} callbacks ran");
    log.text("the call is changed to the second", text, &engine, pad, 5);
    if ran == calls && calls > 0 {
        return Ok(Verdict::Holds("every call had one callback, the old or the new".into()));
    }
    Ok(Verdict::Broken(format!("{} of {calls} calls had neither callback", calls - ran)))
}
