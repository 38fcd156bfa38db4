//! The same answers as public-inbox: the sets of Message-IDs of many queries, over every prefix that Debian's
//! public-inbox knows, on a real list. What differs is listed with its reason; anything else fails.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{User, archives, needs};

/// Queries whose answers are known to differ, and why. At most five.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "dfb:\"static int\" dfa:\"static int\"",
        "public-inbox does not take the removed lines of a deleted file (`+++ /dev/null`) for lines of a diff",
    ),
    ("dfctx:mutex_lock", "to public-inbox a diff with CR LF line ends is over at its first blank line"),
    ("rt:20200101..20200201", "public-inbox takes eight digits for seconds since 1970, here they are days"),
];

const QUERIES: &[&str] = &[
    // words: stems, capitals, digits, underscores, punctuation that makes phrases, wildcards
    "trampoline",
    "trampolines",
    "Trampoline",
    "livepatch",
    "running",
    "text_poke_bp",
    "TEXT_POKE",
    "static_call",
    "ftrace.c",
    "klp-convert",
    "objtool AND unwind",
    "objtool -unwind",
    "+objtool +unwind",
    "orc OR sframe",
    "(orc OR sframe) AND stack",
    "stack NOT reliable",
    "klp_shadow*",
    "arch/x86/kernel/ftrace.c",
    "x86_64",
    "v5.10",
    "5a1b2c3",
    // a minus sign with nothing to take from
    "-trampoline",
    "-fpatchable-function-entry",
    "-s:ftrace",
    "-\"live patching\"",
    "-trampoline -objtool",
    "(-trampoline) objtool",
    "-mid:20190627081334.12793-1-pmladek@suse.com",
    "-objtool +unwind",
    "don't",
    "C++",
    "AT&T",
    "\"live patching\"",
    "\"static call\"",
    "\"stack unwinding\" OR \"stack trace\"",
    "\"the kernel\" -\"live patch\"",
    // headers
    "s:ftrace",
    "s:\"livepatch: Fix\"",
    "s:livepatch s:selftests",
    "s:Re",
    "s:PATCH",
    "f:peterz",
    "f:\"Steven Rostedt\"",
    "f:jpoimboe@redhat.com",
    "f:suse.cz",
    "t:live-patching@vger.kernel.org",
    "t:linux-kernel",
    "c:mbenes@suse.cz",
    "c:joe.lawrence c:pmladek",
    "tc:bpf@vger.kernel.org",
    "a:song@kernel.org",
    "tcf:rostedt",
    "a:jikos AND NOT f:jikos",
    // body
    "b:consistency",
    "bs:shadow",
    "nq:reliable",
    "q:reliable",
    "q:\"stack unwinding\"",
    "nq:\"Signed-off-by: Josh\"",
    "nq:\"Acked-by\" s:livepatch",
    "n:patch",
    "n:config",
    // diffs
    "dfn:kernel/livepatch/transition.c",
    "dfn:Makefile",
    "dfn:arch/x86 dfn:arch/s390",
    "dfa:klp_init_object_loaded",
    "dfb:klp_init_object_loaded",
    "dfb:text_poke_bp",
    "dfb:\"static int\" dfa:\"static int\"",
    "dfhh:klp_try_complete_transition",
    "dfhh:ftrace",
    "dfctx:mutex_lock",
    "dfctx:\"return ret\"",
    "dfpre:4d6ab5",
    "dfblob:0000000",
    "dfpost:0000000",
    // dates
    "d:20200101..20200131",
    "d:20220701..20220731 s:ftrace",
    "d:..20190501",
    "d:20260101..",
    "d:2021-03-01..2021-03-15",
    "dt:20200615000000..20200615235959",
    "rt:20200101..20200201",
    // ids and lists
    "m:gandalf",
    "m:goodmis.org",
    "mid:20190627081334.12793-1-pmladek@suse.com",
    "l:live-patching.vger.kernel.org",
    "l:vger s:kprobes",
    "lid:live-patching.vger.kernel.org f:tglx",
    "z:..2000",
    "z:200000..",
    // together
    "f:jpoimboe s:objtool dfb:unwind d:2021..",
    "(f:pmladek OR f:mbenes) AND s:livepatch AND nq:\"Reviewed-by\"",
];

