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
    assert!(said.contains("2019-12-11; checked as of that day"), "{said}");
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
const JUDGED: [(&str, bool, &str); 3] = [
    (
        "20191211123017.13212-3-bjorn.topel@gmail.com",
        true,
        "the dispatcher takes the nop at the entry of a traced function",
    ),
    (
        "20260517134858.146569-1-sashal@kernel.org",
        true,
        "a kprobe with an empty post_handler on the entry of any function, which moves the instruction pointer: a live patch of it \
         is kept out, and nobody of ftrace or kprobes was asked",
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

/// `check` of mails of our own making, with an index or without.
fn json_of(user: &User, arguments: &[&str], code: i32) -> serde_json::Value {
    let mut all = vec!["check", "-f", "json"];
    all.extend(arguments);
    serde_json::from_str(&user.run(all).ends(code).out).expect("JSON")
}

fn facts(value: &serde_json::Value) -> Vec<(String, String)> {
    let findings = value["checked"][0]["findings"].as_array().expect("findings").iter();
    let facts = findings.flat_map(|finding| finding["facts"].as_array().expect("facts"));
    let word = |fact: &serde_json::Value, key: &str| fact[key].as_str().expect(key).to_owned();
    facts.map(|fact| (word(fact, "label"), word(fact, "text"))).collect()
}

#[test]
fn a_patch_is_judged_by_the_rules_of_its_own_day_which_are_named() {
    let user = User::new();
    let of = |name: &str, date: &str| {
        let mail =
            letter(&format!("{name}@x"), 3, ADA, "[PATCH] e: x", None, &patch("why", "kernel/e.c", "\tgo();", &TAKE));
        let file = user.write(&format!("{name}.eml"), mail.replace("03 Mar 2023", date));
        facts(&json_of(&user, &[file.to_str().unwrap()], 1))
    };
    for (name, date, era) in [
        ("early", "11 Dec 2019", "model of ftrace v5.4 and bpf-dispatcher v5.6"),
        ("between", "01 Jun 2022", "model of ftrace v5.4 and bpf-dispatcher v5.6"),
        ("late", "10 Oct 2023", "model of ftrace v5.4 and text-poke v6.1"),
    ] {
        let facts = of(name, date);
        let holds = |(label, text): &(String, String)| {
            label == "owner" && text.starts_with("if ftrace finds bytes it did not write: -EINVAL, ftrace_bug()")
        };
        assert!(facts.iter().any(holds), "{name}: {facts:?}");
        let ran: Vec<&str> =
            facts.iter().filter(|(_, text)| text.contains("model of")).map(|(_, t)| t.as_str()).collect();
        assert_eq!(ran.len(), 2, "{name}: {facts:?}");
        assert!(ran[0].contains(era) && ran[0].contains("dropped, nobody is told"), "{name}: {ran:?}");
        assert!(name != "late" || ran.iter().all(|text| !text.contains("v5.6")), "{ran:?}");
    }
}

/// A user with two revisions of a patch and a remark between them, in the program's own store.
fn reviser() -> User {
    let user = User::new();
    let body = |n: u32| {
        patch(
            "why",
            "e/one.c",
            "\tstart();",
            &["first_call(alpha);", "second_call(beta);", &format!("third_call({n});")],
        )
    };
    user.write("v1.eml", letter("v1@x", 1, ADA, "[PATCH] engine: call in order", None, &body(1)));
    let remark = "> +second_call(beta);\n\nwhat if this one fails, and who cleans up?\n";
    user.write(
        "re.eml",
        letter("re@x", 2, "Bob Other <bob@example.net>", "Re: [PATCH] engine: call in order", Some("v1@x"), remark),
    );
    user.write("v2.eml", letter("v2@x", 9, ADA, "[PATCH v2] engine: call in order", Some("v1@x"), &body(2)));
    user.run(["index", "v1.eml", "re.eml", "v2.eml"]).ok();
    user
}

#[test]
fn what_is_not_attached_is_one_line_and_no_failure() {
    let user = User::new();
    let file = user.write(
        "v2.eml",
        letter("v2@x", 9, ADA, "[PATCH v2] e: x", None, &patch("why", "kernel/e.c", "\tgo();", &["a();"])),
    );
    let said = user.run(["check".as_ref(), file.as_os_str()]).ok();
    let lines: Vec<&str> = said.out.lines().filter(|line| line.starts_with("not attached: ")).collect();
    assert_eq!(lines.len(), 1, "{}", said.out);
    assert!(lines[0].contains("a list's archive for") && lines[0].contains("revision"), "{}", said.out);
    assert!(lines[0].contains("a git tree for missing-cc (MAINTAINERS)"), "{}", said.out);
    assert_eq!(said.err, "");
    let value = json_of(&user, &["v2.eml"], 0);
    let checked = &value["checked"][0];
    assert!(!checked["ran"].as_array().unwrap().contains(&"revision".into()), "{value}");
    assert_eq!(value["rules"], checked["ran"].as_array().unwrap().len());
    let revision =
        checked["not_run"].as_array().unwrap().iter().find(|n| n["rule"] == "revision").expect("it did not run");
    assert!(revision["why"].is_null() && revision["needs"].is_string(), "{value}");
}

#[test]
fn what_is_attached_and_cannot_be_read_is_said_and_ends_with_three() {
    let user = reviser();
    assert!(user.run(["check", "--no-engine", "v2.eml"]).ok().out.contains("who cleans up"));
    let objects = user.path(".local/share/provenance/mail/git/0.git/objects");
    std::fs::rename(&objects, user.path("gone")).unwrap();
    std::fs::create_dir(&objects).unwrap();
    let said = user.run(["check", "v2.eml"]).ends(3);
    assert!(said.out.contains("could not look: revision: ") && !said.out.contains("5 rules"), "{}", said.out);
    assert!(said.out.contains("4 rules"), "{}", said.out);
    let value = json_of(&user, &["v2.eml"], 3);
    let not_run = value["checked"][0]["not_run"].as_array().unwrap();
    assert!(
        not_run.iter().any(|n| n["rule"] == "revision" && n["why"].as_str().is_some_and(|why| why.contains("mail")))
    );
    // b4 reads an array, and nothing else is said; what did not run does not pass.
    let b4 = user.run(["check", "-f", "b4", "v2.eml"]).ok();
    assert_eq!(b4.err, "");
    let entries: serde_json::Value = serde_json::from_str(&b4.out).unwrap();
    let entry = entries.as_array().unwrap().iter().find(|e| e["tool"] == "provenance/revision").expect("an entry");
    assert_eq!(entry["status"], "warn");
    assert!(entry["summary"].as_str().unwrap().starts_with("could not look"), "{entry}");
    // What is pasted stays clean; the word is on stderr.
    let reply = user.run(["check", "-f", "reply", "v2.eml"]).ends(3);
    assert!(
        !reply.out.contains("could not look") && reply.err.contains("could not look"),
        "{}{}",
        reply.out,
        reply.err
    );
    // Three beats one: a warning beside it changes nothing.
    let takes = user.write(
        "t.eml",
        letter("t@x", 3, ADA, "[PATCH] e: x", Some("v1@x"), &patch("why", "kernel/e.c", "\tgo();", &TAKE)),
    );
    let said = user.run(["check".as_ref(), "--no-engine".as_ref(), "v2.eml".as_ref(), takes.as_os_str()]).ends(3);
    assert!(said.out.contains("warning[ownership]"), "{}", said.out);
}

#[test]
fn a_tree_an_image_or_a_list_of_them_that_is_broken_is_said() {
    let user = User::new();
    let takes = letter("t@x", 3, ADA, "[PATCH] e: x", None, &patch("why", "kernel/e.c", "\tgo();", &TAKE));
    let takes = user.write("t.eml", takes);
    let data = ".local/share/provenance";
    let check = |code| user.run(["check".as_ref(), takes.as_os_str()]).ends(code).out;
    assert!(check(1).contains("a kernel image for ownership (image)"));
    user.write(&format!("{data}/images.json"), "{ no list");
    let said = check(3);
    assert!(said.contains("could not look: ownership (image): the list of images cannot be read"), "{said}");
    let gone = r#"{"images":[{"path":"/nowhere/vmlinux","release":"9.9.9","build_id":"","kernel":true}]}"#;
    user.write(&format!("{data}/images.json"), gone);
    let said = check(3);
    assert!(said.contains("could not look: ownership (image): Linux 9.9.9: "), "{said}");
    assert!(said.contains("warning[ownership]"), "what was found is found: {said}");
    std::fs::remove_file(user.path(&format!("{data}/images.json"))).unwrap();
    user.write(&format!("{data}/history.1/trees.json"), "{ no list");
    let said = check(3);
    assert!(said.contains("could not look: missing-cc (MAINTAINERS): "), "{said}");
}

/// A patch that lets an operator name any function, puts a probe on its entry and skips it.
const SKIPS: [&str; 20] = [
    "struct skip { struct kprobe probe; char name[64]; long result; };",
    "static int skip_before(struct kprobe *p, struct pt_regs *regs)",
    "{",
    "	regs_set_return_value(regs, container_of(p, struct skip, probe)->result);",
    "	override_function_with_return(regs);",
    "	return 1;",
    "}",
    "/* so that the probe may move the pointer */",
    "static void skip_after(struct kprobe *p, struct pt_regs *regs, unsigned long flags)",
    "{",
    "}",
    "static int skip_arm(struct skip *s)",
    "{",
    "	s->probe.symbol_name = s->name;",
    "	s->probe.pre_handler = skip_before;",
    "	s->probe.post_handler = skip_after;",
    "	return register_kprobe(&s->probe);",
    "}",
    "static ssize_t skip_write(struct file *f, const char __user *from, size_t n, loff_t *at)",
    "{ return skip_arm(f->private_data) ?: n; }",
];

#[test]
fn a_user_of_any_functions_entry_that_keeps_others_out_is_warned_about() {
    let user = User::new();
    let mail = letter(
        "skip@x",
        3,
        ADA,
        "[PATCH] skip: leave functions out",
        None,
        &patch("why", "kernel/skip.c", "\tgo();", &SKIPS),
    );
    let file = user.write("skip.eml", mail.replace("03 Mar 2023", "17 May 2026"));
    let said = user.run(["check".as_ref(), file.as_os_str()]).ends(1).out;
    assert!(
        said.contains("warning[ownership]: puts a kprobe with a post_handler on the entry of any function"),
        "{said}"
    );
    assert!(said.contains("moved by override_function_with_return"), "{said}");
    // Both orders, against a live patch and against a BPF program; the second to come is refused.
    for order in [
        "livepatch first, then kprobes: refused",
        "kprobes first, then livepatch: refused",
        "bpf-trampoline first, then kprobes: ",
    ] {
        assert!(said.contains(order), "{order}: {said}");
    }
    assert!(said.contains("model of livepatch v6.0 and kprobes v5.17 with a post_handler"), "{said}");
    // Those who look after both are named, without a tree and without an archive.
    assert!(said.contains("linux-trace-kernel@vger.kernel.org"), "{said}");
    assert!(
        said.contains("ftrace shares out such entries") && said.contains("kprobes shares out such entries"),
        "{said}"
    );
    let change = |at: usize, line: &'static str| {
        let mut lines = SKIPS;
        lines[at] = line;
        lines.to_vec()
    };
    let observes = || {
        let mut lines = change(15, "");
        lines[4] = "	count_it(regs);";
        lines
    };
    let quiet: [(&str, Vec<&str>); 4] = [
        ("observer", observes()),
        ("behind", [SKIPS.as_slice(), &["static void f(void) { one.offset = 0x10; }"]].concat()),
        ("asks", {
            let mut lines =
                change(15, "	if (!within_error_injection_list((unsigned long)s->probe.addr)) return -EINVAL;");
            lines[7] = "";
            lines
        }),
        ("none", change(16, "	return 0;")),
    ];
    for (name, lines) in &quiet {
        let said = check_one(&user, name, "[PATCH] e: x", "kernel/skip.c", lines).ok();
        assert!(!said.out.contains("[ownership]"), "{name}: {}", said.out);
    }
    for (name, path) in [
        ("kprobes", "kernel/kprobes.c"),
        ("sample", "samples/kprobes/skip.c"),
        ("test", "tools/testing/selftests/skip.c"),
    ] {
        let said = check_one(&user, name, "[PATCH] e: x", path, &SKIPS).ok();
        assert!(!said.out.contains("[ownership]"), "{name}: {}", said.out);
    }
    // Whoever observes one function of somebody else's keeps a live patch of it out: a note, as of the kernel's own example.
    let mut example = change(13, "	s->probe.symbol_name = \"kernel_clone\";");
    example[4] = "	count_it(regs);";
    let said = check_one(&user, "example", "[PATCH] e: x", "kernel/skip.c", &example).ok().out;
    assert!(
        said.contains("note[ownership]: puts a kprobe with a post_handler on the entry of kernel_clone()"),
        "{said}"
    );
    // What injects errors asks whether the function allows it, at whatever place its users name.
    let injects = [
        "static int inject(struct kprobe *p, struct pt_regs *regs)",
        "{",
        "	regs_set_return_value(regs, result_of(p));",
        "	override_function_with_return(regs);",
        "	return 1;",
        "}",
        "static int set_one(struct one *one)",
        "{",
        "	if (!within_error_injection_list((unsigned long)one->probe.addr))",
        "		return -EINVAL;",
        "	one->probe.pre_handler = inject;",
        "	return register_kprobe(&one->probe);",
        "}",
    ];
    let said = check_one(&user, "inject", "[PATCH] e: x", "kernel/inject.c", &injects).ok();
    assert!(!said.out.contains("[ownership]"), "{}", said.out);
    // So does nobody who vetoes or overrides from BPF; a program that watches is one of many.
    let program = |section: &'static str, line: &'static str| {
        ["SEC(\"SECTION\")", "int look(struct ctx *ctx)", "{", line, "	return 0;", "}"]
            .map(|l| l.replace("SECTION", section))
            .to_vec()
    };
    for (name, section, line, warns) in [
        ("veto", "fmod_ret/do_one_thing", "	count(ctx);", true),
        ("override", "kprobe/do_one_thing", "	bpf_override_return(ctx, -1);", true),
        ("watch", "fentry/do_one_thing", "	count(ctx);", false),
        ("own", "fmod_ret/look", "	count(ctx);", false),
    ] {
        let lines = program(section, line);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let said = check_one(&user, name, "[PATCH] e: x", "drivers/one/bpf/look.c", &lines);
        assert_eq!(said.code == 1, warns, "{name}: {}", said.all());
        assert_eq!(
            said.out.contains("warning[ownership]: puts a BPF program that moves"),
            warns,
            "{name}: {}",
            said.out
        );
        assert!(!warns || said.out.contains("entry of do_one_thing()"), "{}", said.out);
    }
    // One that moves the pointer and declares nothing is worse.
    let said = check_one(&user, "silent", "[PATCH] e: x", "kernel/skip.c", &change(15, "")).ends(1).out;
    assert!(said.contains("IPMODIFY is not declared"), "{said}");
}

#[test]
fn the_series_of_2026_is_warned_about_and_what_is_cited_is_there() {
    let Some(user) = reviewer() else { return };
    let id = "20260517134858.146569-1-sashal@kernel.org";
    let value = json_of(user, &["--no-engine", id], 1);
    let findings = value["checked"][0]["findings"].as_array().unwrap();
    let owner = findings.iter().find(|f| f["rule"] == "ownership").expect("a finding");
    assert_eq!(owner["severity"], "warning");
    let all = value.to_string();
    assert!(all.contains("ftrace shares out such entries") && all.contains("kprobes shares out such entries"), "{all}");
    // What the catalogue says of a list, the mail says.
    for (list, mail) in [
        ("x86@kernel.org", "20190430175334.423821c0@gandalf.local.home"),
        ("linux-kernel@vger.kernel.org", "20190430175334.423821c0@gandalf.local.home"),
        ("linux-trace-kernel@vger.kernel.org", "20230609172902.1d386ed7@gandalf.local.home"),
        ("linux-trace-kernel@vger.kernel.org", "20230718100115.ac5038d243105a46d279b664@kernel.org"),
    ] {
        let query = format!("mid:{mail} AND tc:{list}");
        let found = user.run(["query", "--mail-only", "-f", "jsonl", &query]).ok().out;
        assert_eq!(found.lines().filter(|line| line.contains(mail)).count(), 1, "{query}: {found}");
    }
}

#[test]
fn the_seeds_patch_names_the_lists_on_a_machine_with_nothing() {
    let Some(seed) = seed() else { return };
    let user = User::new();
    let said = user.run(["check".as_ref(), "-f".as_ref(), "addresses".as_ref(), seed.as_os_str()]).ok().out;
    for list in ["x86@kernel.org", "linux-kernel@vger.kernel.org"] {
        assert!(said.lines().any(|line| line == list), "{list} in {said}");
    }
    assert!(!said.contains("linux-trace-kernel"), "that list is of later years: {said}");
    let said = user.run(["check".as_ref(), "--no-engine".as_ref(), seed.as_os_str()]).ends(1).out;
    assert!(!said.contains("whom MAINTAINERS does not"), "no MAINTAINERS was read: {said}");
}

#[test]
fn a_reply_is_prose_below_the_lines_that_it_is_about() {
    let (Some(user), Some(seed)) = (reviewer(), seed()) else { return };
    let reply = user
        .run(["check".as_ref(), "-f".as_ref(), "reply".as_ref(), "--no-engine".as_ref(), seed.as_os_str()])
        .ends(1)
        .out;
    let ours: Vec<&str> = reply.lines().filter(|line| !line.starts_with('>')).collect();
    assert!(ours.len() <= 25, "{} lines: {reply}", ours.len());
    assert!(ours.iter().all(|line| line.chars().count() <= 72 || line.starts_with('[')), "{reply}");
    assert!(reply.contains("> diff --git a/kernel/bpf/dispatcher.c b/kernel/bpf/dispatcher.c\n> @@ "), "{reply}");
    for label in ["why:", "rule:", "ran:", "owner:", "matched:", "posted:", "warning", "note["] {
        assert!(!reply.contains(label), "{label} in {reply}");
    }
    // Every number that stands in the text is a link below it.
    for n in 1..=9 {
        let (cited, listed) = (reply.contains(&format!(" [{n}]")), reply.contains(&format!("\n[{n}] ")));
        assert_eq!(cited, listed, "[{n}] in {reply}");
    }
}

#[test]
fn the_forms_for_other_programs() {
    let (Some(user), Some(seed)) = (reviewer(), seed()) else { return };
    let form = |name: &str, code| {
        user.run(["check".as_ref(), "--no-engine".as_ref(), "-f".as_ref(), name.as_ref(), seed.as_os_str()]).ends(code)
    };
    let plain = form("checkpatch", 1);
    assert_eq!(plain.err, "", "b4 takes each line of stderr for a failure");
    assert_eq!(plain.out.lines().count(), 1, "{}", plain.out);
    assert!(plain.out.starts_with("kernel/bpf/dispatcher.c:126: WARNING: takes five bytes"), "{}", plain.out);
    let lines = form("editor", 1).out;
    assert!(lines.contains("kernel/bpf/dispatcher.c:126: warning: ") && lines.contains("-:1: note: "), "{lines}");
    let log: serde_json::Value = serde_json::from_str(&form("sarif", 1).out).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["runs"][0]["results"][0]["level"], "warning");
    let b4: serde_json::Value = serde_json::from_str(&form("b4", 0).out).unwrap();
    let owner = b4.as_array().unwrap().iter().find(|e| e["tool"] == "provenance/ownership").unwrap();
    let details: serde_json::Value = serde_json::from_str(owner["details"].as_str().unwrap()).unwrap();
    assert_eq!(details[0]["status"], "warn");
    assert!(details[0]["description"].as_str().unwrap().starts_with("kernel/bpf/dispatcher.c:126: takes"), "{details}");
    assert!(details[0]["srcline"].as_str().unwrap().contains("bpf_arch_text_poke("), "{details}");
    // Success is silence.
    let fine = user.write(
        "fine.eml",
        letter("fine@x", 3, ADA, "[PATCH] e: x", None, &patch("why", "e/e.c", "\tgo();", &["a();"])),
    );
    let said = user.run(["check".as_ref(), "-f".as_ref(), "checkpatch".as_ref(), fine.as_os_str()]).ok();
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
}
