//! Users of a function's entry, by what a patch registers. ftrace lets one user in that may change where the function goes on
//! (IPMODIFY), and whoever comes second is refused: two such users exclude each other, though neither writes a byte itself.
//!
//! - A kprobe with a `post_handler` is one, whatever it does (kernel/kprobes.c: `kprobe_ipmodify_ops`); one without is not.
//! - An `ftrace_ops` with `FTRACE_OPS_FL_IPMODIFY` is one, and a direct call counts as one where it is not asked to share.
//! - A user of any kind that moves the instruction pointer and declares nothing is worse: nobody is refused, and one is lost.
//!
//! A BPF program is such a user where it is attached as `fmod_ret`, which may veto the call, or calls `bpf_override_return()`: both
//! move the pointer and declare nothing. Programs attached as `fentry` or `fexit` ride on a direct call, which is shared out. A
//! static call or key is patched where it is used, behind the entry's own five bytes, and takes part in none of this.
//!
//! A patch is warned about when it does that to any function at all, or moves the pointer of one that it does not define. The
//! kernel's own `kprobe_example.c` would get a note, were it not in `samples/`: it observes one function of somebody else's and
//! keeps a live patch of it out. `fail_function.c` gets nothing: it moves the pointer and declares nothing, but only in functions
//! that allow that (it asks `within_error_injection_list()`). A live patch is what it is by agreement, and the files where a
//! mechanism lives are its own affair.

use jiff::civil::{Date, date};
use provenance_corpus::patch::LineKind;
use provenance_lab::conflict::Era;

use crate::check::code::{Code, names, subject_of};

/// What is registered, and how it takes part.
struct Registration {
    /// The functions that register it.
    calls: &'static [&'static str],
    /// In words.
    what: &'static str,
    /// Who else looks after it, beside ftrace.
    of: &'static str,
    /// How the flag is set that declares a user of IPMODIFY; empty where the call itself does.
    flag: &'static str,
    /// Why it counts.
    because: &'static str,
    /// The engine's claimant.
    era: Era,
    /// The kernel's rule, and from when on it was so: before the first nobody was kept out.
    rules: &'static [(Date, &'static str)],
}

/// The rule of ftrace itself.
const IPMODIFY: &[(Date, &str)] = &[
    (date(2014, 11, 21), "kernel/trace/ftrace.c: one user of IPMODIFY for each entry, since November 2014"),
    (date(2019, 11, 24), "kernel/trace/ftrace.c: __ftrace_hash_update_ipmodify(), v5.4"),
];

/// The rule of whoever registers at a day.
fn rule(rules: &'static [(Date, &'static str)], today: Date) -> Option<&'static str> {
    rules.iter().rev().find(|(since, _)| *since <= today).map(|(_, rule)| *rule)
}

const KINDS: [Registration; 4] = [
    Registration {
        calls: &["register_kprobe", "register_kprobes"],
        what: "a kprobe with a post_handler",
        of: "kprobes",
        flag: "post_handler",
        because: "kprobes registers it with ftrace as a user of IPMODIFY, of which an entry has one; a live patch of the same \
                  function is refused, or the probe is where a live patch came first",
        era: Era::KprobePost,
        rules: &[
            (date(2014, 11, 21), "kernel/kprobes.c: probes on an ftrace site have IPMODIFY, since November 2014"),
            (date(2019, 11, 24), "kernel/kprobes.c: arm_kprobe_ftrace() with kprobe_ipmodify_ops, v5.4"),
            (date(2022, 3, 20), "kernel/kprobes.c: arm_kprobe_ftrace() with kprobe_ipmodify_ops, v5.17"),
        ],
    },
    Registration {
        calls: &["register_ftrace_function"],
        what: "an ftrace_ops with IPMODIFY",
        of: "livepatch",
        flag: "FTRACE_OPS_FL_IPMODIFY",
        because: "an entry has one user of IPMODIFY; a live patch of the same function is refused, or this is",
        era: Era::KprobePost,
        rules: IPMODIFY,
    },
    Registration {
        calls: &["register_ftrace_direct", "register_ftrace_direct_multi", "update_ftrace_direct_add"],
        what: "a direct call",
        of: "ftrace-direct",
        flag: "",
        because: "an entry has one direct call; a BPF trampoline on the same function is refused, or this is",
        era: Era::FtraceDirect,
        // A patch may bring what the release after it has.
        rules: &[(date(2019, 11, 8), "kernel/trace/ftrace.c: register_ftrace_direct(), v5.5")],
    },
    Registration {
        calls: &["register_fprobe", "register_fprobe_ips", "register_fprobe_syms"],
        what: "an fprobe",
        of: "ftrace",
        flag: "FTRACE_OPS_FL_IPMODIFY",
        because: "it is one of many users of the entry",
        era: Era::Ftrace,
        rules: IPMODIFY,
    },
];

