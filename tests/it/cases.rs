//! Small inputs that once failed: how mail is stored, what a patch is, what belongs together. Own mails of each kind, and
//! beside them the cases of `../shared/cases/mail`, where that folder is.

use serde_json::Value;

use crate::harness::{Said, User, shared};

/// A user who has indexed one file of the cases; `None` where the folder is not there.
fn case(name: &str) -> Option<(User, Said)> {
    let path = shared()?.join("cases/mail").join(name);
    assert!(path.is_file(), "{} is gone", path.display());
    let user = User::new();
    let said = user.run(["index".as_ref(), path.as_os_str()]).ok();
    Some((user, said))
}

/// The hits of a query, as JSON.
fn hits(user: &User, query: &str) -> Vec<Value> {
    let said = user.run(["query", "-f", "jsonl", "-n", "0", "--mail-only", "--", query]).ok();
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(user: &User, query: &str) -> Vec<String> {
    let mut ids: Vec<String> =
        hits(user, query).iter().map(|hit| hit["message_id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn mboxes_without_dates_or_blank_lines_and_with_lengths_are_split_where_mails_begin() {
    for (name, mails) in
        [("thunderbird-bare-from.mbox", 2), ("mbox-no-blank.mbox", 2), ("mboxcl2.mbox", 1), ("pipermail.mbox", 2)]
    {
        let Some((user, _)) = case(name) else { return };
        assert_eq!(hits(&user, "z:1..").len(), mails, "{name}");
    }
    let (user, _) = case("pipermail.mbox").unwrap();
    assert_eq!(ids(&user, "f:\"Ada Example\""), ["pm1@example.org"]);
    assert_eq!(ids(&user, "f:ada@example.org"), ["pm1@example.org"]);
    assert_eq!(hits(&user, "f:\"Ben Exämple\" f:ben.example@example.org").len(), 1);
}

/// mbox.
fn mbox(mails: &[String]) -> String {
    mails.iter().map(|mail| format!("From mboxrd@z Thu Jan  1 00:00:00 1970\n{mail}\n")).collect()
}

#[test]
fn two_message_ids_are_two_names_of_one_mail() {
    let user = User::new();
    let first = "From: Ada Example <ada@example.org>\nDate: Mon, 6 Jan 2025 10:00:00 +0000\nSubject: one\n\
                 Message-ID: <first@x>\nMessage-ID: <second@x>\n\ntext\n";
    let answer = "From: Bob Other <bob@example.net>\nDate: Mon, 6 Jan 2025 11:00:00 +0000\nSubject: Re: one\n\
                  Message-ID: <answer@x>\nIn-Reply-To: <second@x>\n\nyes\n";
    user.write("in.mbox", mbox(&[first.to_owned(), answer.to_owned()]));
    user.run(["index", "in.mbox"]).ok();
    for name in ["first@x", "second@x"] {
        assert!(user.run(["show", name]).ok().out.contains("text"), "{name}");
        let thread = user.run(["thread", name]).ok().out;
        assert!(thread.contains("2 mails") && !thread.contains("not in"), "{thread}");
        assert_eq!(ids(&user, &format!("mid:{name}")), ["first@x"]);
    }
}

#[test]
fn the_author_of_a_relayed_mail_is_the_one_in_its_text() {
    let user = User::new();
    let mail = |n: u32, from: &str, text: &str| {
        format!(
            "From: {from}\nDate: Mon, 6 Jan 2025 1{n}:00:00 +0000\nSubject: [PATCH] x {n}\nMessage-ID: <{n}@x>\n\n{text}"
        )
    };
    let inside = "From: Ada Example <ada@example.org>\n\ntext\n";
    user.write(
        "in.mbox",
        mbox(&[
            mail(1, "Ada Example via B4 Relay <devnull+ada.example.org@kernel.org>", inside),
            mail(2, "Ada Example via libx <libx@lists.example>", inside),
        ]),
    );
    user.run(["index", "in.mbox"]).ok();
    let hits = hits(&user, "s:x");
    assert_eq!(hits.len(), 2);
    for hit in hits {
        assert!(hit.to_string().contains("ada@example.org"), "{hit}");
    }
}

#[test]
fn a_cover_letter_stands_for_its_series_whatever_its_parts_are_called() {
    let Some((user, _)) = case("cover-version-differs.mbox") else { return };
    let said = user.run(["series", "cv-0@example.org"]).ok().out;
    assert!(said.contains("1 version") && said.contains("v3 ") && said.contains("2 patches"), "{said}");
    assert!(user.run(["series", "cr-0@example.org"]).ok().out.contains("RFC v1"));
    for (name, id, wanted) in [
        ("prefix-without-patch.mbox", "np-0@example.org", &["v2 ", "2 patches"][..]),
        ("version-in-title.mbox", "vt-0@example.org", &["v4 ", "1 patch"]),
        ("extra-parts.mbox", "ex-0@example.org", &["3/2", "1.5/2"]),
        ("partial-reroll-dropped.mbox", "ro-0@example.org", &["rolling: three", "2 patches not sent again"]),
        ("pure-rename.mbox", "pr-1@example.org", &["2 patches", "rolling: rename"]),
        ("series-with-rename-mode-binary-delete.mbox", "cover.1795833553.git.tess@example.org", &["6 patches", "6/6"]),
        ("kernel-version-in-prefix.mbox", "st-v6.1@example.org", &["1 version", "v1 "]),
    ] {
        let (user, _) = case(name).unwrap();
        let said = user.run(["series", id]).ok().out;
        assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{name}: {said}");
        assert!(!said.contains("not indexed") && !said.contains("dropped"), "{name}: {said}");
    }
    let (user, _) = case("series-with-rename-mode-binary-delete.mbox").unwrap();
    assert_eq!(hits(&user, "is:patch").len(), 6);
}

#[test]
fn what_is_added_and_removed_is_counted_as_git_counts_it() {
    let Some((user, _)) = case("count-added-removed.mbox") else { return };
    let counted: Vec<(u64, u64)> = hits(&user, "s:PATCH")
        .iter()
        .map(|hit| (hit["added"].as_u64().unwrap(), hit["removed"].as_u64().unwrap()))
        .collect();
    assert_eq!(counted, [(1, 0), (0, 1)]);
    let (user, _) = case("kinds-of-patches.mbox").unwrap();
    assert_eq!(hits(&user, "dfb:null").len(), 0);
    assert_eq!(hits(&user, "is:patch").len(), 9);
}

#[test]
fn versions_are_compared_in_any_order_and_none_with_itself() {
    let Some((user, _)) = case("diff-versions-order.mbox") else { return };
    for (versions, heading) in [
        (&["-v", "3", "1"][..], "v3 against v1"),
        (&["-v", "1", "3"], "v1 against v3"),
        (&["-v", "3", "2"], "v3 against v2"),
        (&["-v", "1..2"], "v1 against v2"),
        (&["-v", "2"], "v2 against v3"),
    ] {
        let mut arguments = vec!["diff", "dv-3@example.org"];
        arguments.extend(versions);
        let said = user.run(&arguments).ok().out;
        assert!(said.contains(heading), "{versions:?}: {said}");
        // The mail may stand behind the versions.
        let mut arguments = vec!["diff"];
        arguments.extend(versions);
        arguments.push("dv-3@example.org");
        assert_eq!(user.run(&arguments).ok().out, said);
    }
    for versions in [&["-v", "3", "3"][..], &["-v", "1", "1"], &["-v", "3"], &["-v", "2..2"]] {
        let mut arguments = vec!["diff", "dv-3@example.org"];
        arguments.extend(versions);
        assert!(user.run(&arguments).ends(2).err.contains("cannot be compared with itself"), "{versions:?}");
    }
    assert!(user.run(["diff", "-v", "1", "2"]).ends(2).err.contains("no mail is named"));
}

#[test]
fn a_trailer_is_found_by_words_person_address_id_and_wildcard() {
    let Some((user, _)) = case("trailer-person.mbox") else { return };
    for query in [
        "trailer:reviewed-by:\"Rob Example\"",
        "trailer:Reviewed-by:rob@example.org",
        "trailer:reviewed-by:rob*",
        "trailer:reviewed-by:\"rob exam*\"",
        "trailer:reviewed-by:rob",
        "trailer:reviewed-by:\"Rob Example <rob@example.org>\"",
        "trailer:fixes:0123456789ab",
        "trailer:fixes:0123456",
        "trailer:fixes:0123456789abcdef0123456789abcdef01234567",
        "trailer:fixes:\"rolling: y\"",
        "trailer:fixes",
    ] {
        assert_eq!(hits(&user, query).len(), 1, "{query}");
    }
    for query in ["trailer:reviewed-by:\"Example Ada\"", "trailer:acked-by:rob", "trailer:fixes:0123457"] {
        assert_eq!(hits(&user, query).len(), 0, "{query}");
    }
}

#[test]
fn words_of_other_programs_names_and_phrases_are_understood_or_explained() {
    let user = User::new();
    let mail = "From: Ada Example <ada@example.org>\nDate: Mon, 6 Jan 2025 10:00:00 +0000\nSubject: text is a poke\n\
                Message-ID: <one@x>\n\nThe flag is -fpatchable-function-entry, and it is there.\n";
    user.write("in.mbox", mbox(&[mail.to_owned(), mail.replace("one@x", "two@x").replace("flag", "word")]));
    user.run(["index", "in.mbox"]).ok();
    for (query, ours) in
        [("from:ada", "f:"), ("subject:text", "s:"), ("to:a", "t:"), ("cc:a", "c:"), ("date:2020", "d:")]
    {
        assert!(user.run(["query", query]).ends(2).err.contains(ours), "{query}");
    }
    assert_eq!(ids(&user, "one@x"), ["one@x"]);
    assert_eq!(ids(&user, "https://lore.kernel.org/r/two@x"), ["two@x"]);
    let said = user.run(["query", "--mail-only", "text poke"]).ok();
    assert!(said.all().contains("its words find 2"), "{}", said.all());
    assert_eq!(ids(&user, "-fpatchable-function-entry").len(), 2);
    assert_eq!(ids(&user, "-flag"), ["one@x"]);
    assert_eq!(ids(&user, "poke -flag"), ["two@x"]);
}

#[test]
fn a_patch_that_is_taken_out_of_a_series_joins_no_histories() {
    let user = User::new();
    let patch = |n: u32| {
        format!(
            "why\n\nSigned-off-by: Ada Example <ada@example.org>\n---\n\ndiff --git a/e/{n}.c b/e/{n}.c\n--- a/e/{n}.c\n\
             +++ b/e/{n}.c\n@@ -1,2 +1,6 @@\n one\n+first_{n}(alpha);\n+second_{n}(beta);\n+third_{n}(gamma);\n+fourth_{n}();\n two\n"
        )
    };
    let mail = |id: &str, day: u32, parent: &str, subject: &str, body: &str| {
        let parent = if parent.is_empty() { String::new() } else { format!("In-Reply-To: <{parent}>\n") };
        format!(
            "From: Ada Example <ada@example.org>\nDate: {day:02} Mar 2023 10:00:00 +0000\nSubject: {subject}\n\
             Message-ID: <{id}>\n{parent}\n{body}"
        )
    };
    let mut mails = vec![mail("c@x", 1, "", "[PATCH 0/4] engine: all", "all\n")];
    for n in 1..=4 {
        mails.push(mail(&format!("p{n}@x"), 1, "c@x", &format!("[PATCH {n}/4] engine: part {n}"), &patch(n)));
    }
    mails.push(mail("alone@x", 5, "", "[PATCH] engine: part 2", &patch(2)));
    mails.push(mail("old@x", 6, "", "[PATCH 5.10.y] engine: part 2", &patch(2)));
    mails.push(mail("d@x", 9, "", "[PATCH v2 0/4] engine: all", "all\n"));
    for n in 1..=4 {
        mails.push(mail(&format!("q{n}@x"), 9, "d@x", &format!("[PATCH v2 {n}/4] engine: part {n}"), &patch(n)));
    }
    user.write("in.mbox", mbox(&mails));
    user.run(["index", "in.mbox"]).ok();
    let said = user.run(["series", "c@x"]).ok().out;
    assert!(said.contains("2 versions") && said.matches("same").count() == 4, "{said}");
    for alone in ["alone@x", "old@x"] {
        let said = user.run(["series", alone]).ok().out;
        assert!(said.contains("1 version") && said.contains("taken from"), "{said}");
    }
}
