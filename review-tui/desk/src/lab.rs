//! What can be run in the lab, what is known of each run, and the thread that runs one after another, each in a
//! process of its own.

pub mod runner;

use provenance_lab::bench;
use provenance_lab::conflict::{Conflict, Era, Rules};
use provenance_lab::episode::{self, Told};
use provenance_lab::steps::Steps;

/// Something to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Job {
    /// Two claimants on the same bytes.
    Pair(Era, Era, Rules),
    /// An episode of history, by its place in [`episode::all`], by its old rule and its new one.
    Episode(usize),
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
    /// An episode ended.
    Told(Box<Told>),
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
    /// The run that this is about.
    pub job: Job,
    /// How it stands now.
    pub run: Run,
}

/// Pairs that met in the kernels of their day, first and second.
const MET: [(Era, Era); 6] = [
    (Era::Dispatcher2019, Era::Ftrace),
    (Era::Ftrace, Era::Dispatcher2019),
    (Era::Dispatcher2022, Era::Ftrace),
    (Era::Ftrace, Era::Dispatcher2022),
    (Era::Ftrace, Era::FtraceDirect),
    (Era::FtraceDirect, Era::Ftrace),
];

impl Job {
    /// All jobs of some mechanisms; of all where none is named. `None` stands for a heading.
    pub fn of(slugs: &[String]) -> Vec<(String, Option<Job>)> {
        let wanted = |era: Era| slugs.is_empty() || slugs.iter().any(|slug| slug == era.mechanism().0);
        let mut jobs: Vec<(String, Option<Job>)> = Vec::new();
        let met = MET.iter().filter(|(a, b)| wanted(*a) || wanted(*b));
        let both = met.flat_map(|(a, b)| [Rules::Kernel, Rules::Ledger].map(|rules| Job::Pair(*a, *b, rules)));
        let both: Vec<Job> = both.collect();
        if !both.is_empty() {
            jobs.push(("pairs that met".to_owned(), None));
        }
        for job in both {
            let ledger = matches!(job, Job::Pair(_, _, Rules::Ledger));
            let name = if ledger { "  the same, with the ledger".to_owned() } else { job.name() };
            jobs.push((name, Some(job)));
        }
        let told = (0..episode::all().len()).filter(|at| of_episode(*at, slugs)).map(Job::Episode);
        let told: Vec<Job> = told.collect();
        if !told.is_empty() {
            jobs.push(("accidents of history, by the old rule and the new".to_owned(), None));
            jobs.extend(told.into_iter().map(|job| (job.name(), Some(job))));
        }
        let pairs = Era::ALL.into_iter().flat_map(|a| Era::ALL.into_iter().map(move |b| (a, b)));
        let pairs: Vec<(Era, Era)> = pairs.filter(|p| (wanted(p.0) || wanted(p.1)) && !MET.contains(p)).collect();
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
            Job::Episode(at) => {
                let episode = &episode::all()[at];
                format!("{} {}: {}", episode.year, episode.name, episode.kind.word())
            }
            Job::Steps => "claim, plan, int3, sync, tail, sync, first byte".to_owned(),
            Job::Mistake => "five bytes at once, no breakpoint".to_owned(),
            Job::Bench(at) => format!("{}: {}", bench::ALL[at].0, bench::ALL[at].1),
        }
    }
}

/// Whether an episode is about one of the mechanisms: the names of its events begin with that of a mechanism.
fn of_episode(at: usize, slugs: &[String]) -> bool {
    let about = |event: &str, slug: &str| {
        let names: &[&str] = match slug {
            "bpf-dispatcher" => &["dispatcher"],
            "ftrace" | "mcount" => &["ftrace", "e1000e", "nop5", "dispatcher", "ibt-search"],
            "ftrace-direct" | "bpf-trampoline" => &["ftrace-direct", "livepatch-with-trampoline", "livepatch-fexit"],
            "kprobes" | "optprobes" => &["kprobes", "static-call-reserved"],
            other => &[other],
        };
        names.iter().any(|name| event.starts_with(name))
    };
    slugs.is_empty() || episode::all()[at].events.iter().any(|event| slugs.iter().any(|slug| about(event, slug)))
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
            Run::Told(told) if told.runs[1].is_broken() => ("broken".to_owned(), true),
            Run::Told(_) | Run::Steps(_) | Run::Value(_) => ("done".to_owned(), false),
            Run::Bench(part) => {
                let missed = part.goals.iter().filter(|g| !g.met()).count();
                (if missed > 0 { format!("{missed} missed") } else { "done".to_owned() }, missed > 0)
            }
            Run::Ended(why) => (why.split([':', ' ']).next().unwrap_or_default().to_owned(), true),
        }
    }
}
