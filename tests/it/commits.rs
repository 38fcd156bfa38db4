//! Where commits are and what belongs to them: branches, tags, twins, backports, reverts; patches put together and patches split;
//! commits without a changed line.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{Inbox, User, needs, reviewer};
use crate::links::{ADA, BOB, letter, patch};

/// git as Ada, who wrote it at `hour` on 1 March 2023; Bob commits it on the ninth.
fn git_at(dir: &Path, hour: u32, arguments: &[&str]) -> String {
    let out = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .env("GIT_AUTHOR_NAME", "Ada Example")
        .env("GIT_AUTHOR_EMAIL", "ada@example.org")
        .env("GIT_AUTHOR_DATE", format!("2023-03-01T{hour:02}:00:00Z"))
        .env("GIT_COMMITTER_NAME", "Bob Other")
        .env("GIT_COMMITTER_EMAIL", "bob@example.net")
        .env("GIT_COMMITTER_DATE", format!("2023-03-09T{hour:02}:00:00Z"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git starts");
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

const LINES: [&str; 4] = ["first_call(alpha);", "second_call(beta);", "third_call(gamma);", "fourth_call(delta);"];

fn body(added: &[&str]) -> String {
    let added: String = added.iter().map(|line| format!("{line}\n")).collect();
    format!("one\ntwo\nthree\n\tstart();\n{added}\tend();\nlast\n")
}

struct Tree(PathBuf);

impl Tree {
    fn new(user: &User, name: &str) -> Tree {
        let tree = Tree(user.path(name));
        std::fs::create_dir_all(tree.0.join("e")).unwrap();
        git_at(&tree.0, 0, &["init", "-q"]);
        for file in ["e/one.c", "e/two.c"] {
            std::fs::write(tree.0.join(file), body(&[])).unwrap();
        }
        tree.commit(0, "beginning");
        tree
    }

    fn git(&self, arguments: &[&str]) -> String {
        git_at(&self.0, 23, arguments)
    }

    /// Commits all that was changed.
    fn commit(&self, hour: u32, message: &str) -> String {
        git_at(&self.0, hour, &["add", "-A"]);
        git_at(&self.0, hour, &["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.join(file), text).unwrap();
    }
}

fn json(user: &User, arguments: &[&str]) -> Value {
    let said = user.run(arguments.iter().chain(&["-f", "json"])).ok();
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}", said.out))
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["commit"].as_str().unwrap()).collect()
}

/// A commit on main, in a release, reverted later; its backport in a stable branch; its twin on a topic.
struct Stable {
    tree: Tree,
    fix: String,
    backport: String,
    twin: String,
    revert: String,
}

fn stable(user: &User) -> Stable {
    let tree = Tree::new(user, "tree");
    tree.git(&["tag", "v1.0"]);
    tree.write("e/one.c", &body(&LINES));
    let fix = tree.commit(5, "engine: call in order\n\nwhy");
    tree.write("e/two.c", &body(&["other_call(one);"]));
    tree.commit(6, "engine: another");
    tree.git(&["tag", "v1.1-rc1"]);
    tree.git(&["tag", "-a", "-m", "the release", "v1.1"]);
    tree.git(&["checkout", "-q", "-b", "stable-1.0.y", "v1.0"]);
    tree.write("e/one.c", &body(&LINES));
    let backport = tree.commit(5, &format!("engine: call in order\n\n[ Upstream commit {fix} ]\n\nwhy"));
    tree.git(&["tag", "v1.0.1"]);
    tree.git(&["checkout", "-q", "-b", "topic", "v1.0"]);
    tree.write("e/two.c", &body(&["third_thing(two);"]));
    tree.commit(7, "engine: not merged");
    tree.write("e/one.c", &body(&LINES));
    let twin = tree.commit(5, "engine: call in order\n\nwhy, as it was");
    tree.git(&["checkout", "-q", "main"]);
    tree.git(&["revert", "--no-edit", &fix]);
    let revert = tree.git(&["rev-parse", "HEAD"]);
    tree.git(&["tag", "v1.2"]);
    tree.git(&["checkout", "-q", "topic"]);
    Stable { tree, fix, backport, twin, revert }
}

fn mails(user: &User) {
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(letter(
        "fix@x",
        1,
        ADA,
        "[PATCH] engine: call in order",
        None,
        &patch("why", "e/one.c", "\tstart();", &LINES),
    ));
    let unmerged = patch("x", "e/two.c", "\tstart();", &["third_thing(two);"]);
    inbox.add(letter("topic@x", 1, ADA, "[PATCH] engine: not merged", None, &unmerged));
}

#[test]
fn a_commit_is_on_the_main_line_in_a_release_with_twin_backport_and_revert() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let Stable { fix, backport, twin, revert, .. } = stable(&user);
    mails(&user);
    user.run(["index", "made", "--repo", "tree"]).ok();

    let said = json(&user, &["dig", &fix]);
    let place = &said["where"][0];
    assert_eq!(
        (&place["main"], &place["merged"], &place["first_tag"]),
        (&"main".into(), &true.into(), &"v1.1-rc1".into())
    );
    assert_eq!(place["branches"].as_array().unwrap().len(), 0, "{place}");
    assert_eq!((ids(&said["backport_commits"]), ids(&said["reverted_by"])), (vec![&*backport], vec![&*revert]));
    assert_eq!(ids(&said["twins"]), [&twin], "a backport is no twin");
    let place = &said["backport_commits"][0]["where"][0];
    assert_eq!((&place["merged"], &place["first_tag"]), (&false.into(), &"v1.0.1".into()));
    assert_eq!(place["branches"], serde_json::json!(["stable-1.0.y"]));

    let said = json(&user, &["dig", &backport]);
    assert_eq!((ids(&said["says"]), said["says"][0]["by"].as_str()), (vec![&*fix], Some("upstream")));
    assert_eq!(ids(&said["says"][0]["where"].as_array().map_or(Value::Null, |_| said["says"].clone())), [&fix]);
    let said = json(&user, &["dig", &revert]);
    assert_eq!((ids(&said["says"]), said["says"][0]["by"].as_str()), (vec![&*fix], Some("reverts")));

    // In text, no wider than a terminal of 80 columns.
    let text = user.run(["dig", "--width", "80", &fix]).ok().out;
    for line in ["on         tree: main, first in v1.1-rc1", "first in v1.0.1; not on main", "tree: topic; not on main"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");

    // The mail became what main holds; the stable branch has a backport, the topic is beside it.
    let said = json(&user, &["dig", "fix@x"]);
    assert_eq!(ids(&said["commits"])[0], fix);
    let text = user.run(["dig", "fix@x"]).ok().out;
    assert_eq!(text.matches("became ").count(), 1, "{text}");
    let text = user.run(["series", "fix@x"]).ok().out;
    assert!(text.contains(&format!("commit {}, v1.1-rc1, reverted", &fix[..12])), "{text}");
    let said = json(&user, &["series", "fix@x"]);
    let commits = said["versions"][0]["patches"][0]["commits"].as_array().unwrap();
    let became = commits.iter().find(|commit| commit["commit"] == fix.as_str()).unwrap();
    assert_eq!(became["where"][0]["merged"], true, "{became}");
}

#[test]
fn what_is_beside_the_main_line_has_not_become_a_commit_until_it_is_merged() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let Stable { tree, .. } = stable(&user);
    mails(&user);
    user.run(["index", "made", "--repo", "tree"]).ok();
    let text = user.run(["dig", "topic@x"]).ok().out;
    assert!(text.contains("beside     commit") && text.contains("topic; not on main"), "{text}");
    assert!(!text.contains("became"), "{text}");
    assert_eq!(user.run(["query", "--count", "landed:yes"]).ok().out, "1\n");
    let text = user.run(["series", "topic@x"]).ok().out;
    assert!(text.contains(", not on main"), "{text}");

    // main goes on to the topic without a new commit.
    tree.git(&["checkout", "-q", "-B", "main", "topic"]);
    user.run(["index"]).ok();
    let text = user.run(["dig", "topic@x"]).ok().out;
    assert!(text.contains("became     commit") && text.contains("tree: main"), "{text}");
    // And a tag comes, again without a commit.
    tree.git(&["tag", "v2.0"]);
    user.run(["index"]).ok();
    assert!(user.run(["dig", "topic@x"]).ok().out.contains("main, first in v2.0"));
}

#[test]
fn a_stable_tree_alone_names_the_backports_of_a_commit_that_is_in_no_tree() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let tree = Tree::new(&user, "stable");
    let upstream = "0123456789abcdef0123456789abcdef01234567";
    tree.git(&["checkout", "-q", "-b", "linux-6.1.y"]);
    tree.write("e/one.c", &body(&LINES));
    let one = tree.commit(5, &format!("engine: call in order\n\ncommit {upstream} upstream.\n\nwhy"));
    tree.git(&["tag", "v6.1.55"]);
    tree.git(&["checkout", "-q", "-b", "linux-5.15.y", "main"]);
    tree.write("e/one.c", &body(&LINES[..3]));
    let two = tree.commit(8, &format!("engine: call in order\n\nwhy\n\n(cherry picked from commit {one})"));
    user.run(["index", "--repo", "stable"]).ok();
    for name in [upstream, &upstream[..14]] {
        let said = json(&user, &["dig", name]);
        let mut expected = [one.as_str(), two.as_str()];
        expected.sort_unstable();
        let mut found = ids(&said["backport_commits"]);
        found.sort_unstable();
        assert_eq!(found, expected, "what was picked from a backport is one: {said}");
        assert_eq!(said["where"].as_array().unwrap().len(), 0);
    }
    assert!(user.run(["dig", upstream]).ok().out.contains("stable: linux-6.1.y, first in v6.1.55; not on main"));
}

#[test]
fn two_patches_put_together_and_one_patch_split() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let tree = Tree::new(&user, "tree");
    let fixup = ["check_alpha(one);", "check_beta(two);", "check_gamma(three);"];
    let all: Vec<&str> = LINES.iter().chain(&fixup).copied().collect();
    tree.write("e/one.c", &body(&all));
    let squash = tree.commit(5, "engine: call in order\n\nwhy\n\n[ bob: folded the checks ]");
    let halves = ["walk_it(a);", "walk_it(b);", "walk_it(c);", "sort_it(a);", "sort_it(b);", "sort_it(c);"];
    tree.write("e/two.c", &body(&halves[..3]));
    let first = tree.commit(6, "engine: walk\n\nfirst half");
    tree.write("e/two.c", &body(&halves));
    let second = tree.commit(7, "engine: sort\n\nsecond half");
    // With the blobs, as git sends it.
    let whole = tree.git(&["diff", &squash, &second]);
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(letter(
        "one@x",
        1,
        ADA,
        "[PATCH] engine: call in order",
        None,
        &patch("why", "e/one.c", "\tstart();", &LINES),
    ));
    let folded = patch("Can you fold this in?", "e/one.c", "\tfourth_call(delta);", &fixup);
    inbox.add(letter("fold@x", 2, BOB, "Re: [PATCH] engine: call in order", Some("one@x"), &folded));
    inbox.add(letter("both@x", 3, ADA, "[PATCH] engine: walk and sort", None, &format!("x\n---\n{whole}")));
    // The same lines, from somebody else, are no part.
    inbox.add(letter("else@x", 2, BOB, "[PATCH] other: thing", None, &patch("x", "f/three.c", "\tstart();", &fixup)));
    user.run(["index", "made", "--repo", "tree"]).ok();

    let said = json(&user, &["dig", &squash]);
    let mut mails: Vec<(&str, &str)> = said["mails"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["message_id"].as_str().unwrap(), m["kind"].as_str().unwrap()))
        .collect();
    mails.sort_unstable();
    assert_eq!(mails, [("fold@x", "squashed"), ("one@x", "squashed")], "{said}");
    let text = user.run(["dig", "fold@x"]).ok().out;
    assert!(
        text.contains(&squash) && text.contains("100 % of the patch's changed lines, beside those of others"),
        "{text}"
    );

    let said = json(&user, &["dig", "both@x"]);
    let mut found = ids(&said["commits"]);
    found.sort_unstable();
    let mut expected = [first.as_str(), second.as_str()];
    expected.sort_unstable();
    assert_eq!(found, expected, "{said}");
    assert_eq!(said["commits"][0]["kind"], "split");
    let text = user.run(["dig", &first]).ok().out;
    assert!(text.contains("split from") && text.contains("both@x") && text.contains("50 %"), "{text}");
    assert_eq!(user.run(["query", "--count", "landed:yes"]).ok().out, "3\n");
}

