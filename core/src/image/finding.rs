//! What a reader should look at: owners that meet, sites that are not what their owner expects, tables that cannot be read.

use super::overlap::{Meeting, Rank};
use super::owner::{Owner, When};
use super::{Image, check};
use crate::isa::Bytes;

/// What kind of finding, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// No known harm.
    WorthKnowing,
    /// A table, or records of it, cannot be read.
    Table,
    /// A site's bytes are not what its owner expects.
    Unexpected,
    /// Two owners of the same bytes, with no arbiter.
    Conflict,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WorthKnowing => "worth knowing",
            Self::Table => "table",
            Self::Unexpected => "unexpected",
            Self::Conflict => "conflict",
        }
    }
}

/// One thing to look at.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// First byte; of a table, where it begins.
    pub addr: u64,
    /// Length in bytes.
    pub len: u32,
    /// The address as function and offset.
    pub place: String,
    /// Who, and by which table or rule.
    pub owners: Vec<(Owner, String)>,
    /// The bytes that stand there (the first eight).
    pub bytes: Bytes,
    /// What is the matter.
    pub what: String,
    /// How many such it stands for: 1, unless there are more than 10,000 of its sort, of which the rest is counted here.
    pub times: usize,
}

/// More findings than anybody reads come from a damaged file; the rest is counted, a last one for each kind.
const MOST: usize = 10_000;

/// Takes up to [`MOST`] findings. Of what is left over each kind becomes one that counts.
fn bounded(out: &mut Vec<Finding>, mut all: impl Iterator<Item = Finding>) {
    out.extend(all.by_ref().take(MOST));
    let mut rest: Vec<Finding> = Vec::new();
    for finding in all {
        match rest.iter_mut().find(|f| f.severity == finding.severity && f.what == finding.what) {
            Some(known) => known.times += 1,
            None => rest.push(finding),
        }
    }
    out.extend(rest);
}

impl Image {
    /// All findings, the worst first, then by address.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut out = self.table_findings();
        let meetings = self.meetings();
        let told = |m: &&Meeting| m.rank != Rank::ByDesign;
        bounded(&mut out, meetings.iter().filter(told).map(|m| self.meeting(m)));
        bounded(&mut out, self.unexpected());
        bounded(&mut out, self.not_instrumentable());
        out.sort_by(|a, b| b.severity.cmp(&a.severity).then(a.addr.cmp(&b.addr)));
        out
    }

    /// The name of a table by its number.
    pub(crate) fn table_name(&self, number: u8) -> String {
        self.tables.get(usize::from(number)).map_or_else(String::new, |t| t.name.clone())
    }

    fn meeting(&self, m: &Meeting) -> Finding {
        let severity = if m.rank == Rank::Conflict { Severity::Conflict } else { Severity::WorthKnowing };
        let owner = |s: &super::Span| (s.owner, self.table_name(s.table));
        self.finding(severity, m.addr, m.len, vec![owner(&m.first), owner(&m.second)], m.why.to_owned())
    }

    pub(crate) fn finding(
        &self,
        severity: Severity,
        addr: u64,
        len: u32,
        owners: Vec<(Owner, String)>,
        what: String,
    ) -> Finding {
        let bytes = self.space.from(addr);
        let bytes = Bytes::new(&bytes[..bytes.len().min(len as usize)]);
        Finding { severity, addr, len, place: self.place(addr), owners, bytes, what, times: 1 }
    }

    fn unexpected(&self) -> impl Iterator<Item = Finding> {
        self.records.iter().filter(|r| !r.fits).map(|r| {
            let layout = self.tables.get(usize::from(r.table)).and_then(|t| t.layout);
            let entry = super::table::Entry { addr: r.addr, len: r.len, other: r.other, flags: r.flags };
            let checked = match layout {
                Some(layout) => check::check(self, r.owner, layout, &entry),
                None => super::rule::check(self, r.owner, &entry),
            };
            let wanted = checked.wanted.unwrap_or("other bytes");
            // What the kernel does then, where it is known.
            let why = match (r.owner, self.space.from(r.addr)) {
                (Owner::SmpLocks, [0x66 | 0x67 | 0xf2 | 0xf3, 0xf0 | 0x3e, ..]) => {
                    "; another prefix stands in front of it, so alternatives_smp_unlock() leaves the site alone"
                }
                _ => "",
            };
            let what = format!("{} expects {wanted}{why}", r.owner.name());
            self.finding(Severity::Unexpected, r.addr, r.len.max(5), vec![(r.owner, self.table_name(r.table))], what)
        })
    }

    fn table_findings(&self) -> Vec<Finding> {
        let mut out = Vec::new();
        for table in &self.tables {
            let owners = || vec![(table.owner, table.name.clone())];
            let mut push = |what: String| {
                let mut finding = self.finding(Severity::Table, table.addr, 8, owners(), what);
                finding.place.clone_from(&table.name);
                out.push(finding);
            };
            // One that was not even found is in the census alone.
            if let Some(why) = table.not_read.as_ref().filter(|_| table.addr != 0) {
                push(format!("not read: {why}"));
            }
            if table.astray > 0 {
                push(format!("{} of {} records point to no text and are left out", table.astray, table.records));
            }
        }
        out
    }

    /// Sites of calls in text that must not be instrumented: what is called there could be. `WARN_trap` calls nothing when the
    /// kernel has booted, and is left out.
    fn not_instrumentable(&self) -> impl Iterator<Item = Finding> {
        let linked = match (self.known.get("__noinstr_text_start"), self.known.get("__noinstr_text_end")) {
            (Some(start), Some(end)) => *start..*end,
            _ => 0..0,
        };
        let section = self.space.named(".noinstr.text").map_or(0..0, |s| s.addr..s.end());
        let inside = move |addr: u64| linked.contains(&addr) || section.contains(&addr);
        let callers = |owner: Owner| owner.when() == When::Live && owner != Owner::JumpLabel;
        let told = move |r: &&super::Record| callers(r.owner) && inside(r.addr) && !check::traps_when_booted(self, r);
        self.records.iter().filter(told).map(|r| {
            let what = format!("{} in .noinstr.text: what it calls has to be safe there too", r.owner.name());
            self.finding(Severity::WorthKnowing, r.addr, r.len, vec![(r.owner, self.table_name(r.table))], what)
        })
    }
}
