//! One epoch of a public-inbox v2 archive: a bare git repository with one commit a mail, oldest at the root.
//!
//! Each commit's tree has a single file: `m` holds a mail that arrived, `d` a mail that was taken out again
//! (public-inbox-v2-format(5)). Epochs are read in place from the object database; nothing is checked out or copied.
//!
//! [`Epoch`] finds the tip and the history, [`Reader`] gives the mails; each thread opens a reader of its own.

mod commit;
mod history;
mod loose;
mod reader;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Once;

use git2::{ErrorCode, ObjectType, Odb, Oid, Repository};

use commit::RawCommit;
pub use history::{CommitRef, History};
use loose::Loose;
pub use reader::{Entry, Item, MailBytes, ReadError, Reader};

/// A mail above this size (64 MiB) is recorded, never inflated.
pub const LARGEST_MAIL: u64 = 64 << 20;

/// Commits and trees are small; an object that claims more than this is no part of an archive.
const LARGEST_COMMIT: usize = 1 << 20;

/// Why an epoch as a whole could not be read; a single mail that cannot be read is a [`ReadError`].
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// No git repository is there.
    #[error("{}: not a git repository; name a public-inbox epoch (LIST/git/0.git), its clone, or the folder above the lists", .path.display())]
    NotGit {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A repository in a form that libgit2 does not read.
    #[error("{}: {what}; {repair}", .path.display())]
    Unsupported {
        /// The repository.
        path: PathBuf,
        /// The form, in git's words.
        what: String,
        /// The command that turns it into one that can be read.
        repair: String,
    },
    /// The tip, or the pack it lies in, is damaged: git itself refuses it.
    #[error("{}: {what}; look with `git -C {} fsck`, then clone it again: `git clone --mirror {url} {}.new`", .path.display(), shell_word(.path), shell_word(.path))]
    Damaged {
        /// The repository.
        path: PathBuf,
        /// What is damaged.
        what: String,
        /// Where it was cloned from, or `URL` where its configuration does not say.
        url: String,
        /// What libgit2 said, where it said anything.
        source: Option<git2::Error>,
    },
    /// The operating system refused.
    #[error("{}: {}; may this user read it?", .path.display(), .source.message())]
    Refused {
        /// The repository.
        path: PathBuf,
        /// What libgit2 said.
        source: git2::Error,
    },
}

fn shell_word(path: &Path) -> String {
    let word = path.to_string_lossy();
    if word.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+,@%:=".contains(&b)) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// An epoch that was opened. It is `Send`, not `Sync`: a thread opens its own, which costs less than a millisecond.
pub struct Epoch {
    path: PathBuf,
    repository: Repository,
    odb: Odb<'static>,
    loose: Loose,
}

impl Epoch {
    /// Opens a bare repository, or the work tree of one that was cloned with its files.
    ///
    /// It may belong to another user: git asks for `safe.directory` because a repository's configuration can name
    /// programs to run, and reading objects and references runs none.
    pub fn open(path: &Path) -> Result<Self, EpochError> {
        relax_libgit2();
        let directory = git_directory(path).ok_or_else(|| EpochError::NotGit { path: path.to_owned() })?;
        let repository = Repository::open_bare(&directory).map_err(|source| refused(path, &directory, source))?;
        let odb = object_database(&directory).map_err(|source| refused(path, &directory, source))?;
        let loose = Loose::of(&directory);
        Ok(Self { path: path.to_owned(), repository, odb, loose })
    }

    /// As it was given to [`Epoch::open`].
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The commit of the newest mail: of the default branch, whatever its name; `None` where nothing was ever committed.
    pub fn tip(&self) -> Result<Option<Oid>, EpochError> {
        for name in ["HEAD", "refs/heads/master"] {
            match self.repository.find_reference(name).and_then(|it| it.resolve()) {
                Ok(it) => return Ok(it.target()),
                Err(e) if e.code() == ErrorCode::NotFound => {}
                Err(source) => return Err(self.damaged(format!("{name} cannot be read"), Some(source))),
            }
        }
        // A mirror whose HEAD names a branch that the source has renamed since: one branch leaves no doubt.
        let mut tips = Vec::new();
        let branches = self.repository.references_glob("refs/heads/*");
        for branch in branches.map_err(|e| self.damaged("the branches cannot be listed".into(), Some(e)))? {
            match branch {
                Ok(it) => tips.extend(it.target()),
                Err(e) => return Err(self.damaged("a branch cannot be read".into(), Some(e))),
            }
        }
        match tips[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => Err(self.damaged("HEAD names no branch, and there are several".into(), None)),
        }
    }

    /// The mails since a commit that was the tip before; all of them with `None`.
    ///
    /// A damaged commit in the chain costs its own mail only; see [`History::damaged`].
    pub fn commits(&self, since: Option<Oid>) -> Result<History, EpochError> {
        match self.tip()? {
            Some(tip) => history::walk(self, tip, since),
            None => Ok(History { rewritten: since.is_some(), ..History::default() }),
        }
    }

    /// A reader for one thread.
    pub fn reader(&self) -> Result<Reader, EpochError> {
        Reader::open(&self.path)
    }

    /// One commit by its name; `None` where it cannot be read.
    pub fn commit_ref(&self, oid: Oid) -> Option<CommitRef> {
        let commit = self.commit(oid)?;
        Some(CommitRef { commit: oid, tree: commit.tree, arrival: commit.arrival })
    }

    fn commit(&self, oid: Oid) -> Option<RawCommit> {
        self.loose.check(oid).ok()?;
        let object = self.odb.read(oid).ok()?;
        RawCommit::parse(object.kind(), object.data())
    }

    pub(super) fn damaged(&self, what: String, source: Option<git2::Error>) -> EpochError {
        let url = self.repository.find_remote("origin").ok().and_then(|it| Some(it.url().ok()?.to_owned()));
        EpochError::Damaged { path: self.path.clone(), what, url: url.unwrap_or_else(|| "URL".into()), source }
    }
}

/// What the tree of the newest commit looks like: this alone tells an archive from any other repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One file, `m` or `d`.
    V2,
    /// Directories of two hexadecimal digits.
    V1,
    /// No commit yet.
    Empty,
    /// Files of neither layout.
    Other,
    /// The tip or its tree cannot be read.
    Unreadable,
}

