//! Runs that die while a draft is open: the screen says so, and the draft is as it was.

use std::os::unix::fs::PermissionsExt;

use super::{screen, user};
use crate::harness::User;

/// A program in the place of the lab.
pub fn program(user: &User, name: &str, script: &str) -> String {
    let path = user.write(name, script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path.display().to_string()
}

#[test]
fn a_run_that_crashes_or_hangs_costs_nothing_but_itself() {
    let user = user();
    let crash = program(&user, "crash", "#!/bin/sh\necho 'late trap' >&2\nkill -SEGV $$\n");
    let hang = program(&user, "hang", "#!/bin/sh\necho '{\"progress\":\"spinning\"}'\nexec sleep 60\n");
    let drafts = user.path(".local/share/provenance/state/drafts");
    for (lab, word) in [(&crash, "crashed by SIGSEGV; it said: late trap"), (&hang, "hung: silent for 2 s")] {
        let shown = screen(&user, "120x40", "r wait b r wait", &["--lab", lab, "one@made.example"]);
        let flat: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(word), "{shown}");
        assert!(shown.contains("only the process of this run is gone"), "{shown}");
        let back = screen(&user, "120x40", "r wait b r wait q", &["--lab", lab, "two@made.example"]);
        assert!(back.contains("mutt -H"), "{back}");
    }
    let texts: Vec<String> = std::fs::read_dir(&drafts)
        .expect("drafts")
        .flatten()
        .map(|e| std::fs::read_to_string(e.path()).expect("a draft"))
        .collect();
    assert_eq!(texts.len(), 2, "one draft for each mail, however often it is answered");
    assert!(texts.iter().all(|t| t.contains("In-Reply-To: <") && t.contains("wrote:\n> ")));
}

#[test]
fn the_real_lab_answers() {
    let user = user();
    let shown = screen(&user, "120x40", "b r wait", &["one@made.example"]);
    assert!(shown.contains("witness") || shown.contains("of 100 calls"), "{shown}");
    let steps = screen(&user, "120x60", "b G k k k k k k k k k r wait", &["one@made.example"]);
    assert!(steps.contains("lab:"), "{steps}");
}

#[test]
fn an_episode_is_told_by_both_rules_and_a_pair_beside_its_kernel() {
    let user = user();
    let told = screen(&user, "120x60", "b j j j j j j j j j r wait", &["one@made.example"]);
    for word in ["✗ broken: ", "✓ holds: ", "old rule", "new rule"] {
        assert!(told.contains(word), "`{word}` is not in {told}");
    }
    let pair = screen(&user, "160x90", "b r wait", &["one@made.example"]);
    for word in ["not modelled", "ENODEV", "xdp-then-tracer", "5.10.0-46"] {
        assert!(pair.contains(word), "`{word}` is not in {pair}");
    }
}

#[test]
fn a_run_is_cancelled() {
    let user = user();
    let lab = program(&user, "hang", "#!/bin/sh\nexec sleep 60\n");
    let shown = screen(&user, "120x40", "b R x wait", &["--lab", &lab, "one@made.example"]);
    assert!(shown.contains("cancelled"), "{shown}");
    assert!(!shown.contains("to run"), "nothing waits any more: {shown}");
}
