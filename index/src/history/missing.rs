//! Partial clones (`git clone --filter=blob:none`): commits are there, the files that they change are not. Which commits could for
//! that reason not be compared with mails is kept, said, and mended when the reader asks for it: then, and only then, the user's git
//! gets the files.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use git2::{Odb, Oid};

use super::{HistoryError, Tree, command, tree_dir};
use crate::container::{self, Container, Kind};
use crate::document::hex;

/// The file: the ids of the commits in one section.
const KIND: Kind = Kind { name: *b"unread\0\0", version: 1 };

/// Files that are asked for at once.
const BATCH: usize = 2_000;

fn file(dir: &Path) -> PathBuf {
    dir.join("unread")
}

/// The commits of a tree that meet a mail and could not be compared with it, because files of theirs are not there.
///
/// # Errors
/// What the file system says, or damage.
pub fn unread(data: &Path, tree: &Tree) -> io::Result<Vec<Vec<u8>>> {
    load(&tree_dir(data, tree.number))
}

fn load(dir: &Path) -> io::Result<Vec<Vec<u8>>> {
    let file = match Container::open(&file(dir), KIND) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    postcard::from_bytes(&file.all(0)?).map_err(|e| file.damaged(e.to_string()))
}

/// Keeps which they are.
pub(super) fn keep(dir: &Path, mut ids: Vec<Vec<u8>>) -> io::Result<()> {
    ids.sort_unstable();
    if load(dir).is_ok_and(|known| known == ids) {
        return Ok(());
    }
    let bytes = postcard::to_allocvec(&ids).expect("plain data serialises");
    container::replace(&file(dir), KIND, 1, (0, 0), |out| out.write_all(&bytes))
}

/// Asks the user's git for the files of these commits, from where the clone came from; returns how many came.
///
/// # Errors
/// A tree that is no partial clone, or what git said. What came before stays.
pub fn fetch(tree: &Tree, commits: &[Vec<u8>], tell: &dyn Fn(&str)) -> Result<u64, HistoryError> {
    let failed = |reason: String| HistoryError::Fetch { path: tree.path.clone(), reason };
    if commits.is_empty() {
        return Ok(0);
    }
    let remote =
        remote(&tree.path).ok_or_else(|| failed("it is no partial clone: git knows nowhere to ask".to_owned()))?;
    let wanted = files(&tree.path, commits).map_err(failed)?;
    let before = absent(&tree.path, &wanted, true).map_err(failed)?;
    for (at, batch) in before.chunks(BATCH).enumerate() {
        let from = at * BATCH;
        tell(&format!("asking {remote} for files {} to {} of {}", from + 1, from + batch.len(), before.len()));
        let mut git = command::git(&tree.path);
        // As git itself gets what is missing of a partial clone (promisor-remote.c).
        git.env_remove("GIT_NO_LAZY_FETCH").args(["-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet"]);
        git.args(["--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin"]);
        feed(git.args(["--", &remote]), batch).map_err(failed)?;
    }
    let after = absent(&tree.path, &before, false).map_err(failed)?;
    match after.len() {
        0 => Ok(before.len() as u64),
        left => Err(failed(format!("{left} of {} files did not come", before.len()))),
    }
}

/// The remote that promised the files that are not here.
fn remote(path: &Path) -> Option<String> {
    let said = |arguments: &[&str]| {
        let out = command::git(path).args(arguments).stderr(Stdio::null()).output().ok()?;
        String::from_utf8(out.stdout).ok().filter(|text| !text.trim().is_empty())
    };
    let named = said(&["config", "--get", "extensions.partialclone"]).map(|text| text.trim().to_owned());
    let promised = || {
        let text = said(&["config", "--get-regexp", r"^remote\..*\.promisor$", "true"])?;
        let name = text.lines().next()?.split_whitespace().next()?;
        Some(name.strip_prefix("remote.")?.strip_suffix(".promisor")?.to_owned())
    };
    named.or_else(promised)
}

/// The files that commits change, before and after.
fn files(path: &Path, commits: &[Vec<u8>]) -> Result<Vec<String>, String> {
    let mut git = command::git(path);
    git.args(["diff-tree", "--stdin", "-r", "--root", "--raw", "--no-abbrev", "--no-renames", "--no-commit-id"]);
    let names: Vec<String> = commits.iter().map(|id| hex(id)).collect();
    let mut found = BTreeSet::new();
    for line in feed(&mut git, &names)?.lines() {
        // `:100644 100644 OLD NEW M<tab>PATH`; a submodule's commit is of another repository.
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        let [old_mode, new_mode, old, new] = words[..] else { continue };
        for (mode, id) in [(old_mode.trim_start_matches(':'), old), (new_mode, new)] {
            if mode.starts_with("10") || mode == "120000" {
                found.insert(id.to_owned());
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Those of these objects that are not here. git itself cannot be asked: of what was promised and is not to be fetched it says that
/// it is fatal. `unnamed` is what counts for an object whose name is longer than libgit2 reads.
fn absent(path: &Path, ids: &[String], unnamed: bool) -> Result<Vec<String>, String> {
    let say = |e: git2::Error| e.message().to_owned();
    let objects = path.join("objects");
    let odb = Odb::new().map_err(say)?;
    odb.add_disk_alternate(objects.to_str().ok_or("its path is no UTF-8")?).map_err(say)?;
    let is_absent = |id: &&String| match id.len() {
        40 => Oid::from_str(id).is_ok_and(|id| !odb.exists(id)),
        _ => unnamed,
    };
    Ok(ids.iter().filter(is_absent).cloned().collect())
}

/// Runs git with these lines on its input; what it prints.
fn feed(git: &mut Command, lines: &[String]) -> Result<String, String> {
    let started = git.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = started.map_err(|e| format!("git cannot be started: {e}"))?;
    let input = child.stdin.take();
    let text = lines.iter().fold(String::new(), |text, line| text + line + "\n");
    // Both ends at once: git answers while it is still asked.
    let out = std::thread::scope(|scope| {
        // A git that ends early says why; that it did not read on is no news.
        scope.spawn(move || input.map(|mut input| input.write_all(text.as_bytes())));
        child.wait_with_output()
    });
    let out = out.map_err(|e| e.to_string())?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or("git failed").to_owned())
}
