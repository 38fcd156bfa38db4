//! `series`: versions in order, the fate of each patch, the reason for each pairing.

use crate::harness::{Inbox, User, reviewer};
use crate::links::{ADA, BOB, letter, patch, series};

#[track_caller]
fn row<'s>(said: &'s str, number: &str, title: &str) -> &'s str {
    said.lines()
        .find(|line| line.trim_start().starts_with(number) && line.contains(title))
        .unwrap_or_else(|| panic!("no row {number} of {title} in\n{said}"))
}

#[test]
fn every_patch_has_a_fate_and_a_reason() {
    let user = User::new();
    let _inbox = series(&user);
    user.run(["index", "made"]).ok();
    let said = user.run(["series", "c2-3@x"]).ok().out;
    assert!(said.contains("3 versions") && said.contains("after v1 by title and author"), "{said}");
    assert!(row(&said, "1/4", "a new beginning").contains("added"), "{said}");
    let changed = row(&said, "2/4", "call in order");
    assert!(changed.contains("renumbered, 60 % kept") && changed.contains("was v1 1/3, by title and author"), "{said}");
    assert!(row(&said, "3/4", "handle tables").contains("50 % kept"), "{said}");
    assert!(row(&said, "4/4", "print and free tables").contains("split off"), "{said}");
    assert!(row(&said, "-", "what nobody wants").contains("dropped"), "{said}");
    assert!(said.contains("v2.1") && said.contains("3 patches not sent again"), "{said}");
    let json = user.run(["series", "-f", "json", "c1@x"]).ok().out;
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["format"], 1);
    assert_eq!(value["versions"].as_array().unwrap().len(), 3, "{json}");
}

#[test]
fn a_series_sent_without_threading_is_one_and_a_resend_is_said() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    for (day, again) in [(1, ""), (3, "RESEND ")] {
        for n in 1..=3 {
            let subject = format!("[{again}PATCH {n}/3] engine: part {n}");
            let body = patch(
                "why",
                "e/x.c",
                "\tgo();",
                &[&format!("part_number_{n}(here);"), &format!("and_again_{n}(there);")],
            );
            inbox.add(letter(&format!("{day}-{n}@x"), day, ADA, &subject, None, &body));
        }
    }
    user.run(["index", "made"]).ok();
    let said = user.run(["series", "1-2@x"]).ok().out;
    assert!(said.contains("2 versions") && said.contains("v1 again") && said.contains("3 patches"), "{said}");
    assert_eq!(said.matches("same").count(), 3, "{said}");
}

#[test]
fn another_author_takes_over_and_a_patch_moves() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    let lines = |tag: &str| -> Vec<String> { (0..10).map(|n| format!("{tag}_step_{n}(state, {n});")).collect() };
    let body = |tag: &str| {
        let lines = lines(tag);
        patch("why", &format!("e/{tag}.c"), "\tgo();", &lines.iter().map(String::as_str).collect::<Vec<_>>())
    };
    inbox.add(letter("a0@x", 1, ADA, "[PATCH 0/4] engine: four things", None, "text"));
    for (n, tag) in ["north", "east", "south", "west"].iter().enumerate() {
        inbox.add(letter(
            &format!("a{}@x", n + 1),
            1,
            ADA,
            &format!("[PATCH {}/4] engine: {tag}", n + 1),
            Some("a0@x"),
            &body(tag),
        ));
    }
    inbox.add(letter("b0@x", 8, BOB, "[PATCH v2 0/3] engine: three things", None, "taken over from Ada"));
    for (n, tag) in ["north", "east", "south"].iter().enumerate() {
        let body = format!("From: {ADA}\n\n{}", body(tag));
        inbox.add(letter(
            &format!("b{}@x", n + 1),
            8,
            BOB,
            &format!("[PATCH v2 {}/3] engine: {tag}", n + 1),
            Some("b0@x"),
            &body,
        ));
    }
    inbox.add(letter("o0@x", 9, BOB, "[PATCH 0/5] compass: other things", None, "text"));
    for (n, tag) in ["up", "down", "left", "right", "west"].iter().enumerate() {
        inbox.add(letter(
            &format!("o{}@x", n + 1),
            9,
            BOB,
            &format!("[PATCH {}/5] compass: {tag}", n + 1),
            Some("o0@x"),
            &body(tag),
        ));
    }
    user.run(["index", "made"]).ok();
    let said = user.run(["series", "a0@x"]).ok().out;
    assert!(said.contains("2 versions") && said.contains("by Bob Other"), "{said}");
    assert!(row(&said, "-", "engine: west").contains("moved to"), "{said}");
    let other = user.run(["series", "o5@x"]).ok().out;
    assert!(other.contains("1 version,"), "{other}");
}

#[test]
fn two_third_versions_a_missing_part_and_a_mail_that_is_no_patch_are_told() {
    let user = User::new();
    let mut inbox = series(&user);
    for (id, day) in [("x3@x", 11), ("y3@x", 12)] {
        inbox.add(letter(id, day, ADA, "[PATCH v3 0/2] engine: make it go", None, "third"));
        let one = ["first_call(alpha);", "second_call(BETA);", "third_call(gamma);"];
        inbox.add(letter(
            &format!("1.{id}"),
            day,
            ADA,
            "[PATCH v3 1/2] engine: call in order",
            Some(id),
            &patch("why", "e/one.c", "\tgo();", &one),
        ));
    }
    inbox.add(letter(
        "r@x",
        12,
        BOB,
        "Re: [PATCH v2 2/4] engine: call in order",
        Some("c2-2@x"),
        "> +first_call(alpha);\n\nno.",
    ));
    inbox.add(letter("talk@x", 12, BOB, "a question", None, "how?"));
    user.run(["index", "made"]).ok();
    let said = user.run(["series", "c1@x"]).ok().out;
    assert_eq!(said.matches("\nv3 ").count(), 2, "{said}");
    assert!(said.contains("not indexed: 2 of 2"), "{said}");
    let answer = user.run(["series", "r@x"]).ok();
    assert_eq!(answer.out, said, "an answer to a patch leads to its series");
    assert!(answer.err.contains("r@x is about c2-2@x, whose series this is"), "{}", answer.err);
    let no = user.run(["series", "talk@x"]).ends(2);
    assert!(no.err.contains("neither a patch nor a cover letter, nor a reply to one"), "{}", no.err);
    let none = user.run(["series", "nobody@x"]).ends(3);
    assert!(none.err.contains("is not in the indexed lists"), "{}", none.err);
}

#[test]
fn the_versions_of_a_real_series() {
    let Some(user) = reviewer() else { return };
    let said = user.run(["series", "--width", "120", "20240603-lp-atomic-replace-v3-1-9f3b8ace5c9f@suse.com"]).ok();
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("series_atomic_replace", said.out));
    // Sixty-four patches, three versions and more.
    let said = user.run(["series", "cover.1758067942.git.jpoimboe@kernel.org"]).ok().out;
    assert!(said.contains("same") && said.contains("renumbered") && said.contains("commit "), "{said}");
}
