//! Kernel images: tables, owners, meetings, differences; small images that gcc builds.

mod attached;
pub mod build;
mod containers;
mod damaged;
mod running;

use serde_json::Value;

use super::harness::{Said, User};

fn scan(user: &User, arguments: &[&str]) -> Said {
    user.run(["scan"].iter().chain(arguments))
}

fn json(user: &User, arguments: &[&str]) -> Value {
    let said = scan(user, &[arguments, &["-f", "json"]].concat()).ok();
    serde_json::from_str(&said.out).expect("JSON")
}

/// Records of an owner in a scan's total.
fn records(value: &Value, owner: &str) -> u64 {
    let owners = value["total"]["owners"].as_array().expect("owners");
    owners.iter().find(|o| o["owner"] == owner).map_or(0, |o| o["records"].as_u64().expect("a number"))
}

fn findings(value: &Value) -> Vec<(String, String)> {
    let images = value["images"].as_array().expect("images");
    let all = images.iter().flat_map(|i| i["findings"].as_array().expect("findings"));
    all.map(|f| (f["severity"].as_str().expect("text").to_owned(), f["place"].as_str().expect("text").to_owned()))
        .collect()
}

#[test]
fn every_table_is_counted_and_every_site_fits() {
    let user = User::new();
    // 24, 26 and 28 bytes.
    for layout in ["12", "13", "14"] {
        let Some(_) = build::vmlinux(&user, "vmlinux", &[&format!("ALT={layout}")]) else { return };
        let value = json(&user, &["vmlinux"]);
        let expected = [
            ("ftrace", 3),
            ("static-call", 3),
            ("jump-label", 2),
            ("alternatives", 2),
            ("retpoline", 1),
            ("return-thunk", 2),
            ("ibt", 1),
            ("smp-locks", 1),
            ("kprobe-blacklist", 1),
            ("bug", 1),
            ("exception", 1),
            ("bpf-dispatcher", 0),
        ];
        for (owner, count) in expected {
            assert_eq!(records(&value, owner), count, "{owner}, layout {layout}");
        }
        assert_eq!(findings(&value), [], "layout {layout}");
        let image = &value["images"][0];
        assert!(image["version"].as_str().expect("a version").starts_with("6.1.0-made "));
        assert_eq!(image["build_id"].as_str().expect("a build id").len(), 40);
        let tables = image["tables"].as_array().expect("tables");
        let found = |name: &str| tables.iter().find(|t| t["name"] == name).expect("a table");
        assert_eq!(found(".altinstructions")["layout"], format!("alt{layout}"));
        assert_eq!(found("_kprobe_blacklist")["found"], "symbols");
        // An indirect call inside an alternative is by design.
        assert_eq!(value["total"]["by_design"][0]["owners"], serde_json::json!(["alternatives", "retpoline"]));
    }
}

#[test]
fn a_module_is_relocated_first() {
    let user = User::new();
    let Some(path) = build::module(&user, "made.ko") else { return };
    let plain = json(&user, &["made.ko"]);
    assert_eq!(findings(&plain), []);
    for (owner, count) in [("ftrace", 3), ("static-call", 2), ("jump-label", 2), ("alternatives", 2), ("bug", 1)] {
        assert_eq!(records(&plain, owner), count, "{owner}");
    }
    assert_eq!(plain["images"][0]["version"], "6.1.0-made");
    // The compressor's output is the same module.
    let bytes = std::fs::read(path).expect("the module");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &bytes).expect("memory");
    user.write("packed/made.ko.gz", gzip.finish().expect("memory"));
    let packed = json(&user, &["packed"]);
    assert_eq!(packed["images"][0]["compression"], "gzip");
    assert_eq!(packed["total"], plain["total"]);
}

