use std::process::Command;

use proptest::prelude::*;

use super::super::ast::{Bounds, Value};
use super::*;

/// 2020-03-10 10:00:00.
const NOW: i64 = 1_583_834_400;
/// 2020-01-05 00:00:00.
const FIFTH: i64 = 1_578_182_400;

fn value(text: &str) -> Value {
    Value { text: text.to_owned(), span: 0..text.len() }
}

fn resolve(prefix: Prefix, text: &str) -> (Option<i64>, Option<i64>) {
    let bounds = match text.split_once("..") {
        None => Bounds::One(value(text)),
        Some((from, to)) => {
            let end = |t: &str| (!t.is_empty()).then(|| value(t));
            Bounds::Between(end(from), end(to))
        }
    };
    range(prefix, &bounds, NOW).unwrap()
}

#[test]
fn fixed_forms_need_no_git() {
    let year = 1_577_836_800;
    for (text, expected) in [
        ("2020", When::Period(year, year + 366 * DAY - 1)),
        ("202002", When::Period(year + 31 * DAY, year + 60 * DAY - 1)),
        ("2020-12", When::Period(year + 335 * DAY, year + 366 * DAY - 1)),
        ("20200105", When::Day(FIFTH)),
        ("2020-01-05", When::Day(FIFTH)),
        ("20200105000102", When::Instant(FIFTH + 62)),
        ("2020-01-05T00:01:02", When::Instant(FIFTH + 62)),
        ("2020-01-05 00:01:02", When::Instant(FIFTH + 62)),
        ("2020-01-05T01:01:02+01:00", When::Instant(FIFTH + 62)),
        ("@5", When::Instant(5)),
        ("1600000000", When::Instant(1_600_000_000)),
        ("2.days.ago", When::Instant(NOW - 2 * DAY)),
        ("1 hour ago", When::Instant(NOW - 3600)),
        ("today", When::Day(NOW - 10 * 3600)),
        ("yesterday", When::Instant(NOW - DAY)),
        ("last.week", When::Instant(NOW - 7 * DAY)),
    ] {
        assert_eq!(fixed(text, NOW), Ok(Some(expected)), "{text}");
    }
    assert_eq!(when("20200230", NOW), Err(DateError::Calendar("20200230".into())));
    assert_eq!(when("123", NOW), Err(DateError::Unknown("123".into())));
    assert_eq!(fixed("last month", NOW), Ok(None));
}

/// What public-inbox 1.9 turns the same into, in UTC.
#[test]
fn ends_are_public_inboxs() {
    let d = |text| resolve(Prefix::Date, text);
    assert_eq!(d("20200105"), (Some(FIFTH), Some(FIFTH + 2 * DAY - 1)));
    assert_eq!(d("20200105..20200105"), (Some(FIFTH), Some(FIFTH + DAY - 1)));
    assert_eq!(d("..2020-01-05"), (None, Some(FIFTH + DAY - 1)));
    assert_eq!(d("yesterday"), (Some(NOW - DAY), Some(NOW)));
    assert_eq!(d("yesterday.."), (Some(NOW - DAY), None));
    assert_eq!(d("20200105..yesterday"), (Some(FIFTH), Some(NOW - DAY)));
    assert_eq!(d("@0..20200105"), (Some(0), Some(FIFTH)));
    assert_eq!(resolve(Prefix::DateTime, "20200105000000"), (Some(FIFTH), Some(FIFTH + DAY)));
    assert_eq!(resolve(Prefix::DateTime, "..20200105000000"), (None, Some(FIFTH)));
    assert_eq!(resolve(Prefix::Received, "1600000000..@1600000009"), (Some(1_600_000_000), Some(1_600_000_009)));
    assert_eq!(as_of("2020-01-05", NOW), Ok(FIFTH + DAY - 1));
}

#[test]
fn git_is_asked_for_the_rest() {
    if Command::new("git").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "git is missing");
        println!("skipped: needs git");
        return;
    }
    let now = jiff::Timestamp::now().as_second();
    let Ok(When::Instant(at)) = when("3.months.ago", now) else { panic!("git knows months") };
    assert!((85 * DAY..95 * DAY).contains(&(now - at)));
    assert_eq!(when("no.such.day", now), Err(DateError::Unknown("no.such.day".into())));
    assert_eq!(when("--help", now), Err(DateError::Unknown("--help".into())));
    assert_eq!(when("a\0b", now), Err(DateError::Unknown("a\0b".into())));
}

proptest! {
    #[test]
    fn digits_and_dashes_never_panic(text in "[0-9@:TZ. -]{0,20}|[0-9]{1,19}.(day|week|hour)s.ago") {
        let _ = fixed(&text, NOW);
    }

    #[test]
    fn any_day_is_read_alike(days in -20_000i64..40_000) {
        let at = days * DAY;
        let date = jiff::Timestamp::from_second(at).unwrap();
        for form in ["%Y%m%d", "%Y-%m-%d"] {
            prop_assert_eq!(fixed(&date.strftime(form).to_string(), NOW), Ok(Some(When::Day(at))));
        }
        prop_assert_eq!(fixed(&date.strftime("%Y%m%d%H%M%S").to_string(), NOW), Ok(Some(When::Instant(at))));
    }
}
