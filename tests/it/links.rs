//! Links on mails of our own making, and on the real archives: what joins versions, which commit came from which mail, who
//! names whom, and how good that is where the mails' own words are hidden.

use crate::harness::{Inbox, User, archives, reviewer};

/// A mail on day `day` of March 2023.
pub fn letter(id: &str, day: u32, from: &str, subject: &str, parent: Option<&str>, body: &str) -> String {
    let parent = parent.map_or_else(String::new, |p| format!("References: <{p}>\nIn-Reply-To: <{p}>\n"));
    format!(
        "From: {from}\nTo: list@lists.example\nDate: {day:02} Mar 2023 10:00:00 +0000\nSubject: {subject}\nMessage-ID: <{id}>\n\
         {parent}List-Id: <made.lists.example>\n\n{body}\n"
    )
}

/// A patch of one file with these added lines, between lines of context.
pub fn patch(message: &str, path: &str, context: &str, added: &[&str]) -> String {
    let lines: String = added.iter().map(|line| format!("+{line}\n")).collect();
    format!(
        "{message}\n\nSigned-off-by: Ada Example <ada@example.org>\n---\n {path} | {n} +\n 1 file changed, {n} insertions(+)\n\n\
         diff --git a/{path} b/{path}\nindex 1111111..2222222 100644\n--- a/{path}\n+++ b/{path}\n\
         @@ -10,2 +10,{total} @@ static void around(void)\n {context}\n{lines} \tend();\n-- \n2.40\n",
        n = added.len(),
        total = added.len() + 2,
    )
    .replace("index 1111111..2222222 100644\n", "")
}

pub const ADA: &str = "Ada Example <ada@example.org>";
pub const BOB: &str = "Bob Other <bob@example.net>";

/// Three versions: the second drops a patch, adds one, splits one and changes one; the third is a partial reroll.
pub fn series(user: &User) -> Inbox {
    let mut inbox = Inbox::new(&user.path("made"));
    let one = ["first_call(alpha);", "second_call(beta);", "third_call(gamma);", "fourth_call(delta);"];
    let two = [
        "walk_table(entries, count);",
        "sort_table(entries, count);",
        "check_table(entries);",
        "print_table(entries);",
        "free_table(entries);",
        "lock_table(entries);",
    ];
    let three = ["gone_for_good(one);", "gone_for_good(two);", "gone_for_good(three);"];
    let (a, b) = two.split_at(3);
    inbox.add(letter("c1@x", 1, ADA, "[PATCH 0/3] engine: make it go", None, "what it is about"));
    inbox.add(letter(
        "c1-1@x",
        1,
        ADA,
        "[PATCH 1/3] engine: call in order",
        Some("c1@x"),
        &patch("why", "e/one.c", "\tstart();", &one),
    ));
    inbox.add(letter(
        "c1-2@x",
        1,
        ADA,
        "[PATCH 2/3] engine: handle tables",
        Some("c1@x"),
        &patch("tables", "e/two.c", "\tstart();", &two),
    ));
    inbox.add(letter(
        "c1-3@x",
        1,
        ADA,
        "[PATCH 3/3] engine: what nobody wants",
        Some("c1@x"),
        &patch("hm", "e/three.c", "\tstart();", &three),
    ));
    let changed = ["first_call(alpha);", "second_call(BETA);", "third_call(gamma);", "fourth_call(delta);"];
    inbox.add(letter("c2@x", 5, ADA, "[PATCH v2 0/4] engine: make it go", None, "what it is about, again"));
    inbox.add(letter(
        "c2-1@x",
        5,
        ADA,
        "[PATCH v2 1/4] engine: a new beginning",
        Some("c2@x"),
        &patch("new", "e/new.c", "\tstart();", &["brand_new(thing);", "brand_new(other);"]),
    ));
    inbox.add(letter(
        "c2-2@x",
        5,
        ADA,
        "[PATCH v2 2/4] engine: call in order",
        Some("c2@x"),
        &patch("why, better", "e/one.c", "\tstart();", &changed),
    ));
    inbox.add(letter(
        "c2-3@x",
        5,
        ADA,
        "[PATCH v2 3/4] engine: handle tables",
        Some("c2@x"),
        &patch("tables", "e/two.c", "\tstart();", a),
    ));
    inbox.add(letter(
        "c2-4@x",
        5,
        ADA,
        "[PATCH v2 4/4] engine: print and free tables",
        Some("c2@x"),
        &patch("tables", "e/two.c", "\tstart();", b),
    ));
    inbox.add(letter(
        "c21-2@x",
        6,
        ADA,
        "[PATCH v2.1 2/4] engine: call in order",
        Some("c2-2@x"),
        &patch("why, better", "e/one.c", "\tstart_now();", &one),
    ));
    inbox
}

