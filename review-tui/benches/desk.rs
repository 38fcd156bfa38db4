//! How long a key takes to its frame, while a run of the lab goes on at low priority: in a thread of 1,500 mails, in a
//! patch of 20,000 lines, with 10,000 results. And what a query takes, and what memory. `PROVENANCE_BENCH_DATA` names a
//! data directory to measure the first frame and queries in; without it they are measured in the made archive.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use provenance_corpus::store::Store;
use provenance_desk::app::{Model, update};
use provenance_desk::draw::draw;
use provenance_desk::keys::{Keymap, Preset, Press};
use provenance_desk::lab::{Job, runner};
use provenance_desk::msg::{Effect, Msg};
use provenance_desk::theme::Theme;
use provenance_desk::worker::{Setup, Workers};
use provenance_index::sources::Sources;
use provenance_index::writer::{self, Options};
use provenance_review::session::place::Place;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{KeyEvent, KeyModifiers};
use ratatui::{Terminal, TerminalOptions, Viewport, layout::Rect};

/// Takes what a terminal would get, and counts it.
struct Sink(u64);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Desk {
    model: Model,
    terminal: Terminal<CrosstermBackend<Sink>>,
    workers: Workers,
    events: Receiver<Msg>,
    /// For each turn: how long it took, and how long of that its thread waited for a processor.
    turns: Vec<(Duration, Duration)>,
}

/// How long this thread has waited for a processor that others had (`schedstat`, Linux).
fn waited() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().nth(1).and_then(|ns| ns.parse().ok()).unwrap_or_default())
}

const SIZE: (u16, u16) = (200, 60);

impl Desk {
    fn open(data: &Path, query: &str, mail: Option<&str>) -> (Desk, Duration) {
        let begin = Instant::now();
        let (send, events) = sync_channel(4_096);
        let place = Place::find(Some(data.to_owned())).expect("a place");
        let own = env!("CARGO_BIN_EXE_provenance");
        let lab = runner::Command {
            program: "nice".into(),
            arguments: vec!["-n".into(), "10".into(), own.into(), "__lab".into()],
            silence: Duration::from_secs(60),
        };
        let setup = Setup { place, lab, sample: false };
        let workers = Workers::start(setup, Arc::new(move |msg| send.send(msg).is_ok()));
        let viewport = Viewport::Fixed(Rect::new(0, 0, SIZE.0, SIZE.1));
        let terminal = Terminal::with_options(CrosstermBackend::new(Sink(0)), TerminalOptions { viewport });
        let model = Model::new(SIZE, Theme::Dark, false, Keymap::preset(Preset::Vi));
        let mut desk = Desk { model, terminal: terminal.expect("a sink"), workers, events, turns: Vec::new() };
        desk.paint();
        let first = begin.elapsed();
        let effects = desk.model.begin(query, mail.map(str::to_owned));
        desk.work(effects);
        desk.settle(|_| false);
        (desk, first)
    }

