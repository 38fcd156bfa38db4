use insta::assert_snapshot;
use proptest::prelude::*;

use super::ast::{Expr, Form, Node, Text, Value};
use super::prefix::Prefix;
use super::*;

/// The query as it was understood.
fn read(query: &str) -> String {
    match parse(query) {
        Ok(ast) => ast.to_string(),
        Err(error) => format!("{error}\n{}", error.render(query)),
    }
}

/// Queries and what Xapian 1.4.22 makes of them with public-inbox's prefixes and flags, in our words.
#[test]
fn reads_as_xapian_does() {
    for (query, expected) in [
        ("foo Bar running", r#"foo AND "bar" AND running"#),
        ("text_poke.c a/b/c.h x@y.z", r#""text_poke c" AND "a b c h" AND "x y z""#),
        ("a OR b c AND d", "a OR (b AND c AND d)"),
        ("a NOT b c", "a AND NOT (b AND c)"),
        ("a AND -b c", "a AND NOT (b AND c)"),
        ("a -b c", "a AND NOT b AND c"),
        ("-a b", "NOT a AND b"),
        ("a XOR b OR c XOR d AND e", "(a XOR b) OR (c XOR (d AND e))"),
        ("mid:a mid:b foo", "(mid:a OR mid:b) AND foo"),
        ("mid:a AND mid:b", "mid:a AND mid:b"),
        ("d:1.. foo d:..2", "(d:1.. OR d:..2) AND foo"),
        ("d:1.. AND dt:..2", "d:1.. AND dt:..2"),
        ("-mid:x foo", "NOT mid:x AND foo"),
        ("mid:\"a\"\"b c\"", "mid:\"a\"\"b c\""),
        ("s:(a OR f:b) c", "(s:a OR f:b) AND c"),
        ("s:foo-bar.c s:/foo/bar", r#"s:"foo bar c" AND s:"foo bar""#),
        ("c++ and C# +foo", r#"c++ AND and AND "c#" AND foo"#),
        ("don't AT&T U.N.C.L.E 3.14 v5.4", r#"don't AND "at&t" AND "uncle" AND "3.14" AND v5.4"#),
        ("foo*bar foo* foo-bar*", r#""foo" AND bar AND foo* AND "foo bar""#),
        ("running( running) running= running,", r#""running" AND running AND "running" AND running"#),
        ("a NEAR b", "(a NEAR/10 b)"),
        ("a NEAR/3 Bc NEAR/5 d", "(a NEAR/5 bc NEAR/5 d)"),
        ("s:a ADJ/2 s:b", "s:(a ADJ/2 b)"),
        ("NEAR/x a", "\"near x\" AND a"),
        ("f::bar change-id:Z-1 http://x.y", r#""f bar" AND "change id z 1" AND "http x y""#),
        ("text_poke() foo(bar)", r#""text_poke" AND "foo" AND bar"#),
        ("a - b + c", "a AND b AND c"),
        (
            "journal:foo z: x",
            "`z:` needs its value right behind the colon, without a space; write \"z\" to search for the word\n  journal:foo z: x\n              ~^",
        ),
        ("\u{201c}a b\u{201d} s:\u{201c}c\u{201d}", r#""a b" AND s:"c""#),
    ] {
        assert_eq!(read(query), expected, "{query}");
    }
}

#[test]
fn reads_what_lei_and_b4_write() {
    for query in [
        "dfpost:abc1234 OR dfpost:abc123",
        "patchid:0123456789abcdef0123456789abcdef01234567 AND d:..20240101",
        r#"s:"x86: fix the [thing]" AND f:"a@example.org" AND d:..20240101"#,
        r#"nq:"change-id:20240101-thing-0123456789ab""#,
        r#"nq:"From: A U Thor <a@example.org>" AND s:"fix""#,
        r#"dfn:arch/x86/kernel/site.c dfn:"a b/c.h" dfhh:"static int rewrite(struct site *site"  dfb:"err = write(site, 5)""#,
        "dfpre:0123456 dfpre:abcdef0 dfctx:return +dfa:x -dfb:y",
        "thread:{s:x OR f:y} thread:\"{s:\"\"x y\"\"}\"",
    ] {
        let once = read(query);
        assert_eq!(read(&once), once, "{query}");
    }
}

#[test]
fn keeps_our_own_apart() {
    assert_eq!(
        read("mech:static-call id:\"text reserved\" rev:2..4 is:patch trailer:Fixes:0123 as-of:2020-01-01"),
        "as-of:2020-01-01 AND mech:static-call AND id:\"text reserved\" AND rev:2..4 AND is:patch AND trailer:Fixes:0123"
    );
    assert_eq!(
        read("is:patch is:reply landed:yes commit:abcdef0"),
        "is:patch AND is:reply AND landed:yes AND commit:abcdef0"
    );
    assert_eq!(read("as-of:yesterday"), "as-of:yesterday");
    assert_eq!(read("NOT NOT a"), "a");
    assert_eq!(read("NOT a OR -b"), "NOT a OR NOT b");
}

#[test]
fn points_at_what_is_wrong() {
    let all = [
        "",
        "  ",
        "!!",
        "a OR",
        "OR a",
        "a AND OR b",
        "a AND NOT",
        "(a b",
        "a b)",
        "()",
        "\"a",
        "s:\"\"",
        "s:->",
        "s: x",
        "mid:(a OR b)",
        "dfpots:abc1234",
        "Mech:x",
        "a NEAR \"b c\"",
        "a NEAR",
        "a NEAR b NEAR c NEAR d NEAR e",
        "uid:5",
        "a OR as-of:2020",
        "thread:{a",
        "thread:{a OR}",
        "a -",
        "a --b",
        "a (b OR (c AND )) d",
    ];
    let told: Vec<_> = all.iter().map(|query| format!("{query}\n= {}", read(query))).collect();
    assert_snapshot!(told.join("\n"));
}

#[test]
fn bounds_what_it_takes() {
    let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&deep(MAX_DEPTH)).is_ok());
    assert!(matches!(parse(&deep(MAX_DEPTH + 1)).unwrap_err().problem, Problem::TooDeep));
    let threads = format!("{}a{}", "thread:{".repeat(20), "}".repeat(20));
    assert!(matches!(parse(&threads).unwrap_err().problem, Problem::TooDeep));
    assert!(matches!(parse(&"a ".repeat(MAX_LEN)).unwrap_err().problem, Problem::TooLong(_)));
    let many = "mid:a ".repeat(10_000);
    assert!(matches!(parse(&many).unwrap().root.node, Node::Or(m) if m.len() == 10_000));
    let alternating = format!("{}b{}", "a OR NOT (".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert_eq!(read(&parse(&alternating).unwrap().to_string()), parse(&alternating).unwrap().to_string());
}

#[test]
fn joins_arguments_as_lei_does() {
    assert_eq!(join_args(&["s:text poke", "foo bar", "d:..20200101"]), r#"s:"text poke" "foo bar" d:..20200101"#);
    assert_eq!(join_args(&["is:patch trampoline", "mech:static key"]), r#"is:patch trampoline mech:"static key""#);
    assert_eq!(join_args(&["s:\"BPF dispatcher\"", "a OR b", "f:x s:y"]), "s:\"BPF dispatcher\" a OR b f:x s:y");
}

#[test]
fn a_long_query_is_cut_around_the_place() {
    let query = format!("{} OR", "word ".repeat(30));
    assert_snapshot!(parse(&query).unwrap_err().render(&query), @r"
      …ord word word word word word word word  OR
                                               ~^
    ");
}

fn text() -> impl Strategy<Value = Node> {
    let prefix =
        proptest::option::of(proptest::sample::select(vec![Prefix::Subject, Prefix::DiffAdded, Prefix::Ident]));
    let words = proptest::collection::vec("[a-z][a-z_]{0,6}", 1..4);
    (prefix, 0..5, words).prop_map(|(prefix, form, mut words)| {
        let form = match form {
            0 => Form::Stem,
            1 => Form::Wildcard,
            2 if words.len() > 1 => Form::Near(3),
            3 if words.len() > 1 => Form::Adj(4),
            _ => Form::Phrase,
        };
        if matches!(form, Form::Stem | Form::Wildcard) {
            words.truncate(1);
        }
        Node::Text(Text { prefix, form, words })
    })
}

fn leaf() -> impl Strategy<Value = Node> {
    let value = |text: String| Value { text, span: 0..0 };
    prop_oneof![
        3 => text(),
        1 => "[ -~]{0,8}[a-z0-9]".prop_map(move |v| Node::Filter(Prefix::Mid, value(v))),
        1 => ("[a-z0-9-]{1,6}", "[a-z0-9]{1,6}").prop_map(move |(a, b)| {
            Node::Range(Prefix::Date, super::ast::Bounds::Between(Some(value(a)), Some(value(b))))
        }),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    leaf().prop_map(|node| Expr { span: 0..0, node }).prop_recursive(5, 40, 4, |inner| {
        let many = proptest::collection::vec(inner.clone(), 2..4);
        (many, 0..5).prop_map(|(members, kind)| {
            let one = Box::new(members[0].clone());
            let node = match kind {
                0 => Node::And(members),
                1 => Node::Or(members),
                2 => Node::Xor(members),
                3 => Node::Thread(one),
                _ => Node::Not(one),
            };
            Expr { span: 0..0, node }
        })
    })
}

fn check_spans(expr: &Expr, len: usize) {
    assert!(expr.span.start <= expr.span.end && expr.span.end <= len, "{expr:?}");
    match &expr.node {
        Node::And(m) | Node::Or(m) | Node::Xor(m) => m.iter().for_each(|e| check_spans(e, len)),
        Node::Not(e) => check_spans(e, len),
        _ => {}
    }
}

proptest! {
    /// What is printed parses to what was printed.
    #[test]
    fn a_printed_query_is_the_same_query(root in expr()) {
        // The first reading takes nested operators of one kind together.
        let first = parse(&root.to_string()).unwrap();
        let again = parse(&first.to_string()).unwrap();
        prop_assert_eq!(&again, &first);
        prop_assert_eq!(again.to_string(), first.to_string());
    }

    #[test]
    fn anything_is_read_or_refused_with_its_place(
        query in "(?s)([a-z]{1,4}|[ ()\"*:+{}./-]|AND |OR |NOT |XOR |NEAR |s:|mid:|d:|thread:|as-of:|\u{201c}|\u{e9}){0,24}|.{0,40}"
    ) {
        match parse(&query) {
            Ok(ast) => {
                check_spans(&ast.root, query.len());
                let printed = ast.to_string();
                let again = parse(&printed).unwrap_or_else(|e| panic!("{printed}: {e}"));
                prop_assert_eq!(again, ast);
            }
            Err(error) => {
                prop_assert!(error.span.start <= error.span.end && error.span.end <= query.len());
                prop_assert!(error.render(&query).lines().count() <= 2);
                prop_assert!(error.render(&query).lines().all(|line| line.chars().count() <= 80));
            }
        }
    }
}
