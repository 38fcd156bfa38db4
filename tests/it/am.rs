//! `am`: a series as mails that git am takes, with the trailers that it was given, and whether it applies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use provenance_corpus::patch::Patch;

use crate::harness::{Inbox, Said, User, archives, reviewer};
use crate::links::{ADA, BOB, letter};

/// git without this machine's configuration.
fn git(user: &User, dir: &Path, words: &[&str]) -> Said {
    let mut command = Command::new("git");
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", user.path(""));
    for (name, value) in [("AUTHOR", "Ada"), ("COMMITTER", "Cleo")] {
        command.env(format!("GIT_{name}_NAME"), value).env(format!("GIT_{name}_EMAIL"), "c@example.org");
    }
    command.current_dir(dir).args(words).output().expect("git starts").into()
}

/// A repository with the files that the patches change.
fn tree(user: &User, files: &[(&str, &str)]) -> PathBuf {
    let dir = user.path("tree");
    fs::create_dir(&dir).expect("a directory");
    git(user, &dir, &["init", "-q", "-b", "main"]).ok();
    for (name, text) in files {
        fs::write(dir.join(name), text).expect("a file");
    }
    git(user, &dir, &["add", "."]).ok();
    git(user, &dir, &["commit", "-q", "-m", "base"]).ok();
    dir
}

/// A patch that turns one line into another, as git writes it.
fn change(message: &str, file: &str, from: &str, to: &str) -> String {
    format!(
        "{message}\n---\n {file} | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n\ndiff --git a/{file} b/{file}\n\
         --- a/{file}\n+++ b/{file}\n@@ -1,3 +1,3 @@\n one\n-{from}\n+{to}\n three\n-- \n2.40\n"
    )
}

const SIGNED: &str = "why\n\nSigned-off-by: Ada Example <ada@example.org>";

/// Two versions of two patches: the first patch of both is the same, the second is not.
fn two_versions(user: &User) -> Inbox {
    let mut inbox = Inbox::new(&user.path("made"));
    for (v, day, last) in [(1, 1, "TWO"), (2, 9, "2")] {
        let name = if v == 1 { "PATCH".to_owned() } else { format!("PATCH v{v}") };
        let cover = format!("v{v}-0@x");
        let text = "What it is for.\n\nAda Example (2):\n  one\n  two\n\n a | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n";
        inbox.add(letter(&cover, day, ADA, &format!("[{name} 0/2] letters: go up"), None, text));
        for (n, file, to) in [(1, "a", "B"), (2, "b", last)] {
            let body = change(SIGNED, file, "two", to);
            inbox.add(letter(
                &format!("v{v}-{n}@x"),
                day,
                ADA,
                &format!("[{name} {n}/2] letters: {file}"),
                Some(&cover),
                &body,
            ));
        }
    }
    inbox
}

fn answer(inbox: &mut Inbox, id: &str, day: u32, from: &str, about: &str, text: &str) {
    inbox.add(letter(id, day, from, "Re: [PATCH] letters", Some(about), text));
}

