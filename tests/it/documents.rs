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
