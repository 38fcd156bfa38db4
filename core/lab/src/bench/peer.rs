//! Static keys against the crate `static-keys`: the same number of sites, toggled. That crate patches one site after
//! another by remapping pages and may not do so while other threads run, so it is measured alone and idle.

use super::poke::{Fire, micros, under_fire};
use super::report::{Goal, Part, row};
use crate::runner::{Reporter, ScenarioError};
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::mechanism::static_key::{Entry, StaticKey};
use provenance_engine::text::Builder;

static_keys::define_static_key_false!(PEER);

macro_rules! ten {
    ($($body:tt)*) => { $($body)* $($body)* $($body)* $($body)* $($body)* $($body)* $($body)* $($body)* $($body)* $($body)* };
}

/// A thousand branches on the peer's key; returns how many were taken.
#[inline(never)]
fn peer_branches() -> u64 {
    let mut taken = 0u64;
    ten! { ten! { ten! { if static_keys::static_branch_unlikely!(PEER) { taken += 1; } } } }
    taken
}

pub(super) fn run(reporter: &mut Reporter) -> Result<Part, ScenarioError> {
    static_keys::global_init();
    reporter.progress("static-keys");
    let peer = micros(12, &Fire::NONE, |i| {
        // SAFETY: this process has no thread that runs the peer's branches; the lab reads its pipe in the parent.
        unsafe { if i % 2 == 0 { PEER.enable() } else { PEER.disable() } };
        Ok(())
    })?;
    // SAFETY: as above.
    unsafe { PEER.enable() };
    let reached = peer_branches();
    // SAFETY: as above.
    unsafe { PEER.disable() };
    if (reached, peer_branches()) != (1000, 0) {
        return Err(format!("the peer toggled {reached} of 1000 branches").into());
    }
    let engine = Engine::new(Options::default())?;
    let me = engine.holder(MechanismId::TEXT, "bench")?;
    let mut b = Builder::new();
    b.at(64, 0);
    let f = b.function("branches");
    b.code(&[0x31, 0xc0]);
    let labels: Vec<_> = (0..1000)
        .map(|_| {
            let site = b.here();
            let (out, back) = (b.forward(), b.forward());
            b.code(provenance_engine::isa::nop(5));
            b.jmp(back);
            b.place(out);
            b.code(&[0xff, 0xc0]); // inc eax
            b.place(back);
            (site, out)
        })
        .collect();
    b.ret();
    let loaded = engine.load(b, me)?;
    let entries = labels
        .iter()
        .map(|&(site, out)| {
            Ok(Entry { site: engine.text().site(loaded.addr(site)?, 5)?, target: loaded.addr(out)?, branch: false })
        })
        .collect::<Result<Vec<_>, ScenarioError>>()?;
    let key = StaticKey::new(&engine, "bench", false)?;
    key.add(&entries)?;
    // SAFETY: laid out above: counts in EAX and returns.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(loaded.addr(f)? as usize) };
    let toggle = |fire: &Fire<'_>| micros(60, fire, |i| Ok(if i % 2 == 0 { key.inc() } else { key.dec() }.map(drop)?));
    let idle = toggle(&Fire::NONE)?;
    let fire = under_fire(&engine, f, toggle)?;
    key.inc()?;
    if f() != 1000 {
        return Err("the key did not reach its thousand branches".into());
    }
    let rows = vec![
        row("static-key", "static-keys 0.8, idle".into(), "us", peer),
        row("static-key", "provenance, idle".into(), "us", idle),
        row("static-key", "provenance, executor running".into(), "us", fire),
    ];
    let goal = |what: &str, measured| Goal { what: what.into(), measured, limit: 100.0, at_least: true };
    let goals = vec![goal(
        "a key with 1,000 sites against static-keys, both idle: times faster",
        rows[0].median / rows[1].median,
    )];
    let notes =
        vec!["static-keys may not patch while other threads run: there is no figure of it with an executor".into()];
    Ok(Part { rows, goals, notes })
}
