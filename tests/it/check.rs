//! `check`: the seed's patch with what was known on its day, no false alarms; the forms of the output.

use std::path::PathBuf;

use crate::harness::{User, reviewer, shared};
use crate::links::{ADA, letter, patch};

fn seed() -> Option<PathBuf> {
    Some(shared()?.join("threads/bpf-dispatcher-v4.mbox"))
}

#[test]
fn the_seeds_patch_takes_bytes_of_ftrace() {
    let (Some(user), Some(seed)) = (reviewer(), seed()) else { return };
    let said = user.run(["check".as_ref(), seed.as_os_str()]).ends(1).out;
    assert!(said.contains("2019-12-11; read as of that day"), "{said}");
    assert!(said.contains("warning[ownership]: takes five bytes that ftrace records"), "{said}");
    assert!(said.contains("ftrace first, then bpf-dispatcher: dropped, nobody is told"), "{said}");
    assert!(said.contains("bpf-dispatcher first, then ftrace:"), "{said}");
    assert!(said.contains("x86@kernel.org") && said.contains("linux-kernel@vger.kernel.org"), "{said}");
    assert!(said.contains("Steven Rostedt") && said.contains("Josh Poimboeuf"), "{said}");
    assert!(said.contains("2018-10-05") && said.contains("2018-10-06"), "{said}");
    for later in ["2020", "2021", "2022", "reimplements", "invented"] {
        assert!(!said.lines().filter(|l| !l.contains("rules;")).any(|l| l.contains(later)), "{later} in {said}");
    }
    // The engine's bytes lie elsewhere on each run.
    let quiet = user.run(["check".as_ref(), "--no-engine".as_ref(), seed.as_os_str()]).ends(1).out;
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("check_seed", quiet));
}

#[test]
fn where_a_robots_mails_go_is_not_where_a_patch_is_sent() {
    let Some(user) = reviewer() else { return };
    // Of the indexed patches to arch/riscv nearly all are commits of the tip tree, whose robot writes to x86@ whatever it merges.
    let said = user.run(["check", "--no-engine", "20260527123530.2593918-1-wanghan@linux.alibaba.com"]).ok().out;
    assert!(said.contains("riscv: ") && !said.contains("x86@kernel.org"), "{said}");
}

fn check_one(user: &User, name: &str, subject: &str, path: &str, added: &[&str]) -> crate::harness::Said {
    let mail = letter(&format!("{name}@x"), 3, ADA, subject, None, &patch("why", path, "\tgo();", added));
    let file = user.write(&format!("{name}.eml"), mail);
    user.run(["check".as_ref(), "--no-engine".as_ref(), file.as_os_str()])
}

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

#[test]
fn whoever_is_excluded_or_asks_takes_nothing() {
    let user = User::new();
    let taken = check_one(&user, "takes", "[PATCH] e: x", "kernel/e.c", &TAKE).ends(1);
    assert!(taken.out.contains("warning[ownership]"), "{}", taken.out);
    let change = |at: usize, line: &'static str| {
        let mut lines = TAKE;
        lines[at] = line;
        lines.to_vec()
    };
    let quiet: [(&str, Vec<&str>); 7] = [
        ("notrace", change(0, "notrace int entry_point(void)")),
        ("noinstr", change(0, "noinstr int entry_point(void)")),
        ("inline", change(0, "static inline int entry_point(void)")),
        ("asks", [TAKE.as_slice(), &["	if (ftrace_location((unsigned long)ip))", "		return -EBUSY;"]].concat()),
        ("direct", [TAKE.as_slice(), &["	return register_ftrace_direct(ip, to);"]].concat()),
        ("data", change(4, "struct hook one = { .where = &some_data };")),
        ("comment", change(7, "	/* bpf_arch_text_poke(h->where, 1, from, to); */")),
    ];
    for (name, lines) in &quiet {
        let said = check_one(&user, name, "[PATCH] e: x", "kernel/e.c", lines).ok();
        assert!(!said.out.contains("warning"), "{name}: {}", said.out);
    }
    for (name, path) in
        [("selftest", "tools/testing/selftests/e.c"), ("sample", "samples/e.c"), ("doc", "Documentation/e.c")]
    {
        let said = check_one(&user, name, "[PATCH] e: x", path, &TAKE).ok();
        assert!(said.out.contains("no findings"), "{name}: {}", said.out);
    }
    let revert = check_one(&user, "revert", "[PATCH] Revert \"e: x\"", "kernel/e.c", &TAKE).ok();
    assert!(!revert.out.contains("warning"), "{}", revert.out);
    let uses = [
        ("key", "	if (static_branch_unlikely(&some_key))"),
        ("call", "	static_call(some_call)(a, b);"),
        ("ops", "	register_ftrace_function(&my_ops);"),
        ("probe", "	ret = register_kprobe(&my_probe);"),
        ("site", "	text_poke(jump_entry_code(entry), code, 5);"),
        ("module", "	text_poke_early(location, insns, len);"),
        ("trampoline", "	err = bpf_arch_text_poke(tr->func.addr, BPF_MOD_CALL, NULL, new_addr);"),
        ("own", "	arch_static_call_transform(site, tramp, func, tail);"),
        ("update", "	__static_call_update(sc_key, sc_tramp, new);"),
        ("nop", "	text_poke_bp((void *)ip, new, MCOUNT_INSN_SIZE, NULL);"),
    ];
    for (name, line) in uses {
        let said = check_one(&user, name, "[PATCH] e: x", "kernel/e.c", &["static void f(void)", "{", line, "}"]).ok();
        assert!(!said.out.contains("warning"), "{name}: {}", said.out);
    }
}

