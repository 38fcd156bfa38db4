use super::*;
use crate::engine::Options;
use crate::text::Builder;
use crate::text::builder::Fentry;
use std::sync::atomic::{AtomicU64, Ordering};

fn call(addr: u64, arg: u64) -> u64 {
    // SAFETY: functions laid out below take one integer and return in RAX.
    let f: extern "C" fn(u64) -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f(arg)
}

struct World {
    engine: Engine,
    ftrace: Ftrace,
    /// Each adds its number and 1 to its argument.
    f: Vec<u64>,
    sites: Vec<u64>,
}

fn world(n: u8) -> World {
    let engine = Engine::new(Options::default()).unwrap();
    let me = engine.holder(MechanismId::TEXT, "test").unwrap();
    let mut b = Builder::new();
    let labels: Vec<_> = (0..n)
        .map(|i| {
            b.at(16, 0);
            let f = b.function(&format!("f{i}"));
            let pad = b.fentry(Fentry::EndbrNop);
            b.code(&[0x48, 0x8d, 0x47, i + 1]).ret(); // lea rax, [rdi+i+1]
            (f, pad)
        })
        .collect();
    let loaded = engine.load(b, me).unwrap();
    let at = |l| loaded.addr(l).unwrap();
    let sites: Vec<u64> = labels.iter().map(|l| at(l.1)).collect();
    let ftrace = Ftrace::new(&engine).unwrap();
    let table: Vec<Site> = sites.iter().map(|&s| engine.text().site(s, 5).unwrap()).collect();
    ftrace.add_sites(&table, 0).unwrap();
    World { f: labels.iter().map(|l| at(l.0)).collect(), engine, ftrace, sites }
}

fn counter(name: &str) -> Ops {
    Ops::new(name, Flags::default(), |_| {})
}

fn errno(result: Result<(), MechanismError>) -> Option<Errno> {
    result.unwrap_err().errno()
}

#[test]
fn several_ops_with_filters_count_what_they_asked_for() {
    let w = world(3);
    let (all, first, second) = (counter("all"), counter("first"), counter("second"));
    w.ftrace.set_filter_ip(&first, w.sites[0], false).unwrap();
    w.ftrace.set_filter_ip(&second, w.sites[1], false).unwrap();
    let run = || (0..3).for_each(|i| assert_eq!(call(w.f[i], 10), 11 + i as u64));
    for ops in [&first, &all, &second] {
        w.ftrace.register(ops).unwrap();
        run();
    }
    assert_eq!([&first, &all, &second].map(|o| o.hits()), [3, 6, 1]);
    w.ftrace.unregister(&all).unwrap();
    run();
    assert_eq!([&first, &all, &second].map(|o| o.hits()), [4, 6, 2]);
    assert_eq!(w.engine.text().bytes(w.sites[2], 5).unwrap(), Bytes::nop5());
    w.ftrace.set_filter_ip(&first, w.sites[2], false).unwrap();
    w.ftrace.set_filter_ip(&first, w.sites[0], true).unwrap();
    run();
    assert_eq!([&first, &second].map(|o| o.hits()), [5, 3]);
    w.ftrace.unregister(&first).unwrap();
    w.ftrace.unregister(&second).unwrap();
    run();
    assert_eq!([&first, &second].map(|o| o.hits()), [5, 3]);
    assert!(w.sites.iter().all(|&s| w.engine.text().bytes(s, 5).unwrap() == Bytes::nop5()));
    assert_eq!(w.engine.ledger().unwrap().owners(w.sites[0]).count(), 0);
}

#[test]
fn registers_are_seen_and_left_as_they_were() {
    let w = world(1);
    let seen = Arc::new(AtomicU64::new(0));
    let (saw, ip) = (seen.clone(), w.sites[0]);
    let regs = Ops::new("regs", Flags { save: Save::Regs, ..Flags::default() }, move |r| {
        assert_eq!(r.ip, ip + 5);
        saw.store(r.rdi, Ordering::Relaxed);
        r.ip = 0; // without IPMODIFY this has no effect
    });
    w.ftrace.register(&regs).unwrap();
    assert_eq!((call(w.f[0], 41), seen.load(Ordering::Relaxed)), (42, 41));
    let args = Ops::new("args", Flags::default(), |r| assert_eq!((r.rbx, r.r15), (0, 0)));
    w.ftrace.unregister(&regs).unwrap();
    w.ftrace.register(&args).unwrap();
    assert_eq!((call(w.f[0], 1), args.hits(), args.faulted()), (2, 1, false));
}

