//! What is quoted of a patch in an answer: the hunks that were remarked on, with the lines that say where they stand, and
//! of each no more than a reader needs above a remark.

use std::collections::BTreeSet;

use provenance_corpus::patch::Patch;

use super::compose::quoted;

/// Lines of the quote directly above a remark.
const ABOVE: usize = 5;
/// Stands for lines that are left out.
const LEFT_OUT: &str = "[...]";

/// Where the lines of a mail's text stand: of each line the lines that lead to it.
struct Frame {
    /// `diff --git` and `@@`.
    heads: Vec<usize>,
    /// The first line that belongs to it.
    first: usize,
}

fn line_at(text: &str, offset: u32) -> usize {
    text.as_bytes()[..(offset as usize).min(text.len())].iter().filter(|b| **b == b'\n').count()
}

/// The frames of all hunks, with one past the last line of each.
fn frames(text: &str, patch: Option<&Patch<'_>>) -> Vec<(usize, Frame)> {
    let mut out = Vec::new();
    for file in patch.iter().flat_map(|patch| &patch.files) {
        let head = line_at(text, file.span.start);
        for hunk in patch.map_or(&[][..], |patch| patch.hunks(file)) {
            let at = line_at(text, hunk.span.start);
            out.push((line_at(text, hunk.span.end), Frame { heads: vec![head, at], first: at + 1 }));
        }
    }
    out
}

/// The quote of a mail with remarks by line, each below its line. Without remarks nothing is quoted.
pub fn excerpt(text: &str, remarks: &[(u32, String)]) -> String {
    let patch = if Patch::suspect(text) { Patch::parse(text) } else { None };
    let lines: Vec<&str> = text.lines().collect();
    let frames = frames(text, patch.as_ref());
    let mut kept: BTreeSet<usize> = BTreeSet::new();
    let mut heads: BTreeSet<usize> = BTreeSet::new();
    for (at, _) in remarks {
        let at = (*at as usize).min(lines.len().saturating_sub(1));
        let frame = frames.iter().find(|(end, frame)| frame.heads[1] <= at && at < *end).map(|(_, frame)| frame);
        let first = frame.map_or(0, |frame| frame.first).min(at);
        // Of running text a paragraph is enough.
        let from = (first.max((at + 1).saturating_sub(ABOVE))..=at)
            .rev()
            .take_while(|line| frame.is_some() || *line == at || !lines[*line].trim().is_empty())
            .last()
            .unwrap_or(at);
        kept.extend(from..=at);
        heads.extend(frame.into_iter().flat_map(|frame| &frame.heads));
    }
    let mut out = String::new();
    let mut before: Option<usize> = None;
    let mut remarks = remarks.iter().peekable();
    for at in kept.union(&heads).copied() {
        // Between the name of a file and its hunk nothing is missed.
        let between = before.is_some_and(|b| at > b + 1 && !(heads.contains(&b) && heads.contains(&at)));
        if between {
            out.push_str(&quoted(LEFT_OUT));
            out.push('\n');
        }
        out.push_str(&quoted(lines.get(at).copied().unwrap_or_default()));
        out.push('\n');
        while let Some((_, remark)) = remarks.next_if(|(line, _)| *line as usize <= at || at + 1 >= lines.len()) {
            let remark: String = remark.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            out.push_str(&format!("\n{remark}\n\n"));
        }
        before = Some(at);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "Count.\n\nIt was wrong,\nsee there.\n---\ndiff --git a/a.c b/a.c\nindex 1..2 100644\n--- a/a.c\n+++ b/a.c\n\
        @@ -1,9 +1,9 @@ first()\n a1\n a2\n a3\n a4\n a5\n a6\n-old\n+new\n a9\n@@ -50,2 +50,2 @@ second()\n b1\n+b2\n\
        diff --git a/c.c b/c.c\n--- a/c.c\n+++ b/c.c\n@@ -1 +1,2 @@\n c1\n+c2\n";

    fn line(text: &str) -> u32 {
        MAIL.lines().position(|l| l == text).expect("a line") as u32
    }

    #[test]
    fn only_hunks_with_remarks_are_quoted() {
        let remarks = vec![(line("+new"), "why?".to_owned()), (line("+c2"), "no".to_owned())];
        let expected = "> diff --git a/a.c b/a.c\n> @@ -1,9 +1,9 @@ first()\n> [...]\n>  a4\n>  a5\n>  a6\n> -old\n> +new\n\nwhy?\n\n\
            > [...]\n> diff --git a/c.c b/c.c\n> @@ -1 +1,2 @@\n>  c1\n> +c2\n\nno\n\n";
        assert_eq!(excerpt(MAIL, &remarks), expected);
    }

    #[test]
    fn running_text_is_quoted_by_its_paragraph() {
        let remarks = vec![(line("see there."), "where?".to_owned())];
        assert_eq!(excerpt(MAIL, &remarks), "> It was wrong,\n> see there.\n\nwhere?\n\n");
        assert_eq!(excerpt(MAIL, &[]), "");
        assert!(excerpt(MAIL, &[(9_999, "late".to_owned())]).ends_with("\nlate\n\n"));
        assert_eq!(excerpt("", &[(3, "x".to_owned())]), ">\n\nx\n\n");
    }

    #[test]
    fn never_more_than_five_lines_above_a_remark_and_no_remark_lost() {
        let lines = MAIL.lines().count() as u32;
        for one in 0..lines {
            for two in one + 1..lines {
                let out = excerpt(MAIL, &[(one, "first".to_owned()), (two, "second".to_owned())]);
                assert_eq!(out.matches("\nfirst\n").count() + out.matches("\nsecond\n").count(), 2, "{out}");
                let mut above = 0;
                for line in out.lines() {
                    let head = line.starts_with("> diff") || line.starts_with("> @@") || line.contains(LEFT_OUT);
                    above = if !line.starts_with('>') || head { 0 } else { above + 1 };
                    assert!(above <= ABOVE, "{out}");
                }
            }
        }
    }
}
