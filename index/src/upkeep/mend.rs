//! Makes anew what is damaged and can be made anew: the index from the repositories, links from facts, commits from trees. What the
//! reader made is never touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use provenance_corpus::archive::public_inbox_v2::Epoch;

use super::verify::{self, Finding, Part};
use crate::container;
use crate::history::{self, Trees};
use crate::sources::{Repository, Sources, SourcesError};
use crate::store::{Lock, Store, events_dir, index_dir, links_dir, mail_dir};

/// What was done.
#[derive(Debug, Default)]
pub struct Mended {
    /// In one line each.
    pub told: Vec<String>,
    /// The links are to be derived anew.
    pub relink: bool,
}

/// Why something damaged was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    /// A file could not be looked at.
    #[error("{} cannot be read: {what}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
    /// The index is damaged, and mails of it could not be read again.
    #[error("the index is damaged ({damage}), and is not built anew: {} of `{name}` could not be read again, {} cannot be opened", counted(*.mails), .path.display())]
    Lost {
        /// What is damaged.
        damage: String,
        /// The archive.
        name: String,
        /// Where it lay.
        path: PathBuf,
        /// How many mails of it are indexed, where the index still says so.
        mails: Option<u64>,
    },
    /// Both copies of the list of archives, or of that of trees.
    #[error("{}: {what}", .path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The list of archives could not be written.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// The file system said no.
    #[error("{path} cannot be mended")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn counted(count: Option<u64>) -> String {
    count.map_or_else(|| "mails".to_owned(), |count| format!("{count} mails"))
}

fn line(finding: &Finding, data: &Path) -> String {
    let path = finding.path.strip_prefix(data).unwrap_or(&finding.path);
    format!("{}: {}", path.display(), finding.what)
}

/// Looks through everything that can be made anew, and makes anew what is damaged.
///
/// # Errors
/// What cannot be made anew without losing something; that is left as it is.
pub fn mend(lock: &Lock) -> Result<Mended, MendError> {
    let data = lock.data();
    sweep(data)?;
    let found = verify::rebuildable(data);
    let mut mended = Mended::default();
    if found.is_empty() {
        return Ok(mended);
    }
    if let Some(refused) = found.iter().find(|finding| finding.refused) {
        return Err(MendError::Refused { path: refused.path.clone(), what: refused.what.clone() });
    }
    let of = |wanted: fn(&Part) -> bool| found.iter().find(|finding| wanted(&finding.part));
    if let Some(finding) = of(|part| *part == Part::List) {
        mend_lists(lock)?;
        mended.told.push(format!("damaged, and written anew from its copy: {}", line(finding, data)));
    }
    if let Some(finding) = of(|part| *part == Part::Mails) {
        let damage = line(finding, data);
        if let Some(gone) = gone(data) {
            let mails = Store::open(data).ok().and_then(|s| Some(s.state.repositories.get(&gone.number)?.mails));
            return Err(MendError::Lost { damage, name: gone.name, path: gone.path, mails });
        }
        drop_index(data)?;
        mended.told.push(format!("the index was damaged ({damage}) and is built anew from the repositories"));
        mended.relink = true;
    } else if let Some(finding) = of(|part| *part == Part::Links) {
        mended.told.push(format!("the links were damaged ({}) and are derived anew", line(finding, data)));
        mended.relink = true;
    }
    if let Some(finding) = of(|part| *part == Part::Events) {
        remove(&events_dir(data))?;
        mended.told.push(format!("the catalogue's index was damaged ({}) and is made anew", line(finding, data)));
    }
    mend_trees(lock, &found, &mut mended)?;
    Ok(mended)
}

/// Removes what killed runs left unfinished.
fn sweep(data: &Path) -> Result<(), MendError> {
    let history = history::dir(data);
    let trees = fs::read_dir(&history).into_iter().flatten().flatten().map(|entry| entry.path());
    let trees = trees.flat_map(|tree| [tree.join("weights"), tree]);
    let others = [data.to_owned(), links_dir(data), links_dir(data).join("facts"), mail_dir(data), history.clone()];
    trees.chain(others).for_each(|dir| container::sweep(&dir));
    remove(&aside(data))
}

/// Where a damaged index waits to be removed.
fn aside(data: &Path) -> PathBuf {
    index_dir(data).with_added_extension("damaged")
}

/// The first archive whose mails could not be read again.
fn gone(data: &Path) -> Option<Repository> {
    // What was forgotten is on this list no more.
    let sources = Sources::load(data).ok()?;
    let known = Store::open(data).ok().map(|store| store.state.repositories);
    let indexed =
        |r: &&Repository| known.as_ref().is_none_or(|known| known.get(&r.number).is_some_and(|r| r.mails > 0));
    let gone = |r: &&Repository| Epoch::open(&r.path).is_err();
    sources.repositories().iter().filter(indexed).find(gone).cloned()
}

fn mend_lists(lock: &Lock) -> Result<(), MendError> {
    let data = lock.data();
    let lost = |path: PathBuf, error: &io::Error| MendError::List { path, what: crate::chain(error) };
    match Sources::kept(data) {
        Ok(Some(kept)) => kept.value.save(lock)?,
        Ok(None) => {}
        Err(error) => return Err(lost(data.join("sources"), &error.source)),
    }
    let place = history::dir(data).join("trees");
    match Trees::kept(data) {
        Ok(Some(kept)) => kept.value.save(lock).map_err(|source| MendError::Io { path: place, source })?,
        Ok(None) => {}
        Err(error) => return Err(lost(place, &error)),
    }
    Ok(())
}

/// The index goes, in one step: a run that is killed meanwhile finds none, and builds it anew as well.
fn drop_index(data: &Path) -> Result<(), MendError> {
    let (dir, aside) = (index_dir(data), aside(data));
    fs::rename(&dir, &aside).map_err(|source| MendError::Io { path: dir, source })?;
    remove(&aside)
}

fn remove(dir: &Path) -> Result<(), MendError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(MendError::Io { path: dir.to_owned(), source: e }),
        _ => Ok(()),
    }
}

fn mend_trees(lock: &Lock, found: &[Finding], mended: &mut Mended) -> Result<(), MendError> {
    let data = lock.data();
    let mut trees = Trees::load(data).unwrap_or_default();
    let mut changed = false;
    for tree in &mut trees.trees {
        let dir = history::tree_dir(data, tree.number);
        let part = |part: Part| found.iter().find(|finding| finding.part == part);
        if let Some(finding) = part(Part::Tree(tree.number)) {
            tree.forget();
            remove(&dir)?;
            changed = true;
            let path = tree.path.display();
            mended
                .told
                .push(format!("the commits of {path} were damaged ({}) and are read again", line(finding, data)));
        } else if let Some(finding) = part(Part::Weights(tree.number)) {
            remove(&dir.join("weights"))?;
            let path = tree.path.display();
            mended.told.push(format!("lines of {path} were damaged ({}) and are compared again", line(finding, data)));
        } else {
            continue;
        }
        mended.relink = true;
    }
    if changed {
        trees.save(lock).map_err(|source| MendError::Io { path: history::dir(data), source })?;
    }
    Ok(())
}