#[test]
fn the_newest_version_gets_what_was_given_to_it_and_git_am_takes_it() {
    let user = User::new();
    let mut inbox = two_versions(&user);
    answer(&mut inbox, "r1@x", 2, BOB, "v1-1@x", "> why\n\nReviewed-by: Bob Other <bob@example.net>");
    answer(&mut inbox, "r2@x", 2, BOB, "v1-2@x", "Reviewed-by: Bob Other <bob@example.net>");
    let cleo = "Cleo Third <cleo@example.com>";
    answer(&mut inbox, "r3@x", 10, cleo, "v2-0@x", "For all of it:\n\nTested-by: Cleo Third <cleo@work.example>");
    answer(
        &mut inbox,
        "r4@x",
        10,
        BOB,
        "v2-2@x",
        "with that changed you may add\n\nAcked-by: Bob Other <bob@example.net>",
    );
    answer(&mut inbox, "r5@x", 10, BOB, "v2-2@x", "Nacked-by: Bob Other <bob@example.net>");
    answer(&mut inbox, "r6@x", 10, BOB, "v2-2@x", "Reviewed-by: Dora Fourth <dora@example.com>");
    answer(&mut inbox, "r7@x", 10, BOB, "v2-2@x", "you may have my Acked-by: Bob Other <bob@example.net> for that");
    answer(&mut inbox, "r8@x", 11, cleo, "r4@x", "I agree.\n\nReviewed-by: Cleo Third <cleo@example.com>");
    answer(&mut inbox, "r9@x", 11, cleo, "v2-1@x", "Link: https://lore.kernel.org/r/other@x");
    user.run(["index", "made"]).ok();
    let dir = tree(&user, &[("a", "one\ntwo\nthree\n"), ("b", "one\ntwo\nthree\n")]);
    let said = user.run(["am", "v1-1@x", "-o", "out.mbox"]).ok();
    assert!(said.out.is_empty());
    assert!(said.err.contains("# v2 of v1, v2: 2 patches, without the cover letter: letters: go up"), "{}", said.err);
    for (id, line, why) in [
        ("r2@x", "Reviewed-by: Bob Other", "the patch has changed since"),
        ("r4@x", "Acked-by: Bob Other", "on a condition"),
        ("r5@x", "Nacked-by: Bob Other", "an objection"),
        ("r6@x", "Reviewed-by: Dora Fourth", "its name and address are not those of the sender, Bob Other"),
        ("r7@x", "Acked-by: Bob Other", "inside a sentence"),
        ("r9@x", "Link: ", "a link"),
    ] {
        let told = said.err.lines().any(|told| {
            told.starts_with("# not added") && told.contains(id) && told.contains(line) && told.contains(why)
        });
        assert!(told, "{id} {why}\n{}", said.err);
    }
    git(&user, &dir, &["am", "-q", "../out.mbox"]).ok();
    let log = git(&user, &dir, &["log", "--reverse", "--format=%an <%ae>%n%B", "HEAD~2.."]).ok().out;
    insta::assert_snapshot!("am_two_versions", log);
    assert_eq!(fs::read_to_string(dir.join("b")).expect("b"), "one\n2\nthree\n");
    // The older one, without trailers.
    git(&user, &dir, &["reset", "-q", "--hard", "HEAD~2"]).ok();
    user.run(["am", "v2-0@x", "-v", "1", "-T", "-o", "maildir:box"]).ok();
    git(&user, &dir, &["am", "-q", "../box"]).ok();
    let log = git(&user, &dir, &["log", "--reverse", "--format=%B", "HEAD~2.."]).ok().out;
    assert!(!log.contains("Bob") && !log.contains("Cleo"), "{log}");
    assert_eq!(fs::read_to_string(dir.join("b")).expect("b"), "one\nTWO\nthree\n");
    // What is there is neither written over nor added to.
    for folder in ["out.mbox", "maildir:box"] {
        let again = user.run(["am", "v2-0@x", "-o", folder]).ends(2);
        assert!(again.err.contains("is there already"), "{}", again.err);
    }
    let none = user.run(["am", "v2-0@x", "-v", "7"]).ends(2);
    assert!(none.err.contains("there is no version 7") && none.err.contains("v1, v2"), "{}", none.err);
}

#[test]
fn a_series_that_is_not_whole_is_refused_and_an_older_whole_one_is_told() {
    let user = User::new();
    let mut inbox = two_versions(&user);
    inbox.add(letter("v3-0@x", 20, ADA, "[PATCH v3 0/2] letters: go up", None, "third"));
    let body = change(SIGNED, "a", "two", "C");
    inbox.add(letter("v3-1@x", 20, ADA, "[PATCH v3 1/2] letters: a", Some("v3-0@x"), &body));
    user.run(["index", "made"]).ok();
    let newest = user.run(["am", "v3-0@x"]).ok();
    let told = "v3 is not whole: not indexed: 2 of 2: this is the newest that is whole";
    assert!(newest.err.contains(told) && newest.err.contains("# v2 of v1, v2, v3"), "{}", newest.err);
    let refused = user.run(["am", "v3-0@x", "-v", "3"]).ends(3);
    assert!(
        refused.out.is_empty() && refused.err.contains("error: v3 is not whole: not indexed: 2 of 2"),
        "{}",
        refused.err
    );
    let partial = user.run(["am", "v3-0@x", "-v", "3", "--partial"]).ok();
    assert!(partial.out.contains("[PATCH v3 1/2]") && partial.err.contains("not indexed: 2 of 2"), "{}", partial.err);
    assert_eq!(partial.out.matches("\nSubject: ").count(), 1);
}

