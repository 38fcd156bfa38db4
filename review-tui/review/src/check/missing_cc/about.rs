//! What a patch is about, and the line of an earlier mail that is about the same. A symbol counts that the patch defines or whose
//! function it changes; what it merely uses is everybody's. In a mail counts what its writer says, and what the writer's own
//! patch changes: no diffstat, header, trailer or quotation.

use provenance_corpus::patch::{LineKind, Patch};

use crate::check::code::{Code, names};
use crate::check::{Target, functions};

/// Symbols that are looked for.
const SYMBOLS: usize = 48;

/// Shorter symbols are everybody's.
const SHORTEST: usize = 6;

/// Characters of a quoted line.
const LINE: usize = 90;

/// Fewer letters say nothing.
const LETTERS: usize = 8;

/// What a patch is about.
pub struct About<'a> {
    symbols: Vec<String>,
    files: Vec<&'a str>,
}

/// A line of a mail that is about the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The symbol or file.
    pub about: String,
    /// The line, blanks squeezed, cut.
    pub line: String,
    /// It is one that the mail's own patch adds or removes.
    pub changed: bool,
}

impl<'a> About<'a> {
    /// Of a patch.
    pub fn of(target: &'a Target<'_>, code: &Code) -> About<'a> {
        let mut symbols: Vec<String> = functions::changed(&target.patch).into_iter().map(|f| f.name).collect();
        symbols.extend(code.functions.iter().filter(|f| f.added).map(|f| f.name.clone()));
        symbols.retain(|name| name.len() >= SHORTEST && name.contains('_') && !name.contains("##"));
        let mut seen = Vec::new();
        symbols.retain(|name| {
            !seen.contains(name) && {
                seen.push(name.clone());
                true
            }
        });
        symbols.truncate(SYMBOLS);
        About { symbols, files: target.patch.files.iter().map(|file| file.path()).collect() }
    }

    /// The line of a mail that is about the same: words before changes, symbols before files.
    pub fn line(&self, text: &str) -> Option<Found> {
        let patch = Patch::parse(text);
        let words = patch.as_ref().map_or(text, |patch| patch.slice(patch.message));
        for line in words.lines().take_while(|line| *line != "-- ").filter(|line| is_said(line)) {
            if let Some(symbol) = self.symbols.iter().find(|symbol| has(line, symbol)) {
                return Some(Found { about: symbol.clone(), line: cut(line), changed: false });
            }
        }
        let patch = patch?;
        let mut of_file = None;
        for file in &patch.files {
            let known = self.files.iter().find(|path| **path == file.path());
            for hunk in patch.hunks(file) {
                for (line, around) in patch.lines(hunk).iter().zip(functions::around(&patch, hunk)) {
                    let said = patch.slice(line.span);
                    if line.kind == LineKind::Context || letters(said) < LETTERS {
                        continue;
                    }
                    let inside = around.filter(|name| self.symbols.contains(name));
                    let symbol = inside.or_else(|| self.symbols.iter().find(|symbol| has(said, symbol)).cloned());
                    let sign = if line.kind == LineKind::Added { '+' } else { '-' };
                    let found = |about: String| Found { about, line: cut(&format!("{sign}{said}")), changed: true };
                    if let Some(symbol) = symbol {
                        return Some(found(symbol));
                    }
                    if let Some(path) = known.filter(|_| of_file.is_none()) {
                        of_file = Some(found((*path).to_owned()));
                    }
                }
            }
        }
        of_file
    }
}

fn letters(line: &str) -> usize {
    line.bytes().filter(u8::is_ascii_alphabetic).count()
}

/// Whether a line of a mail's text is the writer's own sentence.
fn is_said(line: &str) -> bool {
    let trimmed = line.trim();
    let diff = ["diff ", "index ", "@@", "+", "-", ">", "|", "---"].iter().any(|head| line.starts_with(head));
    let trailer = trimmed.split_once(": ").is_some_and(|(name, _)| {
        name.contains('-') && !name.contains(' ')
            || matches!(name, "Link" | "Fixes" | "Cc" | "From" | "Subject" | "Gitweb")
    });
    let stat = line.contains(" | ") || trimmed.starts_with("create mode");
    !(diff || trailer || stat || trimmed.ends_with("wrote:")) && letters(trimmed) >= LETTERS
}

/// Whether a line has a name as a whole word.
fn has(line: &str, name: &str) -> bool {
    names(line).any(|(_, word)| word == name)
}

fn cut(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LINE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About<'static> {
        About { symbols: vec!["some_function".to_owned()], files: vec!["k/x.c"] }
    }

    const DIFF: &str = "diff --git a/k/x.c b/k/x.c\n--- a/k/x.c\n+++ b/k/x.c\n@@ -1,2 +1,2 @@ int other(void)\n \tbegin();\n-\told_call(one);\n+\tnew_call(one);\n";

    #[test]
    fn what_is_said_comes_before_what_is_changed() {
        let said =
            about().line("Hi,\n\n> some_function() is odd\n\nin some_function() the lock is not held.\n").unwrap();
        assert_eq!((said.line.as_str(), said.changed), ("in some_function() the lock is not held.", false));
        let text = format!("why\n---\n k/x.c | 2 +-\n\n{DIFF}");
        let changed = about().line(&text).unwrap();
        assert_eq!(
            (changed.about.as_str(), changed.line.as_str(), changed.changed),
            ("k/x.c", "- old_call(one);", true)
        );
        let inside = DIFF.replace("other(void)", "some_function(void)");
        assert_eq!(about().line(&format!("why\n---\n{inside}")).unwrap().about, "some_function");
    }

    #[test]
    fn neither_quotes_nor_headers_nor_trailers_name_anybody() {
        for text in [
            "> some_function()\n",
            "Fixes: 0123456789ab (\"x: rework some_function()\")\n",
            "Ada <ada@example.org> on some_function() wrote:\n",
            " k/x.c | 2 +-\n",
            "-- \nsome_function() is my signature\n",
            "some_functions are other things\n",
        ] {
            assert_eq!(about().line(text), None, "{text}");
        }
    }
}
