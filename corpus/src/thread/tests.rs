use super::*;
use proptest::prelude::*;

/// A thread as text: `o` is missing, `*` is here.
fn draw(nodes: &[Node<'_, &str>]) -> String {
    let mut out = String::new();
    for row in Forest::new(nodes).rows {
        let mark = if row.present.is_some() { '*' } else { 'o' };
        let last = if row.last { " last" } else { "" };
        out += &format!("{}{mark} {}{last}\n", "  ".repeat(row.depth as usize), row.id);
    }
    out
}

fn node<'a>(id: &'a str, references: &'a [&'a str], date: i64) -> Node<'a, &'a str> {
    Node { id, references, date }
}

#[test]
fn missing_mails_hold_their_place() {
    let nodes = [
        node("patch", &["cover"], 10),
        node("late", &["cover", "patch", "x", "y"], 30),
        node("answer", &["cover", "patch", "x", "y", "late"], 31),
        node("other", &["cover"], 12),
    ];
    insta::assert_snapshot!(draw(&nodes), @r"
    o cover last
      * patch
        o x last
          o y last
            * late last
              * answer last
      * other last
    ");
    let forest = Forest::new(&nodes);
    assert_eq!(forest.rows[0].below, 6);
    assert_eq!(forest.rows[3].parent, Some(2));
    assert_eq!(forest.threads().count(), 1);
}

#[test]
fn a_missing_mail_that_nobody_answers_is_left_out() {
    // The second mail says that `b` answers `x`; `b` itself knows better.
    let nodes = [node("a", &[], 1), node("b", &["a"], 2), node("c", &["x", "b"], 3)];
    insta::assert_snapshot!(draw(&nodes), @r"
    * a last
      * b last
        * c last
    ");
}

#[test]
fn a_mail_without_references_is_put_where_others_have_it() {
    let nodes = [node("a", &[], 1), node("b", &[], 2), node("c", &["a", "b"], 3)];
    insta::assert_snapshot!(draw(&nodes), @r"
    * a last
      * b last
        * c last
    ");
}

#[test]
fn the_oldest_claim_counts() {
    let nodes = [node("c", &["q", "x"], 3), node("b", &["p", "x"], 2)];
    insta::assert_snapshot!(draw(&nodes), @r"
    o p last
      o x last
        * b
        * c last
    ");
}

#[test]
fn circles_are_cut_at_the_oldest_mail() {
    let nodes =
        [node("b", &["a"], 2), node("a", &["b"], 1), node("self", &["self"], 3), node("z", &["z", "a", "z"], 4)];
    insta::assert_snapshot!(draw(&nodes), @r"
    * a
      * b
      * z last
    * self last
    ");
    // What mails say of a missing one is cut before what they say of themselves.
    let nodes = [node("a", &["x"], 1), node("b", &["a", "x"], 2)];
    insta::assert_snapshot!(draw(&nodes), @r"
    o x last
      * a
      * b last
    ");
}

#[test]
fn duplicates_get_no_row_and_are_named() {
    let nodes = [node("a", &["x"], 5), node("a", &[], 1), node("a", &["x"], 1)];
    let forest = Forest::new(&nodes);
    assert_eq!(forest.rows.len(), 1);
    assert_eq!(forest.rows[0].present, Some(1));
    assert_eq!(forest.duplicates, [Duplicate { node: 0, of: 1 }, Duplicate { node: 2, of: 1 }]);
}

#[test]
fn siblings_are_in_order_of_date_then_id() {
    let nodes =
        [node("d", &["a"], 7), node("c", &["a"], 7), node("b", &["a"], 9), node("a", &[], 50), node("e", &[], 8)];
    insta::assert_snapshot!(draw(&nodes), @r"
    * e
    * a last
      * c
      * d
      * b last
    ");
}

#[test]
fn ten_thousand_references_and_a_deep_thread() {
    let references: Vec<u64> = (1..=10_000).collect();
    let forest = Forest::new(&[Node { id: 0, references: &references, date: 0 }]);
    assert_eq!(forest.rows.len(), 10_001);
    assert_eq!(forest.rows.last().map(|row| (row.id, row.depth)), Some((0, 10_000)));

    let above: Vec<[u64; 1]> = (0..100_000).map(|id| [id]).collect();
    let nodes: Vec<_> = above.iter().map(|above| Node { id: above[0] + 1, references: above, date: 0 }).collect();
    assert_eq!(Forest::new(&nodes).rows.last().map(|row| row.depth), Some(100_000));
}

#[test]
fn threads_are_components() {
    let none: &[u64] = &[];
    let nodes = [(9, none), (3, &[8, 9][..]), (4, &[7][..]), (5, &[7][..])];
    assert_eq!(roots(nodes), [3, 3, 4, 4]);
    let mut components = Components::default();
    nodes.iter().for_each(|(id, references)| components.join(*id, references));
    components.join(5, &[9]);
    assert_eq!((components.root(4), components.root(8), components.root(100)), (Some(3), Some(3), None));
    assert_eq!((components.len(), components.is_empty()), (6, false));
}

/// Half a million mails, five references each, with ids that look like hashes.
#[test]
fn half_a_million_mails() {
    let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    let references: Vec<[u64; 5]> =
        (0..500_000u64).map(|n| std::array::from_fn(|at| hash(n - n % 100 + at as u64 * (n % 100) / 5))).collect();
    let nodes: Vec<_> = references
        .iter()
        .enumerate()
        .map(|(n, references)| Node { id: hash(n as u64), references, date: n as i64 })
        .collect();
    let start = std::time::Instant::now();
    let forest = Forest::new(&nodes);
    let threaded = start.elapsed();
    let names = roots(nodes.iter().map(|node| (node.id, node.references)));
    println!("500,000 mails: forest {threaded:?}, roots {:?}", start.elapsed() - threaded);
    assert_eq!(forest.rows.len(), 500_000);
    assert_eq!(forest.threads().count(), 5_000);
    assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), 5_000);
}

/// Mails with few ids, so that they meet: missing, doubled, in circles.
fn mails() -> impl Strategy<Value = Vec<(u8, Vec<u8>, i64)>> {
    prop::collection::vec((0u8..20, prop::collection::vec(0u8..24, 0..6), 0i64..8), 0..25)
}

fn nodes(mails: &[(u8, Vec<u8>, i64)]) -> Vec<Node<'_, u8>> {
    mails.iter().map(|(id, references, date)| Node { id: *id, references, date: *date }).collect()
}

proptest! {
    #[test]
    fn the_order_of_the_mails_does_not_matter(mails in mails(), seed: u64) {
        let mut shuffled = mails.clone();
        shuffled.sort_by_key(|mail| {
            std::hash::BuildHasher::hash_one(&rustc_hash::FxBuildHasher, (seed, mail))
        });
        let shape = |mails: &[(u8, Vec<u8>, i64)]| -> Vec<_> {
            let rows = Forest::new(&nodes(mails)).rows;
            rows.iter().map(|row| (row.id, row.depth, row.parent, row.last, row.below, row.present.map(|at| mails[at as usize].clone()))).collect()
        };
        prop_assert_eq!(shape(&mails), shape(&shuffled));
        let named = |mails: &[(u8, Vec<u8>, i64)]| {
            let wide: Vec<(u64, Vec<u64>)> = mails.iter().map(|(id, refs, _)| ((*id).into(), refs.iter().map(|id| (*id).into()).collect())).collect();
            let mut named: Vec<_> = wide.iter().map(|(id, _)| *id).zip(roots(wide.iter().map(|(id, refs)| (*id, &refs[..])))).collect();
            named.sort_unstable();
            named
        };
        prop_assert_eq!(named(&mails), named(&shuffled));
    }

    #[test]
    fn every_mail_has_one_place_and_the_rows_are_a_forest(mails in mails()) {
        let nodes = nodes(&mails);
        let forest = Forest::new(&nodes);
        let mut seen: Vec<u32> = forest.rows.iter().filter_map(|row| row.present).chain(forest.duplicates.iter().map(|dup| dup.node)).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..mails.len() as u32).collect::<Vec<_>>());
        let ids: std::collections::HashSet<_> = forest.rows.iter().map(|row| row.id).collect();
        prop_assert_eq!(ids.len(), forest.rows.len());
        for (at, row) in forest.rows.iter().enumerate() {
            let parent = row.parent.map(|parent| &forest.rows[parent as usize]);
            prop_assert_eq!(row.depth, parent.map_or(0, |parent| parent.depth + 1));
            let reach = row.parent.map(|parent| parent..=parent + forest.rows[parent as usize].below);
            prop_assert!(reach.is_none_or(|reach| reach.contains(&(at as u32)) && *reach.start() != at as u32));
            // A missing mail is there only for what answers it.
            prop_assert!(row.present.is_some() || row.below > 0);
            let later = forest.rows[at + 1..].iter().any(|other| other.parent == row.parent);
            prop_assert_eq!(row.last, !later);
        }
        for duplicate in &forest.duplicates {
            prop_assert_eq!(nodes[duplicate.node as usize].id, nodes[duplicate.of as usize].id);
        }
    }
}
