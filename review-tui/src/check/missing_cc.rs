//! Who should have been asked. Lists from what others who touched the same code wrote to; people from the history of the
//! mechanisms, whom no path leads to. At most three, each with the mail that says why.

use provenance_corpus::catalogue::Kind as EventKind;
use provenance_corpus::catalogue::{Day, Event, MechanismId};
use provenance_corpus::message::Message;
use provenance_corpus::trailer::{self, Kind as TrailerKind};
use provenance_index::collapse::{Dedup, Sort};
use provenance_index::raw::Raw;
use provenance_index::search::{Question, search};
use rustc_hash::{FxHashMap, FxHashSet};

use super::history_of::{Kin, mail_of};
use super::{Evidence, Finding, Severity, Target, World, day};

/// The name of the rule.
pub const RULE: &str = "missing-cc";

/// People that are named.
const MOST: usize = 3;

/// Nobody is named who was silent for so many days.
const SILENT: i32 = 3 * 365;

/// Mails whose recipients are looked at.
const SAMPLE: usize = 120;

/// Fewer mails say nothing of a habit.
const ENOUGH: usize = 20;

/// Of them so many must have gone to a list.
const HABIT: f32 = 0.6;

/// Runs the rule.
pub fn check(target: &Target<'_>, world: &World<'_>, takes: &[String], kin: &Kin<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let reached = reached(target);
    findings.extend(lists(target, world, &reached));
    findings.extend(people(target, world, takes, kin, &reached));
    findings
}

/// Addresses and names in From, To and Cc, lower case.
fn reached(target: &Target<'_>) -> FxHashSet<String> {
    let message = target.message;
    let people = message.from.iter().chain(&message.to).chain(&message.cc);
    people.flat_map(|p| [Some(p.address.to_lowercase()), p.name.as_deref().map(str::to_lowercase)]).flatten().collect()
}

/// The part of a path that has lists of its own: an architecture or driver class, else a subsystem.
fn area(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    (parts.len() > 2 && matches!(parts[0], "arch" | "drivers" | "net" | "fs")).then(|| parts[..2].join("/"))
}

/// Lists that most mails about the same area went to, and this one does not.
fn lists(target: &Target<'_>, world: &World<'_>, reached: &FxHashSet<String>) -> Option<Finding> {
    let reader = world.reader?;
    let mut areas: Vec<String> = target.patch.files.iter().filter_map(|file| area(file.path())).collect();
    areas.sort();
    areas.dedup();
    let mut raw = Raw::open(world.data).ok()?;
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
        let Ok(answer) = search(&question, Some(reader), world.catalogue) else { continue };
        let (mut to, mut from): (FxHashMap<String, usize>, FxHashSet<String>) = Default::default();
        let mut mails = 0;
        let mut example = None;
        for hit in answer.hits {
            let Some(copy) = hit.mail.as_ref().map(|mail| mail.shown()) else { continue };
            let Ok(bytes) = raw.read(copy) else { continue };
            let message = Message::parse(&bytes);
            mails += 1;
            if copy.stored.message_id != *target.message.message_id {
                example.get_or_insert_with(|| copy.stored.message_id.clone());
            }
            from.extend(message.from.iter().map(|p| p.address.to_lowercase()));
            // Nor is anybody a list who signs or reviews.
            let text = message.text();
            from.extend(trailer::parse(&text).iter().filter_map(|t| {
                let person = t.kind == TrailerKind::Person;
                person.then(|| t.address()).flatten().map(|a| a.address.to_lowercase())
            }));
            // A robot's mail goes to the list of such mails, which is nobody's to write to.
            let robot = copy.stored.address.contains("-bot") || copy.stored.address.starts_with("tipbot");
            let people = message.cc.iter().chain(message.to.iter().filter(|_| !robot));
            let addresses: FxHashSet<String> = people.map(|p| p.address.to_lowercase()).collect();
            addresses.into_iter().for_each(|address| *to.entry(address).or_default() += 1);
        }
        if mails < ENOUGH {
            continue;
        }
        let usual = |n: &usize| *n as f32 >= HABIT * mails as f32;
        let mut missing: Vec<(String, usize)> = to
            .into_iter()
            .filter(|(address, n)| usual(n) && !from.contains(address) && !reached.contains(address))
            .collect();
        missing.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        if missing.is_empty() {
            continue;
        }
        let names: Vec<String> = missing.iter().map(|(address, _)| address.clone()).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        let says = format!("{area}/ is touched; {} {verb} not in To or Cc", names.join(" and "));
        let shares: Vec<String> = missing.iter().map(|(address, n)| format!("{address} in {n} of {mails}")).collect();
        let mut finding = Finding::new(RULE, Severity::Note, says).fact(
            "why",
            format!("of the last indexed patches there: {}; no MAINTAINERS file was read", shares.join(", ")),
        );
        finding.evidence.extend(example.map(Evidence::Mail));
        finding.addresses = names;
        return Some(finding);
    }
    None
}

