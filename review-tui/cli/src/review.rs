//! `provenance review`: the options of the review desk. The desk itself is handed in by whoever starts the program.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `review [QUERY|MSGID]`
#[derive(Args)]
pub struct Arguments {
    /// A query, or a mail whose thread is opened: a message-id or any lore link
    #[arg(value_name = "QUERY")]
    pub terms: Vec<String>,
    /// Colours [default: as NO_COLOR, TERM, COLORTERM and COLORFGBG say]
    #[arg(long, value_enum, value_name = "THEME")]
    pub theme: Option<Theme>,
    /// Keys to begin with [default: as keys.toml says, else vi]
    #[arg(long, value_enum, value_name = "PRESET")]
    pub preset: Option<Preset>,
    /// Draw with ASCII alone
    #[arg(long)]
    pub ascii: bool,
    /// List every key and action, in the form of keys.toml
    #[arg(long)]
    pub keys: bool,
    /// Draw a screen without a terminal and print it: FORM is svg or text
    #[arg(long, hide = true, value_enum, value_name = "FORM")]
    pub picture: Option<Picture>,
    /// Keys that are pressed before the picture is taken, parted by blanks; `wait` lets the workers finish
    #[arg(long, hide = true, requires = "picture", value_name = "KEYS", allow_hyphen_values = true)]
    pub press: Option<String>,
    /// Columns and rows of the picture
    #[arg(long, hide = true, default_value = "120x40", value_name = "SIZE")]
    pub size: String,
    /// What to start for a run of the lab
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
    /// The terminal's own sixteen.
    Sixteen,
    /// Bold, underlined and reversed alone.
    None,
}

/// The tables of keys to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// As tig, less and b4 have it.
    Vi,
    /// As mutt has it.
    Mutt,
}

/// The forms of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Picture {
    /// Scalable vector graphics, with colours.
    Svg,
    /// The characters alone.
    Text,
    /// The characters, and under each line the styles of its stretches.
    Styles,
}
