//! The file form of the links: a magic, the number of sections, for each section its length, then their rows of `W` 64-bit
//! numbers, little-endian, sorted. A look-up is a binary search by positioned reads: nothing is loaded whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: &[u8; 8] = b"PVLINKS2";
/// More sections than any file has; a larger number is damage.
const MOST_SECTIONS: u64 = 64;

/// Rows that are read at once.
const BLOCK: usize = 64;

/// Collects the sections of a file with rows of `W` numbers, in the one buffer that will be the file.
pub struct Writer<const W: usize> {
    sections: usize,
    written: usize,
    out: Vec<u8>,
}

impl<const W: usize> Writer<W> {
    /// A file of so many sections with at most so many rows in all.
    pub fn new(sections: usize, rows: usize) -> Writer<W> {
        let head = 16 + 8 * sections;
        let mut out = Vec::with_capacity(head + rows * W * 8);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&(sections as u64).to_le_bytes());
        out.resize(head, 0);
        Writer { sections, written: 0, out }
    }

    /// Adds a section, which must be sorted.
    pub fn section(&mut self, rows: &[[u64; W]]) {
        debug_assert!(rows.is_sorted());
        let length = 16 + 8 * self.written;
        self.out[length..length + 8].copy_from_slice(&(rows.len() as u64).to_le_bytes());
        self.written += 1;
        for value in rows.iter().flatten() {
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// The bytes of the file.
    pub fn finish(self) -> Vec<u8> {
        debug_assert_eq!(self.written, self.sections);
        self.out
    }
}

/// An open file with rows of `W` numbers, the first of which is the key.
#[derive(Debug)]
pub struct Table<const W: usize> {
    file: File,
    /// Start (bytes) and number of rows of each section.
    sections: Vec<(u64, u64)>,
}

/// Reads exactly so many bytes; `None` where the file ends before.
fn read(file: &File, len: usize, at: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; len];
    match file.read_exact_at(&mut bytes, at) {
        Ok(()) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e),
    }
}

impl<const W: usize> Table<W> {
    const ROW: u64 = 8 * W as u64;

    /// Opens a file; `None` where it is not what [`Writer`] makes.
    pub fn open(path: &Path) -> io::Result<Option<Table<W>>> {
        let file = File::open(path)?;
        let Some(head) = read(&file, 16, 0)? else { return Ok(None) };
        let count = number(&head, 8);
        if &head[..8] != MAGIC || count > MOST_SECTIONS {
            return Ok(None);
        }
        let Some(lengths) = read(&file, 8 * count as usize, 16)? else { return Ok(None) };
        let mut sections = Vec::with_capacity(count as usize);
        let mut start = 16 + 8 * count;
        for at in 0..count as usize {
            let rows = number(&lengths, 8 * at);
            sections.push((start, rows));
            let Some(end) = rows.checked_mul(Self::ROW).and_then(|n| n.checked_add(start)) else { return Ok(None) };
            start = end;
        }
        Ok((file.metadata()?.len() == start).then_some(Table { file, sections }))
    }

    /// Start and length of a section; one that an older file lacks is empty.
    fn extent(&self, section: usize) -> (u64, u64) {
        self.sections.get(section).copied().unwrap_or_default()
    }

    /// Number of sections: an older file may have fewer.
    pub fn sections(&self) -> usize {
        self.sections.len()
    }

    /// Number of rows of a section.
    pub fn len(&self, section: usize) -> u64 {
        self.extent(section).1
    }

    fn row(&self, section: usize, at: u64) -> io::Result<[u64; W]> {
        let mut bytes = [[0; 8]; W];
        self.file.read_exact_at(bytes.as_flattened_mut(), self.extent(section).0 + at * Self::ROW)?;
        Ok(bytes.map(u64::from_le_bytes))
    }

    /// The first row of a section whose key is at least `key`.
    fn lower_bound(&self, section: usize, key: u64) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.extent(section).1);
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

    /// The first row of a key.
    pub fn first(&self, section: usize, key: u64) -> io::Result<Option<[u64; W]>> {
        let at = self.lower_bound(section, key)?;
        if at == self.extent(section).1 {
            return Ok(None);
        }
        let row = self.row(section, at)?;
        Ok((row[0] == key).then_some(row))
    }

    /// All rows of the keys from `first` to `last`.
    pub fn range(&self, section: usize, first: u64, last: u64) -> io::Result<Vec<[u64; W]>> {
        let mut found = Vec::new();
        let (start, rows) = self.extent(section);
        let mut at = self.lower_bound(section, first)?;
        while at < rows {
            let mut block = [[[0; 8]; W]; BLOCK];
            let block = &mut block[..(rows - at).min(BLOCK as u64) as usize];
            self.file.read_exact_at(block.as_flattened_mut().as_flattened_mut(), start + at * Self::ROW)?;
            let block = block.iter().map(|row| row.map(u64::from_le_bytes));
            let before = found.len();
            found.extend(block.take_while(|row| row[0] <= last));
            if found.len() - before < BLOCK {
                break;
            }
            at += BLOCK as u64;
        }
        Ok(found)
    }

    /// All rows of a key.
    pub fn rows(&self, section: usize, key: u64) -> io::Result<Vec<[u64; W]>> {
        self.range(section, key, key)
    }

    /// A whole section.
    pub fn all(&self, section: usize) -> io::Result<Vec<[u64; W]>> {
        let (start, rows) = self.extent(section);
        let mut out = vec![[[0; 8]; W]; rows as usize];
        self.file.read_exact_at(out.as_flattened_mut().as_flattened_mut(), start)?;
        Ok(out.into_iter().map(|row| row.map(u64::from_le_bytes)).collect())
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(rows: &[[u64; 2]]) -> (tempfile::TempDir, Table<2>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let mut writer = Writer::new(3, rows.len());
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
            prop_assert_eq!(table.first(0, key).unwrap().map(|row| row[1]), expected.first().copied());
            prop_assert_eq!(table.rows(0, key).unwrap().iter().map(|row| row[1]).collect::<Vec<_>>(), expected);
            prop_assert!(table.rows(3, key).unwrap().is_empty());
            let below: Vec<_> = rows.iter().filter(|r| r[0] <= key).copied().collect();
            prop_assert_eq!(table.range(0, 0, key).unwrap(), below);
            prop_assert_eq!(table.all(0).unwrap(), rows);
        }

        #[test]
        fn refuses_damage_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("t");
            std::fs::write(&path, &bytes).unwrap();
            prop_assert!(Table::<2>::open(&path).unwrap().is_none());
        }
    }
}
