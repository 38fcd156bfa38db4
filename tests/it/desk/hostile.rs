//! Hostile mail on the desk: drawn, within its pane, and nothing of it reaches the terminal raw.

use crate::harness::{Inbox, User, mail};

use super::screen;

fn hostile() -> User {
    let user = User::new();
    let mut inbox = Inbox::new(&user.path("made"));
    let body = format!(
        "escape \u{1b}[2J\u{1b}]0;title\u{7} and c1 \u{9b}31m\nwide 日本語テキスト combining e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}x\n\
         rtl שלום عليكم \u{202e}override\u{202c} \u{2067}isolate\u{2069}\nzero\u{200b}width\u{200d}joined \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{1f1e9}\u{1f1ea}\n\
         tab\there\ttoo\ncr\rback\x08space\n{}\n{}\n---\ndiff --git a/\u{1b}[31mx b/\u{1b}[31mx\n--- a/\u{1b}[31mx\n+++ b/\u{1b}[31mx\n\
         @@ -1,2 +1,2 @@ \u{1b}[7m\n-\told \u{1b}[1m日本語\n+\tnew \u{1b}[1m日本語\n {}\n",
        "x".repeat(100_000),
        "語".repeat(60_000),
        "y".repeat(100_000)
    );
    inbox.add(mail("bad@made.example", "[PATCH] \u{1b}[31mred\u{202e} 日本\ttab", &[], &body));
    for n in 0..40 {
        let id = format!("deep{n}@made.example");
        let parent = if n == 0 { "bad@made.example".to_owned() } else { format!("deep{}@made.example", n - 1) };
        inbox.add(mail(&id, "Re: \u{1b}[31mred", &[&parent], "> > > >\n>>>>>>>>>>>>\nno\n"));
    }
    user.run(["index".as_ref(), inbox.dir.as_os_str()]).ok();
    user
}

#[test]
fn hostile_mail_stays_in_its_pane() {
    let user = hostile();
    for size in ["80x24", "120x40", "200x60", "40x10", "21x5"] {
        let (columns, rows) = size.split_once('x').expect("a size");
        let (columns, rows): (usize, usize) = (columns.parse().expect("columns"), rows.parse().expect("rows"));
        let all = [
            "",
            "G",
            "c wait",
            "v wait d wait",
            "tab G wait",
            "space space",
            "@ wait @",
            "a",
            "F",
            "r wait",
            "h",
            "M wait",
        ];
        for keys in &all[..if columns == 80 { all.len() } else { 4 }] {
            let shown = screen(&user, size, keys, &["bad@made.example"]);
            assert_eq!(shown.lines().count(), rows);
            for line in shown.lines() {
                assert!(unicode_width::UnicodeWidthStr::width(line) <= columns, "{size} {keys}: {line}");
                assert!(!line.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{line:?}");
                assert!(!line.contains('\u{200d}') && !line.contains('\u{2067}'), "{line:?}");
            }
        }
    }
    let shown = screen(&user, "120x40", "", &["bad@made.example"]);
    insta::assert_snapshot!("hostile-120x40", shown);
    let found = screen(&user, "80x24", "", &[]);
    insta::assert_snapshot!("hostile-find-80x24", found);
}

#[test]
fn the_border_stands_whatever_is_beside_it() {
    let user = hostile();
    let shown = screen(&user, "120x40", "j j j", &["bad@made.example"]);
    let column = |line: &str| {
        line.char_indices().find(|(_, c)| *c == '│').map(|(at, _)| unicode_width::UnicodeWidthStr::width(&line[..at]))
    };
    let borders: Vec<usize> = shown.lines().skip(30).filter_map(column).collect();
    assert!(!borders.is_empty());
    assert!(borders.windows(2).all(|w| w[0] == w[1]), "{borders:?}\n{shown}");
}
