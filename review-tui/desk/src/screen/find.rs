//! Find: a query line, and what it finds while it is typed.

pub mod paint;

use provenance_review::text::width;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rustc_hash::FxHashMap;

use super::kind::{Item, Kind, Screen};
use super::lineage;
use crate::desk::{Desk, Go, movement};
use crate::facts::HitRow;
use crate::keys::{Action, Scope, on};
use crate::lines::Place;
use crate::msg::{Effect, Mails, Msg, Order};
use crate::picker::{Choice, Picker};
use crate::prompt::{Asked, Prompt};
use crate::state::Fact;
use crate::text::clean;

/// What is asked where nothing is typed: everything, newest first.
pub const OPEN: &str = "d:1970-01-01..";

/// Its name, its keys, and which of them the last line tells.
pub const KIND: Kind = Kind {
    scope: Scope("find"),
    keys: &[
        on(Action::Query, "f i", "f", "edit the query"),
        on(Action::Limit, "l", "", "limit what is shown; an empty limit shows all, q takes the last one back"),
        on(Action::Threads, "T", "", "threads instead of mails"),
        on(Action::Sort, "o", "", "newest first, oldest first, best first"),
        on(Action::Tag, "t", "", "tags of this mail"),
        on(Action::Saved, "'", "", "saved searches"),
        on(Action::Thread, "e", "", "open the thread"),
        on(Action::Mechanisms, "m", "", "lineage: the mechanism of this event or mail"),
        on(Action::Reviewed, "x", "W", "mark reviewed, or not"),
        on(Action::Reply, "r", "r g", "write a reply"),
        on(Action::Pipe, "|", "", "pipe the mail to a command"),
        on(Action::Write, "w", "w s", "write an mbox"),
    ],
    hints: &[
        (Action::Help, "help"),
        (Action::Query, "query"),
        (Action::Limit, "limit"),
        (Action::Enter, "open"),
        (Action::Mechanisms, "lineage"),
        (Action::Lab, "lab"),
        (Action::Threads, "threads"),
        (Action::Sort, "order"),
        (Action::Tag, "tag"),
        (Action::Saved, "saved"),
        (Action::Menu, "actions"),
        (Action::Quit, "quit"),
    ],
    open: None,
};

/// The query, what it found, and where in that the reader stands.
#[derive(Debug, Default)]
pub struct Find {
    /// The query as typed.
    pub query: String,
    /// Limits, all of which hold as well.
    pub limits: Vec<String>,
    /// What was found, as far as it was fetched.
    pub rows: Vec<HitRow>,
    /// How many there are.
    pub total: usize,
    /// Where the list stands.
    pub place: Place,
    /// What is wrong with the query, and where in the whole query.
    pub wrong: Option<(String, Option<(usize, usize)>)>,
    before: String,
    order: Order,
    threads: bool,
    ask: u64,
    busy: bool,
    rows_seen: u16,
    known: FxHashMap<String, usize>,
    /// Widest list names and kinds.
    widths: (u16, u16, u16),
    /// The widest name.
    names: u16,
}

/// Lets choose a saved search.
pub fn saved(desk: &mut Desk) {
    if desk.review.saved.is_empty() {
        desk.say("no search is saved; :save NAME saves what is asked, also a S");
        return;
    }
    let widest = desk.review.saved.keys().map(|name| width(name)).max().unwrap_or(0);
    let saved = desk.review.saved.iter();
    let items = saved.map(|(name, query)| {
        (format!("{}   {query}", provenance_review::text::pad(name, widest)), Choice::Query(name.clone()))
    });
    let items: Vec<_> = items.collect();
    desk.go.push(Go::Pick(Picker::list("saved searches; :forget NAME takes one away", items)));
}

impl Screen for Find {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn act(&mut self, desk: &mut Desk, action: Action) {
        if let Some(by) = movement(action, self.rows_seen) {
            self.place.step(by, self.rows.len());
            return;
        }
        match action {
            Action::Query => {
                self.before.clone_from(&self.query);
                desk.go.push(Go::Ask(Prompt::new(Asked::Query, self.query.clone())));
            }
            Action::Limit => desk.go.push(Go::Ask(Prompt::new(Asked::Limit, ""))),
            Action::Threads => {
                self.threads = !self.threads;
                self.search(desk);
            }
            Action::Sort => {
                self.order = match self.order {
                    Order::Newest => Order::Oldest,
                    Order::Oldest => Order::Best,
                    Order::Best => Order::Newest,
                };
                self.search(desk);
            }
            Action::Saved => saved(desk),
            Action::SearchNext | Action::SearchBack => self.seek(desk, action == Action::SearchNext),
            Action::Cancel => {
                desk.search.clear();
                if self.wrong.take().is_some() {
                    self.give_up(desk);
                }
            }
            _ => self.on_row(desk, action),
        }
    }

    fn fit(&mut self, _: &mut Desk, area: Rect) {
        self.rows_seen = area.height.saturating_sub(2);
        self.place.show(usize::from(self.rows_seen), self.rows.len());
    }

    fn menu(&self, _: &Desk) -> Vec<Item> {
        vec![
            ('r', "reply".into(), Choice::Act(Action::Reply)),
            ('w', "write an mbox".into(), Choice::Act(Action::Write)),
            ('S', "save this search".into(), Choice::Save),
        ]
    }

    fn take(&mut self, _: &mut Desk, msg: &Msg) {
        match msg {
            Msg::Hits { ask, from, hits, total, done } => self.found(*ask, *from, hits.clone(), *total, *done),
            Msg::Unanswered { ask, what, at } => self.wrong(*ask, clean(what), *at),
            _ => {}
        }
    }

    fn waits(&self) -> bool {
        self.busy && self.rows.is_empty()
    }

