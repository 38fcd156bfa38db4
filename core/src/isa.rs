//! Bytes to instruction and back, for the few instructions that text patching writes, and how each is
//! emulated when a thread traps on the breakpoint that stands in for it.
//!
//! Everything here is pure and allocates nothing, because the trap handler uses it. Sizes and encodings
//! are those of `arch/x86/include/asm/text-patching.h` and `nops.h`, v5.17.

use std::fmt;

/// One-byte breakpoint.
pub const INT3: u8 = 0xcc;
/// Length of CALL rel32, JMP rel32 and the fentry nop, in bytes.
pub const PATCH_SIZE: usize = 5;
/// The longest instruction that can be poked: Jcc rel32.
pub const MAX_SITE: usize = 6;
/// `endbr64`: where an indirect branch may arrive under IBT.
pub const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
/// `xor eax, eax` padded to five bytes with CS prefixes: what an inline static call to "return 0" becomes.
pub const RET0: [u8; 5] = [0x2e, 0x2e, 0x2e, 0x31, 0xc0];
/// `ud1 esp, ecx`: marks a static call trampoline, and stops speculation past its jump.
pub const TRAMP_SIGNATURE: [u8; 3] = [0x0f, 0xb9, 0xcc];

const NOPS: [&[u8]; 9] = [
    &[],
    &[0x90],
    &[0x66, 0x90],
    &[0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0x00],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/// The canonical nop of 1 to 8 bytes, as one instruction; empty for any other length.
#[must_use]
pub fn nop(len: usize) -> &'static [u8] {
    NOPS.get(len).copied().unwrap_or(&[])
}

/// Up to eight instruction bytes, by value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes {
    buf: [u8; 8],
    len: u8,
}

impl Bytes {
    /// Copies at most the first eight bytes of `bytes`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let len = bytes.len().min(8);
        let mut buf = [0; 8];
        buf[..len].copy_from_slice(&bytes[..len]);
        Self { buf, len: len as u8 }
    }

    /// The canonical five-byte nop.
    #[must_use]
    pub fn nop5() -> Self {
        Self::new(nop(5))
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.buf[..self.len as usize]
    }

    /// As a little-endian number, zero beyond the length.
    pub(crate) fn word(&self) -> u64 {
        u64::from_le_bytes(self.buf)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn push(&mut self, byte: u8) {
        self.buf[self.len as usize] = byte;
        self.len += 1;
    }

    fn extend(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.push(b));
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(self.as_slice()).fmt(f)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Bytes as a reader of an oops sees them: `e9 2b 3e 00 00`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}

/// Why an instruction cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsaError {
    /// The displacement does not fit.
    #[error("{target:#x} is out of reach of a {bits}-bit displacement at {addr:#x}; place both in one 2 GiB window")]
    Range {
        /// Where the instruction would stand.
        addr: u64,
        /// Where it should go.
        target: u64,
        /// 8 or 32.
        bits: u8,
    },
    /// The instruction has another length than its slot, and may not be padded.
    #[error("{insn:?} takes {need} bytes, the site at {addr:#x} has {room}")]
    Slot {
        /// The instruction.
        insn: Insn,
        /// The address of the slot.
        addr: u64,
        /// Bytes needed.
        need: usize,
        /// Bytes at hand.
        room: usize,
    },
}

/// A condition code, the low four bits of a Jcc opcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cond(u8);

impl Cond {
    /// Condition `code & 15`: 4 is E, 5 NE, 15 G.
    #[must_use]
    pub fn new(code: u8) -> Self {
        Self(code & 15)
    }

    /// The four bits.
    #[must_use]
    pub fn code(self) -> u8 {
        self.0
    }

    /// Whether the jump is taken under these RFLAGS (Intel SDM vol. 1, appendix B).
    #[must_use]
    pub fn holds(self, flags: u64) -> bool {
        let bit = |n: u32| flags >> n & 1 == 1;
        let (cf, pf, zf, sf, of) = (bit(0), bit(2), bit(6), bit(7), bit(11));
        let truth = match self.0 >> 1 {
            0 => of,
            1 => cf,
            2 => zf,
            3 => cf || zf,
            4 => sf,
            5 => pf,
            6 => sf != of,
            _ => zf || sf != of,
        };
        truth != (self.0 & 1 == 1)
    }
}

