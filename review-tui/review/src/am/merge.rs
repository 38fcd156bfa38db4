//! A cover letter as the message of a merge commit: what it says of the series, without what git and b4 add to it.

use provenance_corpus::patch::Base;
use provenance_corpus::subject::Subject;

/// The message: a title, who says it, and the cover letter without diffstat, shortlog and base. `link` is a trailer.
pub fn message(subject: &str, author: &str, text: &str, link: Option<&str>) -> String {
    let title = Subject::parse(subject).title;
    let mut out = format!("Merge series \"{title}\"\n\nFrom {author}:\n\n{}\n", told(text));
    if let Some(link) = link {
        out.push_str(&format!("\n{link}\n"));
    }
    out
}

/// What the author wrote: up to the signature or `---`, without the shortlog and diffstat of git-format-patch(1) and the lines
/// that name a base.
fn told(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if *line == "--" || *line == "---" && ends_here(&lines[at + 1..]) {
            break;
        }
        let skip = shortlog(&lines[at..]).max(diffstat(&lines[at..])).max(usize::from(is_base(line)));
        if skip == 0 {
            kept.push(line);
        }
        at += skip.max(1);
    }
    let mut out = String::new();
    for line in kept {
        // Two blank lines are what is left around what was taken out.
        if !(line.is_empty() && (out.is_empty() || out.ends_with("\n\n"))) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim_end().to_owned()
}

/// b4 puts changes, diffstat and base below `---`; text that goes on without them is the author's.
fn ends_here(below: &[&str]) -> bool {
    (0..below.len()).any(|at| shortlog(&below[at..]) > 0 || diffstat(&below[at..]) > 0 || is_base(below[at]))
        || below.is_empty()
}

fn is_base(line: &str) -> bool {
    let base = Base::find(line);
    base.commit.is_some() || base.change_id.is_some() || !base.prerequisites.is_empty()
}

/// Lines of `Ada Example (2):` with as many indented titles below it.
fn shortlog(lines: &[&str]) -> usize {
    let count =
        lines[0].strip_suffix("):").and_then(|head| head.rsplit_once(" (")).and_then(|(_, count)| count.parse().ok());
    let Some(count): Option<usize> = count.filter(|count| (1..10_000).contains(count)) else { return 0 };
    let titles = lines[1..].iter().take_while(|line| line.starts_with("  ")).count();
    // A long title is folded.
    if titles >= count { titles + 1 } else { 0 }
}

/// Lines of a diffstat, up to its total.
fn diffstat(lines: &[&str]) -> usize {
    let is_row = |line: &str| {
        let plain = line.starts_with(' ') && (line.contains(" | ") || line.contains(" => "));
        plain
            || [" create mode ", " delete mode ", " rename ", " copy ", " mode change ", " rewrite "]
                .iter()
                .any(|word| line.starts_with(word))
    };
    let is_total = |line: &str| line.starts_with(' ') && line.contains(" changed") && line.contains(" file");
    let rows = lines.iter().take_while(|line| is_row(line) || is_total(line)).count();
    if lines[..rows].iter().any(|line| is_total(line)) { rows } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_letter_is_told_without_what_tools_add() {
        let text = "Why all this.\n\nMore - with  blanks.\n\nAda Example (2):\n  one: two\n  three: four that is\n    folded\n\n a.c | 2 +-\n b.c => c.c | 0\n 2 files changed, 1 insertion(+), 1 deletion(-)\n create mode 100644 x\n\nbase-commit: 0123456789012345678901234567890123456789\nprerequisite-patch-id: 01\n-- \n2.39\n";
        let said =
            message("[PATCH v2 0/2] make it go", "Ada Example <ada@example.org>", text, Some("Link: https://x/y"));
        assert_eq!(
            said,
            "Merge series \"make it go\"\n\nFrom Ada Example <ada@example.org>:\n\nWhy all this.\n\nMore - with  blanks.\n\nLink: https://x/y\n"
        );
        let b4 = "Text.\n\n---\nChanges in v2:\n- x\n\n---\nAda Example (1):\n      one\n\n a | 1 +\n 1 file changed, 1 insertion(+)\n---\nbase-commit: 01\n";
        assert_eq!(told(b4), "Text.");
        assert_eq!(told("One.\n---\ntwo\n"), "One.\n---\ntwo");
        assert_eq!(told(""), "");
    }
}
