//! Which form is fastest is found by running each over a recorded trace of targets. Frequencies cannot tell: round robin and
//! random have the same, and want opposite forms.
//!
//! The targets themselves are not run: stand-ins that return at once take their place, in the same order of addresses, so
//! that the code has the same form.

use std::collections::HashMap;

use super::shape::{Shape, by_frequency};
use crate::engine::Engine;
use crate::holder::HolderId;
use crate::mechanism::MechanismError;

pub(crate) mod track;

use track::{Track, median, time};

/// Calls of a trace that are replayed.
pub const TRACE: usize = 1 << 14;
const ROUNDS: usize = 9;

/// What a calibration found.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Choice {
    /// The fastest.
    pub shape: Shape,
    /// Each form tried, and its median in nanoseconds for a call.
    pub costs: Vec<(Shape, f64)>,
    /// The targets, the most frequent first.
    pub order: Vec<u64>,
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
            // SAFETY: a loop that the track laid out, over its stand-ins.
            let ns = unsafe { time(*entry, &sequence) };
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
