//! Puts a text into a draft below the quoted line that it is about. The reader may have trimmed the quote and written
//! into it; what is left of it still stands in the order of the mail.

use super::compose::quoted;

/// Below which line of the mail a text belongs, counted from 0; `None` where it is about none.
pub type About = Option<usize>;

/// The draft with the text in it; `None` where it holds the text already. `mail` is the text of the mail that is answered.
pub fn place(draft: &str, mail: &str, about: About, text: &str) -> Option<String> {
    let text = text.trim_end();
    let body = draft.find("\n\n").map_or(draft.len(), |at| at + 2);
    let (head, body) = draft.split_at(body);
    let mut lines: Vec<&str> = body.lines().collect();
    let words: Vec<&str> = text.lines().collect();
    if words.is_empty() || lines.windows(words.len()).any(|window| window == words) {
        return None;
    }
    let end = lines.iter().rposition(|line| *line == "-- ").unwrap_or(lines.len());
    let at = about.and_then(|about| below(&lines[..end], mail, about)).unwrap_or(end);
    let mut new: Vec<&str> = Vec::new();
    if at > 0 && !lines[at - 1].trim().is_empty() {
        new.push("");
    }
    new.extend(words);
    if lines.get(at).is_some_and(|line| !line.trim().is_empty()) {
        new.push("");
    }
    lines.splice(at..at, new);
    Some(format!("{head}{}\n", lines.join("\n")))
}

/// Where a text about a line of the mail goes: behind its quote and what the reader wrote there. Where the line was
/// trimmed, behind what is left of the lines above it.
fn below(draft: &[&str], mail: &str, about: usize) -> Option<usize> {
    let mail: Vec<String> = mail.lines().map(quoted).collect();
    let quotes: Vec<usize> = (0..draft.len()).filter(|at| draft[*at].starts_with('>')).collect();
    // The first and the last line of the mail that each quote can be, with all above and below it.
    let mut first = vec![None; quotes.len()];
    let mut next = 0;
    for (nth, at) in quotes.iter().enumerate() {
        if let Some(found) = (next..mail.len()).find(|line| mail[*line] == draft[*at]) {
            first[nth] = Some(found);
            next = found + 1;
        }
    }
    let mut last = vec![None; quotes.len()];
    let mut before = mail.len();
    for (nth, at) in quotes.iter().enumerate().rev() {
        if let Some(found) = (0..before).rev().find(|line| mail[*line] == draft[*at]) {
            last[nth] = Some(found);
            before = found;
        }
    }
    let is_it = |nth: &usize| {
        let (Some(first), Some(last)) = (first[*nth], last[*nth]) else { return false };
        first <= about && about <= last && mail.get(about).is_some_and(|line| *line == draft[quotes[*nth]])
    };
    let above = |nth: &usize| first[*nth].is_some_and(|first| first <= about);
    let nth = (0..quotes.len()).find(is_it).or_else(|| (0..quotes.len()).rev().find(above))?;
    let own = draft[quotes[nth] + 1..].iter().take_while(|line| !line.starts_with('>')).count();
    let mut at = quotes[nth] + 1 + own;
    while at > quotes[nth] + 1 && draft[at - 1].trim().is_empty() {
        at -= 1;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "Count.\n\n@@ -1 +1 @@\n-\tone;\n+\ttwo;\n }\n@@ -9 +9 @@\n+\tthree;\n }\n";

    fn draft(body: &str) -> String {
        format!("From: e@x\nTo: a@x\n\n{body}")
    }

    fn whole() -> String {
        MAIL.lines().map(|line| quoted(line) + "\n").collect()
    }

    #[test]
    fn it_stands_below_its_line() {
        let out = place(&draft(&whole()), MAIL, Some(4), "why?").expect("placed");
        assert!(out.contains("> +\ttwo;\n\nwhy?\n\n>  }\n"), "{out}");
        let twice = place(&out, MAIL, Some(4), "and how?").expect("placed");
        assert!(twice.contains("\nwhy?\n\nand how?\n\n>  }\n"), "{twice}");
        assert_eq!(place(&twice, MAIL, Some(4), "why?"), None, "it is there already");
    }

    #[test]
    fn lines_that_stand_twice_are_told_by_their_neighbours() {
        let out = place(&draft(&whole()), MAIL, Some(8), "end").expect("placed");
        assert!(out.trim_end().ends_with(">  }\n\nend"), "{out}");
        let first = place(&draft(&whole()), MAIL, Some(5), "end").expect("placed");
        assert!(first.contains(">  }\n\nend\n\n> @@ -9 +9 @@"), "{first}");
    }

    #[test]
    fn what_was_trimmed_is_found_by_what_is_left() {
        let trimmed = draft("hi\n\n> @@ -1 +1 @@\n> -\tone;\n\nmine\n\n-- \ne\n");
        let out = place(&trimmed, MAIL, Some(4), "why?").expect("placed");
        assert!(out.contains("mine\n\nwhy?\n\n-- \ne\n"), "{out}");
        let nothing = place(&draft("hi\n\n-- \ne\n"), MAIL, Some(4), "why?").expect("placed");
        assert!(nothing.contains("hi\n\nwhy?\n\n-- \n"), "{nothing}");
    }
}
