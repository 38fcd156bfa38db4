use super::*;
use crate::engine::Options;
use crate::grace::Executor;
use crate::text::Builder;
use crate::text::builder::Fentry;
use std::sync::atomic::{AtomicU64, Ordering};

fn call(addr: u64, a: [u64; 6]) -> u64 {
    // SAFETY: laid out below: takes six integers and returns in RAX.
    let f: extern "C" fn(u64, u64, u64, u64, u64, u64) -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f(a[0], a[1], a[2], a[3], a[4], a[5])
}

struct World {
    engine: Engine,
    ftrace: Arc<Ftrace>,
    f: u64,
    ran: &'static AtomicU64,
    me: Executor,
}

/// The sum of six arguments, counted.
fn world() -> World {
    let engine = Engine::new(Options::default()).unwrap();
    let holder = engine.holder(MechanismId::TEXT, "test").unwrap();
    let ran: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(0)));
    let mut b = Builder::new();
    let f = b.function("sum");
    b.fentry(Fentry::Nop);
    b.count(ran);
    b.code(&[
        0x48, 0x89, 0xf8, 0x48, 0x01, 0xf0, 0x48, 0x01, 0xd0, 0x48, 0x01, 0xc8, 0x4c, 0x01, 0xc0, 0x4c, 0x01, 0xc8,
    ]);
    b.ret();
    let f = {
        let loaded = engine.load(b, holder).unwrap();
        loaded.addr(f).unwrap()
    };
    let ftrace = Arc::new(Ftrace::new(&engine).unwrap());
    ftrace.add_sites(&[engine.text().site(f, 5).unwrap()], 0).unwrap();
    let me = engine.grace().register("test").unwrap();
    World { engine, ftrace, f, ran, me }
}

impl World {
    fn trampoline(&self, managed: bool) -> Trampoline {
        let site = self.engine.text().site(self.f, 5).unwrap();
        Trampoline::new(&self.engine, managed.then_some(&self.ftrace), site, 6, Ipmodify::Refuse).unwrap()
    }
}

const ARGS: [u64; 6] = [1, 20, 300, 4000, 50_000, 600_000];
const SUM: u64 = 654_321;

fn errno(result: Result<(), MechanismError>) -> Option<Errno> {
    result.unwrap_err().errno()
}

fn nothing(kind: Kind) -> Program {
    Program::new("nothing", kind, |_| 0)
}

#[test]
fn each_kind_sees_what_it_should() {
    let w = world();
    for managed in [true, false] {
        let t = w.trampoline(managed);
        assert_eq!(t.ftrace_managed(), managed);
        let at = w.f;
        let fentry = Program::new("fentry", Kind::Fentry, move |c| u64::from((c.args, c.ip) != (ARGS, at)));
        let wrong = Arc::new(AtomicU64::new(0));
        let count = wrong.clone();
        let fexit = Program::new("fexit", Kind::Fexit, move |c| {
            count.fetch_add(u64::from((c.args, c.ret) != (ARGS, SUM)), Ordering::Relaxed);
            9
        });
        for p in [&fentry, &fexit] {
            t.attach(p).unwrap();
            assert_eq!(call(w.f, ARGS), SUM);
        }
        assert_eq!((fentry.hits(), fexit.hits(), wrong.load(Ordering::Relaxed)), (2, 1, 0));
        assert_eq!(errno(t.attach(&fentry)), Some(Errno::EBUSY), "attached twice");
        t.detach(&fentry).unwrap();
        assert_eq!(call(w.f, ARGS), SUM);
        t.attach(&fentry).unwrap();
        assert_eq!(call(w.f, ARGS), SUM);
        assert_eq!((fentry.hits(), fexit.hits()), (3, 3));
        t.detach(&fentry).unwrap();
        t.detach(&fexit).unwrap();
        assert_eq!(errno(t.detach(&fexit)), Some(Errno::ENOENT));
        assert_eq!(w.engine.text().bytes(w.f, 5).unwrap(), Bytes::nop5());
        w.me.quiescent();
        assert_eq!(w.engine.ledger().unwrap().held_by(t.holder()).filter(|c| c.addr == w.f).count(), 0);
    }
}

#[test]
fn modify_return_skips_the_function_and_fexit_sees_its_result() {
    let w = world();
    let t = w.trampoline(true);
    let answer = Arc::new(AtomicU64::new(0));
    let (value, seen) = (answer.clone(), Arc::new(AtomicU64::new(0)));
    let told = seen.clone();
    let modify = Program::new("modify", Kind::ModifyReturn, move |_| value.load(Ordering::Relaxed));
    let fexit = Program::new("fexit", Kind::Fexit, move |c| {
        told.store(c.ret, Ordering::Relaxed);
        0
    });
    t.attach(&modify).unwrap();
    t.attach(&fexit).unwrap();
    assert_eq!((call(w.f, ARGS), w.ran.load(Ordering::Relaxed)), (SUM, 1));
    answer.store(7, Ordering::Relaxed);
    assert_eq!((call(w.f, ARGS), w.ran.load(Ordering::Relaxed), seen.load(Ordering::Relaxed)), (7, 1, 7));
    t.detach(&modify).unwrap();
    assert_eq!((call(w.f, ARGS), seen.load(Ordering::Relaxed)), (SUM, SUM));
}

