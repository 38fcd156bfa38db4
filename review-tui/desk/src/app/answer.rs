//! What becomes of an answer that was typed on the last line.

use std::path::PathBuf;

use super::{Go, Model, act, burst};
use crate::input::Typed;
use crate::keys;
use crate::msg::Effect;
use crate::prompt::{Asked, Prompt};
use crate::screen::{self, find::OPEN, lineage, thread};
use crate::state::Fact;
use crate::theme::Theme;

/// Takes what a key did to the answer.
pub(super) fn typed(model: &mut Model, typed: Typed) {
    match typed {
        Typed::Changed => live(model),
        Typed::Same | Typed::Foreign => {}
        Typed::GivenUp => {
            if let Some(Prompt { asked: Asked::Query, .. }) = model.prompt.take() {
                let (desk, find) = model.find();
                find.give_up(desk);
            }
        }
        Typed::Entered => {
            if let Some(prompt) = model.prompt.take() {
                let text = prompt.input.text.trim().to_owned();
                if prompt.asked == Asked::Command && model.burst.is_hasty() && burst::is_deed(&text) {
                    let word = crate::text::clean(&text);
                    model.desk.warn(format!("still loading: :{word} was not done"));
                    return;
                }
                entered(model, prompt.asked, text);
            }
        }
    }
}

/// A query is answered, and a search goes on, while it is typed.
fn live(model: &mut Model) {
    let Some(prompt) = &model.prompt else { return };
    match prompt.asked {
        Asked::Query => {
            let text = prompt.input.text.clone();
            let (desk, find) = model.find();
            find.query = text;
            find.search(desk);
        }
        Asked::Search => model.desk.search = prompt.input.text.to_lowercase(),
        _ => {}
    }
}

fn entered(model: &mut Model, asked: Asked, text: String) {
    let Model { desk, stack, .. } = model;
    let Some(screen) = stack.last_mut() else { return };
    match asked {
        Asked::Command => {
            if !text.is_empty() && desk.commands.last() != Some(&text) {
                desk.commands.push(text.clone());
            }
            command(model, &text);
        }
        Asked::Query => {
            model.find().1.keep();
            if !text.is_empty() && model.desk.review.asked.last() != Some(&text) {
                model.desk.record(Fact::Asked { query: text });
            }
        }
        Asked::Limit => {
            let (desk, find) = model.find();
            if text.is_empty() {
                find.limits.clear();
            } else {
                find.limits.push(text);
            }
            find.search(desk);
        }
        Asked::Search => {
            desk.search = text.to_lowercase();
            act(model, keys::Action::SearchNext);
        }
        Asked::Tags(id) => {
            let tags = text.split([' ', ',']).filter(|t| !t.is_empty()).map(str::to_owned).collect();
            desk.record(Fact::Tags { id, tags });
        }
        Asked::Note(id) => desk.record(Fact::Note { id, text }),
        Asked::Remark(ref id, line, ref quoted) => {
            let (id, quoted) = (id.clone(), quoted.clone());
            desk.record(Fact::Remark { id, line, quoted, text: text.clone() });
            screen.answered(desk, &asked, &text);
        }
        Asked::Save(query) if !text.is_empty() => {
            desk.say(format!("saved as {text}; ' lists saved searches"));
            desk.record(Fact::Saved { name: text, query });
        }
        Asked::Pipe(mails) if !text.is_empty() => desk.effects.push(Effect::Pipe { mails, command: text }),
        Asked::Write(mails) if !text.is_empty() => {
            desk.effects.push(Effect::Write { mails, path: PathBuf::from(text) });
        }
        Asked::Maildir(draft) if !text.is_empty() => {
            desk.effects.push(Effect::Maildir { draft, maildir: PathBuf::from(text) });
        }
        Asked::Export if !text.is_empty() => desk.effects.push(Effect::Export(PathBuf::from(text))),
        Asked::Link => screen.answered(desk, &asked, &text),
        Asked::Dismiss(ref finding) => {
            screen.answered(desk, &asked, &text);
            desk.effects.push(Effect::Dismiss { finding: finding.clone(), why: text });
        }
        Asked::Save(_) | Asked::Pipe(_) | Asked::Write(_) | Asked::Maildir(_) | Asked::Export => {
            desk.say("nothing was done");
        }
    }
}

