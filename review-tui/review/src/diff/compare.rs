//! What differs between two forms of one patch: message against message, hunk against hunk.
//!
//! Hunks are paired within a file by their changed lines; what is left over is looked for in the other files, since
//! code moves. Lines of context and line numbers change with every rebase and are told in one word.

use imara_diff::{Algorithm, Diff, InternedInput};
use provenance_corpus::patch::{Hunk, LineKind, Patch};

/// Hunks of one patch that are compared; a patch with more is compared as far as that.
const HUNKS: usize = 2_000;

/// Of two hunks this share of changed lines is the same, or they are not paired.
const LEAST: f32 = 0.25;

/// Unchanged lines that are shown around a changed one.
const AROUND: usize = 2;

/// Which version has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The older.
    Older,
    /// The newer.
    Newer,
    /// In both versions.
    Both,
    /// The text says how many lines of both are left out here.
    Folded,
}

impl Side {
    /// The word of the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Older => "older",
            Side::Newer => "newer",
            Side::Both => "both",
            Side::Folded => "folded",
        }
    }
}

/// A line of the comparison; of a hunk it begins with the hunk's own sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who has it.
    pub side: Side,
    /// Its text.
    pub text: String,
}

/// What changed in a hunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its changed lines.
    Lines,
    /// The lines around them.
    Context,
    /// Nothing but the file it is in.
    Moved,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
}

impl Change {
    /// The word of the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Lines => "lines",
            Change::Context => "context",
            Change::Moved => "moved",
            Change::Added => "added",
            Change::Removed => "removed",
        }
    }
}

/// A hunk that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// The file.
    pub path: String,
    /// What its header names, mostly a function.
    pub section: String,
    /// What changed.
    pub change: Change,
    /// The lines that tell; none for a change of context.
    pub lines: Vec<Line>,
}

/// The body of a cover letter: without its diffstat and signature, which change with every patch.
pub fn letter(text: &str) -> &str {
    let end = text.find("\n-- \n").unwrap_or(text.len());
    &text[..end]
}

/// The lines that differ between two texts, with a little of what is around them; none where only blanks differ.
pub fn words(older: &str, newer: &str) -> Vec<Line> {
    let lines = |text: &'_ str| -> Vec<String> { text.trim().lines().map(|l| l.trim_end().to_owned()).collect() };
    let found = diff(&lines(older), &lines(newer));
    if found.iter().all(|line| line.side == Side::Both || line.text.trim().is_empty()) {
        Vec::new()
    } else {
        fold(found)
    }
}

/// Two lists of lines, line against line.
fn diff(older: &[String], newer: &[String]) -> Vec<Line> {
    let mut input = InternedInput::default();
    input.update_before(older.iter().map(String::as_str));
    input.update_after(newer.iter().map(String::as_str));
    let diff = Diff::compute(Algorithm::Histogram, &input);
    let mut lines = Vec::new();
    let both = |text: &String| Line { side: Side::Both, text: text.clone() };
    let mut at = 0;
    for hunk in diff.hunks() {
        lines.extend(older[at..hunk.before.start as usize].iter().map(both));
        let one = |side: Side| move |text: &String| Line { side, text: text.clone() };
        lines.extend(older[hunk.before.start as usize..hunk.before.end as usize].iter().map(one(Side::Older)));
        lines.extend(newer[hunk.after.start as usize..hunk.after.end as usize].iter().map(one(Side::Newer)));
        at = hunk.before.end as usize;
    }
    lines.extend(older[at..].iter().map(both));
    lines
}

/// Leaves out what is far from any change.
fn fold(lines: Vec<Line>) -> Vec<Line> {
    let changed: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| line.side != Side::Both).map(|(at, _)| at).collect();
    let mut kept = Vec::new();
    let (mut next, mut left) = (0, 0u64);
    for (at, line) in lines.into_iter().enumerate() {
        while changed.get(next).is_some_and(|c| c + AROUND < at) {
            next += 1;
        }
        let near = changed.get(next).is_some_and(|c| *c <= at + AROUND);
        if near {
            flush(&mut kept, &mut left);
            kept.push(line);
        } else {
            left += 1;
        }
    }
    flush(&mut kept, &mut left);
    kept
}

