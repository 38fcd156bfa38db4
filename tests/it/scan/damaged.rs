//! Files that are no images, and images that are damaged: a clear line each, and the rest is read.

use super::super::harness::User;
use super::build::{Damaged, Field, module, vmlinux};
use super::{findings, json, records, scan};

/// The file cannot be read at all: it ends with 3, and the line says why.
fn refused(user: &User, bytes: &[u8], why: &str) {
    user.write("bad.ko", bytes);
    let said = scan(user, &["bad.ko"]).ends(3);
    assert!(said.err.starts_with("error: bad.ko: ") && said.err.contains(why), "{}", said.err);
    assert_eq!(said.out, "");
}

#[test]
fn what_is_no_x86_64_image_is_refused_with_its_reason() {
    let user = User::new();
    let Some(path) = vmlinux(&user, "vmlinux", &[]) else { return };
    let good = || Damaged::new(&path);
    refused(&user, b"", "not an ELF file: it begins with nothing");
    refused(&user, b"#!/bin/sh\n", "not an ELF file: it begins with 23 21 2f 62");
    let mut boot = vec![0; 0x300];
    boot[0x202..0x206].copy_from_slice(b"HdrS");
    refused(&user, &boot, "its boot protocol is 0.00");
    refused(&user, &good().put(4, &[1]).put(18, &[3, 0]).0, "a 32-bit ELF file (i386)");
    refused(&user, &good().put(5, &[2]).0, "a big-endian ELF file");
    refused(&user, &good().put(18, &[183, 0]).0, "an ELF file for arm64");
    refused(&user, &good().put(16, &[4, 0]).0, "an ELF file of type 4");
    refused(&user, &good().put(40, &[0; 8]).0, "has no section headers");
    refused(&user, &good().0[..100], "truncated or damaged");
    refused(&user, &good().0[..10], "truncated or damaged");
    let half = good().0.len() / 2;
    refused(&user, &good().0[..half], "truncated or damaged");
}

#[test]
fn one_bad_file_does_not_hide_a_directory() {
    let user = User::new();
    let Some(_) = module(&user, "modules/kernel/good.ko") else { return };
    user.write("modules/kernel/bad.ko", b"not a module");
    user.write("modules/kernel/cut.ko.xz", b"\xfd7zXZ\0\0\x04");
    user.write("modules/modules.dep", b"kernel/good.ko:");
    let said = scan(&user, &["modules"]).ends(3);
    assert!(said.out.contains("x86-64") && said.out.contains("__mcount_loc"), "{}", said.out);
    assert!(said.out.contains("not read      modules/kernel/bad.ko: not an ELF file"), "{}", said.out);
    assert!(said.out.contains("not read      modules/kernel/cut.ko.xz: cannot be decompressed as xz"), "{}", said.out);
    let empty = user.path("empty");
    std::fs::create_dir(&empty).expect("a directory");
    let said = scan(&user, &["empty"]).ends(3);
    assert!(said.err.contains("no vmlinux*, no vmlinuz* and no *.ko"), "{}", said.err);
    let said = scan(&user, &["gone.ko"]).ends(3);
    assert!(said.err.contains("gone.ko: cannot be read"), "{}", said.err);
}

#[test]
fn a_module_that_inflates_without_end_is_stopped() {
    let user = User::new();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..8 {
        std::io::Write::write_all(&mut bomb, &vec![0; 1 << 20]).expect("memory");
    }
    user.write("bomb.ko.gz", bomb.finish().expect("memory"));
    let said = scan(&user, &["bomb.ko.gz", "--inflate-limit", "2"]).ends(3);
    assert!(said.err.contains("inflates to more than 2097152 bytes"), "{}", said.err);
}

