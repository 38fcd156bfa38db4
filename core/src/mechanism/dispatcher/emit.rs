//! The dispatcher's code: a binary search over function addresses that ends in direct jumps, as
//! `arch/x86/net/bpf_jit_comp.c: emit_bpf_dispatcher()` has it (v5.6 to v6.x).
//!
//! A node compares RDX with the upper bound of its lower half and jumps (`jg`) to the upper half; a leaf compares,
//! jumps to its target, or falls into the fallback.

use crate::isa::{INT3, nop};

/// What happens to a target that is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fallback {
    /// `jmp thunk`: a retpoline or a plain indirect jump, five bytes.
    Thunk(u64),
    /// `jmp rdx`.
    Indirect,
    /// `lfence; jmp rdx`.
    Lfence,
    /// `jmp rdx; int3`: straight-line speculation stopped.
    IndirectInt3,
}

/// Why an image cannot be made; the kernel drops the update without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// `cmp rdx, imm32` sign-extends: only the lowest and highest 2 GiB can be named.
    #[error("target {0:#x} does not fit a sign-extended 32-bit immediate; place it in the low 2 GiB")]
    Immediate(i64),
    /// `je` does not reach.
    #[error("target {target:#x} is out of reach from {at:#x}")]
    Range {
        /// The jump.
        at: i64,
        /// Its target.
        target: i64,
    },
    /// Nothing to dispatch to.
    #[error("a dispatcher needs a target")]
    Empty,
}

pub(super) struct Emitter<'a> {
    code: Vec<u8>,
    base: i64,
    targets: &'a [i64],
    align: bool,
    fallback: Fallback,
}

/// The image for `targets`, which are sorted as signed numbers first, at `base`. `align` puts every branch target at 16
/// bytes, as in the tree; without it 64 targets fit in half a page.
///
/// # Errors
/// [`EmitError`].
pub fn emit(base: u64, targets: &[u64], align: bool, fallback: Fallback) -> Result<Vec<u8>, EmitError> {
    let mut sorted: Vec<i64> = targets.iter().map(|&t| t as i64).collect();
    sorted.sort_unstable();
    if sorted.is_empty() {
        return Err(EmitError::Empty);
    }
    let mut emitter = Emitter::new(base, &sorted, align, fallback);
    emitter.node(0, sorted.len() - 1, 1)?;
    Ok(emitter.code)
}

impl<'a> Emitter<'a> {
    pub(super) fn new(base: u64, targets: &'a [i64], align: bool, fallback: Fallback) -> Self {
        Self { code: Vec::with_capacity(2048), base: base as i64, targets, align, fallback }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.code
    }

    /// Compares one after another, then the fallback.
    pub(super) fn chain(&mut self, a: usize, b: usize) -> Result<(), EmitError> {
        for i in a..=b {
            self.cmp(self.targets[i])?;
            self.code.extend_from_slice(&[0x0f, 0x84]);
            self.rel32(self.targets[i])?;
        }
        self.fall_back()
    }

    /// A tree whose leaves are chains of at most `leaf` targets.
    pub(super) fn bushy(&mut self, a: usize, b: usize, leaf: usize) -> Result<(), EmitError> {
        self.node(a, b, leaf)
    }

    fn cmp(&mut self, value: i64) -> Result<(), EmitError> {
        let imm = i32::try_from(value).map_err(|_| EmitError::Immediate(value))?;
        self.code.extend_from_slice(&[0x48, 0x81, 0xfa]);
        self.code.extend_from_slice(&imm.to_le_bytes());
        Ok(())
    }

    fn rel32(&mut self, target: i64) -> Result<(), EmitError> {
        let at = self.base.wrapping_add(self.code.len() as i64 + 4);
        let disp = i32::try_from(target.wrapping_sub(at)).map_err(|_| EmitError::Range { at, target })?;
        self.code.extend_from_slice(&disp.to_le_bytes());
        Ok(())
    }

    pub(super) fn fall_back(&mut self) -> Result<(), EmitError> {
        match self.fallback {
            Fallback::Thunk(thunk) => {
                self.code.push(0xe9);
                self.rel32(thunk as i64)?;
            }
            Fallback::Indirect => self.code.extend_from_slice(&[0xff, 0xe2]),
            Fallback::Lfence => self.code.extend_from_slice(&[0x0f, 0xae, 0xe8, 0xff, 0xe2]),
            Fallback::IndirectInt3 => self.code.extend_from_slice(&[0xff, 0xe2, INT3]),
        }
        Ok(())
    }

    /// Recursion is bounded: the depth is log2 of at most 64 targets.
    fn node(&mut self, a: usize, b: usize, leaf: usize) -> Result<(), EmitError> {
        if b - a < leaf {
            return self.chain(a, b);
        }
        let pivot = (b - a) / 2;
        self.cmp(self.targets[a + pivot])?;
        let near = pivot > 2 || leaf > 1;
        if near {
            self.code.extend_from_slice(&[0x0f, 0x8f, 0, 0, 0, 0]);
        } else {
            self.code.extend_from_slice(&[0x7f, 0]);
        }
        let after = self.code.len();
        self.node(a, a + pivot, leaf)?;
        if self.align {
            let mut pad = self.code.len().wrapping_neg() % 16;
            while pad > 0 {
                let step = pad.min(8);
                self.code.extend_from_slice(nop(step));
                pad -= step;
            }
        }
        let distance = self.code.len() - after;
        if near {
            self.code[after - 4..after].copy_from_slice(&(distance as i32).to_le_bytes());
        } else {
            // At most 112 for a pivot of 2; checked over all sizes by a test.
            self.code[after - 1] = distance as u8;
        }
        self.node(a + pivot + 1, b, leaf)
    }
}

#[cfg(test)]
mod tests;
