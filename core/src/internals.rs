//! What experiments need and programs do not: mistakes on purpose, handlers that are held, patchers that die in
//! mid-batch. No part of the stable interface; it may change in any version.

use std::io;

pub use crate::mechanism::dispatcher::calibrate::track::{Track, looped, median, time};
pub use crate::poke::gate::{Gate, hold, waiting};
pub use crate::poke::variant::Variant;

use crate::engine::Engine;
use crate::holder::HolderId;
use crate::mechanism::MechanismError;
use crate::mechanism::dispatcher::Dispatcher;
use crate::mechanism::ftrace::{self, Ops};
use crate::mechanism::static_call::{Func, StaticCall};
use crate::plan::Plan;
use crate::poke::{Applied, Phase, PokeError, Protocol, trap};
use crate::site::Site;
use crate::text::{Region, TextError};

/// Applies a plan, and calls `probe` between the steps; its error ends the patcher in mid-batch.
///
/// # Errors
/// As [`Engine::apply`]; [`PokeError::Stuck`] with the probe's error.
pub fn apply_probed(
    engine: &Engine,
    plan: &Plan,
    protocol: Protocol,
    probe: &mut dyn FnMut(Phase) -> io::Result<()>,
) -> Result<Applied, PokeError> {
    engine.apply_probed(plan, protocol, Variant::Correct, probe)
}

/// Applies a plan with a mistake.
///
/// # Errors
/// As [`Engine::apply`].
///
/// # Safety
/// Threads that run the text meanwhile may do anything: the process is one that may die.
pub unsafe fn apply_wrongly(
    engine: &Engine,
    plan: &Plan,
    protocol: Protocol,
    variant: Variant,
) -> Result<Applied, PokeError> {
    engine.apply_probed(plan, protocol, variant, &mut |_| Ok(()))
}

/// Passes late traps on to the previous handler, for the rest of the process.
///
/// # Safety
/// As [`apply_wrongly`].
pub unsafe fn break_retry() {
    trap::break_retry();
}

/// Calls the trap handler as the kernel would for a breakpoint, with RIP and RSP as given; returns them as the handler
/// left them.
///
/// # Safety
/// `sp` points behind eight writable bytes and to eight readable ones: a call may be emulated there.
pub unsafe fn deliver(ip: u64, sp: u64) -> (u64, u64) {
    trap::deliver(ip, sp)
}

/// A site that nobody checked for its boundary.
///
/// # Errors
/// [`TextError::Foreign`] if no text is laid out there.
///
/// # Safety
/// As [`apply_wrongly`], for whoever stands inside it.
pub unsafe fn site(engine: &Engine, addr: u64, len: usize) -> Result<Site, TextError> {
    engine.text().site_over(addr, len)
}

/// The mistake of v5.6 to v6.1: a dispatcher without a grace period between updates.
///
/// # Safety
/// As [`apply_wrongly`], for whoever is inside an image.
#[must_use]
pub unsafe fn without_grace(dispatcher: Dispatcher) -> Dispatcher {
    dispatcher.without_grace()
}

/// Code that calls an ops' callback with all registers, and comes back. The ops must outlive it.
///
/// # Errors
/// If it cannot be loaded.
pub fn stub(engine: &Engine, holder: HolderId, ops: &Ops) -> Result<Region, MechanismError> {
    ftrace::stub(engine, holder, ops)
}

/// [`StaticCall::update_by_site`] with a call of `pace` before each site, outside of the time that is counted.
///
/// # Errors
/// As [`StaticCall::update_by_site`].
pub fn update_paced(key: &StaticCall, func: Func, pace: &mut dyn FnMut()) -> Result<Applied, MechanismError> {
    key.update_paced(func, pace)
}
