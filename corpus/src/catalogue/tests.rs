//! What the built-in catalogue must hold, and what the loader must refuse.

mod archives;
mod refusals;

use super::*;

/// The slugs that the rest of the program may rely on.
const SLUGS: [&str; 20] = [
    "mcount",
    "recordmcount",
    "nop5",
    "ftrace",
    "ftrace-direct",
    "text-poke",
    "jump-label",
    "alternatives",
    "retpoline",
    "return-thunk",
    "static-call",
    "bpf-trampoline",
    "bpf-dispatcher",
    "kprobes",
    "optprobes",
    "livepatch",
    "ibt",
    "call-depth",
    "smp-locks",
    "uprobes-nop5",
];

fn built_in() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|e| panic!("{e}"))
}

fn day(text: &str) -> Day {
    Day(text.parse().expect("a day"))
}

#[test]
fn every_mechanism_is_there_and_the_counts_hold() {
    let c = built_in();
    assert!(c.events().len() >= 150, "{} events", c.events().len());
    assert!(c.edges().len() >= 60, "{} edges", c.edges().len());
    let mut slugs: Vec<_> = c.mechanisms().iter().map(|m| m.slug.as_str()).collect();
    slugs.sort_unstable();
    let mut wanted = SLUGS;
    wanted.sort_unstable();
    assert_eq!(slugs, wanted);
    for m in c.mechanisms() {
        assert!(c.events_of(&m.slug).next().is_some(), "{} has no event", m.slug);
        assert!(!m.paths.is_empty() && !m.symbols.is_empty() && !m.owns.is_empty(), "{} says too little", m.slug);
    }
}

#[test]
fn the_files_are_named_after_their_mechanisms() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    for entry in std::fs::read_dir(dir).expect("the catalogue's directory") {
        let path = entry.expect("a directory entry").path();
        let stem = path.file_stem().expect("a file name").to_string_lossy().into_owned();
        assert!(SLUGS.contains(&stem.as_str()), "{}", path.display());
        let text = std::fs::read_to_string(&path).expect("a catalogue file");
        assert!(text.starts_with(&format!("slug = \"{stem}\"\n")), "{}", path.display());
    }
}

#[test]
fn names_and_aliases_resolve() {
    let c = built_in();
    for (name, slug) in [
        ("static key", "jump-label"),
        ("Static_Key", "jump-label"),
        ("fentry", "ftrace"),
        ("dynamic ftrace", "ftrace"),
        ("BPF dispatcher", "bpf-dispatcher"),
        ("static_call", "static-call"),
    ] {
        assert_eq!(c.mechanism(name).map(|m| m.slug.as_str()), Ok(slug), "{name}");
    }
    let lost = c.mechanism("static-cal").expect_err("no such name");
    assert_eq!(lost.near.first().map(String::as_str), Some("static-call"));
    insta::assert_snapshot!(lost, @"no mechanism is called `static-cal`; try one of: static-call, static calls, static key, static branch");
    let nothing = c.mechanism("zzz").expect_err("no such name");
    assert_eq!(nothing.near.len(), SLUGS.len());
    let long = c.mechanism(&"x".repeat(1_000_000)).expect_err("no such name");
    assert!(long.name.len() <= SLUG_MAX);
}

#[test]
fn time_is_sane() {
    let c = built_in();
    assert!(c.events().is_sorted_by_key(|e| e.happened));
    let first = day("2008-02-10");
    for e in c.events() {
        assert!(e.happened >= first && e.recorded() >= e.happened, "{}", e.id);
        assert!(e.recorded() <= day("2026-12-31"), "{}", e.id);
    }
    for e in c.edges() {
        assert!(e.recorded.is_some(), "{} {}", e.from, e.to);
    }
}

#[test]
fn the_first_static_calls_stand_in_order() {
    let c = built_in();
    let when = |id: &str| c.event(id).unwrap_or_else(|| panic!("{id}")).happened;
    assert_eq!(when("static-call-biesheuvel-2018"), day("2018-10-05"));
    assert_eq!(when("static-call-poc-2018"), day("2018-10-06"));
    assert_eq!(when("static-call-linus-2018"), day("2018-11-29"));
    assert_eq!(when("dispatcher-applied"), day("2019-12-13"));
    assert!(when("dispatcher-applied") < when("static-call-infrastructure"));
}

#[test]
fn the_conflict_counts_from_the_day_it_was_written() {
    let c = built_in();
    let conflict = c
        .edges()
        .iter()
        .find(|e| e.kind == EdgeKind::ConflictsWith && e.from.as_str() == "bpf-dispatcher")
        .expect("the conflict");
    assert_eq!((conflict.to.as_str(), conflict.recorded), ("ftrace", Some(day("2022-07-22"))));
}

#[test]
fn both_sides_of_each_claim_are_kept() {
    let c = built_in();
    let claims: Vec<_> = c.events().iter().filter(|e| e.kind == Kind::Claim).collect();
    assert!(claims.len() >= 5);
    for e in claims {
        let claim = e.claim.as_ref().expect("the loader asks for it");
        assert!(!claim.by.is_empty() && !claim.see.is_empty(), "{}", e.id);
        assert!(!claim.disputed_by.contains(&claim.by), "{}", e.id);
    }
}

#[test]
fn a_name_that_lived_inside_one_series_is_marked() {
    let c = built_in();
    let m = c.mechanism("text-poke").expect("text-poke");
    let symbol = |name: &str| m.symbols.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("{name}"));
    assert!(symbol("smp_text_poke_batch_process").never_released);
    assert_eq!(symbol("text_poke_bp_batch").renamed_to.as_deref(), Some("smp_text_poke_batch_finish"));
    assert!(m.symbols.iter().filter(|s| s.writes_text).count() >= 8);
}

#[test]
fn the_recipients_of_the_patch_hold_nobody_who_owns_the_bytes() {
    let c = built_in();
    let patch = c.event("dispatcher-v4-2-of-6").expect("the patch");
    let everyone: Vec<_> = patch.to.iter().chain(&patch.cc).collect();
    assert_eq!(everyone.len(), 12);
    assert!(!everyone.iter().any(|a| a.contains("x86@") || a.contains("linux-kernel@") || a.contains("rostedt")));
}

#[test]
fn the_compact_form_says_what_the_files_say() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let mut paths: Vec<_> =
        std::fs::read_dir(dir).expect("the directory").map(|e| e.expect("a directory entry").path()).collect();
    paths.sort();
    let files: Vec<_> = paths
        .iter()
        .map(|p| (p.display().to_string(), std::fs::read_to_string(p).expect("a catalogue file")))
        .collect();
    let read = Catalogue::from_toml(files.iter().map(|(n, t)| (n.as_str(), t.as_str()))).expect("the files load");
    let compiled = built_in();
    assert_eq!(read.events(), compiled.events());
    assert_eq!(read.edges(), compiled.edges());
    assert_eq!(read.mechanisms(), compiled.mechanisms());
}

#[test]
fn without_files_of_ones_own_the_catalogue_is_decoded_when_asked() {
    let lazy = Catalogue::with_files(Path::new("/nonexistent/catalogue")).expect("a catalogue");
    assert!(lazy.facts.get().is_none());
    let eager = built_in();
    assert_eq!(lazy.digest(), eager.digest());
    assert!(lazy.facts.get().is_none(), "the digest needs no facts");
    assert_eq!(lazy.events(), eager.events());
    assert!(Catalogue::default().events().is_empty());
}
