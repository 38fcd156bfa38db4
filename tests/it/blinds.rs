//! The patch that the project comes from, blindfolded: without what the catalogue knows of its mechanism and of later days,
//! with its new names renamed at random, with its message emptied. What each blind costs is printed and fixed here.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use provenance_corpus::catalogue::Catalogue;
use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_index::reader::Reader;
use provenance_review::check::{self, Fact, Finding, Severity, Target, World};
use toml::{Table, Value};

use crate::harness::{User, reviewer, shared};

/// 11 December 2019, the end of the day.
const DAY: &str = "2019-12-11";

/// The seed's patch alone: of the three mails the first.
fn seed() -> Option<String> {
    let raw = std::fs::read_to_string(shared()?.join("threads/bpf-dispatcher-v4.mbox")).unwrap();
    Some(raw[..raw.find("\nFrom rostedt").expect("three mails")].to_owned())
}

fn findings(user: &User, catalogue: &Catalogue, mail: &str) -> Vec<Finding> {
    let data = user.path(".local/share/provenance");
    let reader = Reader::open(&data).unwrap();
    let mail = mail.split_once('\n').expect("a separator").1;
    let message = Message::parse(mail.as_bytes());
    let text = message.text();
    let as_of = message.date.expect("a date").seconds;
    let target = Target { message: &message, text: &text, patch: Patch::parse(&text).expect("a patch"), as_of };
    check::run(&target, &World::new(catalogue, Some(&reader), &data)).findings
}

/// What a finding comes to: rule, key, and whom or what it names, without its names of the patch.
fn said(findings: &[Finding]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for finding in findings.iter().filter(|f| f.severity > Severity::Silent) {
        said.push(format!("{} {} {}", finding.severity.as_str(), finding.rule, finding.key));
        said.extend(finding.facts.iter().filter_map(|fact| match fact {
            Fact::Person { name, .. } => Some(format!("{} {name}", finding.rule)),
            Fact::Event { on, .. } => Some(format!("{} {on}", finding.rule)),
            _ => None,
        }));
    }
    said
}

/// Runs a blind, prints what it costs, and tells it.
fn lost(user: &User, name: &str, catalogue: &Catalogue, blind: &str) -> Vec<String> {
    let whole = said(&findings(user, &Catalogue::built_in().unwrap(), &seed().expect("it is there")));
    let left = said(&findings(user, catalogue, blind));
    let lost: Vec<String> = whole.iter().filter(|said| !left.contains(said)).cloned().collect();
    let cost = if lost.is_empty() { "nothing".to_owned() } else { lost.join("; ") };
    println!("blind: {name}: of {} findings and names it costs {cost}", whole.len());
    assert!(left.contains(&"warning ownership ".to_owned()), "{name}: {left:?}");
    for person in ["Steven Rostedt", "Peter Zijlstra", "Josh Poimboeuf"] {
        assert!(left.contains(&format!("missing-cc {person}")), "{name}: {left:?}");
    }
    assert!(left.contains(&"note missing-cc answers".to_owned()), "{name}: {left:?}");
    lost
}

fn table_of(value: &Value) -> &Table {
    value.as_table().expect("a table")
}

/// The catalogue as it could have been on that day, by somebody who had not heard of the dispatcher.
fn blindfolded() -> Catalogue {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/catalogue");
    let mut files: Vec<(String, Table)> = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".toml") && name != "bpf-dispatcher.toml" {
            files.push((name, std::fs::read_to_string(path).unwrap().parse().unwrap()));
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let date = |table: &Table, key: &str| table.get(key).map(|value| value.to_string().trim_matches('"').to_owned());
    let early = |table: &Table, key: &str| date(table, key).is_none_or(|day| day[..10.min(day.len())] <= *DAY);
    let keep = |table: &mut Table, list: &str, wanted: &dyn Fn(&Table) -> bool| {
        if let Some(Value::Array(all)) = table.get_mut(list) {
            all.retain(|one| wanted(table_of(one)));
        }
    };
    let mut known: Vec<String> = Vec::new();
    for (_, file) in &mut files {
        keep(file, "event", &|event| early(event, "happened") && early(event, "recorded"));
        keep(file, "symbol", &|symbol| early(symbol, "from"));
        keep(file, "owns", &|owns| early(owns, "from"));
        known.push(file["slug"].as_str().unwrap().to_owned());
        let events = file.get("event").and_then(Value::as_array).into_iter().flatten();
        known.extend(events.map(|event| event["id"].as_str().unwrap().to_owned()));
    }
    let is_known = |value: &Value| value.as_str().is_none_or(|name| known.iter().any(|known| known == name));
    for (_, file) in &mut files {
        keep(file, "edge", &|edge| early(edge, "recorded") && is_known(&edge["from"]) && is_known(&edge["to"]));
        for event in file.get_mut("event").and_then(Value::as_array_mut).into_iter().flatten() {
            let event = event.as_table_mut().unwrap();
            if event.get("answers").is_some_and(|answered| !is_known(answered)) {
                event.remove("answers");
            }
            for list in [event.get_mut("also"), None].into_iter().flatten() {
                list.as_array_mut().unwrap().retain(&is_known);
            }
            if let Some(Value::Table(claim)) = event.get_mut("claim")
                && let Some(Value::Array(see)) = claim.get_mut("see")
            {
                see.retain(&is_known);
            }
        }
    }
    let texts: Vec<(String, String)> = files.into_iter().map(|(name, file)| (name, file.to_string())).collect();
    Catalogue::from_toml(texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))).unwrap()
}

#[test]
fn without_the_dispatcher_and_later_days_in_the_catalogue() {
    let (Some(user), Some(seed)) = (reviewer(), seed()) else { return };
    let catalogue = blindfolded();
    assert!(catalogue.mechanism("bpf-dispatcher").is_err());
    assert!(catalogue.events().iter().all(|event| event.recorded().to_string().as_str() <= DAY));
    assert_eq!(lost(user, "catalogue", &catalogue, &seed), Vec::<String>::new());
}

#[test]
fn with_new_names_at_random() {
    let (Some(user), Some(seed)) = (reviewer(), seed()) else { return };
    let (head, body) = seed.split_at(seed.find("\n\n").unwrap());
    let renamed = rename(body);
    assert!(!renamed.contains("dispatcher"), "{renamed}");
    let lost = lost(user, "names", &Catalogue::built_in().unwrap(), &format!("{head}{renamed}\n"));
    assert_eq!(lost, Vec::<String>::new());
}

#[test]
fn without_its_message() {
    let (Some(user), Some(seed)) = (reviewer(), seed()) else { return };
    let (head, body) = seed.split_at(seed.find("\n\n").unwrap());
    let silent = format!("{head}\n\n{}\n", &body[body.find("diff --git").unwrap()..]);
    assert_eq!(lost(user, "message", &Catalogue::built_in().unwrap(), &silent), Vec::<String>::new());
}

/// New identifiers of the patch, each under a name that says nothing and is another on each run.
fn rename(body: &str) -> String {
    let random = RandomState::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut out = String::new();
    let mut word = String::new();
    for c in body.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        let new = word.to_lowercase().contains("dispatcher")
            || ["image_off", "emit_cond_near_jump", "cmp_ips"].contains(&word.as_str());
        if new {
            let next = names.len();
            let name = || format!("q{:08x}_{next}", random.hash_one(&word) as u32);
            out.push_str(names.entry(word.clone()).or_insert_with(name));
        } else {
            out.push_str(&word);
        }
        word.clear();
        out.push(c);
    }
    out
}
