//! `provenance am`: a series as mails for git-am(1), and whether it applies.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use provenance_corpus::archive::{maildir, mbox};
use provenance_review::am::needed::{self, Rests};
use provenance_review::am::trial::{Fate, Repository, Target};
use provenance_review::am::{self, Series, Wish, merge};
use provenance_review::failure::{Exit, Failure};
use provenance_review::look::Style;
use provenance_review::session::letters::Letters;
use provenance_review::session::message_id;
use provenance_review::text::{self, plural};

use super::Context;
use super::deliver::{Folder, FolderKind};

/// `am MSGID`
#[derive(Args)]
pub struct Arguments {
    /// Any mail of the series: a message-id (bare, in angle brackets, or with id: or mid:) or a lore link
    #[arg(value_name = "MSGID")]
    message: String,
    /// Take this version [default: the newest that is whole]
    #[arg(short = 'v', long, value_name = "N")]
    version: Option<String>,
    /// Write to FILE.mbox, mboxrd:FILE or maildir:DIR, which must not hold anything yet [default: an mbox to stdout]
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<String>,
    /// Take what is there of a version of which patches are missing
    #[arg(long)]
    partial: bool,
    /// Add no trailers from answers
    #[arg(short = 'T', long)]
    no_trailers: bool,
    /// Write the cover letter to FILE, as the message of a merge commit
    #[arg(long, value_name = "FILE")]
    cover: Option<PathBuf>,
    /// Try whether the series applies to BASE, and write no mails without --output
    /// [default: HEAD, and the series' own base-commit]
    #[arg(long, value_name = "BASE", num_args = 0..=1, default_missing_value = "")]
    check: Option<String>,
}

/// Runs the subcommand.
///
/// # Errors
/// As [`am::prepare`]; a folder that cannot be written, or holds something; a base that is not there.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let id = message_id::typed(&arguments.message)?;
    let folder = arguments.output.as_deref().map(Folder::parse).transpose()?;
    let reader = context.place.required_reader()?;
    let mut letters = Letters::open(context.place.data(), &reader)?;
    let link = link_mask()?;
    let wish = Wish {
        version: arguments.version,
        partial: arguments.partial,
        bare: arguments.no_trailers,
        link: link.clone(),
    };
    let series = am::prepare(&mut letters, &id, &wish)?;
    tell(context, &series);
    if let Some(file) = &arguments.cover {
        let message = cover(&mut letters, &series, link.as_deref())?;
        write_new(file, message.as_bytes())?;
        context.say(&format!("the merge message is in {}", file.display()));
    }
    match (&folder, &arguments.check) {
        (Some(folder), _) => deliver(context, folder, &series)?,
        (None, None) => {
            let mut out = context.bytes();
            for patch in &series.patches {
                mbox::write(&mut out, &patch.composed.bytes)?;
            }
            out.finish()?;
        }
        (None, Some(_)) => {}
    }
    match arguments.check {
        Some(base) => check(context, &mut letters, &series, &base),
        None => Ok(Exit::Done),
    }
}

/// The form of `Link:` that the user's configuration asks for: ours, else b4's; an empty one of ours asks for none.
fn link_mask() -> Result<Option<String>, Failure> {
    for name in ["provenance.linkmask", "b4.linkmask"] {
        let Ok(out) = Command::new("git").args(["config", "--get", name]).output() else { return Ok(None) };
        if !out.status.success() {
            continue;
        }
        let mask = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        if mask.is_empty() {
            return Ok(None);
        }
        if !mask.contains("%s") || mask.contains(char::is_control) {
            return Err(Failure::new(
                Exit::Usage,
                format!("git config {name} is no form of a link: {}", text::line(&mask)),
            )
            .hint("it needs %s where the message-id stands, such as https://patch.msgid.link/%s"));
        }
        return Ok(Some(mask));
    }
    Ok(None)
}

