//! The address space of an image: sections in the order of their addresses, and their bytes.

use std::ops::Range;

use super::elf::Dropped;
use super::source::{Buffer, Source};
use super::{ImageError, Limits};

/// Where a section's bytes are.
#[derive(Debug)]
pub(crate) enum Held {
    /// In the file; of one that is not in memory, they were not asked for.
    File(Range<usize>),
    /// In a copy to which relocations were applied.
    Own(Vec<u8>),
    /// Nowhere: zeros at run time.
    Nothing,
}

/// A section that is loaded.
#[derive(Debug)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Its first byte: as linked, or for a module where this reader laid it out.
    pub addr: u64,
    /// Length in bytes.
    pub size: u64,
    /// Whether it holds instructions.
    pub exec: bool,
    /// Whether it holds data too: `.data` is executable from 7.0 on, because `relocate_kernel` lies there.
    pub written: bool,
    pub(crate) held: Held,
    /// Why its contents say nothing.
    pub(crate) unread: Option<String>,
}

impl Section {
    /// The address behind its last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.addr.saturating_add(self.size)
    }
}

/// Where no section may end: behind it addresses of its last instructions, and what is counted from them, would wrap.
const LAST: u64 = u64::MAX - 0xffff;

/// All sections that are loaded.
#[derive(Debug)]
pub(crate) struct Space {
    pub data: Buffer,
    /// By address; they do not overlap.
    sections: Vec<Section>,
    /// Sections that are not read, and why.
    pub dropped: Vec<Dropped>,
}

impl Space {
    /// Sorts the sections. Of two that overlap the first is kept and the other named in what is returned.
    pub fn new(mut sections: Vec<Section>, mut dropped: Vec<Dropped>) -> (Self, Vec<String>) {
        sections.retain(|s| s.size > 0);
        sections.sort_by_key(|s| s.addr);
        let mut notes = Vec::new();
        sections.retain(|s| {
            let wraps = s.end() > LAST;
            if wraps {
                dropped.push((s.name.clone(), "its section ends beyond the address space".into()));
                notes
                    .push(format!("section {} at {:#x} ends beyond the address space and is not read", s.name, s.addr));
            }
            !wraps
        });
        let mut kept: Vec<Section> = Vec::with_capacity(sections.len());
        for section in sections {
            match kept.last() {
                Some(last) if last.end() > section.addr => {
                    dropped.push((section.name.clone(), format!("its section overlaps {}", last.name)));
                    notes.push(format!(
                        "section {} at {:#x} overlaps {} and is not read",
                        section.name, section.addr, last.name
                    ));
                }
                _ => kept.push(section),
            }
        }
        (Self { data: Buffer::default(), sections: kept, dropped }, notes)
    }

    /// Reads sections of a file that is not in memory.
    ///
    /// # Errors
    /// [`ImageError::Read`]; [`ImageError::Damaged`], where the file shrank; [`ImageError::Huge`].
    pub fn load(
        &mut self,
        source: &Source,
        limits: Limits,
        wanted: impl Fn(&Section) -> bool,
    ) -> Result<(), ImageError> {
        if matches!(source, Source::Memory(_)) {
            return Ok(());
        }
        let mut room = limits.inflated;
        for section in &mut self.sections {
            if let Held::File(range) = &section.held
                && wanted(section)
            {
                room = room.checked_sub(section.size).ok_or(ImageError::Huge { limit: limits.inflated })?;
                section.held = Held::Own(source.copy(range.clone())?);
            }
        }
        Ok(())
    }

    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section with this byte.
    pub fn at(&self, addr: u64) -> Option<&Section> {
        let after = self.sections.partition_point(|s| s.addr <= addr);
        self.sections.get(after.checked_sub(1)?).filter(|s| addr < s.end())
    }

    pub fn contents<'a>(&'a self, section: &'a Section) -> &'a [u8] {
        match &section.held {
            Held::File(range) => self.data.get(range.clone()).unwrap_or_default(),
            Held::Own(bytes) => bytes,
            Held::Nothing => &[],
        }
    }

    /// From an address to the end of its section; empty outside of all, and where a section has no contents.
    pub fn from(&self, addr: u64) -> &[u8] {
        let Some(section) = self.at(addr) else { return &[] };
        self.contents(section).get((addr - section.addr) as usize..).unwrap_or_default()
    }

    /// Exactly so many bytes.
    pub fn bytes(&self, addr: u64, len: usize) -> Option<&[u8]> {
        self.from(addr).get(..len)
    }

    /// Whether an instruction can stand there.
    pub fn is_text(&self, addr: u64) -> bool {
        self.at(addr).is_some_and(|s| s.exec)
    }

    pub fn named(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name)
    }
}