#[test]
fn the_old_dispatcher_conflicts_with_ftrace_and_the_new_one_does_not() {
    let user = User::new();
    let Some(_) = build::vmlinux(&user, "old", &["OLD=1", "ALT=12"]) else { return };
    let _ = build::vmlinux(&user, "new", &[]);
    let value = json(&user, &["old"]);
    assert_eq!(findings(&value), [("conflict".to_owned(), "bpf_dispatcher_xdp_func".to_owned())]);
    let owners = &value["images"][0]["findings"][0]["owners"];
    assert_eq!((&owners[0]["owner"], &owners[1]["owner"]), (&"ftrace".into(), &"bpf-dispatcher".into()));
    assert_eq!(owners[1]["table"], "rule: bpf_dispatcher_*_func");
    scan(&user, &["old", "--exit-code"]).ends(1);
    scan(&user, &["new", "--exit-code"]).ok();

    let said = scan(&user, &["--diff", "new", "old", "--exit-code"]).ends(1);
    assert!(
        said.out.contains("newly meet     bpf_dispatcher_xdp_func  ftrace × bpf-dispatcher  (conflict)"),
        "{}",
        said.out
    );
    let said = scan(&user, &["--diff", "old", "new", "--exit-code"]).ok();
    assert!(said.out.contains("no longer meet bpf_dispatcher_xdp_func"), "{}", said.out);
    let said = scan(&user, &["--diff", "old", "old", "--exit-code"]).ok();
    assert!(said.out.contains("no owner gained or lost a site"), "{}", said.out);
    assert!(said.out.contains("passes: no two owners newly meet"), "{}", said.out);
}

