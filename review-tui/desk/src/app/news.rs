//! What becomes of what the workers tell.

use super::Model;
use crate::msg::{Effect, Msg};
use crate::screen::{Screen, checks::Checks, draft::DraftScreen};
use crate::text::clean;

/// Takes what a worker tells.
pub(super) fn take(model: &mut Model, msg: Msg) {
    let Model { desk, stack, .. } = model;
    match msg {
        Msg::Key(_) | Msg::Paste(_) | Msg::Resize(..) => {}
        Msg::Opened(mut opened) => {
            desk.review = std::mem::take(&mut opened.review);
            // What was judged since the start is newer than the journal that was read.
            std::mem::take(&mut desk.early).into_iter().for_each(|fact| desk.review.take(fact));
            desk.drafts = std::mem::take(&mut opened.drafts);
            if let Some(trouble) = &opened.trouble {
                desk.warn(clean(trouble));
            }
            desk.opened = Some(*opened);
        }
        Msg::Hits { ask, from, hits, total, done } => {
            if let Screen::Find(find) = &mut stack[0] {
                find.take(ask, from, hits, total, done);
            }
        }
        Msg::Unanswered { ask, what, at } => {
            if let Screen::Find(find) = &mut stack[0] {
                find.wrong(ask, clean(&what), at);
            }
        }
        Msg::Thread { ask, id, tree } => {
            let waiting = stack.iter_mut().find_map(|screen| match screen {
                Screen::Thread(thread) if thread.ask == ask => Some(thread),
                _ => None,
            });
            if let Some(thread) = waiting {
                thread.take(desk, &id, tree);
            }
        }
        Msg::Page { id, page } => {
            desk.keep(id.clone(), page.map_err(|e| clean(&e)));
            for screen in stack.iter_mut() {
                if let Screen::Thread(thread) = screen {
                    thread.page_came(desk, &id);
                }
            }
        }
        Msg::Lineage { ask, facts } => {
            for screen in stack.iter_mut() {
                if let Screen::Lineage(lineage) = screen
                    && lineage.ask == ask
                {
                    lineage.take(&facts);
                }
            }
        }
        Msg::TextMap { ask, map } => {
            for screen in stack.iter_mut() {
                if let Screen::TextMap(screen) = screen
                    && screen.ask == ask
                {
                    screen.take(map.clone());
                }
            }
        }
        Msg::Findings { ask, id, rows } => {
            let worst = if rows.iter().any(|row| row.sign == '!' && row.dismissed.is_none()) { '!' } else { '·' };
            let known = desk.checked.entry(id).or_insert(worst);
            if worst == '!' {
                *known = worst;
            }
            if let Some(screen) = checks(stack, ask) {
                screen.take(rows);
            }
        }
        Msg::Checked { ask, id, said } => {
            if said.is_ok() {
                desk.checked.entry(id).or_insert(' ');
            }
            if let Some(screen) = checks(stack, ask) {
                screen.end(said);
            }
        }
        Msg::Series { ask, facts } => {
            for screen in stack.iter_mut() {
                if let Screen::Series(screen) = screen
                    && screen.ask == ask
                {
                    screen.take(facts.clone());
                }
            }
        }
        Msg::Difference { ask, lines } => {
            for screen in stack.iter_mut() {
                if let Screen::Diff(screen) = screen
                    && screen.ask == ask
                {
                    screen.take(lines.clone());
                }
            }
        }
        Msg::Lab(news) => {
            if let crate::lab::Run::Ended(why) = &news.run
                && why != "cancelled"
            {
                desk.warn(format!("lab: {} {}", news.job.name(), clean(why)));
            }
            desk.lab.insert(news.job, news.run);
        }
        Msg::Drafted(draft) => {
            desk.effects.push(Effect::Edit(draft.path.clone()));
            show_draft(model, draft);
        }
        Msg::Edited(Ok(draft)) => show_draft(model, draft),
        Msg::Edited(Err(why)) | Msg::Failed(why) => desk.warn(clean(&why)),
        Msg::Done(what) => {
            let sent = what.starts_with("sent");
            desk.say(clean(&what));
            if sent && let Some(Screen::Draft(draft)) = stack.pop_if(|s| matches!(s, Screen::Draft(_))) {
                desk.drafts.retain(|d| d.path != draft.draft.path);
            }
        }
    }
}

fn checks(stack: &mut [Screen], ask: u64) -> Option<&mut Checks> {
    stack.iter_mut().find_map(|screen| match screen {
        Screen::Checks(screen) if screen.ask == ask => Some(screen.as_mut()),
        _ => None,
    })
}

/// Shows a draft, in the place of the same one.
fn show_draft(model: &mut Model, draft: crate::draft::Draft) {
    let Model { desk, stack, .. } = model;
    desk.drafts.retain(|d| d.path != draft.path);
    desk.drafts.push(draft.clone());
    match stack.last_mut() {
        Some(Screen::Draft(screen)) if screen.draft.path == draft.path => screen.draft = draft,
        _ => stack.push(Screen::Draft(Box::new(DraftScreen::new(draft)))),
    }
}
