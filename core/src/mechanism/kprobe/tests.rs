use super::*;
use crate::engine::Options;
use crate::mechanism::static_call::{CallSite, Func, StaticCall};
use crate::text::Builder;
use crate::text::builder::Fentry;

fn call(addr: u64, a: u64, b: u64) -> u64 {
    // SAFETY: functions laid out below take two integers and return in RAX.
    let f: extern "C" fn(u64, u64) -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f(a, b)
}

struct World {
    engine: Engine,
    ftrace: Arc<Ftrace>,
    f: u64,
    /// Offsets of the instructions behind the site.
    at: Vec<u64>,
    callee: u64,
    looped: u64,
}

/// f(a, b): traced entry; lea rax,[rdi+rsi]; add rax,7; test rax,rax; jne +; ...; call callee; ret
fn world() -> World {
    let engine = Engine::new(Options::default()).unwrap();
    let me = engine.holder(MechanismId::TEXT, "test").unwrap();
    let mut b = Builder::new();
    b.at(16, 0);
    let callee = b.function("callee");
    b.code(&[0x48, 0x83, 0xc0, 0x01]).ret(); // add rax, 1
    b.at(16, 0);
    let f = b.function("f");
    b.fentry(Fentry::Nop);
    let mut at = Vec::new();
    at.push(b.here());
    b.code(&[0x48, 0x8d, 0x04, 0x37]); // lea rax, [rdi+rsi]
    at.push(b.here());
    b.code(&[0x48, 0x83, 0xc0, 0x07]); // add rax, 7
    at.push(b.here());
    b.code(&[0x48, 0x85, 0xff]); // test rdi, rdi
    let over = b.forward();
    at.push(b.here());
    b.jcc(5, over);
    b.code(&[0x48, 0x83, 0xc0, 0x64]); // add rax, 100
    b.place(over);
    at.push(b.here());
    b.call(callee);
    at.push(b.here());
    b.ret();
    b.at(16, 0);
    let looped = b.function("looped");
    b.code(&[0x31, 0xc0]); // xor eax, eax
    let top = b.here();
    b.code(&[0x01, 0xf8]); // add eax, edi
    b.code(&[0xff, 0xcf]); // dec edi
    b.jcc(5, top);
    b.ret();
    let loaded = engine.load(b, me).unwrap();
    let addr = |l| loaded.addr(l).unwrap();
    let ftrace = Arc::new(Ftrace::new(&engine).unwrap());
    let site = engine.text().site(addr(f), 5).unwrap();
    ftrace.add_sites(&[site], 0).unwrap();
    let at = at.into_iter().map(addr).collect();
    World { ftrace, f: addr(f), at, callee: addr(callee), looped: addr(looped), engine }
}

fn expected(a: u64, b: u64) -> u64 {
    a + b + 7 + if a == 0 { 100 } else { 0 } + 1
}

fn count(name: &str) -> Kprobe {
    Kprobe::new(name, |_| {})
}

fn errno<T>(result: Result<T, MechanismError>) -> Option<Errno> {
    match result {
        Ok(_) => panic!("success"),
        Err(e) => e.errno(),
    }
}

#[test]
fn every_instruction_can_be_probed_and_the_function_does_not_notice() {
    let w = world();
    let _me = w.engine.grace().register("t").unwrap();
    let kprobes = Kprobes::new(&w.engine, Some(w.ftrace.clone())).unwrap();
    let before = w.engine.text().read(w.f, 48).unwrap();
    for (i, &at) in w.at.iter().enumerate() {
        let probe = count("one");
        assert_eq!(kprobes.register(at, &probe).unwrap(), at);
        assert_eq!(kprobes.armed(at), Some(Armed::Breakpoint));
        assert_eq!((call(w.f, 3, 4), call(w.f, 0, 4)), (expected(3, 4), expected(0, 4)), "instruction {i}");
        assert_eq!(probe.hits(), 2);
        kprobes.unregister(&probe).unwrap();
        assert_eq!(call(w.f, 3, 4), expected(3, 4));
        assert_eq!(probe.hits(), 2);
    }
    assert_eq!(w.engine.text().read(w.f, 48).unwrap(), before);
    assert_eq!(w.engine.ledger().unwrap().held_by(kprobes.holder()).filter(|c| c.len < 16).count(), 0);
}

