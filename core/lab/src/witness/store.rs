//! The scenarios and their records, compiled in.

use super::record::{Kernel, Record};

macro_rules! scenarios {
    ($($name:literal),* $(,)?) => {
        /// Every scenario's name.
        pub const SCENARIOS: &[&str] = &[$($name),*];

        const FILES: &[(&str, &str, [&str; 2])] = &[$((
            $name,
            include_str!(concat!("../../witness/scenarios/", $name, ".txt")),
            [
                include_str!(concat!("../../witness/records/5.10/", $name, ".json")),
                include_str!(concat!("../../witness/records/6.1/", $name, ".json")),
            ],
        )),*];
    };
}

scenarios!(
    "xdp-then-tracer",
    "tracer-then-xdp",
    "kprobe-around-entry",
    "kprobe-sets-it-off",
    "tracer-fentry-kprobe",
    "kprobe-fentry-tracer",
    "enabled-off-tracer-kprobe",
    "enabled-off-fentry",
    "fentry-after-death",
    "armed-when-it-dies",
    "static-key-under-kprobe",
    "livepatch-then-others",
    "fexit-then-livepatch",
    "livepatch-while-off",
);

/// The steps of a scenario; empty for an unknown name.
#[must_use]
pub fn scenario_text(name: &str) -> &'static str {
    FILES.iter().find(|f| f.0 == name).map_or("", |f| f.1)
}

/// What a kernel did; `None` for a scenario that was not run on it.
#[must_use]
pub fn record(kernel: Kernel, name: &str) -> Option<Record> {
    let files = FILES.iter().find(|f| f.0 == name)?;
    serde_json::from_str(files.2[usize::from(kernel == Kernel::V6_1)]).ok()
}
