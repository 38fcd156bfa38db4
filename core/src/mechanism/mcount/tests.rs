use super::*;
use crate::engine::Options;
use crate::text::Builder;
use std::process::Command;
use table::{Form, Source, TableError};

fn call(addr: u64) -> u64 {
    // SAFETY: functions laid out below take nothing and return in RAX.
    let f: extern "C" fn() -> u64 = unsafe { std::mem::transmute(addr as usize) };
    f()
}

/// push rbp; mov rbp, rsp; call mcount; mov eax, n; pop rbp; ret
fn functions(engine: &Engine, mcount: &Mcount, n: u8) -> (Vec<(u64, u64)>, Region, HolderId) {
    let holder = engine.holder(MechanismId::TEXT, "test").unwrap();
    let mut b = Builder::new();
    let labels: Vec<_> = (0..n)
        .map(|i| {
            b.at(16, 0);
            let f = b.here();
            b.code(&[0x55, 0x48, 0x89, 0xe5]);
            let site = b.call(mcount.addr());
            b.code(&[0xb8, i, 0, 0, 0, 0x5d]).ret();
            (f, site)
        })
        .collect();
    b.function("end");
    let loaded = engine.load(b, holder).unwrap();
    let at = |l| loaded.addr(l).unwrap();
    (labels.iter().map(|l| (at(l.0), at(l.1))).collect(), loaded.region, holder)
}

#[test]
fn a_site_is_learned_when_it_runs_and_converted_two_turns_later() {
    let engine = Engine::new(Options::default()).unwrap();
    let mcount = Mcount::new(&engine).unwrap();
    let (f, ..) = functions(&engine, &mcount, 3);
    assert_eq!((call(f[0].0), call(f[1].0)), (0, 1));
    assert_eq!([0, 1, 2].map(|i| mcount.site(f[i].1)), [Some(Site::Learned), Some(Site::Learned), None]);
    assert_eq!(mcount.wake().unwrap(), Pass::default(), "found, not yet due");
    call(f[2].0);
    assert_eq!(mcount.wake().unwrap().converted, [f[0].1, f[1].1]);
    assert_eq!(engine.text().bytes(f[0].1, 5).unwrap(), Bytes::nop5());
    let before = mcount.calls();
    assert_eq!((call(f[0].0), call(f[2].0)), (0, 2));
    assert_eq!(mcount.calls() - before, 1, "what never ran is not converted, and cannot be traced");
    assert_eq!(mcount.wake().unwrap().converted, [f[2].1]);
}

#[test]
fn freed_text_is_forgotten_or_else_compared() {
    let engine = Engine::new(Options::default()).unwrap();
    let mcount = Mcount::new(&engine).unwrap();
    for forget in [true, false] {
        let (f, region, holder) = functions(&engine, &mcount, 1);
        let site = f[0].1;
        call(f[0].0);
        mcount.wake().unwrap();
        if forget {
            assert_eq!(mcount.forget(region).unwrap(), 1);
        }
        // SAFETY: nobody runs it.
        unsafe { engine.free(region, holder) }.unwrap();
        let pass = mcount.wake().unwrap();
        assert!(pass.converted.is_empty());
        assert_eq!(pass.failed.len(), usize::from(!forget), "stale, and it shows");
        assert_eq!(mcount.site(site), (!forget).then_some(Site::Failed));
        mcount.forget(region).unwrap();
    }
}

#[test]
fn init_text_is_not_learned() {
    let engine = Engine::new(Options::default()).unwrap();
    let mcount = Mcount::new(&engine).unwrap();
    let (f, region, _) = functions(&engine, &mcount, 1);
    mcount.ignore(region);
    call(f[0].0);
    assert_eq!((mcount.site(f[0].1), mcount.calls()), (None, 1));
}

