//! public-inbox clones, read in place: they grow, delete, purge, are damaged or gone.

use std::process::Command;

use crate::harness::{Inbox, User, mail};

fn count(user: &User, query: &str) -> u32 {
    user.run(["query", "--count", query]).ok().out.trim().parse().unwrap()
}

fn three(user: &User) -> (Inbox, Vec<String>) {
    let mut inbox = Inbox::new(&user.path("made"));
    let mails: Vec<String> = (1..=3).map(|n| mail(&format!("{n}@x"), &format!("number {n}"), &[], "body")).collect();
    for mail in &mails {
        inbox.add(mail);
    }
    (inbox, mails)
}

#[test]
fn a_clone_grows() {
    let user = User::new();
    let (mut inbox, _) = three(&user);
    let said = user.run(["index", "made"]).ok();
    assert!(said.err.contains("3 mails indexed"), "{}", said.err);
    assert!(user.run(["index"]).ok().err.contains("nothing new"));
    inbox.add(mail("4@x", "number 4", &["1@x"], "body"));
    assert!(user.run(["index"]).ok().err.contains("1 mail indexed"));
    assert_eq!(count(&user, "s:number"), 4);
    assert_eq!(count(&user, "l:made.lists.example"), 4);
    assert_eq!(count(&user, "thread:{mid:4@x}"), 2);
}

#[test]
fn a_new_epoch_is_found_and_all_git_is_none() {
    let user = User::new();
    let (_inbox, _) = three(&user);
    user.run(["index", "made"]).ok();
    let mut second = Inbox::new(&user.path("elsewhere"));
    second.add(mail("5@x", "number 5", &[], "body"));
    std::fs::rename(second.git(), user.path("made/git/1.git")).unwrap();
    git2::Repository::init_bare(user.path("made/all.git")).unwrap();
    user.run(["index"]).ok();
    assert_eq!(count(&user, "s:number"), 4);
}

#[test]
fn a_deletion_in_the_list_deletes_here() {
    let user = User::new();
    let (mut inbox, mails) = three(&user);
    user.run(["index", "made"]).ok();
    inbox.delete(&mails[1]);
    let said = user.run(["index"]).ok();
    assert!(said.err.contains("1 mail removed"), "{}", said.err);
    assert_eq!(count(&user, "s:number"), 2);
    assert_eq!(count(&user, "mid:2@x"), 0);
    // Added and deleted within one run: it never shows. Added again after that: it does.
    let other = mail("6@x", "number 6", &[], "body");
    inbox.add(&other);
    inbox.delete(&other);
    user.run(["index"]).ok();
    assert_eq!(count(&user, "mid:6@x"), 0);
    inbox.add(&other);
    user.run(["index"]).ok();
    assert_eq!(count(&user, "mid:6@x"), 1);
}

#[test]
fn a_rewritten_history_is_walked_again() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    let first = inbox.add(mail("1@x", "number 1", &[], "body"));
    inbox.add(mail("2@x", "number 2", &[], "body"));
    user.run(["index", "made"]).ok();
    inbox.reset(first);
    inbox.add(mail("3@x", "number 3", &[], "body"));
    let said = user.run(["index"]).ok();
    assert!(said.err.contains("rewritten") && said.err.contains("1 mail"), "{}", said.err);
    assert_eq!(count(&user, "mid:1@x"), 1);
    assert_eq!(count(&user, "mid:2@x"), 0);
    assert_eq!(count(&user, "mid:3@x"), 1);
    let status = user.run(["status", "-f", "json"]).ok().out;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["mails"], 2);
}

#[test]
fn one_mail_on_two_lists_is_one_hit_with_both() {
    let user = User::new();
    let body = "the same text";
    let with = |list: &str, footer: &str| mail("1@x", "both", &[], body).replace("made.lists.example", list) + footer;
    Inbox::new(&user.path("one")).add(with("one.lists.example", ""));
    Inbox::new(&user.path("two")).add(with(
        "two.lists.example",
        "_______________________________________________\ntwo mailing list\ntwo@lists.example\n",
    ));
    user.run(["index", "one", "two"]).ok();
    assert_eq!(count(&user, "s:both"), 1);
    assert_eq!(user.run(["query", "--count", "-d", "none", "s:both"]).ok().out, "2\n");
    // list membership is the mail's: a word on one list, the other list
    assert_eq!(count(&user, "l:one l:two"), 1);
    assert_eq!(count(&user, "lid:two.lists.example s:both"), 1);
    let said = user.run(["query", "s:both"]).ok();
    assert!(said.out.contains("one two") || said.out.contains("two one"), "{}", said.out);
}

