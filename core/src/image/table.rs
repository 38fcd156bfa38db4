//! The tables in which a kernel image says what it will rewrite: where each one lies, how its records are laid out, and
//! the records.
//!
//! A layout is never taken from the size alone: 56,004 bytes divide by 12 and by 13. Every layout that divides is tried
//! on all records, and one is accepted if its records make sense and no other's do. What fits none is reported.

use std::ops::Range;

use super::owner::Owner;
use super::space::Space;
use super::{Image, Kind};

mod layout;

pub use layout::Layout;
pub(crate) use layout::{BUGFLAG_ARGS, Entry, traps};

/// The tables that a booted kernel keeps in memory, with the symbols around them: they tell of sites that are written while
/// it runs. Others are given away after boot, or say what is done.
pub(super) const IN_MEMORY: [(&str, &str, &str); 3] = [
    ("__jump_table", "__start___jump_table", "__stop___jump_table"),
    (".static_call_sites", "__start_static_call_sites", "__stop_static_call_sites"),
    (".static_call_tramp_key", "__start_static_call_tramp_key", "__stop_static_call_tramp_key"),
];

/// A kind of table and where it is found.
struct Spec {
    owner: Owner,
    /// The section's name; the same in a module, and in a vmlinux where the linker script keeps it apart.
    section: &'static str,
    /// What the linker script of a vmlinux puts around it, `include/asm-generic/vmlinux.lds.h` and
    /// `arch/x86/kernel/vmlinux.lds.S`.
    bounds: Option<(&'static str, &'static str)>,
    layouts: &'static [Layout],
    /// Whether it lies within another section of a vmlinux, so that symbols alone lead to it.
    within: bool,
}

const fn spec(
    owner: Owner,
    section: &'static str,
    start: &'static str,
    stop: &'static str,
    layouts: &'static [Layout],
) -> Spec {
    let bounds = if start.is_empty() { None } else { Some((start, stop)) };
    Spec { owner, section, bounds, layouts, within: false }
}

const fn within(spec: Spec) -> Spec {
    Spec { within: true, ..spec }
}

use Layout::{
    Alt12, Alt13, Alt14, Bug8, Bug12, Bug16, Exception, Jump, Paravirt, Pointer, Prefix, Relative, StaticCall,
    TrampolineKey,
};

const SPECS: [Spec; 16] = [
    within(spec(Owner::Ftrace, "__mcount_loc", "__start_mcount_loc", "__stop_mcount_loc", &[Pointer])),
    within(spec(
        Owner::StaticCall,
        ".static_call_sites",
        "__start_static_call_sites",
        "__stop_static_call_sites",
        &[StaticCall],
    )),
    within(spec(
        Owner::StaticCall,
        ".static_call_tramp_key",
        "__start_static_call_tramp_key",
        "__stop_static_call_tramp_key",
        &[TrampolineKey],
    )),
    within(spec(Owner::JumpLabel, "__jump_table", "__start___jump_table", "__stop___jump_table", &[Jump])),
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
    within(spec(
        Owner::KprobeBlacklist,
        "_kprobe_blacklist",
        "__start_kprobe_blacklist",
        "__stop_kprobe_blacklist",
        &[Pointer],
    )),
    spec(Owner::Bug, "__bug_table", "__start___bug_table", "__stop___bug_table", &[Bug12, Bug16, Bug8]),
    spec(Owner::Exception, "__ex_table", "__start___ex_table", "__stop___ex_table", &[Exception]),
    spec(Owner::Cfi, ".cfi_sites", "__cfi_sites", "__cfi_sites_end", &[Relative]),
];

/// Sections of constants that are written into instructions at boot, one for each constant: `runtime_ptr_NAME` (8 bytes)
/// and `runtime_shift_NAME` (1 byte) since v6.11, `runtime_mask_NAME` (4 bytes) since v7.3.
const RUNTIME: &str = "runtime_";