/// An instruction that may be written to a site. Targets are absolute addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Insn {
    /// The canonical nop of that length, 1 to 8.
    Nop(u8),
    /// JMP rel8, two bytes.
    Jmp8(u64),
    /// JMP rel32.
    Jmp(u64),
    /// CALL rel32.
    Call(u64),
    /// Jcc rel32, six bytes.
    Jcc(Cond, u64),
    /// Near return.
    Ret,
    /// Breakpoint, on purpose.
    Int3,
    /// The five-byte `xor eax, eax`.
    Ret0,
    /// Bytes put back: the original text under a probe. How it is emulated is for its writer to say.
    Raw(Bytes),
}

impl Insn {
    /// Where it leads from `addr`, if it is a jump or a call with its target inside it.
    #[must_use]
    pub fn target(self, addr: u64) -> Option<u64> {
        match self {
            Self::Jmp8(to) | Self::Jmp(to) | Self::Call(to) | Self::Jcc(_, to) => Some(to),
            Self::Raw(bytes) => match Self::decode(bytes.as_slice(), addr) {
                Some(Self::Raw(_)) | None => None,
                Some(other) => other.target(addr),
            },
            Self::Nop(_) | Self::Ret | Self::Int3 | Self::Ret0 => None,
        }
    }

    /// Length in bytes, without padding.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Nop(n) => n as usize,
            Self::Jmp8(_) => 2,
            Self::Jmp(_) | Self::Call(_) | Self::Ret0 => 5,
            Self::Jcc(..) => 6,
            Self::Ret | Self::Int3 => 1,
            Self::Raw(bytes) => bytes.len(),
        }
    }

    /// Encodes for `addr`.
    ///
    /// # Errors
    /// [`IsaError::Range`] where a displacement does not fit.
    pub fn encode(self, addr: u64) -> Result<Bytes, IsaError> {
        let rel32 = |target: u64, size: u64| {
            let disp = target.wrapping_sub(addr.wrapping_add(size)) as i64;
            i32::try_from(disp).map(i32::to_le_bytes).map_err(|_| IsaError::Range { addr, target, bits: 32 })
        };
        let mut out = Bytes::new(&[]);
        match self {
            Self::Nop(n) => out.extend(nop(n as usize)),
            Self::Jmp8(target) => {
                let disp = target.wrapping_sub(addr.wrapping_add(2)) as i64;
                let disp = i8::try_from(disp).map_err(|_| IsaError::Range { addr, target, bits: 8 })?;
                out.extend(&[0xeb, disp as u8]);
            }
            Self::Jmp(target) => {
                out.push(0xe9);
                out.extend(&rel32(target, 5)?);
            }
            Self::Call(target) => {
                out.push(0xe8);
                out.extend(&rel32(target, 5)?);
            }
            Self::Jcc(cond, target) => {
                out.extend(&[0x0f, 0x80 | cond.0]);
                out.extend(&rel32(target, 6)?);
            }
            Self::Ret => out.push(0xc3),
            Self::Int3 => out.push(INT3),
            Self::Ret0 => out.extend(&RET0),
            Self::Raw(bytes) => out = bytes,
        }
        Ok(out)
    }

    /// Encodes into a slot of `room` bytes. RET and jumps may be shorter than the slot, with breakpoints
    /// behind them, because nothing runs past them; all else must fit exactly.
    ///
    /// # Errors
    /// [`IsaError`], when out of range or of the wrong length.
    pub fn encode_slot(self, addr: u64, room: usize) -> Result<Bytes, IsaError> {
        let mut out = self.encode(addr)?;
        let padded = matches!(self, Self::Ret | Self::Jmp(_) | Self::Jmp8(_));
        if room > 8 || out.len() > room || (out.len() < room && !padded) {
            return Err(IsaError::Slot { insn: self, addr, need: out.len(), room });
        }
        while out.len() < room {
            out.push(INT3);
        }
        Ok(out)
    }

    /// Reads the instruction that fills `bytes` exactly (breakpoint padding after RET and jumps allowed).
    /// `None` for everything that this engine would not write.
    #[must_use]
    pub fn decode(bytes: &[u8], addr: u64) -> Option<Self> {
        let rel32 = |at: usize, size: u64| {
            let disp = i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
            Some(addr.wrapping_add(size).wrapping_add(disp as i64 as u64))
        };
        let insn = match *bytes {
            [0xc3, ..] => Self::Ret,
            [INT3] => Self::Int3,
            [0xeb, disp, ..] => Self::Jmp8(addr.wrapping_add(2).wrapping_add(disp as i8 as u64)),
            [0xe9, ..] => Self::Jmp(rel32(1, 5)?),
            [0xe8, ..] => Self::Call(rel32(1, 5)?),
            [0x0f, op, ..] if op & 0xf0 == 0x80 => Self::Jcc(Cond::new(op), rel32(2, 6)?),
            _ if bytes == RET0 => Self::Ret0,
            _ if !bytes.is_empty() && nop(bytes.len()) == bytes => Self::Nop(bytes.len() as u8),
            _ => return None,
        };
        let (head, tail) = bytes.split_at_checked(insn.size())?;
        let padded = matches!(insn, Self::Ret | Self::Jmp(_) | Self::Jmp8(_));
        let exact = tail.is_empty() || (padded && tail.iter().all(|&b| b == INT3));
        (exact && !head.is_empty()).then_some(insn)
    }

    /// How a thread that hit the breakpoint standing in for this instruction is to go on; `None` for a
    /// breakpoint, which belongs to somebody else, and for an instruction that cannot be emulated.
    ///
    /// [`Insn::Ret0`] is emulated as the call that it replaces would end: RAX cleared.
    #[must_use]
    pub fn emulation(self, addr: u64, site_len: usize) -> Option<Emulation> {
        let next = addr.wrapping_add(site_len as u64);
        Some(match self {
            Self::Nop(_) => Emulation::Jump(next),
            Self::Jmp8(t) | Self::Jmp(t) => Emulation::Jump(t),
            Self::Call(target) => Emulation::Call { target, ret: next },
            Self::Jcc(cond, target) => Emulation::Branch { cond, target, next },
            Self::Ret => Emulation::Ret,
            Self::Ret0 => Emulation::Zero(next),
            Self::Int3 | Self::Raw(_) => return None,
        })
    }
}

