//! Tables made here, in the form of each era, are found and read.

use proptest::prelude::*;

use super::super::space::{Held, Section, Space};
use super::*;

/// Where the section with the tables begins.
const RODATA: u64 = 0xffff_ffff_8240_0004;

/// A section as `scripts/kallsyms.c` writes it. Every character is a token of its own; the others are longer.
fn tables(era: Era, symbols: &[(u64, String)], lead: usize) -> Vec<u8> {
    let align = era.align();
    let mut out = vec![0x5a; lead * align];
    let pad = |out: &mut Vec<u8>| out.resize(out.len().next_multiple_of(align), 0);
    out.extend_from_slice(&(symbols.len() as u32).to_le_bytes());
    pad(&mut out);
    let names = out.len();
    let mut markers = Vec::new();
    for (number, (_, name)) in symbols.iter().enumerate() {
        if number % 256 == 0 {
            markers.push((out.len() - names) as u32);
        }
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
    }
    pad(&mut out);
    markers.iter().for_each(|m| out.extend_from_slice(&m.to_le_bytes()));
    pad(&mut out);
    let (table, mut index) = (out.len(), Vec::new());
    for token in 0..=255_u8 {
        index.push((out.len() - table) as u16);
        let plain = token.is_ascii_alphanumeric() || token == b'_';
        out.extend_from_slice(if plain { std::slice::from_ref(&token) } else { b"__x" });
        out.push(0);
    }
    pad(&mut out);
    index.iter().for_each(|i| out.extend_from_slice(&i.to_le_bytes()));
    pad(&mut out);
    let base = symbols.iter().map(|(addr, _)| *addr).min().unwrap_or(0);
    for (addr, _) in symbols {
        let from = if era == Era::Four { RODATA + out.len() as u64 } else { base };
        out.extend_from_slice(&(addr.wrapping_sub(from) as u32).to_le_bytes());
    }
    if era == Era::Eight {
        pad(&mut out);
        out.extend_from_slice(&base.to_le_bytes());
    }
    out.extend_from_slice(&[0x5a; 40]);
    out
}

fn decoded(bytes: Vec<u8>) -> Option<Vec<(u64, String, bool)>> {
    let size = bytes.len() as u64;
    let section = Section {
        name: ".rodata".into(),
        addr: RODATA,
        size,
        exec: false,
        written: false,
        held: Held::Own(bytes),
        unread: None,
    };
    let symbols = read(&Space::new(vec![section], Vec::new()).0)?;
    Some(symbols.iter().map(|s| (s.addr, symbols.name(s, &[]).into_owned(), s.function)).collect())
}

fn made(count: u64) -> Vec<(u64, String)> {
    let kind = |n: u64| if n.is_multiple_of(3) { 'D' } else { 't' };
    (0..count).map(|n| (0xffff_ffff_8100_0000 + n * 48, format!("{}name_{n}", kind(n)))).collect()
}

#[test]
fn names_of_both_eras_are_read() {
    for (era, count) in [(Era::Eight, 20), (Era::Eight, 700), (Era::Four, 20), (Era::Four, 700)] {
        let symbols = made(count);
        let found = decoded(tables(era, &symbols, 37)).expect("found");
        let expected: Vec<_> =
            symbols.iter().map(|(addr, name)| (*addr, name[1..].to_owned(), name.starts_with('t'))).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn tables_that_lead_out_of_the_kernel_are_none() {
    let symbols: Vec<_> = made(40).into_iter().map(|(addr, name)| (addr - 0x7000_0000, name)).collect();
    assert_eq!(decoded(tables(Era::Four, &symbols, 3)), None);
}

proptest! {
    #[test]
    fn damaged_tables_end(four in any::<bool>(), at in any::<usize>(), flip in 1_u8.., cut in any::<usize>()) {
        let mut bytes = tables(if four { Era::Four } else { Era::Eight }, &made(300), 5);
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let _ = decoded(bytes.clone());
        bytes.truncate(cut % bytes.len());
        let _ = decoded(bytes);
    }
}
