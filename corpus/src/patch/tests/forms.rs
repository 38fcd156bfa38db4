//! The forms in which diffs are written, all whole.

use super::*;

const MAIL: &str = "\
Say what holds the site, so that a second claim can be refused.

Signed-off-by: A Body <a@example.org>
---
v2: rename

 kernel/site.c     | 3 ++-
 doc/logo.png      | Bin 0 -> 12 bytes
 2 files changed, 2 insertions(+), 1 deletion(-)
 create mode 100644 doc/logo.png

diff --git a/kernel/site.c b/kernel/site.c
index 1111111..2222222 100644
--- a/kernel/site.c
+++ b/kernel/site.c
@@ -10,3 +10,4 @@ int claim(void)
 \tint held = 0;
-\treturn held;
+\thold(&held);
+\treturn held;
 
base-commit: 0123456789abcdef0123456789abcdef01234567
change-id: 20260101-site-0123456789ab
prerequisite-patch-id: 89abcdef0123456789abcdef0123456789abcdef
prerequisite-message-id: <one@example.org>
prerequisite-change-id: 20250101-other-0123456789ab:v3
-- 
2.47.0
";

#[test]
fn a_mail_from_git_format_patch() {
    insta::assert_snapshot!(outline(MAIL), @r#"
    Git Modified kernel/site.c -> kernel/site.c +2 -1
      10,3 10,4 [int claim(void)]
          10 10 "\tint held = 0;"
        - 11 0 "\treturn held;"
        + 0 11 "\thold(&held);"
        + 0 12 "\treturn held;"
          12 13 ""
    "#);
    let patch = Patch::parse(MAIL).unwrap();
    assert!(
        patch.slice(patch.message).starts_with("Say what") && patch.slice(patch.message).ends_with("example.org>\n")
    );
    assert!(patch.slice(patch.notes).starts_with("v2: rename"));
    let file = &patch.files[0];
    assert_eq!((file.old_blob, file.new_blob, file.new_mode), (Some("1111111"), Some("2222222"), Some(0o100644)));
    assert_eq!((patch.added(), patch.removed()), (2, 1));
    let diffstat = patch.diffstat.as_ref().unwrap();
    assert!(patch.slice(diffstat.span).starts_with(" kernel/site.c") && patch.slice(diffstat.span).ends_with("(-)\n"));
    assert_eq!(
        diffstat.files,
        [
            Stat { path: "kernel/site.c", change: Change::Lines(3) },
            Stat { path: "doc/logo.png", change: Change::Binary }
        ]
    );
    assert_eq!(diffstat.total, Some(Total { files: 2, insertions: 2, deletions: 1 }));
    assert_eq!(patch.base.commit, Some("0123456789abcdef0123456789abcdef01234567"));
    assert_eq!(patch.base.change_id, Some("20260101-site-0123456789ab"));
    assert_eq!(
        patch.base.prerequisites,
        [
            Prerequisite::PatchId("89abcdef0123456789abcdef0123456789abcdef"),
            Prerequisite::MessageId("one@example.org"),
            Prerequisite::ChangeId("20250101-other-0123456789ab:v3")
        ]
    );
    let prose: Vec<_> = patch.prose().collect();
    assert_eq!(prose.len(), 2);
    assert!(prose[1].starts_with("base-commit:"));
}

#[test]
fn git_headers_without_hunks() {
    let text = "\
diff --git a/run b/run
old mode 100644
new mode 100755
diff --git a/two words b/two words
deleted file mode 100644
index e69de29..0000000
diff --git a/old/x.c b/new/y.c
similarity index 97%
rename from old/x.c
rename to new/y.c
index 1234567..89abcde 100644
--- a/old/x.c
+++ b/new/y.c
@@ -1 +1 @@
-a
+b
diff --git a/x b/z
similarity index 100%
copy from x
copy to z
diff --git \"a/\\303\\266\\t.c\" \"b/\\303\\266\\t.c\"
new file mode 100644
index 0000000..1234567
--- /dev/null
+++ \"b/\\303\\266\\t.c\"
@@ -0,0 +1 @@
+x
\\ No newline at end of file
";
    insta::assert_snapshot!(outline(text), @r#"
    Git Modified run -> run +0 -0 mode 100644 -> 100755
    Git Deleted two words -> none +0 -0
    Git Renamed old/x.c -> new/y.c +1 -1
      1,1 1,1 []
        - 1 0 "a"
        + 0 1 "b"
    Git Copied x -> z +0 -0
    Git Added none -> ö	.c +1 -0
      0,0 1,1 []
        + 0 1 "x" (no newline)
    "#);
    let patch = Patch::parse(text).unwrap();
    assert_eq!(patch.files[2].similarity, Some(97));
    assert_eq!(patch.files[1].old_mode, Some(0o100644));
    assert_eq!(patch.added_content(&patch.files[4]).as_deref(), Some("x"));
    assert_eq!(blob_id(b"x\n").to_string(), "587be6b4c3f93f93c489c0111bba5596147a26cb");
}

#[test]
fn binary_files() {
    let text = "\
diff --git a/a.bin b/a.bin
index 1234567..89abcde 100644
Binary files a/a.bin and b/a.bin differ
diff --git a/b.bin b/b.bin
new file mode 100644
index 0000000000000000000000000000000000000000..89abcdef0123456789abcdef0123456789abcdef
GIT binary patch
literal 5
EcmYdH00001

literal 0
HcmV?d00001

diff --git a/c b/c
--- a/c
+++ b/c
@@ -1 +1 @@
-a
+b
";
    insta::assert_snapshot!(outline(text), @r#"
    Git Modified a.bin -> a.bin +0 -0 Named
    Git Added none -> b.bin +0 -0 Literal(5)
    Git Modified c -> c +1 -1
      1,1 1,1 []
        - 1 0 "a"
        + 0 1 "b"
    "#);
}

#[test]
fn plain_diffs_of_every_kind() {
    let text = "\
Index: linux/kernel/a.c
===================================================================
--- linux.orig/kernel/a.c\t2020-01-01 10:00:00.000000000 +0100
+++ linux/kernel/a.c\t2020-01-01 10:00:01.000000000 +0100
@@ -1 +1 @@
-a
+b
diff -uprN old/n.c new/n.c
--- old/n.c  1970-01-01 01:00:00.000000000 +0100
+++ new/n.c  2020-01-01 10:00:00.000000000 +0100
@@ -0,0 +1 @@
+b
--- a/gone.c
+++ /dev/null
@@ -1 +0,0 @@
-b
--- x.c.orig
+++ x.c
@@ -1 +1 @@
-a
+b
";
    insta::assert_snapshot!(outline(text), @r#"
    Unified Modified kernel/a.c -> kernel/a.c +1 -1
      1,1 1,1 []
        - 1 0 "a"
        + 0 1 "b"
    Unified Added none -> n.c +1 -0
      0,0 1,1 []
        + 0 1 "b"
    Unified Deleted gone.c -> none +0 -1
      1,1 0,0 []
        - 1 0 "b"
    Unified Modified x.c.orig -> x.c +1 -1
      1,1 1,1 []
        - 1 0 "a"
        + 0 1 "b"
    "#);
    assert_eq!(Patch::parse(text).unwrap().prose().count(), 0);
}

#[test]
fn prefixes_are_known_or_kept() {
    let names = |header: &str| {
        let text = format!("{header}@@ -1 +1 @@\n-a\n+b\n");
        Patch::parse(&text).unwrap().files[0].path().to_owned()
    };
    assert_eq!(names("diff --git i/x/y w/x/y\n--- i/x/y\n+++ w/x/y\n"), "x/y");
    assert_eq!(names("diff --git x/y x/y\n--- x/y\n+++ x/y\n"), "x/y");
    assert_eq!(names("diff --git kernel/x.c kernel/x.c\n--- kernel/x.c\n+++ kernel/x.c\n"), "kernel/x.c");
    assert_eq!(names("--- kernel/x.c\n+++ kernel/x.c\n"), "kernel/x.c");
    assert_eq!(names("--- ../../etc/passwd\n+++ ../../etc/passwd\n"), "../../etc/passwd");
    assert_eq!(names("--- /dev/null\n+++ b/x/y\n"), "x/y");
}

#[test]
fn quoted_text_and_prose_are_no_patch() {
    for text in [
        "",
        "> diff --git a/x b/x\n> --- a/x\n> +++ b/x\n> @@ -1 +1 @@\n> -a\n> +b\n",
        "diff --git is a command\n@@ look @@\n",
        "diff --git a/x b/x\nsays nothing\n",
        "--- so it goes\n+++ and so on\nno hunk @@ here\n",
        " diff --git a/x b/x\n old mode 100644\n new mode 100755\n",
    ] {
        assert_eq!(outline(text), "no patch\n", "{text}");
    }
}

#[test]
fn a_reply_that_carries_a_patch() {
    let text = "\
> -a
> +b
Better so:

-- >8 --
Subject: site: b is better

---
diff --git a/x b/x
--- a/x
+++ b/x
@@ -1 +1 @@
-a
+b

> @@ -9 +9 @@
> -c
Thanks
";
    let patch = Patch::parse(text).unwrap();
    assert_eq!(patch.slice(patch.message), "Subject: site: b is better\n\n");
    assert_eq!((patch.files.len(), patch.added(), patch.defects.len()), (1, 1, 0));
    assert_eq!(patch.prose().last(), Some("\n> @@ -9 +9 @@\n> -c\nThanks\n"));
}

#[test]
fn crlf_is_the_texts_and_not_the_files() {
    let unix = "diff --git a/x b/x\r\n--- a/x\r\n+++ b/x\r\n@@ -1 +1 @@ f\r\n-a\r\n+b\r\n";
    assert_eq!(outline(unix), outline(&unix.replace('\r', "")));
    let dos_file = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\r\n+b\n";
    assert!(outline(dos_file).contains(r#""a\r""#));
}

#[test]
fn a_merge_is_named_but_not_read() {
    let text = "\
diff --cc kernel/x.c
index 1234567,2345678..3456789
--- a/kernel/x.c
+++ b/kernel/x.c
@@@ -1,2 -1,2 +1,2 @@@
- a
 -b
++c
  d
";
    insta::assert_snapshot!(outline(text), @r"
    Combined Modified kernel/x.c -> kernel/x.c +0 -0
    ! the hunks of a combined diff are not read
    ");
}

#[test]
fn a_diffstat_alone_as_in_a_cover_letter() {
    let cover = "Hello,\n\nbase-commit: 12345678\n a b | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n";
    let diffstat = Diffstat::find(cover).unwrap();
    assert_eq!(diffstat.files, [Stat { path: "a b", change: Change::Lines(2) }]);
    assert_eq!(diffstat.total.unwrap().files, 1);
    assert_eq!(Base::find(cover).commit, Some("12345678"));
    assert_eq!(Diffstat::find(" a | b\n | 3\nor | 4 things\n"), None);
}
