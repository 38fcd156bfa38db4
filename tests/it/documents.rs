//! What the documents name is there: rooms, modules, files, commands.

use std::path::{Path, PathBuf};

use crate::harness::User;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect(name)
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// `index::writer::plan` is `index/src/writer/plan.rs`, or a function of `index/src/writer.rs`.
fn module_exists(path: &str) -> bool {
    let (room, rest) = path.split_once("::").expect("a path of modules");
    let source = match room {
        "corpus" | "index" | "core" => root().join(room).join("src"),
        _ => return ["corpus", "index", "core"].iter().any(|room| module_exists(&format!("{room}::{path}"))),
    };
    let file = |parts: &[&str]| -> PathBuf { source.join(parts.join("/")).with_extension("rs") };
    let parts: Vec<&str> = rest.split("::").collect();
    file(&parts).exists()
        || parts.split_last().is_some_and(|(item, module)| {
            let text = std::fs::read_to_string(if module.is_empty() { source.join("lib.rs") } else { file(module) });
            text.is_ok_and(|text| ["fn", "struct", "mod"].iter().any(|kind| text.contains(&format!("{kind} {item}"))))
        })
}

#[test]
fn architecture_names_what_is_there() {
    let text = read("ARCHITECTURE.md");
    let mut checked = 0;
    for name in quoted(&text).filter(|name| name.chars().all(|c| c.is_alphanumeric() || "/:._*-".contains(c))) {
        if name.contains("::") {
            assert!(module_exists(name), "ARCHITECTURE.md names the module {name}");
            checked += 1;
        } else if name.contains('/') {
            let path = name.split('*').next().unwrap_or(name);
            assert!(root().join(path).exists(), "ARCHITECTURE.md names the file {name}");
            checked += 1;
        }
    }
    assert!(checked >= 5, "only {checked} names were found to check");
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let text = read("README.md");
    let files: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || "`()".contains(c))
        .filter(|word| {
            let first = word.split('/').next().unwrap_or_default();
            word.contains('/') && [".ci", "core", "corpus", "index", "review-tui", "tests", "docs"].contains(&first)
        })
        .map(|word| word.trim_end_matches([',', '.', ':', ';']))
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert!(root().join(file).exists(), "README.md names {file}");
    }
}

#[test]
fn the_changelog_names_every_command() {
    let user = User::new();
    let help = user.run(["--help"]).ok().out;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    let text = read("CHANGELOG.md");
    assert!(commands.len() > 5, "{help}");
    for command in commands {
        assert!(text.contains(command), "CHANGELOG.md does not name `{command}`");
    }
}

#[test]
fn the_rule_of_ten_lines_is_one() {
    let path = root().join("review-tui/review/examples/rule.rs");
    let text = std::fs::read_to_string(&path).expect("the example");
    let body: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.contains("fn check"))
        .skip(1)
        .take_while(|line| *line != "    }")
        .collect();
    assert!((1..=10).contains(&body.len()), "{body:?}");
    // `cargo test` of the workspace has built it, unless only this test was asked for.
    let built = std::env::current_exe().expect("a path");
    let built = built.ancestors().nth(2).expect("a profile").join("examples/rule");
    if !built.exists() {
        println!("skipped: the example was not built");
        return;
    }
    let user = User::new();
    let added = ["	if (!site->owner)", "		BUG();"];
    let mail = crate::links::letter(
        "m@x",
        3,
        crate::links::ADA,
        "[PATCH] e: x",
        None,
        &crate::links::patch("why", "kernel/e.c", "\tgo();", &added),
    );
    let file = user.write("m.eml", mail);
    let out = std::process::Command::new(built).stdin(std::fs::File::open(file).unwrap()).output().expect("it starts");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success() && said.contains("> +\t\tBUG();") && said.contains("BUG() stops the machine"),
        "{said}"
    );
}