#[test]
fn recursion_is_guarded_unless_the_ops_says_it_is_safe() {
    let w = world(2);
    let f1 = w.f[1];
    for (safe, hits) in [(false, 1), (true, 2)] {
        let inner = Ops::new("recursing", Flags { recursion_safe: safe, ..Flags::default() }, move |r| {
            if r.rdi != 77 {
                call(f1, 77);
            }
        });
        w.ftrace.register(&inner).unwrap();
        call(w.f[0], 1);
        assert_eq!(inner.hits(), hits, "safe: {safe}");
        w.ftrace.unregister(&inner).unwrap();
    }
}

#[test]
fn a_panicking_callback_is_not_called_again_and_the_function_goes_on() {
    let w = world(1);
    let bad = Ops::new("bad", Flags::default(), |_| panic!("in a callback"));
    let good = counter("good");
    w.ftrace.register(&bad).unwrap();
    w.ftrace.register(&good).unwrap();
    assert_eq!((call(w.f[0], 1), call(w.f[0], 2)), (2, 3));
    assert_eq!((bad.faulted(), bad.hits(), good.hits()), (true, 0, 2));
}

#[test]
fn ipmodify_redirects_and_is_one_for_each_function() {
    let w = world(2);
    let to = w.f[1];
    let flags = Flags { ipmodify: true, ..Flags::default() };
    let redirect = Ops::new("livepatch", flags, move |r| r.ip = to);
    assert_eq!(errno(w.ftrace.register(&redirect)), Some(Errno::EINVAL));
    w.ftrace.set_filter_ip(&redirect, w.sites[0], false).unwrap();
    w.ftrace.register(&redirect).unwrap();
    assert_eq!(call(w.f[0], 10), 12);
    let second = Ops::new("second", flags, |_| {});
    w.ftrace.set_filter_ip(&second, w.sites[1], false).unwrap();
    w.ftrace.set_filter_ip(&second, w.sites[0], false).unwrap();
    assert_eq!(errno(w.ftrace.register(&second)), Some(Errno::EBUSY));
    assert_eq!(w.engine.text().bytes(w.sites[1], 5).unwrap(), Bytes::nop5(), "rolled back");
    let plain = counter("plain");
    w.ftrace.register(&plain).unwrap();
    assert_eq!((call(w.f[0], 10), plain.hits()), (12, 2), "it is called for the function and where it was sent");
}

/// direct.tc: four orders of tracer and direct call, with CALL and with JMP.
#[test]
fn direct_calls_live_with_tracers_in_every_order() {
    let w = world(1);
    let me = w.engine.holder(MechanismId::TEXT, "direct").unwrap();
    static HITS: AtomicU64 = AtomicU64::new(0);
    for jmp in [false, true] {
        let mut b = Builder::new();
        let entry = b.here();
        b.count(&HITS);
        if jmp {
            b.code(&[0xb8, 5, 0, 0, 0]); // entered by jmp: returns to the function's caller
        }
        b.ret();
        let target = w.engine.load(b, me).unwrap().addr(entry).unwrap();
        let (direct, result) = (Direct { target, jmp }, if jmp { 5 } else { 2 });
        for order in 0..4 {
            let tracer = counter("tracer");
            let before = HITS.load(Ordering::Relaxed);
            let on =
                |t: bool| if t { w.ftrace.register(&tracer) } else { w.ftrace.register_direct(w.sites[0], direct) };
            let off =
                |t: bool| if t { w.ftrace.unregister(&tracer) } else { w.ftrace.unregister_direct(w.sites[0], direct) };
            on(order & 1 == 0).unwrap();
            call(w.f[0], 1);
            on(order & 1 == 1).unwrap();
            assert_eq!(call(w.f[0], 1), result, "both, jmp {jmp}");
            off(order & 2 == 0).unwrap();
            call(w.f[0], 1);
            off(order & 2 == 2).unwrap();
            assert_eq!(call(w.f[0], 1), 2);
            let first = u64::from(order & 1 == 0);
            let last = u64::from(order & 2 == 2);
            assert_eq!(tracer.hits(), first + 1 + last);
            assert_eq!(HITS.load(Ordering::Relaxed) - before, (1 - first) + 1 + (1 - last));
            assert_eq!(w.engine.text().bytes(w.sites[0], 5).unwrap(), Bytes::nop5());
        }
    }
}

