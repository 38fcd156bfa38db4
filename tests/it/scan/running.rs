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

    user.write("hidden/proc/kallsyms", "0000000000000000 T _text\n0000000000000000 T first\n");
    let said = user.run(["scan", "--running", "--root", "hidden"]).ok();
    assert!(said.out.contains("shows zeros (kptr_restrict)"), "{}", said.out);
    let said = user.run(["scan", "--running", "--root", "nothing"]).ends(3);
    assert!(said.err.contains("the running kernel: cannot be read"), "{}", said.err);
}
