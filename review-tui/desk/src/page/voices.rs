//! What answers say of the lines of a mail: each piece of an answer belongs to the last line that it quotes.

use provenance_corpus::message::Message;

use crate::text::clean;

/// Pieces that are kept of all answers to a mail, and lines of each.
const MOST: usize = 400;
const LONGEST: usize = 60;

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// Line of the mail's text, from 0.
    pub line: u32,
    /// Message-ID of the answer.
    pub id: String,
    /// Who says it, clean.
    pub author: String,
    /// What is said, line by line, clean.
    pub said: Vec<String>,
}

impl Voice {
    /// A number that is the same for all that one person says: for a colour.
    pub fn person(&self) -> u8 {
        self.author.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte))
    }
}

/// What an answer says of the lines of a mail, in the order of the answer. What stands before the first quote, or under a
/// line that the mail does not have, is about no line.
pub fn heard(mail: &str, answer: &[u8]) -> Vec<Voice> {
    let message = Message::parse(answer);
    let author = clean(message.from.first().map_or("", provenance_corpus::address::Address::who));
    let lines: Vec<&str> = mail.lines().map(str::trim_end).collect();
    let text = message.text();
    let mut out: Vec<Voice> = Vec::new();
    let (mut next, mut about): (usize, Option<usize>) = (0, None);
    let mut said: Vec<String> = Vec::new();
    let mut end = |said: &mut Vec<String>, about: Option<usize>| {
        while said.last().is_some_and(String::is_empty) {
            said.pop();
        }
        let said = std::mem::take(said);
        if let (Some(line), false) = (about.and_then(|at| u32::try_from(at).ok()), said.is_empty()) {
            out.push(Voice { line, id: message.message_id.to_string(), author: author.clone(), said });
        }
    };
    for line in text.lines() {
        if line == "-- " {
            break;
        }
        match line.strip_prefix('>') {
            Some(quote) => {
                end(&mut said, about);
                let quote = quote.strip_prefix(' ').unwrap_or(quote).trim_end();
                if quote.is_empty() || quote.starts_with('>') {
                    continue;
                }
                // Answers quote in the order of the mail; a line that it does not have leaves the place as it is.
                // Some mailers lose the blank of a context line.
                let is_it = |at: &usize| lines[*at] == quote || lines[*at].strip_prefix(' ') == Some(quote);
                if let Some(at) = (next..lines.len()).find(is_it) {
                    (about, next) = (Some(at), at + 1);
                }
            }
            None if said.is_empty() && line.trim().is_empty() => {}
            None if said.len() < LONGEST => said.push(clean(line.trim_end())),
            None => {}
        }
    }
    end(&mut said, about);
    out
}

/// All voices of a mail, by line; of one line in the order of the answers.
pub fn choir(mut voices: Vec<Voice>) -> Vec<Voice> {
    voices.truncate(MOST);
    voices.sort_by_key(|voice| voice.line);
    voices
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "Count.\n\n@@ -1 +1 @@\n-\tone;\n+\ttwo;\n }\n@@ -9 +9 @@\n+\tthree;\n }\n";

    fn of(text: &str) -> Vec<(u32, String)> {
        let mail = format!("From: Ben \u{1b}[31mE <b@x>\nMessage-ID: <re@x>\n\n{text}");
        heard(MAIL, mail.as_bytes()).into_iter().map(|voice| (voice.line, voice.said.join("|"))).collect()
    }

    #[test]
    fn each_piece_stands_under_the_line_that_it_quotes() {
        let told = of(
            "On day, A wrote:\n> Count.\n>\n> > older\n\nNo.\n\n> @@ -1 +1 @@\n> -\tone;\n> +\ttwo;\n\nWhy?\n\nAnd how?\n\n>  }\n> @@ -9 +9 @@\n> +\tthree;\n>  }\n\nEnd.\n-- \nben\n",
        );
        assert_eq!(told, [(0, "No.".to_owned()), (4, "Why?||And how?".to_owned()), (8, "End.".to_owned())]);
    }

    #[test]
    fn what_is_about_no_line_is_about_none() {
        assert_eq!(of("Looks good.\n\n> nothing of it\n\nHm.\n"), []);
        assert_eq!(of(""), []);
        let marked = heard(MAIL, b"From: B\x1b[31m <b@x>\n\n> Count.\n\x1b[2Jhi\n");
        assert!(!marked[0].author.contains('\u{1b}') && !marked[0].said[0].contains('\u{1b}'));
    }
}