/// Every warning over the real archives that somebody has looked at, whether it is right, and why.
const JUDGED: [(&str, bool, &str); 2] = [
    (
        "20191211123017.13212-3-bjorn.topel@gmail.com",
        true,
        "the dispatcher takes the nop at the entry of a traced function",
    ),
    (
        "20200827052659.24922-4-cmr@codefail.de",
        true,
        "text_poke() of four bytes at the entry of patching_target(), which is a compiled function without notrace in a file \
         that is traced: where ftrace is configured these are bytes of its nop, and it would find others the next time it looks",
    ),
];

#[test]
fn no_false_alarms_over_the_real_archives() {
    let Some(user) = reviewer() else { return };
    let said = user.run(["__score", "alarms"]).ok().out;
    let number = |name: &str| -> u64 {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {said}"));
        line.split_whitespace().last().unwrap().parse().unwrap()
    };
    assert!(number("diffs") > 22_000, "{said}");
    assert!(number("warnings") * 500 <= number("diffs"), "{said}");
    let mut right = 0;
    for alarm in said.lines().filter(|line| line.starts_with("  ")) {
        let judged = JUDGED.iter().find(|(id, ..)| alarm.trim_start().starts_with(id));
        let (_, is_right, why) = judged.unwrap_or_else(|| panic!("nobody has judged {alarm}"));
        println!("{}: {}; {why}", if *is_right { "right" } else { "wrong" }, alarm.trim());
        right += u64::from(*is_right);
    }
    assert!(right * 10 >= number("warnings") * 7, "{said}");
}

#[test]
fn the_forms_for_b4_replies_and_addresses() {
    let (Some(user), Some(seed)) = (reviewer(), seed()) else { return };
    let b4 = user.run(["check".as_ref(), "-f".as_ref(), "b4".as_ref(), seed.as_os_str()]).ok().out;
    let value: serde_json::Value = serde_json::from_str(&b4).unwrap();
    let first = value.as_array().unwrap().iter().find(|e| e["tool"] == "provenance/ownership").expect("an entry");
    assert_eq!(first["status"], "warn");
    assert!(first["details"].is_string());
    // Every rule has its entry, and no more than one.
    let tools: Vec<&str> = value.as_array().unwrap().iter().map(|e| e["tool"].as_str().unwrap()).collect();
    let rules = ["ownership", "missing-cc", "prior-art", "revision", "series"];
    assert_eq!(tools, rules.map(|rule| format!("provenance/{rule}")));
    let fields = ["tool", "status", "summary", "url", "details"];
    assert!(value.as_array().unwrap().iter().all(|e| fields.iter().all(|field| e[field].is_string())), "{b4}");
    let reply = user.run(["check".as_ref(), "-f".as_ref(), "reply".as_ref(), seed.as_os_str()]).ends(1).out;
    assert!(
        reply
            .lines()
            .all(|line| line.chars().count() <= 72 || !line.trim().contains(' ') || line.starts_with(['>', '['])),
        "{reply}"
    );
    assert!(!reply.contains("provenance") && !reply.contains("warning"), "{reply}");
    let addresses = user.run(["check".as_ref(), "-f".as_ref(), "addresses".as_ref(), seed.as_os_str()]).ok().out;
    assert!(addresses.lines().all(|line| line.contains('@')) && addresses.contains("x86@kernel.org"), "{addresses}");
    // Always an array, whatever comes.
    let nothing = user.write("nothing.eml", "Subject: no\n\nno diff\n");
    assert_eq!(user.run(["check".as_ref(), "-f".as_ref(), "b4".as_ref(), nothing.as_os_str()]).ok().out, "[]\n");
    let said = user.run(["check".as_ref(), nothing.as_os_str()]).ends(2);
    assert!(said.err.contains("no diff was found"), "{}", said.err);
}
