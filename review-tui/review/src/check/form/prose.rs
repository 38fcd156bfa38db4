//! The words of facts, and of what was not looked at. Nowhere else is a fact put into words.

use jiff::civil::Date;

use crate::check::fact::{Ended, Knows};
use crate::check::outcome::{Missing, NotRun};
use crate::check::{Fact, Finding, day};
use crate::text;

/// A line below a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// In front; empty where it goes on from the line before.
    pub label: String,
    /// What is so.
    pub text: String,
    /// Which fact of the finding it tells.
    pub fact: usize,
    /// The fact ends here: what it rests on is cited here.
    pub last: bool,
}

/// The facts of a finding in words.
pub fn lines(finding: &Finding) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut ran = false;
    for (at, fact) in finding.facts.iter().enumerate() {
        let mut said = told(fact);
        // The second order goes on from the first.
        if let (Fact::Ran { .. }, true, Some(first)) = (fact, ran, said.first_mut()) {
            first.0.clear();
        }
        ran = matches!(fact, Fact::Ran { .. });
        let count = said.len();
        let told = said.into_iter().enumerate();
        lines.extend(told.map(|(n, (label, text))| Line { label, text, fact: at, last: n + 1 == count }));
    }
    lines
}

fn told(fact: &Fact) -> Vec<(String, String)> {
    let one = |label: &str, text: String| vec![(label.to_owned(), text)];
    match fact {
        Fact::Plain { label, text } => one(label, text.clone()),
        Fact::Entry { address, function, table, owner } => one(
            "why",
            format!(
                "{address} is the entry of {function}(), a compiled function without notrace, so its first bytes stand in {table}; \
                 nothing here asks {owner}"
            ),
        ),
        Fact::Excludes { what, because, function } => {
            let whose = function
                .as_ref()
                .map_or_else(|| "any function that is named at run time".to_owned(), |name| format!("{name}()"));
            one("why", format!("{what} on the entry of {whose}: {because}"))
        }
        Fact::Declared { declares, does } => {
            let declared = if *declares { "IPMODIFY is declared" } else { "IPMODIFY is not declared" };
            let done = does.as_ref().map_or_else(
                || "nothing here moves the instruction pointer".to_owned(),
                |name| format!("the instruction pointer is moved by {name}"),
            );
            one("ip", format!("{declared}; {done}"))
        }
        Fact::Answers { list, mechanism, since } => {
            one("list", format!("{list}: people of {mechanism} write there, seen since {since}"))
        }
        Fact::Rule(place) => one("rule", (*place).to_owned()),
        Fact::OnConflict { owner, then } => one("owner", format!("if {owner} finds bytes it did not write: {then}")),
        Fact::Ran { first, second, came, witness } => {
            let silent = if came.word() == "silent" { " (the silent one)" } else { "" };
            let witness = witness
                .as_ref()
                .map_or_else(|| "not run on a kernel".to_owned(), |kernel| format!("witness: {kernel}"));
            let (one_, other) = (first.mechanism(), second.mechanism());
            let came = came.describe();
            let model = format!("model of {} and {}", first.label(), second.label());
            one("ran", format!("{one_} first, then {other}: {came}{silent}; {model}, {witness}"))
        }
        Fact::NoModel(function) => one("ran", format!("nothing: the engine has no model of {function}()")),
        Fact::Image { kernel, says } => one("image", text::line(&format!("{kernel}: {says}")).into_owned()),
        Fact::List { address, section: Some((title, by)) } => one("list", format!("{address}: {title}, {by}")),
        Fact::List { address, section: None } => one("list", format!("{address}: every patch")),
        Fact::Maintainer { who, section: (title, by), last } => {
            let last = last
                .map_or_else(|| "no mail in the indexed lists".to_owned(), |last| format!("last mail {}", day(last)));
            one("person", format!("{who}: {title}, {by}; {last}"))
        }
        Fact::MaintainersOf(date) => one("file", format!("MAINTAINERS of {}", day(*date))),
        Fact::Habit { list, threads, of, path, since } => one(
            "list",
            format!("{list}: {threads} of {of} threads with patches to {path} since {} went there", day(*since)),
        ),
        Fact::Person { name, knows, last } => one(name, format!("{}; last mail {}", known(knows), day(*last))),
        Fact::Event { on, what, who } => {
            let who = who.as_deref().unwrap_or("author not recorded");
            one("", format!("{on} {what} ({who})"))
        }
        Fact::Mail { date, subject, author } => one("", format!("{} \"{subject}\" ({author})", day(*date))),
        Fact::Pieces { here, on, there, then } => {
            let side = |day: Date, lines: &[String]| {
                let first = std::iter::once((day.to_string(), lines.first().cloned().unwrap_or_default()));
                first.chain(lines.iter().skip(1).map(|line| (String::new(), line.clone()))).collect::<Vec<_>>()
            };
            let mut both = side(day(*then), there);
            both.extend(side(day(*on), here));
            both.into_iter().map(|(label, line)| (label, format!("| {}", line.replace('\t', "        ")))).collect()
        }
        Fact::Ended(ended) => one("ended", how(ended)),
        Fact::Matched(what) => one("matched", what.join("; ")),
        Fact::Posted { mechanism, on } => one("posted", format!("{mechanism}: {on}")),
        Fact::Merged { mechanism: Some(slug), on } => one("merged", format!("{slug}: {on}")),
        Fact::Merged { mechanism: None, on } => one("merged", on.to_string()),
        Fact::Earlier { date, subject, similarity } => {
            let share = similarity / 10;
            one("earlier", format!("{} \"{subject}\", {share} % of its changed lines are the same", day(*date)))
        }
        Fact::Given(trailer) => one("given", trailer.clone()),
        Fact::Changed { path, function, came, went } => {
            let place = if function.is_empty() { path.clone() } else { format!("{path}: {function}()") };
            let came = text::plural(*came as u64, "new line", "new lines");
            one("changed", format!("{place}, {came}, {went} gone"))
        }
        Fact::More(n, "") => one("", format!("and {n} more")),
        Fact::More(n, what) => one("", format!("and {n} more {what}")),
        Fact::Remark { on, date, who, says } => {
            vec![("on".to_owned(), on.clone()), (String::new(), format!("{}, {who}: {says}", day(*date)))]
        }
        Fact::Titles { says, is } => vec![("says".to_owned(), says.clone()), ("is".to_owned(), is.clone())],
        Fact::Figures(figures) => one("figures", figures.join(", ")),
        Fact::Printed { date, subject } => one("earlier", format!("{} \"{subject}\"", day(*date))),
    }
}