#[test]
fn a_reroll_of_some_patches_is_filled_from_the_version_before() {
    let user = User::new();
    let mut inbox = two_versions(&user);
    let body = change(SIGNED, "b", "two", "zwei");
    inbox.add(letter("n@x", 12, ADA, "[PATCH v2.1 2/2] letters: b", Some("v2-2@x"), &body));
    answer(&mut inbox, "r@x", 13, BOB, "v2-0@x", "Reviewed-by: Bob Other <bob@example.net>");
    user.run(["index", "made"]).ok();
    let dir = tree(&user, &[("a", "one\ntwo\nthree\n"), ("b", "one\ntwo\nthree\n")]);
    let said = user.run(["am", "v1-0@x", "-o", "out.mbox"]).ok();
    assert!(said.err.contains("v2.1 did not send 1/2 again: taken from v2"), "{}", said.err);
    git(&user, &dir, &["am", "-q", "../out.mbox"]).ok();
    assert_eq!(fs::read_to_string(dir.join("b")).expect("b"), "one\nzwei\nthree\n");
    let log = git(&user, &dir, &["log", "--format=%s: %(trailers:key=Reviewed-by,separator=%x2c)"]).ok().out;
    assert!(log.contains("letters: b: \n") && log.contains("letters: a: Reviewed-by: Bob Other"), "{log}");
}

/// What a trial must not touch.
fn state(user: &User, dir: &Path) -> Vec<String> {
    let mut found: Vec<String> = ["status --porcelain", "for-each-ref", "count-objects -v", "stash list", "reflog"]
        .iter()
        .map(|words| git(user, dir, &words.split(' ').collect::<Vec<_>>()).out)
        .collect();
    found.push(format!("{:?}", fs::read(dir.join(".git/index")).expect("the index")));
    found
}