#[test]
fn a_function_is_shown_byte_by_byte() {
    let user = User::new();
    let Some(_) = build::vmlinux(&user, "vmlinux", &["OLD=1"]) else { return };
    insta::assert_snapshot!(scan(&user, &["vmlinux", "--at", "busy"]).ok().out, @r"
    busy  37 bytes in .text  Linux 6.1.0-made
    ffffffff81001000  e8 38 00 00 00           call __fentry__                              ftrace
    ffffffff81001005  e8 3a 00 00 00           call __SCT__work                             static-call (work)
    ffffffff8100100a  0f 1f 44 00 00           nopl (%rax,%rax)                             jump-label (to busy+0xf)
    ffffffff8100100f  66 90                    xchg %ax, %ax                                jump-label (to busy+0xf)
    ffffffff81001011  90                       nop                                          alternatives (feature 8*32+18: 0f ae e8)
    ffffffff81001012  90                       nop                                          alternatives [-1..2] (feature 8*32+18: 0f ae e8)
    ffffffff81001013  90                       nop                                          alternatives [-2..1] (feature 8*32+18: 0f ae e8)
    ffffffff81001014  e8 26 00 00 00           call __x86_indirect_thunk_rax                alternatives (feature 7*32+9: ff d0)  +  retpoline
    ffffffff81001019  f0 ff 07                 lock incl (%rdi)                             smp-locks [0..1]
    ffffffff8100101c  0f 0b                    ud2                                          bug
    ffffffff8100101e  8b 07                    mov (%rdi), %eax                             exception (fixup busy+0x20)
    ffffffff81001020  e9 19 00 00 00           jmp __x86_return_thunk                       return-thunk
    ");
    let by_name = scan(&user, &["vmlinux", "--at", "bpf_dispatcher_xdp_func"]).ok().out;
    insta::assert_snapshot!(by_name, @r"
    bpf_dispatcher_xdp_func  10 bytes in .text  Linux 6.1.0-made
    ffffffff81001025  e8 13 00 00 00           call __fentry__                              ftrace  ×  bpf-dispatcher
    ffffffff8100102a  e9 10 00 00 00           jmp __x86_indirect_thunk_rax                 retpoline
    ");
    let by_offset = scan(&user, &["vmlinux", "--at", "bpf_dispatcher_xdp_func+0x5"]).ok().out;
    assert_eq!(by_name, by_offset);
    let address = by_name.lines().nth(1).expect("a line").split(' ').next().expect("an address");
    assert_eq!(scan(&user, &["vmlinux", "--at", address]).ok().out, by_name);
    let said = scan(&user, &["vmlinux", "--at", "nothing_here"]).ends(2);
    assert!(
        said.err.contains("nothing_here is neither a symbol of this image nor an address in its text"),
        "{}",
        said.err
    );
}

#[test]
fn a_census_is_printed() {
    let user = User::new();
    let Some(_) = build::vmlinux(&user, "vmlinux", &["OLD=1"]) else { return };
    let said = scan(&user, &["vmlinux"]).ok().out;
    // The first line ends with the time that it took.
    let rest = said.split_once('\n').expect("lines").1;
    insta::assert_snapshot!(rest, @r"
    owner            when     records      sites        bytes    share  crossing     odd  table
    ftrace           live           3          3           15   19.74%         0          __mcount_loc
    static-call      live           2          2           10   13.16%         0          .static_call_sites, rule: __SCT__*
    jump-label       live           2          2            7    9.21%         0          __jump_table
    bpf-dispatcher   live           1          1            5    6.58%         0          rule: bpf_dispatcher_*_func
    alternatives     boot           2          2            8   10.53%         0          .altinstructions
    retpoline        boot           2          2           10   13.16%         0          .retpoline_sites
    return-thunk     boot           2          2           10   13.16%         0          .return_sites
    ibt              boot           1          1            4    5.26%         0          .ibt_endbr_seal
    smp-locks        boot           1          1            1    1.32%         0          .smp_locks
    only named       when     records      sites        bytes    share  crossing     odd  table
    kprobe-blacklist never          1          1           14   18.42%         0          _kprobe_blacklist
    bug              never          1          1            2    2.63%         0          __bug_table
    exception        never          1          1            2    2.63%         0          __ex_table
    by design  alternatives × retpoline: 1           both are applied at boot, one after the other: alternative_instructions()
    conflict      bpf_dispatcher_xdp_func..5  ftrace (__mcount_loc)  ×  bpf-dispatcher (rule: bpf_dispatcher_*_func)
                  0xffffffff81001025  e8 13 00 00 00   both write while the kernel runs, and neither asks the other
    ");
}

#[test]
fn a_picture_names_every_owner() {
    let user = User::new();
    let Some(_) = build::vmlinux(&user, "vmlinux", &["OLD=1"]) else { return };
    let said = scan(&user, &["vmlinux", "-f", "svg"]).ok();
    assert!(said.out.starts_with("<svg ") && said.out.ends_with("</svg>\n"));
    for owner in ["ftrace", "bpf-dispatcher", "alternatives", "return-thunk"] {
        assert!(said.out.contains(&format!(">{owner} <tspan")), "{owner}");
    }
    assert!(said.out.contains("1 conflict</text>"));
    assert_eq!(said.out.matches('<').count(), said.out.matches('>').count());
}

#[test]
fn what_kernels_of_7_3_do_otherwise_is_known() {
    let user = User::new();
    let Some(path) = build::vmlinux(&user, "vmlinux", &["NEW=1"]) else { return };
    // SHF_EXECINSTR, which no assembler gives to this section.
    let image = build::Damaged::new(&path);
    let flags = image.field(".data", build::Field::Flags);
    std::fs::write(&path, image.set(".data", build::Field::Flags, flags | 4).0).expect("written");
    let value = json(&user, &["vmlinux"]);
    assert_eq!(findings(&value), []);
    for (owner, count) in [
        ("bug", 3),
        ("static-call", 5),
        ("runtime-const", 1),
        ("call-depth", 1),
        ("return-thunk", 4),
        ("jump-label", 3),
    ] {
        assert_eq!(records(&value, owner), count, "{owner}");
    }
    // The data that may be executed is no text.
    let text = build::Damaged::new(&path).field(".text", build::Field::Size);
    assert_eq!(value["total"]["text"], text);
    // Padding ends where the function begins, whose first bytes are another's.
    let owners = value["total"]["owners"].as_array().expect("owners");
    assert_eq!(owners.iter().find(|o| o["owner"] == "call-depth").expect("padding")["bytes"], 16);
    let tables = value["images"][0]["tables"].as_array().expect("tables");
    let table = |name: &str| tables.iter().find(|t| t["name"] == name).expect("a table");
    assert_eq!(table("__bug_table")["layout"], "bug16");
    let addr = table("__bug_table")["addr"].as_str().expect("an address as text");
    assert!(addr.starts_with("0xffffffff81"), "{addr}");
    let shown = scan(&user, &["vmlinux", "--at", "warner"]).ok().out;
    assert!(shown.contains("jmp __x86_return_thunk") && !shown.contains("__pi_"), "{shown}");

    // A record that leads to no such call is told: its call is made one of something else.
    let warner = shown.lines().find(|l| l.contains("call __SCT__WARN_trap")).expect("the call");
    let at = u64::from_str_radix(warner.split(' ').next().expect("an address"), 16).expect("hexadecimal");
    let damaged = build::Damaged::new(&path);
    let at = (at - damaged.field(".text", build::Field::Address)) as usize;
    user.write("strange", damaged.poke(".text", at, &[0xe8, 0, 0, 0, 0]).0);
    let value = json(&user, &["strange"]);
    let told: Vec<_> =
        value["images"][0]["findings"].as_array().expect("findings").iter().map(|f| &f["what"]).collect();
    let bug = "bug expects a call of __SCT__WARN_trap, or an instruction shortly before it";
    assert!(told.len() == 3 && told.iter().filter(|w| **w == bug).count() == 2, "{told:?}");
}

#[test]
fn a_warning_where_nothing_may_be_instrumented_is_no_call() {
    let user = User::new();
    let Some(_) = build::vmlinux(&user, "vmlinux", &["NEW=1", "NOINSTR=1"]) else { return };
    assert_eq!(findings(&json(&user, &["vmlinux"])), [("worth-knowing".to_owned(), "quiet+0x5".to_owned())]);
}

#[test]
fn many_findings_of_a_kind_are_one_line_and_none_is_lost() {
    let user = User::new();
    let Some(_) = build::vmlinux(&user, "vmlinux", &["ODD=10050"]) else { return };
    let value = json(&user, &["vmlinux"]);
    let all = value["images"][0]["findings"].as_array().expect("findings");
    assert_eq!(all.len(), 10_001);
    assert_eq!(all.iter().map(|f| f["times"].as_u64().expect("a number")).sum::<u64>(), 10_050);
    let said = scan(&user, &["vmlinux"]).ok().out;
    let odd: Vec<&str> =
        said.lines().filter(|l| l.contains("ftrace expects") || l.contains("more (-f json)")).collect();
    assert_eq!(
        odd,
        [
            "unexpected    10,050 ×  ftrace expects a call of __fentry__ or a five-byte nop",
            "              … and 10,047 more (-f json)"
        ]
    );
}

#[test]
fn a_difference_is_one_page() {
    let user = User::new();
    let Some(_) = build::vmlinux(&user, "old", &["ALT=13"]) else { return };
    let _ = build::vmlinux(&user, "new", &["NEW=1"]);
    let _ = build::vmlinux(&user, "odd", &["NEW=1", "ODD=2"]);
    let said = scan(&user, &["--diff", "old", "new", "--exit-code"]).ok().out;
    insta::assert_snapshot!(said);
    let said = scan(&user, &["--diff", "new", "odd", "--exit-code"]).ends(1).out;
    assert!(said.contains("to look at: 1 new kind of odd site\n"), "{said}");
    assert!(said.contains("newly odd      2 × ftrace expects a call of __fentry__"), "{said}");
    // A table that is no longer read holds a build up too.
    let damaged = build::Damaged::new(&user.path("new")).set("__jump_table", build::Field::Offset, 1 << 40);
    user.write("damaged", damaged.0);
    let said = scan(&user, &["--diff", "new", "damaged", "--exit-code"]).ends(1).out;
    assert!(said.contains("no longer read __jump_table: its section points outside of the file"), "{said}");
}
