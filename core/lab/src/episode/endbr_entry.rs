//! 2022: with indirect branch tracking a function's traced entry is no longer at its first byte.

use std::sync::Arc;

use super::story::{Episode, Kind, Log, Rule, Verdict, call, told};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::isa::ENDBR64;
use provenance_engine::mechanism::ftrace::Ftrace;
use provenance_engine::mechanism::kprobe::{Armed, Kprobe, Kprobes};
use provenance_engine::mechanism::livepatch::{Livepatch, Replacement};
use provenance_engine::text::Builder;
use provenance_engine::text::builder::Fentry;

pub(super) const EPISODE: Episode = Episode {
    name: "entry-behind-endbr",
    year: "2022",
    kind: Kind::Incident,
    title: "the fentry site moved from symbol+0 to symbol+4: live patches found no site, probes fell on the landing pad",
    old: "ftrace_location(symbol + 0), v5.17",
    new: "ftrace_location() searches, klp and kprobes follow (aebfd12521d9, d15cb3dab1e4, cc66bb914578, v5.18)",
    events: &["ibt-search-fentry", "livepatch-fentry-location", "kprobes-ibt-fentry"],
    not_modelled: "the processor's check that an indirect branch lands on endbr64",
    story,
};

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let engine = Engine::new(Options::default())?;
    let _me = engine.grace().register("caller")?;
    let holder = engine.holder(MechanismId::TEXT, "")?;
    let mut b = Builder::new();
    let functions = [1u8, 2].map(|n| {
        b.at(16, 0);
        let f = b.function(if n == 1 { "old" } else { "new" });
        let pad = b.fentry(Fentry::EndbrNop);
        b.code(&[0xb8, n, 0, 0, 0]).ret();
        (f, pad)
    });
    let loaded = engine.load(b, holder)?;
    let (old, new) = (loaded.addr(functions[0].0)?, loaded.addr(functions[1].0)?);
    let site = engine.text().site(loaded.addr(functions[0].1)?, 5)?;
    let ftrace = Arc::new(Ftrace::new(&engine)?);
    ftrace.add_sites(&[site], 0)?;
    let (klp, kprobes) = (Livepatch::new(ftrace.clone()), Kprobes::new(&engine, Some(ftrace.clone()))?);
    let (klp, kprobes) = if rule == Rule::Old { (klp.before_ibt(), kprobes.before_ibt()) } else { (klp, kprobes) };
    log.text("a function compiled with -fcf-protection=branch", format!("returns {}", call(old, 0)), &engine, old, 9);
    let patched = klp.enable("fix", &[Replacement { old, new }]);
    log.text("a live patch of it", format!("{}; it returns {}", told(&patched), call(old, 0)), &engine, old, 9);
    let probe = Kprobe::new("probe", |_| {});
    let at = kprobes.register(old, &probe)?;
    call(old, 0);
    let armed = kprobes.armed(at);
    log.text("a probe at symbol+0", format!("at {at:#x}, {armed:?}, {} hit", probe.hits()), &engine, old, 9);
    let pad = engine.text().read(old, 4)? == ENDBR64;
    if patched.is_ok() && pad && armed == Some(Armed::Ftrace) {
        return Ok(Verdict::Holds(
            "the site behind the landing pad is found, and the landing pad is left alone".into(),
        ));
    }
    let mut wrong = Vec::new();
    if let Err(e) = &patched {
        wrong.push(format!("the live patch is refused: {e}"));
    }
    if !pad {
        wrong.push(
            "the probe's breakpoint replaced endbr64: the next indirect call is a control protection fault".into(),
        );
    }
    Ok(Verdict::Broken(wrong.join("; ")))
}
