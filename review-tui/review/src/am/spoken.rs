//! The trailers in an answer to a patch, as its writer meant them: given, or given on a condition, or named within a sentence.
//!
//! What is quoted counts for nothing, nor does what stands below the mark of a signature or in an original that a mailer
//! appended whole. What leads to a trailer is read: `with that changed you may add` makes of it a promise for a patch that
//! was not sent yet.

use provenance_corpus::address::Address;
use provenance_corpus::patch::Patch;
use provenance_corpus::trailer::{self, Kind};

/// Lines of an answer that are read.
const MOST_LINES: usize = 20_000;

/// Trailers that are taken from one answer.
const MOST_TRAILERS: usize = 200;

/// Lines of what leads to a trailer.
const LEAD: usize = 12;

/// How a trailer was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// For the patch as it is.
    Given,
    /// On a condition that its words name.
    Condition,
    /// Within a sentence.
    Sentence,
    /// As an objection.
    Objection,
    /// As a link, which the configuration alone adds.
    Link,
    /// It names a person without an address, or with half of one.
    NoAddress,
    /// It holds characters that disturb a terminal or turn the direction of writing.
    Control,
}

/// One trailer of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// As it is written into a message: `Reviewed-by: Ada Example <ada@example.org>`.
    pub line: String,
    /// Its name in lower case.
    pub name: String,
    /// The person, where it names one.
    pub person: Option<Address>,
    /// How it was meant.
    pub meant: Meant,
}

/// The trailers of an answer's text, in order, each once.
pub fn read(text: &str) -> Vec<Spoken> {
    let text = own(text);
    let lines: Vec<&str> = text.lines().take(MOST_LINES).collect();
    let mut found: Vec<Spoken> = Vec::new();
    let mut at = 0;
    while at < lines.len() && found.len() < MOST_TRAILERS {
        let (mut spoken, used) = match at_line(&lines, at) {
            Some((spoken, used)) => (spoken, used),
            None => {
                for spoken in within(lines[at]) {
                    if !found.iter().any(|known| known.line == spoken.line) {
                        found.push(spoken);
                    }
                }
                at += 1;
                continue;
            }
        };
        if spoken.meant == Meant::Given && is_on_condition(&lines, at, at + used) {
            spoken.meant = Meant::Condition;
        }
        if !found.iter().any(|known| known.line == spoken.line) {
            found.push(spoken);
        }
        at += used;
    }
    found
}

/// What the writer says himself: above the signature, above an original that was appended whole, and above the message of a
/// patch that the answer suggests and that is signed off.
fn own(text: &str) -> &str {
    let mut end = text.len();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end();
        let appended =
            content.starts_with("-----Original Message") || content.starts_with("________________________________");
        if line.trim_end_matches(['\r', '\n']) == "-- " || appended {
            end = start;
            break;
        }
        start += line.len();
    }
    let text = &text[..end];
    match Patch::parse(text) {
        Some(patch) => {
            let first = patch.files.first().map_or(text.len(), |file| file.span.start as usize);
            let message = patch.slice(patch.message);
            let signed = message.lines().any(|line| is_named(line, "signed-off-by:"));
            let cut = if patch.message.start > 0 {
                patch.message.start as usize
            } else if signed {
                0
            } else {
                first
            };
            &text[..cut]
        }
        None => text,
    }
}

fn is_named(line: &str, name: &str) -> bool {
    line.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name))
}

/// Whether a line is somebody else's.
fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with(['>', '|'])
}

/// The trailer that begins at a line, with how many lines it takes: mailers break one before the address.
fn at_line(lines: &[&str], at: usize) -> Option<(Spoken, usize)> {
    let line = lines[at].trim();
    let next = lines.get(at + 1).map(|line| line.trim()).filter(|next| next.starts_with('<') && next.contains('@'));
    if let Some(next) = next.filter(|_| !line.contains('<'))
        && let Some(spoken) = one(&format!("{line} {next}"))
    {
        return Some((spoken, 2));
    }
    one(line).map(|spoken| (spoken, 1))
}

