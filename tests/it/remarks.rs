//! `check` on a later revision and on what was done before: changes that no changelog names, trailers that were lost, remarks
//! without an answer, and earlier patches of others that share rare lines; then verdicts on what was found.

use crate::harness::{Inbox, Said, User};
use crate::links::{ADA, BOB, letter, patch};

const ONE: [&str; 4] = ["first_call(alpha);", "second_call(beta);", "third_call(gamma);", "fourth_call(delta);"];
const TWO: [&str; 4] = ["first_call(alpha);", "second_call(beta);", "third_call(changed);", "fourth_call(delta);"];

fn reply(id: &str, day: u32, from: &str, parent: &str, body: &str) -> String {
    letter(id, day, from, "Re: [PATCH] engine: call in order", Some(parent), body)
}

fn inbox(user: &User, notes: &str) -> Inbox {
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(letter(
        "v1@x",
        1,
        ADA,
        "[PATCH] engine: call in order",
        None,
        &patch("why", "e/one.c", "\tstart();", &ONE),
    ));
    let remark = "> +second_call(beta);\n\nwhat if this one fails, and who cleans up?\n";
    inbox.add(reply("r1@x", 2, BOB, "v1@x", remark));
    let robot = "Kernel Test Robot <lkp@intel.com>";
    inbox.add(reply("r2@x", 2, robot, "v1@x", "> +first_call(alpha);\n\nerror: implicit declaration of this\n"));
    inbox.add(reply("r3@x", 2, BOB, "v1@x", "> +fourth_call(delta);\n\nis this the right order at all?\n"));
    inbox.add(reply("r4@x", 3, ADA, "r3@x", "> is this the right order at all?\n\nyes\n"));
    inbox.add(reply("r5@x", 3, BOB, "v1@x", "> +third_call(gamma);\n\nplease change this one instead\n"));
    let second =
        patch("why", "e/one.c", "\tstart();", &TWO).replace("---\n e/one.c", &format!("---\n{notes}\n e/one.c"));
    inbox.add(letter("v2@x", 9, ADA, "[PATCH v2] engine: call in order", Some("v1@x"), &second));
    inbox
}

fn check(user: &User, arguments: &[&str]) -> Said {
    let mut all = vec!["check", "--no-engine"];
    all.extend(arguments);
    user.run(all)
}

#[test]
fn remarks_on_unchanged_lines_without_an_answer_are_listed() {
    let user = User::new();
    inbox(&user, "v2: other third call");
    user.run(["index", "made"]).ok();
    let said = check(&user, &["v2@x"]).ok().out;
    assert!(said.contains("note[revision]: unanswered remarks on unchanged lines"), "{said}");
    assert!(said.contains("+second_call(beta);") && said.contains("Bob Other: what if this one fails"), "{said}");
    assert!(!said.contains("implicit declaration"), "a robot remarks nothing: {said}");
    assert!(!said.contains("right order"), "this one was answered: {said}");
    assert!(!said.contains("change this one instead"), "this line was changed: {said}");
    // Below the first version there is nothing earlier.
    assert!(!check(&user, &["v1@x"]).ok().out.contains("[revision]"));
}

#[test]
fn a_change_is_named_in_the_changelog_or_listed() {
    for (notes, says) in [
        ("", Some("and there is no changelog")),
        ("v2: rebased", Some("but not in the changelog")),
        ("v2: third_call() takes another argument", None),
        ("Changes since v1:\n - one.c was cleaned up", None),
    ] {
        let user = User::new();
        inbox(&user, notes);
        user.run(["index", "made"]).ok();
        let said = check(&user, &["v2@x"]).ok().out;
        match says {
            Some(says) => {
                assert!(
                    said.contains(says) && said.contains("e/one.c: around(), 1 new line, 1 gone"),
                    "{notes}: {said}"
                );
            }
            None => assert!(!said.contains("changelog"), "{notes}: {said}"),
        }
    }
}