/// What was taken, added and left out, on stderr: stdout is for the mails.
fn tell(context: &Context, series: &Series) {
    let version = &series.version;
    let of = if series.all.len() > 1 { format!(" of {}", series.all.join(", ")) } else { String::new() };
    let cover = if version.covered { ", without the cover letter" } else { "" };
    context.say(&format!(
        "{}{of}: {}{cover}: {}",
        version.name(),
        plural(series.patches.len() as u64, "patch", "patches"),
        text::line(&version.title())
    ));
    for remark in &series.remarks {
        context.say(remark);
    }
    for patch in &series.patches {
        for given in &patch.added {
            let earlier = given.earlier.as_ref().map_or_else(String::new, |name| format!(", given to {name}"));
            context.say(&format!(
                "{}: {}   {}{earlier}",
                patch.part.number(),
                text::line(&given.line),
                text::line(&given.message_id)
            ));
        }
    }
    for left in &series.left {
        context.say(&format!(
            "not added to {}: {}   {}: {}",
            left.about,
            text::line(&left.line),
            text::line(&left.message_id),
            text::line(&left.why)
        ));
    }
}

fn cover(letters: &mut Letters<'_>, series: &Series, link: Option<&str>) -> Result<String, Failure> {
    let version = &series.version;
    let copy = letters.copy(version.head)?.filter(|_| version.covered).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{} has no cover letter", version.name())).hint("leave --cover out")
    })?;
    let text = letters.text(&copy)?;
    let author = format!("{} <{}>", version.author(), version.address());
    let link = link.map(|mask| am::link(mask, version.head_id()));
    Ok(merge::message(&version.stored.subject, &text::line(&author), &text, link.as_deref()))
}

fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    let mut failure = Failure::new(Exit::Unreadable, format!("{} cannot be written", path.display()));
    failure.causes.push(error.to_string());
    failure
}

/// Writes a file that was not there, or was empty.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if fs::metadata(path).is_ok_and(|known| known.is_dir() || known.is_file() && known.len() > 0) {
        return Err(Failure::new(Exit::Usage, format!("{} is there already", path.display()))
            .hint("remove it, or name another: what is in it would be applied as well, or lost"));
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(|e| cannot_write(path, &e))?;
    }
    fs::write(path, bytes).map_err(|e| cannot_write(path, &e))
}

fn deliver(context: &Context, folder: &Folder, series: &Series) -> Result<(), Failure> {
    let path = &folder.path;
    match folder.kind {
        FolderKind::Mbox => {
            let mut bytes = Vec::new();
            for patch in &series.patches {
                mbox::write(&mut bytes, &patch.composed.bytes)?;
            }
            write_new(path, &bytes)?;
        }
        FolderKind::Maildir => {
            let taken = |folder| fs::read_dir(path.join(folder)).is_ok_and(|mut files| files.next().is_some());
            if ["cur", "new"].into_iter().any(taken) || path.is_file() {
                return Err(Failure::new(Exit::Usage, format!("{} is there already", path.display()))
                    .hint("remove it, or name another: what is in it would be applied as well"));
            }
            write_maildir(path, series).map_err(|e| cannot_write(path, &e))?;
        }
    }
    context.say(&format!("next: git am {}", path.display()));
    Ok(())
}

/// git-mailsplit(1) takes the mails of a maildir by name, numbers as numbers: they are counted, not called by their content.
fn write_maildir(path: &Path, series: &Series) -> Result<(), Box<dyn std::error::Error>> {
    maildir::Maildir::open(path)?;
    for (number, patch) in series.patches.iter().enumerate() {
        let name = format!("{:04}", number + 1);
        let temporary = path.join("tmp").join(&name);
        let mut file = fs::File::create(&temporary)?;
        file.write_all(&patch.composed.bytes)?;
        file.sync_data()?;
        fs::rename(&temporary, path.join("new").join(&name))?;
    }
    Ok(())
}

