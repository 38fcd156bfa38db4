//! Data directories of earlier versions of this program: what they hold is read or built anew, and nothing is dropped.

use super::{DATA, count};
use crate::harness::User;

/// A directory as the version with schema 3 left it: an index, a list of archives and of trees in JSON, imported mail, a journal and
/// verdicts without checksums, a draft.
#[test]
fn of_schema_3_everything_is_read_or_built_anew() {
    let user = User::new();
    let data = user.path(DATA);
    std::fs::create_dir_all(data.parent().unwrap()).unwrap();
    super::copy(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/schema-3"), &data);
    // git keeps no empty directories, and no repository has another one's directories in it.
    for repository in ["git/0.git", "all.git"] {
        for dir in ["objects/info", "objects/pack", "refs/heads"] {
            std::fs::create_dir_all(data.join("mail").join(repository).join(dir)).unwrap();
        }
    }
    let tree = user.path("tree");
    let repository = git2::Repository::init(&tree).unwrap();
    let who = git2::Signature::new("Ada", "ada@example.org", &git2::Time::new(1_600_000_000, 0)).unwrap();
    let empty = repository.find_tree(repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
    repository.commit(Some("HEAD"), &who, &who, "a commit", &empty, &[]).unwrap();
    let list = data.join("history.1/trees.json");
    let text =
        std::fs::read_to_string(&list).unwrap().replace("/somewhere/tree/.git/", &format!("{}/.git/", tree.display()));
    std::fs::write(&list, text).unwrap();

    // A question says what to do, and does nothing.
    let said = user.run(["query", "better"]).ends(11);
    assert!(said.err.contains("provenance index"), "{}", said.err);
    let said = user.run(["index"]).ok();
    assert!(said.err.contains("2 mails indexed") && said.err.contains("1 commit read"), "{}", said.err);
    assert_eq!(count(&user, "mid:1@old.example"), 1);
    assert!(user.run(["show", "2@old.example"]).ok().out.contains("Yes."));
    assert!(user.run(["status"]).ok().out.contains("tree/.git"));
    for kept in ["state/journal.jsonl", "state/verdicts.jsonl", "state/drafts/re-1.eml"] {
        let was = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/schema-3").join(kept);
        assert_eq!(std::fs::read(data.join(kept)).unwrap(), std::fs::read(was).unwrap(), "{kept}");
    }
    user.run(["status", "--verify"]).ok();
    // The old index is nobody's to remove.
    assert!(data.join("index.3").is_dir());
}
