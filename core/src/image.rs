//! Kernel images read into the ledger: for every byte that something may rewrite at run time, who may, and from which
//! table.
//!
//! ```no_run
//! use provenance_engine::image::{Image, Limits};
//! # fn main() -> Result<(), provenance_engine::image::ImageError> {
//! let image = Image::open("vmlinux".as_ref(), Limits::default())?;
//! for meeting in image.findings().iter() {
//!     println!("{:#x} {}", meeting.addr, meeting.what);
//! }
//! let function = image.function("bpf_dispatcher_xdp_func")?;
//! println!("{} instructions", function.lines.len());
//! # Ok(()) }
//! ```
//!
//! A vmlinux is read as linked. A module is laid out and relocated first ([`module`]). Addresses of a module are therefore
//! this reader's own; symbols and offsets are what to compare.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

mod archive;
mod boot;
mod census;
mod check;
mod claims;
mod diff;
mod directory;
mod elf;
mod error;
mod finding;
mod kallsyms;
mod listing;
pub mod module;
mod overlap;
mod owner;
mod parallel;
mod rule;
pub mod running;
mod source;
mod space;
mod symbols;
mod table;
mod unpack;

pub use self::census::{Census, Share};
pub use self::claims::{Record, Span};
pub use self::diff::{Change, Diff, diff};
pub use self::directory::{Scanned, scan};
pub use self::error::ImageError;
pub use self::finding::{Finding, Severity};
pub use self::listing::{Held, Line, Listing};
pub use self::overlap::{Meeting, Rank};
pub use self::owner::{Owner, When};
pub use self::source::Limits;
pub use self::space::Section;
pub use self::table::{Found, Layout, Table};

use self::elf::Elf;
use self::source::Source;
use self::space::Space;
use self::symbols::Symbols;
use self::unpack::Format;
use crate::ledger::Ledger;

/// What an image is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A linked kernel.
    Vmlinux,
    /// A module.
    Module,
    /// The kernel that runs here.
    Running,
}

/// A kernel image, its tables and its claims.
#[derive(Debug)]
pub struct Image {
    /// Where it was read.
    pub path: PathBuf,
    /// Of what.
    pub kind: Kind,
    /// Whether it came out of a boot image (bzImage, vmlinuz).
    pub boot: bool,
    /// `xz`, `zstd`, `gzip`, `lz4`, `lzma`, `bzip2`; `none` for a boot image that is not compressed.
    pub compression: Option<&'static str>,
    /// The kernel's version: the banner of a vmlinux, the vermagic of a module.
    pub version: Option<String>,
    /// The GNU build id, in hexadecimal.
    pub build_id: Option<String>,
    /// Every table found, by number.
    pub tables: Vec<Table>,
    /// What could not be read, and which sources were absent.
    pub notes: Vec<String>,
    /// Size of the file in bytes, inflated.
    pub size: usize,
    /// By address.
    records: Vec<Record>,
    spans: Vec<Span>,
    pub(crate) space: Space,
    pub(crate) symbols: Symbols,
    /// The symbols around tables and a few others, and where they stand.
    known: HashMap<&'static str, u64>,
}

/// Sections that tell of the image itself.
const INFORMATION: [&str; 3] = [".modinfo", ".notes", ".note.gnu.build-id"];

/// Where the file with symbols lies: Debian has it below `boot` up to 6.18, and from 6.19 on beside the modules, where the
/// link below `boot` leads nowhere.
fn symbols_of(path: &Path) -> Cow<'_, Path> {
    let moved = || {
        let version = path.file_name()?.to_str()?.strip_prefix("vmlinux-")?;
        let boot = path.parent().filter(|p| p.ends_with("boot"))?;
        let moved = boot.parent()?.join("lib/modules").join(version).join("vmlinux");
        (!path.exists() && moved.exists()).then_some(moved)
    };
    moved().map_or(Cow::Borrowed(path), Cow::Owned)
}