#[test]
fn a_stripped_image_is_read_without_names_and_says_so() {
    let user = User::new();
    let Some(path) = vmlinux(&user, "vmlinux", &["OLD=1"]) else { return };
    let stripped = user.path("stripped");
    let status = std::process::Command::new("strip").arg("-s").arg(&path).arg("-o").arg(&stripped).status();
    assert!(status.expect("strip comes with gcc").success());
    let value = json(&user, &["stripped"]);
    assert_eq!(records(&value, "ftrace"), 3);
    assert_eq!(findings(&value), []);
    let notes = value["images"][0]["notes"].as_array().expect("notes");
    assert!(notes.iter().any(|n| n.as_str().is_some_and(|n| n.starts_with("stripped, and no kallsyms"))), "{notes:?}");
    // What lies within another section is nowhere to be found, and said to be.
    let missing = value["total"]["not_read"].as_array().expect("tables");
    assert!(missing.len() == 2, "{missing:?}");
    assert_eq!((&missing[1]["table"], &missing[1]["owner"]), (&"_kprobe_blacklist".into(), &"kprobe-blacklist".into()));
    let said = scan(&user, &["stripped"]).ok().out;
    let line = said.lines().find(|l| l.contains("_kprobe_blacklist")).expect("a line of the census");
    assert_eq!(
        line,
        "kprobe-blacklist not read: _kprobe_blacklist: it has no section of its own, and no symbols tell where it lies \
         (stripped, no kallsyms)"
    );
}

#[test]
fn sections_that_overlap_or_point_outside_are_left_out() {
    let user = User::new();
    let Some(path) = vmlinux(&user, "vmlinux", &[]) else { return };
    let damaged = Damaged::new(&path);
    let text = damaged.field(".text", Field::Address);
    user.write("overlap", damaged.set(".smp_locks", Field::Address, text + 1).0);
    let value = json(&user, &["overlap"]);
    let notes = value["images"][0]["notes"].to_string();
    assert!(notes.contains("section .smp_locks at 0xffffffff81") && notes.contains("overlaps .text"), "{notes}");
    assert_eq!((records(&value, "smp-locks"), records(&value, "ftrace")), (0, 3));

    user.write("outside", Damaged::new(&path).set(".return_sites", Field::Offset, 1 << 40).0);
    let value = json(&user, &["outside"]);
    let notes = value["images"][0]["notes"].to_string();
    assert!(notes.contains("section .return_sites points outside of the file"), "{notes}");
    assert_eq!((records(&value, "return-thunk"), records(&value, "ftrace")), (0, 3));
}

#[test]
fn a_table_that_does_not_divide_or_makes_no_sense_is_reported_and_not_misread() {
    let user = User::new();
    let Some(path) = vmlinux(&user, "vmlinux", &["ALT=14"]) else { return };
    user.write("odd", Damaged::new(&path).set("__jump_table", Field::Size, 31).0);
    let value = json(&user, &["odd"]);
    assert_eq!(records(&value, "jump-label"), 0);
    let what = value["images"][0]["findings"][0]["what"].as_str().expect("text");
    assert!(what.contains("31 bytes do not divide into records of 16"), "{what}");

    // Lengths of replacements beyond those of their sites: no layout known has such records.
    let strange = Damaged::new(&path).poke(".altinstructions", 13, &[200]).poke(".altinstructions", 27, &[200]);
    user.write("strange", strange.0);
    let value = json(&user, &["strange"]);
    assert_eq!(records(&value, "alternatives"), 0);
    let what = value["images"][0]["findings"][0]["what"].as_str().expect("text");
    assert!(what.contains("0 make sense"), "{what}");
}

#[test]
fn bytes_that_are_not_what_the_owner_expects_are_shown() {
    let user = User::new();
    let Some(path) = vmlinux(&user, "vmlinux", &[]) else { return };
    user.write("other", Damaged::new(&path).poke(".text", 0, &[0x55, 0x48, 0x89, 0xe5, 0x90]).0);
    let value = json(&user, &["other"]);
    assert_eq!(findings(&value), [("unexpected".to_owned(), "busy".to_owned())]);
    let finding = &value["images"][0]["findings"][0];
    assert_eq!(finding["bytes"], "55 48 89 e5 90");
    assert_eq!(finding["what"], "ftrace expects a call of __fentry__ or a five-byte nop");
}

