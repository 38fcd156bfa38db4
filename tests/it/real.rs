//! The real archives and threads, as snapshots. None of them may be of an empty answer.

use crate::harness::{User, reviewer};

#[track_caller]
fn snapshot(user: &User, name: &str, arguments: &[&str]) {
    let said = user.run(arguments).ok();
    assert!(said.out.lines().count() > 1, "an empty answer: {}", said.all());
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    // Mails are other people's words: the snapshots keep their facts, which the answer consists of.
    settings.bind(|| insta::assert_snapshot!(name, said.out));
}

#[test]
fn who_wrote_of_the_dispatcher_by_2020() {
    let Some(user) = reviewer() else { return };
    snapshot(user, "dispatcher_2020", &["query", "--width", "120", "s:\"BPF dispatcher\"", "--as-of", "2020-01-01"]);
}

#[test]
fn what_changed_static_call_in_autumn_2020() {
    let Some(user) = reviewer() else { return };
    let query = "dfn:arch/x86/kernel/static_call.c AND d:20200801..20201001";
    snapshot(user, "static_call_2020", &["query", "--width", "120", query]);
}

#[test]
fn who_reserved_the_text_of_static_calls() {
    let Some(user) = reviewer() else { return };
    let query = "mech:static-call f:peterz id:\"text reserved\"";
    snapshot(user, "text_reserved", &["query", "--width", "120", query]);
}

#[test]
fn the_seed_thread() {
    let Some(user) = reviewer() else { return };
    snapshot(user, "seed_thread", &["thread", "--width", "120", "20220815111658.58d75672@gandalf.local.home"]);
}

#[test]
fn the_lineage_of_the_dispatcher() {
    let Some(user) = reviewer() else { return };
    snapshot(user, "lineage_dispatcher", &["lineage", "--width", "100", "bpf-dispatcher"]);
}

#[test]
fn every_query_that_b4_and_lei_print_answers() {
    let Some(user) = reviewer() else { return };
    let count = |query: &str| -> u32 { user.run(["query", "--count", query]).ok().out.trim().parse().unwrap() };
    // b4 dig, in its order
    assert!(count("patchid:17af3880b4ff039882890bf0b69c82b5cc313006 AND d:..20200101") >= 1);
    assert!(count("s:\"bpf: introduce BPF dispatcher\" AND f:\"bjorn.topel@gmail.com\" AND d:..20200101") >= 1);
    assert!(count("nq:\"From: Björn Töpel\" AND s:\"bpf: introduce BPF dispatcher\"") >= 1);
    count("nq:\"change-id: 20230101-made-up-0123456789ab\"");
    // lei p2q
    assert!(count("dfpost:a4690460d815 OR dfpost:a4690460d81 OR dfpost:a4690460d8 OR dfpost:a4690460d") >= 1);
}

#[test]
fn status_counts_lists_defects_and_missing_parents() {
    let Some(user) = reviewer() else { return };
    let said = user.run(["status", "-f", "json"]).ok();
    let status: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(status["mails"], 37_790 + 4, "{}", said.out);
    assert!(status["parents_missing"].as_u64().unwrap() > 1_000);
    assert!(status["defects"].as_object().unwrap().len() > 3);
    let text = user.run(["status"]).ok().out;
    assert!(text.contains("live-patching.vger.kernel.org"), "{text}");
}

/// The first page of a broad query is made of the newest hits alone; one hit further on, all are looked at.
#[test]
fn the_first_page_of_a_broad_query_is_that_of_all_its_hits() {
    let Some(user) = reviewer() else { return };
    let lines = |arguments: &[&str]| -> Vec<String> {
        let said = user.run(["query", "-f", "jsonl"].iter().chain(arguments)).ok();
        said.out.lines().map(str::to_owned).collect()
    };
    let mut cut = 0;
    for query in ["s:patch", "d:19900101..", "mech:ftrace OR s:re", "NOT f:peterz", "s:patch as-of:20220101"] {
        for options in [&[][..], &["--reverse"], &["--sort", "received"], &["--dedupe", "mid"], &["--dedupe", "none"]] {
            let page = lines(&[&[query, "-n", "60"], options].concat());
            let again = lines(&[&[query, "-n", "59", "--offset", "1"], options].concat());
            assert!(page.len() == 60 && page[1..] == again, "{query} {options:?}");
        }
        let json = user.run(["query", "-f", "json", query]).ok().out;
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let counted: u64 = user.run(["query", "--count", query]).ok().out.trim().parse().expect("a number");
        let told = json["total"].as_u64().expect("a number");
        if json["total_is_exact"] == false {
            cut += 1;
            assert!((1_000..=counted).contains(&told), "{query}: at least {told} of {counted}");
            assert!(user.run(["query", query]).ok().all().contains("50 of at least "), "{query}");
        } else {
            assert_eq!(told, counted, "{query}");
        }
    }
    assert!(cut >= 2, "these queries are not broad: {cut}");
}
