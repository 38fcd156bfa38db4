//! Lays out functions: alignment, straddled cache lines, fentry pads, padding and names.
//!
//! A builder is pure until [`crate::engine::Engine::load`] gives it an address; instruction sizes do not
//! depend on it, so labels resolve in one pass.

use std::collections::HashSet;

use super::error::TextError;
use super::region::{Region, Symbol};
use crate::isa::{self, Cond, INT3, Insn};

/// A place in text that has no address yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label(usize);

impl Label {
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// Where a branch goes.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Target {
    /// A known address.
    Addr(u64),
    /// A label of the same builder.
    Label(Label),
}

impl Target {
    /// An address that no engine laid out: a function of the program. From now on, and for the life of the process,
    /// sites may lead there.
    ///
    /// # Safety
    /// Whoever comes to `addr` by a site, with the registers and the stack of that place, may run what is there, at any
    /// time: a function that is called, or jumped to, as the site was.
    #[must_use]
    pub unsafe fn foreign(addr: u64) -> Self {
        super::foreign::declare(addr);
        Self::Addr(addr)
    }

    /// The address, if it is known.
    #[must_use]
    pub fn addr(self) -> Option<u64> {
        match self {
            Self::Addr(addr) => Some(addr),
            Self::Label(_) => None,
        }
    }
}

impl From<Label> for Target {
    fn from(label: Label) -> Self {
        Self::Label(label)
    }
}

impl From<u64> for Target {
    fn from(addr: u64) -> Self {
        Self::Addr(addr)
    }
}

#[derive(Debug, Clone, Copy)]
enum Branch {
    Jmp,
    Call,
    Jcc(Cond),
    /// Eight bytes of data holding the address.
    Quad,
    /// The last four bytes of an instruction of this length.
    Rip(u8),
}

/// Collects functions until they are loaded.
#[derive(Debug, Default)]
pub struct Builder {
    code: Vec<u8>,
    fixups: Vec<(usize, Branch, Target)>,
    labels: Vec<Option<usize>>,
    functions: Vec<(String, usize, Label)>,
    starts: Vec<usize>,
    align: usize,
}

/// A builder at its address.
#[derive(Debug, Clone)]
pub struct Assembled {
    pub(crate) code: Vec<u8>,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) boundaries: Vec<u64>,
    pub(crate) labels: Vec<Option<u64>>,
}

/// Whether and how a function begins with a call to the tracer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fentry {
    /// `call __fentry__`, as the compiler leaves it.
    Call(u64),
    /// The nop that ftrace makes of it at boot.
    Nop,
    /// `endbr64` before the nop: the site is then at +4.
    EndbrNop,
}

impl Builder {
    /// An empty builder.
    #[must_use]
    pub fn new() -> Self {
        Self { align: 16, ..Self::default() }
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.code.len()
    }

    /// Whether nothing was laid out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// The alignment that the whole image needs.
    pub(crate) fn alignment(&self) -> usize {
        self.align
    }

