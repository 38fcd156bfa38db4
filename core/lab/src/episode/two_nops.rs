//! 2008: five bytes that are two instructions.

use super::story::{Episode, Kind, Log, Rule, Verdict, call, told};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::internals;
use provenance_engine::isa::{Bytes, Insn};
use provenance_engine::ledger::Sharing;
use provenance_engine::plan::{Change, Plan};
use provenance_engine::poke::Protocol;
use provenance_engine::text::Builder;

pub(super) const EPISODE: Episode = Episode {
    name: "two-nops",
    year: "2008",
    kind: Kind::Hazard,
    title: "a pad of two nops is changed while a thread was preempted between them",
    old: "any five bytes of nops will do, the machine being stopped (v2.6.27-rc)",
    new: "one five-byte nop: a site is one instruction (since a89dfde3dc3c one form for all)",
    events: &["nop5-two-nops-hazard", "nop5-single-set"],
    not_modelled: "the scheduler: the preempted thread is a call of the second nop's address, after the machine went on",
    story,
};

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::FTRACE, "")?;
    let mut b = Builder::new();
    b.at(64, 0);
    let entry = b.function("seven");
    match rule {
        Rule::Old => b.code(&[0x66, 0x90, 0x0f, 0x1f, 0x00]),
        Rule::New => b.code(provenance_engine::isa::nop(5)),
    };
    let body = b.here();
    b.code(&[0xb8, 7, 0, 0, 0]).ret();
    b.at(64, 0);
    let traced = b.function("traced");
    b.code(&[0x48, 0xff, 0xc7]); // inc rdi
    b.jmp(body);
    let loaded = engine.load(b, me)?;
    let (entry, traced) = (loaded.addr(entry)?, loaded.addr(traced)?);
    log.text("a function with its pad", format!("returns {}", call(entry, 0)), &engine, entry, 5);
    let site = match (rule, engine.text().site(entry, 5)) {
        (Rule::New, site) => site?,
        (Rule::Old, refused) => {
            log.step("this library is asked for a site of five bytes", told(&refused));
            // SAFETY: a lab process may die of it, which is the story.
            unsafe { internals::site(&engine, entry, 5)? }
        }
    };
    let between = if rule == Rule::Old { entry + 2 } else { entry + 5 };
    log.step("a thread is preempted", format!("behind the first instruction of the pad, at {between:#x}"));
    let pad = Bytes::new(&engine.text().read(entry, 5)?);
    engine.claim(site, pad, me, Sharing::Exclusive, "")?;
    let plan = Plan::new(me, [Change::new(site, pad, Insn::Jmp(traced))])?;
    engine.apply_with(&plan, Protocol::Stop)?;
    log.text("the machine is stopped, the pad becomes a jump", "success", &engine, entry, 10);
    log.text("the preempted thread goes on", "…", &engine, between, 5);
    let result = call(between, 0);
    if result == 7 {
        return Ok(Verdict::Holds("there is no place inside the pad at which a thread can be".into()));
    }
    Ok(Verdict::Broken(format!("it ran the jump's displacement as code, and returned {result:#x} for 7")))
}
