use provenance_corpus::catalogue::Catalogue;

use super::*;
use crate::page::layout::{Folds, What, lay};

fn page(body: &str) -> Page {
    let mail = format!(
        "From: Ada <ada@example.org>\nSubject: [PATCH] bpf: take a nop\nMessage-ID: <x@example.org>\n\
         Date: Wed, 11 Dec 2019 13:30:13 +0100\n\n{body}"
    );
    {
        let given = vec![("Acked-by".to_owned(), "Ben".to_owned())];
        let beside = Beside { lists: vec!["netdev.vger.kernel.org".to_owned()], given, voices: Vec::new() };
        build(mail.as_bytes(), &beside, &Catalogue::built_in().expect("it loads"))
    }
}

const PATCH: &str = "See https://lore.kernel.org/r/one@example.org and <20191211123017.13212-3-b@example.org>.\n\n\
    Signed-off-by: Ada <ada@example.org>\n---\n kernel/bpf/dispatcher.c | 2 +-\n\n\
    diff --git a/kernel/bpf/dispatcher.c b/kernel/bpf/dispatcher.c\n--- a/kernel/bpf/dispatcher.c\n\
    +++ b/kernel/bpf/dispatcher.c\n@@ -10,4 +10,4 @@ static void f(void)\n \t/* open\n-\tstill */ err = text_poke(d, a);\n\
    +\tstill */ err = bpf_arch_text_poke(d, b);\n \tif (err)\n \t\treturn;\n-- \n2.20\n";

#[test]
fn a_patch_has_rows_of_every_kind() {
    let page = page(PATCH);
    let of = |kind: Kind| page.rows.iter().filter(|r| r.kind == kind).count();
    assert_eq!((of(Kind::Added), of(Kind::Removed), of(Kind::Context), of(Kind::Hunk)), (1, 1, 3, 1));
    let added = page.rows.iter().find(|r| r.kind == Kind::Added).expect("there");
    assert_eq!(&*added.text, "        still */ err = bpf_arch_text_poke(d, b);");
    let words: Vec<&str> = added.words.iter().map(|w| &added.text[w.start as usize..w.end as usize]).collect();
    assert_eq!(words, ["bpf_arch_text_poke", "b"]);
    assert!(added.in_comment, "the comment of the line above is open");
    assert_eq!(page.files[0].path, "kernel/bpf/dispatcher.c");
    assert_eq!(page.file_of(page.files[0].rows.start), Some(0));
    assert_eq!(page.links.len(), 2, "{:?}", page.links);
    let touched: Vec<&str> = page.touches.iter().map(|t| t.slug.as_str()).collect();
    assert!(touched.contains(&"bpf-dispatcher"), "{touched:?}");
    let trailers = page.rows.iter().filter(|r| matches!(r.kind, Kind::Trailer(_))).map(|r| &*r.text);
    assert_eq!(trailers.collect::<Vec<_>>(), ["Signed-off-by  Ada", "Acked-by  Ben (in a reply)"]);
}

#[test]
fn rows_know_their_line_of_the_mail() {
    let page = page(PATCH);
    for row in page.rows.iter().filter(|r| r.source != u32::MAX) {
        let line = &page.lines[row.source as usize];
        let first = row.text.split_whitespace().next().unwrap_or_default();
        let first = first.split('[').next().unwrap_or_default();
        assert!(line.contains(first), "{row:?} is not of {line}");
    }
}

#[test]
fn long_quotes_are_folded_but_for_what_is_answered() {
    let quoted: String = (0..20).map(|n| format!("> line {n}\n")).collect();
    let page = page(&format!("{quoted}answer\n> short\nyes\n"));
    let text = |folds: &Folds| -> String {
        let layout = lay(&page, folds, &[], 80);
        let of = |seg: &super::super::layout::Seg| match seg.what {
            What::Fold(n) => format!("fold {n}"),
            _ => page.rows[seg.row as usize].text.to_string(),
        };
        layout.segs.iter().map(of).collect::<Vec<_>>().join("|")
    };
    let folded = text(&Folds::default());
    assert!(folded.contains("fold 18|> line 18|> line 19|answer|> short|yes"), "{folded}");
    assert!(!text(&Folds { quotes: true, ..Folds::default() }).contains("fold"));
}

#[test]
fn remarks_stand_under_their_line_or_under_its_fold() {
    let page = page(PATCH);
    let added = page.rows.iter().position(|r| r.kind == Kind::Added).expect("there");
    let remarks = [(page.rows[added].source, "why this one?".to_owned())];
    let layout = lay(&page, &Folds::default(), &remarks, 80);
    let at = layout.segs.iter().position(|s| matches!(s.what, What::Remark(0))).expect("it is shown");
    assert_eq!(layout.segs[at - 1].row as usize, added);
}

#[test]
fn any_text_makes_a_page_and_every_layout_covers_it() {
    let hostile = [
        "\u{1b}[2J\u{9b}31m\u{202e}abc\u{200d}\n".repeat(3),
        "x".repeat(100_000),
        format!("{}\n@@ -1 +1 @@\n-a\n", "diff --git a/x b/x"),
        "> ".repeat(5_000),
        "http://".repeat(100),
        "[PATCH]\n--- \n+++ \n@@\n".to_owned(),
        "日本語\t\u{301}\u{301}\n".repeat(10),
    ];
    for body in hostile {
        let page = page(&body);
        for width in [1, 2, 7, 40, 200] {
            let layout = lay(&page, &Folds::default(), &[], width);
            for seg in &layout.segs {
                let text = &page.rows[seg.row as usize].text;
                assert!(text.get(seg.start as usize..seg.end as usize).is_some(), "{seg:?} of {text}");
                assert!(!text.chars().any(char::is_control));
            }
        }
    }
}
