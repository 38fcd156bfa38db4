//! Properties: what is rendered is read back, and nothing makes the reader panic.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Model {
    path: String,
    status: Status,
    hunks: Vec<(u32, Vec<(LineKind, String)>)>,
}

fn model() -> impl Strategy<Value = Model> {
    let kind = prop_oneof![Just(LineKind::Context), Just(LineKind::Added), Just(LineKind::Removed)];
    let content = prop_oneof![
        "[ -~\t\u{e9}]{0,12}",
        "[-+@> ]{0,4}",
        Just("-- ".to_owned()),
        Just("- ".to_owned()),
        Just("-- a/x".to_owned()),
        Just("++ b/x".to_owned()),
        Just("diff --git a/x b/x".to_owned()),
    ];
    let hunk = (0u32..50, prop::collection::vec((kind, content), 1..12));
    let status = prop_oneof![Just(Status::Modified), Just(Status::Added), Just(Status::Deleted), Just(Status::Renamed)];
    ("[a-z]{1,5}(/[a-z. ]{0,5}[a-z]){0,2}", status, prop::collection::vec(hunk, 1..4)).prop_map(
        |(path, status, mut hunks)| {
            let only = match status {
                Status::Added => Some(LineKind::Added),
                Status::Deleted => Some(LineKind::Removed),
                _ => None,
            };
            if let Some(only) = only {
                hunks.truncate(1);
                hunks[0].1.iter_mut().for_each(|line| line.0 = only);
            }
            Model { path, status, hunks }
        },
    )
}

