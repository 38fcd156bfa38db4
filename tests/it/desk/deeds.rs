//! What the reader does and what is there afterwards: saved searches, endorsements, drafts in a maildir, figures of runs.

use super::{screen, user};
use crate::harness::User;

fn drafts(user: &User) -> Vec<String> {
    let dir = user.path(".local/share/provenance/state/drafts");
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.map(|file| std::fs::read_to_string(file.path()).expect("a draft")).collect()
}

#[test]
fn a_search_is_saved_and_asked_again() {
    let user = user();
    let saved = screen(&user, "80x24", "a S \"adas\" enter wait", &["f:ada"]);
    assert!(saved.contains("adas"), "{saved}");
    let listed = screen(&user, "80x24", "'", &["s:nothing"]);
    assert!(listed.contains("adas") && listed.contains("f:ada"), "{listed}");
    let asked = screen(&user, "80x24", "' enter wait", &["s:nothing"]);
    assert!(asked.contains("query f:ada") && asked.contains("5 hits"), "{asked}");
}

#[test]
fn a_series_is_endorsed_by_an_answer_to_its_cover() {
    let user = user();
    screen(&user, "80x24", "a V wait", &["one@made.example"]);
    let drafts = drafts(&user);
    let [draft] = drafts.as_slice() else { panic!("{drafts:?}") };
    assert!(draft.contains("In-Reply-To: <cover@made.example>"), "{draft}");
    assert!(draft.contains("\nReviewed-by: Eve Example <eve@example.org>\n"), "{draft}");
    assert!(draft.contains("> Two patches.") && !draft.contains("diff --git"), "{draft}");
}

#[test]
fn a_draft_goes_into_a_maildir() {
    let user = user();
    let maildir = user.path("Drafts");
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(maildir.join(part)).expect("a directory");
    }
    let keys = format!("r wait w ctrl-u \"{}\" enter wait", maildir.display());
    screen(&user, "120x40", &keys, &["one@made.example"]);
    let copies: Vec<_> = std::fs::read_dir(maildir.join("cur")).expect("cur").flatten().collect();
    let [copy] = copies.as_slice() else { panic!("{copies:?}") };
    assert!(copy.file_name().to_string_lossy().ends_with(":2,D"), "flagged as a draft: {copy:?}");
    let text = std::fs::read_to_string(copy.path()).expect("the draft");
    assert!(text.contains("In-Reply-To: <one@made.example>"), "{text}");
    assert_eq!(drafts(&user).len(), 1, "the draft itself stays where it was");
    let nowhere = screen(&user, "120x40", "r wait w ctrl-u \"/nowhere/at/all\" enter wait", &["one@made.example"]);
    assert!(nowhere.contains("/nowhere/at/all"), "{nowhere}");
}

#[test]
fn limits_are_taken_back_one_by_one() {
    let user = user();
    let both = screen(&user, "80x24", "l \"is:patch\" enter l \"s:document\" enter wait", &["f:ada"]);
    assert!(both.contains("▸ is:patch ▸ s:document") && both.contains("1 hits"), "{both}");
    let one = screen(&user, "80x24", "l \"is:patch\" enter l \"s:document\" enter q wait", &["f:ada"]);
    assert!(one.contains("▸ is:patch") && !one.contains("s:document") && one.contains("2 hits"), "{one}");
}

#[test]
fn figures_are_bars_beside_what_was_published() {
    let user = user();
    let rows = r#"{"bench":"dispatch","label":"dispatcher N=48, one","unit":"ns/call","median":2.5,"spread":[2.4,2.6],"samples":9,"published":{"value":5.0,"conditions":"xdp-perf","source":"made@example"}}"#;
    let part = format!(r#"{{"rows":[{rows}],"goals":[],"notes":[]}}"#);
    let script = format!("#!/bin/sh\necho '{{\"sample\":{rows}}}'\necho '{{\"outcome\":{part}}}'\n");
    let lab = super::lab::program(&user, "figures", &script);
    let shown = screen(&user, "120x40", ":lab space bpf-dispatcher enter G r wait", &["--lab", &lab, "f:ada"]);
    assert!(shown.contains('▇') && shown.contains("2.50 ns/call"), "{shown}");
    assert!(shown.contains("5 ns/call") && shown.contains("shared machine"), "{shown}");
    let bar = |word: &str| shown.lines().find(|l| l.contains(word)).map_or(0, |l| l.matches('▇').count());
    assert_eq!(bar("published"), 24, "{shown}");
    assert_eq!(bar("2.50 ns/call"), 12, "{shown}");
}

#[test]
fn a_whole_series_is_answered_with_what_the_remarks_need() {
    let user = user();
    let remark =
        "@ j j j i \"why?\" enter wait @ j j j i \"by how much?\" enter wait ] wait @ j j i \"say more\" enter wait";
    for size in ["80x24", "120x40"] {
        let _ = std::fs::remove_dir_all(user.path(".local/share/provenance/state"));
        let shown = screen(&user, size, &format!("{remark} R wait"), &["one@made.example"]);
        insta::assert_snapshot!(format!("answers-{size}"), shown);
    }
    let mut drafts = drafts(&user);
    drafts.sort();
    let [one, two] = drafts.as_slice() else { panic!("{drafts:?}") };
    let body = |text: &str| text.split_once("\n\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    insta::assert_snapshot!("answer-one", body(one));
    insta::assert_snapshot!("answer-two", body(two));
    // Again: nothing twice, and what is new goes to its place.
    let again = screen(&user, "120x40", "@ j j j j j i \"and this\" enter wait R wait ] D", &["one@made.example"]);
    assert!(again.contains("delete this draft") && again.contains("drafts: 2"), "{again}");
    let text = self::drafts(&user).join("\n");
    assert_eq!((text.matches("\nwhy?\n").count(), text.matches("\nand this\n").count()), (1, 1), "{text}");
    let none = screen(&user, "80x24", "R wait", &["late@made.example"]);
    assert!(none.contains("no mail of this thread has a remark"), "{none}");
}
