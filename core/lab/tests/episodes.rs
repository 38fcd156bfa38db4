//! Every episode fails by the rule of its day and holds by the one that came of it; its evidence is in the catalogue.

use std::path::Path;

use provenance_lab::episode::{self, Kind, Verdict};
use provenance_lab::runner::Runner;

fn runner() -> Runner {
    Runner::new(env!("CARGO_BIN_EXE_provenance-lab"), [""; 0])
}

#[test]
fn the_old_rule_fails_and_the_new_one_holds() {
    assert_eq!(episode::all().len(), 10);
    for e in episode::all() {
        let told = episode::run(&runner(), e).unwrap();
        println!("{}", told.render());
        assert!(told.runs[0].is_broken(), "{}", told.render());
        assert!(!told.runs[1].is_broken(), "{}", told.render());
        assert!(told.runs.iter().all(|r| r.steps.len() >= 2), "{}", told.render());
        let json = serde_json::to_string(&told).unwrap();
        assert_eq!(serde_json::from_str::<episode::Told>(&json).unwrap(), told);
    }
}

#[test]
fn the_card_is_written_and_the_process_dies_of_it() {
    let told = episode::run(&runner(), episode::find("e1000e").unwrap()).unwrap();
    let Verdict::Broken(why) = &told.runs[0].verdict else { panic!("{}", told.render()) };
    assert!(why.contains("SIGSEGV"), "a compare that fails writes all the same: {why}");
}

#[test]
fn evidence_is_in_the_catalogue() {
    let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/catalogue");
    if !catalogue.is_dir() {
        println!("skipped: needs ../corpus/catalogue");
        return;
    }
    let mut all = String::new();
    for file in std::fs::read_dir(catalogue).unwrap().flatten() {
        all.push_str(&std::fs::read_to_string(file.path()).unwrap());
    }
    for e in episode::all() {
        assert!(!e.events.is_empty());
        for id in e.events {
            assert!(all.contains(&format!("id = \"{id}\"")), "{}: {id}", e.name);
        }
    }
    let hazards = episode::all().iter().filter(|e| e.kind == Kind::Hazard).count();
    assert_eq!(hazards, 1);
    assert!(episode::find("nothing").is_none());
}
