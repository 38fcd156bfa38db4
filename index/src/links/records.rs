//! Records on disk that are only ever added to: the facts of mails, the commits of trees. One file for each run that brought
//! some, in the order of their keys. A file never changes; what has gone is passed over. Each names the one
//! that it adds to, down to a base, so that one that is lost is missed. When there are many files, the next one is a base again.

use std::fs;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fact::Fact;
use crate::container::{self, Container, Kind, Window};

/// Section 0: the records, each after its length (u32), in the order of their keys. Section 1: for each its key, what tells it
/// apart, and its place in section 0.
pub const KIND: Kind = Kind { name: *b"records\0", version: 1 };

const RECORDS: usize = 0;
const ROWS: usize = 1;
const ROW: u64 = 24;

/// Files beyond which the next one holds everything.
pub const FILES: usize = 12;

/// No mail's facts are longer; a longer record is damage.
const LONGEST: usize = 1 << 20;

/// What has a key.
pub trait Record: Serialize + DeserializeOwned {
    /// By which it is looked up.
    fn key(&self) -> u64;
    /// Which of those of one key it is; the newest of several is the one that counts.
    fn one(&self) -> u64;
}

impl Record for Fact {
    fn key(&self) -> u64 {
        self.id
    }

    fn one(&self) -> u64 {
        self.origin
    }
}

/// All records up to a generation: the newest file first, a base last.
#[derive(Debug)]
pub struct Records<T>(Vec<Part>, PhantomData<T>);

impl<T> Default for Records<T> {
    fn default() -> Self {
        Records(Vec::new(), PhantomData)
    }
}

/// The facts of mails.
pub type Facts = Records<Fact>;

/// Writes the records of a generation, which add to those of the generation `onto`; 0 says that no older file counts any more.
///
/// # Errors
/// What the file system says.
pub fn write<T: Record>(dir: &Path, generation: u64, records: &[T], onto: u64) -> io::Result<()> {
    let mut order: Vec<&T> = records.iter().collect();
    order.sort_unstable_by_key(|r| (r.key(), r.one()));
    container::replace(&path(dir, generation), KIND, 2, (generation, onto), |out| {
        let mut rows: Vec<[u64; 3]> = Vec::with_capacity(order.len());
        let (mut at, mut bytes) = (0, Vec::new());
        for record in order {
            rows.push([record.key(), record.one(), at]);
            bytes.clear();
            bytes = postcard::to_extend(record, bytes).expect("plain data serialises");
            out.write_all(&(bytes.len() as u32).to_le_bytes())?;
            out.write_all(&bytes)?;
            at += 4 + bytes.len() as u64;
        }
        out.next_section();
        rows.iter().try_for_each(|row| out.write_all(row.map(u64::to_le_bytes).as_flattened()))
    })
}

fn path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("{generation:08}.records"))
}

/// The generations that wrote a file into a directory, the oldest first.
pub fn generations(dir: &Path) -> Vec<u64> {
    let names = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<u64> =
        names.filter_map(|e| e.file_name().to_str()?.strip_suffix(".records")?.parse().ok()).collect();
    found.sort_unstable();
    found
}

impl<T: Record> Records<T> {
    /// Opens what belongs to a generation, which wrote a file; generation 0 has none.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` for a file that is damaged, or one of them that is missing.
    pub fn open(dir: &Path, generation: u64) -> io::Result<Records<T>> {
        let mut parts: Vec<Part> = Vec::new();
        let mut next = generation;
        while next > 0 {
            let part = Part::open(&path(dir, next), next)?;
            let onto = part.0.onto();
            parts.push(part);
            if onto >= next {
                return Err(parts[parts.len() - 1].0.damaged("it adds to a later one"));
            }
            next = onto;
        }
        Ok(Records(parts, PhantomData))
    }

    /// Number of files; at [`FILES`] the next one should be a base.
    pub fn files(&self) -> usize {
        self.0.len()
    }

    /// The generation of the newest file, which the next one adds to; 0 where there is none.
    pub fn newest(&self) -> u64 {
        self.0.first().map_or(0, |part| part.0.generation())
    }

