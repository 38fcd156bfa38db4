//! The review desk: whole screens, reached by keys; and the real program in a terminal.

use crate::harness::{Inbox, User, mail};

mod checks;
mod deeds;
mod hostile;
mod lab;
mod reading;
mod terminal;
mod text_map;

const PATCH: &str = "Count what was taken.\n\nThe counter was read before it was written, see\n\
    https://lore.kernel.org/r/cover@made.example for why.\n\nFixes: 0123456789ab (\"x: count\")\n\
    Signed-off-by: Ada Example <ada@example.org>\n---\n kernel/bpf/dispatcher.c | 7 ++++---\n 1 file changed\n\n\
    diff --git a/kernel/bpf/dispatcher.c b/kernel/bpf/dispatcher.c\nindex 1111111..2222222 100644\n\
    --- a/kernel/bpf/dispatcher.c\n+++ b/kernel/bpf/dispatcher.c\n@@ -10,8 +10,9 @@ static int take(struct d *d)\n \
    \tint err;\n \n-\terr = text_poke(d->func, old);\n+\t/* who owns these bytes? */\n\
    +\terr = bpf_arch_text_poke(d->func, old, new);\n \tif (err)\n-\t\treturn 0;\n+\t\treturn err;\n \n \treturn count;\n }\n\
    @@ -40,3 +41,4 @@ static void give(void)\n \tu32 n = 0;\n \n+\tn += 1;\n }\n-- \n2.39\n";

const REPLY: &str = "On Wed, Mar 1, Ada wrote:\n> Count what was taken.\n>\n> The counter was read before it was written, see\n\
    > https://lore.kernel.org/r/cover@made.example for why.\n>\n> > an older line\n> diff --git a/x b/x\n> -\t\treturn 0;\n\
    > +\t\treturn err;\n\nThis changes what callers see.\n\n> \treturn count;\n\nfine\n\nReviewed-by: Ben Example <ben@example.org>\n";

/// A user with a made list: a series of two, an answer, an answer to a mail that is not there.
pub fn user() -> User {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    let subject = |n: u32, what: &str| format!("[PATCH bpf-next v2 {n}/2] {what}");
    inbox.add(mail(
        "cover@made.example",
        &subject(0, "bpf: count what is taken"),
        &[],
        "Two patches.\n\nAda Example (2):\n  one\n  two\n",
    ));
    inbox.add(mail("one@made.example", &subject(1, "bpf: take a nop and count"), &["cover@made.example"], PATCH));
    inbox.add(mail("two@made.example", &subject(2, "bpf: document it"), &["cover@made.example"], "Say it.\n\nSigned-off-by: Ada Example <ada@example.org>\n---\ndiff --git a/Documentation/bpf.rst b/Documentation/bpf.rst\n--- a/Documentation/bpf.rst\n+++ b/Documentation/bpf.rst\n@@ -1 +1,2 @@\n one\n+two\n"));
    inbox.add(mail(
        "re@made.example",
        "Re: [PATCH bpf-next v2 1/2] bpf: take a nop and count",
        &["cover@made.example", "one@made.example"],
        REPLY,
    ));
    inbox.add(mail("late@made.example", "Re: an older matter", &["gone@made.example"], "Yes.\n"));
    user.write(".gitconfig", "[user]\n\tname = Eve Example\n\temail = eve@example.org\n[format]\n\tsignature = eve\n");
    user.run(["index".as_ref(), inbox.dir.as_os_str()]).ok();
    user
}

/// A screen after some keys, as text.
pub fn screen(user: &User, size: &str, keys: &str, arguments: &[&str]) -> String {
    picture(user, "text", size, keys, arguments)
}

pub fn picture(user: &User, form: &str, size: &str, keys: &str, arguments: &[&str]) -> String {
    let mut command = user.command();
    command.env("TERM", "xterm-256color");
    command.args(["review", "--picture", form, "--size", size, "--press", keys]).args(arguments);
    let said: crate::harness::Said = command.output().expect("the program starts").into();
    // Where the user's data lies is told in drafts.
    said.ok().out.replace(&user.path("").display().to_string(), "HOME/")
}

