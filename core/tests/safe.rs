//! What is safe to call cannot break text: each of these calls is refused with an error, or does no harm.

use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::{Holder, HolderId, MechanismId};
use provenance_engine::isa::{Bytes, INT3, Insn};
use provenance_engine::ledger::{Claim, LedgerError, Sharing};
use provenance_engine::mechanism::MechanismError;
use provenance_engine::mechanism::ftrace::{Direct, Flags, Ftrace, Ops};
use provenance_engine::plan::{Change, PlanError};
use provenance_engine::poke::PokeError;
use provenance_engine::site::Site;
use provenance_engine::text::builder::{Assembled, Fentry};
use provenance_engine::text::{ArenaOptions, Builder, Placement, Region, Target, TextError};

/// A function that returns seven, and its claimed pad.
struct Seven {
    engine: Engine,
    holder: HolderId,
    region: Region,
    entry: u64,
    site: Site,
}

fn seven() -> Seven {
    let engine = Engine::new(Options::default()).unwrap();
    let holder = engine.holder(MechanismId::TEXT, "owner").unwrap();
    let mut b = Builder::new();
    let entry = b.function("seven");
    let pad = b.fentry(Fentry::Nop);
    b.code(&[0xb8, 7, 0, 0, 0, 0xc3]);
    let text = engine.load(b, holder).unwrap();
    let site = engine.text().site(text.addr(pad).unwrap(), 5).unwrap();
    engine.claim(site, Bytes::nop5(), holder, Sharing::Exclusive, "nothing").unwrap();
    Seven { holder, region: text.region, entry: text.addr(entry).unwrap(), site, engine }
}

impl Seven {
    fn call(&self) -> u32 {
        // SAFETY: laid out by `seven`, and alive.
        let f: extern "C" fn() -> u32 = unsafe { std::mem::transmute(self.entry as usize) };
        f()
    }

    fn raw(&self, len: usize, align: usize, code: Vec<u8>) -> Result<Region, PokeError> {
        self.engine.load_with(self.holder, len, align, |_| Ok::<_, TextError>(Assembled::raw(code))).map(|l| l.region)
    }

    fn make(&self, insn: Insn) -> Result<usize, PokeError> {
        self.engine.poke(self.holder, [Change::new(self.site, Bytes::nop5(), insn)]).map(|a| a.written)
    }
}

#[test]
fn code_longer_than_its_region_does_not_reach_the_neighbour() {
    let w = seven();
    let free = w.engine.text().extents().unwrap()[0].end - w.region.range().end;
    let err = w.raw(16, 16, vec![INT3; 64]).unwrap_err();
    assert!(matches!(err, PokeError::Text(TextError::Oversize { len: 16, got: 64, .. })), "{err}");
    assert_eq!(w.call(), 7);
    // The space is not lost.
    assert!(w.raw(16, 16, vec![0x90; 16]).unwrap().addr() < w.region.range().end + free);
    let elsewhere = w.engine.load_with(w.holder, 16, 16, |_| {
        let mut b = Builder::new();
        b.function("elsewhere");
        b.ret();
        b.assemble(0x1000)
    });
    assert!(matches!(elsewhere, Err(PokeError::Text(TextError::Elsewhere { named: 0x1000, .. }))));
}

#[test]
fn only_who_loaded_an_image_gives_it_back_and_only_when_nobody_is_led_there() {
    let w = seven();
    let stranger = w.engine.holder(MechanismId::TEXT, "stranger").unwrap();
    assert!(matches!(w.engine.retire(w.region, stranger), Err(PokeError::Text(TextError::NotYours { .. }))));
    let image = w.raw(16, 16, vec![0xc3; 16]).unwrap();
    assert_eq!(w.make(Insn::Jmp(image.addr())).unwrap(), 1);
    let err = w.engine.retire(image, w.holder).unwrap_err();
    assert!(matches!(err, PokeError::Text(TextError::Reached { site, .. }) if site == w.site.addr()), "{err}");
    let jump = w.engine.text().bytes(w.site.addr(), 5).unwrap();
    w.engine.poke(w.holder, [Change::new(w.site, jump, Insn::Nop(5))]).unwrap();
    let executor = w.engine.grace().register("inside").unwrap();
    let retired = w.engine.retire(image, w.holder).unwrap();
    let (retired, inside) = w.engine.try_reclaim(retired).unwrap_err();
    assert!(inside.to_string().contains("still inside"), "{inside}");
    executor.quiescent();
    assert!(w.engine.try_reclaim(retired).is_ok());
    assert!(matches!(w.engine.retire(image, w.holder), Err(PokeError::Text(TextError::DoubleFree { .. }))));
    assert_eq!(w.call(), 7);
}

