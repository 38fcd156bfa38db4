//! A data directory, the program, and what a run of it said.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// A user with an empty home.
pub struct User {
    home: TempDir,
}

/// What a run said and how it ended.
pub struct Said {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Said {
    /// The run must have ended well.
    #[track_caller]
    pub fn ok(self) -> Said {
        assert_eq!(self.code, 0, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// The run must have ended with this code.
    #[track_caller]
    pub fn ends(self, code: i32) -> Said {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// All that it said, for a snapshot.
    pub fn all(&self) -> String {
        format!("{}--- stderr, exit {}\n{}", self.out, self.code, self.err)
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        Said {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }
}

impl User {
    pub fn new() -> User {
        User { home: tempfile::tempdir().expect("a temporary directory") }
    }

    /// A path below the user's home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("below home")).expect("a directory");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// The program with this user's environment and nothing else that could change its output.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provenance"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it with words that hold no blank, or one argument list.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Said {
        self.command().args(arguments).output().expect("the program starts").into()
    }
}

/// The folder with real archives, or a line that says why the test does nothing.
pub fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("PROVENANCE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if path.join("archives").is_dir() {
        return Some(path);
    }
    println!("skipped: needs ../shared");
    None
}

/// Whether a program is installed; under CI it must be.
pub fn needs(program: &str) -> bool {
    let found =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|dir| dir.join(program).is_file());
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not installed, and under CI it has to be");
    if !found {
        println!("skipped: needs {program}");
    }
    found
}

/// The real archives, cloned once for all tests into the layout of a clone from lore.
pub fn archives() -> Option<&'static Path> {
    static DIR: OnceLock<Option<PathBuf>> = OnceLock::new();
    DIR.get_or_init(|| {
        let shared = shared()?;
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("archives");
        let status = Command::new(shared.join("archives/unpack"))
            .arg(&dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("archives/unpack starts");
        assert!(status.success(), "the archives could not be cloned");
        Some(dir)
    })
    .as_deref()
}

/// A user who has indexed the real archives and threads; once for all tests.
pub fn reviewer() -> Option<&'static User> {
    static USER: OnceLock<Option<User>> = OnceLock::new();
    USER.get_or_init(|| {
        let (shared, archives) = (shared()?, archives()?);
        let user = User::new();
        let threads = shared.join("threads");
        user.run([
            "index".as_ref(),
            archives.as_os_str(),
            threads.join("bpf-dispatcher-v4.mbox").as_os_str(),
            threads.join("seed-2022-08-15-hypermail.txt").as_os_str(),
        ])
        .ok();
        Some(user)
    })
    .as_ref()
}

/// A mail of our own making.
pub fn mail(id: &str, subject: &str, references: &[&str], body: &str) -> String {
    let references = if references.is_empty() {
        String::new()
    } else {
        let ids: Vec<String> = references.iter().map(|r| format!("<{r}>")).collect();
        format!("References: {}\nIn-Reply-To: {}\n", ids.join("\n "), ids.last().expect("not empty"))
    };
    format!(
        "From: Ada Example <ada@example.org>\nTo: list@lists.example\nDate: Wed, 1 Mar 2023 10:00:00 +0100\n\
         Subject: {subject}\nMessage-ID: <{id}>\n{references}List-Id: <made.lists.example>\n\n{body}\n"
    )
}

/// A public-inbox v2 clone of our own making: `DIR/git/0.git`.
pub struct Inbox {
    pub dir: PathBuf,
    repository: git2::Repository,
    time: i64,
}

impl Inbox {
    pub fn new(dir: &Path) -> Inbox {
        let repository = git2::Repository::init_bare(dir.join("git/0.git")).expect("a repository");
        Inbox { dir: dir.to_owned(), repository, time: 1_700_000_000 }
    }

    pub fn git(&self) -> PathBuf {
        self.dir.join("git/0.git")
    }

    /// Adds a mail; returns its commit.
    pub fn add(&mut self, mail: impl AsRef<[u8]>) -> git2::Oid {
        self.commit("m", mail.as_ref())
    }

    /// Marks a mail as deleted.
    pub fn delete(&mut self, mail: impl AsRef<[u8]>) -> git2::Oid {
        self.commit("d", mail.as_ref())
    }

    fn commit(&mut self, name: &str, bytes: &[u8]) -> git2::Oid {
        let repository = &self.repository;
        self.time += 60;
        let blob = repository.blob(bytes).expect("a blob");
        let mut tree = repository.treebuilder(None).expect("a tree");
        tree.insert(name, blob, 0o100644).expect("an entry");
        let tree = repository.find_tree(tree.write().expect("a tree")).expect("the tree");
        let who = git2::Signature::new("Ada", "ada@example.org", &git2::Time::new(self.time, 0)).expect("a signature");
        let parent = self.tip().map(|tip| repository.find_commit(tip).expect("the tip"));
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        repository.commit(Some("refs/heads/master"), &who, &who, "mail", &tree, &parents).expect("a commit")
    }

    pub fn tip(&self) -> Option<git2::Oid> {
        self.repository.refname_to_id("refs/heads/master").ok()
    }

    /// Points the branch elsewhere, as a force-push does.
    pub fn reset(&self, to: git2::Oid) {
        self.repository.reference("refs/heads/master", to, true, "reset").expect("a reference");
    }
}
