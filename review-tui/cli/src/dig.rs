//! `provenance dig`: from a commit to the mails that it came from, and from a mail to the commits that it became. Offline.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use provenance_corpus::citation;
use provenance_index::document::{hex, unhex};
use provenance_index::hash;
use provenance_index::history::kin::{self, Word};
use provenance_index::history::{self, command, walk};
use provenance_index::links::edge::{Class, Edge, Kind, commit_node};
use provenance_index::links::told;
use provenance_index::reason::{self, Reason};
use provenance_review::commit::{self, About, Relative};
use provenance_review::failure::{Exit, Failure};
use provenance_review::look::{Look, Style};
use provenance_review::series::{self, reason as on};
use provenance_review::session::letters::{Letters, id_of, links_failure};
use provenance_review::session::message_id;
use provenance_review::{dates, horizon, json, text};
use serde_json::json;

use super::{Context, trees};

/// `dig REV|MSGID`
#[derive(Args)]
pub struct Arguments {
    /// A commit, as git names it or by at least seven digits of its id; or a mail, by message-id or lore link
    #[arg(value_name = "REV|MSGID")]
    what: String,
    /// The repository to look REV up in [default: that of the current directory]
    #[arg(long, value_name = "PATH")]
    repo: Option<PathBuf>,
    /// Look for the thread that the commit came out of, where none of its lines names one; a guess, with its clues
    #[arg(long)]
    reason: bool,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    /// Exit with code 1 if nothing is found
    #[arg(long)]
    exit_code: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// One end of an answer: a mail with the link that leads there, and the other versions of it.
struct Source {
    edge: Edge,
    mail: Line,
    versions: Vec<(String, Line, Class)>,
}

/// A mail, indexed or not.
#[derive(Clone)]
struct Line {
    message_id: Option<String>,
    /// The Message-ID of one that is not indexed, where it is known.
    unindexed: Option<String>,
    date: Option<i64>,
    author: String,
    subject: String,
}

/// Runs the subcommand.
pub fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    let reader = context.place.required_reader()?;
    let mut letters = Letters::open(context.place.data(), &reader)?;
    let value = match citation::message_name(&arguments.what) {
        Some(id) => of_mail(context, &letters, &id)?,
        None => of_commit(context, &mut letters, &arguments)?,
    };
    let mut out = context.paged();
    match arguments.format {
        Format::Text => out.write_all(value.text.as_bytes())?,
        Format::Json => {
            json::pretty(&mut out, &value.json)?;
        }
    }
    out.finish()?;
    if value.found {
        return Ok(Exit::Done);
    }
    context.say(&searched(context, &letters)?);
    Ok(if arguments.exit_code { Exit::Findings } else { Exit::Done })
}

struct Answer {
    text: String,
    json: serde_json::Value,
    found: bool,
}

/// What was looked through: lists and trees.
fn searched(context: &Context, letters: &Letters<'_>) -> Result<String, Failure> {
    let trees = trees::load(context)?.trees;
    let read = trees.iter().filter(|tree| tree.commits > 0);
    let trees: Vec<String> =
        read.map(|tree| format!("{} to {}", tree.path.display(), dates::day(tree.newest))).collect();
    let trees = if trees.is_empty() { "no tree attached".to_owned() } else { format!("trees: {}", trees.join(", ")) };
    let unread = trees::unread(context)?.into_iter().map(|line| format!("; {line}"));
    Ok(format!("{}; {trees}{}", horizon::indexed(Some(letters.reader)), unread.collect::<String>()))
}

