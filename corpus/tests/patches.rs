//! Patches of real archives: our reading against git's, on every mail that may hold a diff.

#[path = "archives/each_mail.rs"]
mod archives;

use archives::{each_mail, has_git, shared};
use mail_parser::MessageParser;
use provenance_corpus::patch::{Defect, Patch, Status, blob_id};
use provenance_corpus::patch_id::{PatchId, patch_id, patch_ids};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The decoded texts of a mail, one after the other, attached patches included.
fn text_of(raw: &[u8]) -> String {
    let Some(mail) = MessageParser::default().parse(raw) else { return String::new() };
    let mut text = String::new();
    for part in mail.parts.iter().filter(|part| part.is_text() && !part.is_text_html()) {
        text += part.text_contents().unwrap_or_default();
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

/// One `git patch-id` for all mails. Each mail stands alone between two lines that open a commit, and is
/// followed by a patch of ours, whose commit is the mail's number: what git says of the mail comes before.
struct GitPatchIds {
    input: BufWriter<std::process::ChildStdin>,
    output: std::thread::JoinHandle<Vec<Vec<String>>>,
    mails: usize,
}

impl GitPatchIds {
    fn start() -> GitPatchIds {
        let mut git = Command::new("git")
            .args(["patch-id", "--stable"])
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(git.stdout.take().unwrap());
        let input = BufWriter::new(git.stdin.take().unwrap());
        let output = std::thread::spawn(move || {
            let mut mails: Vec<Vec<String>> = Vec::new();
            let mut ids = Vec::new();
            for line in stdout.lines() {
                let line = line.unwrap();
                let (id, commit) = line.split_once(' ').unwrap();
                match commit.strip_prefix("feed") {
                    Some(number) => {
                        assert_eq!(number.parse::<usize>().unwrap(), mails.len());
                        mails.push(std::mem::take(&mut ids));
                    }
                    None => ids.push(id.to_owned()),
                }
            }
            assert!(git.wait().unwrap().success());
            mails
        });
        GitPatchIds { input, output, mails: 0 }
    }

    fn feed(&mut self, text: &str) {
        let ours = format!("From feed{:036} Mon Sep 17 00:00:00 2001\ndiff ours\n\n", self.mails);
        writeln!(self.input, "From {:040} Mon Sep 17 00:00:00 2001\n{text}", 0).unwrap();
        self.input.write_all(ours.as_bytes()).unwrap();
        self.mails += 1;
    }

    fn finish(self) -> Vec<Vec<String>> {
        drop(self.input);
        self.output.join().unwrap()
    }
}

/// git alone on one mail.
fn git_alone(text: &str) -> Vec<String> {
    let mut git = GitPatchIds::start();
    git.feed(text);
    git.finish().remove(0)
}

#[test]
fn patch_ids_equal_gits_on_every_mail_of_the_archives() {
    let Some(shared) = shared() else { return };
    if !has_git() {
        return;
    }
    let mut git = GitPatchIds::start();
    let mut ours: Vec<(String, Vec<PatchId>, Option<String>)> = Vec::new();
    let (mut mails, mut bytes, mut took) = (0, 0, Duration::ZERO);
    each_mail(&shared, |origin, raw| {
        let text = &*text_of(raw);
        mails += 1;
        let start = Instant::now();
        let ids: Vec<PatchId> = patch_ids(text.as_bytes()).collect();
        took += start.elapsed();
        bytes += text.len();
        // git must be asked of every mail with such a line, whether or not we found a patch.
        if text.starts_with("diff ") || text.contains("\ndiff ") {
            git.feed(text);
            let undefined = hashes_unset_memory(text).then(|| text.to_owned());
            ours.push((origin.to_owned(), ids, undefined));
        } else {
            assert!(ids.is_empty(), "{origin}");
        }
    });
    let theirs = git.finish();
    assert_eq!(ours.len(), theirs.len());
    let (mut ids, mut undefined, mut differ) = (0, 0, Vec::new());
    for ((origin, ours, unset), theirs) in ours.iter().zip(&theirs) {
        let ours: Vec<String> = ours.iter().map(PatchId::to_string).collect();
        ids += theirs.len();
        if &ours != theirs {
            match unset {
                Some(text) if git_alone(text) != git_alone(text) || ours.len() == theirs.len() => {
                    undefined += 1;
                    println!("undefined in git: {origin}: binary file without an index line");
                }
                _ => differ.push(format!("{origin}: ours {ours:?}, git {theirs:?}")),
            }
        }
    }
    println!(
        "{mails} mails, {} with a diff line: {ids} patch ids compared, {} differ, {undefined} undefined in git; ours took {took:?} for {} MB",
        theirs.len(),
        differ.len(),
        bytes >> 20
    );
    assert!(differ.is_empty(), "{differ:#?}");
    assert!(ids > 15_000, "only {ids} patch ids in the archives");
}

/// Whether a file of `text` is named binary without an `index A..B` line before: git then hashes memory
/// that it has not set.
fn hashes_unset_memory(text: &str) -> bool {
    let mut index = false;
    text.lines().any(|line| {
        match line {
            _ if line.starts_with("index ") && line.contains("..") => index = true,
            _ if line.starts_with("Binary files") || line.starts_with("GIT binary patch") => return !index,
            _ => {}
        }
        false
    })
}

#[test]
fn every_patch_of_the_archives_is_read() {
    let Some(shared) = shared() else { return };
    if !has_git() {
        return;
    }
    let (mut patches, mut files, mut hunks, mut lines, mut took) = (0, 0, 0, 0, Duration::ZERO);
    let mut defects = std::collections::BTreeMap::new();
    let (mut added, mut same_blob, mut git_without_patch) = (0, 0, Vec::new());
    each_mail(&shared, |origin, raw| {
        let text = &*text_of(raw);
        let start = Instant::now();
        let patch = Patch::parse(text);
        took += start.elapsed();
        let Some(patch) = patch else {
            if text.contains("\ndiff --git a/") && text.contains("\n@@ -") {
                git_without_patch.push(origin.to_owned());
            }
            return;
        };
        patches += 1;
        files += patch.files.len();
        hunks += patch.all_hunks().len();
        lines += patch.all_lines().len();
        for defect in &patch.defects {
            let entry = defects.entry(defect.to_string()).or_insert((0, origin.to_owned()));
            entry.0 += 1;
        }
        for file in patch.files.iter().filter(|file| file.status == Status::Added) {
            let (Some(content), Some(blob)) = (patch.added_content(file), file.new_blob) else { continue };
            added += 1;
            same_blob += u32::from(blob_id(content.as_bytes()).to_string().starts_with(blob));
        }
        // A hunk without a defect has what its header says.
        if patch.defects.is_empty() {
            for hunk in patch.all_hunks() {
                let old = patch.lines(hunk).iter().filter(|line| line.old > 0).count();
                let new = patch.lines(hunk).iter().filter(|line| line.new > 0).count();
                assert_eq!((old as u32, new as u32), (hunk.old_len, hunk.new_len), "{origin}");
            }
            if let Some(total) = patch.diffstat.as_ref().and_then(|diffstat| diffstat.total)
                && total.files as usize == patch.files.len()
                && patch.files.iter().all(|file| file.similarity.is_none() && file.binary.is_none())
            {
                let counted = (patch.added(), patch.removed());
                if counted != (total.insertions.into(), total.deletions.into()) {
                    *unequal_totals(&mut defects, origin) += 1;
                }
            }
        }
    });
    println!("{patches} patches, {files} files, {hunks} hunks, {lines} lines in {took:?}");
    println!("{same_blob} of {added} added files hash to the blob that their diff names");
    for (defect, (count, first)) in &defects {
        println!("{count:6} {defect} (first: {first})");
    }
    println!("{} mails with a git diff and no patch: {:?}", git_without_patch.len(), git_without_patch);
    assert!(patches > 20_000 && lines > 1_000_000);
    assert!(f64::from(same_blob) > 0.9 * f64::from(added));
    assert!(git_without_patch.len() < 3, "{git_without_patch:#?}");
}

fn unequal_totals<'a>(
    defects: &'a mut std::collections::BTreeMap<String, (usize, String)>,
    origin: &str,
) -> &'a mut usize {
    &mut defects.entry("(diffstat's totals are not the diff's)".to_owned()).or_insert((0, origin.to_owned())).0
}

