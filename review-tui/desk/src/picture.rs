//! A screen without a terminal: the desk with its workers, keys from a script, and what is then seen as text or as a
//! drawing. For the pictures of the README and for tests.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};

use super::app::{Model, update};
use super::draw::draw;
use super::keys::Press;
use super::msg::{Effect, Msg};
use super::run::Begin;
use super::worker::{Setup, Workers};

/// The form of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Scalable vector graphics, with colours.
    Svg,
    /// The characters alone.
    Text,
    /// The characters, and under each line the styles of its stretches.
    Styles,
}

/// Silence of the workers after which a picture is taken.
const QUIET: Duration = Duration::from_millis(400);
/// A `wait` of the script ends at the latest after so many such times.
const LONGEST: u32 = 150;

impl Picture {
    /// Runs the script and draws what is then seen.
    pub fn take(self, model: Model, begin: &Begin, setup: Setup, script: &str) -> String {
        let buffer = Stage::new(model, begin, setup).play(script);
        match self {
            Picture::Text => text(&buffer),
            Picture::Styles => styles(&buffer),
            Picture::Svg => svg(&buffer),
        }
    }
}

/// A desk without a terminal.
pub struct Stage {
    /// What is shown.
    pub model: Model,
    workers: Workers,
    events: Receiver<Msg>,
}

impl Stage {
    /// Opens the desk.
    pub fn new(mut model: Model, begin: &Begin, setup: Setup) -> Stage {
        let (send, events) = sync_channel(4_096);
        let workers = Workers::start(setup, Arc::new(move |msg| send.send(msg).is_ok()));
        let effects = model.begin(&begin.query, begin.mail.clone());
        let mut stage = Stage { model, workers, events };
        stage.work(effects);
        stage
    }

    /// Presses keys; `wait` lets the workers finish, a word in quotes is typed.
    pub fn play(&mut self, script: &str) -> Buffer {
        self.settle();
        let mut rest = script.trim_start();
        while !rest.is_empty() {
            let (quote, end) = match rest.strip_prefix('"') {
                Some(inside) => (1, inside.find('"').unwrap_or(inside.len())),
                None => (0, rest.find(char::is_whitespace).unwrap_or(rest.len())),
            };
            let word = &rest[quote..quote + end];
            rest = rest.get(quote + end + quote..).unwrap_or_default().trim_start();
            let presses: Vec<Press> = match Press::parse(word) {
                _ if quote > 0 => word.chars().map(Press::char).collect(),
                _ if word == "wait" => {
                    self.settle();
                    continue;
                }
                Ok(press) => vec![press],
                Err(_) => word.chars().map(Press::char).collect(),
            };
            for press in presses {
                let control = if press.control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
                self.tell(Msg::Key(KeyEvent::new(press.code, control)));
            }
        }
        self.settle();
        self.draw()
    }

    /// Tells the model something and does what comes of it.
    pub fn tell(&mut self, msg: Msg) {
        let effects = update(&mut self.model, msg);
        self.work(effects);
    }

    fn work(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            // What needs the terminal is not done here.
            let _ = self.workers.take(effect);
        }
    }

    /// Takes what the workers tell until they are quiet and the lab is idle.
    pub fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..LONGEST {
            match self.events.recv_timeout(QUIET) {
                Ok(msg) => {
                    quiet = 0;
                    self.tell(msg);
                    while let Ok(msg) = self.events.try_recv() {
                        self.tell(msg);
                    }
                }
                Err(_) => quiet += 1,
            }
            let busy = |run: &super::lab::Run| matches!(run, super::lab::Run::Running(..) | super::lab::Run::Queued);
            let waits = self.model.stack.iter().any(|screen| screen.waits());
            if quiet > 0 {
                self.tell(Msg::Quiet);
            }
            if quiet > 0 && !waits && self.model.desk.opened.is_some() && !self.model.desk.lab.values().any(busy) {
                return;
            }
        }
    }

    /// What is seen.
    pub fn draw(&self) -> Buffer {
        let (columns, rows) = self.model.desk.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a buffer takes everything");
        terminal.draw(|frame| draw(&self.model, frame)).expect("a buffer takes everything");
        terminal.backend().buffer().clone()
    }

    /// Ends the workers.
    pub fn finish(self) {
        drop(self.events);
        self.workers.finish();
    }
}

