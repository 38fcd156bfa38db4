//! The tables in which a kernel image says what it will rewrite: where each one lies, how its records are laid out, and
//! the records.
//!
//! A layout is never taken from the size alone: 56,004 bytes divide by 12 and by 13. Every layout that divides is tried
//! on all records, and one is accepted if its records make sense and no other's do. What fits none is reported.

use std::collections::HashMap;

use super::owner::Owner;
use super::space::Space;

mod layout;

pub use layout::Layout;
pub(crate) use layout::{Entry, traps};

/// A kind of table and where it is found.
struct Spec {
    owner: Owner,
    /// The section's name; the same in a module, and in a vmlinux where the linker script keeps it apart.
    section: &'static str,
    /// What the linker script of a vmlinux puts around it, `include/asm-generic/vmlinux.lds.h` and
    /// `arch/x86/kernel/vmlinux.lds.S`.
    bounds: Option<(&'static str, &'static str)>,
    layouts: &'static [Layout],
}

const fn spec(
    owner: Owner,
    section: &'static str,
    start: &'static str,
    stop: &'static str,
    layouts: &'static [Layout],
) -> Spec {
    Spec { owner, section, bounds: if start.is_empty() { None } else { Some((start, stop)) }, layouts }
}

use Layout::{
    Alt12, Alt13, Alt14, Bug8, Bug12, Bug16, Exception, Jump, Paravirt, Pointer, Prefix, Relative, StaticCall,
    TrampolineKey,
};

const SPECS: [Spec; 16] = [
    spec(Owner::Ftrace, "__mcount_loc", "__start_mcount_loc", "__stop_mcount_loc", &[Pointer]),
    spec(
        Owner::StaticCall,
        ".static_call_sites",
        "__start_static_call_sites",
        "__stop_static_call_sites",
        &[StaticCall],
    ),
    spec(
        Owner::StaticCall,
        ".static_call_tramp_key",
        "__start_static_call_tramp_key",
        "__stop_static_call_tramp_key",
        &[TrampolineKey],
    ),
    spec(Owner::JumpLabel, "__jump_table", "__start___jump_table", "__stop___jump_table", &[Jump]),
    spec(
        Owner::Alternatives,
        ".altinstructions",
        "__alt_instructions",
        "__alt_instructions_end",
        &[Alt12, Alt13, Alt14],
    ),
    spec(Owner::Retpoline, ".retpoline_sites", "__retpoline_sites", "__retpoline_sites_end", &[Relative]),
    spec(Owner::ReturnThunk, ".return_sites", "__return_sites", "__return_sites_end", &[Relative]),
    spec(Owner::CallDepth, ".call_sites", "__call_sites", "__call_sites_end", &[Relative]),
    spec(Owner::CallDepth, "__patchable_function_entries", "", "", &[Prefix]),
    spec(Owner::Ibt, ".ibt_endbr_seal", "__ibt_endbr_seal", "__ibt_endbr_seal_end", &[Relative]),
    spec(Owner::SmpLocks, ".smp_locks", "__smp_locks", "__smp_locks_end", &[Relative]),
    spec(Owner::Paravirt, ".parainstructions", "__parainstructions", "__parainstructions_end", &[Paravirt]),
    spec(
        Owner::KprobeBlacklist,
        "_kprobe_blacklist",
        "__start_kprobe_blacklist",
        "__stop_kprobe_blacklist",
        &[Pointer],
    ),
    spec(Owner::Bug, "__bug_table", "__start___bug_table", "__stop___bug_table", &[Bug12, Bug16, Bug8]),
    spec(Owner::Exception, "__ex_table", "__start___ex_table", "__stop___ex_table", &[Exception]),
    spec(Owner::Cfi, ".cfi_sites", "__cfi_sites", "__cfi_sites_end", &[Relative]),
];

/// Sections of constants that are written into instructions at boot, one for each constant: `runtime_ptr_NAME` (8
/// bytes) and `runtime_shift_NAME` (1 byte), since v6.11.
const RUNTIME: [(&str, u32); 2] = [("runtime_ptr_", 8), ("runtime_shift_", 1)];

/// Whether relocations of a section with this name have to be applied.
pub(crate) fn is_table(name: &str) -> bool {
    SPECS.iter().any(|s| belongs(name, s.section)) || RUNTIME.iter().any(|(prefix, _)| name.starts_with(prefix))
}

