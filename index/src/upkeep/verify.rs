//! Reads everything that a data directory holds, and checks it: our own files block by block, tantivy's by the checksum at the end of
//! each, imported mail by git's, journals line by line. Nothing is written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use provenance_corpus::store as own;
use tantivy::directory::error::OpenReadError;
use tantivy::{Index, IndexReader, ReloadPolicy, TantivyError};

use crate::container::Container;
use crate::guard::guarded;
use crate::history::{self, Trees, mainline, missing, weigh};
use crate::journal;
use crate::links::Links;
use crate::sources::Sources;
use crate::store::directory::Sealed;
use crate::store::{Store, StoreError, events_dir, is_refusal, links_dir, mail_dir};

/// What a damaged file is part of: what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The index of the mails, or the facts that were read with them: made anew by reading the mails again.
    Mails,
    /// Links, which are derived anew.
    Links,
    /// The index of the catalogue's events: made anew.
    Events,
    /// Commits of the tree of this number: read again.
    Tree(u32),
    /// The changed lines of commits of the tree of this number: compared again.
    Weights(u32),
    /// The list of archives or of trees: a second copy is read, where it is whole.
    List,
    /// Imported mail: nothing here has it a second time.
    Imported,
    /// What the reader judged and noted: nothing has it a second time, and nothing is written over it.
    Journal,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is part of.
    pub part: Part,
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub what: String,
    /// The system refused the file: it may be whole.
    pub refused: bool,
}

impl Finding {
    fn new(part: Part, path: &Path, error: &io::Error) -> Finding {
        // What is damaged names itself; the path is said once.
        let text = error.to_string();
        let own = text.strip_prefix(&format!("{} is damaged: ", path.display())).map(str::to_owned);
        let refused = matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported);
        Finding { part, path: path.to_owned(), what: own.unwrap_or(text), refused }
    }

    fn tantivy(part: Part, dir: &Path, error: &TantivyError) -> Finding {
        let path = match error {
            TantivyError::OpenReadError(
                OpenReadError::FileDoesNotExist(path) | OpenReadError::IoError { filepath: path, .. },
            ) => dir.join(path),
            _ => dir.to_owned(),
        };
        let what = match error {
            TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_)) => "it is missing".to_owned(),
            TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }) if is_refusal(error) => {
                io_error.to_string()
            }
            error => crate::chain(error),
        };
        Finding { part, path, what, refused: is_refusal(error) }
    }
}

/// Everything in a data directory.
pub fn all(data: &Path) -> Vec<Finding> {
    let mut found = rebuildable(data);
    found.extend(imported(data));
    found.extend(journals(data));
    found
}

/// What `index` can make anew, and the lists that it makes it from.
pub fn rebuildable(data: &Path) -> Vec<Finding> {
    let mut found = lists(data);
    match Store::open(data) {
        Ok(store) => {
            let mails = index(&mail_dir(data));
            found.extend(mails.into_iter().map(|finding| Finding { part: Part::Mails, ..finding }));
            found.extend(links(data, store.state.generation));
        }
        Err(StoreError::Missing { .. } | StoreError::Schema { .. }) => {}
        Err(StoreError::Tantivy { source, .. }) => {
            found.push(Finding::tantivy(Part::Mails, &mail_dir(data), &source));
        }
        Err(error) => {
            let refused = error.is_refusal();
            found.push(Finding { part: Part::Mails, path: mail_dir(data), what: crate::chain(&error), refused });
        }
    }
    for entry in std::fs::read_dir(events_dir(data)).into_iter().flatten().flatten() {
        found.extend(index(&entry.path()).into_iter().map(|finding| Finding { part: Part::Events, ..finding }));
    }
    found.extend(trees(data));
    found
}

fn lists(data: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |path: PathBuf, error: &io::Error| found.push(Finding::new(Part::List, &path, error));
    match Sources::kept(data) {
        Ok(kept) => kept.and_then(|kept| kept.damage).iter().for_each(|e| add(data.join("sources"), e)),
        Err(error) => add(data.join("sources"), &error.source),
    }
    match Trees::kept(data) {
        Ok(kept) => kept.and_then(|kept| kept.damage).iter().for_each(|e| add(history::dir(data).join("trees"), e)),
        Err(error) => add(history::dir(data).join("trees"), &error),
    }
    // The second copies are read only when the first are damaged, and would rot unseen; so would what others keep in this form.
    for path in containers(data).into_iter().chain(containers(&history::dir(data))) {
        if let Err(error) = Container::open_any(&path).and_then(|file| file.verify())
            && !found.iter().any(|known| known.path == path)
        {
            found.push(Finding::new(Part::List, &path, &error));
        }
    }
    found
}