const SIZES: [&str; 3] = ["80x24", "120x40", "200x60"];

#[test]
fn screens() {
    let user = user();
    let scripts = [
        ("find", "", "f:ada"),
        ("find-limit", "l \"is:patch\" enter wait T", "f:ada"),
        ("find-wrong", "f ctrl-u \"(s:x", "f:ada"),
        ("find-nothing", "f ctrl-u \"s:nothinglikethis\" enter", "f:ada"),
        ("find-help", "?", "f:ada"),
        ("thread", "", "one@made.example"),
        ("thread-hunk", "@ wait @ j j", "one@made.example"),
        ("thread-reply", "", "re@made.example"),
        ("thread-quotes", "S", "re@made.example"),
        ("thread-remark", "@ j j j i \"why?\" enter wait x I \"look again\" enter", "one@made.example"),
        ("thread-link", "1 enter wait", "one@made.example"),
        ("thread-files", "F", "one@made.example"),
        ("thread-headers", "h", "one@made.example"),
        ("thread-missing", "tab k", "late@made.example"),
        ("thread-unknown", "", "nobody@made.example"),
        ("thread-menu", "a", "one@made.example"),
        ("thread-apply", "a p", "one@made.example"),
        ("thread-mechanisms", "m", "one@made.example"),
        ("lineage", ":lineage space bpf-dispatcher enter wait", ""),
        ("lab", "b", "one@made.example"),
        ("draft", "r wait", "one@made.example"),
    ];
    for (name, keys, start) in scripts {
        for size in SIZES {
            let start: Vec<&str> = if start.is_empty() { Vec::new() } else { vec![start] };
            // Each screen is seen by somebody who has judged nothing yet.
            let _ = std::fs::remove_dir_all(user.path(".local/share/provenance/state"));
            let shown = screen(&user, size, keys, &start);
            insta::assert_snapshot!(format!("{name}-{size}"), shown);
        }
    }
}

#[test]
fn colours_are_those_of_the_theme_and_none_are_none() {
    let user = user();
    for theme in ["dark", "light", "sixteen", "none"] {
        let shown = picture(&user, "styles", "80x24", "@ wait", &["--theme", theme, "one@made.example"]);
        insta::assert_snapshot!(format!("styles-{theme}"), shown);
        assert_eq!(theme == "none", !shown.contains("fg"), "{shown}");
    }
}

#[test]
fn ascii_alone_is_ascii_alone() {
    let user = user();
    for keys in ["", "? wait", "enter wait", ":lineage space ftrace enter wait", "b"] {
        let shown = screen(&user, "100x30", keys, &["--ascii"]);
        assert!(shown.is_ascii(), "{shown}");
    }
}

#[test]
fn a_fresh_machine_has_something_true_to_show() {
    let user = User::new();
    let shown = screen(&user, "120x40", "", &[]);
    assert!(shown.contains("built-in archive"), "{shown}");
    let patch = screen(&user, "120x40", "f \"s:conflicts\" enter wait enter wait @", &[]);
    assert!(patch.contains("core: conflicts"), "{patch}");
    let series = screen(&user, "120x40", "f \"s:crowded\" enter wait enter wait ] wait", &[]);
    assert!(series.contains("4 mails") && series.contains("1/3 core: parked threads sleep"), "{series}");
    let checked = screen(&user, "120x40", "f \"s:conflicts\" enter wait enter wait c wait", &[]);
    assert!(checked.contains("5 rules; "), "{checked}");
    let event = screen(&user, "120x40", "f \"mech:bpf-dispatcher\" enter wait G enter wait", &[]);
    assert!(event.contains("lineage:"), "{event}");
    assert!(user.path(".local/share/provenance/built-in").is_dir());
    // What is indexed later takes its place.
    let said = user.run(["query", "--count", "mail_only"]).ok();
    assert_eq!(said.out.trim(), "0", "the built-in archive is no source of query");
}

