//! Patches and the work tree of the current directory: whether they would apply, and applying them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use provenance_corpus::message::Message;
use provenance_corpus::patch::Patch;

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
        let text = message.text();
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
            wrong = places(&String::from_utf8_lossy(&out.stderr), &text);
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

/// What git says of hunks that do not apply: file, hunk, line and function.
fn places(said: &str, text: &str) -> Vec<String> {
    let patch = Patch::parse(text);
    let mut out: Vec<String> = Vec::new();
    for line in said.lines().filter_map(|l| l.strip_prefix("error: ")) {
        let failed = line.strip_prefix("patch failed: ").and_then(|at| at.rsplit_once(':'));
        let told = match failed.and_then(|(file, line)| Some((file, line.parse::<u32>().ok()?))) {
            Some((file, start)) => {
                let hunk = patch.as_ref().and_then(|patch| {
                    let in_patch = patch.files.iter().find(|known| known.path() == file)?;
                    let hunks = patch.hunks(in_patch);
                    let nth = hunks.iter().position(|hunk| hunk.old_start == start)?;
                    let section = hunks[nth].section.of(patch.text()).trim();
                    Some(format!(", hunk {} of {}: @@ -{start} {section}", nth + 1, hunks.len()))
                });
                format!("{file}{}", hunk.unwrap_or_else(|| format!(", line {start}")))
            }
            // It repeats what was told of the hunk.
            None if line.ends_with("patch does not apply") && !out.is_empty() => continue,
            None => line.to_owned(),
        };
        if out.len() < 6 {
            out.push(clean(told.trim_end()));
        }
    }
    if out.is_empty() {
        out.push(clean(said.lines().next().unwrap_or("git refuses it")));
    }
    out
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
