//! `dig`: from commits of an attached tree to mails and back, whatever kind of repository the tree is.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Inbox, User, needs, reviewer};
use crate::links::{ADA, letter, patch};

fn git(dir: &Path, arguments: &[&str]) -> String {
    let out = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args([
            "-c",
            "user.name=Ada Example",
            "-c",
            "user.email=ada@example.org",
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgSign=false",
        ])
        .args(arguments)
        .env("GIT_AUTHOR_DATE", "2023-03-01T10:00:00Z")
        .env("GIT_COMMITTER_DATE", "2023-03-09T10:00:00Z")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git starts");
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

const OLD: &str = "one\ntwo\nthree\n\tstart();\n\tend();\nlast\n";
const ADDED: [&str; 4] = ["first_call(alpha);", "second_call(beta);", "third_call(gamma);", "fourth_call(delta);"];

/// A tree with a commit that a mail brought, one with a Link, and one that nobody sent.
fn tree(user: &User, init: &[&str]) -> (PathBuf, [String; 3]) {
    let dir = user.path("tree");
    std::fs::create_dir_all(dir.join("e")).unwrap();
    git(&dir, &[&["init", "-q"], init].concat());
    let write = |path: &str, text: &str| std::fs::write(dir.join(path), text).unwrap();
    write("e/one.c", OLD);
    write("e/two.c", OLD);
    git(&dir, &["add", "."]);
    git(&dir, &["commit", "-q", "-m", "beginning"]);
    let added: String = ADDED.iter().map(|line| format!("{line}\n")).collect();
    write("e/one.c", &OLD.replace("\tend();", &format!("{added}\tend();")));
    git(&dir, &["commit", "-qam", "engine: call in order\n\nwhy\n\nSigned-off-by: Ada Example <ada@example.org>"]);
    let sent = git(&dir, &["rev-parse", "HEAD"]);
    write("e/two.c", "other\n");
    git(&dir, &["commit", "-qam", "engine: with a link\n\nLink: https://lore.kernel.org/r/linked@x"]);
    git(&dir, &["branch", "linked"]);
    let linked = git(&dir, &["rev-parse", "HEAD"]);
    write("e/two.c", "yet another\n");
    git(&dir, &["commit", "-qam", "engine: nobody sent this"]);
    let unsent = git(&dir, &["rev-parse", "HEAD"]);
    (dir, [sent, linked, unsent])
}

fn mails(user: &User) {
    let mut inbox = Inbox::new(&user.path("made"));
    let first =
        patch("why", "e/one.c", "\tstart();", &["first_call(alpha);", "second_call(old);", "third_call(gamma);"]);
    inbox.add(letter("v1@x", 1, ADA, "[PATCH] engine: call in order", None, &first));
    inbox.add(letter(
        "v2@x",
        4,
        ADA,
        "[PATCH v2] engine: call in order",
        None,
        &patch("why", "e/one.c", "\tstart();", &ADDED),
    ));
    inbox.add(letter(
        "linked@x",
        5,
        ADA,
        "[PATCH] engine: under another name",
        None,
        &patch("x", "e/two.c", "\tstart();", &["other"]),
    ));
}

fn both_ways(user: &User, dir: &Path, commits: &[String; 3]) {
    let said = user.run(["dig", &commits[0]]).ok().out;
    assert!(said.contains("came from") && said.contains("v2@x") && said.contains("v1@x"), "{said}");
    let said = user.run(["dig", "--repo", dir.to_str().unwrap(), "linked"]).ok().out;
    assert!(said.contains("linked@x") && said.contains("link, 100.0 %"), "{said}");
    let none = user.run(["dig", &commits[2]]).ok();
    assert!(none.out.contains("no mail is known") && none.err.contains("trees: "), "{}{}", none.out, none.err);
    user.run(["dig", "--exit-code", &commits[2]]).ends(1);
    let back = user.run(["dig", "v1@x"]).ok().out;
    assert!(back.contains(&commits[0]) && back.contains("later form"), "{back}");
    assert_eq!(user.run(["query", "--count", "landed:yes"]).ok().out, "3\n");
}

#[test]
fn a_tree_is_attached_and_answers_both_ways() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let (dir, commits) = tree(&user, &[]);
    mails(&user);
    let refused = user.run(["query", "landed:yes"]).ends(2);
    assert!(refused.err.contains("--repo"), "{}", refused.err);
    let said = user.run(["index", "made", "--repo", "tree"]).ok();
    assert!(said.err.contains("4 commits read"), "{}", said.err);
    both_ways(&user, &dir, &commits);
    // Incremental: only what is new is read.
    std::fs::write(dir.join("e/two.c"), "more\n").unwrap();
    git(&dir, &["commit", "-qam", "engine: more"]);
    assert!(user.run(["index"]).ok().err.contains("1 commit read"));
    both_ways(&user, &dir, &commits);
}