/// The text of a diff and what reading it must give: per hunk its numbers, per line all of it.
fn render(model: &Model, text: &mut String, expected: &mut String) {
    let Model { path, status, hunks } = model;
    let old = if *status == Status::Renamed { format!("{path}.old") } else { path.clone() };
    *text += &format!("diff --git a/{old} b/{path}\n");
    *text += &match status {
        Status::Added => "new file mode 100644\nindex 0000000..1234567\n--- /dev/null\n".to_owned(),
        Status::Deleted => format!("deleted file mode 100644\nindex 1234567..0000000\n--- a/{old}\n"),
        Status::Renamed => {
            format!(
                "similarity index 50%\nrename from {old}\nrename to {path}\nindex 1234567..2345678 100644\n--- a/{old}\n"
            )
        }
        _ => format!("index 1234567..2345678 100644\n--- a/{old}\n"),
    };
    *text += &if *status == Status::Deleted { "+++ /dev/null\n".to_owned() } else { format!("+++ b/{path}\n") };

    let count = |lines: &[(LineKind, String)], not: LineKind| lines.iter().filter(|line| line.0 != not).count() as u32;
    let all = || hunks.iter().flat_map(|hunk| &hunk.1);
    *expected += &format!(
        "Git {status:?} {} -> {} +{} -{}\n",
        if *status == Status::Added { "none" } else { &old },
        if *status == Status::Deleted { "none" } else { path },
        all().filter(|line| line.0 == LineKind::Added).count(),
        all().filter(|line| line.0 == LineKind::Removed).count()
    );
    let (mut old_line, mut new_line) = (1, 1);
    for (gap, lines) in hunks {
        let (old_len, new_len) = (count(lines, LineKind::Added), count(lines, LineKind::Removed));
        old_line += gap;
        new_line += gap;
        let (old_start, new_start) = (old_line - u32::from(old_len == 0), new_line - u32::from(new_len == 0));
        *text += &format!("@@ -{old_start},{old_len} +{new_start},{new_len} @@ fn\n");
        *expected += &format!("  {old_start},{old_len} {new_start},{new_len} [fn]\n");
        for (kind, line) in lines {
            let (marker, old, new) = match kind {
                LineKind::Context => (' ', old_line, new_line),
                LineKind::Added => ('+', 0, new_line),
                LineKind::Removed => ('-', old_line, 0),
            };
            old_line += u32::from(old > 0);
            new_line += u32::from(new > 0);
            *text += &format!("{marker}{line}\n");
            *expected += &format!("    {marker} {old} {new} {line:?}\n");
        }
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[-+ ][a-z\u{fc}\t]{0,5}",
        2 => "@@ -[0-9]{1,2}(,[0-3])? \\+[0-9]{1,2}(,[0-3])? @@( [a-z]{0,4})?",
        1 => "@@[-+@, 0-9]{0,12}",
        2 => "diff --git a/[a-z\"\\\\]{0,3} b/[a-z\"\\\\]{0,3}",
        1 => "(--- |\\+\\+\\+ )[\"ab/\\\\0-9\t]{0,8}",
        1 => "index [0-9a-f]{4}\\.\\.[0-9a-f]{4}( 1006[0-9]{2})?",
        1 => "(new|deleted|old) (file )?mode [0-9]{0,6}",
        1 => "(rename|copy) (from|to) [a-z \"]{0,4}",
        1 => "(dis)?similarity index [0-9]{1,3}%",
        1 => Just("GIT binary patch".to_owned()),
        1 => "(literal|delta) [0-9]{1,2}",
        1 => Just("diff --cc x".to_owned()),
        1 => Just("---".to_owned()),
        1 => Just("-- ".to_owned()),
        1 => Just("\\ No newline at end of file".to_owned()),
        1 => "[a-zA-Z>|:\u{fc}\r -]{0,8}",
        1 => Just(String::new()),
    ]
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let _ = (Diffstat::find(text), Base::find(text));
    let Some(patch) = Patch::parse(text) else { return Ok(()) };
    let mut end = 0;
    for file in &patch.files {
        prop_assert!(file.span.start >= end && file.span.end > file.span.start);
        end = file.span.end;
        prop_assert!(!patch.slice(file.span).is_empty());
        let mut inner = file.span.start;
        let mut counts = (0, 0);
        for hunk in patch.hunks(file) {
            prop_assert!(hunk.span.start >= inner && hunk.span.end <= file.span.end);
            prop_assert!(patch.slice(hunk.span).starts_with("@@ "));
            inner = hunk.span.start;
            for line in patch.lines(hunk) {
                prop_assert!(line.span.start >= inner && line.span.end <= hunk.span.end);
                prop_assert!(!patch.slice(line.span).contains('\n'));
                inner = line.span.end;
                counts.0 += u32::from(line.kind == LineKind::Added);
                counts.1 += u32::from(line.kind == LineKind::Removed);
            }
            inner = hunk.span.end;
        }
        prop_assert_eq!(counts, (file.added, file.removed));
        let _ = patch.added_content(file);
    }
    let hunks: usize = patch.files.iter().map(|file| patch.hunks(file).len()).sum();
    let lines: usize = patch.all_hunks().iter().map(|hunk| patch.lines(hunk).len()).sum();
    prop_assert_eq!((hunks, lines), (patch.all_hunks().len(), patch.all_lines().len()));
    let outside: usize = patch.prose().map(str::len).sum();
    let inside: usize = patch.files.iter().map(|file| file.span.len()).sum();
    prop_assert_eq!(outside + inside, text.len());
    Ok(())
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_back(models in prop::collection::vec(model(), 1..5), signed: bool) {
        let (mut text, mut expected) = ("A message.\n---\n note\n\n".to_owned(), String::new());
        models.iter().for_each(|model| render(model, &mut text, &mut expected));
        if signed {
            text += "-- \n2.47.0\n";
        }
        prop_assert_eq!(outline(&text), expected);
        let patch = Patch::parse(&text).unwrap();
        prop_assert_eq!(patch.prose().count(), 1 + usize::from(signed));
        for (file, model) in patch.files.iter().zip(&models).filter(|(file, _)| file.status == Status::Added) {
            let content: String = model.hunks[0].1.iter().map(|line| format!("{}\n", line.1)).collect();
            let whole = patch.hunks(file)[0].new_start == 1;
            prop_assert_eq!(patch.added_content(file), whole.then_some(content));
        }
    }

    #[test]
    fn any_lines_are_read_consistently(pieces in prop::collection::vec(piece(), 0..40)) {
        check(&pieces.join("\n"))?;
    }

    #[test]
    fn any_bytes_are_read_consistently(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..200) {
        check(&String::from_utf8_lossy(&bytes))?;
        let mut damaged = b"diff --git a/x b/x\nindex 1234..5678 100644\n--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n".to_vec();
        let end = (at + bytes.len().min(9)).min(damaged.len());
        damaged.splice(at.min(end)..end, bytes.iter().copied().take(9));
        check(&String::from_utf8_lossy(&damaged))?;
    }
}
