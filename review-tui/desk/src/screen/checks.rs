//! Checks: the findings on the open patch, as they arrive, each beside the lines that it is about.

mod paint;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kind::{Kind, Screen};
use super::{lab, text_map};
use crate::desk::{Desk, Go, movement};
use crate::facts::checked::{Detail, FindingRow, Lead};
use crate::keys::{Action, Scope, on};
use crate::lines::Place;
use crate::msg::{Effect, Msg, PatchLine};
use crate::prompt::{Asked, Prompt};

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("checks"),
    keys: &[
        on(Action::Fold, "o", "", "show or hide what a finding rests on"),
        on(Action::FoldAll, "O", "", "of all findings"),
        on(Action::NextRemark, ".", "", "next finding"),
        on(Action::PreviousRemark, ",", "", "previous finding"),
        on(Action::Focus, "tab", "", "between the findings and the lines of the patch"),
        on(Action::Copy, "y", "", "copy the finding into the draft of a reply"),
        on(Action::Dismiss, "x", "", "dismiss the finding and say why; an empty reason undoes that"),
        on(Action::TextMap, "M", "", "text map: who owns the bytes of the functions of this patch"),
    ],
    hints: &[
        (Action::Help, "help"),
        (Action::Enter, "unfold, open"),
        (Action::NextRemark, "next"),
        (Action::Copy, "into a reply"),
        (Action::Dismiss, "dismiss"),
        (Action::Focus, "pane"),
        (Action::TextMap, "text map"),
        (Action::Back, "back"),
    ],
    open: Some(open),
};

/// The findings so far, and where among them the reader stands.
#[derive(Default)]
pub struct Checks {
    /// The question that it waits for.
    pub ask: u64,
    /// Message-ID of the patch.
    id: String,
    findings: Vec<FindingRow>,
    /// Which findings show what they rest on.
    open: Vec<bool>,
    /// What there is to say when all rules ran, or why they did not.
    said: Option<Result<String, String>>,
    place: Place,
    /// First line of the patch that is seen beside.
    top: usize,
    on_lines: bool,
    seen: (u16, u16),
    /// Columns of the findings.
    width: u16,
    /// What is under the cursor changed by itself: its lines are to be brought into sight.
    came: bool,
}

/// A row: a finding, or a line below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct At {
    finding: usize,
    detail: Option<usize>,
}

/// Checks the patch of a mail.
pub fn open(desk: &mut Desk, id: &str) {
    let ask = desk.ask();
    desk.effects.push(Effect::Check { ask, id: id.to_owned() });
    let screen = Checks { ask, id: id.to_owned(), ..Checks::default() };
    desk.go.push(Go::Push(Box::new(screen)));
}

impl Screen for Checks {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
        if let Some(by) = movement(action, if self.on_lines { self.seen.1 } else { self.seen.0 }) {
            if self.on_lines {
                self.top = self.top.saturating_add_signed(by);
            } else {
                self.place.step(by, self.rows().len());
                self.seek_line();
            }
            return;
        }
        match action {
            Action::Focus => self.on_lines = !self.on_lines,
            Action::Enter => self.enter(desk),
            Action::Fold => self.fold(),
            Action::FoldAll => {
                let open = !self.open.iter().any(|open| *open);
                self.open.iter_mut().for_each(|one| *one = open);
                self.place.step(0, self.rows().len());
            }
            Action::NextRemark | Action::PreviousRemark => {
                let rows = self.rows();
                let mut heads = (0..rows.len()).filter(|at| rows[*at].detail.is_none());
                let next = match action {
                    Action::NextRemark => heads.find(|at| *at > self.place.at),
                    _ => heads.rfind(|at| *at < self.place.at),
                };
                self.place.at = next.unwrap_or(self.place.at);
                self.seek_line();
            }
            Action::Copy => match self.finding() {
                Some(row) => {
                    let line = row.beside.iter().find(|line| line.marked);
                    let about =
                        line.map(|line| PatchLine { path: row.path.clone(), number: line.number, sign: line.sign });
                    desk.effects.push(Effect::Paste { id: self.id.clone(), text: row.reply.clone(), about });
                }
                None => desk.say("there is nothing to say in a reply"),
            },
            Action::Dismiss => match self.finding() {
                Some(row) => {
                    let before = row.dismissed.clone().unwrap_or_default();
                    desk.go.push(Go::Ask(Prompt::new(Asked::Dismiss(row.id.clone()), before)));
                }
                None => desk.say("there is no finding here"),
            },
            Action::TextMap => text_map::open(desk, &self.id),
            _ => {}
        }
    }

    fn fit(&mut self, _: &mut Desk, area: Rect) {
        let (list, lines) = self.areas(area);
        self.seen = (list.height.saturating_sub(2), lines.height.saturating_sub(1));
        self.width = list.width;
        let rows = self.rows();
        self.place.at = self.place.at.min(rows.len().saturating_sub(1));
        // A row may take several lines: what is seen begins where the chosen one still has room.
        let heights: Vec<usize> = rows.iter().map(|at| self.lines_of(*at).len()).collect();
        let room = usize::from(self.seen.0).max(1);
        if self.place.at < self.place.top {
            self.place.top = self.place.at;
        }
        while self.place.top < self.place.at && heights[self.place.top..=self.place.at].iter().sum::<usize>() > room {
            self.place.top += 1;
        }
        let beside = self.finding().map_or(0, |row| row.beside.len());
        if std::mem::take(&mut self.came) {
            self.seek_line();
        }
        self.top = self.top.min(beside.saturating_sub(usize::from(self.seen.1)));
    }

    fn waits(&self) -> bool {
        self.said.is_none()
    }

    fn take(&mut self, _: &mut Desk, msg: &Msg) {
        match msg {
            Msg::Findings { ask, rows, .. } if *ask == self.ask => self.found(rows.clone()),
            Msg::Checked { ask, said, .. } if *ask == self.ask => {
                self.said = Some(said.clone().map_err(|why| crate::text::clean(&why)));
            }
            _ => {}
        }
    }

    fn answered(&mut self, _: &mut Desk, asked: &Asked, text: &str) {
        if let Asked::Dismiss(finding) = asked {
            self.dismissed(finding, text);
        }
    }

    fn mail(&self) -> Option<String> {
        Some(self.id.clone())
    }

    fn mechanisms(&self) -> Vec<String> {
        self.mechanism().into_iter().collect()
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        self.paint(desk, buf, area);
    }
}