/// What the trap handler does in place of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Emulation {
    /// Go to an address; a nop goes to the next instruction.
    Jump(u64),
    /// Push `ret`, go to `target`.
    Call {
        /// Where to.
        target: u64,
        /// The return address.
        ret: u64,
    },
    /// Pop the instruction pointer.
    Ret,
    /// Conditional jump.
    Branch {
        /// The condition.
        cond: Cond,
        /// If it holds.
        target: u64,
        /// If not.
        next: u64,
    },
    /// Clear RAX and go to an address.
    Zero(u64),
}

/// The registers that emulation touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The instruction pointer, RIP.
    pub ip: u64,
    /// The stack pointer, RSP.
    pub sp: u64,
    /// The return value, RAX.
    pub ax: u64,
    /// The flags, RFLAGS.
    pub flags: u64,
}

/// The trapped thread's stack.
pub trait Stack {
    /// The eight bytes at `at`.
    fn load(&self, at: u64) -> u64;
    /// Writes eight bytes at `at`.
    fn store(&mut self, at: u64, value: u64);
}

impl Emulation {
    /// Whether it touches the stack, which a shadow stack forbids.
    #[must_use]
    pub fn touches_stack(self) -> bool {
        matches!(self, Self::Call { .. } | Self::Ret)
    }

    /// Applies it to a frame. A call writes at `sp - 8`: only legal where the site was compiled as a call
    /// or stands at a function's entry, never inside a leaf's red zone (see [`crate::site::Site::call_ok`]).
    pub fn run(self, frame: &mut Frame, stack: &mut impl Stack) {
        match self {
            Self::Jump(to) => frame.ip = to,
            Self::Call { target, ret } => {
                frame.sp = frame.sp.wrapping_sub(8);
                stack.store(frame.sp, ret);
                frame.ip = target;
            }
            Self::Ret => {
                frame.ip = stack.load(frame.sp);
                frame.sp = frame.sp.wrapping_add(8);
            }
            Self::Branch { cond, target, next } => {
                frame.ip = if cond.holds(frame.flags) { target } else { next };
            }
            Self::Zero(next) => {
                frame.ax = 0;
                frame.ip = next;
            }
        }
    }
}

/// One instruction for a human.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Line {
    /// Its address.
    pub addr: u64,
    /// Its bytes, as [`hex`].
    pub bytes: String,
    /// In Intel's syntax.
    pub text: String,
}

/// Disassembles for a human, with iced-x86.
#[must_use]
pub fn disassemble(bytes: &[u8], addr: u64) -> Vec<Line> {
    use iced_x86::Formatter as _;
    let mut formatter = iced_x86::IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_branch_leading_zeros(false);
    options.set_uppercase_hex(false);
    let mut decoder = iced_x86::Decoder::with_ip(64, bytes, addr, iced_x86::DecoderOptions::NONE);
    let mut lines = Vec::new();
    while decoder.can_decode() {
        let start = decoder.position();
        let insn = decoder.decode();
        let mut text = String::new();
        formatter.format(&insn, &mut text);
        lines.push(Line { addr: insn.ip(), bytes: hex(&bytes[start..decoder.position()]), text });
    }
    lines
}

#[cfg(test)]
mod tests;
