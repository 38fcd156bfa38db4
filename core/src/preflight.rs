//! What must hold before text may be poked here: the right process, signals as needed, no shadow stack.

use std::mem::MaybeUninit;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::grace::executors;
use crate::poke::error::PokeError;
use crate::poke::trap;
use crate::process::PerProcess;

/// Other threads' signal masks are read from /proc, which costs some 10 us a thread: again when an executor came or
/// went, and otherwise at most once in this time.
const RESCAN: Duration = Duration::from_millis(10);
/// Signal 32, which the C library keeps for itself: a program cannot block it, and the library does, with the others, while a
/// thread begins or ends (signal 33, its second, stays open at the end). Such a thread runs no patched text.
const IN_LIBC: u64 = 1 << 31;
const ARCH_SHSTK_STATUS: libc::c_long = 0x5005;
const ARCH_SHSTK_SHSTK: u64 = 1;

/// The calling thread's id.
pub(crate) fn gettid() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    (unsafe { libc::syscall(libc::SYS_gettid) }) as i32
}

/// Whether the calling thread runs with a shadow stack; CPUID alone does not tell.
pub(crate) fn shadow_stack() -> bool {
    let mut features = 0u64;
    // SAFETY: arch_prctl(ARCH_SHSTK_STATUS) writes eight bytes to the given place, or fails.
    let got = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SHSTK_STATUS, &raw mut features) };
    got == 0 && features & ARCH_SHSTK_SHSTK != 0
}

/// Whether a trap would kill the calling thread.
pub(crate) fn this_thread() -> Result<(), PokeError> {
    let mut mask = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: asks only; `mask` is a valid place, and zeroes are a valid set.
    let blocked = unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), mask.as_mut_ptr());
        libc::sigismember(mask.as_ptr(), libc::SIGTRAP) == 1
    };
    if blocked { Err(PokeError::TrapBlocked { tid: gettid() }) } else { Ok(()) }
}

/// The first thread that blocks SIGTRAP or has a shadow stack, from /proc/self/task/*/status.
fn other_threads(stack: bool) -> Result<(), PokeError> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Ok(()) };
    for task in tasks.flatten() {
        let Some(tid) = task.file_name().to_str().and_then(|s| s.parse().ok()) else { continue };
        // A thread that ended meanwhile has no file.
        let Ok(status) = std::fs::read_to_string(task.path().join("status")) else { continue };
        for line in status.lines() {
            if let Some(mask) = line.strip_prefix("SigBlk:") {
                let mask = u64::from_str_radix(mask.trim(), 16).unwrap_or(0);
                if mask >> (libc::SIGTRAP - 1) & 1 == 1 && mask & IN_LIBC == 0 {
                    return Err(PokeError::TrapBlocked { tid });
                }
            }
            if stack && line.strip_prefix("x86_Thread_features:").is_some_and(|f| f.contains("shstk")) {
                return Err(PokeError::ShadowStack { tid });
            }
        }
    }
    Ok(())
}

/// Everything that the breakpoint protocol needs. `force` reads every thread's mask even if that was done just now.
pub(crate) fn for_int3(touches_stack: bool, force: bool) -> Result<(), PokeError> {
    static LAST: PerProcess<Mutex<Option<(Instant, u64, bool)>>> = PerProcess::new();
    trap::check()?;
    this_thread()?;
    if touches_stack && shadow_stack() {
        return Err(PokeError::ShadowStack { tid: gettid() });
    }
    let changes = executors::changes();
    let mut last = LAST.get().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let fresh =
        last.is_some_and(|(at, seen, stack)| at.elapsed() < RESCAN && seen == changes && stack >= touches_stack);
    if force || !fresh {
        *last = None;
        other_threads(touches_stack)?;
        *last = Some((Instant::now(), changes, touches_stack));
    }
    Ok(())
}
