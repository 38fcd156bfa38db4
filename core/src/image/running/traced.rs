//! Who holds each traced function of a running kernel now, as far as it can be told: `enabled_functions` has the number and
//! the flags of an entry's users and names only some; `kprobes/list`, live patching's sysfs and the links of BPF programs
//! name others. Who is left is unknown, and said to be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// No source is read further than this.
pub(super) const MOST: u64 = 256 << 20;
/// Files of processes that are looked at for links of BPF programs.
const FILES: usize = 65_536;

/// A user of a traced function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Holder {
    /// The mechanism: `kprobes`, `livepatch`, `bpf-trampoline`, `tracer`, and so on.
    pub who: &'static str,
    /// Which one: a probe's place, a patch, a trampoline, the function that is called.
    pub which: String,
}

/// A function whose entry is patched now.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Traced {
    /// Its name.
    pub name: String,
    /// Its module, if it is one's.
    pub module: Option<String>,
    /// Users that ftrace counts: all probes are one, and so are all live patches of one function.
    pub users: u32,
    /// Somebody wants all registers (`R`).
    pub registers: bool,
    /// Somebody may change where it goes on (`I`): a live patch, a probe with a post handler.
    pub ipmodify: bool,
    /// A direct call (`D`), and to whom.
    pub direct: Option<String>,
    /// The call finds its user beside the function (`O`).
    pub call_ops: bool,
    /// It was so once since boot (`M`): a direct call or somebody with `I`.
    pub modified: bool,
    /// Who, in order.
    pub holders: Vec<Holder>,
    /// Users that nothing names.
    pub unknown: u32,
}

/// What is traced, and which sources were absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// By name.
    pub entries: Vec<Traced>,
    /// What could not be looked at.
    pub notes: Vec<String>,
}

/// Reads what is traced now below a directory (`/`).
///
/// # Errors
/// `enabled_functions` cannot be read: not root, or no tracefs.
pub fn traces(root: &Path) -> io::Result<Traces> {
    let file = File::open(root.join("sys/kernel/tracing/enabled_functions"))?;
    let mut entries = parse(BufReader::new(file.take(MOST)))?;
    let mut notes = Vec::new();
    if entries.is_empty() {
        return Ok(Traces { entries, notes });
    }
    let mut missing = |path: &str, e: &io::Error| {
        notes.push(format!("/{path} cannot be read ({e}): holders may be unknown for that"))
    };
    let probes = match File::open(root.join("sys/kernel/debug/kprobes/list")) {
        Ok(file) => probes(BufReader::new(file.take(MOST))),
        Err(e) => {
            missing("sys/kernel/debug/kprobes/list", &e);
            BTreeMap::new()
        }
    };
    let patches = match patches(&root.join("sys/kernel/livepatch")) {
        // A kernel without live patching has no such directory.
        Ok(patches) => patches,
        Err(e) if e.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
        Err(e) => {
            missing("sys/kernel/livepatch", &e);
            BTreeMap::new()
        }
    };
    let links = if entries.iter().any(|e| e.direct.is_some()) { links(&root.join("proc")) } else { BTreeMap::new() };
    let tracers = tracers(&root.join("sys/kernel/tracing"));
    for entry in &mut entries {
        join(entry, &probes, &patches, &links);
        trace(entry, &tracers);
    }
    Ok(Traces { entries, notes })
}

/// Adds the holders that other sources name, and counts those whom none does.
fn join(
    entry: &mut Traced,
    probes: &BTreeMap<String, Vec<String>>,
    patches: &BTreeMap<String, Vec<String>>,
    links: &BTreeMap<u64, Vec<String>>,
) {
    let mut holders: BTreeSet<Holder> = entry.holders.drain(..).collect();
    let mut join = |who: &'static str, named: Option<&Vec<String>>| {
        if let Some(which) = named {
            // What ftrace says of them is the function that it calls: less than their own list says.
            holders.retain(|h| h.who != who);
            holders.insert(Holder { who, which: which.join(", ") });
        }
    };
    join("kprobes", probes.get(&entry.name));
    join("livepatch", patches.get(&entry.name));
    if let Some(direct) = &entry.direct {
        let key = direct.strip_prefix("bpf_trampoline_").and_then(|k| k.split(['+', '/', ' ']).next()?.parse().ok());
        let name = direct.split(['+', ' ']).next().unwrap_or_default();
        let programs = key.and_then(|key: u64| links.get(&key)).map(|p| p.join(", "));
        let which = programs.map_or_else(|| name.to_owned(), |programs| format!("{name}: {programs}"));
        let who = if direct.starts_with("bpf_trampoline_") { "bpf-trampoline" } else { "direct" };
        holders.insert(Holder { who, which });
    }
    entry.holders = holders.into_iter().collect();
    entry.unknown = entry.users.saturating_sub(entry.holders.len() as u32);
}

/// A tracer that is on: what it is called, and the functions that it is restricted to.
struct Tracer {
    name: String,
    only: Option<BTreeSet<String>>,
}

