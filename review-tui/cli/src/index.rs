//! `provenance index`: archives are attached or imported, and the index is brought up to date.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use provenance_corpus::archive::{self, public_inbox_config};
use provenance_index::events::Events;
use provenance_index::sources::{Layout, OWN, Repository, Sources, SourcesError};
use provenance_index::store::Lock;
use provenance_index::upkeep::forget;
use provenance_index::upkeep::mend::{self, MendError, Mended};
use provenance_index::writer::{self, Options, Progress, Report, WriterError};
use provenance_review::failure::{Exit, Failure};
use provenance_review::session::images::Images;
use provenance_review::session::place::store_failure;
use provenance_review::text::{self, count, plural};

use super::{Context, import, trees};

/// `index [PATH...]`
#[derive(Args, Default)]
pub struct Arguments {
    /// Attached and read in place: a public-inbox clone, an epoch, a directory of clones. Imported: an mbox (.gz too), a
    /// maildir, a mail, a saved page of a web archive, a directory of those, or - for stdin. Without PATH, update all
    /// known sources
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Attach the git tree at PATH (default: the current one), to link commits to the mails that they came from
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = ".")]
    repo: Vec<PathBuf>,
    /// Ask git for the files missing from attached partial clones, for commits that may be from a mail; uses the network
    #[arg(long)]
    fetch_missing: bool,
    /// Attach a kernel image (vmlinux or .ko), so that `check` and `review` can show who owns the bytes of a function
    #[arg(long, value_name = "PATH")]
    image: Vec<PathBuf>,
    /// Rebuild all links between mails, series and commits, if they are damaged
    #[arg(long)]
    rebuild_links: bool,
    /// Detach an archive, by name or path, and remove its mails from the index; the archive itself is left alone
    #[arg(long, value_name = "LIST")]
    forget: Vec<String>,
    /// Seconds to wait for another process that is indexing
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,
    /// Threads for reading; as many again for indexing [default: one per CPU, at most 8]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Arguments {
    /// For who has something to be indexed: waits for as long as it takes.
    pub fn waiting() -> Arguments {
        Arguments { wait: u64::MAX, ..Arguments::default() }
    }
}

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let names_nothing = arguments.paths.is_empty() && arguments.repo.is_empty() && arguments.image.is_empty();
    // A question about nothing makes no data directory.
    if names_nothing && !context.place.data().exists() {
        return Err(nothing_known(context));
    }
    let lock = context.place.lock(Duration::from_secs(arguments.wait), &|holder| {
        context.say(&format!("waiting for {}, which is indexing", text::line(holder)));
    })?;
    let forgotten = forget_lists(&lock, &arguments.forget)?;
    let mended = keep_house(context, &lock)?;
    let mut sources = Sources::to_change(&lock).map_err(|e| sources_failure(&e))?;
    let mut exit = Exit::Done;
    let mut changed = rescan(&mut sources);
    for path in &arguments.paths {
        match take(context, &mut sources, path) {
            Ok(taken) => {
                changed |= taken.changed;
                if taken.partly {
                    exit = Exit::Unreadable;
                }
            }
            // One bad path does not keep the others from being read.
            Err(failure) if arguments.paths.len() > 1 => {
                context.say(failure.text().trim_end());
                exit = failure.exit;
            }
            Err(failure) => return Err(failure),
        }
    }
    if changed {
        sources.save(&lock).map_err(|e| sources_failure(&e))?;
    }
    exit = attach_images(context, &lock, &arguments.image)?.unwrap_or(exit);
    let bar = Bar::new(context.global.quiet, "commits");
    let trees = trees::update(context, &lock, &arguments.repo, arguments.fetch_missing, &bar)?;
    bar.finish();
    if sources.repositories().is_empty() && !trees.any && !arguments.image.is_empty() {
        return Ok(exit);
    }
    if sources.repositories().is_empty() && !trees.any && forgotten.is_empty() {
        return Err(nothing_known(context));
    }
    let mut options = match arguments.threads {
        Some(threads) => Options { threads: threads.clamp(1, 8), ..Options::default() },
        None => Options::default(),
    };
    let relink = trees.relink || arguments.rebuild_links || mended.relink;
    options.relink = relink;
    let bar = Bar::new(context.global.quiet, "mails");
    let start = Instant::now();
    let report = writer::update(&lock, &sources, options, &bar).map_err(|e| writer_failure(&e))?;
    bar.finish();
    forget::remove_mirrors(lock.data(), &forgotten).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    for repository in &forgotten {
        context.say(&format!("{} is forgotten", text::line(&repository.path.to_string_lossy())));
    }
    trees::tell_unread(context)?;
    keep_events(context, &lock)?;
    if arguments.rebuild_links {
        context.say("rebuilding the links");
    }
    if !relink || report.added + report.deleted > 0 {
        tell(context, &report, start.elapsed().as_secs_f64());
    }
    exit = if trees.refused { Exit::Unreadable } else { exit };
    Ok(if report.failed > 0 || !report.refused.is_empty() { Exit::Unreadable } else { exit })
}