#[test]
fn the_dispatcher_patch_is_read_byte_for_byte() {
    let Some(shared) = shared() else { return };
    let mbox = std::fs::read(shared.join("threads/bpf-dispatcher-v4.mbox")).unwrap();
    let mbox = String::from_utf8(mbox).unwrap();
    let end = mbox.find("\nFrom rostedt").unwrap();
    let mail = &mbox[mbox.find('\n').unwrap() + 1..end];
    let text = text_of(mail.as_bytes());
    assert_eq!(patch_id(text.as_bytes()).unwrap().to_string(), "17af3880b4ff039882890bf0b69c82b5cc313006");
    let patch = Patch::parse(&text).unwrap();
    assert_eq!(patch.defects, [] as [Defect; 0]);
    let paths: Vec<_> = patch.files.iter().map(|file| file.path()).collect();
    assert_eq!(
        paths,
        ["arch/x86/net/bpf_jit_comp.c", "include/linux/bpf.h", "kernel/bpf/Makefile", "kernel/bpf/dispatcher.c"]
    );
    assert_eq!((patch.added(), patch.removed()), (338, 0));
    let new = &patch.files[3];
    assert_eq!((new.status, new.new_blob), (Status::Added, Some("a4690460d815")));
    let content = patch.added_content(new).unwrap();
    assert!(blob_id(content.as_bytes()).to_string().starts_with("a4690460d815"));
    let total = patch.diffstat.as_ref().unwrap().total.unwrap();
    assert_eq!((total.files, total.insertions, total.deletions), (4, 338, 0));
}