/// What moves the instruction pointer of the traced function (include/linux/ftrace.h, include/linux/error-injection.h).
const MOVES: [&str; 6] = [
    "override_function_with_return",
    "instruction_pointer_set",
    "ftrace_regs_set_instruction_pointer",
    "ftrace_instruction_pointer_set",
    "ftrace_override_function_with_return",
    "bpf_override_return",
];

/// Whoever asks one of these moves the pointer only where the function allows it.
const ALLOWED: [&str; 3] =
    ["within_error_injection_list", "get_injectable_error_type", "trace_kprobe_error_injectable"];

/// A user of an entry.
#[derive(Clone, Debug)]
pub struct User {
    /// Place of the registering call among the lines of the code.
    pub line: usize,
    /// What it is, in words.
    pub what: &'static str,
    /// Mechanisms whose people should know.
    pub concerns: [&'static str; 2],
    /// Why it excludes others.
    pub because: &'static str,
    /// The function; `None` where it is named at run time.
    pub function: Option<String>,
    /// It declares that it may move the pointer.
    pub declares: bool,
    /// The name on the line that moves it.
    pub moves: Option<String>,
    /// The engine's claimant.
    pub era: Era,
    /// Whom the engine sets it against.
    pub rivals: [&'static str; 2],
    /// The kernel's rule.
    pub rule: &'static str,
}

impl User {
    /// Two users exclude each other, or one is lost without a word.
    pub fn is_grave(&self) -> bool {
        // An observer that declares and changes nothing refuses others for nothing; one user of any function does so anywhere.
        // A direct call tells both by its return value, which is what it is for.
        self.moves.is_some() || !self.declares || self.function.is_none() && self.era != Era::FtraceDirect
    }
}

/// A quick look that is never wrong when it says no.
pub fn suspect(text: &str) -> bool {
    KINDS.iter().flat_map(|kind| kind.calls).chain(&BPF).any(|call| text.contains(call))
}

/// The first registration that a patch adds, and that keeps others out of functions which the patch does not define.
pub fn read(code: &Code, today: Date, own: impl Fn(&str) -> bool) -> Option<User> {
    let moves = code.adds_name(&MOVES).and_then(|line| {
        names(&code.lines[line].code).map(|(_, name)| name).find(|name| MOVES.contains(name)).map(str::to_owned)
    });
    let allowed = code.adds_name(&ALLOWED).is_some();
    for kind in &KINDS {
        let Some(rule) = rule(kind.rules, today) else { continue };
        let count = |lines: LineKind| kind.calls.iter().flat_map(|call| code.calls(call, lines)).collect::<Vec<_>>();
        let added: Vec<_> = count(LineKind::Added).into_iter().filter(|call| !call.defines).collect();
        if added.len() <= count(LineKind::Removed).len() {
            continue;
        }
        for call in added {
            // Where the mechanism lives, it is its own affair.
            if own(&code.paths[code.lines[call.line].file]) {
                continue;
            }
            let declares = kind.flag.is_empty() || declared(code, kind.flag);
            if !declares && (moves.is_none() || allowed) {
                continue;
            }
            let function = target(code, call.arguments.first().map_or("", String::as_str));
            if function.as_ref().is_some_and(|name| code.functions.iter().any(|f| f.name == *name)) || inside(code) {
                continue;
            }
            return Some(User {
                line: call.line,
                what: kind.what,
                concerns: ["ftrace", kind.of],
                because: kind.because,
                function,
                declares,
                moves: moves.clone(),
                era: kind.era,
                rivals: ["livepatch", "bpf-trampoline"],
                rule,
            });
        }
    }
    bpf(code, today)
}

/// What a BPF program moves the pointer by.
const BPF: [&str; 2] = ["fmod_ret", "bpf_override_return"];

/// A BPF program that may move the pointer of a function which the patch does not define.
fn bpf(code: &Code, today: Date) -> Option<User> {
    let added = || code.lines.iter().enumerate().filter(|(_, line)| line.kind == LineKind::Added);
    let section = |line: &str| {
        let inside = line.trim_start().strip_prefix("SEC(\"")?.split('"').next()?.to_owned();
        let (kind, name) = inside.split_once('/')?;
        Some((kind.trim_end_matches(".s").to_owned(), name.to_owned()))
    };
    let sections = || added().filter_map(|(at, line)| Some((at, section(&line.raw)?)));
    let vetoes = sections().find(|(_, (kind, _))| kind == "fmod_ret").map(|(at, (_, name))| (at, Some(name), BPF[0]));
    let overrides = || {
        // A call, with a program's section above it: kernel code defines the helper and lists it.
        let (at, _) = added().find(|(_, line)| {
            line.code.starts_with(char::is_whitespace) && names(&line.code).any(|(_, name)| name == BPF[1])
        })?;
        let above = sections().take_while(|(above, _)| *above < at).last().map(|(_, (_, name))| name);
        above.map(|name| (at, Some(name), BPF[1]))
    };
    let (line, function, by) = vetoes.or_else(overrides)?;
    if function.as_ref().is_some_and(|name| code.functions.iter().any(|f| f.name == *name)) {
        return None;
    }
    Some(User {
        line,
        what: "a BPF program that moves the instruction pointer",
        concerns: ["ftrace", "livepatch"],
        because: "it may keep the function from running and declares no IPMODIFY, so that nothing refuses a second one that moves \
                  the pointer",
        function,
        declares: false,
        moves: Some(by.to_owned()),
        era: Era::Trampoline2022,
        rivals: ["livepatch", "ftrace"],
        rule: rule(IPMODIFY, today)?,
    })
}

/// Whether a flag or handler is set on an added line, and not to nothing.
fn declared(code: &Code, flag: &str) -> bool {
    if flag.starts_with(|c: char| c.is_ascii_uppercase()) {
        return code.adds_name(&[flag]).is_some();
    }
    let added = code.adds_name(&[flag]).is_some();
    added && code.assigned(flag).iter().any(|value| !matches!(value.as_str(), "NULL" | "0" | ""))
}

/// A probe that is set behind the entry does not ride on ftrace.
fn inside(code: &Code) -> bool {
    let lines = code.lines.iter().filter(|line| line.kind == LineKind::Added);
    let set = lines.filter_map(|line| line.code.split_once(".offset").or_else(|| line.code.split_once("->offset")));
    set.filter_map(|(_, rest)| rest.trim_start().strip_prefix('=')).any(|value| {
        let number = value.trim().trim_end_matches([';', ',', '}']).trim_end();
        number.starts_with(|c: char| c.is_ascii_digit())
            && !number.trim_start_matches("0x").trim_matches('0').is_empty()
    })
}

/// The function that is named in the patch: by a string for `symbol_name`, by the address of one, by a filter.
fn target(code: &Code, argument: &str) -> Option<String> {
    let lines = code.lines.iter().filter(|line| line.kind != LineKind::Removed);
    for line in lines {
        let mut found = names(&line.code).map(|(_, name)| name);
        if found.any(|name| matches!(name, "symbol_name" | "ftrace_set_filter"))
            && let Some(name) = quoted(&line.raw)
        {
            return Some(name);
        }
    }
    let address = code.assigned("addr").into_iter().find_map(|value| subject_of(&value));
    let direct = subject_of(argument).filter(|_| argument.contains("(unsigned long)"));
    address.or(direct).filter(|name| code.functions.iter().any(|f| f.name == *name))
}

fn quoted(raw: &str) -> Option<String> {
    let inside = raw.split('"').nth(1)?;
    (!inside.is_empty() && inside.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then(|| inside.to_owned())
}
