//! What Xapian 1.4.22 makes of made-up sentences, taken down from its answers, and properties.
//!
//! The same comparison over 4.9 million words of kernel mail (281,050 distinct) found no difference in words,
//! positions or stems.

use proptest::prelude::*;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::*;

fn all(mut tokenizer: impl Tokenizer, text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    tokenizer.token_stream(text).process(&mut |token| out.push(token.clone()));
    out
}

fn words(text: &str) -> String {
    let tokens = all(ExactTokenizer::default(), text);
    tokens.iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn stems(text: &str) -> String {
    let tokens = all(StemTokenizer::default(), text);
    tokens.iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join(" ")
}

fn idents(text: &str) -> String {
    let tokens = all(IdentTokenizer::default(), text);
    tokens.iter().map(|t| format!("{}:{}", t.position, t.text)).collect::<Vec<_>>().join(" ")
}

#[test]
fn words_are_xapians() {
    for (text, expected) in [
        ("Foo_bar->baz.qux(1)", "foo_bar baz qux 1"),
        ("don't AT&T 'quoted' a&", "don't at&t quoted a"),
        ("O\u{2019}Neil rock\u{b7}star", "o'neil rock\u{b7}star"),
        ("3.14 1,000 1;2 v5.4 5.x x.5 10.", "3.14 1,000 1;2 v5.4 5 x x 5 10"),
        ("U.N. L.L.V.M: U.S.Army P. Smith", "un llvm u s army p smith"),
        ("c++ C# y+++ z++++ fish+chips g#x", "c++ c# y+++ z fish chips g x"),
        ("x86-64 a/b/c.h x@y.z", "x86 64 a b c h x y z"),
        ("zero\u{200b}width Bj\u{f6}rn \u{c9}T\u{c9} Bjo\u{308}rn", "zerowidth bj\u{f6}rn \u{e9}t\u{e9} bjo\u{308}rn"),
        ("\u{130}x \u{6771}\u{4eac} 1\u{201c}2\u{201d}", "ix \u{6771}\u{4eac} 1 2"),
        ("__x _ -- ++ ", "__x _"),
    ] {
        assert_eq!(words(text), expected, "{text}");
    }
}

#[test]
fn stems_leave_digits_and_underscores() {
    assert_eq!(stems("Running patches patched 3rds _running ponies"), "run patch patch poni");
    assert_eq!(stems("livepatching ftraced generically skis"), "livepatch ftrace generic ski");
    assert!(has_stem("running") && !has_stem("Running") && !has_stem("5x") && !has_stem("_x") && !has_stem(""));
    assert!(has_stem("\u{e9}t\u{e9}") && !has_stem("\u{c9}t\u{e9}"));
}

#[test]
fn a_long_word_takes_no_position() {
    let text = format!("a {} b {} c", "x".repeat(64), "y".repeat(65));
    let tokens = all(ExactTokenizer::default(), &text);
    let positions: Vec<_> = tokens.iter().map(|t| (t.position, t.text.len())).collect();
    assert_eq!(positions, [(0, 1), (1, 64), (2, 1), (3, 1)]);
}

#[test]
fn the_separator_moves_positions_apart() {
    let tokens = all(ExactTokenizer::default(), "one two\u{1e}three\u{1e}\u{1e}four");
    let positions: Vec<_> = tokens.iter().map(|t| t.position).collect();
    assert_eq!(positions, [0, 1, 102, 303]);
}

#[test]
fn identifiers_have_parts() {
    assert_eq!(idents("text_poke_bp_batch word next_one"), "1:text 2:poke 3:bp 4:batch 6:next 7:one");
    assert_eq!(idents("ftraceDirectMulti BPF_MOD_CALL"), "1:ftrace 2:direct 3:multi 5:bpf 6:mod 7:call");
    assert_eq!(
        idents("XDPProg IPv6 x86_64 int3 __init int3Handler2Go"),
        "1:xdp 2:prog 4:x86 5:64 7:int3 8:handler2 9:go"
    );
    assert_eq!(idents("U.S.A AT&T don't plain Capital ALL"), "");
}

#[test]
fn stems_are_those_of_the_stemmer_however_full_the_cache() {
    let words: Vec<String> = (10..40_000).map(|n| format!("a{n}ing")).collect();
    for text in [words.join(" "), words.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" ")] {
        let expected = text.replace("ing", "");
        assert!(stems(&text) == expected);
    }
}

proptest! {
    #[test]
    fn tokens_lie_inside_the_text_in_order(text in "(?s)[a-zA-Z0-9_'&.,;+# \u{1e}\u{e9}\u{c9}\u{2019}\u{200b}\u{6771}-]{0,80}|.{0,40}") {
        for tokens in [all(ExactTokenizer::default(), &text), all(IdentTokenizer::default(), &text)] {
            let mut end = 0;
            let mut position = None;
            for token in tokens {
                prop_assert!(end <= token.offset_from && token.offset_from < token.offset_to);
                prop_assert!(text.get(token.offset_from..token.offset_to).is_some());
                prop_assert!(position.is_none_or(|p| p < token.position));
                end = token.offset_to;
                position = Some(token.position);
            }
        }
    }

    #[test]
    fn notes_give_what_the_text_gives(text in "(?s)([a-zA-Z_]{1,12}(ing|ed|s|ly|'s)?[ .,\u{1e}]){0,30}|.{0,60}") {
        let scanned = (stems(&text), idents(&text));
        words(&text);
        prop_assert_eq!((stems(&text), idents(&text)), scanned);
    }

    #[test]
    fn a_stem_is_given_once_for_a_text_where_it_differs(word in "[a-z]{1,3}[a-z0-9_]{0,9}|[a-z]{1,8}'[a-z]{1,4}|[a-z\u{e9}]{1,12}") {
        let stemmer = rust_stemmers::Stemmer::create(rust_stemmers::Algorithm::English);
        let expected = stemmer.stem(&word);
        prop_assert_eq!(stem(&word), expected.as_ref());
        let given = stems(&format!("{word} x {word}"));
        prop_assert_eq!(given.as_str(), if expected == word { "" } else { expected.as_ref() });
    }

    #[test]
    fn a_word_is_its_own_only_word(text in "[a-zA-Z0-9_'&.,;+#\u{e9}\u{2019} ]{0,60}") {
        for token in all(ExactTokenizer::default(), &text) {
            prop_assert_eq!(words(&token.text), token.text);
        }
    }
}
