//! Mails by their hashes, as the links name them: what the index keeps of each, its text, its facts.

use std::path::Path;

use provenance_corpus::message::Message;
use provenance_index::document::{Stored, hex};
use provenance_index::hash;
use provenance_index::links::edge::{Edge, Kind};
use provenance_index::links::fact::Fact;
use provenance_index::raw::Raw;
use provenance_index::reader::{Copy, Reader};
use provenance_index::reason;

use super::place::reader_failure;
use crate::failure::{Exit, Failure};

/// The mails of an index.
pub struct Letters<'r> {
    /// The index.
    pub reader: &'r Reader,
    raw: Raw,
}

/// Links that cannot be read, with what to do.
pub fn links_failure(error: &std::io::Error) -> Failure {
    Failure::from_error(Exit::Unreadable, error).hint(super::place::MEND)
}

impl<'r> Letters<'r> {
    /// The mails of the index of this data directory.
    pub fn open(data: &Path, reader: &'r Reader) -> Result<Letters<'r>, Failure> {
        let raw = Raw::open(data).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
        Ok(Letters { reader, raw })
    }

    /// The copy of a mail that is shown.
    pub fn copy(&self, id: u64) -> Result<Option<Copy>, Failure> {
        self.reader.mail(id).map_err(|e| reader_failure(&e))
    }

    /// What the index keeps of a mail.
    pub fn stored(&self, id: u64) -> Result<Option<Stored>, Failure> {
        Ok(self.copy(id)?.map(|copy| copy.stored))
    }

    /// The facts of a mail; of several with one id those of the first.
    pub fn fact(&self, id: u64) -> Result<Option<Fact>, Failure> {
        let facts = self.reader.links.facts.of(id).map_err(|e| links_failure(&e))?;
        Ok(facts.into_iter().min_by_key(|fact| (fact.flags.page, fact.date, fact.origin)))
    }

    /// The links of a mail or commit.
    pub fn edges(&self, node: u64) -> Result<Vec<Edge>, Failure> {
        self.reader.links.graph.edges(node).map_err(|e| links_failure(&e))
    }

    /// The raw bytes of a mail.
    pub fn bytes(&mut self, copy: &Copy) -> Result<Vec<u8>, Failure> {
        self.raw.read(copy).map_err(|e| {
            Failure::from_error(Exit::Unreadable, &e).hint("put the repository back, or attach the archive again")
        })
    }

    /// The decoded text of a mail, as a patch is read from it.
    pub fn text(&mut self, copy: &Copy) -> Result<String, Failure> {
        let bytes = self.bytes(copy)?;
        Ok(Message::parse(&bytes).patch_text().into_owned())
    }

    /// The mail that a commit most likely came out of.
    pub fn reason(&mut self, question: &reason::Question<'_>) -> Result<Option<reason::Reason>, Failure> {
        reason::find(self.reader, &mut self.raw, question).map_err(|e| reader_failure(&e))
    }

    /// The mails that a commit may have come out of, the most likely first.
    pub fn reasons(&mut self, question: &reason::Question<'_>) -> Result<Vec<reason::Reason>, Failure> {
        reason::candidates(self.reader, &mut self.raw, question).map_err(|e| reader_failure(&e))
    }

    /// Full ids of the commits that a patch became, in hexadecimal, each with its link.
    pub fn commits(&self, mail: u64) -> Result<Vec<(String, Edge)>, Failure> {
        let mut commits = Vec::new();
        for edge in self.edges(mail)?.into_iter().filter(|e| e.from == mail) {
            if (edge.kind.is_made() || matches!(edge.kind, Kind::Tells | Kind::Backport))
                && let Some(id) = self.reader.links.graph.commit(edge.to).map_err(|e| links_failure(&e))?
            {
                commits.push((hex(&id), edge));
            }
        }
        Ok(commits)
    }
}

/// The hash of a mail that the user names, by any of its names; a web page stands for the mail that it shows.
pub fn id_of(reader: &Reader, message_id: &str) -> u64 {
    let other = reader.other_name(message_id).ok().flatten();
    let id = hash::message_id(other.as_deref().unwrap_or(message_id));
    reader.links.mail_of_page(id).unwrap_or(id)
}
