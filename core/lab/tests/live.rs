//! Text patched while it runs, each time in a child process. `PROVENANCE_STRESS_MILLIS` sets the length of each of the four
//! stresses: 15000 makes a minute of them; without it they take 10 s each where `CI` is set, and 1.5 s elsewhere.

use std::io::Write;
use std::time::Duration;

use provenance_lab::runner::{Outcome, Request, Runner};
use provenance_lab::stress::Report;
use serde_json::{Value, json};

fn lab(scenario: &str, params: Value) -> Outcome {
    Runner::new(env!("CARGO_BIN_EXE_provenance-lab"), [""; 0])
        .silence(Duration::from_secs(20))
        .run(&Request::new(scenario, params), |_| {})
        .expect("the lab starts")
}

fn done(scenario: &str, params: Value) -> Value {
    match lab(scenario, params.clone()) {
        Outcome::Done { result } => result,
        other => panic!("{scenario} {params}: {other:?}"),
    }
}

fn millis() -> u64 {
    match std::env::var("PROVENANCE_STRESS_MILLIS") {
        Ok(millis) => millis.parse().expect("PROVENANCE_STRESS_MILLIS is a number"),
        Err(_) if std::env::var_os("CI").is_some() => 10_000,
        Err(_) => 1500,
    }
}

fn stress(executors: usize, offset: usize, protocol: &str) {
    let params = json!({ "millis": millis(), "executors": executors, "offset": offset, "protocol": protocol });
    let report: Report = serde_json::from_value(done("stress", params)).unwrap();
    // Past the harness, which shows the output of failed tests alone: the counters are to be seen.
    let _ = writeln!(
        std::io::stderr(),
        "under fire {:.1} s, {protocol}, offset {offset}, executors {executors}: {} patches, {} executions, {} traps, {} late, {} \
         retries, {} wrong, {} stale",
        millis() as f64 / 1000.0,
        report.patches,
        report.executions,
        report.traps,
        report.late,
        report.retries,
        report.wrong,
        report.stale
    );
    assert_eq!((report.wrong, report.stale), (0, 0), "{report:?}");
    // Stopping the world takes as long as the slowest thread takes to be scheduled.
    let least = if protocol == "stop" { 5 } else { 100 };
    assert!(report.patches > least && report.executions > 1000 && report.checked > 100, "{report:?}");
}

#[test]
fn under_fire_aligned_one_executor() {
    stress(1, 8, "int3");
}

#[test]
fn under_fire_aligned_two_executors() {
    stress(2, 8, "int3");
}

#[test]
fn under_fire_straddling_one_executor() {
    stress(1, 62, "int3");
}

#[test]
fn under_fire_straddling_two_executors() {
    stress(2, 62, "int3");
}

#[test]
fn under_fire_across_a_page() {
    stress(2, 4094, "int3");
}

#[test]
fn under_fire_quad() {
    let params = json!({ "millis": millis().min(2000), "offset": 8, "protocol": "quad" });
    match lab("stress", params) {
        Outcome::Done { .. } => stress(2, 8, "quad"),
        Outcome::Failed { stderr, .. } => assert!(stderr.contains("only AMD documents it"), "{stderr}"),
        other => panic!("{other:?}"),
    }
    let Outcome::Failed { stderr, .. } = lab("stress", json!({ "offset": 62, "protocol": "quad" })) else {
        panic!("a straddling site was written")
    };
    assert!(stderr.contains("use Protocol::Int3"), "{stderr}");
}

#[test]
fn under_fire_stop_the_world() {
    stress(2, 62, "stop");
}

/// A mistake is caught by the same harness within this many runs.
const RUNS: usize = 10;

fn caught(mistake: &str, offset: usize) {
    for run in 1..=RUNS {
        let params = json!({ "millis": 2000, "executors": 2, "offset": offset, "mistake": mistake, "seed": run });
        let outcome = lab("stress", params);
        let wrong = match &outcome {
            Outcome::Done { result } => result["wrong"].as_u64() > Some(0) || result["stale"].as_u64() > Some(0),
            Outcome::Crashed { .. } | Outcome::Hung { .. } => true,
            other => panic!("{other:?}"),
        };
        if wrong {
            println!("{mistake}: caught in run {run} of {RUNS}: {outcome:?}");
            return;
        }
    }
    panic!("{mistake} was not caught in {RUNS} runs");
}

#[test]
fn control_naive_store_across_a_line_is_caught() {
    caught("naive-store", 62);
}

#[test]
fn control_tail_before_breakpoint_is_caught() {
    caught("tail-first", 62);
}

#[test]
fn control_late_traps_not_retried_is_caught() {
    caught("no-retry", 8);
}