#[test]
fn on_and_around_a_traced_entry() {
    let w = world();
    let _me = w.engine.grace().register("t").unwrap();
    let kprobes = Kprobes::new(&w.engine, Some(w.ftrace.clone())).unwrap();
    let seen = Arc::new(AtomicU64::new(0));
    let told = seen.clone();
    let entry = Kprobe::new("entry", move |regs| told.store(regs.ip << 8 | regs.rdi, Ordering::Relaxed));
    kprobes.register(w.f, &entry).unwrap();
    assert_eq!(kprobes.armed(w.f), Some(Armed::Ftrace));
    assert_eq!(call(w.f, 3, 4), expected(3, 4));
    assert_eq!((entry.hits(), seen.load(Ordering::Relaxed)), (1, w.f << 8 | 3));
    for inside in 1..5 {
        assert_eq!(errno(kprobes.register(w.f + inside, &count("inside"))), Some(Errno::EILSEQ));
    }
    let behind = count("behind");
    kprobes.register(w.f + 5, &behind).unwrap();
    assert_eq!(kprobes.armed(w.f + 5), Some(Armed::Breakpoint));
    // Multiple probes of one place, added and removed in another order.
    let more = [count("a"), count("b")];
    more.iter().for_each(|p| assert_eq!(kprobes.register(w.f, p).unwrap(), w.f));
    assert_eq!(errno(kprobes.register(w.f, &more[0])), Some(Errno::EINVAL), "registered twice");
    call(w.f, 1, 1);
    kprobes.unregister(&entry).unwrap();
    call(w.f, 1, 1);
    assert_eq!([entry.hits(), more[0].hits(), more[1].hits(), behind.hits()], [2, 2, 2, 2]);
    more.iter().for_each(|p| kprobes.unregister(p).unwrap());
    kprobes.unregister(&behind).unwrap();
    assert_eq!(errno(kprobes.unregister(&behind).map(|()| 0)), Some(Errno::EINVAL));
    assert_eq!(w.engine.text().bytes(w.f, 5).unwrap(), Bytes::nop5());
}

#[test]
fn a_jump_takes_five_bytes_and_gives_them_back() {
    let w = world();
    let _me = w.engine.grace().register("t").unwrap();
    let kprobes = Kprobes::new(&w.engine, Some(w.ftrace.clone())).unwrap();
    let before = w.engine.text().bytes(w.at[0], 8).unwrap();
    let probe = count("jump");
    kprobes.register(w.at[0], &probe).unwrap();
    _me.quiescent();
    let done = std::thread::scope(|s| {
        let t = s.spawn(|| kprobes.optimise(w.at[0]).unwrap());
        while !t.is_finished() {
            _me.quiescent();
        }
        t.join().unwrap()
    });
    assert_eq!(done, Optimised::Yes);
    assert_eq!(kprobes.armed(w.at[0]), Some(Armed::Jump));
    assert_eq!(w.engine.text().bytes(w.at[0], 1).unwrap().as_slice(), [0xe9]);
    assert_eq!((call(w.f, 3, 4), call(w.f, 0, 9)), (expected(3, 4), expected(0, 9)));
    assert_eq!(probe.hits(), 2);
    // Another probe inside the five bytes: a breakpoint again, and both count.
    let inside = count("inside");
    kprobes.register(w.at[1], &inside).unwrap();
    assert_eq!(kprobes.armed(w.at[0]), Some(Armed::Breakpoint));
    assert_eq!(call(w.f, 3, 4), expected(3, 4));
    assert_eq!((probe.hits(), inside.hits()), (3, 1));
    assert!(matches!(kprobes.optimise(w.at[0]).unwrap(), Optimised::No(why) if why.starts_with("another probe")));
    kprobes.unregister(&probe).unwrap();
    kprobes.unregister(&inside).unwrap();
    assert_eq!(w.engine.text().bytes(w.at[0], 8).unwrap(), before);
}

