//! The model: all that is shown; and what each thing that happens makes of it.

mod answer;
mod burst;
mod news;
mod typing;

use provenance_review::text::plural;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

pub use burst::QUIET;

use super::desk::{Confirm, Desk, Go, movement};
use super::input::Typed;
use super::keys::{Action, Keymap, Press};
use super::lines::Place;
use super::msg::{Effect, Msg};
use super::picker::{Choice, Picker};
use super::prompt::{Asked, Prompt};
use super::screen::kind::{Screen, as_kind};
use super::screen::{self, draft, find::Find, lab, lineage};
use super::theme::Theme;

/// All that is shown.
pub struct Model {
    /// What screens share.
    pub desk: Desk,
    /// The screens, the one seen last.
    pub stack: Vec<Box<dyn Screen>>,
    /// A question on the last line.
    pub prompt: Option<Prompt>,
    /// A list over the screen.
    pub picker: Option<Picker>,
    /// Help, and where it stands.
    pub help: Option<Place>,
    /// What waits for Ctrl-y.
    pub confirm: Option<Confirm>,
    /// Keys that came too early.
    burst: burst::Burst,
    /// A draft is being written, and will be opened in the editor.
    writing: bool,
}

impl Model {
    /// The desk before it has looked around; it asks `query` at once.
    pub fn new(size: (u16, u16), theme: Theme, ascii: bool, keys: Keymap) -> Model {
        let desk = Desk::new(size, theme, ascii, keys);
        let stack = vec![Box::new(Find::default()) as Box<dyn Screen>];
        Model {
            desk,
            stack,
            prompt: None,
            picker: None,
            help: None,
            confirm: None,
            burst: burst::Burst::default(),
            writing: false,
        }
    }

    /// The screen that is seen.
    pub fn top(&self) -> &dyn Screen {
        self.stack.last().expect("Find is never closed").as_ref()
    }

    /// Find, which is always there, and what it shares with the others.
    pub fn find(&mut self) -> (&mut Desk, &mut Find) {
        let find = as_kind(self.stack[0].as_mut()).expect("Find is the first screen and is never closed");
        (&mut self.desk, find)
    }

    /// Whether what keys are about is still to come.
    pub fn is_loading(&self) -> bool {
        self.writing || self.top().waits()
    }

    /// Whether a pause of the keyboard is to be told.
    pub fn wants_quiet(&self) -> bool {
        self.burst.is_hasty()
    }

    /// Asks a query, or opens a thread, at the start.
    pub fn begin(&mut self, query: &str, mail: Option<String>) -> Vec<Effect> {
        let (desk, find) = self.find();
        query.clone_into(&mut find.query);
        find.search(desk);
        if let Some(id) = mail {
            screen::thread::open(desk, &id);
        }
        self.settle()
    }

    /// Does what the screens asked for, and hands out the effects.
    fn settle(&mut self) -> Vec<Effect> {
        while !self.desk.go.is_empty() {
            match self.desk.go.remove(0) {
                Go::Push(screen) => self.stack.push(screen),
                Go::Thread(id) => screen::thread::open(&mut self.desk, &id),
                Go::Pop => self.back(),
                Go::Ask(prompt) => self.prompt = Some(prompt),
                Go::Pick(picker) => self.picker = Some(picker),
                Go::Confirm(confirm) => self.confirm = Some(confirm),
                Go::Query(query) => {
                    self.stack.truncate(1);
                    let (desk, find) = self.find();
                    find.limits.clear();
                    find.query = query;
                    find.search(desk);
                }
            }
        }
        let area = self.desk.area();
        if let Some(screen) = self.stack.last_mut() {
            screen.fit(&mut self.desk, area);
        }
        if let Some(picker) = &mut self.picker {
            picker.place.show(usize::from(area.height.saturating_sub(4)), picker.items.len());
        }
        let effects = std::mem::take(&mut self.desk.effects);
        self.writing |=
            effects.iter().any(|e| matches!(e, Effect::Draft { .. } | Effect::Answers { .. } | Effect::Paste { .. }));
        effects
    }

