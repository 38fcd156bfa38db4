//! Whether patches apply to a commit, tried one on top of the other and three-way, as git-am(1) would: in an index and an object
//! store of their own, so that neither work tree, index, branches nor objects of the repository change.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use provenance_corpus::patch::Patch;
use tempfile::TempDir;

use crate::failure::{Exit, Failure};

/// Places of a failed patch that are told.
const MOST_PLACES: usize = 6;

/// Commits between the base of a series and the target that are searched for a prerequisite.
const MOST_COMMITS: &str = "5000";

/// The repository of the current directory.
pub struct Repository {
    /// Its object store, and those that it borrows from.
    objects: String,
    /// Where its paths begin: from below, git apply passes over what lies outside.
    top: PathBuf,
}

/// What patches are applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The commit's full id.
    pub commit: String,
    /// `HEAD, branch main, 1a2b3c4d "title"`
    pub name: String,
}

/// How a patch fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It applies as it is.
    Applies,
    /// It applies with a three-way merge.
    ThreeWay,
    /// It is there already.
    Present,
    /// It does not apply: file and hunk.
    Fails(Vec<String>),
    /// One before it does not apply.
    NotTried,
}

impl Fate {
    /// Whether what follows can be tried.
    pub fn is_fine(&self) -> bool {
        matches!(self, Fate::Applies | Fate::ThreeWay | Fate::Present)
    }
}

/// An index to try patches on.
pub struct Trial<'r> {
    repository: &'r Repository,
    place: TempDir,
}

fn refuse(error: &std::io::Error) -> Failure {
    Failure::from_error(Exit::Unreadable, error).hint("a place for temporary files is needed: TMPDIR names it")
}

/// Runs git with words whose meaning does not change with the user's language.
fn run(top: &Path, words: &[&str], set: &[(&str, String)], stdin: &[u8]) -> Result<Output, Failure> {
    let mut command = Command::new("git");
    command.args(words).current_dir(top).env("LC_ALL", "C").envs(set.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = |e: &std::io::Error| {
        let mut failure = Failure::new(Exit::Unreadable, "git cannot be started").hint("--check needs git");
        failure.causes.push(e.to_string());
        failure
    };
    let mut child = command.spawn().map_err(|e| started(&e))?;
    let mut pipe = child.stdin.take();
    // git may say more than a pipe holds before it has read all: somebody has to listen meanwhile.
    std::thread::scope(|scope| {
        // git that refuses early closes its stdin; what it says then tells more.
        scope.spawn(move || pipe.take().map(|mut pipe| pipe.write_all(stdin)));
        child.wait_with_output().map_err(|e| started(&e))
    })
}

/// The first line that git prints; `None` where it refuses.
fn says(top: &Path, words: &[&str]) -> Result<Option<String>, Failure> {
    let out = run(top, words, &[], b"")?;
    Ok(out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned()))
}

impl Repository {
    /// The repository of the current directory.
    ///
    /// # Errors
    /// There is none.
    pub fn here() -> Result<Repository, Failure> {
        let outside = || {
            Failure::new(Exit::Usage, "the current directory is in no git repository")
                .hint("-C DIR runs it in one, as if started there")
        };
        let here = Path::new(".");
        let common =
            says(here, &["rev-parse", "--path-format=absolute", "--git-path", "objects"])?.ok_or_else(outside)?;
        let borrowed = std::env::var("GIT_ALTERNATE_OBJECT_DIRECTORIES").unwrap_or_default();
        // A path with a colon is quoted (git(1)).
        let quoted = if common.contains([':', '"', '\\']) {
            format!("\"{}\"", common.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            common
        };
        // A bare one has no work tree, and its paths begin everywhere.
        let top =
            says(here, &["rev-parse", "--path-format=absolute", "--show-toplevel"])?.unwrap_or_else(|| ".".to_owned());
        let top = PathBuf::from(top);
        Ok(Repository { top, objects: if borrowed.is_empty() { quoted } else { format!("{quoted}:{borrowed}") } })
    }

    /// A commit by any of its names; `None` where the repository has none of that name.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn target(&self, name: &str) -> Result<Option<Target>, Failure> {
        let words = ["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")];
        let Some(commit) = says(&self.top, &words)? else { return Ok(None) };
        let title = says(&self.top, &["log", "-1", "--format=%h \"%s\"", &commit, "--"])?.unwrap_or_default();
        let branch = match name {
            "HEAD" => says(&self.top, &["symbolic-ref", "--short", "--quiet", "HEAD"])?
                .map(|branch| format!(", branch {branch}")),
            _ => None,
        };
        let name =
            if commit.starts_with(name) { String::new() } else { format!("{name}{}, ", branch.unwrap_or_default()) };
        Ok(Some(Target { commit, name: format!("{name}{title}") }))
    }

    /// Whether a patch is among the commits from `base` to `target`, by its patch-id; only commits that touch its files are
    /// looked at.
    ///
    /// # Errors
    /// git cannot be started.
    pub fn holds(&self, base: &str, target: &str, patch_id: &str, paths: &[String]) -> Result<bool, Failure> {
        if base == target || says(&self.top, &["merge-base", "--is-ancestor", base, target])?.is_none() {
            return Ok(false);
        }
        let range = format!("{base}..{target}");
        let mut words = vec![
            "log",
            "-p",
            "--no-merges",
            "--full-diff",
            "--no-ext-diff",
            "--no-textconv",
            "-n",
            MOST_COMMITS,
            &range,
            "--",
        ];
        words.extend(paths.iter().map(String::as_str));
        let set = [("GIT_LITERAL_PATHSPECS", "1".to_owned())];
        let log = run(&self.top, &words, &set, b"")?;
        let ids = run(&self.top, &["patch-id", "--stable"], &[], &log.stdout)?;
        Ok(String::from_utf8_lossy(&ids.stdout).lines().any(|line| line.starts_with(patch_id)))
    }

    /// An index that holds the tree of a commit.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn trial(&self, target: &Target) -> Result<Trial<'_>, Failure> {
        let place = tempfile::Builder::new().prefix("provenance-am-").tempdir().map_err(|e| refuse(&e))?;
        std::fs::create_dir(place.path().join("objects")).map_err(|e| refuse(&e))?;
        let trial = Trial { repository: self, place };
        let out = trial.git(&["read-tree", &target.commit], b"")?;
        if out.status.success() {
            return Ok(trial);
        }
        let mut failure = Failure::new(Exit::Unreadable, format!("the tree of {} cannot be read", target.name));
        failure.causes.push(String::from_utf8_lossy(&out.stderr).trim().to_owned());
        Err(failure)
    }
}

