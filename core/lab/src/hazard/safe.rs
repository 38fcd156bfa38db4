//! Calls that are safe, from where nobody should call: a child of fork, a signal handler, a process that is denied what
//! the engine needs.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::{World, refuse, with_blocking_thread, world};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::grace::GraceError;
use provenance_engine::holder::MechanismId;
use provenance_engine::isa::Bytes;
use provenance_engine::ledger::Sharing;
use provenance_engine::plan::Plan;
use provenance_engine::poke::{PokeError, Protocol};
use provenance_engine::text::builder::Assembled;
use provenance_engine::text::{ArenaOptions, Builder, TextError};

/// Every entry point in a child of fork, by name: whether it is told that it is another process.
fn told_in_child(w: &World) -> Vec<(&'static str, bool)> {
    let forked = |e: &TextError| matches!(e, TextError::Forked { .. });
    let poke = |e: &PokeError| matches!(e, PokeError::Forked { .. });
    let grace = |e: &GraceError| matches!(e, GraceError::Poke(PokeError::Forked { .. }));
    let (engine, text, at, me) = (&w.engine, w.engine.text(), w.site.addr(), w.me);
    let ret = || {
        let mut b = Builder::new();
        b.ret();
        b
    };
    let image = |_| Ok::<_, TextError>(Assembled::raw(vec![0xc3]));
    vec![
        ("read", text.read(at, 5).is_err_and(|e| forked(&e))),
        ("bytes", text.bytes(at, 5).is_err_and(|e| forked(&e))),
        ("site", text.site(at, 5).is_err_and(|e| forked(&e))),
        ("symbol", text.symbol(at).is_err_and(|e| forked(&e))),
        ("lookup", text.lookup("hazard").is_err_and(|e| forked(&e))),
        ("describe", text.describe(at).is_err_and(|e| forked(&e))),
        ("extents", text.extents().is_err_and(|e| forked(&e))),
        ("mseal", text.mseal().is_err_and(|e| forked(&e))),
        ("load", engine.load(ret(), me).is_err_and(|e| poke(&e))),
        ("load_with", engine.load_with(me, 1, 1, image).is_err_and(|e| poke(&e))),
        ("holder", engine.holder(MechanismId::TEXT, "child").is_err_and(|e| poke(&e))),
        ("ledger", engine.ledger().is_err_and(|e| poke(&e))),
        ("stats", engine.stats().is_err_and(|e| poke(&e))),
        ("preflight", engine.preflight().is_err_and(|e| poke(&e))),
        ("claim", engine.claim(w.site, Bytes::nop5(), me, Sharing::Exclusive, "").is_err_and(|e| poke(&e))),
        ("release", engine.release(w.site, me).is_err_and(|e| poke(&e))),
        ("transfer", engine.transfer(w.site, me, me, &mut |_, _| true).is_err_and(|e| poke(&e))),
        ("poke", engine.poke(me, []).is_err_and(|e| poke(&e))),
        ("resume", engine.resume().is_err_and(|e| poke(&e))),
        ("retire", engine.retire(w.region, me).is_err_and(|e| poke(&e))),
        // SAFETY: nobody runs it, and it is to be refused.
        ("free", unsafe { engine.free(w.region, me) }.is_err_and(|e| poke(&e))),
        ("register", engine.grace().register("child").is_err_and(|e| grace(&e))),
        ("executors", engine.grace().executors().is_err_and(|e| grace(&e))),
        ("try_reclaim", engine.grace().try_reclaim(engine.grace().begin()).is_err_and(|e| grace(&e))),
    ]
}

