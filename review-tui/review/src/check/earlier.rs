//! The revision before a patch, and what was answered to it.

use provenance_index::hash;
use provenance_index::links::edge::Kind;

use super::outcome::{Broken, Look};
use super::{Case, Fact};

/// Mails of the earlier thread that are read.
const ANSWERS: usize = 300;

/// The earlier revision of a patch, and what was answered to it.
pub struct Earlier {
    /// Its Message-ID.
    pub message_id: String,
    /// Its subject.
    pub subject: String,
    /// Its date, seconds since 1970.
    pub date: i64,
    /// Its decoded text.
    pub text: String,
    /// Equal changed lines of both, in per mille.
    pub similarity: u16,
    /// Mails below it, by date, as of the day of the patch.
    pub answers: Vec<Answer>,
    /// Why some of them could not be read.
    pub unread: Option<Broken>,
}

/// A mail below the earlier revision.
pub struct Answer {
    /// Its Message-ID.
    pub message_id: String,
    /// The Message-ID that it answers.
    pub parent: String,
    /// Name and address of who sent it.
    pub author: (String, String),
    /// Its date, seconds since 1970.
    pub date: i64,
    /// Its decoded text.
    pub text: String,
    /// It answers the patch itself.
    pub direct: bool,
}

impl Earlier {
    /// The revision before, where it is indexed.
    ///
    /// # Errors
    /// The index or that mail cannot be read.
    pub fn of(case: &Case<'_>) -> Look<Option<Earlier>> {
        let target = case.target;
        let Some(reader) = case.world.reader else { return Ok(None) };
        let own = hash::message_id(&target.message.message_id);
        let edges = reader.links.graph.edges(own)?;
        let Some(edge) = edges.iter().find(|e| e.kind == Kind::Revision && e.from == own) else { return Ok(None) };
        let Some(copy) = reader.mail(edge.to)? else { return Ok(None) };
        let text = case.text(&copy)?;
        let mut below: Vec<String> = vec![copy.stored.message_id.clone()];
        let mut thread = Vec::new();
        for id in reader.thread(edge.to)?.into_iter().filter(|id| *id != edge.to && *id != own).take(ANSWERS) {
            thread.extend(reader.mail(id)?.filter(|mail| mail.stored.date <= target.as_of));
        }
        thread.sort_by_key(|mail| mail.stored.date);
        let (mut answers, mut unread): (Vec<Answer>, _) = (Vec::new(), None);
        for mail in thread {
            let Some(parent) = mail.stored.references.last().cloned() else { continue };
            // Answers come after what they answer, but for clocks; what hangs elsewhere is about another patch.
            if !mail.stored.references.iter().any(|known| below.contains(known)) {
                continue;
            }
            below.push(mail.stored.message_id.clone());
            let text = match case.text(&mail) {
                Ok(text) => text,
                Err(broken) => {
                    unread.get_or_insert(broken);
                    continue;
                }
            };
            answers.push(Answer {
                direct: parent == copy.stored.message_id,
                parent,
                author: (mail.stored.author, mail.stored.address),
                date: mail.stored.date,
                text,
                message_id: mail.stored.message_id,
            });
        }
        Ok(Some(Earlier {
            message_id: copy.stored.message_id,
            subject: copy.stored.subject,
            date: copy.stored.date,
            text,
            similarity: edge.similarity,
            answers,
            unread,
        }))
    }

    /// What it is called in a finding.
    pub fn fact(&self) -> Fact {
        Fact::Earlier { date: self.date, subject: self.subject.clone(), similarity: self.similarity }
    }
}
