//! Answers: the replies to a whole series, one below the other, before they are sent.

use provenance_review::text::plural;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kind::{Kind, Screen};
use crate::canvas::{heading, put, select};
use crate::desk::{Confirm, Desk, Go, movement};
use crate::draft::Draft;
use crate::keys::{Action, Scope, on};
use crate::lines::Place;
use crate::msg::Effect;
use crate::text::pieces;
use crate::theme::Ink;

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("answers"),
    keys: &[
        on(Action::Edit, "e", "e", "edit this mail"),
        on(Action::NextPatch, "]", "", "next mail"),
        on(Action::PreviousPatch, "[", "", "the mail before"),
        on(Action::Confirm, "ctrl-y", "", "send all with git send-email, which asks once more for each"),
        on(Action::Delete, "D", "", "delete this mail, after Ctrl-y"),
        on(Action::Back, "q", "q", "back; the drafts stay where they are"),
    ],
    hints: &[
        (Action::Help, "help"),
        (Action::Edit, "edit"),
        (Action::NextPatch, "mail"),
        (Action::Confirm, "send all"),
        (Action::Delete, "delete"),
        (Action::Back, "back, kept"),
    ],
    open: None,
};

/// The drafts as they lie on the disk, and the line that the keys act on.
pub struct Answers {
    drafts: Vec<Draft>,
    /// The draft that each line belongs to, the words, their meaning.
    lines: Vec<(usize, String, Ink)>,
    place: Place,
    seen: u16,
}

impl Answers {
    /// Shows drafts, at least one.
    pub fn new(drafts: Vec<Draft>) -> Answers {
        Answers { drafts, lines: Vec::new(), place: Place::default(), seen: 0 }
    }

    /// Takes a draft as it is now; whether it is one of these.
    pub fn changed(&mut self, draft: &Draft) -> bool {
        let known = self.drafts.iter_mut().find(|known| known.path == draft.path);
        let is_one = known.is_some();
        known.into_iter().for_each(|known| known.clone_from(draft));
        is_one
    }

    /// A draft was sent or deleted; whether none is left.
    pub fn gone(&mut self, path: &std::path::Path) -> bool {
        self.drafts.retain(|draft| draft.path != path);
        self.drafts.is_empty()
    }

    fn at(&self) -> usize {
        self.lines.get(self.place.at).map_or(0, |(draft, ..)| *draft)
    }
}

impl Screen for Answers {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn is_deed(&self, action: Action) -> bool {
        action.is_deed() || action == Action::Enter
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
        if let Some(by) = movement(action, self.seen) {
            self.place.step(by, self.lines.len());
            return;
        }
        let at = self.at();
        let Some(draft) = self.drafts.get(at) else { return };
        match action {
            Action::Edit | Action::Enter => desk.effects.push(Effect::Edit(draft.path.clone())),
            Action::NextPatch | Action::PreviousPatch => {
                let next = if action == Action::NextPatch { at + 1 } else { at.saturating_sub(1) };
                if let Some(line) = self.lines.iter().position(|(draft, ..)| *draft == next) {
                    self.place = Place { at: line, top: line };
                }
            }
            Action::Confirm => match self.drafts.iter().find_map(|d| Some((&d.subject, d.trouble.as_ref()?))) {
                Some((subject, why)) => desk.warn(format!("nothing is sent: {subject}: {why}")),
                None => desk.effects.extend(self.drafts.iter().map(|draft| Effect::Send(draft.path.clone()))),
            },
            Action::Delete => {
                let effect = Some(Effect::DeleteDraft(draft.path.clone()));
                let lines = vec![draft.subject.clone(), draft.first.to_string()];
                desk.go.push(Go::Confirm(Confirm { title: "delete this draft".to_owned(), lines, effect }));
            }
            _ => {}
        }
    }

    fn fit(&mut self, _: &mut Desk, area: Rect) {
        self.seen = area.height.saturating_sub(1);
        let room = usize::from(area.width.saturating_sub(2)).max(10);
        self.lines.clear();
        for (at, draft) in self.drafts.iter().enumerate() {
            let mut say = |text: &str, ink: Ink| {
                let pieces = pieces(text, room, true, 100).into_iter();
                self.lines.extend(pieces.map(|piece| (at, text[piece].trim_end().to_owned(), ink)));
            };
            say(&format!("{} of {}  {}", at + 1, self.drafts.len(), draft.subject), Ink::Strong);
            for (name, people) in draft.recipients.iter().filter(|(name, _)| name != "From") {
                say(&format!("{name:<8} {people}"), Ink::Plain);
            }
            if let Some(trouble) = &draft.trouble {
                say(&format!("▲ {trouble}"), Ink::Warning);
            }
            say("", Ink::Plain);
            for line in &draft.lines {
                say(line, if line.starts_with('>') { Ink::Quoted(0) } else { Ink::Plain });
            }
            say("", Ink::Plain);
        }
        self.place.show(usize::from(self.seen), self.lines.len());
    }

    fn close(&mut self, desk: &mut Desk) {
        let kept = plural(self.drafts.len() as u64, "draft is kept", "drafts are kept");
        desk.say(format!("{kept} in state/drafts; :drafts lists them"));
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        let count = plural(self.drafts.len() as u64, "mail", "mails");
        heading(buf, area, "answers to this series", &count, true, theme);
        let seen = self.lines.iter().enumerate().skip(self.place.top).take(usize::from(self.seen));
        for (y, (at, (_, text, ink))) in (1..).zip(seen) {
            put(buf, area, 1, y, text, theme.style(*ink));
            if at == self.place.at {
                select(buf, area, y, theme, true);
            }
        }
    }
}
