//! The block from MAINTAINERS: the file as it was in an attached tree on the patch's day, with the tree's .mailmap. Lists
//! before people: who looks after files and reads a list is asked through that list.

use provenance_corpus::address::Address;
use provenance_corpus::maintainers::{EVERYTHING, Maintainers, Match, text};
use provenance_corpus::patch::LineKind;
use provenance_corpus::robot;
use provenance_index::document::hex;
use provenance_index::history::mainline;

use super::{MOST, RULE, Reached, SILENT, last_mail};
use crate::check::{Evidence, Finding, Severity, Target, World, day};

/// Changed lines that keywords are looked for in.
const LINES: usize = 20_000;

/// Sections that are shown.
const SECTIONS: usize = 6;

/// Files of the tree on that day.
pub struct Kept {
    file: String,
    mailmap: Option<git2::Mailmap>,
    commit: Evidence,
    date: i64,
    paths: Vec<String>,
    changed: Vec<String>,
}

impl Kept {
    /// The file of the tree that the patch was made in, or else of the attached tree that is nearest to the day; `None` where
    /// no tree has one.
    pub fn load(target: &Target<'_>, world: &World<'_>) -> Option<Kept> {
        let (file, mailmap, commit, date) = match &world.base {
            Some(base) => {
                let file = mainline::blob(&base.repository, false, &base.id, "MAINTAINERS")?;
                let mailmap = mainline::blob(&base.repository, false, &base.id, ".mailmap");
                (file, mailmap, Evidence::Commit(hex(&base.id), base.subject.clone()), base.date)
            }
            None => {
                let moments = mainline::at(world.data, target.as_of).ok()?;
                let (moment, file) = moments.iter().find_map(|m| Some((m, m.file("MAINTAINERS")?)))?;
                let commit = Evidence::Commit(hex(&moment.step.id), moment.subject(world.data));
                (file, moment.file(".mailmap"), commit, moment.step.date)
            }
        };
        let mut changed: Vec<String> = Vec::new();
        for line in target.patch.all_lines().iter().filter(|line| line.kind != LineKind::Context).take(LINES) {
            changed.push(target.patch.slice(line.span).to_owned());
        }
        Some(Kept {
            file: text(&file).into_owned(),
            mailmap: mailmap.and_then(|bytes| git2::Mailmap::from_buffer(&text(&bytes)).ok()),
            commit,
            date,
            paths: target.patch.files.iter().map(|file| file.path().to_owned()).collect(),
            changed,
        })
    }

    /// What the tree calls a person now.
    fn proper(&self, person: &Address) -> Address {
        let name = person.name.as_deref().unwrap_or_default();
        let proper = || {
            let known = git2::Signature::now(name, &person.address).ok()?;
            let found = self.mailmap.as_ref()?.resolve_signature(&known).ok()?;
            Some(Address { name: found.name().ok().map(str::to_owned), address: found.email().ok()?.to_owned() })
        };
        proper().unwrap_or_else(|| person.clone())
    }

    /// Whether MAINTAINERS leads from this patch to a person, or a list in Cc does.
    pub fn leads_to(&self, name: &str, address: &str, reached: &Reached) -> bool {
        let all = Maintainers::parse(&self.file);
        let is = |person: &Address| {
            let proper = self.proper(person);
            person.address.eq_ignore_ascii_case(address)
                || proper.address.eq_ignore_ascii_case(address)
                || proper.name.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        let changed: Vec<&str> = self.changed.iter().map(String::as_str).collect();
        let named = |people: &[Address]| people.iter().any(is);
        let here = all.of(&paths, &changed);
        here.iter().any(|m| !m.section.is_rest() && (named(&m.section.maintainers) || named(&m.section.reviewers)))
            || all.0.iter().any(|s| {
                s.own_lists().any(|list| reached.address(list)) && (named(&s.maintainers) || named(&s.reviewers))
            })
    }

    /// Lists and people that are not in To or Cc.
    pub fn check(&self, target: &Target<'_>, world: &World<'_>, reached: &Reached) -> Option<Finding> {
        let all = Maintainers::parse(&self.file);
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        let changed: Vec<&str> = self.changed.iter().map(String::as_str).collect();
        let mut lists: Vec<(String, String)> = Vec::new();
        let mut people: Vec<(Address, String)> = Vec::new();
        let mut everything = false;
        for m in all.of(&paths, &changed) {
            let section = m.section;
            everything |= section.lists.iter().any(|list| list.eq_ignore_ascii_case(EVERYTHING));
            if section.is_rest() {
                continue;
            }
            let why = format!("{}, {}", section.title, m.by);
            let mut own = section.own_lists().peekable();
            if own.peek().is_some() {
                for list in own.filter(|list| !reached.address(list)) {
                    if !lists.iter().any(|(known, _)| known.eq_ignore_ascii_case(list)) {
                        lists.push((list.to_owned(), why.clone()));
                    }
                }
            } else {
                self.ask(&m, &why, reached, &mut people);
            }
        }
        people.retain(|(person, _)| {
            last_mail(world, &person.address, target.as_of).is_none_or(|last| target.as_of - last < SILENT)
        });
        people.truncate(MOST);
        let certain = !lists.is_empty() || !people.is_empty();
        if everything && !reached.address(EVERYTHING) {
            lists.push((EVERYTHING.to_owned(), "every patch".to_owned()));
        }
        let names: Vec<String> = (lists.iter().map(|(list, _)| list.clone()))
            .chain(people.iter().map(|(person, _)| person.who().to_owned()))
            .collect();
        if names.is_empty() {
            return None;
        }
        let verb = if names.len() == 1 { "is" } else { "are" };
        let severity = if certain { Severity::Warning } else { Severity::Note };
        let says = format!("by MAINTAINERS, {} {verb} not in To or Cc", names.join(", "));
        let mut finding = Finding::new(RULE, severity, says).key("maintainers");
        for (list, why) in lists.iter().take(SECTIONS) {
            finding = finding.fact("list", format!("{list}: {why}"));
        }
        for (person, why) in &people {
            let last = last_mail(world, &person.address, target.as_of)
                .map_or_else(|| "no mail in the indexed lists".to_owned(), |last| format!("last mail {}", day(last)));
            finding = finding.fact("person", format!("{}: {why}; {last}", person.who()));
        }
        finding = finding.fact("file", format!("MAINTAINERS of {}", day(self.date)));
        finding.cite(self.commit.clone());
        finding.addresses = lists.into_iter().map(|(list, _)| list).collect();
        finding.addresses.extend(people.into_iter().map(|(person, _)| person.to_string()));
        Some(finding)
    }

    /// People of a section that has no list of its own: none where one of those who maintain it has the mail.
    fn ask(&self, m: &Match<'_, '_>, why: &str, reached: &Reached, people: &mut Vec<(Address, String)>) {
        let section = m.section;
        let proper: Vec<Address> = section.maintainers.iter().map(|person| self.proper(person)).collect();
        let has = |person: &Address, proper: &Address| {
            let name = proper.name.as_deref().unwrap_or_default();
            reached.person(name, &proper.address) || reached.address(&person.address)
        };
        if section.is_orphaned() || section.maintainers.iter().zip(&proper).any(|(person, proper)| has(person, proper))
        {
            return;
        }
        for person in proper {
            let robot = robot::is(person.name.as_deref().unwrap_or_default(), &person.address);
            if !robot && !people.iter().any(|(known, _)| known.address.eq_ignore_ascii_case(&person.address)) {
                people.push((person, why.to_owned()));
            }
        }
    }
}
