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
            assert!(is_there(name), "ARCHITECTURE.md names the file {name}");
            checked += 1;
        }
    }
    assert!(checked >= 5, "only {checked} names were found to check");
}

/// A file or directory; what stands behind a `*` can be anything.
fn is_there(name: &str) -> bool {
    let path = name.split('*').next().unwrap_or(name);
    root().join(path).exists()
}

/// The code of a document's blocks in this language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

#[test]
fn contributing_names_what_is_there() {
    let text = read("CONTRIBUTING.md");
    let paths: Vec<&str> = quoted(&text)
        .filter(|name| name.contains('/') && !name.contains(char::is_whitespace) && !name.starts_with("../"))
        // The directory of the reader's own files, below the data directory.
        .filter(|name| *name != "catalogue/")
        .collect();
    assert!(paths.len() >= 20, "{paths:?}");
    for path in paths {
        assert!(is_there(path), "CONTRIBUTING.md names {path}");
    }
}

#[test]
fn the_event_of_contributing_loads_and_is_shown() {
    let text = read("CONTRIBUTING.md");
    let [event] = blocks(&text, "toml")[..] else { panic!("CONTRIBUTING.md has one event") };
    let user = User::new();
    let file = ".local/share/provenance/catalogue/example.toml";
    user.write(file, event);
    let shown = user.run(["lineage", "static-call", "--as-of", "2031-12-31"]).ok().out;
    assert!(shown.contains("2031-02-03"), "{shown}");
    let earlier = user.run(["lineage", "static-call", "--as-of", "2031-01-31"]).ok().out;
    assert!(!earlier.contains("2031-02-03"), "{earlier}");
    // Without its evidence it must not load.
    let (event, _) = event.split_once("[[edge]]").expect("an edge");
    let without: String =
        event.lines().filter(|line| !line.contains("{ mail =")).map(|line| format!("{line}\n")).collect();
    assert!(without.contains("[[event]]") && without != event);
    user.write(file, without);
    let refused = user.run(["lineage", "static-call"]).ends(3);
    assert!(refused.err.contains("static-call-example-2031"), "{}", refused.err);
}

#[test]
fn the_rule_of_contributing_is_the_one_that_is_built() {
    let text = read("CONTRIBUTING.md");
    let [rule] = blocks(&text, "rust")[..] else { panic!("CONTRIBUTING.md has one rule") };
    assert!(rule.contains("impl Rule for"), "{rule}");
    let example = root().join("review-tui/review/examples/rule.rs");
    assert!(std::fs::read_to_string(example).expect("the example").contains(rule), "CONTRIBUTING.md has another rule");
}

#[test]
fn the_guides_fit_a_terminal() {
    for name in ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "docs/tutorial.md"] {
        let mut fenced = false;
        for (number, line) in read(name).lines().enumerate() {
            fenced ^= line.starts_with("```");
            // What a program prints, a table and a link cannot be broken.
            let whole = fenced || line.starts_with("    ") || line.starts_with('|') || !line.trim().contains(' ');
            assert!(whole || line.chars().count() <= 100, "{name}:{}: more than 100 columns", number + 1);
        }
    }
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
