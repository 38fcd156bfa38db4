//! What a patch does to kernel text: what its added lines write and where that address comes from, the user of an entry that it
//! brings, the mechanisms that it uses. If an address is the entry of a compiled function, its first bytes stand in the table of
//! whoever records function entries.

use provenance_corpus::catalogue::{Catalogue, Day, Mechanism, MechanismId};
use provenance_corpus::patch::LineKind;
use provenance_corpus::subject::Subject;

pub mod registers;

use registers::User;

use super::code::{Call, Code, Function, subject_of};
use super::{Target, day, history_of};

/// The table of function entries.
pub(super) const ENTRIES: &str = "__mcount_loc";

/// Attributes and sections that keep a function out of that table (include/linux/compiler_types.h, v5.4; noinstr since
/// v5.8), and one that has no entry of its own.
const EXCLUDED: [&str; 9] = [
    "notrace",
    "noinstr",
    "no_instrument_function",
    "patchable_function_entry",
    "__noinstr_section",
    "inline",
    "__always_inline",
    "asmlinkage_notrace",
    "naked",
];

/// Functions by which one asks, or by which one is let in.
const ASKS: [&str; 14] = [
    "ftrace_location",
    "ftrace_location_range",
    "ftrace_text_reserved",
    "jump_label_text_reserved",
    "static_call_text_reserved",
    "alternatives_text_reserved",
    "is_ftrace_location",
    "register_ftrace_direct",
    "modify_ftrace_direct",
    "unregister_ftrace_direct",
    "register_ftrace_function",
    "register_ftrace_direct_multi",
    "update_ftrace_direct_add",
    "arch_check_ftrace_location",
];

/// What those call who use a mechanism by its interface.
const USES: [&str; 24] = [
    "static_branch_likely",
    "static_branch_unlikely",
    "static_branch_enable",
    "static_branch_disable",
    "static_branch_inc",
    "static_branch_dec",
    "static_key_slow_inc",
    "static_key_slow_dec",
    "DEFINE_STATIC_KEY_FALSE",
    "DEFINE_STATIC_KEY_TRUE",
    "static_call",
    "static_call_cond",
    "static_call_update",
    "DEFINE_STATIC_CALL",
    "DEFINE_STATIC_CALL_NULL",
    "DEFINE_STATIC_CALL_RET0",
    "static_call_mod",
    "static_key_enable",
    "static_key_disable",
    "register_fprobe",
    "register_ftrace_function",
    "register_kprobe",
    "register_kretprobe",
    "klp_enable_patch",
];

/// A function that writes text, with the mechanism that it belongs to.
struct Writer<'c> {
    name: &'c str,
}

/// The functions that write text as of a day; a name that is only recorded later was not known.
fn writers(catalogue: &Catalogue, today: Day) -> Vec<Writer<'_>> {
    let mut found: Vec<Writer<'_>> = Vec::new();
    for mechanism in catalogue.mechanisms() {
        for symbol in mechanism.symbols.iter().filter(|s| s.writes_text) {
            let known = symbol.from.is_none_or(|from| from <= today);
            // What was renamed lives on in trees that are older; a patch that calls it still writes.
            if known && !found.iter().any(|w| w.name == symbol.name) {
                found.push(Writer { name: &symbol.name });
            }
        }
    }
    found
}

/// Who records the entries of functions as of a day: of several mechanisms that live on one table, the oldest.
fn owner(catalogue: &Catalogue, today: Day) -> Option<&Mechanism> {
    let records = |mechanism: &&Mechanism| {
        mechanism.owns.iter().any(|owns| {
            owns.table.as_deref() == Some(ENTRIES)
                && owns.from.is_none_or(|from| from <= today)
                && owns.until.is_none_or(|until| until > today)
        })
    };
    let since = |mechanism: &&Mechanism| catalogue.events_of(&mechanism.slug).map(|event| event.happened).min();
    catalogue.mechanisms().iter().filter(records).min_by_key(|mechanism| (since(mechanism).is_none(), since(mechanism)))
}

/// A quick look that is never wrong when it says no: whether a text names a function that writes text.
pub fn suspect(text: &str, catalogue: &Catalogue, as_of: i64) -> bool {
    writers(catalogue, Day(day(as_of))).iter().any(|writer| text.contains(writer.name)) || registers::suspect(text)
}

