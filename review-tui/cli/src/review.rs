//! `provenance review`: the options of the review desk. The desk itself is handed in by whoever starts the program.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `review [QUERY|MSGID]`
#[derive(Args)]
pub struct Arguments {
    /// A query; or a mail, by message-id or lore link, to open its thread
    #[arg(value_name = "QUERY")]
    pub terms: Vec<String>,
    /// Colour theme [default: according to NO_COLOR, TERM, COLORTERM and COLORFGBG]
    #[arg(long, value_enum, value_name = "THEME")]
    pub theme: Option<Theme>,
    /// Key bindings to start from [default: as keys.toml says, else vi]
    #[arg(long, value_enum, value_name = "PRESET")]
    pub preset: Option<Preset>,
    /// Draw with ASCII characters only
    #[arg(long)]
    pub ascii: bool,
    /// List all keys and actions, in the format of keys.toml
    #[arg(long)]
    pub keys: bool,
    /// Draw a screen without a terminal and print it: FORM is svg or text
    #[arg(long, hide = true, value_enum, value_name = "FORM")]
    pub picture: Option<Picture>,
    /// Keys to press before the picture is taken, separated by blanks; `wait` waits for the workers
    #[arg(long, hide = true, requires = "picture", value_name = "KEYS", allow_hyphen_values = true)]
    pub press: Option<String>,
    /// Columns and rows of the picture
    #[arg(long, hide = true, default_value = "120x40", value_name = "SIZE")]
    pub size: String,
    /// Program to start for lab runs
    #[arg(long, hide = true, value_name = "PROGRAM")]
    pub lab: Option<PathBuf>,
}

/// The colours that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Theme {
    /// For a dark background, 256 colours.
    Dark,
    /// For a light background, 256 colours.
    Light,
    /// The sixteen colours of the terminal.
    Sixteen,
    /// No colours: bold, underline and reverse only.
    None,
}

/// The tables of keys to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// As in tig, less and b4.
    Vi,
    /// As in mutt.
    Mutt,
}

/// The forms of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Picture {
    /// Scalable vector graphics, with colours.
    Svg,
    /// Characters only, no colours.
    Text,
    /// Characters, with the styles of each line below it.
    Styles,
}
