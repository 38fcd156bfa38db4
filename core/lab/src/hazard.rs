//! What a process can do to a patcher: late traps forced one by one, signals blocked or taken, forks, missing system
//! calls. Each case reports what happened; tests judge.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::runner::{Reporter, ScenarioError};
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::internals::{self, Gate};
use provenance_engine::isa::{Bytes, Insn};
use provenance_engine::ledger::Sharing;
use provenance_engine::plan::{Change, Plan};
use provenance_engine::poke::trap;
use provenance_engine::poke::{Phase, PokeError, Protocol};
use provenance_engine::site::Site;
use provenance_engine::text::{ArenaOptions, Builder, Placement, Region};

mod safe;

struct World {
    engine: Engine,
    region: Region,
    me: provenance_engine::holder::HolderId,
    site: Site,
    f: extern "C" fn() -> u64,
    targets: [u64; 2],
}

/// A function that returns 0 with a nop at its site, 1 or 2 with a call to one of the targets.
fn world(protocol: Protocol) -> Result<World, ScenarioError> {
    let engine = Engine::new(Options { protocol, ..Options::default() })?;
    let me = engine.holder(MechanismId::TEXT, "hazard")?;
    let mut b = Builder::new();
    let targets = [1u8, 2].map(|n| {
        let t = b.here();
        b.code(&[0xb8, n, 0, 0, 0]).ret();
        b.at(16, 0);
        t
    });
    let f = b.function("hazard");
    b.code(&[0x31, 0xc0]);
    let site = b.here();
    b.code(provenance_engine::isa::nop(5)).ret();
    let loaded = engine.load(b, me)?;
    // SAFETY: the function laid out above keeps nothing on the stack.
    let site = unsafe { engine.text().site(loaded.addr(site)?, 5)?.as_call() };
    engine.claim(site, Bytes::nop5(), me, Sharing::Exclusive, "nothing")?;
    // SAFETY: laid out above: takes nothing, returns in RAX; the arena outlives all calls in this process.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(loaded.addr(f)? as usize) };
    let targets = [loaded.addr(targets[0])?, loaded.addr(targets[1])?];
    Ok(World { engine, region: loaded.region, me, site, f, targets })
}

impl World {
    fn plan(&self, from: u64, to: u64) -> Result<Plan, ScenarioError> {
        let insn = |n: u64| if n == 0 { Insn::Nop(5) } else { Insn::Call(self.targets[n as usize - 1]) };
        Ok(Plan::new(self.me, [Change::new(self.site, insn(from).encode(self.site.addr())?, insn(to))])?)
    }

    fn bytes(&self) -> String {
        self.engine.text().bytes(self.site.addr(), 5).map_or_else(|e| e.to_string(), |b| b.to_string())
    }

    /// The error of a poke, and the bytes after it.
    fn refused(&self) -> Result<Value, ScenarioError> {
        let before = self.bytes();
        let result = self.engine.apply(&self.plan(0, 1)?);
        Ok(json!({
            "error": result.as_ref().err().map(ToString::to_string),
            "unchanged": before == self.bytes(),
        }))
    }
}

fn until(what: &str, done: impl Fn() -> bool) -> io::Result<()> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > Duration::from_secs(5) {
            return Err(io::Error::other(format!("waited 5 s for {what}")));
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// One executor traps once, is held in the handler at `gate`, and let go at `release`: `heads` (first byte rewritten,
/// last sync to come), `after` (batch over), `next` (the next batch's breakpoint stands).
///
/// # Errors
/// If the trap cannot be forced.
pub fn late_trap(params: &Value, _: &mut Reporter) -> Result<Value, ScenarioError> {
    let word = |key: &str| params.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let gate = if word("gate") == "decided" { Gate::Decided } else { Gate::Entry };
    let release = word("release");
    let w = world(Protocol::Int3)?;
    let go = AtomicBool::new(false);
    let (send, results) = channel();
    let before = w.engine.stats()?;
    std::thread::scope(|scope| -> Result<Value, ScenarioError> {
        let (engine, f, go) = (w.engine.clone(), w.f, &go);
        scope.spawn(move || {
            let executor = engine.grace().register("held");
            while !go.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            let _ = send.send(f());
            drop(executor);
        });
        until("the executor", || w.engine.grace().executors().is_ok_and(|n| n == 1))?;
        internals::hold(gate);
        let open = || -> io::Result<()> {
            internals::hold(Gate::Open);
            until("the handler to leave the gate", || internals::waiting() == 0)
        };
        internals::apply_probed(&w.engine, &w.plan(0, 1)?, Protocol::Int3, &mut |phase| {
            if phase == Phase::Trapped {
                go.store(true, Ordering::SeqCst);
                until("the executor to trap", || internals::waiting() == 1)?;
            }
            if phase == Phase::Heads && release == "heads" {
                open()?;
            }
            Ok(())
        })?;
        let (mut expected, mut stood) = (1, "new");
        match release.as_str() {
            "after" => open()?,
            "next" => {
                expected = 2;
                stood = "newest";
                internals::apply_probed(&w.engine, &w.plan(1, 2)?, Protocol::Int3, &mut |phase| {
                    if phase == Phase::Trapped { open() } else { Ok(()) }
                })?;
            }
            _ => {}
        }
        let got = results.recv_timeout(Duration::from_secs(5))?;
        let stats = w.engine.stats()?;
        Ok(json!({
            "got": got, "expected": expected, "state": stood,
            "late": stats.late - before.late, "retries": stats.retries - before.retries, "traps": stats.traps - before.traps,
        }))
    })
}

fn block(signal: i32, how: i32) {
    // SAFETY: a set of one signal on the stack, for the calling thread.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut());
    }
}

