//! The file form of the links: a magic, then for each section its length and its rows of two 64-bit
//! numbers, little-endian, sorted. A look-up is a binary search by positioned reads: nothing is loaded whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: &[u8; 8] = b"PVLINKS1";
const SECTIONS: usize = 3;
const HEADER: u64 = 8 + 8 * SECTIONS as u64;
const ROW: u64 = 16;

/// Collects the sections of a file.
#[derive(Default)]
pub struct Writer {
    lengths: Vec<u64>,
    rows: Vec<u8>,
}

impl Writer {
    /// Adds a section, which must be sorted.
    pub fn section(&mut self, rows: &[[u64; 2]]) {
        debug_assert!(rows.is_sorted());
        self.lengths.push(rows.len() as u64);
        self.rows.reserve(rows.len() * ROW as usize);
        for value in rows.iter().flatten() {
            self.rows.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// The bytes of the file.
    pub fn finish(self) -> Vec<u8> {
        assert_eq!(self.lengths.len(), SECTIONS);
        let mut out = MAGIC.to_vec();
        for length in self.lengths {
            out.extend_from_slice(&length.to_le_bytes());
        }
        out.extend(self.rows);
        out
    }
}

/// An open file.
#[derive(Debug)]
pub struct Table {
    file: File,
    /// Start (bytes) and number of rows of each section.
    sections: [(u64, u64); SECTIONS],
}

impl Table {
    /// Opens a file; `None` where it is not what [`Writer`] makes.
    pub fn open(path: &Path) -> io::Result<Option<Table>> {
        let file = File::open(path)?;
        let mut header = [0; HEADER as usize];
        match file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        if &header[..8] != MAGIC {
            return Ok(None);
        }
        let mut sections = [(0, 0); SECTIONS];
        let mut start = HEADER;
        for (section, bytes) in sections.iter_mut().zip(header[8..].as_chunks::<8>().0) {
            let rows = u64::from_le_bytes(*bytes);
            *section = (start, rows);
            let Some(end) = rows.checked_mul(ROW).and_then(|n| n.checked_add(start)) else { return Ok(None) };
            start = end;
        }
        Ok((file.metadata()?.len() == start).then_some(Table { file, sections }))
    }

    fn row(&self, section: usize, at: u64) -> io::Result<[u64; 2]> {
        let mut bytes = [0; ROW as usize];
        self.file.read_exact_at(&mut bytes, self.sections[section].0 + at * ROW)?;
        Ok(pair(&bytes))
    }

    /// The first row of a section whose key is at least `key`.
    fn lower_bound(&self, section: usize, key: u64) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.sections[section].1);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(section, middle)?[0] < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The first value of a key.
    pub fn first(&self, section: usize, key: u64) -> io::Result<Option<u64>> {
        let at = self.lower_bound(section, key)?;
        if at == self.sections[section].1 {
            return Ok(None);
        }
        let [found, value] = self.row(section, at)?;
        Ok((found == key).then_some(value))
    }

    /// All values of a key.
    pub fn values(&self, section: usize, key: u64) -> io::Result<Vec<u64>> {
        let mut values = Vec::new();
        let mut at = self.lower_bound(section, key)?;
        while at < self.sections[section].1 {
            let [found, value] = self.row(section, at)?;
            if found != key {
                break;
            }
            values.push(value);
            at += 1;
        }
        Ok(values)
    }

    /// A whole section.
    pub fn all(&self, section: usize) -> io::Result<Vec<[u64; 2]>> {
        let (start, rows) = self.sections[section];
        let mut bytes = vec![0; (rows * ROW) as usize];
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes.as_chunks::<{ ROW as usize }>().0.iter().map(pair).collect())
    }
}

fn pair(bytes: &[u8; ROW as usize]) -> [u64; 2] {
    let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    [half(0), half(8)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rows: &[[u64; 2]]) -> (tempfile::TempDir, Table) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let mut writer = Writer::default();
        writer.section(rows);
        writer.section(&[]);
        writer.section(&[]);
        std::fs::write(&path, writer.finish()).unwrap();
        let table = Table::open(&path).unwrap().unwrap();
        (dir, table)
    }

    proptest! {
        #[test]
        fn looks_up_what_a_filter_finds(mut rows in prop::collection::vec((0u64..40, any::<u64>()).prop_map(|(a, b)| [a, b]), 0..200), key in 0u64..40) {
            rows.sort_unstable();
            let (_dir, table) = table(&rows);
            let expected: Vec<u64> = rows.iter().filter(|r| r[0] == key).map(|r| r[1]).collect();
            prop_assert_eq!(table.first(0, key).unwrap(), expected.first().copied());
            prop_assert_eq!(table.values(0, key).unwrap(), expected);
            prop_assert_eq!(table.all(0).unwrap(), rows);
        }

        #[test]
        fn refuses_damage_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("t");
            std::fs::write(&path, &bytes).unwrap();
            prop_assert!(Table::open(&path).unwrap().is_none());
        }
    }
}