/// Whether relocations of a section with this name have to be applied.
pub(crate) fn is_table(name: &str) -> bool {
    SPECS.iter().any(|s| belongs(name, s.section)) || name.starts_with(RUNTIME)
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
    #[serde(serialize_with = "hexadecimal")]
    pub addr: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its layout; none if none fits.
    pub layout: Option<Layout>,
    /// Records, without those that are zero.
    pub records: usize,
    /// Records that are zero: functions that were discarded after the table was made, or padding. In a running kernel also
    /// those of its init text, which is gone.
    pub zero: usize,
    /// Whether the records stand in the order of their addresses.
    pub sorted: bool,
    /// Records that point to no text.
    pub astray: usize,
    /// Why nothing was read of it, though it ought to be there.
    pub not_read: Option<String>,
}

/// An address as every other address in JSON: its upper bits do not survive a reader that takes numbers for floats.
fn hexadecimal<S: serde::Serializer>(addr: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format!("{addr:#x}"))
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
            not_read: None,
        }
    }
}

/// The symbols that are looked for by name: those around tables, and a few that tell of the image itself.
pub(crate) fn marks() -> Vec<&'static str> {
    let bounds = SPECS.iter().filter_map(|s| s.bounds).flat_map(|(a, b)| [a, b]);
    bounds.chain(["linux_banner", "__noinstr_text_start", "__noinstr_text_end", "__init_begin", "__init_end"]).collect()
}

/// Finds every table and hands its records to `each`, with the table's number.
pub(crate) fn read(image: &Image, mut each: impl FnMut(u8, &Table, Entry)) -> Vec<Table> {
    let space = &image.space;
    // A kernel that has booted has given the memory of its init text away.
    let freed = match (image.known.get("__init_begin"), image.known.get("__init_end"), image.kind) {
        (Some(start), Some(end), Kind::Running) => *start..*end,
        _ => 0..0,
    };
    let mut tables: Vec<Table> = Vec::new();
    for place in places(image) {
        // As many tables as a claim can number, less those of the rules: a file with more has them from nowhere else than
        // malice. The last one says so.
        let number = tables.len() as u8;
        if tables.len() >= MOST {
            let mut table = place.table;
            table.not_read = Some(format!("more than {MOST} tables in one file"));
            table.name = "and all further ones".into();
            tables.push(table);
            break;
        }
        let mut table = place.table;
        match place.bytes.and_then(|bytes| Ok((bytes, layout::decide(bytes, table.addr, place.layouts, space)?))) {
            Ok((bytes, layout)) => {
                table.layout = Some(layout);
                records(&mut table, layout, bytes, space, &freed, |table, entry| each(number, table, entry));
            }
            Err(why) => table.not_read = Some(why),
        }
        tables.push(table);
    }
    tables
}

/// Tables of one file.
const MOST: usize = 240;