#[test]
fn commits_without_a_changed_line_come_from_mails_too() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let tree = Tree::new(&user, "tree");
    std::fs::write(tree.0.join("e/logo.bin"), [0u8, 1, 2, 3, 0, 5]).unwrap();
    let binary = tree.commit(1, "engine: add a logo\n\nSigned-off-by: Ada Example <ada@example.org>");
    tree.git(&["mv", "e/two.c", "e/renamed.c"]);
    let renamed = tree.commit(2, "engine: rename two\n\nSigned-off-by: Ada Example <ada@example.org>");
    tree.git(&["update-index", "--chmod=+x", "e/one.c"]);
    tree.git(&["commit", "-q", "-m", "engine: one is a script\n\nSigned-off-by: Ada Example <ada@example.org>"]);
    tree.git(&["reset", "-q", "--hard"]);
    let mode = tree.git(&["rev-parse", "HEAD"]);
    let mut inbox = Inbox::new(&user.path("made"));
    for (id, commit) in [("binary@x", &binary), ("renamed@x", &renamed), ("mode@x", &mode)] {
        let text = tree.git(&["format-patch", "-1", "--stdout", "-M", "--binary", commit]);
        let (head, body) = text.split_once("\n\n").unwrap();
        let subject = head.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
        inbox.add(letter(id, 2, ADA, subject, None, body));
    }
    user.run(["index", "made", "--repo", "tree"]).ok();
    for (id, commit) in [("binary@x", &binary), ("renamed@x", &renamed), ("mode@x", &mode)] {
        let said = json(&user, &["dig", commit]);
        let mails = said["mails"].as_array().unwrap();
        assert_eq!(
            mails.iter().map(|m| (m["message_id"].as_str().unwrap(), m["kind"].as_str().unwrap())).collect::<Vec<_>>(),
            [(id, "commit")],
            "{said}"
        );
        let back = user.run(["dig", id]).ok().out;
        assert!(back.contains(&format!("became     commit {commit}")), "{back}");
    }
}

