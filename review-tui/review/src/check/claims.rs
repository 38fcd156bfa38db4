//! Figures that a cover letter or patch gives, and what they lack: the machine, the mitigations, the spread; and a figure that
//! was printed in an earlier revision too, which is one measurement and not two. Off by default: most figures are fine.

use provenance_index::hash;

use super::outcome::Look;
use super::{Case, Evidence, Fact, Finding, Outcome, Rule, Severity, World};

/// The name of the rule.
pub const RULE: &str = "claims";

/// Runs [`RULE`].
pub struct Claims;

/// Units of measurements.
const UNITS: [&str; 20] = [
    "ns", "us", "usec", "ms", "msec", "cycles", "cycle", "mpps", "kpps", "pps", "%", "ops/s", "ops/sec", "mb/s",
    "gb/s", "gbps", "seconds", "secs", "req/s", "kiops",
];

/// Words that name a machine, and those that name mitigations.
const MACHINE: [&str; 12] =
    ["intel", "amd", "xeon", "epyc", "ryzen", "skylake", "core i", "ghz", "cpu:", "model name", "qemu", "cortex"];
const MITIGATIONS: [&str; 7] = ["mitigation", "retpoline", "spectre", "ibrs", "retbleed", "spec_store", "mitigations="];
const SPREAD: [&str; 9] = ["±", "+-", "+/-", "stddev", "std dev", "stdev", "deviation", "variance", "median"];

/// Figures that are shown.
const SHOWN: usize = 5;

/// A figure as written: number and unit.
pub fn figures(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(['>', '+', '-', '@']) && !line.contains(" | ")) {
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            let word = word.trim_matches(|c: char| matches!(c, '(' | ')' | ',' | ';' | ':' | '[' | ']' | '~' | '+'));
            let split = word.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ','))).unwrap_or(word.len());
            let (number, glued) = word.split_at(split);
            if !number.bytes().any(|b| b.is_ascii_digit()) {
                continue;
            }
            let unit = if glued.is_empty() { words.peek().copied().unwrap_or_default() } else { glued };
            let unit = unit.trim_end_matches(['.', ',', ')', ';', ':']);
            if UNITS.contains(&unit.to_lowercase().as_str()) {
                let figure = format!("{} {unit}", number.trim_end_matches(['.', ',']));
                if !found.contains(&figure) {
                    found.push(figure);
                }
            }
        }
    }
    found
}

impl Rule for Claims {
    fn name(&self) -> &'static str {
        RULE
    }

    fn wanted(&self, world: &World<'_>) -> bool {
        world.claims
    }

    /// On the patch's own words, or on its cover letter's where the patch gives no figure.
    fn check(&self, case: &Case<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        let own: String = case.target.patch.prose().collect::<Vec<_>>().join("\n");
        let mut said = (own, case.target.message.message_id.to_string());
        if figures(&said.0).is_empty() {
            match cover(case) {
                Ok(cover) => said = cover.unwrap_or(said),
                Err(broken) => outcome.broken("cover letter", broken),
            }
        }
        let (text, mail) = said;
        let given = figures(&text);
        if !given.is_empty() {
            outcome.findings.extend(lacks(&text, &given, &mail));
            outcome.add("earlier versions", again(case, &given, &mail));
        }
        outcome
    }
}

/// What figures come without.
fn lacks(text: &str, given: &[String], mail: &str) -> Option<Finding> {
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let mut lacks: Vec<&str> = Vec::new();
    for (words, what) in [(&MACHINE[..], "the machine"), (&MITIGATIONS, "the mitigations"), (&SPREAD, "the spread")] {
        if !has(words) {
            lacks.push(what);
        }
    }
    if lacks.is_empty() {
        return None;
    }
    let says = format!("figures without {}", lacks.join(", "));
    let shown = given.iter().take(SHOWN).cloned().collect();
    let mut finding = Finding::new(RULE, Severity::Note, says).key("lacks").fact(Fact::Figures(shown));
    finding.cite(Evidence::Mail(mail.to_owned()));
    Some(finding)
}

/// The cover letter above a patch: its text and Message-ID.
fn cover(case: &Case<'_>) -> Look<Option<(String, String)>> {
    let Some(reader) = case.world.reader else { return Ok(None) };
    let graph = &reader.links.graph;
    let Some((head, _)) = graph.sending(hash::message_id(&case.target.message.message_id))? else { return Ok(None) };
    match graph.members(head)?.into_iter().find(|member| member.number == 0) {
        Some(cover) => read(case, cover.mail),
        None => Ok(None),
    }
}

fn read(case: &Case<'_>, id: u64) -> Look<Option<(String, String)>> {
    let Some(reader) = case.world.reader else { return Ok(None) };
    let Some(copy) = reader.mail(id)? else { return Ok(None) };
    Ok(Some((case.text(&copy)?, copy.stored.message_id)))
}

/// The same figures in an earlier version: one measurement.
fn again(case: &Case<'_>, given: &[String], mail: &str) -> Look<Option<Finding>> {
    let Some(reader) = case.world.reader else { return Ok(None) };
    let graph = &reader.links.graph;
    let Some((head, _)) = graph.sending(hash::message_id(mail))? else { return Ok(None) };
    for version in graph.versions(head)?.into_iter().filter(|version| version.head != head) {
        let Some(copy) = reader.mail(version.head)?.filter(|copy| copy.stored.date < case.target.as_of) else {
            continue;
        };
        let Some((text, id)) = read(case, version.head)? else { continue };
        let before = figures(&text);
        let same: Vec<String> = given.iter().filter(|figure| before.contains(figure)).take(SHOWN).cloned().collect();
        // One number may be the same by chance.
        if same.len() >= 2 {
            let says = "repeats the figures of an earlier version: one measurement, not two";
            let (date, subject) = (copy.stored.date, copy.stored.subject);
            let mut finding = Finding::new(RULE, Severity::Note, says)
                .key("again")
                .fact(Fact::Figures(same))
                .fact(Fact::Printed { date, subject });
            finding.cite(Evidence::Mail(id));
            return Ok(Some(finding));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_number_with_a_unit() {
        let text =
            "from 26.0 Mpps to 35.5 Mpps (+36 %), 15ns -> 5ns.\n 3 files changed\n> 7 ms\nv5.4 took 1,234 cycles\n";
        assert_eq!(figures(text), ["26.0 Mpps", "35.5 Mpps", "36 %", "15 ns", "5 ns", "1,234 cycles"]);
        assert!(figures("patch 2 of 6\n a.c | 7 ms\n").is_empty());
    }
}
