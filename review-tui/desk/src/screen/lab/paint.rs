//! Lab, drawn: the list, and the result of the run that is chosen.

use provenance_lab::bench::{self, Part, Row};
use provenance_lab::conflict::{Conflict, Finding};
use provenance_lab::episode::{self, Rule, Told, Verdict};
use provenance_lab::steps::Steps;
use provenance_lab::witness::{self, Kernel};
use provenance_review::text::{pad, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::LabScreen;
use crate::canvas::{heading, put, put_cut, select};
use crate::desk::Desk;
use crate::lab::{Job, Run, runner};
use crate::text::{clean, pieces};
use crate::theme::Ink;

/// A line of the result: words with their meanings, one after another.
type Painted = Vec<(String, Ink)>;

/// Columns of a bar.
const BAR: usize = 24;

impl LabScreen {
    /// Draws the screen.
    pub(super) fn paint(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let (list, result) = Self::areas(area);
        let of = if self.slugs.is_empty() { "everything".to_owned() } else { self.slugs.join(", ") };
        heading(buf, list, &format!("lab: {of}"), "", !self.on_result, theme);
        if result.x > area.x {
            for row in 0..area.height {
                let line = if row == 0 { "┬" } else { "│" };
                put(buf, area, list.width, row, line, theme.style(Ink::Border(false)));
            }
        }
        let rows = Rect { y: list.y + 1, height: list.height.saturating_sub(1), ..list };
        let seen = self.jobs.iter().enumerate().skip(self.place.top).take(usize::from(rows.height));
        for (row, (at, (name, job))) in seen.enumerate() {
            let row = row as u16;
            match job {
                None => {
                    put_cut(buf, rows, 1, row, name, rows.width.saturating_sub(1), theme.style(Ink::Strong));
                }
                Some(job) => {
                    let (word, warns) = desk.lab.get(job).map_or((String::new(), false), Run::word);
                    let ink = if warns { Ink::Warning } else { Ink::Good };
                    let columns = width(&word) as u16;
                    let room = rows.width.saturating_sub(columns + 5);
                    put_cut(buf, rows, 3, row, name, room, theme.style(Ink::Plain));
                    put(buf, rows, rows.width.saturating_sub(columns + 1), row, &word, theme.style(ink));
                }
            }
            if at == self.place.at {
                select(buf, rows, row, theme, !self.on_result);
            }
        }
        heading(buf, result, "result", "a model, not the kernel; shared machine", self.on_result, theme);
        let text = Rect { y: result.y + 1, height: result.height.saturating_sub(1), ..result };
        let lines = self.result(desk, result.width);
        for (row, line) in lines.iter().skip(self.top).take(usize::from(text.height)).enumerate() {
            let mut column = 1;
            for (words, ink) in line {
                column = put(buf, text, column, row as u16, words, theme.style(*ink));
            }
        }
        let below = lines.len().saturating_sub(self.top + usize::from(text.height));
        if below > 0 && text.height > 0 {
            let more = format!(" {below} more ");
            put(
                buf,
                text,
                text.width.saturating_sub(width(&more) as u16),
                text.height - 1,
                &more,
                theme.style(Ink::Dim),
            );
        }
    }

    /// The lines of the result of what is chosen.
    pub(super) fn result(&self, desk: &Desk, columns: u16) -> Vec<Painted> {
        let room = usize::from(columns.saturating_sub(2)).max(10);
        let Some(job) = self.job() else { return Vec::new() };
        let mut out = Vec::new();
        say(&mut out, room, "", &job.name(), Ink::Strong);
        match desk.lab.get(&job).unwrap_or(&Run::Never) {
            Run::Never => say(&mut out, room, "", about(job), Ink::Dim),
            Run::Queued => say(&mut out, room, "", "waits for its turn; x cancels", Ink::Dim),
            Run::Running(said, rows) => {
                say(&mut out, room, "", "runs in a process of its own; reading goes on, x cancels", Ink::Dim);
                say(&mut out, room, "", &clean(said), Ink::Plain);
                // The newest are what is waited for.
                bars(&mut out, room, &rows[rows.len().saturating_sub(24)..]);
            }
            Run::Pair(conflict) => pair(&mut out, room, conflict),
            Run::Told(told) => episode(&mut out, room, told),
            Run::Steps(steps) => site(&mut out, room, steps),
            Run::Bench(part) => figures(&mut out, room, part),
            Run::Value(text) => text.lines().for_each(|line| say(&mut out, room, "", &clean(line), Ink::Plain)),
            Run::Ended(why) => {
                say(&mut out, room, "", &clean(why), Ink::Warning);
                say(&mut out, room, "", "only the process of this run is gone; nothing else was touched", Ink::Dim);
            }
        }
        out
    }
}

fn about(job: Job) -> &'static str {
    match job {
        Job::Pair(..) => {
            "not run yet. Enter installs the first, then the second on the same bytes, calls the function, and says whose effect ran."
        }
        Job::Episode(_) => {
            "not run yet. Enter runs it by the rule of its day, which fails, and by the one that came of it."
        }
        Job::Steps => "not run yet. Enter turns a nop into a call and reads the bytes back after every step.",
        Job::Mistake => {
            "not run yet. Enter stores five bytes at once while a thread runs them; the process may well die of it."
        }
        Job::Bench(_) => "not run yet. Enter measures; it takes seconds to a minute.",
    }
}

