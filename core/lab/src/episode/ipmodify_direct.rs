//! 2022 and 2025: a live patch and a BPF program on the same function.

use std::sync::Arc;

use super::story::{Episode, Kind, Log, Rule, Verdict, call, told};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::mechanism::ftrace::Ftrace;
use provenance_engine::mechanism::livepatch::{Livepatch, Replacement};
use provenance_engine::mechanism::trampoline::{Ipmodify, Kind as Program, Program as Bpf, Trampoline};
use provenance_engine::text::Builder;
use provenance_engine::text::builder::Fentry;

pub(super) const EPISODE: Episode = Episode {
    name: "ipmodify-direct",
    year: "2022, 2025",
    kind: Kind::Incident,
    title: "a trampoline that is not told of a live patch calls the old function: the fix is in place and does not run",
    old: "the trampoline calls the body that it was built for (the path that lacked the question until 2025)",
    new: "v6.0: the trampoline is asked to share, and calls what its return address says; before, -EBUSY to whoever came second",
    events: &["ftrace-direct-ipmodify-v5", "livepatch-with-trampoline-v5", "livepatch-fexit-fix-v4"],
    not_modelled: "modules, whose loading took the path that lacked the question",
    story,
};

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let rules = match rule {
        Rule::Old => vec![Ipmodify::Unasked],
        Rule::New => vec![Ipmodify::Refuse, Ipmodify::Negotiate],
    };
    let mut result = Vec::new();
    for by in rules {
        let engine = Engine::new(Options::default())?;
        let holder = engine.holder(MechanismId::TEXT, "")?;
        let mut b = Builder::new();
        let f = [1u8, 2].map(|n| {
            b.at(16, 0);
            let f = b.function(if n == 1 { "vulnerable" } else { "fixed" });
            b.fentry(Fentry::Nop);
            b.code(&[0xb8, n, 0, 0, 0]).ret();
            f
        });
        let loaded = engine.load(b, holder)?;
        let (old, new) = (loaded.addr(f[0])?, loaded.addr(f[1])?);
        let site = engine.text().site(old, 5)?;
        let ftrace = Arc::new(Ftrace::new(&engine)?);
        ftrace.add_sites(&[site], 0)?;
        let trampoline = Arc::new(Trampoline::new(&engine, Some(&ftrace), site, 0, by)?);
        let klp = Livepatch::new(ftrace).beside(trampoline.clone());
        let program = Bpf::new("fexit", Program::Fexit, |_| 0);
        trampoline.attach(&program)?;
        log.text(
            format!("{by:?}: a BPF program at the function's exit"),
            format!("it returns {}", call(old, 0)),
            &engine,
            old,
            5,
        );
        let enabled = klp.enable("fix", &[Replacement { old, new }]);
        let returns = call(old, 0);
        log.text("a live patch", format!("{}; it returns {returns}", told(&enabled)), &engine, old, 5);
        result.push((enabled.is_ok(), returns));
    }
    let wrong = result.iter().filter(|(enabled, returns)| *enabled && *returns != 2).count();
    if wrong == 0 {
        return Ok(Verdict::Holds("refused aloud, or both: the program runs and the fixed function too".into()));
    }
    Ok(Verdict::Broken("the patch is reported as enabled, and the vulnerable function still runs".into()))
}
