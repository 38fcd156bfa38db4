//! The running kernel, as files under a directory: what is there is read, what is not is said.

use super::super::harness::User;

#[test]
fn sources_are_optional_and_each_absence_is_said() {
    let user = User::new();
    // Slid by 0x200000 against where it was linked.
    user.write(
        "root/proc/kallsyms",
        "ffffffff81200000 T _text\nffffffff81200000 T _stext\nffffffff81200010 T first\nffffffff81200040 t second\n\
         ffffffff81200100 T _etext\nffffffffc0000000 t other\t[made]\n",
    );
    user.write("root/proc/sys/kernel/osrelease", "6.1.0-made\n");
    user.write(
        "root/sys/kernel/tracing/available_filter_functions_addrs",
        "ffffffff81200010 first\nffffffff81200044 second\n",
    );
    user.write("root/sys/kernel/debug/kprobes/list", "ffffffff81200044  k  second+0x4    [FTRACE]\n");
    let said = user.run(["scan", "--running", "--root", "root"]).ok();
    let out = &said.out;
    assert!(out.starts_with("Linux 6.1.0-made, running, x86-64"), "{out}");
    assert!(out.contains("ftrace           live           2          2           10"), "{out}");
    assert!(out.contains("kprobes          live           1"), "{out}");
    assert!(out.contains("by design  ftrace × kprobes: 1"), "{out}");
    assert!(out.contains("KASLR: 0x200000 is subtracted"), "{out}");
    for absent in ["/proc/kcore cannot be read", "enabled_functions is not there", "touched_functions is not there"] {
        assert!(out.contains(absent), "{absent}: {out}");
    }
    assert!(out.contains("traced now       not read: enabled_functions: "), "{out}");
    assert!(
        out.contains("ftrace           not read: enabled_functions: /sys/kernel/tracing/enabled_functions: "),
        "{out}"
    );

    user.write("hidden/proc/kallsyms", "0000000000000000 T _text\n0000000000000000 T first\n");
    let said = user.run(["scan", "--running", "--root", "hidden"]).ok();
    assert!(said.out.contains("shows zeros (kptr_restrict)"), "{}", said.out);
    let said = user.run(["scan", "--running", "--root", "nothing"]).ends(3);
    assert!(said.err.contains("the running kernel: cannot be read"), "{}", said.err);
}

/// The files of a kernel that runs, with memory out of the image that was built.
fn booted(user: &User, dispatcher: &str) -> Option<()> {
    let path = super::build::vmlinux(user, "vmlinux", &["RUNNING=1"])?;
    let symbols = std::process::Command::new("nm").arg("-n").arg(&path).output().expect("nm comes with gcc").stdout;
    let symbols = String::from_utf8(symbols).expect("text");
    let at = |name: &str| {
        let line = symbols.lines().find(|l| l.split(' ').nth(2) == Some(name)).unwrap_or_else(|| panic!("{name}"));
        u64::from_str_radix(line.split(' ').next().expect("an address"), 16).expect("hexadecimal")
    };
    let mut image = super::build::Damaged::new(&path);
    // The dispatcher's site points to wherever it was last sent.
    let text = image.field(".text", super::build::Field::Address);
    let jump = at("bpf_dispatcher_xdp_func") + 5;
    let target = (at(dispatcher).wrapping_sub(jump + 5) as u32).to_le_bytes();
    image = image.poke(".text", (jump - text) as usize, &[&[0xe9][..], &target].concat());
    user.write("root/proc/kallsyms", symbols);
    user.write("root/proc/sys/kernel/osrelease", "7.3.4-made\n");
    // A core file has a segment for each mapping: here the file's own.
    user.write("root/proc/kcore", image.0);
    Some(())
}

#[test]
fn the_dispatcher_is_known_by_its_static_call_wherever_it_points() {
    for target in ["bpf_dispatcher_nop_func", "__SCT__bpf_dispatcher_xdp_call", "guarded"] {
        let user = User::new();
        let Some(()) = booted(&user, target) else { return };
        let said = user.run(["scan", "--running", "--root", "root", "--exit-code", "-f", "json"]).ok();
        let value: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
        assert_eq!(super::findings(&value), [], "{target}");
        let tables = value["images"][0]["tables"].as_array().expect("tables");
        let sites = tables.iter().find(|t| t["name"] == ".static_call_sites").expect("read from memory");
        assert_eq!((&sites["records"], &sites["layout"]), (&2.into(), &"static-call".into()), "{target}");
        assert_eq!(super::records(&value, "bpf-dispatcher"), 0, "{target}");
        assert_eq!(super::records(&value, "jump-label"), 2, "{target}");
    }
}