/// A label, and words wrapped behind it.
fn say(out: &mut Vec<Painted>, room: usize, label: &str, words: &str, ink: Ink) {
    let left = if label.is_empty() { 0 } else { width(label).max(13) + 1 };
    for (n, piece) in pieces(words, room.saturating_sub(left).max(8), true, 60).into_iter().enumerate() {
        let label = if n == 0 { pad(label, left) } else { " ".repeat(left) };
        out.push(vec![(label, Ink::Dim), (words[piece].trim_end().to_owned(), ink)]);
    }
}

fn pair(out: &mut Vec<Painted>, room: usize, conflict: &Conflict) {
    let ink = if conflict.finding.is_harmful() { Ink::Warning } else { Ink::Good };
    let lead = if matches!(conflict.finding, Finding::Composes { .. }) { "✓ " } else { "✗ " };
    say(out, room, "", &format!("{lead}{}", clean(&conflict.finding.describe())), ink);
    out.push(Vec::new());
    say(out, room, "whose rules", runner::rules(conflict.rules), Ink::Plain);
    say(out, room, "rule", &clean(&conflict.rule), Ink::Plain);
    match &conflict.witness {
        Some(witness) => {
            say(out, room, "witness", &clean(&format!("{}: {}", witness.kernel, witness.outcome)), Ink::Own)
        }
        None => say(out, room, "witness", "not run on a kernel", Ink::Dim),
    }
    out.push(Vec::new());
    for (number, step) in conflict.steps.iter().enumerate() {
        say(out, room, &format!("{number:>2}"), &clean(&step.action), Ink::Strong);
        say(out, room, "   told", &clean(&step.told), Ink::Plain);
        for line in &step.text {
            // What nobody patches need not be told twice.
            let text = format!("{:<22} {}", line.bytes, line.text);
            say(out, room, "  ", &clean(&text), Ink::Literal);
        }
        let ran = step.ran;
        let counts = format!("of {} calls: first {}, second {}, itself {}", ran.calls, ran.first, ran.second, ran.body);
        say(out, room, "   ran", &counts, Ink::Dim);
    }
    out.push(Vec::new());
    say(out, room, "not modelled", &clean(&conflict.not_modelled), Ink::Dim);
    if let Some(witness) = &conflict.witness {
        kernel(out, room, &witness.scenario);
    }
}

/// What the kernels did in that experiment, step by step.
fn kernel(out: &mut Vec<Painted>, room: usize, scenario: &str) {
    for record in Kernel::ALL.iter().filter_map(|kernel| witness::record(*kernel, scenario)) {
        out.push(Vec::new());
        say(out, room, "", &clean(&format!("{}, {}: {scenario}", record.kernel, record.date)), Ink::Strong);
        for step in &record.steps {
            let ok = if step.errno.is_empty() { "ok" } else { &step.errno };
            let dead = if step.dead { ", ftrace is dead" } else { "" };
            let site = step.bytes.get(..14).unwrap_or(&step.bytes);
            let ink = if step.dead || !step.errno.is_empty() { Ink::Warning } else { Ink::Plain };
            say(out, room, &format!("  {}", clean(&step.step)), &clean(&format!("{ok}, {site}{dead}")), ink);
        }
    }
}

