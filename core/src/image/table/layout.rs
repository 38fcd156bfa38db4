//! How the records of a table are laid out, and which layout a table has.

use super::super::space::Space;

/// The layout of a record. Sizes are bytes; relative fields count from where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// An address: `unsigned long`.
    Pointer,
    /// An address of padding in front of a function.
    Prefix,
    /// A relative address: `s32`.
    Relative,
    /// `struct static_call_site`: `s32 addr, key`, flags in the key's low bits.
    StaticCall,
    /// `struct static_call_tramp_key`: `s32 tramp, key`.
    TrampolineKey,
    /// `struct jump_entry`: `s32 code, target; long key`, flags in the key's low bits.
    Jump,
    /// `struct alt_instr` as in v5.17: `s32 instr, repl; u16 cpuid; u8 len, repl_len`.
    Alt12,
    /// The same with `u8 padlen` at the end, as in v5.4.
    Alt13,
    /// The same with 32 bits for `cpuid` and flags, as in v6.12.
    Alt14,
    /// `struct paravirt_patch_site`, up to v6.7: a pointer, `u8 type, len`, `u16` that nobody reads any more, and padding,
    /// which the last one may lack.
    Paravirt,
    /// `struct bug_entry` without names of files.
    Bug8,
    /// `struct bug_entry` with `s32 file; u16 line, flags`.
    Bug12,
    /// `struct bug_entry` of v6.19 with `s32 format, file; u16 line, flags`.
    Bug16,
    /// `struct exception_table_entry`: `s32 insn, fixup, data`.
    Exception,
    /// A relative address of an 8-byte constant in an instruction.
    RuntimePointer,
    /// A relative address of a 1-byte shift in an instruction.
    RuntimeShift,
    /// A relative address of a 4-byte mask in an instruction.
    RuntimeMask,
}

/// A record, decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub addr: u64,
    /// 0 where the record does not say.
    pub len: u32,
    /// Key, target, replacement or fixup.
    pub other: u64,
    /// Flags of the key, the type of an alternative, the length of its replacement in the upper half.
    pub flags: u32,
}

fn u16_at(record: &[u8], at: usize) -> u16 {
    record.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

fn u32_at(record: &[u8], at: usize) -> u32 {
    record.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn u64_at(record: &[u8], at: usize) -> u64 {
    u64::from(u32_at(record, at)) | u64::from(u32_at(record, at + 4)) << 32
}

fn byte_at(record: &[u8], at: usize) -> u32 {
    record.get(at).copied().unwrap_or(0).into()
}

fn relative(record: &[u8], at: usize, base: u64) -> u64 {
    base.wrapping_add(at as u64).wrapping_add_signed(i64::from(u32_at(record, at) as i32))
}

impl Layout {
    /// Bytes of a record.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::Relative | Self::RuntimePointer | Self::RuntimeShift | Self::RuntimeMask => 4,
            Self::Pointer | Self::Prefix | Self::StaticCall | Self::TrampolineKey | Self::Bug8 => 8,
            Self::Alt12 | Self::Bug12 | Self::Exception => 12,
            Self::Alt13 => 13,
            Self::Alt14 => 14,
            Self::Jump | Self::Paravirt | Self::Bug16 => 16,
        }
    }

    /// Bytes of a record without padding: as many the last one must have.
    pub(crate) fn least(self) -> usize {
        if self == Self::Paravirt { 12 } else { self.size() }
    }

    /// Bytes at a table's end that are no record.
    pub(crate) fn remainder(self, bytes: usize) -> usize {
        let rest = bytes % self.size();
        if rest >= self.least() { 0 } else { rest }
    }

    /// Decodes a record that stands at `base`.
    pub(crate) fn entry(self, record: &[u8], base: u64) -> Entry {
        let rel = |at| relative(record, at, base);
        let alternative = |len: usize| Entry {
            addr: rel(0),
            len: byte_at(record, len),
            other: rel(4),
            flags: u32::from(u16_at(record, 8)) | byte_at(record, len + 1) << 16,
        };
        let keyed = |addr, key: u64, mask: u64| Entry { addr, len: 0, other: key & !mask, flags: (key & mask) as u32 };
        match self {
            Self::Pointer | Self::Prefix => Entry { addr: u64_at(record, 0), len: 0, other: 0, flags: 0 },
            Self::Relative => Entry { addr: rel(0), len: 0, other: 0, flags: 0 },
            Self::RuntimePointer => Entry { addr: rel(0), len: 8, other: 0, flags: 0 },
            Self::RuntimeShift => Entry { addr: rel(0), len: 1, other: 0, flags: 0 },
            Self::RuntimeMask => Entry { addr: rel(0), len: 4, other: 0, flags: 0 },
            Self::StaticCall | Self::TrampolineKey => keyed(rel(0), rel(4), 3),
            Self::Jump => {
                let key = base.wrapping_add(8).wrapping_add(u64_at(record, 8));
                Entry { other: rel(4), flags: (key & 3) as u32, ..keyed(rel(0), key, 3) }
            }
            Self::Alt12 | Self::Alt13 => alternative(10),
            Self::Alt14 => alternative(12),
            Self::Paravirt => {
                Entry { addr: u64_at(record, 0), len: byte_at(record, 9), other: 0, flags: byte_at(record, 8) }
            }
            Self::Bug8 | Self::Bug12 | Self::Bug16 => {
                Entry { addr: rel(0), len: 0, other: 0, flags: u16_at(record, self.size() - 2).into() }
            }
            Self::Exception => Entry { addr: rel(0), len: 0, other: rel(4), flags: u32_at(record, 8) },
        }
    }

    /// Whether a record can be one of these.
    fn makes_sense(self, record: &[u8], base: u64, space: &Space) -> bool {
        let entry = self.entry(record, base);
        if !space.is_text(entry.addr) {
            return false;
        }
        match self {
            Self::Alt12 | Self::Alt13 | Self::Alt14 => {
                let replacement = entry.flags >> 16;
                let padding = if self == Self::Alt13 { byte_at(record, 12) } else { 0 };
                let reach = entry.addr.checked_add(u64::from(entry.len)).is_some_and(|end| space.is_text(end - 1));
                entry.len > 0
                    && reach
                    && replacement <= entry.len
                    && padding <= entry.len
                    && (replacement == 0 || space.is_text(entry.other))
            }
            // ud2, or ud1 with operands.
            Self::Bug8 | Self::Bug12 => traps(space.from(entry.addr)),
            Self::Bug16 => entry.flags & BUGFLAG_ARGS != 0 || traps(space.from(entry.addr)),
            Self::Exception => space.is_text(entry.other),
            Self::Jump => space.is_text(entry.other),
            Self::Paravirt => entry.len > 0 && record.iter().skip(12).all(|b| *b == 0),
            _ => true,
        }
    }
}

