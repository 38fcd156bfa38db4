//! Commits of attached git trees: read once, kept with what links are made of, and compared line by line with mails only
//! where author and title, a link or a blob meet one.
//!
//! libgit2 reads the trees. What it refuses (reftable, SHA-256, an owner that the user trusts) the user's git is asked for.

pub mod changes;
pub mod command;
pub mod kin;
pub mod mainline;
pub mod missing;
pub mod place;
pub mod refs;
pub mod walk;
pub mod weigh;

use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::container::{self, Kept, Kind};
use crate::document::hex;
use crate::links::commit::Commit;
use crate::links::edge::commit_node;
use crate::links::fact::{Blob, Cited, Fact, Told};
use crate::links::records::{self, FILES, Record, Records};
use crate::progress::Progress;
use crate::store::Lock;

/// A commit of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its full id.
    pub id: Vec<u8>,
    /// Name and address of the author.
    pub author: (String, String),
    /// Author and committer date, seconds since 1970.
    pub dates: (i64, i64),
    /// First line of the message.
    pub subject: String,
    /// Trailers of the message: name, value.
    pub trailers: Vec<(String, String)>,
    /// Paths that it touches, against its first parent.
    pub paths: Vec<String>,
    /// Blobs after it.
    pub blobs: Vec<Blob>,
    /// Mails that its message names.
    pub cites: Vec<(u64, Cited, bool)>,
    /// Commits that it was picked from, or that it reverts.
    pub tells: Vec<(Vec<u8>, Told)>,
    /// Whether it has more than one parent.
    pub merge: bool,
}

impl Record for Entry {
    fn key(&self) -> u64 {
        commit_node(&self.id)
    }

    fn one(&self) -> u64 {
        0
    }
}

/// A git tree that was attached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Never given out twice.
    pub number: u32,
    /// Its git directory, or a work tree.
    pub path: PathBuf,
    /// Ids of the tips up to which everything was read.
    pub tips: Vec<String>,
    /// Number of commits.
    pub commits: u64,
    /// Committer date of the newest commit, seconds since 1970.
    pub newest: i64,
    /// How many times it was read with something new.
    pub generation: u64,
    /// Why the user's git reads it, where libgit2 does not.
    pub by_command: Option<String>,
    /// Why it could not be read on the last run.
    pub refused: Option<String>,
    /// The history ends before its beginning.
    pub shallow: bool,
}

/// The file of the list of trees.
const KIND: Kind = Kind { name: *b"trees\0\0\0", version: 1 };

/// What is kept of commits: before 3 it was not kept what they revert, nor by what name they are found.
const FORMAT: u32 = 3;

/// All attached trees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trees {
    format: u32,
    /// In the order in which they were attached.
    pub trees: Vec<Tree>,
}

/// Why a tree could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Neither libgit2 nor the user's git opens it.
    #[error("{path} is not a readable git repository: {reason}")]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// What git said.
        reason: String,
    },
    /// What is missing in a partial clone could not be had.
    #[error("files that are missing in {path} were not fetched: {reason}")]
    Fetch {
        /// The tree.
        path: PathBuf,
        /// What git said.
        reason: String,
    },
    /// The file system said no.
    #[error("the commits in {path} cannot be kept")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Where commits are kept.
pub fn dir(data: &Path) -> PathBuf {
    data.join("history.2")
}

/// Where the commits of a tree are kept.
pub(crate) fn tree_dir(data: &Path, number: u32) -> PathBuf {
    dir(data).join(number.to_string())
}

impl Trees {
    /// Reads the list; a data directory without one has no trees.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` where both copies of the list are damaged.
    pub fn load(data: &Path) -> io::Result<Trees> {
        Ok(Trees::kept(data)?.map_or_else(Trees::default, |kept| kept.value))
    }

    /// As [`Trees::load`], with what is wrong with the list. Of a list that an earlier version kept the paths count: what it read of
    /// the commits is read again.
    ///
    /// # Errors
    /// As [`Trees::load`].
    pub fn kept(data: &Path) -> io::Result<Option<Kept<Trees>>> {
        if let Some(mut kept) = container::load::<Trees>(&dir(data).join("trees"), KIND)? {
            if kept.value.format < FORMAT {
                kept.value.trees.iter_mut().for_each(Tree::forget);
            }
            return Ok(Some(kept));
        }
        let before = container::load::<Trees>(&data.join("history.1/trees"), KIND)?;
        Ok(before.map(|mut kept| {
            kept.value.trees.iter_mut().for_each(Tree::forget);
            kept
        }))
    }

