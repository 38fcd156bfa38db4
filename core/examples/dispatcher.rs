//! The dispatcher of 2022 over three programs, and what its image looks like.

use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::isa::disassemble;
use provenance_engine::mechanism::dispatcher::{Dispatcher, Layout};
use provenance_engine::text::Builder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::TEXT, "example")?;
    let mut b = Builder::new();
    let programs = [1u8, 2, 3].map(|n| {
        b.at(16, 0);
        let program = b.function(&format!("program{n}"));
        b.code(&[0xb8, n, 0, 0, 0]).ret();
        program
    });
    let layout = Layout::static_call(&mut b, "bpf_dispatcher_xdp_func");
    let text = engine.load(b, me)?;
    let trampoline = layout.trampoline.ok_or("the layout of 2022 has a trampoline")?;
    let dispatcher = Dispatcher::static_call(&engine, "xdp", text.addr(trampoline)?, text.addr(layout.thunk)?)?;
    // SAFETY: laid out above: jumps to its third argument, directly or by the retpoline.
    let call: extern "C" fn(u64, u64, u64) -> u64 =
        unsafe { std::mem::transmute(text.addr(layout.function)? as usize) };
    for program in programs {
        let program = text.addr(program)?;
        dispatcher.change(None, Some(program))?;
        println!("{} targets; program returns {}", dispatcher.targets().len(), call(0, 0, program));
    }
    let site = text.addr(trampoline)?;
    println!("trampoline: {}", disassemble(&engine.text().read(site, 5)?, site)[0].text);
    let image = dispatcher.image_addr().ok_or("nothing is published")?;
    disassemble(&dispatcher.image(), image)
        .iter()
        .for_each(|l| println!("  {:#x}  {:<24}  {}", l.addr, l.bytes, l.text));
    Ok(())
}
