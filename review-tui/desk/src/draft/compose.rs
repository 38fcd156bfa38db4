//! The text of an answer: group reply, threading headers (RFC 5322, 3.6.4), the quoted mail with the reader's remarks
//! under their lines, a trailer.

use std::fmt::Write;

use provenance_corpus::address::Address;
use provenance_corpus::message::{Message, encoded_word};
use provenance_corpus::patch::Patch;
use provenance_review::dates;

use super::excerpt::excerpt;

/// Ids that References keeps at most; the first and the last ones.
const MOST_REFERENCES: usize = 50;

/// What an endorsement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endorsement {
    /// `Reviewed-by`: the statement of oversight in submitting-patches.rst.
    Reviewed,
    /// `Acked-by`: the area approves of it.
    Acked,
    /// `Tested-by`: it was run.
    Tested,
}

impl Endorsement {
    /// The trailer's name.
    pub fn name(self) -> &'static str {
        match self {
            Endorsement::Reviewed => "Reviewed-by",
            Endorsement::Acked => "Acked-by",
            Endorsement::Tested => "Tested-by",
        }
    }
}

/// Who answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name and address.
    pub from: Address,
    /// Below `-- `; empty for none.
    pub signature: String,
}

/// The mail that is answered.
pub struct Original<'m> {
    /// The mail.
    pub message: &'m Message<'m>,
    /// Remarks by line of its text.
    pub remarks: &'m [(u32, String)],
    /// Quote only what the remarks are about, and not the whole mail.
    pub trimmed: bool,
    /// An endorsement: then only the commit message is quoted.
    pub endorsement: Option<Endorsement>,
}

/// The whole draft.
pub fn compose(original: &Original<'_>, me: &Identity) -> String {
    let message = original.message;
    let mut out = String::new();
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(out, "{name}: {value}");
        }
    };
    let (to, cc) = recipients(message, &me.from);
    field("From", &encoded_word::mailbox(&me.from));
    field("To", &folded(&to));
    field("Cc", &folded(&cc));
    field("Subject", &encoded_word::encode(&reply_subject(&message.subject)));
    field("In-Reply-To", &format!("<{}>", header_safe(&message.message_id)));
    field("References", &references(message));
    field("MIME-Version", "1.0");
    field("Content-Type", "text/plain; charset=UTF-8");
    field("Content-Transfer-Encoding", "8bit");
    out.push('\n');
    let who = message.from.first().map_or("somebody", Address::who);
    let when = message.date.as_ref().map_or_else(String::new, |d| format!("On {} UTC, ", dates::minute(d.seconds)));
    let _ = writeln!(out, "{when}{} wrote:", one_line(who));
    if original.trimmed && original.endorsement.is_none() {
        out.push_str(excerpt(&message.text(), original.remarks).trim_end());
        out.push('\n');
    } else {
        quote(&mut out, original);
    }
    if let Some(endorsement) = original.endorsement {
        let _ = write!(out, "\n{}: {}\n", endorsement.name(), me.from);
    } else if original.remarks.is_empty() {
        out.push('\n');
    }
    if !me.signature.trim().is_empty() {
        let _ = write!(out, "\n-- \n{}\n", me.signature.trim_end());
    }
    out
}

fn quote(out: &mut String, original: &Original<'_>) {
    let text = original.message.text();
    let end = match original.endorsement {
        Some(_) => Patch::parse(&text).map_or(text.len(), |p| p.message.end as usize),
        None => text.len(),
    };
    let mut remarks = original.remarks.iter().peekable();
    for (number, line) in text.get(..end).unwrap_or(&text).lines().enumerate() {
        if line == "-- " {
            break;
        }
        let _ = writeln!(out, "{}", quoted(line));
        while let Some((_, remark)) = remarks.next_if(|(at, _)| *at as usize <= number) {
            let _ = write!(out, "\n{}\n\n", one_line(remark));
        }
    }
}

/// A line as it is quoted. `>` stands next to `>`, as mailers write deeper quotes.
pub fn quoted(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    format!("{}{line}", if line.is_empty() || line.starts_with('>') { ">" } else { "> " })
}

/// Everybody who took part, but oneself: the author in To, the others in Cc, each once.
fn recipients(message: &Message<'_>, me: &Address) -> (Vec<Address>, Vec<Address>) {
    let own = message.from.first().is_some_and(|a| a.address.eq_ignore_ascii_case(&me.address));
    let first: Vec<Address> = if own { message.to.clone() } else { message.from.clone() };
    let rest = message.to.iter().chain(&message.cc);
    let mut seen: Vec<String> = vec![me.address.to_ascii_lowercase()];
    let mut take = |address: &Address| {
        let known = address.address.to_ascii_lowercase();
        let new = address.address.contains('@') && !address.is_masked() && !seen.contains(&known);
        seen.push(known);
        new
    };
    let to: Vec<Address> = first.into_iter().filter(&mut take).collect();
    let cc: Vec<Address> = rest.filter(|a| take(a)).cloned().collect();
    (to, cc)
}

fn references(message: &Message<'_>) -> String {
    let mut ids: Vec<&str> =
        message.references.iter().map(AsRef::as_ref).filter(|id| **id != *message.message_id).collect();
    ids.push(&message.message_id);
    if ids.len() > MOST_REFERENCES {
        ids.drain(1..ids.len() - MOST_REFERENCES + 1);
    }
    ids.iter().map(|id| format!("<{}>", header_safe(id))).collect::<Vec<_>>().join("\n ")
}

/// Without what would end the header or the id.
fn header_safe(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>')).collect()
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn reply_subject(subject: &str) -> String {
    let subject = one_line(subject);
    let head = subject.get(..3).unwrap_or_default();
    if head.eq_ignore_ascii_case("re:") { subject } else { format!("Re: {subject}") }
}

/// Addresses as a header carries them, one a line.
pub fn folded(addresses: &[Address]) -> String {
    addresses.iter().map(encoded_word::mailbox).collect::<Vec<_>>().join(",\n ")
}

#[cfg(test)]
mod tests;
