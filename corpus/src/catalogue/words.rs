//! The words, ids and days of a catalogue file, checked as they are read.

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// Longest slug, in bytes. Longer names would break every aligned output.
pub const SLUG_MAX: usize = 64;

/// A kebab-case name: lower-case letters, digits and single hyphens, beginning and ending with a letter or digit.
fn is_slug(s: &str) -> bool {
    !s.is_empty()
        && s.len() <= SLUG_MAX
        && !s.starts_with('-')
        && !s.ends_with('-')
        && !s.contains("--")
        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_commit(s: &str) -> bool {
    (7..=64).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_message_id(s: &str) -> bool {
    let at = s.find('@').unwrap_or(0);
    at > 0 && at + 1 < s.len() && s.len() <= 998 && s.bytes().all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
}

macro_rules! checked_string {
    ($(#[$doc:meta])* $name:ident, $check:path, $wanted:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Takes ", $wanted, "; `None` for anything else.")]
            pub fn new(s: &str) -> Option<Self> {
                $check(s).then(|| $name(s.to_owned()))
            }

            /// The text as written in the catalogue.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let s = String::deserialize(d)?;
                if $check(&s) {
                    Ok($name(s))
                } else {
                    Err(de::Error::custom(format!(concat!("`{}` is not ", $wanted), s.escape_debug())))
                }
            }
        }
    };
}

checked_string!(
    /// The name of a mechanism, which is also the name of its file: `static-call`.
    MechanismId, is_slug, "a kebab-case slug such as `static-call`"
);
checked_string!(
    /// The name of an event, unique in the whole catalogue: `static-call-v7`.
    EventId, is_slug, "a kebab-case slug such as `static-call-v7`"
);
checked_string!(
    /// One end of an edge: the slug of an event or of a mechanism.
    Node, is_slug, "the slug of an event or mechanism, such as `static-call-v7`"
);
checked_string!(
    /// A commit of the kernel's repository, whole or abbreviated.
    Commit, is_commit, "a commit id of 7 to 64 lower-case hex digits"
);
checked_string!(
    /// A Message-ID without its angle brackets.
    MessageId, is_message_id, "a message-id such as `20181006015110.653946300@goodmis.org`, without brackets"
);

impl Commit {
    /// The first twelve digits, as the kernel's own `Fixes:` lines abbreviate.
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(12)]
    }
}

/// A day, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub Date);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(&self.0)
        } else {
            (self.0.year(), self.0.month(), self.0.day()).serialize(s)
        }
    }
}

impl<'de> Deserialize<'de> for Day {
    /// In TOML a bare date (`2019-12-11`); a time of day is refused, because it would be dropped in silence.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (year, month, day) = if d.is_human_readable() {
            let written = toml::value::Datetime::deserialize(d)?;
            match (written.date, written.time) {
                (Some(date), None) => (
                    i16::try_from(date.year).unwrap_or(-1),
                    i8::try_from(date.month).unwrap_or(-1),
                    i8::try_from(date.day).unwrap_or(-1),
                ),
                _ => return Err(de::Error::custom(format!("`{written}` is not a day; write it as 2019-12-11"))),
            }
        } else {
            <(i16, i8, i8)>::deserialize(d)?
        };
        Date::new(year, month, day)
            .map(Day)
            .map_err(|_| de::Error::custom(format!("there is no day {year:04}-{month:02}-{day:02}")))
    }
}
