//! The README's table of unsafe is that of the sources, and what it names exists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            out.push(path);
        }
    }
}

#[test]
fn the_inventory_of_unsafe_is_complete() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut found = BTreeMap::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let uses: usize =
            ["unsafe {", "unsafe impl", "unsafe extern", "unsafe fn"].iter().map(|w| text.matches(w).count()).sum();
        if uses > 0 {
            found.insert(path.strip_prefix(root()).unwrap().display().to_string(), uses);
        }
    }
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let listed: BTreeMap<String, usize> = readme
        .lines()
        .filter_map(|l| {
            let mut cells = l.strip_prefix("| `src/")?.split('|').map(str::trim);
            Some((format!("src/{}", cells.next()?.trim_end_matches('`')), cells.next()?.parse().ok()?))
        })
        .collect();
    assert_eq!(listed, found);
}

#[test]
fn what_the_readme_names_exists() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let line = readme.lines().find(|l| l.starts_with("Examples: ")).unwrap();
    let names: Vec<_> = line.split(';').next().unwrap().split('`').skip(1).step_by(2).collect();
    assert_eq!(names.len(), 4);
    names.iter().for_each(|n| assert!(root().join(format!("examples/{n}.rs")).exists(), "{n}"));
    let table = readme.split("## What is where").nth(1).unwrap().split("Examples:").next().unwrap();
    for row in table.lines().filter(|l| l.starts_with("| `")) {
        for module in row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2) {
            assert!(root().join(format!("src/{module}.rs")).exists(), "{module}");
        }
    }
}
