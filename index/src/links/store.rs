//! Where derived links lie: one file of tables for each generation of the index, written whole.

use std::io;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use super::derive::{Derived, derive};
use super::edge::{Edge, commit_node};
use super::fact::Fact;
use super::records::{self, FILES, Facts};
use super::table::{self, Table};
use super::{LinksError, Row, facts_dir, plain};
use crate::container::{Damage, Kind};
use crate::store::links_dir;

/// The file.
const KIND: Kind = Kind { name: *b"graph\0\0\0", version: 1 };

/// The sections of the file.
mod section {
    pub const EDGES: usize = 0;
    pub const COMMITS: usize = 1;
    pub const COMMIT_TAILS: usize = 2;
    pub const SENDING_OF: usize = 3;
    pub const MEMBERS: usize = 4;
    pub const CHAIN_OF: usize = 5;
    pub const VERSIONS: usize = 6;
    pub const JOINS: usize = 7;
    pub const LANDED: usize = 8;
    /// What is named and was not there; and every part before an `@` by which mails are named.
    pub const NAMED: usize = 9;
}

/// The links of one generation, open for reading.
#[derive(Debug, Default)]
pub struct Graph(Option<Table<3>>);

/// One version of a series, as the links have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Hash of the Message-ID of its cover letter or first part: its name.
    pub head: u64,
    /// `v5.1` is (5, 1).
    pub version: (u32, u32),
    /// Marked `RFC`.
    pub rfc: bool,
    /// Parts that its subjects promise.
    pub total: u32,
}

/// A mail of a sending and its number there; 0 is the cover letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Hash of the Message-ID.
    pub mail: u64,
    /// Its number.
    pub number: u32,
}

fn path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("{generation:08}.graph"))
}

/// Writes the facts of new mails, derives all links anew and writes them. Where nothing but mails was added (`grows`), and they
/// change no link, the links of the generation before are those of this one.
///
/// # Errors
/// What the file system says.
pub fn update(data: &Path, generation: u64, new: Vec<Fact>, rows: Vec<Row>, grows: bool) -> Result<(), LinksError> {
    let dir = links_dir(data);
    let io = |path: PathBuf, what: &'static str| move |source| LinksError::Io { path, what, source };
    let old = Facts::open(&facts_dir(&dir), generation - 1).map_err(io(dir.clone(), "read"))?;
    let keeps = grows && old.files() > 0 && old.files() < FILES && keeps(data, &dir, generation, &new, &rows);
    if keeps {
        let (before, now) = (path(&dir, generation - 1), path(&dir, generation));
        let _ = std::fs::remove_file(&now);
        if std::fs::hard_link(&before, &now).or_else(|_| std::fs::copy(&before, &now).map(drop)).is_ok() {
            return records::write(&facts_dir(&dir), generation, &new, old.newest())
                .map_err(io(dir.clone(), "written"));
        }
    }
    let alive: FxHashSet<u64> = rows.iter().map(|row| row.origin).collect();
    let mut all = old.all(&alive).map_err(io(dir.clone(), "read"))?;
    let whole = old.files() == 0 || old.files() >= FILES;
    // A copy that is read again says the same again.
    let again: FxHashSet<u64> = new.iter().map(|f| f.origin).collect();
    all.retain(|f| !again.contains(&f.origin));
    if whole {
        all.extend(new);
        records::write(&facts_dir(&dir), generation, &all, 0).map_err(io(dir.clone(), "written"))?;
    } else {
        records::write(&facts_dir(&dir), generation, &new, old.newest()).map_err(io(dir.clone(), "written"))?;
        all.extend(new);
    }
    let roots = provenance_corpus::thread::roots(rows.iter().map(|r| (r.id, r.references.as_slice())));
    let root: rustc_hash::FxHashMap<u64, u64> = rows.iter().zip(roots).map(|(row, root)| (row.id, root)).collect();
    drop(rows);
    let trees = crate::history::commits(data, &all).map_err(io(crate::history::dir(data), "read"))?;
    let derived = derive(all, &trees, |id| root.get(&id).copied().unwrap_or(id));
    write(&dir, generation, derived).map_err(io(path(&dir, generation), "written"))
}

