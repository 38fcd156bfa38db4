//! `index` killed at any moment loses nothing: the next run completes, and equals a run that was never killed.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{User, archives};

const KILLS: u32 = 50;

/// Everything that the index says, in an order that does not depend on how it was built.
fn all(user: &User) -> (Vec<String>, String) {
    let said = user.run(["query", "-f", "jsonl", "-n", "0", "-d", "none", "is:patch OR NOT is:patch"]).ok();
    let mut lines: Vec<String> = said.out.lines().map(str::to_owned).collect();
    lines.sort();
    (lines, user.run(["status"]).ok().out)
}

#[test]
fn fifty_kills_lose_nothing() {
    let Some(archives) = archives() else { return };
    let source = archives.join("xdp-newbies");
    let calm = User::new();
    let start = Instant::now();
    calm.run(["index".as_ref(), source.as_os_str()]).ok();
    let whole = start.elapsed();
    let expected = all(&calm);
    assert!(expected.0.len() > 1_900, "{}", expected.0.len());

    let user = User::new();
    let (mut killed, mut rounds, mut span) = (0, 0, whole);
    while killed < KILLS {
        assert!(rounds < 10 * KILLS, "{killed} of {rounds} runs were alive when killed");
        rounds += 1;
        let mut child =
            user.command().arg("index").arg(&source).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // From just after the start to about the end, in an order that is no order.
        std::thread::sleep(span * ((rounds * 17) % KILLS) / KILLS + Duration::from_millis(1));
        let came_through = child.try_wait().unwrap().is_some();
        if came_through {
            // Nothing was left to kill: the machine is faster now, begin anew.
            span = span * 9 / 10;
        } else {
            child.kill().unwrap();
            killed += 1;
        }
        child.wait().unwrap();
        if came_through || killed % 5 == 0 {
            user.run(["index".as_ref(), source.as_os_str()]).ok();
            assert_eq!(all(&user), expected, "after {killed} kills");
            std::fs::remove_dir_all(user.path(".local")).unwrap();
        }
    }
}
