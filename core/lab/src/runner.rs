//! The lab: code that is meant to break runs in a fresh process.
//!
//! [`Runner`] starts a command (exec, never a bare fork: text is shared), writes one JSON request to its stdin and
//! reads JSON lines back. The command calls [`serve`]. Death by signal, silence and bad output are outcomes, not
//! errors.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the process is asked to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Version of this exchange: 1.
    pub format: u32,
    /// A scenario of the table that the process serves.
    pub scenario: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Value,
}

impl Request {
    /// A request.
    #[must_use]
    pub fn new(scenario: &str, params: Value) -> Self {
        Self { format: 1, scenario: scenario.to_owned(), params }
    }
}

/// One line from the process. Another kind of line would be another version of the exchange.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// Something is under way; also a sign of life.
    Progress(String),
    /// A partial result.
    Sample(Value),
    /// The result; the last line.
    Outcome(Value),
}

/// How a run ended. Whoever runs something has to have an answer to each of these.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
pub enum Outcome {
    /// It gave its result.
    Done {
        /// The result.
        result: Value,
    },
    /// It died by a signal.
    Crashed {
        /// The signal.
        signal: i32,
        /// The end of its stderr.
        stderr: String,
    },
    /// It exited without a result.
    Failed {
        /// Its exit code.
        code: i32,
        /// The end of its stderr.
        stderr: String,
    },
    /// It was silent for too long, and was killed.
    Hung {
        /// The limit.
        after: Duration,
    },
    /// A line that is no message; it was killed.
    BadOutput {
        /// The line, cut to 200 bytes.
        line: String,
    },
    /// It was cancelled.
    Cancelled,
}