struct Peer {
    home: PathBuf,
    inbox: PathBuf,
}

impl Peer {
    /// public-inbox with live-patching, indexed once and kept.
    fn new(archives: &Path) -> Peer {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("public-inbox");
        let peer = Peer { inbox: home.join("live-patching"), home };
        if peer.home.join("done").exists() {
            return peer;
        }
        let _ = std::fs::remove_dir_all(&peer.home);
        std::fs::create_dir_all(peer.inbox.join("git")).unwrap();
        let source = archives.join("live-patching/git/0.git");
        let run = |program: &str, arguments: &[&std::ffi::OsStr]| {
            let output = peer.command(program).args(arguments).stdout(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run(
            "git",
            &[
                "clone".as_ref(),
                "-q".as_ref(),
                "--mirror".as_ref(),
                source.as_ref(),
                peer.inbox.join("git/0.git").as_ref(),
            ],
        );
        run(
            "public-inbox-init",
            &[
                "-V2".as_ref(),
                "lp".as_ref(),
                peer.inbox.as_ref(),
                "https://lists.example/lp".as_ref(),
                "lp@lists.example".as_ref(),
            ],
        );
        run("public-inbox-index", &["--no-fsync".as_ref(), peer.inbox.as_ref()]);
        std::fs::write(peer.home.join("done"), "").unwrap();
        peer
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    fn ids(&self, query: &str) -> BTreeSet<String> {
        // As an argument a query with blanks would be taken for a phrase.
        let mut child = self
            .command("lei")
            .args(["q", "--stdin", "--no-save", "-q", "-n", "100000", "-f", "jsonl", "--dedupe=none", "--only"])
            .arg(&self.inbox)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(query.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "lei q {query}: {}", String::from_utf8_lossy(&output.stderr));
        ids(&output.stdout, "m")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The daemon would outlive the test.
        let _ = self.command("lei").arg("daemon-kill").output();
    }
}

fn ids(jsonl: &[u8], name: &str) -> BTreeSet<String> {
    String::from_utf8_lossy(jsonl)
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            value[name].as_str().unwrap_or_default().to_owned()
        })
        .collect()
}

#[test]
fn the_same_mails_for_every_prefix() {
    let Some(archives) = archives() else { return };
    if !["lei", "public-inbox-init", "public-inbox-index", "git"].iter().all(|program| needs(program)) {
        return;
    }
    const { assert!(QUERIES.len() >= 60 && DIFFERENT.len() <= 5) };
    let peer = Peer::new(archives);
    std::fs::create_dir_all(peer.home.join("run")).unwrap();
    let user = User::new();
    user.run(["index".as_ref(), archives.join("live-patching").as_os_str()]).ok();
    let mut wrong = String::new();
    let mut empty = Vec::new();
    for query in QUERIES {
        let theirs = peer.ids(query);
        let said = user.run(["query", "-f", "jsonl", "-n", "0", "--mail-only", "--", query]).ok();
        let ours = ids(said.out.as_bytes(), "message_id");
        if theirs.is_empty() {
            empty.push(*query);
        }
        let known = DIFFERENT.iter().any(|(other, _)| other == query);
        if (ours != theirs) != known {
            let some = |set: BTreeSet<&String>| set.into_iter().take(3).cloned().collect::<Vec<_>>().join(" ");
            wrong.push_str(&format!(
                "{query}: ours {} theirs {}\n  only ours {}: {}\n  only theirs {}: {}\n",
                ours.len(),
                theirs.len(),
                ours.difference(&theirs).count(),
                some(ours.difference(&theirs).collect()),
                theirs.difference(&ours).count(),
                some(theirs.difference(&ours).collect()),
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(empty.len() <= 8, "these queries find nothing, so they prove nothing: {empty:?}");
}