    /// Makes a label to be placed later.
    pub fn forward(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Places a label here.
    pub fn place(&mut self, label: Label) -> &mut Self {
        if let Some(slot) = self.labels.get_mut(label.0) {
            *slot = Some(self.code.len());
        }
        self
    }

    /// A label here.
    pub fn here(&mut self) -> Label {
        let label = self.forward();
        self.place(label);
        label
    }

    /// Pads with breakpoints until the next byte stands at `offset` modulo `modulus` (a power of two, at most a
    /// page). `at(64, 62)` makes a five-byte instruction straddle a cache line.
    pub fn at(&mut self, modulus: usize, offset: usize) -> &mut Self {
        let modulus = modulus.clamp(1, 4096).next_power_of_two();
        self.align = self.align.max(modulus);
        while self.code.len() % modulus != offset % modulus {
            self.starts.push(self.code.len());
            self.code.push(INT3);
        }
        self
    }

    /// As [`Builder::at`], with nops that may be run through.
    pub fn nops_until(&mut self, modulus: usize, offset: usize) -> &mut Self {
        let modulus = modulus.clamp(1, 4096).next_power_of_two();
        self.align = self.align.max(modulus);
        let mut left = (offset % modulus + modulus - self.code.len() % modulus) % modulus;
        while left > 0 {
            let step = left.min(8);
            self.code(isa::nop(step));
            left -= step;
        }
        self
    }

    /// Starts a function here; it ends where the next begins.
    pub fn function(&mut self, name: &str) -> Label {
        let label = self.here();
        self.functions.push((name.to_owned(), self.code.len(), label));
        label
    }

    /// The tracer's pad; the label is the site (behind `endbr64` where there is one).
    pub fn fentry(&mut self, pad: Fentry) -> Label {
        match pad {
            Fentry::Call(target) => self.call(target),
            Fentry::Nop => {
                let site = self.here();
                self.code(isa::nop(5));
                site
            }
            Fentry::EndbrNop => {
                self.code(&[0xf3, 0x0f, 0x1e, 0xfa]);
                let site = self.here();
                self.code(isa::nop(5));
                site
            }
        }
    }

    /// One or more whole instructions, as bytes; boundaries are found by decoding.
    pub fn code(&mut self, bytes: &[u8]) -> &mut Self {
        let base = self.code.len();
        let mut decoder = iced_x86::Decoder::with_ip(64, bytes, 0, iced_x86::DecoderOptions::NONE);
        while decoder.can_decode() {
            self.starts.push(base + decoder.position());
            let _ = decoder.decode();
        }
        self.code.extend_from_slice(bytes);
        self
    }

    /// Bytes that are never run.
    pub fn data(&mut self, bytes: &[u8]) -> &mut Self {
        self.code.extend_from_slice(bytes);
        self
    }

    /// The address of `target` as eight bytes of data.
    pub fn quad(&mut self, target: impl Into<Target>) -> &mut Self {
        self.fixups.push((self.code.len(), Branch::Quad, target.into()));
        self.data(&[0; 8])
    }

    fn branch(&mut self, kind: Branch, bytes: &[u8], target: Target) -> Label {
        let label = self.here();
        self.fixups.push((self.code.len(), kind, target));
        self.starts.push(self.code.len());
        self.code.extend_from_slice(bytes);
        label
    }

    /// An instruction that names `target` relative to RIP: `opcode` and four bytes.
    pub fn rip_relative(&mut self, opcode: &[u8], target: impl Into<Target>) -> &mut Self {
        let mut bytes = opcode.to_vec();
        bytes.extend_from_slice(&[0; 4]);
        self.branch(Branch::Rip(bytes.len() as u8), &bytes, target.into());
        self
    }

    /// CALL rel32; returns the label of the instruction.
    pub fn call(&mut self, target: impl Into<Target>) -> Label {
        self.branch(Branch::Call, &[0xe8, 0, 0, 0, 0], target.into())
    }

    /// JMP rel32.
    pub fn jmp(&mut self, target: impl Into<Target>) -> Label {
        self.branch(Branch::Jmp, &[0xe9, 0, 0, 0, 0], target.into())
    }

    /// Jcc rel32.
    pub fn jcc(&mut self, cond: u8, target: impl Into<Target>) -> Label {
        let cond = Cond::new(cond);
        self.branch(Branch::Jcc(cond), &[0x0f, 0x80 | cond.code(), 0, 0, 0, 0], target.into())
    }

    /// A near return.
    pub fn ret(&mut self) -> &mut Self {
        self.code(&[0xc3])
    }

    /// `mov rax, imm64`: how generated text names what rel32 does not reach.
    pub fn mov_rax(&mut self, value: u64) -> &mut Self {
        let mut bytes = vec![0x48, 0xb8];
        bytes.extend_from_slice(&value.to_le_bytes());
        self.code(&bytes)
    }

    /// `mov r11, imm64; jmp r11`: a jump of any reach.
    pub fn far_jmp(&mut self, target: u64) -> &mut Self {
        let mut bytes = vec![0x49, 0xbb];
        bytes.extend_from_slice(&target.to_le_bytes());
        bytes.extend_from_slice(&[0x41, 0xff, 0xe3]);
        self.code(&bytes)
    }

    /// `mov rax, imm64; lock inc qword [rax]`: counts a passage. Clobbers RAX and flags.
    pub fn count(&mut self, counter: &'static std::sync::atomic::AtomicU64) -> &mut Self {
        self.mov_rax(std::ptr::from_ref(counter) as u64).code(&[0xf0, 0x48, 0xff, 0x00])
    }

    /// Resolves everything for `base`.
    ///
    /// # Errors
    /// [`TextError`]: labels never placed, targets out of reach, names used twice.
    pub fn assemble(self, base: u64) -> Result<Assembled, TextError> {
        let len = self.code.len();
        base.checked_add(len as u64).ok_or(TextError::Foreign { addr: base, len })?;
        let mut code = self.code;
        let resolve = |target: Target| match target {
            Target::Addr(addr) => Ok(addr),
            Target::Label(label) => match self.labels.get(label.0) {
                Some(Some(offset)) => Ok(base + *offset as u64),
                _ => Err(TextError::Label(label.0)),
            },
        };
        for (offset, kind, target) in self.fixups {
            let (addr, target) = (base + offset as u64, resolve(target)?);
            let insn = match kind {
                Branch::Rip(len) => {
                    // The displacement of a jump of five bytes that ends where this instruction does.
                    let end = offset + len as usize;
                    let disp = Insn::Jmp(target).encode(base + end as u64 - 5)?;
                    code[end - 4..end].copy_from_slice(&disp.as_slice()[1..]);
                    continue;
                }
                Branch::Jmp => Insn::Jmp(target),
                Branch::Call => Insn::Call(target),
                Branch::Jcc(cond) => Insn::Jcc(cond, target),
                Branch::Quad => {
                    code[offset..offset + 8].copy_from_slice(&target.to_le_bytes());
                    continue;
                }
            };
            let bytes = insn.encode(addr)?;
            code[offset..offset + bytes.len()].copy_from_slice(bytes.as_slice());
        }
        let mut names = HashSet::new();
        let mut symbols = Vec::with_capacity(self.functions.len());
        for (i, (name, start, _)) in self.functions.iter().enumerate() {
            if !names.insert(name) {
                return Err(TextError::Name(name.clone()));
            }
            let end = self.functions.get(i + 1).map_or(code.len(), |next| next.1);
            symbols.push(Symbol { name: name.clone(), addr: base + *start as u64, len: (end - start) as u64 });
        }
        Ok(Assembled {
            symbols,
            boundaries: self.starts.iter().map(|&o| base + o as u64).collect(),
            labels: self.labels.iter().map(|l| l.map(|o| base + o as u64)).collect(),
            code,
        })
    }
}

impl Assembled {
    /// The address of a label; `None` if it was never placed.
    #[must_use]
    pub fn addr(&self, label: Label) -> Option<u64> {
        self.labels.get(label.0).copied().flatten()
    }
}

impl Assembled {
    /// Code without names or labels.
    #[must_use]
    pub fn raw(code: Vec<u8>) -> Self {
        Self { code, symbols: Vec::new(), boundaries: Vec::new(), labels: Vec::new() }
    }

    /// Whether all of it lies in the region that it is for.
    pub(crate) fn check(&self, region: Region) -> Result<(), TextError> {
        let (addr, len, range) = (region.addr(), region.len(), region.range());
        if self.code.len() > len {
            return Err(TextError::Oversize { addr, len, got: self.code.len() });
        }
        let outside = |symbol: &&Symbol| {
            symbol.addr < range.start || symbol.addr.checked_add(symbol.len).is_none_or(|end| end > range.end)
        };
        // A label may stand behind the last byte.
        let named = self.boundaries.iter().copied().find(|at| !(range.start..=range.end).contains(at));
        match named.or_else(|| self.symbols.iter().find(outside).map(|s| s.addr)) {
            Some(named) => Err(TextError::Elsewhere { addr, len, named }),
            None => Ok(()),
        }
    }
}
