//! For `b4 review`'s CI protocol: a JSON array, whatever happened.

use serde_json::{Value, json};

use super::{Checked, finding, prose};
use crate::check::outcome::Why;
use crate::check::rules;
use crate::check::{Evidence, Finding, Severity};
use crate::text;

/// One entry for each rule, with the worst status; `details` is a string. Of a mail without a patch there is nothing to say.
pub fn b4(all: &[Checked]) -> Value {
    if all.is_empty() {
        return json!([]);
    }
    let names = rules::ALL.iter().map(|rule| rule.name());
    let of_rule = |rule: &str| all.iter().any(|c| c.ran.contains(&rule) || c.not_run.iter().any(|n| n.rule == rule));
    Value::Array(names.filter(|name| of_rule(name)).map(|name| entry(all, name)).collect())
}

fn entry(all: &[Checked], rule: &str) -> Value {
    let of: Vec<&Finding> = all.iter().flat_map(|checked| &checked.findings).filter(|f| f.rule == rule).collect();
    let not_run = || all.iter().flat_map(|checked| &checked.not_run).filter(|not_run| not_run.rule == rule);
    let broken = not_run().find_map(|not_run| match &not_run.why {
        Why::Broken(why) => Some(format!("could not look: {}: {why}", prose::part(not_run))),
        Why::NotAttached(_) => None,
    });
    let absent = not_run().find_map(|not_run| match &not_run.why {
        Why::NotAttached(missing) if not_run.part.is_empty() => {
            Some(format!("not run: needs {}", prose::missing(*missing)))
        }
        _ => None,
    });
    let worst = of.iter().max_by_key(|f| f.severity);
    let status = match worst.map_or(Severity::Silent, |f| f.severity) {
        Severity::Error => "fail",
        Severity::Warning => "warn",
        Severity::Note | Severity::Silent if broken.is_some() => "warn",
        Severity::Note | Severity::Silent => "pass",
    };
    let says = worst.map(|f| text::line(&f.says).into_owned());
    let summary = says.or(broken.map(|why| text::line(&why).into_owned())).or(absent);
    let url = of.iter().flat_map(|f| &f.evidence).find_map(|e| match e {
        Evidence::Mail(id) => Some(format!("https://lore.kernel.org/r/{id}")),
        _ => None,
    });
    let details = Value::Array(of.iter().map(|f| detail(f)).collect()).to_string();
    json!({
        "tool": format!("provenance/{rule}"),
        "status": status,
        "summary": summary.unwrap_or_else(|| "no findings".to_owned()),
        "url": url.unwrap_or_default(),
        "details": details,
    })
}

/// As b4 0.16 draws it (b4/review_tui/_modals.py: `_render_detail_lines()`): a dot for the status, the description, the line of
/// the patch, a link. The finding as `-f json` has it is beside them.
fn detail(found: &Finding) -> Value {
    let mut value = finding(found);
    let place = if found.path.is_empty() { String::new() } else { format!("{}:{}: ", found.path, found.line) };
    let url = found.evidence.iter().find_map(|e| match e {
        Evidence::Mail(id) => Some(format!("https://lore.kernel.org/r/{id}")),
        Evidence::Page(url) => Some(url.clone()),
        Evidence::Commit(..) => None,
    });
    let status = if found.severity >= Severity::Error {
        "fail"
    } else if found.severity >= Severity::Warning {
        "warn"
    } else {
        "pass"
    };
    value["status"] = status.into();
    value["description"] = text::line(&format!("{place}{}", found.says)).into();
    value["srcline"] = found.quote.first().map_or("", |line| line.trim()).into();
    value["url"] = url.unwrap_or_default().into();
    value
}

/// What b4 is told where nothing could be checked.
pub fn b4_failed(why: &str) -> String {
    let summary = why.lines().next().unwrap_or_default();
    let entry =
        json!({ "tool": "provenance", "status": "warn", "summary": text::line(summary), "url": "", "details": why });
    format!("{}\n", json!([entry]))
}
