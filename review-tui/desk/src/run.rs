//! The terminal: taken, given back whatever happens, and in between drawn whenever something happened.

mod foreground;
mod guard;
mod keyboard;

use std::collections::VecDeque;
use std::io::{self, Stdout};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use keyboard::Keyboard;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use super::app::{Model, QUIET, update};
use super::draw::draw;
use super::msg::{Effect, Msg};
use super::worker::{Setup, Workers};

/// What wakes the loop.
pub(crate) enum Event {
    /// Something that the model is told.
    Msg(Msg),
    /// A signal.
    Signal(i32),
    /// The terminal is gone.
    Gone,
}

/// What is open when the desk begins.
#[derive(Clone, Debug, Default)]
pub struct Begin {
    /// The query.
    pub query: String,
    /// The mail whose thread is opened.
    pub mail: Option<String>,
}

/// Events that may wait for the loop.
const WAITING: usize = 4_096;
/// So many events are taken before the screen is drawn.
const AT_ONCE: usize = 256;

type Screen = Terminal<CrosstermBackend<Stdout>>;

/// Runs the desk until the reader quits; returns the number of the signal that ended it, if one did.
///
/// # Errors
/// Where the terminal cannot be used.
pub fn run(mut model: Model, begin: &Begin, setup: Setup) -> io::Result<Option<i32>> {
    let (send, events) = sync_channel::<Event>(WAITING);
    let teller = send.clone();
    let workers = Workers::start(setup, Arc::new(move |msg| teller.send(Event::Msg(msg)).is_ok()));
    guard::keep_panics_readable();
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT])?;
    let handle = signals.handle();
    let bell = send.clone();
    std::thread::spawn(move || {
        for signal in &mut signals {
            if bell.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    });
    let guard = guard::Guard::enter()?;
    let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
    let size = terminal.size()?;
    model.desk.size = (size.width, size.height);
    let keyboard = Keyboard::start(send);
    let mut desk = Loop { model, terminal, workers, keyboard, guard, events, kept: VecDeque::new() };
    let effects = desk.model.begin(&begin.query, begin.mail.clone());
    let ended = desk.turn(effects);
    handle.close();
    let Loop { workers, keyboard, guard, model, events, .. } = desk;
    keyboard.stop();
    drop(guard);
    drop(events);
    workers.finish();
    for draft in &model.desk.drafts {
        println!("draft kept: {}", provenance_review::text::line(&draft.command()));
    }
    ended
}

struct Loop {
    model: Model,
    terminal: Screen,
    workers: Workers,
    keyboard: Keyboard,
    guard: guard::Guard,
    events: Receiver<Event>,
    /// What was told while another program had the terminal.
    kept: VecDeque<Event>,
}

/// What becomes of the loop after an effect.
enum Next {
    Go,
    End,
}

impl Loop {
    fn turn(&mut self, effects: Vec<Effect>) -> io::Result<Option<i32>> {
        // The first frame comes before anything is read.
        self.paint()?;
        if matches!(self.work(effects)?, Next::End) {
            return Ok(None);
        }
        loop {
            let Some(first) = self.next() else { return Ok(None) };
            let mut next = Some(first);
            for _ in 0..AT_ONCE {
                let Some(event) = next.take() else { break };
                match event {
                    Event::Msg(msg) => {
                        let effects = update(&mut self.model, msg);
                        if matches!(self.work(effects)?, Next::End) {
                            return Ok(None);
                        }
                    }
                    Event::Signal(SIGTSTP) => self.suspend()?,
                    Event::Signal(SIGCONT) => self.terminal.clear()?,
                    Event::Signal(signal) => return Ok(Some(signal)),
                    Event::Gone => return Ok(Some(SIGHUP)),
                }
                next = self.kept.pop_front().or_else(|| self.events.try_recv().ok());
            }
            if let Some(event) = next {
                // Not lost, but after a frame.
                self.paint()?;
                if let Event::Msg(msg) = event {
                    let effects = update(&mut self.model, msg);
                    if matches!(self.work(effects)?, Next::End) {
                        return Ok(None);
                    }
                }
            }
            self.paint()?;
        }
    }

    /// What happens next; that the keyboard is quiet, where that is of interest.
    fn next(&mut self) -> Option<Event> {
        if let Some(kept) = self.kept.pop_front() {
            return Some(kept);
        }
        if !self.model.wants_quiet() {
            return self.events.recv().ok();
        }
        match self.events.recv_timeout(Duration::from_millis(QUIET)) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => Some(Event::Msg(Msg::Quiet)),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn paint(&mut self) -> io::Result<()> {
        let model = &self.model;
        self.terminal.draw(|frame| draw(model, frame)).map(|_| ())
    }

    fn work(&mut self, effects: Vec<Effect>) -> io::Result<Next> {
        for effect in effects {
            match self.workers.take(effect) {
                None => {}
                Some(Effect::Quit) => return Ok(Next::End),
                Some(Effect::Suspend) => self.suspend()?,
                Some(Effect::Redraw) => self.terminal.clear()?,
                Some(effect) => {
                    let (msg, lost) = self.outside(|workers| foreground::run(&effect, workers))?;
                    let mut more = msg.map_or(Vec::new(), |msg| update(&mut self.model, msg));
                    if lost > 0 {
                        more.extend(update(&mut self.model, Msg::Lost(lost)));
                    }
                    if matches!(self.work(more)?, Next::End) {
                        return Ok(Next::End);
                    }
                }
            }
        }
        Ok(Next::Go)
    }

    /// Gives the terminal away for a while. Keys that were read before and not done yet are not done afterwards either:
    /// they were typed for what comes now, or by mistake. They are counted.
    fn outside<T>(&mut self, work: impl FnOnce(&Workers) -> T) -> io::Result<(T, usize)> {
        self.keyboard.pause();
        let mut lost = 0;
        while let Ok(event) = self.events.try_recv() {
            match event {
                Event::Msg(Msg::Key(_) | Msg::Paste(_)) => lost += 1,
                other => self.kept.push_back(other),
            }
        }
        self.guard.leave();
        let result = work(&self.workers);
        self.guard.again()?;
        self.keyboard.go_on();
        let size = self.terminal.size()?;
        self.model.desk.size = (size.width, size.height);
        let _ = update(&mut self.model, Msg::Resize(size.width, size.height));
        self.terminal.clear()?;
        Ok((result, lost))
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.outside(|_| {
            // The shell gets the terminal and its prompt; what comes after is another day.
            let _ = signal_hook::low_level::raise(signal_hook::consts::SIGSTOP);
        })
        .map(|_| ())
    }
}

/// Gives an event to the loop from a thread that must not wait for ever.
pub(crate) fn give(send: &SyncSender<Event>, mut event: Event) -> bool {
    let begin = Instant::now();
    loop {
        match send.try_send(event) {
            Ok(()) => return true,
            Err(TrySendError::Disconnected(_)) => return false,
            Err(TrySendError::Full(_)) if begin.elapsed() > Duration::from_secs(5) => return true,
            Err(TrySendError::Full(back)) => {
                event = back;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