/// The function tracers of the kernel and of its instances.
fn tracers(tracing: &Path) -> Vec<Tracer> {
    let instances = fs::read_dir(tracing.join("instances")).into_iter().flatten().flatten().map(|e| e.path());
    let mut out = Vec::new();
    for dir in std::iter::once(tracing.to_owned()).chain(instances) {
        let Ok(tracer) = fs::read_to_string(dir.join("current_tracer")) else { continue };
        let tracer = tracer.trim();
        if !tracer.starts_with("function") {
            continue;
        }
        let mut filter = String::new();
        let read = File::open(dir.join("set_ftrace_filter")).and_then(|f| f.take(MOST).read_to_string(&mut filter));
        // `#### all functions enabled ####`; what cannot be read does not restrict it as far as we know.
        let names = filter.lines().filter_map(|l| l.split_ascii_whitespace().next()).filter(|n| !n.starts_with('#'));
        let only: BTreeSet<String> = names.map(str::to_owned).collect();
        let name = match dir.strip_prefix(tracing.join("instances")) {
            Ok(instance) => format!("{tracer}, instance {}", instance.display()),
            Err(_) => tracer.to_owned(),
        };
        out.push(Tracer { name, only: (read.is_ok() && !only.is_empty()).then_some(only) });
    }
    out
}

/// Where several users share an entry ftrace names none of them: the tracers that are on are some, if they may trace it.
fn trace(entry: &mut Traced, tracers: &[Tracer]) {
    for tracer in tracers {
        let known = entry.holders.iter().any(|h| matches!(h.who, "tracer" | "function-graph") && tracers.len() == 1);
        if entry.unknown == 0 || known || tracer.only.as_ref().is_some_and(|only| !only.contains(&entry.name)) {
            continue;
        }
        entry.holders.push(Holder { who: "tracer", which: tracer.name.clone() });
        entry.unknown -= 1;
    }
    entry.holders.sort();
}

/// Parses `enabled_functions` (or `touched_functions`), `kernel/trace/ftrace.c: t_show()`, v5.4 to v7.3:
///
/// ```text
/// name [module] (users) R I D O M <tab>tramp: trampoline (function)->callee<tab>ops: ops (function)
/// <tab>direct-->trampoline
/// ```
///
/// Letters and fields that a kernel has not are absent.
///
/// # Errors
/// What reading says.
pub fn parse(from: impl BufRead) -> io::Result<Vec<Traced>> {
    let mut out: Vec<Traced> = Vec::new();
    for line in from.split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        // A trampoline of its own line belongs to the entry in front.
        if let Some(target) = line.trim_start().strip_prefix("direct-->") {
            if let Some(entry) = out.last_mut() {
                entry.direct = Some(target.trim().to_owned());
            }
            continue;
        }
        if let Some(entry) = entry(&line) {
            out.push(entry);
        }
    }
    out.sort_by(|a, b| (&a.name, &a.module).cmp(&(&b.name, &b.module)));
    Ok(out)
}

fn entry(line: &str) -> Option<Traced> {
    let (head, fields) = line.split_once('\t').unwrap_or((line, ""));
    let mut words = head.split_ascii_whitespace();
    let mut traced = Traced { name: words.next()?.to_owned(), ..Traced::default() };
    let mut word = words.next()?;
    if let Some(module) = word.strip_prefix('[').and_then(|w| w.strip_suffix(']')) {
        traced.module = Some(module.to_owned());
        word = words.next()?;
    }
    traced.users = word.strip_prefix('(')?.strip_suffix(')')?.parse().ok()?;
    for word in words {
        match word {
            "R" => traced.registers = true,
            "I" => traced.ipmodify = true,
            "D" => traced.direct = Some(String::new()),
            "O" => traced.call_ops = true,
            "M" => traced.modified = true,
            // `->function`, where there is no trampoline; a letter of a later kernel.
            _ => callee(word, &mut traced.holders),
        }
    }
    fields.split('\t').for_each(|field| callee(field, &mut traced.holders));
    traced.holders.sort();
    traced.holders.dedup();
    Some(traced)
}

/// Functions that ftrace calls for its users, and whose they are.
const CALLED: [(&str, &str); 18] = [
    ("kprobe_ftrace_handler", "kprobes"),
    ("klp_ftrace_handler", "livepatch"),
    ("function_trace_call", "tracer"),
    ("function_stack_trace_call", "tracer"),
    ("function_args_trace_call", "tracer"),
    ("function_no_repeats_trace_call", "tracer"),
    ("function_stack_no_repeats_trace_call", "tracer"),
    ("ftrace_graph_func", "function-graph"),
    ("trace_graph_entry", "function-graph"),
    ("fprobe_handler", "fprobe"),
    ("fprobe_kprobe_handler", "fprobe"),
    ("fprobe_ftrace_entry", "fprobe"),
    ("fprobe_fgraph_entry", "fprobe"),
    ("fprobe_entry", "fprobe"),
    ("perf_ftrace_function_call", "perf"),
    ("function_profile_call", "profiler"),
    ("stack_trace_call", "stack-tracer"),
    ("irqsoff_tracer_call", "tracer"),
];

