//! The terminal: taken, given back whatever happens, and in between drawn whenever something happened.

mod foreground;
mod guard;
mod keyboard;

use std::io::{self, Stdout};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use keyboard::Keyboard;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use super::app::{Model, update};
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
    let mut desk = Loop { model, terminal, workers, keyboard, guard };
    let effects = desk.model.begin(&begin.query, begin.mail.clone());
    let ended = desk.turn(effects, &events);
    handle.close();
    let Loop { workers, keyboard, guard, model, .. } = desk;
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
}

/// What becomes of the loop after an effect.
enum Next {
    Go,
    End,
}

impl Loop {
    fn turn(&mut self, effects: Vec<Effect>, events: &Receiver<Event>) -> io::Result<Option<i32>> {
        // The first frame comes before anything is read.
        self.paint()?;
        if matches!(self.work(effects)?, Next::End) {
            return Ok(None);
        }
        loop {
            let Ok(first) = events.recv() else { return Ok(None) };
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
                next = events.try_recv().ok();
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
                    let msg = self.outside(|workers| foreground::run(&effect, workers))?;
                    let more = msg.map_or(Vec::new(), |msg| update(&mut self.model, msg));
                    if matches!(self.work(more)?, Next::End) {
                        return Ok(Next::End);
                    }
                }
            }
        }
        Ok(Next::Go)
    }

    /// Gives the terminal away for a while.
    fn outside<T>(&mut self, work: impl FnOnce(&Workers) -> T) -> io::Result<T> {
        self.keyboard.pause();
        self.guard.leave();
        let result = work(&self.workers);
        self.guard.again()?;
        self.keyboard.go_on();
        let size = self.terminal.size()?;
        self.model.desk.size = (size.width, size.height);
        let _ = update(&mut self.model, Msg::Resize(size.width, size.height));
        self.terminal.clear()?;
        Ok(result)
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.outside(|_| {
            // The shell gets the terminal and its prompt; what comes after is another day.
            let _ = signal_hook::low_level::raise(signal_hook::consts::SIGSTOP);
        })
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