/// A catalogue that does not load is for `query` to refuse; the mails are indexed all the same.
fn keep_events(context: &Context, lock: &Lock) -> Result<(), Failure> {
    match context.place.catalogue() {
        Ok(catalogue) => Events::keep(&catalogue, lock).map_err(|e| writer_failure(&e)),
        Err(failure) => {
            context.say(failure.text().trim_end());
            Ok(())
        }
    }
}

/// Takes archives from the list; their mails go with the commit that follows.
fn forget_lists(lock: &Lock, names: &[String]) -> Result<Vec<Repository>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut sources = Sources::to_change(lock).map_err(|e| sources_failure(&e))?;
    let mut gone = Vec::new();
    for name in names {
        let found = forget::forget(&mut sources, name);
        gone.extend(found.map_err(|e| Failure::from_error(Exit::Usage, &e).hint("`provenance status` names all"))?);
    }
    sources.save(lock).map_err(|e| sources_failure(&e))?;
    Ok(gone)
}

/// What is damaged is made anew where it can be, and is named where it cannot.
fn keep_house(context: &Context, lock: &Lock) -> Result<Mended, Failure> {
    let mended = mend::mend(lock).map_err(|error| {
        let failure = Failure::from_error(Exit::Unreadable, &error);
        match error {
            MendError::Lost { .. } => failure.hint(
                "bring it back and run `provenance index` again, or go without it: `provenance index --forget LIST`",
            ),
            MendError::List { .. } => {
                failure.hint("both copies are damaged; move both away, then attach the archives and trees again")
            }
            _ => failure.hint("check the permissions and the space of the data directory"),
        }
    })?;
    if Images::mend(lock).unwrap_or(false) {
        context.say("the list of images was damaged, and is written anew from its copy");
    }
    mended.told.iter().for_each(|line| context.say(&text::line(line)));
    Ok(mended)
}

#[derive(Default)]
struct Taken {
    /// The list of sources changed.
    changed: bool,
    /// Part of what was asked for could not be read.
    partly: bool,
}

/// Attaches the clones in a folder; whether there is a new one.
pub fn attach_folder(sources: &mut Sources, folder: &Path) -> Result<bool, Failure> {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let found = archive::detect(folder).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    Ok(found.repositories.iter().fold(false, |new, repository| new | attach(sources, repository, &absolute)))
}

/// Attaches or imports what lies at a path.
fn take(context: &Context, sources: &mut Sources, path: &Path) -> Result<Taken, Failure> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found = archive::detect(path).map_err(|e| Failure::from_error(Exit::Unreadable, &e))?;
    let mut taken = Taken::default();
    for skipped in &found.skipped {
        context.debug(&format!("passed over: {}: {}", skipped.path.display(), skipped.why));
    }
    for repository in &found.repositories {
        taken.changed |= attach(sources, repository, &absolute);
    }
    if !found.repositories.is_empty() && !taken.changed {
        context.say(&format!("{} is already attached", path.display()));
    }
    if !found.sources.is_empty() {
        taken.partly |= import::run(context, &path.display().to_string(), &found.sources)?;
        sources.attach_own(&import::epoch(context)?);
        taken.changed = true;
    }
    Ok(taken)
}

/// Attaches images; the exit code if one of them could not be read and others could.
fn attach_images(context: &Context, lock: &Lock, paths: &[PathBuf]) -> Result<Option<Exit>, Failure> {
    if paths.is_empty() {
        return Ok(None);
    }
    let unkept = |error: std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::InvalidData => {
                "both copies are damaged; move `images` and `images.copy` away, then attach the images again"
            }
            _ => "check the permissions and the space of the data directory",
        };
        Failure::from_error(Exit::Unreadable, &error).hint(hint)
    };
    let mut images = Images::load(lock.data()).map_err(unkept)?;
    let mut exit = None;
    for path in paths {
        match images.attach(path) {
            Ok((image, true)) => context.say(&format!("{} is attached", text::line(&image.name()))),
            Ok((image, false)) => context.say(&format!("{} is already attached", text::line(&image.name()))),
            Err(error) => {
                let mut failure = Failure::from_error(Exit::Unreadable, &error);
                failure.what = format!("{}: {}", path.display(), failure.what);
                let failure = failure.hint(
                    "attach one vmlinux (with symbols) or one module; `provenance scan PATH` shows what is in it",
                );
                if paths.len() == 1 {
                    return Err(failure);
                }
                context.say(failure.text().trim_end());
                exit = Some(failure.exit);
            }
        }
    }
    images.save(lock).map_err(unkept)?;
    Ok(exit)
}

