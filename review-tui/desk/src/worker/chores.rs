//! What changes something: verdicts, drafts, files, the work tree. One thread, in order.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::Receiver;

use provenance_corpus::archive::mbox;
use provenance_corpus::message::Message;
use provenance_corpus::patch::{LineKind, Patch};
use provenance_review::check::verdict;

use super::{Tell, apply};
use crate::draft::compose::{Endorsement, Original, compose};
use crate::draft::place::place;
use crate::draft::{Draft, deliver, files};
use crate::library::Library;
use crate::library::Shelf;
use crate::msg::{Effect, Mails, Msg, PatchLine};
use crate::text::clean;

/// Serves effects.
pub(super) fn serve(library: &Library, effects: &Receiver<Effect>, tell: &Tell) {
    while let Ok(effect) = effects.recv() {
        let msg = match effect {
            Effect::Record(fact) => match library.journal().append(&fact) {
                Ok(()) => continue,
                Err(error) => Msg::Failed(format!("not kept: state/journal.jsonl cannot be written: {error}")),
            },
            Effect::Draft { id, endorsement, remarks } => match answer(library, &id, &remarks, endorsement) {
                Ok(msg) => msg,
                Err(error) => Msg::Failed(format!("no draft was written: {error}")),
            },
            Effect::Dismiss { finding, why } => {
                let now = jiff::Timestamp::now().as_second();
                match verdict::dismiss(library.place().data(), &finding, &why, now) {
                    Ok(()) if why.is_empty() => Msg::Done(format!("{finding} counts again")),
                    Ok(()) => Msg::Done(format!("{finding} is dismissed")),
                    Err(error) => Msg::Failed(format!("not kept: {error}")),
                }
            }
            Effect::Answers { answers: all } => match answers(library, &all) {
                Ok(msg) => msg,
                Err(error) => Msg::Failed(format!("no draft was written: {error}")),
            },
            Effect::DeleteDraft(path) => match std::fs::remove_file(&path) {
                Ok(()) => Msg::Deleted(path),
                Err(error) => Msg::Failed(format!("{}: {error}", path.display())),
            },
            Effect::Paste { id, text, about } => match paste(library, &id, &text, about.as_ref()) {
                Ok(msg) => msg,
                Err(error) => Msg::Failed(format!("no draft was written: {error}")),
            },
            Effect::LookAtDraft(path) => {
                Msg::Edited(files::read(&path).map_err(|e| format!("{}: {e}", path.display())))
            }
            Effect::Maildir { draft, maildir } => match files::into_maildir(&draft, &maildir) {
                Ok(path) => Msg::Done(format!("copied to {}", path.display())),
                Err(error) => Msg::Failed(format!("{} takes no draft: {error}", maildir.display())),
            },
            Effect::Write { mails, path } => match write(library.shelf(), &mails, &path) {
                Ok(()) => Msg::Done(format!("{} in {}: git am {}", mails.name, path.display(), path.display())),
                Err(error) => Msg::Failed(format!("{}: {error}", path.display())),
            },
            Effect::TryApply { mails } => match apply::attempt(library.shelf(), &mails) {
                Ok(trial) => Msg::Tried(Box::new(trial)),
                Err(error) => Msg::Failed(format!("not applied: {error}")),
            },
            Effect::Apply { mails } => match apply::apply(library.shelf(), &mails) {
                Ok(said) => Msg::Done(said),
                Err(error) => Msg::Failed(format!("not applied: {error}")),
            },
            Effect::Export(path) => {
                let exported = library.journal().load().and_then(|(review, _)| review.export(&path));
                match exported {
                    Ok(()) => Msg::Done(format!("exported to {}", path.display())),
                    Err(error) => Msg::Failed(format!("{}: {error}", path.display())),
                }
            }
            _ => continue,
        };
        // Where nobody listens any more, what was recorded is still written.
        let _ = tell(msg);
    }
}

