//! `diff`: one version against another from the mails alone.

use crate::harness::{Inbox, User, reviewer};
use crate::links::{ADA, letter, patch, series};

#[test]
fn messages_and_hunks_are_compared_and_what_has_no_partner_is_said() {
    let user = User::new();
    let _inbox = series(&user);
    user.run(["index", "made"]).ok();
    let said = user.run(["diff", "c2@x"]).ok().out;
    assert!(said.contains("v1 against v2"), "{said}");
    assert!(said.contains("v1 1/3 ! v2 2/4"), "{said}");
    assert!(said.contains("- +second_call(beta);") && said.contains("+ +second_call(BETA);"), "{said}");
    assert!(said.contains("- why\n") && said.contains("+ why, better"), "{said}");
    assert!(said.contains("- > v2 1/4") && said.contains("v1 3/3 < -"), "{said}");
    assert!(said.contains("cover letter") && said.contains("+ what it is about, again"), "{said}");
    // One patch alone.
    let one = user.run(["diff", "c2-2@x"]).ok().out;
    assert!(one.contains("v1 1/3 ! v2 2/4") && !one.contains("2/3"), "{one}");
    // Against the partial reroll.
    let reroll = user.run(["diff", "c1@x", "-v", "1", "2.1"]).ok().out;
    assert!(reroll.contains("v1 1/3 ! v2.1 2/4") && reroll.contains("only context changed"), "{reroll}");
}

#[test]
fn versions_that_are_not_there_are_named() {
    let user = User::new();
    let _inbox = series(&user);
    user.run(["index", "made"]).ok();
    let no = user.run(["diff", "c2@x", "-v", "7"]).ends(2);
    assert!(no.err.contains("there is no version 7") && no.err.contains("v1, v2, v2.1"), "{}", no.err);
    let json = user.run(["diff", "c2@x", "-f", "json"]).ok().out;
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["older"]["version"], "v1");
    assert!(value["pairs"].as_array().unwrap().iter().any(|pair| pair["mark"] == "!"), "{json}");
}

#[test]
fn hostile_and_damaged_diffs_are_said_and_do_no_harm() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    let long: Vec<String> = (0..20_000).map(|n| format!("line_number_{n}(\u{1b}[31m);")).collect();
    let lines: Vec<&str> = long.iter().map(String::as_str).collect();
    let mut changed = lines.clone();
    changed[777] = "another_line(entirely);";
    inbox.add(letter("1@x", 1, ADA, "[PATCH] engine: a long one", None, &patch("why", "e/long.c", "\tgo();", &lines)));
    inbox.add(letter(
        "2@x",
        4,
        ADA,
        "[PATCH v2] engine: a long one",
        None,
        &patch("why", "e/long.c", "\tgo();", &changed),
    ));
    let cut = patch("why", "e/long.c", "\tgo();", &lines[..50]).replace("@@ -10,2 +10,52 @@", "@@ -10,2 +10,9952 @@");
    inbox.add(letter("3@x", 5, ADA, "[PATCH v3] engine: a long one", None, &cut));
    user.run(["index", "made"]).ok();
    let said = user.run(["diff", "2@x"]).ok().out;
    assert!(said.contains("+ +another_line(entirely);") && !said.contains('\u{1b}'), "{said}");
    assert!(said.lines().count() < 40, "{} lines", said.lines().count());
    let damaged = user.run(["diff", "3@x"]).ok().out;
    assert!(damaged.contains("not all of it was read"), "{}", &damaged[..damaged.len().min(2_000)]);
}

#[test]
fn a_real_revision_diff() {
    let Some(user) = reviewer() else { return };
    let said = user.run(["diff", "--width", "120", "20240603-lp-atomic-replace-v3-1-9f3b8ace5c9f@suse.com"]).ok();
    assert!(said.out.contains("v2 against v3") && said.out.lines().count() > 20, "{}", said.out);
}