impl Image {
    /// Reads a vmlinux, a boot image or a module: all tables, each site checked.
    ///
    /// # Errors
    /// [`ImageError`]: the file is no readable x86-64 image. What is wrong with a part of it stands in `notes` and in the
    /// findings.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, ImageError> {
        let mut image = Self::load(path, limits)?;
        image.claim(None);
        Ok(image)
    }

    /// Reads what is around one symbol or address only: the claims of all other places are left out.
    ///
    /// # Errors
    /// As [`Image::open`], and [`ImageError::NoSuchPlace`].
    pub fn open_at(path: &Path, limits: Limits, place: &str) -> Result<(Self, Listing), ImageError> {
        let (image, mut listings) = Self::open_places(path, limits, &[place])?;
        let listing = listings.pop().ok_or_else(|| ImageError::NoSuchPlace(place.to_owned()))??;
        Ok((image, listing))
    }

    /// As [`Image::open_at`], for several places, in their order: the file is read once.
    ///
    /// # Errors
    /// As [`Image::open`]; a place that the image has not is an error in what is returned.
    pub fn open_places(
        path: &Path,
        limits: Limits,
        places: &[&str],
    ) -> Result<(Self, Vec<Result<Listing, ImageError>>), ImageError> {
        let mut image = Self::load(path, limits)?;
        let ranges = places.iter().filter_map(|place| image.locate(place).ok());
        // A claim that begins in front of the function may reach into it.
        let ranges: Vec<_> = ranges.map(|(_, range)| range.start.saturating_sub(256)..range.end).collect();
        if !ranges.is_empty() {
            image.claim(Some(&ranges));
        }
        let listings = places.iter().map(|place| image.function(place)).collect();
        Ok((image, listings))
    }

    /// Reads bytes that somebody else has in memory, as if they were a file.
    ///
    /// # Errors
    /// As [`Image::open`].
    pub fn from_bytes(bytes: Vec<u8>, limits: Limits) -> Result<Self, ImageError> {
        Self::from_member("-".into(), bytes, limits)
    }

    /// Reads bytes that somebody else has in memory, as if they were the file that the path names.
    pub(crate) fn from_member(path: PathBuf, bytes: Vec<u8>, limits: Limits) -> Result<Self, ImageError> {
        let mut image = Self::unpacked(path, Source::Memory(bytes.into()), limits)?;
        image.claim(None);
        Ok(image)
    }

    fn load(path: &Path, limits: Limits) -> Result<Self, ImageError> {
        let path = symbols_of(path);
        Self::unpacked(path.clone().into_owned(), Source::open(&path)?, limits)
    }

    /// Takes away what is around the ELF file: a boot image, a compressed file.
    fn unpacked(path: PathBuf, source: Source, limits: Limits) -> Result<Self, ImageError> {
        let beginning = source.beginning(boot::HEADER)?;
        if boot::is_boot_image(&beginning) {
            let (kernel, compression) = boot::unpack(&source, limits)?;
            let image = Self::parse(path, Source::Memory(kernel), limits)?;
            return Ok(Self { boot: true, compression: Some(compression), ..image });
        }
        match Format::of(&beginning) {
            None => Self::parse(path, source, limits),
            Some(format) => {
                let all = 0..usize::try_from(source.size()).unwrap_or(usize::MAX);
                let inflated = unpack::whole(&source.bytes(all)?, format, limits)?;
                let image = Self::parse(path, Source::Memory(inflated), limits)?;
                Ok(Self { compression: Some(format.name()), ..image })
            }
        }
    }

    fn parse(path: PathBuf, source: Source, limits: Limits) -> Result<Self, ImageError> {
        let (mut notes, mut dropped) = (Vec::new(), Vec::new());
        let size = usize::try_from(source.size()).unwrap_or(usize::MAX);
        let (kind, sections, list, names, called) = {
            let elf = Elf::parse(&source)?;
            let (raw, names) = elf.symbols(&mut notes);
            if elf.relocatable() {
                let (sections, list) = module::lay_out(&elf, &raw, &mut notes, &mut dropped);
                (Kind::Module, sections, list, names, elf.called())
            } else {
                (Kind::Vmlinux, elf.loaded(&mut notes, &mut dropped), elf::places(&raw), names, elf.called())
            }
        };
        let (mut space, overlapping) = Space::new(sections, dropped);
        notes.extend(overlapping);
        // Symbols are sorted while the text is read.
        let (symbols, loaded) = parallel::both(
            list.len() >= parallel::WORTH,
            || Symbols::new(list, names),
            || space.load(&source, limits, |s| s.exec || table::is_table(&s.name) || INFORMATION.contains(&&*s.name)),
        );
        loaded?;
        // A module of data alone (cast_common.ko) is one; text without contents is a file with debug information.
        let told = space.sections().iter().filter(|s| s.exec).all(|s| matches!(s.held, space::Held::Nothing));
        let data_alone = kind == Kind::Module && !space.sections().iter().any(|s| s.exec);
        if !data_alone && told {
            return Err(ImageError::NoText);
        }
        let known = match &source {
            Source::Memory(bytes) => symbols.find(&table::marks(), bytes),
            Source::File { .. } => symbols.find(&table::marks(), &[]),
        };
        let mut image = Self {
            path,
            kind,
            boot: false,
            compression: None,
            version: None,
            build_id: None,
            tables: Vec::new(),
            notes,
            size,
            records: Vec::new(),
            spans: Vec::new(),
            space,
            symbols,
            known,
        };
        let stripped = image.symbols.len() == 0;
        if stripped && kind == Kind::Vmlinux {
            // kallsyms lies in `.rodata`, but names of sections may be stripped too.
            image
                .space
                .load(&source, limits, |s| !s.exec && !s.name.starts_with(".orc") && !s.name.starts_with(".BTF"))?;
        } else {
            let marks: Vec<u64> = image.known.values().copied().collect();
            image.space.load(&source, limits, |s| marks.iter().any(|m| (s.addr..s.end()).contains(m)))?;
        }
        image.space.data = source.into_buffer();
        if stripped {
            match kallsyms::read(&image.space) {
                Some(symbols) => {
                    image.notes.push(format!("stripped; {} names come from kallsyms", symbols.len()));
                    image.known = symbols.find(&table::marks(), &[]);
                    image.symbols = symbols;
                }
                None => image.notes.push("stripped, and no kallsyms was found: no names, no rules on symbols".into()),
            }
        }
        image.version = image.find_version();
        image.build_id = image.find_build_id();
        let of_a_kernel = image.version.is_some()
            || image.known.keys().any(|name| name.contains("mcount_loc") || name.contains("jump_table"))
            || image.space.sections().iter().any(|s| table::is_table(&s.name) || s.name == ".gnu.linkonce.this_module")
            || image.space.dropped.iter().any(|(name, _)| table::is_table(name));
        if of_a_kernel { Ok(image) } else { Err(ImageError::NoTables { what: called }) }
    }

    /// Reads tables and rules, and keeps the records within these ranges.
    fn claim(&mut self, within: Option<&[Range<u64>]>) {
        let mut records = Vec::new();
        let mut keep = |number: u8, table: &Table, entry: table::Entry| {
            if within.is_some_and(|ranges| !ranges.iter().any(|r| r.contains(&entry.addr))) {
                return;
            }
            let table::Entry { addr, len, other, flags } = entry;
            records.push(Record { addr, other, len, flags, table: number, owner: table.owner, fits: false });
        };
        let mut tables = table::read(self, &mut keep);
        let rules = rule::read(self, tables.len() as u8, &mut keep);
        tables.extend(rules);
        parallel::each(&mut records, |record: &mut Record| {
            let Record { addr, other, len, flags, table, owner, .. } = *record;
            let entry = table::Entry { addr, len, other, flags };
            // A table that was read has a layout, a rule has none.
            let fits = match tables[usize::from(table)].layout {
                Some(layout) => check::check(self, owner, layout, &entry),
                None => rule::check(self, owner, &entry),
            };
            (record.len, record.fits) = (fits.len, fits.wanted.is_none());
        });
        self.spans = claims::unite(&mut records);
        self.records = records;
        self.tables = tables;
    }

    /// Every record of every table, by address.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Every claim, by address.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The claims in a ledger that observes.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        claims::ledger(&self.spans, |span| {
            let bytes = self.space.from(span.addr);
            &bytes[..bytes.len().min(span.len as usize)]
        })
    }

    /// Where two owners meet, by address.
    #[must_use]
    pub fn meetings(&self) -> Vec<Meeting> {
        overlap::meetings(&self.spans)
    }

    /// Sections that hold instructions; `.data` is none, though a few lie there from 7.0 on.
    pub fn text(&self) -> impl Iterator<Item = &Section> {
        self.space.sections().iter().filter(|s| s.exec && !s.written && !s.name.starts_with(".altinstr_replacement"))
    }

    /// Bytes at an address, as the image has them.
    #[must_use]
    pub fn bytes(&self, addr: u64, len: usize) -> Option<&[u8]> {
        self.space.bytes(addr, len)
    }

    /// Names in the symbol table.
    #[must_use]
    pub fn names(&self) -> usize {
        self.symbols.len()
    }

    /// The name that stands exactly at an address.
    pub(crate) fn name_at(&self, addr: u64) -> Option<Cow<'_, str>> {
        self.symbols.exactly(addr, &self.space.data).map(|s| self.symbols.name(s, &self.space.data))
    }

    /// Whether any of the names that stand exactly at an address is such a one; `None` where no name stands.
    pub(crate) fn named_at(&self, addr: u64, such: impl Fn(&[u8]) -> bool) -> Option<bool> {
        let mut names = self.symbols.all(addr).map(|s| self.symbols.raw_name(s, &self.space.data)).peekable();
        names.peek()?;
        Some(names.any(such))
    }

    /// `function+0x5`, or `.text+0x120` where no symbol is near.
    #[must_use]
    pub fn place(&self, addr: u64) -> String {
        if let Some(symbol) = self.symbols.around(addr, &self.space.data) {
            let (name, offset) = (self.symbols.name(symbol, &self.space.data), addr - symbol.addr);
            return if offset == 0 { name.into_owned() } else { format!("{name}+{offset:#x}") };
        }
        match self.space.at(addr) {
            Some(section) => format!("{}+{:#x}", section.name, addr - section.addr),
            None => format!("{addr:#x}"),
        }
    }

    /// The function around an address, without offset.
    #[must_use]
    pub fn function_name(&self, addr: u64) -> Option<Cow<'_, str>> {
        self.symbols.around(addr, &self.space.data).map(|s| self.symbols.name(s, &self.space.data))
    }

    fn find_version(&self) -> Option<String> {
        if self.kind == Kind::Module {
            let info = self.space.named(".modinfo")?;
            let magic = self.space.contents(info).split(|b| *b == 0).find_map(|f| f.strip_prefix(b"vermagic="))?;
            return Some(String::from_utf8_lossy(magic.split(|b| *b == b' ').next()?).into_owned());
        }
        const BANNER: &[u8] = b"Linux version ";
        let text = match self.known.get("linux_banner").copied() {
            Some(addr) => self.space.from(addr).strip_prefix(BANNER)?,
            None => {
                let rodata = self.space.contents(self.space.named(".rodata")?);
                &rodata[memchr::memmem::find(rodata, BANNER)? + BANNER.len()..]
            }
        };
        let line = text.split(|b| matches!(b, 0 | b'\n')).next()?;
        Some(String::from_utf8_lossy(&line[..line.len().min(256)]).into_owned())
    }

    /// The note of type 3 by `GNU`: name size, description size, type, name, description.
    fn find_build_id(&self) -> Option<String> {
        let notes = [".notes", ".note.gnu.build-id"].into_iter().find_map(|n| self.space.named(n))?;
        let mut rest = self.space.contents(notes);
        while let Some((head, body)) = rest.split_at_checked(12) {
            let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
            let name = word(0).checked_next_multiple_of(4)?;
            let id = body.get(name..name.checked_add(word(4))?)?;
            if word(8) == 3 && body.starts_with(b"GNU\0") {
                return Some(id.iter().take(64).map(|b| format!("{b:02x}")).collect());
            }
            rest = body.get(name.checked_add(word(4).checked_next_multiple_of(4)?)?..)?;
        }
        None
    }
}
