use super::*;
use proptest::prelude::*;

const FILE: &str = "\
List of people
==============

	M: *Mail* patches to: FullName <address@domain>
	F: *Files* and directories

Maintainers List
----------------

ENGINE ROOM
M:	Ada Example <ada@example.org>
R:	\"Bob B. Other\" <bob@example.net>
M:	engine@lists.example
L:	linux-kernel@vger.kernel.org
S:	Maintained
F:	engine/
X:	engine/old/
F:	include/linux/engine*.h

GAUGES
M:	Cy Third <cy@example.org>
L:	gauges@lists.example (moderated for non-subscribers)
L:	inner@lists.example (subscribers-only)
S:	Orphan
F:	engine/*/gauge?.c
N:	[^a-z]gauge
K:	read_gauge\\b

THE REST
M:	Dee Fourth <dee@example.org>
L:	linux-kernel@vger.kernel.org
F:	*
F:	*/
";

fn titles(paths: &[&str], changed: &[&str]) -> Vec<String> {
    let all = Maintainers::parse(FILE);
    all.of(paths, changed).iter().map(|m| format!("{} by {}", m.section.title, m.by)).collect()
}

#[test]
fn every_section_that_matches_is_found_the_most_particular_first() {
    assert_eq!(
        titles(&["engine/a/gauge1.c"], &[])[..2],
        ["GAUGES by F: engine/*/gauge?.c", "ENGINE ROOM by F: engine/"]
    );
    assert_eq!(titles(&["engine/old/a.c"], &[]), ["THE REST by F: */"]);
    assert_eq!(titles(&["include/linux/engine_core.h"], &[])[0], "ENGINE ROOM by F: include/linux/engine*.h");
    assert_eq!(titles(&["include/linux/engine/core.h"], &[]), ["THE REST by F: */"]);
    assert!(titles(&["lib/my-gauge.c"], &[]).contains(&"GAUGES by N: [^a-z]gauge".to_owned()));
    assert!(titles(&["lib/x.c"], &["	x = read_gauge(y);"]).contains(&"GAUGES by K: read_gauge\\b".to_owned()));
    assert!(titles(&["top.c"], &[]).contains(&"THE REST by F: *".to_owned()));
}

#[test]
fn people_lists_and_status_are_told_apart() {
    let all = Maintainers::parse(FILE);
    let [engine, gauges, rest] = all.0.as_slice() else { panic!("{all:?}") };
    assert_eq!(engine.maintainers[0].to_string(), "Ada Example <ada@example.org>");
    assert_eq!(engine.reviewers[0].address, "bob@example.net");
    assert_eq!(engine.own_lists().collect::<Vec<_>>(), ["engine@lists.example"]);
    assert_eq!(gauges.lists, ["gauges@lists.example"]);
    assert!(gauges.is_orphaned() && !engine.is_orphaned());
    assert!(rest.is_rest() && !engine.is_rest());
}

#[test]
fn an_expression_that_is_none_matches_nothing() {
    let text = "A\nF:\ta/\nN:\t(\nK:\t(?<!x)y\n";
    assert!(Maintainers::parse(text).of(&["b/("], &["y"]).is_empty());
}

proptest! {
    #[test]
    fn whatever_the_file_says_nothing_breaks_and_all_is_from_it(text in "([FXNKLMRS]:\t|[A-Z ]{1,8}|[*?/a-c.@<>(]{1,6}|\n){0,60}") {
        let all = Maintainers::parse(&text);
        for found in all.of(&["a/b/c", "abc", ""], &["a b"]) {
            let (tag, value) = found.by.split_once(' ').unwrap();
            prop_assert!(text.contains(&tag[..2]) && text.contains(value));
        }
        for section in &all.0 {
            prop_assert!(section.lists.iter().all(|list| text.contains(list)));
        }
    }

    #[test]
    fn a_directory_has_all_that_is_below_it(dir in "[a-z]{1,8}(/[a-z]{1,8}){0,3}", below in "[a-z]{1,8}(/[a-z.]{1,8}){0,3}") {
        let path = format!("{dir}/{below}");
        for pattern in [format!("{dir}/"), dir.clone(), format!("{}*/", &dir[..1])] {
            prop_assert!(covers(&pattern, &path), "{pattern} {path}");
        }
        let stars = "*/".repeat(path.matches('/').count()) + "*";
        prop_assert!(covers(&stars, &path));
        let deeper = format!("{stars}/*");
        prop_assert!(!covers(&deeper, &path));
    }

    #[test]
    fn a_pattern_without_signs_is_a_beginning(pattern in "[a-c/]{1,6}", path in "[a-c/]{0,9}") {
        prop_assert_eq!(begins(pattern.as_bytes(), path.as_bytes()), path.starts_with(&pattern));
    }
}
