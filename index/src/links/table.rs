//! Tables of links: a container whose sections are rows of `W` 64-bit numbers, little-endian, sorted. A look-up is a binary
//! search by positioned reads: nothing is loaded whole.

use std::io::{self, Write};
use std::path::Path;

use crate::container::{self, Container, Kind, Window};

/// Rows that are converted at once where all of a section is read.
const PIECE: usize = 4_096;

/// Writes a table whole; each section has to be sorted.
///
/// # Errors
/// What the file system says.
pub fn write<const W: usize>(path: &Path, kind: Kind, generation: u64, sections: &[&[[u64; W]]]) -> io::Result<()> {
    container::replace(path, kind, sections.len(), (generation, 0), |out| {
        for (at, rows) in sections.iter().enumerate() {
            debug_assert!(rows.is_sorted());
            if at > 0 {
                out.next_section();
            }
            for row in *rows {
                out.write_all(row.map(u64::to_le_bytes).as_flattened())?;
            }
        }
        Ok(())
    })
}

/// An open file with rows of `W` numbers, the first of which is the key.
#[derive(Debug)]
pub struct Table<const W: usize>(Container);

impl<const W: usize> Table<W> {
    const ROW: u64 = 8 * W as u64;

    /// Opens a file.
    ///
    /// # Errors
    /// As [`Container::open`].
    pub fn open(path: &Path, kind: Kind) -> io::Result<Table<W>> {
        let container = Container::open(path, kind)?;
        match (0..container.sections()).all(|at| container.len(at).is_multiple_of(Self::ROW)) {
            true => Ok(Table(container)),
            false => Err(container.damaged("a section ends within a row")),
        }
    }

    /// The file.
    pub fn container(&self) -> &Container {
        &self.0
    }

    /// Number of rows of a section; one that an older file lacks is empty.
    pub fn len(&self, section: usize) -> u64 {
        self.0.len(section) / Self::ROW
    }

    fn row(window: &mut Window<'_>, section: usize, at: u64) -> io::Result<[u64; W]> {
        let mut bytes = [[0; 8]; W];
        window.read(section, at * Self::ROW, bytes.as_flattened_mut())?;
        Ok(bytes.map(u64::from_le_bytes))
    }

    /// The first row of a section whose key is at least `key`.
    fn lower_bound(&self, window: &mut Window<'_>, section: usize, key: u64) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.len(section));
        while low < high {
            let middle = low + (high - low) / 2;
            if Self::row(window, section, middle)?[0] < key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The first row of a key.
    ///
    /// # Errors
    /// What the file system says, or damage.
    pub fn first(&self, section: usize, key: u64) -> io::Result<Option<[u64; W]>> {
        let mut window = self.0.window();
        let at = self.lower_bound(&mut window, section, key)?;
        if at == self.len(section) {
            return Ok(None);
        }
        let row = Self::row(&mut window, section, at)?;
        Ok((row[0] == key).then_some(row))
    }

    /// All rows of the keys from `first` to `last`.
    ///
    /// # Errors
    /// As [`Table::first`].
    pub fn range(&self, section: usize, first: u64, last: u64) -> io::Result<Vec<[u64; W]>> {
        let mut window = self.0.window();
        let mut found = Vec::new();
        for at in self.lower_bound(&mut window, section, first)?..self.len(section) {
            let row = Self::row(&mut window, section, at)?;
            if row[0] > last {
                break;
            }
            found.push(row);
        }
        Ok(found)
    }

    /// All rows of a key.
    ///
    /// # Errors
    /// As [`Table::first`].
    pub fn rows(&self, section: usize, key: u64) -> io::Result<Vec<[u64; W]>> {
        self.range(section, key, key)
    }

    /// A whole section.
    ///
    /// # Errors
    /// As [`Table::first`].
    pub fn all(&self, section: usize) -> io::Result<Vec<[u64; W]>> {
        let rows = self.len(section) as usize;
        let mut reader = self.0.reader();
        let mut found = Vec::with_capacity(rows);
        let mut piece = vec![[[0; 8]; W]; PIECE.min(rows)];
        while found.len() < rows {
            let piece = &mut piece[..PIECE.min(rows - found.len())];
            reader.read(section, found.len() as u64 * Self::ROW, piece.as_flattened_mut().as_flattened_mut())?;
            found.extend(piece.iter().map(|row| row.map(u64::from_le_bytes)));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIND: Kind = Kind { name: *b"test\0\0\0\0", version: 1 };

    proptest! {
        #[test]
        fn looks_up_what_a_filter_finds(mut rows in prop::collection::vec((0u64..40, any::<u64>()).prop_map(|(a, b)| [a, b]), 0..600), key in 0u64..40) {
            rows.sort_unstable();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("t");
            write::<2>(&path, KIND, 1, &[&rows, &[], &rows]).unwrap();
            let table = Table::<2>::open(&path, KIND).unwrap();
            let expected: Vec<u64> = rows.iter().filter(|r| r[0] == key).map(|r| r[1]).collect();
            for section in [0, 2] {
                prop_assert_eq!(table.first(section, key).unwrap().map(|row| row[1]), expected.first().copied());
                prop_assert_eq!(table.rows(section, key).unwrap().iter().map(|row| row[1]).collect::<Vec<_>>(), expected.clone());
                let below: Vec<_> = rows.iter().filter(|r| r[0] <= key).copied().collect();
                prop_assert_eq!(table.range(section, 0, key).unwrap(), below);
                prop_assert_eq!(table.all(section).unwrap(), rows.clone());
            }
            prop_assert!(table.rows(3, key).unwrap().is_empty());
            prop_assert!(table.rows(1, key).unwrap().is_empty());
        }
    }
}