    fn back(&mut self) {
        if self.stack.len() > 1 {
            if let Some(mut closed) = self.stack.pop() {
                closed.close(&mut self.desk);
            }
            return;
        }
        let (desk, find) = self.find();
        if find.limits.pop().is_some() {
            find.search(desk);
        } else {
            let quit = desk.keys.key(screen::find::KIND.scope, Action::Quit);
            desk.say(format!("this is the first screen; {quit} quits"));
        }
    }
}

/// Takes what happened; returns what is to be done.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) if key.kind == KeyEventKind::Release => {}
        Msg::Key(key) => press(model, key),
        Msg::Paste(text) => {
            if let Some(prompt) = &mut model.prompt {
                prompt.input.insert(&text);
                answer::typed(model, Typed::Changed);
            } else {
                let count = plural(text.chars().count() as u64, "character", "characters");
                model.desk.warn(format!("{count} were pasted where nothing is typed, and dropped"));
            }
        }
        Msg::Quiet => model.burst.end(),
        Msg::Resize(columns, rows) => model.desk.size = (columns, rows),
        other => news::take(model, other),
    }
    model.settle()
}

fn press(model: &mut Model, key: KeyEvent) {
    let press = Press::from(key);
    if burst::is_heard(press) {
        model.burst.end();
    } else {
        if model.is_loading() {
            model.burst.begin();
        }
        let scope = model.top().kind().scope;
        let plain = model.prompt.is_none() && model.help.is_none() && model.picker.is_none();
        let deed = model.desk.keys.action(scope, press).is_none_or(|action| model.top().is_deed(action));
        // A digit begins the number of a link.
        let digit = matches!(press.code, KeyCode::Char('1'..='9')) && model.top().has_links();
        if model.burst.is_hasty() && (model.burst.drops() || model.writing || (plain && deed && !digit)) {
            let lost = model.burst.lose(press);
            model.desk.warn(lost);
            return;
        }
    }
    if let Some(confirm) = model.confirm.take() {
        if press == (Press { code: KeyCode::Char('y'), control: true, alt: false }) {
            model.desk.effects.extend(confirm.effect);
        } else if confirm.effect.is_some() {
            model.desk.say("nothing was done");
        }
        return;
    }
    if let Some(prompt) = &mut model.prompt {
        let typed = if typing::key(&model.desk, prompt, key) { Typed::Changed } else { prompt.input.key(key) };
        answer::typed(model, typed);
        return;
    }
    let scope = model.top().kind().scope;
    let action = model.desk.keys.action(scope, press);
    if model.help.is_some() {
        help(model, action);
    } else if model.picker.is_some() {
        pick(model, press, action);
    } else {
        model.desk.notice = None;
        match action {
            Some(action) => act(model, action),
            None => stray(model, press),
        }
    }
}

/// A digit begins the number of a link.
fn stray(model: &mut Model, press: Press) {
    if let KeyCode::Char(digit @ '1'..='9') = press.code
        && !press.control
        && !press.alt
        && model.top().has_links()
    {
        model.prompt = Some(Prompt::new(Asked::Link, digit.to_string()));
    }
}

fn help(model: &mut Model, action: Option<Action>) {
    let rows = model.desk.area().height;
    let len = screen::help::lines(&model.desk.keys, model.top().kind().scope).len();
    let Some(place) = &mut model.help else { return };
    match action.and_then(|a| movement(a, rows)) {
        Some(by) => place.top = place.top.saturating_add_signed(by).min(len.saturating_sub(usize::from(rows) / 2)),
        None => model.help = None,
    }
}

