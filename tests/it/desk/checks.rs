//! Checks, series and revision diffs on the desk.

use super::{SIZES, picture, screen};
use crate::harness::{Inbox, User, mail};

/// A patch that writes over the entry of a function of its own.
const TAKES: &str = "Take it.\n\nSigned-off-by: Ada Example <ada@example.org>\n---\n\
    diff --git a/kernel/bpf/taker.c b/kernel/bpf/taker.c\nnew file mode 100644\n--- /dev/null\n+++ b/kernel/bpf/taker.c\n\
    @@ -0,0 +1,8 @@\n+int busy(void)\n+{\n+\treturn 0;\n+}\n+int attach(void *to)\n+{\n\
    +\treturn bpf_arch_text_poke(&busy, BPF_MOD_JUMP, NULL, to);\n+}\n-- \n2.39\n";

fn patch(message: &str, old: &str, new: &str, file: &str) -> String {
    format!(
        "{message}\n\nSigned-off-by: Ada Example <ada@example.org>\n---\ndiff --git a/kernel/{file} b/kernel/{file}\n\
         --- a/kernel/{file}\n+++ b/kernel/{file}\n@@ -10,4 +10,4 @@ static int take(struct d *d)\n \tint err;\n \n-\t{old}\n+\t{new}\n \treturn err;\n-- \n2.39\n"
    )
}

/// A user with a series in three versions: one patch stays, one changes, one is dropped and one comes.
fn user() -> User {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    for (version, date) in [(1, "Wed, 4 Mar 2020"), (2, "Wed, 11 Mar 2020"), (3, "Wed, 18 Mar 2020")] {
        let v = if version == 1 { String::new() } else { format!(" v{version}") };
        let cover = format!("cover{version}@made.example");
        let mut add = |id: &str, subject: String, references: &[&str], body: &str| {
            inbox.add(mail(id, &subject, references, body).replacen("Wed, 1 Mar 2023", date, 1));
        };
        add(&cover, format!("[PATCH{v} 0/3] made: take turns"), &[], "Three patches.\n");
        let same = patch("Keep the first.", "err = one(d, first_argument);", "err = one(d, second_argument);", "one.c");
        add(&format!("one{version}@made.example"), format!("[PATCH{v} 1/3] made: keep the first"), &[&cover], &same);
        let change = ["err = two(d);", "err = two(d, early);", "err = two(d, late);"][version - 1];
        let changed = patch("Change the second.", "err = plain_two(d->very_long_name, 0);", change, "two.c");
        add(
            &format!("two{version}@made.example"),
            format!("[PATCH{v} 2/3] made: change the second"),
            &[&cover],
            &changed,
        );
        if version < 3 {
            let gone = patch("Drop the third.", "err = three(d, and_more);", "err = three(d, and_less);", "three.c");
            add(
                &format!("three{version}@made.example"),
                format!("[PATCH{v} 3/3] made: drop the third"),
                &[&cover],
                &gone,
            );
        } else {
            add(
                "four3@made.example",
                format!("[PATCH{v} 3/3] made: add a fourth"),
                &[&cover],
                &patch("Add a fourth.", "none = 0;", "fourth = some(other, thing);", "four.c"),
            );
        }
    }
    inbox.add(
        mail(
            "remark@made.example",
            "Re: [PATCH v2 1/3] made: keep the first",
            &["cover2@made.example", "one2@made.example"],
            "On Wed, Ada wrote:\n> +\terr = one(d, second_argument);\n\nwhat if the second argument is no argument?\n",
        )
        .replacen("Wed, 1 Mar 2023", "Thu, 12 Mar 2020", 1)
        .replacen("Ada Example <ada@example.org>", "Ben Example <ben@example.org>", 1),
    );
    inbox.add(mail("takes@made.example", "[PATCH] bpf: take it", &[], TAKES).replacen(
        "Wed, 1 Mar 2023",
        "Mon, 2 Mar 2020",
        1,
    ));
    user.write(".gitconfig", "[user]\n\tname = Eve Example\n\temail = eve@example.org\n");
    user.run(["index".as_ref(), inbox.dir.as_os_str()]).ok();
    user
}

#[test]
fn a_series_is_a_table_of_fates() {
    let user = user();
    for size in SIZES {
        insta::assert_snapshot!(format!("series-{size}"), screen(&user, size, "v wait", &["two3@made.example"]));
    }
    let size = "80x24";
    insta::assert_snapshot!("series-dropped", screen(&user, size, "v wait j j", &["two3@made.example"]));
    insta::assert_snapshot!("series-remarks", screen(&user, size, "v wait", &["one3@made.example"]));
    insta::assert_snapshot!("series-diff", screen(&user, size, "v wait d wait", &["two3@made.example"]));
    insta::assert_snapshot!("series-diff-whole", screen(&user, size, "v wait g d wait", &["two3@made.example"]));
    insta::assert_snapshot!("thread-diff", screen(&user, size, "d wait", &["two2@made.example"]));
    let opened = screen(&user, size, "v wait h enter wait", &["two3@made.example"]);
    assert!(opened.contains("find ▸ thread ▸ series ▸ thread") && opened.contains("v2 2/3"), "{opened}");
    let first = screen(&user, size, "v wait h h d", &["two3@made.example"]);
    assert!(first.contains("there is no indexed version before v1"), "{first}");
    let remark = screen(&user, size, "v wait tab enter wait", &["one3@made.example"]);
    assert!(remark.contains("what if the second argument"), "{remark}");
    let answer = screen(&user, size, "v wait", &["remark@made.example"]);
    assert!(answer.contains("v3") && answer.contains("2/3"), "an answer leads to the series: {answer}");
    let other = User::new();
    let mut inbox = Inbox::new(&other.path("made"));
    inbox.add(mail("talk@made.example", "a question", &[], "How?\n"));
    other.run(["index".as_ref(), inbox.dir.as_os_str()]).ok();
    let none = screen(&other, size, "v wait", &["talk@made.example"]);
    assert!(none.contains("neither a patch nor a cover letter, nor a reply to one"), "{none}");
}

