//! What a reader has to see: whole names, who is a list, both sides' line numbers, why a page is blank, what a key wants.

use super::{picture, screen, user};
use crate::harness::{Inbox, User, mail};

const SIZES: [&str; 2] = ["80x24", "120x40"];

const LONG: &str = "Long lines.\n\nSigned-off-by: Ada Example <ada@example.org>\n---\ndiff --git a/long.c b/long.c\n--- a/long.c\n+++ b/long.c\n\
    @@ -98,4 +198,4 @@ static int take(struct d *d)\n \tint err;\n-\terr = first_of_the_old(a_rather_long_argument, another_long_argument, the_end_of_the_old);\n\
    +\terr = first_of_the_new(a_rather_long_argument, another_long_argument, the_end_of_the_new);\n \treturn err;\n";

/// A user whose list has long names, many recipients, slides, an empty one, and long lines.
fn crowded() -> User {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("crowd"));
    let people = "Cc: Steven Rostedt <r@example.org>, Arnaldo Carvalho de Melo <a@example.org>,\n Masami Hiramatsu <m@example.org>, \
        Peter Zijlstra <p@example.org>,\n Josh Poimboeuf <j@example.org>, Petr Mladek <pm@example.org>,\n Mark Rutland <mr@example.org>, \
        Björn Töpel <b@example.org>,\n Ben Example <ben@example.org>, bpf@vger.kernel.org,\n live-patching@vger.kernel.org\n";
    let long = mail("long@made.example", "[PATCH] long: lines that are longer than the pane", &[], LONG);
    let long = long.replacen("From: Ada Example", "From: Bartholomäus Wolfeschlegelsteinhausen von Bergerdorff", 1);
    inbox.add(long.replacen("Subject:", &format!("{people}Subject:"), 1));
    let slides = mail("slides@made.example", "Re: only slides", &["long@made.example"], "JVBERi0xLjQK\n");
    let kind = "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\nSubject:";
    inbox.add(slides.replacen("Subject:", kind, 1));
    inbox.add(mail("empty@made.example", "Re: nothing", &["long@made.example"], ""));
    user.write(".gitconfig", "[user]\n\tname = Eve Example\n\temail = eve@example.org\n");
    user.run(["index".as_ref(), inbox.dir.as_os_str()]).ok();
    user
}

#[test]
fn names_recipients_and_both_sides_are_whole() {
    let user = crowded();
    for size in SIZES {
        let _ = std::fs::remove_dir_all(user.path(".local/share/provenance/state"));
        insta::assert_snapshot!(format!("crowd-find-{size}"), screen(&user, size, "", &["d:1970.."]));
        let thread = screen(&user, size, "", &["long@made.example"]);
        assert!(thread.contains("lists bpf@vger.kernel.org"), "{thread}");
        insta::assert_snapshot!(format!("crowd-thread-{size}"), thread);
        insta::assert_snapshot!(format!("crowd-hunk-{size}"), screen(&user, size, "z @", &["long@made.example"]));
        let shifted = screen(&user, size, "z @ > > > >", &["long@made.example"]);
        assert!(shifted.contains("the_end_of_the_new);"), "{shifted}");
        insta::assert_snapshot!(format!("crowd-sideways-{size}"), shifted);
        let back = screen(&user, size, "z @ > > > > < < < <", &["long@made.example"]);
        assert!(!back.contains("the_end_of_the_new);") || size != "80x24", "{back}");
        assert_eq!(back.contains('↪'), screen(&user, size, "z @", &["long@made.example"]).contains('↪'));
    }
}

