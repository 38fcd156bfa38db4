//! A module is relocatable: its sections have no addresses and its tables no values until somebody lays them out. We
//! do what the kernel's loader does, `arch/x86/kernel/module.c: apply_relocate_add()`, with addresses of our own; symbols
//! of other files get stand-ins, so that a call to one can still be told by its target.

use std::collections::HashMap;

use object::SectionIndex;
use object::elf;
use object::read::elf::{Rela, SectionHeader};

use super::elf::{ABSOLUTE, Dropped, Elf, LE, Raw};
use super::space::{Held, Section};
use super::symbols::Symbol;
use super::table;

/// Where modules begin on x86-64: `MODULES_VADDR`, `Documentation/arch/x86/x86_64/mm.rst`.
pub const BASE: u64 = 0xffff_ffff_c000_0000;
/// Stand-ins for symbols of other files, near enough for a 32-bit displacement.
const EXTERNAL: u64 = 0xffff_ffff_a000_0000;
/// Apart by more than the flags that tables keep in low bits.
const EXTERNAL_STEP: u64 = 16;
/// No more than this is laid out: beyond, displacements no longer fit.
const SPAN: u64 = 0x1800_0000;

/// Sections with addresses and relocations applied, and symbols to match.
pub(crate) fn lay_out(
    elf: &Elf<'_>,
    raw: &[Raw],
    notes: &mut Vec<String>,
    dropped: &mut Vec<Dropped>,
) -> (Vec<Section>, Vec<Symbol>) {
    let mut addrs = vec![0_u64; elf.sections.len()];
    let mut out = Vec::new();
    let mut next = BASE;
    for text_first in [true, false] {
        for (index, header) in elf.sections.enumerate() {
            let flags = header.sh_flags(LE);
            let exec = flags.contains(elf::SHF_EXECINSTR);
            if !flags.contains(elf::SHF_ALLOC) || exec != text_first {
                continue;
            }
            let (name, size) = (elf.name(header), header.sh_size(LE));
            let align = header.sh_addralign(LE).clamp(1, 4096).next_power_of_two();
            let addr = next.next_multiple_of(align);
            if size > SPAN || addr + size > BASE + SPAN {
                notes.push(format!("section {name} of {size:#x} bytes is too large for a module and is not read"));
                dropped.push((name, "its section is too large for a module".into()));
                continue;
            }
            let Some(held) = elf.held(header, &name, notes, dropped) else { continue };
            // Symbols may stand in a section without bytes.
            addrs[index.0] = addr;
            if size == 0 {
                continue;
            }
            next = addr + size;
            let written = flags.contains(elf::SHF_WRITE);
            out.push(Section { name, addr, size, exec, written, held, unread: None });
        }
    }
    let symbols = symbols(raw, &addrs);
    apply(elf, &addrs, &symbols, &mut out, notes);
    let kept = |(raw, s): (&Raw, Option<Symbol>)| s.filter(|_| raw.name != 0 && raw.kind != elf::STT_SECTION.0);
    (out, raw.iter().zip(symbols).filter_map(kept).collect())
}

/// The address of each symbol, by its number in the file; `None` if it stands in nothing that is loaded.
fn symbols(raw: &[Raw], addrs: &[u64]) -> Vec<Option<Symbol>> {
    let mut external = EXTERNAL;
    let place = |(number, s): (usize, &Raw)| {
        let function = s.kind == elf::STT_FUNC.0;
        if number == 0 {
            // Symbol 0 stands for no symbol: the addend is the value.
            return Some(Symbol::new(0, 0, 0, false, false));
        }
        if s.section == u32::from(elf::SHN_UNDEF.0) {
            external += EXTERNAL_STEP;
            let mut symbol = Symbol::new(external, 0, s.name, false, true);
            symbol.external = true;
            return (s.name != 0 && external < BASE).then_some(symbol);
        }
        let base = match s.section {
            ABSOLUTE => 0,
            section => *addrs.get(section as usize).filter(|a| **a != 0)?,
        };
        Some(Symbol::new(base.wrapping_add(s.value), s.size, s.name, function, s.global))
    };
    raw.iter().enumerate().map(place).collect()
}

/// What went wrong in one relocation section, counted: a damaged one could have a million.
#[derive(Default)]
struct Bad {
    outside: usize,
    nowhere: usize,
    unknown: Option<(u32, usize)>,
}

