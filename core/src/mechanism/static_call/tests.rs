use super::*;
use crate::engine::Options;
use crate::text::{Builder, Label};

fn call(addr: u64) -> u64 {
    // SAFETY: functions laid out below take nothing and return in RAX.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f()
}

struct World {
    engine: Engine,
    a: u64,
    b: u64,
    caller: u64,
    tail: u64,
    key: StaticCall,
    sites: Vec<CallSite>,
}

/// Two functions, a caller with an inline call, one that goes through the trampoline, a tail call and a Jcc tail.
fn world() -> World {
    let engine = Engine::new(Options::default()).unwrap();
    let me = engine.holder(MechanismId::TEXT, "test").unwrap();
    let mut b = Builder::new();
    let function = |b: &mut Builder, name: &str, value: u8| -> Label {
        b.at(16, 0);
        let f = b.function(name);
        b.code(&[0xb8, value, 0, 0, 0]).ret();
        f
    };
    let fa = function(&mut b, "a", 1);
    let fb = function(&mut b, "b", 2);
    let tramp = {
        b.at(8, 0);
        let t = b.function("__SCT__key");
        b.jmp(fa);
        b.data(&TRAMP_SIGNATURE);
        t
    };
    b.at(16, 0);
    let caller = b.function("caller");
    b.code(&[0xb8, 99, 0, 0, 0]); // mov eax, 99
    b.code(&[0x48, 0x83, 0xec, 0x08]); // sub rsp, 8
    let inline = b.call(tramp);
    b.code(&[0x48, 0x83, 0xc4, 0x08]).ret();
    b.at(16, 0);
    let tail = b.function("tail");
    b.code(&[0xb8, 99, 0, 0, 0]);
    let jmp = b.jmp(tramp);
    b.at(16, 0);
    b.function("jcc_tail");
    b.code(&[0xb8, 99, 0, 0, 0, 0x39, 0xc0]); // mov eax, 99; cmp eax, eax
    let jcc = b.jcc(4, tramp);
    b.ret();
    let loaded = engine.load(b, me).unwrap();
    let at = |l: Label| loaded.addr(l).unwrap();
    let site = |l: Label, len, tail| CallSite { site: engine.text().site(at(l), len).unwrap(), tail };
    let sites = vec![site(inline, 5, false), site(jmp, 5, true), site(jcc, 6, true)];
    let key = StaticCall::new(&engine, "key", Some(at(tramp)), Func::To(at(fa))).unwrap();
    World { a: at(fa), b: at(fb), caller: at(caller), tail: at(tail), key, sites, engine }
}

/// The kernel's static_call selftest: default, b, a; once through the trampoline alone, once inline.
#[test]
fn selftest_default_update_update() {
    let w = world();
    for inline in [false, true] {
        if inline {
            w.key.add_sites(&w.sites).unwrap();
        }
        for (func, value) in [(w.a, 1), (w.b, 2), (w.a, 1)] {
            w.key.update(Func::To(func)).unwrap();
            let jcc = w.engine.text().lookup("jcc_tail").unwrap().unwrap();
            assert_eq!([w.caller, w.tail, jcc].map(call), [value; 3]);
        }
    }
}

#[test]
fn null_calls_return_and_zero_calls_return_zero() {
    let w = world();
    w.key.add_sites(&w.sites).unwrap();
    let applied = w.key.update(Func::Null).unwrap();
    assert_eq!((applied.syncs, applied.written), (3, 4));
    let jcc = w.engine.text().lookup("jcc_tail").unwrap().unwrap();
    // RAX holds 99 from the caller: nothing was called.
    assert_eq!([w.caller, w.tail, jcc].map(call), [99; 3]);
    assert_eq!(w.key.probe(&w.sites[0]).unwrap().1, Some(Insn::Nop(5)));
    assert_eq!(w.key.probe(&w.sites[1]).unwrap().1, Some(Insn::Ret));
    w.key.update(Func::Ret0).unwrap();
    assert_eq!([w.caller, w.tail, jcc].map(call), [0; 3]);
    assert_eq!(w.key.probe(&w.sites[0]).unwrap().1, Some(Insn::Ret0));
    w.key.update(Func::To(w.b)).unwrap();
    assert_eq!([w.caller, w.tail, jcc].map(call), [2; 3]);
}

#[test]
fn an_update_is_one_batch_and_by_site_it_is_not() {
    let w = world();
    w.key.add_sites(&w.sites).unwrap();
    assert_eq!(w.key.update(Func::To(w.b)).unwrap().syncs, 3);
    assert_eq!(w.key.update_by_site(Func::To(w.a)).unwrap().syncs, 12);
    assert_eq!(w.key.update(Func::To(w.a)).unwrap().syncs, 0);
}

#[test]
fn text_reserved_has_an_inclusive_end() {
    let w = world();
    w.key.add_sites(&w.sites[..1]).unwrap();
    let at = w.sites[0].site.addr();
    assert!(w.key.text_reserved(at, at) && w.key.text_reserved(at + 4, at + 9));
    assert!(w.key.text_reserved(at - 3, at) && !w.key.text_reserved(at - 3, at - 1));
    assert!(!w.key.text_reserved(at + 5, at + 9));
}

#[test]
fn what_the_kernel_would_bug_on_is_an_error_and_writes_nothing() {
    let w = world();
    let wrong = CallSite { tail: true, ..w.sites[0] };
    let err = w.key.add_sites(&[w.sites[1], wrong]).unwrap_err();
    assert!(err.to_string().contains("wanted a tail: jmp, ret or jcc"), "{err}");
    assert_eq!(
        w.engine.ledger().unwrap().held_by(w.key.holder()).filter(|c| c.kind == crate::ledger::Kind::Site).count(),
        1
    );
    let no_tramp = StaticCall::new(&w.engine, "other", Some(w.a), Func::Null).err().unwrap();
    assert!(no_tramp.to_string().contains("is no trampoline"), "{no_tramp}");
}

#[test]
fn modules_come_and_go() {
    let w = world();
    w.key.update(Func::To(w.b)).unwrap();
    w.key.add_sites(&w.sites[..2]).unwrap();
    assert_eq!(call(w.caller), 2);
    w.key.remove_sites(&w.sites[..1]).unwrap();
    w.key.update(Func::To(w.a)).unwrap();
    // The site that went keeps what it called.
    assert_eq!((call(w.caller), call(w.tail)), (2, 1));
    w.key.remove().unwrap();
}
