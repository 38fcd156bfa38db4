//! Without a tree there is no MAINTAINERS: lists that most of the last patches to the same part of the kernel went to, and this
//! one does not.

use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_corpus::robot;
use provenance_corpus::trailer::{self, Kind as TrailerKind};
use provenance_index::collapse::{Dedup, Sort};
use provenance_index::search::{Question, search};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{LISTS, RULE, Reached};
use crate::check::rule::{Look, Missing};
use crate::check::{Case, Evidence, Fact, Finding, Outcome, Severity};

/// Mails whose recipients are looked at.
const SAMPLE: usize = 120;

/// Fewer mails say nothing of a habit.
const ENOUGH: usize = 20;

/// Of them so many must have gone to a list.
const HABIT: f32 = 0.6;

/// So many people must have sent some of them, and as great a share of those people must have sent theirs to the list: a robot
/// writes where its tree's mails go, whatever they touch, and one author's series of twenty versions is one habit.
const AUTHORS: usize = 3;

/// The part of a path that has lists of its own: an architecture or driver class, else a subsystem.
fn area(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    (parts.len() > 2 && matches!(parts[0], "arch" | "drivers" | "net" | "fs")).then(|| parts[..2].join("/"))
}

/// Whether a patch touches another area of the same kind as well, so that its recipients say nothing of this one.
fn reaches_beyond(patch: &Patch<'_>, here: &str) -> bool {
    let kind = here.split('/').next();
    patch
        .files
        .iter()
        .filter_map(|file| area(file.path()))
        .any(|other| other != here && other.split('/').next() == kind)
}

/// Lists that most mails about the same area went to, and this one does not.
///
/// # Errors
/// The index cannot be read. A mail that cannot be is left out, and told in the outcome.
pub fn lists(case: &Case<'_>, reached: &Reached, outcome: &mut Outcome) -> Look<Option<Finding>> {
    let (target, world) = (case.target, case.world);
    let Some(reader) = world.reader else {
        outcome.lacks(LISTS, Missing::Index);
        return Ok(None);
    };
    let mut areas: Vec<String> = target.patch.files.iter().filter_map(|file| area(file.path())).collect();
    areas.sort();
    areas.dedup();
    for area in areas {
        let question = Question {
            query: format!("dfn:\"{area}\" is:patch"),
            as_of: Some(target.as_of),
            dedup: Dedup::MessageId,
            sort: Sort::Date,
            reverse: false,
            threads: false,
            limit: Some(SAMPLE),
            offset: 0,
            now: target.as_of,
            mail_only: true,
        };
        let answer = search(&question, Some(reader), world.catalogue)?;
        // In how many mails an address is, and which people's.
        let mut to: FxHashMap<String, (usize, FxHashSet<String>)> = FxHashMap::default();
        let (mut from, mut authors): (FxHashSet<String>, FxHashSet<String>) = Default::default();
        let mut mails = 0;
        let mut example = None;
        for hit in answer.hits {
            let Some(mail) = &hit.mail else { continue };
            let copy = mail.shown();
            let bytes = match case.bytes(copy) {
                Ok(bytes) => bytes,
                Err(broken) => {
                    outcome.broken(LISTS, broken);
                    continue;
                }
            };
            let message = Message::parse(&bytes);
            let text = message.text();
            from.extend(message.from.iter().map(|p| p.address.to_lowercase()));
            // Nor is anybody a list who signs or reviews.
            from.extend(trailer::parse(&text).iter().filter_map(|t| {
                let person = t.kind == TrailerKind::Person;
                person.then(|| t.address()).flatten().map(|a| a.address.to_lowercase())
            }));
            if Patch::parse(&text).is_none_or(|patch| reaches_beyond(&patch, &area)) {
                continue;
            }
            mails += 1;
            if copy.stored.message_id != *target.message.message_id {
                example.get_or_insert_with(|| copy.stored.message_id.clone());
            }
            // A robot's mail goes to the list of such mails, which is nobody's to write to.
            let robot = robot::is(&copy.stored.author, &copy.stored.address);
            let author = Some(copy.stored.address.to_lowercase()).filter(|_| !robot);
            authors.extend(author.clone());
            let reached = message.cc.iter().chain(message.to.iter().filter(|_| !robot));
            let addresses: FxHashSet<String> = reached.map(|p| p.address.to_lowercase()).collect();
            // That all of a list's archive went to the list says nothing of who else writes to it.
            let mut came_by = mail.copies.iter().flat_map(|copy| &copy.stored.lists);
            let only = came_by.next().filter(|list| came_by.all(|other| other == *list));
            for address in addresses.into_iter().filter(|address| Some(&address.replace('@', ".")) != only) {
                let (mails, authors) = to.entry(address).or_default();
                *mails += 1;
                authors.extend(author.clone());
            }
        }
        if mails < ENOUGH || authors.len() < AUTHORS {
            continue;
        }
        let usual = |part: usize, all: usize| part as f32 >= HABIT * all as f32;
        let mut missing: Vec<(String, usize)> = to
            .into_iter()
            .filter(|(_, (n, by))| usual(*n, mails) && usual(by.len(), authors.len()))
            .filter(|(address, _)| !from.contains(address) && !reached.address(address))
            .map(|(address, (n, _))| (address, n))
            .collect();
        missing.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let names: Vec<String> = missing.iter().map(|(address, _)| address.clone()).collect();
        let says = match names.split_last() {
            Some((last, [])) => format!("changes {area}/; {last} is not in To or Cc"),
            Some((last, rest)) => format!("{area}/ is touched; {} and {last} are not in To or Cc", rest.join(", ")),
            None => continue,
        };
        let mut finding =
            Finding::new(RULE, Severity::Note, says).key("lists").fact(Fact::Habit { shares: missing, of: mails });
        example.into_iter().for_each(|id| finding.cite(Evidence::Mail(id)));
        finding.addresses = names;
        return Ok(Some(finding));
    }
    Ok(None)
}