#[test]
fn entries_behind_endbr64_and_their_holders_are_told() {
    let user = User::new();
    let Some(()) = booted(&user, "guarded") else { return };
    user.write(
        "root/sys/kernel/tracing/enabled_functions",
        "guarded (3) R I D   M \ttramp: 0xffffffffc0201000 (kprobe_ftrace_handler+0x0/0x240)->ftrace_ops_assist_func+0x0/0x100\n\
         \tdirect-->bpf_trampoline_6442450951+0x0/0x67\nbusy (1)  \ttramp: 0xffffffffc0202000 (function_trace_call+0x0/0x150)\n\
         other [made] (1)  ->arch_ftrace_ops_list_func+0x0/0x200\n",
    );
    user.write("root/sys/kernel/livepatch/fix/enabled", "1\n");
    user.write("root/sys/kernel/livepatch/fix/vmlinux/guarded,1/marker", "");
    user.write("root/sys/kernel/debug/kprobes/list", "ffffffff81001033  k  guarded+0x4    [FTRACE]\n");
    user.write(
        "root/proc/77/fdinfo/4",
        "link_type:\ttracing\nlink_id:\t3\nprog_id:\t17\nattach_type:\t24\ntarget_obj_id:\t1\ntarget_btf_id:\t7\n",
    );
    let said = user.run(["scan", "--running", "--root", "root"]).ok().out;
    let table: Vec<&str> = said.lines().skip_while(|l| !l.starts_with("traced now")).take(4).collect();
    insta::assert_snapshot!(table.join("\n"));
    let shown = user.run(["scan", "--running", "--root", "root", "--at", "guarded"]).ok().out;
    let entry: Vec<&str> = shown.lines().skip(1).take(2).collect();
    assert!(entry[0].contains("endbr64") && !entry[0].contains("ftrace"), "{shown}");
    assert!(entry[1].contains("call __fentry__") && entry[1].contains("ftrace"), "{shown}");
}

#[test]
fn watching_prints_what_changes() {
    let user = User::new();
    let Some(()) = booted(&user, "guarded") else { return };
    user.write("root/sys/kernel/debug/kprobes/list", "");
    let file = "root/sys/kernel/tracing/enabled_functions";
    user.write(file, "busy (1)  \ttramp: 0xffffffffc0202000 (function_trace_call+0x0/0x150)\n");
    let mut command = user.command();
    command.args(["scan", "--running", "--root", "root", "--watch=0.2"]).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("a pipe")));
    let mut next = || lines.next().expect("a line").expect("text");
    assert!(next().starts_with("traced now"));
    assert!(next().starts_with("busy "));
    let replace = |text: &str| {
        user.write("next", text);
        std::fs::rename(user.path("next"), user.path(file)).expect("renamed");
    };
    replace("busy (2) R   ->arch_ftrace_ops_list_func+0x0/0x200\nguarded (1)  \t->klp_ftrace_handler+0x0/0x1c0\n");
    let changed = [next(), next()];
    assert!(changed[0].contains(" ~ busy ") && changed[0].contains("2 unknown holders; was"), "{changed:?}");
    assert!(changed[1].contains(" + guarded ") && changed[1].contains("livepatch (klp_ftrace_handler)"), "{changed:?}");
    replace("guarded (1)  \t->klp_ftrace_handler+0x0/0x1c0\n");
    let gone = next();
    assert!(gone.contains(" - busy "), "{gone}");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let said = user.run(["scan", "--running", "--root", "root", "--watch=0", "--looks", "2"]).ok().out;
    assert_eq!(said.lines().count(), 2, "{said}");
    let said = user.run(["scan", "--running", "--root", "root", "--watch=-1"]).ends(2);
    assert!(said.err.contains("no time to wait"), "{}", said.err);
}