    /// Writes the list beside the old one and puts it in its place.
    ///
    /// # Errors
    /// What the file system says.
    pub fn save(&self, lock: &Lock) -> io::Result<()> {
        container::save(&dir(lock.data()).join("trees"), KIND, &Trees { format: FORMAT, ..self.clone() })
    }

    /// Attaches a repository; tells whether it is new.
    ///
    /// # Errors
    /// A path that is no repository.
    pub fn attach(&mut self, path: &Path) -> Result<bool, HistoryError> {
        let place = walk::place(path).or_else(|_| command::place(path))?;
        if self.trees.iter().any(|tree| tree.path == place) {
            return Ok(false);
        }
        // Numbers name directories, which outlive what is said of them here.
        let number = self.trees.iter().map(|tree| tree.number).max().unwrap_or(0) + 1;
        self.trees.push(Tree { number, path: place, ..Tree::default() });
        Ok(true)
    }

    /// Reads what is new in every tree; returns how many commits that were, and whether a main line has moved.
    ///
    /// # Errors
    /// What the file system says. A tree that cannot be read is remembered as such and costs the others nothing.
    pub fn update(&mut self, lock: &Lock, progress: &dyn Progress) -> Result<(u64, bool), HistoryError> {
        let data = lock.data();
        let before: u64 = self.trees.iter().map(|tree| tree.commits).sum();
        let mut moved = false;
        for tree in &mut self.trees {
            let path = tree_dir(data, tree.number);
            moved |= tree.update(data, progress).map_err(|source| HistoryError::Io { path, source })?;
        }
        self.save(lock).map_err(|source| HistoryError::Io { path: dir(data), source })?;
        // Only now: until the list says so, the files of before are those that count.
        for tree in &self.trees {
            Records::<Entry>::remove_older(&tree_dir(data, tree.number), tree.generation);
            kin::remove_older(data, tree);
        }
        Ok((self.trees.iter().map(|tree| tree.commits).sum::<u64>() - before, moved))
    }
}

impl Tree {
    /// Everything of it is to be read again.
    pub fn forget(&mut self) {
        *self = Tree { number: self.number, path: std::mem::take(&mut self.path), ..Tree::default() };
    }

    fn update(&mut self, data: &Path, progress: &dyn Progress) -> io::Result<bool> {
        self.refused = None;
        let before = (self.generation, self.commits, self.newest);
        let records = self.records(data)?;
        let is_known =
            |id: &[u8]| records.of(commit_node(id)).is_ok_and(|found| found.iter().any(|entry| entry.id == id));
        let (tips, shallow) = match walk::find(self, is_known) {
            Ok(walk) => {
                progress.begin(walk.commits());
                for part in walk.parts(progress) {
                    match part {
                        Ok(entries) => self.add(data, entries)?,
                        Err(reason) => {
                            // What was written of it does not count, and is written again.
                            (self.generation, self.commits, self.newest) = before;
                            self.refused = Some(reason);
                            return Ok(false);
                        }
                    }
                }
                (walk.tips, walk.shallow)
            }
            Err(reason) => {
                self.by_command = Some(reason);
                match command::read(self) {
                    Ok(read) => {
                        self.add(data, read.entries)?;
                        (read.tips, read.shallow)
                    }
                    Err(reason) => {
                        self.refused = Some(reason);
                        return Ok(false);
                    }
                }
            }
        };
        (self.tips, self.shallow) = (tips, shallow);
        mainline::update(data, self)?;
        match place::update(data, self) {
            // git's reason.
            Err(e) if e.kind() == io::ErrorKind::Other => {
                self.refused = Some(e.to_string());
                Ok(false)
            }
            moved => moved,
        }
    }

    /// Reads all that is kept of its commits and checks every block.
    ///
    /// # Errors
    /// What the file system says, or damage.
    pub fn verify(&self, data: &Path) -> io::Result<()> {
        self.records(data)?.verify()?;
        kin::verify(data, self)?;
        place::verify(data, self)
    }

    fn records(&self, data: &Path) -> io::Result<Records<Entry>> {
        Records::open(&tree_dir(data, self.number), self.generation)
    }

