use std::io::{BufReader, Cursor, Read, Write};

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;

const FROM: &str = "From a@example.org Wed Jan  1 00:00:10 2020\n";

fn read(text: impl AsRef<[u8]>) -> Vec<Result<MboxMail, MboxError>> {
    Mbox::new(text.as_ref()).collect()
}

fn mails(text: impl AsRef<[u8]>) -> Vec<String> {
    read(text).into_iter().map(|it| String::from_utf8(it.unwrap().bytes).unwrap()).collect()
}

#[test]
fn mails_are_split_with_their_places_and_times() {
    let text = format!("{FROM}Subject: 1\n\none\n\n{FROM}Subject: 2\n\ntwo\n");
    let found: Vec<_> = read(&text).into_iter().map(Result::unwrap).collect();
    assert_eq!(found[0].bytes, b"Subject: 1\n\none\n");
    assert_eq!(found[1].bytes, b"Subject: 2\n\ntwo\n");
    assert_eq!((found[0].offset, found[0].arrival), (0, Some(1_577_836_810)));
    assert!(text[found[1].offset as usize..].starts_with(FROM));
    assert!(read("").is_empty() && read("\n\n").is_empty());
}

#[test]
fn a_body_line_is_no_separator_without_blank_line_date_and_header() {
    for body in [
        format!("text\n{FROM}Subject: not a mail\n"),
        "text\n\nFrom what I see\nSubject: x\n".to_owned(),
        format!("text\n\n{FROM}this is prose\n"),
    ] {
        let text = format!("{FROM}Subject: 1\n\n{body}");
        assert_eq!(mails(&text), [format!("Subject: 1\n\n{body}")]);
    }
}

#[test]
fn quoting_is_taken_off_by_evidence() {
    let one = |from: &str, body: &str| mails(format!("{from}Subject: 1\n\n{body}")).remove(0).split_off(12);
    assert_eq!(one(FROM, ">From a\n>>From b\n> From c\nx >From d\n"), "From a\n>From b\n> From c\nx >From d\n");
    // A bare line tells that this writer quotes nothing.
    assert_eq!(one(FROM, ">From a\nFrom b\n"), ">From a\nFrom b\n");
    let ours = "From mboxrd@z Thu Jan  1 00:00:00 1970\n";
    assert_eq!(one(ours, ">>From b\n"), ">From b\n");
    let git = "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n";
    assert_eq!(one(git, ">From a\n"), ">From a\n");
    let text = format!("{FROM}Subject: 1\n\n>From a\n>>From b\n");
    let told = |quoting| Mbox::with_quoting(text.as_bytes(), quoting).next().unwrap().unwrap().bytes.split_off(12);
    assert_eq!(told(Quoting::Mboxo), b"From a\n>>From b\n");
    assert_eq!(told(Quoting::Mboxrd), b"From a\n>From b\n");
    assert_eq!(told(Quoting::Nothing), b">From a\n>>From b\n");
}

#[test]
fn lines_may_end_with_carriage_returns_and_lengths_may_lie() {
    let text = format!("{FROM}Content-Length: 3\n\none two three\n\n{FROM}Subject: 2\n\n").replace('\n', "\r\n");
    assert_eq!(mails(text), ["Content-Length: 3\r\n\r\none two three\r\n", "Subject: 2\r\n"]);
}

#[test]
fn what_comes_before_the_first_mail_is_reported_or_is_a_mail() {
    let found = read(format!("some prose\n\n{FROM}Subject: 1\n\n"));
    assert!(matches!(&found[0], Err(MboxError::BeforeFirstMail { size: 12, start }) if start.starts_with("some")));
    assert_eq!(found[1].as_ref().unwrap().bytes, b"Subject: 1\n");
    assert_eq!(mails(format!("Subject: 0\n\nx\n\n{FROM}Subject: 1\n\n")), ["Subject: 0\n\nx\n", "Subject: 1\n"]);
    assert_eq!(mails(format!("\n\n{FROM}Subject: 1\n\n")), ["Subject: 1\n"]);
    let binary = read([&b"\x7fELF\0\0"[..], &[0; 1000]].concat());
    assert!(matches!(binary[..], [Err(MboxError::BeforeFirstMail { size: 1006, .. })]));
}

const HEADER: &str = "From: Cy Example <cy@example.org>\nDate: Sun, 5 Jan 2025 10:00:00 +0000\nSubject: x\n";

#[test]
fn a_separator_may_lack_its_date_or_its_blank_line_where_a_whole_header_follows() {
    for separator in ["From ", "From \r", "From -", "From ben@example.org"] {
        let text = format!("{separator}\n{HEADER}\none\n\n{separator}\n{HEADER}\ntwo\n");
        assert_eq!(mails(&text), [format!("{HEADER}\none\n"), format!("{HEADER}\ntwo\n")], "{separator}");
    }
    let text = format!("{FROM}{HEADER}\none\n{FROM}{HEADER}\ntwo\n");
    assert_eq!(mails(&text), [format!("{HEADER}\none\n"), format!("{HEADER}\ntwo\n")]);
    // A pasted patch, prose, and a header that is none.
    let git = "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n";
    for body in [
        format!("see\n{git}{HEADER}\ntext\n"),
        "see\n\nFrom \nFrom: a\n\nSubject: b\nDate: c\n".to_owned(),
        format!("see\nFrom here\n{HEADER}"),
    ] {
        let text = format!("{FROM}Subject: 1\n\n{body}");
        assert_eq!(mails(&text), [format!("Subject: 1\n\n{body}")]);
    }
}

