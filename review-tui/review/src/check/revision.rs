//! A patch against its last revision: what changed and is not told, trailers that are not carried, remarks that were not
//! taken up.

pub mod changelog;
pub mod remarks;
pub mod trailers;

use provenance_corpus::message::Message;
use provenance_index::hash;
use provenance_index::links::edge::Kind;
use provenance_index::raw::Raw;

use super::{Finding, Target, World, day};

/// The name of the rule.
pub const RULE: &str = "revision";

/// Mails of the earlier thread that are read.
const ANSWERS: usize = 300;

/// Runs the rule.
pub fn check(target: &Target<'_>, world: &World<'_>) -> Vec<Finding> {
    let Some(earlier) = Earlier::of(target, world) else { return Vec::new() };
    let mut findings: Vec<Finding> = trailers::check(target, &earlier).into_iter().collect();
    findings.extend(changelog::check(target, world, &earlier));
    findings.extend(remarks::check(target, &earlier));
    findings
}

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
    fn of(target: &Target<'_>, world: &World<'_>) -> Option<Earlier> {
        let reader = world.reader?;
        let own = hash::message_id(&target.message.message_id);
        let edges = reader.links.graph.edges(own).ok()?;
        let edge = edges.iter().find(|e| e.kind == Kind::Revision && e.from == own)?;
        let copy = reader.mail(edge.to).ok()??;
        let mut raw = Raw::open(world.data).ok()?;
        let bytes = raw.read(&copy).ok()?;
        let text = Message::parse(&bytes).text().into_owned();
        let mut answers: Vec<Answer> = Vec::new();
        let mut below: Vec<String> = vec![copy.stored.message_id.clone()];
        let mut thread = Vec::new();
        for id in reader.thread(edge.to).ok()?.into_iter().filter(|id| *id != edge.to && *id != own).take(ANSWERS) {
            thread.extend(reader.mail(id).ok().flatten().filter(|mail| mail.stored.date <= target.as_of));
        }
        thread.sort_by_key(|mail| mail.stored.date);
        for mail in thread {
            let Some(parent) = mail.stored.references.last().cloned() else { continue };
            // Answers come after what they answer, but for clocks; what hangs elsewhere is about another patch.
            if !mail.stored.references.iter().any(|known| below.contains(known)) {
                continue;
            }
            let Ok(bytes) = raw.read(&mail) else { continue };
            below.push(mail.stored.message_id.clone());
            answers.push(Answer {
                direct: parent == copy.stored.message_id,
                parent,
                author: (mail.stored.author, mail.stored.address),
                date: mail.stored.date,
                text: Message::parse(&bytes).text().into_owned(),
                message_id: mail.stored.message_id,
            });
        }
        Some(Earlier {
            message_id: copy.stored.message_id,
            subject: copy.stored.subject,
            date: copy.stored.date,
            text,
            similarity: edge.similarity,
            answers,
        })
    }

    /// What it is called in a finding.
    pub fn name(&self) -> String {
        format!("{} \"{}\", {} % of its changed lines are the same", day(self.date), self.subject, self.similarity / 10)
    }
}
