//! What a reviewer does with a mail: remarks, notes, tags, answers, an mbox, the work tree.

use provenance_review::text::plural;

use super::{
    Action, Asked, Brief, Choice, Desk, Effect, Endorsement, Fact, Go, Item, Picker, Prompt, Thread, checks, diff,
    lineage, open, series, text_map,
};
use crate::msg::Mails;
use crate::page::Target;
use crate::text::clean;

impl Thread {
    /// Does what a key asks for that concerns the mail as a whole.
    pub(super) fn review(&mut self, desk: &mut Desk, action: Action) {
        let id = self.mail.id.clone();
        if self.tree.brief().is_none() {
            desk.say("there is no mail here");
            return;
        }
        match action {
            Action::Reviewed => {
                let on = !desk.review.reviewed.contains(&id);
                desk.say(if on { "reviewed" } else { "not reviewed" });
                desk.record(Fact::Reviewed { id, on });
            }
            Action::Remark => match self.mail.source_line() {
                Some((line, quoted)) => {
                    let remarks = desk.review.remarks.get(&id);
                    let before = remarks.and_then(|r| r.get(&line)).map_or_else(String::new, |r| r.text.clone());
                    desk.go.push(Go::Ask(Prompt::new(Asked::Remark(id, line, quoted), before)));
                }
                None => desk.say("a remark needs a line of the mail's text"),
            },
            Action::Note => {
                let before = desk.review.notes.get(&id).cloned().unwrap_or_default();
                desk.go.push(Go::Ask(Prompt::new(Asked::Note(id), before)));
            }
            Action::Tag => {
                let before = desk.review.tags.get(&id).map_or_else(String::new, |tags| tags.join(" "));
                desk.go.push(Go::Ask(Prompt::new(Asked::Tags(id), before)));
            }
            Action::Reply => {
                let remarks = desk.review.remarks_of(&id);
                desk.effects.push(Effect::Draft { id, endorsement: None, remarks });
            }
            Action::ReplyAll => {
                let rows = self.tree.tree.rows.iter().map(|row| (row.id.clone(), desk.review.remarks_of(&row.id)));
                let answers: Vec<_> = rows.filter(|(_, remarks)| !remarks.is_empty()).collect();
                if answers.is_empty() {
                    desk.say("no mail of this thread has a remark; i makes one");
                } else {
                    desk.effects.push(Effect::Answers { answers });
                }
            }
            Action::Pipe => desk.go.push(Go::Ask(Prompt::new(Asked::Pipe(self.this()), ""))),
            Action::Write => {
                let mails = self.series();
                desk.go.push(Go::Ask(Prompt::new(Asked::Write(mails), "series.mbox")));
            }
            Action::Mechanisms => self.touched(desk),
            Action::TextMap => text_map::open(desk, &id),
            Action::Checks => checks::open(desk, &id),
            Action::Versions => series::open(desk, &id),
            Action::Diff => diff::open(desk, &id, false),
            Action::Thread => open(desk, &id),
            _ => {}
        }
    }

    fn touched(&self, desk: &mut Desk) {
        let touches = self.page().map(|p| p.touches.as_slice()).unwrap_or_default();
        if touches.is_empty() {
            desk.say("this mail touches no mechanism of the catalogue; these are all");
            lineage::choose(desk);
            return;
        }
        let widest = touches.iter().map(|t| t.slug.len()).max().unwrap_or(0);
        let items = touches.iter().map(|touch| {
            let why: Vec<&str> = touch.why.iter().take(4).map(String::as_str).collect();
            (format!("{:<widest$}  {}", touch.slug, clean(&why.join(", "))), Choice::Lineage(touch.slug.clone()))
        });
        desk.go.push(Go::Pick(Picker::list("mechanisms that this touches", items.collect::<Vec<_>>())));
    }

    fn this(&self) -> Mails {
        Mails { ids: vec![self.mail.id.clone()], name: "1 mail".to_owned() }
    }

