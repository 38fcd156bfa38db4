//! Records on disk that are only ever added to: the facts of mails, the commits of trees. One file for each run that brought
//! some, in the order of their keys. A file never changes; what has gone is passed over. When there are many files, the
//! next one holds all of it.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::fact::Fact;
use serde::Serialize;
use serde::de::DeserializeOwned;

const MAGIC: &[u8; 8] = b"PVRECRD1";
const HEADER: u64 = 24;
const ROW: u64 = 24;

/// Files beyond which the next one holds everything.
pub const FILES: usize = 12;

/// No mail's facts are longer; a longer record is damage.
const LONGEST: usize = 1 << 20;

/// Bytes that are read at once where all records are.
const BUFFER: usize = 1 << 18;

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

/// An open file.
#[derive(Debug)]
struct Part {
    file: File,
    generation: u64,
    mails: u64,
    whole: bool,
}

/// All records up to a generation.
#[derive(Debug)]
pub struct Records<T>(Vec<Part>, PhantomData<T>);

impl<T> Default for Records<T> {
    fn default() -> Self {
        Records(Vec::new(), PhantomData)
    }
}

/// The facts of mails.
pub type Facts = Records<Fact>;

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a file of records is damaged")
}

/// Writes the records of a generation; `whole` says that no older file counts any more.
pub fn write<T: Record>(dir: &Path, generation: u64, records: &[T], whole: bool) -> io::Result<()> {
    let mut order: Vec<&T> = records.iter().collect();
    order.sort_unstable_by_key(|r| (r.key(), r.one()));
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&u64::from(whole).to_le_bytes());
    out.extend_from_slice(&(records.len() as u64).to_le_bytes());
    // The rows are filled in as the records behind them find their places: one buffer, for at scale it is a large one.
    out.resize(out.len() + order.len() * ROW as usize, 0);
    for (at, record) in order.into_iter().enumerate() {
        let values = [record.key(), record.one(), out.len() as u64];
        let row = &mut out[HEADER as usize + at * ROW as usize..][..ROW as usize];
        row.chunks_mut(8).zip(values).for_each(|(place, value)| place.copy_from_slice(&value.to_le_bytes()));
        let bytes = postcard::to_allocvec(record).expect("plain data serialises");
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend(bytes);
    }
    crate::replace_file(&path(dir, generation), &out)
}

fn path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("{generation:08}.records"))
}

fn generations(dir: &Path) -> Vec<u64> {
    let names = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<u64> =
        names.filter_map(|e| e.file_name().to_str()?.strip_suffix(".records")?.parse().ok()).collect();
    found.sort_unstable();
    found
}

impl<T: Record> Records<T> {
    /// Opens what belongs to a generation.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` for a file that is not ours.
    pub fn open(dir: &Path, generation: u64) -> io::Result<Records<T>> {
        let mut parts = Vec::new();
        for found in generations(dir).into_iter().rev().filter(|g| *g <= generation) {
            let part = Part::open(&path(dir, found), found)?;
            let whole = part.whole;
            parts.push(part);
            if whole {
                break;
            }
        }
        Ok(Records(parts, PhantomData))
    }

    /// Number of files; at [`FILES`] the next one should be whole.
    pub fn files(&self) -> usize {
        self.0.len()
    }

    /// All records of a key.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` for a file that is not ours.
    pub fn of(&self, key: u64) -> io::Result<Vec<T>> {
        let mut found: Vec<T> = Vec::new();
        for part in &self.0 {
            for record in part.of::<T>(key)? {
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

    /// Removes the files that a whole one replaced at least one generation ago.
    pub fn remove_older(dir: &Path, generation: u64) {
        let Ok(records) = Records::<T>::open(dir, generation.saturating_sub(1)) else { return };
        let Some(whole) = records.0.iter().find(|part| part.whole) else { return };
        for old in generations(dir).into_iter().filter(|g| *g < whole.generation) {
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

impl Part {
    fn open(path: &Path, generation: u64) -> io::Result<Part> {
        let file = File::open(path)?;
        let mut head = [0; HEADER as usize];
        file.read_exact_at(&mut head, 0)?;
        let mails = number(&head, 16);
        let fits = mails.checked_mul(ROW).is_some_and(|rows| rows + HEADER <= file.metadata().map_or(0, |m| m.len()));
        if &head[..8] != MAGIC || !fits {
            return Err(damaged());
        }
        Ok(Part { file, generation, mails, whole: number(&head, 8) == 1 })
    }

    fn row(&self, at: u64) -> io::Result<[u64; 3]> {
        let mut bytes = [0; ROW as usize];
        self.file.read_exact_at(&mut bytes, HEADER + at * ROW)?;
        Ok([number(&bytes, 0), number(&bytes, 8), number(&bytes, 16)])
    }

    fn of<T: Record>(&self, id: u64) -> io::Result<Vec<T>> {
        self.between(id, id)
    }

    fn between<T: Record>(&self, first: u64, last: u64) -> io::Result<Vec<T>> {
        let (mut low, mut high) = (0, self.mails);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(middle)?[0] < first { low = middle + 1 } else { high = middle }
        }
        let mut found = Vec::new();
        while low < self.mails {
            let [key, _, at] = self.row(low)?;
            if key > last {
                break;
            }
            let mut len = [0; 4];
            self.file.read_exact_at(&mut len, at)?;
            let len = u32::from_le_bytes(len) as usize;
            if len > LONGEST {
                return Err(damaged());
            }
            let mut bytes = vec![0; len];
            self.file.read_exact_at(&mut bytes, at + 4)?;
            found.push(postcard::from_bytes(&bytes).map_err(|_| damaged())?);
            low += 1;
        }
        Ok(found)
    }

    fn each<T: Record>(&self, take: &mut dyn FnMut(T)) -> io::Result<()> {
        let mut file = io::BufReader::with_capacity(BUFFER, &self.file);
        file.seek(io::SeekFrom::Start(HEADER + ROW * self.mails))?;
        let (mut len, mut bytes) = ([0; 4], Vec::new());
        for _ in 0..self.mails {
            file.read_exact(&mut len)?;
            let len = u32::from_le_bytes(len) as usize;
            if len > LONGEST {
                return Err(damaged());
            }
            bytes.resize(len, 0);
            file.read_exact(&mut bytes)?;
            take(postcard::from_bytes(&bytes).map_err(|_| damaged())?);
        }
        Ok(())
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
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
        write(dir.path(), 1, &[fact(5, 50), fact(3, 30)], false).unwrap();
        write(dir.path(), 2, &[fact(3, 31)], false).unwrap();
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
        write(dir.path(), 3, &[fact(3, 31)], true).unwrap();
        assert_eq!(Facts::open(dir.path(), 3).unwrap().files(), 1);
        Facts::remove_older(dir.path(), 3);
        assert_eq!(Facts::open(dir.path(), 2).unwrap().files(), 2);
        write::<Fact>(dir.path(), 4, &[], false).unwrap();
        Facts::remove_older(dir.path(), 4);
        assert!(!path(dir.path(), 2).exists());
        assert!(Facts::open(dir.path(), 4).unwrap().of(5).unwrap().is_empty());
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 1, &[fact(5, 50), fact(3, 30)], false).unwrap();
        let whole = fs::read(path(dir.path(), 1)).unwrap();
        for cut in 0..whole.len() {
            fs::write(path(dir.path(), 1), &whole[..cut]).unwrap();
            let _ = Facts::open(dir.path(), 1).and_then(|f| f.all(&[50, 30].into_iter().collect()));
            let _ = Facts::open(dir.path(), 1).and_then(|f| f.of(5));
        }
    }
}
