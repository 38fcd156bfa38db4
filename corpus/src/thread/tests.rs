use proptest::prelude::*;

use super::*;

fn node<'a>(id: &'a str, references: &[&'a str], date: i64) -> Node<'a> {
    Node { id, references: references.to_vec(), date }
}

fn drawn(nodes: &[Node<'_>]) -> String {
    let line = |row: &Row<'_>| {
        let mark = if row.node.is_some() { '●' } else { '○' };
        format!("{}{mark}{}{}\n", "  ".repeat(row.depth), row.id, if row.last { "" } else { " +" })
    };
    build(nodes).iter().map(line).collect()
}

#[test]
fn answers_stand_below_what_they_answer_in_order_of_date() {
    let nodes = [node("c", &["a"], 3), node("a", &[], 1), node("b", &["a"], 2), node("d", &["a", "b"], 4)];
    assert_eq!(drawn(&nodes), "●a\n  ●b +\n    ●d\n  ●c\n");
}

#[test]
fn missing_mails_stand_in_their_places() {
    let nodes = [node("d", &["a", "b", "c"], 4), node("e", &["a"], 2)];
    assert_eq!(drawn(&nodes), "○a\n  ●e +\n  ○b\n    ○c\n      ●d\n");
}

#[test]
fn a_mail_knows_its_parent_better_than_its_answers_do() {
    let nodes = [node("b", &["a"], 2), node("c", &["x", "b"], 3), node("a", &[], 1)];
    assert_eq!(drawn(&nodes), "●a\n  ●b\n    ●c\n");
}

#[test]
fn circles_are_cut() {
    assert_eq!(drawn(&[node("a", &["a"], 1)]), "●a\n");
    assert_eq!(drawn(&[node("a", &["b"], 1), node("b", &["a"], 2)]), "●b\n  ●a\n");
    let nodes = [node("a", &["c"], 1), node("b", &["a"], 2), node("c", &["b"], 3)];
    assert_eq!(build(&nodes).len(), 3);
}

#[test]
fn ten_thousand_references_are_one_chain() {
    let ids: Vec<String> = (0..10_000).map(|n| format!("r{n:05}")).collect();
    let references: Vec<&str> = ids.iter().map(String::as_str).collect();
    let rows = build(&[Node { id: "leaf", references, date: 1 }]);
    assert_eq!(rows.len(), 10_001);
    assert_eq!(rows.last().map(|row| row.depth), Some(10_000));
}

#[test]
fn threads_are_connected_mails() {
    let mails: [(u64, &[u64]); 5] = [(5, &[]), (6, &[5]), (7, &[9]), (8, &[2, 9]), (1, &[])];
    assert_eq!(roots(mails.into_iter()), [5, 5, 2, 2, 1]);
}

fn mails() -> impl Strategy<Value = Vec<(u8, Vec<u8>, i64)>> {
    prop::collection::vec((0u8..20, prop::collection::vec(0u8..25, 0..5), 0i64..10), 0..25)
}

fn names() -> Vec<String> {
    (0..25).map(|n| format!("m{n}")).collect()
}

proptest! {
    #[test]
    fn every_mail_stands_once_below_a_parent_that_is_there(mails in mails()) {
        let names = names();
        let nodes: Vec<Node<'_>> = mails
            .iter()
            .map(|(id, refs, date)| Node { id: &names[usize::from(*id)], references: refs.iter().map(|r| names[usize::from(*r)].as_str()).collect(), date: *date })
            .collect();
        let rows = build(&nodes);
        let mut ids: Vec<&str> = rows.iter().map(|row| row.id).collect();
        let total = ids.len();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), total);
        for node in &nodes {
            prop_assert!(ids.binary_search(&node.id).is_ok());
        }
        for pair in rows.windows(2) {
            prop_assert!(pair[1].depth <= pair[0].depth + 1);
        }
        // What is not there is named only for the sake of something below it.
        for (at, row) in rows.iter().enumerate() {
            prop_assert!(row.node.is_some() || rows.get(at + 1).is_some_and(|next| next.depth == row.depth + 1));
        }
    }

    #[test]
    fn the_order_of_mails_does_not_matter(mails in mails(), seed in any::<u64>()) {
        let names = names();
        let mut nodes: Vec<Node<'_>> = mails
            .iter()
            .map(|(id, refs, date)| Node { id: &names[usize::from(*id)], references: refs.iter().map(|r| names[usize::from(*r)].as_str()).collect(), date: *date })
            .collect();
        let before = drawn(&nodes);
        let mut state = seed | 1;
        for at in (1..nodes.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            nodes.swap(at, (state >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(drawn(&nodes), before);
    }

    #[test]
    fn connected_mails_share_a_root(mails in prop::collection::vec((0u64..30, prop::collection::vec(0u64..30, 0..4)), 0..30)) {
        let found = roots(mails.iter().map(|(id, refs)| (*id, refs.as_slice())));
        for (mail, root) in mails.iter().zip(&found) {
            for (other, other_root) in mails.iter().zip(&found) {
                if mail.1.contains(&other.0) || mail.0 == other.0 {
                    prop_assert_eq!(root, other_root);
                }
            }
            prop_assert!(*root <= mail.0);
        }
    }
}
