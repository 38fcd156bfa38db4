//! A rule of ten lines, as a start for your own: `cargo run -p provenance-review --example rule < a.patch`.
//!
//! In the program it would be a file of `review-tui/review/src/check/` and a line in `rules::ALL`; here `main` runs it.

use std::io::Read;

use provenance_corpus::catalogue::Catalogue;
use provenance_corpus::message::Message;
use provenance_corpus::patch::{LineKind, Patch};
use provenance_review::check::form::{self, Checked};
use provenance_review::check::{Case, Finding, Outcome, Rule, Severity, Target, World};

/// `BUG_ON()` in a patch stops the machine where a `WARN_ON_ONCE()` and an error would do.
struct Stops;

impl Rule for Stops {
    fn name(&self) -> &'static str {
        "stops"
    }

    fn check(&self, case: &Case<'_>) -> Outcome {
        let says = |call: &str| Finding::new("stops", Severity::Note, format!("{call}() stops the machine")).key(call);
        let calls = ["BUG_ON", "BUG"].map(|call| (call, case.code().calls(call, LineKind::Added)));
        let found = calls.iter().filter_map(|(call, at)| Some(says(call).at(case.code(), at.first()?.line)));
        Outcome { findings: found.collect(), ..Outcome::default() }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    let (message, catalogue) = (Message::parse(&bytes), Catalogue::built_in()?);
    let text = message.text();
    let patch = Patch::parse(&text).ok_or("there is no diff on stdin")?;
    let target = Target { message: &message, text: &text, patch, as_of: i64::MAX };
    let world = World::new(&catalogue, None, std::path::Path::new("/nowhere"));
    for finding in Stops.check(&Case::new(&target, &world)).findings {
        print!("{}", form::reply(&Checked::of_one(finding, target.as_of)));
    }
    Ok(())
}