/// Tries the series on each target; done if it applies to one of them.
fn check(context: &Context, letters: &mut Letters<'_>, series: &Series, base: &str) -> Result<Exit, Failure> {
    let repository = Repository::here()?;
    let rests = needed::find(letters, &series.version)?;
    let own = match &rests.base {
        Some(commit) => repository.target(commit)?,
        None => None,
    };
    let mut targets = Vec::new();
    match base {
        "" => {
            targets.extend(repository.target("HEAD")?);
            targets.extend(own.clone().filter(|own| targets.iter().all(|target: &Target| target.commit != own.commit)));
            if targets.is_empty() {
                return Err(Failure::new(Exit::Usage, "the repository has no commit").hint("name one: --check BASE"));
            }
        }
        name => targets.push(repository.target(name)?.ok_or_else(|| {
            Failure::new(Exit::Usage, format!("the repository has no commit {}", text::line(name)))
                .hint("--check takes what git rev-parse does; fetch it first")
        })?),
    }
    let mut out = context.paged();
    if let Some(commit) = rests.base.as_ref().filter(|_| own.is_none()) {
        writeln!(
            out,
            "{}",
            context.look.paint(Style::Warning, &format!("base-commit {commit} is not in this repository"))
        )?;
    }
    let mut fits = false;
    for (number, target) in targets.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        fits |= on(context, &mut out, &repository, target, &rests, series)?;
    }
    out.finish()?;
    Ok(if fits { Exit::Done } else { Exit::Findings })
}

/// Tries the series on one commit, with what it needs before.
fn on(
    context: &Context,
    out: &mut dyn Write,
    repository: &Repository,
    target: &Target,
    rests: &Rests,
    series: &Series,
) -> Result<bool, Failure> {
    let own = rests.base.as_ref().is_some_and(|base| target.commit.starts_with(base));
    let base = if own { ", its base-commit" } else { "" };
    writeln!(out, "onto {}{base}", context.look.paint(Style::Strong, &text::line(&target.name)))?;
    let trial = repository.trial(target)?;
    let mut fine = true;
    for needed in &rests.needed {
        let name = format!("needed before: {}", text::line(&needed.name));
        let held = match &rests.base {
            Some(base) if !needed.patch_id.is_empty() => {
                repository.holds(base, &target.commit, &needed.patch_id, &needed.paths)?
            }
            _ => false,
        };
        let fate = match &needed.patch {
            _ if held => Fate::Present,
            Some(patch) if fine => trial.apply(patch)?,
            Some(_) => Fate::NotTried,
            None => {
                writeln!(out, "  ? {name}: not indexed, and not found in {}", text::line(&target.name))?;
                continue;
            }
        };
        row(context, out, &name, &fate)?;
        fine &= fate.is_fine();
    }
    let mut present = 0;
    for patch in &series.patches {
        let fate = if fine { trial.apply(&patch.composed.patch)? } else { Fate::NotTried };
        row(context, out, &format!("{} {}", patch.part.number(), text::line(&patch.part.title)), &fate)?;
        present += usize::from(fate == Fate::Present);
        fine &= fate.is_fine();
    }
    let said = match fine {
        true if present == series.patches.len() => "all of it is there already",
        true => "it applies",
        false => "it does not apply",
    };
    writeln!(out, "{said}")?;
    Ok(fine)
}

fn row(context: &Context, out: &mut dyn Write, name: &str, fate: &Fate) -> Result<(), Failure> {
    let (mark, style, tail) = match fate {
        Fate::Applies => ("✓", Style::Added, ""),
        Fate::ThreeWay => ("✓", Style::Added, " (with a three-way merge)"),
        Fate::Present => ("=", Style::Dim, " (there already)"),
        Fate::Fails(_) => ("✗", Style::Removed, ""),
        Fate::NotTried => (" ", Style::Dim, ""),
    };
    writeln!(out, "  {} {name}{tail}", context.look.paint(style, mark))?;
    if let Fate::Fails(places) = fate {
        for place in places {
            writeln!(out, "      {}", text::line(place))?;
        }
    }
    Ok(())
}
