//! What stands in an answer of `dig`: mails, the links that lead to them, commits and where they are; drawn and as JSON.

use provenance_index::document::hex;
use provenance_index::history::kin::Word;
use provenance_index::links::edge::{Class, Edge, Kind};
use provenance_review::commit::{self, About, Relative};
use provenance_review::look::{Look, Style};
use provenance_review::series::reason as on;
use provenance_review::{dates, text};
use serde_json::json;

/// One end of an answer: a mail with the link that leads there, and the other versions of it.
pub(super) struct Source {
    pub edge: Edge,
    pub mail: Line,
    pub versions: Vec<(String, Line, Class)>,
}

/// A mail, indexed or not.
#[derive(Clone)]
pub(super) struct Line {
    pub message_id: Option<String>,
    /// The Message-ID of one that is not indexed, where it is known.
    pub unindexed: Option<String>,
    pub date: Option<i64>,
    pub author: String,
    pub subject: String,
}

impl Line {
    pub fn draw(&self, look: &Look) -> String {
        let Some(id) = &self.message_id else {
            let id = self.unindexed.as_deref().map_or_else(|| "a mail".to_owned(), |id| text::line(id).into_owned());
            return format!("{}   {}", look.paint(Style::Name, &id), look.paint(Style::Dim, "not indexed"));
        };
        // Where it does not fit behind the words that lead to it, the id stands on a line of its own, and the subject is cut.
        const BEFORE: usize = 13;
        const AUTHOR: usize = 20;
        let (subject, id) = (text::line(&self.subject), text::line(id));
        let room = look.width.map(|width| width.saturating_sub(BEFORE + "2023-03-01".len() + 2 + AUTHOR + 2).max(20));
        let fits = room.is_none_or(|room| text::width(&subject) + 3 + text::width(&id) <= room);
        let gap = if fits { "   ".to_owned() } else { format!("\n{}", " ".repeat(BEFORE)) };
        format!(
            "{}  {}  {}{gap}{}",
            look.paint(Style::Dim, &self.date.map_or_else(String::new, dates::day)),
            text::fit(&text::line(&self.author), AUTHOR),
            room.map_or_else(|| subject.clone(), |room| text::cut(&subject, room)),
            look.paint(Style::Name, &id)
        )
    }

    pub fn value(&self) -> serde_json::Value {
        json!({
            "message_id": self.message_id.as_ref().or(self.unindexed.as_ref()),
            "indexed": self.message_id.is_some(),
            "date": self.date.map(dates::second),
            "from": self.author,
            "subject": self.subject,
        })
    }
}

/// What a link rests on, for a reader.
pub(super) fn evidence(edge: &Edge) -> String {
    let share = edge.similarity / 10;
    match edge.kind {
        Kind::Squashed => return format!("{share} % of the patch's changed lines, beside those of others"),
        Kind::Split => return format!("{share} % of the patch's changed lines; the rest became other commits"),
        _ => {}
    }
    let lines = if edge.similarity > 0 { format!(", {} % of lines", edge.similarity / 10) } else { String::new() };
    format!("{}{lines}, {:.1} %", on(edge.class), f64::from(edge.confidence) / 10.0)
}

impl Source {
    pub fn draw(&self, look: &Look) -> String {
        let verb = match self.edge.kind {
            Kind::Commit => "came from ",
            Kind::Squashed => "squashed  ",
            Kind::Split => "split from",
            _ => "other form",
        };
        let mut out = format!("{verb} {}\n", self.mail.draw(look));
        out.push_str(&look.paint(Style::Dim, &format!("             by {}\n", evidence(&self.edge))));
        for (version, mail, class) in &self.versions {
            let by = look.paint(Style::Dim, &format!("({})", on(*class)));
            out.push_str(&format!("    {} {} {by}\n", text::pad(version, 5), mail.draw(look)));
        }
        out
    }

    pub fn value(&self) -> serde_json::Value {
        let mut value = self.mail.value();
        value["kind"] = self.edge.kind.as_str().into();
        value["class"] = self.edge.class.as_str().into();
        value["confidence"] = (f64::from(self.edge.confidence) / 1000.0).into();
        value["versions"] = self
            .versions
            .iter()
            .map(|(version, line, class)| {
                let mut value = line.value();
                value["version"] = version.clone().into();
                value["class"] = class.as_str().into();
                value
            })
            .collect();
        value
    }
}