#[test]
fn findings_stand_beside_their_lines_and_lead_on() {
    let user = user();
    for size in SIZES {
        insta::assert_snapshot!(format!("checks-{size}"), screen(&user, size, "c wait", &["one3@made.example"]));
    }
    let takes = screen(&user, "120x60", "c wait", &["takes@made.example"]);
    assert!(takes.contains("warning[ownership] takes five bytes that ftrace records"), "{takes}");
    assert!(takes.contains("▌") && takes.contains("return bpf_arch_text_poke(&busy"), "{takes}");
    assert!(takes.contains("the silent one"), "the scenario ran: {takes}");
    let small = screen(&user, "80x24", "c wait", &["takes@made.example"]);
    assert!(small.contains("▌"), "the line that it is about is in sight: {small}");
    let lab = screen(&user, "120x60", "c wait / \"zz\" enter j j j j enter wait", &["takes@made.example"]);
    assert!(lab.contains("▸ lab") && lab.contains("ftrace"), "{lab}");
    let marked = screen(&user, "120x40", "enter wait c wait q q wait", &["dfn:kernel/bpf/taker.c"]);
    assert!(marked.lines().any(|line| line.contains("bpf: take it") && line.starts_with("  !")), "{marked}");
    let nothing = screen(&user, "80x24", "c wait", &["cover3@made.example"]);
    assert!(nothing.contains("there is no patch in this mail"), "{nothing}");
}

#[test]
fn a_finding_goes_into_a_reply_and_can_be_dismissed() {
    let user = user();
    let draft = screen(&user, "120x60", "c wait y wait", &["takes@made.example"]);
    assert!(draft.contains("▸ draft"), "{draft}");
    let again = screen(&user, "120x60", "c wait y wait", &["takes@made.example"]);
    assert!(again.contains("drafts: 1"), "the draft that is there takes it: {again}");
    let dir = user.path(".local/share/provenance/state/drafts");
    let drafts: Vec<_> = std::fs::read_dir(dir).expect("drafts").flatten().collect();
    let [file] = drafts.as_slice() else { panic!("{drafts:?}") };
    let text = std::fs::read_to_string(file.path()).expect("the draft");
    assert_eq!(
        text.matches("takes five bytes that ftrace records").count(),
        1,
        "what is there is not put there again: {text}"
    );
    let said = text.find("This takes five bytes").expect("the finding");
    assert!(text[..said].trim_end().ends_with("BPF_MOD_JUMP, NULL, to);"), "below its line: {text}");
    let remarked = screen(&user, "120x60", "@ j j i \"and this?\" enter wait r wait", &["takes@made.example"]);
    assert!(remarked.contains("drafts: 1"), "{remarked}");
    let text = std::fs::read_to_string(file.path()).expect("the draft");
    assert!(text.contains("and this?") && text.contains("takes five bytes"), "{text}");
    let asked = screen(&user, "120x60", "r wait D", &["takes@made.example"]);
    assert!(asked.contains("delete this draft") && asked.contains("Ctrl-y does it"), "{asked}");
    let gone = screen(&user, "120x60", "r wait D ctrl-y wait", &["takes@made.example"]);
    assert!(gone.contains("the draft is deleted") && !gone.contains("drafts:") && !file.path().exists(), "{gone}");
    assert!(text.contains("In-Reply-To: <takes@made.example>"), "{text}");

    let dismissed = screen(&user, "120x60", "c wait x \"ours by agreement\" enter wait", &["takes@made.example"]);
    assert!(dismissed.contains("dismissed: ours by agreement"), "{dismissed}");
    let said = user.run(["check", "takes@made.example"]);
    assert!(!said.out.contains("takes five bytes") && said.out.contains("1 dismissed"), "{}", said.out);
    screen(&user, "120x60", "c wait x ctrl-u enter wait", &["takes@made.example"]);
    user.run(["check", "takes@made.example"]).ends(1);
}

#[test]
fn the_new_screens_have_no_colour_without_colour_and_ascii_alone() {
    let user = user();
    for keys in ["c wait", "v wait", "d wait"] {
        let plain = picture(&user, "styles", "80x24", keys, &["--theme", "none", "one3@made.example"]);
        assert!(!plain.contains("fg"), "{plain}");
        let ascii = screen(&user, "100x30", keys, &["--ascii", "one3@made.example"]);
        assert!(ascii.is_ascii(), "{ascii}");
    }
}
