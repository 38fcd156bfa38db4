//! How good the findings are, measured on the real archives as of each patch's day.

use crate::harness::reviewer;

fn number(said: &str, line: &str) -> f64 {
    let line = said.lines().find(|l| l.starts_with(line)).unwrap_or_else(|| panic!("{line} in {said}"));
    line.split_whitespace().last().unwrap().parse().unwrap()
}

#[test]
fn the_block_from_history_names_more_of_those_who_join_than_simple_rules_do() {
    let Some(user) = reviewer() else { return };
    let said = user.run(["__score", "cc"]).ok().out;
    assert!(number(&said, "who joined") > 500.0, "{said}");
    assert!(number(&said, "history against") >= 1.3, "{said}");
    let named = |rule: &str| {
        let line = said.lines().find(|l| l.starts_with(rule)).unwrap();
        line[rule.len()..].split_whitespace().next().unwrap().parse::<u32>().unwrap()
    };
    assert!(named("touched the same files") <= named("history "), "{said}");
}

#[test]
fn each_mail_that_is_cited_says_what_is_said_of_it() {
    let Some(user) = reviewer() else { return };
    // A part of the patches that is the same each time; `__score citations` looks at all.
    let said = user.run(["__score", "citations", "-v", "--every", "60"]).ok().out;
    assert!(number(&said, "patches") > 300.0, "{said}");
    assert!(number(&said, "citations that hold") > 30.0, "{said}");
    assert_eq!(number(&said, "failures"), 0.0, "{said}");
}
