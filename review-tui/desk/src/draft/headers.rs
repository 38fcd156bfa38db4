//! The names in a draft's header, as people read them and as mail carries them (RFC 2047).

use provenance_corpus::message::{Message, encoded_word};

use super::compose::folded;

/// From, To, Cc and Subject as they are read: for the editor.
pub fn decoded(draft: &str) -> String {
    rewrite(draft, false)
}

/// From, To, Cc and Subject as mail carries them: for everything else.
pub fn carried(draft: &str) -> String {
    rewrite(draft, true)
}

fn rewrite(draft: &str, encode: bool) -> String {
    let (head, body) = draft.split_at(draft.find("\n\n").map_or(draft.len(), |at| at + 1));
    let mut fields: Vec<String> = Vec::new();
    for line in head.lines() {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => {
                field.push('\n');
                field.push_str(line);
            }
            _ => fields.push(line.to_owned()),
        }
    }
    let mut out = String::with_capacity(draft.len());
    for field in fields {
        let name = field.split(':').next().unwrap_or_default().to_owned();
        let raw = format!("{field}\n\n");
        let message = Message::parse(raw.as_bytes());
        let people = match name.to_ascii_lowercase().as_str() {
            "from" => &message.from,
            "to" => &message.to,
            "cc" => &message.cc,
            "subject" if !message.subject.is_empty() => {
                let subject: String = message.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                out.push_str(&format!("{name}: {}\n", if encode { encoded_word::encode(&subject) } else { subject }));
                continue;
            }
            _ => &Vec::new(),
        };
        // What does not read as people stays as it was written: its writer will want to mend it.
        if people.is_empty() {
            out.push_str(&field);
        } else if encode {
            out.push_str(&format!("{name}: {}", folded(people)));
        } else {
            let people: Vec<String> = people.iter().map(|one| one.to_string().replace(['\n', '\r'], " ")).collect();
            out.push_str(&format!("{name}: {}", people.join(",\n ")));
        }
        out.push('\n');
    }
    out + body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_carried() {
        let mail = "From: Eve <e@x>\nTo: =?UTF-8?Q?Bj=C3=B6rn?= <b@x>\nCc: \"G, H\" <g@h>,\n =?UTF-8?Q?J=C3=B6rg?= <j@x>\n\
            Subject: Re: =?UTF-8?Q?z=C3=A4hlen?=\nX-Mine: a\n b\n\nBody: =?UTF-8?Q?no?=\n\nend\n";
        let read = decoded(mail);
        assert!(
            read.contains(
                "To: Björn <b@x>\nCc: \"G, H\" <g@h>,\n Jörg <j@x>\nSubject: Re: zählen\nX-Mine: a\n b\n\nBody: =?"
            ),
            "{read}"
        );
        let back = carried(&read);
        assert!(back.is_ascii() && back.contains("=?UTF-8?q?Bj=C3=B6rn?= <b@x>"), "{back}");
        assert_eq!(decoded(&back), read);
        assert_eq!(carried("no header at all"), "no header at all\n");
    }
}
