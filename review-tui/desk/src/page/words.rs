//! What differs between a removed line and the added one that took its place.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

/// Longer lines are not compared: the cost is the product of the words.
const LONGEST: usize = 400;
/// An added line is looked for so far below the one expected.
const WINDOW: usize = 4;
/// Lines with less in common were not made from one another.
const ALIKE: f64 = 0.4;

/// Places in a line that differ.
pub type Places = Vec<Range<u32>>;

/// Compares a run of removed lines with the run of added lines behind it; for each line what differs, nothing
/// where it has no counterpart.
pub fn compare(removed: &[&str], added: &[&str]) -> (Vec<Places>, Vec<Places>) {
    let mut out = (vec![Places::new(); removed.len()], vec![Places::new(); added.len()]);
    let mut next = 0;
    for (at, old) in removed.iter().enumerate() {
        let window = next..(next + WINDOW).min(added.len());
        let found = window.filter_map(|to| Some((to, pair(old, added[to])?))).next();
        if let Some((to, (gone, new))) = found {
            (out.0[at], out.1[to]) = (gone, new);
            next = to + 1;
        }
    }
    out
}

/// What differs, or `None` where the lines are not alike.
fn pair(old: &str, new: &str) -> Option<(Places, Places)> {
    if old.len() > LONGEST || new.len() > LONGEST {
        return None;
    }
    let (a, b) = (tokens(old), tokens(new));
    let (left, right) = (words(old, &a), words(new, &b));
    let mut input = InternedInput::default();
    input.update_before(left.iter().copied());
    input.update_after(right.iter().copied());
    let diff = Diff::compute(Algorithm::Myers, &input);
    let kept = (0..left.len()).filter(|at| !diff.is_removed(*at as u32)).map(|at| left[at]);
    let same: usize = kept.filter(|word| !word.trim().is_empty()).map(str::len).sum();
    let mut places = (Places::new(), Places::new());
    for hunk in diff.hunks() {
        for (tokens, range, into) in [(&a, hunk.before, &mut places.0), (&b, hunk.after, &mut places.1)] {
            let changed = &tokens[range.start as usize..range.end as usize];
            if let (Some(first), Some(last)) = (changed.first(), changed.last()) {
                into.push(first.start as u32..last.end as u32);
            }
        }
    }
    let letters = |text: &str| text.bytes().filter(|b| !b.is_ascii_whitespace()).count();
    let both = letters(old) + letters(new);
    (2.0 * same as f64 >= ALIKE * both.max(1) as f64).then_some(places)
}

fn words<'t>(text: &'t str, tokens: &[Range<usize>]) -> Vec<&'t str> {
    tokens.iter().map(|token| &text[token.clone()]).collect()
}

/// Identifiers, runs of blanks, and everything else by itself.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let class = |c: char| match c {
        _ if c.is_alphanumeric() || c == '_' => 1,
        _ if c.is_whitespace() => 2,
        _ => 0,
    };
    let mut out: Vec<Range<usize>> = Vec::new();
    let mut before = 0;
    for (at, c) in text.char_indices() {
        let now = class(c);
        match out.last_mut() {
            Some(last) if now != 0 && now == before => last.end = at + c.len_utf8(),
            _ => out.push(at..at + c.len_utf8()),
        }
        before = now;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_differ() {
        let (old, new) = ("\terr = text_poke(addr, old);", "\terr = bpf_arch_text_poke(addr, new);");
        let (gone, come) = compare(&[old], &[new]);
        let shown = |text: &str, places: &Places| -> Vec<String> {
            places.iter().map(|p| text[p.start as usize..p.end as usize].to_owned()).collect()
        };
        assert_eq!(shown(old, &gone[0]), ["text_poke", "old"]);
        assert_eq!(shown(new, &come[0]), ["bpf_arch_text_poke", "new"]);
    }

    #[test]
    fn lines_that_have_nothing_in_common_are_left_alone() {
        let (gone, come) = compare(&["return 0;"], &["struct foo *bar = container_of(x);"]);
        assert!(gone[0].is_empty() && come[0].is_empty());
    }

    #[test]
    fn a_counterpart_may_stand_lower() {
        let (gone, come) = compare(&["a = b + c;"], &["/* new */", "a = b - c;"]);
        assert!(!gone[0].is_empty() && come[0].is_empty() && !come[1].is_empty());
    }
}
