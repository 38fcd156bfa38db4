//! Programs that get the terminal: the editor, the shell, git send-email, a pipe.

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::draft::{deliver, files, headers, shell_word};
use crate::msg::{Effect, Msg};
use crate::worker::Workers;

/// Runs what an effect needs the terminal for; what came of it.
pub(super) fn run(effect: &Effect, workers: &Workers) -> Option<Msg> {
    match effect {
        Effect::Edit(path) => Some(edit(path)),
        Effect::Send(path) => Some(send(path, workers)),
        Effect::Shell => Some(shell()),
        Effect::Pipe { mails, command } => {
            let said = workers.mboxrd(mails).and_then(|bytes| pipe(&bytes, command));
            Some(said.map_or_else(Msg::Failed, Msg::Done))
        }
        _ => None,
    }
}

fn edit(path: &Path) -> Msg {
    // Names are edited as they are read; on the disk they stand as mail carries them.
    rewrite(path, headers::decoded);
    let ended = deliver::editor(path).status();
    rewrite(path, headers::carried);
    let read = files::read(path).map_err(|e| format!("{}: {e}", path.display()));
    match ended {
        Err(error) => Msg::Failed(format!("the editor does not start: {error}; the draft is {}", path.display())),
        Ok(status) if !status.success() => {
            Msg::Failed(format!("the editor ended with {status}; the draft is {}", path.display()))
        }
        Ok(_) => Msg::Edited(read),
    }
}

/// Rewrites the header of a draft; one that cannot be read or written stays as it is.
fn rewrite(path: &Path, form: fn(&str) -> String) {
    if let Ok(text) = files::text(path) {
        let new = form(&text);
        if new != text {
            let _ = files::write(path, &new);
        }
    }
}

fn send(path: &Path, workers: &Workers) -> Msg {
    // A desk that was killed beside the editor left the names as they are read.
    rewrite(path, headers::carried);
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Msg::Failed(format!("{}: {error}", path.display())),
    };
    let words = deliver::send_words(path, &bytes);
    let shown: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    println!("{}\n", provenance_review::text::line(&shown.join(" ")));
    let ended = Command::new(&words[0]).args(&words[1..]).status();
    wait();
    match ended {
        Ok(status) if status.success() => match workers.put_aside(path) {
            Ok(copy) => Msg::Sent { draft: path.to_owned(), copy },
            Err(error) => Msg::Failed(format!("git says that it was sent; the draft could not be moved: {error}")),
        },
        Ok(status) => Msg::Failed(format!("not sent: git send-email ended with {status}; the draft is kept")),
        Err(error) => Msg::Failed(format!("git send-email does not start: {error}; the draft is kept")),
    }
}

fn shell() -> Msg {
    let shell = std::env::var("SHELL").ok().filter(|s| !s.is_empty()).unwrap_or_else(|| "/bin/sh".to_owned());
    match Command::new(&shell).status() {
        Ok(_) => Msg::Done("back from the shell".into()),
        Err(error) => Msg::Failed(format!("{shell} does not start: {error}")),
    }
}

fn pipe(bytes: &[u8], command: &str) -> Result<String, String> {
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|e| format!("sh does not start: {e}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that has read enough closes its stdin.
        let _ = stdin.write_all(bytes);
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    wait();
    if status.success() { Ok("the command is done".into()) } else { Err(format!("the command ended with {status}")) }
}

/// What was printed stays until it is read.
fn wait() {
    print!("\n[Enter goes back to the desk] ");
    let _ = io::stdout().flush();
    let _ = io::stdin().lock().read_line(&mut String::new());
}
