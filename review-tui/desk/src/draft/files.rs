//! Drafts on the disk: `state/drafts/*.eml`, and what was sent in `state/sent/`.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use provenance_corpus::address::Address;
use provenance_corpus::message::Message;
use provenance_review::dates;

use super::Draft;
use crate::text::clean;

/// A draft longer than this is not shown (4 MiB).
const LONGEST: u64 = 4 << 20;

/// The directory of drafts.
pub fn directory(data: &Path) -> PathBuf {
    data.join("state").join("drafts")
}

/// Writes a new draft, synced, under a name that no other has.
///
/// # Errors
/// Where it cannot be written.
pub fn create(data: &Path, id: &str, text: &str) -> io::Result<PathBuf> {
    let dir = directory(data);
    fs::create_dir_all(&dir)?;
    let safe: String =
        id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).take(60).collect();
    let safe = safe.trim_start_matches(['.', '-']);
    for number in 1..10_000 {
        let name = if number == 1 { format!("re-{safe}.eml") } else { format!("re-{safe}-{number}.eml") };
        let path = dir.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
                return Ok(path);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other(format!("{} holds too many drafts of answers to {safe}", dir.display())))
}

/// Reads a draft as it is now.
///
/// # Errors
/// Where it cannot be read.
pub fn read(path: &Path) -> io::Result<Draft> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    let message = Message::parse(&bytes);
    let people = |people: &[Address]| people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut recipients = Vec::new();
    for (name, list) in [("From", &message.from), ("To", &message.to), ("Cc", &message.cc)] {
        if !list.is_empty() {
            recipients.push((name.to_owned(), clean(&people(list))));
        }
    }
    let text = message.text();
    let mut own = text.lines().take_while(|l| *l != "-- ");
    let first = own.find(|l| !l.trim().is_empty() && !l.starts_with('>') && !l.ends_with("wrote:")).map(clean);
    let trouble = match () {
        () if message.from.is_empty() => Some("it has no From: set user.name and user.email for git"),
        () if message.to.is_empty() && message.cc.is_empty() => Some("nobody is in To or Cc"),
        () if first.is_none() => Some("it says nothing of its own yet"),
        () => None,
    };
    Ok(Draft {
        path: path.to_owned(),
        subject: clean(&message.subject),
        recipients,
        answers: message.in_reply_to.first().map_or_else(String::new, |id| clean(id)),
        lines: message.text().lines().map(clean).collect(),
        date: fs::metadata(path).and_then(|m| m.modified()).map_or_else(|_| String::new(), minute).into(),
        first: first.unwrap_or_default().into(),
        trouble: trouble.map(str::to_owned),
        fresh: false,
    })
}

fn minute(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    dates::minute(i64::try_from(seconds).unwrap_or_default())
}

/// The draft as it is on the disk.
///
/// # Errors
/// Where it cannot be read.
pub fn text(path: &Path) -> io::Result<String> {
    let mut draft = String::new();
    fs::File::open(path)?.take(LONGEST).read_to_string(&mut draft)?;
    Ok(draft)
}

/// Writes a draft anew: the old file or the new one is there, never a mixture.
///
/// # Errors
/// Where it cannot be written.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    provenance_index::replace_file(path, text.as_bytes())
}

/// All drafts that wait, oldest name first.
pub fn waiting(data: &Path) -> Vec<Draft> {
    let Ok(entries) = fs::read_dir(directory(data)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "eml")).collect();
    paths.sort();
    paths.iter().filter_map(|path| read(path).ok()).collect()
}

/// Puts what was sent aside.
///
/// # Errors
/// Where it cannot be moved; it is then still a draft.
pub fn put_aside(data: &Path, draft: &Path) -> io::Result<PathBuf> {
    let dir = data.join("state").join("sent");
    fs::create_dir_all(&dir)?;
    let name = draft.file_name().ok_or_else(|| io::Error::other("the draft has no name"))?;
    let mut to = dir.join(name);
    let mut number = 1;
    while to.exists() {
        number += 1;
        to = dir.join(format!("{number}-{}", name.to_string_lossy()));
    }
    fs::rename(draft, &to)?;
    Ok(to)
}

/// Puts a copy into a maildir, flagged as a draft (`:2,D`).
///
/// # Errors
/// Where it cannot be written.
pub fn into_maildir(draft: &Path, maildir: &Path) -> io::Result<PathBuf> {
    for dir in ["tmp", "new", "cur"] {
        fs::create_dir_all(maildir.join(dir))?;
    }
    let bytes = fs::read(draft)?;
    let stem = draft.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = format!("{stem}.{}.provenance", std::process::id());
    let tmp = maildir.join("tmp").join(&name);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&tmp)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    let to = maildir.join("cur").join(format!("{name}:2,D"));
    fs::rename(&tmp, &to)?;
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_only_and_never_taken_twice() {
        let data = tempfile::tempdir().expect("a directory");
        let one = create(data.path(), "../../etc/passwd@x", "From: a@b\nTo: c@d\n\nhi\n").expect("written");
        let two = create(data.path(), "../../etc/passwd@x", "second").expect("written");
        assert_eq!(one.parent(), Some(directory(data.path()).as_path()));
        assert_ne!(one, two);
        assert_eq!(waiting(data.path()).len(), 2);
        let sent = put_aside(data.path(), &one).expect("moved");
        assert!(sent.starts_with(data.path().join("state/sent")) && waiting(data.path()).len() == 1);
    }

    #[test]
    fn what_cannot_be_sent_says_so() {
        let data = tempfile::tempdir().expect("a directory");
        let of = |text: &str| read(&create(data.path(), "a@b", text).expect("written")).expect("read").trouble;
        assert_eq!(of("From: a@b\n\nhi\n").as_deref(), Some("nobody is in To or Cc"));
        let quoted = "From: a@b\nTo: c@d\n\nOn day, c wrote:\n> hi\n";
        assert_eq!(of(quoted).as_deref(), Some("it says nothing of its own yet"));
        assert_eq!(
            of("From: a@b\nTo: c@d\n\n> hi\n\n-- \nsignature\n").as_deref(),
            Some("it says nothing of its own yet")
        );
        assert_eq!(of("From: a@b\nTo: c@d\n\n> hi\nhello\n"), None);
    }
}