#[test]
fn a_forged_id_is_a_second_hit_and_marked() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(mail("1@x", "the real one", &[], "body"));
    inbox.add(mail("1@x", "the real one", &[], "other words, same id"));
    user.run(["index", "made"]).ok();
    assert_eq!(count(&user, "mid:1@x"), 2);
    assert_eq!(user.run(["query", "--count", "-d", "mid", "mid:1@x"]).ok().out, "1\n");
    assert!(user.run(["query", "mid:1@x"]).ok().out.contains("≠content"));
}

#[test]
fn a_damaged_mail_costs_that_mail() {
    let user = User::new();
    let (inbox, _) = three(&user);
    let repository = git2::Repository::open_bare(inbox.git()).unwrap();
    let tip = repository.find_commit(inbox.tip().unwrap()).unwrap();
    let blob = tip.parent(0).unwrap().tree().unwrap().get_name("m").unwrap().id().to_string();
    let object = inbox.git().join("objects").join(&blob[..2]).join(&blob[2..]);
    let whole = std::fs::read(&object).unwrap();
    let mut permissions = std::fs::metadata(&object).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "git made it read-only, the test is its owner")]
    permissions.set_readonly(false);
    std::fs::set_permissions(&object, permissions).unwrap();
    std::fs::write(&object, &whole[..whole.len() / 2]).unwrap();
    let said = user.run(["index", "made"]).ends(3);
    assert!(said.err.contains("1 mail could not be read"), "{}", said.err);
    assert_eq!(count(&user, "s:number"), 2);
    let status = user.run(["status"]).ends(3);
    assert!(status.out.contains("fsck"), "{}", status.out);
    // Once it is whole again, the next run has it.
    std::fs::write(&object, &whole).unwrap();
    user.run(["index"]).ok();
    assert_eq!(count(&user, "s:number"), 3);
    user.run(["status"]).ok();
}

#[test]
fn an_epoch_that_git_refuses_costs_that_epoch() {
    let user = User::new();
    let (inbox, _) = three(&user);
    let status = Command::new("git").arg("-C").arg(inbox.git()).args(["gc", "-q"]).status().unwrap();
    assert!(status.success());
    let mut other = Inbox::new(&user.path("other"));
    other.add(mail("9@x", "number 9", &[], "body"));
    for entry in std::fs::read_dir(inbox.git().join("objects/pack")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"not a pack").unwrap();
    }
    let said = user.run(["index", "made", "other"]).ends(3);
    assert!(said.err.contains("made"), "{}", said.err);
    assert_eq!(count(&user, "s:number"), 1);
}

#[test]
fn hits_stay_when_the_archive_is_gone() {
    let user = User::new();
    let (inbox, _) = three(&user);
    user.run(["index", "made"]).ok();
    std::fs::rename(&inbox.dir, user.path("moved")).unwrap();
    assert_eq!(count(&user, "s:number"), 3);
    let said = user.run(["show", "1@x"]).ends(3);
    assert!(said.err.contains("made"), "{}", said.err);
    user.run(["index"]).ends(3);
    assert_eq!(count(&user, "s:number"), 3);
}

#[test]
fn a_second_indexer_is_told_to_wait() {
    let user = User::new();
    let (_inbox, _) = three(&user);
    user.run(["index", "made"]).ok();
    let lock = std::fs::File::options().write(true).open(user.path(".local/share/provenance/index.lock")).unwrap();
    lock.lock().unwrap();
    let said = user.run(["index", "--wait", "1"]).ends(19);
    assert!(said.err.contains("waiting for process") && said.err.contains("another process"), "{}", said.err);
    assert_eq!(count(&user, "s:number"), 3);
}

#[test]
fn an_index_of_another_schema_is_named_and_rebuilt() {
    let user = User::new();
    let (_inbox, _) = three(&user);
    user.run(["index", "made"]).ok();
    let data = user.path(".local/share/provenance");
    std::fs::rename(data.join("index.4"), data.join("index.99999")).unwrap();
    user.run(["query", "number"]).ends(11);
    user.run(["index"]).ok();
    assert_eq!(count(&user, "s:number"), 3);
    assert!(data.join("index.99999").exists());
}
