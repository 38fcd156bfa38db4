use super::*;
use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use std::path::PathBuf;

fn shared(file: &str) -> Option<String> {
    let root = std::env::var_os("PROVENANCE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    if !root.exists() {
        println!("skipped: needs ../shared");
        return None;
    }
    Some(std::fs::read_to_string(root.join("golden").join(file)).expect("the oracle is in the shared folder"))
}

/// Sixteen targets, -16 to -1 pages from the top of the address space, as in the cover letter.
fn listing() -> String {
    let base = 0xffff_ffff_9000_0000u64;
    let targets: Vec<u64> = (1..=16).map(|i| (-i64::from(i)) as u64).collect();
    let thunk = base + 0x1000;
    let code = emit(base, &targets, true, Fallback::Thunk(thunk)).unwrap();
    let mut out = String::new();
    for insn in Decoder::with_ip(64, &code, base, DecoderOptions::NONE).iter() {
        let at = insn.ip() - base;
        let text = match insn.mnemonic() {
            Mnemonic::Cmp => format!("cmp {}", insn.immediate32to64()),
            Mnemonic::Jg => format!("jg {:03x}", insn.near_branch_target() - base),
            Mnemonic::Je => format!("je {}", insn.near_branch_target() as i64),
            Mnemonic::Jmp => {
                assert_eq!(insn.near_branch_target(), thunk);
                "jmp thunk".into()
            }
            Mnemonic::Nop => format!("nop {}", insn.len()),
            other => panic!("{other:?} in a dispatcher"),
        };
        out.push_str(&format!("{at:03x} {text}\n"));
    }
    assert_eq!(code.len(), 594);
    out
}

#[test]
fn sixteen_entries_are_those_of_the_cover_letter() {
    let Some(golden) = shared("dispatcher-16.txt") else { return };
    let golden: String = golden.lines().filter(|l| !l.starts_with('#')).map(|l| format!("{l}\n")).collect();
    assert_eq!(listing(), golden);
}

#[test]
fn all_128_sizes_are_those_that_were_published() {
    let Some(golden) = shared("dispatcher-sizes.txt") else { return };
    let mut seen = 0;
    for line in golden.lines().filter(|l| !l.starts_with('#')) {
        let n: Vec<usize> = line.split_whitespace().map(|w| w.parse().unwrap()).collect();
        let targets: Vec<u64> = (0..n[0] as u64).map(|i| 0x4000_0000 + 16 * i).collect();
        for (align, want) in [(true, n[1]), (false, n[2])] {
            let code = emit(0x4100_0000, &targets, align, Fallback::Thunk(0x4200_0000)).unwrap();
            assert_eq!(code.len(), want, "{} targets, align {align}", n[0]);
            seen += 1;
        }
    }
    assert_eq!(seen, 128);
}

#[test]
fn short_jumps_stay_short_for_every_size() {
    for n in 1..=64u64 {
        let targets: Vec<u64> = (0..n).map(|i| 0x4000_0000 + 16 * i).collect();
        for fallback in [Fallback::Thunk(0x4200_0000), Fallback::Indirect, Fallback::Lfence, Fallback::IndirectInt3] {
            let code = emit(0x4100_0000, &targets, true, fallback).unwrap();
            for insn in Decoder::with_ip(64, &code, 0x4100_0000, DecoderOptions::NONE).iter() {
                assert!(!insn.is_invalid());
                if insn.mnemonic() == Mnemonic::Jg {
                    assert!(insn.near_branch_target() > insn.ip());
                }
            }
        }
    }
}

#[test]
fn what_the_kernel_drops_is_named() {
    assert_eq!(emit(0, &[], true, Fallback::Indirect), Err(EmitError::Empty));
    assert_eq!(emit(0, &[1 << 40], true, Fallback::Indirect), Err(EmitError::Immediate(1 << 40)));
    assert!(matches!(emit(1 << 40, &[16], true, Fallback::Indirect), Err(EmitError::Range { .. })));
}
