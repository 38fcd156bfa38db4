//! What `query` prints beside hits, and where it writes: threads, folders, the page of the query language.

use crate::harness::{Inbox, User, mail, reviewer};
use crate::links::{ADA, BOB, letter};

#[test]
fn threads_are_one_line_each_by_their_last_mail() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(letter("old@x", 1, ADA, "the first thing", None, "needle"));
    inbox.add(letter("new@x", 2, ADA, "Re: the second thing", Some("gone@x"), "needle"));
    inbox.add(letter("a1@x", 20, BOB, "Re: the first thing", Some("old@x"), "hay"));
    inbox.add(letter("a2@x", 21, "Cleo Third <cleo@example.com>", "Re: the first thing", Some("a1@x"), "needle"));
    inbox.add(letter("other@x", 25, BOB, "something else", None, "hay"));
    user.run(["index", "made"]).ok();
    let said = user.run(["query", "needle", "-f", "threads"]).ok();
    let lines: Vec<Vec<&str>> =
        said.out.lines().map(|line| line.split("  ").filter(|w| !w.is_empty()).collect()).collect();
    assert_eq!(lines.len(), 2, "{}", said.out);
    assert_eq!(
        lines[0].iter().map(|word| word.trim()).collect::<Vec<_>>(),
        ["2023-03-21", "[2/3]", "Ada Example, Bob Other, Cleo Third", "the first thing", "a2@x"]
    );
    assert_eq!(lines[1][1].trim(), "[1/1]");
    assert!(said.err.contains("2 of 2 threads; indexed:"), "{}", said.err);
    let turned = user.run(["query", "needle", "-f", "threads", "-r", "-n", "1"]).ok();
    assert!(turned.out.starts_with("2023-03-02") && turned.out.lines().count() == 1, "{}", turned.out);
    let second = user.run(["query", "needle", "-f", "threads", "--offset", "1"]).ok();
    assert!(second.out.starts_with("2023-03-02"), "{}", second.out);
    assert_eq!(user.run(["query", "needle", "-f", "threads", "--count"]).ok().out, "2\n");
    user.run(["query", "nothingofthekind", "-f", "threads", "--exit-code"]).ends(1);
    // With -t, as lei has it, whole threads are hits.
    assert_eq!(user.run(["query", "needle", "-t", "--count"]).ok().out, "4\n");
}

#[test]
fn a_folder_is_what_its_name_says_or_nothing() {
    let user = User::new();
    user.write("in.eml", mail("one@x", "a subject", &[], "text"));
    user.run(["index", "in.eml"]).ok();
    user.run(["query", "s:subject", "-o", "hits.mbox"]).ok();
    let written = std::fs::read_to_string(user.path("hits.mbox")).expect("a file");
    assert!(written.starts_with("From mboxrd@z "), "{written}");
    // A later run adds nothing that is there.
    let again = user.run(["query", "s:subject", "-o", "hits.mbox"]).ok();
    assert!(again.err.contains("0 mails new in hits.mbox"), "{}", again.err);
    user.run(["query", "s:subject", "-o", "box/"]).ok();
    assert_eq!(std::fs::read_dir(user.path("box/new")).expect("a maildir").count(), 1);
    user.run(["query", "s:subject", "-o", "box"]).ok();
    for refused in ["--output=threads", "--output=out/threads", "--output=tar:x", "--output=maildir:"] {
        let said = user.run(["query", "s:subject", refused]).ends(2);
        assert!(said.err.contains("-o maildir:") && said.out.is_empty(), "{}", said.err);
    }
    assert!(!user.path("threads").exists() && !user.path("out").exists());
    // A directory that is none of mails is left alone.
    user.write("papers/note.txt", "x");
    let said = user.run(["query", "s:subject", "-o", "papers"]).ends(2);
    assert!(said.err.contains("papers is a directory, and no maildir"), "{}", said.err);
}

#[test]
fn the_query_language_has_a_page_and_hints_lead_to_it() {
    let user = User::new();
    user.run(["man", "pages"]).ok();
    let page = std::fs::read_to_string(user.path("pages/provenance-search-terms.7")).expect("the page");
    for prefix in ["dfhh:WORDS", "rev:A..B", "trailer:VALUE", "thread:VALUE"] {
        assert!(page.contains(prefix), "{prefix}");
    }
    assert!(std::fs::read_to_string(user.path("pages/provenance-am.1")).expect("it").contains("base\\-commit"));
    let wrong = user.run(["query", "from:ada"]).ends(2);
    assert!(wrong.err.contains("man provenance-search-terms"), "{}", wrong.err);
}

#[test]
fn explain_tells_of_a_minus_that_stands_alone() {
    let user = User::new();
    for query in [&["-word"][..], &["-a", "-b"], &["s:x", "OR", "(-two-words)"], &["thread:{-x}"]] {
        let said = user.run(["query", "--explain", "--"].iter().chain(query)).ok().out;
        assert!(said.contains("where minus signs stand before everything"), "{query:?}\n{said}");
    }
    for query in [&["a", "-b"][..], &["NOT", "a"], &["a-b"]] {
        let said = user.run(["query", "--explain", "--"].iter().chain(query)).ok().out;
        assert!(!said.contains("minus"), "{query:?}\n{said}");
    }
}

#[test]
fn whole_queries_that_name_a_mail_find_it_and_phrases_that_find_nothing_tell_of_their_words() {
    let Some(user) = reviewer() else { return };
    let id = "20190627081334.12793-1-pmladek@suse.com";
    for named in [id.to_owned(), format!("<{id}>"), format!("https://lore.kernel.org/live-patching/{id}/")] {
        let said = user.run(["query", &named, "--count"]).ok();
        assert_eq!(said.out, "1\n", "{named}");
    }
    let said = user.run(["query", "klp transition patch livepatch consistency", "--count"]).ok();
    assert!(said.out == "0\n" && said.err.contains("its words find "), "{}", said.err);
}
