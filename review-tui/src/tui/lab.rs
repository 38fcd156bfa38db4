//! What can be run in the lab, what is known of each run, and the thread that runs one after another, each in a
//! process of its own.

pub mod runner;

use provenance_core::bench;
use provenance_core::conflict::{Conflict, Era, Rules, episode};
use provenance_core::lab::steps::Steps;

/// Something to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// Two claimants on the same bytes.
    Pair(Era, Era, Rules),
    /// One site, step by step.
    Steps,
    /// A benchmark, by its place in [`bench::ALL`].
    Bench(usize),
    /// Five bytes stored at once while threads run them: what the breakpoint protocol is there for.
    Mistake,
}

/// How a run stands.
#[derive(Clone, Debug, Default)]
pub enum Run {
    /// Not run.
    #[default]
    Never,
    /// Waits for its turn.
    Queued,
    /// Runs; what it said last, and the figures that it has so far.
    Running(String, Vec<bench::Row>),
    /// A pair ended.
    Pair(Box<Conflict>),
    /// The steps of a site.
    Steps(Box<Steps>),
    /// A benchmark ended.
    Bench(Box<bench::Part>),
    /// Anything else that ended well.
    Value(String),
    /// It did not end well.
    Ended(String),
}

/// What the lab tells the desk.
#[derive(Clone, Debug)]
pub struct News {
    /// Which.
    pub job: Job,
    /// How it stands now.
    pub run: Run,
}

impl Job {
    /// All jobs of some mechanisms; of all where none is named. `None` stands for a heading.
    pub fn of(slugs: &[String]) -> Vec<(String, Option<Job>)> {
        let wanted = |era: Era| slugs.is_empty() || slugs.iter().any(|slug| slug == era.mechanism().0);
        let mut jobs: Vec<(String, Option<Job>)> = Vec::new();
        let mut seen: Vec<(Era, Era)> = Vec::new();
        for episode in episode::ALL {
            if episode.pairs.iter().any(|(a, b)| wanted(*a) || wanted(*b)) {
                jobs.push((episode.title.to_owned(), None));
                for pair in episode.pairs {
                    seen.push(*pair);
                    let job = |rules| Job::Pair(pair.0, pair.1, rules);
                    jobs.push((job(Rules::Kernel).name(), Some(job(Rules::Kernel))));
                    jobs.push(("  the same, with the ledger".to_owned(), Some(job(Rules::Ledger))));
                }
            }
        }
        let pairs = Era::ALL.into_iter().flat_map(|a| Era::ALL.into_iter().map(move |b| (a, b)));
        let pairs: Vec<(Era, Era)> = pairs.filter(|p| (wanted(p.0) || wanted(p.1)) && !seen.contains(p)).collect();
        if !pairs.is_empty() {
            jobs.push(("every other pair, by the kernel's rules".to_owned(), None));
            for (first, second) in pairs {
                let job = Job::Pair(first, second, Rules::Kernel);
                jobs.push((job.name(), Some(job)));
            }
        }
        jobs.push(("a site, step by step".to_owned(), None));
        jobs.push((Job::Steps.name(), Some(Job::Steps)));
        jobs.push((Job::Mistake.name(), Some(Job::Mistake)));
        let benches: Vec<usize> = (0..bench::ALL.len()).filter(|at| of_bench(bench::ALL[*at].0, slugs)).collect();
        if !benches.is_empty() {
            jobs.push(("benchmarks".to_owned(), None));
            jobs.extend(benches.into_iter().map(|at| (Job::Bench(at).name(), Some(Job::Bench(at)))));
        }
        jobs
    }

    /// For the list.
    pub fn name(self) -> String {
        match self {
            Job::Pair(first, second, rules) => {
                let era = |era: Era| format!("{} {}", era.mechanism(), era.version().trim_start_matches('v'));
                let by = if rules == Rules::Ledger { ", with the ledger" } else { "" };
                format!("{} → {}{by}", era(first), era(second))
            }
            Job::Steps => "claim, plan, int3, sync, tail, sync, first byte".to_owned(),
            Job::Mistake => "five bytes at once, no breakpoint".to_owned(),
            Job::Bench(at) => format!("{}: {}", bench::ALL[at].0, bench::ALL[at].1),
        }
    }
}

/// Whether a benchmark measures one of the mechanisms.
fn of_bench(name: &str, slugs: &[String]) -> bool {
    let of: &[&str] = match name {
        "dispatch" => &["bpf-dispatcher", "retpoline", "static-call"],
        "static-call" => &["static-call", "bpf-dispatcher"],
        "static-key" => &["jump-label"],
        "batch" => &["ftrace", "text-poke", "jump-label"],
        _ => &["text-poke", "ftrace", "ftrace-direct", "bpf-trampoline", "kprobes"],
    };
    slugs.is_empty() || slugs.iter().any(|slug| of.contains(&slug.as_str()))
}

impl Run {
    /// One word for the list, and whether it wants to be seen.
    pub fn word(&self) -> (String, bool) {
        match self {
            Run::Never => (String::new(), false),
            Run::Queued => ("waits".to_owned(), false),
            Run::Running(..) => ("runs".to_owned(), false),
            Run::Pair(conflict) => (conflict.finding.word().to_owned(), conflict.finding.is_harmful()),
            Run::Steps(_) | Run::Value(_) => ("done".to_owned(), false),
            Run::Bench(part) => {
                let missed = part.goals.iter().filter(|g| !g.met()).count();
                (if missed > 0 { format!("{missed} missed") } else { "done".to_owned() }, missed > 0)
            }
            Run::Ended(why) => (why.split([':', ' ']).next().unwrap_or_default().to_owned(), true),
        }
    }
}