impl Trial<'_> {
    fn index(&self) -> PathBuf {
        self.place.path().join("index")
    }

    fn git(&self, words: &[&str], stdin: &[u8]) -> Result<Output, Failure> {
        let set = [
            ("GIT_INDEX_FILE", self.index().to_string_lossy().into_owned()),
            ("GIT_OBJECT_DIRECTORY", self.place.path().join("objects").to_string_lossy().into_owned()),
            ("GIT_ALTERNATE_OBJECT_DIRECTORIES", self.repository.objects.clone()),
        ];
        run(&self.repository.top, words, &set, stdin)
    }

    /// Applies a patch on top of those before it. What does not apply changes nothing.
    ///
    /// # Errors
    /// git cannot be started, or the temporary index not be written.
    pub fn apply(&self, patch: &[u8]) -> Result<Fate, Failure> {
        let plain = self.git(&["apply", "--cached", "-"], patch)?;
        if plain.status.success() {
            return Ok(Fate::Applies);
        }
        let kept = std::fs::read(self.index()).map_err(|e| refuse(&e))?;
        let merged = self.git(&["apply", "--cached", "--3way", "-"], patch)?;
        if merged.status.success() {
            return Ok(Fate::ThreeWay);
        }
        std::fs::write(self.index(), kept).map_err(|e| refuse(&e))?;
        let back = self.git(&["apply", "--cached", "--reverse", "--check", "-"], patch)?;
        if back.status.success() {
            return Ok(Fate::Present);
        }
        let mut told = places(&String::from_utf8_lossy(&plain.stderr), &String::from_utf8_lossy(patch));
        told.extend(conflicts(&merged));
        Ok(Fate::Fails(told))
    }
}

/// What a three-way merge could not join.
fn conflicts(out: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&out.stderr);
    let files: Vec<&str> = said
        .lines()
        .filter_map(|line| {
            line.strip_prefix("U ").or_else(|| line.strip_suffix("' with conflicts.")?.split_once('\'').map(|x| x.1))
        })
        .collect();
    let mut files: Vec<String> = files.into_iter().map(str::to_owned).collect();
    files.sort();
    files.dedup();
    if files.is_empty() {
        return Vec::new();
    }
    files.truncate(MOST_PLACES);
    vec![format!("a three-way merge conflicts in {}", files.join(", "))]
}

/// What git says of hunks that do not apply: file, hunk, line and function.
pub fn places(said: &str, text: &str) -> Vec<String> {
    let patch = Patch::parse(text);
    let mut out: Vec<String> = Vec::new();
    for line in said.lines().filter_map(|l| l.strip_prefix("error: ")) {
        let failed = line.strip_prefix("patch failed: ").and_then(|at| at.rsplit_once(':'));
        let told = match failed.and_then(|(file, line)| Some((file, line.parse::<u32>().ok()?))) {
            Some((file, start)) => {
                let hunk = patch.as_ref().and_then(|patch| {
                    let in_patch = patch.files.iter().find(|known| known.path() == file)?;
                    let hunks = patch.hunks(in_patch);
                    let nth = hunks.iter().position(|hunk| hunk.old_start == start)?;
                    let section = hunks[nth].section.of(patch.text()).trim();
                    Some(format!(", hunk {} of {}: @@ -{start} {section}", nth + 1, hunks.len()))
                });
                format!("{file}{}", hunk.unwrap_or_else(|| format!(", line {start}")))
            }
            // It repeats what was told of the hunk.
            None if line.ends_with("patch does not apply") && !out.is_empty() => continue,
            None => line.to_owned(),
        };
        if out.len() < MOST_PLACES {
            out.push(told.trim_end().to_owned());
        }
    }
    if out.is_empty() {
        out.push(said.lines().next().unwrap_or("git refuses it").to_owned());
    }
    out
}
