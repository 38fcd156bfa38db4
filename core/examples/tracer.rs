//! Two tracers on one function, and a direct call: who runs, and what the site holds.

use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::mechanism::ftrace::{Direct, Flags, Ftrace, Ops, Save};
use provenance_engine::text::{Builder, builder::Fentry};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::TEXT, "example")?;
    let mut b = Builder::new();
    let f = b.function("traced");
    let pad = b.fentry(Fentry::EndbrNop);
    b.code(&[0x48, 0x8d, 0x47, 0x01]).ret(); // lea rax, [rdi+1]; ret
    b.at(16, 0);
    let direct = b.function("direct");
    b.ret();
    let text = engine.load(b, me)?;
    let (ip, direct) = (text.addr(pad)?, Direct { target: text.addr(direct)?, jmp: false });
    // SAFETY: laid out above: takes an integer, returns it plus one.
    let f: extern "C" fn(u64) -> u64 = unsafe { std::mem::transmute(text.addr(f)? as usize) };

    let ftrace = Ftrace::new(&engine)?;
    ftrace.add_sites(&[engine.text().site(ip, 5)?], 0)?;
    let show = |what: &str| -> Result<(), Box<dyn std::error::Error>> {
        let line = &provenance_engine::isa::disassemble(&engine.text().read(ip, 5)?, ip)[0];
        println!("{what:<28} {}  {:<18} f(41) = {}", line.bytes, line.text, f(41));
        Ok(())
    };
    let argument = Ops::new("argument", Flags { save: Save::Regs, ..Flags::default() }, |r| print!("[rdi {}] ", r.rdi));
    let counter = Ops::new("counter", Flags::default(), |_| {});
    show("as compiled")?;
    ftrace.register(&argument)?;
    show("one tracer")?;
    ftrace.register(&counter)?;
    show("two: the list function")?;
    ftrace.register_direct(ip, direct)?;
    ftrace.unregister(&argument)?;
    ftrace.unregister(&counter)?;
    show("a direct call alone")?;
    ftrace.unregister_direct(ip, direct)?;
    show("nobody")?;
    println!("argument was called {} times, counter {}", argument.hits(), counter.hits());
    Ok(())
}
