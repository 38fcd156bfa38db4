//! Added and removed lines of every diff of the real archives that git takes, against `git apply --numstat`. Mails are
//! given to git in batches; a batch that git refuses, or that differs, is halved until one mail is left.

#[path = "archives/each_mail.rs"]
mod archives;

use archives::{each_mail, has_git, shared};
use provenance_corpus::message::Message;
use provenance_corpus::patch::{Format, Patch};
use std::io::Write;
use std::process::{Command, Stdio};

/// Mails that git is given at once.
const BATCH: usize = 64;

struct Mail {
    origin: String,
    text: String,
    /// Added and removed lines of each file; `None` for a binary one.
    ours: Vec<Option<(u32, u32)>>,
}

/// What git says of each file; `None` where it refuses the text.
fn git(dir: &std::path::Path, mails: &[Mail]) -> Option<Vec<Option<(u32, u32)>>> {
    let mut git = Command::new("git")
        .args(["apply", "--numstat", "-z", "--allow-empty", "-"])
        .current_dir(dir)
        .env("GIT_CEILING_DIRECTORIES", dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = git.stdin.take().unwrap();
    let texts: Vec<u8> = mails.iter().flat_map(|mail| [mail.text.as_bytes(), b"\n\n"].concat()).collect();
    // git may stop reading at what it refuses.
    let feeder = std::thread::spawn(move || drop(input.write_all(&texts)));
    let output = git.wait_with_output().unwrap();
    feeder.join().unwrap();
    if !output.status.success() {
        return None;
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // A rename has two more names behind an empty one.
    let rows = said.split('\0').filter(|row| row.matches('\t').count() >= 2);
    Some(
        rows.map(|row| {
            let mut fields = row.split('\t');
            let mut number = || fields.next().and_then(|field| field.parse().ok());
            number().zip(number())
        })
        .collect(),
    )
}

fn compare(dir: &std::path::Path, mails: &[Mail], taken: &mut usize, differ: &mut Vec<String>) {
    let ours: Vec<_> = mails.iter().flat_map(|mail| mail.ours.iter().copied()).collect();
    match git(dir, mails) {
        Some(theirs) if theirs == ours => *taken += mails.len(),
        None if mails.len() == 1 => {}
        Some(theirs) if mails.len() == 1 => {
            *taken += 1;
            differ.push(format!("{}: ours {ours:?}, git {theirs:?}", mails[0].origin));
        }
        _ => {
            let (one, other) = mails.split_at(mails.len() / 2);
            compare(dir, one, taken, differ);
            compare(dir, other, taken, differ);
        }
    }
}

#[test]
fn lines_are_counted_as_git_counts_them() {
    let Some(shared) = shared() else { return };
    if !has_git() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (mut batch, mut all, mut taken, mut differ) = (Vec::new(), 0, 0, Vec::new());
    each_mail(&shared, |origin, raw| {
        let message = Message::parse(raw);
        let text = message.text().into_owned();
        let ours = match Patch::parse(&text) {
            Some(patch) if patch.files.iter().all(|file| file.format != Format::Combined) => {
                patch.files.iter().map(|file| file.binary.is_none().then_some((file.added, file.removed))).collect()
            }
            // git reads more than a quick look would let through: all that may be a diff is given to it.
            None if text.contains("\ndiff ") || text.contains("\n+++ ") => Vec::new(),
            _ => return,
        };
        all += 1;
        batch.push(Mail { origin: origin.to_owned(), text, ours });
        if batch.len() == BATCH {
            compare(dir.path(), &std::mem::take(&mut batch), &mut taken, &mut differ);
        }
    });
    compare(dir.path(), &batch, &mut taken, &mut differ);
    println!("{all} mails with a diff, git takes {taken}, {} differ", differ.len());
    assert!(taken > 20_000, "git took {taken}");
    assert!(differ.is_empty(), "{differ:#?}");
}
