use super::builder::Fentry;
use super::*;
use crate::engine::{Engine, Options};
use crate::holder::HolderId;
use crate::holder::MechanismId;
use crate::poke::PokeError;

fn engine() -> (Engine, HolderId) {
    let engine = Engine::new(Options::default()).unwrap();
    let holder = engine.holder(MechanismId::TEXT, "test").unwrap();
    (engine, holder)
}

fn run(addr: u64) -> u64 {
    // SAFETY: a function laid out by the test, which takes nothing and returns in RAX.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f()
}

#[test]
fn laid_out_functions_run_where_they_were_asked_to_stand() {
    let (engine, me) = engine();
    let mut b = Builder::new();
    b.function("leaf");
    b.code(&[0xb8, 42, 0, 0, 0]).ret();
    let leaf = b.here();
    b.at(64, 62);
    let f = b.function("straddler");
    let site = b.jmp(leaf);
    b.place(leaf);
    b.code(&[0xb8, 7, 0, 0, 0]).ret();
    let loaded = engine.load(b, me).unwrap();
    let site = engine.text().site(loaded.addr(site).unwrap(), 5).unwrap();
    assert!(site.straddles(64) && site.straddles(8) && !site.straddles(4096));
    assert_eq!(run(loaded.addr(f).unwrap()), 7);
    assert_eq!(run(engine.text().lookup("leaf").unwrap().unwrap()), 42);
    assert!(loaded.region.addr() < 1 << 31, "text is placed low");
    assert_eq!(engine.text().describe(site.addr()).unwrap(), "straddler");
    assert_eq!(engine.text().describe(site.addr() + 5).unwrap(), "straddler+0x5");
}

#[test]
fn endbr_moves_the_site_and_a_call_pad_is_a_call() {
    let (engine, me) = engine();
    let mut b = Builder::new();
    let f = b.function("f");
    let pad = b.fentry(Fentry::EndbrNop);
    b.ret();
    b.at(16, 0);
    let g = b.function("g");
    let call = b.fentry(Fentry::Call(0x4100_0000));
    b.ret();
    let loaded = engine.load(b, me).unwrap();
    assert_eq!(loaded.addr(pad).unwrap(), loaded.addr(f).unwrap() + 4);
    let bytes = engine.text().bytes(loaded.addr(call).unwrap(), 5).unwrap();
    assert_eq!(isa::Insn::decode(bytes.as_slice(), loaded.addr(g).unwrap()), Some(isa::Insn::Call(0x4100_0000)));
}

#[test]
fn addresses_that_are_no_site_are_refused_by_name() {
    let (engine, me) = engine();
    let mut b = Builder::new();
    let f = b.function("f");
    b.fentry(Fentry::Nop);
    b.ret();
    let at = engine.load(b, me).unwrap().addr(f).unwrap();
    let text = engine.text();
    assert_eq!(
        text.site(at + 2, 5).unwrap_err().to_string(),
        format!("{:#x}+5 is not one instruction of f+0x2: the instruction around it begins at {at:#x}", at + 2)
    );
    assert!(matches!(text.site(at, 2), Err(TextError::Boundary { .. })));
    assert!(matches!(text.site(at, 0), Err(TextError::Boundary { .. })));
    assert!(matches!(text.site(at, 9), Err(TextError::Boundary { .. })));
    assert!(matches!(text.site(run as *const () as u64, 5), Err(TextError::Foreign { .. })));
    assert!(matches!(text.site(u64::MAX - 2, 5), Err(TextError::Foreign { .. })));
    assert!(text.site(at, 5).is_ok());
}

#[test]
fn a_region_is_freed_once_and_reused() {
    let (engine, me) = engine();
    let image = || {
        let mut b = Builder::new();
        b.code(&[0xb8, 1, 0, 0, 0]).ret();
        engine.load(b, me).unwrap().region
    };
    let first = image();
    // SAFETY: never published.
    unsafe { engine.free(first, me) }.unwrap();
    // SAFETY: refused.
    assert!(matches!(unsafe { engine.free(first, me) }, Err(PokeError::Text(TextError::DoubleFree { .. }))));
    assert_eq!(engine.text().read(first.addr(), first.len()).unwrap(), vec![isa::INT3; first.len()]);
    let again = image();
    assert_eq!(again.addr(), first.addr());
    // SAFETY: refused, because it is another region.
    assert!(matches!(unsafe { engine.free(first, me) }, Err(PokeError::Text(TextError::DoubleFree { .. }))));
    assert_ne!(again, first);
}

#[test]
fn what_cannot_be_laid_out_is_an_error_and_leaks_nothing() {
    let (engine, me) = engine();
    let mut b = Builder::new();
    let nowhere = b.forward();
    b.jmp(nowhere);
    assert!(matches!(engine.load(b, me), Err(PokeError::Text(TextError::Label(_)))));
    let mut b = Builder::new();
    b.jmp(0x7fff_0000_0000u64);
    assert!(matches!(engine.load(b, me), Err(PokeError::Text(TextError::Isa(_)))));
    let mut b = Builder::new();
    b.function("twice");
    b.ret();
    b.function("twice");
    assert!(matches!(engine.load(b, me), Err(PokeError::Text(TextError::Name(_)))));
    let mut b = Builder::new();
    b.data(&vec![0; (1 << 20) + 1]);
    assert!(matches!(engine.load(b, me), Err(PokeError::Text(TextError::TooLarge { .. }))));
}

#[test]
fn a_place_that_is_taken_is_refused() {
    let first = Text::new(ArenaOptions { placement: Placement::Low, chunk_len: 4096 });
    let taken = first.alloc(16, 16, HolderId::FIRST).unwrap().addr();
    let second = Text::new(ArenaOptions { placement: Placement::At(taken), chunk_len: 4096 });
    let err = second.alloc(16, 16, HolderId::FIRST).unwrap_err().to_string();
    assert!(err.starts_with("no executable mapping of 4096 bytes at 0x"), "{err}");
}
