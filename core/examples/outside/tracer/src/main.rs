//! A tracer of a few functions of its own process: `tracer [NAME...]` calls `collatz`, which calls `even`, `halve` and
//! `triple`, and prints each entry into the functions that are named (all for none), with the argument.
//!
//! The compiler's own text is not patched. Each function gets an entry of the engine's: a five-byte nop, and a jump to
//! it. The program calls its functions by these entries; the engine makes a call of the nop while they run.

use std::process::ExitCode;
use std::sync::OnceLock;

use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::mechanism::ftrace::{Flags, Ftrace, Ops, Save};
use provenance_engine::text::{Builder, builder::Fentry};

type Function = extern "C" fn(u64) -> u64;

const FUNCTIONS: [(&str, Function); 4] = [("collatz", collatz), ("even", even), ("halve", halve), ("triple", triple)];
/// The entries, in the same order.
static ENTRIES: OnceLock<[Function; 4]> = OnceLock::new();

fn call(index: usize, argument: u64) -> u64 {
    ENTRIES.get().map_or(FUNCTIONS[index].1, |entries| entries[index])(argument)
}

/// Steps to 1.
extern "C" fn collatz(n: u64) -> u64 {
    let (mut n, mut steps) = (n, 0);
    while n > 1 {
        n = if call(1, n) == 1 { call(2, n) } else { call(3, n) };
        steps += 1;
    }
    steps
}

extern "C" fn even(n: u64) -> u64 {
    u64::from(n.is_multiple_of(2))
}

extern "C" fn halve(n: u64) -> u64 {
    n / 2
}

extern "C" fn triple(n: u64) -> u64 {
    3 * n + 1
}

fn trace(wanted: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(unknown) = wanted.iter().find(|name| FUNCTIONS.iter().all(|f| f.0 != name.as_str())) {
        return Err(format!("no function is called {unknown}").into());
    }
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::named("outside-tracer"), "")?;
    let mut b = Builder::new();
    let entries = FUNCTIONS.map(|(name, function)| {
        b.at(16, 0);
        let entry = b.function(name);
        let site = b.fentry(Fentry::Nop);
        b.far_jmp(function as usize as u64);
        (entry, site)
    });
    let text = engine.load(b, me)?;
    let ftrace = Ftrace::new(&engine)?;
    let flags = Flags { save: Save::Regs, ..Flags::default() };
    let reader = engine.clone();
    let ops = Ops::new("entries", flags, move |regs| {
        // Refused in a child of fork, which has no text of its own.
        let Ok(symbol) = reader.text().symbol(regs.ip - 5) else { return };
        let name = symbol.map_or_else(String::new, |symbol| symbol.name);
        println!("{name}({})", regs.rdi);
    });
    let mut called: [Function; 4] = FUNCTIONS.map(|f| f.1);
    for (((name, _), (entry, site)), called) in FUNCTIONS.iter().zip(entries).zip(&mut called) {
        let ip = text.addr(site)?;
        ftrace.add_sites(&[engine.text().site(ip, 5)?], 0)?;
        if wanted.iter().any(|w| w == name) {
            ftrace.set_filter_ip(&ops, ip, false)?;
        }
        // SAFETY: laid out above: a nop and a jump to a function of this type. The engine is in `ops`, which is never
        // freed: text outlives every call.
        *called = unsafe { std::mem::transmute::<usize, Function>(text.addr(entry)? as usize) };
    }
    std::mem::forget(ops.clone());
    ENTRIES.get_or_init(|| called);
    let executor = engine.grace().register("main")?;
    let quiet = call(0, 6);
    ftrace.register(&ops)?;
    let traced = call(0, 6);
    ftrace.unregister(&ops)?;
    executor.quiescent();
    assert_eq!((quiet, traced, call(0, 6)), (8, 8, 8));
    println!("{} entries", ops.hits());
    Ok(())
}

fn main() -> ExitCode {
    match trace(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("tracer: {e}");
            ExitCode::FAILURE
        }
    }
}
