//! Every indexed patch checked as of its date, or a part of them that is the same each time.

use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_index::reader::Reader;
use provenance_review::check::{self, Report, Target, World};
use provenance_review::session::place::reader_failure;

use super::{Context, Failure, Letters};

/// Checks one patch of so many, the engine aside, and hands each out with its report; answers how many there were.
pub fn each(
    context: &Context,
    reader: &Reader,
    every: u64,
    mut give: impl FnMut(&Target<'_>, &World<'_>, Report) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let catalogue = context.place.catalogue()?;
    let world = World::new(&catalogue, Some(reader), context.place.data());
    let mut letters = Letters::open(context.place.data(), reader)?;
    let (facts, _) = reader.facts().map_err(|e| reader_failure(&e))?;
    let patches = facts.iter().filter(|f| f.flags.patch && !f.flags.page);
    // Hashes are in no order of time or list.
    let mut ids: Vec<u64> = patches.map(|f| f.id).filter(|id| (id >> 8) % every.max(1) == 0).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut count = 0;
    for id in ids {
        let Some(copy) = letters.copy(id)? else { continue };
        let bytes = letters.bytes(&copy)?;
        let message = Message::parse(&bytes);
        let text = message.text();
        let Some(patch) = Patch::parse(&text) else { continue };
        count += 1;
        let target = Target { message: &message, text: &text, patch, as_of: copy.stored.date };
        let report = check::run(&target, &world);
        give(&target, &world, report)?;
    }
    Ok(count)
}