/// `BUGFLAG_ARGS`, `include/asm-generic/bug.h`, v6.19: a warning with a format and arguments, which is no trap but a call of
/// the static call `WARN_trap`; the record points to the call, or to an instruction shortly before it.
pub(crate) const BUGFLAG_ARGS: u32 = 0x10;

/// Whether an instruction begins here that raises an invalid opcode exception: `ud2`, or `ud1` with prefixes and operands.
pub(crate) fn traps(bytes: &[u8]) -> bool {
    let skip = bytes.iter().take(3).take_while(|b| matches!(**b, 0x66 | 0x67 | 0x40..=0x4f)).count();
    matches!(bytes.get(skip..), Some([0x0f, 0x0b | 0xb9, ..]))
}

/// Chooses the layout whose records make sense. A few bad records do not hide a table: 99 of 100 must be good,
/// and another layout's must mostly be bad.
pub(crate) fn decide(bytes: &[u8], base: u64, layouts: &[Layout], space: &Space) -> Result<Layout, String> {
    if bytes.is_empty() {
        return layouts.first().copied().ok_or_else(|| "no layout is known".into());
    }
    let mut tried = Vec::new();
    for layout in layouts {
        let size = layout.size();
        if layout.remainder(bytes.len()) != 0 {
            continue;
        }
        let (mut good, mut all) = (0, 0);
        for (record, at) in bytes.chunks(size).zip((base..).step_by(size)) {
            if record.iter().any(|b| *b != 0) {
                all += 1;
                good += usize::from(layout.makes_sense(record, at, space));
            }
        }
        tried.push((*layout, good, all));
    }
    tried.sort_by(|a, b| (b.1 * a.2.max(1)).cmp(&(a.1 * b.2.max(1))));
    let sizes = || layouts.iter().map(|l| l.size().to_string()).collect::<Vec<_>>().join(", ");
    let start = crate::isa::hex(&bytes[..bytes.len().min(16)]);
    match *tried.as_slice() {
        [] => Err(format!("{} bytes do not divide into records of {}; begins {start}", bytes.len(), sizes())),
        // One known layout: its bad records are counted one by one, unless nearly all are.
        [(only, good, all)] if layouts.len() == 1 && good * 2 >= all => Ok(only),
        [(best, good, all), ref others @ ..] if good * 100 >= all * 99 => match others.first() {
            Some((other, g, a)) if g * 2 > *a && *a > 0 => Err(format!(
                "{} bytes make sense as records of {} and of {}; begins {start}",
                bytes.len(),
                best.size(),
                other.size()
            )),
            _ => Ok(best),
        },
        [(best, good, all), ..] => Err(format!(
            "{} bytes: of {all} records of {}, the nearest known size, {good} make sense; begins {start}",
            bytes.len(),
            best.size()
        )),
    }
}

#[cfg(test)]
mod tests;