/// Whether the links of the generation before hold with these mails too. In doubt they do not.
fn keeps(data: &Path, dir: &Path, generation: u64, new: &[Fact], rows: &[Row]) -> bool {
    // A commit may have waited for a mail.
    if !crate::history::Trees::load(data).is_ok_and(|trees| trees.trees.is_empty()) {
        return false;
    }
    // What is damaged is not carried on: it is derived anew.
    let Ok(table) = Table::<3>::open(&path(dir, generation - 1), KIND) else { return false };
    if table.container().verify().is_err() {
        return false;
    }
    let named = |key: u64, masked: bool| {
        Ok(table.rows(section::NAMED, key)?.iter().any(|[_, kind, _]| *kind == u64::from(masked)))
    };
    plain::changes_nothing(new, rows, named).unwrap_or(false)
}

fn write(dir: &Path, generation: u64, derived: Derived) -> io::Result<()> {
    let Derived { facts, sendings, revisions, edges, commits, landed } = derived;
    let id = |at: u32| facts[at as usize].id;
    let head = |sending: u32| id(sendings.all[sending as usize].head);
    let mut sections: [Vec<[u64; 3]>; 10] = Default::default();
    sections[section::EDGES] = edges.iter().flat_map(Edge::rows).collect();
    drop(edges);
    for commit in &commits {
        let word = |at: usize| commit_node(commit.get(at..).unwrap_or_default());
        sections[section::COMMITS].push([word(0), word(8), word(16)]);
        sections[section::COMMIT_TAILS].push([word(0), word(24), commit.len() as u64]);
    }
    for (number, sending) in sendings.all.iter().enumerate() {
        for (mail, part) in &sending.members {
            sections[section::SENDING_OF].push([id(*mail), id(sending.head), u64::from(*part)]);
            sections[section::MEMBERS].push([id(sending.head), id(*mail), u64::from(*part)]);
        }
        let chain = head(revisions.chain[number]);
        let meta = u64::from(sending.version.0) << 40
            | u64::from(sending.version.1.min(0xff)) << 32
            | u64::from(sending.rfc) << 31
            | u64::from(sending.total);
        sections[section::CHAIN_OF].push([id(sending.head), chain, meta]);
        sections[section::VERSIONS].push([chain, id(sending.head), meta]);
    }
    sections[section::JOINS] =
        revisions.joins.iter().map(|(later, earlier, class)| [head(*later), head(*earlier), *class as u64]).collect();
    let patch = |f: &&Fact| (f.flags.patch || f.flags.cover) && !f.flags.told;
    sections[section::LANDED] =
        facts.iter().filter(patch).map(|f| [f.id, u64::from(landed.contains(&f.id)), 0]).collect();
    // What was linked and is not indexed landed all the same.
    sections[section::LANDED].extend(landed.iter().map(|id| [*id, 1, 0]));
    let ids: FxHashSet<u64> = facts.iter().map(|f| f.id).collect();
    let cites = facts.iter().flat_map(|f| &f.cites).filter(|(id, _, masked)| *masked || !ids.contains(id));
    sections[section::NAMED] = cites.map(|(id, _, masked)| [*id, u64::from(*masked), 0]).collect();
    drop((facts, ids));
    for rows in &mut sections {
        rows.sort_unstable();
        rows.dedup();
    }
    table::write(&path(dir, generation), KIND, generation, &sections.each_ref().map(Vec::as_slice))
}

fn version([_, head, meta]: [u64; 3]) -> Version {
    Version {
        head,
        version: ((meta >> 40) as u32, (meta >> 32 & 0xff) as u32),
        rfc: meta >> 31 & 1 == 1,
        total: (meta & 0x7fff_ffff) as u32,
    }
}