#[test]
fn thirty_eight_programs_and_no_more() {
    let w = world();
    let t = w.trampoline(true);
    let programs: Vec<_> =
        (0..=MAX_PROGS).map(|i| nothing(if i % 2 == 0 { Kind::Fentry } else { Kind::Fexit })).collect();
    for p in &programs[..MAX_PROGS] {
        t.attach(p).unwrap();
        w.me.quiescent();
    }
    assert_eq!(errno(t.attach(&programs[MAX_PROGS])), Some(Errno::E2BIG));
    assert_eq!(call(w.f, ARGS), SUM);
    assert!(programs[..MAX_PROGS].iter().all(|p| p.hits() == 1), "nothing is broken by the 39th");
    assert_eq!(programs[MAX_PROGS].hits(), 0);
    t.detach(&programs[3]).unwrap();
    t.attach(&programs[MAX_PROGS]).unwrap();
    assert_eq!((call(w.f, ARGS), programs[MAX_PROGS].hits()), (SUM, 1));
}

#[test]
fn a_replacement_is_alone() {
    let w = world();
    let t = w.trampoline(false);
    let (replace, fentry) = (Program::new("r", Kind::Replace, |c| c.args[0] * 2), nothing(Kind::Fentry));
    t.attach(&fentry).unwrap();
    assert_eq!(errno(t.attach(&replace)), Some(Errno::EBUSY));
    t.detach(&fentry).unwrap();
    t.attach(&replace).unwrap();
    assert_eq!((call(w.f, ARGS), w.ran.load(Ordering::Relaxed)), (2, 0));
    assert_eq!(errno(t.attach(&fentry)), Some(Errno::EBUSY));
    t.detach(&replace).unwrap();
    assert_eq!(call(w.f, ARGS), SUM);
}

#[test]
fn what_is_refused_at_once() {
    let w = world();
    let site = w.engine.text().site(w.f, 5).unwrap();
    let new = |site, args| Trampoline::new(&w.engine, Some(&w.ftrace), site, args, Ipmodify::Refuse).map(drop);
    assert_eq!(errno(new(site, 7)), Some(Errno::ENOTSUPP));
    assert_eq!(errno(new(w.engine.text().site_over(w.f + 2, 5).unwrap(), 6)), Some(Errno::EFAULT));
}

#[test]
fn four_orders_with_a_tracer_on_the_same_function() {
    use crate::mechanism::ftrace::{Flags, Ops};
    let w = world();
    // Tracer on, direct on, and off in either order; and the other way round.
    for order in [[0, 1, 0, 1], [0, 1, 1, 0], [1, 0, 1, 0], [1, 0, 0, 1]] {
        let t = w.trampoline(true);
        let (ops, program) = (Ops::new("tracer", Flags::default(), |_| {}), nothing(Kind::Fexit));
        let mut on = [false; 2];
        for who in order {
            match (who, on[who]) {
                (0, false) => w.ftrace.register(&ops).unwrap(),
                (0, true) => w.ftrace.unregister(&ops).unwrap(),
                (_, false) => t.attach(&program).unwrap(),
                (_, true) => t.detach(&program).unwrap(),
            }
            on[who] = !on[who];
            let before = [ops.hits(), program.hits()];
            assert_eq!(call(w.f, ARGS), SUM);
            assert_eq!([ops.hits() - before[0], program.hits() - before[1]], on.map(u64::from), "{order:?}");
            w.me.quiescent();
        }
        assert_eq!(w.engine.text().bytes(w.f, 5).unwrap(), Bytes::nop5());
    }
}

#[test]
fn an_image_that_somebody_is_in_stays_and_skips_its_programs() {
    let w = world();
    let t = w.trampoline(true);
    let (gate, inside) = (Arc::new(Mutex::new(())), Arc::new(AtomicU64::new(0)));
    let held = gate.lock().unwrap();
    let (door, told) = (gate.clone(), inside.clone());
    // The original is entered through a second fentry program that waits.
    let wait = Program::new("wait", Kind::Fentry, move |_| {
        told.fetch_add(1, Ordering::SeqCst);
        drop(door.lock());
        0
    });
    let fexit = nothing(Kind::Fexit);
    t.attach(&fexit).unwrap();
    t.attach(&wait).unwrap();
    std::thread::scope(|s| {
        let runner = s.spawn(|| {
            let me = w.engine.grace().register("runner").unwrap();
            let result = call(w.f, ARGS);
            me.quiescent();
            result
        });
        while inside.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        t.detach(&fexit).unwrap();
        t.detach(&wait).unwrap();
        w.me.quiescent();
        assert!(t.pending() >= 1, "the image is not freed under its caller");
        drop(held);
        assert_eq!(runner.join().unwrap(), SUM);
    });
    assert_eq!(fexit.hits(), 0, "its nop was turned into a jump over the programs behind the call");
    w.me.quiescent();
    t.attach(&nothing(Kind::Fentry)).unwrap();
    w.me.quiescent();
    assert_eq!(call(w.f, ARGS), SUM);
}

