//! One test for each reason to refuse a file: the error must name the file, the entry, the field and the way out.

use super::super::{Catalogue, CatalogueError};
use proptest::prelude::*;

const HEAD: &str = "slug = \"toy\"\nname = \"toy\"\nsummary = \"A toy.\"\n";
const GOOD: &str = r#"
[[event]]
id = "first"
happened = 2020-01-02
kind = "posting"
text = "It began."
evidence = [{ mail = "a@example.org", date = 2020-01-02 }]
"#;

fn load(body: &str) -> Result<Catalogue, CatalogueError> {
    let text = format!("{HEAD}{body}");
    Catalogue::from_toml([("toy.toml", text.as_str())])
}

fn refused(body: &str) -> String {
    load(body).expect_err("must be refused").to_string()
}

/// The good event with one line changed.
fn with(line: &str, other: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    GOOD.replace(line, other)
}

#[test]
fn a_good_file_loads() {
    let c = load(GOOD).expect("loads");
    assert_eq!(c.events().len(), 1);
    assert_eq!(c.event("first").map(|e| e.recorded().to_string()).as_deref(), Some("2020-01-02"));
}

#[test]
fn no_evidence() {
    let gone = with("evidence = [{ mail = \"a@example.org\", date = 2020-01-02 }]\n", "");
    insta::assert_snapshot!(refused(&gone), @"toy.toml: event first: evidence is missing; give at least one of mail, commit, or url with read");
    let edge = format!("{GOOD}[[edge]]\nfrom = \"first\"\nkind = \"introduces\"\nto = \"toy\"\n");
    insta::assert_snapshot!(refused(&edge), @"toy.toml: edge first introduces toy: evidence is missing; give at least one of mail, commit, or url with read");
}

#[test]
fn evidence_that_points_nowhere_or_everywhere() {
    let e = "evidence = [{ mail = \"a@example.org\", date = 2020-01-02 }]";
    insta::assert_snapshot!(refused(&with(e, "evidence = [{ date = 2020-01-02 }]")), @"toy.toml: event first: evidence: wanted exactly one of mail, commit and url");
    insta::assert_snapshot!(refused(&with(e, "evidence = [{ url = \"https://example.org/\" }]")), @"toy.toml: event first: evidence: url and read go together: the page, and the day by which it had been read");
    insta::assert_snapshot!(refused(&with(e, "evidence = [{ url = \"file:///etc\", read = 2020-01-02 }]")), @"toy.toml: event first: evidence: url must begin with https:// or http://");
    insta::assert_snapshot!(refused(&with(e, "evidence = [{ mail = \"a@example.org\", archive = \"x\" }]")), @"toy.toml: event first: evidence: archive goes with mail and date: that is what can be checked there");
}

#[test]
fn an_edge_to_nowhere() {
    let edge = format!(
        "{GOOD}[[edge]]\nfrom = \"first\"\nkind = \"builds-on\"\nto = \"frist\"\nevidence = [{{ commit = \"0123456\" }}]\n"
    );
    insta::assert_snapshot!(refused(&edge), @"toy.toml: edge first builds-on frist: to names `frist`, which is no event or mechanism; did you mean `first`?");
    insta::assert_snapshot!(refused(&with("text =", "answers = \"last\"\ntext =")), @"toy.toml: event first: answers names `last`, which is no event or mechanism");
    insta::assert_snapshot!(refused(&with("text =", "also = [\"tyo\"]\ntext =")), @"toy.toml: event first: also names `tyo`, which is no event or mechanism; did you mean `toy`?");
}

#[test]
fn duplicates() {
    insta::assert_snapshot!(refused(&format!("{GOOD}{GOOD}")), @"toy.toml: `first` is already an event of toy.toml; choose another name");
    insta::assert_snapshot!(refused(&with("id = \"first\"", "id = \"toy\"")), @"toy.toml: `toy` is already a mechanism; choose another name");
    let other = "slug = \"other\"\nname = \"Other\"\naliases = [\"the Toy\"]\nsummary = \"Another.\"\n";
    let third = "slug = \"third\"\nname = \"the_toy\"\nsummary = \"A third.\"\n";
    let twice = Catalogue::from_toml([("other.toml", other), ("third.toml", third)]);
    insta::assert_snapshot!(twice.expect_err("must be refused"), @"third.toml: `the_toy` is already a name of other; choose another name");
}