/// Compiles two functions, one in a section that is not traced; `None` where there is no compiler.
fn compile(name: &str, args: &[&str]) -> Option<Vec<u8>> {
    let dir = std::env::temp_dir().join(format!("provenance-mcount-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (source, out) = (dir.join("t.c"), dir.join("t.out"));
    let text = "int alpha(int x) { return x + 1; }\n\
                __attribute__((section(\".odd.text\"))) int beta(int x) { return alpha(x) * 2; }\n\
                int main(void) { return beta(3); }\n";
    std::fs::write(&source, text).unwrap();
    let done = Command::new("gcc").args(["-O1", "-o"]).arg(&out).args(args).arg(&source).output();
    let result = match done {
        Ok(o) if o.status.success() => Some(std::fs::read(&out).unwrap()),
        Ok(o) => panic!("gcc: {}", String::from_utf8_lossy(&o.stderr)),
        Err(_) => None,
    };
    let _ = std::fs::remove_dir_all(&dir);
    if result.is_none() {
        assert!(std::env::var_os("CI").is_none(), "gcc is missing");
        println!("skipped: needs gcc");
    }
    result
}

fn names(table: &table::Table) -> Vec<(&str, u64, Form)> {
    let call = |c: &'_ table::Call| c.function.as_ref().map(|f| f.1).unwrap_or(u64::MAX);
    table.calls.iter().map(|c| (c.function.as_ref().map_or("", |f| f.0.as_str()), call(c), c.form)).collect()
}

#[test]
fn the_recorded_table_of_a_real_program_and_object() {
    for (kind, extra) in [("program", None), ("object", Some("-c"))] {
        for (fentry, within) in [("-mno-fentry", 1..20), ("-mfentry", 0..1)] {
            let mut args = vec!["-fno-pie", "-pg", fentry, "-mrecord-mcount"];
            args.extend(extra);
            if extra.is_none() {
                args.push("-no-pie");
            }
            let Some(file) = compile(&format!("{kind}{fentry}"), &args) else { return };
            let table = table::read(&file).unwrap();
            assert_eq!(table.source, Source::Recorded);
            let mut found = names(&table);
            found.sort();
            assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), ["alpha", "beta", "main"], "{kind} {fentry}");
            assert!(found.iter().all(|f| f.2 == Form::Call && within.contains(&f.1)), "{found:?}");
        }
    }
}

#[test]
fn pie_has_six_bytes_and_is_named() {
    let Some(file) = compile("pie", &["-fpie", "-pie", "-pg", "-mfentry", "-mrecord-mcount"]) else { return };
    let table = table::read(&file).unwrap();
    assert_eq!(table.calls.len(), 3);
    for call in &table.calls {
        assert_eq!((call.form, call.bytes.len()), (Form::Indirect, 6), "{call:?}");
        assert!(call.form.describe().contains("-fno-pie"));
    }
}

#[test]
fn relocations_tell_where_nothing_was_recorded() {
    for fentry in ["-mno-fentry", "-mfentry"] {
        let Some(file) = compile(&format!("scan{fentry}"), &["-c", "-fno-pie", "-pg", fentry]) else { return };
        let table = table::read(&file).unwrap();
        assert_eq!(table.source, Source::Relocations);
        let mut found: Vec<_> = names(&table).into_iter().map(|n| n.0).collect();
        found.sort_unstable();
        assert_eq!(found, ["alpha", "main"]);
        assert_eq!(table.ignored, [(".odd.text".to_owned(), 1)]);
        assert!(table.calls.iter().all(|c| c.bytes.as_slice() == [0xe8, 0, 0, 0, 0]));
    }
}

#[test]
fn nops_from_the_compiler_are_nops() {
    let args = ["-c", "-fno-pie", "-pg", "-mfentry", "-mrecord-mcount", "-mnop-mcount"];
    let Some(file) = compile("nop", &args) else { return };
    assert!(table::read(&file).unwrap().calls.iter().all(|c| c.form == Form::Nop));
}

#[test]
fn what_is_no_table() {
    assert!(matches!(table::read(b"#!/bin/sh"), Err(TableError::Elf(_))));
    let Some(file) = compile("plain", &["-c"]) else { return };
    assert!(matches!(table::read(&file), Err(TableError::None)));
    // Damage anywhere is an error or a table, never a panic.
    let Some(file) = compile("damage", &["-c", "-fno-pie", "-pg", "-mfentry", "-mrecord-mcount"]) else { return };
    for i in 0..file.len() {
        let mut bad = file.clone();
        bad[i] ^= 0x41;
        let _ = table::read(&bad);
    }
    for len in (0..file.len()).step_by(7) {
        let _ = table::read(&file[..len]);
    }
}
