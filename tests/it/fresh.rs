//! A machine without any archive; the command line, its errors and its exit codes.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::harness::User;

#[test]
fn the_catalogue_answers_without_an_archive() {
    let user = User::new();
    let said = user.run(["query", "mech:bpf-dispatcher"]).ok();
    assert!(said.out.contains("20191211123017.13212-1-bjorn.topel@gmail.com"), "{}", said.out);
    assert!(said.out.contains('◆'), "{}", said.out);
    assert!(said.err.contains("no mail indexed, catalogue only"), "{}", said.err);
    assert!(!user.path(".local").exists(), "a query must not make a data directory");
}

#[test]
fn as_of_hides_what_was_not_known() {
    let user = User::new();
    let then = user.run(["query", "mech:bpf-dispatcher", "--as-of", "2019-12-12", "-n", "0"]).ok().out;
    assert!(then.contains("20191211123017.13212-1-bjorn.topel@gmail.com"), "{then}");
    assert!(!then.contains("2022-"), "{then}");
    assert!(!then.contains("20191213175112.30208-1-bjorn.topel@gmail.com"), "{then}");
}

#[test]
fn a_bad_query_points_at_the_place() {
    let user = User::new();
    let said = user.run(["query", "s:\"never closed"]).ends(2);
    insta::assert_snapshot!(said.all());
    let said = user.run(["query", "f:me AND (s:x OR"]).ends(2);
    insta::assert_snapshot!(said.all());
    let said = user.run(["query", "mech:bpf-dispatcer"]).ends(2);
    insta::assert_snapshot!(said.all());
    let said = user.run(["query", "d:yesteryear.."]).ends(2);
    insta::assert_snapshot!(said.all());
}

#[test]
fn explain_shows_tokens_expansion_and_query() {
    let user = User::new();
    let said = user.run(["query", "--explain", "s:trampoline OR dfpost:abc1234 -q:Maybe"]).ok();
    insta::assert_snapshot!(said.out);
}

#[test]
fn exit_codes_are_what_the_help_says() {
    let user = User::new();
    user.run(["query", "nosuchwordanywhere"]).ends(0);
    user.run(["query", "nosuchwordanywhere", "--exit-code"]).ends(1);
    user.run(["query"]).ends(2);
    user.run(["nosuchcommand"]).ends(2);
    user.run(["--help"]).ends(0);
    user.run(["index"]).ends(2);
    user.run(["index", "/nonexistent"]).ends(3);
    user.run(["thread", "a@example.org"]).ends(3);
    user.run(["show", "not an id"]).ends(2);
}

#[test]
fn errors_say_what_why_and_what_to_do() {
    let user = User::new();
    std::fs::create_dir(user.path("empty")).unwrap();
    user.write("binary.mbox", [0u8, 159, 146, 150, 0, 1, 2, 3]);
    for (name, arguments) in [
        ("no_source", vec!["index"]),
        ("empty_folder", vec!["index", "empty"]),
        ("binary_mbox", vec!["index", "binary.mbox"]),
        ("missing_path", vec!["index", "nowhere"]),
        ("thread_without_index", vec!["thread", "a@example.org"]),
    ] {
        let said = user.run(arguments);
        let home = user.path("").to_string_lossy().trim_end_matches('/').to_owned();
        insta::assert_snapshot!(name, said.all().replace(&home, "HOME"));
    }
}

#[test]
fn public_inbox_configuration_is_offered_not_attached() {
    let user = User::new();
    let inbox = user.path("made");
    std::fs::create_dir(&inbox).unwrap();
    let config = format!("[publicinbox \"made\"]\n\taddress = made@lists.example\n\tinboxdir = {}\n", inbox.display());
    user.write(".public-inbox/config", config);
    let said = user.run(["index"]).ends(2);
    assert!(said.err.contains(&*inbox.to_string_lossy()), "{}", said.err);
    assert!(!user.path(".local").exists());
}

#[test]
fn a_closed_pipe_is_a_success() {
    let user = User::new();
    let mut child = user.command().args(["query", "d:..2040", "-n", "0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().is_some());
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn lineage_draws_one_mechanism_and_all() {
    let user = User::new();
    let one = user.run(["lineage", "bpf-dispatcher", "--width", "100"]).ok();
    insta::assert_snapshot!("lineage_bpf_dispatcher", one.out);
    let all = user.run(["lineage"]).ok();
    assert!(all.out.contains("static-call"), "{}", all.out);
    let json: serde_json::Value = serde_json::from_str(&user.run(["lineage", "-f", "json"]).ok().out).unwrap();
    assert_eq!(json["format"], 1);
    let dot = user.run(["lineage", "static key", "-f", "dot"]).ok().out;
    assert!(dot.starts_with("digraph"), "{dot}");
    let svg = user.run(["lineage", "static-call", "-f", "svg"]).ok().out;
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    let said = user.run(["lineage", "static-cal"]).ends(2);
    assert!(said.err.contains("static-call"), "{}", said.err);
}

#[test]
fn json_is_versioned_and_whole() {
    let user = User::new();
    let said = user.run(["query", "-f", "json", "mech:bpf-dispatcher"]).ok();
    let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["format"], 2);
    assert_eq!(json["hits"].as_array().unwrap().len() as u64, json["total"].as_u64().unwrap().min(50));
    let said = user.run(["query", "-f", "jsonl", "mech:bpf-dispatcher"]).ok();
    for line in said.out.lines() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(json["format"], 1);
        assert_eq!(json["kind"], "event");
    }
}

#[test]
fn completions_and_manual_pages_are_made() {
    let user = User::new();
    for shell in ["bash", "zsh", "fish"] {
        let said = user.run(["completions", shell]).ok();
        assert!(said.out.contains("lineage"), "{shell}");
    }
    user.run(["man", "pages"]).ok();
    let page = std::fs::read_to_string(user.path("pages/provenance-query.1")).unwrap();
    assert!(page.contains("as-of") || page.contains("as\\-of"), "{page}");
}

#[test]
fn help_has_what_is_a_commands_own_before_the_global_options() {
    let user = User::new();
    let top = user.run(["-h"]).ok().out;
    let commands: Vec<&str> = top
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty() && *name != "help")
        })
        .collect();
    assert!(commands.len() > 10, "{top}");
    for command in commands {
        for form in ["-h", "--help"] {
            let help = user.command().env("COLUMNS", "80").args([command, form]).output().expect("the program starts");
            let help = String::from_utf8(help.stdout).unwrap();
            let (own, global) =
                help.split_once("\nGlobal options:\n").expect("global options have a heading of their own");
            let (_, own) = own.split_once("\nOptions:\n").expect("a command has options, if only --help");
            assert!(own.contains("--help") && !own.contains("--data-dir"), "{command}: {own}");
            for name in ["--data-dir", "-C <DIR>", "--quiet", "--color", "--width", "--no-pager"] {
                assert!(global.contains(name), "{command}: {name} is not among the global options");
            }
            assert!(help.lines().all(|line| line.chars().count() <= 80), "{command} {form}: {help}");
        }
    }
}
