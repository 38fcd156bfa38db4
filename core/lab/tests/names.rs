//! Eras are found by their names; what benchmarks promise is judged rightly.

#[test]
fn eras_are_found_by_name() {
    use provenance_lab::conflict::Era;
    for era in Era::ALL {
        assert!(Era::named(era.mechanism().0).contains(&era));
        assert_eq!(Era::named(&era.label().replace(' ', "@")), [era]);
        assert!(era.message_id().contains('@'));
    }
    assert_eq!(Era::named("bpf-dispatcher"), [Era::Dispatcher2019, Era::Dispatcher2022]);
    assert!(Era::named("mcount").is_empty());
}

#[test]
fn a_benchmark_runs_in_the_lab_and_is_rendered() {
    use provenance_lab::bench::{self, Goal};
    use provenance_lab::runner::Runner;
    let runner = Runner::new(env!("CARGO_BIN_EXE_provenance-lab"), [""; 0]);
    let report = bench::run(&runner, &["sync", "static-key"], |_, _| {}).unwrap();
    let text = report.render(100);
    println!("{text}");
    assert_eq!(report.failed, [""; 0]);
    let names: Vec<&str> = report.parts.iter().map(|p| p.0.as_str()).collect();
    assert_eq!(names, ["sync", "static-key"]);
    assert!(text.contains("membarrier SYNC_CORE, idle") && text.contains("times faster"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["format"], 1);
    let back: bench::Report = serde_json::from_value(json).unwrap();
    assert_eq!(back.render(100), text);
    let goal = |measured, at_least| Goal { what: String::new(), measured, limit: 10.0, at_least };
    assert!(goal(11.0, true).met() && !goal(11.0, false).met() && !goal(f64::NAN, false).met());
}
