//! `provenance scan`: who owns each patchable byte of a kernel image.

mod difference;
mod json;
pub mod listing;
mod svg;
mod text;
mod traced;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use provenance_engine::image::{self, Census, Finding, Image, ImageError, Kind, Limits, Severity, Table, running};
use provenance_review::failure::{Exit, Failure};
use provenance_review::text::line;

use super::Context;

/// `scan [PATH...]`
#[derive(Args)]
pub struct Arguments {
    /// A vmlinux, a vmlinuz or a module (.ko, also .xz, .zst, .gz); a directory of those; a .deb or an initramfs
    #[arg(value_name = "PATH", required_unless_present_any = ["diff", "running"], conflicts_with = "diff")]
    paths: Vec<PathBuf>,
    /// Show one function byte by byte, with the owners: SYMBOL, SYMBOL+0x10, or a hexadecimal address
    #[arg(long, value_name = "SYMBOL|ADDR", conflicts_with = "diff")]
    at: Option<String>,
    /// Show what each owner gained and lost between two images
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"])]
    diff: Option<Vec<PathBuf>>,
    /// Exit with code 1 if two owners conflict; with --diff, if two owners meet that did not in OLD
    #[arg(long)]
    exit_code: bool,
    /// Scan the running kernel, as far as its text can be read
    #[arg(long, conflicts_with_all = ["paths", "diff"])]
    running: bool,
    /// Print who holds each traced function, then what changes; look again every SECONDS
    #[arg(long, value_name = "SECONDS", requires = "running", conflicts_with = "at", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    watch: Option<f64>,
    /// End --watch after N looks
    #[arg(long, value_name = "N", requires = "watch")]
    looks: Option<u64>,
    /// Directory that holds proc and sys
    #[arg(long, value_name = "DIR", default_value = "/", requires = "running", hide = true)]
    root: PathBuf,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Files to read in parallel [default: one per CPU, at most 8]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Refuse compressed files that grow beyond this many megabytes
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    inflate_limit: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Svg,
}

/// What is told of one image.
struct Report {
    kind: Kind,
    version: Option<String>,
    build_id: Option<String>,
    boot: bool,
    compression: Option<&'static str>,
    size: usize,
    names: usize,
    tables: Vec<Table>,
    notes: Vec<String>,
    census: Census,
    findings: Vec<Finding>,
}

impl Report {
    fn of(image: &Image) -> Report {
        Report {
            kind: image.kind,
            version: image.version.clone(),
            build_id: image.build_id.clone(),
            boot: image.boot,
            compression: image.compression,
            size: image.size,
            names: image.names(),
            tables: image.tables.clone(),
            notes: image.notes.clone(),
            census: image.census(),
            findings: image.findings(),
        }
    }
}

/// Reports of all images, and what could not be read.
#[derive(Default)]
struct Scan {
    reports: Vec<(PathBuf, Report)>,
    failed: Vec<(PathBuf, String)>,
    seconds: f64,
    /// Of a running kernel: who holds what, or why that is not told.
    traced: Option<Result<running::Traces, String>>,
}

/// Runs the subcommand.
///
/// # Errors
/// A path that cannot be read, where it is the only one; a place that is not in the image.
pub fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let limits = Limits { inflated: arguments.inflate_limit.saturating_mul(1 << 20).clamp(1 << 20, 1 << 36) };
    if let Some([old, new]) = arguments.diff.as_deref() {
        return difference::run(context, arguments, old, new, limits);
    }
    if let Some(place) = &arguments.at {
        return listing::run(context, arguments, place, limits);
    }
    if let Some(seconds) = arguments.watch {
        return traced::watch(context, arguments, seconds);
    }
    let start = Instant::now();
    let scan = if arguments.running {
        let image = running::read(&arguments.root).map_err(|e| failure(Path::new("the running kernel"), &e))?;
        if arguments.format == Format::Svg {
            return draw(context, &image);
        }
        Scan {
            reports: vec![("the running kernel".into(), Report::of(&image))],
            traced: Some(running::traces(&arguments.root).map_err(|e| e.to_string())),
            ..Scan::default()
        }
    } else {
        if arguments.format == Format::Svg {
            let path = single(&arguments.paths, "a picture")?;
            let image = Image::open(path, limits).map_err(|e| failure(path, &e))?;
            return draw(context, &image);
        }
        collect(context, arguments, limits)?
    };
    let scan = Scan { seconds: start.elapsed().as_secs_f64(), ..scan };
    let mut out = context.paged();
    match arguments.format {
        Format::Json => {
            provenance_review::json::pretty(&mut out, &json::scan(&scan))?;
        }
        _ => out.write_all(text::scan(&scan, &context.look).as_bytes())?,
    }
    out.finish()?;
    let conflict = scan.reports.iter().flat_map(|(_, r)| &r.findings).any(|f| f.severity == Severity::Conflict);
    Ok(match (scan.failed.is_empty(), arguments.exit_code && conflict) {
        (false, _) => Exit::Unreadable,
        (true, true) => Exit::Findings,
        (true, false) => Exit::Done,
    })
}

fn collect(context: &Context, arguments: &Arguments, limits: Limits) -> Result<Scan, Failure> {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.unwrap_or(available).clamp(1, 8);
    let mut scan = Scan::default();
    let mut answers = image::scan(&arguments.paths, limits, threads, Report::of);
    if let [only] = answers.as_slice()
        && let Err(error) = &only.result
    {
        return Err(failure(&only.path, error));
    }
    for answer in answers.drain(..) {
        match answer.result {
            Ok(report) => scan.reports.push((answer.path, report)),
            Err(error) => {
                let reason = reason(&error);
                context.say(&format!("not read: {}: {}", line(&answer.path.to_string_lossy()), line(&reason)));
                scan.failed.push((answer.path, reason));
            }
        }
    }
    Ok(scan)
}

fn draw(context: &Context, image: &Image) -> Result<Exit, Failure> {
    let mut out = context.paged();
    out.write_all(svg::picture(image).as_bytes())?;
    out.finish()?;
    Ok(Exit::Done)
}

fn single<'a>(paths: &'a [PathBuf], what: &str) -> Result<&'a Path, Failure> {
    match paths {
        [path] if !path.is_dir() => Ok(path),
        _ => Err(Failure::new(Exit::Usage, format!("{what} is of one image; give one vmlinux or module"))),
    }
}

/// An error and its causes in one line.
fn reason(error: &ImageError) -> String {
    let failure = Failure::from_error(Exit::Unreadable, error);
    std::iter::once(failure.what).chain(failure.causes).collect::<Vec<_>>().join(": ")
}

fn failure(path: &Path, error: &ImageError) -> Failure {
    let exit = if matches!(error, ImageError::NoSuchPlace(_)) { Exit::Usage } else { Exit::Unreadable };
    let mut failure = Failure::from_error(exit, error);
    failure.what = format!("{}: {}", path.display(), failure.what);
    failure
}

/// The kernel's release out of a banner: what a reader calls the image.
fn release(version: Option<&str>) -> String {
    let Some(version) = version else { return "Linux of unknown version".to_owned() };
    format!("Linux {}", version.split_whitespace().next().unwrap_or(version))
}