#[test]
fn a_site_does_not_outlive_its_text() {
    let w = seven();
    // SAFETY: nobody is in it.
    unsafe { w.engine.free(w.region, w.holder) }.unwrap();
    let again = w.raw(w.region.len(), 16, vec![0x90; w.region.len()]).unwrap();
    assert_eq!(again.addr(), w.region.addr());
    let stale = |e: PokeError| assert!(matches!(e, PokeError::Text(TextError::Stale { .. })), "{e}");
    stale(w.engine.claim(w.site, Bytes::new(&[0x90; 5]), w.holder, Sharing::Exclusive, "").unwrap_err());
    stale(w.make(Insn::Nop(5)).unwrap_err());
    assert_eq!(w.engine.text().read(again.addr(), 8).unwrap(), [0x90; 8]);
}

#[test]
fn a_site_leads_only_where_an_engine_has_text_or_somebody_vouches() {
    extern "C" fn nine() -> u32 {
        9
    }
    let w = seven();
    let astray = |e: PokeError| assert!(matches!(e, PokeError::ForeignTarget { .. }), "{e}");
    astray(w.make(Insn::Jmp(w.site.addr() + 0x1000_0000)).unwrap_err());
    // Inside the arena, but nothing is laid out there.
    astray(w.make(Insn::Jmp(w.engine.text().extents().unwrap()[0].end - 1)).unwrap_err());
    let mut change = Change::new(w.site, Bytes::nop5(), Insn::Jmp(w.site.addr() + 5));
    change.emulate = Some(Insn::Jmp(16));
    astray(w.engine.poke(w.holder, [change]).unwrap_err());
    assert_eq!(w.call(), 7);
    // Another engine's text is text.
    let other = seven();
    assert_eq!(w.make(Insn::Jmp(other.entry)).unwrap(), 1);

    let w = seven();
    let ftrace = Ftrace::new(&w.engine).unwrap();
    let mut b = Builder::new();
    let entry = b.function("traced");
    let pad = b.fentry(Fentry::Nop);
    b.code(&[0xb8, 7, 0, 0, 0, 0xc3]);
    let text = w.engine.load(b, w.holder).unwrap();
    let ip = text.addr(pad).unwrap();
    ftrace.add_sites(&[w.engine.text().site(ip, 5).unwrap()], 0).unwrap();
    // SAFETY: laid out above.
    let traced: extern "C" fn() -> u32 = unsafe { std::mem::transmute(text.addr(entry).unwrap() as usize) };
    let to = nine as extern "C" fn() -> u32 as usize as u64;
    let divert = |name| Ops::new(name, Flags { ipmodify: true, ..Flags::default() }, move |regs| regs.ip = to);
    let ops = divert("astray");
    ftrace.set_filter_ip(&ops, ip, false).unwrap();
    ftrace.register(&ops).unwrap();
    assert_eq!((traced(), ops.faulted()), (7, true));
    ftrace.unregister(&ops).unwrap();
    // SAFETY: a function of the type of the one that is traced.
    let _ = unsafe { Target::foreign(to) };
    let ops = divert("declared");
    ftrace.set_filter_ip(&ops, ip, false).unwrap();
    ftrace.register(&ops).unwrap();
    assert_eq!((traced(), ops.faulted()), (9, false));
    ftrace.unregister(&ops).unwrap();
}

