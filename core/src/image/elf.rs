//! ELF headers, sections and symbols. Everything that a header claims is compared with the file before it is used.

use std::borrow::Cow;
use std::ops::Range;

use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};
use object::{LittleEndian, SectionIndex, U32};

use super::source::Source;
use super::space::{Held, Section};
use super::symbols::{Names, Symbol};
use super::{ImageError, boot};

pub(crate) type Header = elf::FileHeader64<LittleEndian>;
pub(crate) type Shdr = elf::SectionHeader64<LittleEndian>;
pub(crate) const LE: LittleEndian = LittleEndian;

/// The parts of a checked file.
pub(crate) struct Elf<'a> {
    pub source: &'a Source,
    pub header: &'a Header,
    pub sections: SectionTable<'a, Header, &'a Source>,
}

/// A symbol as the file has it: relocations refer to it by number.
#[derive(Clone, Copy)]
pub(crate) struct Raw {
    pub value: u64,
    pub size: u64,
    /// With `SHN_XINDEX` resolved.
    pub section: u32,
    pub kind: u8,
    pub global: bool,
    pub name: u32,
}

impl<'a> Elf<'a> {
    /// Checks identity and headers.
    pub fn parse(source: &'a Source) -> Result<Self, ImageError> {
        let bytes = usize::try_from(source.size()).unwrap_or(usize::MAX);
        identify(&source.beginning(boot::HEADER)?, bytes)?;
        let damaged = |what: &str| ImageError::Damaged { what: what.to_owned(), bytes };
        let header = Header::parse(source).map_err(|e| damaged(&e.to_string()))?;
        if !matches!(header.e_type(LE), elf::ET_EXEC | elf::ET_DYN | elf::ET_REL) {
            return Err(ImageError::Type(header.e_type(LE).0));
        }
        if header.e_shoff(LE) == 0 {
            return Err(ImageError::NoSections);
        }
        let sections =
            header.sections(LE, source).map_err(|e| damaged(&format!("{e} (at {:#x})", header.e_shoff(LE))))?;
        Ok(Self { source, header, sections })
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
        (range.end as u64 <= self.source.size()).then_some(range)
    }

    /// The sections of a linked image that are loaded.
    pub fn loaded(&self, notes: &mut Vec<String>, dropped: &mut Vec<Dropped>) -> Vec<Section> {
        let mut out = Vec::new();
        let mut left_in = 0_usize;
        for header in self.sections.iter() {
            let flags = header.sh_flags(LE);
            left_in += usize::from(header.sh_type(LE) == elf::SHT_RELA && !flags.contains(elf::SHF_ALLOC));
            if !flags.contains(elf::SHF_ALLOC) || header.sh_type(LE) == elf::SHT_NULL {
                continue;
            }
            let (name, size) = (self.name(header), header.sh_size(LE));
            let Some(held) = self.held(header, &name, notes, dropped) else { continue };
            let addr = header.sh_addr(LE);
            if addr.checked_add(size).is_none() {
                notes.push(format!("section {name} ends beyond the address space and is not read"));
                dropped.push((name, "its section ends beyond the address space".into()));
                continue;
            }
            let (exec, written) = (flags.contains(elf::SHF_EXECINSTR), flags.contains(elf::SHF_WRITE));
            out.push(Section { name, addr, size, exec, written, held, unread: None });
        }
        if left_in > 0 {
            notes.push(format!("{left_in} relocation sections were left in; the linker has applied them"));
        }
        out
    }

