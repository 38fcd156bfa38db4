//! Hits as mail: into an mbox or a maildir, byte for byte as the archive holds them.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use provenance_corpus::archive::{maildir, mbox};
use provenance_corpus::message::Message;
use provenance_index::raw::Raw;
use provenance_index::search::{Answer, Mail};
use provenance_review::failure::{Exit, Failure};
use provenance_review::text::plural;
use rustc_hash::FxHashSet;

use super::Context;

/// What a folder of mails is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderKind {
    /// One file, in the form mboxrd.
    Mbox,
    /// A maildir.
    Maildir,
}

/// Where mails are to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// What it is.
    pub kind: FolderKind,
    /// Where.
    pub path: PathBuf,
}

impl Folder {
    /// `maildir:DIR`, `mboxrd:FILE`, and bare what says of itself which it is: `FILE.mbox`, `DIR/`, a maildir or file that is
    /// there.
    ///
    /// # Errors
    /// A name that says nothing, or another type of folder.
    pub fn parse(name: &str) -> Result<Folder, Failure> {
        let folder = |kind, path: &str| Ok(Folder { kind, path: PathBuf::from(path) });
        let refuse = |what: String, hint: String| Err(Failure::new(Exit::Usage, what).hint(hint));
        let forms = || "use -o maildir:DIR or -o mboxrd:FILE".to_owned();
        if let Some((kind, path)) = name.split_once(':').filter(|(kind, _)| !kind.contains('/')) {
            return match kind {
                _ if path.is_empty() => refuse(format!("`{name}` names no place"), forms()),
                "maildir" => folder(FolderKind::Maildir, path),
                "mbox" | "mboxrd" => folder(FolderKind::Mbox, path),
                _ => refuse(format!("unknown folder type `{kind}`"), forms()),
            };
        }
        let path = Path::new(name);
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
        let is_mbox = ["mbox", "mbx", "mboxrd"].contains(&ending.as_str());
        if path.is_dir() {
            let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
            if maildir::is_maildir(path) || empty && !is_mbox {
                return folder(FolderKind::Maildir, name);
            }
            return refuse(format!("{name} is a directory, and no maildir"), forms());
        }
        if name.ends_with('/') {
            return folder(FolderKind::Maildir, name);
        }
        if is_mbox {
            return folder(FolderKind::Mbox, name);
        }
        refuse(
            format!("`{name}` does not say whether it is to be an mbox or a maildir"),
            format!("use -o maildir:{name} or -o mboxrd:{name}"),
        )
    }
}

/// The mails of an answer; events that are no indexed mail have none.
fn of(answer: &Answer) -> Vec<Mail> {
    answer.hits.iter().filter_map(|hit| hit.mail.clone()).collect()
}

/// Calls `deliver` with each raw mail; what cannot be read is said, and the rest goes on.
fn each(
    context: &Context,
    mails: &[Mail],
    mut deliver: impl FnMut(&Mail, &[u8]) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let mut raw = Raw::open(context.place.data()).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let mut exit = Exit::Done;
    for mail in mails {
        match raw.read(mail.shown()) {
            Ok(bytes) => deliver(mail, &bytes)?,
            Err(error) => {
                context.say(&format!("not delivered: {}: {error}", mail.shown().stored.message_id));
                exit = Exit::Unreadable;
            }
        }
    }
    Ok(exit)
}

/// Writes all mails of an answer to a stream.
pub fn mboxrd(context: &Context, answer: &Answer, out: &mut dyn Write) -> Result<Exit, Failure> {
    mails(context, &of(answer), out)
}

/// Writes mails to a stream.
pub fn mails(context: &Context, mails: &[Mail], out: &mut dyn Write) -> Result<Exit, Failure> {
    each(context, mails, |_, bytes| mbox::write(&mut &mut *out, bytes).map_err(Failure::from))
}

/// Adds the mails that a file does not hold yet.
pub fn mboxrd_file(context: &Context, answer: &Answer, path: &Path) -> Result<Exit, Failure> {
    let refuse = |e: io::Error| {
        let mut failure = Failure::new(Exit::Unreadable, format!("{} cannot be written", path.display()));
        failure.causes.push(e.to_string());
        failure
    };
    let mut present: FxHashSet<String> = FxHashSet::default();
    if path.exists() {
        let file = File::open(path).map_err(refuse)?;
        for mail in mbox::Mbox::new(BufReader::new(file)) {
            let mail = mail.map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
            present.insert(Message::parse(&mail.bytes).message_id.to_string());
        }
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(refuse)?;
    }
    let mut out = BufWriter::new(File::options().append(true).create(true).open(path).map_err(refuse)?);
    let mut added = 0;
    let exit = each(context, &of(answer), |mail, bytes| {
        if present.insert(mail.shown().stored.message_id.clone()) {
            mbox::write(&mut out, bytes).map_err(refuse)?;
            added += 1;
        }
        Ok(())
    })?;
    out.flush().map_err(refuse)?;
    context.say(&format!("{} new in {}", plural(added, "mail", "mails"), path.display()));
    Ok(exit)
}

/// Adds the mails that a maildir does not hold yet.
pub fn maildir(context: &Context, answer: &Answer, dir: &Path) -> Result<Exit, Failure> {
    let mut folder = maildir::Maildir::open(dir).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let mut added = 0;
    let exit = each(context, &of(answer), |_, bytes| {
        let new = folder.deliver(bytes).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
        added += u64::from(matches!(new, maildir::Delivered::New(_)));
        Ok(())
    })?;
    context.say(&format!("{} new in {}", plural(added, "mail", "mails"), dir.display()));
    Ok(exit)
}
