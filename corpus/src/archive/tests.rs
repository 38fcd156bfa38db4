use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use git2::{Repository as Git, Signature, Time};

use super::*;

/// The folder with real archives, where it is there.
pub(crate) fn shared() -> Option<PathBuf> {
    let given = std::env::var_os("PROVENANCE_SHARED").map(PathBuf::from);
    let path = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"));
    if !path.is_dir() {
        println!("skipped: needs ../shared");
        return None;
    }
    Some(path)
}

const MAIL: &str = "From: a@example.org\nSubject: x\nMessage-ID: <x@example.org>\n\nbody\n";

fn repository(path: &Path, file: &str) {
    let git = Git::init_bare(path).unwrap();
    if file.is_empty() {
        return;
    }
    let blob = git.blob(MAIL.as_bytes()).unwrap();
    let mut tree = git.treebuilder(None).unwrap();
    match file.split_once('/') {
        None => tree.insert(file, blob, 0o100_644).map(drop).unwrap(),
        Some((folder, file)) => {
            let mut inner = git.treebuilder(None).unwrap();
            inner.insert(file, blob, 0o100_644).unwrap();
            tree.insert(folder, inner.write().unwrap(), 0o40_000).unwrap();
        }
    }
    let tree = git.find_tree(tree.write().unwrap()).unwrap();
    let who = Signature::new("A", "a@example.org", &Time::new(1, 0)).unwrap();
    git.commit(Some("refs/heads/master"), &who, &who, "s", &tree, &[]).unwrap();
}

fn lists(path: &Path) -> Vec<(String, Option<u32>)> {
    detect(path).unwrap().repositories.into_iter().map(|it| (it.list, it.epoch)).collect()
}

fn write(path: PathBuf, text: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn kind(path: &Path) -> SourceKind {
    detect(path).unwrap().sources[0].kind
}

#[test]
fn epochs_clones_and_mirrors_are_found_in_each_layout() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path();
    repository(&top.join("a/git/0.git"), "m");
    repository(&top.join("a/git/1.git"), "d");
    repository(&top.join("a/git/2.git"), "");
    repository(&top.join("a/all.git"), "");
    write(top.join("a/msgmap.sqlite3"), "SQLite format 3\0");
    repository(&top.join("b/0.git"), "m");
    repository(&top.join("old.git"), &format!("0a/{:038}", 1));
    let a = |n| ("a".to_owned(), Some(n));
    assert_eq!(lists(top), [a(0), a(1), a(2), ("b".into(), Some(0)), ("old".into(), None)]);
    assert_eq!(lists(&top.join("a")), [a(0), a(1), a(2)]);
    assert_eq!(lists(&top.join("a/git")), [a(0), a(1), a(2)]);
    assert_eq!(lists(&top.join("a/git/1.git")), [a(1)]);
    assert_eq!(detect(top).unwrap().skipped, []);
    symlink(top, top.join("b/loop")).unwrap();
    assert_eq!(lists(top).len(), 5);
}

#[test]
fn another_repository_is_refused_with_what_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    repository(&dir.path().join("code.git"), "Makefile");
    repository(&dir.path().join("all.git"), "");
    for (name, word) in [("code.git", "--repo"), ("all.git", "folder above")] {
        let error = detect(&dir.path().join(name)).unwrap_err();
        assert!(matches!(error, ArchiveError::NotPublicInbox { .. }) && error.to_string().contains(word), "{error}");
    }
    let error = detect(dir.path()).unwrap_err();
    assert!(matches!(&error, ArchiveError::EmptyFolder { saw, .. } if saw.contains("code.git")), "{error}");
}

#[test]
fn files_are_told_apart_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let from = "From a@example.org Wed Jan  1 00:00:10 2020\n";
    assert_eq!(kind(&write(at("a"), MAIL)), SourceKind::Mail);
    assert_eq!(kind(&write(at("b"), format!("{from}{MAIL}"))), SourceKind::Mbox);
    assert_eq!(kind(&write(at("c"), format!("prose\n\n{from}{MAIL}"))), SourceKind::Mbox);
    assert_eq!(kind(&write(at("d"), "diff --git a/x b/x\n--- a/x\n+++ b/x\n")), SourceKind::Diff);
    let page = "Re: a subject\n\nFrom: A\nDate: Mon Aug 15 2022 - 11:19:38 EST\n\n\nbody\n";
    assert_eq!(kind(&write(at("e"), page)), SourceKind::WebPage);
    assert_eq!(kind(Path::new("-")), SourceKind::Stdin);
    for (text, word) in [("", "empty"), ("\x7fELF\0\0\0", "7f 45 4c 46"), ("just prose\n", "just prose")] {
        let path = write(at("z"), text);
        let error = detect(&path).unwrap_err();
        assert!(matches!(&error, ArchiveError::NotMail { saw, .. } if saw.contains(word)), "{error}");
    }
    assert!(matches!(detect(&at("nowhere")), Err(ArchiveError::Io { .. })));
}

#[test]
fn a_folder_gives_all_that_is_in_it_and_says_what_it_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path();
    write(top.join("one.eml"), MAIL);
    write(top.join("deep/er/0001.patch"), format!("From {:040} Mon Sep 17 00:00:00 2001\n{MAIL}", 7));
    write(top.join("box/new/1700000001.a"), MAIL);
    fs::create_dir_all(top.join("box/cur")).unwrap();
    write(top.join("picture.png"), [0x89, b'P', b'N', b'G', 0]);
    symlink(top, top.join("deep/up")).unwrap();
    let found = detect(top).unwrap();
    let kinds: Vec<_> = found.sources.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [SourceKind::Maildir, SourceKind::Mbox, SourceKind::Mail]);
    assert_eq!(found.skipped.len(), 1);
    for source in &found.sources {
        let mails: Vec<_> = source.mails().unwrap().map(Result::unwrap).collect();
        assert_eq!(mails.iter().map(|it| &it.bytes[..]).collect::<Vec<_>>(), [MAIL.as_bytes()]);
    }
    assert_eq!(found.sources[0].mails().unwrap().next().unwrap().unwrap().arrival, Some(1_700_000_001));

    let empty = tempfile::tempdir().unwrap();
    let error = detect(empty.path()).unwrap_err();
    assert!(matches!(&error, ArchiveError::EmptyFolder { saw, .. } if saw == "it is empty"), "{error}");
}

#[test]
fn the_thread_the_page_and_the_archives_of_the_shared_folder_are_found() {
    let Some(shared) = shared() else { return };
    let thread = detect(&shared.join("threads/bpf-dispatcher-v4.mbox")).unwrap();
    assert_eq!(thread.sources[0].mails().unwrap().map(Result::unwrap).count(), 3);
    assert_eq!(kind(&shared.join("threads/seed-2022-08-15-hypermail.txt")), SourceKind::WebPage);
}
