//! `provenance fetch`: threads and lists from a public-inbox server, imported or mirrored, and indexed.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use clap::Args;
use provenance_corpus::archive::{Source, SourceKind, mbox};
use provenance_index::hash;
use provenance_index::sources::Sources;
use provenance_index::store::{Lock, StoreError};
use provenance_review::failure::{Exit, Failure};
use provenance_review::fetch::address::{Base, Target, target};
use provenance_review::fetch::http::Client;
use provenance_review::fetch::{FetchError, list, thread};
use provenance_review::session::place::store_failure;
use provenance_review::text::{self, count, plural};

use super::{Context, import, index};

/// `fetch MSGID|URL|LIST...`
#[derive(Args)]
pub struct Arguments {
    /// A mail, by message-id or by its URL on any public-inbox server, to fetch its thread; or a list, by name or URL
    #[arg(value_name = "MSGID|URL|LIST", required_unless_present = "catalogue")]
    names: Vec<String>,
    /// Fetch from this server, or from this list on it [default: provenance.server in your git config, else
    /// lore.kernel.org]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Fetch every thread named in the catalogue that is not indexed yet
    #[arg(long)]
    catalogue: bool,
    /// Seconds to wait between threads, with --catalogue
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    pause: u64,
    /// Seconds to wait for an answer from the server, and for git to wait for one
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// Follow redirections to other hosts
    #[arg(long)]
    redirects: bool,
}

/// Where nobody says otherwise.
const LORE: &str = "https://lore.kernel.org";

/// Runs the subcommand.
///
/// # Errors
/// A name that names nothing; what could not be fetched, where it is the only one.
pub fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let server = server(arguments)?;
    let targets = arguments.names.iter().map(|name| target(name, &server));
    let targets = targets.collect::<Result<Vec<_>, _>>().map_err(|e| failure(&e))?;
    let say = |what: &str| context.say(&text::line(what));
    let client = Client::new(Duration::from_secs(arguments.timeout.clamp(1, 3_600)), arguments.redirects, &say);
    let only = targets.len() == 1 && !arguments.catalogue;
    let mut exit = Exit::Done;
    let mut came = Came::default();
    for target in &targets {
        let done = match target {
            Target::Thread { list, id } => fetch_thread(context, &client, list, id, &mut came),
            Target::List { list, name } => fetch_list(context, &client, list, name, &mut came),
        };
        match done {
            Ok(()) => {}
            Err(failure) if only => return Err(failure),
            // One that is not there does not keep the others from being fetched.
            Err(failure) => {
                context.say(failure.text().trim_end());
                exit = failure.exit;
            }
        }
    }
    if arguments.catalogue && !from_catalogue(context, &client, &server, arguments.pause, &mut came)? {
        exit = Exit::Unreadable;
    }
    if came.anything {
        let indexed = index::run(context, index::Arguments::waiting())?;
        exit = if indexed == Exit::Done { exit } else { indexed };
    }
    if let (true, [Target::Thread { id, .. }]) = (exit == Exit::Done, targets.as_slice()) {
        context.say(&format!("next: provenance thread '{0}', provenance check '{0}'", text::line(id)));
    }
    Ok(exit)
}

/// What came so far.
#[derive(Default)]
struct Came {
    /// There is something to be indexed.
    anything: bool,
    /// Message-IDs of what was fetched.
    ids: BTreeSet<String>,
}

fn fetch_thread(context: &Context, client: &Client<'_>, list: &Base, id: &str, came: &mut Came) -> Result<(), Failure> {
    let thread = thread::fetch(client, list, id).map_err(|e| failure(&e))?;
    // Only from here on is anything changed that others change too.
    let lock = lock(context)?;
    let path = context.place.data().join(format!("fetched-{}.new", std::process::id()));
    let kept =
        |e: std::io::Error| Failure::from_error(Exit::Unreadable, &FetchError::Io { path: path.clone(), source: e });
    std::fs::create_dir_all(context.place.data()).map_err(kept)?;
    let mut mbox = Vec::new();
    for mail in &thread.mails {
        mbox::write(&mut mbox, mail).map_err(kept)?;
    }
    std::fs::write(&path, &mbox).map_err(kept)?;
    if thread.unrelated > 0 {
        let others = plural(thread.unrelated as u64, "mail", "mails");
        context.say(&format!("{}: {others} of other threads came along and were left out", text::line(&thread.url)));
    }
    let source = Source { path: path.clone(), kind: SourceKind::Mbox };
    let imported = import::run(context, &thread.url, &[source]);
    let _ = std::fs::remove_file(&path);
    imported?;
    came.ids.extend(thread.ids);
    came.anything = true;
    attach(&lock, |sources| {
        sources.attach_own(&import::epoch(context)?);
        Ok(())
    })
}

