use super::*;

const COMMIT: &str = "x86: do a thing\n\nNote: this is prose.\nIt goes on: here.\n\n\
Fixes: 0123456789ab (\"x86: break # a thing\")\nReported-and-tested-by: Ann <ann@example.org>\n\
Cc: <stable@example.org> # 5.10+\nCc: \"Bob, Jr.\" <bob@example.org>,\n    Cat <cat@example.org>\n\
[ dan: Massage the message,\n  and fold ]\n[erin: typo]\nTested-on: a machine\n\
Signed-off-by: Ann <ann@example.org>\nLink: https://lore.kernel.org/r/1@example.org # [1]\nCloses: https://example.org/bug\n\
---\nLink to v2: https://lore.kernel.org/all/2@example.org/\n a.c | 3 ++-\n 1 file changed\n\n\
[not a note]\n\ndiff --git a/a.c b/a.c\n+Signed-off-by: X\n Cc: Y\n> Acked-by: Z\n\n\
base-commit: 0123456789012345678901234567890123456789\nchange-id: 20300101-thing-abc\nMessage-ID: <3@example.org>\n";

#[test]
fn a_commit_and_its_mail() {
    let trailers = parse(COMMIT);
    let shown: Vec<String> = trailers
        .iter()
        .map(|t| {
            format!(
                "{:?} {}={}{}",
                t.kind,
                t.name,
                t.value,
                t.comment.as_ref().map_or(String::new(), |c| format!(" #{c}"))
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    Fixes Fixes=0123456789ab ("x86: break # a thing")
    Person Reported-and-tested-by=Ann <ann@example.org>
    Cc Cc=<stable@example.org> #5.10+
    Cc Cc="Bob, Jr." <bob@example.org>, Cat <cat@example.org>
    Note dan=Massage the message, and fold
    Note erin=typo
    Other Tested-on=a machine
    Person Signed-off-by=Ann <ann@example.org>
    Link Link=https://lore.kernel.org/r/1@example.org #[1]
    Link Closes=https://example.org/bug
    Link Link to v2=https://lore.kernel.org/all/2@example.org/
    Commit base-commit=0123456789012345678901234567890123456789
    ChangeId change-id=20300101-thing-abc
    MessageId Message-ID=<3@example.org>
    "#);
    assert_eq!(trailers[0].commit(), Some("0123456789ab"));
    assert_eq!(trailers[1].address().unwrap().name.as_deref(), Some("Ann"));
    assert_eq!(trailers[2].address().unwrap().address, "stable@example.org");
    assert_eq!(trailers[8].message_id().as_deref(), Some("1@example.org"));
    assert_eq!(trailers[9].message_id(), None);
    assert_eq!(trailers[10].message_id().as_deref(), Some("2@example.org"));
    assert_eq!(trailers[13].message_id().as_deref(), Some("3@example.org"));
    for trailer in &trailers {
        assert!(COMMIT[trailer.span.clone()].contains(trailer.name));
    }
}

#[test]
fn a_mail_about_a_landed_commit() {
    let text = "It was merged into the x86/core branch of tip:\r\n\r\nCommit-ID:     0123456789abcdef\r\nGitweb:        https://git.example.org/0123\r\n\
        Author:        Ann <ann@example.org>\r\nAuthorDate:    Mon, 01 Jan 2030 00:00:00 +01:00\r\n\r\nNothing: else\r\n";
    let names: Vec<_> = parse(text).into_iter().map(|t| (t.name, t.value.into_owned())).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(names[0], ("Commit-ID", "0123456789abcdef".to_owned()));
    assert_eq!(names[3].1, "Mon, 01 Jan 2030 00:00:00 +01:00");
}

#[test]
fn a_megabyte_of_brackets_is_linear() {
    for piece in ["[\n", "[ a: b\n", "Cc:\n", "Cc: a\n b\n"] {
        let start = std::time::Instant::now();
        parse(&piece.repeat((1 << 20) / piece.len()));
        assert!(start.elapsed().as_secs() < 10, "{piece:?}");
    }
}

proptest::proptest! {
    #[test]
    fn what_is_written_is_read(name in "[A-Z][a-z]{1,8}-by", who in "[A-Z][a-z]{1,8}", note in "[a-z0-9.+]{1,8}") {
        let text = format!("title\n\nbody\n\n{name}: {who} <{who}@example.org> # {note}\n");
        let read = parse(&text);
        proptest::prop_assert_eq!(read.len(), 1);
        proptest::prop_assert_eq!((read[0].name, read[0].comment.as_deref()), (&*name, Some(&*note)));
        proptest::prop_assert_eq!(read[0].address().unwrap().name, Some(who));
    }

    #[test]
    fn places_are_lines(text in "(Cc: |Link|-by: |\\[|\\]| #|:|\n|\r\n|\t| |\\PC){0,40}") {
        for trailer in parse(&text) {
            let lines = &text[trailer.span.clone()];
            proptest::prop_assert!(lines.contains(trailer.name));
            proptest::prop_assert!(trailer.span.start == 0 || text[..trailer.span.start].ends_with('\n'));
            trailer.address();
            trailer.commit();
            trailer.message_id();
        }
    }
}
