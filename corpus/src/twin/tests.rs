use super::*;
use crate::message::tests::shared;

fn mail(date: &str, from: &str, body: &str, id: &str) -> String {
    format!("From: {from}\nDate: {date}\n{id}Subject: x\n\n{body}")
}

const PAGE: &str = "x\n\nFrom: Ann Example\nDate: Tue Mar 01 2022 - 09:05:07 EST\n\n\n\
    Bob <bob@xxxxxxxxxxx> said:\n> hi\u{a0}there\n";
const DATE: &str = "Tue, 01 Mar 2022 13:05:00 +0000";
const BODY: &str = "Bob <bob@example.org> said:\n> hi there\n\n";
const ID: &str = "Message-ID: <1@example.org>\n";

#[test]
fn what_makes_twins() {
    let page = Message::parse(PAGE.as_bytes());
    let check = |raw: String, expected: bool| {
        let mail = Message::parse(raw.as_bytes());
        assert_eq!(is_twin(&page, &mail), expected, "{raw}");
        assert_eq!(is_twin(&mail, &page), expected, "{raw}");
        if expected {
            assert_eq!(fingerprint(&mail), fingerprint(&page));
        }
    };
    check(mail(DATE, "ann  example <a@b.c>", BODY, ID), true);
    check(mail(DATE, "Ann Other <a@b.c>", BODY, ID), false);
    check(mail(DATE, "Ann Example <a@b.c>", &BODY.replace("hi", "ho"), ID), false);
    // The page shows 14:05:07: arrival up to five minutes after a whole number of quarters.
    for (date, expected) in [
        ("Tue, 01 Mar 2022 14:05:07 +0000", true),
        ("Tue, 01 Mar 2022 14:00:07 +0000", true),
        ("Tue, 01 Mar 2022 14:00:06 +0000", false),
        ("Tue, 01 Mar 2022 14:05:08 +0000", false),
        ("Tue, 01 Mar 2022 15:50:00 +0000", true),
        ("Mon, 28 Feb 2022 12:05:07 +0000", true),
        ("Mon, 28 Feb 2022 11:50:07 +0000", false),
        ("nonsense", false),
    ] {
        check(mail(date, "Ann Example <a@b.c>", BODY, ID), expected);
    }
}

#[test]
fn two_real_ids_are_two_mails() {
    let one = mail(DATE, "Ann <a@b.c>", BODY, ID);
    let two = mail(DATE, "Ann <a@b.c>", BODY, "Message-ID: <2@example.org>\n");
    let none = mail(DATE, "Ann <a@b.c>", BODY, "");
    let [one, two, none] = [&one, &two, &none].map(|raw| Message::parse(raw.as_bytes()));
    assert!(!is_twin(&one, &two));
    assert!(is_twin(&one, &none) && is_twin(&none, &two));
    assert!(!is_twin(&none, &none), "a mail is not its own twin");
}

#[test]
fn the_seed_page_and_its_mail() {
    let Some(shared) = shared() else { return };
    let page = std::fs::read(shared.join("threads/seed-2022-08-15-hypermail.txt")).unwrap();
    let mbox = std::fs::read_to_string(shared.join("threads/bpf-dispatcher-v4.mbox")).unwrap();
    let page = Message::parse(&page);
    assert!(page.is_web_page());
    let id = "CAADnVQKijkstBqV_JhQSaBXZ+65coY+8=UGw8tPi8-boXV=AOQ@mail.gmail.com";
    let mails: Vec<String> = mbox.split("\nFrom ").map(|mail| mail.replace("\n>From ", "\nFrom ")).collect();
    assert_eq!(mails.len(), 3);
    for raw in &mails {
        // The first line is the rest of the mbox's own line.
        let mail = Message::parse(&raw.as_bytes()[raw.find('\n').unwrap() + 1..]);
        let twin = mail.message_id == id;
        assert_eq!(is_twin(&page, &mail), twin, "{}", mail.message_id);
        assert_eq!(is_twin(&mail, &page), twin, "{}", mail.message_id);
        assert_eq!(fingerprint(&mail) == fingerprint(&page), twin);
    }
}

proptest::proptest! {
    #[test]
    fn masking_and_wrapping_change_nothing(words in proptest::collection::vec("[a-z]{1,6}(@[a-z.]{1,9})?", 1..20), wraps: u32) {
        let plain = words.join(" ");
        let other: String = words.iter().enumerate().map(|(at, word)| {
            let gap = if wraps >> (at % 32) & 1 == 1 { "\n\n" } else { "  " };
            format!("{}{gap}", crate::address::mask(word))
        }).collect();
        proptest::prop_assert!(folded(&plain).eq(folded(&other)));
    }
}
