//! Mails that the catalogue says are in a public archive are looked up there: their date and their author must agree.

use super::super::{Catalogue, Evidence};
use super::built_in;
use rustc_hash::FxHashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `../shared/archives` holds git bundles; a bundle must be cloned before anything can read it.
fn clone(bundle: &Path, into: &Path) -> PathBuf {
    let to = into.join("repository.git");
    let run = Command::new("git").args(["clone", "--quiet", "--bare"]).arg(bundle).arg(&to).status();
    assert!(run.expect("git runs").success(), "git clone {}", bundle.display());
    to
}

fn shared() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let dir = std::env::var_os("PROVENANCE_SHARED").map_or(default, PathBuf::from).join("archives");
    dir.is_dir().then_some(dir)
}

/// What the catalogue says of one mail.
struct Said<'c> {
    day: String,
    authors: Vec<&'c str>,
    commits: Vec<&'c str>,
    entry: String,
}

fn collect<'c>(
    said: &mut FxHashMap<(&'c str, &'c str), Vec<Said<'c>>>,
    entry: &str,
    authors: &'c [String],
    evidence: &'c [Evidence],
) {
    let commits: Vec<&str> = evidence.iter().filter_map(|e| e.commit.as_ref()).map(|c| c.as_str()).collect();
    for e in evidence {
        let (Some(list), Some(mail), Some(day)) = (&e.archive, &e.mail, e.date) else { continue };
        let authors = match &e.from {
            Some(from) => vec![from.as_str()],
            None => authors.iter().map(String::as_str).collect(),
        };
        said.entry((list.as_str(), mail.as_str())).or_default().push(Said {
            day: day.to_string(),
            authors,
            commits: commits.clone(),
            entry: entry.to_owned(),
        });
    }
}

/// All that the catalogue says of mails in archives, by list and id.
fn said(c: &Catalogue) -> FxHashMap<(&str, &str), Vec<Said<'_>>> {
    let mut said = FxHashMap::default();
    for event in c.events() {
        collect(&mut said, event.id.as_str(), &event.authors, &event.evidence);
    }
    for edge in c.edges() {
        collect(&mut said, &format!("{} {}", edge.from, edge.to), &[], &edge.evidence);
    }
    said
}

/// The line of a mail that announces a commit: `Author: Name <address>`, `Commit-ID: hash`.
fn line<'m>(body: &'m str, key: &str) -> Option<&'m str> {
    let value = body.lines().find_map(|l| l.strip_prefix(key))?.trim();
    Some(value.split(" <").next().unwrap_or(value))
}

#[test]
fn mails_in_the_archives_have_the_date_and_author_that_the_catalogue_gives() {
    let Some(dir) = shared() else {
        eprintln!("skipped: needs ../shared");
        return;
    };
    if Command::new("git").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "git is missing");
        eprintln!("skipped: needs git");
        return;
    }
    let c = built_in();
    let mut said = said(&c);
    let lists: Vec<String> = {
        let mut lists: Vec<_> = said.keys().map(|(list, _)| (*list).to_owned()).collect();
        lists.sort_unstable();
        lists.dedup();
        lists
    };
    assert!(said.len() >= 150, "{} mails", said.len());
    for list in &lists {
        let bundle = dir.join(format!("{list}.0.bundle"));
        let scratch = tempfile::tempdir().expect("a directory");
        let repository = git2::Repository::open_bare(clone(&bundle, scratch.path())).expect("a repository");
        let mut walk = repository.revwalk().expect("a walk");
        walk.push_head().expect("a head");
        for id in walk {
            let tree = repository.find_commit(id.expect("a commit")).and_then(|c| c.tree()).expect("a tree");
            let Some(entry) = tree.get_name("m") else { continue };
            let blob = repository.find_blob(entry.id()).expect("a mail");
            let Some(mail) = mail_parser::MessageParser::default().parse(blob.content()) else { continue };
            let Some(mid) = mail.message_id() else { continue };
            let Some(key) = said.keys().find(|(l, m)| l == list && *m == mid).copied() else { continue };
            let claims = said.remove(&key).unwrap_or_default();
            let body = mail.body_text(0).unwrap_or_default();
            let stamp = jiff::Timestamp::from_second(mail.date().expect("a date").to_timestamp()).expect("a time");
            let day = stamp.to_string()[..10].to_owned();
            let sender = mail.from().and_then(|f| f.first());
            let from = sender.and_then(|a| a.name().or(a.address())).unwrap_or_default();
            let author = line(&body, "Author:").filter(|_| line(&body, "Commit-ID:").is_some()).unwrap_or(from);
            for claim in claims {
                assert_eq!(claim.day, day, "{}: date of {mid}", claim.entry);
                assert!(
                    claim.authors.contains(&author),
                    "{}: {mid} is by {author}, not {:?}",
                    claim.entry,
                    claim.authors
                );
                if let (Some(commit), false) = (line(&body, "Commit-ID:"), claim.commits.is_empty()) {
                    assert!(claim.commits.contains(&commit), "{}: {mid} announces {commit}", claim.entry);
                }
            }
        }
    }
    let missing: Vec<_> = said.iter().map(|(k, v)| (k, &v[0].entry)).collect();
    assert!(missing.is_empty(), "not in the archives: {missing:?}");
}
