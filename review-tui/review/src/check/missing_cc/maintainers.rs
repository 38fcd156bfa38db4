//! The block from MAINTAINERS: the file as it was in an attached tree on the patch's day, with the tree's .mailmap. Lists
//! before people: who looks after files and reads a list is asked through that list.

use provenance_corpus::address::Address;
use provenance_corpus::maintainers::{EVERYTHING, Maintainers, Match, text};
use provenance_corpus::robot;
use provenance_index::document::hex;
use provenance_index::history::mainline;

use super::{MOST, RULE, Reached, SILENT, last_mail};
use crate::check::outcome::{Broken, Look};
use crate::check::{Case, Evidence, Fact, Finding, Severity};

/// Changed lines that keywords are looked for in.
const LINES: usize = 20_000;

/// Sections that are shown.
const SECTIONS: usize = 6;

/// Title of a section, and its line that matched.
type Section = (String, String);

/// The files of a tree that say whom to ask.
pub struct Files {
    file: String,
    mailmap: Option<git2::Mailmap>,
    /// Addresses of `.get_maintainer.ignore`: people who asked not to be.
    ignored: Vec<String>,
}

/// Files of the tree on that day.
pub struct Kept {
    files: Files,
    commit: Evidence,
    date: i64,
    paths: Vec<String>,
    changed: Vec<String>,
}

/// Lines in which the keywords of MAINTAINERS are looked for: all that begin with a sign, as scripts/get_maintainer.pl has it.
fn signed(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with(['+', '-'])).map(|line| &line[1..]).take(LINES).collect()
}

impl Files {
    /// Of MAINTAINERS, `.mailmap` and `.get_maintainer.ignore`, the latter where there are such.
    pub fn new(file: &[u8], mailmap: Option<&[u8]>, ignore: Option<&[u8]>) -> Files {
        let ignored = ignore.map(text).unwrap_or_default();
        let plain = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
        let addresses = ignored.lines().map(plain).filter(|line| line.contains('@'));
        Files {
            file: text(file).into_owned(),
            mailmap: mailmap.and_then(|bytes| git2::Mailmap::from_buffer(&text(bytes)).ok()),
            ignored: addresses
                .map(|line| provenance_corpus::address::parse_one(&line).map_or(line, |a| a.address))
                .collect(),
        }
    }

    /// Whether somebody asked not to be asked.
    fn ignores(&self, address: &str) -> bool {
        self.ignored.iter().any(|known| known.eq_ignore_ascii_case(address))
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

    /// All addresses that MAINTAINERS leads to from a patch, in lower case, sorted: what
    /// `scripts/get_maintainer.pl --no-git --no-git-fallback` names. Who takes everything (`THE REST`) is left out, as there; the
    /// list that everything goes to is not.
    pub fn everybody(&self, patch: &provenance_corpus::patch::Patch<'_>) -> Vec<String> {
        let all = Maintainers::parse(&self.file);
        let paths: Vec<&str> =
            patch.files.iter().flat_map(|f| [Some(f.path()), f.old_path.as_deref()]).flatten().collect();
        let changed = signed(patch.text());
        let mut found: Vec<String> = Vec::new();
        // As there: of several addresses of one name the first counts.
        let mut known: Vec<String> = Vec::new();
        for m in all.of(&paths, &changed) {
            found.extend(m.section.lists.iter().map(|list| list.to_lowercase()));
            if !m.section.is_rest() {
                for person in m.section.maintainers.iter().chain(&m.section.reviewers) {
                    let proper = self.proper(person);
                    let name = proper.name.unwrap_or_default().to_lowercase();
                    if name.is_empty() || !known.contains(&name) {
                        known.push(name);
                        found.push(proper.address.to_lowercase());
                    }
                }
            }
        }
        found.retain(|address| !self.ignores(address));
        found.sort();
        found.dedup();
        found
    }
}

impl Kept {
    /// The file of the tree that the patch was made in, or else of the attached tree that is nearest to the day; `None` where
    /// no tree has one.
    ///
    /// # Errors
    /// A tree is attached and cannot be read.
    pub fn load(case: &Case<'_>) -> Look<Option<Kept>> {
        let (target, world) = (case.target, case.world);
        let (files, commit, date) = match &world.base {
            Some(base) => {
                let read = |name| mainline::blob(&base.repository, false, &base.id, name);
                let Some(file) = read("MAINTAINERS") else { return Ok(None) };
                let files = Files::new(&file, read(".mailmap").as_deref(), read(".get_maintainer.ignore").as_deref());
                (files, Evidence::Commit(hex(&base.id), base.subject.clone()), base.date)
            }
            None => {
                let moments = mainline::at(world.data, target.as_of)?;
                let Some((moment, file)) = moments.iter().find_map(|m| Some((m, m.file("MAINTAINERS")?))) else {
                    // No file, or no tree any more?
                    for moment in &moments {
                        git2::Repository::open(&moment.tree.path).map_err(|error| {
                            Broken(format!("{} cannot be read: {}", moment.tree.path.display(), error.message()))
                        })?;
                    }
                    return Ok(None);
                };
                let commit = Evidence::Commit(hex(&moment.step.id), moment.subject(world.data));
                let read = |name| moment.file(name);
                let files = Files::new(&file, read(".mailmap").as_deref(), read(".get_maintainer.ignore").as_deref());
                (files, commit, moment.step.date)
            }
        };
        let changed = signed(target.text).into_iter().map(str::to_owned).collect();
        Ok(Some(Kept {
            files,
            commit,
            date,
            paths: target.patch.files.iter().map(|file| file.path().to_owned()).collect(),
            changed,
        }))
    }