    fn add(&mut self, data: &Path, mut entries: Vec<Entry>) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let dir = tree_dir(data, self.number);
        let old = self.records(data)?;
        let whole = self.generation == 0 || old.files() >= FILES;
        self.newest = entries.iter().map(|e| e.dates.1).chain([self.newest]).max().unwrap_or_default();
        self.commits += entries.len() as u64;
        if whole {
            let known: FxHashSet<Vec<u8>> = entries.iter().map(|e| e.id.clone()).collect();
            old.each(
                |_| true,
                |entry| {
                    if !known.contains(&entry.id) {
                        entries.push(entry)
                    }
                },
            )?;
        }
        self.generation += 1;
        let onto = if whole { 0 } else { old.newest() };
        records::write(&dir, self.generation, &entries, onto)?;
        kin::write(data, self, &entries, whole)?;
        if self.tips.is_empty() {
            // The first reading of a large tree, in many parts, of which none counts yet.
            Records::<Entry>::remove_older(&dir, self.generation);
            kin::remove_older(data, self);
        }
        Ok(())
    }

    /// The kept commits whose ids begin so.
    ///
    /// # Errors
    /// Damaged files.
    pub fn entry(&self, data: &Path, id: &[u8]) -> io::Result<Option<Entry>> {
        Ok(self.records(data)?.of(commit_node(id))?.into_iter().find(|e| e.id == id))
    }
}

/// What is kept of a commit, and the tree that has it.
///
/// # Errors
/// Damaged files.
pub fn find(data: &Path, id: &[u8]) -> io::Result<Option<(Tree, Entry)>> {
    for tree in Trees::load(data)?.trees {
        if let Some(entry) = tree.entry(data, id)? {
            return Ok(Some((tree, entry)));
        }
    }
    Ok(None)
}

/// The kept commits whose ids begin with these hexadecimal digits, at most `limit`.
///
/// # Errors
/// Damaged files.
pub fn beginning(data: &Path, digits: &str, limit: usize) -> io::Result<Vec<Vec<u8>>> {
    beginning_in(data, &Trees::load(data)?.trees, digits, limit)
}

/// As [`beginning`], of these trees.
///
/// # Errors
/// Damaged files.
pub fn beginning_in(data: &Path, trees: &[Tree], digits: &str, limit: usize) -> io::Result<Vec<Vec<u8>>> {
    // The key of a commit is its first sixteen digits, so that those of one beginning lie side by side.
    let head = &digits[..digits.len().min(16)];
    let Ok(low) = u64::from_str_radix(&format!("{head:0<16}"), 16) else { return Ok(Vec::new()) };
    let high = u64::from_str_radix(&format!("{head:f<16}"), 16).unwrap_or(u64::MAX);
    let mut found: Vec<Vec<u8>> = Vec::new();
    for tree in trees {
        for entry in tree.records(data)?.between(low, high)? {
            if found.len() < limit && hex(&entry.id).starts_with(digits) && !found.contains(&entry.id) {
                found.push(entry.id);
            }
        }
    }
    Ok(found)
}

/// The whole message of a commit, from the repository; `None` where that cannot be had.
pub fn message(tree: &Tree, id: &[u8]) -> Option<String> {
    if tree.by_command.is_some() { command::message(&tree.path, id) } else { walk::message(&tree.path, id) }
}

/// What is compared with mails of a commit.
fn fact(entry: &Entry) -> Fact {
    let mut files: Vec<u32> = entry.paths.iter().map(|path| crate::links::fact::path_hash(path)).collect();
    files.sort_unstable();
    Fact {
        author: (crate::links::fact::person_hash(&entry.author.1), crate::links::fact::person_hash(&entry.author.0)),
        title: crate::links::fact::title_hash(&entry.subject),
        date: entry.dates.1,
        blobs: entry.blobs.as_slice().into(),
        files: files.into(),
        cites: entry.cites.as_slice().into(),
        ..Fact::default()
    }
}

