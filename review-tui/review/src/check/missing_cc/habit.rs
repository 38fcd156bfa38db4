//! Without a tree there is no MAINTAINERS: lists that most threads with patches to the same files went to in the years before, and
//! this patch does not. A thread is one vote however many mails, parts and versions it has, and so is an author.

use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_corpus::robot;
use provenance_corpus::trailer::{self, Kind as TrailerKind};
use provenance_index::hash;
use provenance_index::people::{identity, touched};
use provenance_index::reader::Reader;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{LISTS, RULE, Reached, SILENT, last_mail};
use crate::check::outcome::{Look, Missing};
use crate::check::{Case, Evidence, Fact, Finding, Outcome, Severity};

/// Files of a patch that are asked for, the first; one that touches more is about none of them.
const FILES: usize = 12;

/// Mails that are looked up, and threads that are read, the newest first.
const MAILS: usize = 400;
const THREADS: usize = 40;

/// Fewer threads say nothing of a habit.
const ENOUGH: usize = 6;

/// Of them so many must have gone to a list.
const HABIT: f32 = 0.6;

/// So many people must have sent some of them, and as great a share of those people must have sent theirs to the list.
const AUTHORS: usize = 3;

/// What of the votes went to an address.
#[derive(Default)]
struct Votes {
    threads: usize,
    authors: FxHashSet<String>,
    /// The newest mail that went there.
    example: String,
}

/// One mail of each thread that patched the files before, the newest of the newest threads first: hashes of Message-IDs.
fn threads(case: &Case<'_>, reader: &Reader) -> Look<Vec<u64>> {
    let target = case.target;
    let files: Vec<&str> = target.patch.files.iter().map(|file| file.path()).collect();
    let own = hash::message_id(&target.message.message_id);
    let mut dated: Vec<(i64, u64)> = Vec::new();
    for id in touched(reader, &files, target.as_of, own)? {
        let facts = reader.links.facts.of(id)?;
        let patch = facts.iter().find(|f| f.flags.patch && !f.flags.told && !f.flags.page);
        dated.extend(patch.filter(|f| target.as_of - f.date < SILENT).map(|f| (f.date, id)));
    }
    dated.sort_unstable_by(|a, b| b.cmp(a));
    dated.truncate(MAILS);
    // A series and its versions are one, however they hang together.
    let graph = &reader.links.graph;
    let work = |id: u64| -> Look<(u64, u64)> {
        let root = reader.links.root(id)?.unwrap_or(id);
        let chain = match graph.sending(id)? {
            Some((head, _)) => graph.versions(head)?.into_iter().map(|version| version.head).min().unwrap_or(head),
            None => id,
        };
        Ok((root, chain))
    };
    let (own_root, own_chain) = work(own)?;
    let mut seen: FxHashSet<u64> = [own_root, own_chain].into_iter().collect();
    let mut found = Vec::new();
    for (_, id) in dated {
        let (root, chain) = work(id)?;
        let fresh = seen.insert(root) & seen.insert(chain);
        if fresh && found.len() < THREADS {
            found.push(id);
        }
    }
    Ok(found)
}

/// Lists that most threads about the same files went to, and this one does not.
///
/// # Errors
/// The index cannot be read. A mail that cannot be is left out, and told in the outcome.
pub fn lists(case: &Case<'_>, reached: &Reached, outcome: &mut Outcome) -> Look<Option<Finding>> {
    let target = case.target;
    let Some(reader) = case.world.reader else {
        outcome.lacks(LISTS, Missing::Index);
        return Ok(None);
    };
    if target.patch.files.len() > FILES {
        return Ok(None);
    }
    let mut to: FxHashMap<String, Votes> = FxHashMap::default();
    // Nobody is a list who writes, signs or reviews.
    let (mut people, mut authors): (FxHashSet<String>, FxHashSet<String>) = Default::default();
    let (mut votes, mut since) = (0, target.as_of);
    for id in threads(case, reader)? {
        let Some(copy) = reader.mail(id)? else { continue };
        let bytes = match case.bytes(&copy) {
            Ok(bytes) => bytes,
            Err(broken) => {
                outcome.broken(LISTS, broken);
                continue;
            }
        };
        let (message, stored) = (Message::parse(&bytes), &copy.stored);
        let text = message.text();
        people.extend(message.from.iter().map(|p| p.address.to_lowercase()));
        people.extend(
            trailer::parse(&text)
                .iter()
                .filter(|t| t.kind == TrailerKind::Person)
                .filter_map(|t| Some(t.address()?.address.to_lowercase())),
        );
        // A robot writes where its tree's mails go, whatever they touch; and so does who touches everything.
        if robot::is(&stored.author, &stored.address) || Patch::parse(&text).is_none_or(|p| p.files.len() > FILES) {
            continue;
        }
        (votes, since) = (votes + 1, since.min(stored.date));
        let author = identity(&stored.author, &stored.address);
        authors.insert(author.clone());
        // That all of a list's archive went to the list says nothing of who else writes to it.
        let only = (stored.lists.len() == 1).then(|| &stored.lists[0]);
        let addresses: FxHashSet<String> =
            message.to.iter().chain(&message.cc).map(|p| p.address.to_lowercase()).collect();
        for address in addresses.into_iter().filter(|address| Some(&address.replace('@', ".")) != only) {
            let known = to.entry(address).or_default();
            if known.threads == 0 {
                known.example.clone_from(&stored.message_id);
            }
            known.threads += 1;
            known.authors.insert(author.clone());
        }
    }
    if votes < ENOUGH || authors.len() < AUTHORS {
        return Ok(None);
    }
    let usual = |part: usize, all: usize| part as f32 >= HABIT * all as f32;
    let mut missing: Vec<(String, Votes)> = to
        .into_iter()
        .filter(|(_, by)| usual(by.threads, votes) && usual(by.authors.len(), authors.len()))
        .filter(|(address, _)| !people.contains(address) && !reached.address(address))
        .collect();
    missing.sort_by(|a, b| b.1.threads.cmp(&a.1.threads).then(a.0.cmp(&b.0)));
    let path = target.patch.files.first().map_or("", |file| file.path());
    let mut finding = Finding::new(RULE, Severity::Note, "").key("lists");
    for (list, by) in missing {
        // What ever wrote a mail is a person.
        if last_mail(case.world, &list, target.as_of)?.is_some() {
            continue;
        }
        let (threads, of, path) = (by.threads, votes, path.to_owned());
        finding = finding.fact(Fact::Habit { list: list.clone(), threads, of, path, since });
        finding.cite(Evidence::Mail(by.example));
        finding.addresses.push(list);
    }
    let files = if target.patch.files.len() == 1 { path.to_owned() } else { format!("{path} and others") };
    finding.says = match finding.addresses.split_last() {
        None => return Ok(None),
        Some((last, [])) => format!("touches {files}; {last} is not in To or Cc"),
        Some((last, rest)) => format!("touches {files}; {} and {last} are not in To or Cc", rest.join(", ")),
    };
    Ok(Some(finding))
}
