//! The data directory: two who change it at once, copies and moved ones, one that cannot be written, damaged ones, those of earlier
//! versions, and mails and files that are not there.

mod absent;
mod damage;
mod earlier;

use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Inbox, Said, User, mail};

const DATA: &str = ".local/share/provenance";

fn count(user: &User, query: &str) -> u32 {
    user.run(["query", "--count", query]).ok().out.trim().parse().unwrap()
}

/// Number and name of each archive.
fn sources(user: &User) -> Vec<(u64, String)> {
    let status = user.run(["status", "-f", "json"]).ok().out;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let repositories = status["repositories"].as_array().unwrap().iter();
    repositories.map(|r| (r["number"].as_u64().unwrap(), r["name"].as_str().unwrap().to_owned())).collect()
}

fn inbox(user: &User, name: &str, mails: u32) -> Inbox {
    let mut inbox = Inbox::new(&user.path(name));
    for number in 0..mails {
        inbox.add(mail(&format!("{number}@{name}"), &format!("{name} {number}"), &[], "body"));
    }
    inbox
}

/// Copies a directory with all that is in it.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

#[test]
fn two_and_three_who_index_at_once_lose_no_archive() {
    for round in 0..8 {
        let user = User::new();
        let (_one, _two) = (inbox(&user, "one", 3), inbox(&user, "two", 2));
        user.write("in.mbox", format!("From x Wed Mar  1 10:00:00 2023\n{}\n", mail("1@in", "in", &[], "body")));
        let paths = ["one", "in.mbox", "two"];
        let paths = if round % 2 == 0 { &paths[..2] } else { &paths[..] };
        let start =
            |path: &&str| user.command().args(["index", path]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let children: Vec<_> = paths.iter().map(|path| start(path).unwrap()).collect();
        for child in children {
            Said::from(child.wait_with_output().unwrap()).ok();
        }
        let mut found = sources(&user);
        found.sort();
        let mut numbers: Vec<u64> = found.iter().map(|(number, _)| *number).collect();
        numbers.dedup();
        assert_eq!((found.len(), numbers.len()), (paths.len(), paths.len()), "{found:?}");
        for (id, path) in [("0@one", "one"), ("1@in", "in.mbox"), ("0@two", "two")] {
            assert_eq!(count(&user, &format!("mid:{id}")), u32::from(paths.contains(&path)), "{id}");
        }
        let data = std::fs::read_dir(user.path(DATA)).unwrap().flatten();
        let left: Vec<_> = data.map(|e| e.file_name()).filter(|n| n.to_string_lossy().ends_with(".new")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_copy_and_a_moved_directory_never_read_the_original() {
    let user = User::new();
    user.write("one.eml", mail("1@x", "one", &[], "body of one"));
    user.run(["index", "one.eml"]).ok();
    copy(&user.path(DATA), &user.path("copy"));
    user.write("two.eml", mail("2@x", "two", &[], "body of two"));
    let said = user.run(["--data-dir", "copy", "index", "two.eml"]).ok();
    assert!(said.err.contains("1 mail indexed"), "{}", said.err);
    let shown = user.run(["--data-dir", "copy", "show", "2@x"]).ok();
    assert!(shown.out.contains("body of two"));
    // The original knows nothing of it, and nobody misses the original.
    assert_eq!(count(&user, "mid:2@x"), 0);
    std::fs::remove_dir_all(user.path(DATA)).unwrap();
    std::fs::rename(user.path("copy"), user.path("moved")).unwrap();
    for id in ["1@x", "2@x"] {
        assert!(user.run(["--data-dir", "moved", "show", id]).ok().out.contains("body of"));
    }
    assert!(user.run(["--data-dir", "moved", "index"]).ok().err.contains("nothing new"));
}

/// Everything below, with its size and when it was changed.
fn listing(dir: &Path) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let meta = entry.metadata().unwrap();
            if meta.is_dir() {
                open.push(entry.path());
            }
            found.push((entry.path(), meta.len(), meta.modified().unwrap()));
        }
    }
    found.sort();
    found
}

const QUESTIONS: [&[&str]; 8] = [
    &["query", "s:one"],
    &["query", "mech:bpf-dispatcher", "-n", "1"],
    &["show", "0@one"],
    &["thread", "0@one"],
    &["status"],
    &["status", "--verify"],
    &["lineage", "static-call"],
    &["dig", "0@one"],
];

/// Whoever the tests run as: no question writes anything, so that none needs to.
#[test]
fn no_question_writes_or_takes_a_lock() {
    let user = User::new();
    let _inbox = inbox(&user, "one", 3);
    user.run(["index", "one"]).ok();
    let before = listing(&user.path(DATA));
    let lock = std::fs::File::options().write(true).open(user.path(DATA).join("index.lock")).unwrap();
    lock.lock().unwrap();
    for question in QUESTIONS {
        user.run(question).ok();
    }
    assert_eq!(listing(&user.path(DATA)), before);
}

/// As a user who may read and not write: nobody, where the tests run as root.
#[test]
fn a_directory_that_cannot_be_written_answers_every_question() {
    use std::os::unix::fs::PermissionsExt;
    let user = User::new();
    let _inbox = inbox(&user, "one", 3);
    user.run(["index", "one"]).ok();
    let set = |path: &Path, mode: u32| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    let (folder, file) = if root { (0o555, 0o444) } else { (0o500, 0o400) };
    let data = user.path(DATA);
    let all: Vec<std::path::PathBuf> = listing(&data).into_iter().map(|(path, ..)| path).collect();
    for path in &all {
        set(path, if path.is_dir() { folder } else { file });
    }
    set(&data, folder);
    set(&user.path(""), 0o755);
    let run = |arguments: &[&str]| -> Said {
        let mut command = user.command();
        command.args(["--data-dir".as_ref(), data.as_os_str()]).args(arguments);
        if !root {
            return command.output().unwrap().into();
        }
        let mut other = Command::new("setpriv");
        other.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(command.get_program());
        other.args(command.get_args()).env_clear().env("HOME", "/nonexistent").env("LC_ALL", "C.UTF-8");
        other.env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir("/").stdin(Stdio::null());
        other.output().unwrap().into()
    };
    // The program itself may lie where nobody else comes.
    if !root || run(&["--version"]).code == 0 {
        for question in QUESTIONS {
            run(question).ok();
        }
        let said = run(&["index"]).ends(3);
        assert!(said.err.contains("permission") && !said.err.contains("move"), "{}", said.err);
    }
    set(&data, 0o755);
    for path in &all {
        set(path, if path.is_dir() { 0o755 } else { 0o644 });
    }
}

#[test]
fn a_forgotten_list_leaves_its_mails_and_its_number() {
    let user = User::new();
    let (_one, mut two) = (inbox(&user, "lists/one", 3), inbox(&user, "lists/two", 2));
    user.run(["index", "lists"]).ok();
    let said = user.run(["index", "--forget", "nobody"]).ends(2);
    assert!(said.err.contains("one, two"), "{}", said.err);
    let said = user.run(["index", "--forget", "two"]).ok();
    assert!(said.err.contains("is forgotten") && said.err.contains("2 mails removed"), "{}", said.err);
    // Gone from the disk too, and not only struck out.
    let struck_out = std::fs::read_dir(user.path(DATA).join("index.4/mail")).unwrap().flatten();
    assert_eq!(struck_out.filter(|e| e.file_name().to_string_lossy().ends_with(".del")).count(), 0);
    assert_eq!((count(&user, "s:one"), count(&user, "s:two")), (3, 0));
    // Its folder is still below the one that was attached; it stays forgotten until it is named.
    two.add(mail("new@two", "two new", &[], "body"));
    user.run(["index"]).ok();
    assert_eq!((count(&user, "s:two"), sources(&user).len()), (0, 1));
    assert!(two.dir.join("git/0.git").is_dir());
    user.run(["index", "lists/two"]).ok();
    assert_eq!((count(&user, "s:two"), count(&user, "s:one")), (3, 3));
    assert_eq!(sources(&user).into_iter().map(|(number, _)| number).collect::<Vec<_>>(), [1, 3]);
    user.run(["status", "--verify"]).ok();
}

#[test]
fn a_backup_of_the_state_is_restored_elsewhere_and_writes_over_nothing() {
    let user = User::new();
    let _one = inbox(&user, "one", 3);
    user.run(["index", "one"]).ok();
    user.write(&format!("{DATA}/state/drafts/re-1.eml"), "a draft");
    // Who backs up only reads: whoever is indexing meanwhile is not waited for.
    let lock = provenance_index::store::Lock::take(&user.path(DATA)).unwrap();
    user.run(["state", "backup", "saved"]).ok();
    drop(lock);
    user.run(["state", "backup", "saved"]).ends(3);
    let said = user.run(["--data-dir", "nowhere", "state", "backup", "other"]).ends(3);
    assert!(said.err.contains("nothing to be backed up"), "{}", said.err);
    assert!(!user.path("nowhere").exists() && !user.path("other").exists());
    let said = user.run(["--data-dir", "nowhere", "status", "--verify"]).ends(3);
    assert!(said.err.contains("nothing to be verified"), "{}", said.err);
    user.run(["--data-dir", "other", "state", "restore", "saved"]).ok();
    user.run(["--data-dir", "other", "index"]).ok();
    assert_eq!(user.run(["--data-dir", "other", "query", "--count", "s:one"]).ok().out, "3\n");
    assert_eq!(std::fs::read(user.path("other/state/drafts/re-1.eml")).unwrap(), b"a draft");
    user.write("other/state/drafts/re-1.eml", "a newer draft");
    let said = user.run(["--data-dir", "other", "state", "restore", "saved"]).ends(3);
    assert!(said.err.contains("nothing was restored"), "{}", said.err);
    assert_eq!(std::fs::read(user.path("other/state/drafts/re-1.eml")).unwrap(), b"a newer draft");
}

#[test]
fn what_a_killed_run_left_unfinished_is_removed_by_the_next() {
    let user = User::new();
    let _one = inbox(&user, "one", 3);
    user.run(["index", "one"]).ok();
    let halves = [
        "sources.77-0.new",
        "fetched-77.new",
        "index.4/links/00000002.links.77-1.new",
        "index.4/links/facts/00000002.records.77-2.new",
        "index.4/mail/.tmpAbCdEf",
        "history.2/trees.77-3.new",
        "index.4.damaged/mail/meta.json",
    ];
    halves.iter().for_each(|half| drop(user.write(&format!("{DATA}/{half}"), "half")));
    // A draft is written without the lock: whoever writes it may be about to put it in its place.
    user.write(&format!("{DATA}/state/drafts/re-1.eml.77-4.new"), "half");
    user.run(["index"]).ok();
    assert!(halves.iter().all(|half| !user.path(DATA).join(half).exists()));
    assert!(!user.path(DATA).join("index.4.damaged").exists());
    assert!(user.path(DATA).join("state/drafts/re-1.eml.77-4.new").exists());
    assert_eq!(count(&user, "s:one"), 3);
}