#[test]
fn sizes_and_places_that_make_no_sense_are_errors() {
    let w = seven();
    for align in [0, 3, 8192, usize::MAX] {
        assert!(matches!(w.raw(16, align, vec![]), Err(PokeError::Text(TextError::Align(a))) if a == align));
    }
    assert!(matches!(w.raw(usize::MAX, 16, vec![]), Err(PokeError::Text(TextError::TooLarge { .. }))));
    for (addr, len) in [(w.entry, usize::MAX), (u64::MAX, 2), (0, 1)] {
        assert!(matches!(w.engine.text().read(addr, len), Err(TextError::Foreign { .. })));
    }
    // In the first bytes of a chunk, where no instruction is known.
    let raw = seven();
    let engine = Engine::new(Options::default()).unwrap();
    let me = engine.holder(MechanismId::TEXT, "raw").unwrap();
    let image = engine.load_with(me, 32, 16, |_| Ok::<_, TextError>(Assembled::raw(vec![0x90; 32]))).unwrap().region;
    assert!(matches!(engine.text().site(image.addr() + 3, 5), Err(TextError::Boundary { .. })));
    drop(raw);
    let load = |arena| {
        let engine = Engine::new(Options { arena, ..Options::default() }).unwrap();
        let me = engine.holder(MechanismId::TEXT, "small").unwrap();
        let mut b = Builder::new();
        b.ret();
        engine.load(b, me).map(|loaded| loaded.region.addr())
    };
    for chunk_len in [usize::MAX, usize::MAX / 2, 1 << 60] {
        assert!(load(ArenaOptions { chunk_len, placement: Placement::PreferLow }).is_err(), "{chunk_len}");
    }
    for at in [0, 1, !4095, 1 << 47] {
        assert!(load(ArenaOptions { chunk_len: 4096, placement: Placement::At(at) }).is_err(), "{at:#x}");
    }
}

#[test]
fn a_holder_of_another_engine_has_no_rights_here() {
    let (w, other) = (seven(), seven());
    let err = w.engine.poke(other.holder, [Change::new(w.site, Bytes::nop5(), Insn::Jmp(w.site.addr() + 5))]);
    assert!(matches!(err, Err(PokeError::Ledger(LedgerError::NotHeld { .. }))), "{err:?}");
    let site = w.site;
    let err = w.engine.claim(site, Bytes::nop5(), other.holder, Sharing::Exclusive, "").unwrap_err();
    assert!(matches!(err, PokeError::Ledger(LedgerError::UnknownHolder(_))), "{err}");
    assert!(matches!(w.engine.retire(w.region, other.holder), Err(PokeError::Text(TextError::NotYours { .. }))));
}

#[test]
fn what_a_site_that_was_given_up_still_does_is_seen() {
    let w = seven();
    let image = w.raw(16, 16, vec![0xc3; 16]).unwrap();
    w.make(Insn::Jmp(image.addr())).unwrap();
    w.engine.release(w.site, w.holder).unwrap();
    let reached = |e: PokeError| {
        assert!(matches!(e, PokeError::Text(TextError::Reached { site, .. }) if site == w.site.addr()), "{e}")
    };
    reached(w.engine.retire(image, w.holder).unwrap_err());
    let jump = w.engine.text().bytes(w.site.addr(), 5).unwrap();
    w.engine.claim(w.site, jump, w.holder, Sharing::Exclusive, "").unwrap();
    reached(w.engine.retire(image, w.holder).unwrap_err());
    w.engine.poke(w.holder, [Change::new(w.site, jump, Insn::Nop(5))]).unwrap();
    w.engine.release(w.site, w.holder).unwrap();
    let retired = w.engine.retire(image, w.holder).unwrap();
    assert!(w.engine.try_reclaim(retired).is_ok());
}

#[test]
fn text_that_another_engine_leads_to_stays() {
    let (w, other) = (seven(), seven());
    let image = other.raw(16, 16, vec![0xb8, 9, 0, 0, 0, 0xc3]).unwrap();
    // Behind what is laid out in the other's chunk.
    let nothing = other.engine.text().extents().unwrap()[0].end - 1;
    assert!(matches!(w.make(Insn::Jmp(nothing)), Err(PokeError::ForeignTarget { target, .. }) if target == nothing));
    // Between the question and the answer, too.
    let retired = other.engine.retire(image, other.holder).unwrap();
    assert_eq!(w.make(Insn::Jmp(image.addr())).unwrap(), 1);
    let (_, refused) = other.engine.try_reclaim(retired).unwrap_err();
    assert!(refused.to_string().contains("another engine"), "{refused}");
    let again = other.engine.retire(image, other.holder).unwrap_err();
    assert!(matches!(again, PokeError::Text(TextError::Led { target, .. }) if target == image.addr()), "{again}");
    assert_eq!(w.call(), 9);
}

