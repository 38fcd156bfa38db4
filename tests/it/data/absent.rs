//! Mails that are not there, and files of a clone that has commits alone.

use std::path::Path;
use std::process::Command;

use super::{DATA, count, inbox};
use crate::harness::{Inbox, User, mail, needs};

/// The name and the time of each file of the index.
fn index(user: &User) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    super::listing(&user.path(DATA))
        .into_iter()
        .filter(|(path, ..)| path.to_string_lossy().contains("/index.4"))
        .collect()
}

fn object(inbox: &Inbox, id: git2::Oid) -> std::path::PathBuf {
    let name = id.to_string();
    inbox.git().join("objects").join(&name[..2]).join(&name[2..])
}

fn blob(inbox: &Inbox, commit: git2::Oid) -> git2::Oid {
    let repository = git2::Repository::open_bare(inbox.git()).unwrap();
    let commit = repository.find_commit(commit).unwrap();
    commit.tree().unwrap().get_name("m").unwrap().id()
}

#[test]
fn a_mail_that_is_missing_costs_that_mail_and_no_later_run() {
    let user = User::new();
    let mut inbox = inbox(&user, "one", 3);
    let commit = inbox.add(mail("lost@x", "lost", &[], "body"));
    inbox.add(mail("after@x", "after", &[], "body"));
    let missing = object(&inbox, blob(&inbox, commit));
    let bytes = std::fs::read(&missing).unwrap();
    std::fs::remove_file(&missing).unwrap();
    let said = user.run(["index", "one"]).ends(3);
    assert!(said.err.contains("1 mail could not be read"), "{}", said.err);
    assert_eq!((count(&user, "mid:after@x"), count(&user, "mid:lost@x")), (1, 0));
    let before = index(&user);
    for _ in 0..2 {
        let said = user.run(["index"]).ends(3);
        assert!(said.err.contains("1 mail could not be read") && said.err.contains("nothing new"), "{}", said.err);
    }
    // Tried again and failed again: nothing was written.
    assert_eq!(index(&user), before);
    inbox.add(mail("new@x", "new", &[], "body"));
    user.run(["index"]).ends(3);
    assert_eq!(count(&user, "mid:new@x"), 1);
    let status = user.run(["status", "-f", "json"]).ends(3).out;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["repositories"][0]["failed"], 1);
    std::fs::write(&missing, bytes).unwrap();
    user.run(["index"]).ok();
    assert_eq!(count(&user, "mid:lost@x"), 1);
}

#[test]
fn a_commit_that_is_missing_is_not_forgotten_and_is_read_when_it_is_back() {
    let user = User::new();
    let mut inbox = inbox(&user, "one", 2);
    let commit = inbox.add(mail("lost@x", "lost", &[], "body"));
    inbox.add(mail("after@x", "after", &[], "body"));
    let missing = object(&inbox, commit);
    let bytes = std::fs::read(&missing).unwrap();
    std::fs::remove_file(&missing).unwrap();
    for _ in 0..3 {
        user.run(["index", "one"]).ends(3);
        assert_eq!(count(&user, "s:one"), 2);
    }
    user.run(["status"]).ends(3);
    std::fs::write(&missing, bytes).unwrap();
    user.run(["index"]).ok();
    assert_eq!(count(&user, "mid:lost@x"), 1);
}

#[test]
fn what_a_purge_leaves_is_no_mail() {
    let user = User::new();
    let mut inbox = inbox(&user, "one", 2);
    inbox.add("");
    let said = user.run(["index", "one"]).ok();
    assert!(said.err.contains("2 mails indexed"), "{}", said.err);
    let status: serde_json::Value = serde_json::from_str(&user.run(["status", "-f", "json"]).ok().out).unwrap();
    assert_eq!(status["mails"], 2);
}