#[test]
fn verdicts_survive_and_are_exported() {
    let user = user();
    screen(
        &user,
        "100x30",
        "@ j j j i \"why?\" enter x I \"look again\" enter t \"todo\" enter wait",
        &["one@made.example"],
    );
    let again = screen(&user, "100x30", ". wait", &["one@made.example"]);
    assert!(again.contains("╰ why?") && again.contains("note: look again") && again.contains('✓'), "{again}");
    let path = user.path("export.json").display().to_string();
    let keys = format!("a x ctrl-u {} enter wait", path);
    screen(&user, "100x30", &keys, &["one@made.example"]);
    let export: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("exported")).expect("it is JSON");
    assert_eq!(export["format"], 1);
    assert_eq!(export["reviewed"][0], "one@made.example");
    assert_eq!(export["tags"]["one@made.example"][0], "todo");
}

#[test]
fn a_series_is_written_as_git_am_takes_it() {
    if !crate::harness::needs("git") {
        return;
    }
    let user = user();
    let path = user.path("series.mbox");
    screen(&user, "100x30", &format!("w ctrl-u {} enter wait", path.display()), &["one@made.example"]);
    let split = user.path("split");
    std::fs::create_dir(&split).expect("a directory");
    let out = std::process::Command::new("git")
        .args(["mailsplit", "--mboxrd", &format!("-o{}", split.display())])
        .arg(&path)
        .output()
        .expect("git starts");
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "2", "two patches, without the cover letter");
    let first = std::fs::read_to_string(split.join("0001")).expect("there");
    assert!(first.contains("Message-ID: <one@made.example>"), "{first}");
    // A file that is there is not overwritten.
    let shown = screen(&user, "100x30", &format!("w ctrl-u {} enter wait", path.display()), &["one@made.example"]);
    assert!(shown.contains("not overwritten"), "{shown}");
}

#[test]
fn a_draft_is_a_file_and_threads() {
    let user = user();
    let shown = screen(&user, "120x40", "@ j j j i \"why?\" enter wait r wait", &["one@made.example"]);
    assert!(shown.contains("mutt -H"), "{shown}");
    let narrow = screen(&user, "80x24", "d wait a d enter wait", &[]);
    assert!(narrow.contains("mutt -H"), "{narrow}");
    let drafts = user.path(".local/share/provenance/state/drafts");
    let files: Vec<_> = std::fs::read_dir(&drafts).expect("drafts").flatten().collect();
    assert_eq!(files.len(), 1);
    let text = std::fs::read_to_string(files[0].path()).expect("a draft");
    for line in [
        "From: Eve Example <eve@example.org>",
        "To: Ada Example <ada@example.org>",
        "Cc: list@lists.example",
        "Subject: Re: [PATCH bpf-next v2 1/2] bpf: take a nop and count",
        "In-Reply-To: <one@made.example>",
        "References: <cover@made.example>",
        "why?",
        "-- ",
        "eve",
    ] {
        assert!(text.lines().any(|l| l == line), "`{line}` is not in\n{text}");
    }
    let asked = text.find("\nwhy?\n").expect("the remark");
    assert!(text[..asked].ends_with("> -\terr = text_poke(d->func, old);\n"), "{text}");
    // Back with a draft says that it is kept; the next desk has it.
    let back = screen(&user, "120x40", "r wait q", &["two@made.example"]);
    assert!(back.contains("the draft is kept: mutt -H"), "{back}");
    assert!(screen(&user, "120x40", "", &[]).contains("drafts: 2"));
}

#[test]
fn keys_come_from_a_file() {
    let user = user();
    user.write(".config/provenance/keys.toml", "preset = \"mutt\"\n[find]\n\"Z\" = \"help\"\n");
    assert!(screen(&user, "80x24", "Z", &[]).contains("keys; any other key closes"));
    let listed = user.run(["review", "--keys"]).ok().out;
    assert!(listed.contains("\"=\" = \"first\""), "{listed}");
    user.write(".config/provenance/keys.toml", "[find]\n\"Z\" = \"fly\"\n");
    let said = user.run(["review", "--keys"]).ends(2);
    assert!(said.err.contains("there is no action `fly`"), "{}", said.err);
}

#[test]
fn without_a_terminal_it_says_so() {
    let said = User::new().run(["review"]).ends(2);
    assert!(said.err.contains("needs a terminal"), "{}", said.err);
}
