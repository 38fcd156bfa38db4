use std::fs;
use std::path::{Path, PathBuf};

use git2::{Repository, Signature, Time};
use tempfile::TempDir;

use super::*;

/// An epoch of our own making.
struct Made {
    dir: TempDir,
    repository: Repository,
    tip: Option<Oid>,
    time: i64,
}

impl Made {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path().join("0.git")).unwrap();
        Self { dir, repository, tip: None, time: 1_600_000_000 }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("0.git")
    }

    /// One commit with one file; returns it. The branch moves along.
    fn commit(&mut self, file: &str, text: &str) -> Oid {
        let mut tree = self.repository.treebuilder(None).unwrap();
        tree.insert(file, self.repository.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap();
        let tree = self.repository.find_tree(tree.write().unwrap()).unwrap();
        let who = Signature::new("A", "a@example.org", &Time::new(self.time, 20 * 60)).unwrap();
        self.time += 60;
        let parents: Vec<_> = self.tip.iter().map(|it| self.repository.find_commit(*it).unwrap()).collect();
        let tip = self.repository.commit(None, &who, &who, "s", &tree, &parents.iter().collect::<Vec<_>>()).unwrap();
        self.repository.reference("refs/heads/master", tip, true, "test").unwrap();
        self.tip = Some(tip);
        tip
    }

    fn mails(&mut self, numbers: std::ops::Range<u32>) -> Vec<Oid> {
        numbers.map(|n| self.commit("m", &mail(n))).collect()
    }

    /// What `git gc` does: everything in one pack.
    fn pack(&self) -> PathBuf {
        let mut builder = self.repository.packbuilder().unwrap();
        let mut walk = self.repository.revwalk().unwrap();
        walk.push(self.tip.unwrap()).unwrap();
        builder.insert_walk(&mut walk).unwrap();
        let folder = self.path().join("objects/pack");
        builder.write(&folder, 0o644).unwrap();
        for entry in fs::read_dir(self.path().join("objects")).unwrap() {
            let entry = entry.unwrap().path();
            if entry.file_name().unwrap().len() == 2 {
                fs::remove_dir_all(entry).unwrap();
            }
        }
        folder.join(format!("pack-{}.pack", builder.name().unwrap().unwrap()))
    }

    fn loose(&self, oid: Oid) -> PathBuf {
        let name = oid.to_string();
        self.path().join("objects").join(&name[..2]).join(&name[2..])
    }

    fn read(&self) -> Read {
        read(&self.path(), None)
    }
}

fn mail(n: u32) -> String {
    format!("From: a@example.org\nSubject: mail {n}\nMessage-ID: <{n}@example.org>\n\nbody of {n}\n")
}

struct Read {
    history: History,
    subjects: Vec<String>,
    deleted: Vec<Oid>,
    errors: Vec<ReadError>,
}

fn read(path: &Path, since: Option<Oid>) -> Read {
    let history = Epoch::open(path).unwrap().commits(since).unwrap();
    let reader = Reader::open(path).unwrap();
    let mut found = Read { history, subjects: Vec::new(), deleted: Vec::new(), errors: Vec::new() };
    for commit in &found.history.commits {
        match reader.mail(commit.tree) {
            Ok(Item::Added { blob, bytes }) => {
                assert_eq!(blob, Oid::hash_object(ObjectType::Blob, &bytes).unwrap());
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                found.subjects.push(text.lines().nth(1).unwrap().replace("Subject: mail ", ""));
            }
            Ok(Item::Deleted { blob }) => found.deleted.push(blob),
            Ok(Item::Nothing) => {}
            Err(e) => found.errors.push(e),
        }
    }
    found
}

#[test]
fn mails_come_oldest_first_with_the_time_of_arrival() {
    let mut made = Made::new();
    assert_eq!(made.read().history.tip, None);
    made.mails(0..5);
    let all = made.read();
    assert_eq!(all.subjects, ["0", "1", "2", "3", "4"]);
    assert_eq!(all.history.commits[1].arrival, 1_600_000_060);
    assert_eq!((all.history.tip, all.history.rewritten), (made.tip, false));
    made.pack();
    assert_eq!(made.read().history.commits, all.history.commits);
}

#[test]
fn an_increment_is_what_came_after_the_cursor() {
    let mut made = Made::new();
    let first = made.mails(0..3);
    made.mails(3..5);
    let some = read(&made.path(), Some(first[2]));
    assert_eq!((some.subjects, some.history.rewritten), (vec!["3".into(), "4".into()], false));
    let none = read(&made.path(), made.tip);
    assert!(none.history.commits.is_empty() && !none.history.rewritten);
}