impl Outcome {
    /// The result, if there is one.
    #[must_use]
    pub fn result(&self) -> Option<&Value> {
        match self {
            Self::Done { result } => Some(result),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = |stderr: &str| stderr.lines().last().unwrap_or("without a word").to_owned();
        match self {
            Self::Done { .. } => f.write_str("done"),
            Self::Crashed { signal, stderr } => write!(f, "crashed by signal {signal}: {}", last(stderr)),
            Self::Failed { code, stderr } => write!(f, "failed with exit code {code}: {}", last(stderr)),
            Self::Hung { after } => write!(f, "hung: silent for {after:?}, then killed"),
            Self::BadOutput { line } => write!(f, "unexpected output: {line}"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Stops a run from another thread.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Kills the run that holds this.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a run could not begin.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the lab process {program}: {source}")]
pub struct StartError {
    program: String,
    #[source]
    source: io::Error,
}

/// Starts lab processes.
#[derive(Debug)]
pub struct Runner {
    program: std::path::PathBuf,
    args: Vec<String>,
    silence: Duration,
    cancel: Cancel,
}

/// A line longer than this is bad output.
const MAX_LINE: u64 = 16 << 20;

impl Runner {
    /// Runs `program args...` for each request; it must call [`serve`].
    pub fn new(program: impl Into<std::path::PathBuf>, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            silence: Duration::from_secs(20),
            cancel: Cancel::default(),
        }
    }

    /// How long it may be silent (20 s unless told).
    #[must_use]
    pub fn silence(mut self, limit: Duration) -> Self {
        self.silence = limit;
        self
    }

    /// A handle that kills the run.
    #[must_use]
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Runs one request to its end. `on` sees progress and samples as they come.
    ///
    /// # Errors
    /// [`StartError`] if the process cannot be started.
    pub fn run(&self, request: &Request, mut on: impl FnMut(&Message)) -> Result<Outcome, StartError> {
        let start = |source| StartError { program: self.program.display().to_string(), source };
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(start)?;
        let child = Kill(&mut child);
        if let Some(mut stdin) = child.0.stdin.take() {
            // A process that dies at once closes its stdin; its end says more than this error.
            let _ = serde_json::to_writer(&mut stdin, request)
                .map_err(io::Error::from)
                .and_then(|()| stdin.write_all(b"\n"));
        }
        let stderr = child.0.stderr.take().map(|e| std::thread::spawn(move || tail(e)));
        let (send, lines) = channel();
        if let Some(stdout) = child.0.stdout.take() {
            std::thread::spawn(move || {
                let mut stdout = BufReader::new(stdout);
                loop {
                    let mut line = Vec::new();
                    match stdout.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                        Ok(n) if n > 0 && send.send(line).is_ok() => {}
                        _ => return,
                    }
                }
            });
        }
        let mut result = None;
        let mut heard = Instant::now();
        loop {
            if self.cancel.0.load(Ordering::Relaxed) {
                return Ok(Outcome::Cancelled);
            }
            match lines.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => {
                    heard = Instant::now();
                    match serde_json::from_slice(&line) {
                        Ok(Message::Outcome(value)) if result.is_none() => result = Some(value),
                        Ok(message @ (Message::Progress(_) | Message::Sample(_))) if result.is_none() => on(&message),
                        _ => {
                            let line = String::from_utf8_lossy(&line[..line.len().min(200)]).trim_end().to_owned();
                            return Ok(Outcome::BadOutput { line });
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) if heard.elapsed() > self.silence => {
                    return Ok(Outcome::Hung { after: self.silence });
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = loop {
            match child.0.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if heard.elapsed() > self.silence => return Ok(Outcome::Hung { after: self.silence }),
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(source) => return Err(start(source)),
            }
        };
        let stderr = || stderr.and_then(|t| t.join().ok()).unwrap_or_default();
        Ok(match (status.signal(), status.code(), result) {
            (Some(signal), ..) => Outcome::Crashed { signal, stderr: stderr() },
            (None, Some(0), Some(result)) => Outcome::Done { result },
            (None, code, _) => Outcome::Failed { code: code.unwrap_or(-1), stderr: stderr() },
        })
    }
}

struct Kill<'a>(&'a mut Child);

impl Drop for Kill<'_> {
    fn drop(&mut self) {
        // Already gone in the ordinary case; then both do nothing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The last 4 KiB.
fn tail(mut from: impl Read) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..n]);
        let extra = kept.len().saturating_sub(4096);
        kept.drain(..extra);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Where a scenario reports to.
pub struct Reporter(Box<dyn FnMut(&Message) + Send>);

impl Reporter {
    /// Reports to a function.
    pub fn new(to: impl FnMut(&Message) + Send + 'static) -> Self {
        Self(Box::new(to))
    }

    /// Something is under way.
    pub fn progress(&mut self, what: impl Into<String>) {
        (self.0)(&Message::Progress(what.into()));
    }

    /// A partial result.
    pub fn sample(&mut self, value: impl Serialize) {
        (self.0)(&Message::Sample(serde_json::to_value(value).unwrap_or(Value::Null)));
    }
}

/// A scenario's own failure.
pub type ScenarioError = Box<dyn std::error::Error + Send + Sync>;
/// A scenario: its parameters, and where it reports to.
pub type Scenario = fn(&Value, &mut Reporter) -> Result<Value, ScenarioError>;

/// The child's side: reads a request from stdin, runs the scenario that the table has under its name, writes lines to
/// stdout. Returns the exit code: 0, 1 if the scenario failed, 2 if the request cannot be read.
#[must_use]
pub fn serve(scenarios: &[(&str, Scenario)]) -> u8 {
    // One line, so that a parent need not close the pipe.
    let mut line = String::new();
    let request: Request = match io::stdin().lock().take(MAX_LINE).read_line(&mut line).map_err(serde_json::Error::io) {
        Ok(_) => match serde_json::from_str(&line) {
            Ok(request) => request,
            Err(e) => return fail(2, &format!("bad request: {e}")),
        },
        Err(e) => return fail(2, &format!("no request: {e}")),
    };
    if request.format != 1 {
        return fail(2, &format!("format {} is unknown; this speaks 1", request.format));
    }
    let Some((_, scenario)) = scenarios.iter().find(|(name, _)| *name == request.scenario) else {
        return fail(2, &format!("no scenario is called {}", request.scenario));
    };
    match scenario(&request.params, &mut Reporter::new(put)) {
        Ok(result) => {
            put(&Message::Outcome(result));
            0
        }
        Err(e) => fail(1, &e.to_string()),
    }
}

fn fail(code: u8, why: &str) -> u8 {
    eprintln!("{why}");
    code
}

fn put(message: &Message) {
    let mut out = io::stdout().lock();
    let _ = serde_json::to_writer(&mut out, message).map_err(io::Error::from).and_then(|()| out.write_all(b"\n"));
    let _ = out.flush();
}