#[test]
fn errors_are_the_kernels() {
    let w = world(1);
    let ip = w.sites[0];
    let (a, direct) = (counter("a"), Direct { target: w.f[0], jmp: false });
    w.ftrace.register(&a).unwrap();
    assert_eq!(errno(w.ftrace.register(&a)), Some(Errno::EBUSY));
    assert_eq!(errno(w.ftrace.unregister(&counter("b"))), Some(Errno::ENOENT));
    assert_eq!(errno(w.ftrace.set_filter_ip(&a, ip + 1, false)), Some(Errno::EINVAL));
    assert_eq!(errno(w.ftrace.set_filter_ip(&a, ip, true)), Some(Errno::ENOENT));
    assert_eq!(errno(w.ftrace.register_direct(ip + 1, direct)), Some(Errno::ENODEV));
    assert_eq!(errno(w.ftrace.unregister_direct(ip, direct)), Some(Errno::ENODEV));
    w.ftrace.register_direct(ip, direct).unwrap();
    assert_eq!(errno(w.ftrace.register_direct(ip, direct)), Some(Errno::EBUSY));
    let other = Direct { jmp: true, ..direct };
    assert_eq!(errno(w.ftrace.modify_direct(ip, other, direct)), Some(Errno::EINVAL));
    w.ftrace.unregister_direct(ip, direct).unwrap();
    w.ftrace.unregister(&a).unwrap();
    // livepatch's test-ftrace: both directions of ftrace_enabled.
    let permanent = Ops::new("livepatch", Flags { permanent: true, ..Flags::default() }, |_| {});
    w.ftrace.register(&permanent).unwrap();
    assert_eq!(errno(w.ftrace.set_enabled(false)), Some(Errno::EBUSY));
    w.ftrace.unregister(&permanent).unwrap();
    w.ftrace.set_enabled(false).unwrap();
    assert_eq!(errno(w.ftrace.register(&permanent)), Some(Errno::EBUSY));
}

#[test]
fn a_compiled_call_becomes_a_nop_and_anything_else_kills() {
    let engine = Engine::new(Options::default()).unwrap();
    let me = engine.holder(MechanismId::TEXT, "test").unwrap();
    let mut b = Builder::new();
    b.function("__fentry__");
    b.ret();
    let fentry = b.here();
    b.ret();
    b.at(16, 0);
    b.function("f");
    let good = b.call(fentry);
    b.at(16, 0);
    let bad = b.jmp(fentry);
    let loaded = engine.load(b, me).unwrap();
    let site = |l| engine.text().site(loaded.addr(l).unwrap(), 5).unwrap();
    let ftrace = Ftrace::new(&engine).unwrap();
    ftrace.add_sites(&[site(good)], loaded.addr(fentry).unwrap()).unwrap();
    assert_eq!(engine.text().bytes(site(good).addr(), 5).unwrap(), Bytes::nop5());
    assert_eq!(errno(ftrace.add_sites(&[site(bad)], loaded.addr(fentry).unwrap())), Some(Errno::EINVAL));
    let bug = ftrace.bug().unwrap();
    assert_eq!((bug.ip, bug.actual.as_slice()[0], bug.expected.as_slice()[0]), (site(bad).addr(), 0xe9, 0xe8));
    assert_eq!(errno(ftrace.register(&counter("late"))), Some(Errno::ENODEV));
}
