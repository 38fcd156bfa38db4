//! What Xapian 1.4.22 makes of made-up sentences, written down by hand from its answers, and properties.

use proptest::prelude::*;
use tantivy::tokenizer::{TokenStream, Tokenizer};

use super::*;

fn exact(text: &str) -> Vec<(usize, String)> {
    let mut tokenizer = ExactTokenizer::default();
    let mut stream = tokenizer.token_stream(text);
    let mut out = Vec::new();
    stream.process(&mut |t| out.push((t.position, t.text.clone())));
    out
}

#[test]
fn dump() {
    let Ok(path) = std::env::var("DUMP") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut out = String::new();
    for (p, w) in exact(&text) {
        let s = if has_stem(&w) { stem(&w) } else { String::new() };
        out.push_str(&format!("{p} {w} {s}\n"));
    }
    std::fs::write(std::env::var("DUMP_OUT").unwrap(), out).unwrap();
}
proptest! {
    #[test]
    fn never_panics(text in any::<String>()) { let _ = exact(&text); }
}
