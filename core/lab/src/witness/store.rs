//! The scenarios and their records, compiled in.

use super::record::{Kernel, Record};

macro_rules! scenarios {
    ($($name:literal on [$($kernel:literal),*];)*) => {
        /// Every scenario's name.
        pub const SCENARIOS: &[&str] = &[$($name),*];

        /// A scenario's name, its steps, and the records by kernel.
        const FILES: &[(&str, &str, &[(&str, &str)])] = &[$((
            $name,
            include_str!(concat!("../../witness/scenarios/", $name, ".txt")),
            &[$(($kernel, include_str!(concat!("../../witness/records/", $kernel, "/", $name, ".json")))),*],
        )),*];
    };
}

// A live patch has to be built for its kernel, and the headers of 6.19 are not published any more.
scenarios! {
    "xdp-then-tracer" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "tracer-then-xdp" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "kprobe-around-entry" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "kprobe-sets-it-off" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "tracer-fentry-kprobe" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "kprobe-fentry-tracer" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "enabled-off-tracer-kprobe" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "enabled-off-fentry" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "fentry-after-death" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "armed-when-it-dies" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "static-key-under-kprobe" on ["5.10", "6.1", "6.12", "6.19", "7.3"];
    "livepatch-then-others" on ["5.10", "6.1", "6.12", "7.3"];
    "fexit-then-livepatch" on ["5.10", "6.1", "6.12", "7.3"];
    "livepatch-while-off" on ["5.10", "6.1", "6.12", "7.3"];
}

/// The steps of a scenario; empty for an unknown name.
#[must_use]
pub fn scenario_text(name: &str) -> &'static str {
    FILES.iter().find(|f| f.0 == name).map_or("", |f| f.1)
}

/// What a kernel did; `None` for a scenario that was not run on it.
#[must_use]
pub fn record(kernel: Kernel, name: &str) -> Option<Record> {
    let (.., records) = FILES.iter().find(|f| f.0 == name)?;
    let (_, text) = records.iter().find(|(version, _)| *version == kernel.version())?;
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_one_of_its_scenario_and_kernel() {
        let mut read = 0;
        for (name, steps, records) in FILES {
            let steps = steps.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
            for (version, _) in *records {
                let kernel = Kernel::ALL.into_iter().find(|k| k.version() == *version).expect("a kernel of ours");
                let record = record(kernel, name).expect("a record that can be read");
                assert_eq!((record.scenario.as_str(), record.steps.len()), (*name, steps), "{version}");
                assert!(record.kernel.starts_with(&format!("{version}.")), "{}", record.kernel);
                read += 1;
            }
        }
        assert!(read > 4 * SCENARIOS.len(), "{read}");
    }
}