fn records(
    table: &mut Table,
    layout: Layout,
    bytes: &[u8],
    space: &Space,
    freed: &Range<u64>,
    mut each: impl FnMut(&Table, Entry),
) {
    let (mut last, size) = (0, layout.size());
    for (record, at) in bytes.chunks(size).zip((table.addr..).step_by(size)) {
        if record.iter().all(|b| *b == 0) {
            table.zero += 1;
            continue;
        }
        let entry = layout.entry(record, at);
        if freed.contains(&entry.addr) {
            table.zero += 1;
            continue;
        }
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

/// A table that ought to be there, and its bytes or why they cannot be had.
struct Place<'a> {
    table: Table,
    layouts: &'static [Layout],
    bytes: Result<&'a [u8], String>,
}

/// The tables of an image. In a linked kernel symbols stand around most of them, and some have no section of their own; in
/// a module each is a section.
fn places(image: &Image) -> Vec<Place<'_>> {
    let space = &image.space;
    let linked = image.kind == Kind::Vmlinux;
    // kallsyms names functions only where CONFIG_KALLSYMS_ALL is not set.
    let nameless = linked && !SPECS.iter().filter_map(|s| s.bounds).any(|(start, _)| image.known.contains_key(start));
    let mut out = Vec::new();
    for spec in &SPECS {
        let table = |found, name: &str, addr, bytes| Table { addr, bytes, ..Table::new(name, spec.owner, found) };
        let mut push = |table, bytes| out.push(Place { table, layouts: spec.layouts, bytes });
        // A module's tables are sections: symbols of these names would be its own.
        let bounds = spec.bounds.filter(|_| image.kind != Kind::Module);
        let bounds = bounds.map(|(a, b)| ((a, image.known.get(a).copied()), (b, image.known.get(b).copied())));
        if image.kind == Kind::Running && IN_MEMORY.iter().all(|(section, ..)| *section != spec.section) {
            continue;
        }
        if let Some(((_, Some(start)), (_, Some(stop)))) = bounds {
            let len = stop.checked_sub(start).and_then(|len| usize::try_from(len).ok());
            match len.and_then(|len| if len == 0 { Some(&[][..]) } else { space.bytes(start, len) }) {
                Some(bytes) => push(table(Found::Symbols, spec.section, start, stop - start), Ok(bytes)),
                None => push(
                    table(Found::Symbols, spec.section, start, 0),
                    Err(format!("it would lie from {start:#x} to {stop:#x}, which the image has no contents for")),
                ),
            }
            continue;
        }
        let mut found = false;
        for section in space.sections().iter().filter(|s| belongs(&s.name, spec.section)) {
            found = true;
            let bytes = section.unread.clone().map_or_else(|| Ok(space.contents(section)), Err);
            push(table(Found::Section, &section.name, section.addr, section.size), bytes);
        }
        for (name, why) in space.dropped.iter().filter(|(name, _)| belongs(name, spec.section)) {
            found = true;
            push(table(Found::Section, name, 0, 0), Err(why.clone()));
        }
        match bounds {
            Some(((here, Some(_)), (gone, None)) | ((gone, None), (here, Some(_)))) if !found => push(
                table(Found::Symbols, spec.section, 0, 0),
                Err(format!("{here} is among the symbols, and {gone} is not")),
            ),
            _ if !found && nameless && spec.within => push(
                table(Found::Symbols, spec.section, 0, 0),
                Err(match image.symbols.len() {
                    0 => {
                        "it has no section of its own, and no symbols tell where it lies (stripped, no kallsyms)".into()
                    }
                    _ => "it has no section of its own, and the symbols are those of functions only".into(),
                }),
            ),
            _ => {}
        }
    }
    runtime(space, &mut out);
    out
}

/// The constants of the kernel's own that are known when it has booted, a section for each.
fn runtime<'a>(space: &'a Space, out: &mut Vec<Place<'a>>) {
    let named = |name: &str| name.starts_with(RUNTIME);
    for section in space.sections().iter().filter(|s| named(&s.name)) {
        let table = Table {
            addr: section.addr,
            bytes: section.size,
            ..Table::new(&section.name, Owner::RuntimeConst, Found::Section)
        };
        let layouts: &[Layout] = match section.name[RUNTIME.len()..].split_once('_') {
            Some(("ptr", _)) => &[Layout::RuntimePointer],
            Some(("shift", _)) => &[Layout::RuntimeShift],
            Some(("mask", _)) => &[Layout::RuntimeMask],
            _ => &[],
        };
        let bytes = match (&section.unread, layouts) {
            (Some(why), _) => Err(why.clone()),
            (None, []) => Err("a kind of constant that is not known here".into()),
            (None, _) => Ok(space.contents(section)),
        };
        out.push(Place { table, layouts, bytes });
    }
    for (name, why) in space.dropped.iter().filter(|(name, _)| named(name)) {
        let table = Table::new(name, Owner::RuntimeConst, Found::Section);
        out.push(Place { table, layouts: &[], bytes: Err(why.clone()) });
    }
}