/// Runs `f` while another thread blocks all of `signals` and waits.
fn with_blocking_thread<R>(signals: &[i32], f: impl FnOnce() -> R) -> R {
    let (ready, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            signals.iter().for_each(|&s| block(s, libc::SIG_BLOCK));
            ready.store(true, Ordering::SeqCst);
            while !stop.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        });
        while !ready.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let result = f();
        stop.store(true, Ordering::SeqCst);
        result
    })
}

static FOREIGN: AtomicU64 = AtomicU64::new(0);
extern "C" fn foreign(_: i32) {
    FOREIGN.fetch_add(1, Ordering::SeqCst);
}

fn install_foreign() {
    // SAFETY: a handler that touches one atomic.
    unsafe { libc::signal(libc::SIGTRAP, foreign as extern "C" fn(i32) as libc::sighandler_t) };
}

/// Lets the kernel refuse a system call with ENOSYS, for the rest of this process.
fn refuse(call: libc::c_long) -> io::Result<()> {
    let op = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    // Load the number; if it is `call`, ENOSYS, else allow.
    let mut program = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 0, 1),
        op(libc::BPF_RET | libc::BPF_K, 0x0005_0000 | libc::ENOSYS as u32, 0, 0),
        op(libc::BPF_RET | libc::BPF_K, 0x7fff_0000, 0, 0),
    ];
    let filter = libc::sock_fprog { len: 4, filter: program.as_mut_ptr() };
    // SAFETY: the filter outlives the call, which copies it.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_seccomp, 1, 1, &raw const filter) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes what is free where MAP_32BIT looks, for the rest of this process. How many bytes that was. By address, because the
/// kernel begins its own search at a random place.
fn take_low() -> usize {
    const STEP: usize = 64 << 10;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    let take = |at: usize| {
        // SAFETY: replaces no mapping, and nobody uses what it makes.
        let got = unsafe { libc::mmap(at as *mut libc::c_void, STEP, libc::PROT_NONE, flags, -1, 0) };
        got != libc::MAP_FAILED
    };
    (1 << 30..2 << 30).step_by(STEP).filter(|&at| take(at)).count() * STEP
}