#[test]
fn a_length_is_believed_where_it_ends_at_the_end_or_before_a_separator() {
    let git = "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n";
    let body = format!("see\n\n{git}{HEADER}\npatch\n\n");
    let mail = |length: usize| format!("Subject: 1\nContent-Length: {length}\n\n{body}");
    let right = mail(body.len());
    for end in ["", "\n", &format!("{FROM}Subject: 2\n\nx\n"), &format!("\n{FROM}Subject: 2\n\nx\n")] {
        let found = mails(format!("{FROM}{right}{end}"));
        assert_eq!(found[0], right, "{end:?}");
        assert_eq!(found.len(), 1 + usize::from(end.contains("From ")), "{end:?}");
    }
    // One that is wrong by a byte, too large for anything, or in a file whose writer quotes.
    for length in [body.len() + 1, body.len() - 2, usize::MAX, 0] {
        assert_eq!(mails(format!("{FROM}{}", mail(length))).len(), 2, "{length}");
    }
    let quoted = "From mboxrd@z Thu Jan  1 00:00:00 1970\n";
    let next = format!("{quoted}Subject: 2\n\nx\n");
    let text = format!("{quoted}Subject: 1\nContent-Length: {}\n\nx\n\n{next}", 3 + next.len());
    assert_eq!(mails(text).len(), 2);
}

#[test]
fn lengths_that_lie_cost_no_more_than_reading() {
    let one = format!("{FROM}Subject: 1\nContent-Length: 50000000\n\nx\n\n");
    let text = one.repeat(100_000);
    let start = std::time::Instant::now();
    assert_eq!(read(&text).len(), 100_000);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

fn gz(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn inflate(bytes: Vec<u8>) -> impl BufRead {
    BufReader::new(MultiGzDecoder::new(BufReader::new(Cursor::new(bytes))))
}

#[test]
fn several_gzip_members_are_one_file_and_an_early_end_keeps_what_was_read() {
    let two =
        [gz(format!("{FROM}Subject: 1\n\n\n").as_bytes()), gz(format!("{FROM}Subject: 2\n\n").as_bytes())].concat();
    assert_eq!(Mbox::new(inflate(two)).filter(Result::is_ok).count(), 2);

    let body: String = (0..20_000).map(|n| format!("line {}\n", n * 7919 % 10_007)).collect();
    let mut cut = gz(format!("{FROM}Subject: 1\n\n{body}\n{FROM}Subject: 2\n\n{body}").as_bytes());
    cut.truncate(cut.len() * 3 / 4);
    let found: Vec<_> = Mbox::new(inflate(cut)).collect();
    let [Ok(first), Ok(second), Err(MboxError::Io { at, .. })] = &found[..] else { panic!("{}", found.len()) };
    assert!(!first.truncated && second.truncated);
    assert!(first.bytes.ends_with(body.as_bytes()) && *at > second.offset);
}

#[test]
fn a_mail_above_the_limit_is_passed_over_without_being_held() {
    let start = format!("{FROM}Subject: 1\n\n").into_bytes();
    let middle = std::io::repeat(b'a').take(LARGEST_MAIL + 10);
    let end = Cursor::new(format!("\n\n{FROM}Subject: 2\n\n").into_bytes());
    let found: Vec<_> = Mbox::new(BufReader::new(Cursor::new(start).chain(middle).chain(end))).collect();
    assert!(matches!(found[0], Err(MboxError::TooLarge { offset: 0, size }) if size > LARGEST_MAIL));
    assert_eq!(found[1].as_ref().unwrap().bytes, b"Subject: 2\n");
    assert_eq!(found.len(), 2);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(mails in prop::collection::vec("(>{0,3}From |\r|\n|[ -~\u{e9}]{0,9}){0,12}", 1..6)) {
        let mut text = Vec::new();
        for mail in &mails {
            write(&mut text, mail.as_bytes()).unwrap();
        }
        let ended = |it: &String| if it.is_empty() || it.ends_with('\n') { it.clone() } else { format!("{it}\n") };
        let found: Vec<_> = read(&text).into_iter().map(|it| String::from_utf8(it.unwrap().bytes).unwrap()).collect();
        prop_assert_eq!(found, mails.iter().map(ended).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_written_with_its_length_is_read_back(
        bodies in prop::collection::vec("((>{0,2}From )|(From a@b Wed Jan  1 00:00:10 2020\n)|(From: a\nDate: b\nSubject: c\n)|\n|[ -~\u{e9}]{0,9}){0,12}\n", 1..6),
        blank: bool,
    ) {
        let blank = if blank { "\n" } else { "" };
        let mails: Vec<String> = bodies.iter().map(|body| format!("Subject: 1\nContent-Length: {}\n\n{body}", body.len())).collect();
        let text: String = mails.iter().map(|mail| format!("{FROM}{mail}{blank}")).collect();
        let found = Mbox::with_quoting(text.as_bytes(), Quoting::Nothing);
        let found: Vec<_> = found.map(|it| String::from_utf8(it.unwrap().bytes).unwrap()).collect();
        // Where no blank line parts two mails, one that ends with a blank line cannot tell whose it is; the length can, but is
        // not asked where nothing contradicts it.
        let trim = |list: &[String]| list.iter().map(|it| it.trim_end().to_owned()).collect::<Vec<_>>();
        prop_assert_eq!(trim(&found), trim(&mails));
    }

    #[test]
    fn no_bytes_make_it_panic_and_no_byte_is_counted_twice(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let total: usize = read(&bytes).iter().map(|it| it.as_ref().map_or(0, |it| it.bytes.len())).sum();
        prop_assert!(total <= bytes.len());
    }
}
