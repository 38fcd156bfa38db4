//! `cargo bench -p provenance-lab --bench regression`: what must not become slower, by criterion.

use criterion::{Criterion, criterion_group, criterion_main};
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::isa::{Bytes, Insn};
use provenance_engine::ledger::Sharing;
use provenance_engine::mechanism::dispatcher::{Fallback, emit};
use provenance_engine::plan::{Change, Plan};
use provenance_engine::poke::model::{Variant, check};
use provenance_engine::text::Builder;

fn engine(c: &mut Criterion) {
    let engine = Engine::new(Options::default()).expect("an engine");
    let me = engine.holder(MechanismId::TEXT, "bench").expect("a holder");
    let mut b = Builder::new();
    let labels: Vec<_> = (0..1000)
        .map(|_| {
            let l = b.here();
            b.code(&[0x0f, 0x1f, 0x44, 0, 0]);
            l
        })
        .collect();
    let loaded = engine.load(b, me).expect("loads");
    let site = |l: &_| engine.text().site(loaded.addr(*l).expect("placed"), 5).expect("a site");
    let sites: Vec<_> = labels.iter().map(site).collect();
    for &site in &sites {
        engine.claim(site, Bytes::nop5(), me, Sharing::Exclusive, "").expect("free");
    }
    let there = || sites.iter().map(|s| Change::new(*s, Bytes::nop5(), Insn::Jmp(s.addr() + 5)));
    let plan = Plan::new(me, there()).expect("valid");
    let back = plan.patches().iter().map(|p| Change::new(p.site(), Bytes::new(p.after()), Insn::Nop(5)));
    let back = Plan::new(me, back).expect("valid");
    c.bench_function("plan 1000 sites", |b| b.iter(|| Plan::new(me, there()).expect("valid")));
    c.bench_function("apply 1000 sites, there and back", |b| {
        b.iter(|| {
            engine.apply(&plan).expect("applies");
            engine.apply(&back).expect("applies");
        });
    });
    let targets: Vec<u64> = (0..48).map(|i| 0x4000_0000 + 16 * i).collect();
    c.bench_function("emit a dispatcher of 48", |b| {
        b.iter(|| emit(0x4100_0000, &targets, true, Fallback::Indirect).expect("in range"));
    });
    c.bench_function("model, one instruction each", |b| b.iter(|| check(Variant::Correct, 1)));
}

criterion_group!(benches, engine);
criterion_main!(benches);
