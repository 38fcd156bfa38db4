//! Patches and the work tree of the current directory: whether they would apply, and applying them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use provenance_corpus::message::Message;
use provenance_review::am::trial::places;

use super::chores::mboxrd;
use crate::library::Shelf;
use crate::msg::{Mails, Trial};
use crate::text::clean;

fn git(words: &[&str], index: Option<&Path>, stdin: &[u8]) -> Result<Output, String> {
    let mut command = Command::new("git");
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let mut child = command.spawn().map_err(|e| format!("git cannot be started: {e}"))?;
    if let Some(mut pipe) = child.stdin.take() {
        // git that refuses early closes its stdin; what it says then tells more.
        let _ = pipe.write_all(stdin);
    }
    child.wait_with_output().map_err(|e| e.to_string())
}

fn says(words: &[&str]) -> Result<String, String> {
    let out = git(words, None, b"")?;
    if !out.status.success() {
        return Err("the current directory is not a git work tree".into());
    }
    Ok(clean(String::from_utf8_lossy(&out.stdout).trim()))
}

/// An index of its own, taken away when this is dropped.
struct Index(PathBuf);

impl Drop for Index {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_file(self.0.with_extension("lock"));
    }
}

/// Whether the patches would apply, one on top of the other: tried on an index of its own, so that neither the tree nor
/// the branch nor the index of the reader is touched.
///
/// # Errors
/// Where that cannot be found out.
pub(super) fn attempt(shelf: &Shelf, mails: &Mails) -> Result<Trial, String> {
    let branch = match says(&["rev-parse", "--abbrev-ref", "HEAD"])?.as_str() {
        "HEAD" => "no branch".to_owned(),
        name => format!("branch {name}"),
    };
    let head = says(&["log", "-1", "--format=%h %s"])?;
    let mut lines = vec![format!("onto {branch}, at {head}"), String::new()];
    let dirty = !says(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    let index = Index(
        Path::new(&says(&["rev-parse", "--absolute-git-dir"])?).join(format!("provenance-{}", std::process::id())),
    );
    let read = git(&["read-tree", "HEAD"], Some(&index.0), b"")?;
    if !read.status.success() {
        return Err(clean(String::from_utf8_lossy(&read.stderr).trim()));
    }
    let mut wrong: Vec<String> = Vec::new();
    for id in &mails.ids {
        let bytes = shelf.bytes(&shelf.copies(id)?)?;
        let message = Message::parse(&bytes);
        let subject = clean(&message.subject);
        if !wrong.is_empty() {
            lines.push(format!("  {subject}"));
            continue;
        }
        let text = message.patch_text();
        let mut out = git(&["apply", "--cached", "-"], Some(&index.0), text.as_bytes())?;
        let mut merged = "";
        if !out.status.success() {
            let again = git(&["apply", "--cached", "--3way", "-"], Some(&index.0), text.as_bytes())?;
            if again.status.success() {
                (out, merged) = (again, " (with a 3-way merge)");
            }
        }
        if out.status.success() {
            lines.push(format!("✓ {subject}{merged}"));
        } else {
            lines.push(format!("✗ {subject}"));
            wrong = places(&String::from_utf8_lossy(&out.stderr), &text).iter().map(|place| clean(place)).collect();
        }
    }
    lines.push(String::new());
    if wrong.is_empty() && !dirty {
        lines.push(format!("{} would apply", mails.name));
    } else if wrong.is_empty() {
        lines.push(format!("{} would apply, but the tree has changes;", mails.name));
        lines.push("commit or stash them first".to_owned());
    } else {
        lines.push("would not apply:".to_owned());
        lines.extend(wrong.iter().cloned());
    }
    Ok(Trial { mails: mails.clone(), lines, would: wrong.is_empty() && !dirty })
}

/// `git am` in the current directory, where its tree is clean. A patch that does not apply leaves all as it was.
///
/// # Errors
/// What to tell the reader.
pub(super) fn apply(shelf: &Shelf, mails: &Mails) -> Result<String, String> {
    if !says(&["status", "--porcelain", "--untracked-files=no"])?.is_empty() {
        return Err("the tree has changes; commit or stash them first".into());
    }
    let bytes = mboxrd(shelf, mails)?;
    let out = git(&["am", "--3way", "--no-gpg-sign", "--patch-format=mboxrd"], None, &bytes)?;
    if out.status.success() {
        return Ok(format!("{} applied to the work tree", mails.name));
    }
    let _ = git(&["am", "--abort"], None, b"");
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    let why = said.lines().find(|l| l.starts_with("error") || l.contains("failed")).unwrap_or("git am refused it");
    Err(format!("{}; the tree is unchanged", clean(why)))
}
