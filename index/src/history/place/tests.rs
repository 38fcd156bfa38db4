use git2::{Oid, Repository, Signature, Time};
use proptest::prelude::*;

use super::*;

/// What somebody does to a repository.
#[derive(Clone, Debug)]
enum Act {
    /// A commit on these (by place among the commits), so many minutes after or before the first.
    Commit(Vec<usize>, i64),
    /// A branch goes to a commit.
    Branch(usize, usize),
    Tag(usize, usize),
    Gone(bool, usize),
    /// The program looks.
    Look,
}

const BRANCHES: [&str; 4] = ["refs/heads/main", "refs/heads/topic", "refs/heads/next", "refs/remotes/other/main"];
const TAGS: [&str; 5] = ["v1.0", "v1.0-rc1", "v1.0.1", "next-20230101", "v2.0"];

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (prop::collection::vec(any::<usize>(), 1..3), -50i64..50).prop_map(|(parents, at)| Act::Commit(parents, at)),
        5 => (0usize..BRANCHES.len(), any::<usize>()).prop_map(|(name, at)| Act::Branch(name, at)),
        2 => (0usize..TAGS.len(), any::<usize>()).prop_map(|(name, at)| Act::Tag(name, at)),
        1 => (any::<bool>(), 0usize..4).prop_map(|(tag, name)| Act::Gone(tag, name)),
        4 => Just(Act::Look),
    ]
}

fn commit(repository: &Repository, commits: &[Oid], parents: &[usize], minutes: i64) -> Oid {
    let who = Signature::new("Ada", "ada@example.org", &Time::new(1_600_000_000 + minutes * 60, 0)).unwrap();
    let tree = repository.find_tree(repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
    let mut ids: Vec<Oid> =
        parents.iter().filter(|_| !commits.is_empty()).map(|at| commits[at % commits.len()]).collect();
    ids.dedup();
    let parents: Vec<git2::Commit<'_>> = ids.into_iter().map(|id| repository.find_commit(id).unwrap()).collect();
    let message = format!("number {}", commits.len());
    repository.commit(None, &who, &who, &message, &tree, &parents.iter().collect::<Vec<_>>()).unwrap()
}

/// What git's own walk says of every commit.
fn compare(repository: &Repository, data: &Path, tree: &Tree) -> Result<(), TestCaseError> {
    let refs = Refs::read(tree).unwrap();
    let oid = |name: &refs::Name| Oid::from_bytes(&name.tip).unwrap();
    let mut walk = repository.revwalk().unwrap();
    refs.tips().iter().for_each(|tip| walk.push(Oid::from_bytes(tip).unwrap()).unwrap());
    for id in walk.flatten() {
        let holds = |tip: Oid| tip == id || repository.graph_descendant_of(tip, id).unwrap();
        let found = find(data, tree, id.as_bytes()).unwrap().unwrap();
        prop_assert_eq!(found.merged, refs.main.as_ref().is_some_and(|main| holds(oid(main))), "{} on main", id);
        let main = refs.main.as_ref().map(|main| main.name.as_str());
        let others = refs.branches.iter().filter(|name| Some(name.name.as_str()) != main && holds(oid(name)));
        prop_assert_eq!(
            &found.branches,
            &others.map(|name| name.name.clone()).collect::<Vec<_>>(),
            "branches of {}",
            id
        );
        let tags: Vec<&refs::Name> = refs.tags.iter().filter(|name| holds(oid(name))).collect();
        prop_assert_eq!(found.tag.is_some(), !tags.is_empty());
        let Some(named) = found.tag else { continue };
        let class = |name: &refs::Name| {
            let aside = refs.main.as_ref().is_none_or(|main| {
                oid(main) != oid(name) && !repository.graph_descendant_of(oid(main), oid(name)).unwrap()
            });
            (aside, refs::version(&name.name).is_none())
        };
        let first = tags.iter().find(|name| name.name == named).expect("a tag that holds it");
        for other in &tags {
            prop_assert!(class(first) <= class(other), "{} before {}", named, other.name);
            let before =
                class(first) == class(other) && repository.graph_descendant_of(oid(first), oid(other)).unwrap();
            prop_assert!(!before, "{} comes after {}", named, other.name);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn as_git_says_after_any_moves(acts in prop::collection::vec(act(), 1..60)) {
        let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let repository = Repository::init_bare(dir.path()).unwrap();
        let tree = Tree { number: 1, path: dir.path().to_owned(), ..Tree::default() };
        let mut commits: Vec<Oid> = vec![commit(&repository, &[], &[], 0)];
        repository.reference(BRANCHES[0], commits[0], true, "").unwrap();
        for act in acts.into_iter().chain([Act::Look]) {
            match act {
                Act::Commit(parents, at) => commits.push(commit(&repository, &commits, &parents, at)),
                Act::Branch(name, at) => {
                    repository.reference(BRANCHES[name], commits[at % commits.len()], true, "").unwrap();
                }
                Act::Tag(name, at) => {
                    let name = format!("refs/tags/{}", TAGS[name]);
                    repository.reference(&name, commits[at % commits.len()], true, "").unwrap();
                }
                Act::Gone(tag, name) => {
                    let name = if tag { format!("refs/tags/{}", TAGS[name]) } else { BRANCHES[name].to_owned() };
                    if let Ok(mut reference) = repository.find_reference(&name) {
                        reference.delete().unwrap();
                    }
                }
                Act::Look => {
                    update(data.path(), &tree).unwrap();
                    compare(&repository, data.path(), &tree)?;
                }
            }
        }
    }
}

#[test]
fn a_branch_that_goes_on_costs_what_it_newly_holds() {
    let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let repository = Repository::init_bare(dir.path()).unwrap();
    let tree = Tree { number: 1, path: dir.path().to_owned(), ..Tree::default() };
    let mut commits: Vec<Oid> = Vec::new();
    let mut go = |count: usize| {
        for _ in 0..count {
            let last = commits.len().saturating_sub(1);
            commits.push(commit(&repository, &commits, &[last], commits.len() as i64));
        }
        repository.reference("refs/heads/main", commits[commits.len() - 1], true, "").unwrap();
        assert!(update(data.path(), &tree).unwrap());
    };
    go(500);
    go(3);
    let dir = super::dir(data.path(), &tree);
    let size = |generation: u64| std::fs::metadata(dir.join(format!("{generation:08}.records"))).unwrap().len();
    assert!(size(2) * 20 < size(1), "{} after {}", size(2), size(1));
    // Damage is met when it is read, and all is read again from the tree.
    let names = dir.join("names");
    let mut bytes = std::fs::read(&names).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 4;
    std::fs::write(&names, bytes).unwrap();
    assert!(verify(data.path(), &tree).is_err());
    go(1);
    verify(data.path(), &tree).unwrap();
    let first = repository.revparse_single("main~503").unwrap().id();
    assert!(find(data.path(), &tree, first.as_bytes()).unwrap().unwrap().merged);
}