/// The command line (Tab completes it): `:query WORDS`, `:save NAME`, `:saved NAME`, `:forget NAME`, `:shell`, `:open MSGID`, `:lineage NAME`, `:tagged TAG`, `:theme NAME`, every action by
/// its name, and every screen that opens by its own, with what it is about or for the mail at hand.
fn command(model: &mut Model, line: &str) {
    let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()));
    let desk = &mut model.desk;
    match word {
        "" => {}
        "q" | "quit" => act(model, keys::Action::Quit),
        "query" | "find" => desk.go.push(Go::Query(rest.to_owned())),
        "open" => match provenance_corpus::citation::message_name(rest) {
            Some(id) => thread::open(desk, &id),
            None => desk.warn(format!("`{rest}` is not a mail; give a message-id or a lore link")),
        },
        "lineage" => {
            let known = desk.opened.as_ref().is_some_and(|o| o.mechanisms.iter().any(|(slug, _)| slug == rest));
            if known || rest.is_empty() {
                lineage::open(desk, rest, None);
            } else {
                desk.warn(format!("there is no mechanism `{rest}`; :lineage without a name shows all"));
            }
        }
        "tagged" => {
            let tagged = desk.review.tags.iter().filter(|(_, tags)| tags.iter().any(|t| t == rest));
            let ids: Vec<String> = tagged.map(|(id, _)| format!("mid:\"{id}\"")).collect();
            if ids.is_empty() {
                desk.warn(format!("no mail is tagged `{rest}`"));
            } else {
                desk.go.push(Go::Query(ids.join(" OR ")));
            }
        }
        "save" if !rest.is_empty() => {
            let query = model.find().1.whole_query();
            model.desk.say(format!("saved as {rest}; ' lists saved searches"));
            model.desk.record(Fact::Saved { name: rest.to_owned(), query });
        }
        "save" => desk.warn("a saved search needs a name: :save NAME"),
        "saved" => match desk.review.saved.get(rest) {
            Some(query) => desk.go.push(Go::Query(query.clone())),
            None if rest.is_empty() => screen::find::saved(desk),
            None => desk.warn(format!("no search is saved as `{rest}`")),
        },
        "forget" if desk.review.saved.contains_key(rest) => {
            desk.say(format!("{rest} is forgotten"));
            desk.record(Fact::Saved { name: rest.to_owned(), query: String::new() });
        }
        "forget" => desk.warn(format!("no search is saved as `{rest}`")),
        "shell" => desk.effects.push(Effect::Shell),
        "drafts" => crate::screen::draft::list(desk),
        "all" => desk.go.push(Go::Query(OPEN.to_owned())),
        // For the test that a panic leaves the terminal as it was.
        #[cfg(debug_assertions)]
        "panic" => panic!("as the command line asked for"),
        "theme" => match rest {
            "dark" => desk.theme = Theme::Dark,
            "light" => desk.theme = Theme::Light,
            "sixteen" => desk.theme = Theme::Sixteen,
            "none" => desk.theme = Theme::None,
            _ => desk.warn("the themes are dark, light, sixteen and none"),
        },
        _ => match (keys::actions().find(|a| keys::name(*a) == word), screen::ALL.iter().find(|k| k.scope.0 == word)) {
            // What needs Ctrl-y needs it here as well.
            (Some(keys::Action::Confirm), _) => desk.warn("this needs the key itself"),
            (_, Some(kind)) if kind.open.is_some() && !rest.is_empty() => show(model, kind, rest),
            (Some(action), _) => act(model, action),
            (None, Some(kind)) if kind.open.is_some() => open(model, kind),
            _ => desk.warn(format!("there is no command `{}`; ? shows what there is", crate::text::clean(word))),
        },
    }
}

/// Opens a screen for the mail at hand.
pub(super) fn open(model: &mut Model, kind: &screen::kind::Kind) {
    match model.top().mail() {
        Some(id) => show(model, kind, &id),
        None => model.desk.say("there is no mail here"),
    }
}

fn show(model: &mut Model, kind: &screen::kind::Kind, about: &str) {
    let about = provenance_corpus::citation::message_name(about).unwrap_or_else(|| about.to_owned());
    if let Some(open) = kind.open {
        open(&mut model.desk, &about);
    }
}
