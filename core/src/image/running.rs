//! The kernel that runs here, as far as it lets itself be read. Every source is optional: what is absent, or hidden by
//! `kptr_restrict`, is said. Addresses are given as linked: the offset of KASLR is subtracted.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};

use super::elf::{Header, LE};
use super::owner::Owner;
use super::space::{Held, Section, Space};
use super::symbols::{Names, Symbol, Symbols};
use super::table::{Found, IN_MEMORY, Layout, Table};
use super::{Image, ImageError, Kind, claims, rule, table};

mod traced;

use self::traced::MOST;
pub use self::traced::{Holder, Traced, Traces, traces};

/// Where a kernel is linked, `__START_KERNEL` with the default `CONFIG_PHYSICAL_START`.
const LINKED: u64 = 0xffff_ffff_8100_0000;

/// Reads `proc` and `sys` below a directory (`/`).
///
/// # Errors
/// [`ImageError::Read`] if not even `/proc/kallsyms` can be read.
pub fn read(root: &Path) -> Result<Image, ImageError> {
    let mut notes = Vec::new();
    let kallsyms = File::open(root.join("proc/kallsyms")).map_err(ImageError::Read)?;
    let (mut list, names, hidden) = symbols(kallsyms);
    if hidden {
        notes.push("/proc/kallsyms shows zeros (kptr_restrict): run as root, or set kernel.kptr_restrict=1".into());
    }
    let at = |name: &[u8]| list.iter().find(|s| text(&names, s) == name).map(|s| s.addr);
    let (start, end) = (at(b"_text").or_else(|| at(b"_stext")), at(b"_etext"));
    let slide = start.map_or(0, |s| (s & !0x1f_ffff).wrapping_sub(LINKED & !0x1f_ffff));
    if slide != 0 {
        notes.push(format!("KASLR: {slide:#x} is subtracted from every address"));
    }
    let data = IN_MEMORY.iter().filter_map(|(_, a, b)| Some((at(a.as_bytes())?, at(b.as_bytes())?)));
    let wanted: Vec<(u64, u64, bool)> =
        start.zip(end).map(|(s, e)| (s, e, true)).into_iter().chain(data.map(|(s, e)| (s, e, false))).collect();
    let sections = memory(root, &wanted, slide, &mut notes);
    for symbol in &mut list {
        symbol.addr = symbol.addr.wrapping_sub(slide);
    }
    let (space, overlapping) = Space::new(sections, Vec::new());
    notes.extend(overlapping);
    let release = std::fs::read_to_string(root.join("proc/sys/kernel/osrelease")).ok();
    let mut image = Image {
        path: root.to_owned(),
        kind: Kind::Running,
        boot: false,
        compression: None,
        version: release.map(|r| r.trim().to_owned()),
        build_id: None,
        tables: Vec::new(),
        notes,
        size: 0,
        records: Vec::new(),
        spans: Vec::new(),
        space,
        symbols: Symbols::new(if hidden { Vec::new() } else { list }, Names::Own(names)),
        known: HashMap::new(),
    };
    image.known = image.symbols.find(&table::marks(), &[]);
    image.claim(None);
    lists(root, slide, &mut image);
    Ok(image)
}

fn text<'a>(names: &'a [u8], symbol: &Symbol) -> &'a [u8] {
    let from = &names[symbol.name_at()..];
    &from[..memchr::memchr(0, from).unwrap_or(0)]
}

/// `address type name [module]`, of the kernel itself. The last value says that all addresses are zero.
fn symbols(file: File) -> (Vec<Symbol>, Vec<u8>, bool) {
    let (mut list, mut names) = (Vec::new(), Vec::new());
    for line in BufReader::new(file.take(MOST)).lines().map_while(Result::ok) {
        let mut fields = line.split_ascii_whitespace();
        let (Some(addr), Some(kind), Some(name), None) = (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Ok(addr) = u64::from_str_radix(addr, 16) else { continue };
        let (function, global) = (matches!(kind, "t" | "T" | "w" | "W"), kind.starts_with(char::is_uppercase));
        list.push(Symbol::new(addr, 0, names.len() as u32, function, global));
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    }
    let hidden = list.iter().all(|s| s.addr == 0);
    let mut order: Vec<u64> = list.iter().map(|s| s.addr).collect();
    order.sort_unstable();
    order.dedup();
    for symbol in &mut list {
        let next = order.partition_point(|a| *a <= symbol.addr);
        symbol.size = order.get(next).map_or(0, |n| n - symbol.addr);
    }
    (list, names, hidden)
}

/// Ranges of the kernel's memory out of `/proc/kcore`, an ELF core file whose segments are its mappings.
fn memory(root: &Path, wanted: &[(u64, u64, bool)], slide: u64, notes: &mut Vec<String>) -> Vec<Section> {
    let read = || -> Result<Vec<Section>, String> {
        let mut file = File::open(root.join("proc/kcore")).map_err(|e| e.to_string())?;
        let mut head = Vec::new();
        file.by_ref().take(1 << 20).read_to_end(&mut head).map_err(|e| e.to_string())?;
        let header = Header::parse(head.as_slice()).map_err(|e| e.to_string())?;
        let segments = header.program_headers(LE, head.as_slice()).map_err(|e| e.to_string())?;
        let mut out = Vec::new();
        for &(start, end, exec) in wanted {
            let covers = |s: &&elf::ProgramHeader64<object::LittleEndian>| {
                let first = s.p_vaddr(LE);
                s.p_type(LE) == elf::PT_LOAD && first <= start && first.saturating_add(s.p_memsz(LE)) >= end
            };
            let Some(segment) = segments.iter().find(covers).filter(|_| end > start && end - start < MOST) else {
                continue;
            };
            let offset = segment.p_offset(LE).saturating_add(start - segment.p_vaddr(LE));
            let mut bytes = vec![0; (end - start) as usize];
            file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes)).map_err(|e| e.to_string())?;
            let name = if exec { ".text" } else { ".data" }.to_owned();
            let addr = start.wrapping_sub(slide);
            out.push(Section {
                name,
                addr,
                size: end - start,
                exec,
                written: !exec,
                held: Held::Own(bytes),
                unread: None,
            });
        }
        Ok(out)
    };
    match read() {
        Ok(sections) if !sections.is_empty() => sections,
        Ok(_) => {
            notes.push("/proc/kcore has no segment with the kernel's text: sites are listed, not checked".into());
            Vec::new()
        }
        Err(e) => {
            notes.push(format!("/proc/kcore cannot be read ({e}): sites are listed, not checked"));
            Vec::new()
        }
    }
}

