use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use super::*;

/// The folder of real mail, or nothing and a line that says so.
pub(crate) fn shared() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let folder = std::env::var_os("PROVENANCE_SHARED").map_or_else(beside, PathBuf::from);
    if !folder.join("threads").is_dir() {
        println!("skipped: needs ../shared");
        return None;
    }
    Some(folder)
}

fn defects(raw: &[u8]) -> Vec<Defect> {
    Message::parse(raw).defects
}

const HEAD: &str = "From: Ann <a@example.org>\nDate: Mon, 15 Aug 2022 11:16:58 -0400\nMessage-ID: <1@example.org>\n";

#[test]
fn a_simple_mail() {
    for end in ["\n", "\r\n"] {
        let raw = format!(
            "Received: from x by y;\n\tMon, 15 Aug 2022 15:17:00 +0000\nReceived: from z; 1 Jan 2001 0:0:0 +0000\n{HEAD}\
            To: B <b@example.org>, c@example.org\nCC: d@example.org\nSubject: Re: [PATCH]\n  =?utf-8?q?x=C3=B6?=\n\
            References: <r1@x> <r2@x>\nIn-Reply-To: <r2@x> \nList-ID: A list <L.Example.org>\nX-Own:  v \n\nline one\nline two\n"
        )
        .replace('\n', end);
        let mail = Message::parse(raw.as_bytes());
        assert_eq!(mail.defects, []);
        assert_eq!(mail.message_id, "1@example.org");
        assert_eq!(mail.subject, "Re: [PATCH] xö");
        assert_eq!(mail.date, Some(Date { seconds: 1_660_576_618, zone: -240, zone_known: true }));
        assert_eq!(mail.received, Some(1_660_576_620));
        assert_eq!((mail.from.len(), mail.to.len(), mail.cc.len()), (1, 2, 1));
        assert_eq!(mail.in_reply_to, ["r2@x"]);
        assert_eq!(mail.references, ["r1@x", "r2@x"]);
        assert_eq!(mail.list_ids, ["l.example.org"]);
        assert_eq!(mail.header("x-own").as_deref(), Some("v"));
        assert_eq!(mail.headers_raw("received").count(), 2);
        assert_eq!(mail.text(), "line one\nline two\n");
        assert_eq!(&raw[mail.body..], format!("line one{end}line two{end}"));
        if end == "\n" {
            assert!(matches!(mail.parts[0].text, Some(Cow::Borrowed(_))));
            assert_eq!(mail.parts[0].raw_offset(9), Some(raw.find("line two").unwrap()));
        }
    }
}

#[test]
fn parts_in_order() {
    let raw = format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=\"=_b\"\n\npreamble\n--=_b\n\nfirst: not a header\n--=_bx\n\n--=_b  \n\
        Content-Type: multipart/alternative; boundary=in\n\n--in\nContent-Type: text/plain; charset=iso-8859-1\n\
        Content-Transfer-Encoding: quoted-printable\n\ncaf=E9\n--in\nContent-Type: text/html\n\n<p>caf</p>\n--in--\n\
        --=_b\nContent-Type: application/octet-stream; name=x.patch\nContent-Transfer-Encoding: base64\n\
        Content-Disposition: attachment; filename=\"=?utf-8?q?=C3=B6?=.patch\"\n\nK2FkZGVk\n--=_b\nContent-Type: image/png\n\
        Content-Transfer-Encoding: base64\n\niVBORw==\n--=_b\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner text\n--=_b--\nepilogue\n"
    );
    let mail = Message::parse(raw.as_bytes());
    assert_eq!(mail.defects, []);
    let shown: Vec<String> = mail
        .parts
        .iter()
        .map(|p| format!("{} {} {} {:?} {:?}", p.depth, p.content_type, p.is_attachment, p.file_name, p.text))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    1 text/plain false None Some("first: not a header\n--=_bx\n")
    2 text/plain false None Some("café")
    2 text/html false None Some("<p>caf</p>")
    1 application/octet-stream true Some("ö.patch") Some("+added")
    1 image/png true None None
    1 message/rfc822 true None None
    2 text/plain false None Some("inner text")
    "#);
    assert_eq!(mail.text(), "first: not a header\n--=_bx\ncafé\n+added\ninner text");
    assert_eq!(&*mail.part_bytes(&mail.parts[4]), b"\x89PNG");
    assert_eq!(&raw[mail.parts[1].body.clone()], "caf=E9");
}