impl Checks {
    /// Takes the findings of one rule.
    fn found(&mut self, rows: Vec<FindingRow>) {
        self.came = true;
        for row in rows {
            // The gravest stand first; those that came stay in their order.
            let before = |known: &FindingRow| known.sign == '!' || row.sign != '!';
            let at = self.findings.iter().position(|known| !before(known)).unwrap_or(self.findings.len());
            self.open.insert(at, row.sign == '!' && row.dismissed.is_none());
            self.findings.insert(at, row);
        }
    }

    /// A verdict was kept.
    fn dismissed(&mut self, finding: &str, why: &str) {
        for row in self.findings.iter_mut().filter(|row| row.id == finding) {
            row.dismissed = (!why.is_empty()).then(|| crate::text::clean(why));
        }
    }

    fn rows(&self) -> Vec<At> {
        let mut rows = Vec::new();
        for (finding, row) in self.findings.iter().enumerate() {
            rows.push(At { finding, detail: None });
            if self.open.get(finding) == Some(&true) {
                rows.extend((0..row.details.len()).map(|detail| At { finding, detail: Some(detail) }));
            }
        }
        rows
    }

    fn at(&self) -> Option<At> {
        self.rows().get(self.place.at).copied()
    }

    fn finding(&self) -> Option<&FindingRow> {
        self.findings.get(self.at()?.finding)
    }

    fn detail(&self) -> Option<&Detail> {
        self.finding()?.details.get(self.at()?.detail?)
    }

    fn fold(&mut self) {
        let Some(at) = self.at() else { return };
        if let Some(open) = self.open.get_mut(at.finding) {
            *open = !*open;
        }
        let rows = self.rows();
        self.place.at = rows.iter().position(|row| row.finding == at.finding).unwrap_or(0);
    }

    /// A finding unfolds; what it rests on is opened.
    fn enter(&mut self, desk: &mut Desk) {
        match self.detail().map(|detail| detail.lead.clone()) {
            None => self.fold(),
            Some(Lead::Mail(id)) => desk.go.push(Go::Thread(id)),
            Some(Lead::Told(what)) => desk.say(what),
            Some(Lead::Scenario(slug)) => lab::open(desk, vec![slug]),
            Some(Lead::Image) => text_map::open(desk, &self.id),
            Some(Lead::None) => {}
        }
    }

    /// Brings the lines that the finding is about into sight.
    fn seek_line(&mut self) {
        let marked = self.finding().and_then(|row| row.beside.iter().position(|line| line.marked));
        self.top = marked.map_or(0, |at| at.saturating_sub(usize::from(self.seen.1) / 3));
    }

    /// The mechanism whose scenario a finding ran.
    fn mechanism(&self) -> Option<String> {
        self.finding()?.details.iter().find_map(|detail| match &detail.lead {
            Lead::Scenario(slug) => Some(slug.clone()),
            _ => None,
        })
    }

    /// The findings, and the lines of the patch: beside one another where there is room, else above.
    fn areas(&self, area: Rect) -> (Rect, Rect) {
        if area.width >= 140 {
            let width = area.width / 2;
            let lines = Rect { x: area.x + width + 1, width: area.width - width - 1, ..area };
            return (Rect { width, ..area }, lines);
        }
        let height = (area.height * 3 / 5).max(2.min(area.height));
        (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
    }
}