#[test]
fn the_robots_mail_links_its_patch_and_its_commit() {
    let user = User::new();
    let mut inbox = series(&user);
    let id = "0123456789abcdef0123456789abcdef01234567";
    let body = format!(
        "The following commit has been merged into the e/core branch of tip:\n\nCommit-ID:     {id}\nGitweb:        https://git.example/{id}\n\
         Author:        Ada Example <ada@example.org>\n\nengine: a new beginning\n\nnew\n\nLink: https://lore.kernel.org/r/c2-1@x\n---\n"
    );
    let robot = "\"tip-bot2 for Ada Example\" <tip-bot2@linutronix.de>";
    inbox.add(letter("tip1@tip-bot2", 20, robot, "[tip: e/core] engine: a new beginning", Some("c2-1@x"), &body));
    user.run(["index", "made"]).ok();
    let said = user.run(["dig", &id[..12]]).ok();
    assert!(said.out.contains("c2-1@x") && said.out.contains("link, 100.0 %"), "{}", said.out);
    assert!(said.out.contains("tip1@tip-bot2"), "{}", said.out);
    let back = user.run(["dig", "c2-1@x", "-f", "json"]).ok();
    let value: serde_json::Value = serde_json::from_str(&back.out).unwrap();
    assert_eq!(value["commits"][0]["commit"], id, "{}", back.out);
    assert_eq!(user.run(["query", "--count", &format!("commit:{}", &id[..10])]).ok().out, "2\n");
    // The patch and its cover letter; no other patch.
    assert_eq!(user.run(["query", "--count", "landed:yes"]).ok().out, "2\n");
    assert!(user.run(["query", "--count", "landed:no"]).ok().out.trim().parse::<u32>().unwrap() >= 8);
}

#[test]
fn masked_ids_are_completed_where_one_mail_alone_fits() {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    inbox.add(letter("20230301100000.1234-1-ada@example.org", 1, ADA, "one", None, "text"));
    inbox.add(letter("twice.20230301@example.org", 1, ADA, "two", None, "text"));
    inbox.add(letter("twice.20230301@example.net", 1, BOB, "three", None, "text"));
    let body = "see https://lore.kernel.org/r/20230301100000.1234-1-ada@xxxxxxxxxxx and\nhttps://lore.kernel.org/r/twice.20230301@xxxxxxxxxxx/";
    inbox.add(letter("cites@x", 2, BOB, "four", None, body));
    user.run(["index", "made"]).ok();
    let said = user.run(["dig", "cites@x"]).ok();
    assert!(said.out.contains("20230301100000.1234-1-ada@example.org (masked)"), "{}", said.out);
    assert!(!said.out.contains("twice"), "{}", said.out);
    let back = user.run(["dig", "20230301100000.1234-1-ada@example.org"]).ok();
    assert!(back.out.contains("named by") && back.out.contains("cites@x"), "{}", back.out);
}

#[test]
fn links_follow_new_and_deleted_mails() {
    let user = User::new();
    let mut inbox = series(&user);
    user.run(["index", "made"]).ok();
    let again = letter("c3@x", 9, ADA, "[PATCH v3 0/1] engine: make it go", None, "third");
    inbox.add(&again);
    inbox.add(letter(
        "c3-1@x",
        9,
        ADA,
        "[PATCH v3 1/1] engine: a new beginning",
        Some("c3@x"),
        &patch("new", "e/new.c", "\tbegin();", &["brand_new(thing);", "brand_new(other);"]),
    ));
    user.run(["index"]).ok();
    assert!(user.run(["series", "c3-1@x"]).ok().out.contains("4 versions"));
    inbox.delete(&again);
    user.run(["index"]).ok();
    let said = user.run(["series", "c1@x"]).ok().out;
    assert!(said.contains("c3-1@x") && !said.contains("   c3@x"), "{said}");
    // Many small runs make many files of facts; at some point the next one holds all.
    for n in 0..14 {
        inbox.add(letter(&format!("more{n}@x"), 10, BOB, "more", None, "text"));
        user.run(["index"]).ok();
    }
    assert_eq!(user.run(["series", "c1@x"]).ok().out, said);
}

