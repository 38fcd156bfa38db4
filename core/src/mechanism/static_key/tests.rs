use super::*;
use crate::engine::Options;
use crate::text::Builder;

fn call(addr: u64) -> u64 {
    // SAFETY: functions laid out below take nothing and return in RAX.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f()
}

/// A function that returns 1 where the branch is taken, else 0; the site starts as the nop or as the jump.
fn branch(engine: &Engine, name: &str, len: usize, likely: bool, jump: bool) -> (u64, Entry) {
    let me = engine.holder(MechanismId::TEXT, "test").unwrap();
    let mut b = Builder::new();
    let f = b.function(name);
    let (site, yes) = (b.here(), b.forward());
    if !jump {
        b.code(crate::isa::nop(len));
    } else if len == 5 {
        b.jmp(yes);
    } else {
        b.code(&[0xeb, 3]);
    }
    b.code(&[0x31, 0xc0]).ret();
    b.place(yes);
    b.code(&[0xb8, 1, 0, 0, 0]).ret();
    let loaded = engine.load(b, me).unwrap();
    let site = engine.text().site(loaded.addr(site).unwrap(), len).unwrap();
    (loaded.addr(f).unwrap(), Entry { site, target: loaded.addr(yes).unwrap(), branch: likely })
}

/// lib/test_static_keys: keys that begin true or false, likely and unlikely branches, short and long sites, as nop and as
/// jump in the object: state and branch agree, inverted, and inverted back.
#[test]
fn every_combination_agrees_with_its_key() {
    let engine = Engine::new(Options::default()).unwrap();
    for (i, initial) in [false, true].into_iter().enumerate() {
        let key = StaticKey::new(&engine, "key", initial).unwrap();
        let mut all = Vec::new();
        for (len, likely, jump) in
            [2, 5].into_iter().flat_map(|l| [false, true].map(|k| [false, true].map(|j| (l, k, j)))).flatten()
        {
            let (f, entry) = branch(&engine, &format!("f{i}{len}{likely}{jump}"), len, likely, jump);
            key.add(&[entry]).unwrap();
            all.push((f, entry));
        }
        assert_eq!(all.len(), 8);
        for round in 0..4 {
            for (f, entry) in &all {
                assert_eq!(call(*f) == 1, key.is_enabled() != entry.branch, "round {round}");
            }
            let applied = if key.is_enabled() { key.disable() } else { key.enable() }.unwrap();
            assert_eq!((applied.written, applied.syncs), (8, 3));
        }
        key.remove().unwrap();
    }
}

#[test]
fn users_are_counted() {
    let engine = Engine::new(Options::default()).unwrap();
    let key = StaticKey::new(&engine, "key", false).unwrap();
    let (f, entry) = branch(&engine, "f", 5, false, false);
    key.add(&[entry]).unwrap();
    assert_eq!((key.inc().unwrap().written, key.inc().unwrap().written, key.count()), (1, 0, 2));
    assert_eq!((key.dec().unwrap().written, call(f)), (0, 1));
    assert_eq!((key.dec().unwrap().written, call(f)), (1, 0));
    assert!(matches!(key.dec(), Err(MechanismError::Bug { .. })));
    assert_eq!(key.count(), 0);
    assert!(key.text_reserved(entry.site.addr() + 4, entry.site.addr() + 4));
}

#[test]
fn bytes_that_are_neither_state_are_a_bug_and_the_count_stays() {
    let engine = Engine::new(Options { policy: crate::ledger::Policy::Observe, ..Options::default() }).unwrap();
    let key = StaticKey::new(&engine, "key", false).unwrap();
    let (_, entry) = branch(&engine, "f", 5, false, false);
    let other = Entry { target: entry.target + 1, ..branch(&engine, "g", 5, false, true).1 };
    assert!(key.add(&[entry, other]).unwrap_err().to_string().contains("wanted its nop or its jump"));
    key.add(&[entry]).unwrap();
    let thief = engine.holder(MechanismId::FTRACE, "thief").unwrap();
    engine.claim(entry.site, Bytes::nop5(), thief, Sharing::Exclusive, "").unwrap();
    engine.poke(thief, [Change::new(entry.site, Bytes::nop5(), Insn::Jmp(entry.site.addr()))]).unwrap();
    let err = key.inc().unwrap_err().to_string();
    assert!(err.contains("found e9 fb ff ff ff, wanted 0f 1f 44 00 00, size 5"), "{err}");
    assert_eq!(key.count(), 0);
}

#[test]
fn a_reader_of_a_positive_count_sees_the_text() {
    let engine = Engine::new(Options::default()).unwrap();
    let key = Arc::new(StaticKey::new(&engine, "key", false).unwrap());
    let (f, entry) = branch(&engine, "f", 5, false, false);
    key.add(&[entry]).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|s| {
        s.spawn(|| {
            let _executor = engine.grace().register("reader").unwrap();
            while !stop.load(Ordering::Relaxed) {
                // Raw, not count(): -1 means that the text is being changed.
                if key.enabled.load(Ordering::Acquire) > 0 && call(f) != 1 {
                    // It may have been disabled between the two reads; then the count says so.
                    assert!(key.enabled.load(Ordering::Acquire) <= 0, "enabled, and the branch is not");
                }
            }
        });
        let pause = std::time::Duration::from_micros(200);
        for _ in 0..50 {
            key.inc().unwrap();
            std::thread::sleep(pause);
            key.enabled.load(Ordering::Acquire);
            key.dec().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_deferred_decrement_waits_and_the_next_one_does_not() {
    let engine = Engine::new(Options::default()).unwrap();
    let key = Arc::new(StaticKey::new(&engine, "key", false).unwrap());
    let (f, entry) = branch(&engine, "f", 5, false, false);
    key.add(&[entry]).unwrap();
    let deferred = Deferred::new(key.clone(), Duration::from_secs(3600));
    key.inc().unwrap();
    deferred.dec().unwrap();
    assert_eq!((call(f), deferred.run(false).unwrap()), (1, false));
    key.inc().unwrap();
    deferred.dec().unwrap();
    assert_eq!((key.count(), deferred.run(true).unwrap(), key.count(), call(f)), (1, true, 0, 0));
}
