//! Calls that are safe, from where nobody should call: a child of fork, a signal handler, a process that is denied what
//! the engine needs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::{World, refuse, with_blocking_thread, world};
use crate::runner::ScenarioError;
use provenance_engine::plan::Plan;
use provenance_engine::poke::{PokeError, Protocol};
use provenance_engine::text::{Builder, TextError};

/// A child reads, asks for a site, loads, registers and drops: each is told that it is another process, and what it has
/// mapped in the place of the text stays. An engine of its own works.
pub(super) fn fork_child() -> Result<Value, ScenarioError> {
    let w = world(Protocol::Int3)?;
    let (extent, at) = (w.engine.text().extents().remove(0), w.site.addr());
    // SAFETY: no other thread runs here, so no lock is held by one.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let forked = |e: &TextError| matches!(e, TextError::Forked { .. });
        let mut b = Builder::new();
        b.ret();
        let mut told = [
            w.engine.text().read(at, 5).is_err_and(|e| forked(&e)),
            w.engine.text().site(at, 5).is_err_and(|e| forked(&e)),
            matches!(w.engine.load(b, w.me), Err(PokeError::Forked { .. })),
            w.engine.grace().register("child").is_err_and(|e| e.to_string().contains("belongs to process")),
            matches!(w.engine.resume(), Err(PokeError::Forked { .. })),
            false,
            false,
        ];
        let len = (extent.end - extent.start) as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let rights = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: replaces no mapping.
        let mine = unsafe { libc::mmap(extent.start as *mut libc::c_void, len, rights, flags, -1, 0) };
        if mine as u64 == extent.start {
            drop(w);
            // SAFETY: mapped above; if the drop took it away, this process dies, which its parent reports.
            told[5] = unsafe {
                mine.cast::<u8>().write_volatile(42);
                mine.cast::<u8>().read_volatile() == 42
            };
        }
        told[6] = world(Protocol::Int3)
            .is_ok_and(|own| own.plan(0, 1).is_ok_and(|plan| own.engine.apply(&plan).is_ok()) && (own.f)() == 1);
        let code = told.iter().enumerate().map(|(i, yes)| i32::from(*yes) << i).sum();
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    Ok(json!({ "signal": status & 0x7f, "told": libc::WEXITSTATUS(status), "ran": (w.f)() }))
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
    }
    // SAFETY: ignores the signal from now on.
    unsafe { libc::signal(libc::SIGALRM, libc::SIG_IGN) };
    let [reentered, refused, applied] = TOLD.each_ref().map(|n| n.load(Ordering::Relaxed));
    Ok(json!({ "done": done, "reentered": reentered, "refused": refused, "applied": applied }))
}
