//! Threads and series of real archives.

#[path = "archives/each_mail.rs"]
mod archives;

use archives::{each_mail, has_git, shared};
use mail_parser::MessageParser;
use provenance_corpus::patch::Patch;
use provenance_corpus::series::{self, Series, Slot};
use provenance_corpus::thread::{Forest, Node, roots};
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

/// What a mail says of itself, read just well enough for the archives.
struct Mail {
    id: String,
    references: Vec<String>,
    in_reply_to: Option<String>,
    author: String,
    date: i64,
    subject: String,
    diff: bool,
}

fn read(raw: &[u8]) -> Option<Mail> {
    let mail = MessageParser::default().parse(raw)?;
    let list = |value: &mail_parser::HeaderValue<'_>| -> Vec<String> {
        value.as_text_list().unwrap_or_default().iter().map(|id| id.to_string()).collect()
    };
    let in_reply_to = list(mail.in_reply_to());
    let mut references = list(mail.references());
    references.extend(in_reply_to.iter().filter(|id| !references.contains(id)).cloned().collect::<Vec<_>>());
    Some(Mail {
        id: mail.message_id()?.to_owned(),
        references,
        in_reply_to: in_reply_to.into_iter().next(),
        author: mail
            .from()
            .and_then(|from| from.first())
            .and_then(|from| from.address())
            .unwrap_or_default()
            .to_owned(),
        date: mail.date().map_or(0, |date| date.to_timestamp()),
        subject: mail.subject().unwrap_or_default().to_owned(),
        diff: mail.body_text(0).is_some_and(|text| Patch::parse(&text).is_some()),
    })
}

/// The brackets of a subject, in the usual form alone.
fn part<'a>(mail: &'a Mail) -> Option<series::Mail<'a>> {
    let (brackets, title) = mail.subject.trim_start().strip_prefix('[')?.split_once(']')?;
    let words: Vec<&str> = brackets.split_ascii_whitespace().collect();
    if !words.iter().any(|word| word.contains("PATCH")) {
        return None;
    }
    let version = words.iter().find_map(|word| word.strip_prefix('v')?.parse().ok());
    let numbers = words.iter().find_map(|word| {
        let (number, total) = word.split_once('/')?;
        Some((number.parse().ok()?, total.parse().ok()?))
    });
    Some(series::Mail {
        message_id: &mail.id,
        in_reply_to: mail.in_reply_to.as_deref(),
        author: &mail.author,
        date: mail.date,
        reply: false,
        version: (version.unwrap_or(1), 0),
        number: numbers.map(|(number, _)| number),
        total: numbers.map(|(_, total)| total),
        title: title.trim(),
        rfc: words.contains(&"RFC"),
        resend: words.contains(&"RESEND"),
        diff: mail.diff,
    })
}

#[test]
fn threads_and_series_of_the_archives() {
    let Some(shared) = shared() else { return };
    if !has_git() {
        return;
    }
    let mut mails = Vec::new();
    each_mail(&shared, |_, raw| mails.extend(read(raw)));
    let references: Vec<Vec<&str>> =
        mails.iter().map(|mail| mail.references.iter().map(String::as_str).collect()).collect();
    let nodes: Vec<Node<'_, &str>> = mails
        .iter()
        .zip(&references)
        .map(|(mail, references)| Node { id: mail.id.as_str(), references, date: mail.date })
        .collect();
    let start = Instant::now();
    let forest = Forest::new(&nodes);
    let took = start.elapsed();
    let here = forest.rows.iter().filter(|row| row.present.is_some()).count();
    assert_eq!(here + forest.duplicates.len(), mails.len());
    let threads = forest.threads().count();
    println!(
        "{} mails, {threads} threads, {} missing, {} doubled, deepest {}, in {took:?}",
        mails.len(),
        forest.rows.len() - here,
        forest.duplicates.len(),
        forest.rows.iter().map(|row| row.depth).max().unwrap_or_default()
    );

    // Both ways to find out what belongs together agree, but for mails that name ids of other threads early
    // in their references: the forest can put them in one place only.
    let hash = |id: &str| {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        BuildHasherDefault::<DefaultHasher>::default().hash_one(id)
    };
    let hashed: Vec<(u64, Vec<u64>)> =
        nodes.iter().map(|node| (hash(node.id), node.references.iter().map(|id| hash(id)).collect())).collect();
    let named = roots(hashed.iter().map(|(id, references)| (*id, references.as_slice())));
    let root_of: HashMap<u64, u64> = hashed.iter().map(|(id, _)| *id).zip(named).collect();
    for thread in forest.threads() {
        let mut names: Vec<u64> =
            thread.iter().filter(|row| row.present.is_some()).map(|row| root_of[&hash(row.id)]).collect();
        names.dedup();
        assert_eq!(names.len(), 1, "one thread, two names: {}", thread[0].id);
    }

    let (mut found, mut parts, mut complete, mut covered, mut kept) = (0, 0, 0, 0, 0);
    let mut odd: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for thread in forest.threads() {
        let inputs: Vec<_> = thread.iter().filter_map(|row| part(&mails[row.present? as usize])).collect();
        let all = series::find(&inputs);
        for one in all.iter().filter(|one| one.total > 1) {
            found += 1;
            parts += one.parts.len();
            complete += u32::from(one.is_complete());
            covered += u32::from(one.cover.is_some());
            kept += u32::from(one.slots(&all).any(|(_, slot)| matches!(slot, Slot::Kept(..))));
            let mut note = |what: &'static str, yes: bool| {
                if yes {
                    odd.entry(what)
                        .or_default()
                        .push(one.head().map_or("", |at| inputs[at as usize].message_id).to_owned());
                }
            };
            note("a part sent twice", !one.doubled().is_empty());
            note("a number beyond the total", !one.beyond.is_empty());
            note("a cover sent twice", !one.more_covers.is_empty());
        }
        let held: usize = all.iter().map(|one| Series::mails(one).count()).sum();
        assert_eq!(held, inputs.iter().filter(|mail| mail.diff || mail.number.is_some()).count());
    }
    println!(
        "{found} series of two or more with {parts} parts; {complete} complete, {covered} with cover letter, {kept} rerolled in part"
    );
    for (what, heads) in &odd {
        println!("{:5} {what}, first {:?}", heads.len(), &heads[..heads.len().min(6)]);
    }
    assert!(found > 500 && complete > found * 2 / 5, "{complete} of {found} series complete");
}
