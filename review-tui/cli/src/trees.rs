//! Attached git trees: `index --repo` attaches them, every `index` reads what is new in them.

use std::path::PathBuf;
use std::time::Instant;

use provenance_index::history::{self, HistoryError, Trees, missing};
use provenance_index::store::Lock;
use provenance_index::writer::Progress;
use provenance_review::failure::{Exit, Failure};
use provenance_review::text::{self, count, plural};

use super::Context;

/// What a run found in the trees.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    /// A tree is attached.
    pub any: bool,
    /// There are new commits.
    pub relink: bool,
    /// A tree could not be read.
    pub refused: bool,
}

/// Attaches these trees and reads what is new in all.
pub fn update(
    context: &Context,
    lock: &Lock,
    paths: &[PathBuf],
    fetch_missing: bool,
    progress: &dyn Progress,
) -> Result<Found, Failure> {
    let mut trees = load(context)?;
    for path in paths {
        if !trees.attach(path).map_err(|e| failure(&e))? {
            context.say(&format!("{} is already attached", path.display()));
        }
    }
    if trees.trees.is_empty() {
        return Ok(Found::default());
    }
    let fetched = if fetch_missing { get_missing(context, &trees)? } else { 0 };
    let start = Instant::now();
    let (added, moved) = trees.update(lock, progress).map_err(|e| failure(&e))?;
    let seconds = start.elapsed().as_secs_f64();
    let mut found = Found { any: true, relink: added + fetched > 0 || moved || !paths.is_empty(), refused: false };
    for tree in &trees.trees {
        if let Some(reason) = &tree.refused {
            found.refused = true;
            context.say(&format!("not read: {}: {}", tree.path.display(), text::line(reason)));
        }
    }
    if added > 0 {
        let rate = count((added as f64 / seconds.max(0.001)) as u64);
        context.say(&format!("{} read in {seconds:.1} s ({rate} commits/s)", plural(added, "commit", "commits")));
    }
    Ok(found)
}

/// Gets what partial clones lack of the commits that meet a mail; returns how many files came.
fn get_missing(context: &Context, trees: &Trees) -> Result<u64, Failure> {
    let mut came = 0;
    for tree in &trees.trees {
        let commits = missing::unread(context.place.data(), tree).unwrap_or_default();
        came += missing::fetch(tree, &commits, &|what| context.say(&text::line(what))).map_err(|e| failure(&e))?;
    }
    context.say(&format!("{} fetched", plural(came, "missing file", "missing files")));
    Ok(came)
}

/// Says which trees lack files of commits that meet a mail.
pub fn tell_unread(context: &Context) -> Result<(), Failure> {
    for line in unread(context)? {
        context.say(&line);
    }
    Ok(())
}

/// For each tree that lacks files of commits that meet a mail, how many commits, and what to do.
pub fn unread(context: &Context) -> Result<Vec<String>, Failure> {
    let data = context.place.data();
    let mut lines = Vec::new();
    for tree in load(context)?.trees {
        let ids = missing::unread(data, &tree)
            .map_err(|source| failure(&HistoryError::Io { path: history::dir(data), source }))?;
        if !ids.is_empty() {
            let path = tree.path.display().to_string();
            lines.push(format!(
                "{} in {} could not be read: files of theirs are not in this clone (`provenance index --repo '{}' --fetch-missing` asks git for them)",
                plural(ids.len() as u64, "commit that may be a mail's", "commits that may be a mail's"),
                text::line(&path),
                text::line(&path),
            ));
        }
    }
    Ok(lines)
}

/// The git trees attached with `index --repo`.
pub fn load(context: &Context) -> Result<Trees, Failure> {
    let data = context.place.data();
    Trees::load(data).map_err(|source| failure(&HistoryError::Io { path: history::dir(data), source }))
}

/// A tree that could not be read, with what to do.
fn failure(error: &HistoryError) -> Failure {
    let hint = match error {
        HistoryError::Open { .. } => "name a git work tree or a git directory that `git -C PATH log` can read",
        HistoryError::Fetch { .. } => "check the network, and that `git -C PATH fetch` works; what came is kept",
        HistoryError::Io { .. } => {
            "check the permissions and the space; `provenance index` reads again what is damaged"
        }
    };
    Failure::from_error(Exit::Unreadable, error).hint(hint)
}