#[test]
fn control_other_half_without_grace_is_caught() {
    let fine = done("half-page", json!({ "grace": true, "millis": 1000 }));
    assert_eq!(fine["wrong"], 0);
    assert!(fine["updates"].as_u64() > Some(20) && fine["runs"].as_u64() > Some(1000), "{fine}");
    for run in 1..=RUNS {
        let outcome = lab("half-page", json!({ "grace": false, "millis": 3000 }));
        let bad = outcome.result().is_none_or(|r| r["wrong"].as_u64() > Some(0));
        if bad {
            println!("caught in run {run} of {RUNS}: {outcome:?}");
            return;
        }
    }
    panic!("reuse without a grace period was not caught in {RUNS} runs");
}

/// The handler entered when: the first byte is rewritten; the batch is over; the next batch has begun.
#[test]
fn every_late_trap_path_is_forced() {
    for (gate, release, late, retries, traps) in [
        ("entry", "heads", 1, 0, 0),
        ("entry", "after", 1, 0, 0),
        ("entry", "next", 0, 0, 1),
        ("decided", "heads", 0, 0, 1),
        ("decided", "after", 1, 1, 0),
        ("decided", "next", 0, 1, 1),
    ] {
        let got = done("late-trap", json!({ "gate": gate, "release": release }));
        assert_eq!(got["got"], got["expected"], "{gate} {release}: {got}");
        assert_eq!(
            (got["late"].as_u64(), got["retries"].as_u64(), got["traps"].as_u64()),
            (Some(late), Some(retries), Some(traps)),
            "{gate} {release}: {got}"
        );
    }
}

fn hazard(case: &str) -> Value {
    done("hazard", json!({ "case": case }))
}

fn error(value: &Value) -> &str {
    value["error"].as_str().unwrap_or_default()
}

#[test]
fn blocked_sigtrap_is_refused_and_the_text_unchanged() {
    for case in ["trap-blocked", "trap-blocked-here"] {
        let got = hazard(case);
        assert!(error(&got).contains("blocks SIGTRAP; unblock it there") && got["unchanged"] == true, "{got}");
    }
    assert!(hazard("trap-blocked-here")["register"].as_str().unwrap().contains("blocks SIGTRAP"));
}

#[test]
fn threads_that_begin_or_end_do_not_count_as_blocking() {
    let got = hazard("threads-come-and-go");
    assert!(got["error"].is_null(), "{got}");
}

#[test]
fn a_taken_handler_is_refused_until_it_is_put_back() {
    let got = hazard("handler-taken");
    assert!(error(&got).starts_with("the SIGTRAP handler was replaced (by 0x") && got["unchanged"] == true, "{got}");
    assert_eq!(got["after reinstall"], json!({ "written": 1, "ran": 1, "foreign": 1 }));
}

#[test]
fn foreign_traps_reach_their_handler_or_kill() {
    assert_eq!(hazard("foreign-trap"), json!({ "seen": 2, "foreign": 2, "late": 0 }));
    let end = lab("hazard", json!({ "case": "foreign-default" }));
    assert!(matches!(end, Outcome::Crashed { signal: 5, .. }), "{end:?}");
}

#[test]
fn a_debuggers_rip_is_accepted() {
    let expected = json!({ "at rest": true, "trapped": true, "odd": true, "late": 1, "traps": 2, "foreign": 0 });
    assert_eq!(hazard("rip-at-site"), expected);
}

#[test]
fn without_membarrier_the_world_is_stopped() {
    let got = hazard("no-membarrier");
    assert!(got["int3"].as_str().unwrap().contains("use Protocol::Stop"), "{got}");
    assert_eq!((&got["protocol"], &got["written"], &got["ran"]), (&json!("stop"), &json!(1), &json!(1)));
}

#[test]
fn memory_that_is_refused_is_an_error() {
    assert!(error(&hazard("no-memfd")).starts_with("no memfd for executable memory"));
    let refused = hazard("no-memory");
    assert!(error(&refused).starts_with("no writable mapping of 8589934592 bytes"), "{refused}");
}

#[test]
fn exhausted_memory_is_an_error_and_what_is_there_goes_on() {
    let got = hazard("exhausted");
    let said = error(&got);
    assert!(said.contains("mapping of 8388608 bytes") || said.starts_with("no memory for"), "{got}");
    assert!(got["engines"].as_u64().unwrap() > 3 && got["ran"] == true, "{got}");
}

#[test]
fn a_free_that_fails_has_destroyed_nothing() {
    let got = hazard("free-fails");
    let told = &got["told"];
    for what in ["free", "reclaim"] {
        assert!(told[what].as_str().is_some_and(|e| e.starts_with("membarrier(2) cannot")), "{got}");
    }
    assert_eq!((&told["same"], &told["ran"], &got["later"]), (&json!(true), &json!(9), &json!(true)), "{got}");
}

#[test]
fn low_addresses_that_are_refused_are_an_error_and_elsewhere_is_on_request() {
    let got = hazard("no-low");
    assert!(error(&got).contains("the low 2 GiB") && got["elsewhere"] == true, "{got}");
}