#[test]
fn two_functions_with_programs_probes_and_a_tracer_in_every_order() {
    use crate::mechanism::ftrace::{Flags, Ops};
    use crate::mechanism::kprobe::{Kprobe, Kprobes};
    let w = world();
    let holder = w.engine.holder(MechanismId::TEXT, "second").unwrap();
    let mut b = Builder::new();
    let f = b.function("second");
    let pad = b.fentry(Fentry::Nop);
    b.code(&[0xb8, 5, 0, 0, 0]).ret();
    let loaded = w.engine.load(b, holder).unwrap();
    let (second, pad) = (loaded.addr(f).unwrap(), loaded.addr(pad).unwrap());
    let site = w.engine.text().site(pad, 5).unwrap();
    w.ftrace.add_sites(&[site], 0).unwrap();
    let t = [w.trampoline(true), Trampoline::new(&w.engine, Some(&w.ftrace), site, 0, Ipmodify::Refuse).unwrap()];
    let kprobes = Kprobes::new(&w.engine, Some(w.ftrace.clone())).unwrap();
    // Tracer, programs, probes: each permutation of coming, each of leaving.
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for coming in orders {
        for leaving in orders {
            let tracer = Ops::new("tracer", Flags::default(), |_| {});
            let programs = [nothing(Kind::Fentry), nothing(Kind::Fexit)];
            let probes = [Kprobe::new("a", |_| {}), Kprobe::new("b", |_| {})];
            let mut on = [false; 3];
            for who in coming.into_iter().chain(leaving) {
                match (who, on[who]) {
                    (0, false) => w.ftrace.register(&tracer).unwrap(),
                    (0, true) => w.ftrace.unregister(&tracer).unwrap(),
                    (1, false) => t.iter().zip(&programs).for_each(|(t, p)| t.attach(p).unwrap()),
                    (1, true) => t.iter().zip(&programs).for_each(|(t, p)| t.detach(p).unwrap()),
                    (_, false) => [w.f, second]
                        .iter()
                        .zip(&probes)
                        .for_each(|(&at, p)| assert_eq!(kprobes.register(at, p).unwrap(), at)),
                    (_, true) => probes.iter().for_each(|p| kprobes.unregister(p).unwrap()),
                }
                on[who] = !on[who];
                let hits =
                    || [tracer.hits(), programs[0].hits() + programs[1].hits(), probes[0].hits() + probes[1].hits()];
                let before = hits();
                assert_eq!((call(w.f, ARGS), call(second, ARGS)), (SUM, 5));
                let ran: Vec<u64> = hits().iter().zip(before).map(|(a, b)| a - b).collect();
                assert_eq!(ran, on.map(|o| 2 * u64::from(o)), "{coming:?} {leaving:?} {who}");
                w.me.quiescent();
            }
            assert!([w.f, pad].iter().all(|&a| w.engine.text().bytes(a, 5).unwrap() == Bytes::nop5()));
        }
    }
}

#[test]
fn results_for_every_number_of_arguments() {
    for args in 0..=MAX_ARGS {
        let w = world();
        let site = w.engine.text().site(w.f, 5).unwrap();
        let t = Trampoline::new(&w.engine, Some(&w.ftrace), site, args, Ipmodify::Refuse).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = seen.clone();
        let fexit = Program::new("fexit", Kind::Fexit, move |c| {
            told.lock().unwrap().push((c.args[..args].to_vec(), c.ret));
            0
        });
        t.attach(&fexit).unwrap();
        assert_eq!(call(w.f, ARGS), SUM);
        assert_eq!(*seen.lock().unwrap(), [(ARGS[..args].to_vec(), SUM)]);
    }
}

#[test]
fn thirty_eight_behind_the_function_all_run() {
    let w = world();
    let t = w.trampoline(true);
    let programs: Vec<_> = (0..MAX_PROGS).map(|_| nothing(Kind::Fexit)).collect();
    for p in &programs {
        t.attach(p).unwrap();
        w.me.quiescent();
    }
    (0..3).for_each(|_| assert_eq!(call(w.f, ARGS), SUM));
    assert!(programs.iter().all(|p| p.hits() == 3));
    for p in &programs {
        t.detach(p).unwrap();
        w.me.quiescent();
    }
    assert_eq!(w.engine.text().bytes(w.f, 5).unwrap(), Bytes::nop5());
}
