//! Curated facts on each mechanism that patches kernel text: what it owns, what wrote text in which era, what happened
//! to it, and how it hangs together with the others. Facts with their evidence, never sentences of others.
//!
//! One TOML file per mechanism stands in `corpus/catalogue/` and is compiled in; files in a reader's own directory are
//! loaded after them by the same loader ([`Catalogue::with_files`]). An event has two dates: when it *happened* and
//! when it was *recorded*, that is, could first be known. Reading history as of a day means to hide what was recorded
//! later. Two kinds of edges, `similar-to` and `conflicts-with`, are somebody's judgement and count from the day
//! somebody wrote them.
//!
//! Built-in pages of the class `secondary` carry the day by which they had been read; nothing here is fetched.

mod error;
mod load;
mod model;
#[cfg(test)]
mod tests;
mod words;

pub use error::{CatalogueError, UnknownMechanism};
pub use model::{Claim, Class, Edge, EdgeKind, Event, Evidence, Figure, Kind, Mechanism, Owns, Source, Symbol};
pub use words::{Commit, Day, EventId, MechanismId, MessageId, Node, SLUG_MAX};

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::OnceLock;

/// The built-in files as `build.rs` wrote them: name and decoded content of each, in postcard.
static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/catalogue.postcard"));

/// All mechanisms with their events and edges, checked. Where only the built-in files make it up, it is decoded when it is
/// first asked: a query that no event answers needs nothing but its digest, and decoding is a fifth of such a query.
#[derive(Clone, Debug)]
pub struct Catalogue {
    facts: OnceLock<Facts>,
    digest: u64,
}

#[derive(Clone, Debug, Default)]
struct Facts {
    mechanisms: Vec<Mechanism>,
    events: Vec<Event>,
    edges: Vec<Edge>,
    by_name: FxHashMap<String, u32>,
    by_event: FxHashMap<String, u32>,
}

impl Default for Catalogue {
    /// No mechanism.
    fn default() -> Catalogue {
        Catalogue { facts: Facts::default().into(), digest: 0 }
    }
}

impl Catalogue {
    /// The catalogue that is compiled in.
    ///
    /// # Errors
    /// Only in a broken build; a test loads it.
    pub fn built_in() -> Result<Catalogue, CatalogueError> {
        Ok(Catalogue { facts: load::assemble(embedded()?)?.into(), digest: digest(&[]) })
    }

