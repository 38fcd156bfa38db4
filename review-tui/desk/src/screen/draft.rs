//! Draft: a last look at an answer before it is sent.

use std::path::PathBuf;

use provenance_review::text::{cut, pad, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kind::{Kind, Screen};
use crate::canvas::{heading, put};
use crate::desk::{Confirm, Desk, Go, movement};
use crate::draft::Draft;
use crate::keys::{Action, Scope, on};
use crate::msg::Effect;
use crate::picker::{Choice, Picker};
use crate::prompt::{Asked, Prompt};
use crate::text::{clean, pieces};
use crate::theme::Ink;

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("draft"),
    keys: &[
        on(Action::Edit, "e", "e", "edit it again"),
        on(Action::Confirm, "ctrl-y", "", "send it with git send-email, which asks once more"),
        on(Action::Write, "w", "w s", "put a copy into a maildir as a draft"),
        on(Action::Delete, "D", "", "delete it, after Ctrl-y"),
        on(Action::Back, "q", "q", "back; the draft stays where it is"),
    ],
    hints: &[
        (Action::Help, "help"),
        (Action::Edit, "edit"),
        (Action::Confirm, "send"),
        (Action::Write, "to a maildir"),
        (Action::Delete, "delete"),
        (Action::Back, "back, kept"),
    ],
    open: None,
};

/// A draft as it lies on the disk, and how far it is scrolled.
pub struct DraftScreen {
    /// The draft.
    pub draft: Draft,
    top: usize,
    rows_seen: u16,
    lines: Vec<(String, Ink)>,
}

/// Lists the drafts that wait.
pub fn list(desk: &mut Desk) {
    let widest = desk.drafts.iter().map(|draft| width(&draft.subject)).max().unwrap_or(0).min(48);
    let items = desk.drafts.iter().map(|draft| {
        let first = if draft.first.is_empty() { "nothing of its own yet" } else { &*draft.first };
        let subject = pad(&cut(&draft.subject, widest), widest);
        (format!("{}  {subject}  {first}", draft.date), Choice::Draft(draft.path.clone()))
    });
    let items: Vec<(String, Choice)> = items.collect();
    desk.go.push(Go::Pick(Picker::list("drafts", items)));
}

impl Screen for DraftScreen {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn is_deed(&self, action: Action) -> bool {
        action.is_deed() || action == Action::Enter
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
        if let Some(by) = movement(action, self.rows_seen) {
            self.top = self.top.saturating_add_signed(by);
            return;
        }
        let path = self.draft.path.clone();
        match action {
            Action::Edit | Action::Enter => desk.effects.push(Effect::Edit(path)),
            Action::Confirm => match &self.draft.trouble {
                Some(why) => desk.warn(format!("it is not sent: {why}")),
                None => desk.effects.push(Effect::Send(path)),
            },
            Action::Delete => {
                let lines = vec![self.draft.subject.clone(), self.draft.first.to_string()];
                let title = "delete this draft".to_owned();
                desk.go.push(Go::Confirm(Confirm { title, lines, effect: Some(Effect::DeleteDraft(path)) }));
            }
            Action::Write => {
                let maildir: PathBuf = "Maildir/Drafts".into();
                desk.go.push(Go::Ask(Prompt::new(Asked::Maildir(path), maildir.display().to_string())));
            }
            _ => {}
        }
    }

    fn fit(&mut self, _: &mut Desk, area: Rect) {
        self.rows_seen = area.height.saturating_sub(1);
        let room = usize::from(area.width.saturating_sub(2)).max(10);
        self.lines.clear();
        let mut say = |text: &str, ink: Ink| {
            for piece in pieces(text, room, true, 100) {
                self.lines.push((text[piece].trim_end().to_owned(), ink));
            }
        };
        // The whole command, however long: it is there to be copied.
        say(&clean(&self.draft.command()), Ink::Link);
        say("", Ink::Plain);
        for (name, people) in &self.draft.recipients {
            say(&format!("{name:<8} {people}"), Ink::Plain);
        }
        say(&format!("Subject  {}", self.draft.subject), Ink::Strong);
        say(&format!("Answers  {}", self.draft.answers), Ink::Dim);
        say("", Ink::Plain);
        for line in &self.draft.lines {
            let ink = if line.starts_with('>') { Ink::Quoted(0) } else { Ink::Plain };
            say(line, ink);
        }
        self.top = self.top.min(self.lines.len().saturating_sub(usize::from(area.height.saturating_sub(4)).max(1)));
    }

    fn close(&mut self, desk: &mut Desk) {
        desk.say(format!("the draft is kept: {}", self.draft.command()));
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        let theme = desk.theme;
        heading(buf, area, "draft", "", true, theme);
        let foot = area.height.saturating_sub(2);
        for (row, (text, ink)) in self.lines.iter().skip(self.top).take(usize::from(foot.saturating_sub(1))).enumerate()
        {
            put(buf, area, 1, row as u16 + 1, text, theme.style(*ink));
        }
        let send = desk.keys.key(KIND.scope, Action::Confirm);
        let (words, ink) = match &self.draft.trouble {
            Some(why) => (format!("▲ {why}"), Ink::Warning),
            None => (format!("{send} runs git send-email, which shows it and asks once more"), Ink::Good),
        };
        put(buf, area, 1, foot, &words, theme.style(ink));
        let command = "git send-email --suppress-cc=all --no-thread --confirm=always";
        if width(command) + 2 <= usize::from(area.width) {
            put(buf, area, 1, foot + 1, command, theme.style(Ink::Dim));
        }
    }
}

impl DraftScreen {
    /// Shows a draft.
    pub fn new(draft: Draft) -> DraftScreen {
        DraftScreen { draft, top: 0, rows_seen: 0, lines: Vec::new() }
    }
}
