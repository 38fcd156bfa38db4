//! What is measured, printed and promised. The figures themselves are judged by nobody here: this may be any machine.

use serde_json::Value;

use crate::harness::User;

#[test]
fn figures_come_with_spread_host_and_promises() {
    let user = User::new();
    let said = user.run(["bench", "sync", "static-key", "-f", "json"]).ok();
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["format"], 1);
    assert!(report["host"]["cpus"].as_u64().unwrap() > 0 && report["host"]["kernel"].as_str().unwrap().contains('.'));
    let parts = report["parts"].as_array().unwrap();
    let names: Vec<&str> = parts.iter().map(|p| p[0].as_str().unwrap()).collect();
    assert_eq!(names, ["sync", "static-key"]);
    for row in parts.iter().flat_map(|p| p[1]["rows"].as_array().unwrap()) {
        let (median, spread) = (row["median"].as_f64().unwrap(), &row["spread"]);
        assert!(median > 0.0 && spread[0].as_f64() <= Some(median) && Some(median) <= spread[1].as_f64(), "{row}");
        assert!(row["samples"].as_u64().unwrap() > 5, "{row}");
    }
    let goal = &parts[1][1]["goals"][0];
    assert!(goal["what"].as_str().unwrap().contains("static-keys") && goal["limit"] == 100.0, "{goal}");
    assert!(goal["measured"].as_f64().unwrap() > 1.0, "{goal}");
}

#[test]
fn bars_fit_the_width() {
    let user = User::new();
    let said = user.run(["bench", "sync", "--width", "100"]).ok();
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].contains(" cpus, Linux "), "{}", said.out);
    assert!(said.out.contains("\nsync: serialising the other cores\n"), "{}", said.out);
    assert!(said.out.contains("▇") && said.out.contains(" us  "), "{}", said.out);
    assert!(lines.iter().all(|l| l.chars().count() <= 100), "{}", said.out);
}

#[test]
fn a_benchmark_that_is_not_there_is_named() {
    let user = User::new();
    insta::assert_snapshot!(user.run(["bench", "sinc"]).ends(2).all());
}