/// One hazard, by `case`.
///
/// # Errors
/// If the hazard cannot be made.
pub fn run(params: &Value, _: &mut Reporter) -> Result<Value, ScenarioError> {
    match params.get("case").and_then(Value::as_str).unwrap_or_default() {
        "trap-blocked" => {
            let w = world(Protocol::Int3)?;
            with_blocking_thread(&[libc::SIGTRAP], || w.refused())
        }
        "trap-blocked-here" => {
            let w = world(Protocol::Int3)?;
            block(libc::SIGTRAP, libc::SIG_BLOCK);
            let register = w.engine.grace().register("blocked").err().map(|e| e.to_string());
            let mut result = w.refused()?;
            result["register"] = json!(register);
            Ok(result)
        }
        "threads-come-and-go" => {
            let w = world(Protocol::Int3)?;
            let stop = AtomicBool::new(false);
            let refused = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let _ = std::thread::spawn(|| {}).join();
                    }
                });
                let start = Instant::now();
                let mut refused = None;
                while refused.is_none() && start.elapsed() < Duration::from_millis(500) {
                    refused = w.engine.preflight().err().map(|e| e.to_string());
                }
                stop.store(true, Ordering::Relaxed);
                refused
            });
            Ok(json!({ "error": refused }))
        }
        "handler-taken" => {
            let w = world(Protocol::Int3)?;
            install_foreign();
            let mut result = w.refused()?;
            trap::reinstall()?;
            let applied = w.engine.apply(&w.plan(0, 1)?)?;
            // SAFETY: raises a signal that is handled.
            unsafe { libc::raise(libc::SIGTRAP) };
            result["after reinstall"] =
                json!({ "written": applied.written, "ran": (w.f)(), "foreign": FOREIGN.load(Ordering::SeqCst) });
            Ok(result)
        }
        "foreign-trap" => {
            install_foreign();
            let w = world(Protocol::Int3)?;
            // SAFETY: both traps go to the handler installed above, which returns behind them.
            unsafe {
                libc::raise(libc::SIGTRAP);
                std::arch::asm!("int3");
            }
            let stats = w.engine.stats()?;
            Ok(json!({ "seen": FOREIGN.load(Ordering::SeqCst), "foreign": stats.foreign, "late": stats.late }))
        }
        "foreign-default" => {
            let _w = world(Protocol::Int3)?;
            // SAFETY: kills this process, which is the point.
            unsafe { std::arch::asm!("int3") };
            Ok(json!("survived"))
        }
        "rip-at-site" => rip_at_site(),
        "no-membarrier" => {
            refuse(libc::SYS_membarrier)?;
            let asked = Engine::new(Options { protocol: Protocol::Int3, ..Options::default() });
            let w = world(Protocol::Auto)?;
            let applied = w.engine.apply(&w.plan(0, 1)?)?;
            Ok(
                json!({ "int3": asked.err().map(|e| e.to_string()), "protocol": w.engine.protocol(), "written": applied.written, "ran": (w.f)() }),
            )
        }
        "no-memfd" => {
            refuse(libc::SYS_memfd_create)?;
            let engine = Engine::new(Options::default())?;
            let me = engine.holder(MechanismId::TEXT, "hazard")?;
            let mut b = Builder::new();
            b.ret();
            Ok(json!({ "error": engine.load(b, me).err().map(|e| e.to_string()) }))
        }
        "no-memory" => {
            let engine = Engine::new(Options {
                arena: ArenaOptions { chunk_len: 1 << 33, ..ArenaOptions::default() },
                ..Options::default()
            })?;
            let limit = libc::rlimit { rlim_cur: 1 << 32, rlim_max: 1 << 32 };
            // SAFETY: sets a limit of this process.
            unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
            let me = engine.holder(MechanismId::TEXT, "hazard")?;
            let mut b = Builder::new();
            b.ret();
            Ok(json!({ "error": engine.load(b, me).err().map(|e| e.to_string()) }))
        }
        "no-low" => {
            let taken = take_low();
            let load = |placement| -> Result<_, PokeError> {
                let engine = Engine::new(Options {
                    arena: ArenaOptions { placement, ..ArenaOptions::default() },
                    ..Options::default()
                })?;
                let me = engine.holder(MechanismId::TEXT, "hazard")?;
                let mut b = Builder::new();
                b.ret();
                Ok(engine.load(b, me)?.region.addr())
            };
            let low = load(Placement::Low).err().map(|e| e.to_string());
            let elsewhere = load(Placement::PreferLow)? > u64::from(u32::MAX);
            Ok(json!({ "taken": taken, "error": low, "elsewhere": elsewhere }))
        }
        "did-not-park" => {
            let w = world(Protocol::Stop)?;
            let all: Vec<i32> = (libc::SIGRTMIN()..=libc::SIGRTMAX()).collect();
            let mut result = with_blocking_thread(&all, || w.refused())?;
            result["later"] = json!(w.engine.apply(&w.plan(0, 1)?)?.written);
            result["ran"] = json!((w.f)());
            Ok(result)
        }
        "fork" => fork(),
        "fork-child" => safe::fork_child(),
        "denied" => safe::denied(),
        "denied-stuck" => safe::denied_stuck(),
        "free-fails" => safe::free_fails(),
        "exhausted" => safe::exhausted(),
        "signal-handler" => safe::signal_handler(),
        "two-patchers" => two_patchers(),
        "stuck" => stuck(),
        "unregistered" => unregistered(),
        "mseal" => {
            let w = world(Protocol::Int3)?;
            let sealed = w.engine.text().mseal();
            let extent = w.engine.text().extents()?.remove(0);
            // SAFETY: asks for what must be refused; if it is not, nothing runs there.
            let got = unsafe {
                libc::mprotect(
                    extent.start as *mut libc::c_void,
                    (extent.end - extent.start) as usize,
                    libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
                )
            };
            let patched = w.engine.apply(&w.plan(0, 1)?)?.written;
            Ok(
                json!({ "sealed": sealed.err().map(|e| e.to_string()), "mprotect": got, "patched": patched, "ran": (w.f)() }),
            )
        }
        other => Err(format!("no hazard is called {other:?}").into()),
    }
}