/// What a patch does to kernel text.
#[derive(Clone, Debug, Default)]
pub struct Deeds {
    /// Bytes that it takes.
    pub takes: Option<Take>,
    /// The user of an entry that it brings, and that keeps others out.
    pub excludes: Option<User>,
    /// Where it writes text, and in what words.
    pub writes: Option<(usize, String)>,
    /// Where it uses a mechanism by its interface.
    pub uses: Option<usize>,
}

impl Deeds {
    /// Mechanisms whose bytes are taken, or whose users are kept out.
    pub fn concerns(&self) -> Vec<MechanismId> {
        let taken = self.takes.iter().map(|take| take.owner.clone());
        let kept_out = self.excludes.iter().filter(|user| user.is_grave()).flat_map(|user| user.concerns);
        taken.chain(kept_out.filter_map(MechanismId::new)).collect()
    }
}

/// Bytes of another mechanism that a patch writes over.
#[derive(Clone, Debug)]
pub struct Take {
    /// Place among the lines of the code.
    pub line: usize,
    /// The function that writes.
    pub writer: String,
    /// The expression that is written to.
    pub address: String,
    /// The function whose entry that is.
    pub function: String,
    /// Whose bytes they are.
    pub owner: MechanismId,
}

/// Reads what a patch does.
pub fn read(target: &Target<'_>, catalogue: &Catalogue, code: &Code) -> Deeds {
    let today = Day(day(target.as_of));
    let mut deeds = Deeds::default();
    let revert = Subject::parse(&target.message.subject).title.to_lowercase().starts_with("revert");
    for writer in writers(catalogue, today).iter().filter(|_| !revert) {
        let calls = code.calls(writer.name, LineKind::Added);
        let gone = code.calls(writer.name, LineKind::Removed);
        // As many went as came: lines that moved, were renamed or reworked.
        if calls.len() <= gone.len() {
            continue;
        }
        if deeds.takes.is_none() {
            let found = calls.iter().filter(|call| !call.defines);
            deeds.takes = found.filter_map(|call| takes(code, call, writer, catalogue, today)).next();
        }
        if deeds.writes.is_none()
            && let Some(call) = calls.first()
        {
            deeds.writes = Some((call.line, writes_says(writer.name, call.defines)));
        }
    }
    if deeds.takes.is_none() && !revert {
        deeds.excludes = registers::read(code, today.0, |path| history_of::lives(catalogue, path));
    }
    if deeds.takes.is_none() && deeds.excludes.is_none() && deeds.writes.is_none() {
        deeds.uses = code.adds_name(&USES);
    }
    deeds
}

fn writes_says(name: &str, defines: bool) -> String {
    let verb = if defines { "implements" } else { "calls" };
    format!("writes kernel text: {verb} {name}()")
}

/// The bytes, where the call writes over the entry of a compiled function that its owner was not asked about.
fn takes(code: &Code, call: &Call, writer: &Writer<'_>, catalogue: &Catalogue, today: Day) -> Option<Take> {
    let owner = owner(catalogue, today)?;
    let address = call.arguments.first()?;
    let function = entry(code, call.line, address, 0)?;
    if names_any(&function.attributes, &EXCLUDED) {
        return None;
    }
    // Whoever asks anywhere in what is added has thought of the owner.
    if code.adds_name(&ASKS).is_some() {
        return None;
    }
    Some(Take {
        line: call.line,
        writer: writer.name.to_owned(),
        address: address.clone(),
        function: function.name.clone(),
        owner: owner.slug.clone(),
    })
}

fn names_any(text: &str, wanted: &[&str]) -> bool {
    super::code::names(text).any(|(_, name)| wanted.contains(&name))
}

/// The function that the patch defines and whose entry an expression is: by its name, by what is assigned to the variable
/// or field, or, one step up, by what callers pass for the parameter.
fn entry<'c>(code: &'c Code, line: usize, expression: &str, depth: u32) -> Option<&'c Function> {
    let name = subject_of(expression)?;
    let function = |name: &str| code.functions.iter().find(|f| f.name == name && f.added);
    if let Some(found) = function(&name) {
        return Some(found);
    }
    for value in code.assigned(&name) {
        if let Some(found) = subject_of(&value).and_then(|symbol| function(&symbol)) {
            return Some(found);
        }
    }
    let around = code.enclosing(line).filter(|_| depth == 0)?;
    let parameter = around.parameters.iter().position(|p| *p == name)?;
    let calls = code.calls(&around.name, LineKind::Added);
    calls.iter().filter(|call| !call.defines).find_map(|call| entry(code, call.line, call.arguments.get(parameter)?, 1))
}
