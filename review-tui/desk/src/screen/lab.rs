//! Lab: the conflicts and benchmarks of some mechanisms, run in processes of their own while reading goes on.

mod paint;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::kind::{Kind, Screen};
use crate::desk::{Desk, Go, movement};
use crate::keys::{Action, Scope, on};
use crate::lab::{Job, Run};
use crate::lines::Place;
use crate::msg::Effect;
use crate::picker::{Choice, Picker};

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("lab"),
    keys: &[
        on(Action::Run, "r", "", "run this one"),
        on(Action::RunAll, "R", "", "run all that are listed"),
        on(Action::Stop, "x", "", "cancel the run"),
        on(Action::Focus, "tab", "", "between the list and the result"),
        on(Action::Mechanisms, "m", "", "the runs of another mechanism, or all"),
    ],
    hints: &[
        (Action::Help, "help"),
        (Action::Run, "run"),
        (Action::RunAll, "run all"),
        (Action::Stop, "cancel"),
        (Action::Focus, "pane"),
        (Action::Mechanisms, "mechanism"),
        (Action::Back, "back"),
    ],
    open: Some(|desk, slug| open(desk, Some(slug.to_owned()).filter(|slug| !slug.is_empty()).into_iter().collect())),
};

/// The runs that there are, and the result of the chosen one.
pub struct LabScreen {
    slugs: Vec<String>,
    /// Headings and jobs.
    jobs: Vec<(String, Option<Job>)>,
    place: Place,
    /// First line of the result that is seen.
    top: usize,
    on_result: bool,
    heights: (u16, u16),
}

/// Opens the lab with the runs of some mechanisms; of none: all.
pub fn open(desk: &mut Desk, slugs: Vec<String>) {
    desk.go.push(Go::Push(Box::new(LabScreen::new(slugs))));
}

impl Screen for LabScreen {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn is_deed(&self, action: Action) -> bool {
        action.is_deed() || action == Action::Enter
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
        let rows = if self.on_result { self.heights.1 } else { self.heights.0 };
        if let Some(by) = movement(action, rows) {
            if self.on_result {
                self.top = self.top.saturating_add_signed(by);
            } else {
                self.step(by);
            }
            return;
        }
        match action {
            Action::Run | Action::Enter if !self.on_result || action == Action::Run => {
                if let Some(job) = self.job() {
                    Self::queue(desk, job);
                }
            }
            Action::RunAll => {
                let jobs: Vec<Job> = self.jobs.iter().filter_map(|(_, job)| *job).collect();
                jobs.into_iter().for_each(|job| Self::queue(desk, job));
            }
            Action::Stop if desk.lab.values().any(|run| matches!(run, Run::Running(..) | Run::Queued)) => {
                desk.effects.push(Effect::StopLab);
                desk.say("cancelling");
            }
            Action::Focus => self.on_result = !self.on_result,
            Action::Mechanisms => {
                let mut items = vec![("all".to_owned(), Choice::Lab(String::new()))];
                let known = desk.opened.iter().flat_map(|o| &o.mechanisms);
                items.extend(known.map(|(slug, _)| (slug.clone(), Choice::Lab(slug.clone()))));
                desk.go.push(Go::Pick(Picker::list("the lab's runs of", items)));
            }
            _ => {}
        }
    }

    fn fit(&mut self, desk: &mut Desk, area: Rect) {
        let (list, result) = Self::areas(area);
        self.heights = (list.height.saturating_sub(1), result.height.saturating_sub(1));
        self.place.show(usize::from(self.heights.0), self.jobs.len());
        // The heading of the first runs is seen with them.
        if self.place.at == 1 && self.heights.0 > 2 {
            self.place.top = 0;
        }
        let len = self.result(desk, result.width).len();
        self.top = self.top.min(len.saturating_sub(usize::from(self.heights.1).max(1)));
    }

    fn choose(&mut self, _: &mut Desk, choice: Choice) {
        if let Choice::Lab(slug) = choice {
            self.show(Some(slug).filter(|slug| !slug.is_empty()).into_iter().collect());
        }
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        self.paint(desk, buf, area);
    }
}

impl LabScreen {
    /// The runs of some mechanisms; where the lab has none of them, or none is named, all.
    pub fn new(slugs: Vec<String>) -> LabScreen {
        let mut screen = LabScreen {
            slugs: Vec::new(),
            jobs: Vec::new(),
            place: Place::default(),
            top: 0,
            on_result: false,
            heights: (0, 0),
        };
        screen.show(slugs);
        screen
    }

    /// Lists the runs of other mechanisms.
    pub fn show(&mut self, slugs: Vec<String>) {
        self.jobs = Job::of(&slugs);
        self.slugs = slugs;
        self.place = Place::default();
        self.place.at = self.jobs.iter().position(|(_, job)| job.is_some()).unwrap_or(0);
    }

    fn job(&self) -> Option<Job> {
        self.jobs.get(self.place.at).and_then(|(_, job)| *job)
    }

    fn queue(desk: &mut Desk, job: Job) {
        if !matches!(desk.lab.get(&job), Some(Run::Running(..) | Run::Queued)) {
            desk.lab.insert(job, Run::Queued);
            desk.effects.push(Effect::Lab(job));
        }
    }

    /// Moves over headings.
    fn step(&mut self, by: isize) {
        self.top = 0;
        let before = self.place.at;
        self.place.step(by, self.jobs.len());
        let is_job = |at: &usize| self.jobs[*at].1.is_some();
        let found = if by > 0 {
            (self.place.at..self.jobs.len()).find(is_job).or_else(|| (0..self.jobs.len()).rev().find(is_job))
        } else {
            (0..=self.place.at).rev().find(is_job).or_else(|| (0..self.jobs.len()).find(is_job))
        };
        self.place.at = found.unwrap_or(before);
    }

    fn areas(area: Rect) -> (Rect, Rect) {
        if area.width >= 110 {
            let width = (area.width / 3).clamp(54, 64);
            let result = Rect { x: area.x + width + 1, width: area.width - width - 1, ..area };
            return (Rect { width, ..area }, result);
        }
        let height = (area.height * 2 / 5).max(2).min(area.height);
        (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
    }
}