/// The commits of all trees that meet a mail by a link, by author and title, or by a blob.
///
/// # Errors
/// Damaged files, or a list of trees that is not ours.
pub fn commits(data: &Path, facts: &[Fact]) -> io::Result<Vec<Commit>> {
    let trees = Trees::load(data)?;
    if trees.trees.is_empty() {
        return Ok(Vec::new());
    }
    let mut titles: FxHashSet<u64> = FxHashSet::default();
    let mut blobs: FxHashSet<u32> = FxHashSet::default();
    let mut patch_ids: FxHashSet<u64> = FxHashSet::default();
    // Changed lines of the largest patch of a title.
    let mut sizes: FxHashMap<u64, u32> = FxHashMap::default();
    for fact in facts.iter().filter(|f| f.flags.patch && !f.flags.told) {
        titles.insert(fact.title);
        let size = sizes.entry(fact.title).or_default();
        *size = fact.lines.max(*size);
        blobs.extend(fact.blobs.iter().map(|blob| blob.short()));
        patch_ids.insert(fact.patch_id);
    }
    let mut found = Vec::new();
    for tree in &trees.trees {
        let mut met: FxHashMap<Vec<u8>, Commit> = FxHashMap::default();
        let mut compared: Vec<Vec<u8>> = Vec::new();
        tree.records(data)?.each(
            |_| true,
            |entry: Entry| {
                let links = entry.cites.iter().any(|(_, cited, _)| *cited == Cited::Trailer);
                let meets = !entry.merge
                    && (titles.contains(&crate::links::fact::title_hash(&entry.subject))
                        || entry.blobs.iter().any(|blob| blobs.contains(&blob.short())));
                if meets {
                    compared.push(entry.id.clone());
                }
                if meets || links {
                    let commit =
                        Commit { id: entry.id.clone(), fact: fact(&entry), aside: false, authored: entry.dates.0 };
                    met.insert(entry.id, commit);
                }
            },
        )?;
        let place = tree_dir(data, tree.number);
        let mut absent = weigh::all(&place, tree, &compared, &patch_ids, &mut met)?;
        let before = halves_before(data, tree, &met, &sizes)?;
        let also: Vec<Vec<u8>> = before.iter().map(|commit| commit.id.clone()).collect();
        met.extend(before.into_iter().map(|commit| (commit.id.clone(), commit)));
        absent.extend(weigh::all(&place, tree, &also, &patch_ids, &mut met)?);
        missing::keep(&place, absent)?;
        let aside = place::aside(data, tree, &mut met.keys().map(|id| commit_node(id)))?;
        let aside: FxHashSet<u64> = aside.into_iter().collect();
        found.extend(
            met.into_values().map(|commit| Commit { aside: aside.contains(&commit_node(&commit.id)), ..commit }),
        );
    }
    // Trees that share history have the same commits; what one main line holds is merged.
    found.sort_unstable_by(|a, b| (&a.id, a.aside).cmp(&(&b.id, b.aside)));
    found.dedup_by(|a, b| a.id == b.id);
    Ok(found)
}

/// Of commits that may be the second half of a patch - they meet it by a blob alone, or are smaller than what bears their title - the
/// first half: the commit before, where the same author wrote it within a day and it changes one of the same files.
fn halves_before(
    data: &Path,
    tree: &Tree,
    met: &FxHashMap<Vec<u8>, Commit>,
    sizes: &FxHashMap<u64, u32>,
) -> io::Result<Vec<Commit>> {
    let smaller = |fact: &Fact| fact.lines > 0 && sizes.get(&fact.title).is_none_or(|size| fact.lines < *size);
    let halves: Vec<&Commit> = met.values().filter(|commit| smaller(&commit.fact)).collect();
    let records = tree.records(data)?;
    let mut found: FxHashMap<Vec<u8>, Commit> = FxHashMap::default();
    for (commit, parents) in place::parents(data, tree, &halves)? {
        for entry in parents.iter().map(|node| records.of(*node)).collect::<io::Result<Vec<_>>>()?.into_iter().flatten()
        {
            let before = fact(&entry);
            let near = (commit.fact.date - before.date).abs() < 86_400 && before.author.0 == commit.fact.author.0;
            let file = before.files.iter().any(|file| commit.fact.files.binary_search(file).is_ok());
            if near && file && !entry.merge && met.get(&entry.id).is_none_or(|known| known.fact.lines == 0) {
                found.insert(
                    entry.id.clone(),
                    Commit { id: entry.id, fact: before, aside: false, authored: entry.dates.0 },
                );
            }
        }
    }
    Ok(found.into_values().collect())
}