fn pick(model: &mut Model, press: Press, action: Option<Action>) {
    let rows = model.desk.area().height;
    let Some(picker) = &mut model.picker else { return };
    let own = match press.code {
        KeyCode::Char(c) if c != ' ' && !press.control && !press.alt => {
            picker.items.iter().position(|(key, ..)| *key == c)
        }
        _ => None,
    };
    match (own, action.and_then(|a| movement(a, rows)), action) {
        (Some(at), ..) => picker.place.at = at,
        (None, Some(by), _) => {
            picker.place.step(by, picker.items.len());
            return;
        }
        (None, None, Some(Action::Enter)) => {}
        (None, None, Some(Action::Back | Action::Cancel | Action::Quit | Action::Menu)) => {
            model.picker = None;
            return;
        }
        _ => return,
    }
    let chosen = picker.items.get(picker.place.at).map(|(_, _, choice)| choice.clone());
    model.picker = None;
    if let Some(choice) = chosen {
        choose(model, choice);
    }
}

fn choose(model: &mut Model, choice: Choice) {
    match choice {
        Choice::Act(action) => act(model, action),
        Choice::Lineage(slug) => lineage::open(&mut model.desk, &slug, None),
        Choice::Query(name) => {
            if let Some(query) = model.desk.review.saved.get(&name) {
                model.desk.go.push(Go::Query(query.clone()));
            }
        }
        Choice::Save => {
            let query = model.find().1.whole_query();
            model.prompt = Some(Prompt::new(Asked::Save(query), ""));
        }
        Choice::Draft(path) => model.desk.effects.push(Effect::LookAtDraft(path)),
        Choice::Drafts => draft::list(&mut model.desk),
        Choice::Export => model.prompt = Some(Prompt::new(Asked::Export, "provenance-review.json")),
        other => {
            let Model { desk, stack, .. } = model;
            if let Some(screen) = stack.last_mut() {
                screen.choose(desk, other);
            }
        }
    }
}

/// Does what a key or a command asks for.
fn act(model: &mut Model, action: Action) {
    let Model { desk, stack, .. } = model;
    let Some(screen) = stack.last_mut() else { return };
    match action {
        Action::Quit => {
            if !desk.drafts.is_empty() {
                let kept = plural(desk.drafts.len() as u64, "draft is kept", "drafts are kept");
                desk.say(format!("{kept} in state/drafts"));
            }
            desk.effects.push(Effect::Quit);
        }
        Action::Help => model.help = Some(Place::default()),
        Action::Command => model.prompt = Some(Prompt::new(Asked::Command, "")),
        Action::Search => model.prompt = Some(Prompt::new(Asked::Search, "")),
        Action::Suspend => desk.effects.push(Effect::Suspend),
        Action::Redraw => desk.effects.push(Effect::Redraw),
        Action::Shell => desk.go.push(Go::Confirm(Confirm {
            title: "a shell".to_owned(),
            lines: vec!["Your shell gets the terminal; its end leads back here.".to_owned()],
            effect: Some(Effect::Shell),
        })),
        Action::Back => desk.go.push(Go::Pop),
        // Find has more to cancel.
        Action::Cancel if screen.kind().scope != screen::find::KIND.scope => desk.search.clear(),
        Action::Menu => {
            let mut items = screen.menu(desk);
            items.push(('d', format!("drafts ({})", desk.drafts.len()), Choice::Drafts));
            items.push(('x', "export verdicts, notes and remarks".to_owned(), Choice::Export));
            desk.go.push(Go::Pick(Picker { title: "actions".to_owned(), items, place: Place::default() }));
        }
        Action::Lab if screen.kind().scope != lab::KIND.scope => {
            let slugs = screen.mechanisms();
            lab::open(desk, slugs);
        }
        Action::Open(name) => {
            if let Some(kind) = screen::ALL.iter().find(|kind| kind.scope.0 == name) {
                answer::open(model, kind);
            }
        }
        action => screen.act(desk, action),
    }
}

#[cfg(test)]
mod tests;
