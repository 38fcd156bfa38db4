//! For other programs that read findings: what `checkpatch.pl --terse` prints, what editors jump to, and SARIF 2.1.0.

use serde_json::{Value, json};

use super::{Checked, prose, unseen};
use crate::check::outcome::Why;
use crate::check::rules;
use crate::check::{Finding, Severity};
use crate::text;

/// Findings that count, gravest first.
fn findings(all: &[Checked]) -> impl Iterator<Item = &Finding> {
    let all = all.iter().flat_map(|checked| &checked.findings);
    all.filter(|finding| finding.severity > Severity::Silent && finding.dismissed.is_none())
}

/// Where a finding stands: file and line, or nothing where it is about the mail as a whole.
fn place(finding: &Finding) -> Option<String> {
    (!finding.path.is_empty()).then(|| format!("{}:{}", text::line(&finding.path), finding.line.max(1)))
}

/// Plain lines as b4 0.16 reads them from `am --check` and `prep --check`: `ERROR:` for what fails and for what could not be
/// looked at, `WARNING:` for what is grave, silence for success. Notes are left out: b4 counts every line.
pub fn checkpatch(all: &[Checked]) -> String {
    let mut out = String::new();
    for finding in findings(all).filter(|finding| finding.severity >= Severity::Warning) {
        let grade = if finding.severity == Severity::Error { "ERROR" } else { "WARNING" };
        let place = place(finding).map_or_else(String::new, |place| format!("{place}: "));
        out.push_str(&format!("{place}{grade}: {} [{}]\n", text::line(&finding.says), finding.id));
    }
    for line in unseen(all) {
        out.push_str(&format!("ERROR: {}\n", text::line(&line)));
    }
    out
}

/// `file:line: warning: message [rule]`, as compilers print it; what is about no file is about the mail, `-`.
pub fn editor(all: &[Checked]) -> String {
    let line = |finding: &Finding| {
        let place = place(finding).unwrap_or_else(|| "-:1".to_owned());
        format!("{place}: {}: {} [{}]\n", finding.severity.as_str(), text::line(&finding.says), finding.rule)
    };
    findings(all).map(line).collect()
}

/// A log of one run in SARIF 2.1.0. What could not be looked at is a notification, and the run did not succeed.
pub fn sarif(all: &[Checked]) -> Value {
    let level = |severity: Severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note | Severity::Silent => "note",
    };
    let result = |finding: &Finding| {
        let said: Vec<String> = prose::lines(finding).into_iter().map(|line| line.text).collect();
        let message = std::iter::once(finding.says.clone()).chain(said).collect::<Vec<_>>().join("\n");
        let mut result = json!({
            "ruleId": finding.rule,
            "level": level(finding.severity),
            "message": { "text": text::block(&message) },
            "partialFingerprints": { "findingId/v1": finding.id },
        });
        if !finding.path.is_empty() {
            result["locations"] = json!([{ "physicalLocation": {
                "artifactLocation": { "uri": finding.path },
                "region": { "startLine": finding.line.max(1) },
            }}]);
        }
        result
    };
    let broken = all.iter().flat_map(|checked| &checked.not_run).filter_map(|not_run| match &not_run.why {
        Why::Broken(why) => Some(json!({
            "level": "error",
            "message": { "text": format!("could not look: {}: {}", prose::part(not_run), text::line(why)) },
        })),
        Why::NotAttached(_) => None,
    });
    let broken: Vec<Value> = broken.collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "provenance",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules::ALL.iter().map(|rule| json!({ "id": rule.name() })).collect::<Vec<_>>(),
            }},
            "invocations": [{ "executionSuccessful": broken.is_empty(), "toolExecutionNotifications": broken }],
            "results": findings(all).map(result).collect::<Vec<_>>(),
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::outcome::NotRun;

    #[test]
    fn what_counts_is_a_line_and_success_is_silence() {
        let mut grave = Finding::new("ownership", Severity::Warning, "takes\u{1b}[31m bytes");
        (grave.path, grave.line, grave.id) = ("a.c".to_owned(), 7, "ownership-0".to_owned());
        let note = Finding::new("series", Severity::Note, "parts");
        let not_run = NotRun { rule: "revision", part: "", why: Why::Broken("gone".to_owned()) };
        let all = [Checked { findings: vec![grave, note], not_run: vec![not_run], ..Checked::default() }];
        let plain = checkpatch(&all);
        assert_eq!(plain.lines().count(), 2, "{plain}");
        assert!(plain.starts_with("a.c:7: WARNING: takes") && !plain.contains('\u{1b}'), "{plain}");
        assert!(plain.ends_with("ERROR: could not look: revision: gone\n"), "{plain}");
        assert_eq!(editor(&all).lines().last(), Some("-:1: note: parts [series]"));
        let log = sarif(&all);
        assert_eq!(log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"], 7);
        assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
        assert_eq!(checkpatch(&[Checked::default()]), "");
    }
}