    fn work(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let _ = self.workers.take(effect);
        }
    }

    fn paint(&mut self) {
        let model = &self.model;
        self.terminal.draw(|frame| draw(model, frame)).expect("a sink takes everything");
    }

    /// One turn of the loop, timed.
    fn turn(&mut self, msg: Msg) {
        let (begin, before) = (Instant::now(), waited());
        let effects = update(&mut self.model, msg);
        self.work(effects);
        self.paint();
        self.turns.push((begin.elapsed(), waited().saturating_sub(before)));
    }

    /// Takes what the workers tell until they are quiet or enough was told.
    fn settle(&mut self, mut enough: impl FnMut(&Msg) -> bool) {
        while let Ok(msg) = self.events.recv_timeout(Duration::from_millis(700)) {
            let last = enough(&msg);
            self.turn(msg);
            if last {
                return;
            }
        }
    }

    fn key(&mut self, key: &str) {
        let press = Press::parse(key).expect("a key");
        let control = if press.control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
        self.turn(Msg::Key(KeyEvent::new(press.code, control)));
        // What the workers told meanwhile is a turn of its own, as it is in the loop.
        while let Ok(msg) = self.events.try_recv() {
            self.turn(msg);
        }
    }

    /// Presses keys as fast as a held key repeats, and tells the 99th percentile.
    fn hold(&mut self, what: &str, keys: &[&str], times: usize) {
        self.turns.clear();
        for at in 0..times {
            self.key(keys[at % keys.len()]);
            std::thread::sleep(Duration::from_millis(1));
        }
        self.settle(|_| false);
        let turns = std::mem::take(&mut self.turns);
        let told = |mut times: Vec<Duration>| {
            times.sort();
            let at = |p: usize| times[(times.len() - 1) * p / 100].as_secs_f64() * 1e3;
            (at(99), format!("median {:.2}, p99 {:.2}, longest {:.2} ms", at(50), at(99), at(100)))
        };
        let (_, wall) = told(turns.iter().map(|t| t.0).collect());
        let (p99, own) = told(turns.iter().map(|t| t.0.saturating_sub(t.1)).collect());
        let verdict = if p99 <= 16.0 { "kept" } else { "MISSED" };
        println!("{verdict}  {what}: {} frames, {own} (p99 at most 16)", turns.len());
        println!("        with the time that other programs had the processors: {wall}");
    }

    fn finish(self) {
        drop(self.events);
        self.workers.finish();
    }
}

fn mail(id: &str, subject: &str, references: &str, body: &str) -> Vec<u8> {
    let references = if references.is_empty() { String::new() } else { format!("References: {references}\n") };
    format!(
        "From: Ada Example <ada@example.org>\nDate: Wed, 1 Mar 2023 10:00:00 +0100\nSubject: {subject}\n\
         Message-ID: <{id}>\n{references}List-Id: <made.lists.example>\n\n{body}\n"
    )
    .into_bytes()
}

/// 8,500 mails for themselves, a thread of 1,500, a patch of 20,000 lines.
fn archive(data: &Path) {
    let store = Store::open(&data.join("mail")).expect("a store");
    let mut import = store.begin().expect("an import");
    for n in 0..8_500 {
        let body = format!("Some words about matter {n}.\n\n> quoted {n}\n\nSigned-off-by: Ada <ada@example.org>\n");
        import.add(&mail(&format!("m{n}@made.example"), &format!("matter {n} of all"), "", &body), n).expect("added");
    }
    for n in 0..1_500 {
        let parent = if n == 0 { String::new() } else { format!("<t{}@made.example>", n / 3 * 2 / 3) };
        let body = format!("{}answer {n}\n", "> quoted\n".repeat(20));
        import
            .add(&mail(&format!("t{n}@made.example"), "Re: the long thread of all", &parent, &body), n)
            .expect("added");
    }
    let mut body = String::from("Long.\n\n---\ndiff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n");
    for hunk in 0..1_000u32 {
        let line = hunk * 30 + 1;
        body.push_str(&format!("@@ -{line},13 +{line},13 @@ static int f{hunk}(struct x *x)\n"));
        for n in 0..6 {
            body.push_str(&format!(" \tint context_{n} = {hunk};\n"));
        }
        for n in 0..7 {
            body.push_str(&format!("-\treturn old_value_{n}(x, {hunk}, \"text\"); /* comment */\n"));
        }
        for n in 0..7 {
            body.push_str(&format!("+\treturn new_value_{n}(x, {hunk}, \"text\"); /* comment */\n"));
        }
    }
    import.add(&mail("long@made.example", "[PATCH] a patch of 20,000 lines of all", "", &body), 0).expect("added");
    import.finish().expect("finished");
    let mut sources = Sources::default();
    sources.attach_own(&store.epoch());
    let lock = provenance_index::store::Lock::take(data).expect("free");
    sources.save(&lock).expect("saved");
    writer::update(&lock, &sources, Options { threads: 2, memory: 128 << 20, relink: false }, &()).expect("indexed");
}

/// Anonymous memory of this process in MB.
fn anonymous() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