/// The draft that answers a mail: the one that waits, or a new one. `fill` puts into it what it does not hold yet.
fn draft(
    library: &Library,
    id: &str,
    new: impl FnOnce(&Message<'_>) -> String,
    fill: impl FnOnce(&Message<'_>, String) -> String,
) -> Result<Draft, String> {
    let shelf = library.shelf();
    let bytes = shelf.bytes(&shelf.copies(id)?)?;
    let message = Message::parse(&bytes);
    let data = library.place().data();
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let path = match files::waiting(data).into_iter().rfind(|draft| draft.answers == id) {
        Some(waiting) => waiting.path,
        None => files::create(data, id, &new(&message)).map_err(|e| e.to_string())?,
    };
    let before = files::text(&path).map_err(|e| told(&path, e))?;
    let after = fill(&message, before.clone());
    if after != before {
        files::write(&path, &after).map_err(|e| told(&path, e))?;
    }
    files::read(&path).map_err(|e| told(&path, e))
}

/// An answer with the reader's remarks below their lines, and an endorsement.
fn answer(library: &Library, id: &str, remarks: &[(u32, String)], by: Option<Endorsement>) -> Result<Msg, String> {
    let new = |message: &Message<'_>| whole(message, by);
    let mut draft = draft(library, id, new, |message, text| {
        let mail = message.text();
        let text = remarked(text, &mail, remarks);
        match by {
            Some(by) => {
                let trailer = format!("{}: {}", by.name(), deliver::identity().from);
                place(&text, &mail, None, &trailer).unwrap_or(text)
            }
            None => text,
        }
    })?;
    draft.fresh = true;
    Ok(Msg::Drafted(draft))
}

/// An answer that quotes the whole mail.
fn whole(message: &Message<'_>, endorsement: Option<Endorsement>) -> String {
    compose(&Original { message, remarks: &[], trimmed: false, endorsement }, &deliver::identity())
}

/// A draft with remarks below their lines.
fn remarked(mut draft: String, mail: &str, remarks: &[(u32, String)]) -> String {
    for (line, remark) in remarks {
        draft = place(&draft, mail, usize::try_from(*line).ok(), &clean(remark)).unwrap_or(draft);
    }
    draft
}

/// Answers to several mails, each with its remarks. What a draft that waits holds already stays as it is.
fn answers(library: &Library, all: &[(String, Vec<(u32, String)>)]) -> Result<Msg, String> {
    let me = deliver::identity();
    let one = |(id, remarks): &(String, Vec<(u32, String)>)| {
        let new = |message: &Message<'_>| {
            let remarks: Vec<(u32, String)> = remarks.iter().map(|(line, text)| (*line, clean(text))).collect();
            compose(&Original { message, remarks: &remarks, trimmed: true, endorsement: None }, &me)
        };
        draft(library, id, new, |message, text| remarked(text, &message.text(), remarks))
    };
    Ok(Msg::Answered(all.iter().map(one).collect::<Result<_, String>>()?))
}

/// Puts a text into the draft that answers a mail, below the line of its patch that it is about.
fn paste(library: &Library, id: &str, text: &str, about: Option<&PatchLine>) -> Result<Msg, String> {
    draft(
        library,
        id,
        |message| whole(message, None),
        |message, draft| {
            let mail = message.text();
            let line = about.and_then(|about| line_of(&mail, about));
            // Where the line is quoted by the draft, the text needs no quote of its own.
            let own: Vec<&str> = text.lines().skip_while(|l| line.is_some() && l.starts_with("> ")).collect();
            // The engine's addresses differ from run to run: a finding is known by how it begins.
            let head = own.iter().take(2).copied().collect::<Vec<_>>().join("\n");
            if draft.contains(&head) {
                return draft;
            }
            place(&draft, &mail, line, &own.join("\n")).unwrap_or(draft)
        },
    )
    .map(|draft| Msg::Edited(Ok(draft)))
}

/// Which line of the mail a line of its patch is.
fn line_of(mail: &str, about: &PatchLine) -> Option<usize> {
    let patch = Patch::parse(mail)?;
    let file = patch.files.iter().find(|file| clean(file.path()) == about.path)?;
    let kind = match about.sign {
        '+' => LineKind::Added,
        '-' => LineKind::Removed,
        _ => LineKind::Context,
    };
    let mut lines = patch.hunks(file).iter().flat_map(|hunk| patch.lines(hunk));
    let line = lines.find(|line| line.new == about.number && line.kind == kind)?;
    let before = mail.get(..line.span.start as usize)?;
    Some(before.bytes().filter(|b| *b == b'\n').count())
}

/// All mails as one mboxrd.
pub(crate) fn mboxrd(shelf: &Shelf, mails: &Mails) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for id in &mails.ids {
        let bytes = shelf.bytes(&shelf.copies(id)?)?;
        mbox::write(&mut out, &bytes).map_err(|e| e.to_string())?;
    }
    Ok(out)
}

fn write(shelf: &Shelf, mails: &Mails, path: &Path) -> Result<(), String> {
    let bytes = mboxrd(shelf, mails)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => "the file exists and is not overwritten".to_owned(),
        _ => e.to_string(),
    })?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(|e| e.to_string())
}