    fn mail(&self) -> Option<String> {
        self.row().filter(|row| row.is_mail).map(|row| row.id.clone())
    }

    fn mechanisms(&self) -> Vec<String> {
        self.mechanism().into_iter().collect()
    }

    fn draw(&self, desk: &Desk, buf: &mut Buffer, area: Rect) {
        self.paint(desk, buf, area);
    }
}

impl Find {
    /// The query with its limits.
    pub fn whole_query(&self) -> String {
        let query = self.query.trim();
        let query = if query.is_empty() { OPEN } else { query };
        if self.limits.is_empty() {
            return query.to_owned();
        }
        let limits: Vec<String> = self.limits.iter().map(|limit| format!("({limit})")).collect();
        format!("({query}) {}", limits.join(" "))
    }

    /// Puts the query to the index; what was asked before does not count any more.
    pub fn search(&mut self, desk: &mut Desk) {
        self.ask = desk.ask();
        self.busy = true;
        let (query, order, threads) = (self.whole_query(), self.order, self.threads);
        desk.effects.push(Effect::Search { ask: self.ask, query, order, threads });
    }

    /// Takes hits; those of an older question are dropped.
    fn found(&mut self, ask: u64, from: usize, hits: Vec<HitRow>, total: usize, done: bool) {
        if ask != self.ask {
            return;
        }
        if from == 0 {
            self.rows.clear();
            self.known.clear();
            (self.widths, self.names) = ((0, 0, 0), 0);
            self.place = Place::default();
        }
        // A thread that goes on in later hits is told again with its new count.
        for hit in hits {
            self.widths.0 = self.widths.0.max(width(&hit.lists) as u16);
            self.names = self.names.max(width(&hit.author) as u16);
            self.widths.1 = self.widths.1.max(width(&hit.kind) as u16);
            self.widths.2 = self.widths.2.max(width(&hit.subject).min(200) as u16);
            match self.known.get(&hit.id).filter(|_| self.threads) {
                Some(at) => self.rows[*at] = hit,
                None => {
                    if self.threads {
                        self.known.insert(hit.id.clone(), self.rows.len());
                    }
                    self.rows.push(hit);
                }
            }
        }
        (self.total, self.busy, self.wrong) = (total, !done, None);
    }

    /// Takes what is wrong with a query; what was found before stays.
    fn wrong(&mut self, ask: u64, what: String, at: Option<(usize, usize)>) {
        if ask == self.ask {
            self.wrong = Some((what, at));
            self.busy = false;
        }
    }

    /// The query is as it should be.
    pub fn keep(&mut self) {
        self.before.clone_from(&self.query);
    }

    /// The query is as it was before it was edited.
    pub fn give_up(&mut self, desk: &mut Desk) {
        if self.query != self.before {
            self.query.clone_from(&self.before);
            self.search(desk);
        }
    }

    fn row(&self) -> Option<&HitRow> {
        self.rows.get(self.place.at)
    }

    /// The mechanism of the event under the cursor.
    fn mechanism(&self) -> Option<String> {
        Some(self.row()?.event.as_ref()?.1.clone())
    }

    fn on_row(&mut self, desk: &mut Desk, action: Action) {
        let Some(row) = self.row().cloned() else { return };
        let needs_mail = matches!(
            action,
            Action::Thread | Action::Tag | Action::Reviewed | Action::Reply | Action::Pipe | Action::Write
        );
        if needs_mail && !row.is_mail {
            desk.say("this is an event of the catalogue; its mail is not indexed");
            return;
        }
        let mails = || Mails { ids: vec![row.id.clone()], name: "1 mail".to_owned() };
        match (action, &row.event) {
            (Action::Enter | Action::Thread, _) if row.is_mail => desk.go.push(Go::Thread(row.id.clone())),
            (Action::Enter | Action::Mechanisms, Some((event, mechanism))) => {
                lineage::open(desk, mechanism, Some(event.clone()));
            }
            (Action::Mechanisms, None) => lineage::choose(desk),
            (Action::Tag, _) => {
                let tags = desk.review.tags.get(&row.id).map_or_else(String::new, |tags| tags.join(" "));
                desk.go.push(Go::Ask(Prompt::new(Asked::Tags(row.id), tags)));
            }
            (Action::Reviewed, _) => {
                let on = !desk.review.reviewed.contains(&row.id);
                desk.record(Fact::Reviewed { id: row.id, on });
                self.place.step(1, self.rows.len());
            }
            (Action::Reply, _) => {
                let remarks = desk.review.remarks_of(&row.id);
                desk.effects.push(Effect::Draft { id: row.id, endorsement: None, remarks });
            }
            (Action::Pipe, _) => desk.go.push(Go::Ask(Prompt::new(Asked::Pipe(mails()), ""))),
            (Action::Write, _) => desk.go.push(Go::Ask(Prompt::new(Asked::Write(mails()), "mail.mbox"))),
            _ => {}
        }
    }

    fn seek(&mut self, desk: &mut Desk, forward: bool) {
        let search = desk.search.clone();
        if search.is_empty() {
            return;
        }
        let holds = |row: &HitRow| {
            let text = [&row.date, &row.subject, &row.author, &row.id, &row.lists, &row.kind];
            let tags = desk.review.tags.get(&row.id).is_some_and(|tags| tags.join(" ").contains(&search));
            tags || text.iter().any(|t| t.to_lowercase().contains(&search))
        };
        let found = if forward {
            (self.place.at + 1..self.rows.len()).find(|at| holds(&self.rows[*at]))
        } else {
            (0..self.place.at).rev().find(|at| holds(&self.rows[*at]))
        };
        match found {
            Some(at) => self.place.at = at,
            None => desk.warn(format!("no other match for {search}")),
        }
    }
}