#[test]
fn a_direct_call_leads_only_to_text_and_keeps_it() {
    let w = seven();
    let ftrace = Ftrace::new(&w.engine).unwrap();
    let mut b = Builder::new();
    b.function("traced");
    let pad = b.fentry(Fentry::Nop);
    b.code(&[0xb8, 7, 0, 0, 0, 0xc3]);
    let text = w.engine.load(b, w.holder).unwrap();
    let ip = text.addr(pad).unwrap();
    ftrace.add_sites(&[w.engine.text().site(ip, 5).unwrap()], 0).unwrap();
    let image = w.raw(16, 16, vec![0xc3; 16]).unwrap();
    let direct = |target| Direct { target, jmp: false };
    let astray = |r: Result<(), MechanismError>| {
        assert!(matches!(r, Err(MechanismError::Poke(PokeError::ForeignTarget { target: 16, .. }))), "{r:?}");
    };
    astray(ftrace.register_direct(ip, direct(16)));
    ftrace.register_direct(ip, direct(image.addr())).unwrap();
    astray(ftrace.modify_direct(ip, direct(image.addr()), direct(16)));
    // With an ops beside it the target stands in a table alone, where no site shows it.
    let ops = Ops::new("beside", Flags::default(), |_| {});
    ftrace.register(&ops).unwrap();
    let held = w.engine.retire(image, w.holder).unwrap_err();
    assert!(matches!(held, PokeError::Text(TextError::Reached { site, .. }) if site == ip), "{held}");
    ftrace.unregister_direct(ip, direct(image.addr())).unwrap();
    ftrace.unregister(&ops).unwrap();
    let retired = w.engine.retire(image, w.holder).unwrap();
    assert!(w.engine.try_reclaim(retired).is_ok());
}

#[test]
fn who_reads_the_ledger_is_told_and_does_not_wait_for_itself() {
    let w = seven();
    let books = w.engine.ledger().unwrap();
    assert!(matches!(w.engine.ledger(), Err(PokeError::Reentered)));
    assert!(matches!(w.engine.holder(MechanismId::TEXT, "second"), Err(PokeError::Reentered)));
    assert!(matches!(w.make(Insn::Jmp(w.site.addr() + 5)), Err(PokeError::Reentered)));
    drop(books);
    let asked = w.engine.transfer(w.site, w.holder, w.holder, &mut |_, _| true);
    assert!(matches!(asked, Err(PokeError::Ledger(LedgerError::AlreadyHeld { .. }))), "{asked:?}");
    let second = w.engine.holder(MechanismId::TEXT, "second").unwrap();
    let mut told = Vec::new();
    let consent = &mut |_: &Claim, _: &Holder| {
        told.push(matches!(w.engine.ledger(), Err(PokeError::Reentered)));
        true
    };
    w.engine.transfer(w.site, w.holder, second, consent).unwrap();
    assert_eq!(told, [true]);
    assert_eq!(
        w.make(Insn::Nop(5)).unwrap_err().to_string(),
        format!("text-poke (owner) does not hold {:#x}+5; claim it first", w.site.addr())
    );
}

#[test]
fn a_call_is_put_only_where_nothing_lies_below_the_stack_pointer() {
    let w = seven();
    let mut b = Builder::new();
    b.function("leaf");
    b.code(&[0x31, 0xc0]);
    let nop = b.here();
    b.code(&[0x0f, 0x1f, 0x44, 0x00, 0x00]);
    let call = b.call(w.entry);
    b.ret();
    b.function("marked");
    let pad = b.fentry(Fentry::EndbrNop);
    b.ret();
    let text = w.engine.load(b, w.holder).unwrap();
    let call_ok = |label| w.engine.text().site(text.addr(label).unwrap(), 5).unwrap().call_ok();
    assert_eq!([nop, call, pad].map(call_ok), [false, true, true]);
    assert!(w.site.call_ok());
    let site = w.engine.text().site(text.addr(nop).unwrap(), 5).unwrap();
    w.engine.claim(site, Bytes::nop5(), w.holder, Sharing::Exclusive, "").unwrap();
    let put = w.engine.poke(w.holder, [Change::new(site, Bytes::nop5(), Insn::Call(w.entry))]);
    assert!(matches!(put, Err(PokeError::Plan(PlanError::RedZone { .. }))), "{put:?}");
}