#[test]
fn the_tree_may_come_before_its_mails_and_be_a_linked_worktree() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let (dir, commits) = tree(&user, &[]);
    let side = user.path("side");
    git(&dir, &["worktree", "add", "-q", side.to_str().unwrap(), "-b", "side"]);
    git(&dir, &["config", "extensions.worktreeConfig", "true"]);
    user.run(["index", "--repo", "side"]).ok();
    mails(&user);
    user.run(["index", "made"]).ok();
    both_ways(&user, &dir, &commits);
}

#[test]
fn what_libgit2_refuses_the_users_git_reads() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let (dir, commits) = tree(&user, &["--object-format=sha256"]);
    assert_eq!(commits[0].len(), 64);
    mails(&user);
    user.run(["index", "made", "--repo", "tree"]).ok();
    both_ways(&user, &dir, &commits);
}

#[test]
fn refs_in_tables_are_read_too() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    std::fs::create_dir_all(user.path("probe")).unwrap();
    let probe =
        Command::new("git").arg("-C").arg(user.path("probe")).args(["init", "-q", "--ref-format=reftable"]).output();
    if !probe.is_ok_and(|out| out.status.success()) {
        println!("skipped: needs git 2.45, which knows reftable");
        return;
    }
    let (dir, commits) = tree(&user, &["--ref-format=reftable"]);
    mails(&user);
    user.run(["index", "made", "--repo", "tree"]).ok();
    both_ways(&user, &dir, &commits);
}

#[test]
fn objects_may_lie_elsewhere_or_be_missing_and_nothing_is_fetched() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let (dir, commits) = tree(&user, &[]);
    mails(&user);
    let home = user.path("");
    // Objects of another repository, by objects/info/alternates.
    git(&home, &["clone", "-q", "--shared", "--no-checkout", dir.to_str().unwrap(), "borrowed"]);
    user.run(["index", "made", "--repo", "borrowed"]).ok();
    both_ways(&user, &dir, &commits);

    let other = User::new();
    mails(&other);
    git(&dir, &["config", "uploadpack.allowFilter", "true"]);
    let (url, partial) = (format!("file://{}", dir.display()), other.path("partial"));
    git(&home, &["clone", "-q", "--filter=blob:none", "--no-checkout", &url, partial.to_str().unwrap()]);
    let missing = || git(&partial, &["rev-list", "--objects", "--all", "--missing=print"]).matches('?').count();
    let before = missing();
    assert!(before > 0, "a clone without blobs");
    other.run(["index", "made", "--repo", "partial"]).ok();
    assert!(other.run(["dig", &commits[1]]).ok().out.contains("linked@x"));
    assert_eq!(missing(), before, "nothing was fetched");
}

#[test]
fn a_grafted_history_is_read_to_its_graft() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let (dir, commits) = tree(&user, &[]);
    mails(&user);
    std::fs::create_dir_all(dir.join(".git/info")).unwrap();
    std::fs::write(dir.join(".git/info/grafts"), format!("{}\n", commits[1])).unwrap();
    user.run(["index", "made", "--repo", "tree"]).ok();
    assert!(user.run(["dig", &commits[1]]).ok().out.contains("linked@x"));
    git(&dir, &["replace", "--graft", &commits[2]]);
    user.run(["index"]).ok();
    assert!(user.run(["dig", &commits[1]]).ok().out.contains("linked@x"));
}

#[test]
fn a_shallow_clone_and_a_place_without_a_repository_get_a_clear_word() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let (dir, commits) = tree(&user, &[]);
    mails(&user);
    let url = format!("file://{}", dir.display());
    git(&user.path(""), &["clone", "-q", "--depth", "2", &url, "shallow"]);
    user.run(["index", "made", "--repo", "shallow"]).ok();
    assert!(user.run(["dig", &commits[1]]).ok().out.contains("linked@x"));
    let no = user.run(["index", "--repo", "made/nothing"]).ends(3);
    assert!(no.err.contains("git repository"), "{}", no.err);
    let none = user.run(["dig", "no-such-name"]).ends(2);
    assert!(none.err.contains("names neither a commit nor a mail"), "{}", none.err);
}

#[test]
fn real_commits_and_their_mails() {
    let Some(user) = reviewer() else { return };
    let said = user.run(["dig", "--width", "120", "020b71dcafee"]).ok();
    assert!(said.out.contains("20260305231531.3847295-6-song@kernel.org"), "{}", said.out);
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("dig_commit", said.out));
    let back = user.run(["dig", "20260305231531.3847295-6-song@kernel.org"]).ok();
    assert!(back.out.contains("020b71dcafee"), "{}", back.out);
}
