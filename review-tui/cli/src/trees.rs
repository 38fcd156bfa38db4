//! Attached git trees: `index --repo` attaches them, every `index` reads what is new in them.

use std::path::PathBuf;
use std::time::Instant;

use provenance_index::history::{self, HistoryError, Trees};
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
pub fn update(context: &Context, paths: &[PathBuf], progress: &dyn Progress) -> Result<Found, Failure> {
    let data = context.place.data();
    let mut trees = load(context)?;
    for path in paths {
        if !trees.attach(path).map_err(|e| failure(&e))? {
            context.say(&format!("{} is already attached", path.display()));
        }
    }
    if trees.trees.is_empty() {
        return Ok(Found::default());
    }
    let start = Instant::now();
    let added = trees.update(data, progress).map_err(|e| failure(&e))?;
    let seconds = start.elapsed().as_secs_f64();
    let mut found = Found { any: true, relink: added > 0 || !paths.is_empty(), refused: false };
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

/// The git trees attached with `index --repo`.
pub fn load(context: &Context) -> Result<Trees, Failure> {
    let data = context.place.data();
    Trees::load(data).map_err(|source| failure(&HistoryError::Io { path: history::dir(data), source }))
}

/// A tree that could not be read, with what to do.
fn failure(error: &HistoryError) -> Failure {
    let hint = match error {
        HistoryError::Open { .. } => "name a git work tree or a git directory that `git -C PATH log` can read",
        HistoryError::Io { .. } => "check the permissions and the space; the directory can be removed and read again",
    };
    Failure::from_error(Exit::Unreadable, error).hint(hint)
}
