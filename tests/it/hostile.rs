//! Mails made to break a reader: each gives a clear line or a defect, and the rest is indexed.

use std::io::Write;

use crate::harness::{Inbox, User, mail};

fn count(user: &User, query: &str) -> u32 {
    user.run(["query", "--count", query]).ok().out.trim().parse().unwrap()
}

#[test]
fn a_mail_too_large_is_named_and_not_inflated() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(mail("1@x", "small", &[], "body"));
    inbox.add(vec![b'a'; (64 << 20) + 1]);
    inbox.add(mail("2@x", "small", &[], "body"));
    let said = user.run(["index", "made"]).ends(3);
    assert!(said.err.contains("1 mail could not be read"), "{}", said.err);
    assert_eq!(count(&user, "s:small"), 2);
    assert!(user.run(["status"]).ends(3).out.contains("64 MiB"));
}

#[test]
fn deep_nesting_many_references_huge_headers_cycles() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    let mut nested = "From: a@example.org\nSubject: nested\nMessage-ID: <nested@x>\n".to_owned();
    for level in 0..100_000 {
        nested.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
    }
    nested.push_str("\ntext\n");
    inbox.add(&nested);
    let mut forwarded = "From: a@example.org\nSubject: forwarded\nMessage-ID: <forwarded@x>\n".to_owned();
    forwarded.push_str(&"Content-Type: message/rfc822\n\n".repeat(100_000));
    inbox.add(&forwarded);
    let many: Vec<String> = (0..10_000).map(|n| format!("r{n}@x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    inbox.add(mail("many@x", "many references", &many, "body"));
    let huge = format!("X-Huge: {}\n", "a ".repeat(5 << 20));
    inbox.add(mail("huge@x", "huge header", &[], "body").replacen("From:", &format!("{huge}From:"), 1));
    inbox.add(mail("c1@x", "cycle", &["c2@x"], "body"));
    inbox.add(mail("c2@x", "Re: cycle", &["c1@x"], "body"));
    inbox.add(mail("self@x", "self", &["self@x"], "body"));
    user.run(["index", "made"]).ok();
    for subject in ["nested", "forwarded", "\"many references\"", "cycle", "self"] {
        assert!(count(&user, &format!("s:{subject}")) >= 1, "{subject}");
    }
    for id in ["many@x", "c1@x", "self@x", "nested@x"] {
        let said = user.run(["thread", id]).ok();
        assert!(!said.out.is_empty());
        assert!(said.out.lines().count() < 1_500, "{id}: {} lines", said.out.lines().count());
    }
    user.run(["status"]).ok();
}

#[test]
fn escape_sequences_never_reach_the_terminal() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{7f}\u{ad}\u{200b}\u{2066}\u{feff}\u{e0041}\u{fe0f}";
    let text = format!(
        "From: {evil}Mallory <m@example.org>\nTo: {evil}@example.org\nDate: Wed, 1 Mar 2023 10:00:00 +0100\n\
         Subject: evil {evil}\u{85}\nMessage-ID: <evil{evil}@x>\nReferences: <gone{evil}@x>\nList-Id: <l{evil}.example>\n\n{evil} body\n> {evil}\n\
         diff --git a/{evil} b/{evil}\n--- a/{evil}\n+++ b/{evil}\n@@ -1 +1 @@ {evil}\n-{evil}\n+{evil}\n"
    );
    inbox.add(&text);
    // A mail that can be named.
    let named = text.replace(&format!("<evil{evil}@x>"), "<named@x>");
    inbox.add(&named);
    user.run(["index", "made"]).ok();
    let id = format!("evil{evil}@x");
    for arguments in [
        vec!["query", "s:evil"],
        vec!["query", "--color=always", "s:evil"],
        vec!["thread", &id],
        vec!["show", &id],
        vec!["status"],
        vec!["query", "--explain", &id],
        vec!["thread", "named@x"],
        vec!["show", "named@x"],
        vec!["series", "named@x"],
        vec!["check", "--no-engine", "named@x"],
    ] {
        let said = user.run(&arguments);
        let colourless = said.out.replace("\u{1b}[m", "");
        for text in [&colourless, &said.err] {
            let clean = text.split('\u{1b}').skip(1).all(|rest| {
                let end = rest.find('m').unwrap_or(0);
                rest.starts_with('[') && rest[1..end.max(1)].chars().all(|c| c.is_ascii_digit() || c == ';')
            });
            let coloured = arguments.contains(&"--color=always");
            assert!(clean && (coloured || !text.contains('\u{1b}')), "{arguments:?}: {text:?}");
            assert!(!text.contains(HARMFUL), "{arguments:?}: {text:?}");
        }
    }
    // JSON carries the text escaped, so that nothing is lost.
    for arguments in [
        vec!["query", "-f", "jsonl", "s:evil"],
        vec!["query", "-f", "json", "s:evil"],
        vec!["show", "-f", "json", "named@x"],
        vec!["thread", "-f", "json", "named@x"],
        vec!["series", "-f", "json", "named@x"],
        vec!["status", "-f", "json"],
        vec!["check", "--no-engine", "-f", "json", "named@x"],
    ] {
        let json = user.run(&arguments).out;
        assert!(!json.contains('\u{1b}') && !json.contains(HARMFUL), "{arguments:?}: {json:?}");
        let values: Result<Vec<serde_json::Value>, _> = serde_json::Deserializer::from_str(&json).into_iter().collect();
        let values = values.unwrap_or_else(|e| panic!("{arguments:?}: {e}: {json}"));
        assert!(!values.is_empty() && json.contains("owned"), "{arguments:?}: {json}");
    }
    // On a pipe a mail is its bytes; on a terminal it is text like any other.
    assert_eq!(user.run(["show", "-f", "raw", "named@x"]).ok().out, named);
    let shown = on_a_terminal(&user, &["--no-pager", "show", "-f", "raw", "named@x"]);
    assert!(shown.contains("owned") && !shown.contains('\u{1b}') && !shown.contains(HARMFUL), "{shown:?}");
    let shown = on_a_terminal(&user, &["--no-pager", "thread", "-f", "mboxrd", "named@x"]);
    assert!(shown.contains("owned") && !shown.contains('\u{1b}') && !shown.contains(HARMFUL), "{shown:?}");
}

