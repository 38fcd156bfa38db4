//! Which form is fastest is found by running each over a recorded trace of targets. Frequencies cannot tell: round robin and
//! random have the same, and want opposite forms.
//!
//! The targets themselves are not run: stand-ins that return at once take their place, in the same order of addresses, so
//! that the code has the same form.

use std::collections::HashMap;
use std::time::Instant;

use super::emit::Fallback;
use super::shape::{Shape, by_frequency};
use super::{HALF, retpoline};
use crate::engine::Engine;
use crate::isa::INT3;
use crate::ledger::HolderId;
use crate::mechanism::MechanismError;
use crate::text::builder::Assembled;
use crate::text::{Builder, Label, Region, TextError};

/// Calls of a trace that are replayed.
pub const TRACE: usize = 1 << 14;
const ROUNDS: usize = 9;

/// What a calibration found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Choice {
    /// The fastest.
    pub shape: Shape,
    /// Each form tried, and its median in nanoseconds for a call.
    pub costs: Vec<(Shape, f64)>,
    /// The targets, the most frequent first.
    pub order: Vec<u64>,
}

/// `for target in rdi[..rsi] { rdx = target; <body> }`
pub(crate) fn looped(b: &mut Builder, body: impl FnOnce(&mut Builder)) -> Label {
    b.at(64, 0);
    let entry = b.here();
    let top = b.here();
    b.code(&[0x48, 0x8b, 0x17]); // mov rdx, [rdi]
    body(b);
    b.code(&[0x48, 0x83, 0xc7, 0x08]); // add rdi, 8
    b.code(&[0x48, 0xff, 0xce]); // dec rsi
    b.jcc(5, top);
    b.ret();
    entry
}

/// Nanoseconds for a call of a loop made by [`looped`], over a sequence of stand-ins.
pub(crate) fn time(entry: u64, sequence: &[u64]) -> f64 {
    // SAFETY: a loop laid out by `looped`: reads as many addresses as the slice has, calls them, returns; they are
    // stand-ins that return at once.
    let f: extern "sysv64" fn(*const u64, usize) = unsafe { std::mem::transmute(entry as usize) };
    let start = Instant::now();
    f(sequence.as_ptr(), sequence.len());
    start.elapsed().as_nanos() as f64 / sequence.len().max(1) as f64
}

/// Stand-ins for targets, and lanes over which forms are run.
pub(crate) struct Track {
    engine: Engine,
    holder: HolderId,
    /// In the order of addresses; the last is in no table.
    pub(crate) targets: Vec<u64>,
    thunk: u64,
    regions: Vec<Region>,
}

impl Track {
    pub(crate) fn new(engine: &Engine, holder: HolderId, targets: usize) -> Result<Self, MechanismError> {
        let mut b = Builder::new();
        let labels: Vec<_> = (0..=targets)
            .map(|_| {
                b.at(16, 0);
                let target = b.here();
                b.ret();
                target
            })
            .collect();
        let thunk = retpoline(&mut b);
        let loaded = engine.load(b, holder)?;
        let targets = labels.into_iter().map(|l| loaded.addr(l)).collect::<Result<_, _>>()?;
        let (thunk, regions) = (loaded.addr(thunk)?, vec![loaded.region]);
        Ok(Self { engine: engine.clone(), holder, targets, thunk, regions })
    }

    /// A loop over an image of that form; `order` are stand-ins, the most frequent first.
    pub(crate) fn lane(&mut self, shape: Shape, order: &[u64], align: bool) -> Result<u64, MechanismError> {
        let thunk = self.thunk;
        let image = self.engine.load_with(self.holder, HALF, HALF, |base| {
            let mut code = shape
                .emit(base, order, align, Fallback::Thunk(thunk))
                .map_err(|_| TextError::TooLarge { len: order.len(), chunk: HALF })?;
            if code.len() > HALF {
                return Err(TextError::TooLarge { len: code.len(), chunk: HALF });
            }
            code.resize(HALF, INT3);
            Ok::<_, TextError>(Assembled::raw(code))
        })?;
        self.regions.push(image.region);
        let mut b = Builder::new();
        let entry = looped(&mut b, |b| {
            b.call(image.region.addr);
        });
        let loaded = self.engine.load(b, self.holder)?;
        self.regions.push(loaded.region);
        Ok(loaded.addr(entry)?)
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        // Nobody else knows them.
        for region in self.regions.drain(..) {
            let _ = self.engine.free(region, self.holder);
        }
    }
}

/// Runs every form over the trace and takes the fastest: medians of nine interleaved rounds.
///
/// # Errors
/// If stand-ins and images cannot be laid out.
pub fn calibrate(
    engine: &Engine,
    holder: HolderId,
    targets: &[u64],
    trace: &[u64],
    align: bool,
) -> Result<Choice, MechanismError> {
    let order = by_frequency(targets, trace);
    if targets.is_empty() || trace.is_empty() {
        return Ok(Choice { shape: Shape::Tree, costs: Vec::new(), order });
    }
    let mut track = Track::new(engine, holder, targets.len())?;
    let mut sorted = targets.to_vec();
    sorted.sort_unstable_by_key(|&t| t as i64);
    let stand_in: HashMap<u64, u64> = sorted.iter().copied().zip(track.targets.iter().copied()).collect();
    let stranger = track.targets[targets.len()];
    let map = |t: &u64| stand_in.get(t).copied().unwrap_or(stranger);
    let sequence: Vec<u64> = trace.iter().take(TRACE).map(map).collect();
    let hot: Vec<u64> = order.iter().map(map).collect();
    let mut lanes = Vec::new();
    for shape in Shape::ALL.into_iter().filter(|s| s.differs(targets.len())) {
        lanes.push((shape, track.lane(shape, &hot, align)?, Vec::with_capacity(ROUNDS)));
    }
    for round in 0..=ROUNDS {
        for (_, entry, samples) in &mut lanes {
            let ns = time(*entry, &sequence);
            // The first round warms up.
            if round > 0 {
                samples.push(ns);
            }
        }
    }
    let costs: Vec<(Shape, f64)> = lanes.into_iter().map(|(shape, _, s)| (shape, median(s))).collect();
    let best = costs.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(Shape::Tree, |c| c.0);
    Ok(Choice { shape: best, costs, order })
}

pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::INFINITY)
}

/// Code in front of an image that writes each target to `buffer`, until it is full: `index` counts. Uses RAX, R11 and the
/// flags, which a function's entry may.
pub(super) fn recorder(index: u64, buffer: u64, len: usize) -> Vec<u8> {
    let mut code = vec![0x48, 0xb8]; // mov rax, index
    code.extend_from_slice(&index.to_le_bytes());
    code.extend_from_slice(&[0x41, 0xbb, 1, 0, 0, 0]); // mov r11d, 1
    code.extend_from_slice(&[0xf0, 0x4c, 0x0f, 0xc1, 0x18]); // lock xadd [rax], r11
    code.extend_from_slice(&[0x49, 0x81, 0xfb]); // cmp r11, len
    code.extend_from_slice(&(len as i32).to_le_bytes());
    code.extend_from_slice(&[0x73, 0x0e]); // jae over
    code.extend_from_slice(&[0x48, 0xb8]); // mov rax, buffer
    code.extend_from_slice(&buffer.to_le_bytes());
    code.extend_from_slice(&[0x4a, 0x89, 0x14, 0xd8]); // mov [rax+8*r11], rdx
    code
}