    /// Where the contents are; `None`, with a note, if outside of the file.
    pub fn held(&self, header: &Shdr, name: &str, notes: &mut Vec<String>, dropped: &mut Vec<Dropped>) -> Option<Held> {
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
            dropped.push((name.to_owned(), "its section points outside of the file".into()));
        }
        range.map(Held::File)
    }

    /// The symbol table in the file's order, and its names.
    pub fn symbols(&self, notes: &mut Vec<String>) -> (Vec<Raw>, Names) {
        let none = || (Vec::new(), Names::Own(Vec::new()));
        let Some((index, header)) = self.sections.enumerate().find(|(_, s)| s.sh_type(LE) == elf::SHT_SYMTAB) else {
            return none();
        };
        let read = |header: &Shdr| self.range(header).and_then(|r| self.source.bytes(r).ok());
        let Some(bytes) = read(header) else {
            notes.push("the symbol table lies outside of the file and is not read".into());
            return none();
        };
        let Ok(table) = object::slice_from_all_bytes::<elf::Sym64<LittleEndian>>(&bytes[..bytes.len() / 24 * 24])
        else {
            notes.push("the symbol table is damaged and not read".into());
            return none();
        };
        // Section numbers that do not fit into 16 bits stand in a table of their own: a file with more than 65,280.
        let wide = |s: &&Shdr| s.sh_type(LE) == elf::SHT_SYMTAB_SHNDX && s.sh_link(LE) as usize == index.0;
        let wide = self.sections.iter().find(wide).and_then(read).unwrap_or_default();
        let wide = object::slice_from_all_bytes::<U32<LittleEndian>>(&wide[..wide.len() / 4 * 4]).unwrap_or_default();
        let strings = self.sections.section(SectionIndex(header.sh_link(LE) as usize)).ok();
        let names = match strings.and_then(|s| self.range(s)) {
            Some(range) => match self.source.bytes(range.clone()) {
                Ok(Cow::Borrowed(_)) => Some(Names::File(range)),
                Ok(Cow::Owned(bytes)) => Some(Names::Own(bytes)),
                Err(_) => None,
            },
            None => None,
        };
        let Some(names) = names else {
            notes.push("the names of the symbols lie outside of the file and are not read".into());
            return none();
        };
        let raw = |(number, s): (usize, &elf::Sym64<LittleEndian>)| Raw {
            value: s.st_value(LE),
            size: s.st_size(LE),
            section: match s.st_shndx(LE) {
                elf::SHN_XINDEX => wide.get(number).map_or(elf::SHN_UNDEF.0.into(), |w| w.get(LE)),
                elf::SHN_ABS => ABSOLUTE,
                short => short.0.into(),
            },
            kind: s.st_type().0,
            global: s.st_bind() != elf::STB_LOCAL,
            name: s.st_name(LE),
        };
        (table.iter().enumerate().map(raw).collect(), names)
    }

    /// What a file that is no kernel calls itself: `a program`, `a shared library (libc.so.6)`.
    pub fn called(&self) -> String {
        let segments = self.header.program_headers(LE, self.source).unwrap_or_default();
        let has = |kind| segments.iter().any(|s: &elf::ProgramHeader64<LittleEndian>| s.p_type(LE) == kind);
        if self.relocatable() {
            return "an object file".into();
        }
        match self.soname() {
            Some(name) => format!("a shared library ({name})"),
            None if has(elf::PT_INTERP) => "a program".into(),
            None if self.header.e_type(LE) == elf::ET_DYN => "a program or shared library".into(),
            None => "a program".into(),
        }
    }

    fn soname(&self) -> Option<String> {
        let (entries, link) = self.sections.dynamic(LE, self.source).ok()??;
        let entry = entries.iter().find(|e| e.d_tag(LE) == elf::DT_SONAME)?;
        let strings = self.sections.strings(LE, self.source, link).ok()?;
        let name = strings.get(u32::try_from(entry.d_val(LE)).ok()?).ok()?;
        Some(String::from_utf8_lossy(&name[..name.len().min(64)]).into_owned())
    }
}

/// The section number of symbols that stand in none: `SHN_ABS`, out of the way of numbers above 65,280.
pub(crate) const ABSOLUTE: u32 = u32::MAX;

/// A section that is not read, and why.
pub(crate) type Dropped = (String, String);

/// Symbols that name a place in a linked image.
pub(crate) fn places(raw: &[Raw]) -> Vec<Symbol> {
    let named = |s: &&Raw| {
        s.section != u32::from(elf::SHN_UNDEF.0)
            && s.name != 0
            && s.kind != elf::STT_SECTION.0
            && s.kind != elf::STT_FILE.0
    };
    let place = |s: &Raw| Symbol::new(s.value, s.size, s.name, s.kind == elf::STT_FUNC.0, s.global);
    raw.iter().filter(named).map(place).collect()
}

fn identify(data: &[u8], bytes: usize) -> Result<(), ImageError> {
    if !data.starts_with(b"\x7fELF") {
        if data.get(0x38..0x3c) == Some(b"ARM\x64") {
            return Err(ImageError::Machine("arm64 (a boot image)".into()));
        }
        let start = &data[..data.len().min(4)];
        let seen = if start.is_empty() { "nothing".to_owned() } else { crate::isa::hex(start) };
        return Err(ImageError::NotElf(seen));
    }
    let field = |at: usize| data.get(at).copied();
    let machine = data.get(18..20).map(|b| u16::from_le_bytes([b[0], b[1]]));
    match (field(4), field(5)) {
        (Some(1), Some(1)) => {
            return Err(match machine {
                Some(3 | 6) => ImageError::Class32("i386".into()),
                Some(40) => ImageError::Class32("arm".into()),
                Some(62) => ImageError::Class32("x32".into()),
                other => ImageError::Class32(format!("machine {}", other.unwrap_or(0))),
            });
        }
        (Some(1), _) => return Err(ImageError::Class32("another byte order".into())),
        (_, Some(2)) => return Err(ImageError::BigEndian),
        (Some(2), Some(1)) => {}
        _ => return Err(ImageError::Damaged { what: "no valid ELF identification".into(), bytes }),
    }
    let name = match machine {
        Some(62) => return Ok(()),
        Some(183) => "arm64",
        Some(243) => "riscv",
        Some(22) => "s390",
        Some(21) => "ppc64",
        Some(258) => "loongarch",
        Some(247) => "BPF",
        Some(other) => return Err(ImageError::Machine(format!("machine {other}"))),
        None => return Err(ImageError::Damaged { what: "no ELF header".into(), bytes }),
    };
    Err(ImageError::Machine(name.into()))
}
