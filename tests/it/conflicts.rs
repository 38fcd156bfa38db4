//! Mechanisms against each other on the same bytes, as a reviewer sees them. The pair dispatcher and ftrace must read in both
//! orders as real kernels did it.

use std::collections::BTreeSet;
use std::path::Path;

use provenance_corpus::catalogue::Catalogue;
use provenance_engine::holder::MechanismId;
use provenance_engine::image::Owner;
use provenance_lab::conflict::Era;

use crate::harness::User;

/// Text is placed anew in every run: an address keeps its last three digits, the place in the page. The displacement of a
/// call or a jump that leaves the page goes with it.
fn settled(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("0x4") {
        let digits = rest[at + 2..].bytes().take_while(u8::is_ascii_hexdigit).count();
        out.push_str(&rest[..at]);
        out.push_str(if digits == 8 { "0x…" } else { "0x" });
        rest = &rest[at + 2 + if digits == 8 { 5 } else { 0 }..];
    }
    out + rest
}

#[test]
fn the_seeds_pair_reads_as_it_was_in_both_orders() {
    let user = User::new();
    let dispatcher_first = user.run(["conflicts", "bpf-dispatcher@v5.6", "ftrace", "--width", "100"]).ok();
    insta::assert_snapshot!(settled(&dispatcher_first.out));
    let tracer_first = user.run(["conflicts", "ftrace", "bpf-dispatcher@v5.6", "--width", "100"]).ok();
    insta::assert_snapshot!(settled(&tracer_first.out));
    assert_eq!((&*dispatcher_first.err, &*tracer_first.err), ("", ""));
}

#[test]
fn the_matrix_has_every_ordered_pair_under_both_rules() {
    let user = User::new();
    let said = user.run(["conflicts", "--width", "100"]).ok();
    insta::assert_snapshot!(settled(&said.out));
    let json: serde_json::Value = serde_json::from_str(&user.run(["conflicts", "-f", "json"]).ok().out).unwrap();
    assert_eq!(json["format"], 1);
    let results = json["results"].as_array().unwrap();
    assert_eq!(results.len(), 2 * Era::ALL.len() * Era::ALL.len());
    let mut seen: Vec<[&str; 3]> =
        results.iter().map(|c| ["first", "second", "rules"].map(|f| c[f].as_str().unwrap())).collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), results.len());
    for c in results {
        assert!(c["not_modelled"].as_str().unwrap().contains("NMI"));
        assert!(c["rule"].as_str().unwrap().contains("(), v"), "{}", c["rule"]);
        assert!(c["steps"].as_array().unwrap().len() >= 2);
    }
}

#[test]
fn one_mechanism_against_all_by_its_alias() {
    let user = User::new();
    let said = user.run(["conflicts", "fentry"]).ok();
    assert!(said.out.contains("silent    ftrace v5.4, then bpf-dispatcher v5.6"), "{}", said.out);
    assert!(said.out.contains("broken    bpf-dispatcher v5.6, then ftrace v5.4"), "{}", said.out);
    assert!(!said.out.contains("static-call v5.17, then jump-label"), "{}", said.out);
    assert!(said.out.starts_with("ftrace v5.4: a model of the kernel's rules"), "{}", said.out);
    let long = said.out.lines().map(str::len).max().unwrap();
    let narrow = user.run(["conflicts", "fentry", "--width", "60"]).ok();
    let most = narrow.out.lines().map(|l| l.chars().count()).max().unwrap();
    assert!(long > 100 && most < 80, "on a pipe nothing is broken; on a terminal only long words stick out: {most}");
}

#[test]
fn colour_is_on_request_and_never_alone() {
    let user = User::new();
    let plain = user.run(["conflicts", "ftrace", "bpf-dispatcher@v5.6"]).ok().out;
    let painted = user.run(["conflicts", "ftrace", "bpf-dispatcher@v5.6", "--color", "always"]).ok().out;
    assert!(!plain.contains('\u{1b}') && painted.contains("\u{1b}[33m"));
    assert!(plain.contains(": silent;"));
}