#[test]
fn a_deletion_names_the_mail_that_is_gone_and_other_files_are_nothing() {
    let mut made = Made::new();
    made.mails(0..2);
    made.commit("d", &mail(0));
    made.commit("_", "not a mail");
    let found = made.read();
    assert_eq!(found.deleted, [Oid::hash_object(ObjectType::Blob, mail(0).as_bytes()).unwrap()]);
    assert_eq!((found.subjects.len(), found.errors.len(), found.history.commits.len()), (2, 0, 4));
}

#[test]
fn rewritten_history_is_seen_and_walked_whole() {
    let mut made = Made::new();
    let old = made.mails(0..4);
    made.tip = Some(old[1]);
    made.mails(4..6);
    let found = read(&made.path(), Some(old[3]));
    assert!(found.history.rewritten);
    assert_eq!(found.subjects, ["0", "1", "4", "5"]);
    // A purge leaves an empty branch behind, or none.
    made.repository.find_reference("refs/heads/master").unwrap().delete().unwrap();
    let emptied = read(&made.path(), Some(old[3]));
    assert!(emptied.history.rewritten && emptied.history.tip.is_none() && emptied.subjects.is_empty());
}

#[test]
fn the_default_branch_may_have_any_name() {
    let mut made = Made::new();
    made.mails(0..2);
    made.repository.find_reference("refs/heads/master").unwrap().rename("refs/heads/main", true, "test").unwrap();
    // HEAD still says master.
    assert_eq!(made.read().subjects.len(), 2);
    made.repository.set_head("refs/heads/main").unwrap();
    assert_eq!(made.read().subjects.len(), 2);
}

#[test]
fn a_missing_or_damaged_mail_costs_that_mail() {
    let mut made = Made::new();
    made.mails(0..4);
    let name = |n| Oid::hash_object(ObjectType::Blob, mail(n).as_bytes()).unwrap();
    fs::remove_file(made.loose(name(1))).unwrap();
    flip(&made.loose(name(2)), 20);
    let found = made.read();
    assert_eq!(found.subjects, ["0", "3"]);
    assert!(matches!(found.errors[0], ReadError::Missing { oid } if oid == name(1)), "{:?}", found.errors[0]);
    assert!(matches!(found.errors[1], ReadError::Damaged { oid, .. } if oid == name(2)), "{:?}", found.errors[1]);
}

#[test]
fn a_mail_above_the_limit_is_not_inflated() {
    let mut made = Made::new();
    made.commit("m", &"x".repeat(LARGEST_MAIL as usize + 1));
    made.mails(1..2);
    let found = made.read();
    assert!(matches!(found.errors[..], [ReadError::TooLarge { size, .. }] if size == LARGEST_MAIL + 1));
    assert_eq!(found.subjects, ["1"]);
}

#[test]
fn a_damaged_commit_is_passed() {
    let mut made = Made::new();
    let commits = made.mails(0..9);
    // What a rewrite cut off stays out: it joins the history that is known.
    made.tip = Some(commits[7]);
    let stray = made.commit("m", &mail(77));
    made.tip = Some(commits[8]);
    made.repository.reference("refs/heads/master", commits[8], true, "test").unwrap();
    flip(&made.loose(commits[2]), 30);
    fs::remove_file(made.loose(commits[5])).unwrap();
    let found = made.read();
    assert_eq!(found.subjects, ["0", "1", "3", "4", "6", "7", "8"]);
    assert_eq!(found.history.damaged, [commits[5], commits[2]]);
    assert!(!found.history.commits.iter().any(|it| it.commit == stray));

    // The cursor lies behind the damage.
    let some = read(&made.path(), Some(commits[3]));
    assert_eq!((some.subjects.len(), some.history.rewritten), (4, false));
}

#[test]
fn where_the_newest_commit_is_damaged_the_one_before_it_is_the_newest() {
    let mut made = Made::new();
    let commits = made.mails(0..4);
    fs::remove_file(made.loose(commits[3])).unwrap();
    let found = made.read();
    assert_eq!(found.subjects, ["0", "1", "2"]);
    assert_eq!(found.history.damaged, [commits[3]]);
}