    /// Whether MAINTAINERS leads from this patch to a person, or a list in Cc does.
    pub fn leads_to(&self, name: &str, address: &str, reached: &Reached) -> bool {
        let all = Maintainers::parse(&self.files.file);
        let is = |person: &Address| {
            let proper = self.files.proper(person);
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
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn check(&self, case: &Case<'_>, reached: &Reached) -> Look<Option<Finding>> {
        let as_of = case.target.as_of;
        let all = Maintainers::parse(&self.files.file);
        let paths: Vec<&str> = self.paths.iter().map(String::as_str).collect();
        let changed: Vec<&str> = self.changed.iter().map(String::as_str).collect();
        let mut lists: Vec<(String, Option<Section>)> = Vec::new();
        let mut people: Vec<(Address, Section)> = Vec::new();
        let mut everything = false;
        for m in all.of(&paths, &changed) {
            let section = m.section;
            everything |= section.lists.iter().any(|list| list.eq_ignore_ascii_case(EVERYTHING));
            if section.is_rest() {
                continue;
            }
            let why: Section = (section.title.to_string(), m.by.to_string());
            let mut own = section.own_lists().peekable();
            if own.peek().is_some() {
                for list in own.filter(|list| !reached.address(list)) {
                    if !lists.iter().any(|(known, _)| known.eq_ignore_ascii_case(list)) {
                        lists.push((list.to_owned(), Some(why.clone())));
                    }
                }
            } else {
                self.ask(&m, &why, reached, &mut people);
            }
        }
        let mut spoken: Vec<(Address, Section, Option<i64>)> = Vec::new();
        for (person, why) in people {
            let last = last_mail(case.world, &person.address, as_of)?;
            if spoken.len() < MOST && last.is_none_or(|last| as_of - last < SILENT) {
                spoken.push((person, why, last));
            }
        }
        let people = spoken;
        let certain = !lists.is_empty() || !people.is_empty();
        if everything && !reached.address(EVERYTHING) {
            lists.push((EVERYTHING.to_owned(), None));
        }
        let names: Vec<String> = (lists.iter().map(|(list, _)| list.clone()))
            .chain(people.iter().map(|(person, ..)| person.who().to_owned()))
            .collect();
        if names.is_empty() {
            return Ok(None);
        }
        let verb = if names.len() == 1 { "is" } else { "are" };
        let severity = if certain { Severity::Warning } else { Severity::Note };
        let says = format!("by MAINTAINERS, {} {verb} not in To or Cc", names.join(", "));
        let mut finding = Finding::new(RULE, severity, says).key("maintainers");
        for (address, section) in lists.iter().take(SECTIONS).cloned() {
            finding = finding.fact(Fact::List { address, section });
        }
        for (person, section, last) in &people {
            let (who, section, last) = (person.who().to_owned(), section.clone(), *last);
            finding = finding.fact(Fact::Maintainer { who, section, last });
        }
        finding = finding.fact(Fact::MaintainersOf(self.date));
        finding.cite(self.commit.clone());
        finding.addresses = lists.into_iter().map(|(list, _)| list).collect();
        finding.addresses.extend(people.into_iter().map(|(person, ..)| person.to_string()));
        Ok(Some(finding))
    }

    /// People of a section that has no list of its own: none where one of those who maintain it has the mail.
    fn ask(&self, m: &Match<'_, '_>, why: &Section, reached: &Reached, people: &mut Vec<(Address, Section)>) {
        let section = m.section;
        let proper: Vec<Address> = section.maintainers.iter().map(|person| self.files.proper(person)).collect();
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
            if !robot
                && !self.files.ignores(&person.address)
                && !people.iter().any(|(known, _)| known.address.eq_ignore_ascii_case(&person.address))
            {
                people.push((person, why.clone()));
            }
        }
    }
}
