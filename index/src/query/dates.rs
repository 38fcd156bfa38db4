//! Dates as people write them.
//!
//! Fixed forms are read here, in UTC; every other form goes to the user's git, as public-inbox does. What is meant by
//! the ends of a range is public-inbox's (observed with 1.9):
//!
//! - `d:` compares days. Its ends are days, both included; `d:20200105` alone is that day *and the next*.
//! - An end that is no day (`2.days.ago`) makes both ends instants, and a day among them its first second.
//! - `dt:` and `rt:` compare seconds; one instant alone is the 24 hours that follow.
//!
//! Ours: `today` is the day, where git takes the moment; a year or month (`2020`, `202001`, `2020-01`) is that whole
//! period, where git would take the present day of that year; `rt:20200105` is a day, where public-inbox would take
//! seconds since 1970.

#[cfg(test)]
mod tests;

use std::process::{Command, Stdio};

use jiff::civil;
use jiff::tz::TimeZone;

use super::ast::{Bounds, Value};
use super::prefix::Prefix;
use super::{Problem, QueryError};

const DAY: i64 = 86_400;

/// What is wrong with a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// No date, to us and to git.
    #[error("`{0}` is not a date; write YYYYMMDD, YYYY-MM-DD, @SECONDS, or what git understands, such as 2.weeks.ago")]
    Unknown(String),
    /// `20201399`.
    #[error("`{0}` is not in the calendar")]
    Calendar(String),
    /// There is no git to ask.
    #[error("only git can tell what `{0}` means, and it could not be run; install git, or write YYYY-MM-DD")]
    NoGit(String),
}

/// A point or period, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A day by its first second.
    Day(i64),
    /// A year or a month: first and last second.
    Period(i64, i64),
    /// A second.
    Instant(i64),
}

impl When {
    fn first(self) -> i64 {
        match self {
            When::Day(at) | When::Period(at, _) | When::Instant(at) => at,
        }
    }

    fn last(self) -> i64 {
        match self {
            When::Day(at) => at + DAY - 1,
            When::Period(_, last) => last,
            When::Instant(at) => at,
        }
    }
}

/// Reads a date; `now` in seconds since 1970.
///
/// # Errors
/// If neither we nor git can make anything of it.
pub fn when(text: &str, now: i64) -> Result<When, DateError> {
    match fixed(text, now)? {
        Some(when) => Ok(when),
        None => ask_git(text).map(When::Instant),
    }
}

/// The last second that `as-of:DATE` still shows.
///
/// # Errors
/// As [`when`].
pub fn as_of(text: &str, now: i64) -> Result<i64, DateError> {
    when(text, now).map(When::last)
}

/// The first and last second of a `d:`, `dt:` or `rt:` range; `None` is an open end.
///
/// # Errors
/// As [`when`], with its place.
pub fn range(prefix: Prefix, bounds: &Bounds, now: i64) -> Result<(Option<i64>, Option<i64>), QueryError> {
    let read = |value: &Value| when(&value.text, now).map_err(|e| Problem::from(e).at(value.span.clone()));
    match bounds {
        Bounds::One(value) => Ok(match read(value)? {
            When::Period(first, last) => (Some(first), Some(last)),
            // Both days are included, as on lore.
            When::Day(at) if prefix == Prefix::Date => (Some(at), Some(at + 2 * DAY - 1)),
            When::Day(at) | When::Instant(at) => (Some(at), Some(at + DAY)),
        }),
        Bounds::Between(None, None) => Ok((None, None)),
        Bounds::Between(from, to) => {
            let from = from.as_ref().map(read).transpose()?;
            let to = to.as_ref().map(read).transpose()?;
            let instants = prefix == Prefix::Date && matches!(from, Some(When::Instant(_)));
            let last = to.map(|to| if instants && matches!(to, When::Day(_)) { to.first() } else { to.last() });
            Ok((from.map(When::first), last))
        }
    }
}

fn midnight(text: &str, year: i16, month: i8, day: i8) -> Result<i64, DateError> {
    let date = civil::Date::new(year, month, day).map_err(|_| DateError::Calendar(text.to_owned()))?;
    seconds(text, date.at(0, 0, 0, 0))
}

fn seconds(text: &str, at: civil::DateTime) -> Result<i64, DateError> {
    let zoned = at.to_zoned(TimeZone::UTC).map_err(|_| DateError::Calendar(text.to_owned()))?;
    Ok(zoned.timestamp().as_second())
}