#[test]
fn each_defect_has_a_mail() {
    use Defect::*;
    let with = |field: &str, body: &str| format!("{HEAD}{field}\n\n{body}");
    let without = |field: &str| {
        HEAD.lines().filter(|l| !l.starts_with(field)).map(|l| format!("{l}\n")).collect::<String>() + "\nx"
    };
    let cases: Vec<(Defect, Vec<u8>)> = vec![
        (FromLine, format!("From a@b Mon\n{HEAD}\nx").into()),
        (MalformedHeader, with("no field at all", "").into()),
        (HeaderNotUtf8, [HEAD.as_bytes(), b"Subject: \xf6\n\nx"].concat()),
        (NoMessageId, without("Message").into()),
        (
            ReservedMessageId,
            format!("{}Message-ID: <f@Provenance.invalid>\n\nx", &without("Message").trim_end_matches("\nx")).into(),
        ),
        (SeveralMessageIds, with("Message-ID: <2@example.org>", "").into()),
        (MalformedMessageId, with("References: <<a@b>>", "").into()),
        (
            TooManyReferences,
            with(&format!("References: {}", (0..1_001).map(|n| format!("<{n}@x>")).collect::<String>()), "").into(),
        ),
        (NoFrom, without("From").into()),
        (NoDate, without("Date").into()),
        (UnreadableDate, format!("Date: Mon, 15 Aug 11:16:58 -0400\n{}", without("Date")).into()),
        (UnknownZone, format!("Date: Mon, 15 Aug 2022 11:16:58 XXX\n{}", without("Date")).into()),
        (UnknownCharset, with("Content-Type: text/plain; charset=y", "x").into()),
        (BadCharset, [HEAD.as_bytes(), b"\n\xff"].concat()),
        (BadEncodedWord, with("Subject: =?utf-8?q?=zz?=", "").into()),
        (UnknownTransferEncoding, with("Content-Transfer-Encoding: 8-bit", "x").into()),
        (BadTransferEncoding, with("Content-Transfer-Encoding: base64", "!!!").into()),
        (NulBytes, with("X: y", "\0").into()),
        (HtmlOnly, with("Content-Type: text/html", "<b>x</b>").into()),
        (MissingBoundary, with("Content-Type: multipart/mixed; boundary=b", "x").into()),
        (UnclosedMultipart, with("Content-Type: multipart/mixed; boundary=b", "--b\n\nx").into()),
        (FromWebPage, b"s\n\nFrom: A\nDate: Mon Aug 15 2022 - 11:19:38 EST\n\nx\n".to_vec()),
        (OversizedHeader, with(&format!("X: {}", "x".repeat(2 << 20)), "x").into()),
        (NestedTooDeep, nested_messages(102).into()),
        (TooManyParts, with("Content-Type: multipart/mixed; boundary=b", &"--b\n\nx\n".repeat(11_000)).into()),
    ];
    for (defect, raw) in &cases {
        let found = defects(raw);
        assert_eq!(found, [*defect], "{}", String::from_utf8_lossy(&raw[..raw.len().min(400)]));
    }
    // Without a header everything that stands in one is missing too.
    assert_eq!(defects(b"just text\n"), [NoHeader, NoMessageId, NoFrom, NoDate]);
    for defect in Defect::ALL {
        assert!(*defect == NoHeader || cases.iter().any(|(known, _)| known == defect), "{defect} has no mail");
    }
}

