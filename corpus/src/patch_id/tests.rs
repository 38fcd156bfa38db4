use super::*;
use proptest::prelude::*;
use std::io::Write;
use std::process::{Command, Stdio};

/// What git says; `None` where there is no git and that is allowed.
fn git(input: &[u8]) -> Option<Vec<String>> {
    let spawned = Command::new("git")
        .args(["patch-id", "--stable"])
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if std::env::var_os("CI").is_some() => panic!("git is wanted in CI: {error}"),
        Err(_) => {
            eprintln!("skipped: needs git");
            return None;
        }
    };
    child.stdin.take().expect("piped").write_all(input).expect("git reads all of it");
    let output = child.wait_with_output().expect("git ends");
    let text = String::from_utf8(output.stdout).expect("ids are ASCII");
    Some(text.lines().map(|line| line[..40].to_owned()).collect())
}

fn ours(input: &[u8]) -> Vec<String> {
    patch_ids(input).map(|id| id.to_string()).collect()
}

#[track_caller]
fn same_as_git(input: &[u8]) {
    if let Some(expected) = git(input) {
        assert_eq!(ours(input), expected, "{}", String::from_utf8_lossy(input));
    }
}

const ONE: &str = "\
diff --git a/kernel/site.c b/kernel/site.c
index 1111111..2222222 100644
--- a/kernel/site.c
+++ b/kernel/site.c
@@ -10,3 +10,4 @@ int claim(void)
 \tint held = 0;
-\treturn held;
+\thold(&held);
+\treturn held;
 }
";

#[test]
fn a_plain_git_diff() {
    assert_eq!(ours(ONE.as_bytes()).len(), 1);
    same_as_git(ONE.as_bytes());
}

#[test]
fn nothing_without_a_diff_line() {
    assert_eq!(patch_id(b""), None);
    assert_eq!(patch_id(b"no patch here\n"), None);
    assert_eq!(patch_id(ONE.split_once('\n').unwrap().1.as_bytes()), None);
    same_as_git(ONE.split_once('\n').unwrap().1.as_bytes());
}

#[test]
fn a_signature_ends_it_and_a_second_diff_is_a_second_id() {
    let two = format!("{ONE}-- \n2.47.0\n\n{ONE}");
    assert_eq!(ours(two.as_bytes()).len(), 2);
    same_as_git(two.as_bytes());
}

#[test]
fn a_stripped_blank_line_makes_the_hunk_swallow_the_signature() {
    let damaged = ONE.replace(" \tint held = 0;\n", "\n");
    assert_ne!(ours(damaged.as_bytes()), ours(format!("{damaged}-- \n2.47.0\n").as_bytes()));
    same_as_git(format!("{damaged}-- \n2.47.0\n").as_bytes());
}

#[test]
fn peculiar_inputs_are_read_as_git_reads_them() {
    let cases: [&[u8]; 22] = [
        b"diff of opinion\nno letter next\n\ndiff --git a/x b/x\nold mode 100644\nnew mode 100755\n",
        b"diff a\nindex 12..34 100644\nBinary files a/x and b/x differ\ndiff b\nold mode 1\n",
        b"diff a\nindex 12..34\nGIT binary patch\nliteral 3\nabc\n\nliteral 2\nab\n\ndiff c\n--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b\n",
        b"diff a\nindex 12345..3\nBinary files a and b differ\nindex 9..8\nprose\n\nmore\ndiff c\nBinary files c\n",
        b"diff a\nindex 1..2",
        b"diff a\nindex 1..\nBinary files differ\n",
        b"diff a\nindex 1..2 3..4\nBinary files differ\n",
        b"diff a\nx\x0b\x0cy\0z\n--- a\n+++ b\n@@ -1,x +1 @@\n-q\n+r\n@@ bogus\n@@ -3,99999999999 +1 @@\n x\n",
        b"diff a\n--- a\n+++ b\n@@ -1,-2 +1,-2 @@\n-q\n+r\n x\n+y\nzzz\ndiff z\n",
        b"diff a\n--- a\n+++ b\n@@ -1, 2 +1,+2 @@\n-q\n+r\n x\n+y\nzzz\ndiff z\n",
        b"diff a\n--- a\n+++ b\n@@ -x +1 @@\n-q\n+r\n x\n+y\nzzz\ndiff z\n",
        b"diff a\n--- a\n+++ b\n@@ -1 +x @@\n-q\n+r\n x\n+y\nzzz\ndiff z\n",
        b"diff a\n--- a\n+++ b\n@@ -1,2 +1,1 @@\n a\n b\nfoo\nxyz\ndiff z\n",
        b"diff a\n--- a\n+++ b\n@@ -1 +1 @@\n-q\n\\ No newline at end of file\n+r\n\\ No newline at end of file\n",
        b"diff a\n--- a\n+++ b\n@@ -1 +1 @@\n-q\n\\ short\n+r\n",
        b"diff a\nFrom 0123456789012345678901234567890123456789 Mon\ndiff b\ncommit 0123456789012345678901234567890123456789\n",
        b"diff a\n--- a\n+++ b\n@@ -1 +1,9 @@\n-q\n0123456789abcdefABCDEF0123456789012345678\n+r\n",
        b"diff a\n--- a\n+++ b\n@@ -1 +1,9 @@\n-q\n0123456789abcdefABCDEF01234567890123456789\n+r\ndiff q\n",
        b"diff -u a b\r\n--- a\r\n+++ b\r\n@@ -1 +1 @@\r\n-q\r\n+r\r\n-- \r\n",
        b"diff a\n--- a\n+++ b\n@@ -0,0 +1 @@\n+r",
        b"diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n",
        b"diff a\n\0\nfoo\ndiff b\nf\0o\nindex 1\0..2\n",
    ];
    for case in cases {
        same_as_git(case);
    }
}

