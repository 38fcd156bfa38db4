//! `__score happened`: of those whom a finding names (people, lists, authors of earlier work, readers with an open remark), how many
//! turn up within thirty days in the thread of the patch or of its next version: as a sender, or in To or Cc. Beside them one who
//! is drawn from all who wrote in the year before and did not have the patch.

use std::collections::BTreeMap;
use std::io::Write;

use provenance_corpus::address;
use provenance_corpus::message::Message;
use provenance_corpus::robot;
use provenance_index::hash;
use provenance_index::people::identity;
use provenance_index::reader::Reader;
use provenance_review::check::{Fact, Finding, Target};
use provenance_review::session::letters::links_failure;
use provenance_review::session::place::reader_failure;
use rustc_hash::FxHashSet;

use super::{Context, Exit, Failure, Letters, patches};
use crate::terminal::Output;

/// So long is waited (seconds).
const LATER: i64 = 30 * 86_400;

/// So long ago one may have written to be drawn (seconds).
const YEAR: i64 = 366 * 86_400;

/// Mails of the threads that are read.
const MAILS: usize = 200;

/// Names, and how many turned up.
#[derive(Default)]
struct Tally {
    named: u32,
    came: u32,
    drawn: u32,
    drawn_came: u32,
}

/// The limits of Wilson's 95 % interval of a share.
fn wilson(came: u32, of: u32) -> (f64, f64) {
    let (n, z) = (f64::from(of.max(1)), 1.96_f64);
    let share = f64::from(came) / n;
    let (middle, around) = (share + z * z / (2.0 * n), z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt());
    let whole = 1.0 + z * z / n;
    ((middle - around) / whole, (middle + around) / whole)
}

/// Whom a finding names, by address or identity, in lower case.
fn names(finding: &Finding) -> Vec<String> {
    let people = finding.addresses.iter().filter_map(|text| address::parse_one(text));
    let mut all: Vec<String> =
        people.map(|person| identity(person.name.as_deref().unwrap_or_default(), &person.address)).collect();
    all.extend(finding.facts.iter().filter_map(|fact| match fact {
        Fact::Mail { author: who, .. } | Fact::Remark { who, .. } => Some(who.to_lowercase()),
        _ => None,
    }));
    all
}

/// Everybody in the headers of a mail.
fn around(message: &Message<'_>) -> impl Iterator<Item = String> {
    let people = message.from.iter().chain(&message.to).chain(&message.cc);
    let both =
        |p: &address::Address| [identity(p.name.as_deref().unwrap_or_default(), &p.address), p.address.to_lowercase()];
    people.flat_map(both).collect::<Vec<_>>().into_iter()
}

/// Who turned up in the days after a patch.
fn later(reader: &Reader, letters: &mut Letters<'_>, target: &Target<'_>) -> Result<FxHashSet<String>, Failure> {
    let own = hash::message_id(&target.message.message_id);
    let graph = &reader.links.graph;
    let mut threads = vec![own];
    if let Some((head, _)) = graph.sending(own).map_err(|e| links_failure(&e))? {
        threads.extend(graph.versions(head).map_err(|e| links_failure(&e))?.iter().map(|version| version.head));
    }
    let mut came = FxHashSet::default();
    for id in
        reader.threads_of(&threads).map_err(|e| reader_failure(&e))?.into_iter().filter(|id| *id != own).take(MAILS)
    {
        let Some(copy) = letters.copy(id)? else { continue };
        let after = copy.stored.date - target.as_of;
        if (1..=LATER).contains(&after) && !robot::is(&copy.stored.author, &copy.stored.address) {
            came.extend(around(&Message::parse(&letters.bytes(&copy)?)));
        }
    }
    Ok(came)
}

/// Runs the subcommand.
pub fn run(context: &Context, reader: &Reader, every: u64) -> Result<Exit, Failure> {
    let mut letters = Letters::open(context.place.data(), reader)?;
    let (facts, _) = reader.facts().map_err(|e| reader_failure(&e))?;
    let mut writers: Vec<(i64, u64)> =
        facts.iter().filter(|f| !f.flags.told && !f.flags.page).map(|f| (f.date, f.id)).collect();
    writers.sort_unstable();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let checked = patches::each(context, reader, every, |target, _, report| {
        let named: Vec<(String, Vec<String>)> = report
            .findings
            .iter()
            .map(|f| (format!("{} {}", f.rule, f.key), names(f)))
            .filter(|(_, n)| !n.is_empty())
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        let came = later(reader, &mut letters, target)?;
        let has: FxHashSet<String> = around(target.message).collect();
        let from = writers.partition_point(|(date, _)| *date < target.as_of - YEAR);
        let past = &writers[from..writers.partition_point(|(date, _)| *date < target.as_of).max(from)];
        for (kind, names) in named {
            let tally = tallies.entry(kind).or_default();
            for (at, name) in names.iter().enumerate() {
                tally.named += 1;
                tally.came += u32::from(came.contains(name));
                // The same draw each time.
                let seed = hash::message_id(&format!("{} {at}", target.message.message_id));
                let Some((_, id)) = past.get((seed % past.len().max(1) as u64) as usize) else { continue };
                let Some(stored) = letters.stored(*id)? else { continue };
                let who = identity(&stored.author, &stored.address);
                if !has.contains(&who) {
                    tally.drawn += 1;
                    tally.drawn_came += u32::from(came.contains(&who));
                }
            }
        }
        Ok(())
    })?;
    let mut out = Output::plain();
    writeln!(
        out,
        "patches {checked}\nfinding                  names    came   share   95 %           drawn    came   share"
    )?;
    for (kind, t) in &tallies {
        let (low, high) = wilson(t.came, t.named);
        let share = |came: u32, of: u32| f64::from(came) / f64::from(of.max(1));
        writeln!(
            out,
            "{kind:<22} {:>7} {:>7}   {:.3}   {low:.3}..{high:.3} {:>7} {:>7}   {:.3}",
            t.named,
            t.came,
            share(t.came, t.named),
            t.drawn,
            t.drawn_came,
            share(t.drawn_came, t.drawn)
        )?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_share_and_narrows() {
        let (low, high) = wilson(5, 10);
        assert!(low > 0.23 && low < 0.24 && high > 0.76 && high < 0.77, "{low} {high}");
        let (low, high) = wilson(0, 100);
        assert!(low.abs() < 1e-9 && high < 0.04, "{low} {high}");
    }
}
