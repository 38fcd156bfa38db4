//! Evidence of a run: what the host was, and what the text was before and after.

use crate::engine::Engine;
use crate::isa::{Line, disassemble, hex};
use crate::ledger::Event;
use crate::poke::PokeError;
use crate::poke::{Stats, quad, sync};

/// What figures depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Host {
    /// Processor model.
    pub cpu: String,
    /// Vendor string; decides whether the aligned store is allowed.
    pub vendor: String,
    /// Processors that this process may use.
    pub cpus: usize,
    /// Kernel release.
    pub kernel: String,
    /// Under a hypervisor, where an interrupt to another core is dear.
    pub virtual_machine: bool,
    /// membarrier(2) with SYNC_CORE.
    pub membarrier: bool,
    /// A tracer is attached.
    pub traced: bool,
    /// Built with debug assertions: figures mean little.
    pub debug_build: bool,
}

impl Host {
    /// Reads them.
    #[must_use]
    pub fn read() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let field = |key: &str| {
            let line = cpuinfo.lines().find(|l| l.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let status = read("/proc/self/status");
        let tracer = status.lines().find_map(|l| l.strip_prefix("TracerPid:")).map(str::trim);
        Self {
            cpu: field("model name").unwrap_or_default(),
            vendor: quad::vendor(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            virtual_machine: field("flags").is_some_and(|f| f.split(' ').any(|w| w == "hypervisor")),
            membarrier: sync::register().is_ok(),
            traced: tracer.is_some_and(|t| t != "0"),
            debug_build: cfg!(debug_assertions),
        }
    }

    /// In a line.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = format!("{}, {} cpus, Linux {}", self.cpu, self.cpus, self.kernel);
        for (yes, what) in [
            (self.virtual_machine, "virtual machine"),
            (!self.membarrier, "no membarrier"),
            (self.traced, "traced"),
            (self.debug_build, "DEBUG BUILD: do not trust the figures"),
        ] {
            if yes {
                out.push_str(", ");
                out.push_str(what);
            }
        }
        out
    }
}

/// A stretch of text before and after, with what was counted between.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Proof {
    /// The address of the site.
    pub addr: u64,
    /// The function.
    pub symbol: String,
    /// Bytes before.
    pub before: String,
    /// Bytes after.
    pub after: String,
    /// Disassembled, before and after.
    pub lines: [Vec<Line>; 2],
    /// Traps, syncs and times so far.
    pub stats: Stats,
    /// Journal steps between that wrote to it.
    pub steps: Vec<u64>,
}

/// The first half of a proof.
#[derive(Debug)]
pub struct Before<'a> {
    engine: &'a Engine,
    addr: u64,
    bytes: Vec<u8>,
    step: u64,
}

impl<'a> Before<'a> {
    /// Notes `len` bytes at `addr`.
    ///
    /// # Errors
    /// [`crate::text::TextError::Foreign`] outside the arena; else as [`Engine::ledger`].
    pub fn note(engine: &'a Engine, addr: u64, len: usize) -> Result<Self, PokeError> {
        let bytes = engine.text().read(addr, len)?;
        let step = engine.ledger()?.journal().steps();
        Ok(Self { engine, addr, bytes, step })
    }

    /// Notes them again.
    ///
    /// # Errors
    /// As [`Before::note`].
    pub fn after(self) -> Result<Proof, PokeError> {
        let Self { engine, addr, bytes, step } = self;
        let after = engine.text().read(addr, bytes.len())?;
        let end = addr + bytes.len() as u64;
        let touches = |e: &Event| e.writes().any(|(at, old, _)| at < end && addr < at + old.len() as u64);
        let ledger = engine.ledger()?;
        let steps = ledger.journal().entries().filter(|e| e.step > step && touches(&e.event)).map(|e| e.step).collect();
        drop(ledger);
        Ok(Proof {
            addr,
            symbol: engine.text().describe(addr)?,
            lines: [disassemble(&bytes, addr), disassemble(&after, addr)],
            before: hex(&bytes),
            after: hex(&after),
            stats: engine.stats()?,
            steps,
        })
    }
}