fn flush(kept: &mut Vec<Line>, left: &mut u64) {
    if *left > 0 {
        let text = crate::text::plural(*left, "line", "lines") + " the same";
        kept.push(Line { side: Side::Folded, text });
    }
    *left = 0;
}

/// A hunk of one of the patches.
struct Piece {
    path: String,
    section: String,
    /// All lines with their signs.
    lines: Vec<String>,
    /// The changed lines, without white space, sorted.
    changed: Vec<String>,
    taken: bool,
}

fn pieces(patch: &Patch<'_>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for file in &patch.files {
        for hunk in patch.hunks(file) {
            if pieces.len() == HUNKS {
                return pieces;
            }
            pieces.push(piece(patch, file.path(), hunk));
        }
    }
    pieces
}

fn piece(patch: &Patch<'_>, path: &str, hunk: &Hunk) -> Piece {
    let mut lines = Vec::new();
    let mut changed = Vec::new();
    for line in patch.lines(hunk) {
        let text = patch.slice(line.span);
        let sign = match line.kind {
            LineKind::Context => ' ',
            LineKind::Added => '+',
            LineKind::Removed => '-',
        };
        lines.push(format!("{sign}{text}"));
        if sign != ' ' {
            let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            changed.push(format!("{sign}{bare}"));
        }
    }
    changed.sort_unstable();
    let section = patch.slice(hunk.section).trim().to_owned();
    Piece { path: path.to_owned(), section, lines, changed, taken: false }
}

/// Equal lines of all lines, both sorted.
fn alike(a: &[String], b: &[String]) -> f32 {
    let (mut i, mut j, mut both) = (0, 0, 0usize);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Equal => {
                both += 1;
                (i, j) = (i + 1, j + 1);
            }
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
        }
    }
    let all = a.len() + b.len() - both;
    if all == 0 { 1.0 } else { both as f32 / all as f32 }
}

/// The hunks that differ, in the order of the newer patch, then those that are gone.
pub fn files(older: &Patch<'_>, newer: &Patch<'_>) -> Vec<FileChange> {
    let (mut old, new) = (pieces(older), pieces(newer));
    let mut partner: Vec<Option<usize>> = vec![None; new.len()];
    pair(&mut old, &new, &mut partner, |o, n| o.path == n.path);
    pair(&mut old, &new, &mut partner, |o, n| o.path != n.path && n.changed.len() >= 2);
    let mut found = Vec::new();
    for (at, piece) in new.iter().enumerate() {
        let Some(other) = partner[at].map(|o| &old[o]) else {
            found.push(whole(piece, Change::Added, Side::Newer));
            continue;
        };
        let moved = other.path != piece.path;
        let same = other.changed == piece.changed;
        let change = match (same, moved) {
            (true, true) => Change::Moved,
            (true, false) if other.lines == piece.lines => continue,
            (true, false) => Change::Context,
            (false, _) => Change::Lines,
        };
        let lines = match change {
            Change::Lines => fold(quiet(diff(&other.lines, &piece.lines))),
            Change::Moved => vec![Line { side: Side::Folded, text: format!("from {}", other.path) }],
            _ => Vec::new(),
        };
        found.push(FileChange { path: piece.path.clone(), section: piece.section.clone(), change, lines });
    }
    found.extend(old.iter().filter(|piece| !piece.taken).map(|piece| whole(piece, Change::Removed, Side::Older)));
    found
}

/// Context that one version has and the other has not says nothing by itself.
fn quiet(lines: Vec<Line>) -> Vec<Line> {
    let silent = |line: &Line| line.side != Side::Both && line.text.starts_with(' ');
    let told = |line: Line| if silent(&line) { Line { side: Side::Both, ..line } } else { line };
    lines.into_iter().filter(|line| !(silent(line) && line.side == Side::Older)).map(told).collect()
}

fn whole(piece: &Piece, change: Change, side: Side) -> FileChange {
    let lines = piece.lines.iter().filter(|line| !line.starts_with(' ')).map(|text| Line { side, text: text.clone() });
    FileChange { path: piece.path.clone(), section: piece.section.clone(), change, lines: lines.collect() }
}

