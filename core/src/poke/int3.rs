//! The breakpoint protocol, for a batch of any size (the kernel's `smp_text_poke_batch_finish()`, v6.16,
//! formerly `text_poke_bp_batch()`):
//!
//! 0. publish the plan;
//! 1. a breakpoint into every first byte; **sync**: nobody runs the old instruction, who hits the breakpoint acts as
//!    the new one;
//! 2. the bytes behind the first; **sync**;
//! 3. the new first bytes; **sync**: nobody meets a breakpoint any more, except in a trap already taken;
//! 4. withdraw the plan.
//!
//! For one thread a site changes when it first fetches the breakpoint: some time between the first store of step 1 and
//! the return of its sync. Different sites change independently.

use std::io;
use std::time::Instant;

use super::lock::TextLock;
use super::variant::Variant;
use super::{Cursor, Phase, PokeError, Poked, Probe, stop, trap};
use crate::entry;
use crate::isa::INT3;
use crate::plan::Plan;
use crate::text::Text;

/// A batch between its steps; kept if it cannot be finished.
pub(crate) struct Batch {
    pub(crate) plan: Plan,
    done: Phase,
    syncs: usize,
    tails: bool,
    variant: Variant,
}

impl Batch {
    pub(crate) fn new(plan: Plan, variant: Variant) -> Self {
        Self { plan, done: Phase::Start, syncs: 0, tails: false, variant }
    }

    /// Runs the steps that are left. On an error the batch can be run again.
    pub(crate) fn run(&mut self, text: &Text, lock: &TextLock, probe: Probe<'_>) -> Result<Poked, PokeError> {
        let began = Instant::now();
        while self.done < Phase::Done {
            let stuck = |phase| move |source: io::Error| PokeError::Stuck { phase, source };
            entry::outside(|| probe(self.done)).map_err(stuck(self.done))?;
            let next = self.step(text, lock).map_err(|e| match e {
                Fault::Sync(source) => PokeError::Stuck { phase: self.done, source },
                Fault::Text(e) => e.into(),
            })?;
            self.done = next;
        }
        Ok(Poked { syncs: self.syncs, began, ended: Instant::now() })
    }

    fn step(&mut self, text: &Text, lock: &TextLock) -> Result<Phase, Fault> {
        let mut cursor = Cursor::new(text);
        Ok(match self.done {
            Phase::Start => {
                if self.variant == Variant::NaiveStore {
                    for p in self.plan.patches() {
                        cursor.at(p.addr(), p.len())?.store_naive(p.addr(), p.after(), lock);
                    }
                    self.sync(lock)?;
                    return Ok(Phase::Done);
                }
                trap::publish(&self.plan);
                Phase::Published
            }
            Phase::Published => {
                let tail_first = self.variant == Variant::TailFirst;
                cursor.spans(&self.plan, |chunk, span| {
                    if tail_first {
                        chunk.store_tails(span, lock);
                    }
                    chunk.store_heads(span.addrs, std::iter::repeat(INT3), lock);
                })?;
                Phase::Trapped
            }
            Phase::Trapped => {
                self.sync(lock)?;
                Phase::Sync1
            }
            Phase::Sync1 => {
                let mut tails = false;
                cursor.spans(&self.plan, |chunk, span| tails |= chunk.store_tails(span, lock))?;
                self.tails = tails;
                Phase::Tails
            }
            Phase::Tails => {
                // With equal tails there is nothing to order.
                if self.tails {
                    self.sync(lock)?;
                }
                Phase::Sync2
            }
            Phase::Sync2 => {
                cursor.spans(&self.plan, |chunk, span| {
                    chunk.store_heads(span.addrs, span.heads.iter().copied(), lock);
                })?;
                Phase::Heads
            }
            Phase::Heads => {
                self.sync(lock)?;
                Phase::Sync3
            }
            Phase::Sync3 | Phase::Done => {
                trap::withdraw();
                Phase::Done
            }
        })
    }

    fn sync(&mut self, lock: &TextLock) -> Result<(), Fault> {
        stop::sync_or_stop(lock).map_err(Fault::Sync)?;
        self.syncs += 1;
        Ok(())
    }
}

enum Fault {
    Sync(io::Error),
    Text(crate::text::TextError),
}

impl From<crate::text::TextError> for Fault {
    fn from(e: crate::text::TextError) -> Self {
        Self::Text(e)
    }
}
