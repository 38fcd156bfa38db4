use super::*;
use crate::engine::Options;
use crate::isa::MAX_SITE;

/// Calls through the dispatcher: the target goes into RDX, as the third argument.
fn call(function: u64, target: u64) -> u64 {
    // SAFETY: a function laid out below, which jumps to `target`, which returns in RAX.
    let f: extern "C" fn(u64, u64, u64) -> u64 = unsafe { std::mem::transmute(function as usize) };
    f(0, 0, target)
}

struct World {
    engine: Engine,
    function: u64,
    site: Site,
    targets: Vec<u64>,
    dispatcher: Dispatcher,
}

fn world(era: u32, n: usize) -> World {
    assert_eq!(MAX_SITE, 6);
    let engine = Engine::new(Options::default()).unwrap();
    let me = engine.holder(MechanismId::TEXT, "test").unwrap();
    let mut b = Builder::new();
    let labels: Vec<_> = (0..n)
        .map(|i| {
            b.at(16, 0);
            let target = b.function(&format!("prog{i}"));
            b.code(&[0xb8, i as u8, 1, 0, 0]).ret();
            target
        })
        .collect();
    let layout = match era {
        2019 => Layout::fentry(&mut b, "bpf_dispatcher_xdp_func"),
        _ => Layout::static_call(&mut b, "bpf_dispatcher_xdp_func"),
    };
    let loaded = engine.load(b, me).unwrap();
    let at = |l| loaded.addr(l).unwrap();
    let site = engine.text().site(at(layout.fentry), 5).unwrap();
    let dispatcher = match layout.trampoline {
        None => Dispatcher::fentry(&engine, "xdp", site, at(layout.thunk)).unwrap(),
        Some(t) => Dispatcher::static_call(&engine, "xdp", at(t), at(layout.thunk)).unwrap(),
    };
    World { function: at(layout.function), targets: labels.iter().map(|&l| at(l)).collect(), site, dispatcher, engine }
}

#[test]
fn both_forms_reach_every_target_with_and_without_a_table() {
    for era in [2019, 2022] {
        let w = world(era, 60);
        let all = |w: &World| {
            for (i, &t) in w.targets.iter().enumerate() {
                assert_eq!(call(w.function, t), 0x100 + i as u64, "{era}");
            }
        };
        all(&w);
        for n in [1, 2, 5, 16, 48] {
            while w.dispatcher.targets().len() < n {
                let next = w.targets[w.dispatcher.targets().len()];
                assert!(matches!(w.dispatcher.change(None, Some(next)), Ok(Update::Published)));
            }
            all(&w);
        }
        assert!(matches!(w.dispatcher.change(None, Some(w.targets[48])), Ok(Update::Full)));
        for t in w.dispatcher.targets() {
            w.dispatcher.change(Some(t), None).unwrap();
        }
        all(&w);
        assert_eq!(w.engine.text().bytes(w.site.addr(), 5).unwrap(), Bytes::nop5());
        w.dispatcher.close().unwrap();
    }
}

#[test]
fn slots_count_users_and_only_a_new_set_is_generated() {
    let w = world(2019, 3);
    let (a, b) = (w.targets[0], w.targets[1]);
    assert!(matches!(w.dispatcher.change(None, Some(a)), Ok(Update::Published)));
    let step = w.engine.ledger().unwrap().journal().steps();
    assert!(matches!(w.dispatcher.change(None, Some(a)), Ok(Update::Same)));
    assert!(matches!(w.dispatcher.change(Some(a), Some(a)), Ok(Update::Same)));
    assert!(matches!(w.dispatcher.change(Some(a), None), Ok(Update::Same)));
    assert_eq!(w.engine.ledger().unwrap().journal().steps(), step);
    assert!(matches!(w.dispatcher.change(Some(a), Some(b)), Ok(Update::Published)));
    assert_eq!(w.dispatcher.targets(), [b]);
    let refused = w.dispatcher.close().unwrap_err();
    assert_eq!(refused.errno(), Some(Errno::EBUSY));
}

#[test]
fn sixty_four_fit_without_alignment() {
    let mut w = world(2019, 64);
    w.dispatcher = w.dispatcher.unaligned();
    for &t in &w.targets {
        assert!(matches!(w.dispatcher.change(None, Some(t)), Ok(Update::Published)));
    }
    assert_eq!(w.dispatcher.image().len(), 1779);
    w.targets.iter().enumerate().for_each(|(i, &t)| assert_eq!(call(w.function, t), 0x100 + i as u64));
}

#[test]
fn what_the_emitter_refuses_is_dropped_and_calls_still_work() {
    let w = world(2019, 1);
    let far = call as *const () as u64;
    assert!(far >> 32 != 0, "Rust's own text is out of reach of a sign-extended immediate");
    let Ok(Update::Dropped(why)) = w.dispatcher.change(None, Some(far)) else { panic!("not dropped") };
    assert!(why.to_string().contains("does not fit a sign-extended 32-bit immediate"), "{why}");
    assert_eq!(call(w.function, w.targets[0]), 0x100);
}