fn year(text: &str, year: i16) -> Result<When, DateError> {
    Ok(When::Period(midnight(text, year, 1, 1)?, midnight(text, year + 1, 1, 1)? - 1))
}

fn month(text: &str, year: i16, month: i8) -> Result<When, DateError> {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    Ok(When::Period(midnight(text, year, month, 1)?, midnight(text, next_year, next, 1)? - 1))
}

/// The forms that mean the same everywhere; `None` for what git must tell.
fn fixed(text: &str, now: i64) -> Result<Option<When>, DateError> {
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<i16>().ok());
    let small = |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<i8>().ok());
    if let Some(seconds) = text.strip_prefix('@').and_then(|t| t.parse().ok()) {
        return Ok(Some(When::Instant(seconds)));
    }
    if !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) {
        let part = |range| small(range).unwrap_or(0);
        let y = number(0..4).unwrap_or(0);
        return Ok(match bytes.len() {
            4 => Some(year(text, y)?),
            6 => Some(month(text, y, part(4..6))?),
            8 => Some(When::Day(midnight(text, y, part(4..6), part(6..8))?)),
            14 => {
                let at = civil::DateTime::new(y, part(4..6), part(6..8), part(8..10), part(10..12), part(12..14), 0)
                    .map_err(|_| DateError::Calendar(text.to_owned()))?;
                Some(When::Instant(seconds(text, at)?))
            }
            9..=11 => text.parse().ok().map(When::Instant),
            _ => return Err(DateError::Unknown(text.to_owned())),
        });
    }
    let dashed = bytes.get(4) == Some(&b'-') && bytes[..4].iter().all(u8::is_ascii_digit);
    if dashed && let (Some(y), Some(m)) = (number(0..4), small(5..7)) {
        if bytes.len() == 7 {
            return Ok(Some(month(text, y, m)?));
        }
        if bytes.len() == 10
            && bytes[7] == b'-'
            && let Some(d) = small(8..10)
        {
            return Ok(Some(When::Day(midnight(text, y, m, d)?)));
        }
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Some(When::Instant(at.as_second())));
        }
        if bytes.len() == 19
            && let Ok(at) = text.parse::<civil::DateTime>()
        {
            return Ok(Some(When::Instant(seconds(text, at)?)));
        }
    }
    if text.eq_ignore_ascii_case("today") {
        return Ok(Some(When::Day(now.div_euclid(DAY) * DAY)));
    }
    Ok(ago(text, now).map(When::Instant))
}

/// `3.days.ago`, `yesterday`, `last.week`: units of fixed length only.
fn ago(text: &str, now: i64) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    let mut words = lower.split(['.', ' ', '_', '-']).filter(|w| !w.is_empty());
    let (first, second, third) = (words.next()?, words.next(), words.next());
    if words.next().is_some() {
        return None;
    }
    let unit = |name: &str| match name.strip_suffix('s').unwrap_or(name) {
        "second" => Some(1),
        "minute" => Some(60),
        "hour" => Some(3600),
        "day" => Some(DAY),
        "week" => Some(7 * DAY),
        _ => None,
    };
    match (first, second, third) {
        ("now", None, None) => Some(now),
        ("yesterday", None, None) => Some(now - DAY),
        ("last", Some("week"), None) => Some(now - 7 * DAY),
        (count, Some(name), Some("ago")) => {
            let count: i64 = count.parse().ok()?;
            count.checked_mul(unit(name)?).and_then(|s| now.checked_sub(s))
        }
        _ => None,
    }
}

/// What git makes of a date: the same words as `git rev-parse --since=`, asked so that it needs no repository and
/// admits where it understands nothing (`rev-parse` answers with the present time).
fn ask_git(text: &str) -> Result<i64, DateError> {
    let unknown = || DateError::Unknown(text.to_owned());
    if text.contains('\0') {
        return Err(unknown());
    }
    let output = Command::new("git")
        .args(["config", "--file", "/dev/null", "--type=expiry-date", "--default", text, "--get", "no.such"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|_| DateError::NoGit(text.to_owned()))?;
    // `all` is further away than any date.
    String::from_utf8_lossy(&output.stdout).trim().parse().map_err(|_| unknown())
}