/// A child calls everything and drops: each call is told that it is another process, and what it has mapped in the place of
/// the text stays. An engine of its own works. The names of calls that were not told.
pub(super) fn fork_child() -> Result<Value, ScenarioError> {
    let w = world(Protocol::Int3)?;
    let executor = w.engine.grace().register("parent")?;
    let mut pipe = [0; 2];
    // SAFETY: two descriptors into a place for two.
    if unsafe { libc::pipe(pipe.as_mut_ptr()) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    // SAFETY: made just now, and owned by nobody else.
    let (mut from_child, mut to_parent) = unsafe { (File::from_raw_fd(pipe[0]), File::from_raw_fd(pipe[1])) };
    let extent = w.engine.text().extents()?.remove(0);
    // SAFETY: no other thread runs here, so no lock is held by one.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let mut told = told_in_child(&w);
        drop(executor);
        let len = (extent.end - extent.start) as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: replaces no mapping.
        let mine = unsafe { libc::mmap(extent.start as *mut libc::c_void, len, rights, flags, -1, 0) };
        drop(w);
        // SAFETY: mapped above; if the drop took it away, this process dies, which its parent reports.
        let stays = mine as u64 == extent.start
            && unsafe {
                mine.cast::<u8>().write_volatile(42);
                mine.cast::<u8>().read_volatile() == 42
            };
        told.push(("what is mapped stays", stays));
        let own = world(Protocol::Int3).and_then(|own| {
            let _executor = own.engine.grace().register("own")?;
            own.engine.apply(&own.plan(0, 1)?)?;
            Ok((own.f)() == 1)
        });
        told.push(("an engine of its own", own.is_ok_and(|ran| ran)));
        let silent: Vec<&str> = told.iter().filter(|(_, told)| !told).map(|(name, _)| *name).collect();
        let _ = to_parent.write_all(silent.join(",").as_bytes());
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(told.len() as i32) };
    }
    drop(to_parent);
    let mut silent = String::new();
    from_child.read_to_string(&mut silent)?;
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    drop(executor);
    Ok(json!({ "signal": status & 0x7f, "calls": libc::WEXITSTATUS(status), "silent": silent, "ran": (w.f)() }))
}

/// membarrier(2) is denied after the engine was made: threads are stopped instead, here and for other engines.
pub(super) fn denied() -> Result<Value, ScenarioError> {
    let (w, other) = (world(Protocol::Int3)?, world(Protocol::Int3)?);
    refuse(libc::SYS_membarrier)?;
    let mut written = Vec::new();
    for w in [&w, &other] {
        written.push(w.engine.apply(&w.plan(0, 1)?)?.written);
    }
    let mut b = Builder::new();
    b.ret();
    let image = w.engine.load(b, w.me)?.region;
    let retired = w.engine.retire(image, w.me)?;
    let reclaimed = w.engine.try_reclaim(retired).map_err(|e| e.1.to_string());
    Ok(json!({ "written": written, "ran": [(w.f)(), (other.f)()], "reclaimed": reclaimed }))
}

/// Denied, and a thread cannot be stopped: the batch is stuck. Its text cannot be freed and no other be put there; an
/// engine that is dropped so leaves nobody else stuck.
pub(super) fn denied_stuck() -> Result<Value, ScenarioError> {
    let (w, other) = (world(Protocol::Int3)?, world(Protocol::Int3)?);
    refuse(libc::SYS_membarrier)?;
    let all: Vec<i32> = (libc::SIGRTMIN()..=libc::SIGRTMAX()).collect();
    let told = with_blocking_thread(&all, || -> Result<Value, ScenarioError> {
        let stuck = w.engine.apply(&w.plan(0, 1)?).err();
        let meanwhile = (w.f)();
        let mut b = Builder::new();
        b.ret();
        let load = w.engine.load(b, w.me).err().map(|e| e.to_string());
        let retire = w.engine.retire(w.region, w.me).err();
        let resume = w.engine.resume().err();
        let others = other.engine.apply(&other.plan(0, 1)?).err();
        let told = json!({
            "stuck": matches!(stuck, Some(PokeError::Stuck { .. })), "meanwhile": meanwhile, "load": load,
            "retire": matches!(retire, Some(PokeError::Unfinished)), "resume": matches!(resume, Some(PokeError::Stuck { .. })),
            "others": others.is_some(), "ran": (other.f)(),
        });
        drop(w);
        Ok(told)
    })?;
    let after = other.engine.apply(&other.plan(0, 1)?)?.written;
    Ok(json!({ "told": told, "after": after, "ran": (other.f)() }))
}

/// Denied, and a thread cannot be stopped: text that is to be freed is as it was, and is freed later.
pub(super) fn free_fails() -> Result<Value, ScenarioError> {
    let w = world(Protocol::Int3)?;
    let mut b = Builder::new();
    b.code(&[0xb8, 9, 0, 0, 0]).ret();
    let image = w.engine.load(b, w.me)?.region;
    let before = w.engine.text().read(image.addr(), image.len())?;
    // SAFETY: laid out above: takes nothing, returns in RAX.
    let nine: extern "C" fn() -> u64 = unsafe { std::mem::transmute(image.addr() as usize) };
    refuse(libc::SYS_membarrier)?;
    let all: Vec<i32> = (libc::SIGRTMIN()..=libc::SIGRTMAX()).collect();
    let told = with_blocking_thread(&all, || -> Result<Value, ScenarioError> {
        // SAFETY: nobody runs it, and nothing leads there.
        let freed = unsafe { w.engine.free(image, w.me) }.err().map(|e| e.to_string());
        let same = w.engine.text().read(image.addr(), image.len())? == before;
        let retired = w.engine.retire(image, w.me)?;
        let reclaimed = w.engine.try_reclaim(retired).err().map(|e| e.1.to_string());
        Ok(json!({ "free": freed, "same": same, "ran": nine(), "reclaim": reclaimed }))
    })?;
    // SAFETY: as above.
    let later = unsafe { w.engine.free(image, w.me) }.is_ok();
    Ok(json!({ "told": told, "later": later }))
}