/// A commit that a mail leads to.
pub(super) struct Landed {
    pub commit: String,
    pub edge: Edge,
    /// Subject of the part, where a cover letter was asked for.
    pub part: String,
    pub about: About,
}

impl Landed {
    pub fn is_aside(&self) -> bool {
        commit::is_merged(&self.about.places) == Some(false)
    }

    pub fn order(&self) -> (bool, bool) {
        (self.about.is_backport(), self.is_aside())
    }

    /// What the patch is to the commit. A branch beside the main line is not what it became.
    pub fn verb(&self) -> &'static str {
        match self.edge.kind {
            Kind::Commit if self.about.is_backport() => "backport  ",
            Kind::Commit if self.is_aside() => "beside    ",
            Kind::Commit => "became    ",
            Kind::Form => "other form",
            Kind::Squashed => "squashed  ",
            Kind::Split => "split into",
            Kind::Tells => "tells of  ",
            _ => "backports ",
        }
    }

    pub fn value(&self) -> serde_json::Value {
        let mut value = commit_value(&self.commit, &self.edge);
        value["part"] = (!self.part.is_empty()).then_some(self.part.as_str()).into();
        self.about.add_to(&mut value);
        value
    }
}

pub(super) fn commit_value(commit: &str, edge: &Edge) -> serde_json::Value {
    let confidence = f64::from(edge.confidence) / 1000.0;
    json!({ "commit": commit, "kind": edge.kind.as_str(), "class": edge.class.as_str(), "confidence": confidence })
}

/// Where a commit is and what belongs to it, for a reader: a line for each place, two for each other commit.
pub(super) fn standing(id: &[u8], about: &About, look: &Look) -> String {
    let mut out = String::new();
    let mut detail = |verb: &str, text: &str| {
        for (at, line) in
            text::wrap(&text::line(text), look.width.map(|width| width.saturating_sub(13)), 0).iter().enumerate()
        {
            let head = if at == 0 { text::pad(verb, 10) } else { " ".repeat(10) };
            let line = if verb.is_empty() { look.paint(Style::Dim, &format!("  {line}")) } else { line.clone() };
            out.push_str(&format!("{head} {line}\n"));
        }
    };
    for place in &about.places {
        detail("on", &format!("{}: {}", place.name(), place.line()));
    }
    let mut list = |verb: &str, relatives: &[Relative]| {
        for relative in relatives {
            let title =
                if relative.subject.is_empty() { String::new() } else { format!(" (\"{}\")", relative.subject) };
            detail(verb, &format!("{}{title}", look.paint(Style::Name, short(&hex(&relative.id)))));
            let mut said: Vec<String> =
                relative.places.iter().map(|place| format!("{}: {}", place.name(), place.line())).collect();
            if said.is_empty() {
                said.push("in no attached tree".to_owned());
            }
            let others = relative.reverted.iter().filter(|other| other.as_slice() != id);
            said.extend(others.map(|id| format!("reverted by {}", short(&hex(id)))));
            detail("", &format!("{}; by {}", said.join("; "), by(relative.word)));
        }
    };
    let of = |words: &[Word]| -> Vec<Relative> {
        about.says.iter().filter(|relative| words.contains(&relative.word)).cloned().collect()
    };
    list("picked", &of(&[Word::Upstream, Word::Picked]));
    list("reverts", &of(&[Word::Reverts]));
    list("twin", &about.twins);
    list("backport", &about.backports);
    list("reverted", &about.reverts);
    out
}

pub(super) fn short(id: &str) -> &str {
    &id[..id.len().min(12)]
}

/// What one commit says of another, for a reader.
fn by(word: Word) -> &'static str {
    match word {
        Word::Upstream => "its line of the upstream commit",
        Word::Picked => "its line of git cherry-pick",
        Word::Reverts => "its line of git revert",
        Word::Written => "equal patch-id, author and author date",
    }
}
