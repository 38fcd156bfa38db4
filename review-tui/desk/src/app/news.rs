//! What becomes of what the workers tell.

use std::path::Path;

use provenance_review::text::plural;

use super::{Confirm, Model};
use crate::msg::{Effect, Msg, Trial};
use crate::screen::{answers::Answers, draft::DraftScreen, kind::as_kind};
use crate::text::clean;

/// Takes what a worker tells.
pub(super) fn take(model: &mut Model, msg: Msg) {
    let Model { desk, stack, .. } = model;
    match msg {
        Msg::Key(_) | Msg::Paste(_) | Msg::Resize(..) | Msg::Quiet => {}
        Msg::Lost(count) => {
            let keys = plural(count as u64, "key was", "keys were");
            let said = model.desk.notice.take().map_or_else(String::new, |(said, _)| format!("; {said}"));
            model.desk.warn(format!("{keys} typed ahead of another program and dropped{said}"));
        }
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
        Msg::Page { id, page } => {
            desk.keep(id.clone(), page.clone().map_err(|e| clean(&e)));
            tell(model, &Msg::Page { id, page });
        }
        Msg::Findings { ask, id, rows } => {
            let worst = if rows.iter().any(|row| row.sign == '!' && row.dismissed.is_none()) { '!' } else { '·' };
            let known = desk.checked.entry(id.clone()).or_insert(worst);
            if worst == '!' {
                *known = worst;
            }
            tell(model, &Msg::Findings { ask, id, rows });
        }
        Msg::Checked { ask, id, said } => {
            if said.is_ok() {
                desk.checked.entry(id.clone()).or_insert(' ');
            }
            tell(model, &Msg::Checked { ask, id, said });
        }
        msg @ (Msg::Hits { .. } | Msg::Unanswered { .. } | Msg::Thread { .. } | Msg::Answer { .. }) => {
            tell(model, &msg)
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
            model.writing = false;
            desk.effects.push(Effect::Edit(draft.path.clone()));
            show_draft(model, draft);
        }
        Msg::Edited(Ok(draft)) => {
            model.writing = false;
            show_draft(model, draft);
        }
        Msg::Edited(Err(why)) | Msg::Failed(why) => {
            model.writing = false;
            desk.warn(clean(&why));
        }
        Msg::Tried(trial) => {
            desk.notice = None;
            let Trial { mails, lines, would } = *trial;
            let title = format!("apply {} to the work tree here", mails.name);
            let effect = would.then_some(Effect::Apply { mails });
            model.confirm = Some(Confirm { title, lines, effect });
        }
        Msg::Answered(drafts) => {
            model.writing = false;
            for draft in &drafts {
                desk.drafts.retain(|known| known.path != draft.path);
                desk.drafts.push(draft.clone());
            }
            stack.push(Box::new(Answers::new(drafts)));
        }
        Msg::Deleted(path) => {
            gone(model, &path);
            model.desk.say("the draft is deleted");
        }
        Msg::Sent { draft, copy } => {
            gone(model, &draft);
            model.desk.say(clean(&format!("sent; a copy is {}", copy.display())));
        }
        Msg::Done(what) => desk.say(clean(&what)),
    }
}

/// Tells all screens; each knows its own questions.
fn tell(model: &mut Model, msg: &Msg) {
    let Model { desk, stack, .. } = model;
    for screen in stack {
        screen.take(desk, msg);
    }
}

/// A draft is no longer there: neither is the screen that shows it alone.
fn gone(model: &mut Model, path: &Path) {
    let Model { desk, stack, .. } = model;
    desk.drafts.retain(|draft| draft.path != path);
    let Some(top) = stack.last_mut() else { return };
    let shown = as_kind::<DraftScreen>(top.as_mut()).is_some_and(|shown| shown.draft.path == path);
    if shown || as_kind::<Answers>(top.as_mut()).is_some_and(|answers| answers.gone(path)) {
        stack.pop();
    }
}

/// Shows a draft, in the place of the same one.
fn show_draft(model: &mut Model, draft: crate::draft::Draft) {
    let Model { desk, stack, .. } = model;
    desk.drafts.retain(|d| d.path != draft.path);
    desk.drafts.push(draft.clone());
    let answers = stack.last_mut().and_then(|screen| as_kind::<Answers>(screen.as_mut()));
    if answers.is_some_and(|answers| answers.changed(&draft)) {
        return;
    }
    match stack.last_mut().and_then(|screen| as_kind::<DraftScreen>(screen.as_mut())) {
        Some(shown) if shown.draft.path == draft.path => shown.draft = draft,
        _ => stack.push(Box::new(DraftScreen::new(draft))),
    }
}
