//! 2019 to 2022: the dispatcher on ftrace's nop, in both orders.

use super::story::{Episode, Kind, Log, Rule, Verdict, told};
use crate::runner::ScenarioError;
use provenance_engine::engine::{Engine, Options};
use provenance_engine::holder::MechanismId;
use provenance_engine::ledger::Policy;
use provenance_engine::mechanism::dispatcher::{Dispatcher, Layout, Update};
use provenance_engine::mechanism::ftrace::{Flags, Ftrace, Ops};
use provenance_engine::text::Builder;

pub(super) const EPISODE: Episode = Episode {
    name: "dispatcher-nop",
    year: "2019-2022",
    kind: Kind::Incident,
    title: "the dispatcher took the nop that ftrace had recorded: whoever came second failed, and one of them for good",
    old: "arch/x86/net/bpf_jit_comp.c: bpf_arch_text_poke() on the fentry site, v5.6",
    new: "kernel/bpf/dispatcher.c: a static call in the body, v6.1 (c86df29d11df)",
    events: &[
        "dispatcher-v4",
        "dispatcher-applied",
        "dispatcher-kprobe-multi",
        "dispatcher-debate-rostedt-1",
        "dispatcher-static-call",
    ],
    not_modelled: "the unfiltered tracer, a kprobe and a BPF program on that function, which set it off as well",
    story,
};

struct World {
    engine: Engine,
    ftrace: Ftrace,
    dispatcher: Dispatcher,
    site: u64,
    program: u64,
}

fn world(rule: Rule) -> Result<World, ScenarioError> {
    let engine = Engine::new(Options { policy: Policy::Observe, ..Options::default() })?;
    let holder = engine.holder(MechanismId::TEXT, "")?;
    let mut b = Builder::new();
    let name = "bpf_dispatcher_xdp_func";
    let layout = if rule == Rule::Old { Layout::fentry(&mut b, name) } else { Layout::static_call(&mut b, name) };
    b.at(16, 0);
    let program = b.function("bpf_prog");
    b.ret();
    let loaded = engine.load(b, holder)?;
    let site = engine.text().site(loaded.addr(layout.fentry)?, 5)?;
    let thunk = loaded.addr(layout.thunk)?;
    let dispatcher = match layout.trampoline {
        None => Dispatcher::fentry(&engine, "xdp", site, thunk)?,
        Some(t) => Dispatcher::static_call(&engine, "xdp", loaded.addr(t)?, thunk)?,
    };
    let ftrace = Ftrace::new(&engine)?;
    ftrace.add_sites(&[site], 0)?;
    Ok(World { site: site.addr(), program: loaded.addr(program)?, engine, ftrace, dispatcher })
}

fn story(rule: Rule, log: &mut Log<'_>) -> Result<Verdict, ScenarioError> {
    let mut wrong = Vec::new();
    for tracer_first in [false, true] {
        let w = world(rule)?;
        let ops = Ops::new("function", Flags::default(), |_| {});
        let mut silent = None;
        let order = if tracer_first { ["tracer", "XDP"] } else { ["XDP", "tracer"] };
        for who in order {
            let text = if who == "tracer" {
                format!("current_tracer: {}", if w.ftrace.start_tracer(&ops) { "success" } else { "-ENODEV" })
            } else {
                match w.dispatcher.change(None, Some(w.program))? {
                    Update::Dropped(e) => {
                        silent = Some(e.to_string());
                        "attach: success, and no message".to_owned()
                    }
                    _ => "attach: success".to_owned(),
                }
            };
            log.text(format!("{} first: {who}", order[0]), text, &w.engine, w.site, 10);
        }
        if let Some(bug) = w.ftrace.bug() {
            let off = w.dispatcher.change(Some(w.program), None);
            log.step("XDP is detached", told(&off));
            log.step(
                "the tracer again",
                if w.ftrace.start_tracer(&ops) { "success" } else { "-ENODEV: ftrace is dead" },
            );
            wrong.push(format!(
                "{} first: ftrace is dead until restart, actual {} expected {}",
                order[0], bug.actual, bug.expected
            ));
        }
        if let Some(error) = silent {
            w.ftrace.unregister(&ops)?;
            log.text("the tracer leaves", "success", &w.engine, w.site, 5);
            wrong.push(format!(
                "{} first: the dispatcher is off and nobody knows ({})",
                order[0],
                error.split(':').next().unwrap_or_default()
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(Verdict::Holds(
            "in both orders both work: bytes 0 to 4 are ftrace's, the jump behind them is the dispatcher's".into(),
        ));
    }
    Ok(Verdict::Broken(wrong.join("; ")))
}