/// A SIGTRAP as under a debugger, which has set RIP back to the site: the handler is given such a context, at rest and
/// while the breakpoint stands.
fn rip_at_site() -> Result<Value, ScenarioError> {
    let w = world(Protocol::Int3)?;
    let (at, target) = (w.site.addr(), w.targets[0]);
    let before = w.engine.stats()?;
    let mut stack = [0u64; 4];
    let top = (&raw mut stack[3]) as u64;
    // SAFETY: the stack is of this function, and so are the eight bytes below its top.
    let at_rest = unsafe { internals::deliver(at, top) };
    let (mut trapped, mut odd) = (None, None);
    // A stack pointer that is a multiple of nothing, which the processor takes as well.
    let mut bytes = [0u8; 33];
    let crooked = (&raw mut bytes[17]) as u64 | 1;
    internals::apply_probed(&w.engine, &w.plan(0, 1)?, Protocol::Int3, &mut |phase| {
        if phase == Phase::Trapped {
            // SAFETY: as above.
            trapped = Some(unsafe { internals::deliver(at, top) });
            // SAFETY: as above; sixteen bytes are before it, and fifteen behind.
            odd = Some(unsafe { internals::deliver(at, crooked) });
        }
        Ok(())
    })?;
    let stats = w.engine.stats()?;
    Ok(json!({
        "at rest": at_rest == (at, top),
        "trapped": trapped == Some((target, top - 8)) && stack[2] == at + 5,
        "odd": odd == Some((target, crooked - 8)) && bytes.windows(8).any(|word| word == (at + 5).to_le_bytes()),
        "late": stats.late - before.late, "traps": stats.traps - before.traps, "foreign": stats.foreign - before.foreign,
    }))
}

fn fork() -> Result<Value, ScenarioError> {
    let w = world(Protocol::Int3)?;
    let plan = w.plan(0, 1)?;
    // SAFETY: the child calls only the engine's check, which fails before it takes a lock, and _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = match w.engine.apply(&plan) {
            Err(PokeError::Forked { .. }) => 42,
            Err(_) => 43,
            Ok(_) => 44,
        };
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    let written = w.engine.apply(&plan)?.written;
    Ok(json!({ "child": libc::WEXITSTATUS(status), "parent": written, "ran": (w.f)() }))
}

/// Two threads hold plans against the same bytes: one is applied, the other refused, and nothing hangs.
fn two_patchers() -> Result<Value, ScenarioError> {
    let w = world(Protocol::Int3)?;
    let (applied, refused, other) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let barrier = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for to in [1, 2] {
            let (w, applied, refused, other, barrier) = (&w, &applied, &refused, &other, &barrier);
            scope.spawn(move || {
                for round in 0..200u64 {
                    let Ok(plan) = w.plan(0, to) else { return };
                    barrier.wait();
                    let result = w.engine.apply(&plan);
                    match &result {
                        Ok(_) => applied.fetch_add(1, Ordering::SeqCst),
                        Err(PokeError::Refused(_)) => refused.fetch_add(1, Ordering::SeqCst),
                        Err(_) => other.fetch_add(1, Ordering::SeqCst),
                    };
                    barrier.wait();
                    if result.is_ok()
                        && let Ok(back) = w.plan(to, 0)
                    {
                        let _ = w.engine.apply(&back);
                    }
                    let _ = round;
                    barrier.wait();
                }
            });
        }
    });
    Ok(
        json!({ "applied": applied.into_inner(), "refused": refused.into_inner(), "other": other.into_inner(), "bytes": w.bytes() }),
    )
}

/// The patcher dies after the breakpoints: the site acts as the new instruction until somebody resumes.
fn stuck() -> Result<Value, ScenarioError> {
    let w = world(Protocol::Int3)?;
    let executor = w.engine.grace().register("main")?;
    let died = internals::apply_probed(&w.engine, &w.plan(0, 1)?, Protocol::Int3, &mut |phase| {
        if phase == Phase::Trapped { Err(io::Error::other("the patcher died")) } else { Ok(()) }
    });
    let meanwhile = (w.f)();
    let second = w.engine.apply(&w.plan(1, 2)?).err().map(|e| e.to_string());
    w.engine.resume()?;
    drop(executor);
    Ok(
        json!({ "error": died.err().map(|e| e.to_string()), "meanwhile": meanwhile, "second": second, "ran": (w.f)(), "bytes": w.bytes() }),
    )
}

/// A thread without an executor traps; debug builds refuse to reclaim then.
fn unregistered() -> Result<Value, ScenarioError> {
    let w = world(Protocol::Int3)?;
    let mut b = Builder::new();
    b.ret();
    let image = w.engine.load(b, w.me)?.region;
    internals::apply_probed(&w.engine, &w.plan(0, 1)?, Protocol::Int3, &mut |phase| {
        if phase == Phase::Sync1 {
            (w.f)();
        }
        Ok(())
    })?;
    let retired = w.engine.retire(image, w.me)?;
    let reclaim = w.engine.try_reclaim(retired).err().map(|e| e.1.to_string());
    Ok(json!({ "unregistered": w.engine.stats()?.unregistered, "reclaim": reclaim, "debug": cfg!(debug_assertions) }))
}