fn episode(out: &mut Vec<Painted>, room: usize, told: &Told) {
    let Some(episode) = episode::find(&told.name) else { return };
    say(out, room, "", episode.title, Ink::Plain);
    for run in &told.runs {
        let (name, rule) = if run.rule == Rule::Old { ("old rule", episode.old) } else { ("new rule", episode.new) };
        out.push(Vec::new());
        say(out, room, name, &clean(rule), Ink::Strong);
        for (number, step) in run.steps.iter().enumerate() {
            say(
                out,
                room,
                &format!("{:>2}", number + 1),
                &clean(&format!("{}: {}", step.action, step.told)),
                Ink::Plain,
            );
            if !step.bytes.is_empty() {
                say(out, room, "  ", &clean(&step.bytes), Ink::Literal);
            }
        }
        match &run.verdict {
            Verdict::Holds(why) => say(out, room, "", &clean(&format!("✓ holds: {why}")), Ink::Good),
            Verdict::Broken(why) => say(out, room, "", &clean(&format!("✗ broken: {why}")), Ink::Warning),
        }
    }
    out.push(Vec::new());
    say(out, room, "not modelled", &clean(episode.not_modelled), Ink::Dim);
    say(out, room, "evidence", &clean(&episode.events.join(", ")), Ink::Dim);
}

fn site(out: &mut Vec<Painted>, room: usize, steps: &Steps) {
    for (number, step) in steps.steps.iter().enumerate() {
        let text = step.text.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().join("; ");
        let ink = if step.bytes.starts_with("cc") { Ink::Warning } else { Ink::Literal };
        out.push(vec![
            (format!("{:>2} {:<11}", number + 1, step.name), Ink::Strong),
            (format!("{:<15} ", step.bytes), ink),
            (clean(&text), Ink::Plain),
        ]);
        say(out, room, " ", &clean(&step.seen), Ink::Dim);
    }
    out.push(Vec::new());
    say(out, room, "", &format!("{} syncs of all cores", steps.syncs), Ink::Dim);
}

/// Each figure as a bar, its publisher's beside it; the longest bar is the largest figure of that unit.
fn bars(out: &mut Vec<Painted>, room: usize, rows: &[Row]) {
    let names = rows.iter().map(|r| width(&r.label)).max().unwrap_or(0).min(room.saturating_sub(BAR + 20));
    for row in rows {
        let same = rows.iter().filter(|other| other.unit == row.unit);
        let values = same.flat_map(|other| [Some(other.median), other.published.as_ref().map(|p| p.value)]);
        let most = values.flatten().fold(f64::MIN_POSITIVE, f64::max);
        let bar = |value: f64| "▇".repeat(((value / most * BAR as f64).round() as usize).clamp(1, BAR));
        let label = pad(&provenance_review::text::cut(&clean(&row.label), names), names);
        out.push(vec![
            (label, Ink::Plain),
            (format!(" {:<BAR$} ", bar(row.median)), Ink::Good),
            (format!("{:.2} {}", row.median, row.unit), Ink::Plain),
        ]);
        if let Some(published) = &row.published {
            out.push(vec![
                (pad("  published", names), Ink::Dim),
                (format!(" {:<BAR$} ", bar(published.value)), Ink::Mark),
                (format!("{} {}", published.value, row.unit), Ink::Mark),
            ]);
            let source = format!("{} <{}>", published.conditions, published.source);
            say(out, room, "  ", &clean(&source), Ink::Dim);
        }
    }
}

fn figures(out: &mut Vec<Painted>, room: usize, part: &Part) {
    let (tables, rows) = bench::tables(&part.rows);
    if tables.lines().all(|line| width(line) <= room) {
        out.extend(tables.lines().map(|line| vec![(clean(line), Ink::Plain)]));
        bars(out, room, &rows);
    } else {
        bars(out, room, &part.rows);
    }
    out.push(Vec::new());
    for goal in &part.goals {
        let sign = if goal.at_least { "at least" } else { "at most" };
        let (word, ink) = if goal.met() { ("kept", Ink::Good) } else { ("MISSED", Ink::Warning) };
        say(out, room, word, &clean(&format!("{}: {:.2}, {sign} {}", goal.what, goal.measured, goal.limit)), ink);
    }
    part.notes.iter().for_each(|note| say(out, room, "note", &clean(note), Ink::Dim));
    say(out, room, "", "measured on a shared machine, at low priority", Ink::Dim);
}