#[test]
fn a_check_applies_in_turn_and_three_way_and_changes_nothing() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    let dir = tree(&user, &[("a", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n"), ("b", "one\ntwo\nthree\n")]);
    let base = git(&user, &dir, &["rev-parse", "HEAD"]).ok().out.trim().to_owned();
    // A series written with git itself, on top of a patch that it needs.
    let edit = |from: &str, to: &str, title: &str| {
        let text = fs::read_to_string(dir.join("a")).expect("a").replace(from, to);
        fs::write(dir.join("a"), text).expect("a");
        git(&user, &dir, &["commit", "-q", "-a", "-m", title]).ok();
        git(&user, &dir, &["show", "--format=", "--full-index", "HEAD"]).ok().out
    };
    let needed = edit("one", "ONE", "needed");
    let first = edit("two", "TWO", "first");
    let second = edit("TWO", "zwei", "second");
    let patch_id = Command::new("sh")
        .args(["-c", "git show HEAD~2 | git patch-id --stable | cut -d' ' -f1"])
        .current_dir(&dir)
        .output()
        .expect("git");
    let patch_id = String::from_utf8_lossy(&patch_id.stdout).trim().to_owned();
    git(&user, &dir, &["reset", "-q", "--hard", &base]).ok();
    inbox.add(letter("n@x", 1, BOB, "[PATCH] needed", None, &format!("why\n---\n{needed}")));
    let cover = format!("text\n\nbase-commit: {base}\nprerequisite-patch-id: {patch_id}\n");
    inbox.add(letter("c@x", 2, ADA, "[PATCH 0/2] numbers", None, &cover));
    inbox.add(letter("1@x", 2, ADA, "[PATCH 1/2] first", Some("c@x"), &format!("{SIGNED}\n---\n{first}")));
    inbox.add(letter("2@x", 2, ADA, "[PATCH 2/2] second", Some("c@x"), &format!("{SIGNED}\n---\n{second}")));
    user.run(["index", "made"]).ok();
    let check = |words: &[&str]| {
        let before = state(&user, &dir);
        let said = user.run(["-C", "tree", "-q", "am", "c@x", "--check"].iter().chain(words));
        assert_eq!(state(&user, &dir), before, "a trial changes nothing");
        said
    };
    let said = check(&[]).ok();
    assert!(said.out.contains("onto HEAD, branch main, ") && said.out.contains("its base-commit"), "{}", said.out);
    assert!(said.out.contains("✓ needed before: [PATCH] needed") && said.out.contains("✓ 2/2 second"), "{}", said.out);
    assert!(said.out.ends_with("it applies\n") && !said.out.contains("mboxrd@z"), "{}", said.out);
    // From below the top all files count too.
    fs::create_dir(dir.join("sub")).expect("a directory");
    let below = user.run(["-C", "tree/sub", "-q", "am", "c@x", "--check"]).ok();
    assert_eq!(below.out, said.out);
    fs::remove_dir(dir.join("sub")).expect("the directory");
    // The prerequisite is there, and context has changed: a three-way merge finds its way.
    edit("one", "ONE", "needed");
    edit("four", "FOUR", "context");
    let merged = check(&["HEAD"]).ok();
    assert!(merged.out.contains("= needed before: [PATCH] needed (there already)"), "{}", merged.out);
    assert!(merged.out.contains("✓ 1/2 first (with a three-way merge)"), "{}", merged.out);
    // The line itself has changed.
    edit("two", "deux", "in the way");
    let fails = check(&["HEAD"]).ends(1);
    assert!(fails.out.contains("✗ 1/2 first\n      a, hunk 1 of 1: @@ -1"), "{}", fails.out);
    assert!(
        fails.out.contains("a three-way merge conflicts in a") && fails.out.contains("it does not apply"),
        "{}",
        fails.out
    );
    // HEAD does not fit, the series' own base does.
    let either = check(&[]).ok();
    assert!(
        either.out.contains("it does not apply\n\nonto ") && either.out.ends_with("it applies\n"),
        "{}",
        either.out
    );
    let none = check(&["nonsense"]).ends(2);
    assert!(none.err.contains("the repository has no commit nonsense"), "{}", none.err);
    let outside = user.run(["-q", "am", "c@x", "--check"]).ends(2);
    assert!(outside.err.contains("in no git repository"), "{}", outside.err);
}

#[test]
fn a_base_or_prerequisite_that_is_nowhere_is_said() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    tree(&user, &[("a", "one\ntwo\nthree\n")]);
    let (base, id) = ("0123456789012345678901234567890123456789", "abcdefabcdefabcdefabcdefabcdefabcdefabcd");
    let body = change(SIGNED, "a", "two", "TWO");
    let body = format!("{body}base-commit: {base}\nprerequisite-patch-id: {id}\nprerequisite-message-id: <no@x>\n");
    inbox.add(letter("p@x", 2, ADA, "[PATCH] one", None, &body));
    user.run(["index", "made"]).ok();
    let said = user.run(["-C", "tree", "-q", "am", "p@x", "--check"]).ok().out;
    assert!(said.contains(&format!("base-commit {base} is not in this repository")), "{said}");
    assert!(said.contains(&format!("? needed before: patch-id {id}: not indexed, and not found in HEAD")), "{said}");
    assert!(said.contains("✓ 1/1 one") && said.ends_with("it applies\n"), "{said}");
}

#[test]
fn a_cover_letter_becomes_a_merge_message_and_a_link_is_added_where_the_configuration_asks() {
    let user = User::new();
    let _inbox = two_versions(&user);
    user.run(["index", "made"]).ok();
    let plain = user.run(["am", "v2-0@x", "--cover", "merge.txt"]).ok();
    assert!(!plain.out.contains("Link:"), "{}", plain.out);
    let merge = fs::read_to_string(user.path("merge.txt")).expect("a message");
    assert_eq!(merge, "Merge series \"letters: go up\"\n\nFrom Ada Example <ada@example.org>:\n\nWhat it is for.\n");
    assert!(user.run(["am", "v2-0@x", "--cover", "merge.txt"]).ends(2).err.contains("is there already"));
    user.write(".gitconfig", "[b4]\n\tlinkmask = https://b4.example/%s\n");
    let b4 = user.run(["am", "v2-0@x", "--cover", "linked.txt"]).ok().out;
    assert!(
        b4.contains("Signed-off-by: Ada Example <ada@example.org>\nLink: https://b4.example/v2-1@x\n---\n"),
        "{b4}"
    );
    assert!(
        fs::read_to_string(user.path("linked.txt")).expect("it").ends_with("\n\nLink: https://b4.example/v2-0@x\n")
    );
    user.write(".gitconfig", "[b4]\n\tlinkmask = https://b4.example/%s\n[provenance]\n\tlinkmask =\n");
    assert!(!user.run(["am", "v2-0@x"]).ok().out.contains("Link:"), "ours says no");
    user.write(".gitconfig", "[provenance]\n\tlinkmask = https://nowhere.example/\n");
    let wrong = user.run(["am", "v2-0@x"]).ends(2);
    assert!(wrong.err.contains("git config provenance.linkmask is no form of a link"), "{}", wrong.err);
}

/// git takes the very bytes: other charsets, carriage returns, soft line breaks, a relay's From, `From ` at a line's start.
#[test]
fn every_way_to_write_a_mail_reaches_the_tree_unchanged() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    let diff = |file: &str, from: &str, to: &str| {
        format!(
            "---\n {file} | 2 +-\n\ndiff --git a/{file} b/{file}\n--- a/{file}\n+++ b/{file}\n@@ -1,3 +1,3 @@\n one\n-{from}\n+{to}\n three\n-- \n2.40\n"
        )
    };
    let head = |id: &str, n: u32, more: &str| {
        format!(
            "From: {ADA}\nDate: 02 Mar 2023 10:0{n}:00 +0000\nSubject: [PATCH {n}/5] t: {id}\nMessage-ID: <{id}@x>\nIn-Reply-To: <0@x>\n{more}\n"
        )
    };
    inbox.add(letter("0@x", 2, ADA, "[PATCH 0/5] t: all", None, "text"));
    let latin = head("latin", 1, "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n");
    let latin =
        [latin.as_bytes(), b"sch\xf6n\n", diff("latin", "two", "zw\u{1}lf").replace('\u{1}', "?").as_bytes()].concat();
    let latin: Vec<u8> = latin.iter().map(|byte| if *byte == b'?' { 0xf6 } else { *byte }).collect();
    inbox.add(latin);
    let dos = diff("dos", "two=0D", "TWO=0D").replace(" one\n", " one=0D\n").replace(" three\n", " three=0D\n");
    inbox.add(head("dos", 2, "Content-Transfer-Encoding: quoted-printable\n") + "why\n" + &dos);
    let flowed = diff("flowed", "two", "TWO and much more of the same")
        .replace("\n one", "\n  one")
        .replace("\n three", "\n  three");
    let flowed = flowed.replace("TWO and much", "TWO and \nmuch").replace("\n flowed |", "\n  flowed |");
    inbox.add(head("flowed", 3, "Content-Type: text/plain; charset=utf-8; format=flowed\n") + "why\n" + &flowed);
    inbox.add(head("from", 4, "") + "From here on it is better.\n>From there too.\n" + &diff("from", "two", "TWO"));
    let relayed = head("relayed", 5, "Reply-To: Ada Example <ada@example.org>\n").replacen(
        ADA,
        "\"Ada Example via list\" <list@lists.example>",
        1,
    );
    inbox.add(relayed + "why\n" + &diff("relayed", "two", "TWO"));
    user.run(["index", "made"]).ok();
    let plain = "one\ntwo\nthree\n";
    let dir = tree(
        &user,
        &[("latin", plain), ("dos", "one\r\ntwo\r\nthree\r\n"), ("flowed", plain), ("from", plain), ("relayed", plain)],
    );
    let check = user.run(["-C", "tree", "am", "0@x", "--check"]);
    assert!(check.out.ends_with("it applies\n"), "{}{}", check.out, check.err);
    user.run(["am", "0@x", "-o", "out.mbox"]).ok();
    for format in ["mbox", "mboxrd"] {
        git(&user, &dir, &["am", "-q", &format!("--patch-format={format}"), "../out.mbox"]).ok();
        assert_eq!(fs::read(dir.join("latin")).expect("it"), b"one\nzw\xf6lf\nthree\n");
        assert_eq!(fs::read(dir.join("dos")).expect("it"), b"one\r\nTWO\r\nthree\r\n");
        assert_eq!(fs::read(dir.join("flowed")).expect("it"), b"one\nTWO and much more of the same\nthree\n");
        let log = git(&user, &dir, &["log", "--format=%an <%ae>: %B", "HEAD~5.."]).ok().out;
        assert!(log.contains("schön") && log.contains("From here on it is better.\n>From there too."), "{log}");
        assert_eq!(log.matches(&format!("{ADA}: ")).count(), 5, "{log}");
        git(&user, &dir, &["reset", "-q", "--hard", "HEAD~5"]).ok();
    }
}