/// The characters of a buffer, line by line.
pub fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = provenance_review::text::width(symbol).max(1);
            }
            skip -= 1;
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The characters of a buffer, and under each line where which style begins.
pub fn styles(buffer: &Buffer) -> String {
    let mut out = String::new();
    for (y, line) in (0..).zip(text(buffer).lines()) {
        out.push_str(line);
        out.push('\n');
        let mut before = None;
        let mut told = String::new();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let style = (cell.fg, cell.bg, cell.modifier);
            if before == Some(style) {
                continue;
            }
            before = Some(style);
            told.push_str(&format!(" {x}:"));
            let mut words: Vec<String> = Vec::new();
            for (name, colour) in [("fg", cell.fg), ("bg", cell.bg)] {
                if colour != Color::Reset {
                    words.push(format!("{name}={colour}"));
                }
            }
            if !cell.modifier.is_empty() {
                words.push(format!("{:?}", cell.modifier).to_lowercase());
            }
            told.push_str(&if words.is_empty() { "plain".to_owned() } else { words.join(",") });
        }
        if told != " 0:plain" {
            out.push_str(&format!("    ~{told}\n"));
        }
    }
    out
}

const CELL: (f32, f32) = (8.4, 18.0);

/// A buffer as a drawing.
pub fn svg(buffer: &Buffer) -> String {
    use std::fmt::Write;
    let area = buffer.area;
    let (width, height) = (f32::from(area.width) * CELL.0 + 16.0, f32::from(area.height) * CELL.1 + 16.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"ui-monospace, \
         'DejaVu Sans Mono', Menlo, monospace\" font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#14161a\"/>\n"
    );
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let cell = &buffer[(x, y)];
            let (fg, bg, modifier) = (cell.fg, cell.bg, cell.modifier);
            let mut run = String::new();
            let begin = x;
            while x < area.width {
                let next = &buffer[(x, y)];
                if (next.fg, next.bg, next.modifier) != (fg, bg, modifier) {
                    break;
                }
                run.push_str(next.symbol());
                x += provenance_review::text::width(next.symbol()).max(1) as u16;
            }
            let reversed = modifier.contains(Modifier::REVERSED);
            let (ink, paper) = if reversed {
                (colour(bg, "#14161a"), Some(colour(fg, "#d6d8dc")))
            } else {
                (colour(fg, "#d6d8dc"), (bg != Color::Reset).then(|| colour(bg, "#14161a")))
            };
            let (left, top) = (f32::from(begin) * CELL.0 + 8.0, f32::from(y) * CELL.1 + 8.0);
            let wide = f32::from(x - begin) * CELL.0;
            if let Some(paper) = paper {
                let _ = writeln!(
                    out,
                    "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{}\" fill=\"{paper}\"/>",
                    CELL.1
                );
            }
            if run.trim().is_empty() {
                continue;
            }
            let mut style = String::new();
            for (is, attribute) in [
                (Modifier::BOLD, " font-weight=\"bold\""),
                (Modifier::ITALIC, " font-style=\"italic\""),
                (Modifier::UNDERLINED, " text-decoration=\"underline\""),
                (Modifier::DIM, " opacity=\"0.7\""),
            ] {
                if modifier.contains(is) {
                    style.push_str(attribute);
                }
            }
            let safe = run.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let _ = writeln!(
                out,
                "<text x=\"{left:.1}\" y=\"{:.1}\" fill=\"{ink}\" textLength=\"{wide:.1}\" xml:space=\"preserve\"{style}>{safe}</text>",
                top + 13.5
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

/// A colour of the terminal as one of a page: xterm's 256.
fn colour(colour: Color, default: &str) -> String {
    const SIXTEEN: [&str; 16] = [
        "#1c1c1c", "#d75f5f", "#87af5f", "#d7af5f", "#5f87af", "#af87af", "#5fafaf", "#bcbcbc", "#767676", "#ff8787",
        "#afd787", "#ffd787", "#87afd7", "#d7afd7", "#87d7d7", "#ffffff",
    ];
    let index = match colour {
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::White => 15,
        _ => return default.to_owned(),
    };
    match index {
        0..=15 => SIXTEEN[usize::from(index)].to_owned(),
        16..=231 => {
            let part = |n: u8| if n == 0 { 0 } else { 55 + n * 40 };
            let index = index - 16;
            format!("#{:02x}{:02x}{:02x}", part(index / 36), part(index / 6 % 6), part(index % 6))
        }
        _ => {
            let grey = 8 + (index - 232) * 10;
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}
