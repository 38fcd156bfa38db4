//! Patches at what the user names: an indexed message, a file, a directory as `git format-patch -o` leaves it, commits of the
//! repository of the current directory that were not sent yet, or stdin.

use std::io::Read;
use std::path::{Path, PathBuf};

use git2::{EmailCreateOptions, Repository, Sort};
use provenance_corpus::archive;
use provenance_corpus::citation;
use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;
use provenance_corpus::subject::Subject;
use provenance_index::hash;
use provenance_index::reader::Reader;

use crate::check::Base;
use crate::failure::{Exit, Failure};
use crate::session::letters::{Letters, id_of};
use crate::session::message_id::not_indexed;

/// Bytes of a mail on stdin.
const LONGEST: u64 = 64 << 20;

/// Mails of one file that are looked at for a diff.
const MAILS: usize = 1_000;

/// Commits and files that are checked at a time.
const MOST: usize = 1_000;

/// Mails to check.
#[derive(Default)]
pub struct Gathered {
    /// Raw mails; `Some` is the moment of knowledge where it is not the mail's date.
    pub mails: Vec<(Vec<u8>, Option<i64>)>,
    /// Where they were made, if they were not sent.
    pub base: Option<Base>,
    /// They are the parts of a series that was named by its cover letter.
    pub series: bool,
}

/// Mails with a diff at what the user names.
pub fn gather(data: &Path, reader: Option<&Reader>, what: &str) -> Result<Gathered, Failure> {
    if what == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().take(LONGEST).read_to_end(&mut bytes)?;
        return of_mail(data, reader, bytes);
    }
    let path = PathBuf::from(what);
    if path.is_dir() {
        return of_directory(&path);
    }
    if !path.exists() {
        if let Some((base, tip)) = what.split_once("..").filter(|(base, _)| !base.is_empty() && !base.contains('@')) {
            return of_range(base, tip.trim_start_matches('.'));
        }
        if let (Some(id), Some(reader)) = (citation::message_name(what), reader) {
            let mut letters = Letters::open(data, reader)?;
            let Some(copy) = letters.copy(id_of(reader, &id))? else { return Err(not_indexed(&id, reader)) };
            let bytes = letters.bytes(&copy)?;
            return of_mail(data, Some(reader), bytes);
        }
    }
    let mails = of_file(&path)?.into_iter().map(|bytes| (bytes, None)).collect();
    Ok(Gathered { mails, ..Gathered::default() })
}

fn has_diff(bytes: &[u8]) -> bool {
    Patch::parse(&Message::parse(bytes).text()).is_some()
}

/// A patch is itself; a cover letter stands for the parts of its series that are indexed.
fn of_mail(data: &Path, reader: Option<&Reader>, bytes: Vec<u8>) -> Result<Gathered, Failure> {
    let own = {
        let message = Message::parse(&bytes);
        let cover = Subject::parse(&message.subject).number == Some(0) && !has_diff(&bytes);
        cover.then(|| hash::message_id(&message.message_id))
    };
    let (Some(own), Some(reader)) = (own, reader) else {
        return Ok(Gathered { mails: vec![(bytes, None)], ..Gathered::default() });
    };
    let mut letters = Letters::open(data, reader)?;
    let mut mails = Vec::new();
    let graph = &reader.links.graph;
    let links = |e: std::io::Error| crate::session::letters::links_failure(&e);
    if let Some((head, _)) = graph.sending(own).map_err(links)? {
        for member in graph.members(head).map_err(links)?.into_iter().filter(|m| m.number > 0).take(MOST) {
            if let Some(copy) = letters.copy(member.mail)? {
                mails.push((letters.bytes(&copy)?, None));
            }
        }
    }
    Ok(Gathered { mails, series: true, ..Gathered::default() })
}

/// The first mail with a diff; later ones are not read.
fn of_file(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let found = archive::detect(path).map_err(|e| Failure::from_error(Exit::Usage, &e))?;
    for source in &found.sources {
        let each = source.mails().map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
        for mail in each.take(MAILS) {
            let mail = mail.map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
            if has_diff(&mail.bytes) {
                return Ok(Some(mail.bytes.to_vec()));
            }
        }
    }
    Ok(None)
}

/// The patch of each file, in the order of their names; of a repository the user must say which commits.
fn of_directory(path: &Path) -> Result<Gathered, Failure> {
    if Repository::open(path).is_ok() {
        return Err(Failure::new(Exit::Usage, format!("{} is a git repository", path.display()))
            .hint("name commits in it as BASE..TIP; use -C DIR if it is not the current directory"));
    }
    let entries = std::fs::read_dir(path).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    let mut gathered = Gathered::default();
    for file in files.iter().take(MOST) {
        gathered.mails.extend(of_file(file)?.map(|bytes| (bytes, None)));
    }
    Ok(gathered)
}

/// Commits that were not sent yet, as mails without recipients, oldest first; merges are nobody's patch.
fn of_range(base: &str, tip: &str) -> Result<Gathered, Failure> {
    let tip = if tip.is_empty() { "HEAD" } else { tip };
    let said = |e: git2::Error| {
        let mut failure = Failure::new(Exit::Usage, format!("{base}..{tip} names no commits here"));
        failure.causes.push(e.message().to_owned());
        failure.hint("it is looked up in the git repository of the current directory; -C DIR names another")
    };
    let repository = Repository::discover(".").map_err(said)?;
    let commit = |name: &str| repository.revparse_single(name).and_then(|object| object.peel_to_commit());
    let (from, to) = (commit(base).map_err(said)?, commit(tip).map_err(said)?);
    let below = repository.merge_base(from.id(), to.id()).and_then(|id| repository.find_commit(id)).map_err(said)?;
    let mut walk = repository.revwalk().map_err(said)?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE).map_err(said)?;
    walk.push(to.id()).and_then(|()| walk.hide(from.id())).map_err(said)?;
    let mut gathered = Gathered {
        base: Some(Base {
            repository: repository.path().to_owned(),
            id: below.id().as_bytes().to_vec(),
            subject: below.summary().ok().flatten().unwrap_or_default().to_owned(),
            date: below.time().seconds(),
        }),
        ..Gathered::default()
    };
    for id in walk.take(MOST) {
        let commit = id.and_then(|id| repository.find_commit(id)).map_err(said)?;
        if commit.parent_count() < 2 {
            let mail = git2::Email::from_commit(&commit, &mut EmailCreateOptions::default()).map_err(said)?;
            gathered.mails.push((mail.as_slice().to_vec(), Some(commit.time().seconds())));
        }
    }
    Ok(gathered)
}
