//! The forms that kernels of different years write.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

fn one(text: &str) -> Traced {
    parse(Cursor::new(text)).expect("memory").pop().expect("an entry")
}

fn who(traced: &Traced) -> Vec<&'static str> {
    traced.holders.iter().map(|h| h.who).collect()
}

#[test]
fn flags_users_and_modules_are_read() {
    let plain = one(
        "first (1)             \ttramp: 0xffffffffc0201000 (function_trace_call+0x0/0x150) ->ftrace_stub+0x0/0x10\n",
    );
    assert_eq!((plain.name.as_str(), plain.users, plain.module.as_deref()), ("first", 1, None));
    assert_eq!(who(&plain), ["tracer"]);
    let all = one("second [made] (3) R I D O M \ttramp: 0xffffffffc0201000 (klp_ftrace_handler+0x0/0x1c0)\n\
                   \tdirect-->bpf_trampoline_6442547129+0x0/0x67\n");
    assert_eq!(all.module.as_deref(), Some("made"));
    assert!(all.registers && all.ipmodify && all.call_ops && all.modified);
    assert_eq!(all.direct.as_deref(), Some("bpf_trampoline_6442547129+0x0/0x67"));
    assert_eq!(who(&all), ["livepatch"]);
    // As 7.3.4 writes it, and the entry of the graph tracer.
    let real = one(
        "vfs_write (1) R         \ttramp: 0xffffffffc0601000 (kprobe_ftrace_handler+0x0/0x1d0) ->kprobe_ftrace_handler+0x0/0x1d0\n",
    );
    assert_eq!((real.users, real.registers, who(&real)), (1, true, vec!["kprobes"]));
    let fprobe = one(
        "vfs_open (1)           \ttramp: 0xffffffffc0602000 (fprobe_ftrace_entry+0x0/0x230) ->fprobe_ftrace_entry+0x0/0x230\n",
    );
    assert_eq!(who(&fprobe), ["fprobe"]);
    // Several users: ftrace names only its own function.
    let several = one("third (2) R             ->arch_ftrace_ops_list_func+0x0/0x200\n");
    assert_eq!((several.users, several.holders.len()), (2, 0));
    let own = one("fourth (1)    O  \tops: made_ops+0x0/0x80 [made] (made_handler+0x0/0x20 [made])\n");
    assert_eq!(own.holders, [Holder { who: "ftrace-ops", which: "made_handler".into() }]);
    let parts = one(
        "fifth (1)   \ttramp: 0xffffffffc0201000 (ftrace_graph_func+0x0/0x70)\tsubops: {ent:trace_graph_entry+0x0/0x20 ret:trace_graph_return+0x0/0x20}\n",
    );
    assert!(who(&parts).iter().all(|w| *w == "function-graph"), "{parts:?}");
}

#[test]
fn holders_are_joined_and_the_rest_is_unknown() {
    let text = "entry (4) R I D   M \n\tdirect-->bpf_trampoline_6442450951+0x0/0x67\n";
    let mut traced = one(text);
    let probes = probes(Cursor::new(
        "ffffffff81000044  k  entry+0x4    [FTRACE]\nffffffff81000044  r  entry+0x4    [FTRACE]\n\
         ffffffff81000044  k  entry+0x4    [DISABLED][FTRACE]\nffffffff81000048  k  entry+0x8    [OPTIMIZED]\n",
    ));
    let patches = BTreeMap::from([("entry".to_owned(), vec!["fix_entry".to_owned()])]);
    let links = BTreeMap::from([(6442450951, vec!["program 17".to_owned()])]);
    join(&mut traced, &probes, &patches, &links);
    let said: Vec<_> = traced.holders.iter().map(|h| format!("{}: {}", h.who, h.which)).collect();
    assert_eq!(
        said,
        [
            "bpf-trampoline: bpf_trampoline_6442450951: program 17",
            "kprobes: entry+0x4, entry+0x4 (return)",
            "livepatch: fix_entry"
        ]
    );
    assert_eq!(traced.unknown, 1);
}

#[test]
fn a_tracer_that_may_trace_an_entry_is_one_of_its_users() {
    let dir = std::env::temp_dir().join(format!("provenance-tracers-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("below")).and_then(|()| fs::write(path, text)).expect("written");
    };
    write("current_tracer", "function\n");
    write("set_ftrace_filter", "first\nsecond [made]\n");
    write("instances/mine/current_tracer", "function_graph\n");
    write("instances/mine/set_ftrace_filter", "#### all functions enabled ####\n");
    write("instances/other/current_tracer", "nop\n");
    let tracers = tracers(&dir);
    fs::remove_dir_all(&dir).expect("removed");
    let said = |name: &str, users| {
        let mut traced = Traced { name: name.into(), users, unknown: users, ..Traced::default() };
        trace(&mut traced, &tracers);
        (traced.holders.iter().map(|h| h.which.clone()).collect::<Vec<_>>(), traced.unknown)
    };
    let graph = "function_graph, instance mine".to_owned();
    assert_eq!(said("first", 3), (vec!["function".to_owned(), graph.clone()], 1));
    assert_eq!(said("third", 2), (vec![graph], 1));
    assert_eq!(said("first", 1).1, 0);
}

proptest! {
    #[test]
    fn any_text_is_parsed(text in "[a-z ()\\[\\]\t\n>+0-9RIDOM:{}-]{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for entry in parse(Cursor::new(text)).expect("memory") {
            prop_assert!(!entry.name.is_empty());
        }
        let _ = parse(Cursor::new(bytes));
    }
}