#[test]
fn what_stays_a_breakpoint() {
    let w = world();
    let _me = w.engine.grace().register("t").unwrap();
    let kprobes = Kprobes::new(&w.engine, Some(w.ftrace.clone())).unwrap();
    let why = |addr: u64, probe: &Kprobe| {
        kprobes.register(addr, probe).unwrap();
        let why = match kprobes.optimise(addr).unwrap() {
            Optimised::No(why) => why,
            Optimised::Yes => panic!("optimised"),
        };
        kprobes.unregister(probe).unwrap();
        why
    };
    assert!(why(w.looped, &count("target inside")).contains("inside"));
    let at_end = why(w.at[5], &count("at the end"));
    assert!(at_end.contains("fewer than") || at_end.contains("branch"), "{at_end}");
    assert!(why(w.at[4], &count("a call")).contains("branch"));
    assert!(why(w.at[0], &Kprobe::with_post("post", |_| {}, |_| {})).contains("post handler"));
    assert!(why(w.f, &count("traced")).contains("ftrace"));
}

#[test]
fn a_post_handler_runs_behind_the_instruction() {
    let w = world();
    let _me = w.engine.grace().register("t").unwrap();
    let kprobes = Kprobes::new(&w.engine, Some(w.ftrace.clone())).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (pre, post) = (seen.clone(), seen.clone());
    let probe =
        Kprobe::with_post("both", move |r| pre.lock().unwrap().push(r.rax), move |r| post.lock().unwrap().push(r.rax));
    kprobes.register(w.at[1], &probe).unwrap();
    assert_eq!(call(w.f, 3, 4), expected(3, 4));
    assert_eq!(*seen.lock().unwrap(), [7, 14], "before and behind `add rax, 7`");
    kprobes.unregister(&probe).unwrap();
}

#[test]
fn who_is_asked_before() {
    let w = world();
    let _me = w.engine.grace().register("t").unwrap();
    let key = Arc::new(StaticCall::new(&w.engine, "key", None, Func::To(w.callee)).unwrap());
    let site = w.engine.text().site(w.at[4], 5).unwrap();
    key.add_sites(&[CallSite { site, tail: false }]).unwrap();
    let asked = key.clone();
    let kprobes = Kprobes::new(&w.engine, Some(w.ftrace.clone()))
        .unwrap()
        .ask("static_call_text_reserved", move |from, to| asked.text_reserved(from, to))
        .forbid(w.looped, w.looped + 8);
    assert_eq!(errno(kprobes.register(w.at[4], &count("reserved"))), Some(Errno::EINVAL));
    assert_eq!(errno(kprobes.register(w.looped, &count("forbidden"))), Some(Errno::EINVAL));
    assert_eq!(errno(kprobes.register(w.at[0] + 1, &count("inside"))), Some(Errno::EILSEQ));
    assert_eq!(errno(kprobes.register(8, &count("nowhere"))), Some(Errno::EINVAL));
    // The ledger knows too, if nobody asks.
    let unasked = Kprobes::new(&w.engine, Some(w.ftrace.clone())).unwrap();
    assert!(matches!(unasked.register(w.at[4], &count("x")), Err(MechanismError::Poke(PokeError::Ledger(_)))));
}

#[test]
fn under_fire_no_result_is_wrong() {
    let w = world();
    let kprobes = Kprobes::new(&w.engine, Some(w.ftrace.clone())).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                let me = w.engine.grace().register("runner").unwrap();
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(call(w.f, 3, 4), expected(3, 4));
                    me.quiescent();
                }
            });
        }
        for _ in 0..40 {
            let probes = [count("a"), count("b")];
            kprobes.register(w.at[0], &probes[0]).unwrap();
            let _ = kprobes.optimise(w.at[0]).unwrap();
            kprobes.register(w.at[2], &probes[1]).unwrap();
            probes.iter().for_each(|p| kprobes.unregister(p).unwrap());
        }
        stop.store(true, Ordering::Relaxed);
    });
}