#[test]
fn nobody_can_claim_a_made_id() {
    let victim = Message::parse(b"Subject: no id\n\nx");
    let forged = format!("Message-ID: <{}>\nSubject: forged\n\ny", victim.message_id);
    let forged = Message::parse(forged.as_bytes());
    assert!(victim.has_made_id() && forged.has_made_id());
    assert_ne!(victim.message_id, forged.message_id);
    assert!(!forged.message_ids.contains(&victim.message_id));
}

#[test]
fn html_only_gives_its_text() {
    let raw = format!("{HEAD}Content-Type: text/html\n\n<p>one &lt;two&gt;</p><p>three</p>");
    assert_eq!(Message::parse(raw.as_bytes()).text(), "one <two>\nthree\n");
}

fn nested_messages(levels: usize) -> String {
    format!("{HEAD}{}Content-Type: text/plain\n\nx", "Content-Type: message/rfc822\n\n".repeat(levels))
}

/// Each of these costs a naive reader its stack, its memory, or quadratic time.
#[test]
fn hostile_mails_are_read_at_once() {
    let multi = |count: usize| -> String {
        (0..count).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect()
    };
    let same = "Content-Type: multipart/mixed; boundary=b\n\n--b\n".repeat(100_000);
    let mails = [
        nested_messages(100_000),
        format!("{HEAD}{}", multi(100_000)),
        format!("{HEAD}{same}"),
        format!(
            "{HEAD}Content-Type: multipart/mixed; boundary=b\n\n{}",
            "--b\nContent-Type: multipart/mixed; boundary=c\n\n".repeat(200_000)
        ),
        format!("{HEAD}Content-Type: multipart/mixed; boundary={}\n\n{}", "-".repeat(60), "-".repeat(8 << 20)),
        format!("{HEAD}References: {}\n\nx", (0..10_000).map(|n| format!("<{n}@x> ")).collect::<String>()),
        format!("{HEAD}Subject: {}\n\nx", "=?aa?q?".repeat(150_000)),
        format!("{HEAD}To: {}\n\nx", "a@b,".repeat(250_000)),
        format!("{HEAD}Content-Type: text/plain{}\n\nx", "; a*1=b".repeat(100_000)),
        format!("{HEAD}Content-Transfer-Encoding: base64\n\n{}", "=\n!!!!\n".repeat(1 << 20)),
        format!("{HEAD}Content-Type: text/html\n\n{}", "<!--&".repeat(1 << 20)),
        format!("{HEAD}{}\n\nx", "Message-ID: <1@x>\nDate: x\nReceived: ;x\n".repeat(20_000)),
    ];
    for raw in &mails {
        let start = Instant::now();
        // The stack of a test's thread is 2 MiB, where a recursive reader ends the process.
        let mail = Message::parse(raw.as_bytes());
        mail.text();
        assert_eq!(mail.message_id, "1@example.org");
        assert!(mail.parts.len() <= 10_001);
        assert!(start.elapsed().as_secs() < 10, "{:?} for {}", start.elapsed(), &raw[..200]);
    }
    assert!(defects(mails[0].as_bytes()).contains(&Defect::NestedTooDeep));
    assert!(defects(mails[1].as_bytes()).contains(&Defect::NestedTooDeep));
}

