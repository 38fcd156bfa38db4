//! The catalogue's events as hits: a reader's own facts count from the moment they are written, whatever was kept on disk.

use crate::harness::{User, mail};

const FACT: &str = r#"
slug = "nop5"

[[event]]
id = "own-fact"
kind = "report"
happened = 2015-03-04
text = "A quokka was seen."
evidence = [{ mail = "quokka@x", date = 2015-03-04 }]
"#;

fn kept(user: &User) -> Vec<String> {
    let entries = std::fs::read_dir(user.path(".local/share/provenance/index.4/events")).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_fact_is_found_before_and_after_its_index_is_kept() {
    let user = User::new();
    user.write("one.eml", mail("quokka@x", "quokka", &[], "body"));
    user.run(["index", "one.eml"]).ok();
    let first = kept(&user);
    assert_eq!(first.len(), 1);
    let before = user.run(["query", "is:event"]).ok();
    assert!(!before.out.contains('◆') || !before.out.contains("quokka"), "{}", before.out);
    user.write(".local/share/provenance/catalogue/own.toml", FACT);
    let stale = user.run(["query", "is:event quokka"]).ok();
    assert!(stale.out.contains("◆ quokka") && stale.out.contains("quokka@x"), "{}", stale.out);
    user.run(["index"]).ok();
    let second = kept(&user);
    assert!(second.len() == 1 && second != first, "{second:?}");
    let fresh = user.run(["query", "is:event quokka"]).ok();
    assert_eq!(fresh.out, stale.out);
}

#[test]
fn a_kept_index_that_is_damaged_is_passed_over_and_mended() {
    let user = User::new();
    user.write("one.eml", mail("1@x", "one", &[], "body"));
    user.run(["index", "one.eml"]).ok();
    let whole = user.run(["query", "mech:bpf-dispatcher"]).ok();
    let meta = user.path(&format!(".local/share/provenance/index.4/events/{}/meta.json", kept(&user)[0]));
    std::fs::write(&meta, "{").unwrap();
    assert_eq!(user.run(["query", "mech:bpf-dispatcher"]).ok().out, whole.out);
    user.run(["index"]).ok();
    assert_ne!(std::fs::read(&meta).unwrap(), b"{");
}

#[test]
fn a_catalogue_that_does_not_load_keeps_no_mail_from_being_indexed() {
    let user = User::new();
    user.write("one.eml", mail("1@x", "one", &[], "body"));
    user.write(".local/share/provenance/catalogue/own.toml", "slug = 3");
    let said = user.run(["index", "one.eml"]).ok();
    assert!(said.err.contains("own.toml") && said.err.contains("1 mail indexed"), "{}", said.err);
    assert!(user.run(["query", "s:one"]).ends(3).err.contains("own.toml"));
}
