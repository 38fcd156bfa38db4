//! A track: stand-ins for targets, and loops over images that call them.

use std::time::Instant;

use super::super::emit::Fallback;
use super::super::shape::Shape;
use super::super::{HALF, retpoline};
use crate::engine::Engine;
use crate::holder::HolderId;
use crate::isa::INT3;
use crate::mechanism::MechanismError;
use crate::text::builder::Assembled;
use crate::text::{Builder, Label, Region, TextError};

/// `for target in rdi[..rsi] { rdx = target; <body> }`
pub fn looped(b: &mut Builder, body: impl FnOnce(&mut Builder)) -> Label {
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
///
/// # Safety
/// `entry` is such a loop, its text is alive, and each of the sequence is a function that may be called so.
pub unsafe fn time(entry: u64, sequence: &[u64]) -> f64 {
    // SAFETY: the caller says that it is a loop laid out by `looped`: it reads as many addresses as the slice has, calls
    // them, returns.
    let f: extern "sysv64" fn(*const u64, usize) = unsafe { std::mem::transmute(entry as usize) };
    let start = Instant::now();
    f(sequence.as_ptr(), sequence.len());
    start.elapsed().as_nanos() as f64 / sequence.len().max(1) as f64
}

/// Stand-ins for targets, and lanes over which forms are run.
pub struct Track {
    engine: Engine,
    holder: HolderId,
    /// In the order of addresses; the last is in no table.
    pub targets: Vec<u64>,
    thunk: u64,
    regions: Vec<Region>,
}

impl Track {
    /// Lays out stand-ins for so many targets, and one more.
    ///
    /// # Errors
    /// If they cannot be loaded.
    pub fn new(engine: &Engine, holder: HolderId, targets: usize) -> Result<Self, MechanismError> {
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
    ///
    /// # Errors
    /// If it cannot be loaded, or is too large.
    pub fn lane(&mut self, shape: Shape, order: &[u64], align: bool) -> Result<u64, MechanismError> {
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
            b.call(image.region.addr());
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
            let _ = self.engine.discard(region, self.holder);
        }
    }
}

/// The middle one of some samples.
pub fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::INFINITY)
}
