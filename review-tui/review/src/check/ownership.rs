//! Who owns the bytes that a patch writes. Three grades: it *uses* a mechanism that patches text, it *writes* text, or it
//! *takes* bytes that another mechanism records, without asking that mechanism and without being excluded from its record.
//!
//! What decides is what the added lines do: an address that goes into a function which writes text, and where that address
//! comes from. If it is the entry of a compiled function, its first bytes stand in the table of whoever records function
//! entries.

use provenance_corpus::catalogue::{Catalogue, Day, Mechanism};
use provenance_corpus::patch::LineKind;
use provenance_corpus::subject::Subject;

use super::code::{Call, Code, Function, subject_of};
use super::{Finding, Severity, Target, World, day, in_image, scenario};
use crate::text::line;

/// The name of the rule.
pub const RULE: &str = "ownership";

/// Label of the fact that names the owner's slug; for other rules, not shown.
pub const OWNER: &str = "owner";

/// The table of function entries.
const ENTRIES: &str = "__mcount_loc";

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
const USES: [&str; 18] = [
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
    writers(catalogue, Day(day(as_of))).iter().any(|writer| text.contains(writer.name))
}

/// Runs the rule.
pub fn check(target: &Target<'_>, world: &World<'_>, code: &Code) -> Vec<Finding> {
    let today = Day(day(target.as_of));
    let revert = Subject::parse(&target.message.subject).title.to_lowercase().starts_with("revert");
    let mut findings = Vec::new();
    let mut taken = false;
    let mut writes: Option<Finding> = None;
    for writer in writers(world.catalogue, today) {
        let calls = code.calls(writer.name, LineKind::Added);
        let gone = code.calls(writer.name, LineKind::Removed);
        // As many went as came: lines that moved, were renamed or reworked.
        if calls.len() <= gone.len() || revert {
            continue;
        }
        for call in &calls {
            if !taken
                && !call.defines
                && let Some(found) = takes(code, call, &writer, world, today)
            {
                taken = true;
                findings.push(found);
            }
        }
        if writes.is_none()
            && let Some(call) = calls.first()
        {
            writes = Some(at(code, call.line, Severity::Note, writes_says(writer.name, call.defines)));
        }
    }
    if !taken {
        findings.extend(writes);
    }
    if findings.is_empty()
        && let Some(line) = code.adds_name(&USES)
    {
        findings.push(at(
            code,
            line,
            Severity::Silent,
            "uses a mechanism that patches text, by its interface".to_owned(),
        ));
    }
    findings
}

fn writes_says(name: &str, defines: bool) -> String {
    let verb = if defines { "implements" } else { "calls" };
    format!("writes kernel text: {verb} {name}()")
}

fn at(code: &Code, line: usize, severity: Severity, says: String) -> Finding {
    let place = &code.lines[line];
    let mut finding = Finding::new(RULE, severity, says);
    finding.path.clone_from(&code.paths[place.file]);
    finding.line = place.number;
    finding.quote = code.quote(line, 2);
    finding
}

/// The finding, where the call writes over the entry of a compiled function that its owner was not asked about.
fn takes(code: &Code, call: &Call, writer: &Writer<'_>, world: &World<'_>, today: Day) -> Option<Finding> {
    let owner = owner(world.catalogue, today)?;
    let address = call.arguments.first()?;
    let function = entry(code, call.line, address, 0)?;
    if names_any(&function.attributes, &EXCLUDED) {
        return None;
    }
    // Whoever asks anywhere in what is added has thought of the owner.
    if code.adds_name(&ASKS).is_some() {
        return None;
    }
    let name = owner.name.as_deref().unwrap_or(owner.slug.as_str());
    let owns = owner.owns.iter().find(|owns| owns.table.as_deref() == Some(ENTRIES))?;
    let bytes = owns.bytes.first().map_or_else(|| "bytes".to_owned(), |n| format!("{} bytes", spelled(*n)));
    let mut finding = at(code, call.line, Severity::Warning, format!("takes {bytes} that {name} records"));
    finding = finding
        .fact(
            "why",
            format!(
                "{address} is the entry of {}(), a compiled function without notrace, so its first bytes stand in {ENTRIES}; \
                 nothing here asks {name}",
                function.name
            ),
        )
        .fact("rule", "arch/x86/kernel/ftrace.c: ftrace_verify_code(), v5.4".to_owned())
        .fact(OWNER, owner.slug.to_string());
    if let Some(conflict) = &owns.on_conflict {
        finding = finding.fact("owner", format!("{name} finds other bytes than its own: {conflict}"));
    }
    if world.engine {
        for (label, said) in scenario::both_orders(owner.slug.as_str(), writer.name) {
            finding = finding.fact(&label, said);
        }
        for (label, said) in in_image::owners(world.data, &function.name) {
            finding = finding.fact(&label, line(&said));
        }
    }
    finding.advice =
        Some("mark it notrace, ask ftrace_location() and use the direct API, or use a static_call".to_owned());
    Some(finding)
}

fn spelled(n: u8) -> String {
    let words = ["no", "one", "two", "three", "four", "five", "six"];
    words.get(usize::from(n)).map_or_else(|| n.to_string(), |word| (*word).to_owned())
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