#[test]
fn a_thread_that_does_not_park_is_named_and_everybody_goes_on() {
    let got = hazard("did-not-park");
    assert!(error(&got).contains("did not park within 100ms") && got["unchanged"] == true, "{got}");
    assert_eq!((&got["later"], &got["ran"]), (&json!(1), &json!(1)));
}

#[test]
fn a_fork_may_not_patch_its_parents_text() {
    assert_eq!(hazard("fork"), json!({ "child": 42, "parent": 1, "ran": 1 }));
}

#[test]
fn of_two_patchers_one_is_refused_each_time() {
    let got = hazard("two-patchers");
    assert_eq!(got, json!({ "applied": 200, "refused": 200, "other": 0, "bytes": "0f 1f 44 00 00" }));
}

#[test]
fn a_patcher_that_dies_leaves_the_new_behaviour() {
    let got = hazard("stuck");
    assert!(error(&got).contains("already act as the new instructions"), "{got}");
    assert_eq!((&got["meanwhile"], &got["ran"]), (&json!(1), &json!(1)));
    assert!(got["second"].as_str().unwrap().contains("unfinished"));
    assert!(got["bytes"].as_str().unwrap().starts_with("e8"));
}

#[test]
fn debug_builds_notice_a_thread_without_an_executor() {
    let got = hazard("unregistered");
    if got["debug"] == true {
        assert_eq!(got["unregistered"], 1);
        assert!(got["reclaim"].as_str().unwrap().contains("without an executor"), "{got}");
    }
}

#[test]
fn sealed_text_is_still_patched_and_never_made_writable() {
    let got = hazard("mseal");
    if got["sealed"].is_null() {
        assert_eq!((&got["mprotect"], &got["patched"], &got["ran"]), (&json!(-1), &json!(1), &json!(1)), "{got}");
    } else {
        println!("skipped: needs mseal(2): {got}");
    }
}

#[test]
fn the_lab_reports_what_is_no_result() {
    let bad = lab("no such scenario", Value::Null);
    assert!(matches!(&bad, Outcome::Failed { code: 2, stderr } if stderr.contains("no scenario is called")), "{bad:?}");
    let sh = |script: &str| {
        Runner::new("/bin/sh", ["-c", script])
            .silence(Duration::from_millis(300))
            .run(&Request::new("x", Value::Null), |_| {})
            .unwrap()
    };
    assert!(matches!(sh("echo nonsense; sleep 5"), Outcome::BadOutput { line } if line == "nonsense"));
    assert!(matches!(sh("sleep 5"), Outcome::Hung { .. }));
    assert!(matches!(sh("kill -11 $$"), Outcome::Crashed { signal: 11, .. }));
    assert!(matches!(sh("exit 7"), Outcome::Failed { code: 7, .. }));
    assert!(matches!(sh("echo '{\"outcome\":1}'"), Outcome::Done { result } if result == 1));
    assert!(matches!(sh("echo '{\"outcome\":1}'; kill -9 $$"), Outcome::Crashed { signal: 9, .. }));
    assert!(Runner::new("/no/such/program", [""; 0]).run(&Request::new("x", Value::Null), |_| {}).is_err());
    let runner = Runner::new("/bin/sh", ["-c", "sleep 5"]);
    runner.cancel().cancel();
    assert_eq!(runner.run(&Request::new("x", Value::Null), |_| {}).unwrap(), Outcome::Cancelled);
}

#[test]
fn a_child_of_fork_is_told_and_harms_nobody() {
    assert_eq!(hazard("fork-child"), json!({ "signal": 0, "calls": 26, "silent": "", "ran": 0 }));
}

#[test]
fn where_membarrier_is_denied_later_threads_are_stopped() {
    assert_eq!(hazard("denied"), json!({ "written": [1, 1], "ran": [1, 1], "reclaimed": { "Ok": null } }));
}

#[test]
fn a_stuck_batch_keeps_its_text_and_no_other_engine_is_stuck_for_it() {
    let got = hazard("denied-stuck");
    let told = &got["told"];
    for what in ["stuck", "retire", "resume", "others"] {
        assert_eq!(told[what], true, "{what}: {got}");
    }
    assert!(told["load"].as_str().is_some_and(|e| e.starts_with("membarrier(2) cannot")), "{got}");
    assert_eq!((&told["meanwhile"], &told["ran"]), (&json!(1), &json!(0)), "{got}");
    assert_eq!((&got["after"], &got["ran"]), (&json!(1), &json!(1)), "{got}");
}

#[test]
fn a_signal_handler_is_refused_and_nothing_hangs() {
    let got = hazard("signal-handler");
    let count = |what: &str| got[what].as_u64().unwrap();
    assert!(count("done") > 100 && count("reentered") > 10, "{got}");
}
