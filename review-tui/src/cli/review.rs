//! `provenance review`: the review desk.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use provenance_corpus::citation;
use provenance_index::query::join_args;

use super::Context;
use super::failure::{Exit, Failure};
use crate::tui::app::Model;
use crate::tui::keys::{self, Preset, Scope, TABLE, file};
use crate::tui::lab::runner::Command;
use crate::tui::picture::Picture;
use crate::tui::run::{self, Begin};
use crate::tui::theme::Theme;
use crate::tui::worker::{Setup, keys_file};

/// `review [QUERY|MSGID]`
#[derive(Args)]
pub struct Arguments {
    /// A query, or a mail whose thread is opened: a message-id or any lore link
    #[arg(value_name = "QUERY")]
    terms: Vec<String>,
    /// Colours [default: as NO_COLOR, TERM, COLORTERM and COLORFGBG say]
    #[arg(long, value_enum, value_name = "THEME")]
    theme: Option<Theme>,
    /// Keys to begin with [default: as keys.toml says, else vi]
    #[arg(long, value_enum, value_name = "PRESET")]
    preset: Option<Preset>,
    /// Draw with ASCII alone
    #[arg(long)]
    ascii: bool,
    /// List every key and action, in the form of keys.toml
    #[arg(long)]
    keys: bool,
    /// Draw a screen without a terminal and print it: FORM is svg or text
    #[arg(long, hide = true, value_enum, value_name = "FORM")]
    picture: Option<Picture>,
    /// Keys that are pressed before the picture is taken, parted by blanks; `wait` lets the workers finish
    #[arg(long, hide = true, requires = "picture", value_name = "KEYS", allow_hyphen_values = true)]
    press: Option<String>,
    /// Columns and rows of the picture
    #[arg(long, hide = true, default_value = "120x40", value_name = "SIZE")]
    size: String,
    /// What to start for a run of the lab
    #[arg(long, hide = true, value_name = "PROGRAM")]
    lab: Option<PathBuf>,
}

/// How long a run of the lab may be silent.
const SILENCE: Duration = Duration::from_secs(20);

/// Runs the subcommand.
///
/// # Errors
/// No terminal, keys that make no sense.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    let keymap = match keys_file(variable) {
        Some(path) => file::load(&path, arguments.preset)
            .map_err(|e| Failure::from_error(Exit::Usage, &e).hint("mend the file or move it away"))?,
        None => keys::Keymap::preset(arguments.preset.unwrap_or_default()),
    };
    if arguments.keys {
        print!("{}", listed(&keymap));
        return Ok(Exit::Done);
    }
    let theme = arguments.theme.unwrap_or_else(|| Theme::detect(variable));
    let charset = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    let unicode = charset.is_some_and(|c| c.to_ascii_lowercase().replace('-', "").contains("utf8"));
    let begin = begin(&arguments.terms);
    let setup = Setup { place: context.place.clone(), lab: lab(arguments.lab), sample: true };
    if let Some(picture) = arguments.picture {
        let size = size(&arguments.size)?;
        let model = Model::new(size, theme, arguments.ascii, keymap);
        print!("{}", picture.take(model, &begin, setup, arguments.press.as_deref().unwrap_or_default()));
        return Ok(Exit::Done);
    }
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::new(Exit::Usage, "the review desk needs a terminal")
            .hint("`provenance query` and `provenance thread` answer on a pipe"));
    }
    let model = Model::new((80, 24), theme, arguments.ascii || !unicode, keymap);
    match run::run(model, &begin, setup) {
        Ok(None) => Ok(Exit::Done),
        // As a shell counts: the terminal was given back, the signal is told.
        Ok(Some(signal)) => std::process::exit(128 + signal),
        Err(error) => Err(Failure::from_error(Exit::Unreadable, &error)),
    }
}

fn begin(terms: &[String]) -> Begin {
    match terms {
        [one] if citation::message_name(one).is_some() => {
            Begin { query: String::new(), mail: citation::message_name(one) }
        }
        _ => Begin { query: join_args(terms), mail: None },
    }
}

/// Lab processes are this program again, at low priority: reading goes on beside them.
fn lab(program: Option<PathBuf>) -> Command {
    if let Some(program) = program {
        return Command { program, arguments: Vec::new(), silence: Duration::from_secs(2) };
    }
    let own = std::env::current_exe().unwrap_or_else(|_| "provenance".into());
    let nice = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|dir| dir.join("nice"))
        .find(|p| p.is_file());
    match nice {
        Some(program) => {
            let arguments = vec!["-n".into(), "10".into(), own.display().to_string(), "__lab".into()];
            Command { program, arguments, silence: SILENCE }
        }
        None => Command { program: own, arguments: vec!["__lab".into()], silence: SILENCE },
    }
}

fn size(text: &str) -> Result<(u16, u16), Failure> {
    let read = || {
        let (columns, rows) = text.split_once('x')?;
        Some((columns.parse().ok()?, rows.parse().ok()?))
    };
    read().ok_or_else(|| Failure::new(Exit::Usage, format!("`{text}` is no size; write 120x40")))
}

/// Every binding, as a file of keys would have it.
fn listed(keymap: &keys::Keymap) -> String {
    let mut out = String::new();
    for (scope, name) in Scope::ALL {
        out.push_str(&format!("[{name}]\n"));
        for binding in TABLE.iter().filter(|b| b.scope == scope) {
            for key in keymap.keys(scope, binding.action) {
                let key = key.replace('\\', "\\\\").replace('"', "\\\"");
                out.push_str(&format!("\"{key}\" = \"{}\"  # {}\n", keys::name(binding.action), binding.help));
            }
        }
        out.push('\n');
    }
    out
}
