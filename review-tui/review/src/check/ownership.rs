//! Who owns the bytes that a patch writes. Three grades: it *uses* a mechanism that patches text, it *writes* text, or it
//! *takes* bytes that another mechanism records, without asking that mechanism and without being excluded from its record.

use provenance_corpus::catalogue::Day;
use provenance_lab::conflict::Era;

use super::deeds::registers::User;
use super::deeds::{ENTRIES, Take};
use super::outcome::Missing;
use super::{Case, Evidence, Fact, Finding, Outcome, Rule, Severity, day, history_of, in_image, scenario};

/// The name of the rule.
pub const RULE: &str = "ownership";

/// Runs [`RULE`].
pub struct Ownership;

impl Rule for Ownership {
    fn name(&self) -> &'static str {
        RULE
    }

    fn check(&self, case: &Case<'_>) -> Outcome {
        let (code, deeds) = (case.code(), case.deeds());
        let mut outcome = Outcome::default();
        if let Some(take) = &deeds.takes {
            let finding = taken(case, take, &mut outcome);
            outcome.findings.extend(finding);
        } else if let Some(user) = &deeds.excludes {
            let finding = excluded(case, user, &mut outcome);
            outcome.findings.push(finding);
        } else if let Some((line, says)) = &deeds.writes {
            outcome.findings.push(Finding::new(RULE, Severity::Note, says).at(code, *line));
        } else if let Some(line) = deeds.uses {
            let says = "patches text through the interface of a mechanism";
            outcome.findings.push(Finding::new(RULE, Severity::Silent, says).at(code, line));
        }
        outcome
    }
}

/// The finding on bytes that are taken, with what the engine and the attached images say of them.
fn taken(case: &Case<'_>, take: &Take, outcome: &mut Outcome) -> Option<Finding> {
    let world = case.world;
    let owner = world.catalogue.mechanisms().iter().find(|mechanism| mechanism.slug == take.owner)?;
    let name = owner.name.as_deref().unwrap_or(owner.slug.as_str());
    let owns = owner.owns.iter().find(|owns| owns.table.as_deref() == Some(ENTRIES))?;
    let bytes = owns.bytes.first().map_or_else(|| "bytes".to_owned(), |n| format!("{} bytes", spelled(*n)));
    let mut finding = Finding::new(RULE, Severity::Warning, format!("takes {bytes} that {name} records"))
        .at(case.code(), take.line)
        .fact(Fact::Entry {
            address: take.address.clone(),
            function: take.function.clone(),
            table: ENTRIES,
            owner: name.to_owned(),
        })
        .fact(Fact::Rule("arch/x86/kernel/ftrace.c: ftrace_verify_code(), v5.4"));
    if let Some(then) = owns.on_conflict.clone() {
        finding = finding.fact(Fact::OnConflict { owner: name.to_owned(), then });
    }
    if world.engine {
        match scenario::both_orders(owner.slug.as_str(), &take.writer, day(case.target.as_of)) {
            Ok(facts) => finding.facts.extend(facts),
            Err(broken) => outcome.broken("engine", broken),
        }
        match in_image::owners(world.data, &take.function) {
            Ok(None) => outcome.lacks("image", Missing::Image),
            Ok(Some((facts, broken))) => {
                finding.facts.extend(facts);
                broken.into_iter().for_each(|broken| outcome.broken("image", broken));
            }
            Err(broken) => outcome.broken("image", broken),
        }
    }
    finding.advice =
        Some("mark it notrace, ask ftrace_location() and use the direct API, or use a static_call".to_owned());
    Some(finding)
}

/// The event in which it was first asked on a list whether a probe has to keep a live patch out.
const ASKED: &str = "kprobes-ipmodify-question";

/// The finding on a user of an entry that keeps others out, with what the engine says of both orders.
fn excluded(case: &Case<'_>, user: &User, outcome: &mut Outcome) -> Finding {
    let today = day(case.target.as_of);
    let severity = if user.is_grave() { Severity::Warning } else { Severity::Note };
    let whose = user.function.as_ref().map_or_else(|| "any function".to_owned(), |name| format!("{name}()"));
    let says =
        format!("puts {} on the entry of {whose}, which ftrace shares out: others are kept out of it", user.what);
    let mut finding = Finding::new(RULE, severity, says)
        .key("excludes")
        .at(case.code(), user.line)
        .fact(Fact::Excludes { what: user.what, because: user.because, function: user.function.clone() })
        .fact(Fact::Rule(user.rule));
    if user.era != Era::FtraceDirect {
        finding = finding.fact(Fact::Declared { declares: user.declares, does: user.moves.clone() });
    }
    if user.concerns.contains(&"kprobes")
        && let Some(event) = case.world.catalogue.event(ASKED)
        && event.recorded() <= Day(today)
    {
        let what = event.subject.clone().unwrap_or_default();
        let who = event.authors.first().cloned();
        finding = finding.fact(Fact::Event { on: event.happened.0, what: format!("\"{what}\""), who });
        history_of::mail_of(event).into_iter().for_each(|id| finding.cite(Evidence::Mail(id.to_owned())));
    }
    if case.world.engine {
        for rival in user.rivals {
            let rival = Era::named(rival);
            let Some(rival) = scenario::as_of(&rival, today) else { continue };
            for (first, second) in [(rival, user.era), (user.era, rival)] {
                match scenario::run(first, second) {
                    Ok(fact) => finding = finding.fact(fact),
                    Err(broken) => outcome.broken("engine", broken),
                }
            }
        }
    }
    let advice = "say what becomes of those who were there first, and ask those who look after them";
    finding.advice = Some(match user.era {
        Era::KprobePost if user.concerns.contains(&"kprobes") => format!("do without the post_handler, or {advice}"),
        _ => advice.to_owned(),
    });
    finding
}

fn spelled(n: u8) -> String {
    let words = ["no", "one", "two", "three", "four", "five", "six"];
    words.get(usize::from(n)).map_or_else(|| n.to_string(), |word| (*word).to_owned())
}