/// Pairs the hunks that `may` be one, the most alike first. Equal hunks are found by their text, so that a patch of very many
/// hunks costs no comparison of each with each unless most of them changed; those are compared within a window.
fn pair(old: &mut [Piece], new: &[Piece], partner: &mut [Option<usize>], may: impl Fn(&Piece, &Piece) -> bool) {
    /// Neighbours of a hunk that are compared with it.
    const WINDOW: usize = 64;
    let mut scored: Vec<(f32, usize, usize, usize)> = Vec::new();
    let open: Vec<usize> = (0..old.len()).filter(|o| !old[*o].taken).collect();
    let mut equal: rustc_hash::FxHashMap<&[String], Vec<usize>> = rustc_hash::FxHashMap::default();
    for o in &open {
        equal.entry(old[*o].changed.as_slice()).or_default().push(*o);
    }
    for (n, piece) in new.iter().enumerate().filter(|(n, _)| partner[*n].is_none()) {
        let score = |o: usize| {
            let other = &old[o];
            let section = if other.section == piece.section { 0.05 } else { 0.0 };
            (alike(&other.changed, &piece.changed) + section, o.abs_diff(n), n, o)
        };
        let middle = open.partition_point(|o| *o < n);
        let near = &open[middle.saturating_sub(WINDOW)..open.len().min(middle + WINDOW)];
        let same = equal.get(piece.changed.as_slice()).into_iter().flatten().take(WINDOW);
        let candidates = near.iter().chain(same).copied().filter(|o| may(&old[*o], piece));
        scored.extend(candidates.map(score).filter(|(s, ..)| *s >= LEAST));
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2, a.3).cmp(&(b.1, b.2, b.3))));
    drop(equal);
    for (_, _, n, o) in scored {
        if partner[n].is_none() && !old[o].taken {
            (partner[n], old[o].taken) = (Some(o), true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(hunks: &[(&str, &str)]) -> String {
        let mut text = String::from("why\n---\n");
        for (path, body) in hunks {
            let old = body.lines().filter(|l| !l.starts_with('+')).count();
            let new = body.lines().filter(|l| !l.starts_with('-')).count();
            text.push_str(&format!(
                "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,{old} +1,{new} @@ fn_name\n{body}\n"
            ));
        }
        text
    }

    fn compared(older: &[(&str, &str)], newer: &[(&str, &str)]) -> Vec<FileChange> {
        let (a, b) = (patch(older), patch(newer));
        files(&Patch::parse(&a).unwrap(), &Patch::parse(&b).unwrap())
    }

    #[test]
    fn context_alone_is_one_word_and_equal_hunks_are_none() {
        assert!(compared(&[("a.c", " x\n+new line\n y")], &[("a.c", " x\n+new line\n y")]).is_empty());
        let found = compared(&[("a.c", " x\n+new line\n y")], &[("a.c", " x2\n+new line\n y")]);
        assert_eq!((found.len(), found[0].change, found[0].lines.len()), (1, Change::Context, 0));
    }

    #[test]
    fn a_moved_hunk_is_recognised_and_a_changed_one_shows_both_lines() {
        let found = compared(&[("a.c", " x\n+one line\n+two line\n y")], &[("b.c", " q\n+one line\n+two line\n r")]);
        assert_eq!((found.len(), found[0].change), (1, Change::Moved));
        let found = compared(&[("a.c", " x\n+one line\n+two line\n y")], &[("a.c", " x\n+one line\n+two lines\n y")]);
        assert_eq!(found[0].change, Change::Lines);
        let sides: Vec<(Side, &str)> = found[0].lines.iter().map(|l| (l.side, l.text.as_str())).collect();
        assert!(
            sides.contains(&(Side::Older, "+two line")) && sides.contains(&(Side::Newer, "+two lines")),
            "{sides:?}"
        );
    }

    #[test]
    fn far_lines_are_folded() {
        let older: String = (0..40).map(|n| format!("line {n}\n")).collect();
        let newer = older.replace("line 20", "line twenty");
        let found = words(&older, &newer);
        assert_eq!(found.iter().filter(|l| l.side == Side::Folded).count(), 2);
        assert_eq!(found.len(), 2 + 2 + 2 + 2);
        assert!(words(&older, &format!("{older}\n\n")).is_empty());
    }
}
