//! 2021: kprobes forgot to ask static_call.

use std::sync::Arc;

use super::story::{Episode, Kind, Log, Rule, Verdict, told};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::ledger::Policy;
use provenance_engine::mechanism::MechanismError;
use provenance_engine::mechanism::kprobe::{Kprobe, Kprobes};
use provenance_engine::mechanism::static_call::{CallSite, Func, StaticCall};
use provenance_engine::text::Builder;

pub(super) const EPISODE: Episode = Episode {
    name: "lost-question",
    year: "2021",
    kind: Kind::Incident,
    title: "a merge dropped static_call_text_reserved(): a probe could be put on a static call, whose next update met a breakpoint",
    old: "kernel/kprobes.c: check_kprobe_address_safe(), v5.11: jump_label_text_reserved() alone",
    new: "v5.14: static_call_text_reserved() asked again (fa68bd09fc62)",
    events: &["static-call-reserved-restored", "static-call-reserved-init"],
    not_modelled: "the merge; that anybody met it is not told in the commit",
    story,
};

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let engine = Engine::new(Options { policy: Policy::Observe, ..Options::default() })?;
    let _me = engine.grace().register("caller")?;
    let holder = engine.holder(MechanismId::TEXT, "")?;
    let mut b = Builder::new();
    let targets = [1u8, 2].map(|n| {
        b.at(16, 0);
        let f = b.here();
        b.code(&[0xb8, n, 0, 0, 0]).ret();
        f
    });
    b.at(16, 0);
    b.function("caller");
    let site = b.call(targets[0]);
    b.ret();
    let loaded = engine.load(b, holder)?;
    let site = engine.text().site(loaded.addr(site)?, 5)?;
    let key = Arc::new(StaticCall::new(&engine, "key", None, Func::To(loaded.addr(targets[0])?))?);
    key.add_sites(&[CallSite { site, tail: false }])?;
    log.text("a static call", "success", &engine, site.addr(), 5);
    let kprobes = Kprobes::new(&engine, None)?;
    let kprobes = if rule == Rule::New {
        let asked = key.clone();
        kprobes.ask("static_call_text_reserved", move |from, to| asked.text_reserved(from, to))
    } else {
        kprobes
    };
    let probe = Kprobe::new("probe", |_| {});
    let registered = kprobes.register(site.addr(), &probe);
    log.text("a probe on it", told(&registered), &engine, site.addr(), 5);
    let update = key.update(Func::To(loaded.addr(targets[1])?));
    log.text("static_call_update()", told(&update), &engine, site.addr(), 5);
    match (registered, update) {
        (Err(e), Ok(_)) => Ok(Verdict::Holds(format!("the probe is refused: {e}"))),
        (_, Err(e @ MechanismError::Bug { .. })) => Ok(Verdict::Broken(format!("the kernel stops: {e}"))),
        (registered, update) => Ok(Verdict::Broken(format!("{}, {}", told(&registered), told(&update)))),
    }
}