/// git reads unset memory there; whatever it says, ours must at least be the same each time.
#[test]
fn a_binary_file_without_index_line_has_empty_ids() {
    let id = ours(b"diff a\nBinary files a and b differ\n");
    assert_eq!(id, ours(b"diff a\nindex ..\nBinary files c and d differ\n"));
    assert_ne!(id, ours(b"diff a\nindex 1..2\nBinary files c and d differ\n"));
    same_as_git(b"diff a\nindex ..\nBinary files c and d differ\n");
}

/// Lines that meet each other in a reader's states.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[-+ ][a-z \t]{0,6}",
        2 => "@@ -[0-3](,[0-3])? \\+[0-3](,[0-3])? @@",
        1 => "@@ -[0-3,x -]{0,4}[ +]{0,2}[0-3,x -]{0,4}",
        2 => "diff [a-z]{0,3}",
        1 => Just("--- a/x".to_owned()),
        1 => Just("+++ b/x".to_owned()),
        1 => "index [0-9a-f]{1,3}\\.\\.[0-9a-f]{1,3}( 100644)?",
        1 => Just("index 12..34\nBinary files a and b differ".to_owned()),
        1 => Just("index 12..34\nGIT binary patch".to_owned()),
        1 => Just("\\ No newline at end of file".to_owned()),
        1 => "(From |commit )?[0-9a-fA-F]{39,41}",
        1 => "[a-z \t\r-]{0,5}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Many random texts in one process: each is closed by a patch of its own, known by its id.
    #[test]
    fn random_lines_are_read_as_git_reads_them(texts in prop::collection::vec(prop::collection::vec(line(), 0..30), 1..20)) {
        let mut stream = String::new();
        for text in &texts {
            stream += "commit 0000000000000000000000000000000000000001\ndiff known\nindex 0..0\n";
            stream += "commit 0000000000000000000000000000000000000002\n";
            stream += &text.join("\n");
            stream += "\n";
        }
        same_as_git(stream.as_bytes());
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut text = bytes.clone();
        text.extend_from_slice(b"\ndiff --git a/x b/x\nindex ");
        text.extend_from_slice(&tail);
        prop_assert!(patch_ids(&bytes).count() <= bytes.len());
        prop_assert!(patch_id(&text).is_some());
    }

    #[test]
    fn line_numbers_white_space_and_the_order_of_files_do_not_matter(a in 1u32..9999, b in 1u32..9999, blank in "[ \t]{1,4}") {
        let other = "diff --git a/z b/z\n--- a/z\n+++ b/z\n@@ -1 +1 @@\n-p\n+q\n";
        let moved = ONE
            .replace("@@ -10,3 +10,4 @@ int claim(void)", &format!("@@ -{a},3 +{b},4 @@"))
            .replace("\tint held", &format!("{blank}int{blank}held"))
            .replace("index 1111111..2222222", "index 3333333..4444444");
        prop_assert_eq!(patch_id(ONE.as_bytes()), patch_id(moved.as_bytes()));
        let (there, back) = (format!("{ONE}{other}"), format!("{other}{moved}"));
        prop_assert_eq!(patch_id(there.as_bytes()), patch_id(back.as_bytes()));
        prop_assert_ne!(patch_id(ONE.as_bytes()), patch_id(ONE.replace("held", "taken").as_bytes()));
    }
}