/// The files that a patch changes as they were before it, as far as its hunks show them: other lines are filler.
fn before(dir: &Path, text: &str) {
    let patch = Patch::parse(text).expect("a patch");
    for file in &patch.files {
        let Some(path) = file.old_path.as_deref() else { continue };
        let mut lines: Vec<String> = Vec::new();
        for line in patch.hunks(file).iter().flat_map(|hunk| patch.lines(hunk)).filter(|line| line.old > 0) {
            let at = line.old as usize;
            while lines.len() < at {
                lines.push(format!("filler {}\n", lines.len() + 1));
            }
            let end = if line.no_newline { "" } else { "\n" };
            lines[at - 1] = format!("{}{end}", patch.slice(line.span));
        }
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, lines.concat()).expect("a file");
    }
}

/// Each patch of real series goes through git am onto the files that it expects.
#[test]
fn git_am_takes_real_series() {
    let (Some(user), Some(_)) = (reviewer(), archives()) else { return };
    let own = User::new();
    let query = "is:cover l:live-patching d:2021-01-01..2023-12-31";
    let covers = user.run(["query", query, "--mail-only", "-n", "30", "-q", "-f", "jsonl"]).ok().out;
    let (mut series, mut patches, mut added) = (0, 0, 0);
    for line in covers.lines() {
        let hit: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        let id = hit["message_id"].as_str().expect("an id");
        let said = user.run(["am", id]);
        if said.code == 3 {
            assert!(said.err.contains("is not whole"), "{id}: {}", said.err);
            continue;
        }
        let said = said.ok();
        let dir = own.path(&format!("tree-{series}"));
        fs::create_dir(&dir).expect("a directory");
        git(&own, &dir, &["init", "-q"]).ok();
        fs::write(dir.join(".git/box"), &said.out).expect("a file");
        git(&own, &dir, &["mailsplit", "-o.git", ".git/box"]).ok();
        let mails: Vec<PathBuf> =
            (1..).map(|n| dir.join(format!(".git/{n:04}"))).take_while(|path| path.is_file()).collect();
        let promised =
            said.err.lines().find_map(|line| line.split(": ").nth(1)?.split(' ').next()?.parse::<usize>().ok());
        assert_eq!(Some(mails.len()), promised, "{id}: {}", said.err);
        for mail in &mails {
            let text = fs::read_to_string(mail).expect("a mail in UTF-8");
            before(&dir, &text);
            git(&own, &dir, &["add", "-A"]).ok();
            git(&own, &dir, &["commit", "-q", "--allow-empty", "-m", "before"]).ok();
            let am = git(&own, &dir, &["am", "-q", &mail.to_string_lossy()]);
            assert_eq!(am.code, 0, "{id}: {}\n{}{}", mail.display(), am.out, am.err);
            git(&own, &dir, &["rm", "-q", "-r", "--ignore-unmatch", "."]).ok();
            patches += 1;
        }
        let log = git(&own, &dir, &["log", "--format=%B"]).ok().out;
        let given: Vec<&str> =
            said.err.lines().filter(|line| line.contains("-by: ") && !line.contains("not added")).collect();
        for line in &given {
            let line = line.split_once(": ").expect("a number").1.split("   ").next().expect("a trailer");
            assert!(log.lines().any(|known| known == line), "{id}: {line}\n{log}");
        }
        added += given.len();
        series += 1;
    }
    println!("{series} series, {patches} patches, {added} trailers");
    assert!(series > 15 && patches > 60 && added > 20, "{series} {patches} {added}");
}
