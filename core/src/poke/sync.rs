//! Serialising the other cores: membarrier(2) with PRIVATE_EXPEDITED_SYNC_CORE.
//!
//! It interrupts every core that runs this process, and the return to user mode serialises; a thread that is
//! not running serialises when it is scheduled. It does not reach other processes, which is why text is
//! not inherited over fork. It does not wait for a SIGTRAP that is raised and not yet delivered: see
//! [`super::trap`] for what follows from that.

use std::io;

const SYNC_CORE: libc::c_int = 1 << 5;
const REGISTER_SYNC_CORE: libc::c_int = 1 << 6;

fn membarrier(command: libc::c_int) -> io::Result<libc::c_long> {
    // SAFETY: a system call with integer arguments that touches no memory of ours.
    let got = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if got < 0 { Err(io::Error::last_os_error()) } else { Ok(got) }
}

/// Registers this process; needed once before [`core_sync`], cheap to repeat.
///
/// # Errors
/// `ENOSYS` without membarrier(2) (old kernels, some sandboxes), `EINVAL` without SYNC_CORE.
pub fn register() -> io::Result<()> {
    let commands = membarrier(0)?;
    if commands & libc::c_long::from(SYNC_CORE) == 0 {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    membarrier(REGISTER_SYNC_CORE).map(drop)
}

/// After this returns, every thread of this process has executed a serialising instruction since the call.
///
/// # Errors
/// `EPERM` if not registered; `ENOMEM` is retried.
pub fn core_sync() -> io::Result<()> {
    for _ in 0..8 {
        match membarrier(SYNC_CORE) {
            Err(e) if e.raw_os_error() == Some(libc::ENOMEM) => std::thread::yield_now(),
            other => return other.map(drop),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ENOMEM))
}
