//! ELF headers, sections and symbols. Everything that a header claims is compared with the file before it is used.

use std::ops::Range;

use object::elf;
use object::read::elf::{FileHeader, SectionHeader, SectionTable, Sym};
use object::{LittleEndian, SectionIndex};

use super::ImageError;
use super::space::{Held, Section};
use super::symbols::{Names, Symbol};

pub(crate) type Header = elf::FileHeader64<LittleEndian>;
pub(crate) type Shdr = elf::SectionHeader64<LittleEndian>;
pub(crate) const LE: LittleEndian = LittleEndian;

/// The parts of a checked file.
pub(crate) struct Elf<'a> {
    pub data: &'a [u8],
    pub header: &'a Header,
    pub sections: SectionTable<'a, Header>,
}

/// A symbol as the file has it: relocations refer to it by number.
#[derive(Clone, Copy)]
pub(crate) struct Raw {
    pub value: u64,
    pub size: u64,
    pub section: u16,
    pub kind: u8,
    pub global: bool,
    pub name: u32,
}

impl<'a> Elf<'a> {
    /// Checks identity and headers.
    pub fn parse(data: &'a [u8]) -> Result<Self, ImageError> {
        identify(data)?;
        let damaged = |what: &str| ImageError::Damaged { what: what.to_owned(), bytes: data.len() };
        let header = Header::parse(data).map_err(|e| damaged(&e.to_string()))?;
        if !matches!(header.e_type(LE), elf::ET_EXEC | elf::ET_DYN | elf::ET_REL) {
            return Err(ImageError::Type(header.e_type(LE).0));
        }
        if header.e_shoff(LE) == 0 {
            return Err(ImageError::NoSections);
        }
        let sections =
            header.sections(LE, data).map_err(|e| damaged(&format!("{e} (at {:#x})", header.e_shoff(LE))))?;
        Ok(Self { data, header, sections })
    }

    pub fn relocatable(&self) -> bool {
        self.header.e_type(LE) == elf::ET_REL
    }

    pub fn name(&self, section: &Shdr) -> String {
        self.sections.section_name(LE, section).map_or_else(|_| "?".into(), |n| String::from_utf8_lossy(n).into_owned())
    }

    /// A section's range in the file, if all of it is there.
    pub fn range(&self, section: &Shdr) -> Option<Range<usize>> {
        let (from, len) = section.file_range(LE)?;
        let range = usize::try_from(from).ok()?..usize::try_from(from.checked_add(len)?).ok()?;
        (range.end <= self.data.len()).then_some(range)
    }

    /// The sections of a linked image that are loaded.
    pub fn loaded(&self, notes: &mut Vec<String>) -> Vec<Section> {
        let mut out = Vec::new();
        let mut left_in = 0_usize;
        for header in self.sections.iter() {
            let flags = header.sh_flags(LE);
            left_in += usize::from(header.sh_type(LE) == elf::SHT_RELA && !flags.contains(elf::SHF_ALLOC));
            if !flags.contains(elf::SHF_ALLOC) || header.sh_type(LE) == elf::SHT_NULL {
                continue;
            }
            let (name, size) = (self.name(header), header.sh_size(LE));
            let Some(held) = self.held(header, &name, notes) else { continue };
            let addr = header.sh_addr(LE);
            if addr.checked_add(size).is_none() {
                notes.push(format!("section {name} ends beyond the address space and is not read"));
                continue;
            }
            out.push(Section { name, addr, size, exec: flags.contains(elf::SHF_EXECINSTR), held });
        }
        if left_in > 0 {
            notes.push(format!("{left_in} relocation sections were left in; the linker has applied them"));
        }
        out
    }

    /// Where the contents are; `None`, with a note, if outside of the file.
    pub fn held(&self, header: &Shdr, name: &str, notes: &mut Vec<String>) -> Option<Held> {
        if header.sh_type(LE) == elf::SHT_NOBITS {
            return Some(Held::Nothing);
        }
        let range = self.range(header);
        if range.is_none() {
            notes.push(format!(
                "section {name} points outside of the file (offset {:#x}, {:#x} bytes) and is not read",
                header.sh_offset(LE),
                header.sh_size(LE)
            ));
        }
        range.map(Held::File)
    }

    /// The symbol table in the file's order, and its names.
    pub fn symbols(&self, notes: &mut Vec<String>) -> (Vec<Raw>, Names) {
        let none = || (Vec::new(), Names::Own(Vec::new()));
        let Some((index, header)) = self.sections.enumerate().find(|(_, s)| s.sh_type(LE) == elf::SHT_SYMTAB) else {
            return none();
        };
        let table = match self.sections.symbol_table_by_index(LE, self.data, index) {
            Ok(table) => table,
            Err(e) => {
                notes.push(format!("the symbol table is damaged and not read: {e}"));
                return none();
            }
        };
        let strings = self.sections.section(SectionIndex(header.sh_link(LE) as usize)).ok();
        let Some(names) = strings.and_then(|s| self.range(s)) else {
            notes.push("the names of the symbols lie outside of the file and are not read".into());
            return none();
        };
        let raw = |s: &elf::Sym64<LittleEndian>| Raw {
            value: s.st_value(LE),
            size: s.st_size(LE),
            section: s.st_shndx(LE).0,
            kind: s.st_type().0,
            global: s.st_bind() != elf::STB_LOCAL,
            name: s.st_name(LE),
        };
        (table.iter().map(raw).collect(), Names::File(names))
    }
}

/// Symbols that name a place in a linked image.
pub(crate) fn places(raw: &[Raw]) -> Vec<Symbol> {
    let named = |s: &&Raw| {
        s.section != elf::SHN_UNDEF.0 && s.name != 0 && s.kind != elf::STT_SECTION.0 && s.kind != elf::STT_FILE.0
    };
    let place = |s: &Raw| Symbol::new(s.value, s.size, s.name, s.kind == elf::STT_FUNC.0, s.global);
    raw.iter().filter(named).map(place).collect()
}

fn identify(data: &[u8]) -> Result<(), ImageError> {
    let bytes = data.len();
    if !data.starts_with(b"\x7fELF") {
        // The boot protocol's magic, Documentation/arch/x86/boot.rst.
        if data.get(0x202..0x206) == Some(b"HdrS") {
            return Err(ImageError::BootImage);
        }
        let start = &data[..bytes.min(4)];
        let seen = if start.is_empty() { "nothing".to_owned() } else { crate::isa::hex(start) };
        return Err(ImageError::NotElf(seen));
    }
    let field = |at: usize| data.get(at).copied();
    match (field(4), field(5)) {
        (Some(1), _) => return Err(ImageError::Class32),
        (_, Some(2)) => return Err(ImageError::BigEndian),
        (Some(2), Some(1)) => {}
        _ => return Err(ImageError::Damaged { what: "no valid ELF identification".into(), bytes }),
    }
    let machine = data.get(18..20).map(|b| u16::from_le_bytes([b[0], b[1]]));
    match machine {
        Some(62) => Ok(()),
        Some(183) => Err(ImageError::Machine("arm64".into())),
        Some(243) => Err(ImageError::Machine("riscv".into())),
        Some(22) => Err(ImageError::Machine("s390".into())),
        Some(21) => Err(ImageError::Machine("ppc64".into())),
        Some(other) => Err(ImageError::Machine(format!("machine {other}"))),
        None => Err(ImageError::Damaged { what: "no ELF header".into(), bytes }),
    }
}
