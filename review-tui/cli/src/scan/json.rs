//! Everything as JSON, format 1.

use provenance_engine::image::{Census, Finding};
use provenance_review::json::FORMAT;
use serde_json::{Value, json};

use super::{Report, Scan};

/// A scan as one JSON object: totals, the census and findings of each image, and what could not be read.
pub fn scan(scan: &Scan) -> Value {
    let mut value = images(scan);
    match &scan.traced {
        Some(Ok(traces)) => value["traced"] = super::traced::json(traces),
        Some(Err(why)) => value["traced"] = json!({ "not_read": why }),
        None => {}
    }
    value
}

fn images(scan: &Scan) -> Value {
    let mut total = Census::default();
    scan.reports.iter().for_each(|(_, report)| total.add(&report.census));
    json!({
        "format": FORMAT,
        "seconds": scan.seconds,
        "total": census(&total),
        "images": scan.reports.iter().map(|(path, r)| report(&path.to_string_lossy(), r)).collect::<Vec<_>>(),
        "not_read": scan.failed.iter().map(|(path, reason)| json!({
            "path": path.to_string_lossy(), "reason": reason,
        })).collect::<Vec<_>>(),
    })
}

fn report(path: &str, report: &Report) -> Value {
    json!({
        "path": path,
        "kind": report.kind,
        "version": report.version,
        "build_id": report.build_id,
        "boot_image": report.boot,
        "compression": report.compression,
        "bytes": report.size,
        "names": report.names,
        "tables": report.tables,
        "census": census(&report.census),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "notes": report.notes,
    })
}

fn census(census: &Census) -> Value {
    json!({
        "images": census.images,
        "text": census.text,
        "sections": census.sections,
        "owners": census.owners.iter().map(|(owner, share)| {
            let mut value = json!(share);
            value["owner"] = json!(owner.name());
            value["mechanism"] = json!(owner.mechanism());
            value["when"] = json!(owner.when());
            value
        }).collect::<Vec<_>>(),
        "not_read": census.not_read.iter().map(|(owner, table, why, images)| json!({
            "owner": owner.name(), "table": table, "why": why, "images": images,
        })).collect::<Vec<_>>(),
        "by_design": census.by_design.iter().map(|(a, b, times, why)| json!({
            "owners": [a.name(), b.name()], "times": times, "why": why,
        })).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity,
        "address": format!("{:#x}", finding.addr),
        "len": finding.len,
        "place": finding.place,
        "owners": finding.owners.iter().map(|(owner, table)| json!({
            "owner": owner.name(), "table": table,
        })).collect::<Vec<_>>(),
        "bytes": finding.bytes,
        "what": finding.what,
        "times": finding.times,
    })
}
