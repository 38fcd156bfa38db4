//! The engine's scenario for a finding, run there and then in processes of their own: both orders of two claimants on the
//! same bytes, by the kernel's rules.

use provenance_lab::conflict::{self, Era, Finding, Rules};

use crate::lab;

/// The claimant that a function which writes text stands for, as far as the engine has one.
fn claimant(writer: &str) -> Option<Era> {
    match writer {
        // Compares the bytes with what its caller wrote last, and its caller drops the error.
        "bpf_arch_text_poke" => Some(Era::Dispatcher2019),
        "arch_static_call_transform" | "__static_call_transform" => Some(Era::StaticCall),
        "arch_jump_label_transform" => Some(Era::JumpLabel),
        _ => None,
    }
}

/// What both orders came to, as labelled facts; where the engine has no model of it, that.
pub fn both_orders(owner: &str, writer: &str) -> Vec<(String, String)> {
    let (Some(first), Some(second)) = (Era::named(owner).first().copied(), claimant(writer)) else {
        return vec![("ran".to_owned(), format!("nothing: the engine has no model of {writer}()"))];
    };
    let mut said = Vec::new();
    for (label, one, other) in [("ran", first, second), ("", second, first)] {
        let outcome = match conflict::run(&lab::runner(), one, other, Rules::Kernel) {
            Ok(Ok(conflict)) => {
                let witness = conflict
                    .witness
                    .map_or_else(|| "not run on a kernel".to_owned(), |w| format!("witness: {}", w.kernel));
                let silent = if matches!(conflict.finding, Finding::Silent { .. }) { " (the silent one)" } else { "" };
                format!("{}{silent}; model, {witness}", conflict.finding.describe())
            }
            Ok(Err(ended)) => format!("the experiment ended early: {ended:?}"),
            Err(error) => format!("the experiment could not be started: {error}"),
        };
        said.push((label.to_owned(), format!("{} first, then {}: {outcome}", one.mechanism(), role(other))));
    }
    said
}

fn role(era: Era) -> String {
    era.mechanism().to_string()
}
