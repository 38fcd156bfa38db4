//! The whole path once: lay out a function, claim its nop, plan a call, poke it, read the journal.

use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::isa::{Bytes, Insn};
use provenance_engine::ledger::Sharing;
use provenance_engine::plan::Change;
use provenance_engine::proof::Before;
use provenance_engine::text::{Builder, builder::Fentry};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::TEXT, "example")?;
    let mut b = Builder::new();
    let forty = b.function("forty");
    b.code(&[0xb8, 40, 0, 0, 0]).ret(); // mov eax, 40; ret
    b.at(16, 0);
    let two = b.function("two");
    let pad = b.fentry(Fentry::Nop);
    b.code(&[0x83, 0xc0, 0x02]).ret(); // add eax, 2; ret
    let text = engine.load(b, me)?;

    let site = engine.text().site(text.addr(pad)?, 5)?;
    engine.claim(site, Bytes::nop5(), me, Sharing::Exclusive, "nothing")?;
    let before = Before::note(&engine, site.addr(), 9)?;
    let applied = engine.poke(me, [Change::new(site, Bytes::nop5(), Insn::Call(text.addr(forty)?))])?;
    let proof = before.after()?;

    println!("{} ({} syncs)", proof.symbol, applied.syncs);
    println!("  before  {}\n  after   {}", proof.before, proof.after);
    proof.lines[1].iter().for_each(|l| println!("    {:#x}  {:<14}  {}", l.addr, l.bytes, l.text));
    // SAFETY: laid out above: calls `forty`, adds two, returns in EAX.
    let f: extern "C" fn() -> u32 = unsafe { std::mem::transmute(text.addr(two)? as usize) };
    println!("  returns {}", f());

    // Somebody else wants the same bytes.
    let rival = engine.holder(MechanismId::FTRACE, "")?;
    if let Err(refusal) = engine.claim(site, Bytes::nop5(), rival, Sharing::Exclusive, "") {
        println!("  {refusal}");
    }
    Ok(())
}