fn one(line: &str) -> Option<Spoken> {
    let found = trailer::parse(line);
    let [found] = &found[..] else { return None };
    let wanted = match found.kind {
        Kind::Person => !found.name.eq_ignore_ascii_case("author") && !found.name.eq_ignore_ascii_case("committer"),
        Kind::Fixes => found.commit().is_some(),
        Kind::Link => ["link", "closes"].iter().any(|name| found.name.eq_ignore_ascii_case(name)),
        _ => false,
    };
    if !wanted {
        return None;
    }
    let person = found.address().filter(|_| found.kind == Kind::Person);
    let value = line.split_once(':').map_or("", |(_, value)| value.trim());
    let (value, rest) = match (&person, value.find('>')) {
        (Some(_), Some(end)) => value.split_at(end + 1),
        _ => (value, ""),
    };
    let rest = rest.trim_matches([' ', '\t', '.', ',', ';', '!']);
    let remark = rest.is_empty() || rest.starts_with(['#', '(', '[']);
    let name = found.name.to_ascii_lowercase();
    let meant = match found.kind {
        _ if line.chars().any(is_disturbing) => Meant::Control,
        Kind::Link if name == "link" => Meant::Link,
        Kind::Person if name.starts_with("nack") || name.starts_with("nak") => Meant::Objection,
        Kind::Person if value.contains('<') != value.contains('>') => Meant::NoAddress,
        Kind::Person if !person.as_ref().is_some_and(|one| one.address.contains('@')) => Meant::NoAddress,
        Kind::Person if !remark => Meant::Sentence,
        _ => Meant::Given,
    };
    let rest = if rest.starts_with(['#', '(', '[']) { format!(" {rest}") } else { String::new() };
    let line = format!("{}: {}{rest}", found.name, value.split_whitespace().collect::<Vec<_>>().join(" "));
    Some(Spoken { line, name, person, meant })
}