    /// All records of a key.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` for a file that is damaged.
    pub fn of(&self, key: u64) -> io::Result<Vec<T>> {
        let mut found: Vec<T> = Vec::new();
        for part in &self.0 {
            for record in part.between::<T>(key, key)? {
                if !found.iter().any(|known| known.one() == record.one()) {
                    found.push(record);
                }
            }
        }
        found.sort_unstable_by_key(T::one);
        Ok(found)
    }

    /// Calls `take` with each record that `wanted` wants, by what tells it apart; the newest where two files have it.
    ///
    /// # Errors
    /// As [`Records::of`].
    pub fn each(&self, wanted: impl Fn(u64) -> bool, mut take: impl FnMut(T)) -> io::Result<()> {
        let mut seen = FxHashSet::default();
        for part in &self.0 {
            part.each(&mut |record: T| {
                if wanted(record.one()) && seen.insert((record.key(), record.one())) {
                    take(record);
                }
            })?;
        }
        Ok(())
    }

    /// All records whose keys are in a range, both ends included; the newest where two files have one.
    ///
    /// # Errors
    /// As [`Records::of`].
    pub fn between(&self, low: u64, high: u64) -> io::Result<Vec<T>> {
        let mut found: Vec<T> = Vec::new();
        let mut seen = FxHashSet::default();
        for part in &self.0 {
            for record in part.between::<T>(low, high)? {
                if seen.insert((record.key(), record.one())) {
                    found.push(record);
                }
            }
        }
        found.sort_unstable_by_key(|record| (record.key(), record.one()));
        Ok(found)
    }

    /// Reads all files and checks every block.
    ///
    /// # Errors
    /// As [`Records::of`].
    pub fn verify(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|part| part.0.verify())
    }

    /// Removes the files that a base replaced at least one generation ago.
    pub fn remove_older(dir: &Path, generation: u64) {
        let Ok(records) = Records::<T>::open(dir, generation.saturating_sub(1)) else { return };
        let Some(base) = records.0.last().map(|part| part.0.generation()) else { return };
        for old in generations(dir).into_iter().filter(|g| *g < base) {
            // Tried again on the next run.
            let _ = fs::remove_file(path(dir, old));
        }
    }
}

impl Records<Fact> {
    /// The facts of all these copies.
    ///
    /// # Errors
    /// As [`Records::of`].
    pub fn all(&self, origins: &FxHashSet<u64>) -> io::Result<Vec<Fact>> {
        let mut found = Vec::with_capacity(origins.len());
        self.each(|origin| origins.contains(&origin), |fact| found.push(fact))?;
        Ok(found)
    }
}

/// An open file.
#[derive(Debug)]
struct Part(Container);

