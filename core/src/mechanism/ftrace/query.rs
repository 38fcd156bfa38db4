//! Questions to ftrace, for those who share a site with it.

use super::{Bug, Direct, Ftrace, Ops};
use crate::holder::HolderId;
use crate::isa::{self, PATCH_SIZE};

impl Ftrace {
    /// Why it is dead, if it is.
    #[must_use]
    pub fn bug(&self) -> Option<Bug> {
        self.lock().dead.clone()
    }

    /// The holder of its bytes.
    #[must_use]
    pub fn holder(&self) -> HolderId {
        self.holder
    }

    /// The site of the function at `addr`: there, or behind its `endbr64`. Since aebfd12521d9
    /// (20220308154318.227581603@infradead.org, v5.18) `ftrace_location()` answers so; before, only
    /// [`Ftrace::location`].
    #[must_use]
    pub fn entry(&self, addr: u64) -> Option<u64> {
        let endbr = self.engine.text().bytes(addr, 4).is_ok_and(|b| b.as_slice() == isa::ENDBR64);
        [addr, addr + 4].into_iter().take(if endbr { 2 } else { 1 }).find(|&a| self.location(a))
    }

    /// Whether `kernel.ftrace_enabled` is on.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.lock().enabled
    }

    /// The ops that changes the instruction pointer at a site, if there is one.
    #[must_use]
    pub fn ipmodify(&self, ip: u64) -> Option<String> {
        let state = self.lock();
        state.ops.iter().find(|r| r.ops.0.flags.ipmodify && r.ops.wants(ip)).map(|r| r.ops.name().to_owned())
    }

    /// The direct call at a site, if there is one.
    #[must_use]
    pub fn direct(&self, ip: u64) -> Option<Direct> {
        self.lock().directs.get(&ip).copied()
    }

    /// The site that has `addr` among its bytes.
    #[must_use]
    pub fn around(&self, addr: u64) -> Option<u64> {
        let state = self.lock();
        let (&ip, _) = state.records.range(..=addr).next_back()?;
        (addr < ip + PATCH_SIZE as u64).then_some(ip)
    }

    /// Since v6.0 a trampoline's direct call does not keep `ftrace_enabled` on: its ops is not permanent any more.
    pub fn let_directs_be_switched_off(&self) {
        self.lock().directs_permanent = false;
    }

    /// Since v7.3 `kernel.ftrace_enabled` is deprecated: writing 0 to it is refused, and every user runs on.
    pub fn deprecate_sysctl(&self) {
        self.lock().sysctl_deprecated = true;
    }

    /// The owner of the direct call at `ip` has agreed to share it with a user of IPMODIFY (`ops_func`, v6.0).
    pub(crate) fn share_direct(&self, ip: u64) {
        self.lock().shared.insert(ip);
    }

    /// The user of IPMODIFY has left; the next one asks again.
    pub(crate) fn unshare_direct(&self, ip: u64) {
        self.lock().shared.remove(&ip);
    }

    /// What `echo function > current_tracer` does: registers, and does not look at the result
    /// (`kernel/trace/trace_functions.c: function_trace_init()`, v5.4). True means that the write succeeds.
    pub fn start_tracer(&self, ops: &Ops) -> bool {
        if self.lock().dead.is_some() {
            return false;
        }
        let _ = self.register(ops);
        true
    }
}