/// One who might be asked.
struct Person<'c> {
    name: &'c str,
    address: Option<&'c str>,
    event: &'c Event,
    why: String,
}

/// People of the mechanisms that the patch takes from, writes through or resembles.
fn people(
    target: &Target<'_>,
    world: &World<'_>,
    takes: &[String],
    kin: &Kin<'_>,
    reached: &FxHashSet<String>,
) -> Option<Finding> {
    let today = Day(day(target.as_of));
    let mut slugs: Vec<(MechanismId, String)> = Vec::new();
    for slug in takes {
        slugs.extend(MechanismId::new(slug).map(|id| (id, format!("{slug} owns what is written over"))));
    }
    if !takes.is_empty() {
        for similar in &kin.similar {
            let slug = &similar.event.mechanism;
            if !slugs.iter().any(|(known, _)| known == slug) {
                slugs.push((slug.clone(), format!("{slug} does something like this")));
            }
        }
    }
    for named in kin.named.iter().filter(|n| n.writes) {
        let slug = &named.mechanism.slug;
        if !slugs.iter().any(|(known, _)| known == slug) {
            slugs.push((slug.clone(), format!("the patch writes through {slug}")));
        }
    }
    let mut found: Vec<Person<'_>> = Vec::new();
    for (slug, why) in &slugs {
        let concerns = |e: &&Event| e.recorded() <= today && (e.mechanism == *slug || e.also.contains(slug));
        let events: Vec<&Event> = world.catalogue.events().iter().filter(concerns).collect();
        // Who worked on it most, and then who worked on it last, knows it now.
        let works = |e: &Event| {
            let author = e.authors.first();
            events.iter().filter(|other| other.authors.first() == author).count()
        };
        let ranks: Vec<usize> = events.iter().map(|e| works(e)).collect();
        let mut ranked: Vec<(usize, &Event)> = ranks.into_iter().zip(events.iter().copied()).collect();
        ranked.sort_by_key(|(works, e)| std::cmp::Reverse((*works, e.happened)));
        let events: Vec<&Event> = ranked.into_iter().map(|(_, event)| event).collect();
        let mut one = 0;
        let made = |e: &&Event| matches!(e.kind, EventKind::Posting | EventKind::Revision | EventKind::Merge);
        // Two of those whose bytes are taken, one of each other mechanism.
        let wanted = if takes.iter().any(|taken| taken == slug.as_str()) { 2 } else { 1 };
        for event in events.into_iter().filter(made).filter(|e| mail_of(e).is_some()) {
            let Some(name) = event.authors.first() else { continue };
            let silent = today.0.since(event.happened.0).map_or(i32::MAX, |span| span.get_days()) > SILENT;
            let address = event.addresses.first().map(String::as_str);
            let known =
                reached.contains(&name.to_lowercase()) || address.is_some_and(|a| reached.contains(&a.to_lowercase()));
            if silent || known || found.iter().any(|p| p.name == name) || one == wanted {
                continue;
            }
            one += 1;
            found.push(Person { name, address, event, why: why.clone() });
        }
    }
    found.truncate(MOST);
    if found.is_empty() {
        return None;
    }
    let mut finding = Finding::new(RULE, Severity::Note, "from history, not from MAINTAINERS");
    for person in found {
        let what = person.event.subject.as_deref().unwrap_or(&person.event.text);
        finding = finding.fact(person.name, format!("{}: {} \"{what}\"", person.why, person.event.happened));
        finding.evidence.extend(mail_of(person.event).map(|id| Evidence::Mail(id.to_owned())));
        finding.addresses.extend(person.address.map(|address| format!("{} <{address}>", person.name)));
    }
    Some(finding)
}
