//! Journals: what the reader judged and noted, one JSON object a line, appended and synced when it is made, never rewritten.
//!
//! They are not containers: a container is written whole, and a journal must keep what it has whatever happens to the line that is
//! being written. So each line has its own checksum, as its last member, `"sum"`: XXH3 of the object without it, in hexadecimal.
//! What was written before there were checksums is read as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use xxhash_rust::xxh3::xxh3_64;

const MARK: &[u8] = b",\"sum\":\"";
/// The mark, sixteen digits, a quote and a brace.
const TAIL: usize = MARK.len() + 16 + 2;

/// What a journal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines<T> {
    /// Its facts, in their order.
    pub facts: Vec<T>,
    /// Numbers of the lines, from 1, that are none: cut short by a crash, or damaged.
    pub damaged: Vec<usize>,
}

/// One line without its end, as it is written.
fn line(fact: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(fact)?;
    let sum = xxh3_64(&line);
    if line.pop() != Some(b'}') || line.len() < 2 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a fact is an object with members"));
    }
    line.extend_from_slice(MARK);
    line.extend_from_slice(format!("{sum:016x}\"}}").as_bytes());
    Ok(line)
}

/// The object that a line holds; `None` for one that is not as it was written.
fn object(line: &[u8]) -> Option<Vec<u8>> {
    let Some((object, tail)) =
        line.len().checked_sub(TAIL).map(|at| line.split_at(at)).filter(|(_, tail)| tail.starts_with(MARK))
    else {
        return Some(line.to_vec());
    };
    let object = [object, b"}"].concat();
    (tail[MARK.len()..] == *format!("{:016x}\"}}", xxh3_64(&object)).as_bytes()).then_some(object)
}

/// Reads a journal, at most so many bytes of it; one that is not there holds nothing.
///
/// # Errors
/// What the file system says.
pub fn read<T: DeserializeOwned>(path: &Path, longest: u64) -> io::Result<Lines<T>> {
    let mut lines = Lines { facts: Vec::new(), damaged: Vec::new() };
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(longest).read_to_end(&mut bytes)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(lines),
        Err(e) => return Err(e),
    };
    for (line, number) in bytes.split(|b| *b == b'\n').zip(1..).filter(|(line, _)| !line.is_empty()) {
        match object(line).and_then(|object| serde_json::from_slice(&object).ok()) {
            Some(fact) => lines.facts.push(fact),
            None => lines.damaged.push(number),
        }
    }
    Ok(lines)
}

/// Adds a fact; when this returns it is on the disk.
///
/// # Errors
/// What the file system says.
pub fn append(path: &Path, fact: &impl Serialize) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut line = line(fact)?;
    line.push(b'\n');
    let mut file = OpenOptions::new().append(true).read(true).create(true).open(path)?;
    // A line that a crash cut short must not swallow this one.
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            line.insert(0, b'\n');
        }
    }
    file.write_all(&line)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Note {
        id: String,
        text: String,
    }

    fn note(text: &str) -> Note {
        Note { id: "a@b".into(), text: text.into() }
    }

    #[test]
    fn no_flipped_byte_changes_a_fact() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/journal.jsonl");
        let facts = [note("one"), note("two\n\"lines\""), note("three")];
        facts.iter().for_each(|fact| append(&path, fact).unwrap());
        assert_eq!(read::<Note>(&path, 1 << 20).unwrap(), Lines { facts: facts.to_vec(), damaged: vec![] });
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                fs::write(&path, &bytes).unwrap();
                let lines = read::<Note>(&path, 1 << 20).unwrap();
                // Either a line is missed and named, or the byte was one of the mark, and nothing that is said has changed.
                assert!(lines.facts.iter().all(|fact| facts.contains(fact)), "byte {at}");
                assert!(lines.facts.len() == 3 || !lines.damaged.is_empty(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_torn_line_costs_that_line_alone_and_old_lines_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let old = "{\"id\":\"a@b\",\"text\":\"old\"}\n";
        fs::write(&path, format!("{old}{{\"id\":\"a@b\",\"te")).unwrap();
        append(&path, &note("new")).unwrap();
        let lines = read::<Note>(&path, 1 << 20).unwrap();
        assert_eq!(lines, Lines { facts: vec![note("old"), note("new")], damaged: vec![2] });
    }
}
