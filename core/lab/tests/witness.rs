//! The model against what real kernels did, step by step.

use provenance_lab::runner::Runner;
use provenance_lab::witness::{self, KNOWN, Kernel, SCENARIOS};

#[test]
fn the_model_does_what_the_kernels_did() {
    let runner = Runner::new(env!("CARGO_BIN_EXE_provenance-lab"), [""; 0]);
    let (mut unknown, mut known, mut steps) = (Vec::new(), 0, 0);
    for &name in SCENARIOS {
        for kernel in Kernel::ALL {
            // A scenario that was not run there says nothing; the store tells which those are.
            let Some(record) = witness::record(kernel, name) else { continue };
            assert_eq!((record.scenario.as_str(), record.ended.as_str()), (name, "whole"));
            assert!(record.kernel.starts_with(kernel.version()), "{}", record.kernel);
            let model = witness::predict(&runner, kernel, name).unwrap().unwrap_or_else(|e| panic!("{name}: {e:?}"));
            let before = steps;
            steps += model.len();
            assert!(steps > before, "{name} has no steps");
            for d in witness::compare(&record, &model) {
                match witness::reason(kernel, name, &d) {
                    Some(_) => known += 1,
                    None => unknown.push(format!(
                        "{name} on {}: step {} {:?}: {}: kernel {}, model {}",
                        kernel.version(),
                        d.at,
                        d.step,
                        d.what,
                        d.kernel,
                        d.model
                    )),
                }
            }
        }
    }
    println!(
        "{} scenarios on {} kernels, {steps} steps, {known} known differences",
        SCENARIOS.len(),
        Kernel::ALL.len()
    );
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert_eq!(known, KNOWN.len(), "a known difference is gone");
    assert!(SCENARIOS.len() >= 8);
}

#[test]
fn a_wrong_model_is_noticed() {
    let record = witness::record(Kernel::V5_10, "xdp-then-tracer").unwrap();
    let mut model = record.steps.clone();
    assert!(witness::compare(&record, &model).is_empty());
    model[3].dead = false;
    model[2].xdp += 1;
    model[1].bytes = "e8 00 00 00 00".into();
    model[9].errno.clear();
    let what: Vec<_> = witness::compare(&record, &model).into_iter().map(|d| (d.at, d.what)).collect();
    assert_eq!(what, [(1, "site".into()), (2, "xdp".into()), (3, "dead".into()), (9, "errno".into())]);
    model.pop();
    assert_eq!(witness::compare(&record, &model)[0].what, "steps");
}
