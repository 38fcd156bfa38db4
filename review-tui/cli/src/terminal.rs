//! Where output goes: a terminal of some width, in colour or not, through a pager or not; or a pipe.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::{Child, Command, Stdio};

use provenance_review::look::Look;
use provenance_review::text;

/// When colour is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// If stdout is a terminal and NO_COLOR is not set.
    #[default]
    Auto,
    /// Even if stdout is a pipe or a file.
    Always,
    /// Not even on a terminal.
    Never,
}

/// The look that the options, the environment and the terminal ask for.
pub fn look(colour: Colour, width: Option<usize>) -> Look {
    let terminal = io::stdout().is_terminal();
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
        || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    Look {
        width: width.or_else(|| if terminal { Some(terminal_width()) } else { None }),
        colour: match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !no_colour,
        },
    }
}

fn terminal_width() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0).max(20))
}

/// Buffered output to stdout or to the user's pager.
pub struct Output {
    sink: Box<dyn Write>,
    pager: Option<Child>,
}

impl Output {
    /// Output that goes straight to stdout, without a pager.
    pub fn plain() -> Output {
        Output { sink: Box::new(BufWriter::with_capacity(1 << 16, io::stdout())), pager: None }
    }

    /// Through the pager that git would use, where stdout is a terminal.
    pub fn paged(wanted: bool) -> Output {
        if !wanted || !io::stdout().is_terminal() {
            return Output::plain();
        }
        let Some(mut pager) = spawn_pager() else { return Output::plain() };
        match pager.stdin.take() {
            Some(stdin) => Output { sink: Box::new(BufWriter::with_capacity(1 << 16, stdin)), pager: Some(pager) },
            None => Output::plain(),
        }
    }

    /// For mail byte for byte: on a pipe as it is; on a terminal through the pager, with what could disturb it shown as in
    /// every other text.
    pub fn bytes(paged: bool) -> Output {
        if !io::stdout().is_terminal() {
            return Output::plain();
        }
        let mut out = Output::paged(paged);
        let sink = std::mem::replace(&mut out.sink, Box::new(io::sink()));
        out.sink = Box::new(Shown { sink, line: Vec::new() });
        out
    }

    /// Writes what is left and waits until the reader has closed the pager.
    pub fn finish(mut self) -> io::Result<()> {
        let flushed = self.sink.flush();
        drop(std::mem::replace(&mut self.sink, Box::new(io::sink())));
        if let Some(mut pager) = self.pager.take() {
            pager.wait()?;
        }
        flushed
    }
}

/// Lines of any bytes, made harmless one by one.
struct Shown {
    sink: Box<dyn Write>,
    line: Vec<u8>,
}

impl Shown {
    fn pass(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        self.sink.write_all(text::block(&String::from_utf8_lossy(&line)).as_bytes())
    }
}

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.pass()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass()?;
        self.sink.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl Drop for Output {
    /// An error on the way must not leave the terminal to a pager that still waits.
    fn drop(&mut self) {
        self.sink = Box::new(io::sink());
        if let Some(mut pager) = self.pager.take() {
            let _ = pager.wait();
        }
    }
}

/// git's rules: GIT_PAGER, core.pager, PAGER, less; `cat` or nothing means none; LESS=FRX unless set.
fn spawn_pager() -> Option<Child> {
    let asked = Command::new("git").args(["var", "GIT_PAGER"]).stderr(Stdio::null()).output().ok();
    let pager = asked
        .filter(|out| out.status.success())
        .and_then(|out| String::from_utf8(out.stdout).ok())
        .map(|text| text.trim().to_owned())
        .or_else(|| std::env::var("PAGER").ok())
        .unwrap_or_else(|| "less".to_owned());
    if pager.is_empty() || pager == "cat" {
        return None;
    }
    let mut command = Command::new("sh");
    command.arg("-c").arg(&pager).stdin(Stdio::piped());
    for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    command.spawn().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_a_terminal_come_line_by_line_and_harmless() {
        let (read, write) = io::pipe().expect("a pipe");
        let mut shown = Shown { sink: Box::new(write), line: Vec::new() };
        for piece in [&b"Subject: \xe2\x80"[..], b"\xaegnp\x1b]0;", b"\tx\xff\r\n", b"end"] {
            shown.write_all(piece).expect("a pipe");
        }
        shown.flush().expect("a pipe");
        drop(shown);
        let said = io::read_to_string(read).expect("text");
        assert_eq!(said, "Subject: \u{fffd}gnp\u{241b}]0;\tx\u{fffd}\nend");
    }
}