    /// The patches of the version that the open mail belongs to, in the order of their numbers; the mail alone where it
    /// is no patch.
    fn series(&self) -> Mails {
        let Some(brief) = self.tree.brief() else { return self.this() };
        let same = |other: &Brief| {
            !other.is_reply
                && other.is_patch
                && other.version == brief.version
                && other.part.map(|p| p.1) == brief.part.map(|p| p.1)
        };
        let mut parts: Vec<(u32, String)> = self
            .tree
            .tree
            .rows
            .iter()
            .filter_map(|row| Some((row, row.mail.as_ref()?)))
            .filter(|(_, mail)| same(mail) && (brief.part.is_some() || std::ptr::eq(*mail, brief)))
            .map(|(row, mail)| (mail.part.map_or(1, |p| p.0), row.id.clone()))
            .filter(|(number, _)| *number > 0)
            .collect();
        parts.sort();
        parts.dedup_by(|a, b| a.0 == b.0);
        if parts.is_empty() {
            return self.this();
        }
        let name = plural(parts.len() as u64, "patch", "patches");
        Mails { ids: parts.into_iter().map(|(_, id)| id).collect(), name }
    }

    /// The mail that stands for the whole series: its cover letter, else the first of its patches.
    fn head(&self) -> String {
        let Some(brief) = self.tree.brief() else { return self.mail.id.clone() };
        let cover = self
            .tree
            .tree
            .rows
            .iter()
            .find(|row| row.mail.as_ref().is_some_and(|m| m.is_cover && !m.is_reply && m.version == brief.version));
        cover.map(|row| row.id.clone()).or_else(|| self.series().ids.into_iter().next()).unwrap_or_default()
    }

    /// The items of the action menu.
    pub(super) fn deeds(&self) -> Vec<Item> {
        let series = self.series();
        let mut items: Vec<Item> = vec![
            ('r', "reply, with the remarks under their lines".into(), Choice::Act(Action::Reply)),
            (
                'R',
                "reply to all that has remarks, with no more of each patch than they need".into(),
                Choice::Act(Action::ReplyAll),
            ),
            ('v', "Reviewed-by for this patch".into(), Choice::Endorse(Endorsement::Reviewed, false)),
            ('A', "Acked-by for this patch".into(), Choice::Endorse(Endorsement::Acked, false)),
            ('T', "Tested-by for this patch".into(), Choice::Endorse(Endorsement::Tested, false)),
        ];
        if series.ids.len() > 1 {
            items.push(('V', "Reviewed-by for the series".into(), Choice::Endorse(Endorsement::Reviewed, true)));
            items.push(('K', "Acked-by for the series".into(), Choice::Endorse(Endorsement::Acked, true)));
            items.push(('E', "Tested-by for the series".into(), Choice::Endorse(Endorsement::Tested, true)));
        }
        items.push(('i', "remark on this line".into(), Choice::Act(Action::Remark)));
        items.push(('I', "private note".into(), Choice::Act(Action::Note)));
        items.push(('t', "tags".into(), Choice::Act(Action::Tag)));
        items.push(('w', format!("write {} as an mbox", series.name), Choice::Act(Action::Write)));
        items.push(('p', format!("apply {} to the work tree here", series.name), Choice::Apply));
        items
    }

    /// Does what was chosen.
    pub(super) fn chosen(&mut self, desk: &mut Desk, choice: Choice) {
        match choice {
            Choice::File(at) => self.mail.go_to_file(at),
            Choice::Link(at) => self.follow(desk, at),
            Choice::Endorse(endorsement, whole) => {
                let id = if whole { self.head() } else { self.mail.id.clone() };
                desk.effects.push(Effect::Draft { id, endorsement: Some(endorsement), remarks: Vec::new() });
            }
            Choice::Apply => {
                desk.say("trying the patches on an index of their own…");
                desk.effects.push(Effect::TryApply { mails: self.series() });
            }
            _ => {}
        }
    }

    /// Follows a link of the mail.
    pub fn follow(&mut self, desk: &mut Desk, number: usize) {
        match self.mail.link(number) {
            Some(Target::Mail(id)) => open(desk, &id),
            Some(Target::Page(url)) => desk.say(url),
            Some(Target::Commit(id)) => desk.say(format!("commit {id}: :shell, then git show {id}")),
            None => desk.warn(format!("there is no link [{}] in this mail", number + 1)),
        }
    }
}
