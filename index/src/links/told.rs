//! Commits that a mail tells of: the robots of the tip tree and of the stable trees, and those who pick commits by hand.
//! The forms are those of Documentation/process/stable-kernel-rules.rst, git-cherry-pick(1) and the tip tree's robot.

use memchr::memmem;

use super::fact;
use crate::document::unhex;

/// Commits told of, each once, as bytes of their full ids. `Commit-ID:` counts in a mail of the robot only.
pub fn commits(text: &str, robot: bool) -> Vec<(Vec<u8>, fact::Told)> {
    let mut found = Vec::new();
    let mut scan = |mark: &str, told: fact::Told, accepts: fn(&str, &str) -> bool| {
        for at in memmem::find_iter(text.as_bytes(), mark.as_bytes()) {
            let line = text[..at].rfind('\n').map_or(0, |n| n + 1);
            let before = &text[line..at];
            let rest = text[at + mark.len()..].trim_start_matches([' ', '\t']);
            let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
            if !matches!(digits, 40 | 64) || before.starts_with('>') {
                continue;
            }
            let after = rest[digits..].lines().next().unwrap_or_default();
            if accepts(before, after)
                && let Some(id) = unhex(&rest[..digits].to_ascii_lowercase())
                && !found.iter().any(|(known, _)| *known == id)
            {
                found.push((id, told));
            }
        }
    };
    if robot {
        scan("Commit-ID:", fact::Told::Merged, |before, _| before.is_empty());
        return found;
    }
    scan("cherry picked from commit ", fact::Told::Picked, |before, after| {
        before.trim() == "(" && after.starts_with(')')
    });
    scan("pstream commit ", fact::Told::Backport, |before, _| {
        before.trim_start_matches([' ', '[', '(']).eq_ignore_ascii_case("u")
    });
    scan("commit ", fact::Told::Backport, |before, after| {
        before.trim().is_empty() && after.trim_start().starts_with("upstream")
    });
    found
}

/// A commit as the tip tree's robot tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The message, with its title.
    pub message: String,
    /// Name and address of the author.
    pub author: (String, String),
    /// When the author made it, seconds since 1970, where that is told.
    pub authored: Option<i64>,
}

/// Reads a robot's mail: a head of `NAME: value` lines after a sentence, then title and message, then the diff.
pub fn commit_of(text: &str) -> Told {
    let mut told = Told::default();
    let (head, rest) = text.split_once("\n\n").unwrap_or(("", text));
    // A sentence may stand above the head, and a blank line between them.
    let (head, rest) =
        if head.contains("Commit-ID:") { (head, rest) } else { rest.split_once("\n\n").unwrap_or((head, rest)) };
    for line in head.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        match name {
            "Author" => {
                let person = provenance_corpus::address::parse_one(value.trim()).unwrap_or_default();
                told.author = (person.name.unwrap_or_default(), person.address);
            }
            "AuthorDate" => {
                told.authored =
                    provenance_corpus::message::date::parse(value.trim().as_bytes()).map(|date| date.seconds);
            }
            _ => {}
        }
    }
    let end = rest.find("\ndiff --git ").map_or(rest.len(), |at| at + 1);
    let end = rest[..end].find("\n---\n").map_or(end, |at| at + 1);
    told.message = rest[..end].trim().to_owned();
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn each_form_is_read_and_a_quoted_one_is_not() {
        let one = |text: &str, robot| commits(text, robot).first().map(|(_, told)| *told);
        assert_eq!(one(&format!("x\n\nCommit-ID:     {ID}\nGitweb: y\n"), true), Some(fact::Told::Merged));
        assert_eq!(one(&format!("Commit-ID:     {ID}\n"), false), None);
        assert_eq!(one(&format!("commit {ID} upstream.\n\ntext"), false), Some(fact::Told::Backport));
        assert_eq!(one(&format!("[ Upstream commit {ID} ]\n"), false), Some(fact::Told::Backport));
        assert_eq!(one(&format!("(cherry picked from commit {ID})\n"), false), Some(fact::Told::Picked));
        assert_eq!(one(&format!("> commit {ID} upstream.\n"), false), None);
        assert_eq!(one(&format!("commit {ID} broke it\n"), false), None);
        assert_eq!(one(&format!("commit {} upstream.\n", &ID[..12]), false), None);
    }

    #[test]
    fn a_robots_mail_is_read() {
        let text = format!(
            "The following commit has been merged into the x86/urgent branch of tip:\n\nCommit-ID:     {ID}\nAuthor:        Ada \
             Example <ada@x.org>\nAuthorDate:    Thu, 01 Jan 2026 10:00:00 +01:00\n\nx86: Do it\n\nWhy.\n\nFixes: y\n---\n \
             a | 1 +\n\ndiff --git a/a b/a\n"
        );
        let told = commit_of(&text);
        assert_eq!(told.message, "x86: Do it\n\nWhy.\n\nFixes: y");
        assert_eq!((told.author.0.as_str(), told.author.1.as_str()), ("Ada Example", "ada@x.org"));
        assert_eq!(told.authored, Some(1_767_258_000));
        assert_eq!(commit_of(""), Told::default());
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_a_robots(text in "(\\PC|\n|Author: |diff --git |---){0,40}") {
            let _ = commit_of(&text);
        }

        #[test]
        fn only_what_stands_in_the_text_is_told(text in "(commit |[0-9a-f]{40}| upstream|\n|[ -~]{0,9}|Commit-ID: ){0,12}", robot: bool) {
            for (id, _) in commits(&text, robot) {
                prop_assert!(text.to_ascii_lowercase().contains(&crate::document::hex(&id)));
            }
        }
    }
}
