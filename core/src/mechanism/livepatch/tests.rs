use super::*;
use crate::engine::{Engine, Options};
use crate::holder::MechanismId;
use crate::mechanism::kprobe::Kprobe;
use crate::mechanism::kprobe::Kprobes;
use crate::mechanism::trampoline::{Ipmodify, Kind, Program};
use crate::text::Builder;
use crate::text::builder::Fentry;

fn call(addr: u64) -> u64 {
    // SAFETY: functions laid out below take nothing and return in RAX.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f()
}

struct World {
    engine: Engine,
    ftrace: Arc<Ftrace>,
    /// Returns 1, with its site behind `endbr64`; 2; 3.
    f: Vec<u64>,
}

fn world() -> World {
    let engine = Engine::new(Options::default()).unwrap();
    let me = engine.holder(MechanismId::TEXT, "test").unwrap();
    let mut b = Builder::new();
    let mut labels = Vec::new();
    for n in 1..=3u8 {
        b.at(16, 0);
        let f = b.function(&format!("v{n}"));
        let pad = b.fentry(if n == 1 { Fentry::EndbrNop } else { Fentry::Nop });
        b.code(&[0xb8, n, 0, 0, 0]).ret();
        labels.push((f, pad));
    }
    let loaded = engine.load(b, me).unwrap();
    let at = |l| loaded.addr(l).unwrap();
    let ftrace = Arc::new(Ftrace::new(&engine).unwrap());
    let sites: Vec<_> = labels.iter().map(|l| engine.text().site(at(l.1), 5).unwrap()).collect();
    ftrace.add_sites(&sites, 0).unwrap();
    World { f: labels.iter().map(|l| at(l.0)).collect(), engine, ftrace }
}

fn errno<T>(result: Result<T, MechanismError>) -> Option<Errno> {
    match result {
        Ok(_) => panic!("success"),
        Err(e) => e.errno(),
    }
}

#[test]
fn both_universes_until_everybody_has_passed() {
    let w = world();
    let klp = Livepatch::new(w.ftrace.clone());
    let me = klp.task("me");
    let (go, there) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|s| {
        let other = s.spawn(|| {
            let task = klp.task("other");
            there.wait();
            go.wait();
            task.checkpoint(&klp);
            let passed = call(w.f[0]);
            there.wait();
            go.wait();
            (passed, call(w.f[0]))
        });
        there.wait();
        let patch = klp.enable("p", &[Replacement { old: w.f[0], new: w.f[1] }]).unwrap();
        assert_eq!((call(w.f[0]), me.universe()), (1, Universe::Unpatched), "the old universe, still");
        assert_eq!(klp.waiting_for().unwrap(), ["me", "other"]);
        assert_eq!(errno(klp.enable("q", &[])), Some(Errno::EBUSY), "one transition at a time");
        go.wait();
        there.wait();
        assert_eq!(call(w.f[0]), 1, "the other is in the new universe, this one is not");
        assert_eq!(klp.waiting_for().unwrap(), ["me"]);
        me.checkpoint(&klp);
        assert_eq!((call(w.f[0]), klp.waiting_for().unwrap().len()), (2, 0));
        klp.disable(patch).unwrap();
        assert_eq!(call(w.f[0]), 2);
        me.checkpoint(&klp);
        assert_eq!(call(w.f[0]), 1);
        go.wait();
        assert_eq!(other.join().unwrap(), (2, 2), "it has not passed a second time");
    });
    assert!(klp.waiting_for().unwrap().is_empty());
    assert_eq!(w.engine.text().bytes(w.f[0] + 4, 5).unwrap(), crate::isa::Bytes::nop5());
}

