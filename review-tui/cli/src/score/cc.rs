//! `__score cc`: of those who joined the thread of a patch and were not in To or Cc, how many the block from history would
//! have named, beside two simple rules that may name as many. Each patch is asked about as of its date.

use std::io::Write;

use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_corpus::robot;
use provenance_index::people::{self, identity};
use provenance_index::reader::Reader;
use provenance_review::check::missing_cc::{self, history};
use provenance_review::check::{Case, Target, World, history_of};
use provenance_review::session::place::reader_failure;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Context, Exit, Failure, Letters};
use crate::terminal::Output;

/// Who came later than this joined for another reason (seconds): half a year.
const LATER: i64 = 183 * 86_400;

/// Patches and names beyond the first are counted to this number.
const NAMES: usize = missing_cc::MOST;

/// A mail, as far as the score needs it.
struct Mail {
    who: String,
    robot: bool,
    date: i64,
}

/// Names that were given, and how many of them joined.
#[derive(Default)]
struct Tally {
    named: u32,
    hits: u32,
}

impl Tally {
    fn add<'a>(&mut self, names: impl Iterator<Item = &'a String>, joined: &FxHashSet<&String>) {
        for name in names {
            self.named += 1;
            self.hits += u32::from(joined.contains(name));
        }
    }
}

/// `__score cc`: how many of the people whom `check` names did join the thread later.
pub fn run(context: &Context, reader: &Reader, verbose: bool) -> Result<Exit, Failure> {
    let catalogue = context.place.catalogue()?;
    let world = World::new(&catalogue, Some(reader), context.place.data());
    let mut letters = Letters::open(context.place.data(), reader)?;
    let (facts, roots) = reader.facts().map_err(|e| reader_failure(&e))?;
    let mut mails: FxHashMap<u64, Mail> = FxHashMap::default();
    // To and Cc often give an address alone: who ever wrote from it has the mail.
    let mut aliases: FxHashMap<String, FxHashSet<String>> = FxHashMap::default();
    let mut patches: Vec<(i64, u64)> = Vec::new();
    let mut threads: FxHashMap<u64, Vec<u64>> = FxHashMap::default();
    for fact in &facts {
        if mails.contains_key(&fact.id) {
            continue;
        }
        let Some(stored) = letters.stored(fact.id)? else { continue };
        let robot = robot::is(&stored.author, &stored.address) || fact.flags.told;
        aliases.entry(identity(&stored.author, &stored.address)).or_default().insert(stored.address.to_lowercase());
        mails.insert(fact.id, Mail { who: identity(&stored.author, &stored.address), robot, date: stored.date });
        threads.entry(roots.get(&fact.id).copied().unwrap_or(fact.id)).or_default().push(fact.id);
        if fact.flags.patch && !fact.flags.reply && !fact.flags.page && !robot {
            patches.push((stored.date, fact.id));
        }
    }
    patches.sort_unstable();
    let mut by_date: Vec<&Mail> = mails.values().filter(|m| !m.robot).collect();
    by_date.sort_by_key(|m| m.date);
    let mut posts: FxHashMap<&String, u32> = FxHashMap::default();
    let mut swept = 0;
    let (mut asked, mut all_joined) = (0u32, 0u32);
    let (mut ours, mut touched, mut posters) = (Tally::default(), Tally::default(), Tally::default());
    let mut out = Output::plain();
    for (date, id) in patches {
        while by_date.get(swept).is_some_and(|m| m.date < date) {
            *posts.entry(&by_date[swept].who).or_default() += 1;
            swept += 1;
        }
        let members = &threads[&roots.get(&id).copied().unwrap_or(id)];
        let of = |m: &&u64| !mails[*m].robot;
        let before: FxHashSet<&String> =
            members.iter().filter(of).filter(|m| mails[*m].date <= date).map(|m| &mails[m].who).collect();
        let after = members.iter().filter(of).filter(|m| (date + 1..date + LATER).contains(&mails[*m].date));
        let later: FxHashSet<&String> = after.map(|m| &mails[m].who).filter(|who| !before.contains(who)).collect();
        if later.is_empty() {
            continue;
        }
        let Some(copy) = letters.copy(id)? else { continue };
        let bytes = letters.bytes(&copy)?;
        let message = Message::parse(&bytes);
        let text = message.text();
        let Some(patch) = Patch::parse(&text) else { continue };
        let target = Target { message: &message, text: &text, patch, as_of: date };
        let case = Case::new(&target, &world);
        if !history_of::touches(&target, &world, case.kin()) {
            continue;
        }
        let reached: FxHashSet<String> = (message.from.iter().chain(&message.to).chain(&message.cc))
            .flat_map(|a| [identity(a.name.as_deref().unwrap_or_default(), &a.address), a.address.to_lowercase()])
            .collect();
        let free = |who: &String| !reached.contains(who) && aliases[who].is_disjoint(&reached);
        let joined: FxHashSet<&String> = later.into_iter().filter(|who| free(who)).collect();
        if joined.is_empty() {
            continue;
        }
        asked += 1;
        all_joined += joined.len() as u32;
        let names: Vec<String> = history::people(&case)
            .map_err(|broken| Failure::new(Exit::Unreadable, broken.0))?
            .into_iter()
            .take(NAMES)
            .map(|person| identity(&person.name, &person.address))
            .collect();
        ours.add(names.iter(), &joined);
        let files: Vec<&str> = target.patch.files.iter().map(|f| f.path()).collect();
        let mut counts: FxHashMap<&String, u32> = FxHashMap::default();
        for earlier in people::touched(reader, &files, date, id).map_err(|e| reader_failure(&e))? {
            if let Some(mail) = mails.get(&earlier).filter(|m| !m.robot) {
                *counts.entry(&mail.who).or_default() += 1;
            }
        }
        touched.add(most(&counts, names.len(), &free).into_iter(), &joined);
        posters.add(most(&posts, names.len(), &free).into_iter(), &joined);
        if verbose {
            writeln!(out, "{}\n  joined {joined:?}\n  named {names:?}", copy.stored.message_id)?;
        }
    }
    let recall = |tally: &Tally| f64::from(tally.hits) / f64::from(all_joined.max(1));
    writeln!(
        out,
        "patches that touch a mechanism and that somebody joined unasked: {asked}\nwho joined: {all_joined}"
    )?;
    writeln!(out, "rule                            names    hits   recall")?;
    for (name, tally) in [("history", &ours), ("touched the same files", &touched), ("top posters", &posters)] {
        writeln!(out, "{name:<30} {:>6} {:>7}   {:.4}", tally.named, tally.hits, recall(tally))?;
    }
    let better = recall(&touched).max(recall(&posters));
    writeln!(out, "history against the better of the two: {:.2}", recall(&ours) / better.max(f64::MIN_POSITIVE))?;
    out.finish()?;
    Ok(Exit::Done)
}

/// Those with the highest counts.
fn most<'a>(counts: &FxHashMap<&'a String, u32>, n: usize, free: &dyn Fn(&String) -> bool) -> Vec<&'a String> {
    let mut ranked: Vec<(&u32, &&String)> =
        counts.iter().map(|(who, n)| (n, who)).filter(|(_, who)| free(who)).collect();
    ranked.sort_by(|a, b| b.0.cmp(a.0).then(a.1.cmp(b.1)));
    ranked.into_iter().take(n).map(|(_, who)| *who).collect()
}