/// What ftrace's own code calls where there are several users, or a direct call: it names nobody.
const OWN: [&str; 7] = [
    "arch_ftrace_ops_list_func",
    "ftrace_ops_list_func",
    "ftrace_ops_assist_func",
    "ftrace_ops_get_list_func",
    "ftrace_regs_caller",
    "ftrace_caller",
    "call_direct_funcs",
];

/// The users in a field: `tramp: 0xffffffffc0400000 (kprobe_ftrace_handler+0x0/0x240)->ftrace_ops_assist_func+0x0/0x100`,
/// `ops: name (function)`, `subops: {ent:function ret:function}`.
fn callee(field: &str, holders: &mut Vec<Holder>) {
    let mut called = |text: &str| {
        let name = text.trim_start_matches("ent:").split(['+', ' ', ')', '}']).next().unwrap_or_default();
        if name.is_empty() || name.starts_with("0x") || name.starts_with("ret:") || OWN.contains(&name) {
            return;
        }
        let who = CALLED.iter().find(|(function, _)| *function == name).map_or("ftrace-ops", |(_, who)| *who);
        if !holders.iter().any(|h| h.which == name) {
            holders.push(Holder { who, which: name.to_owned() });
        }
    };
    for (at, _) in field.match_indices(['(', '{']) {
        called(&field[at + 1..]);
    }
    for (at, arrow) in field.match_indices("->") {
        // The callee is the same function once more, or ftrace's own that calls it.
        if !field.contains('(') {
            called(&field[at + arrow.len()..]);
        }
    }
}

/// Probes that are armed and ride on ftrace, by function: `address type place [module] [OPTIMIZED][FTRACE][DISABLED][GONE]`.
fn probes(from: impl BufRead) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in from.lines().map_while(Result::ok) {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (Some(kind), Some(place)) = (words.next(), words.next()) else { continue };
        let gone = line.contains("[DISABLED]") || line.contains("[GONE]");
        if gone || !line.contains("[FTRACE]") {
            continue;
        }
        let function = place.split('+').next().unwrap_or(place);
        let said = if kind == "r" { format!("{place} (return)") } else { place.to_owned() };
        out.entry(function.to_owned()).or_default().push(said);
    }
    out
}

/// Live patches that are enabled, by function: `PATCH/OBJECT/FUNCTION,POSITION`.
fn patches(dir: &Path) -> io::Result<BTreeMap<String, Vec<String>>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let directories = |dir: &Path| -> io::Result<Vec<_>> {
        let mut names: Vec<_> = fs::read_dir(dir)?.flatten().filter(|e| e.path().is_dir()).collect();
        names.sort_by_key(fs::DirEntry::file_name);
        Ok(names)
    };
    for patch in directories(dir)? {
        let said = |file| fs::read_to_string(patch.path().join(file)).is_ok_and(|t| t.trim() == "1");
        if !said("enabled") {
            continue;
        }
        let moving = if said("transition") { " (in transition)" } else { "" };
        for object in directories(&patch.path())? {
            for function in directories(&object.path())? {
                let name = function.file_name().to_string_lossy().into_owned();
                let name = name.rsplit_once(',').map_or(&*name, |(name, _)| name).to_owned();
                let patch = patch.file_name().to_string_lossy().into_owned();
                out.entry(name).or_default().push(format!("{patch}{moving}"));
            }
        }
    }
    Ok(out)
}

/// Programs that are attached by trampoline, by the trampoline's key, out of what processes have open: `kernel/bpf/syscall.c:
/// bpf_link_show_fdinfo()`, `bpf_trampoline_compute_key()`, v5.13 and later.
fn links(proc: &Path) -> BTreeMap<u64, Vec<String>> {
    let mut out: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    let mut left = FILES;
    for process in fs::read_dir(proc).into_iter().flatten().flatten() {
        if !process.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        for file in fs::read_dir(process.path().join("fdinfo")).into_iter().flatten().flatten() {
            if left == 0 {
                break;
            }
            left -= 1;
            let mut text = String::new();
            let read = File::open(file.path()).and_then(|f| f.take(1 << 16).read_to_string(&mut text));
            if read.is_err() || !text.contains("link_type:\ttracing") {
                continue;
            }
            let field = |name: &str| {
                let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'))?;
                value.trim().parse::<u64>().ok()
            };
            let (Some(object), Some(id)) = (field("target_obj_id"), field("target_btf_id")) else { continue };
            let program = field("prog_id").map_or_else(|| "a program".to_owned(), |id| format!("program {id}"));
            // The upper bit of the lower half tells functions of the kernel from those of programs.
            for key in [object << 32 | 0x8000_0000 | id, object << 32 | id] {
                out.entry(key).or_default().insert(program.clone());
            }
        }
    }
    out.into_iter().map(|(key, programs)| (key, programs.into_iter().collect())).collect()
}

#[cfg(test)]
mod tests;
