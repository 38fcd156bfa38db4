//! Damage done on the way, and what is kept.

use super::*;

fn diff(hunk: &str) -> String {
    format!("diff --git a/x b/x\n--- a/x\n+++ b/x\n{hunk}")
}

#[test]
fn a_wrapped_line_loses_its_rest() {
    insta::assert_snapshot!(outline(&diff("@@ -1,2 +1,2 @@\n-a long\nline\n+b\n c\n")), @r#"
    Git Modified x -> x +1 -1
      1,2 1,2 []
        - 1 0 "a long"
        + 0 1 "b"
          2 2 "c"
    ! a mailer wrapped a line of the diff
    "#);
}

#[test]
fn a_wrapped_first_line() {
    let text = "diff --git a/long/name.c\nb/long/name.c\nindex 1234567..2345678 100644\n--- a/long/name.c\n+++ b/long/name.c\n@@ -1 +1 @@\n-a\n+b\n";
    insta::assert_snapshot!(outline(text), @r#"
    Git Modified long/name.c -> long/name.c +1 -1
      1,1 1,1 []
        - 1 0 "a"
        + 0 1 "b"
    ! a mailer wrapped the first line of a diff
    "#);
}

#[test]
fn stripped_blanks_are_context() {
    insta::assert_snapshot!(outline(&diff("@@ -1,4 +1,4 @@\n a\n\n-b\n+c\n\n-- \n2.47.0\n")), @r#"
    Git Modified x -> x +1 -1
      1,4 1,4 []
          1 1 "a"
          2 2 ""
        - 3 0 "b"
        + 0 3 "c"
          4 4 ""
    ! a mailer stripped trailing blanks from the diff
    "#);
}

#[test]
fn a_cut_hunk_gives_its_blanks_and_its_signature_back() {
    let cut = diff("@@ -1,9 +1,9 @@\n-a\n+b\n\n\nThanks,\nA\n");
    insta::assert_snapshot!(outline(&cut), @r#"
    Git Modified x -> x +1 -1
      1,9 1,9 []
        - 1 0 "a"
        + 0 1 "b"
    ! the diff is cut short
    "#);
    assert_eq!(Patch::parse(&cut).unwrap().prose().last(), Some("\n\nThanks,\nA\n"));
    let signed = diff("@@ -1,9 +1,9 @@\n-a\n+b\n-- \n2.47.0\n");
    assert_eq!(Patch::parse(&signed).unwrap().prose().last(), Some("-- \n2.47.0\n"));
    let next = diff("@@ -1,9 +1,9 @@\n-a\n+b\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n");
    assert_eq!(Patch::parse(&next).unwrap().files.len(), 2);
}

#[test]
fn lines_that_look_like_headers_are_removed_lines_where_they_are_promised() {
    insta::assert_snapshot!(outline(&diff("@@ -1,3 +1,2 @@\n x\n--- a\n+++ b\n-- \n@@ -9 +9 @@\n-p\n+q\n")), @r#"
    Git Modified x -> x +2 -3
      1,3 1,2 []
          1 1 "x"
        - 2 0 "-- a"
        + 0 2 "++ b"
        - 3 0 "- "
      9,1 9,1 []
        - 9 0 "p"
        + 0 9 "q"
    "#);
}

#[test]
fn wrong_counts() {
    insta::assert_snapshot!(outline(&diff("@@ -1,1 +1,1 @@\n-a\n+b\n+c\n d\n\n- not this\n")), @r#"
    Git Modified x -> x +2 -1
      1,1 1,1 []
        - 1 0 "a"
        + 0 1 "b"
        + 0 2 "c"
          2 3 "d"
    ! the hunk does not have as many lines as its header says
    "#);
    insta::assert_snapshot!(outline(&diff("@@ -1,1 +1,5 @@\n-a\n-b\n+c\n@@ -9 +9 @@\n-p\n+q\n")), @r#"
    Git Modified x -> x +2 -3
      1,1 1,5 []
        - 1 0 "a"
        - 2 0 "b"
        + 0 1 "c"
      9,1 9,1 []
        - 9 0 "p"
        + 0 9 "q"
    ! the hunk does not have as many lines as its header says
    ! the diff is cut short
    "#);
}

#[test]
fn a_hunk_header_made_by_hand() {
    insta::assert_snapshot!(outline(&diff("@@ around line 3 @@\n a\n-b\n+c\n\nand so on\n")), @r#"
    Git Modified x -> x +1 -1
      0,0 0,0 []
          1 1 "a"
        - 2 0 "b"
        + 0 2 "c"
    ! the hunk header cannot be read
    "#);
}

#[test]
fn a_header_shortened_by_hand() {
    insta::assert_snapshot!(outline("diff --git a/x b/x\n@@ -1 +1 @@\n-a\n+b\n"), @r#"
    Git Modified x -> x +1 -1
      1,1 1,1 []
        - 1 0 "a"
        + 0 1 "b"
    ! the diff has no --- and +++ lines
    "#);
}

#[test]
fn numbers_without_measure() {
    let text = diff("@@ -4294967295,4294967295 +4294967295,4294967295 @@\n a\n b\n+c\n@@ -99999999999 +1 @@\n x\n");
    let patch = Patch::parse(&text).unwrap();
    assert_eq!(patch.all_hunks().len(), 2);
    assert_eq!(patch.all_lines()[1].old, u32::MAX);
}

#[test]
fn cut_binary_data() {
    for text in [
        "diff --git a/x b/x\nindex 1234..5678\nGIT binary patch\nliteral 5\nEcmYdH00001\n",
        "diff --git a/x b/x\nindex 1234..5678\nGIT binary patch\nliteral 5\nMcmYd\n\n",
        "diff --git a/x b/x\nindex 1234..5678\nGIT binary patch\n",
    ] {
        let patch = Patch::parse(text).unwrap();
        assert!(matches!(patch.defects[..], [Defect::Truncated { .. }]), "{text}");
        assert!(patch.files[0].binary.is_some());
    }
}

#[test]
fn defects_are_bounded() {
    let text = diff(&format!("@@ -1,90000 +1,90000 @@\n{}", " a\nb\n".repeat(5000)));
    assert_eq!(Patch::parse(&text).unwrap().defects.len(), MAX_DEFECTS);
}