/// The file of links of the newest generation.
fn graph(user: &User) -> Vec<u8> {
    let index = std::fs::read_dir(user.path(".local/share/provenance")).expect("data").flatten();
    let index = index.map(|e| e.path()).find(|p| p.join("links").is_dir()).expect("an index");
    let files = std::fs::read_dir(index.join("links")).expect("links").flatten().map(|e| e.path());
    let newest = files.filter(|p| p.extension().is_some_and(|e| e == "graph")).max().expect("a graph");
    said_by(&std::fs::read(newest).expect("the graph"))
}

/// What a file of our own says: its sections, without generation, salt and checksums (index/src/container.rs).
fn said_by(file: &[u8]) -> Vec<u8> {
    let sections = u32::from_le_bytes(file[20..24].try_into().expect("four bytes")) as usize;
    let mut said = file[48..48 + 8 * sections].to_vec();
    for block in file[48 + 8 * sections + 8..].chunks(4_096) {
        said.extend_from_slice(&block[..block.len() - 8]);
    }
    said
}

#[test]
fn talk_leaves_links_as_they_would_be_derived() {
    let user = User::new();
    let mut inbox = series(&user);
    let names = "as said in https://lore.kernel.org/r/later@x and https://lore.kernel.org/r/masked@xxxx\n";
    inbox.add(letter("names@x", 9, BOB, "Re: engine", Some("c1@x"), names));
    user.run(["index", "made"]).ok();
    // Talk in a thread, talk alone, a mail that was named before, an answer to what is missing, one that joins threads, a copy.
    let mails = [
        letter("talk@x", 10, BOB, "Re: [PATCH 0/3] engine: make it go", Some("c1@x"), "words"),
        letter("alone@x", 10, BOB, "a question", None, "words"),
        letter("later@x", 11, BOB, "named before it came", None, "words"),
        letter("masked@y.example", 11, BOB, "named by half", None, "words"),
        letter("lost@x", 12, BOB, "Re: gone", Some("missing@x"), "words"),
        letter("missing@x", 12, BOB, "gone", Some("c1@x"), "found again"),
        letter("talk@x", 13, BOB, "a forged id", None, "words"),
    ];
    let mut kept = 0;
    for mail in mails {
        let before = graph(&user);
        inbox.add(mail);
        user.run(["index"]).ok();
        let now = graph(&user);
        kept += usize::from(before == now);
        user.run(["index", "--rebuild-links"]).ok();
        assert!(graph(&user) == now, "the links differ from those that are derived anew");
    }
    assert!(kept >= 3, "plain talk keeps the links: {kept}");
}

#[test]
fn the_links_of_the_real_archives_are_as_good_as_they_were() {
    let Some(user) = reviewer() else { return };
    assert!(archives().is_some());
    let said = user.run(["__score", "revisions"]).ok().out;
    let number = |after: &str| -> f64 {
        let rest = &said[said.find(after).unwrap_or_else(|| panic!("{after} in {said}")) + after.len()..];
        rest.trim_start().split([' ', ',', '\n']).next().unwrap().parse().unwrap()
    };
    assert!(number("precision") >= 0.98 && number("recall") >= 0.95, "{said}");
    let said = user.run(["__score", "dig"]).ok().out;
    let all = said.lines().find(|line| line.starts_with("all ")).expect("a line of all classes");
    let precision: f64 = all.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(precision >= 0.985, "{said}");
    let postings: Vec<u32> = said
        .lines()
        .find(|line| line.starts_with("postings"))
        .expect("a line of postings")
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|n| n.parse().ok())
        .collect();
    // An answer with a subject of its own and a sign-off counts as a posting, which is one more that is missed; so that this
    // hides nothing, all pairs are held as well.
    assert!(postings[0] >= 59 && postings[0] - postings[1] <= 2, "{said}");
    let pairs = said.lines().find(|line| line.starts_with("pairs")).expect("a line of pairs");
    let pairs: Vec<u32> = pairs.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    assert!(pairs[0] >= 123 && pairs[2] <= 10, "{said}");
}
