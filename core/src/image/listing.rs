//! A function, byte by byte: instructions, and who owns their bytes.

use std::collections::HashMap;
use std::ops::Range;

use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Instruction, SymbolResolver, SymbolResult};

use super::claims::Record;
use super::owner::{Owner, When};
use super::{Image, ImageError, Rank};

/// A claim on bytes of an instruction.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Held {
    /// The mechanism that holds the bytes.
    pub owner: Owner,
    /// First byte.
    pub addr: u64,
    /// Length in bytes.
    pub len: u32,
    /// By which table or rule.
    pub table: String,
    /// The key, target, replacement or fixup, in words; empty if there is none.
    pub detail: String,
    /// Whether the bytes are what the owner expects.
    pub fits: bool,
}

/// One instruction.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Line {
    /// Its address.
    pub addr: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// In the assembler's words.
    pub text: String,
    /// Who owns bytes of it.
    pub held: Vec<Held>,
    /// Whether it stands behind the function's end, to fill up.
    pub padding: bool,
    /// The worst that happens where two of the owners meet.
    pub worst: Option<Rank>,
}

/// A function.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Listing {
    /// Its name.
    pub name: String,
    /// Its address.
    pub addr: u64,
    /// Its size in bytes, without padding.
    pub size: u64,
    /// The section that it stands in.
    pub section: String,
    /// Other functions of the same name.
    pub others: Vec<u64>,
    /// Its instructions.
    pub lines: Vec<Line>,
}

/// No function is shown further than this.
const LONGEST: u64 = 1 << 20;

impl Image {
    /// What a name or address stands for: the function's start, and the range to show.
    pub(crate) fn locate(&self, place: &str) -> Result<(u64, Range<u64>), ImageError> {
        let no = || ImageError::NoSuchPlace(place.to_owned());
        let (base, offset) = match place.split_once('+') {
            Some((base, offset)) => (base, number(offset).ok_or_else(no)?),
            None => (place, 0),
        };
        let named = self.symbols.named(base, &self.space.data).map(|s| s.addr);
        let addr = named.or_else(|| number(base)).and_then(|a| a.checked_add(offset)).ok_or_else(no)?;
        let section = self.space.at(addr).filter(|s| s.exec).ok_or_else(no)?;
        let around = self.symbols.around(addr, &self.space.data).filter(|s| s.addr >= section.addr);
        let start = around.map_or(addr, |s| s.addr);
        let next = self.symbols.after(addr).map_or(section.end(), |s| s.addr.min(section.end()));
        let end = match around {
            Some(symbol) if symbol.size > 0 => symbol.addr.saturating_add(symbol.size).min(section.end()),
            Some(_) => next,
            None => next.min(addr.saturating_add(64)),
        };
        Ok((start, start..end.clamp(addr + 1, start.saturating_add(LONGEST).max(addr + 1))))
    }

    /// The function with a name, or around an address (`0xffffffff81000000`, `name+0x10`), with the owners of its bytes.
    ///
    /// # Errors
    /// [`ImageError::NoSuchPlace`].
    pub fn function(&self, place: &str) -> Result<Listing, ImageError> {
        let (start, range) = self.locate(place)?;
        let name = self.function_name(start).map_or_else(|| self.place(start), std::borrow::Cow::into_owned);
        let same = |s: &&super::symbols::Symbol| {
            s.addr != start && s.function && self.symbols.raw_name(s, &self.space.data) == name.as_bytes()
        };
        let others = self.symbols.iter().filter(same).map(|s| s.addr).collect();
        let bytes = self.space.from(start);
        let size = range.end - start;
        // Compilers align with nops, and kernels since v5.17 fill with breakpoints: both are shown.
        let tail = bytes.get(size as usize..).unwrap_or_default();
        let room = self.symbols.after(range.end - 1).map_or(64, |s| s.addr - range.end).min(64) as usize;
        let fill = padding(&tail[..tail.len().min(room)]);
        let shown = &bytes[..bytes.len().min(size as usize + fill)];
        let mut listing = Listing {
            name,
            addr: start,
            size,
            section: self.space.at(start).map_or_else(String::new, |s| s.name.clone()),
            others,
            lines: Vec::new(),
        };
        self.disassemble(shown, start, range.end, &mut listing.lines);
        Ok(listing)
    }