/// Control characters, and those that turn the direction of writing (Unicode Standard Annex 9, section 2).
fn is_disturbing(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Trailers in the middle of a line: `you may add my Reviewed-by: Ada Example <ada@example.org>`.
fn within(line: &str) -> Vec<Spoken> {
    if is_quoted(line) || line.len() > 1_000 {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (colon, _) in line.match_indices("-by:") {
        let start = line[..colon]
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
        let rest = &line[start..];
        let Some(end) = rest.find('>').filter(|end| rest[..*end].contains('@')) else { continue };
        if start > 0
            && let Some(mut spoken) = one(&rest[..=end])
        {
            if spoken.meant == Meant::Given {
                spoken.meant = Meant::Sentence;
            }
            found.push(spoken);
        }
    }
    found
}

/// Whether the words around a trailer make a condition of it: the sentence that leads to it, over a blank line and other
/// trailers, and what goes on directly below it.
fn is_on_condition(lines: &[&str], from: usize, to: usize) -> bool {
    let mut lead: Vec<&str> = Vec::new();
    let mut above = lines[..from].iter().rev().map(|line| line.trim());
    let mut blank = 0;
    for line in above.by_ref().take(3 * LEAD) {
        if line.is_empty() {
            if !lead.is_empty() {
                break;
            }
            blank += 1;
            if blank > 2 {
                break;
            }
        } else if is_quoted(line) {
            break;
        } else if one(line).is_some() || line.starts_with('<') {
            // Others of the same block were led to by the same words.
        } else if lead.len() < LEAD {
            lead.push(line);
        }
    }
    lead.reverse();
    let mut below = lines[to..].iter().map(|line| line.trim());
    let after: Vec<&str> = below
        .by_ref()
        .take(LEAD)
        .take_while(|line| !line.is_empty() && !is_quoted(line) && one(line).is_none())
        .collect();
    let after = after.join(" ");
    let goes_on = after.starts_with(|c: char| c.is_lowercase()) && is_condition(first_sentence(&after));
    leads(&lead.join(" "), blank > 0) || goes_on
}

/// Whether what leads to a trailer makes a condition of it. A sentence that ended before, in a paragraph of its own, has to
/// speak of the patch as a whole: it may as well be the last of the remarks above.
fn leads(lead: &str, apart: bool) -> bool {
    const WHOLE: [&str; 14] = [
        "ack", "acked", "add", "tag", "review", "reviewed", "good", "fine", "ok", "okay", "lgtm", "happy", "free",
        "great",
    ];
    let sentence = last_sentence(lead);
    let ended = apart && lead.trim_end().ends_with(['.', '!', '?', ')']);
    let whole = || sentence.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| WHOLE.contains(&word));
    is_condition(sentence) && (!ended || whole())
}

fn last_sentence(text: &str) -> &str {
    let text = text.trim_end_matches(['.', '!', '?', ':', ',', ';', ' ', '-', ')']);
    let start = [". ", "! ", "? "].iter().filter_map(|end| text.rfind(end)).max().map_or(0, |at| at + 2);
    &text[start..]
}

fn first_sentence(text: &str) -> &str {
    let end = [". ", "! ", "? "].iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    &text[..end]
}

/// What one does to a patch that is not right yet, as its stem.
const MENDING: [&str; 26] = [
    "fix", "chang", "address", "resolv", "correct", "updat", "renam", "remov", "dropp", "split", "adjust", "reword",
    "amend", "mov", "clean", "sort", "fold", "squash", "add", "replac", "mention", "clarif", "tweak", "adapt",
    "rework", "drop",
];

/// What follows an `if` of a sentence, and not of code.
const SUBJECTS: [&str; 22] = [
    "you", "you're", "that", "that's", "this", "it", "it's", "the", "we", "so", "not", "those", "these", "they",
    "there", "nobody", "no", "and", "all", "with", "others", "everyone",
];

/// Whether a sentence sets a condition on the patch: `if you fix that`, `with the nit addressed`, `once it is renamed`.
fn is_condition(sentence: &str) -> bool {
    let lower = sentence.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !(c.is_alphanumeric() || c == '\'')).filter(|w| !w.is_empty()).collect();
    let mends = |word: &&str| MENDING.iter().any(|stem| word.starts_with(stem));
    let done = |word: &&str| {
        mends(word) && (word.ends_with("ed") || word.ends_with("split")) || *word == "done" || *word == "gone"
    };
    for (at, word) in words.iter().enumerate() {
        let rest = &words[at + 1..];
        let polite = |words: &[&str]| {
            let words = words.strip_prefix(&["you"]).unwrap_or(words);
            let words = words.strip_prefix(&["it"]).or_else(|| words.strip_prefix(&["it's"])).unwrap_or(words);
            words.first().is_some_and(|word| {
                [
                    "want", "like", "need", "needed", "wish", "care", "useful", "helps", "help", "not", "matters",
                    "still", "desired", "wanted", "any",
                ]
                .contains(word)
            })
        };
        // What the writer did himself is no condition: `after I changed my config`.
        let own = rest.iter().take(3).any(|word| ["i", "i've", "my", "we"].contains(word));
        let found = match *word {
            "if" => !polite(rest) && !own && rest.first().is_some_and(|word| SUBJECTS.contains(word)),
            "assuming" | "provided" | "unless" | "until" | "modulo" | "conditional" | "pending" => true,
            "once" => !own,
            "with" | "when" => !own && rest.iter().take(12).any(&done),
            "after" => !own && rest.iter().take(8).any(|word| mends(word) && !word.starts_with("add")),
            "please" => rest.iter().take(3).any(|word| mends(word) && !word.starts_with("add")),
            _ => false,
        };
        if found {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOB: &str = "Bob Other <bob@example.org>";

    #[track_caller]
    fn meant(text: &str) -> Vec<(String, Meant)> {
        read(text).into_iter().map(|one| (one.line, one.meant)).collect()
    }

    #[track_caller]
    fn one_meant(text: &str, wanted: Meant) {
        let text = text.replace("BOB", BOB);
        let found = meant(&text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(found[0].1, wanted, "{text}");
    }

    #[test]
    fn a_trailer_is_given_whatever_friendly_words_stand_before_it() {
        for text in [
            "Reviewed-by: BOB",
            "> quoted if you fix\n\n  Acked-by: BOB\n",
            "Looks good to me.\nReviewed-by: BOB\n\nthanks",
            "LGTM,\n\nReviewed-by: BOB",
            "Feel free to add:\nReviewed-by: BOB",
            "You may add my\nReviewed-by: BOB",
            "If you want it:\nReviewed-by: BOB",
            "I changed my config and tested it.\n\nTested-by: BOB",
            "With this patch my machine boots again:\nTested-by: BOB",
            "After I fixed my toolchain it works.\nTested-by: BOB",
            "Please fix the typo in v2.\n\nElse it is fine.\n\nReviewed-by: BOB",
            "Could be $(and), too; I think the $(if) is easier to parse.\n\nReviewed-by: BOB",
            "It breaks once that was changed in v5.10.\n\nReviewed-by: BOB",
            "Reviewed-by: Bob Other\n<bob@example.org>",
            "Reviewed-by: BOB # the mm parts",
            "Acked-by: BOB.",
        ] {
            one_meant(text, Meant::Given);
        }
    }

    #[test]
    fn on_a_condition_or_within_a_sentence_it_is_not_given() {
        for text in [
            "with that changed you may add\nReviewed-by: BOB",
            "With that changed you may add\n\nReviewed-by: BOB\n",
            "With the nits above fixed:\n\nReviewed-by: BOB",
            "If you fix the issue, kindly add following tag\nReported-by: BOB",
            "Once that is renamed, this looks good.\nAcked-by: BOB",
            "Assuming it was tested,\nAcked-by: BOB",
            "Please fix the comment and add\nAcked-by: BOB",
            "Reviewed-by: BOB\nonce the comment is fixed",
            "Modulo that one:\nReviewed-by: BOB",
            "It looks okay to me, so feel free to add my ACK once you've dropped the audit bits.\n\nAcked-by: BOB",
            "With the typo fixed:\n\nAcked-by: BOB",
            "If you keep it separate though here's a tag:\n\nReviewed-by: BOB",
        ] {
            one_meant(text, Meant::Condition);
        }
        for text in [
            "With that changed you may add Reviewed-by: BOB",
            "you can have my Acked-by: BOB, if you like",
            "Reviewed-by: BOB once you fix it",
        ] {
            one_meant(text, Meant::Sentence);
        }
        one_meant("Nacked-by: BOB", Meant::Objection);
        one_meant("NAKed-by: BOB", Meant::Objection);
        one_meant("Acked-by: Bob Other", Meant::NoAddress);
        one_meant("Acked-by: Bob Other <bob@example.or", Meant::NoAddress);
        one_meant("Link: https://lore.kernel.org/r/x@y", Meant::Link);
        one_meant("Fixes: 0123456789ab (\"x\")", Meant::Given);
        one_meant("Acked-by: B\u{202e}ob <bob@example.org>", Meant::Control);
    }

    #[test]
    fn quotes_signatures_appended_originals_and_suggested_patches_say_nothing() {
        for text in [
            "> Reviewed-by: BOB",
            "| Reported-by: BOB",
            "text\n-- \nReviewed-by: BOB",
            "no\n-----Original Message-----\nFrom: x\nSigned-off-by: BOB",
            "Cc: BOB",
            "better so:\n\n-- >8 --\nSubject: x\n\nSigned-off-by: BOB\n---\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+b\n",
        ] {
            let text = text.replace("BOB", BOB);
            assert_eq!(meant(&text), [], "{text}");
        }
        let beside = format!(
            "Acked-by: {BOB}\n\nmaybe so\n-- >8 --\nSubject: x\n\nSigned-off-by: C D <c@d>\n---\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+b\n"
        );
        assert_eq!(meant(&beside), [(format!("Acked-by: {BOB}"), Meant::Given)]);
    }

    proptest! {
        #[test]
        fn each_trailer_is_one_line_of_the_text(text in "(if |with that fixed|\n|Reviewed-by: |A B <a@b>|> |-- |[ -~é]{0,12}|Acked-by:){0,24}") {
            for spoken in read(&text) {
                prop_assert!(!spoken.line.contains('\n') && spoken.line.contains(": "));
                prop_assert!(text.contains(spoken.line.split(':').next().unwrap_or_default()));
            }
        }
    }
}
