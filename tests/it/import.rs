//! What is no public-inbox repository is imported: mboxes, maildirs, single mails, a web page.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::{User, mail, needs, shared};

fn mbox(mails: &[String]) -> String {
    mails.iter().map(|m| format!("From ada@example.org Wed Mar  1 09:00:00 2023\n{m}\n")).collect()
}

#[test]
fn a_mbox_is_imported_once() {
    let user = User::new();
    let mails = [mail("a@x", "first of two", &[], ">From here on\n"), mail("b@x", "Re: first of two", &["a@x"], "yes")];
    user.write("two.mbox", mbox(&mails));
    let said = user.run(["index", "two.mbox"]).ok();
    assert!(said.err.contains("2 mails imported"), "{}", said.err);
    let said = user.run(["index", "two.mbox"]).ok();
    assert!(said.err.contains("2 known already"), "{}", said.err);
    assert!(said.err.contains("nothing new"), "{}", said.err);
    assert_eq!(user.run(["query", "--count", "s:\"first of two\""]).ok().out, "2\n");
    // mboxrd: one `>` goes, and the raw mail is the rest, byte for byte
    let raw = user.run(["show", "-f", "raw", "a@x"]).ok().out;
    assert_eq!(raw, mails[0].replace(">From here", "From here"));
}

#[test]
fn every_form_of_source_is_read() {
    let user = User::new();
    user.write("dir/one.eml", mail("eml@x", "an eml", &[], "body"));
    user.write(
        "dir/sub/two.patch",
        mail("patch@x", "[PATCH] a patch", &[], "---\ndiff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"),
    );
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(user.path("md").join(part)).unwrap();
    }
    user.write("md/cur/1:2,S", mail("maildir@x", "in a maildir", &[], "body"));
    user.run(["index", "dir", "md"]).ok();
    let mut child = user
        .command()
        .args(["index", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(mail("stdin@x", "from stdin", &[], "body").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    for id in ["eml@x", "patch@x", "maildir@x", "stdin@x"] {
        assert_eq!(user.run(["query", "--count", &format!("mid:{id}")]).ok().out, "1\n", "{id}");
    }
    assert_eq!(user.run(["query", "--count", "is:patch"]).ok().out, "1\n");
}

#[test]
fn a_compressed_mbox_that_ends_early_gives_what_it_holds() {
    let user = User::new();
    let mails: Vec<String> = (0..200).map(|n| mail(&format!("{n}@x"), &format!("mail {n}"), &[], &noise(n))).collect();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(mbox(&mails).as_bytes()).unwrap();
    let bytes = gz.finish().unwrap();
    user.write("whole.mbox.gz", &bytes);
    user.write("cut.mbox.gz", &bytes[..bytes.len() / 2]);
    let said = user.run(["index", "cut.mbox.gz"]).ends(3);
    assert!(said.err.contains("cut.mbox.gz"), "{}", said.err);
    let some: u32 = user.run(["query", "--count", "s:mail"]).ok().out.trim().parse().unwrap();
    assert!((50..150).contains(&some), "{some} of 200 read");
    user.run(["index", "whole.mbox.gz"]).ok();
    assert_eq!(user.run(["query", "--count", "s:mail"]).ok().out, "200\n");
}

/// Text that does not compress away.
fn noise(seed: u32) -> String {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..300)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            format!("{:06x} ", state >> 8)
        })
        .collect()
}

#[test]
fn a_mail_without_id_is_found_and_shown() {
    let user = User::new();
    user.write("m.eml", "From: Ada <ada@example.org>\nSubject: no id here\n\nbody\n");
    user.run(["index", "m.eml"]).ok();
    let said = user.run(["query", "-f", "jsonl", "s:\"no id here\""]).ok();
    let hit: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let id = hit["message_id"].as_str().unwrap();
    assert!(id.ends_with(".invalid"), "{id}");
    assert!(user.run(["show", "-f", "raw", id]).ok().out.starts_with("From: Ada"));
}

#[test]
fn the_seed_page_and_its_mail_are_one_in_either_order() {
    let Some(shared) = shared() else { return };
    let page = shared.join("threads/seed-2022-08-15-hypermail.txt");
    let thread = shared.join("threads/bpf-dispatcher-v4.mbox");
    let id = "CAADnVQKijkstBqV_JhQSaBXZ+65coY+8=UGw8tPi8-boXV=AOQ@mail.gmail.com";
    for order in [[&page, &thread], [&thread, &page]] {
        let user = User::new();
        for source in order {
            user.run(["index".as_ref(), source.as_os_str()]).ok();
        }
        let said = user.run(["query", "-f", "jsonl", "f:starovoitov d:20220815..20220816"]).ok();
        let hits: Vec<serde_json::Value> = said.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let mails: Vec<_> = hits.iter().filter(|h| h["kind"] == "mail" && h["message_id"] == id).collect();
        assert_eq!(mails.len(), 1, "{}", said.out);
        assert_eq!(mails[0]["copies"].as_array().unwrap().len(), 2, "{}", said.out);
        assert!(hits.iter().all(|h| !h["message_id"].as_str().unwrap_or("").ends_with(".invalid")), "{}", said.out);
        let thread = user.run(["thread", id]).ok().out;
        assert!(thread.contains("web page"), "{thread}");
        assert!(thread.contains("not indexed"), "{thread}");
    }
}

#[test]
fn mboxrd_output_is_taken_by_git_am() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let repository = user.path("tree");
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-C"])
            .arg(&repository)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    user.write("tree/f", "a\n");
    git(&["init", "-q"]);
    git(&["add", "f"]);
    git(&["commit", "-qm", "base"]);
    user.write("tree/f", "a\nFrom here\n");
    git(&["commit", "-qam", "add a line\n\nFrom the start of a line."]);
    let patch = git(&["format-patch", "--stdout", "--thread", "-1"]);
    user.write("p.eml", patch.split_once('\n').unwrap().1);
    git(&["reset", "-q", "--hard", "HEAD~1"]);
    user.run(["index", "p.eml"]).ok();
    user.run(["query", "s:line", "-o", "mboxrd:out.mbox"]).ok();
    let am = |file: &str| git(&["am", "-q", "--patch-format=mboxrd", user.path(file).to_str().unwrap()]);
    am("out.mbox");
    assert_eq!(std::fs::read_to_string(user.path("tree/f")).unwrap(), "a\nFrom here\n");
    // A second run adds nothing, to an mbox and to a maildir.
    let before = std::fs::read(user.path("out.mbox")).unwrap();
    user.run(["query", "s:line", "-o", "mboxrd:out.mbox"]).ok();
    assert_eq!(std::fs::read(user.path("out.mbox")).unwrap(), before);
    for _ in 0..2 {
        user.run(["query", "s:line", "-o", "maildir:md"]).ok();
        let files = ["cur", "new"].iter().flat_map(|d| std::fs::read_dir(user.path("md").join(d)).unwrap()).count();
        assert_eq!(files, 1);
    }
}