fn fetch_list(context: &Context, client: &Client<'_>, list: &Base, name: &str, came: &mut Came) -> Result<(), Failure> {
    let lists = context.place.data().join("lists");
    // Two that clone one epoch would take each other's half for their own.
    let _lock = Lock::take(&lists).map_err(|error| match error {
        StoreError::Locked { holder, .. } => {
            Failure::new(Exit::Locked, format!("another process is fetching a list ({})", text::line(&holder)))
                .hint("wait for it, then run the same command again")
        }
        error => store_failure(&error),
    })?;
    let done = list::mirror(client, list, &lists, &|what| context.say(&text::line(what))).map_err(|e| failure(&e))?;
    let told = [(done.cloned, "new"), (done.changed, "changed"), (done.same, "as before")];
    let told: Vec<String> = told.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let epochs = match (done.cloned + done.changed + done.same) as u64 {
        _ if done.v1 => "a v1 repository".to_owned(),
        count => plural(count, "epoch", "epochs"),
    };
    context.say(&format!("{}: {epochs} ({})", text::line(name), told.join(", ")));
    came.anything = true;
    attach(&lock(context)?, |sources| {
        index::attach_folder(sources, &done.dir)?;
        Ok(())
    })
}

/// What was fetched is here, and waits for whoever is indexing.
fn lock(context: &Context) -> Result<Lock, Failure> {
    let tell = |holder: &str| context.say(&format!("fetched; waiting for {}, which is indexing", text::line(holder)));
    context.place.lock(Duration::MAX, &tell)
}

fn attach(lock: &Lock, change: impl FnOnce(&mut Sources) -> Result<(), Failure>) -> Result<(), Failure> {
    let unread = |e: provenance_index::sources::SourcesError| Failure::from_error(Exit::Unreadable, &e);
    let mut sources = Sources::to_change(lock).map_err(unread)?;
    change(&mut sources)?;
    sources.save(lock).map_err(unread)
}

/// Fetches what the catalogue names, with a pause after each; whether all of it is here now.
fn from_catalogue(
    context: &Context,
    client: &Client<'_>,
    server: &Base,
    pause: u64,
    came: &mut Came,
) -> Result<bool, Failure> {
    let catalogue = context.place.catalogue()?;
    let reader = context.place.reader()?;
    let named: BTreeSet<&str> = catalogue.mails().map(|id| id.as_str()).collect();
    let (mut here, mut fetched, mut gone, mut failed) = (0u64, 0u64, 0u64, 0u64);
    for id in &named {
        if came.ids.contains(*id) || reader.as_ref().is_some_and(|r| r.has(hash::message_id(id))) {
            here += 1;
            continue;
        }
        if fetched + gone + failed > 0 {
            std::thread::sleep(Duration::from_secs(pause));
        }
        let target = target(id, server);
        let done = match &target {
            Ok(Target::Thread { list, id }) => fetch_thread(context, client, list, id, came),
            Ok(Target::List { .. }) => Ok(()),
            Err(error) => Err(failure(error)),
        };
        match done {
            Ok(()) => fetched += 1,
            Err(error) => {
                let missing = error.what.contains("(404)");
                *(if missing { &mut gone } else { &mut failed }) += 1;
                context.say(error.text().lines().next().unwrap_or_default());
            }
        }
    }
    context.say(&format!(
        "the catalogue names {}: {} here before, {} with their threads fetched, {} not on the server, {} failed",
        plural(named.len() as u64, "mail", "mails"),
        count(here),
        count(fetched),
        count(gone),
        count(failed),
    ));
    Ok(gone + failed == 0)
}

/// The server: as asked, as git is configured, or lore.
fn server(arguments: &Arguments) -> Result<Base, Failure> {
    let configured = || {
        // The user's own, never that of the tree in the current directory: it may be the one under review.
        let output = Command::new("git").args(["config", "--global", "--get", "provenance.server"]).output().ok()?;
        let said = String::from_utf8(output.stdout).ok()?;
        Some(said.trim().to_owned()).filter(|said| !said.is_empty())
    };
    let url = arguments.server.clone().or_else(configured).unwrap_or_else(|| LORE.to_owned());
    Base::parse(&url).map_err(|e| failure(&e))
}

/// What could not be fetched, with what to do.
fn failure(error: &FetchError) -> Failure {
    let (exit, hint) = match error {
        FetchError::NoTarget(_) => (Exit::Usage, "give a Message-ID, the URL of a mail or list, or the name of a list"),
        FetchError::NoServer(_) => (Exit::Usage, "give http://HOST or https://HOST, perhaps with the path of a list"),
        FetchError::Connection { .. } | FetchError::BrokeOff { .. } | FetchError::Damaged { .. } => {
            (Exit::Unreadable, "nothing was kept of it; run the same command again")
        }
        FetchError::Busy { .. } => (Exit::Unreadable, "run the same command later; what is here already is kept"),
        FetchError::Elsewhere { .. } => {
            (Exit::Unreadable, "if you trust that host, ask it with --server URL, or follow it with --redirects")
        }
        FetchError::NotThere { .. } => {
            (Exit::Unreadable, "check the id; --server URL asks another server, or one list of it")
        }
        FetchError::Git { .. } => {
            (Exit::Unreadable, "epochs that are here already are kept; run the same command again to go on")
        }
        FetchError::Io { .. } => (Exit::Unreadable, "check the permissions and the space in the data directory"),
        _ => (Exit::Unreadable, "nothing was kept of it; --server URL asks another server, or one list of it"),
    };
    Failure::from_error(exit, error).hint(hint)
}
