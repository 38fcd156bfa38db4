//! The engine's scenario for a finding, run there and then in processes of their own: both orders of two claimants on the
//! same bytes, by the kernel's rules of the patch's day.

use jiff::civil::{Date, date};
use provenance_lab::conflict::{self, Era, Rules};

use super::Fact;
use super::outcome::{Broken, Look};
use crate::lab;

/// The claimants that a function which writes text stands for, as far as the engine has any.
fn claimants(writer: &str) -> Vec<Era> {
    match writer {
        // Compares the bytes with what its caller wrote last; the dispatcher drops the error.
        "bpf_arch_text_poke" => vec![Era::Dispatcher2019, Era::Poke2022],
        "arch_static_call_transform" | "__static_call_transform" => vec![Era::StaticCall],
        "arch_jump_label_transform" => vec![Era::JumpLabel],
        _ => Vec::new(),
    }
}

/// The day of the release whose rules an era follows.
fn since(era: Era) -> Date {
    match era.version().split(' ').next().unwrap_or_default() {
        "v5.4" => date(2019, 11, 24),
        "v5.5" => date(2020, 1, 26),
        "v5.6" => date(2020, 3, 29),
        "v5.17" => date(2022, 3, 20),
        "v6.0" => date(2022, 10, 2),
        "v6.1" => date(2022, 12, 11),
        _ => Date::MAX,
    }
}

/// The newest era not after a day; where all are later, the oldest: the patch may be what brings it.
pub fn as_of(eras: &[Era], today: Date) -> Option<Era> {
    let known = eras.iter().copied().filter(|era| since(*era) <= today).max_by_key(|era| since(*era));
    known.or_else(|| eras.iter().copied().min_by_key(|era| since(*era)))
}

/// What both orders of an owner and of whoever calls a writer come to; where the engine has no model of it, that.
///
/// # Errors
/// An experiment that could not be started, or ended early.
pub fn both_orders(owner: &str, writer: &str, today: Date) -> Look<Vec<Fact>> {
    match (as_of(&Era::named(owner), today), as_of(&claimants(writer), today)) {
        (Some(first), Some(second)) => Ok(vec![run(first, second)?, run(second, first)?]),
        _ => Ok(vec![Fact::NoModel(writer.to_owned())]),
    }
}

/// What one order came to.
///
/// # Errors
/// The experiment could not be started, or ended early.
pub fn run(first: Era, second: Era) -> Look<Fact> {
    let conflict = conflict::run(&lab::runner(), first, second, Rules::Kernel)?.map_err(|ended| {
        Broken(format!("the experiment of {}, then {} ended early: {ended}", first.label(), second.label()))
    })?;
    let witness = conflict.witness.map(|witness| witness.kernel);
    Ok(Fact::Ran { first, second, came: conflict.finding, witness })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_era_has_a_day_and_the_newest_that_was_known_is_taken() {
        assert!(Era::ALL.into_iter().chain(Era::BROUGHT).all(|era| since(era) < Date::MAX));
        let poke = claimants("bpf_arch_text_poke");
        assert_eq!(as_of(&poke, date(2019, 12, 11)), Some(Era::Dispatcher2019));
        assert_eq!(as_of(&poke, date(2022, 6, 1)), Some(Era::Dispatcher2019));
        assert_eq!(as_of(&poke, date(2023, 10, 10)), Some(Era::Poke2022));
        let dispatcher = Era::named("bpf-dispatcher");
        assert_eq!(as_of(&dispatcher, date(2023, 1, 1)), Some(Era::Dispatcher2022));
        assert_eq!(as_of(&[], date(2023, 1, 1)), None);
    }
}
