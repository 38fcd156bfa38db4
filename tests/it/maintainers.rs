//! `check` with an attached tree: whom MAINTAINERS of the patch's day names, and who is reached already.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Said, User, needs};
use crate::links::patch;

/// git in a tree, on a day of 2023.
pub fn git(dir: &Path, day: &str, arguments: &[&str]) -> String {
    let when = format!("2023-{day}T10:00:00Z");
    let out = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=Ada Example", "-c", "user.email=ada@example.org", "-c", "commit.gpgSign=false"])
        .args(["-c", "init.defaultBranch=main"])
        .args(arguments)
        .envs([("GIT_AUTHOR_DATE", when.as_str()), ("GIT_COMMITTER_DATE", when.as_str()), ("GIT_CONFIG_NOSYSTEM", "1")])
        .output()
        .expect("git starts");
    assert!(out.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

const BEFORE: &str = "\
List

ENGINE ROOM
M:	Bob Other <bob@old.example>
L:	engine@lists.example
S:	Maintained
F:	engine/
X:	engine/gauge/

GAUGES
M:	Cy Third <cy@example.org>
M:	Dee Fourth <dee@example.org>
M:	Eve Fifth <eve@example.org>
M:	Flo Sixth <flo@example.org>
M:	Gauge Robot <gauge-bot@example.org>
S:	Supported
F:	engine/gauge/
K:	read_gauge

OLD STUFF
M:	Gil Gone <gil@example.org>
S:	Orphan
N:	gauge

THE REST
M:	Ida Last <ida@example.org>
L:	linux-kernel@vger.kernel.org
F:	*
F:	*/
";

/// A tree whose MAINTAINERS is changed on the first of April.
fn tree(user: &User) -> PathBuf {
    let dir = user.path("tree");
    std::fs::create_dir_all(dir.join("engine/gauge")).unwrap();
    let write = |path: &str, text: &str| std::fs::write(dir.join(path), text).unwrap();
    git(&dir, "02-01", &["init", "-q"]);
    write("MAINTAINERS", BEFORE);
    write(".mailmap", "Robert Other <bob@new.example> <bob@old.example>\n");
    write("engine/a.c", "int a;\n");
    git(&dir, "02-01", &["add", "."]);
    git(&dir, "02-01", &["commit", "-q", "-m", "beginning"]);
    write("MAINTAINERS", &BEFORE.replace("engine@lists", "moved@lists"));
    git(&dir, "04-01", &["commit", "-qam", "MAINTAINERS: the list has moved"]);
    dir
}

fn mail(date: &str, cc: &str, path: &str, line: &str) -> String {
    format!(
        "From: Ada Example <ada@example.org>\nTo: list@lists.example\nCc: {cc}\nDate: {date}\nSubject: [PATCH] engine: x\n\
         Message-ID: <m@x>\n\n{}",
        patch("why", path, "\tgo();", &[line])
    )
}

fn check(user: &User, arguments: &[&str], text: &str) -> Said {
    let file = user.write("m.eml", text);
    let mut all = vec!["check", "--no-engine"];
    all.extend(arguments);
    all.push(file.to_str().unwrap());
    user.run(all)
}

const MARCH: &str = "1 Mar 2023 10:00:00 +0000";
const MAY: &str = "1 May 2023 10:00:00 +0000";

#[test]
fn maintainers_of_the_patchs_day_are_asked_lists_before_people() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    tree(&user);
    user.run(["index", "--repo", "tree"]).ok();
    let said = check(&user, &[], &mail(MARCH, "nobody@example.net", "engine/a.c", "x();")).ends(1).out;
    assert!(said.contains("warning[missing-cc]: by MAINTAINERS, engine@lists.example, linux-kernel@vger"), "{said}");
    assert!(said.contains("ENGINE ROOM, F: engine/") && said.contains("MAINTAINERS of 2023-02-01"), "{said}");
    assert!(!said.contains("Bob") && !said.contains("Ida"), "people who read a list are asked through it: {said}");
    // A month later the list is another.
    let said = check(&user, &[], &mail(MAY, "engine@lists.example", "engine/a.c", "x();")).ends(1).out;
    assert!(said.contains("moved@lists.example") && said.contains("MAINTAINERS of 2023-04-01"), "{said}");
    // Who is reached is not named; the list of everything alone is no warning.
    let said = check(&user, &[], &mail(MARCH, "engine@lists.example", "engine/a.c", "x();")).ok().out;
    assert!(said.contains("note[missing-cc]: by MAINTAINERS, linux-kernel@vger.kernel.org is not"), "{said}");
    let both = "engine@lists.example, linux-kernel@vger.kernel.org";
    let said = check(&user, &[], &mail(MARCH, both, "engine/a.c", "x();")).ok().out;
    assert!(said.starts_with("no findings"), "{said}");
}

#[test]
fn people_without_a_list_are_asked_at_most_three_and_no_robots() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    tree(&user);
    user.run(["index", "--repo", "tree"]).ok();
    let lists = "engine@lists.example, linux-kernel@vger.kernel.org";
    let text = mail(MARCH, lists, "engine/gauge/b.c", "x();");
    let said = check(&user, &["-f", "addresses"], &text).ok().out;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines, ["Cy Third <cy@example.org>", "Dee Fourth <dee@example.org>", "Eve Fifth <eve@example.org>"]);
    // One of them is enough, under another address too.
    let text = mail(MARCH, &format!("{lists}, Flo Sixth <flo@home.example>"), "engine/gauge/b.c", "x();");
    assert_eq!(check(&user, &["-f", "addresses"], &text).ok().out, "");
    // A word on a changed line leads there as well.
    let text = mail(MARCH, lists, "engine/a.c", "\tx = read_gauge(y);");
    let said = check(&user, &[], &text).ends(1).out;
    assert!(said.contains("GAUGES, K: read_gauge"), "{said}");
}

#[test]
fn what_was_not_sent_is_asked_about_before() {
    if !needs("git") {
        return;
    }
    let user = User::new();
    let dir = tree(&user);
    std::fs::write(dir.join("engine/a.c"), "int a;\nint b;\n").unwrap();
    git(&dir, "05-01", &["commit", "-qam", "engine: b"]);
    std::fs::write(dir.join("engine/gauge/c.c"), "int c;\n").unwrap();
    git(&dir, "05-02", &["add", "."]);
    git(&dir, "05-02", &["commit", "-qm", "engine: c"]);
    // No index, no attached tree: the repository itself answers.
    let said = user.run(["-C", "tree", "check", "-f", "addresses", "HEAD~2..HEAD"]).ok().out;
    let lists = ["moved@lists.example", "linux-kernel@vger.kernel.org"];
    assert_eq!(said.lines().take(2).collect::<Vec<_>>(), lists, "{said}");
    assert!(said.contains("Cy Third <cy@example.org>"), "{said}");
    let said = user.run(["-C", "tree", "check", "HEAD~2.."]).ends(1).out;
    assert!(said.contains("[PATCH] engine: b") && said.contains("[PATCH] engine: c"), "{said}");
    let none = user.run(["-C", "tree", "check", "nothing..HEAD"]).ends(2);
    assert!(none.err.contains("names no commits here"), "{}", none.err);
    let refused = user.run(["check", "tree"]).ends(2);
    assert!(refused.err.contains("BASE..TIP"), "{}", refused.err);
    git(&dir, "05-03", &["format-patch", "-q", "-o", "../out", "HEAD~2..HEAD"]);
    let said = user.run(["check", "--no-engine", "out"]).ok().out;
    assert!(said.matches("no findings").count() == 2, "{said}");
}
