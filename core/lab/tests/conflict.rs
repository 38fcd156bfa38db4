//! The matrix of conflicts, run; and the seed's pair against what real kernels did.

use provenance_lab::conflict::{self, Era, Finding, Rules};
use provenance_lab::runner::Runner;

fn runner() -> Runner {
    Runner::new(env!("CARGO_BIN_EXE_provenance-lab"), [""; 0])
}

fn pair(first: Era, second: Era, rules: Rules) -> conflict::Conflict {
    let result = conflict::run(&runner(), first, second, rules).unwrap().unwrap();
    println!("{}", result.render());
    result
}

#[test]
fn dispatcher_first_tracer_second_kills_ftrace_and_reports_success() {
    let c = pair(Era::Dispatcher2019, Era::Ftrace, Rules::Kernel);
    let Finding::Broken { what, until, told } = &c.finding else { panic!("{:?}", c.finding) };
    assert_eq!(what, "ftrace v5.4");
    assert!(until.starts_with("restart") && told.starts_with("success"));
    let (before, after) = (&c.steps[1], &c.steps[2]);
    assert!(before.bytes.starts_with("e9") && before.bytes == after.bytes, "nothing is written");
    assert_eq!((after.ran.first, after.ran.second), (100, 0), "the dispatcher goes on");
    assert_eq!(c.witness.unwrap().word, c.finding.word());
}

#[test]
fn tracer_first_dispatcher_second_is_silent_until_the_last_program_goes() {
    let c = pair(Era::Ftrace, Era::Dispatcher2019, Rules::Kernel);
    let Finding::Silent { error, after } = &c.finding else { panic!("{:?}", c.finding) };
    assert!(error.starts_with("-EBUSY from arch/x86/net/bpf_jit_comp.c: bpf_arch_text_poke(), v5.6"), "{error}");
    assert!(
        error.contains("wanted 0f 1f 44 00 00, found e8") && error.contains("held by ftrace since step"),
        "{error}"
    );
    assert!(after.contains("until its last user goes and one comes again"), "{after}");
    let both = c.steps[2].ran;
    assert_eq!((both.first, both.second, both.body), (100, 0, 100), "traced, and by the fallback");
    assert!(c.steps[2].bytes.starts_with("e8"));
    assert!(c.steps[3].bytes.starts_with("0f 1f 44 00 00"), "the tracer left: a nop");
    assert!(c.steps[4].bytes.starts_with("0f 1f 44 00 00"), "updated: still a nop");
    assert!(c.steps[6].bytes.starts_with("e9"), "attached again: a jump");
    assert_eq!(c.witness.unwrap().word, c.finding.word());
}

#[test]
fn a_caller_of_register_learns_that_ftrace_is_dead() {
    // As a BPF fentry program on Debian 5.10.218 did: ENODEV, not the EINVAL of the check.
    let c = pair(Era::Dispatcher2019, Era::FtraceDirect, Rules::Kernel);
    let Finding::Broken { what, until, told } = &c.finding else { panic!("{:?}", c.finding) };
    assert!(told.starts_with("-ENODEV from kernel/trace/ftrace.c: ftrace_startup()"), "{told}");
    assert!(what == "ftrace-direct v5.5" && until.starts_with("restart"), "{what} {until}");
    assert_eq!((c.steps[2].ran.first, c.steps[2].ran.second), (100, 0), "the dispatcher goes on");
}

#[test]
fn rebuilt_on_static_call_both_work() {
    for (first, second) in [(Era::Ftrace, Era::Dispatcher2022), (Era::Dispatcher2022, Era::Ftrace)] {
        let c = pair(first, second, Rules::Kernel);
        assert!(
            matches!(&c.finding, Finding::Composes { how } if how.starts_with("on different bytes")),
            "{:?}",
            c.finding
        );
        assert_eq!((c.steps[2].ran.first, c.steps[2].ran.second), (100, 100));
        assert_eq!(c.witness.unwrap().word, c.finding.word());
    }
}

#[test]
fn the_ledger_refuses_by_name_what_the_kernel_finds_out_later() {
    let c = pair(Era::Dispatcher2019, Era::Ftrace, Rules::Ledger);
    let Finding::Refused { by, error } = &c.finding else { panic!("{:?}", c.finding) };
    assert_eq!(by, "the ledger");
    assert!(error.contains("held by bpf-dispatcher (d0) since step"), "{error}");
    let c = pair(Era::Ftrace, Era::Dispatcher2019, Rules::Ledger);
    let Finding::Refused { error, .. } = &c.finding else { panic!("{:?}", c.finding) };
    assert!(error.contains("ftrace would accept: a call to an ops trampoline, or the direct API"), "{error}");
}

#[test]
fn every_pair_runs_and_the_ledger_leaves_no_harm() {
    let matrix = conflict::matrix(&runner(), &Era::ALL, |_| {}).unwrap();
    matrix.results.iter().for_each(|c| println!("{} {} {:?} {}", c.first, c.second, c.rules, c.finding.word()));
    assert_eq!(matrix.ended, [""; 0]);
    assert_eq!(matrix.results.len(), 2 * Era::ALL.len().pow(2));
    for c in &matrix.results {
        if c.rules == Rules::Ledger {
            // The ledger knows bytes, not where control goes: a jump at +0 hides what stands at +5.
            let shadowed = matches!(c.finding, Finding::Shadowed { .. });
            assert!(!c.finding.is_harmful() || shadowed, "{}", c.render());
        }
        if let Some(witness) = &c.witness {
            assert_eq!(witness.word, c.finding.word(), "{}", c.render());
        }
        assert_eq!(c.steps[0].ran.body, c.steps[0].ran.calls, "{}", c.render());
    }
    let witnessed = matrix.results.iter().filter(|c| c.witness.is_some()).count();
    assert!(witnessed >= 20, "{witnessed}");
    let harmful = matrix.results.iter().filter(|c| c.rules == Rules::Kernel && c.finding.is_harmful()).count();
    assert!(harmful > 5, "{harmful}");
}
