//! b4 itself runs our check: `am --check` and `prep --check` of the version that the README names, on data of this machine alone.
//! Where no registry answers that is said, and nothing is tested.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::User;
use crate::links::{ADA, letter, patch};

/// The version whose configuration and forms are ours.
const B4: &str = "b4==0.16.0";

const TAKE: [&str; 9] = [
    "int entry_point(void)",
    "{",
    "	return 0;",
    "}",
    "struct hook one = { .where = &entry_point };",
    "static int switch_it(struct hook *h, void *from, void *to)",
    "{",
    "	return bpf_arch_text_poke(h->where, 1, from, to);",
    "}",
];

/// Installs b4 below a user's home; `None` where that cannot be.
fn install(user: &User) -> Option<PathBuf> {
    let venv = user.path("venv");
    let run = |program: &Path, arguments: &[&str]| {
        let made = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        made.is_ok_and(|output| output.status.success())
    };
    let place = venv.to_string_lossy().into_owned();
    let installed = run(Path::new("python3"), &["-m", "venv", &place])
        && run(
            &venv.join("bin/pip"),
            &["install", "-q", "--disable-pip-version-check", "--timeout", "20", "--retries", "1", B4],
        );
    installed.then(|| venv.join("bin/b4"))
}

struct Desk {
    user: User,
    b4: PathBuf,
    tree: PathBuf,
}

impl Desk {
    fn new() -> Option<Desk> {
        let user = User::new();
        let Some(b4) = install(&user) else {
            eprintln!("SKIPPED: {B4} could not be installed: no python3 with venv, or no registry");
            return None;
        };
        let tree = user.path("tree");
        let desk = Desk { user, b4, tree };
        std::fs::create_dir_all(&desk.tree).unwrap();
        desk.git(&["init", "-q", "-b", "base", "."]);
        for (key, value) in [("user.name", "Ada Example"), ("user.email", "ada@example.org")] {
            desk.git(&["config", key, value]);
        }
        desk.git(&["commit", "-q", "--allow-empty", "-m", "base"]);
        let check = format!("{} -q check --no-engine -f checkpatch -", env!("CARGO_BIN_EXE_provenance"));
        desk.git(&["config", "b4.am-perpatch-check-cmd", &check]);
        desk.git(&["config", "b4.prep-perpatch-check-cmd", &check]);
        Some(desk)
    }

    /// What a program in the tree said, in all.
    fn run(&self, program: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.tree).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.user.path(""));
        command.env("LC_ALL", "C.UTF-8").env("EDITOR", "true");
        let output = command.output().expect("it runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        format!("{out}{err}")
    }

    fn git(&self, arguments: &[&str]) {
        let said = self.run(Path::new("git"), arguments);
        assert!(!said.contains("fatal"), "{said}");
    }

    fn b4(&self, arguments: &[&str]) -> String {
        self.run(&self.b4, &[&["--offline-mode"], arguments].concat())
    }
}

#[test]
fn b4_shows_what_is_grave_and_that_the_rest_has_passed() {
    let Some(desk) = Desk::new() else { return };
    let am = |id: &str, added: &[&str]| {
        let body = patch("why", "kernel/e.c", "\tgo();", added);
        let mail = letter(&format!("{id}@x"), 3, ADA, "[PATCH] e: one", None, &body);
        let file = desk.user.write(&format!("{id}.mbox"), format!("From mboxrd@z Thu Jan  1 00:00:00 1970\n{mail}\n"));
        desk.b4(&["am", "-m", &file.to_string_lossy(), "--check", "-o", "-", &format!("{id}@x")])
    };
    let said = am("takes", &TAKE);
    assert!(said.contains("provenance: kernel/e.c:") && said.contains("WARNING: takes five bytes"), "{said}");
    let said = am("fine", &["	one_more_call();"]);
    assert!(said.contains("provenance: passed all checks"), "{said}");
    // What was not sent yet.
    desk.b4(&["prep", "-n", "one", "-f", "base"]);
    desk.user.write("tree/kernel/e.c", TAKE.map(|line| format!("{line}\n")).concat());
    desk.git(&["add", "kernel"]);
    desk.git(&["commit", "-q", "-m", "e: one"]);
    let said = desk.b4(&["prep", "--check"]);
    assert!(said.contains("WARNING: takes five bytes") && said.contains("Warning: 1, Error: 0"), "{said}");
}
