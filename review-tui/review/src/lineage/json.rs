//! The drawing as data: all facts, in a form that programs may rely on.

use provenance_index::lineage::Lineage;
use serde_json::{Map, Value, json};

use super::{role, title};

/// One object. `format` is raised when a field changes its meaning; new fields may come at any time.
pub fn json(lineage: &Lineage<'_>) -> Value {
    let lanes = lineage.lanes.iter().map(|lane| {
        let mut value = to_value(lane.mechanism);
        for list in ["event", "edge"] {
            value.remove(list);
        }
        value.insert("role".into(), role(lane.role).into());
        value.insert("known".into(), lane.known.into());
        Value::Object(value)
    });
    let events = lineage.entries.iter().map(|entry| {
        let mut value = to_value(entry.event);
        value.insert("mechanism".into(), entry.event.mechanism.as_str().into());
        value.insert("recorded".into(), entry.event.recorded().to_string().into());
        value.insert("indexed".into(), entry.indexed.into());
        if let Some(Value::Array(evidence)) = value.get_mut("evidence") {
            for (e, written) in evidence.iter_mut().zip(&entry.event.evidence) {
                e["class"] = written.class().as_str().into();
            }
        }
        Value::Object(value)
    });
    let edges = lineage.links.iter().map(|link| {
        let mut value = to_value(link.edge);
        value.insert("judgement".into(), link.edge.kind.is_judgement().into());
        Value::Object(value)
    });
    json!({
        "format": 1,
        "title": title(lineage),
        "mechanism": lineage.mechanism.map(|m| m.slug.as_str()),
        "as_of": lineage.as_of.map(|d| d.to_string()),
        "mechanisms": lanes.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
        "hidden": { "later": lineage.later, "elsewhere": lineage.elsewhere },
    })
}

/// A fact as the catalogue has it; what it does not say is left out.
fn to_value(fact: &impl serde::Serialize) -> Map<String, Value> {
    let mut value = match serde_json::to_value(fact) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    prune(&mut value);
    value
}

fn prune(map: &mut Map<String, Value>) {
    map.retain(|_, v| !v.is_null() && *v != Value::Array(Vec::new()));
    for value in map.values_mut() {
        // The catalogue's types nest no deeper than a list of flat objects.
        match value {
            Value::Object(inner) => inner.retain(|_, v| !v.is_null()),
            Value::Array(list) => {
                for inner in list.iter_mut().filter_map(Value::as_object_mut) {
                    inner.retain(|_, v| !v.is_null());
                }
            }
            _ => {}
        }
    }
}