fn how(ended: &Ended) -> String {
    match ended {
        Ended::Nak { who, on, line } => format!("NAK by {who}, {}: \"{line}\"", day(*on)),
        Ended::Answers { count, who, on } => {
            format!("{}, the last by {who}, {}", text::plural(*count as u64, "answer", "answers"), day(*on))
        }
        Ended::Unanswered => "no answer is indexed".to_owned(),
    }
}

fn known(knows: &Knows) -> String {
    match knows {
        Knows::Owner(slug, on, what) => format!("{slug} owns the bytes that are overwritten: {on} \"{what}\""),
        Knows::Similar(slug, on, what) => format!("{slug} does something like this: {on} \"{what}\""),
        Knows::Through(slug, on, what) => format!("the patch writes through {slug}: {on} \"{what}\""),
        Knows::Entry(slug, on, what) => format!("{slug} shares out such entries: {on} \"{what}\""),
        Knows::Code { shared, date, subject, line, changed: true } => {
            format!("changed {shared}: {} \"{subject}\": {line}", day(*date))
        }
        Knows::Code { shared, date, subject, line, changed: false } => {
            format!("wrote of {shared}: {} \"{subject}\": {line}", day(*date))
        }
    }
}

/// What would have to be attached.
pub fn missing(missing: Missing) -> &'static str {
    match missing {
        Missing::Index => "a list's archive",
        Missing::Tree => "a git tree",
        Missing::Image => "a kernel image",
    }
}

/// A rule, or a part of one.
pub fn part(not_run: &NotRun) -> String {
    if not_run.part.is_empty() { not_run.rule.to_owned() } else { format!("{} ({})", not_run.rule, not_run.part) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Severity;

    #[test]
    fn a_fact_of_two_lines_is_cited_at_its_end_and_a_second_order_goes_on() {
        let finding = Finding::new("rule", Severity::Note, "says")
            .fact(Fact::Remark { on: "+a".to_owned(), date: 0, who: "Ada".to_owned(), says: "why?".to_owned() })
            .fact(Fact::More(2, "places"));
        let told: Vec<(String, String, usize, bool)> =
            lines(&finding).into_iter().map(|l| (l.label, l.text, l.fact, l.last)).collect();
        let line = |label: &str, text: &str, fact, last| (label.to_owned(), text.to_owned(), fact, last);
        assert_eq!(
            told,
            [
                line("on", "+a", 0, false),
                line("", "1970-01-01, Ada: why?", 0, true),
                line("", "and 2 more places", 1, true),
            ]
        );
    }
}