/// Engines until memory is exhausted: an error, and those before it go on.
pub(super) fn exhausted() -> Result<Value, ScenarioError> {
    let limit = libc::rlimit { rlim_cur: 600 << 20, rlim_max: 600 << 20 };
    // SAFETY: sets a limit of this process.
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    let arena = ArenaOptions { chunk_len: 8 << 20, ..ArenaOptions::default() };
    let mut engines = Vec::new();
    let error = loop {
        let engine = Engine::new(Options { arena, ..Options::default() })?;
        let me = engine.holder(MechanismId::TEXT, "hazard")?;
        let mut b = Builder::new();
        let f = b.function("seven");
        b.code(&[0xb8, 7, 0, 0, 0]).ret();
        match engine.load(b, me) {
            Ok(loaded) => engines.push((engine, loaded.addr(f)?)),
            Err(error) => break error.to_string(),
        }
    };
    let run = |addr: u64| {
        // SAFETY: laid out above: takes nothing, returns in RAX.
        let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(addr as usize) };
        f() == 7
    };
    Ok(json!({ "engines": engines.len(), "error": error, "ran": engines.iter().all(|(_, addr)| run(*addr)) }))
}

static WORLD: OnceLock<(World, Plan)> = OnceLock::new();
static TOLD: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

extern "C" fn on_alarm(_: libc::c_int) {
    let Some((w, plan)) = WORLD.get() else { return };
    let which = match w.engine.apply(plan) {
        Err(PokeError::Reentered) => 0,
        Err(_) => 1,
        Ok(_) => 2,
    };
    TOLD[which].fetch_add(1, Ordering::Relaxed);
    // Each takes a lock that its own thread may hold: an answer or a refusal, and no wait.
    let text = w.engine.text();
    let asked = [
        w.engine.ledger().is_ok(),
        w.engine.stats().is_ok(),
        w.engine.grace().executors().is_ok(),
        text.symbol(w.site.addr()).is_ok(),
        text.lookup("hazard").is_ok(),
        text.extents().is_ok(),
    ];
    std::hint::black_box(asked);
}

/// A handler patches while its own thread may be inside the engine: refused then, and never a deadlock.
pub(super) fn signal_handler() -> Result<Value, ScenarioError> {
    let w = world(Protocol::Int3)?;
    let (there, back) = (w.plan(0, 1)?, w.plan(1, 0)?);
    let (w, there) = WORLD.get_or_init(|| (w, there));
    let every = libc::timeval { tv_sec: 0, tv_usec: 300 };
    let timer = libc::itimerval { it_interval: every, it_value: every };
    // SAFETY: a handler of this type, and a timer on the stack.
    unsafe {
        libc::signal(libc::SIGALRM, on_alarm as extern "C" fn(libc::c_int) as libc::sighandler_t);
        libc::setitimer(libc::ITIMER_REAL, &raw const timer, std::ptr::null_mut());
    }
    let start = std::time::Instant::now();
    let mut done = 0;
    while start.elapsed() < std::time::Duration::from_millis(1500) {
        // Whoever came first; what is there then is refused or changed.
        done += usize::from(w.engine.apply(there).is_ok()) + usize::from(w.engine.apply(&back).is_ok());
        let held = w.engine.ledger()?;
        std::hint::black_box(held.len());
        drop(held);
        drop(w.engine.grace().register("handler")?);
        std::hint::black_box((w.engine.stats()?, w.engine.text().symbol(w.site.addr())?));
    }
    // SAFETY: ignores the signal from now on.
    unsafe { libc::signal(libc::SIGALRM, libc::SIG_IGN) };
    let [reentered, refused, applied] = TOLD.each_ref().map(|n| n.load(Ordering::Relaxed));
    Ok(json!({ "done": done, "reentered": reentered, "refused": refused, "applied": applied }))
}
