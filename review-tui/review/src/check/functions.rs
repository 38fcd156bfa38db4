//! The functions that a patch changes: those whose body holds an added or removed line, as far as the hunks and their
//! headers tell. A patch shows pieces; what it does not show is not guessed.

use provenance_corpus::patch::{Hunk, LineKind, Patch};

use super::code::{is_kernel, names};

/// Functions that are named; more are a sign of a treewide change that nobody reads function by function.
pub const MOST: usize = 200;

/// A function that a patch changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Its name; one that a macro makes has `##` in it.
    pub name: String,
    /// The file, as the patch names it.
    pub path: String,
    /// Lines added and removed in it.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
}

/// The functions that a patch changes, in its order.
pub fn changed(patch: &Patch<'_>) -> Vec<Changed> {
    let mut found: Vec<Changed> = Vec::new();
    for file in patch.files.iter().filter(|file| is_kernel(file.path())) {
        for hunk in patch.hunks(file) {
            for (line, name) in patch.lines(hunk).iter().zip(around(patch, hunk)) {
                if line.kind != LineKind::Context
                    && !patch.slice(line.span).trim().is_empty()
                    && let Some(name) = &name
                {
                    note(&mut found, name, file.path(), line.kind);
                }
            }
        }
    }
    found
}

/// Of each line of a hunk the function that it stands in: the one that begins above it, or the one of the hunk's header as long as
/// nothing has ended or begun.
pub fn around(patch: &Patch<'_>, hunk: &Hunk) -> Vec<Option<String>> {
    let mut inside = heading(hunk.section.of(patch.text()));
    let lines = patch.lines(hunk);
    let continued = |at: usize| at > 0 && patch.slice(lines[at - 1].span).trim_end().ends_with('\\');
    let mut found = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let text = patch.slice(line.span);
        if !continued(at) && inside.as_ref().is_some_and(|name| name.contains("##")) {
            inside = None;
        }
        // Within a macro a function is indented, and its name is made of pieces.
        let margin = if continued(at) && text.contains("##") { text.trim_start() } else { text };
        if let Some(name) = opening(margin, || {
            let below = lines[at + 1..].iter().take(8).filter(|l| {
                (l.kind == LineKind::Removed) == (line.kind == LineKind::Removed) || l.kind == LineKind::Context
            });
            below.map(|l| patch.slice(l.span))
        }) {
            inside = Some(name);
        }
        found.push(inside.clone());
        if text.starts_with('}') || text.starts_with("SYM_FUNC_END") || text.starts_with("SYM_CODE_END") {
            inside = None;
        }
    }
    found
}

fn note(found: &mut Vec<Changed>, name: &str, path: &str, kind: LineKind) {
    let at = found.iter().position(|f| f.name == name && f.path == path).unwrap_or_else(|| {
        if found.len() < MOST {
            found.push(Changed { name: name.to_owned(), path: path.to_owned(), added: 0, removed: 0 });
        }
        found.len() - 1
    });
    if let Some(function) = found.get_mut(at).filter(|f| f.name == name) {
        match kind {
            LineKind::Added => function.added += 1,
            _ => function.removed += 1,
        }
    }
}

/// The function that git put behind the `@@` of a hunk.
fn heading(section: &str) -> Option<String> {
    let section = section.trim();
    let open = section.find('(')?;
    if let Some(inside) = assembler(section) {
        return Some(inside);
    }
    if section.contains('=') || section.ends_with(';') || section.starts_with('#') {
        return None;
    }
    let (at, name) = names(&section[..open]).last()?;
    (section[at + name.len()..open].trim().is_empty() && !is_shouted(name)).then(|| name.to_owned())
}

/// Macros that stand where a function could: their arguments name what they make, but not how.
fn is_shouted(name: &str) -> bool {
    !name.chars().any(|c| c.is_ascii_lowercase())
}

/// `SYM_FUNC_START(name)` and its kin, include/linux/linkage.h since v5.5; `ENTRY(name)` before.
fn assembler(line: &str) -> Option<String> {
    let begins = ["SYM_FUNC_START", "SYM_CODE_START", "SYM_INNER_LABEL", "ENTRY("];
    if !begins.iter().any(|b| line.starts_with(b)) {
        return None;
    }
    let inside = &line[line.find('(')? + 1..];
    names(inside).next().map(|(_, name)| name.to_owned())
}

/// The function whose definition begins in this line: a name and parentheses at the left margin, and a body below.
fn opening<'t, I: Iterator<Item = &'t str>>(text: &str, below: impl FnOnce() -> I) -> Option<String> {
    let first = text.trim_end().trim_end_matches('\\').trim_end();
    if first.starts_with(|c: char| !(c.is_ascii_alphabetic() || c == '_')) || first.is_empty() {
        return None;
    }
    if let Some(name) = assembler(first) {
        return Some(name);
    }
    let open = first.find('(')?;
    if first[..open].contains('=') || first.ends_with(';') {
        return None;
    }
    let (at, name) = names(&first[..open]).last()?;
    if !first[at + name.len()..open].trim().is_empty() || is_shouted(name) {
        return None;
    }
    if first.ends_with('{') {
        return Some(name.to_owned());
    }
    for line in below() {
        let line = line.trim_end().trim_end_matches('\\').trim_end();
        if line.ends_with(';') {
            return None;
        }
        if line.trim_start().starts_with('{') || line.ends_with(") {") {
            return Some(name.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(hunk: &str) -> Vec<(String, u32, u32)> {
        let (old, new) = hunk.lines().fold((0, 0), |(old, new), line| match line.as_bytes().first() {
            Some(b'+') => (old, new + 1),
            Some(b'-') => (old + 1, new),
            Some(b'@') => (old, new),
            _ => (old + 1, new + 1),
        });
        let (head, body) = hunk.split_once('\n').unwrap();
        let section = head.trim_start_matches('@');
        let text =
            format!("diff --git a/k/x.c b/k/x.c\n--- a/k/x.c\n+++ b/k/x.c\n@@ -1,{old} +1,{new} @@{section}\n{body}");
        let patch = Patch::parse(&text).unwrap();
        changed(&patch).into_iter().map(|c| (c.name, c.added, c.removed)).collect()
    }

    #[test]
    fn the_header_of_a_hunk_and_what_begins_in_it_name_functions() {
        let found = names_of(
            "@@ static int first(struct a *a)\n \tone();\n-\ttwo();\n+\tthree();\n \treturn 0;\n }\n \n-int gone;\n \n static void second(int x,\n \t\t   int y)\n {\n+\tfour(x);\n }\n",
        );
        assert_eq!(found, [("first".to_owned(), 1, 1), ("second".to_owned(), 1, 0)]);
    }

    #[test]
    fn declarations_and_data_are_no_functions() {
        let found = names_of(
            "@@ struct list all[] = {\n+\t{ one(1) },\n+int declared(void);\n+static int value = call(2);\n \n",
        );
        assert_eq!(found, []);
    }

    #[test]
    fn assembler_has_functions_too() {
        let found = names_of(
            "@@ SYM_FUNC_START(entry_one)\n+\tnop\n SYM_FUNC_END(entry_one)\n \n SYM_CODE_START_LOCAL(other)\n-\tret\n SYM_CODE_END(other)\n",
        );
        assert_eq!(found, [("entry_one".to_owned(), 1, 0), ("other".to_owned(), 0, 1)]);
    }
}
