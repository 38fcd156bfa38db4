use std::fs;
use std::path::Path;
use std::process::Command;

use crate::archive::public_inbox_v2::Reader;

use super::*;

fn mail(n: u32) -> String {
    format!(
        "From: A. Author <a@example.org>\nTo: list@example.org\nSubject: made mail {n}\nMessage-ID: <{n}@example.org>\n\
         Date: Wed, 1 Jan 2020 00:00:{:02} -0400\n\nthe body of number {n}\n",
        n % 60
    )
}

fn import(store: &Store, numbers: std::ops::Range<u32>) -> usize {
    let mut import = store.begin().unwrap();
    let new = numbers.filter(|n| import.add(mail(*n).as_bytes(), 1_600_000_000 + i64::from(*n)).unwrap().new).count();
    import.finish().unwrap();
    new
}

fn stored_mails(store: &Store) -> Vec<String> {
    let epoch = Epoch::open(&store.epoch()).unwrap();
    let reader = Reader::open(&store.epoch()).unwrap();
    let commits = epoch.commits(None).unwrap().commits;
    let entries = commits.iter().map(|it| reader.entry(it.tree).unwrap().unwrap());
    let mails = entries.filter(|it| it.0 == Entry::Mail);
    mails.map(|it| String::from_utf8(reader.blob(it.1).unwrap().to_vec()).unwrap()).collect()
}

/// `false` where it is not installed, which is an error in CI.
fn installed(program: &str) -> bool {
    // Looked for, not run: lei starts a daemon for whatever it is asked.
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).any(|it| it.join(program).is_file());
    assert!(found || std::env::var_os("CI").is_none(), "{program} is needed and not installed");
    if !found {
        println!("skipped: needs {program}");
    }
    found
}

fn fsck(store: &Store) {
    if !installed("git") {
        return;
    }
    let out = Command::new("git").arg("-C").arg(store.epoch()).args(["fsck", "--strict", "--no-dangling"]).output();
    let out = out.unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && said.trim().is_empty(), "{said}");
}

fn packs(store: &Store) -> usize {
    let files = fs::read_dir(store.epoch().join("objects/pack")).unwrap();
    files.filter(|it| it.as_ref().unwrap().path().extension().is_some_and(|it| it == "pack")).count()
}

#[test]
fn mails_are_stored_once_and_read_back_to_the_byte() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(import(&store, 0..3), 3);
    assert_eq!(import(&store, 1..5), 2);
    assert_eq!(import(&store, 0..5), 0);
    assert_eq!(stored_mails(&store), (0..5).map(mail).collect::<Vec<_>>());
    let history = Epoch::open(&store.epoch()).unwrap().commits(None).unwrap();
    assert_eq!(history.commits[4].arrival, 1_600_000_004);
    fsck(&store);
}

#[test]
fn hostile_mails_make_sound_commits() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut import = store.begin().unwrap();
    let mails: [&[u8]; 9] = [
        b"",
        b"\0\0\0",
        b"From: <>\nSubject:\n\n",
        b"From: \"a\\\" <b> <c@d>\" <e<f>@g>\nSubject: x\ty\x1b[31m\n\n",
        b"From: =?utf-8?q?a=0Acommitter_x_=3Cy=40z=3E_1_=2B0000?= <a@b>\nSubject: =?utf-8?q?a=0A=0Ab=00?=\n\n",
        b"Date: Wed, 1 Jan 99999 00:00:00 +9999\n\n",
        b"Date: Wed, 1 Jan 1900 00:00:00 -1200\nFrom: a@b\n\n",
        b"From: no address at all\nSubject: \xff\xfe\n\nx",
        b"no header",
    ];
    for (at, mail) in mails.iter().enumerate() {
        assert!(import.add(mail, [i64::MIN, -1, i64::MAX][at % 3]).unwrap().new);
    }
    import.finish().unwrap();
    assert_eq!(Epoch::open(&store.epoch()).unwrap().commits(None).unwrap().commits.len(), mails.len());
    fsck(&store);
}

