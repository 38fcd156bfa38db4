//! 2008: the daemon of ftrace wrote to a network card.

use std::sync::atomic::{AtomicU32, Ordering};

use super::story::{Episode, Kind, Log, Rule, Verdict, call};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::isa::hex;
use provenance_engine::mechanism::mcount::Mcount;
use provenance_engine::text::Builder;

pub(super) const EPISODE: Episode = Episode {
    name: "e1000e",
    year: "2008",
    kind: Kind::Incident,
    title: "a learned site's text was freed, its address became a network card's memory, and the daemon wrote to it",
    old: "arch/x86/kernel/ftrace.c: ftrace_modify_code(), v2.6.27: cmpxchg at the address; it writes back what it read when it does not match",
    new: "v2.6.28: read, compare, then write (fed1939c64d2 also forgets the sites of freed text)",
    events: &["e1000e-reported", "e1000e-rc8", "e1000e-root-cause"],
    not_modelled: "the card: a page without the right to write stands for its memory, so that a write cycle shows",
    story,
};

const PAGE: usize = 4096;

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let engine = Engine::new(Options::default())?;
    let mcount = Mcount::new(&engine)?;
    let holder = engine.holder(MechanismId::TEXT, "init")?;
    // A page of init text: push rbp; call mcount; pop rbp; ret
    let mut b = Builder::new();
    b.at(PAGE, 0);
    let init = b.function("init_module");
    b.code(&[0x55]);
    let site = b.call(mcount.addr());
    b.code(&[0x5d]).ret();
    b.data(&vec![0xcc; PAGE - b.len() % PAGE]);
    let loaded = engine.load(b, holder)?;
    let (init, site) = (loaded.addr(init)?, loaded.addr(site)?);
    call(init, 0);
    mcount.wake()?;
    log.text("the init function runs; the daemon wakes", "its site is learned", &engine, site, 5);
    // SAFETY: nobody runs it; what comes of the records that are left is the story.
    unsafe { engine.free(loaded.region, holder) }?;
    let page = init & !(PAGE as u64 - 1);
    let memory = device(page)?;
    log.step(
        "the init text is freed, the card's memory is mapped there",
        format!("{page:#x}: {}", hex(&memory.0[..8])),
    );
    if rule == Rule::Old {
        // SAFETY: the page was mapped above and stays; aligned, because a locked operation may be anywhere in it.
        let word = unsafe { &*((site & !3) as *const AtomicU32) };
        log.step("the daemon wakes: cmpxchg of the call by the nop", "…");
        let found = word.compare_exchange(0xe8e8_e8e8, 0x9090_9090, Ordering::SeqCst, Ordering::SeqCst);
        return Ok(Verdict::Holds(format!("the card was not written: {found:?}")));
    }
    let pass = mcount.wake()?;
    log.step("the daemon wakes: it reads and compares", format!("{pass:?}"));
    let forgotten = mcount.forget(loaded.region)?;
    log.step("ftrace_release() of the range", format!("{forgotten} site forgotten"));
    if pass.converted.is_empty() && memory.0.iter().enumerate().all(|(i, &b)| b == i as u8) {
        return Ok(Verdict::Holds("the daemon saw that it is no call, and wrote nothing".into()));
    }
    Ok(Verdict::Broken("the card's memory was written".into()))
}

struct Device(&'static [u8]);

/// A page that can be read and not written, with a pattern.
fn device(at: u64) -> Result<Device, ScenarioError> {
    // SAFETY: the page is in text that this process laid out and freed; nobody runs it, and the process ends soon.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        let page = libc::mmap(at as *mut libc::c_void, PAGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().into());
        }
        let bytes = std::slice::from_raw_parts_mut(page.cast::<u8>(), PAGE);
        bytes.iter_mut().enumerate().for_each(|(i, b)| *b = i as u8);
        if libc::mprotect(page, PAGE, libc::PROT_READ) != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        Ok(Device(std::slice::from_raw_parts(page.cast::<u8>(), PAGE)))
    }
}
