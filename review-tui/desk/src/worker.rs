//! The threads that do what the desk asks for. Each serves one kind of effect over a bounded channel; a newer question
//! makes an older one void. They only read the archives; what the reader judged is written by one of them alone.

mod apply;
mod check;
mod chores;
mod search;
pub(crate) mod series;
pub(crate) mod text_map;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::draft::files;
use super::lab::{News, runner};
use super::library::Library;
use super::msg::{Effect, Mails, Msg};
use provenance_review::session::place::Place;

/// Effects that may wait for a thread.
const WAITING: usize = 64;

/// Where things lie and how the lab is started.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The data directory.
    pub place: Place,
    /// How a lab process is started.
    pub lab: runner::Command,
    /// Whether the built-in archive may be indexed where there is no other.
    pub sample: bool,
}

/// Gives messages to the desk; `false` means that it is gone.
pub type Tell = Arc<dyn Fn(Msg) -> bool + Send + Sync>;

/// The threads.
pub struct Workers {
    search: SyncSender<Effect>,
    read: SyncSender<Effect>,
    check: SyncSender<Effect>,
    chores: SyncSender<Effect>,
    lab: SyncSender<runner::Order>,
    library: Arc<Library>,
    /// Those that are waited for at the end.
    ends: Vec<JoinHandle<()>>,
    tell: Tell,
}

/// Threads are named so that a panic on them does not pass for one of the desk.
pub const THREAD: &str = "desk-worker";

impl Workers {
    /// Starts the threads; the first thing that they tell is what they found.
    pub fn start(setup: Setup, tell: Tell) -> Workers {
        let library = Arc::new(Library::new(setup.place.clone(), setup.sample));
        let serve = |work: fn(&Library, &Receiver<Effect>, &Tell)| {
            let (send, effects) = sync_channel(WAITING);
            let (library, tell) = (library.clone(), tell.clone());
            let thread = spawn(tell.clone(), move || work(&library, &effects, &tell));
            (send, thread)
        };
        let ((read, _), (search, _)) = (serve(search::read), serve(search::search));
        let (check, _) = serve(check::serve);
        let (chores, keeps) = serve(chores::serve);
        let (lab, orders) = sync_channel(1024);
        let news = tell.clone();
        let runs = spawn(tell.clone(), move || {
            runner::serve(&setup.lab, &orders, &|news_of: News| news(Msg::Lab(news_of)));
        });
        let ends = keeps.into_iter().chain(runs).collect();
        Workers { search, read, check, chores, lab, library, ends, tell }
    }

    /// Hands an effect to its thread. What the terminal is needed for comes back.
    pub fn take(&self, effect: Effect) -> Option<Effect> {
        let to = match effect {
            Effect::Search { .. } => &self.search,
            Effect::Thread { .. } | Effect::Page { .. } | Effect::Ask { .. } => &self.read,
            Effect::Check { .. } => &self.check,
            Effect::Lab(job) => {
                self.order(runner::Order::Run(job));
                return None;
            }
            Effect::StopLab => {
                self.order(runner::Order::Stop);
                return None;
            }
            Effect::Record(_)
            | Effect::Dismiss { .. }
            | Effect::Paste { .. }
            | Effect::DeleteDraft(_)
            | Effect::Answers { .. }
            | Effect::Draft { .. }
            | Effect::LookAtDraft(_)
            | Effect::Maildir { .. }
            | Effect::Write { .. }
            | Effect::TryApply { .. }
            | Effect::Apply { .. }
            | Effect::Export(_) => &self.chores,
            Effect::Edit(_)
            | Effect::Send(_)
            | Effect::Pipe { .. }
            | Effect::Shell
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Quit => return Some(effect),
        };
        // A verdict is never dropped: its thread is waited for.
        if matches!(effect, Effect::Record(_) | Effect::Draft { .. } | Effect::Dismiss { .. } | Effect::Paste { .. }) {
            if to.send(effect).is_err() {
                (self.tell)(Msg::Failed("the thread that keeps verdicts is gone; quit and start again".into()));
            }
            return None;
        }
        match to.try_send(effect) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                (self.tell)(Msg::Failed("too much is asked for at once; try again in a moment".into()));
            }
            Err(TrySendError::Disconnected(_)) => {
                (self.tell)(Msg::Failed("the thread for this is gone; quit and start again".into()));
            }
        }
        None
    }

    fn order(&self, order: runner::Order) {
        if self.lab.try_send(order).is_err() {
            (self.tell)(Msg::Failed("the lab has too much to do".into()));
        }
    }

    /// Mails as one mboxrd.
    ///
    /// # Errors
    /// What to tell the reader.
    pub fn mboxrd(&self, mails: &Mails) -> Result<Vec<u8>, String> {
        chores::mboxrd(self.library.shelf(), mails)
    }

    /// Puts a draft that was sent aside.
    ///
    /// # Errors
    /// Where it cannot be moved.
    pub fn put_aside(&self, draft: &Path) -> io::Result<PathBuf> {
        files::put_aside(self.library.place().data(), draft)
    }

    /// Waits until everything that was recorded is on the disk and no process of the lab runs.
    pub fn finish(self) {
        let Workers { search, read, check, chores, lab, ends, .. } = self;
        drop((search, read, check, chores, lab));
        for thread in ends {
            // A panic was told when it happened.
            let _ = thread.join();
        }
    }
}

/// Starts a thread whose panic is told and not more.
fn spawn(tell: Tell, work: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    let started = std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        let work = std::panic::AssertUnwindSafe(work);
        if std::panic::catch_unwind(work).is_err() {
            tell(Msg::Failed("a thread of the desk panicked; this is a bug, please report it".into()));
        }
    });
    // Without threads there is no desk; the first question will say so.
    started.ok()
}

/// The file that keys are read from.
pub fn keys_file(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(config.join("provenance").join("keys.toml"))
}