#[test]
fn a_fixes_is_looked_up_only_in_a_tree_that_knows_the_files() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let tree = Tree::new(&user, "tree");
    let known = tree.git(&["rev-parse", "--short=12", "HEAD"]);
    let fixes = |id: &str| format!("why\n\nFixes: {id} (\"another title\")");
    let at = |path: &str, id: &str| patch(&fixes(id), path, "\tstart();", &LINES);
    user.write("ours.eml", letter("ours@x", 20, ADA, "[PATCH] engine: fix", None, &at("e/one.c", "abcdefabcdef")));
    user.write(
        "theirs.eml",
        letter("theirs@x", 20, ADA, "[PATCH] other: fix", None, &at("drivers/x.c", "abcdefabcdef")),
    );
    user.write("title.eml", letter("title@x", 20, ADA, "[PATCH] engine: fix", None, &at("e/one.c", &known)));
    user.run(["index", "--repo", "tree"]).ok();
    let check = |file: &str| user.run(["check", "--no-engine", "-f", "json", file]).all();
    assert!(
        check("ours.eml").contains("names abcdefabcdef, which is not in the attached trees"),
        "{}",
        check("ours.eml")
    );
    assert!(!check("theirs.eml").contains("not in the attached trees"), "{}", check("theirs.eml"));
    assert!(check("title.eml").contains("quotes a different title than the commit has"), "{}", check("title.eml"));
}