#[test]
fn what_is_blank_or_missing_says_why() {
    let user = crowded();
    for (name, keys, mail, says) in [
        ("slides", "", "slides@made.example", "no plain text; it holds application/pdf"),
        ("empty", "", "empty@made.example", "The text of this mail is empty."),
        ("no-image", "M wait", "long@made.example", "provenance index --image VMLINUX"),
    ] {
        for size in SIZES {
            let shown = screen(&user, size, keys, &[mail]);
            let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(says), "{shown}");
            insta::assert_snapshot!(format!("blank-{name}-{size}"), shown);
        }
    }
    let none = screen(&user, "80x24", "'", &["d:1970.."]);
    assert!(none.contains("no search is saved; :save NAME"), "{none}");
}

#[test]
fn the_row_is_the_brightest_in_every_theme() {
    let user = user();
    for theme in ["dark", "light", "sixteen", "none"] {
        let _ = std::fs::remove_dir_all(user.path(".local/share/provenance/state"));
        let shown = picture(&user, "styles", "80x24", "enter wait q j", &["--theme", theme, "f:ada"]);
        insta::assert_snapshot!(format!("find-styles-{theme}"), shown);
        // What is unread is told by a mark as well.
        assert_eq!(shown.lines().filter(|l| l.starts_with('•')).count(), 4, "{shown}");
    }
    let plain = picture(&user, "text", "80x24", "", &["f:ada"]);
    assert!(plain.contains('•'), "{plain}");
}

#[test]
fn commands_are_completed_and_queries_remembered() {
    let user = user();
    let last =
        |keys: &str| screen(&user, "80x24", keys, &["f:ada"]).trim_end().lines().last().unwrap_or_default().to_owned();
    assert_eq!(last(": \"linea\" tab").trim(), ":lineage");
    assert_eq!(last(": \"lineage bpf-d\" tab").trim(), ":lineage bpf-dispatcher");
    let offered = screen(&user, "80x24", ": \"sav\" tab", &["f:ada"]);
    assert!(offered.contains("save  saved"), "{offered}");
    assert!(screen(&user, "80x24", ": \"zzz\" tab", &["f:ada"]).contains("nothing begins so"));
    let two = "f ctrl-u \"s:one\" enter wait f ctrl-u \"s:two\" enter wait f ctrl-u \"s:thr\"";
    assert_eq!(last(&format!("{two} up")).trim(), "query: s:two");
    assert_eq!(last("f up up").trim(), "query: s:one", "and they outlive the desk");
    assert_eq!(last("f ctrl-u \"s:now\" up down").trim(), "query: s:now");
    screen(&user, "80x24", ": \"save adas\" enter wait", &["f:ada"]);
    let again = screen(&user, "80x24", ": \"saved a\" tab enter wait", &["s:nothing"]);
    assert!(again.contains("query f:ada"), "{again}");
    screen(&user, "80x24", ": \"forget adas\" enter wait", &["s:nothing"]);
    assert!(screen(&user, "80x24", "'", &["f:ada"]).contains("no search is saved"));
}

#[test]
fn answers_stand_under_the_lines_that_they_quote() {
    let user = user();
    for size in SIZES {
        let folded = screen(&user, size, "@ @ , ,", &["one@made.example"]);
        assert!(folded.contains("├ Ada Example: This changes what callers see."), "{folded}");
        insta::assert_snapshot!(format!("voices-{size}"), screen(&user, size, "@ @ V", &["one@made.example"]));
        let one = screen(&user, size, "@ . enter", &["one@made.example"]);
        assert!(one.contains("│ This changes what callers see.") && !one.contains("│ fine"), "{one}");
    }
}

#[test]
fn a_search_finds_what_is_drawn() {
    let user = user();
    let remark = screen(&user, "100x30", "@ j j j i \"zebra\" enter wait g / \"zebra\" enter", &["one@made.example"]);
    assert!(remark.contains("╰ zebra"), "{remark}");
    let found = picture(&user, "styles", "80x24", "/ \"2023-03\" enter", &["f:ada"]);
    assert!(!found.contains("no other match"), "{found}");
    let none = screen(&user, "80x24", "/ \"zebra\" enter", &["f:ada"]);
    assert!(none.contains("no other match for zebra"), "{none}");
}
