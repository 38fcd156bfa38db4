//! The table of call sites, as the compiler leaves it in an object file or a program.
//!
//! `-mrecord-mcount` writes `__mcount_loc`, one address for each call; without it the relocations to `mcount` or
//! `__fentry__` tell, as `scripts/recordmcount.c` reads them: only in sections of text that are traced. A site is
//! named by what stands there: with PIE it is a six-byte `call *mcount@GOTPCREL(%rip)`, which is no corruption, but
//! cannot become a five-byte nop.

use object::{Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionIndex, elf};

use crate::isa::{Bytes, nop};

/// Why no table can be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// Not an object file.
    #[error("not an x86-64 ELF file: {0}")]
    Elf(#[from] object::Error),
    /// For another processor.
    #[error("an ELF file for {0:?}; only x86-64 is read")]
    Architecture(object::Architecture),
    /// The table's size is no multiple of eight, or a value lies in no section of text.
    #[error("__mcount_loc is damaged: {0}")]
    Damaged(String),
    /// Nothing was compiled for tracing.
    #[error("no call to mcount or __fentry__; compile with -pg")]
    None,
}

/// What stands at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Form {
    /// `e8 rel32`: the call, five bytes.
    Call,
    /// `ff 15 rel32`: the call through the global offset table that PIE makes of it, six bytes.
    Indirect,
    /// The five-byte nop of `-mnop-mcount`.
    Nop,
    /// None of these.
    Other,
}

impl Form {
    fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xe8, ..] => Self::Call,
            [0xff, 0x15, ..] => Self::Indirect,
            _ if bytes.starts_with(nop(5)) => Self::Nop,
            _ => Self::Other,
        }
    }

    /// In words, with what follows from it.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Call => "call, five bytes: becomes a nop",
            Self::Indirect => {
                "call through the global offset table, six bytes (PIE): no five-byte nop fits; build with -fno-pie"
            }
            Self::Nop => "a nop already (-mnop-mcount)",
            Self::Other => "neither a call nor a nop",
        }
    }
}

/// One site.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Call {
    /// Its section.
    pub section: String,
    /// Offset in the section, to the first byte of the instruction.
    pub offset: u64,
    /// Its address in a program; in an object file the offset again.
    pub addr: u64,
    /// The bytes there, at most six.
    pub bytes: Bytes,
    /// What they are.
    pub form: Form,
    /// The function around it, and how far inside: 0 for `-mfentry`, behind the prologue for `mcount`.
    pub function: Option<(String, u64)>,
}

/// Where the sites were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Source {
    /// The section `__mcount_loc`.
    Recorded,
    /// Relocations against the symbol, as an object file has them.
    Relocations,
}

/// All sites of a file, in the order of section and offset.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Table {
    /// Where they were read.
    pub source: Source,
    /// The sites.
    pub calls: Vec<Call>,
    /// Calls in sections that are not traced: `section` and how many.
    pub ignored: Vec<(String, usize)>,
}

/// Sections whose calls are recorded (`scripts/recordmcount.c: is_mcounted_section_name()`, v5.17).
const TRACED: [&str; 9] = [
    ".text",
    ".init.text",
    ".ref.text",
    ".sched.text",
    ".spinlock.text",
    ".irqentry.text",
    ".softirqentry.text",
    ".kprobes.text",
    ".cpuidle.text",
];

fn traced(section: &str) -> bool {
    TRACED.contains(&section) || section.starts_with(".text.")
}

/// Reads the table of an object file, a module or a program.
///
/// # Errors
/// [`TableError`].
pub fn read(file: &[u8]) -> Result<Table, TableError> {
    let elf = object::File::parse(file)?;
    if elf.architecture() != object::Architecture::X86_64 {
        return Err(TableError::Architecture(elf.architecture()));
    }
    let recorded = match elf.section_by_name("__mcount_loc") {
        Some(section) => recorded(&elf, &section)?,
        None => Vec::new(),
    };
    let (source, places, ignored) = if recorded.is_empty() {
        let (places, ignored) = scanned(&elf)?;
        (Source::Relocations, places, ignored)
    } else {
        (Source::Recorded, recorded, Vec::new())
    };
    if places.is_empty() && ignored.is_empty() {
        return Err(TableError::None);
    }
    let functions = functions(&elf);
    let mut calls = Vec::with_capacity(places.len());
    for (index, offset) in places {
        let section = elf.section_by_index(index)?;
        let code = section.data()?;
        let from = usize::try_from(offset).ok().filter(|&o| o < code.len());
        let Some(from) = from else {
            return Err(TableError::Damaged(format!("offset {offset:#x} is behind {}", section.name().unwrap_or("?"))));
        };
        let bytes = &code[from..code.len().min(from + 6)];
        let form = Form::of(bytes);
        let key = (index.0, offset);
        let at = functions.partition_point(|f| (f.0, f.1) <= key);
        let function = at.checked_sub(1).map(|i| &functions[i]).filter(|f| f.0 == index.0 && offset < f.1 + f.2.max(1));
        calls.push(Call {
            section: section.name().unwrap_or_default().to_owned(),
            offset,
            addr: section.address() + offset,
            bytes: Bytes::new(&bytes[..bytes.len().min(if form == Form::Indirect { 6 } else { 5 })]),
            form,
            function: function.map(|f| (f.3.clone(), offset - f.1)),
        });
    }
    calls.sort_by(|a, b| (&a.section, a.offset).cmp(&(&b.section, b.offset)));
    Ok(Table { source, calls, ignored })
}