#[test]
fn relocations_to_nowhere_are_counted() {
    let user = User::new();
    let Some(path) = module(&user, "made.ko") else { return };
    // Offset, then the type in the low and the symbol in the high half of the information.
    let damaged = Damaged::new(&path).poke(".rela__mcount_loc", 12, &[0xff, 0xff, 0, 0]);
    user.write("nowhere.ko", damaged.poke(".rela__mcount_loc", 24, &[0xff; 6]).0);
    let value = json(&user, &["nowhere.ko"]);
    let notes = value["images"][0]["notes"].to_string();
    assert!(notes.contains("1 relocations of __mcount_loc lead nowhere"), "{notes}");
    assert!(notes.contains("1 relocations of __mcount_loc lie outside of it"), "{notes}");
    assert_eq!(records(&value, "ftrace"), 1);
}

#[test]
fn a_module_whose_relocations_are_gone_is_named() {
    let user = User::new();
    let Some(path) = module(&user, "made.ko") else { return };
    let bare = user.path("bare.ko");
    let status = std::process::Command::new("objcopy").arg("-S").arg(&path).arg(&bare).status();
    assert!(status.expect("objcopy comes with gcc").success());
    let value = json(&user, &["bare.ko"]);
    let missing = value["total"]["not_read"].as_array().expect("tables");
    let tables: Vec<_> = missing.iter().map(|t| t["table"].as_str().expect("text")).collect();
    assert!(tables.contains(&"__mcount_loc") && tables.contains(&".static_call_sites"), "{tables:?}");
    assert!(missing.iter().all(|t| t["why"].as_str().is_some_and(|w| w.starts_with("its relocations are gone"))));
    assert_eq!(records(&value, "ftrace"), 0);
    let said = scan(&user, &["bare.ko"]).ok().out;
    assert!(
        said.contains("ftrace           not read: __mcount_loc: its relocations are gone, as objcopy -S"),
        "{said}"
    );
}

#[test]
fn what_is_no_kernel_is_refused_by_name() {
    let user = User::new();
    let Some(_) = module(&user, "made.ko") else { return };
    let built = |arguments: &[&str], name: &str| {
        let source = user.write("words.c", "int words(void) { return 7; }\nint main(void) { return words(); }\n");
        let status =
            std::process::Command::new("gcc").args(arguments).arg(source).arg("-o").arg(user.path(name)).status();
        assert!(status.expect("gcc starts").success());
        std::fs::read(user.path(name)).expect("what gcc made")
    };
    refused(&user, &built(&[], "program"), "a program: it holds none of the tables of a kernel or module");
    refused(&user, &built(&["-shared", "-Wl,-soname,libwords.so.6"], "library"), "a shared library (libwords.so.6)");
    refused(&user, &built(&["-c"], "object.o"), "an object file: it holds none of the tables");
    let mut arm = vec![0; 0x40];
    arm[0x38..0x3c].copy_from_slice(b"ARM\x64");
    refused(&user, &arm, "an ELF file for arm64 (a boot image)");
}

#[test]
fn more_sections_than_sixteen_bits_count_are_read() {
    let user = User::new();
    let Some(_) = module(&user, "made.ko") else { return };
    let wide = ".macro one\n.section .wide\\@, \"a\"\n.byte 1\n.endm\n.rept 65400\none\n.endr\n";
    let source = include_str!("kernel.s").replacen(".text\n", &format!("{wide}.text\n"), 1);
    let source = user.write("wide.s", source);
    let mut gcc = std::process::Command::new("gcc");
    gcc.args(["-c", "-Wa,--defsym,MODULE=1"]).arg(source).arg("-o").arg(user.path("wide.ko"));
    assert!(gcc.status().expect("gcc starts").success());
    let (wide, plain) = (json(&user, &["wide.ko"]), json(&user, &["made.ko"]));
    assert_eq!(wide["total"]["owners"], plain["total"]["owners"]);
    assert_eq!(findings(&wide), []);
}