#[test]
fn a_verdict_outlives_an_unchanged_reroll_and_no_other() {
    let user = User::new();
    let mut made = inbox(&user, "v2: third_call() takes another argument");
    user.run(["index", "made"]).ok();
    let said = check(&user, &["v2@x"]).ok().out;
    let id = said.lines().find_map(|line| line.trim().strip_prefix("id")).expect("an id").trim().to_owned();
    assert!(id.starts_with("revision-"), "{said}");
    let kept = check(&user, &["v2@x", "--dismiss", &id, "answered on IRC"]).ok();
    assert!(kept.err.contains("is dismissed"), "{}", kept.err);
    let said = check(&user, &["v2@x"]).ok().out;
    assert!(said.contains("no findings (1 dismissed;"), "{said}");
    let said = check(&user, &["-v", "v2@x"]).ok().out;
    assert!(said.contains("answered on IRC") && said.contains(&id), "{said}");
    let json: serde_json::Value = serde_json::from_str(&check(&user, &["-f", "json", "v2@x"]).ok().out).unwrap();
    let finding = &json["checked"][0]["findings"][0];
    assert_eq!((finding["id"].as_str(), finding["dismissed"].as_str()), (Some(id.as_str()), Some("answered on IRC")));
    // The third version is the same patch; the fourth is not.
    made.add(reply("r6@x", 10, BOB, "v2@x", "> +second_call(beta);\n\nI still want to know who cleans up\n"));
    let third = patch("why", "e/one.c", "\tstart();", &TWO);
    made.add(letter("v3@x", 11, ADA, "[PATCH v3] engine: call in order", Some("v2@x"), &third));
    made.add(reply("r7@x", 12, BOB, "v3@x", "> +second_call(beta);\n\nand now, who does clean up here?\n"));
    let fourth = patch(
        "why\n\nv4: more_calls()",
        "e/one.c",
        "\tstart();",
        &[TWO.as_slice(), &["more_calls(epsilon);"]].concat(),
    );
    made.add(letter("v4@x", 13, ADA, "[PATCH v4] engine: call in order", Some("v3@x"), &fourth));
    user.run(["index"]).ok();
    assert!(check(&user, &["v3@x"]).ok().out.contains("1 dismissed"));
    assert!(check(&user, &["v4@x"]).ok().out.contains("who does clean up"));
    // What is no finding is not dismissed; an empty reason takes a verdict back.
    let wrong = check(&user, &["v4@x", "--dismiss", &id, "why"]).ends(2);
    assert!(wrong.err.contains("there is no finding"), "{}", wrong.err);
    let wrong = check(&user, &["--dismiss", "nonsense", "why"]).ends(2);
    assert!(wrong.err.contains("is not the id of a finding"), "{}", wrong.err);
    check(&user, &["--dismiss", &id, ""]).ok();
    assert!(!check(&user, &["v3@x"]).ok().out.contains("dismissed"));
}