#[test]
fn the_thread_that_a_fix_came_out_of_is_named_with_its_clues() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let tree = Tree::new(&user, "tree");
    tree.write("e/one.c", &body(&LINES));
    let broken = tree.commit(1, "engine: call in order\n\nwhy");
    tree.write("e/one.c", &body(&LINES[..3]));
    let message = "engine: keep fourth_call() out\n\nfourth_call() sleeps, and e/one.c:table_walk() holds a lock.";
    let fix = tree.commit(
        2,
        &format!(
            "{message}\n\nFixes: {} (\"engine: call in order\")\nReported-by: Eve Third <eve@example.com>",
            &broken[..12]
        ),
    );
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(letter(
        "call@x",
        1,
        ADA,
        "[PATCH] engine: call in order",
        None,
        &patch("why", "e/one.c", "\tstart();", &LINES),
    ));
    let report = "This breaks my machine: fourth_call() sleeps below table_walk().";
    inbox.add(letter(
        "report@x",
        6,
        "Eve Third <eve@example.com>",
        "Re: [PATCH] engine: call in order",
        Some("call@x"),
        report,
    ));
    inbox.add(letter("other@x", 6, "Eve Third <eve@example.com>", "something else", None, "What of lunch?"));
    user.run(["index", "made", "--repo", "tree"]).ok();
    assert!(!user.run(["dig", &fix]).ok().out.contains("report@x"), "off by default");
    let text = user.run(["dig", "--reason", &fix]).ok().out;
    for part in ["reason?", "report@x", "which it fixes", "named in its Reported-by", "both say fourth_call"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let said = json(&user, &["dig", "--reason", &fix]);
    assert_eq!(said["reason"]["message_id"], "report@x");
    assert!(said["reason"]["clues"].as_array().unwrap().len() >= 3, "{said}");
    let nothing = json(&user, &["dig", "--reason", &broken]);
    assert!(nothing["reason"].is_null() && nothing["reason_not_looked_for"].is_null(), "{nothing}");
    // A tree that is gone: nobody looked, which is not the same as finding nothing.
    std::fs::rename(user.path("tree"), user.path("elsewhere")).expect("moved");
    let text = user.run(["dig", "--reason", &fix]).ok().all();
    assert!(text.contains("the reason for it was not looked for: its message cannot be read from "), "{text}");
    let said = json(&user, &["dig", "--reason", &fix]);
    assert!(said["reason_not_looked_for"].as_str().is_some_and(|why| why.contains("tree")), "{said}");
}

#[test]
fn reasons_are_found_and_none_is_wrong_on_the_real_archives() {
    let Some(user) = reviewer() else { return };
    let said = user.run(["__score", "reasons"]).ok().out;
    let number = |line: &str, word: &str| -> u32 {
        let line = said.lines().find(|l| l.starts_with(line)).unwrap_or_else(|| panic!("{line} in {said}"));
        let rest = line.split_once(word).unwrap().1.trim_start();
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    assert!(number("commits whose reason is indexed", ":") >= 40, "{said}");
    assert!(number("commits whose reason is indexed", "found") >= 20, "{said}");
    assert!(number("commits whose reason is not indexed", ":") >= 300, "{said}");
    assert!(number("all claims", "wrong") <= 1, "{said}");
}
