//! Puts the catalogue's TOML files into the compact form that is compiled in: reading TOML at every start would cost
//! more than most queries.

#[allow(dead_code, reason = "the build reads and writes files, it does not ask them anything")]
#[path = "src/catalogue/model.rs"]
mod model;
#[allow(dead_code, reason = "as above")]
#[path = "src/catalogue/words.rs"]
mod words;

use model::Mechanism;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=catalogue");
    println!("cargo::rerun-if-changed=src/catalogue/model.rs");
    println!("cargo::rerun-if-changed=src/catalogue/words.rs");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("a directory entry").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    let files: Vec<(String, Mechanism)> = paths
        .iter()
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{name}: {e}"));
            let mechanism = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, mechanism)
        })
        .collect();
    let bytes = postcard::to_allocvec(&files).expect("plain data can be written");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("catalogue.postcard");
    std::fs::write(&out, bytes).unwrap_or_else(|e| panic!("{}: {e}", out.display()));
}