/// Section, offset in it, length, name; sorted.
fn functions(elf: &object::File<'_>) -> Vec<(usize, u64, u64, String)> {
    let mut out: Vec<_> = elf
        .symbols()
        .filter(|s| s.kind() == object::SymbolKind::Text)
        .filter_map(|s| {
            let index = s.section_index()?;
            let base = elf.section_by_index(index).ok()?.address();
            Some((index.0, s.address().checked_sub(base)?, s.size(), s.name().ok()?.to_owned()))
        })
        .collect();
    out.sort();
    out
}

type Places = Vec<(SectionIndex, u64)>;

/// `__mcount_loc`: values in a program, relocations in an object file. Zeroes are padding.
fn recorded(elf: &object::File<'_>, section: &object::Section<'_, '_>) -> Result<Places, TableError> {
    let mut out = Places::new();
    for (_, relocation) in section.relocations() {
        let addend = relocation.addend() as u64;
        match relocation.target() {
            RelocationTarget::Symbol(index) => {
                let symbol = elf.symbol_by_index(index)?;
                let at =
                    symbol.section_index().ok_or_else(|| TableError::Damaged("an entry names no section".into()))?;
                let base = elf.section_by_index(at)?.address();
                out.push((at, symbol.address().wrapping_add(addend).wrapping_sub(base)));
            }
            RelocationTarget::Section(index) => out.push((index, addend)),
            _ => return Err(TableError::Damaged("an entry names no symbol".into())),
        }
    }
    if !out.is_empty() {
        return Ok(out);
    }
    let data = section.data()?;
    if data.len() % 8 != 0 {
        return Err(TableError::Damaged(format!("{} bytes are no multiple of eight", data.len())));
    }
    let mut values: Vec<u64> = data.chunks_exact(8).filter_map(|c| c.try_into().ok().map(u64::from_le_bytes)).collect();
    // A position-independent program has them as relative relocations instead.
    if values.iter().all(|&v| v == 0) {
        let range = section.address()..section.address() + section.size();
        let relative = elf.dynamic_relocations().into_iter().flatten();
        values = relative.filter(|(at, _)| range.contains(at)).map(|(_, r)| r.addend() as u64).collect();
    }
    let text: Vec<_> = elf.sections().filter(|s| s.kind() == object::SectionKind::Text).collect();
    for value in values.into_iter().filter(|&v| v != 0) {
        let inside = |s: &&object::Section<'_, '_>| (s.address()..s.address() + s.size()).contains(&value);
        let Some(at) = text.iter().find(inside) else {
            return Err(TableError::Damaged(format!("{value:#x} lies in no section of text")));
        };
        out.push((at.index(), value - at.address()));
    }
    Ok(out)
}

/// As recordmcount did: relocations of calls to the profiler, in sections that are traced.
fn scanned(elf: &object::File<'_>) -> Result<(Places, Vec<(String, usize)>), TableError> {
    let (mut out, mut ignored) = (Places::new(), Vec::new());
    for section in elf.sections().filter(|s| s.kind() == object::SectionKind::Text) {
        let code = section.data()?;
        let mut here = Vec::new();
        for (at, relocation) in section.relocations() {
            let RelocationTarget::Symbol(index) = relocation.target() else { continue };
            let name = elf.symbol_by_index(index)?.name().unwrap_or_default();
            let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
            let branch = matches!(
                r_type,
                elf::R_X86_64_PC32 | elf::R_X86_64_PLT32 | elf::R_X86_64_GOTPCREL | elf::R_X86_64_GOTPCRELX
            );
            if !matches!(name, "mcount" | "_mcount" | "__fentry__") || !branch {
                continue;
            }
            // The relocation is the displacement: one byte behind e8, two behind ff 15.
            let indirect = usize::try_from(at).ok().and_then(|a| code.get(a.checked_sub(2)?..a)) == Some(&[0xff, 0x15]);
            here.push((section.index(), at.saturating_sub(if indirect { 2 } else { 1 })));
        }
        let name = section.name().unwrap_or_default();
        if traced(name) {
            out.append(&mut here);
        } else if !here.is_empty() {
            ignored.push((name.to_owned(), here.len()));
        }
    }
    Ok((out, ignored))
}
