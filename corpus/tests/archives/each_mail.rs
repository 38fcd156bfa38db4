//! The real archives, for tests: cloned from their bundles, every mail of them.

use git2::{Repository, Sort};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of real data, or `None` (and a line that says so) where it is not there.
pub fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("PROVENANCE_SHARED").map_or_else(beside, PathBuf::from);
    if !shared.join("archives").is_dir() {
        println!("skipped: needs ../shared");
        return None;
    }
    Some(shared)
}

/// Whether git can be run; where it has to be there, it must.
pub fn has_git() -> bool {
    let found = Command::new("git").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "git is wanted in CI");
    if !found {
        println!("skipped: needs git");
    }
    found
}

/// Calls `each` with list and blob id of every mail of the archives, and its bytes.
pub fn each_mail(shared: &Path, mut each: impl FnMut(&str, &[u8])) {
    let mut bundles: Vec<_> =
        std::fs::read_dir(shared.join("archives")).unwrap().map(|entry| entry.unwrap().path()).collect();
    bundles.retain(|path| path.extension().is_some_and(|ext| ext == "bundle"));
    bundles.sort();
    assert_eq!(bundles.len(), 4);
    let dir = tempfile::tempdir().unwrap();
    for bundle in bundles {
        let name = bundle.file_stem().unwrap().to_string_lossy().into_owned();
        let clone = dir.path().join(&name);
        let done = Command::new("git")
            .args(["-c", "init.defaultBranch=master", "clone", "--quiet", "--mirror"])
            .arg(&bundle)
            .arg(&clone)
            .status()
            .unwrap();
        assert!(done.success(), "git clone {}", bundle.display());
        let repository = Repository::open_bare(&clone).unwrap();
        let mut walk = repository.revwalk().unwrap();
        // A bundle names no HEAD.
        walk.push_glob("refs/heads/*").unwrap();
        walk.simplify_first_parent().unwrap();
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE).unwrap();
        for commit in walk {
            let tree = repository.find_commit(commit.unwrap()).unwrap().tree().unwrap();
            let Some(entry) = tree.get_name("m") else { continue };
            let blob = repository.find_blob(entry.id()).unwrap();
            each(&format!("{name} {}", entry.id()), blob.content());
        }
    }
}