#[test]
fn episodes_fail_by_the_rule_of_their_day_and_hold_by_the_later_one() {
    let user = User::new();
    let all = user.run(["conflicts", "--episode", "--width", "100"]).ok();
    let count = |word: &str| all.out.lines().filter(|line| line.contains(word)).count();
    assert_eq!((count("old rule  BROKEN"), count("new rule  holds")), (10, 10), "{}", all.out);
    assert!(all.out.contains("(hazard)") && all.out.contains("(incident)"));
    let one = user.run(["conflicts", "--episode", "dispatcher-nop", "--width", "100"]).ok();
    for word in ["-ENODEV: ftrace is dead", "not modelled", "evidence      2019-12-11 20191211123017.13212-1"] {
        assert!(one.out.contains(word), "`{word}` is not in {}", one.out);
    }
    let json: serde_json::Value =
        serde_json::from_str(&user.run(["conflicts", "--episode", "half-page", "-f", "json"]).ok().out).unwrap();
    assert_eq!(json[0]["runs"][0]["verdict"]["kind"], "broken");
    let no = user.run(["conflicts", "--episode", "nobody"]).ends(2);
    assert!(no.err.contains("there is no episode `nobody`") && no.err.contains("e1000e"), "{}", no.err);
    user.run(["conflicts", "ftrace", "--episode"]).ends(2);
}

#[test]
fn what_kernels_did_stands_beside_the_model() {
    let user = User::new();
    let said = user.run(["conflicts", "--witness", "xdp-then-tracer", "--width", "100"]).ok();
    insta::assert_snapshot!(said.out);
    let json: serde_json::Value =
        serde_json::from_str(&user.run(["conflicts", "--witness", "xdp-then-tracer", "-f", "json"]).ok().out).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 5, "all kernels");
    let pair = user.run(["conflicts", "bpf-dispatcher@v5.6", "ftrace"]).ok();
    assert!(pair.out.contains("step by step: `provenance conflicts --witness xdp-then-tracer`"), "{}", pair.out);
    let all = user.run(["conflicts", "--witness"]).ok().out;
    assert!(all.contains("not run: livepatch-then-others on 6.19, "), "{all}");
    let no = user.run(["conflicts", "--witness", "nobody"]).ends(2);
    assert!(no.err.contains("there is no experiment `nobody`"), "{}", no.err);
}

#[test]
fn what_the_engine_does_not_run_is_said() {
    let user = User::new();
    for (name, arguments) in [
        ("not_run", ["conflicts", "alternatives", "ftrace"]),
        ("no_such", ["conflicts", "ftrace", "bpf-dispatchr"]),
        ("no_such_version", ["conflicts", "bpf-dispatcher@v5.7", "ftrace"]),
    ] {
        let said = user.run(arguments).ends(2);
        // Which mechanisms there are grows; how it is said does not.
        let hint = said.err.lines().find(|l| l.starts_with("hint: ")).unwrap_or_default();
        assert!(hint.contains("ftrace@v5.4"), "{}", said.err);
        insta::assert_snapshot!(name, said.all().replace(hint, "hint: …"));
    }
    user.run(["conflicts", "a", "b", "c"]).ends(2);
}

#[test]
fn the_lab_answers_to_json_and_to_nobody_else() {
    let user = User::new();
    assert!(!user.run(["--help"]).ok().out.contains("__lab"));
    assert!(!user.run(["completions", "bash"]).ok().out.contains("__lab"));
    let said = user.run(["__lab"]).ends(2);
    assert!(said.err.contains("bad request"), "{}", said.err);
    // It needs no home: the experiment depends on nothing of the user's.
    let bare = user.command().arg("__lab").env_remove("HOME").output().unwrap();
    assert_eq!(bare.status.code(), Some(2));
}

