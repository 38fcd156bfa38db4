//! A branch that costs a nop until somebody enables it, while another thread runs it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::mechanism::static_key::{Entry, StaticKey};
use provenance_engine::text::Builder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::TEXT, "example")?;
    let mut b = Builder::new();
    let f = b.function("guarded");
    let (site, yes) = (b.here(), b.forward());
    b.code(&[0x66, 0x90]); // the two-byte form
    b.code(&[0x31, 0xc0]).ret(); // xor eax, eax; ret
    b.place(yes);
    b.code(&[0xb8, 1, 0, 0, 0]).ret();
    let text = engine.load(b, me)?;
    let site = engine.text().site(text.addr(site)?, 2)?;
    let key = StaticKey::new(&engine, "guarded", false)?;
    key.add(&[Entry { site, target: text.addr(yes)?, branch: false }])?;
    // SAFETY: laid out above: takes nothing, returns 0 or 1.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(text.addr(f)? as usize) };

    let (stop, counts) = (AtomicBool::new(false), [AtomicU64::new(0), AtomicU64::new(0)]);
    std::thread::scope(|scope| -> Result<(), Box<dyn std::error::Error>> {
        scope.spawn(|| {
            let executor = engine.grace().register("worker");
            while !stop.load(Ordering::Relaxed) {
                counts[f() as usize].fetch_add(1, Ordering::Relaxed);
                if let Ok(executor) = &executor {
                    executor.quiescent();
                }
            }
        });
        while counts[0].load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        let flips = (0..200).try_for_each(|i| if i % 2 == 0 { key.inc() } else { key.dec() }.map(drop));
        stop.store(true, Ordering::Relaxed);
        Ok(flips?)
    })?;
    let stats = engine.stats()?;
    println!("off {}, on {}", counts[0].load(Ordering::Relaxed), counts[1].load(Ordering::Relaxed));
    println!("{} batches, {} syncs, {} traps, {} late", stats.batches, stats.syncs, stats.traps, stats.late);
    Ok(())
}
