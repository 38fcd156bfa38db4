//! The reader's own tools: their editor, their `git send-email`, who git says they are.

use std::path::Path;
use std::process::{Command, Stdio};

use provenance_corpus::address::{self, Address};
use provenance_corpus::message::Message;

use super::compose::Identity;

/// One value of git's configuration.
fn config(name: &str) -> Option<String> {
    let out = Command::new("git").args(["config", "--get", name]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    (out.status.success() && !text.is_empty()).then_some(text)
}

/// Who answers: `sendemail.from`, else git's author; signature from `format.signatureFile` or `format.signature`.
pub fn identity() -> Identity {
    let from = config("sendemail.from").or_else(|| {
        let out = Command::new("git").args(["var", "GIT_AUTHOR_IDENT"]).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let end = text.find('>')?;
        out.status.success().then(|| text[..=end].to_owned())
    });
    let file = config("format.signatureFile").and_then(|path| std::fs::read_to_string(expand(&path)).ok());
    Identity {
        from: from.as_deref().and_then(address::parse_one).unwrap_or_default(),
        signature: file.or_else(|| config("format.signature")).unwrap_or_default(),
    }
}

fn expand(path: &str) -> String {
    match (path.strip_prefix("~/"), std::env::var("HOME")) {
        (Some(rest), Ok(home)) => format!("{home}/{rest}"),
        _ => path.to_owned(),
    }
}

/// The reader's editor on a file, as git would start it.
pub fn editor(path: &Path) -> Command {
    let asked = Command::new("git").args(["var", "GIT_EDITOR"]).stderr(Stdio::null()).output().ok();
    let editor = asked
        .filter(|out| out.status.success())
        .map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned())
        .filter(|editor| !editor.is_empty())
        .or_else(|| std::env::var("VISUAL").ok())
        .or_else(|| std::env::var("EDITOR").ok())
        .unwrap_or_else(|| "vi".to_owned());
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$1\"")).arg("editor").arg(path);
    command
}

/// The words of the command that sends a draft. `--suppress-cc=all` makes git leave the Cc of the file out as well, so
/// its people are named one by one.
pub fn send_words(draft: &Path, bytes: &[u8]) -> Vec<String> {
    let message = Message::parse(bytes);
    let mut words: Vec<String> =
        ["git", "send-email", "--suppress-cc=all", "--no-thread", "--confirm=always"].map(str::to_owned).into();
    let each = |list: &[Address]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    words.extend(each(&message.from).into_iter().take(1).map(|a| format!("--from={a}")));
    words.extend(each(&message.to).into_iter().map(|a| format!("--to={a}")));
    words.extend(each(&message.cc).into_iter().map(|a| format!("--cc={a}")));
    words.push(draft.display().to_string());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_names_everybody_and_asks() {
        let words = send_words(Path::new("/d/x.eml"), b"From: A <a@b>\nTo: c@d\nCc: e@f,\n \"G, H\" <g@h>\n\nhi\n");
        assert_eq!(words[..5].join(" "), "git send-email --suppress-cc=all --no-thread --confirm=always");
        assert_eq!(words[5..], ["--from=A <a@b>", "--to=c@d", "--cc=e@f", "--cc=\"G, H\" <g@h>", "/d/x.eml"]);
    }
}