/// Nothing that is printed holds these, whatever a mail holds.
const HARMFUL: [char; 11] = [
    '\u{7}',
    '\u{9b}',
    '\u{202e}',
    '\u{85}',
    '\u{7f}',
    '\u{ad}',
    '\u{200b}',
    '\u{2066}',
    '\u{feff}',
    '\u{e0041}',
    '\u{fe0f}',
];

/// What the program writes to a terminal, without the terminal's own line ends.
fn on_a_terminal(user: &User, arguments: &[&str]) -> String {
    let words: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("{} {}", env!("CARGO_BIN_EXE_provenance"), words.join(" "));
    let output = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("PROVENANCE_DATA_DIR", user.path(".local/share/provenance"))
        .env("LC_ALL", "C.UTF-8")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("script(1) of util-linux");
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

#[test]
fn nul_bytes_and_unknown_charsets_are_read() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(mail("nul@x", "nul", &[], "before\0after wordafternul"));
    for charset in ["y", "a", "utf-7", "unknown-8bit", "ansi_x3.4-1968", "gbk", "iso-2022-jp", "koi8-r", "no-such"] {
        let headers = format!("Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8-bit\nFrom:");
        inbox.add(mail(&format!("{charset}@x"), "charset", &[], "plainword").replacen("From:", &headers, 1));
    }
    user.run(["index", "made"]).ok();
    assert_eq!(count(&user, "wordafternul"), 1);
    assert_eq!(count(&user, "plainword"), 9);
}

#[test]
fn a_gz_that_inflates_without_end_is_bounded() {
    let user = User::new();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(b"From a@example.org Wed Mar  1 09:00:00 2023\nSubject: bomb\n\n").unwrap();
    let zeros = vec![b'a'; 1 << 20];
    for _ in 0..200 {
        gz.write_all(&zeros).unwrap();
    }
    gz.write_all(
        format!("\n\nFrom a@example.org Wed Mar  1 09:00:00 2023\n{}", mail("after@x", "after it", &[], "x"))
            .as_bytes(),
    )
    .unwrap();
    user.write("bomb.mbox.gz", gz.finish().unwrap());
    let said = user.run(["index", "bomb.mbox.gz"]).ends(3);
    assert!(said.err.contains("64 MiB"), "{}", said.err);
    assert_eq!(count(&user, "s:\"after it\""), 1);
}

#[test]
fn a_data_directory_that_cannot_be_written_is_an_error() {
    let user = User::new();
    user.write("m.eml", mail("1@x", "a mail", &[], "body"));
    user.write("taken", "a file, no directory");
    let said = user.run(["--data-dir", "taken/data", "index", "m.eml"]).ends(3);
    assert!(said.err.starts_with("error: ") && said.err.contains("hint: "), "{}", said.err);
    // A full disk, as far as a test can have one: a device that takes nothing.
    let said: crate::harness::Said = user
        .command()
        .args(["query", "mech:static-call"])
        .stdout(std::fs::File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap()
        .into();
    let said = said.ends(3);
    assert!(said.err.contains("cannot be written"), "{}", said.err);
}
