//! The real program in a real terminal, driven by tmux.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{User, needs};

use super::user;

/// A tmux server of its own with one window; it ends with this.
struct Tmux<'u> {
    user: &'u User,
    socket: PathBuf,
}

impl<'u> Tmux<'u> {
    /// Starts a shell, so that what is left on the terminal after the program can be seen.
    fn new(user: &'u User, size: (u16, u16)) -> Tmux<'u> {
        // An editor that saves what it was given, unless the user has another.
        if !user.path("editor").exists() {
            program(user, "editor", "#!/bin/sh\nexit 0\n");
        }
        // A server that is asked to end answers on its socket for a moment yet.
        static SERVERS: AtomicUsize = AtomicUsize::new(0);
        let socket = format!("tmux{}", SERVERS.fetch_add(1, Ordering::Relaxed));
        let tmux = Tmux { user, socket: user.path(&socket) };
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        tmux.run(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, "sh"]);
        tmux
    }

    fn run(&self, arguments: &[&str]) -> String {
        let home = self.user.path("");
        let out = Command::new("tmux")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("EDITOR", self.user.path("editor"))
            .env("PS1", "$ ")
            .current_dir(&home)
            .arg("-S")
            .arg(&self.socket)
            .args(arguments)
            .output()
            .expect("tmux starts");
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn keys(&self, keys: &[&str]) {
        let mut all = vec!["send-keys"];
        all.extend(keys);
        self.run(&all);
    }

    fn seen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// Waits until a text is seen.
    #[track_caller]
    fn wait(&self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            let seen = self.seen();
            if seen.contains(text) {
                return seen;
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "`{text}` is not seen:\n{seen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until a text is gone: what is typed while a program gives the terminal back may be lost.
    #[track_caller]
    fn gone(&self, text: &str) {
        let begin = Instant::now();
        while self.seen().contains(text) {
            assert!(begin.elapsed() < Duration::from_secs(30), "`{text}` is still seen:\n{}", self.seen());
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_millis(300));
    }

    fn pid(&self) -> String {
        let shell = self.run(&["list-panes", "-F", "#{pane_pid}"]);
        let out = Command::new("pgrep").args(["-P", shell.trim()]).output().expect("pgrep starts");
        String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().to_owned()
    }

    fn start(&self, arguments: &str) {
        self.keys(&[&format!("{} review {arguments}", env!("CARGO_BIN_EXE_provenance")), "Enter"]);
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

#[test]
fn a_walk_from_a_query_to_a_draft() {
    if !needs("tmux") {
        return;
    }
    let user = user();
    let tmux = Tmux::new(&user, (120, 40));
    tmux.start("");
    tmux.wait("indexed: made");
    tmux.keys(&["f", "f:ada s:nop", "Enter"]);
    tmux.wait("2 hits");
    tmux.keys(&["G", "Enter"]);
    tmux.wait("Count what was taken.");
    tmux.keys(&["m"]);
    tmux.wait("mechanisms that this touches");
    tmux.keys(&["Enter"]);
    tmux.wait("lineage: ");
    tmux.keys(&["q"]);
    tmux.wait("4 mails");
    tmux.keys(&["b"]);
    tmux.wait("lab: ");
    tmux.keys(&["r"]);
    tmux.wait("of 100 calls");
    tmux.keys(&["q", "r"]);
    let draft = tmux.wait("mutt -H");
    assert!(draft.contains("Eve Example <eve@example.org>"), "{draft}");
    // The editor changed nothing, so there is nothing to send.
    tmux.keys(&["C-y"]);
    tmux.wait("it is not sent: it says nothing of its own yet");
    tmux.keys(&["q"]);
    tmux.wait("the draft is kept");
    tmux.keys(&["Q"]);
    tmux.wait("draft kept: mutt -H");
}

#[test]
fn the_terminal_is_given_back() {
    if !needs("tmux") || !needs("pgrep") {
        return;
    }
    let user = user();
    let tmux = Tmux::new(&user, (80, 24));
    for signal in ["TERM", "HUP", "INT"] {
        tmux.start("");
        tmux.wait("indexed: made");
        let pid = tmux.pid();
        Command::new("kill").args([&format!("-{signal}"), &pid]).status().expect("kill starts");
        tmux.gone("f query");
        tmux.keys(&["echo en''ded $?", "Enter"]);
        let seen = tmux.wait("ended ");
        assert!(seen.contains("ended 1"), "128 and the signal: {seen}");
        tmux.keys(&["stty -a", "Enter"]);
        let modes = tmux.wait("icanon");
        assert!(!modes.contains("-icanon") && !modes.contains("-echo "), "{modes}");
        tmux.keys(&["clear", "Enter"]);
    }
    tmux.start("");
    tmux.wait("indexed: made");
    tmux.keys(&["C-z"]);
    tmux.gone("f query");
    tmux.keys(&["echo stopp''ed", "Enter"]);
    tmux.wait("stopped");
    tmux.keys(&["fg", "Enter"]);
    tmux.wait("indexed: made");
    tmux.run(&["resize-window", "-x", "100", "-y", "30"]);
    tmux.keys(&["?"]);
    tmux.wait("keys; any other key closes");
    tmux.keys(&["q"]);
    tmux.wait("f query");
    tmux.keys(&["Q"]);
    tmux.gone("f query");
    tmux.keys(&["echo by''e", "Enter"]);
    let seen = tmux.wait("bye");
    assert!(!seen.contains("f query"), "the desk left the screen: {seen}");
}

#[test]
fn a_program_that_has_the_terminal_gives_it_back() {
    if !needs("tmux") {
        return;
    }
    let user = user();
    let tmux = Tmux::new(&user, (100, 30));
    tmux.start("one@made.example");
    tmux.wait("Count what was taken.");
    tmux.keys(&["|", "grep -c ^From:", "Enter"]);
    tmux.wait("[Enter goes back to the desk]");
    tmux.keys(&["Enter"]);
    tmux.wait("the command is done");
    tmux.keys(&["s"]);
    tmux.wait("Ctrl-y does it");
    tmux.keys(&["n"]);
    tmux.wait("nothing was done");
    tmux.keys(&[":shell", "Enter"]);
    tmux.gone("Count what was taken.");
    tmux.keys(&["echo in''side; exit", "Enter"]);
    tmux.wait("back from the shell");
    tmux.keys(&["Q"]);
}

fn program(user: &User, name: &str, script: &str) -> PathBuf {
    let path = user.write(name, script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    path
}

#[test]
fn an_answer_is_sent_by_the_readers_own_git() {
    if !needs("tmux") || !needs("git") {
        return;
    }
    let has = Command::new("git")
        .args(["send-email", "-h"])
        .output()
        .is_ok_and(|out| String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).contains("--suppress-cc"));
    if !has {
        println!("skipped: needs git send-email");
        return;
    }
    let user = user();
    let sent = user.path("sent-mail");
    let fake = program(&user, "sendmail", &format!("#!/bin/sh\necho \"args: $*\" > {0}\ncat >> {0}\n", sent.display()));
    let config = format!(
        "[user]\n\tname = Eve Example\n\temail = eve@example.org\n[sendemail]\n\tsmtpServer = {}\n",
        fake.display()
    );
    user.write(".gitconfig", config);
    program(&user, "editor", "#!/bin/sh\necho 'Whose bytes are these?' >> \"$1\"\n");
    let tmux = Tmux::new(&user, (120, 40));
    tmux.start("one@made.example");
    tmux.wait("Count what was taken.");
    tmux.keys(&["r"]);
    tmux.wait("runs git send-email");
    assert!(!sent.exists(), "nothing is sent without Ctrl-y");
    tmux.keys(&["C-y"]);
    tmux.wait("Send this email");
    tmux.keys(&["y", "Enter"]);
    tmux.wait("[Enter goes back to the desk]");
    tmux.keys(&["Enter"]);
    tmux.wait("sent; a copy is");
    let mail = std::fs::read_to_string(&sent).expect("it was sent");
    for line in [
        "From: Eve Example <eve@example.org>",
        "To: Ada Example <ada@example.org>",
        "Cc: list@lists.example",
        "Subject: Re: [PATCH bpf-next v2 1/2] bpf: take a nop and count",
        "In-Reply-To: <one@made.example>",
        "Whose bytes are these?",
    ] {
        assert!(mail.lines().any(|l| l == line), "`{line}` is not in\n{mail}");
    }
    let references = mail.lines().find(|l| l.starts_with("References:")).unwrap_or_default();
    assert!(references.contains("<cover@made.example>") && references.contains("<one@made.example>"), "{mail}");
    let left = std::fs::read_dir(user.path(".local/share/provenance/state/drafts")).expect("drafts").count();
    assert_eq!(left, 0, "what was sent is no draft any more");
    tmux.keys(&["Q"]);
}

#[test]
fn patches_are_applied_to_a_clean_tree_alone() {
    if !needs("tmux") || !needs("git") {
        return;
    }
    let user = user();
    let git = |words: &[&str]| {
        let out =
            Command::new("git").env("HOME", user.path("")).args(["-C"]).arg(user.path("tree")).args(words).output();
        String::from_utf8_lossy(&out.expect("git starts").stdout).into_owned()
    };
    let file = "head\n".repeat(9)
        + "\tint err;\n\n\terr = text_poke(d->func, old);\n\tif (err)\n\t\treturn 0;\n\n\treturn count;\n}\n"
        + &"mid\n".repeat(22)
        + "\tu32 n = 0;\n\n}\n";
    user.write("tree/kernel/bpf/dispatcher.c", &file);
    user.write("tree/Documentation/bpf.rst", "one\n");
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-qm", "begin"]);
    user.write("tree/Documentation/bpf.rst", "one\nchanged\n");
    let tmux = Tmux::new(&user, (120, 40));
    tmux.keys(&["cd tree", "Enter"]);
    tmux.start("one@made.example");
    let attempt = |seen: &str, answer: &str| {
        tmux.wait("Count what was taken.");
        tmux.keys(&["a", "p"]);
        let shown = tmux.wait(seen);
        tmux.keys(&[answer]);
        shown
    };
    attempt("would apply, but the tree has changes", "C-y");
    git(&["checkout", "-q", "Documentation"]);
    std::thread::sleep(Duration::from_millis(500));
    let asked = attempt("2 patches would apply", "n");
    assert!(asked.contains("onto branch ") && asked.contains("✓ [PATCH bpf-next v2 1/2] bpf: take a nop"), "{asked}");
    assert!(asked.contains("Ctrl-y does it"), "{asked}");
    tmux.wait("nothing was done");
    assert_eq!(git(&["rev-list", "--count", "HEAD"]).trim(), "1");
    assert_eq!(git(&["status", "--porcelain"]), "", "nothing is touched by trying");
    attempt("Ctrl-y does it", "C-y");
    tmux.wait("2 patches applied");
    let failed = attempt("would not apply", "C-y");
    assert!(failed.contains("kernel/bpf/dispatcher.c, hunk 1 of 2: @@ -10 static int take"), "{failed}");
    assert_eq!(git(&["rev-list", "--count", "HEAD"]).trim(), "3");
    assert_eq!(git(&["log", "-1", "--format=%s"]).trim(), "bpf: document it");
    tmux.keys(&["Q"]);
}

#[test]
fn a_kill_loses_neither_draft_nor_remark() {
    if !needs("tmux") || !needs("pgrep") {
        return;
    }
    let user = user();
    let tmux = Tmux::new(&user, (120, 40));
    tmux.start("one@made.example");
    tmux.wait("Count what was taken.");
    tmux.keys(&["@", "i", "why?", "Enter"]);
    tmux.wait("╰ why?");
    tmux.keys(&["x", "r"]);
    tmux.wait("mutt -H");
    Command::new("kill").args(["-KILL", &tmux.pid()]).status().expect("kill starts");
    // The terminal of a program that was killed is of no use to anybody.
    drop(tmux);
    let tmux = Tmux::new(&user, (120, 40));
    tmux.start("one@made.example");
    let seen = tmux.wait("╰ why?");
    assert!(seen.contains("drafts: 1") && seen.contains('↩'), "{seen}");
    tmux.keys(&["a", "d", "Enter"]);
    tmux.wait("mutt -H");
    tmux.keys(&["Q"]);
}

#[test]
fn the_desk_ends_with_its_terminal() {
    if !needs("tmux") || !needs("pgrep") {
        return;
    }
    let user = user();
    let tmux = Tmux::new(&user, (80, 24));
    tmux.start("one@made.example");
    tmux.wait("Count what was taken.");
    let process = PathBuf::from(format!("/proc/{}", tmux.pid()));
    assert!(process.exists());
    tmux.run(&["kill-server"]);
    let begin = Instant::now();
    while process.exists() {
        assert!(begin.elapsed() < Duration::from_secs(20), "the desk outlives its terminal");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_readable() {
    if !needs("tmux") {
        return;
    }
    let user = user();
    let tmux = Tmux::new(&user, (100, 30));
    tmux.start("one@made.example");
    tmux.wait("Count what was taken.");
    tmux.keys(&["I", "l", "o", "o", "k", "Enter"]);
    tmux.wait("look");
    tmux.keys(&[":", "p", "a", "n", "i", "c", "Enter"]);
    let seen = tmux.wait("panicked at");
    assert!(seen.contains("as the command line asked for"), "{seen}");
    tmux.keys(&["echo sa''ne", "Enter"]);
    tmux.wait("sane");
    let journal = std::fs::read_to_string(user.path(".local/share/provenance/state/journal.jsonl")).expect("kept");
    assert!(journal.contains("look"), "{journal}");
}

#[test]
fn a_text_that_runs_into_the_desk_starts_nothing() {
    if !needs("tmux") {
        return;
    }
    let user = user();
    let mark = user.path("started");
    let touch = format!("#!/bin/sh\necho started >> {}\n", mark.display());
    program(&user, "editor", &touch);
    let shell = program(&user, "shell", &touch);
    let tmux = Tmux::new(&user, (100, 30));
    tmux.keys(&[&format!("export SHELL={}", shell.display()), "Enter"]);
    let text = "This is wrong: see\\; s ! r x w |";
    // The thread, and from it checks, series, what changed, text map, lineage: opened and typed into in one go.
    for opener in ["", "c", "v", "d", "M", "m"] {
        tmux.start("one@made.example");
        if opener.is_empty() {
            // From the very start: what comes before the desk has the terminal stays with the shell.
            tmux.wait("provenance  find");
        } else {
            tmux.wait("Count what was taken.");
            std::thread::sleep(Duration::from_millis(400));
        }
        tmux.run(&["send-keys", "-l", &format!("{opener}{text}")]);
        std::thread::sleep(Duration::from_millis(800));
        assert!(!mark.exists(), "a program was started after `{opener}`:\n{}", tmux.seen());
        assert!(!user.path(".local/share/provenance/state/drafts").exists(), "{}", tmux.seen());
        tmux.keys(&["Escape"]);
        std::thread::sleep(Duration::from_millis(400));
        tmux.keys(&["C-c"]);
        std::thread::sleep(Duration::from_millis(300));
        tmux.keys(&["C-c"]);
        tmux.gone("provenance  find");
    }
}