pub(crate) fn layout(path: &Path) -> Result<Layout, EpochError> {
    let epoch = Epoch::open(path)?;
    let Some(tip) = epoch.tip()? else { return Ok(Layout::Empty) };
    let Some(commit) = epoch.commit(tip) else { return Ok(Layout::Unreadable) };
    let Ok(tree) = epoch.repository.find_tree(commit.tree) else { return Ok(Layout::Unreadable) };
    let mut names = tree.iter().map(|it| (it.name_bytes().to_vec(), it.kind()));
    Ok(match (tree.len(), names.next()) {
        (1, Some((name, Some(ObjectType::Blob)))) if name == b"m" || name == b"d" => Layout::V2,
        (_, Some((name, Some(ObjectType::Tree)))) if is_hex(&name, 2) && names.all(|it| is_hex(&it.0, 2)) => Layout::V1,
        _ => Layout::Other,
    })
}

pub(super) fn is_hex(name: &[u8], len: usize) -> bool {
    name.len() == len && name.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Where HEAD, objects and refs are.
pub(super) fn git_directory(path: &Path) -> Option<PathBuf> {
    let is_one = |it: &Path| it.join("HEAD").exists() && it.join("objects").is_dir();
    [path.to_owned(), path.join(".git")].into_iter().find(|it| is_one(it))
}

/// A database without its repository: nothing borrows, so that a reader can own it. Alternates are followed.
fn object_database(directory: &Path) -> Result<Odb<'static>, git2::Error> {
    let odb = Odb::new()?;
    let objects = directory.join("objects");
    let objects = objects.to_str().ok_or_else(|| git2::Error::from_str("the path is not UTF-8"))?;
    odb.add_disk_alternate(objects)?;
    Ok(odb)
}

/// Two settings of libgit2, both for the whole process.
///
/// Hashes: libgit2 computes SHA-1 with collision detection over each object read, which takes longer than inflating it.
/// Damage on disk is still found, by zlib's checksum; `git fsck` is there for the rest. Cache: each mail is read once, and who compares
/// trees remembers those.
pub fn relax_libgit2() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        git2::opts::strict_hash_verification(false);
        git2::opts::enable_caching(false);
    });
}

fn refused(path: &Path, directory: &Path, source: git2::Error) -> EpochError {
    let unsupported = |what: String, repair: String| EpochError::Unsupported { path: path.to_owned(), what, repair };
    let word = shell_word(path);
    let config = git2::Config::open(&directory.join("config"));
    let setting = |name: &str| config.as_ref().ok().and_then(|it| it.get_string(name).ok());
    if let Some(format) = setting("extensions.objectformat").filter(|it| it != "sha1") {
        let what = format!(
            "its objects are named by {format}; only SHA-1 repositories can be read, as public-inbox makes them"
        );
        return unsupported(what, "export it as mail instead: `lei convert` or `public-inbox-extindex`".into());
    }
    if let Some(format) = setting("extensions.refstorage").filter(|it| it != "files") {
        return unsupported(
            format!("its references are kept as {format}"),
            format!("change that with `git -C {word} refs migrate --ref-format=files`"),
        );
    }
    if setting("extensions.partialclone").is_some() {
        return unsupported(
            "it is a partial clone, so most mails are not in it".into(),
            "clone the whole with `git clone --mirror`".into(),
        );
    }
    match source.code() {
        ErrorCode::NotFound => EpochError::NotGit { path: path.to_owned() },
        ErrorCode::Owner => unsupported(
            "it belongs to another user".into(),
            format!("allow it with `git config --global --add safe.directory {word}`"),
        ),
        _ if source.message().contains("extension") => {
            unsupported(source.message().into(), format!("clone it anew with `git clone --mirror {word} {word}.new`"))
        }
        _ => EpochError::Refused { path: path.to_owned(), source },
    }
}