proptest::proptest! {
    #[test]
    fn places_lie_inside_the_mail(raw in "(From: a@b|Content-Type: |multipart/mixed; |message/rfc822|boundary=b|charset=|\
            Content-Transfer-Encoding: |base64|quoted-printable|--b|--|text/html|=3D|Date: |\n\n|\n|\r\n|\\PC|\0){0,60}") {
        let mail = Message::parse(raw.as_bytes());
        mail.text();
        proptest::prop_assert!(!mail.message_ids.is_empty() && mail.body <= raw.len());
        let mut last = mail.body;
        for part in &mail.parts {
            proptest::prop_assert!(part.header.start >= last && part.header.end <= part.body.start);
            proptest::prop_assert!(part.body.end <= raw.len());
            last = if part.content_type == "message/rfc822" { part.body.start } else { part.body.end };
        }
        for (at, defect) in mail.defects.iter().enumerate() {
            proptest::prop_assert!(!mail.defects[..at].contains(defect));
        }
    }

    #[test]
    fn any_bytes(raw in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        Message::parse(&raw).text();
    }

    #[test]
    fn a_base64_body_is_what_was_written(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), wire: bool) {
        let encoded = base64(&body);
        let mut raw = format!("{HEAD}Content-Type: application/x-own\nContent-Transfer-Encoding: base64\n\n{encoded}\n");
        if wire {
            raw = raw.replace('\n', "\r\n");
        }
        let mail = Message::parse(raw.as_bytes());
        proptest::prop_assert_eq!(&*mail.part_bytes(&mail.parts[0]), &body[..]);
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().enumerate().fold(0u32, |word, (at, &byte)| word | u32::from(byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at)) as usize & 63] as char;
            out.push(if at <= three.len() { digit } else { '=' });
        }
        if out.len().is_multiple_of(76) {
            out.push('\n');
        }
    }
    out
}

/// Every mail of the four archives: read from the bundles, which git2 can clone without a network.
#[test]
fn every_real_mail() {
    let Some(shared) = shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut mails = 0usize;
    let mut counts: BTreeMap<Defect, usize> = BTreeMap::new();
    let (mut patches, mut trailers, mut citations, mut without_text) = (0, 0, 0, 0);
    for list in ["kernel-hardening", "linux-tip-commits", "live-patching", "xdp-newbies"] {
        let bundle = shared.join(format!("archives/{list}.0.bundle"));
        let clone = std::process::Command::new("git")
            .args(["-c", "init.defaultBranch=master", "clone", "--quiet", "--bare"])
            .args([&bundle, &folder.path().join(list)])
            .status();
        if !clone.is_ok_and(|status| status.success()) {
            assert!(std::env::var_os("CI").is_none(), "git cannot clone {}", bundle.display());
            println!("skipped: needs git");
            return;
        }
        let repository = git2::Repository::open_bare(folder.path().join(list)).unwrap();
        let mut walk = repository.revwalk().unwrap();
        walk.push_head().unwrap();
        for commit in walk {
            let tree = repository.find_commit(commit.unwrap()).unwrap().tree().unwrap();
            let Some(entry) = tree.get_name("m") else { continue };
            let blob = repository.find_blob(entry.id()).unwrap();
            let mail = Message::parse(blob.content());
            mails += 1;
            assert!(!mail.is_web_page());
            for defect in &mail.defects {
                *counts.entry(*defect).or_default() += 1;
            }
            let text = mail.text();
            without_text += usize::from(text.trim().is_empty());
            trailers += crate::trailer::parse(&text).len();
            citations += crate::citation::citations(&text).count();
            patches += usize::from(crate::subject::Subject::parse(&mail.subject).is_patch);
            crate::twin::fingerprint(&mail);
        }
    }
    println!(
        "{mails} mails, {patches} subjects of patches, {trailers} trailers, {citations} citations, {without_text} without text"
    );
    for (defect, count) in &counts {
        println!("{count:6} {defect}");
    }
    assert_eq!(mails, 37_790);
    assert!(patches > 3_000 && trailers > 100_000 && citations > 20_000);
    assert!(without_text < 100);
    let odd: usize = counts.values().sum();
    assert!(odd < mails / 10, "{odd} defects in {mails} mails: ordinary mail is not defective");
    for never in [Defect::NoHeader, Defect::OversizedHeader, Defect::NestedTooDeep, Defect::ReservedMessageId] {
        assert_eq!(counts.get(&never), None, "{never}");
    }
    for rare in [Defect::UnreadableDate, Defect::NoFrom, Defect::NoMessageId, Defect::BadTransferEncoding] {
        assert!(counts.get(&rare).is_none_or(|count| *count < 40), "{rare}");
    }
}