impl Graph {
    /// Opens the links of a generation.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` where the file is damaged, or not there.
    pub fn open(dir: &Path, generation: u64) -> io::Result<Graph> {
        let path = path(dir, generation);
        match Table::open(&path, KIND) {
            Ok(table) => Ok(Graph(Some(table))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(Damage::error(&path, "it is missing")),
            Err(e) => Err(e),
        }
    }

    /// Reads the file and checks every block.
    ///
    /// # Errors
    /// As [`Graph::open`].
    pub fn verify(&self) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |table| table.container().verify())
    }

    fn rows(&self, section: usize, key: u64) -> io::Result<Vec<[u64; 3]>> {
        self.0.as_ref().map_or(Ok(Vec::new()), |table| table.rows(section, key))
    }

    /// All links of a mail or of a commit.
    pub fn edges(&self, node: u64) -> io::Result<Vec<Edge>> {
        Ok(self.rows(section::EDGES, node)?.into_iter().filter_map(Edge::of_row).collect())
    }

    /// Full ids of the known commits that begin with these hexadecimal digits.
    pub fn commits(&self, digits: &str) -> io::Result<Vec<Vec<u8>>> {
        let (Some(table), head) = (&self.0, digits.get(..digits.len().min(16)).unwrap_or_default()) else {
            return Ok(Vec::new());
        };
        let Ok(bits) = u64::from_str_radix(head, 16) else { return Ok(Vec::new()) };
        let spare = 64 - 4 * head.len() as u32;
        let first = bits.checked_shl(spare).unwrap_or(0);
        let last = first | 1u64.checked_shl(spare).map_or(u64::MAX, |one| one - 1);
        let tails = table.range(section::COMMIT_TAILS, first, last)?;
        let mut found = Vec::new();
        for [node, second, third] in table.range(section::COMMITS, first, last)? {
            let Some([_, fourth, len]) = tails.iter().find(|tail| tail[0] == node) else { continue };
            let mut id: Vec<u8> = [node, second, third, *fourth].iter().flat_map(|n| n.to_be_bytes()).collect();
            id.truncate(*len as usize);
            if crate::document::hex(&id).starts_with(&digits.to_ascii_lowercase()) {
                found.push(id);
            }
        }
        Ok(found)
    }

    /// The full id of a node.
    pub fn commit(&self, node: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(self.commits(&format!("{node:016x}"))?.into_iter().next())
    }

    /// The sending that a patch or cover letter belongs to, named by its head, and its number there.
    pub fn sending(&self, mail: u64) -> io::Result<Option<(u64, u32)>> {
        Ok(self.rows(section::SENDING_OF, mail)?.first().map(|[_, head, number]| (*head, *number as u32)))
    }

    /// The mails of a sending, by number.
    pub fn members(&self, head: u64) -> io::Result<Vec<Member>> {
        let rows = self.rows(section::MEMBERS, head)?;
        let mut members: Vec<Member> =
            rows.into_iter().map(|[_, mail, number]| Member { mail, number: number as u32 }).collect();
        members.sort_by_key(|m| m.number);
        Ok(members)
    }

    /// All versions of the series that a sending is one of, in no order.
    pub fn versions(&self, head: u64) -> io::Result<Vec<Version>> {
        let Some([_, chain, _]) = self.rows(section::CHAIN_OF, head)?.first().copied() else { return Ok(Vec::new()) };
        Ok(self.rows(section::VERSIONS, chain)?.into_iter().map(version).collect())
    }

    /// The earlier sendings that a sending was joined to, and on what that rests.
    pub fn joins(&self, head: u64) -> io::Result<Vec<(u64, super::edge::Class)>> {
        let rows = self.rows(section::JOINS, head)?;
        Ok(rows
            .into_iter()
            .filter_map(|[_, earlier, class]| Some((earlier, *super::edge::Class::ALL.get(class as usize)?)))
            .collect())
    }

    /// Patches and cover letters that became commits, or did not; `None` where no commit is known.
    pub fn landed(&self, yes: bool) -> io::Result<Option<FxHashSet<u64>>> {
        let Some(table) = &self.0 else { return Ok(None) };
        if table.all(section::COMMITS)?.is_empty() {
            return Ok(None);
        }
        let rows = table.all(section::LANDED)?;
        let landed: FxHashSet<u64> = rows.iter().filter(|row| row[1] == 1).map(|row| row[0]).collect();
        Ok(Some(if yes { landed } else { rows.iter().map(|row| row[0]).filter(|id| !landed.contains(id)).collect() }))
    }

    /// Whether a patch became a commit in this or a later form.
    pub fn has_landed(&self, mail: u64) -> io::Result<bool> {
        Ok(self.rows(section::LANDED, mail)?.iter().any(|row| row[1] == 1))
    }

    /// Whether any commit is known.
    pub fn has_commits(&self) -> io::Result<bool> {
        self.0.as_ref().map_or(Ok(false), |table| Ok(table.len(section::COMMITS) > 0))
    }

    /// Whether links were derived at all.
    pub fn is_derived(&self) -> bool {
        self.0.is_some()
    }
}
