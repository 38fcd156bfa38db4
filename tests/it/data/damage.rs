//! Flipped bytes. In files of our own none is silent: a question is refused or answered as before, `status --verify` names the file, and
//! `index` makes anew what can be made anew.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{DATA, inbox};
use crate::harness::{Inbox, User, mail};

fn flip(path: &Path, at: u64) {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
}

/// A user with some of everything: an archive with a thread, imported mail, a tree, a verdict.
fn furnished() -> (User, Inbox) {
    let user = User::new();
    let mut one = inbox(&user, "one", 12);
    for number in 1..12 {
        one.add(mail(&format!("re{number}@one"), "Re: one 0", &["0@one"], "an answer"));
    }
    user.write("two.eml", mail("2@x", "two", &["0@one"], "body"));
    let tree = git2::Repository::init(user.path("tree")).unwrap();
    let who = git2::Signature::new("Ada", "ada@example.org", &git2::Time::new(1_600_000_000, 0)).unwrap();
    let empty = tree.find_tree(tree.treebuilder(None).unwrap().write().unwrap()).unwrap();
    tree.commit(Some("HEAD"), &who, &who, "one: a commit", &empty, &[]).unwrap();
    user.run(["index", "one", "two.eml", "--repo", "tree"]).ok();
    (user, one)
}

/// What the program answers, and how it ends.
fn answers(user: &User) -> Vec<(i32, String)> {
    let questions: [&[&str]; 6] = [
        &["query", "-f", "jsonl", "-n", "0", "s:one"],
        &["thread", "0@one"],
        &["show", "2@x"],
        &["dig", "2@x"],
        &["series", "0@one"],
        &["status"],
    ];
    questions.iter().map(|words| user.run(*words)).map(|said| (said.code, said.out)).collect()
}

fn files(dir: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let all = super::listing(dir).into_iter().map(|(path, ..)| path);
    all.filter(|path| path.is_file() && wanted(&path.to_string_lossy())).collect()
}

#[test]
fn no_flip_in_a_file_of_our_own_is_silent_and_index_heals_it() {
    let (user, _inbox) = furnished();
    let data = user.path(DATA);
    let before = answers(&user);
    let kinds = [
        "mail/meta.json",
        ".links",
        ".graph",
        "facts/*.records",
        "history.2/1/*.records",
        "/mainline",
        "/sources",
        "/sources.copy",
        "/trees",
        "/trees.copy",
    ];
    for kind in kinds {
        // What is made anew has another name.
        let (place, end) = kind.split_once('*').unwrap_or(("", kind));
        let path = &files(&data, |path| path.contains(place) && path.ends_with(end)).pop().expect(kind);
        let whole = std::fs::read(path).unwrap();
        for at in [3, 30, whole.len() as u64 / 2, whole.len() as u64 - 1] {
            flip(path, at);
            for ((code, out), (was, said)) in answers(&user).into_iter().zip(&before) {
                assert!((code, &out) == (*was, said) || code == 3 && *was != 3, "{} at {at}: {out}", path.display());
            }
            let verified = user.run(["status", "--verify"]).ends(3);
            assert!(verified.out.contains("damaged"), "{}", verified.out);
            std::fs::write(path, &whole).unwrap();
        }
        flip(path, whole.len() as u64 / 2);
        let said = user.run(["index"]).ok();
        assert!(said.err.contains("damaged"), "{}: {}", path.display(), said.err);
        assert_eq!(answers(&user), before, "{}", path.display());
        user.run(["status", "--verify"]).ok();
    }
}

#[test]
fn an_archive_that_is_gone_keeps_a_damaged_index_from_being_thrown_away() {
    let (user, inbox) = furnished();
    let data = user.path(DATA);
    let meta = files(&data, |path| path.contains("/mail/") && path.ends_with("meta.json")).remove(0);
    std::fs::rename(&inbox.dir, user.path("away")).unwrap();
    let whole = std::fs::read(&meta).unwrap();
    flip(&meta, whole.len() as u64 / 2);
    let said = user.run(["index"]).ends(3);
    assert!(said.err.contains("one") && said.err.contains("not built anew"), "{}", said.err);
    std::fs::rename(user.path("away"), &inbox.dir).unwrap();
    user.run(["index"]).ok();
    assert_eq!(user.run(["query", "--count", "s:one"]).ok().out, "23\n");
}

#[test]
fn a_flip_in_what_the_reader_judged_is_named_and_never_written_over() {
    let (user, _inbox) = furnished();
    let path = user.path(DATA).join("state/verdicts.jsonl");
    for id in ["series-00000001", "ownership-00000002"] {
        let verdict = serde_json::json!({ "id": id, "why": "known", "when": 1 });
        provenance_index::journal::append(&path, &verdict).unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(whole.iter().filter(|b| **b == b'\n').count(), 2);
    flip(&path, 9);
    let damaged = std::fs::read(&path).unwrap();
    let said = user.run(["status", "--verify"]).ends(3);
    assert!(said.out.contains("verdicts.jsonl: 1 of its lines cannot be read: 1"), "{}", said.out);
    user.run(["index"]).ok();
    assert_eq!(std::fs::read(&path).unwrap(), damaged);
}

#[test]
fn an_option_that_looks_through_everything_finds_all_whole() {
    let (user, _inbox) = furnished();
    let said = user.run(["status", "--verify"]).ok();
    assert!(said.out.contains("everything is as it was written"), "{}", said.out);
    let said = user.run(["status", "--verify", "-f", "json"]).ok();
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["damaged"], serde_json::json!([]));
}
