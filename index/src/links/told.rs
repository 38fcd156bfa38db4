//! Commits that a mail tells of: the robots of the tip tree and of the stable trees, and those who pick commits by hand.
//! The forms are those of Documentation/process/stable-kernel-rules.rst, git-cherry-pick(1) and the tip tree's robot.

use memchr::memmem;

use super::fact::Told;
use crate::document::unhex;

/// Commits told of, each once, as bytes of their full ids. `Commit-ID:` counts in a mail of the robot only.
pub fn commits(text: &str, robot: bool) -> Vec<(Vec<u8>, Told)> {
    let mut found = Vec::new();
    let mut scan = |mark: &str, told: Told, accepts: fn(&str, &str) -> bool| {
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
        scan("Commit-ID:", Told::Merged, |before, _| before.is_empty());
        return found;
    }
    scan("cherry picked from commit ", Told::Picked, |before, after| before.trim() == "(" && after.starts_with(')'));
    scan("pstream commit ", Told::Backport, |before, _| {
        before.trim_start_matches([' ', '[', '(']).eq_ignore_ascii_case("u")
    });
    scan("commit ", Told::Backport, |before, after| {
        before.trim().is_empty() && after.trim_start().starts_with("upstream")
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn each_form_is_read_and_a_quoted_one_is_not() {
        let one = |text: &str, robot| commits(text, robot).first().map(|(_, told)| *told);
        assert_eq!(one(&format!("x\n\nCommit-ID:     {ID}\nGitweb: y\n"), true), Some(Told::Merged));
        assert_eq!(one(&format!("Commit-ID:     {ID}\n"), false), None);
        assert_eq!(one(&format!("commit {ID} upstream.\n\ntext"), false), Some(Told::Backport));
        assert_eq!(one(&format!("[ Upstream commit {ID} ]\n"), false), Some(Told::Backport));
        assert_eq!(one(&format!("(cherry picked from commit {ID})\n"), false), Some(Told::Picked));
        assert_eq!(one(&format!("> commit {ID} upstream.\n"), false), None);
        assert_eq!(one(&format!("commit {ID} broke it\n"), false), None);
        assert_eq!(one(&format!("commit {} upstream.\n", &ID[..12]), false), None);
    }

    proptest! {
        #[test]
        fn only_what_stands_in_the_text_is_told(text in "(commit |[0-9a-f]{40}| upstream|\n|[ -~]{0,9}|Commit-ID: ){0,12}", robot: bool) {
            for (id, _) in commits(&text, robot) {
                prop_assert!(text.to_ascii_lowercase().contains(&crate::document::hex(&id)));
            }
        }
    }
}