#[test]
fn an_import_that_is_not_finished_leaves_the_archive_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    import(&store, 0..2);
    let before = Epoch::open(&store.epoch()).unwrap().tip().unwrap();
    let mut killed = store.begin().unwrap();
    for n in 2..6 {
        killed.add(mail(n).as_bytes(), 1).unwrap();
    }
    killed.pack.flush().unwrap();
    drop(killed);
    assert_eq!(Epoch::open(&store.epoch()).unwrap().tip().unwrap(), before);
    // The mails of the pack that was left behind are not taken for stored.
    assert_eq!(import(&store, 0..6), 4);
    assert_eq!(stored_mails(&store).len(), 6);
    fsck(&store);
}

#[test]
fn large_imports_become_several_packs_and_many_packs_become_few() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut import_large = store.begin().unwrap();
    for n in 0..5_u32 {
        let body = n.to_string().repeat(9 << 20);
        import_large.add(format!("{}{body}\n", mail(n)).as_bytes(), 1).unwrap();
    }
    import_large.finish().unwrap();
    assert_eq!(packs(&store), 2);
    let count = MANY_PACKS as u32 + 5;
    for n in 10..10 + count {
        import(&store, n..n + 1);
    }
    assert!(packs(&store) < 12, "{} packs", packs(&store));
    assert_eq!(stored_mails(&store).len(), 5 + count as usize);
    fsck(&store);
}

#[test]
fn a_mail_that_was_removed_is_gone_and_may_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    import(&store, 0..2);
    let blob = Oid::hash_object(ObjectType::Blob, mail(0).as_bytes()).unwrap();
    let mut removal = store.begin().unwrap();
    assert!(removal.remove(blob, 5).unwrap());
    assert!(!removal.remove(blob, 5).unwrap());
    removal.finish().unwrap();
    let epoch = Epoch::open(&store.epoch()).unwrap();
    let last = epoch.commits(None).unwrap().commits[2];
    assert_eq!(epoch.reader().unwrap().entry(last.tree).unwrap(), Some((Entry::Deletion, blob)));
    assert_eq!(import(&store, 0..2), 1);
    fsck(&store);
}

#[test]
fn two_imports_at_once_are_refused_and_the_first_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let first = store.begin().unwrap();
    let Err(error) = store.begin() else { panic!("two imports") };
    assert!(matches!(&error, StoreError::Locked { holder, .. } if holder.contains(&std::process::id().to_string())));
    drop(first);
    assert!(store.begin().is_ok());
}

#[test]
fn where_nothing_can_be_written_the_error_names_the_place() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let error = Store::open(&dir.path().join("file")).unwrap_err();
    assert!(matches!(&error, StoreError::Io { .. }) && error.to_string().contains("file/git"), "{error}");

    let store = Store::open(dir.path().join("store").as_path()).unwrap();
    let mut import = store.begin().unwrap();
    import.add(mail(1).as_bytes(), 1).unwrap();
    // Also for root, who may write into a folder that forbids it.
    let folder = store.epoch().join("objects/pack");
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    assert!(matches!(import.finish(), Err(StoreError::Write { .. } | StoreError::Io { .. })));
    assert!(Epoch::open(&store.epoch()).unwrap().tip().unwrap().is_none());
}

#[test]
fn public_inbox_and_lei_read_it() {
    if !installed("git") || !installed("public-inbox-index") || !installed("lei") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let inbox = dir.path().join("inbox");
    let store = Store::open(&inbox).unwrap();
    import(&store, 0..4);
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env("HOME", dir.path()).current_dir(dir.path());
        for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            let folder = dir.path().join(name);
            fs::create_dir_all(&folder).unwrap();
            private(&folder);
            command.env(name, folder);
        }
        command.env_remove("PI_CONFIG");
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success(), "{program}: {said}");
        String::from_utf8(out.stdout).unwrap()
    };
    let inbox = inbox.to_str().unwrap();
    run("public-inbox-index", &["--no-fsync", "-j0", inbox]);
    let query = |words| run("lei", &["q", "--no-save", "--only", inbox, "-f", "jsonl", words]);
    let found = query("s:made");
    let one = query("mid:2@example.org");
    // The next import is seen too, and the databases that public-inbox put there do no harm.
    import(&store, 4..5);
    run("public-inbox-index", &["--no-fsync", "-j0", inbox]);
    let more = query("s:made");
    run("lei", &["daemon-kill"]);
    assert_eq!((found.lines().count(), more.lines().count()), (4, 5), "{found}");
    assert!(one.contains("2@example.org") && one.lines().count() == 1, "{one}");
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
}
