use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::archive::mbox::Mbox;
use crate::archive::public_inbox_v2::{Epoch, Item};
use crate::message::Message;

const PATCH: &str = "text before\n---\n f | 2 +-\n\ndiff --git a/f b/f\nindex 1111111..2222222 100644\n--- a/f\n+++ b/f\n\
                     @@ -1,2 +1,2 @@ fn main\n same\n-old line\n+new line\n-- \n2.40\n";

#[test]
fn line_numbers_and_white_space_do_not_count() {
    let moved = PATCH.replace("-1,2 +1,2", "-101,2 +107,2").replace("new line", "new \t line");
    assert_eq!(of_text(PATCH), of_text(&moved));
    assert_ne!(of_text(PATCH), of_text(&PATCH.replace("new line", "newer line")));
    assert_eq!(of_text("no patch here\n"), None);
}

#[test]
fn the_order_of_files_does_not_count() {
    let file =
        |name: &str| format!("diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-a\n+{name}\n");
    let (one, two) = (file("one"), file("two"));
    assert_eq!(of_text(&format!("{one}{two}")), of_text(&format!("{two}{one}")));
}

fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("PROVENANCE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    if !path.join("archives").is_dir() {
        println!("skipped: needs ../shared");
        return None;
    }
    Some(path)
}

fn has_git() -> bool {
    let found = Command::new("git").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "git is not installed, and under CI it has to be");
    if !found {
        println!("skipped: needs git");
    }
    found
}

#[test]
fn the_patch_of_the_seed_has_its_known_id() {
    let Some(shared) = shared() else { return };
    let file = std::fs::File::open(shared.join("threads/bpf-dispatcher-v4.mbox")).unwrap();
    let mail = Mbox::new(BufReader::new(file)).next().unwrap().unwrap();
    let id = of_text(&Message::parse(&mail.bytes).text());
    assert_eq!(id.as_deref(), Some("17af3880b4ff039882890bf0b69c82b5cc313006"));
}

/// Streams texts through one git, each behind a made commit line, and gives the ids by text.
fn ask_git(texts: Vec<String>) -> BTreeMap<usize, Vec<String>> {
    let mut git = Command::new("git")
        .args(["patch-id", "--stable"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = git.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for (number, text) in texts.iter().enumerate() {
            // "eeee" marks ours: a text may hold commit lines of its own.
            writeln!(input, "From eeeeeeeeeeeeeeee{number:024x}").unwrap();
            input.write_all(text.as_bytes()).unwrap();
            if !text.ends_with('\n') {
                input.write_all(b"\n").unwrap();
            }
        }
    });
    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut current = 0;
    for line in BufReader::new(git.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let (id, commit) = line.split_once(' ').unwrap();
        if let Some(number) = commit.strip_prefix("eeeeeeeeeeeeeeee") {
            current = usize::from_str_radix(number, 16).unwrap();
        }
        found.entry(current).or_default().push(id.to_owned());
    }
    writer.join().unwrap();
    assert!(git.wait().unwrap().success());
    found
}

fn ours(text: &str) -> Vec<String> {
    PatchIds::new(text.as_bytes()).map(|id| id.iter().map(|b| format!("{b:02x}")).collect()).collect()
}

/// A commit line within a text makes git forget which text it reads, so texts with such a line are asked for alone.
fn alone(text: &str) -> bool {
    text.lines().any(|l| {
        is_object_id(l.as_bytes())
            || l.strip_prefix("From ").or_else(|| l.strip_prefix("commit ")).is_some_and(|l| is_object_id(l.as_bytes()))
    })
}

#[test]
fn every_patch_of_the_archives_has_gits_id() {
    let Some(shared) = shared() else { return };
    if !has_git() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let status = Command::new(shared.join("archives/unpack"))
        .arg(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let (mut texts, mut single) = (Vec::new(), Vec::new());
    for list in std::fs::read_dir(dir.path()).unwrap() {
        let epoch = Epoch::open(&list.unwrap().path().join("git/0.git")).unwrap();
        let reader = epoch.reader().unwrap();
        for commit in epoch.commits(None).unwrap().commits {
            let Item::Added { bytes, .. } = reader.mail(commit.tree).unwrap() else { continue };
            let message = Message::parse(&bytes);
            for text in message.text_parts().filter_map(|part| part.text.as_deref()) {
                if text.starts_with("diff ") || text.contains("\ndiff ") {
                    if alone(text) { &mut single } else { &mut texts }.push(text.to_owned());
                }
            }
        }
    }
    let asked = texts.len() + single.len();
    let git = ask_git(texts.clone());
    let mut compared = 0;
    let mut wrong = Vec::new();
    let none = Vec::new();
    let pairs = texts.iter().enumerate().map(|(n, text)| (text, git.get(&n).unwrap_or(&none).clone()));
    // A process for each is slow; a handful of them proves the rule as well as all.
    let singles =
        single.iter().take(200).map(|text| (text, ask_git(vec![text.clone()]).into_values().flatten().collect()));
    for (text, theirs) in pairs.chain(singles) {
        let ours = ours(text);
        compared += theirs.len();
        if ours != theirs {
            wrong.push(format!("{}: ours {ours:?} git {theirs:?}", text.lines().next().unwrap_or_default()));
        }
    }
    println!(
        "{compared} patch-ids of {asked} texts compared with git, {} of them with commit lines inside",
        single.len()
    );
    assert!(compared > 20_000, "{compared}");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

/// Lines that matter to the reading, in any order. A binary change without blob ids is left out: git 2.47 then hashes what
/// happens to be in its memory.
fn lines() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "diff --git a/f b/f",
        "diff --git a/g b/g",
        "diff -u f g",
        "index 1111111..2222222 100644",
        "index 12..34",
        "index 1",
        "--- a/f",
        "+++ b/f",
        "@@ -1 +1 @@",
        "@@ -1,2 +1,3 @@ x",
        "@@ -1,0 +2 @@",
        "@@ -x +y @@",
        "@@ -1,2",
        " a",
        "+b",
        "-c",
        "",
        "text",
        "index 12..34\nGIT binary patch",
        "literal 3",
        "index 5..6 1\nBinary files a and b differ",
        "\\ No newline at end of file",
        "new file mode 100644",
        "-- ",
        "2.40",
        "commit 0123456789012345678901234567890123456789",
        "From 0123456789012345678901234567890123456789 x",
        "\\ x",
        "+\u{b}\u{c}\r x",
    ]);
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n") + "\n")
}

#[test]
fn made_texts_have_gits_ids() {
    if !has_git() {
        return;
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..300 {
        let text = lines().new_tree(&mut runner).unwrap().current();
        let theirs: Vec<String> = ask_git(vec![text.clone()]).into_values().flatten().collect();
        assert_eq!(ours(&text), theirs, "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = PatchIds::new(&bytes).count();
    }
}