    /// The built-in catalogue, and after it every `*.toml` of `dir`, in the order of their names. A file may define a new
    /// mechanism, or add aliases, symbols, events and edges to one that is there (then it leaves `name` and `summary`
    /// out). A directory that does not exist adds nothing.
    ///
    /// # Errors
    /// The first thing that is wrong in any file, see [`CatalogueError`].
    pub fn with_files(dir: &Path) -> Result<Catalogue, CatalogueError> {
        let read_error = |path: &Path| {
            let path = path.to_owned();
            move |source| CatalogueError::Read { path, source }
        };
        let mut paths = Vec::new();
        match std::fs::read_dir(dir) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry.map_err(read_error(dir))?.path();
                    if path.extension().is_some_and(|e| e == "toml") {
                        paths.push(path);
                    }
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(read_error(dir)(e)),
        }
        if paths.is_empty() {
            return Ok(Catalogue { facts: OnceLock::new(), digest: digest(&[]) });
        }
        paths.sort();
        let mut files = embedded()?;
        let mut texts = Vec::with_capacity(paths.len());
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(read_error(&path))?;
            files.push(load::parse(&path.display().to_string(), &text)?);
            texts.push(text);
        }
        Ok(Catalogue { facts: load::assemble(files)?.into(), digest: digest(&texts) })
    }

    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| {
            // What is compiled in was loaded by a test, so that this fails in a broken build only.
            embedded().and_then(load::assemble).unwrap_or_else(|e| panic!("the built-in catalogue is wrong: {e}"))
        })
    }

    /// Tells catalogues apart: what is derived from one and kept on disk bears its digest. For
    /// [`Catalogue::from_toml`] it is 0.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// A catalogue of the given files alone, each a name for error messages and its TOML text.
    ///
    /// # Errors
    /// The first thing that is wrong in any file, see [`CatalogueError`].
    pub fn from_toml<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Catalogue, CatalogueError> {
        let files = files.into_iter().map(|(name, text)| load::parse(name, text));
        Ok(Catalogue { facts: load::assemble(files.collect::<Result<_, _>>()?)?.into(), digest: 0 })
    }

    /// All mechanisms, built-in ones by slug, then those of the reader's files.
    pub fn mechanisms(&self) -> &[Mechanism] {
        &self.facts().mechanisms
    }

    /// All events, by the day they happened, within a day in the order of the files.
    pub fn events(&self) -> &[Event] {
        &self.facts().events
    }

    /// All edges.
    pub fn edges(&self) -> &[Edge] {
        &self.facts().edges
    }

    /// Finds a mechanism by slug, name or alias; case, spaces, `_` and `-` do not matter (`static key` is `jump-label`).
    ///
    /// # Errors
    /// [`UnknownMechanism`], which lists names that look like it.
    pub fn mechanism(&self, name: &str) -> Result<&Mechanism, UnknownMechanism> {
        let facts = self.facts();
        if let Some(index) = facts.by_name.get(&normal(name)) {
            return Ok(&facts.mechanisms[*index as usize]);
        }
        let names = facts
            .mechanisms
            .iter()
            .flat_map(|m| std::iter::once(m.slug.as_str()).chain(m.aliases.iter().map(String::as_str)));
        let mut found = near(name, names);
        if found.is_empty() {
            found = facts.mechanisms.iter().map(|m| m.slug.to_string()).collect();
        }
        Err(UnknownMechanism { name: name.chars().take(SLUG_MAX).collect(), near: found })
    }

    /// Finds an event by its id.
    pub fn event(&self, id: &str) -> Option<&Event> {
        self.facts().event(id)
    }

    /// The events of one mechanism's own file, by the day they happened.
    pub fn events_of<'c>(&'c self, slug: &'c MechanismId) -> impl Iterator<Item = &'c Event> {
        self.events().iter().filter(move |e| e.mechanism == *slug)
    }

    /// Every mail that events and edges of one mechanism give as evidence; what `mech:` looks for beside words.
    pub fn mails_of<'c>(&'c self, slug: &'c MechanismId) -> impl Iterator<Item = &'c MessageId> {
        let events = self.events().iter().filter(move |e| e.mechanism == *slug || e.also.contains(slug));
        let edges = self.edges().iter().filter(move |e| e.mechanism == *slug);
        events.flat_map(|e| &e.evidence).chain(edges.flat_map(|e| &e.evidence)).filter_map(|e| e.mail.as_ref())
    }

    /// Every mail that anything gives as evidence; some more than once.
    pub fn mails(&self) -> impl Iterator<Item = &MessageId> {
        let events = self.events().iter().flat_map(|e| &e.evidence);
        events.chain(self.edges().iter().flat_map(|e| &e.evidence)).filter_map(|e| e.mail.as_ref())
    }
}

impl Facts {
    fn event(&self, id: &str) -> Option<&Event> {
        self.by_event.get(id).map(|i| &self.events[*i as usize])
    }

    fn is_slug(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|i| self.mechanisms[*i as usize].slug.as_str() == name)
    }
}

fn digest(texts: &[String]) -> u64 {
    let mut hasher = FxHasher::default();
    (EMBEDDED, texts).hash(&mut hasher);
    hasher.finish()
}

fn embedded() -> Result<Vec<load::Decoded>, CatalogueError> {
    let files: Vec<(String, Mechanism)> =
        postcard::from_bytes(EMBEDDED).map_err(|e| CatalogueError::Embedded(e.to_string()))?;
    Ok(files.into_iter().map(|(file, mechanism)| load::Decoded { file, mechanism }).collect())
}

/// One spelling for all: lower case, and a single hyphen for any run of spaces, `_` and `-`.
fn normal(name: &str) -> String {
    let words = name.split(|c: char| c.is_whitespace() || c == '_' || c == '-').filter(|w| !w.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}

/// At most five names that look like `wanted`, nearest first.
fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    // A name from a mail or a query may be long, and the distance costs the product of both lengths.
    let wanted: String = normal(wanted).chars().take(SLUG_MAX).collect();
    let mut seen = FxHashSet::default();
    let mut scored: Vec<(f64, &str)> = names
        .filter_map(|name| {
            let written = normal(name);
            let inside = wanted.len() >= 3 && (written.contains(&wanted) || wanted.contains(&written));
            let score = strsim::normalized_damerau_levenshtein(&wanted, &written) + if inside { 0.5 } else { 0.0 };
            (score >= 0.5 && seen.insert(written)).then_some((score, name))
        })
        .collect();
    // Stable: where two are equally near, the order of the catalogue decides.
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(5).map(|(_, name)| name.to_owned()).collect()
}