/// Whether a section is this table or a part of it: objtool and the compiler may split a table by the text that it belongs
/// to, `.altinstructions.init` and so on.
fn belongs(name: &str, table: &str) -> bool {
    name.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// How a table was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// By its section.
    Section,
    /// By the symbols around it.
    Symbols,
    /// Not a table: a rule on a symbol's name and code.
    Rule,
    /// Told by the running kernel.
    Running,
}

/// A table and what was read of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Who owns what it lists.
    pub owner: Owner,
    /// How it was found.
    pub found: Found,
    /// Where it begins.
    pub addr: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its layout; none if none fits.
    pub layout: Option<Layout>,
    /// Records, without those that are zero.
    pub records: usize,
    /// Records that are zero: functions that were discarded after the table was made, or padding.
    pub zero: usize,
    /// Whether the records stand in the order of their addresses.
    pub sorted: bool,
    /// Records that point to no text.
    pub astray: usize,
    /// What was seen, where that is not what is known.
    pub seen: Option<String>,
}

impl Table {
    pub(crate) fn new(name: &str, owner: Owner, found: Found) -> Self {
        Self {
            name: name.to_owned(),
            owner,
            found,
            addr: 0,
            bytes: 0,
            layout: None,
            records: 0,
            zero: 0,
            sorted: true,
            astray: 0,
            seen: None,
        }
    }
}

/// The names of the symbols around tables.
pub(crate) fn bounds() -> Vec<&'static str> {
    SPECS.iter().filter_map(|s| s.bounds).flat_map(|(a, b)| [a, b]).collect()
}

/// Finds every table and hands its records to `each`, with the table's number.
pub(crate) fn read(space: &Space, symbols: &HashMap<&str, u64>, mut each: impl FnMut(u8, &Table, Entry)) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for (mut table, layouts, bytes) in places(space, symbols) {
        // As many tables as a claim can number; a file with more has them from nowhere else than malice.
        let Ok(number) = u8::try_from(tables.len()) else { break };
        match layout::decide(bytes, table.addr, layouts, space) {
            Ok(layout) => {
                table.layout = Some(layout);
                records(&mut table, layout, bytes, space, |table, entry| each(number, table, entry));
            }
            Err(seen) => table.seen = Some(seen),
        }
        tables.push(table);
    }
    tables
}

fn records(table: &mut Table, layout: Layout, bytes: &[u8], space: &Space, mut each: impl FnMut(&Table, Entry)) {
    let (mut last, size) = (0, layout.size());
    for (record, at) in bytes.chunks(size).zip((table.addr..).step_by(size)) {
        if record.iter().all(|b| *b == 0) {
            table.zero += 1;
            continue;
        }
        let entry = layout.entry(record, at);
        table.records += 1;
        table.sorted &= entry.addr >= last;
        last = entry.addr;
        if space.is_text(entry.addr) {
            each(table, entry);
        } else {
            table.astray += 1;
        }
    }
}

type Place<'a> = (Table, &'static [Layout], &'a [u8]);

fn places<'a>(space: &'a Space, symbols: &HashMap<&str, u64>) -> Vec<Place<'a>> {
    let mut out = Vec::new();
    for spec in &SPECS {
        let bounds = spec.bounds.and_then(|(a, b)| Some((*symbols.get(a)?, *symbols.get(b)?)));
        if let Some((start, stop)) = bounds
            && let Some(bytes) = stop.checked_sub(start).and_then(|len| space.bytes(start, usize::try_from(len).ok()?))
        {
            let table =
                Table { addr: start, bytes: stop - start, ..Table::new(spec.section, spec.owner, Found::Symbols) };
            out.push((table, spec.layouts, bytes));
            continue;
        }
        for section in space.sections().iter().filter(|s| belongs(&s.name, spec.section)) {
            let table = Table {
                addr: section.addr,
                bytes: section.size,
                ..Table::new(&section.name, spec.owner, Found::Section)
            };
            out.push((table, spec.layouts, space.contents(section)));
        }
    }
    for section in space.sections() {
        for (prefix, _) in RUNTIME.iter().filter(|(p, _)| section.name.starts_with(p)) {
            let table = Table {
                addr: section.addr,
                bytes: section.size,
                ..Table::new(&section.name, Owner::RuntimeConst, Found::Section)
            };
            let layout: &[Layout] =
                if *prefix == RUNTIME[0].0 { &[Layout::RuntimePointer] } else { &[Layout::RuntimeShift] };
            out.push((table, layout, space.contents(section)));
        }
    }
    out
}
