//! The reader's own keys: `keys.toml` in the configuration directory.
//!
//! ```toml
//! preset = "mutt"
//! [thread]
//! "ctrl-n" = "next-patch"
//! "x" = "none"
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::press::{Press, PressError};
use super::{Keymap, Preset, actions, name, tables};

/// A file of keys that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// It cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file of keys.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no TOML, or not of this form.
    #[error("{path} does not parse")]
    Toml {
        /// The file of keys.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A screen that there is not.
    #[error("{path}: there is no screen `{scope}`; write {}", known())]
    Scope {
        /// The file of keys.
        path: PathBuf,
        /// What was written.
        scope: String,
    },
    /// A key that there is not.
    #[error("{path}")]
    Press {
        /// The file of keys.
        path: PathBuf,
        /// The key as it was written.
        source: PressError,
    },
    /// An action that there is not.
    #[error("{path}: there is no action `{action}`; `provenance review --keys` lists them")]
    Action {
        /// The file of keys.
        path: PathBuf,
        /// What was written.
        action: String,
    },
}

/// The names of all screens.
fn known() -> String {
    tables().map(|(at, _)| at.0).collect::<Vec<_>>().join(", ")
}

#[derive(serde::Deserialize)]
struct File {
    #[serde(default)]
    preset: Option<String>,
    #[serde(flatten)]
    scopes: BTreeMap<String, BTreeMap<String, String>>,
}

/// The keys as the file says, `preset` where the file names none or does not exist.
///
/// # Errors
/// A file that is there and makes no sense.
pub fn load(path: &Path, preset: Option<Preset>) -> Result<Keymap, KeysError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(KeysError::Read { path: path.to_owned(), source }),
    };
    parse(path, &text, preset)
}

fn parse(path: &Path, text: &str, preset: Option<Preset>) -> Result<Keymap, KeysError> {
    let own = || path.to_owned();
    let file: File =
        toml::from_str(text).map_err(|source| KeysError::Toml { path: own(), source: Box::new(source) })?;
    let written = match file.preset.as_deref() {
        None => None,
        Some("vi") => Some(Preset::Vi),
        Some("mutt") => Some(Preset::Mutt),
        Some(other) => return Err(KeysError::Action { path: own(), action: format!("preset {other}") }),
    };
    let mut keymap = Keymap::preset(preset.or(written).unwrap_or_default());
    for (scope, keys) in file.scopes {
        let Some(at) = tables().map(|(at, _)| at).find(|at| at.0 == scope) else {
            return Err(KeysError::Scope { path: own(), scope });
        };
        for (key, action) in keys {
            let press = Press::parse(&key).map_err(|source| KeysError::Press { path: own(), source })?;
            let bound = actions().find(|a| name(*a) == action);
            if bound.is_none() && action != "none" {
                return Err(KeysError::Action { path: own(), action });
            }
            keymap.set(at, press, bound);
        }
    }
    Ok(keymap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Action, Scope};

    #[test]
    fn a_file_changes_keys() {
        let text = "preset = \"mutt\"\n[thread]\n\"ctrl-n\" = \"next-patch\"\n\"x\" = \"none\"\n";
        let keys = parse(Path::new("keys.toml"), text, None).expect("it parses");
        assert_eq!(keys.action(Scope("thread"), Press::parse("ctrl-n").expect("a key")), Some(Action::NextPatch));
        assert_eq!(keys.action(Scope("find"), Press::char('=')), Some(Action::First));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |text: &str| parse(Path::new("keys.toml"), text, None).expect_err("refused").to_string();
        assert!(refused("[nowhere]\nx = \"down\"").contains("there is no screen `nowhere`"));
        assert!(refused("[find]\nx = \"fly\"").contains("there is no action `fly`"));
        assert!(refused("[find]\nctrl- = \"down\"").contains("keys.toml"));
        assert!(refused("preset = 3").contains("does not parse"));
    }
}