#[test]
fn before_what_it_answers_or_fixes() {
    let second = GOOD.replace("first", "second").replace("2020-01-02", "2019-12-31");
    let answer = format!("{GOOD}{}", second.replace("text =", "answers = \"first\"\ntext ="));
    insta::assert_snapshot!(refused(&answer), @"toy.toml: event second: happened 2019-12-31, before first of 2020-01-02, which it answers; correct one of the dates");
    let fix = format!(
        "{GOOD}{second}[[edge]]\nfrom = \"second\"\nkind = \"fixes\"\nto = \"first\"\nevidence = [{{ commit = \"0123456\" }}]\n"
    );
    insta::assert_snapshot!(refused(&fix), @"toy.toml: edge second fixes first: happened 2019-12-31, before first of 2020-01-02, which it fixes; correct one of the dates");
}

#[test]
fn recorded_before_it_could_be_known() {
    insta::assert_snapshot!(refused(&with("kind =", "recorded = 2020-01-01\nkind =")), @"toy.toml: event first: recorded 2020-01-01 is before the day it happened, 2020-01-02; correct one of the dates");
    let later = with("a@example.org\", date = 2020-01-02", "a@example.org\", date = 2020-01-05");
    insta::assert_snapshot!(refused(&later), @"toy.toml: event first: recorded 2020-01-02 is before its earliest evidence, 2020-01-05; correct one of the dates");
}

#[test]
fn a_judgement_without_its_day() {
    let edge = |more: &str| {
        let other = GOOD.replace("first", "second");
        format!("{GOOD}{other}[[edge]]\nfrom = \"first\"\nkind = \"similar-to\"\nto = \"second\"\n{more}\n")
    };
    insta::assert_snapshot!(refused(&edge("evidence = [{ mail = \"b@example.org\", date = 2021-01-01 }]")), @"toy.toml: edge first similar-to second: similar-to is a judgement and counts from the day somebody first wrote it; give recorded, and evidence of that date");
    let elsewhere = "recorded = 2021-01-02\nevidence = [{ mail = \"b@example.org\", date = 2021-01-01 }]";
    insta::assert_snapshot!(refused(&edge(elsewhere)), @"toy.toml: edge first similar-to second: similar-to is a judgement and counts from the day somebody first wrote it; give recorded, and evidence of that date");
    let early = "recorded = 2020-01-01\nevidence = [{ mail = \"b@example.org\", date = 2020-01-01 }]";
    insta::assert_snapshot!(refused(&edge(early)), @"toy.toml: edge first similar-to second: recorded 2020-01-01 is before both ends could be known, 2020-01-02; correct one of the dates");
    let good = "recorded = 2021-01-01\nevidence = [{ mail = \"b@example.org\", date = 2021-01-01 }]";
    assert!(load(&edge(good)).is_ok());
}