/// The slugs of mechanisms that a file below `core/src` runs: those whose names of `core/src/holder.rs` it says.
fn run_by_the_engine() -> BTreeSet<String> {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src");
    let names = std::fs::read_to_string(core.join("holder.rs")).expect("the names of holders");
    let mut said = String::new();
    for entry in std::fs::read_dir(core.join("mechanism")).expect("the mechanisms").flatten() {
        if entry.path().extension().is_some_and(|e| e == "rs") {
            said += &std::fs::read_to_string(entry.path()).expect("a mechanism");
        }
    }
    let constant = |line: &str| {
        let (name, slug) = line.trim().split_once(" = \"")?;
        Some((name.to_owned(), slug.strip_suffix("\";")?.to_owned()))
    };
    let known: Vec<_> = names.lines().filter_map(constant).collect();
    assert_eq!(known.len(), MechanismId::ALL.len(), "{known:?}");
    known.into_iter().filter(|(name, _)| said.contains(&format!("MechanismId::{name}"))).map(|(_, slug)| slug).collect()
}

/// Owners of bytes without one, and why.
const NO_ENGINE: &[(&str, &str)] = &[
    ("alternatives", "written before anybody runs the text; a scan reads its table"),
    ("call-depth", "calls are rewritten at boot and not again"),
    ("ibt", "sealed at boot; text::Builder lays out sites behind an endbr64"),
    ("nop5", "the filler between owners, in isa::nop"),
    ("recordmcount", "the table from which ftrace takes its sites (Ftrace::add_sites)"),
    ("retpoline", "the dispatcher's fallback, and a row of the benchmark"),
    ("return-thunk", "returns are rewritten at boot and not again"),
    ("smp-locks", "rewritten while the other processors are off"),
    ("text-poke", "what every mechanism writes through: the engine's poke"),
    ("uprobes-nop5", "patches programs and not the kernel"),
];

#[test]
fn the_engine_and_the_catalogue_know_the_same_mechanisms() {
    let catalogue = Catalogue::built_in().expect("the built-in catalogue loads");
    let known = |slug: &str| catalogue.mechanisms().iter().any(|m| m.slug.as_str() == slug);
    for slug in MechanismId::ALL.iter().copied().chain(Era::ALL.iter().map(|e| e.mechanism())) {
        assert!(known(slug.0), "core names {slug}, which the catalogue lacks");
    }
    for owner in Owner::ALL {
        let slug = owner.mechanism();
        assert!(slug.is_none_or(|slug| known(slug.0)), "{owner:?} leads to {slug:?}, which the catalogue lacks");
    }
    let mut engine = run_by_the_engine();
    engine.extend(Era::ALL.iter().map(|era| era.mechanism().0.to_owned()));
    for mechanism in catalogue.mechanisms().iter().filter(|m| !m.owns.is_empty()) {
        let slug = mechanism.slug.as_str();
        let runs = engine.contains(slug);
        let excused = NO_ENGINE.iter().any(|(name, why)| *name == slug && !why.is_empty());
        assert!(
            runs || excused,
            "{slug} owns bytes: it needs an era or a file of the engine, or a line that says why it has none"
        );
    }
    NO_ENGINE.iter().for_each(|(slug, _)| assert!(known(slug), "the catalogue lacks {slug}"));
}

/// The words of the engine's sources that are message-ids.
fn cited(dir: &Path, out: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).expect("the engine's sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            cited(&path, out);
        } else {
            let text = std::fs::read_to_string(&path).expect("a source");
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "._+=-@".contains(c)));
            let id = |word: &&str| word.split_once('@').is_some_and(|(l, r)| l.len() > 10 && r.contains('.'));
            out.extend(words.map(|word| word.trim_end_matches('.')).filter(id).map(str::to_owned));
        }
    }
}

#[test]
fn mails_that_the_engine_cites_stand_in_the_catalogue() {
    let catalogue = Catalogue::built_in().expect("the built-in catalogue loads");
    let facts: String = catalogue.events().iter().map(|e| format!("{e:?}\n")).collect();
    let mut ids = BTreeSet::new();
    for sources in ["core/src", "core/lab/src"] {
        cited(&Path::new(env!("CARGO_MANIFEST_DIR")).join(sources), &mut ids);
    }
    assert!(Era::ALL.iter().all(|era| ids.contains(era.message_id())), "{ids:?}");
    let missing: Vec<&String> = ids.iter().filter(|id| !facts.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "the catalogue lacks {missing:?}");
}