fn queries(data: &Path) {
    let (mut desk, _) = Desk::open(data, "", None);
    let mut times: Vec<f64> = Vec::new();
    for query in ["s:livepatch", "mech:static-call", "dfb:text_poke", "f:rostedt ftrace", "the patch", "bpf dispatcher"]
    {
        desk.key("f");
        desk.key("ctrl-u");
        for c in query.chars() {
            let key = if c == ' ' { "space".to_owned() } else { c.to_string() };
            desk.key(&key);
        }
        // The answers to what was typed before are not those that are waited for.
        desk.settle(|_| false);
        desk.key("x");
        desk.settle(|_| false);
        let (begin, before) = (Instant::now(), desk.turns.len());
        desk.key("backspace");
        let mut came = None;
        while came.is_none() {
            let Ok(msg) = desk.events.recv_timeout(Duration::from_secs(5)) else { break };
            let is_answer = matches!(msg, Msg::Hits { from: 0, .. } | Msg::Unanswered { .. });
            desk.turn(msg);
            came = is_answer.then(|| begin.elapsed());
        }
        debug_assert!(desk.turns.len() > before);
        times.push(came.unwrap_or(Duration::from_secs(5)).as_secs_f64() * 1e3);
        desk.settle(|_| false);
        desk.key("enter");
    }
    let worst = times.iter().copied().fold(0.0, f64::max);
    let verdict = if worst <= 50.0 { "kept" } else { "MISSED" };
    let all: Vec<String> = times.iter().map(|t| format!("{t:.1}")).collect();
    println!("{verdict}  hits after the last key: {} ms (at most 50)", all.join(", "));
    desk.finish();
}

fn main() {
    let made = tempfile::tempdir().expect("a directory");
    archive(made.path());
    let real = std::env::var_os("PROVENANCE_BENCH_DATA").map_or_else(|| made.path().to_owned(), PathBuf::from);
    let (desk, first) = Desk::open(&real, "", None);
    let verdict = if first <= Duration::from_millis(100) { "kept" } else { "MISSED" };
    println!("{verdict}  first frame: {:.1} ms after the desk was asked for (at most 100)", first.as_secs_f64() * 1e3);
    desk.finish();
    queries(&real);

    let (mut desk, _) = Desk::open(made.path(), "", Some("t0@made.example"));
    let _ = desk.workers.take(Effect::Lab(Job::Bench(0)));
    desk.hold(
        "thread of 1,500 mails, tree",
        &["tab", "j", "j", "j", "j", "j", "space", "o", "o", "G", "g", "tab"],
        600,
    );
    desk.hold("thread of 1,500 mails, next patch and mail", &["right", "j", "S", "h", "space", "["], 300);
    desk.finish();
    let (mut desk, _) = Desk::open(made.path(), "", Some("long@made.example"));
    let _ = desk.workers.take(Effect::Lab(Job::Bench(0)));
    desk.hold("patch of 20,000 lines", &["@", "j", "space", "ctrl-d", "G", "g", "@", "k", "h", "S", "}", "o"], 600);
    let _ = desk.workers.take(Effect::Lab(Job::Bench(0)));
    // Each round checks the patch of 20,000 lines anew.
    desk.hold(
        "checks, while a check and a run of the lab go on",
        &["c", "j", "o", "tab", "j", "G", "g", ".", "q", "j"],
        600,
    );
    desk.hold("series and what changed", &["v", "l", "j", "d", "j", "q", "q", "j"], 300);
    desk.finish();
    let (mut desk, _) = Desk::open(made.path(), "all", None);
    let _ = desk.workers.take(Effect::Lab(Job::Bench(0)));
    desk.hold("10,000 results", &["j", "space", "G", "g", "T", "o", "k", "x", "ctrl-d"], 600);
    let memory = anonymous();
    let verdict = if memory < 200.0 { "kept" } else { "MISSED" };
    println!("{verdict}  anonymous memory: {memory:.0} MB (below 200)");
    desk.finish();
}
