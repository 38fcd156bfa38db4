//! The thread that reads keys, and rests while another program has the terminal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event as Terminal};

use super::{Event, give};
use crate::msg::Msg;

const READS: u8 = 0;
const SHALL_REST: u8 = 1;
const RESTS: u8 = 2;
const SHALL_END: u8 = 3;

/// How long the thread waits for a key before it looks whether it shall rest.
const LOOK: Duration = Duration::from_millis(20);

/// How long the thread is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// The thread.
pub(super) struct Keyboard {
    state: Arc<AtomicU8>,
    thread: JoinHandle<()>,
}

impl Keyboard {
    /// Starts to read.
    pub(super) fn start(send: SyncSender<Event>) -> Keyboard {
        let state = Arc::new(AtomicU8::new(READS));
        let shared = state.clone();
        let thread = std::thread::spawn(move || read(&shared, &send));
        Keyboard { state, thread }
    }

    /// Returns when the thread rests: from then on no key is taken from another program.
    pub(super) fn pause(&self) {
        self.state.store(SHALL_REST, Ordering::SeqCst);
        self.wait_for(|state| state != SHALL_REST);
    }

    /// Reads on.
    pub(super) fn go_on(&self) {
        self.state.store(READS, Ordering::SeqCst);
    }

    /// Ends the thread, or leaves it: where the terminal is gone, crossterm reads its end for ever and does not return
    /// (its `UnixInternalEventSource`, 0.29), and the process that is about to end takes the thread along.
    pub(super) fn stop(self) {
        self.state.store(SHALL_END, Ordering::SeqCst);
        self.wait_for(|_| false);
    }

    /// Waits until the state is as wanted or the thread has ended, and not for ever.
    fn wait_for(&self, done: impl Fn(u8) -> bool) {
        let begin = Instant::now();
        while !done(self.state.load(Ordering::SeqCst)) && !self.thread.is_finished() && begin.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn read(state: &AtomicU8, send: &SyncSender<Event>) {
    loop {
        match state.load(Ordering::SeqCst) {
            SHALL_END => return,
            READS => {}
            _ => {
                let _ = state.compare_exchange(SHALL_REST, RESTS, Ordering::SeqCst, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
        }
        let event = match event::poll(LOOK) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let event = match event {
            Ok(Terminal::Key(key)) => Event::Msg(Msg::Key(key)),
            Ok(Terminal::Paste(text)) => Event::Msg(Msg::Paste(text)),
            Ok(Terminal::Resize(columns, rows)) => Event::Msg(Msg::Resize(columns, rows)),
            Ok(_) => continue,
            Err(_) => Event::Gone,
        };
        let gone = matches!(event, Event::Gone);
        if !give(send, event) || gone {
            return;
        }
    }
}