fn attach(sources: &mut Sources, repository: &archive::Repository, root: &Path) -> bool {
    let layout = if repository.epoch.is_some() { Layout::PublicInboxV2 } else { Layout::PublicInboxV1 };
    sources.attach(&repository.path, &repository.list, root, layout)
}

/// New epochs of clones that were attached before.
fn rescan(sources: &mut Sources) -> bool {
    let mut roots: Vec<PathBuf> =
        sources.repositories().iter().filter(|r| r.number != OWN).map(|r| r.attached_as.clone()).collect();
    roots.sort();
    roots.dedup();
    let mut changed = false;
    for root in roots {
        // A root that is gone keeps its mails in the index; the run will say that it cannot be read.
        let found = archive::detect(&root).map(|found| found.repositories).unwrap_or_default();
        for repository in found.into_iter().filter(|r| !sources.is_forgotten(&r.path)).collect::<Vec<_>>() {
            changed |= attach(sources, &repository, &root);
        }
    }
    changed
}

/// On the first run, what the user's public-inbox knows is offered, not attached unasked.
fn nothing_known(context: &Context) -> Failure {
    let failure = Failure::new(Exit::Usage, format!("no source is known in {}", context.place.data().display()));
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let given = std::env::var_os("PI_CONFIG").map(PathBuf::from);
    let offered = match public_inbox_config::inboxes(&home, given.as_deref()) {
        Ok(inboxes) => inboxes,
        Err(error) => {
            context.say(&error.to_string());
            Vec::new()
        }
    };
    if offered.is_empty() {
        return failure
            .hint("name one: `provenance index PATH`, where PATH is a clone from lore, an mbox or a maildir");
    }
    let paths: Vec<String> = offered.iter().map(|inbox| format!("'{}'", inbox.inboxdir.display())).collect();
    failure.hint(format!("your public-inbox configuration names some: `provenance index {}`", paths.join(" ")))
}

fn tell(context: &Context, report: &Report, seconds: f64) {
    for (name, gone) in &report.rewritten {
        let gone = plural(*gone, "mail", "mails");
        context.say(&format!("{name}: its history was rewritten; {gone} no longer there, removed"));
    }
    for (path, reason) in &report.refused {
        context.say(&format!("not read: {}: {}", text::line(path), text::line(reason)));
    }
    if report.failed > 0 {
        context.say(&format!(
            "{} could not be read (`provenance status` names them)",
            plural(report.failed, "mail", "mails")
        ));
    }
    if report.added == 0 {
        match report.deleted {
            0 => context.say("nothing new"),
            gone => context.say(&format!("{} removed in {seconds:.1} s", plural(gone, "mail", "mails"))),
        }
        return;
    }
    let removed = if report.deleted > 0 { format!(", {} removed", count(report.deleted)) } else { String::new() };
    let rate = (report.added as f64 / seconds.max(0.001)) as u64;
    context.say(&format!(
        "{} indexed{removed} in {seconds:.1} s ({} mails/s, {} MB)",
        plural(report.added, "mail", "mails"),
        count(rate),
        count(report.bytes / 1_000_000),
    ));
}

fn sources_failure(error: &SourcesError) -> Failure {
    Failure::from_error(Exit::Unreadable, error)
        .hint("check the permissions and the space, or name another place with --data-dir")
}

fn writer_failure(error: &WriterError) -> Failure {
    match error {
        WriterError::Store(error) => store_failure(error),
        WriterError::Space { .. } => Failure::from_error(Exit::Unreadable, error)
            .hint("nothing was begun; make room, or name another place with --data-dir"),
        _ => Failure::from_error(Exit::Unreadable, error)
            .hint("check the permissions and the space of the data directory, then run `provenance index` again"),
    }
}

/// Mails or commits read, rate and remaining time, on a terminal only.
struct Bar {
    bar: ProgressBar,
    what: &'static str,
}

impl Bar {
    fn new(quiet: bool, what: &'static str) -> Bar {
        let hidden = quiet || !std::io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        Bar { bar: ProgressBar::with_draw_target(None, target), what }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
        // The bar is talk; if stderr is gone, so is whoever listened.
        let _ = std::io::stderr().flush();
    }
}

impl Progress for Bar {
    fn begin(&self, all: u64) {
        let form = format!("{{msg}} {{wide_bar}} {{human_pos}}/{{human_len}} {}, {{rate}}/s, {{eta}} left", self.what);
        let style = ProgressStyle::with_template(&form).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar.set_style(style.with_key("rate", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A bar that cannot be written is not shown; nothing depends on it.
            let _ = write!(out, "{}", HumanCount(state.per_sec() as u64));
        }));
        self.bar.set_message("reading");
        self.bar.set_length(all);
    }

    fn advance(&self, more: u64, _bytes: u64) {
        self.bar.inc(more);
    }

    fn phase(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }
}