#[test]
fn patches_stack_reverse_and_are_forced() {
    let w = world();
    let klp = Livepatch::new(w.ftrace.clone());
    let to = |n: usize| [Replacement { old: w.f[0], new: w.f[n] }];
    let first = klp.enable("first", &to(1)).unwrap();
    let second = klp.enable("second", &to(2)).unwrap();
    assert_eq!(call(w.f[0]), 3);
    klp.disable(second).unwrap();
    assert_eq!(call(w.f[0]), 2);
    assert_eq!(errno(klp.disable(second)), Some(Errno::EINVAL));
    let me = klp.task("me");
    let third = klp.enable("third", &to(2)).unwrap();
    assert_eq!(call(w.f[0]), 2, "in transition: below");
    klp.disable(third).unwrap();
    assert!(klp.waiting_for().unwrap().is_empty(), "turned back: nobody had gone over");
    assert_eq!(call(w.f[0]), 2);
    klp.disable(first).unwrap();
    klp.force().unwrap();
    assert_eq!(call(w.f[0]), 1);
    drop(me);
}

#[test]
fn ftrace_off_refuses_and_a_patch_keeps_it_on() {
    let w = world();
    let klp = Livepatch::new(w.ftrace.clone());
    let to = [Replacement { old: w.f[0], new: w.f[1] }];
    w.ftrace.set_enabled(false).unwrap();
    assert_eq!(errno(klp.enable("p", &to)), Some(Errno::EBUSY), "-16");
    assert_eq!(call(w.f[0]), 1);
    w.ftrace.set_enabled(true).unwrap();
    let patch = klp.enable("p", &to).unwrap();
    assert_eq!(errno(w.ftrace.set_enabled(false)), Some(Errno::EBUSY));
    assert_eq!(call(w.f[0]), 2);
    klp.disable(patch).unwrap();
    w.ftrace.set_enabled(false).unwrap();
}

#[test]
fn before_ibt_a_site_behind_endbr_is_not_found() {
    let w = world();
    let to = [Replacement { old: w.f[0], new: w.f[1] }];
    assert_eq!(errno(Livepatch::new(w.ftrace.clone()).before_ibt().enable("p", &to)), Some(Errno::EINVAL));
    assert!(Livepatch::new(w.ftrace.clone()).enable("p", &to).is_ok());
}

#[test]
fn one_user_of_ipmodify_for_each_function() {
    let w = world();
    let _me = w.engine.grace().register("t").unwrap();
    let klp = Livepatch::new(w.ftrace.clone());
    let patch = klp.enable("p", &[Replacement { old: w.f[0], new: w.f[1] }]).unwrap();
    let kprobes = Kprobes::new(&w.engine, Some(w.ftrace.clone())).unwrap();
    assert_eq!(errno(kprobes.register(w.f[0], &Kprobe::with_post("post", |_| {}, |_| {}))), Some(Errno::EBUSY));
    let plain = Kprobe::new("plain", |_| {});
    assert_eq!(kprobes.register(w.f[0], &plain).unwrap(), w.f[0] + 4);
    assert_eq!((call(w.f[0]), plain.hits()), (2, 1), "without a post handler they share");
    // Of two functions the second is refused: neither is patched.
    let other = Livepatch::new(w.ftrace.clone());
    let both = [Replacement { old: w.f[2], new: w.f[1] }, Replacement { old: w.f[0], new: w.f[2] }];
    assert_eq!(errno(other.enable("q", &both)), Some(Errno::EBUSY));
    assert_eq!(call(w.f[2]), 3);
    klp.disable(patch).unwrap();
    assert_eq!(call(w.f[0]), 1);
}

#[test]
fn beside_a_trampoline_by_each_rule() {
    for (rule, refused, result) in
        [(Ipmodify::Refuse, true, 1), (Ipmodify::Negotiate, false, 2), (Ipmodify::Unasked, false, 1)]
    {
        let w = world();
        let site = w.engine.text().site(w.f[0] + 4, 5).unwrap();
        let t = Arc::new(Trampoline::new(&w.engine, Some(&w.ftrace), site, 0, rule).unwrap());
        let klp = Livepatch::new(w.ftrace.clone()).beside(t.clone());
        let program = Program::new("fexit", Kind::Fexit, |_| 0);
        t.attach(&program).unwrap();
        let enabled = klp.enable("p", &[Replacement { old: w.f[0], new: w.f[1] }]);
        assert_eq!(enabled.is_err(), refused, "{rule:?}");
        assert_eq!((call(w.f[0]), program.hits()), (result, 1), "{rule:?}");
    }
}