/// What the kernel lists of itself: path, name, owner, and whether what is listed is written just now.
const LISTS: [(&str, &str, Owner); 5] = [
    ("sys/kernel/tracing/available_filter_functions_addrs", "available_filter_functions_addrs", Owner::Ftrace),
    ("sys/kernel/tracing/enabled_functions", "enabled_functions", Owner::Ftrace),
    ("sys/kernel/tracing/touched_functions", "touched_functions", Owner::Ftrace),
    ("sys/kernel/debug/kprobes/list", "kprobes/list", Owner::Kprobes),
    ("sys/kernel/debug/kprobes/blacklist", "kprobes/blacklist", Owner::KprobeBlacklist),
];

fn lists(root: &Path, slide: u64, image: &mut Image) {
    let mut records = std::mem::take(&mut image.records);
    // Addresses of ftrace's sites, in order: the first list, where the kernel has it (v6.5).
    let mut sites: Vec<u64> = Vec::new();
    for (path, name, owner) in LISTS {
        let Ok(number) = u8::try_from(image.tables.len()) else { break };
        let mut table = Table { layout: Some(Layout::Pointer), ..Table::new(name, owner, Found::Running) };
        let file = match File::open(root.join(path)) {
            Ok(file) => file,
            Err(e) => {
                image.notes.push(format!("/{path} is not there ({e})"));
                table.layout = None;
                table.not_read = Some(format!("/{path}: {e}"));
                image.tables.push(table);
                continue;
            }
        };
        for line in BufReader::new(file.take(MOST)).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            // A line that goes on with the one in front.
            if line.trim_start().starts_with("direct-->") || line.trim().is_empty() {
                continue;
            }
            let addr = match address(&line, image, slide) {
                Some(Place::Address(addr)) => addr,
                // A function is listed by its name, and its site may stand behind `endbr64`.
                Some(Place::Function(addr)) if owner == Owner::Ftrace => site(image, &sites, addr),
                Some(Place::Function(addr)) => addr,
                None => {
                    table.zero += 1;
                    continue;
                }
            };
            table.records += 1;
            // What is armed is a call or jump to a trampoline that is generated: nothing to compare with.
            let len = if owner == Owner::Ftrace { 5 } else { 1 };
            records.push(claims::Record { addr, other: 0, len, flags: 0, table: number, owner, fits: true });
            if table.name == LISTS[0].1 {
                sites.push(addr);
            }
        }
        sites.sort_unstable();
        image.tables.push(table);
    }
    image.spans = claims::unite(&mut records);
    image.records = records;
}

/// The site of ftrace in the function that begins here: behind `endbr64`, as the kernel's own list or the bytes say.
fn site(image: &Image, sites: &[u64], function: u64) -> u64 {
    let listed = sites.get(sites.partition_point(|s| *s < function));
    match listed {
        Some(listed) if *listed - function <= 4 => *listed,
        _ if image.space.from(function).starts_with(&rule::ENDBR) => function + 4,
        _ => function,
    }
}

/// What a line names.
enum Place {
    Address(u64),
    Function(u64),
}

/// The place that a line is about: a number, a range, or a function's name.
fn address(line: &str, image: &Image, slide: u64) -> Option<Place> {
    let first = line.split_ascii_whitespace().next()?;
    let number = first.split('-').next()?.trim_start_matches("0x");
    match u64::from_str_radix(number, 16) {
        Ok(0) => None,
        Ok(addr) if number.len() >= 8 => Some(Place::Address(addr.wrapping_sub(slide))),
        _ => image.symbols.named(first, &image.space.data).map(|s| Place::Function(s.addr)),
    }
}