impl Part {
    fn open(path: &Path, generation: u64) -> io::Result<Part> {
        let container = match Container::open(path, KIND) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(container::Damage::error(path, "it is missing"));
            }
            other => other?,
        };
        if container.generation() != generation || !container.len(ROWS).is_multiple_of(ROW) {
            return Err(container.damaged("it is not what its name says"));
        }
        Ok(Part(container))
    }

    fn count(&self) -> u64 {
        self.0.len(ROWS) / ROW
    }

    fn row(window: &mut Window<'_>, at: u64) -> io::Result<[u64; 3]> {
        let mut bytes = [[0; 8]; 3];
        window.read(ROWS, at * ROW, bytes.as_flattened_mut())?;
        Ok(bytes.map(u64::from_le_bytes))
    }

    /// One record, and where the next one begins.
    fn record<T: Record>(&self, window: &mut Window<'_>, at: u64, bytes: &mut Vec<u8>) -> io::Result<(T, u64)> {
        let mut len = [0; 4];
        window.read(RECORDS, at, &mut len)?;
        let len = u32::from_le_bytes(len) as usize;
        if len > LONGEST {
            return Err(self.0.damaged("a record has no end"));
        }
        bytes.resize(len, 0);
        window.read(RECORDS, at + 4, bytes)?;
        let record = postcard::from_bytes(bytes).map_err(|_| self.0.damaged("a record makes no sense"))?;
        Ok((record, at + 4 + len as u64))
    }

    fn between<T: Record>(&self, first: u64, last: u64) -> io::Result<Vec<T>> {
        let (mut rows, mut records, mut bytes) = (self.0.window(), self.0.window(), Vec::new());
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            if Self::row(&mut rows, middle)?[0] < first { low = middle + 1 } else { high = middle }
        }
        let mut found = Vec::new();
        while low < self.count() {
            let [key, _, at] = Self::row(&mut rows, low)?;
            if key > last {
                break;
            }
            found.push(self.record(&mut records, at, &mut bytes)?.0);
            low += 1;
        }
        Ok(found)
    }

    fn each<T: Record>(&self, take: &mut dyn FnMut(T)) -> io::Result<()> {
        let (mut window, mut bytes, mut at) = (self.0.reader(), Vec::new(), 0);
        for _ in 0..self.count() {
            let (record, next) = self.record(&mut window, at, &mut bytes)?;
            take(record);
            at = next;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(id: u64, origin: u64) -> Fact {
        Fact { id, origin, date: id as i64, sketch: [1, 2, 3].into(), ..Fact::default() }
    }

    #[test]
    fn parts_are_one_until_a_whole_one_replaces_them() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1, &[fact(5, 50), fact(3, 30)], 0).unwrap();
        write(dir.path(), 2, &[fact(3, 31)], 1).unwrap();
        let facts = Facts::open(dir.path(), 2).unwrap();
        assert_eq!(facts.of(3).unwrap().iter().map(|f| f.origin).collect::<Vec<_>>(), [30, 31]);
        let between = |low, high| facts.between(low, high).unwrap().iter().map(|f| f.origin).collect::<Vec<_>>();
        assert_eq!((between(0, u64::MAX), between(4, 5), between(6, 9)), (vec![30, 31, 50], vec![50], vec![]));
        let alive: FxHashSet<u64> = [50, 31].into_iter().collect();
        let mut all: Vec<u64> = facts.all(&alive).unwrap().iter().map(|f| f.origin).collect();
        all.sort_unstable();
        assert_eq!(all, [31, 50]);
        // A generation that was written and never committed does not count.
        assert_eq!(Facts::open(dir.path(), 1).unwrap().of(3).unwrap().len(), 1);
        write(dir.path(), 3, &[fact(3, 31)], 0).unwrap();
        assert_eq!(Facts::open(dir.path(), 3).unwrap().files(), 1);
        Facts::remove_older(dir.path(), 3);
        assert_eq!(Facts::open(dir.path(), 2).unwrap().files(), 2);
        write::<Fact>(dir.path(), 4, &[], 3).unwrap();
        Facts::remove_older(dir.path(), 4);
        assert!(!path(dir.path(), 2).exists());
        assert!(Facts::open(dir.path(), 4).unwrap().of(5).unwrap().is_empty());
    }

    #[test]
    fn a_flipped_byte_and_a_lost_file_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1, &[fact(5, 50), fact(3, 30)], 0).unwrap();
        write(dir.path(), 2, &[fact(7, 70)], 1).unwrap();
        let all = || Facts::open(dir.path(), 2).and_then(|f| f.all(&[50, 30, 70].into_iter().collect()));
        assert_eq!(all().unwrap().len(), 3);
        let whole = fs::read(path(dir.path(), 1)).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(path(dir.path(), 1), &bytes).unwrap();
            let verified = Facts::open(dir.path(), 2).and_then(|facts| facts.verify());
            assert_eq!(verified.unwrap_err().kind(), io::ErrorKind::InvalidData, "byte {at}");
            // What reads all records may pass over the rows; what it says is right all the same.
            assert!(all().map_or(true, |facts| facts.len() == 3), "byte {at}");
            let one = Facts::open(dir.path(), 2).and_then(|f| f.of(5));
            assert!(one.is_err() || one.unwrap() == [fact(5, 50)], "byte {at}");
        }
        for lost in [1, 2] {
            let bytes = fs::read(path(dir.path(), lost)).unwrap();
            fs::remove_file(path(dir.path(), lost)).unwrap();
            assert_eq!(all().unwrap_err().kind(), io::ErrorKind::InvalidData, "{lost}");
            fs::write(path(dir.path(), lost), bytes).unwrap();
        }
    }
}
