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
    let said = user.run(["query", "-f", "jsonl", "-n", "0", "--mail-only", query]).ok();
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
