//! The block from history: those who introduced, reworked or answered for the mechanism or the code that a patch touches, as
//! the catalogue and the indexed mails have it on that day.

use provenance_corpus::catalogue::{Day, Event, Kind as EventKind, MechanismId};
use provenance_corpus::patch::LineKind;
use provenance_corpus::robot;
use provenance_index::hash;
use provenance_index::people::{self, identity};

use super::about::About;
use super::{MOST, RULE, Reached, SILENT, last_mail};
use crate::check::code::names;
use crate::check::fact::Knows;
use crate::check::history_of::{self, mail_of};
use crate::check::outcome::Look;
use crate::check::{Case, Evidence, Fact, Finding, Severity, day};

/// Names on changed lines that are asked for.
const NAMES: usize = 32;

/// People that are looked at: most of them have the mail.
const RANKED: usize = 40;

/// People who are named for earlier mails alone.
const IDIOM: usize = 2;

/// They must have written within so many seconds: a year.
const RECENT: i64 = 366 * 86_400;

/// Shorter names are everybody's.
const SHORTEST: usize = 6;

/// One who might be asked.
#[derive(Clone, Debug)]
pub struct Person {
    /// As in From.
    pub name: String,
    /// As in From; empty where the catalogue has none.
    pub address: String,
    /// What makes this one know.
    pub knows: Knows,
    /// The mail that says so: its Message-ID.
    pub mail: String,
    /// Date of the last known mail, seconds since 1970.
    pub last: i64,
}

/// The finding.
///
/// # Errors
/// The index cannot be read.
pub fn check(case: &Case<'_>, tree: bool, led_to: &dyn Fn(&str, &str) -> bool) -> Look<Option<Finding>> {
    if case.deeds().concerns().is_empty() && !history_of::touches(case.target, case.world, case.kin()) {
        return Ok(None);
    }
    let mut found = people(case)?;
    found.retain(|person| !led_to(&person.name, &person.address));
    quote(case, &mut found)?;
    found.truncate(MOST);
    if found.is_empty() {
        return Ok(None);
    }
    // Of MAINTAINERS nothing is said where none was read.
    let says = if tree {
        "not in To or Cc: active in this code, not in MAINTAINERS"
    } else {
        "not in To or Cc: people who wrote about this code"
    };
    let mut finding = Finding::new(RULE, Severity::Note, says).key("history");
    for person in found {
        finding = finding.fact(Fact::Person { name: person.name.clone(), knows: person.knows, last: person.last });
        finding.cite(Evidence::Mail(person.mail));
        if !person.address.is_empty() {
            let address = provenance_corpus::address::Address { name: Some(person.name), address: person.address };
            finding.addresses.push(address.to_string());
        }
    }
    Ok(Some(finding))
}

/// Those who are named for earlier mails: at most two, who were there within a year, each with a line of the mail that is about
/// what the patch changes. Without such a line nobody is named.
fn quote(case: &Case<'_>, people: &mut Vec<Person>) -> Look<()> {
    let about = About::of(case.target, case.code());
    let mut quoted = 0;
    let mut kept = Vec::new();
    for mut person in std::mem::take(people) {
        if let Knows::Code { shared, line, changed, .. } = &mut person.knows {
            let recent = case.target.as_of - person.last < RECENT;
            let copy =
                case.world.reader.map(|reader| reader.mail(hash::message_id(&person.mail))).transpose()?.flatten();
            let Some(copy) = copy.filter(|_| recent && quoted < IDIOM) else { continue };
            let Some(found) = about.line(&case.text(&copy)?) else { continue };
            (*shared, *line, *changed) = (found.about, found.line, found.changed);
            quoted += 1;
        }
        kept.push(person);
    }
    *people = kept;
    Ok(())
}

/// People whom the mail does not reach, the best first: where bytes of another mechanism are taken, those who answer for that
/// mechanism; else those who wrote and answered earlier patches to the same code.
///
/// # Errors
/// The index cannot be read.
pub fn people(case: &Case<'_>) -> Look<Vec<Person>> {
    let target = case.target;
    let reached = Reached::of(target.message);
    let mut of_mechanisms = of_mechanisms(case)?;
    let of_code = of_code(case)?;
    let mut all = if case.deeds().concerns().is_empty() {
        of_code.into_iter().chain(of_mechanisms).collect::<Vec<_>>()
    } else {
        of_mechanisms.truncate(MOST);
        of_mechanisms.into_iter().chain(of_code).collect()
    };
    let reached = if all.is_empty() { reached } else { reached.with_names(case)? };
    let mut seen: Vec<String> = Vec::new();
    all.retain(|person| {
        let key = identity(&person.name, &person.address);
        let fresh = target.as_of - person.last < SILENT;
        let ours = !reached.person(&person.name, &person.address) && !robot::is(&person.name, &person.address);
        let keep = fresh && ours && !seen.contains(&key);
        seen.push(key);
        keep
    });
    Ok(all)
}

