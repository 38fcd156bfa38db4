//! Lists that answer for the mechanisms whose bytes are taken, or whose users are kept out: what the catalogue has of them, with
//! the mail in which their people wrote there. It needs neither a tree nor an archive.

use provenance_corpus::catalogue::Day;

use super::{RULE, Reached};
use crate::check::{Case, Evidence, Fact, Finding, Severity, day};

/// The finding; lists that were named already are not named again.
pub fn lists(case: &Case<'_>, reached: &Reached, named: &[String]) -> Option<Finding> {
    let today = Day(day(case.target.as_of));
    let mut finding = Finding::new(RULE, Severity::Note, "").key("answers");
    for slug in case.deeds().concerns() {
        let catalogue = case.world.catalogue;
        let Some(mechanism) = catalogue.mechanisms().iter().find(|mechanism| mechanism.slug == slug) else { continue };
        let known = mechanism.answers.iter().filter(|a| a.from <= today && a.until.is_none_or(|until| until > today));
        for answers in known {
            let list = &answers.list;
            if reached.address(list) || named.contains(list) || finding.addresses.contains(list) {
                continue;
            }
            let name = mechanism.name.clone().unwrap_or_else(|| slug.to_string());
            finding = finding.fact(Fact::Answers { list: list.clone(), mechanism: name, since: answers.from.0 });
            finding.addresses.push(list.clone());
            for mail in answers.evidence.iter().filter_map(|evidence| evidence.mail.as_ref()) {
                finding.cite(Evidence::Mail(mail.to_string()));
            }
        }
    }
    let says = match finding.addresses.split_last()? {
        (last, []) => format!("not in To or Cc: {last}, the list of what this touches"),
        (last, rest) => format!("not in To or Cc: {} and {last}, the lists of what this touches", rest.join(", ")),
    };
    finding.says = says;
    Some(finding)
}
