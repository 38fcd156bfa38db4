//! 2025: one write, put behind a batch that was waiting.

use super::story::{Episode, Kind, Log, Rule, Verdict};
use crate::runner::ScenarioError;

pub(super) const EPISODE: Episode = Episode {
    name: "broken-array",
    year: "2025",
    kind: Kind::Incident,
    title: "a single write was added to the array of a queued batch: unsorted, so the trap handler did not find its site",
    old: "arch/x86/kernel/alternative.c: smp_text_poke_single(), v6.16-rc1: add, then finish",
    new: "v6.16: finish what is queued, then add, then finish (2aebf5ee43bf)",
    events: &["text-poke-single-shares-array", "text-poke-broken-array"],
    not_modelled: "bytes: the array and the handler's search are the model; here a plan is sorted and cannot be added to",
    story,
};

/// Entries of the kernel's array.
const MAX: usize = 256;

/// The array that writes are queued in; the trap handler searches it by bisection.
#[derive(Default)]
struct Array {
    queued: Vec<u64>,
    written: usize,
    missed: Vec<u64>,
    overflow: bool,
}

impl Array {
    /// `smp_text_poke_batch_add()`: flushes first if it is full, or would be unsorted.
    fn add(&mut self, addr: u64) {
        if self.queued.len() == MAX || self.queued.last().is_some_and(|&last| last > addr) {
            self.finish();
        }
        self.queued.push(addr);
    }

    /// `smp_text_poke_single()`.
    fn single(&mut self, addr: u64, rule: Rule) {
        if rule == Rule::New {
            self.finish();
        }
        self.overflow |= self.queued.len() == MAX;
        self.queued.push(addr);
        self.finish();
    }

    /// Writes a breakpoint to each site; somebody hits each of them.
    fn finish(&mut self) {
        for &addr in &self.queued {
            if self.queued.binary_search(&addr).is_err() {
                self.missed.push(addr);
            }
        }
        self.written += self.queued.len();
        self.queued.clear();
    }
}

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let mut missed = Vec::new();
    let mut overflow = false;
    for (queued, single) in [(3, 0x1000), (3, 0x9000), (255, 0x1000), (256, 0x90_0000)] {
        let mut array = Array::default();
        (0..queued).for_each(|i| array.add(0x4000 + 16 * i));
        array.single(single, rule);
        let hits: Vec<_> = array.missed.iter().map(|a| format!("{a:#x}")).collect();
        let text = match (hits.is_empty(), array.overflow) {
            (true, false) => "every breakpoint is found".to_owned(),
            (false, false) => format!("not found: {}", hits.join(", ")),
            (_, true) => "an entry is written behind the array".to_owned(),
        };
        log.step(format!("{queued} queued from 0x4000 on, then a single write at {single:#x}"), text);
        missed.append(&mut array.missed);
        overflow |= array.overflow;
    }
    if missed.is_empty() && !overflow {
        return Ok(Verdict::Holds("the batch is finished first: the array is sorted, and has room".into()));
    }
    Ok(Verdict::Broken(format!(
        "{} breakpoints that the handler does not know: in the kernel an oops{}",
        missed.len(),
        if overflow { ", and a write behind the array" } else { "" }
    )))
}