fn git(dir: &Path, words: &[&str]) -> String {
    let who = ["-c", "user.name=Ada Example", "-c", "user.email=ada@example.org"];
    let out = Command::new("git").arg("-C").arg(dir).args(who).args(words).output().unwrap();
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// A tree with a commit that is a mail's, and a clone of it without files. The mail has an older title, so that only the changed
/// lines say so.
fn partial(user: &User) -> String {
    let tree = user.path("tree");
    std::fs::create_dir(&tree).unwrap();
    git(&tree, &["init", "-q", "-b", "master"]);
    git(&tree, &["config", "uploadpack.allowFilter", "true"]);
    git(&tree, &["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let text = |word: &str| (0..20).map(|n| format!("int {word}_{n};\n")).collect::<String>();
    std::fs::write(tree.join("a.c"), text("a")).unwrap();
    git(&tree, &["add", "."]);
    git(&tree, &["commit", "-qm", "a: begin"]);
    std::fs::write(tree.join("a.c"), text("b")).unwrap();
    git(&tree, &["commit", "-qam", "a: another title than the mail's"]);
    let patch =
        git(&tree, &["format-patch", "-1", "--stdout"]).replace("another title than the mail's", "make it better");
    let (_, patch) = patch.split_once("---\n").unwrap();
    user.write("a.eml", mail("patch@x", "[PATCH] a: make it better", &[], &format!("It is better.\n---\n{patch}")));
    let url = format!("file://{}", tree.display());
    git(&user.path(""), &["clone", "-q", "--filter=blob:none", "--no-checkout", &url, "clone"]);
    git(&tree, &["rev-parse", "HEAD"]).trim().to_owned()
}

#[test]
fn a_partial_clone_is_said_to_be_one_and_is_completed_when_asked() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let head = partial(&user);
    let said = user.run(["index", "a.eml", "--repo", "clone"]).ok();
    let told = "1 commit that may be a mail's in ";
    assert!(said.err.contains(told) && said.err.contains("--fetch-missing"), "{}", said.err);
    assert!(user.run(["status"]).ok().out.contains(told));
    let dug = user.run(["dig", &head]);
    let patch_id = |said: &str| said.contains("equal patch-id");
    assert!(!patch_id(&dug.out), "{}", dug.out);
    assert!(dug.out.contains(told) || dug.err.contains(told), "{}{}", dug.out, dug.err);
    // Nothing was fetched unasked.
    let missing = || git(&user.path("clone"), &["rev-list", "--objects", "--all", "--missing=print"]);
    assert!(missing().lines().any(|line| line.starts_with('?')));
    // A server that does not answer keeps no mail from being indexed.
    std::fs::rename(user.path("tree"), user.path("away")).unwrap();
    user.write("b.eml", mail("other@x", "other", &[], "body"));
    let said = user.run(["index", "b.eml", "--repo", "clone", "--fetch-missing"]).ends(3);
    assert!(said.err.contains("were not fetched") && said.err.contains("1 mail indexed"), "{}", said.err);
    assert_eq!(count(&user, "mid:other@x"), 1);
    std::fs::rename(user.path("away"), user.path("tree")).unwrap();
    let said = user.run(["index", "--repo", "clone", "--fetch-missing"]).ok();
    assert!(said.err.contains("2 missing files fetched") && !said.err.contains(told), "{}", said.err);
    assert!(patch_id(&user.run(["dig", &head]).ok().out));
    assert!(!user.run(["status"]).ok().out.contains(told));
}

#[test]
fn variables_of_a_hook_do_not_lead_to_another_repository() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let head = partial(&user);
    let other = user.path("other");
    std::fs::create_dir(&other).unwrap();
    git(&other, &["init", "-q"]);
    // The clone is read by the user's git, as all partial clones are.
    let run = |words: &[&str]| -> crate::harness::Said {
        let mut command = user.command();
        command.args(words).env("GIT_DIR", other.join(".git")).env("GIT_OBJECT_DIRECTORY", other.join(".git/objects"));
        command.env("GIT_INDEX_FILE", "/nonexistent").env("GIT_WORK_TREE", &other).output().unwrap().into()
    };
    let said = run(&["index", "a.eml", "--repo", "clone"]).ok();
    assert!(said.err.contains("2 commits read"), "{}", said.err);
    assert!(run(&["dig", "HEAD", "--repo", "clone"]).out.contains(&head));
}
