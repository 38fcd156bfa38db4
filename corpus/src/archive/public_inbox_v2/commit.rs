//! The three lines of a commit that an archive needs, read without building libgit2's commit object.

use git2::{ObjectType, Oid};

use super::LARGEST_COMMIT;

/// A commit as its bytes say it.
#[derive(Clone)]
pub(super) struct RawCommit {
    pub tree: Oid,
    /// public-inbox writes at most one; more are followed all the same.
    pub parents: Vec<Oid>,
    /// The committer's seconds since 1970, UTC: when the mail arrived.
    pub arrival: i64,
}

impl RawCommit {
    pub fn parse(kind: ObjectType, data: &[u8]) -> Option<Self> {
        if kind != ObjectType::Commit || data.len() > LARGEST_COMMIT {
            return None;
        }
        let (tree, mut rest) = field(data, b"tree ")?;
        let tree = oid(tree)?;
        let mut parents = Vec::with_capacity(1);
        while let Some((parent, after)) = field(rest, b"parent ") {
            parents.push(oid(parent)?);
            rest = after;
        }
        let (_, rest) = field(rest, b"author ")?;
        let (committer, _) = field(rest, b"committer ")?;
        Some(Self { tree, parents, arrival: seconds(committer).unwrap_or(0) })
    }
}

fn field<'a>(data: &'a [u8], name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let value = data.strip_prefix(name)?;
    let end = memchr::memchr(b'\n', value)?;
    Some((&value[..end], &value[end + 1..]))
}

fn oid(hex: &[u8]) -> Option<Oid> {
    if hex.len() != 40 {
        return None;
    }
    Oid::from_str(std::str::from_utf8(hex).ok()?).ok()
}

/// `Name <address> 1577836800 +0000`: the number after the last `>`. The zone is not looked at: public-inbox has
/// written it wrong for all zones west of Greenwich.
fn seconds(who: &[u8]) -> Option<i64> {
    let after = &who[memchr::memrchr(b'>', who)? + 1..];
    let word = after.split(|b| *b == b' ').find(|it| !it.is_empty())?;
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n";

    fn parse(text: &str) -> Option<RawCommit> {
        RawCommit::parse(ObjectType::Commit, text.as_bytes())
    }

    #[test]
    fn the_seconds_are_the_committers_and_the_zone_does_not_matter() {
        let text = format!("{TREE}author A > B <a@b> 5 +2000\ncommitter C <c@d> 1577836800 +2000\n\ns\n");
        let commit = parse(&text).unwrap();
        assert_eq!(commit.arrival, 1_577_836_800);
        assert!(commit.parents.is_empty());
    }

    #[test]
    fn what_is_no_commit_is_none() {
        assert!(parse("").is_none());
        assert!(parse("tree 4b825dc6\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\n\n").is_none());
        assert!(parse(&format!("{TREE}committer C <c@d> 1 +0000\n\n")).is_none());
        assert!(RawCommit::parse(ObjectType::Blob, TREE.as_bytes()).is_none());
    }

    #[test]
    fn a_commit_without_a_time_counts_from_1970() {
        let commit = parse(&format!("{TREE}author a <b> x\ncommitter a b\n\n")).unwrap();
        assert_eq!(commit.arrival, 0);
    }
}
