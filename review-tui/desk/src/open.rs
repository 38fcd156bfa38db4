//! From the options and the environment to a desk that runs.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use provenance_corpus::citation;
use provenance_index::query::join_args;
use provenance_review::failure::{Exit, Failure};
use provenance_review::session::place::Place;

use crate::app::Model;
use crate::keys::{self, Preset, file, tables};
use crate::lab::runner::Command;
use crate::picture::Picture;
use crate::run::{self, Begin};
use crate::theme::Theme;
use crate::worker::{Setup, keys_file};

/// What the desk is opened with.
pub struct Opening {
    /// Where index and state lie.
    pub place: Place,
    /// A query, or a mail whose thread is opened.
    pub terms: Vec<String>,
    /// Colours; `None` as the environment says.
    pub theme: Option<Theme>,
    /// Keys to begin with; `None` as the file of keys says.
    pub preset: Option<Preset>,
    /// Draw with ASCII alone.
    pub ascii: bool,
    /// List every key instead.
    pub keys: bool,
    /// Draw a screen without a terminal instead.
    pub picture: Option<Shot>,
    /// What to start for a run of the lab; `None` for this program.
    pub lab: Option<PathBuf>,
}

/// A screen that is drawn without a terminal.
pub struct Shot {
    /// Its form.
    pub form: Picture,
    /// Keys that are pressed before, parted by blanks.
    pub press: String,
    /// `120x40`
    pub size: String,
}

/// How long a run of the lab may be silent.
const SILENCE: Duration = Duration::from_secs(20);

/// Opens the desk, and returns when its reader has left it.
///
/// # Errors
/// No terminal, keys that make no sense.
pub fn open(opening: Opening) -> Result<Exit, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    let keymap = match keys_file(variable) {
        Some(path) => file::load(&path, opening.preset)
            .map_err(|e| Failure::from_error(Exit::Usage, &e).hint("fix the file or move it away"))?,
        None => keys::Keymap::preset(opening.preset.unwrap_or_default()),
    };
    if opening.keys {
        print!("{}", listed(&keymap));
        return Ok(Exit::Done);
    }
    let theme = opening.theme.unwrap_or_else(|| Theme::detect(variable));
    let charset = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
    let unicode = charset.is_some_and(|c| c.to_ascii_lowercase().replace('-', "").contains("utf8"));
    let begin = begin(&opening.terms);
    let setup = Setup { place: opening.place.clone(), lab: lab(opening.lab), sample: true };
    if let Some(shot) = opening.picture {
        let size = size(&shot.size)?;
        let model = Model::new(size, theme, opening.ascii, keymap);
        print!("{}", shot.form.take(model, &begin, setup, &shot.press));
        return Ok(Exit::Done);
    }
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Failure::new(Exit::Usage, "the review desk needs a terminal")
            .hint("`provenance query` and `provenance thread` answer on a pipe"));
    }
    let model = Model::new((80, 24), theme, opening.ascii || !unicode, keymap);
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
    read().ok_or_else(|| Failure::new(Exit::Usage, format!("`{text}` is not a size; write for example 120x40")))
}

/// Every binding, as a file of keys would have it.
fn listed(keymap: &keys::Keymap) -> String {
    let mut out = String::new();
    for (scope, table) in tables() {
        out.push_str(&format!("[{}]\n", scope.0));
        for binding in table {
            for key in keymap.keys(scope, binding.action) {
                let key = key.replace('\\', "\\\\").replace('"', "\\\"");
                out.push_str(&format!("\"{key}\" = \"{}\"  # {}\n", keys::name(binding.action), binding.help));
            }
        }
        out.push('\n');
    }
    out
}
