//! Owners without a table: found by a symbol's name and the code that stands there, and labelled so.

use std::collections::HashSet;

use super::Image;
use super::check;
use super::owner::Owner;
use super::symbols::Symbol;
use super::table::{Entry, Found, Table};

/// `endbr64`.
pub(crate) const ENDBR: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
/// Calls inside ftrace's trampolines that it redirects, `arch/x86/kernel/ftrace.c: ftrace_update_ftrace_func()`.
const FTRACE_CALLS: [&[u8]; 3] = [b"ftrace_call", b"ftrace_regs_call", b"ftrace_graph_call"];

/// How the names begin that rules are about.
const RULED: [&[u8]; 3] = [b"bpf_dispatcher_", b"__SCT__", b"ftrace_"];

/// Whether the bytes are what a rule's owner leaves there.
pub(crate) fn check(image: &Image, owner: Owner, entry: &Entry) -> check::Fits {
    let bytes = image.space.from(entry.addr);
    match owner {
        Owner::StaticCall => check::trampoline(bytes),
        Owner::Ftrace if check::branch(bytes, entry.addr).is_some() || check::is_nop5(bytes) => check::fits(5),
        Owner::Ftrace => check::wants(5, "a call, a jump or a five-byte nop"),
        _ => check::fits(5),
    }
}

/// Finds what the rules name: at most one table for each rule, numbered from `number`.
pub(crate) fn read(image: &Image, number: u8, mut each: impl FnMut(u8, &Table, Entry)) -> Vec<Table> {
    let mut rules: [Table; 3] = [
        Table::new("rule: bpf_dispatcher_*_func", Owner::BpfDispatcher, Found::Rule),
        Table::new("rule: __SCT__*", Owner::StaticCall, Found::Rule),
        Table::new("rule: ftrace_call", Owner::Ftrace, Found::Rule),
    ];
    let named = |s: &&Symbol| RULED.iter().any(|with| image.symbols.begins(s, &image.space.data, with));
    let named: Vec<(&Symbol, &[u8])> = image
        .symbols
        .iter()
        .filter(|s| !s.external)
        .filter(named)
        .map(|s| (s, image.symbols.raw_name(s, &image.space.data)))
        .collect();
    // A dispatcher that goes through a static call (since v6.2) has its site in `.static_call_sites`, wherever the site
    // points to now: in a running kernel to a function or a generated image.
    let called = named.iter().filter_map(|(_, name)| name.strip_prefix(b"__SCT__")?.strip_suffix(b"_call"));
    let called: HashSet<&[u8]> = called.filter(|name| name.starts_with(b"bpf_dispatcher_")).collect();
    for &(symbol, name) in &named {
        let (rule, addr) = match name.first() {
            // What is called where there is no dispatcher has a name like one, and is never written.
            Some(b'b') if name == b"bpf_dispatcher_nop_func" => continue,
            Some(b'b') if name.starts_with(b"bpf_dispatcher_") && name.ends_with(b"_func") => {
                if called.contains(&name[..name.len() - b"_func".len()]) {
                    continue;
                }
                let Some(addr) = dispatcher(image, symbol) else { continue };
                (0, addr)
            }
            Some(b'_') if name.starts_with(b"__SCT__") => (1, symbol.addr),
            Some(b'f') if FTRACE_CALLS.contains(&name) => (2, symbol.addr),
            _ => continue,
        };
        if image.space.bytes(addr, 5).is_some() && image.space.is_text(addr) {
            rules[rule].records += 1;
            each(number.saturating_add(rule as u8), &rules[rule], Entry { addr, len: 5, other: 0, flags: 0 });
        }
    }
    rules.into()
}

/// The bytes that a dispatcher function gives to its dispatcher. `bpf_arch_text_poke()` takes the function's first
/// instruction, behind `endbr64` if there is one. A function that jumps to a static call's trampoline gives none.
fn dispatcher(image: &Image, symbol: &Symbol) -> Option<u64> {
    if !symbol.function {
        return None;
    }
    let mut addr = symbol.addr;
    if image.space.from(addr).starts_with(&ENDBR) {
        addr += 4;
    }
    let bytes = image.space.from(addr);
    let site = check::is_nop5(bytes) || bytes.first() == Some(&0xe8);
    let next = if site { addr + 5 } else { addr };
    if let Some((_, target)) = check::branch(image.space.from(next), next)
        && image.named_at(target, |name| name.starts_with(b"__SCT__")) == Some(true)
    {
        return None;
    }
    (site || check::branch(bytes, addr).is_some()).then_some(addr)
}
