//! What happened to the text, in order: enough to replay it on a copy of the bytes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;
use std::time::Instant;

use crate::holder::HolderId;
use crate::isa::Bytes;
use crate::plan::Plan;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the process first asked.
pub(crate) fn now() -> u64 {
    START.elapsed().as_nanos() as u64
}

/// What happened. A batch is one event and shares its plan, so noting 10,000 sites costs as much as one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A range was claimed.
    Claimed {
        /// First byte.
        addr: u64,
        /// Length in bytes.
        len: usize,
        /// What was there.
        found: Bytes,
    },
    /// A claim was refused.
    Refused {
        /// First byte.
        addr: u64,
        /// What the asker expected.
        wanted: Bytes,
        /// What was there.
        found: Bytes,
    },
    /// A range changed hands.
    Transferred {
        /// First byte.
        addr: u64,
        /// Length in bytes.
        len: usize,
        /// The former holder.
        from: HolderId,
    },
    /// A range was given up.
    Released {
        /// First byte.
        addr: u64,
        /// Length in bytes.
        len: usize,
    },
    /// A batch was poked.
    Written {
        /// Old and new bytes of each site.
        plan: Plan,
    },
    /// Text that nothing runs yet was filled or cleared.
    Loaded {
        /// First byte.
        addr: u64,
        /// What was there.
        old: Box<[u8]>,
        /// What is there now.
        new: Box<[u8]>,
    },
}

impl Event {
    fn weight(&self) -> usize {
        match self {
            Self::Written { plan } => plan.patches().len(),
            Self::Loaded { new, .. } => new.len() / 8 + 1,
            _ => 1,
        }
    }

    /// Every (address, old bytes, new bytes) that the event stored.
    pub fn writes(&self) -> impl Iterator<Item = (u64, &[u8], &[u8])> {
        let (patches, load): (&[_], _) = match self {
            Self::Written { plan } => (plan.patches(), None),
            Self::Loaded { addr, old, new } => (&[], Some((*addr, &old[..], &new[..]))),
            _ => (&[], None),
        };
        patches.iter().map(|p: &crate::plan::Patch| (p.addr(), p.before(), p.after())).chain(load)
    }
}

/// An event, its step, when and by whom.
#[derive(Debug, Clone)]
pub struct Entry {
    /// 1 for the first.
    pub step: u64,
    /// Nanoseconds since the process's first event.
    pub at: u64,
    /// Who acted.
    pub holder: HolderId,
    /// What was done.
    pub event: Event,
}

/// Why a replay stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The bytes differ from what the step replaced.
    #[error("step {step} replaced {expected:02x} at {addr:#x}, the copy has {found:02x?}")]
    Mismatch {
        /// The step.
        step: u64,
        /// The byte.
        addr: u64,
        /// What the journal says was there.
        expected: u8,
        /// What the copy holds; `None` outside of it.
        found: Option<u8>,
    },
    /// The beginning is gone.
    #[error("the first {0} entries of the journal were dropped; replay from a later copy of the text")]
    Truncated(u64),
}

/// A bounded record; when it is full the oldest entries go, and are counted.
#[derive(Debug)]
pub struct Journal {
    entries: VecDeque<Entry>,
    weight: usize,
    limit: usize,
    steps: u64,
    dropped: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self { entries: VecDeque::new(), weight: 0, limit: 1 << 18, steps: 0, dropped: 0 }
    }
}

impl Journal {
    /// Keeps at most this many sites' worth of entries (2^18 unless told).
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
        self.trim();
    }

    fn trim(&mut self) {
        while self.weight > self.limit && self.entries.len() > 1 {
            if let Some(entry) = self.entries.pop_front() {
                self.weight -= entry.event.weight();
                self.dropped += 1;
            }
        }
    }

    pub(crate) fn push(&mut self, holder: HolderId, event: Event) -> u64 {
        self.push_at(now(), holder, event)
    }

    pub(crate) fn push_at(&mut self, at: u64, holder: HolderId, event: Event) -> u64 {
        self.steps += 1;
        self.weight += event.weight();
        self.entries.push_back(Entry { step: self.steps, at, holder, event });
        self.trim();
        self.steps
    }

    /// The last step.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Entries that were dropped to stay within the limit.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The entries that are left, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Applies every write after step `after` to `text`, a map of address to byte, checking each old byte.
    ///
    /// # Errors
    /// [`ReplayError`]; `text` then holds the state before the write that did not fit.
    pub fn replay(&self, after: u64, text: &mut BTreeMap<u64, u8>) -> Result<(), ReplayError> {
        if after < self.dropped {
            return Err(ReplayError::Truncated(self.dropped));
        }
        for entry in self.entries.iter().filter(|e| e.step > after) {
            for (addr, old, new) in entry.event.writes() {
                for (at, &expected) in (addr..).zip(old) {
                    let found = text.get(&at).copied();
                    if found != Some(expected) {
                        return Err(ReplayError::Mismatch { step: entry.step, addr: at, expected, found });
                    }
                }
                text.extend((addr..).zip(new.iter().copied()));
            }
        }
        Ok(())
    }
}