    fn disassemble(&self, bytes: &[u8], start: u64, end: u64, out: &mut Vec<Line>) {
        let mut targets = HashMap::new();
        for instruction in &mut Decoder::with_ip(64, bytes, start, DecoderOptions::NONE) {
            if let Some(target) = target(&instruction) {
                targets.entry(target).or_insert_with(|| self.place(target));
            }
        }
        let resolver = Resolver(targets);
        let mut formatter = GasFormatter::with_options(Some(Box::new(resolver)), None);
        let options = formatter.options_mut();
        options.set_branch_leading_zeros(false);
        options.set_uppercase_hex(false);
        options.set_space_after_operand_separator(true);
        let mut decoder = Decoder::with_ip(64, bytes, start, DecoderOptions::NONE);
        while decoder.can_decode() {
            let at = decoder.position();
            let instruction = decoder.decode();
            let (addr, len) = (instruction.ip(), instruction.len().max(1));
            let mut text = String::new();
            if instruction.is_invalid() {
                text.push_str("(bad)");
            } else {
                formatter.format(&instruction, &mut text);
            }
            let held = self.held(addr, len as u64);
            let worst = self.worst(addr, len as u64);
            let bytes = bytes.get(at..at + len).unwrap_or_default().to_vec();
            out.push(Line { addr, bytes, text, held, padding: addr >= end, worst });
        }
    }

    /// Records that share a byte with a range.
    fn held(&self, addr: u64, len: u64) -> Vec<Held> {
        // No record but a function on the blacklist is longer than an alternative's 255 bytes; those begin at its start.
        let from = self.records.partition_point(|r| r.addr < addr.saturating_sub(256));
        let near = self.records[from..].iter().take_while(|r| r.addr < addr.saturating_add(len));
        let touching = near.filter(|r| r.addr.saturating_add(u64::from(r.len)) > addr);
        // What names a whole function is said at its first instruction alone.
        let told = touching.filter(|r| r.owner != Owner::KprobeBlacklist || r.addr == addr);
        told.map(|r| Held {
            owner: r.owner,
            addr: r.addr,
            len: r.len,
            table: self.table_name(r.table),
            detail: self.detail(r),
            fits: r.fits,
        })
        .collect()
    }

    fn worst(&self, addr: u64, len: u64) -> Option<Rank> {
        let from = self.spans.partition_point(|s| s.addr < addr.saturating_sub(4096));
        let near = self.spans[from..].iter().take_while(|s| s.addr < addr.saturating_add(len));
        let near: Vec<_> = near.filter(|s| s.end() > addr && s.owner.when() != When::Never).copied().collect();
        let shared =
            |m: &&super::Meeting| m.addr < addr.saturating_add(len) && m.addr.saturating_add(u64::from(m.len)) > addr;
        super::overlap::meetings(&near).iter().filter(shared).map(|m| m.rank).max()
    }

    fn detail(&self, record: &Record) -> String {
        let key = || self.name_at(record.other).unwrap_or_else(|| format!("{:#x}", record.other).into());
        match record.owner {
            Owner::StaticCall if record.other != 0 => key().trim_start_matches("__SCK__").to_owned(),
            Owner::JumpLabel if record.other != 0 => format!("to {}", self.place(record.other)),
            Owner::Exception if record.other != 0 => format!("fixup {}", self.place(record.other)),
            Owner::Alternatives => {
                let (feature, len) = (record.flags & 0xffff, (record.flags >> 16) as usize);
                let negated = if feature & 0x8000 == 0 { "" } else { "not " };
                let (word, bit) = ((feature & 0x7fff) / 32, feature % 32);
                let replacement = match self.space.bytes(record.other, len) {
                    Some([]) | None => "nops".to_owned(),
                    Some(bytes) => crate::isa::hex(bytes),
                };
                format!("{negated}feature {word}*32+{bit}: {replacement}")
            }
            _ => String::new(),
        }
    }
}

/// The length of what only fills up: nops and breakpoints.
fn padding(bytes: &[u8]) -> usize {
    let mut decoder = Decoder::new(64, bytes, DecoderOptions::NONE);
    let mut len = 0;
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let fills = matches!(instruction.mnemonic(), iced_x86::Mnemonic::Nop | iced_x86::Mnemonic::Int3);
        if instruction.is_invalid() || !fills {
            break;
        }
        len = decoder.position();
    }
    len
}

fn number(text: &str) -> Option<u64> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    u64::from_str_radix(hex.unwrap_or(text), 16).ok()
}

/// The address that an instruction branches to or reads.
fn target(instruction: &Instruction) -> Option<u64> {
    match instruction.near_branch_target() {
        0 if instruction.is_ip_rel_memory_operand() => Some(instruction.ip_rel_memory_address()),
        0 => None,
        target => Some(target),
    }
}

/// Names of the addresses in one function. The formatter keeps its resolver, so it cannot borrow the image.
struct Resolver(HashMap<u64, String>);

impl SymbolResolver for Resolver {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        _operand: u32,
        _within: Option<u32>,
        address: u64,
        _size: u32,
    ) -> Option<SymbolResult<'_>> {
        if target(instruction) != Some(address) {
            return None;
        }
        self.0.get(&address).map(|name| SymbolResult::with_str(address, name))
    }
}