/// Those who wrote and answered earlier patches to the same files, functions and names.
fn of_code(case: &Case<'_>) -> Look<Vec<Person>> {
    let (target, code) = (case.target, case.code());
    let Some(reader) = case.world.reader else { return Ok(Vec::new()) };
    let mut used: Vec<&str> = Vec::new();
    for line in code.lines.iter().filter(|line| line.kind != LineKind::Context) {
        used.extend(names(&line.code).map(|(_, name)| name).filter(|name| name.len() >= SHORTEST));
    }
    used.extend(code.functions.iter().map(|f| f.name.as_str()));
    used.sort_unstable_by_key(|name| (std::cmp::Reverse(name.len()), *name));
    used.dedup();
    used.truncate(NAMES);
    let question = people::Question {
        files: target.patch.files.iter().map(|file| file.path()).collect(),
        names: used,
        as_of: target.as_of,
        own: hash::message_id(&target.message.message_id),
        most: RANKED,
    };
    let ranked = people::rank(reader, &question)?;
    let reached = Reached::of(target.message);
    let free = |p: &people::Person| !reached.person(&p.name, &p.address) && !robot::is(&p.name, &p.address);
    let mut found = Vec::new();
    for person in ranked.into_iter().filter(free).take(2 * MOST) {
        let Some(copy) = reader.mail(person.why)? else { continue };
        found.push(Person {
            knows: Knows::Code {
                shared: person.shared,
                date: copy.stored.date,
                subject: copy.stored.subject,
                line: String::new(),
                changed: false,
            },
            mail: copy.stored.message_id,
            name: person.name,
            address: person.address,
            last: person.last,
        });
    }
    Ok(found)
}

/// How somebody knows a mechanism, given an event of it.
type Knowing = fn(MechanismId, jiff::civil::Date, String) -> Knows;

/// Those whom the catalogue knows for the mechanisms that the patch takes from, resembles, or writes through.
fn of_mechanisms(case: &Case<'_>) -> Look<Vec<Person>> {
    let (target, world, kin) = (case.target, case.world, case.kin());
    let owners = case.deeds().concerns();
    let taken = case.deeds().takes.is_some();
    let today = Day(day(target.as_of));
    let reached = Reached::of(target.message);
    let mut slugs: Vec<(&MechanismId, Knowing)> = Vec::new();
    let concerned = if taken { Knows::Owner as Knowing } else { Knows::Entry as Knowing };
    slugs.extend(owners.iter().map(|slug| (slug, concerned)));
    let similar = kin.similar.iter().filter(|_| taken).map(|s| (&s.event.mechanism, Knows::Similar as Knowing));
    let through = kin.named.iter().filter(|n| n.writes).map(|n| (&n.mechanism.slug, Knows::Through as Knowing));
    for (slug, knows) in similar.chain(through) {
        if !slugs.iter().any(|(known, _)| *known == slug) {
            slugs.push((slug, knows));
        }
    }
    let mut found: Vec<Person> = Vec::new();
    for (slug, knows) in slugs {
        let concerns = |e: &&Event| e.recorded() <= today && (e.mechanism == *slug || e.also.contains(slug));
        let events: Vec<&Event> = world.catalogue.events().iter().filter(concerns).collect();
        // Who worked on it most, and then who worked on it last, knows it now.
        let works = |e: &Event| events.iter().filter(|other| other.authors.first() == e.authors.first()).count();
        let mut ranked: Vec<(usize, &Event)> = events.iter().map(|e| (works(e), *e)).collect();
        ranked.sort_by_key(|(works, e)| std::cmp::Reverse((*works, e.happened)));
        let made = |e: &Event| matches!(e.kind, EventKind::Posting | EventKind::Revision | EventKind::Merge);
        // Two of those whose bytes are taken, one of each other mechanism.
        let wanted = if taken && owners.contains(slug) { 2 } else { 1 };
        let mut one = 0;
        for (_, event) in ranked.into_iter().filter(|(_, e)| made(e)) {
            let (Some(name), Some(mail)) = (event.authors.first(), mail_of(event)) else { continue };
            let address = event.addresses.first().cloned().unwrap_or_default();
            if reached.person(name, &address) || one == wanted || found.iter().any(|p| p.name == *name) {
                continue;
            }
            let happened = seconds(event.happened);
            let last = last_mail(world, &address, target.as_of)?.map_or(happened, |last| last.max(happened));
            if target.as_of - last >= SILENT {
                continue;
            }
            one += 1;
            let what = event.subject.as_deref().unwrap_or(&event.text);
            let knows = knows(slug.clone(), event.happened.0, what.to_owned());
            found.push(Person { name: name.clone(), address, knows, mail: mail.to_owned(), last });
        }
    }
    Ok(found)
}

/// The beginning of a day, seconds since 1970.
fn seconds(day: Day) -> i64 {
    day.0.to_zoned(jiff::tz::TimeZone::UTC).map_or(0, |moment| moment.timestamp().as_second())
}