#[test]
fn unknown_fields_and_bad_values() {
    insta::assert_snapshot!(refused(&with("kind =", "colour = \"red\"\nkind =")), @"toy.toml:8: event first: unknown field `colour`, expected one of `id`, `happened`, `recorded`, `kind`, `subject`, `authors`, `addresses`, `lists`, `text`, `answers`, `claim`, `to`, `cc`, `files`, `symbols`, `release`, `also`, `evidence`, `figure`");
    insta::assert_snapshot!(refused(&with("happened = 2020-01-02", "happened = 2020-02-30")), @"toy.toml:7: event first: happened: invalid date, expected day between 01 and 29");
    insta::assert_snapshot!(refused(&with("happened = 2020-01-02", "happened = \"2020-01-02\"")), @r#"toy.toml:7: event first: happened: invalid type: string "2020-01-02", expected a TOML datetime"#);
    insta::assert_snapshot!(refused(&with("happened = 2020-01-02", "happened = 2020-01-02T10:00:00")), @"toy.toml:7: event first: happened: `2020-01-02T10:00:00` is not a day; write it as 2019-12-11");
    insta::assert_snapshot!(refused(&with("happened = 2020-01-02\n", "")), @"toy.toml:5: event first: missing field `happened`");
    insta::assert_snapshot!(refused(&with("id = \"first\"", "id = \"First Event\"")), @"toy.toml:6: event First Event: id: `First Event` is not a kebab-case slug such as `static-call-v7`");
    insta::assert_snapshot!(refused(&with("kind = \"posting\"", "kind = \"rumour\"")), @"toy.toml:8: event first: kind: unknown variant `rumour`, expected one of `posting`, `revision`, `merge`, `incident`, `report`, `argument`, `claim`, `talk`, `article`, `measurement`");
    insta::assert_snapshot!(refused(&with("a@example.org", "<a@example.org>")), @"toy.toml:10: event first: evidence: `<a@example.org>` is not a message-id such as `20181006015110.653946300@goodmis.org`, without brackets");
    insta::assert_snapshot!(refused(&with("mail = \"a@example.org\"", "commit = \"zzz\"")), @"toy.toml:10: event first: evidence: `zzz` is not a commit id of 7 to 64 lower-case hex digits");
    insta::assert_snapshot!(refused(&with("text = \"It began.\"", "text = \" \"")), @"toy.toml: event first: text is empty; say in a sentence what happened");
    insta::assert_snapshot!(refused(&with("kind = \"posting\"", "kind = \"claim\"")), @"toy.toml: event first: claim is missing; say who claims it and who disputes it");
    insta::assert_snapshot!(refused("[[event]\n"), @"toy.toml:4: event: unclosed array table, expected `]`");
    let figure = format!("{GOOD}[[event.figure]]\nmeasures = \"size\"\nvalue = nan\nunit = \"bytes\"\n");
    insta::assert_snapshot!(refused(&figure), @"toy.toml: event first: figure is not a finite number; correct it");
}

#[test]
fn symbols_that_end_before_they_begin() {
    let body = "[[symbol]]\nname = \"poke\"\nfrom = 2020-01-02\nuntil = 2020-01-01\n";
    insta::assert_snapshot!(refused(body), @"toy.toml: poke: until 2020-01-01 is before from 2020-01-02; correct one of the dates");
}

#[test]
fn definitions_missing_or_twice() {
    let alone = Catalogue::from_toml([("more.toml", "slug = \"toy\"\n")]).expect_err("must be refused");
    insta::assert_snapshot!(alone, @"more.toml: toy: name is missing, and no other file defines this mechanism; add it, or correct the slug");
    let twice = Catalogue::from_toml([("toy.toml", HEAD), ("more.toml", HEAD)]).expect_err("must be refused");
    insta::assert_snapshot!(twice, @"more.toml: toy: name is given by another file already; leave it out to add to that mechanism");
}

#[test]
fn files_of_a_directory_add_to_the_built_in_ones() {
    let dir = tempfile::tempdir().expect("a directory");
    let none = Catalogue::with_files(&dir.path().join("absent")).expect("an absent directory adds nothing");
    let more = format!("slug = \"static-call\"\naliases = [\"magic call\"]\n{GOOD}");
    std::fs::write(dir.path().join("mine.toml"), more).expect("write");
    std::fs::write(dir.path().join("notes.txt"), "no catalogue").expect("write");
    let c = Catalogue::with_files(dir.path()).expect("loads");
    assert_eq!(c.events().len(), none.events().len() + 1);
    assert_eq!(c.mechanism("magic call").map(|m| m.slug.as_str()), Ok("static-call"));
    assert_eq!(c.event("first").map(|e| e.mechanism.as_str()), Some("static-call"));
    std::fs::write(dir.path().join("mine.toml"), [0xff, 0xfe]).expect("write");
    assert!(matches!(Catalogue::with_files(dir.path()), Err(CatalogueError::Read { .. })));
    std::fs::write(dir.path().join("mine.toml"), "slug = \"static-call\"\nbad = 1\n").expect("write");
    let message = Catalogue::with_files(dir.path()).expect_err("an unknown field").to_string();
    assert!(message.contains("mine.toml:2") && message.contains("`bad`"), "{message}");
}

proptest! {
    #[test]
    fn any_text_is_loaded_or_refused(text in "\\PC{0,400}") {
        let _ = Catalogue::from_toml([("any.toml", text.as_str())]);
    }

    #[test]
    fn a_damaged_file_is_loaded_or_refused_and_an_error_names_it(at in 0usize..400, with in any::<char>()) {
        let text = format!("{HEAD}{GOOD}");
        let damaged: String = text.chars().enumerate().map(|(i, c)| if i == at { with } else { c }).collect();
        match Catalogue::from_toml([("toy.toml", damaged.as_str())]) {
            Ok(c) => prop_assert_eq!(c.events().len(), 1),
            Err(e) => prop_assert!(e.to_string().starts_with("toy.toml"), "{}", e),
        }
    }
}
