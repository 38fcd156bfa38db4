use std::io::Write as _;
use std::process::{Command, Stdio};

use provenance_corpus::catalogue::{Catalogue, Day};

use super::*;

fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|e| panic!("{e}"))
}

fn of<'c>(c: &'c Catalogue, name: &str, as_of: Option<&str>) -> Lineage<'c> {
    let mechanism = c.mechanism(name).unwrap_or_else(|e| panic!("{e}"));
    Lineage::new(c, Some(&mechanism.slug), as_of.map(|d| Day(d.parse().expect("a day"))))
}

/// A catalogue whose words are hostile.
fn hostile() -> Catalogue {
    let text = "slug = \"evil\"\nname = \"<evil> & \\\"co\\\"\"\nsummary = \"\\u001b[31mred\\u202e\"\n[[event]]\nid = \"bang\"\nhappened = 2020-01-01\nkind = \"claim\"\nclaim = { by = \"<b>\", disputed-by = [\"]]>\\\\\"] }\ntext = \"\\u001b]0;title\\u0007 <script>alert('x')</script> & more\"\nevidence = [{ url = \"https://example.org/?a=1&b=2\", read = 2020-01-01 }]\n";
    Catalogue::from_toml([("evil.toml", text)]).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_dispatcher_at_80_columns() {
    let c = catalogue();
    insta::assert_snapshot!(text(&of(&c, "bpf-dispatcher", None), 80, Style::default()));
}

#[test]
fn the_dispatcher_as_its_reviewers_could_know_it_at_120_columns() {
    let c = catalogue();
    insta::assert_snapshot!(text(&of(&c, "bpf-dispatcher", Some("2019-12-11")), 120, Style::default()));
}

#[test]
fn kprobes_in_ascii() {
    let c = catalogue();
    let drawn = text(&of(&c, "optprobes", None), 80, Style { ascii: true, colour: false });
    insta::assert_snapshot!(drawn);
}

#[test]
fn no_line_is_wider_than_the_terminal_but_for_an_id() {
    let c = catalogue();
    let all = c.mechanisms().iter().map(|m| Some(&m.slug)).chain([None]);
    for mechanism in all {
        let mut l = Lineage::new(&c, mechanism, None);
        l.mark_indexed(|_| false);
        for width in [60, 80, 120, 200] {
            for line in text(&l, width, Style::default()).lines() {
                assert!(columns(line) <= width || line.contains('@') || line.contains("://"), "{width}: {line}");
            }
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let c = catalogue();
    let l = of(&c, "static-call", None);
    let coloured = text(&l, 100, Style { colour: true, ascii: false });
    let mut bare = String::new();
    for (i, part) in coloured.split('\x1b').enumerate() {
        bare.push_str(if i == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) });
    }
    let trimmed: Vec<_> = bare.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n"), text(&l, 100, Style::default()).trim_end());
}

#[test]
fn nothing_to_show_is_said_in_a_line() {
    let c = catalogue();
    let empty = of(&c, "bpf-dispatcher", Some("2000-01-01"));
    insta::assert_snapshot!(text(&empty, 80, Style::default()));
    assert!(svg(&empty).ends_with("</svg>\n") && dot(&empty).ends_with("}\n"));
}

#[test]
fn hostile_words_stay_words() {
    let c = hostile();
    let l = Lineage::new(&c, None, None);
    let drawn = text(&l, 80, Style::default());
    assert!(!drawn.contains('\x1b') && !drawn.contains('\u{7}') && !drawn.contains('\u{202e}'), "{drawn:?}");
    let picture = svg(&l);
    assert!(!picture.contains("<script") && !picture.contains('\x1b') && picture.contains("&lt;script&gt;"));
    assert!(!dot(&l).contains('\x1b'));
}

#[test]
fn the_picture_refers_to_nothing_outside() {
    let c = catalogue();
    for l in [of(&c, "bpf-dispatcher", None), Lineage::new(&c, None, None)] {
        let picture = svg(&l);
        for outside in ["href", "url(", "@import", "<image", "<script", "<foreignObject"] {
            assert!(!picture.contains(outside), "{outside}");
        }
        // Each row has its mark and its label: as many labels as rows.
        assert_eq!(picture.matches("class=\"label\"").count(), l.rows().len());
        assert_eq!(picture.matches("<g ").count(), picture.matches("</g>").count());
    }
}

#[test]
fn json_holds_all_facts() {
    let c = catalogue();
    let value = json(&of(&c, "bpf-dispatcher", None));
    assert_eq!(value["format"], 1);
    assert_eq!(value["mechanism"], "bpf-dispatcher");
    let events = value["events"].as_array().expect("events");
    let patch = events.iter().find(|e| e["id"] == "dispatcher-v4-2-of-6").expect("the patch");
    insta::assert_snapshot!(serde_json::to_string_pretty(patch).expect("plain data"));
    let edges = value["edges"].as_array().expect("edges");
    let conflict = edges.iter().find(|e| e["kind"] == "conflicts-with").expect("the conflict");
    assert_eq!((&conflict["recorded"], &conflict["judgement"]), (&"2022-07-22".into(), &true.into()));
    let poc = events.iter().find(|e| e["id"] == "static-call-poc-2018").expect("the proof of concept");
    assert_eq!(poc["evidence"][0]["class"], "linked");
}

/// Feeds a drawing to a program that reads such drawings.
fn accepted(program: &str, arguments: &[&str], input: &str) {
    let run = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let Ok(mut child) = run else {
        println!("skipped: needs {program}");
        return;
    };
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("the program reads all of it");
    assert!(child.wait().expect("it ends").success(), "{program} refuses the drawing");
}

#[test]
fn graphviz_reads_the_graph_and_a_parser_the_picture() {
    let (real, bad) = (catalogue(), hostile());
    for l in [of(&real, "bpf-dispatcher", None), Lineage::new(&bad, None, None)] {
        accepted("dot", &["-Tcanon"], &dot(&l));
        accepted("rsvg-convert", &["-f", "png"], &svg(&l));
    }
}

#[test]
fn long_words_are_broken_and_short_ones_kept() {
    assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
    assert_eq!(wrap("", 10), [""]);
    assert_eq!(wrap("日本語 日本", 4), ["日本", "語", "日本"]);
}