#[test]
fn three_rare_lines_of_another_author_are_prior_art_and_an_own_revision_is_not() {
    let user = User::new();
    let mut made = Inbox::new(&user.path("made"));
    for n in 0..40 {
        let lines = [format!("filler_of_lists({n});"), format!("other_filler({n}, one, two);")];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (id, subject) = (format!("f{n}@x"), format!("[PATCH] filler: number {n}"));
        made.add(letter(&id, 1, "Fil Ler <fil@example.org>", &subject, None, &patch("x", "f/a.c", "\tgo();", &lines)));
    }
    let rare = [
        "	jump_table_switch(site, old_target, new_target);",
        "	if (site->owner != current_owner(site->table))",
        "	return table_update_all(site->table, new_target);",
    ];
    let old = patch("why", "old/switch.c", "\tgo();", &rare);
    made.add(letter("old@x", 2, BOB, "[PATCH] old: switch by table", None, &old));
    let copy = [rare.as_slice(), &["	count_of_switches++;"]].concat();
    let new =
        |subject: &str, id: &str, day| letter(id, day, ADA, subject, None, &patch("new", "new/s.c", "\tgo();", &copy));
    made.add(new("[PATCH] new: jump by address", "n1@x", 8));
    made.add(new("[PATCH v2] new: jump by address", "n2@x", 9));
    // Who uses what another patch makes does not do the same.
    let makes = ["int unheard_of_one(void) {", "int unheard_of_two(void) {", "int unheard_of_three(void) {"];
    made.add(letter("m@x", 3, BOB, "[PATCH] old: make", None, &patch("x", "old/m.c", "\tgo();", &makes)));
    // What one has posted before under another title is history, told with how it ended.
    let work = ["	very_own_idea(first_part);", "	very_own_idea(second_part);", "	very_own_idea(third_part);"];
    let posted =
        |id: &str, day, subject: &str| letter(id, day, ADA, subject, None, &patch("x", "own/w.c", "\tgo();", &work));
    made.add(posted("h1@x", 4, "[PATCH] own: an old name"));
    made.add(letter(
        "h2@x",
        5,
        BOB,
        "Re: [PATCH] own: an old name",
        Some("h1@x"),
        "> why\n\nNAK, this races with unload.\n",
    ));
    made.add(posted("h3@x", 9, "[PATCH] own: quite another title"));
    let uses = ["	a = unheard_of_one();", "	b = unheard_of_two();", "	c = unheard_of_three();"];
    made.add(letter("u@x", 8, ADA, "[PATCH] new: use", None, &patch("x", "new/u.c", "\tgo();", &uses)));
    user.run(["index", "made"]).ok();
    let said = check(&user, &["n2@x"]).ok().out;
    assert!(said.contains("note[prior-art]: something like this was posted earlier"), "{said}");
    assert!(said.contains("2023-03-02 \"[PATCH] old: switch by table\" (Bob Other)"), "{said}");
    assert!(said.contains("jump_table_switch(site, old_target, new_target);"), "{said}");
    // Both pieces, each with its date.
    assert!(said.contains("2023-03-02 |") && said.contains("2023-03-09 |"), "{said}");
    assert!(!said.contains("merged"), "without a tree nothing is said of merging: {said}");
    assert!(!said.contains("n1@x"), "the own series is left out: {said}");
    assert!(!check(&user, &["old@x"]).ok().out.contains("prior-art"), "nothing later counts");
    assert!(!check(&user, &["u@x"]).ok().out.contains("prior-art"));
    let said = check(&user, &["h3@x"]).ok().out;
    assert!(said.contains("note[prior-art]: this was posted before"), "{said}");
    assert!(said.contains("NAK by Bob Other, 2023-03-05: \"NAK, this races with unload.\""), "{said}");
    let reply = check(&user, &["-f", "reply", "h3@x"]).ok().out;
    let reply = reply.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(reply.contains("Bob Other refused it on 2023-03-05"), "{reply}");
}

#[test]
fn a_change_is_named_by_the_function_around_it_and_not_by_the_hunks_header() {
    let user = User::new();
    let mut made = Inbox::new(&user.path("made"));
    let body = |n: u32| {
        format!(
            "why\n\nSigned-off-by: {ADA}\n---\ndiff --git a/e/two.c b/e/two.c\n--- a/e/two.c\n+++ b/e/two.c\n\
             @@ -10,5 +10,8 @@ static int before(void)\n \treturn 0;\n }}\n \n static int really_changed(void)\n {{\n\
             +\tfirst_thing_to_call(alpha);\n+\tsecond_thing_to_call(beta);\n+\tthird_thing_to_call({n});\n-- \n2.40\n"
        )
    };
    made.add(letter("w1@x", 1, ADA, "[PATCH] engine: two things", None, &body(1)));
    made.add(letter("w2@x", 9, ADA, "[PATCH v2] engine: two things", Some("w1@x"), &body(2)));
    user.run(["index", "made"]).ok();
    let said = check(&user, &["w2@x"]).ok().out;
    assert!(said.contains("e/two.c: really_changed(), 1 new line, 1 gone") && !said.contains("before()"), "{said}");
}