/// The full ids that a name may stand for.
fn resolve(context: &Context, letters: &Letters<'_>, arguments: &Arguments) -> Result<Vec<Vec<u8>>, Failure> {
    let name = arguments.what.as_str();
    let here = arguments.repo.clone().unwrap_or_else(|| PathBuf::from("."));
    if let Some(id) = walk::resolve(&here, name).or_else(|| command::resolve(&here, name)) {
        return Ok(vec![id]);
    }
    let digits = name.to_ascii_lowercase();
    let named = (7..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !named {
        return Err(Failure::new(Exit::Usage, format!("`{}` names neither a commit nor a mail", text::line(name)))
            .hint(
                "give a message-id, or a commit: with --repo PATH any name that git knows, without it 7 digits or more",
            ));
    }
    let mut found = letters.reader.links.graph.commits(&digits).map_err(|e| links_failure(&e))?;
    let kept = history::beginning(context.place.data(), &digits, 16).map_err(|e| links_failure(&e))?;
    found.extend(kept);
    if found.is_empty() {
        // What backports and reverts name need not be in any tree.
        found = kin::named(context.place.data(), &digits, 16).map_err(|e| links_failure(&e))?;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Where a commit is and what belongs to it, for a reader: a line for each place, two for each other commit.
fn standing(id: &[u8], about: &About, look: &Look) -> String {
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

fn short(id: &str) -> &str {
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

fn of_commit(context: &Context, letters: &mut Letters<'_>, arguments: &Arguments) -> Result<Answer, Failure> {
    let ids = resolve(context, letters, arguments)?;
    let look = &context.look;
    if ids.len() > 1 {
        let list: Vec<String> = ids.iter().map(|id| hex(id)).collect();
        return Err(Failure::new(Exit::Usage, format!("`{}` is the beginning of several commits", arguments.what))
            .hint(format!("they are {}", list.join(", "))));
    }
    let Some(id) = ids.first() else {
        let json = json!({ "format": json::FORMAT, "commit": arguments.what, "mails": [], "searched": searched(context, letters)? });
        let text = format!("commit {} is not known from any indexed mail or tree\n", text::line(&arguments.what));
        return Ok(Answer { text, json, found: false });
    };
    let name = hex(id);
    let edges = letters.edges(commit_node(id))?;
    let kept = history::find(context.place.data(), id).map_err(|e| links_failure(&e))?;
    let mut sources = Vec::new();
    // A mail that is not indexed is named by what tells of the commit.
    let mut named: Vec<String> = Vec::new();
    for edge in edges.iter().filter(|e| e.kind == Kind::Tells) {
        if let Some(copy) = letters.copy(edge.from)? {
            named.extend(copy.stored.references.iter().cloned());
            named.extend(citation::citations(&letters.text(&copy)?).map(|c| c.message_id));
        }
    }
    for (_, value) in kept.iter().flat_map(|(_, entry)| &entry.trailers) {
        named.extend(citation::message_name(value));
    }
    for edge in edges.iter().filter(|e| e.kind.is_made()) {
        let mut source = source(letters, *edge)?;
        if source.mail.message_id.is_none() {
            source.mail.unindexed = named.iter().find(|id| hash::message_id(id) == edge.from).cloned();
        }
        sources.push(source);
    }
    // The sure ones first, then the newest.
    sources.sort_by_key(|s| (s.edge.kind, std::cmp::Reverse(s.edge.confidence), s.mail.date));
    let of_kind = |kind: Kind| -> Result<Vec<Line>, Failure> {
        edges.iter().filter(|e| e.kind == kind).map(|e| line(letters, e.from)).collect()
    };
    let (told, backports) = (of_kind(Kind::Tells)?, of_kind(Kind::Backport)?);
    let subject = match (&kept, told.first()) {
        (Some((_, entry)), _) => format!("(\"{}\")", entry.subject),
        (None, Some(mail)) => format!("(\"{}\")", provenance_corpus::subject::Subject::parse(&mail.subject).title),
        (None, None) => String::new(),
    };
    let mut out = format!("{} {}\n", look.paint(Style::Strong, &format!("commit {name}")), text::line(&subject));
    if let Some((tree, entry)) = &kept {
        out.push_str(&format!(
            "{}, {}; in {}\n",
            text::line(&entry.author.0),
            dates::day(entry.dates.0),
            tree.path.display()
        ));
    }
    let about = commit::about(context.place.data(), id)?;
    out.push_str(&standing(id, &about, look));
    for mail in &told {
        out.push_str(&format!("named by   {}\n", mail.draw(look)));
    }
    for s in &sources {
        out.push_str(&s.draw(look));
    }
    for mail in &backports {
        out.push_str(&format!("backport   {}\n", mail.draw(look)));
    }
    if sources.is_empty() {
        out.push_str("no mail is known for it\n");
    }
    let reason = if arguments.reason { reason_of(context, letters, id, &sources, &told)? } else { None };
    match &reason {
        Some((mail, reason)) => {
            out.push_str(&format!("reason?    {}\n", mail.draw(look)));
            for clue in &reason.clues {
                let rows =
                    text::wrap(&text::line(&clue.to_string()), look.width.map(|width| width.saturating_sub(13)), 0);
                rows.iter().for_each(|row| out.push_str(&look.paint(Style::Dim, &format!("             {row}\n"))));
            }
        }
        None if arguments.reason => out.push_str("no thread is clearly the reason for it in the indexed lists\n"),
        None => {}
    }
    let mut json = json!({
        "format": json::FORMAT,
        "commit": name,
        "subject": kept.as_ref().map(|(_, entry)| entry.subject.clone()),
        "tree": kept.as_ref().map(|(tree, _)| tree.path.display().to_string()),
        "told_by": told.iter().map(Line::value).collect::<Vec<_>>(),
        "mails": sources.iter().map(Source::value).collect::<Vec<_>>(),
        "backports": backports.iter().map(Line::value).collect::<Vec<_>>(),
        "searched": searched(context, letters)?,
    });
    about.add_to(&mut json);
    if arguments.reason {
        json["reason"] = reason.as_ref().map_or(serde_json::Value::Null, |(mail, reason)| {
            let mut value = mail.value();
            value["clues"] = reason.clues.iter().map(|clue| clue.to_string()).collect();
            value["weight"] = reason.weight.into();
            value
        });
    }
    Ok(Answer { text: out, json, found: !sources.is_empty() })
}

/// The mail that a commit most likely came out of. Its message is asked of its tree, else of the mail that tells of it.
fn reason_of(
    context: &Context,
    letters: &mut Letters<'_>,
    id: &[u8],
    sources: &[Source],
    told: &[Line],
) -> Result<Option<(Line, Reason)>, Failure> {
    let kept = history::find(context.place.data(), id).map_err(|e| links_failure(&e))?;
    let of_tree = kept.and_then(|(tree, entry)| Some((history::message(&tree, id)?, entry)));
    let (message, author, dates) = match of_tree {
        Some((message, entry)) => (message, entry.author, entry.dates),
        None => {
            let Some(mail) = told.iter().find_map(|mail| mail.message_id.as_deref()) else { return Ok(None) };
            let Some(copy) = letters.copy(id_of(letters.reader, mail))? else { return Ok(None) };
            let commit = told::commit_of(&letters.text(&copy)?);
            let date = copy.stored.date;
            (commit.message, commit.author, (commit.authored.unwrap_or(date), date))
        }
    };
    let indexed = sources.iter().map(|source| &source.mail).chain(told);
    let own = indexed.filter_map(|mail| Some(id_of(letters.reader, mail.message_id.as_deref()?))).collect();
    let question = reason::Question { message: &message, author: (&author.0, &author.1), dates, own };
    let found = letters.reason(&question)?;
    found.map(|reason| Ok((line(letters, reason.id)?, reason))).transpose()
}

fn source(letters: &Letters<'_>, edge: Edge) -> Result<Source, Failure> {
    let mail = line(letters, edge.from)?;
    let mut versions = Vec::new();
    // Every version of the patch that led there, by walking the links between them; a circle ends at what was seen.
    let mut open = vec![edge.from];
    let mut seen = vec![edge.from];
    while let Some(at) = open.pop() {
        for link in letters.edges(at)?.into_iter().filter(|e| matches!(e.kind, Kind::Revision | Kind::Taken)) {
            let other = if link.from == at { link.to } else { link.from };
            if seen.len() < 200 && !seen.contains(&other) {
                seen.push(other);
                open.push(other);
                if let Some(stored) = letters.stored(other)? {
                    let version = stored.version.map_or_else(String::new, |(major, _)| format!("v{major}"));
                    versions.push((version, line(letters, other)?, link.class));
                }
            }
        }
    }
    versions.sort_by_key(|(_, line, _)| line.date);
    Ok(Source { edge, mail, versions })
}

fn line(letters: &Letters<'_>, id: u64) -> Result<Line, Failure> {
    Ok(match letters.stored(id)? {
        Some(stored) => Line {
            message_id: Some(stored.message_id),
            unindexed: None,
            date: Some(stored.date),
            author: stored.author,
            subject: stored.subject,
        },
        None => Line { message_id: None, unindexed: None, date: None, author: String::new(), subject: String::new() },
    })
}

impl Line {
    fn draw(&self, look: &Look) -> String {
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

    fn value(&self) -> serde_json::Value {
        json!({
            "message_id": self.message_id.as_ref().or(self.unindexed.as_ref()),
            "indexed": self.message_id.is_some(),
            "date": self.date.map(dates::second),
            "from": self.author,
            "subject": self.subject,
        })
    }
}

fn why(edge: &Edge) -> String {
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
    fn draw(&self, look: &Look) -> String {
        let verb = match self.edge.kind {
            Kind::Commit => "came from ",
            Kind::Squashed => "squashed  ",
            Kind::Split => "split from",
            _ => "other form",
        };
        let mut out = format!("{verb} {}\n", self.mail.draw(look));
        out.push_str(&look.paint(Style::Dim, &format!("             by {}\n", why(&self.edge))));
        for (version, mail, class) in &self.versions {
            let by = look.paint(Style::Dim, &format!("({})", on(*class)));
            out.push_str(&format!("    {} {} {by}\n", text::pad(version, 5), mail.draw(look)));
        }
        out
    }

    fn value(&self) -> serde_json::Value {
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
struct Landed {
    commit: String,
    edge: Edge,
    /// Subject of the part, where a cover letter was asked for.
    part: String,
    about: About,
}

impl Landed {
    fn is_aside(&self) -> bool {
        commit::is_merged(&self.about.places) == Some(false)
    }

    fn order(&self) -> (bool, bool) {
        (self.about.is_backport(), self.is_aside())
    }

    /// What the patch is to the commit. A branch beside the main line is not what it became.
    fn verb(&self) -> &'static str {
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

    fn value(&self) -> serde_json::Value {
        let mut value = commit_value(&self.commit, &self.edge);
        value["part"] = (!self.part.is_empty()).then_some(self.part.as_str()).into();
        self.about.add_to(&mut value);
        value
    }
}

fn commit_value(commit: &str, edge: &Edge) -> serde_json::Value {
    let confidence = f64::from(edge.confidence) / 1000.0;
    json!({ "commit": commit, "kind": edge.kind.as_str(), "class": edge.class.as_str(), "confidence": confidence })
}

fn of_mail(context: &Context, letters: &Letters<'_>, id: &str) -> Result<Answer, Failure> {
    let look = &context.look;
    let node = id_of(letters.reader, id);
    let edges = letters.edges(node)?;
    let stored = letters.stored(node)?;
    if stored.is_none() && edges.is_empty() {
        return Err(message_id::not_indexed(id, letters.reader));
    }
    let mut out = match &stored {
        Some(stored) => format!(
            "{}\n{}, {}\n",
            look.paint(Style::Strong, &text::line(&stored.subject)),
            text::line(&stored.author),
            dates::day(stored.date)
        ),
        None => format!("{} is not in the indexed lists; other mails or commits name it\n", text::line(id)),
    };
    let mut commits: Vec<Landed> = Vec::new();
    // A cover letter stands for its patches.
    let mut patches = vec![node];
    if let Some((head, 0)) = letters.reader.links.graph.sending(node).map_err(|e| links_failure(&e))? {
        let members = letters.reader.links.graph.members(head).map_err(|e| links_failure(&e))?;
        patches.extend(members.iter().filter(|m| m.number > 0).map(|m| m.mail));
    }
    for patch in &patches {
        for (commit, edge) in letters.commits(*patch)? {
            let part = if *patch == node { String::new() } else { line(letters, *patch)?.subject };
            let about = commit::about(context.place.data(), &unhex(&commit).unwrap_or_default())?;
            commits.push(Landed { commit, edge, part, about });
        }
    }
    // What this form did not become, a later one may have.
    let mut later = Vec::new();
    if commits.is_empty() {
        let fake = Edge { kind: Kind::Form, from: node, to: 0, class: Class::Text, confidence: 0, similarity: 0 };
        for (_, mail, _) in source(letters, fake)?.versions {
            let Some(other) = mail.message_id.as_deref().map(|id| id_of(letters.reader, id)) else { continue };
            for (commit, edge) in letters.commits(other)? {
                later.push((commit, edge, mail.clone()));
            }
        }
    }
    // What the main line holds before what lies beside it.
    commits.sort_by_key(|landed| landed.order());
    for landed in &commits {
        let part = if landed.part.is_empty() { String::new() } else { format!("   {}", text::line(&landed.part)) };
        let (verb, edge) = (landed.verb(), why(&landed.edge));
        out.push_str(&format!("{verb} commit {}   by {edge}{part}\n", look.paint(Style::Name, &landed.commit)));
        out.push_str(&standing(&unhex(&landed.commit).unwrap_or_default(), &landed.about, look));
    }
    for (commit, edge, mail) in &later {
        out.push_str(&format!(
            "later form became commit {}   by {}\n    {}\n",
            look.paint(Style::Name, commit),
            why(edge),
            mail.draw(look)
        ));
    }
    let mut versions = Vec::new();
    for version in series::versions(letters, node)? {
        versions.push(json!({ "version": version.name(), "head": version.head_id() }));
    }
    let cites = |cited: bool| -> Result<Vec<(Line, Class)>, Failure> {
        let mine = edges.iter().filter(|e| e.kind == Kind::Cites && (if cited { e.to } else { e.from }) == node);
        mine.map(|e| Ok((line(letters, if cited { e.from } else { e.to })?, e.class))).collect()
    };
    let (names, named_by) = (cites(false)?, cites(true)?);
    for (verb, list) in [("names     ", &names), ("named by  ", &named_by)] {
        for (mail, class) in list.iter().take(40) {
            let how = look.paint(Style::Dim, &format!("({})", class.as_str()));
            out.push_str(&format!("{verb} {} {how}\n", mail.draw(look)));
        }
    }
    let found = !commits.is_empty() || !later.is_empty();
    if !found {
        out.push_str("not known to have become a commit\n");
    }
    let cited = |list: &[(Line, Class)]| {
        let value = |(line, class): &(Line, Class)| {
            let mut value = line.value();
            value["class"] = class.as_str().into();
            value
        };
        list.iter().map(value).collect::<Vec<_>>()
    };
    let json = json!({
        "format": json::FORMAT,
        "message_id": id,
        "commits": commits.iter().map(Landed::value).collect::<Vec<_>>(),
        "later_forms": later.iter().map(|(id, edge, mail)| {
            let mut value = commit_value(id, edge);
            value["mail"] = mail.value();
            value
        }).collect::<Vec<_>>(),
        "versions": versions,
        "names": cited(&names),
        "named_by": cited(&named_by),
        "searched": searched(context, letters)?,
    });
    Ok(Answer { text: out, json, found })
}
