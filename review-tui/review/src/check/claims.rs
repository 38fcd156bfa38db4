//! Figures that a cover letter or patch gives, and what they lack: the machine, the mitigations, the spread; and a figure that
//! was printed in an earlier revision too, which is one measurement and not two. Off by default: most figures are fine.

use provenance_corpus::message::Message;
use provenance_index::hash;
use provenance_index::raw::Raw;

use super::{Evidence, Finding, Severity, Target, World, day};

/// The name of the rule.
pub const RULE: &str = "claims";

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

/// Runs the rule: on the patch's own words, or on its cover letter's where the patch gives no figure.
pub fn check(target: &Target<'_>, world: &World<'_>) -> Vec<Finding> {
    let own: String = target.patch.prose().collect::<Vec<_>>().join("\n");
    let cover = cover(target, world);
    let (text, mail) = match (figures(&own).is_empty(), cover) {
        (true, Some((text, id))) => (text, id),
        _ => (own, target.message.message_id.to_string()),
    };
    let given = figures(&text);
    if given.is_empty() {
        return Vec::new();
    }
    let lower = text.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let mut lacks: Vec<&str> = Vec::new();
    for (words, what) in [(&MACHINE[..], "the machine"), (&MITIGATIONS, "the mitigations"), (&SPREAD, "the spread")] {
        if !has(words) {
            lacks.push(what);
        }
    }
    let shown = given.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let mut findings = Vec::new();
    if !lacks.is_empty() {
        let says = format!("figures without {}", lacks.join(", "));
        let mut finding = Finding::new(RULE, Severity::Note, says).key("lacks").fact("figures", shown);
        finding.cite(Evidence::Mail(mail.clone()));
        findings.push(finding);
    }
    findings.extend(again(target, world, &given, &mail));
    findings
}

/// The cover letter above a patch: its text and Message-ID.
fn cover(target: &Target<'_>, world: &World<'_>) -> Option<(String, String)> {
    let graph = &world.reader?.links.graph;
    let (head, _) = graph.sending(hash::message_id(&target.message.message_id)).ok()??;
    let cover = graph.members(head).ok()?.into_iter().find(|member| member.number == 0)?;
    read(world, cover.mail)
}

fn read(world: &World<'_>, id: u64) -> Option<(String, String)> {
    let copy = world.reader?.mail(id).ok()??;
    let bytes = Raw::open(world.data).ok()?.read(&copy).ok()?;
    Some((Message::parse(&bytes).text().into_owned(), copy.stored.message_id))
}

/// The same figures in an earlier version: one measurement.
fn again(target: &Target<'_>, world: &World<'_>, given: &[String], mail: &str) -> Option<Finding> {
    let reader = world.reader?;
    let graph = &reader.links.graph;
    let head = graph.sending(hash::message_id(mail)).ok()??.0;
    for version in graph.versions(head).ok()?.into_iter().filter(|version| version.head != head) {
        let Ok(Some(copy)) = reader.mail(version.head) else { continue };
        if copy.stored.date >= target.as_of {
            continue;
        }
        let Some((text, id)) = read(world, version.head) else { continue };
        let before = figures(&text);
        let same: Vec<String> = given.iter().filter(|figure| before.contains(figure)).take(SHOWN).cloned().collect();
        // One number may be the same by chance.
        if same.len() >= 2 {
            let says = "figures of an earlier version are printed again: one measurement, not two";
            let mut finding = Finding::new(RULE, Severity::Note, says)
                .key("again")
                .fact("figures", same.join(", "))
                .fact("earlier", format!("{} \"{}\"", day(copy.stored.date), copy.stored.subject));
            finding.cite(Evidence::Mail(id));
            return Some(finding);
        }
    }
    None
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