/// Lists in our form, and their second copies.
fn containers(dir: &Path) -> Vec<PathBuf> {
    let names = ["sources", "trees", "images"];
    names
        .iter()
        .flat_map(|name| [dir.join(name), dir.join(format!("{name}.copy"))])
        .filter(|path| path.exists())
        .collect()
}

fn links(data: &Path, generation: u64) -> Vec<Finding> {
    let dir = links_dir(data);
    let mut found = Vec::new();
    match Links::open_derived(&dir, generation).map_err(|e| (e.path().to_owned(), e.into_io())) {
        Ok(links) => {
            if let Err(error) = links.verify() {
                found.push(Finding::new(Part::Links, &dir, &error));
            }
        }
        Err((path, error)) => found.push(Finding::new(Part::Links, &path, &error)),
    }
    if let Err(error) = Links::open_facts(&dir, generation).and_then(|facts| facts.verify()) {
        found.push(Finding::new(Part::Mails, &dir, &error));
    }
    found
}

fn trees(data: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for tree in Trees::load(data).unwrap_or_default().trees {
        let dir = history::tree_dir(data, tree.number);
        if let Err(error) = tree.verify(data) {
            found.push(Finding::new(Part::Tree(tree.number), &dir, &error));
        }
        if let Err(error) = mainline::verify(data, &tree) {
            found.push(Finding::new(Part::Tree(tree.number), &dir, &error));
        }
        if let Err(error) = missing::unread(data, &tree) {
            found.push(Finding::new(Part::Tree(tree.number), &dir, &error));
        }
        if let Err(error) = weigh::verify(&dir) {
            found.push(Finding::new(Part::Weights(tree.number), &dir, &error));
        }
    }
    found
}

/// An index of tantivy's: that it opens, and the checksum of each file that counts.
pub fn index(dir: &Path) -> Vec<Finding> {
    let opened = guarded(|| {
        let index = Index::open(Sealed::reading(dir)?)?;
        // Opening looks at the head and the end of each file, and that all are there.
        let _: IndexReader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok((index.searchable_segment_metas()?, index))
    });
    let (segments, index) = match opened {
        Ok(opened) => opened,
        Err(error) => return vec![Finding::tantivy(Part::Mails, dir, &error)],
    };
    let counts = |file: &Path| {
        let name = file.to_string_lossy();
        segments.iter().any(|segment| {
            let deletes = segment.delete_opstamp().map(|opstamp| format!(".{opstamp}.del"));
            name.strip_prefix(&segment.id().uuid_string())
                .is_some_and(|rest| !rest.ends_with(".del") || deletes.as_deref() == Some(rest))
        })
    };
    let mut files: Vec<PathBuf> = index.directory().list_managed_files().into_iter().filter(|f| counts(f)).collect();
    files.sort_by_key(|file| std::cmp::Reverse(dir.join(file).metadata().map_or(0, |m| m.len())));
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let finding = match guarded(|| Ok(index.directory().validate_checksum(file)?)) {
                Ok(true) => continue,
                Ok(false) => {
                    let what = "its checksum does not match".to_owned();
                    Finding { part: Part::Mails, path: dir.join(file), what, refused: false }
                }
                // What tantivy removed itself is still on its list until the next commit.
                Err(TantivyError::OpenReadError(OpenReadError::FileDoesNotExist(_))) => continue,
                Err(error) => Finding::tantivy(Part::Mails, dir, &error),
            };
            found.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(finding);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8)).min(files.len());
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut found = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The program's own mail.
pub fn imported(data: &Path) -> Vec<Finding> {
    let found = own::verify(&data.join("mail")).into_iter();
    found.map(|(path, error)| Finding::new(Part::Imported, &path, &error)).collect()
}

/// What the reader judged and noted.
pub fn journals(data: &Path) -> Vec<Finding> {
    let names = std::fs::read_dir(data.join("state")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = names.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        match journal::read::<serde_json::Map<String, serde_json::Value>>(&path, u64::MAX) {
            Ok(lines) if lines.damaged.is_empty() => {}
            Ok(lines) => {
                let numbers: Vec<String> = lines.damaged.iter().take(5).map(ToString::to_string).collect();
                let what = format!("{} of its lines cannot be read: {}", lines.damaged.len(), numbers.join(", "));
                found.push(Finding { part: Part::Journal, path, what, refused: false });
            }
            Err(error) => found.push(Finding::new(Part::Journal, &path, &error)),
        }
    }
    found
}