fn apply(elf: &Elf<'_>, addrs: &[u64], symbols: &[Option<Symbol>], sections: &mut [Section], notes: &mut Vec<String>) {
    // There may be 65,000 sections, each with relocations.
    let numbers: HashMap<u64, usize> = sections.iter().enumerate().map(|(n, s)| (s.addr, n)).collect();
    let mut relocated = vec![false; sections.len()];
    for (index, header) in elf.sections.enumerate() {
        if header.sh_type(LE) != elf::SHT_RELA {
            continue;
        }
        let target = header.sh_info(LE) as usize;
        let sized = elf.sections.section(SectionIndex(target)).is_ok_and(|s| s.sh_size(LE) > 0);
        let Some(addr) = addrs.get(target).copied().filter(|a| *a != 0 && sized) else { continue };
        let Some(number) = numbers.get(&addr).copied() else { continue };
        let section = &mut sections[number];
        if !(section.exec || table::is_table(&section.name)) {
            continue;
        }
        let relocations = match header.rela(LE, elf.source) {
            Ok(Some((relocations, _))) => relocations,
            Ok(None) => continue,
            Err(e) => {
                let name = elf.name(header);
                notes.push(format!("relocation section {name} ({}) is damaged and not applied: {e}", index.0));
                section.unread = Some(format!("its relocations are damaged: {e}"));
                continue;
            }
        };
        let bytes = match &section.held {
            Held::File(range) => elf.source.copy(range.clone()).unwrap_or_default(),
            Held::Own(bytes) => bytes.clone(),
            Held::Nothing => continue,
        };
        relocated[number] |= !relocations.is_empty();
        let (bytes, bad) = relocate(bytes, addr, relocations, symbols);
        section.held = Held::Own(bytes);
        let name = &section.name;
        if bad.outside > 0 {
            notes.push(format!("{} relocations of {name} lie outside of it and are not applied", bad.outside));
        }
        if bad.nowhere > 0 {
            notes.push(format!("{} relocations of {name} lead nowhere and are not applied", bad.nowhere));
        }
        if let Some((kind, count)) = bad.unknown {
            notes.push(format!("{count} relocations of {name} are of a type not known here (first: {kind})"));
        }
    }
    // Every record of every table has an address, so a table without relocations has lost them.
    for (section, relocated) in sections.iter_mut().zip(relocated) {
        if !relocated && section.unread.is_none() && table::is_table(&section.name) {
            section.unread = Some(format!(
                "its relocations are gone, as objcopy -S or strip -s leave a module; {} bytes say nothing without them",
                section.size
            ));
        }
    }
}

fn relocate(
    mut bytes: Vec<u8>,
    base: u64,
    relocations: &[elf::Rela64<object::LittleEndian>],
    symbols: &[Option<Symbol>],
) -> (Vec<u8>, Bad) {
    let mut bad = Bad::default();
    for relocation in relocations {
        let (kind, offset) = (relocation.r_type(LE, false), relocation.r_offset(LE));
        let wide = matches!(kind, elf::R_X86_64_64 | elf::R_X86_64_PC64);
        let len = if wide { 8 } else { 4 };
        let place =
            usize::try_from(offset).ok().and_then(|at| Some(at..at.checked_add(len)?)).and_then(|r| bytes.get_mut(r));
        let Some(place) = place else {
            bad.outside += 1;
            continue;
        };
        let number = relocation.r_sym(LE, false) as usize;
        let Some(Some(symbol)) = symbols.get(number) else {
            bad.nowhere += 1;
            continue;
        };
        let value = symbol.addr.wrapping_add_signed(relocation.r_addend(LE));
        let here = base.wrapping_add(offset);
        match kind {
            elf::R_X86_64_64 => place.copy_from_slice(&value.to_le_bytes()),
            elf::R_X86_64_PC64 => place.copy_from_slice(&value.wrapping_sub(here).to_le_bytes()),
            elf::R_X86_64_PC32 | elf::R_X86_64_PLT32 => {
                place.copy_from_slice(&(value.wrapping_sub(here) as u32).to_le_bytes());
            }
            elf::R_X86_64_32 | elf::R_X86_64_32S => place.copy_from_slice(&(value as u32).to_le_bytes()),
            elf::R_X86_64_NONE => {}
            other => bad.unknown = Some(bad.unknown.map_or((other.0, 1), |(first, n)| (first, n + 1))),
        }
    }
    (bytes, bad)
}
