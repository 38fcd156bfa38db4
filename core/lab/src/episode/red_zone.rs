//! 2026: a user's probe became a call in a function that keeps its data below the stack pointer.

use super::story::{Episode, Kind, Log, Rule, Verdict, call, told};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::isa::{Bytes, Insn};
use provenance_engine::ledger::Sharing;
use provenance_engine::mechanism::kprobe::{Kprobe, Kprobes};
use provenance_engine::plan::Change;
use provenance_engine::text::Builder;

pub(super) const EPISODE: Episode = Episode {
    name: "red-zone",
    year: "2025-2026",
    kind: Kind::Incident,
    title: "a five-byte nop of a user's leaf function became a call, whose return address overwrote what the function kept below its stack",
    old: "arch/x86/kernel/uprobes.c: swbp_optimize(), v6.18: the nop becomes a call of the trampoline",
    new: "2026: the stack pointer is moved below the red zone first, on a nop of ten bytes",
    events: &["uprobes-optimize", "uprobes-red-zone"],
    not_modelled: "the ten bytes of the fix: here the site jumps to code that moves the stack pointer, as was proposed first",
    story,
};

const KEPT: u64 = 0x1111_1111_1111_1111;

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let engine = Engine::new(Options::default())?;
    let _me = engine.grace().register("caller")?;
    let me = engine.holder(MechanismId("uprobes-nop5"), "")?;
    let mut b = Builder::new();
    let trampoline = b.function("trampoline");
    b.ret();
    b.at(16, 0);
    let leaf = b.function("leaf");
    b.mov_rax(KEPT).code(&[0x48, 0x89, 0x44, 0x24, 0xf8]); // mov [rsp-8], rax
    b.code(&[0x31, 0xc0]); // xor eax, eax
    let nop = b.here();
    b.code(provenance_engine::isa::nop(5));
    b.code(&[0x48, 0x8b, 0x44, 0x24, 0xf8]).ret(); // mov rax, [rsp-8]
    let loaded = engine.load(b, me)?;
    let (leaf, nop, trampoline) = (loaded.addr(leaf)?, loaded.addr(nop)?, loaded.addr(trampoline)?);
    let site = engine.text().site(nop, 5)?;
    log.text(
        "a leaf function with a nop for a probe",
        format!("returns {:#x}, which it kept at rsp-8", call(leaf, 0)),
        &engine,
        nop,
        10,
    );
    let returned = match rule {
        Rule::Old => {
            engine.claim(site, Bytes::nop5(), me, Sharing::Exclusive, "")?;
            let change = Change::new(site, Bytes::nop5(), Insn::Call(trampoline));
            log.step("this library is asked for that call", told(&engine.poke(me, [change])));
            // SAFETY: a lie, and the point: the function runs in this process alone, and reads what the call left.
            let site = unsafe { site.as_call() };
            engine.poke(me, [Change { site, ..change }])?;
            let returned = call(leaf, 0);
            log.text("the nop becomes a call all the same", format!("returns {returned:#x}"), &engine, nop, 10);
            returned
        }
        Rule::New => {
            let kprobes = Kprobes::new(&engine, None)?;
            let probe = Kprobe::new("probe", |_| {});
            kprobes.register(nop, &probe)?;
            let returned = call(leaf, 0);
            let text = format!("returns {returned:#x}; {} hit", probe.hits());
            log.text("a probe whose code moves the stack pointer first", text, &engine, nop, 10);
            returned
        }
    };
    if returned == KEPT {
        return Ok(Verdict::Holds("the probe ran, and what the function kept is there".into()));
    }
    Ok(Verdict::Broken(format!("the function reads {returned:#x}, the call's return address, for {KEPT:#x}")))
}
