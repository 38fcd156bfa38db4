//! `provenance dig`: from a commit to the mails that it came from, and from a mail to the commits that it became. Offline.

mod parts;
mod why;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use provenance_corpus::citation;
use provenance_index::document::{hex, unhex};
use provenance_index::hash;
use provenance_index::history::kin;
use provenance_index::history::{self, command, walk};
use provenance_index::links::edge::{Class, Edge, Kind, commit_node};
use provenance_review::commit;
use provenance_review::failure::{Exit, Failure};
use provenance_review::look::Style;
use provenance_review::series;
use provenance_review::session::letters::{Letters, id_of, links_failure};
use provenance_review::session::message_id;
use provenance_review::{dates, horizon, json, text};
use serde_json::json;

use self::parts::{Landed, Line, Source, commit_value, evidence, standing};
use self::why::Found;
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
    let reason = arguments.reason.then(|| why::find(context, letters, id, &sources, &told)).transpose()?;
    match &reason {
        Some(Found::Thread(mail, reason)) => {
            out.push_str(&format!("reason?    {}\n", mail.draw(look)));
            for clue in &reason.clues {
                let rows =
                    text::wrap(&text::line(&clue.to_string()), look.width.map(|width| width.saturating_sub(13)), 0);
                rows.iter().for_each(|row| out.push_str(&look.paint(Style::Dim, &format!("             {row}\n"))));
            }
        }
        Some(Found::Nothing) => out.push_str("no thread is clearly the reason for it in the indexed lists\n"),
        Some(Found::NotLooked(unread)) => {
            out.push_str(&format!("the reason for it was not looked for: {}\n", text::line(unread)));
        }
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
    match &reason {
        Some(Found::Thread(mail, reason)) => {
            json["reason"] = mail.value();
            json["reason"]["clues"] = reason.clues.iter().map(|clue| clue.to_string()).collect();
            json["reason"]["weight"] = reason.weight.into();
        }
        Some(Found::Nothing) => json["reason"] = serde_json::Value::Null,
        Some(Found::NotLooked(unread)) => json["reason_not_looked_for"] = unread.as_str().into(),
        None => {}
    }
    Ok(Answer { text: out, json, found: !sources.is_empty() })
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
        let (verb, edge) = (landed.verb(), evidence(&landed.edge));
        out.push_str(&format!("{verb} commit {}   by {edge}{part}\n", look.paint(Style::Name, &landed.commit)));
        out.push_str(&standing(&unhex(&landed.commit).unwrap_or_default(), &landed.about, look));
    }
    for (commit, edge, mail) in &later {
        out.push_str(&format!(
            "later form became commit {}   by {}\n    {}\n",
            look.paint(Style::Name, commit),
            evidence(edge),
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