#[test]
fn a_damaged_commit_in_a_pack_is_passed_by_its_index() {
    let mut made = Made::new();
    made.mails(0..60);
    let pack = made.pack();
    let whole = made.read().subjects.len();
    assert_eq!(whole, 60);
    // Commits come first in a pack; somewhere in the middle of them.
    let mut bytes = fs::read(&pack).unwrap();
    let at = bytes.len() / 5;
    bytes[at..at + 8].fill(0x55);
    fs::write(&pack, bytes).unwrap();
    let found = made.read();
    assert!((40..60).contains(&found.subjects.len()), "{}", found.subjects.len());
    assert!(!found.history.damaged.is_empty() || !found.errors.is_empty());
}

#[test]
fn a_truncated_pack_costs_the_epoch_and_the_error_says_how_to_repair_it() {
    let mut made = Made::new();
    made.mails(0..9);
    made.repository.remote("origin", "https://example.org/list/0").unwrap();
    let pack = made.pack();
    let bytes = fs::read(&pack).unwrap();
    fs::write(&pack, &bytes[..bytes.len() / 2]).unwrap();
    let error = Epoch::open(&made.path()).unwrap().commits(None).unwrap_err().to_string();
    assert!(error.contains("0.git") && error.contains("fsck"), "{error}");
    assert!(error.contains("git clone --mirror https://example.org/list/0 "), "{error}");
}

#[test]
fn what_is_not_a_repository_or_not_readable_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Epoch::open(dir.path()), Err(EpochError::NotGit { .. })));
    let mut made = Made::new();
    made.mails(0..1);
    let config = made.path().join("config");
    for (setting, word) in [
        ("objectformat = sha256", "SHA-1"),
        ("refstorage = reftable", "refs migrate"),
        ("partialclone = origin", "git clone --mirror"),
        ("fromthefuture = 1", "git clone --mirror"),
    ] {
        fs::write(
            &config,
            format!("[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\t{setting}\n"),
        )
        .unwrap();
        let Err(error) = Epoch::open(&made.path()) else { panic!("{setting} was accepted") };
        assert!(matches!(error, EpochError::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_repository_of_another_user_is_read() {
    let mut made = Made::new();
    made.mails(0..2);
    if std::os::unix::fs::chown(made.path(), Some(12345), Some(12345)).is_err() {
        println!("skipped: needs root");
        return;
    }
    assert_eq!(made.read().subjects.len(), 2);
    assert_eq!(layout(&made.path()).unwrap(), Layout::V2);
}

#[test]
fn objects_may_lie_in_an_alternate() {
    let mut made = Made::new();
    made.mails(0..3);
    let other = made.dir.path().join("1.git");
    Repository::init_bare(&other).unwrap();
    fs::write(other.join("objects/info/alternates"), "../../0.git/objects\n").unwrap();
    fs::create_dir_all(other.join("refs/heads")).unwrap();
    fs::write(other.join("refs/heads/master"), format!("{}\n", made.tip.unwrap())).unwrap();
    assert_eq!(read(&other, None).subjects.len(), 3);
}

#[test]
fn a_shallow_clone_ends_where_it_was_cut() {
    let mut made = Made::new();
    let commits = made.mails(0..4);
    fs::remove_file(made.loose(commits[1])).unwrap();
    fs::write(made.path().join("shallow"), format!("{}\n", commits[2])).unwrap();
    let found = made.read();
    assert_eq!(found.subjects, ["2", "3"]);
    assert!(found.history.shallow && found.history.damaged.is_empty());
}

#[test]
fn the_real_archives_are_read_whole() {
    let Some(shared) = crate::archive::tests::shared() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (list, mails) in [("live-patching", 7162), ("xdp-newbies", 1941)] {
        let path = dir.path().join(list);
        let bundle = shared.join(format!("archives/{list}.0.bundle"));
        let clone = std::process::Command::new("git").args(["clone", "-q", "--mirror"]).arg(bundle).arg(&path).status();
        assert!(clone.unwrap().success());
        let epoch = Epoch::open(&path).unwrap();
        let history = epoch.commits(None).unwrap();
        assert!(history.damaged.is_empty() && !history.rewritten && !history.shallow);
        let reader = epoch.reader().unwrap();
        let added = history.commits.iter().filter(|it| matches!(reader.mail(it.tree).unwrap(), Item::Added { .. }));
        assert_eq!(added.count(), mails, "{list}");
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x3c;
    bytes[at + 1] ^= 0x3c;
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}
