//! Commits read by the user's git, where libgit2 refuses a repository that git accepts. Nothing is fetched, no
//! configuration of the repository can start a program, and no variable names another one.

use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::walk::of_message;
use super::{Entry, HistoryError, Tree};
use crate::child;
use crate::document::{hex, unhex};
use crate::links::fact::Blob;

/// One record of the log may be so long; a longer one is cut, and with it that commit.
const LONGEST: usize = 16 << 20;

/// git in this repository, without hooks, pagers, fetches and prompts.
pub(super) fn git(path: &Path) -> Command {
    let mut command = Command::new("git");
    child::apart(&mut command)
        .arg("-C")
        .arg(path)
        .args(["-c", "core.quotePath=false", "-c", "core.fsmonitor=false", "--no-pager", "--no-optional-locks"])
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> Result<String, String> {
    let out = command.output().map_err(|e| format!("git cannot be started: {e}"))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    Err(String::from_utf8_lossy(&out.stderr).lines().next().unwrap_or("git failed").to_owned())
}

/// The git directory of a repository that the user's git opens.
pub fn place(path: &Path) -> Result<PathBuf, HistoryError> {
    output(git(path).args(["rev-parse", "--path-format=absolute", "--git-common-dir"]))
        .map(|text| PathBuf::from(text.trim_end_matches('\n')))
        .map_err(|reason| HistoryError::Open { path: path.to_owned(), reason })
}

/// The full id that a name stands for.
pub fn resolve(path: &Path, name: &str) -> Option<Vec<u8>> {
    let text = output(
        git(path).args(["rev-parse", "--verify", "--quiet", "--end-of-options"]).arg(format!("{name}^{{commit}}")),
    );
    unhex(text.ok()?.trim())
}

/// The patch of a commit, as git writes it with one algorithm.
pub fn patch(path: &Path, id: &str, algorithm: &str) -> Option<String> {
    let algorithm = format!("--diff-algorithm={algorithm}");
    output(
        git(path)
            .args(["diff-tree", "--root", "-p", "-M", "--no-ext-diff", "--no-textconv", "--no-commit-id"])
            .arg(algorithm)
            .args(["--end-of-options", id]),
    )
    .ok()
}

/// The message of a commit.
pub(super) fn message(path: &Path, id: &[u8]) -> Option<String> {
    output(git(path).args(["log", "-1", "--no-show-signature", "--format=%B", "--end-of-options", &hex(id)])).ok()
}

/// What was read of a tree.
pub struct Read {
    /// New commits.
    pub entries: Vec<Entry>,
    /// The tips now.
    pub tips: Vec<String>,
    /// The history ends before its beginning.
    pub shallow: bool,
}

/// Reads the commits that are new since the last time; an error is git's reason.
pub fn read(tree: &Tree) -> Result<Read, String> {
    let tips = output(git(&tree.path).args([
        "for-each-ref",
        "--format=%(objectname)",
        "refs/heads",
        "refs/remotes",
        "refs/tags",
    ]))?;
    let mut tips: Vec<String> = tips.lines().map(str::to_owned).collect();
    tips.extend(output(git(&tree.path).args(["rev-parse", "--verify", "HEAD"])).map(|head| head.trim().to_owned()));
    tips.sort_unstable();
    tips.dedup();
    let shallow =
        output(git(&tree.path).args(["rev-parse", "--is-shallow-repository"])).is_ok_and(|t| t.trim() == "true");
    if tips.is_empty() || tips == tree.tips {
        return Ok(Read { entries: Vec::new(), tips, shallow });
    }
    let mut command = git(&tree.path);
    command.args(["log", "--raw", "--no-abbrev", "--no-renames", "-z", "--root", "--no-color", "--no-show-signature"]);
    command.arg("--format=%x01%H%x02%an%x02%ae%x02%at%x02%ct%x02%P%x02%B%x02");
    command.args(&tips);
    for known in &tree.tips {
        // A tip that is gone hides nothing.
        if output(git(&tree.path).args(["cat-file", "-e", known])).is_ok() {
            command.arg(format!("^{known}"));
        }
    }
    command.arg("--").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|e| format!("git cannot be started: {e}"))?;
    let Some(out) = child.stdout.take() else { return Err("git has no output".to_owned()) };
    let mut out = BufReader::with_capacity(1 << 16, out);
    let mut entries = Vec::new();
    let mut record = Vec::new();
    while next(&mut out, &mut record).map_err(|e| e.to_string())? {
        entries.extend(parse(&String::from_utf8_lossy(&record)));
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    if !status.success() && entries.is_empty() {
        return Err("git log failed".to_owned());
    }
    Ok(Read { entries, tips, shallow })
}

/// A commit as it is walked over: id, parents, committer date in seconds since 1970.
pub(super) type Link = (Vec<u8>, Vec<Vec<u8>>, i64);

/// The commits that these tips hold and the others do not, in no order; an error is git's reason.
pub(super) fn graph(tree: &Tree, tips: &[&[u8]], known: &[&[u8]]) -> Result<Vec<Link>, String> {
    let mut command = git(&tree.path);
    command.args(["rev-list", "--parents", "--timestamp"]).args(tips.iter().map(|tip| hex(tip)));
    for tip in known.iter().map(|tip| hex(tip)) {
        if output(git(&tree.path).args(["cat-file", "-e", &tip])).is_ok() {
            command.arg(format!("^{tip}"));
        }
    }
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    let said = output(command.arg("--"))?;
    said.lines()
        .map(|line| link(line).ok_or_else(|| format!("git rev-list printed a line that is none: {line}")))
        .collect()
}

/// `DATE ID PARENT...`
fn link(line: &str) -> Option<Link> {
    let mut words = line.split(' ');
    let date = words.next()?.parse().ok()?;
    let id = unhex(words.next()?)?;
    Some((id, words.map(unhex).collect::<Option<_>>()?, date))
}

/// Reads up to the next mark; says whether there was anything.
fn next(out: &mut impl BufRead, record: &mut Vec<u8>) -> std::io::Result<bool> {
    record.clear();
    let read = out.by_ref().take(LONGEST as u64).read_until(1, record)?;
    if record.last() == Some(&1) {
        record.pop();
    }
    Ok(read > 0)
}

/// One record of the log. A message that holds our separators gives a record that is no commit and is passed over.
fn parse(record: &str) -> Option<Entry> {
    let mut fields = record.splitn(8, '\u{2}');
    let id = unhex(fields.next()?).filter(|id| matches!(id.len(), 20 | 32))?;
    let (name, address) = (fields.next()?, fields.next()?);
    let dates = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let parents = fields.next()?.split_whitespace().count();
    let mut entry = of_message(&id, fields.next()?);
    entry.author = (name.to_owned(), address.to_owned());
    entry.dates = dates;
    entry.merge = parents > 1;
    let mut raw = fields.next().unwrap_or_default().split('\0');
    while let Some(head) = raw.find(|part| part.trim_start().starts_with(':')) {
        let Some(path) = raw.next() else { break };
        entry.blobs.extend(head.split_whitespace().nth(3).and_then(Blob::parse));
        entry.paths.push(path.to_owned());
    }
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_of_the_log() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let blob = "1111111111111111111111111111111111111111";
        let text = format!(
            "{id}\u{2}Ada\u{2}ada@x.org\u{2}5\u{2}7\u{2}p\u{2}a: b\n\nwhy\n\u{2}\0:100644 100644 {blob} {blob} M\0a b.c\0"
        );
        let entry = parse(&text).unwrap();
        assert_eq!((entry.subject.as_str(), entry.dates, entry.merge), ("a: b", (5, 7), false));
        assert_eq!(entry.paths, ["a b.c"]);
        assert_eq!(entry.blobs.len(), 1);
    }

    proptest! {
        #[test]
        fn arbitrary_records_do_no_harm(text in "([0-9a-f]{40}|\u{2}|\u{0}|:| |\\PC|\n){0,40}") {
            let _ = parse(&text);
        }
    }
}
