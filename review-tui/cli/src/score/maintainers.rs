//! `__score maintainers`: whom the MAINTAINERS of a tree names for indexed patches, to compare with what that tree's own
//! get_maintainer.pl says (`review-tui/benches/maintainers.py`).

use std::io::Write;
use std::path::Path;

use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_index::reader::Reader;
use provenance_review::check::missing_cc::maintainers::Files;
use provenance_review::session::place::reader_failure;

use super::{Context, Exit, Failure, Letters};
use crate::terminal::Output;

/// Runs the subcommand.
pub fn run(context: &Context, reader: &Reader, every: u64, tree: &Path) -> Result<Exit, Failure> {
    let read = |name: &str| std::fs::read(tree.join(name)).ok();
    let file = read("MAINTAINERS").ok_or_else(|| {
        Failure::new(Exit::Unreadable, format!("{} has no MAINTAINERS that can be read", tree.display()))
    })?;
    let files = Files::new(&file, read(".mailmap").as_deref(), read(".get_maintainer.ignore").as_deref());
    let mut letters = Letters::open(context.place.data(), reader)?;
    let (facts, _) = reader.facts().map_err(|e| reader_failure(&e))?;
    let patches = facts.iter().filter(|f| f.flags.patch && !f.flags.page && !f.flags.told && !f.flags.reply);
    let mut ids: Vec<u64> = patches.map(|f| f.id).filter(|id| (id >> 8) % every.max(1) == 0).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut out = Output::plain();
    for id in ids {
        let Some(copy) = letters.copy(id)? else { continue };
        let bytes = letters.bytes(&copy)?;
        let text = Message::parse(&bytes).text().into_owned();
        let Some(patch) = Patch::parse(&text) else { continue };
        writeln!(out, "{}\t{}", copy.stored.message_id, files.everybody(&patch).join(" "))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}
