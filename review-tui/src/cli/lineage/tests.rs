use super::*;
use provenance_corpus::catalogue::{Catalogue, Day};

fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|e| panic!("{e}"))
}

fn of<'c>(c: &'c Catalogue, name: &str, as_of: Option<&str>) -> Lineage<'c> {
    let mechanism = c.mechanism(name).unwrap_or_else(|e| panic!("{e}"));
    Lineage::new(c, Some(&mechanism.slug), as_of.map(|d| Day(d.parse().expect("a day"))))
}

#[test]
#[ignore = "writes drawings for looking at"]
fn look() {
    let dir = std::path::PathBuf::from(std::env::var_os("LOOK").expect("LOOK"));
    let c = catalogue();
    for (name, l) in [("one", of(&c, "bpf-dispatcher", None)), ("all", Lineage::new(&c, None, None)), ("asof", of(&c, "bpf-dispatcher", Some("2019-12-11"))), ("sc", of(&c, "static-call", None))] {
        std::fs::write(dir.join(format!("{name}.svg")), svg(&l)).unwrap();
        std::fs::write(dir.join(format!("{name}.dot")), dot(&l)).unwrap();
        std::fs::write(dir.join(format!("{name}.json")), serde_json::to_string_pretty(&json(&l)).unwrap()).unwrap();
        for w in [60, 80, 120] {
            std::fs::write(dir.join(format!("{name}-{w}.txt")), text(&l, w, Style::default())).unwrap();
        }
        std::fs::write(dir.join(format!("{name}-ascii.txt")), text(&l, 80, Style { ascii: true, colour: false })).unwrap();
        std::fs::write(dir.join(format!("{name}-colour.txt")), text(&l, 100, Style { ascii: false, colour: true })).unwrap();
    }
}