#[test]
fn an_update_waits_for_whoever_is_in_the_other_half_and_names_it() {
    let w = world(2022, 3);
    let executor = w.engine.grace().register("slow reader").unwrap();
    w.dispatcher.change(None, Some(w.targets[0])).unwrap();
    let err = w.dispatcher.change(None, Some(w.targets[1])).unwrap_err().to_string();
    assert!(err.contains("slow reader"), "{err}");
    assert_eq!(w.dispatcher.targets(), [w.targets[0]], "the set is as before");
    executor.quiescent();
    w.dispatcher.change(None, Some(w.targets[1])).unwrap();
}

#[test]
fn every_form_sends_every_target_home() {
    use super::shape::by_frequency;
    let engine = Engine::new(Options::default()).unwrap();
    let holder = engine.holder(MechanismId::TEXT, "test").unwrap();
    for n in [1usize, 2, 5, 17, 48, 64] {
        let mut b = Builder::new();
        let thunk = retpoline(&mut b);
        let labels: Vec<_> = (0..n + 1)
            .map(|i| {
                b.at(16, 0);
                let f = b.here();
                b.code(&[0xb8, i as u8, 0, 0, 0]).ret();
                f
            })
            .collect();
        let loaded = engine.load(b, holder).unwrap();
        let all: Vec<u64> = labels.iter().map(|&l| loaded.addr(l).unwrap()).collect();
        let thunk = loaded.addr(thunk).unwrap();
        let order = by_frequency(&all[..n], &[all[n / 2], all[n / 2], all[0]]);
        assert_eq!(order[0], all[n / 2]);
        for shape in Shape::ALL {
            let image = engine
                .load_with(holder, 4096, 4096, |base| {
                    let mut code = shape.emit(base, &order, n <= 48, Fallback::Thunk(thunk)).unwrap();
                    assert!(code.len() <= HALF, "{shape:?} {n}: {}", code.len());
                    code.resize(4096, INT3);
                    Ok::<_, crate::text::TextError>(Assembled::raw(code))
                })
                .unwrap();
            for (i, &target) in all.iter().enumerate() {
                // SAFETY: laid out above: jumps to its third argument, which returns a number.
                let f: extern "C" fn(u64, u64, u64) -> u32 =
                    unsafe { std::mem::transmute(image.region.addr() as usize) };
                assert_eq!(f(0, 0, target), i as u32, "{shape:?} {n}");
            }
        }
    }
}

#[test]
fn a_trace_is_recorded_and_its_form_is_used() {
    let engine = Engine::new(Options::default()).unwrap();
    let holder = engine.holder(MechanismId::TEXT, "test").unwrap();
    let mut b = Builder::new();
    let layout = Layout::static_call(&mut b, "calibrated");
    let labels: Vec<_> = (0..40u8)
        .map(|i| {
            b.at(16, 0);
            let f = b.here();
            b.code(&[0xb8, i, 0, 0, 0]).ret();
            f
        })
        .collect();
    let loaded = engine.load(b, holder).unwrap();
    let targets: Vec<u64> = labels.iter().map(|&l| loaded.addr(l).unwrap()).collect();
    let at = |l| loaded.addr(l).unwrap();
    let d = Dispatcher::static_call(&engine, "c", at(layout.trampoline.unwrap()), at(layout.thunk)).unwrap();
    targets.iter().for_each(|&t| drop(d.change(None, Some(t)).unwrap()));
    let call = |target: u64| {
        // SAFETY: laid out above: jumps to its third argument, which returns a number.
        let f: extern "C" fn(u64, u64, u64) -> u32 = unsafe { std::mem::transmute(at(layout.function) as usize) };
        f(0, 0, target)
    };
    d.record(1000).unwrap();
    let mut seed = 5u64;
    // A linear congruence; its upper bits are random enough.
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed >> 33
    };
    let expected: Vec<u64> = (0..1500).map(|_| targets[random() as usize % 40]).collect();
    for &target in &expected {
        call(target);
    }
    assert_eq!(d.trace(), expected[..1000]);
    let choice = d.calibrate().unwrap();
    assert_eq!((d.shape(), choice.costs.len()), (choice.shape, Shape::ALL.len()));
    assert!(choice.costs.iter().all(|c| c.1 > 0.0 && c.1 < 1e5), "{choice:?}");
    assert_eq!(
        choice.costs.iter().map(|c| c.1).fold(f64::MAX, f64::min),
        choice.costs.iter().find(|c| c.0 == choice.shape).unwrap().1
    );
    (0..40).for_each(|i| assert_eq!(call(targets[i]), i as u32));
    d.change(Some(targets[3]), None).unwrap();
    (0..40).for_each(|i| assert_eq!(call(targets[i]), i as u32, "the fallback for the one that left"));
}
