//! What a query asks of the index while it is lowered: sets of mails, threads, mechanisms.

use std::sync::Arc;

use provenance_corpus::catalogue::Catalogue;
use rustc_hash::FxHashSet;
use tantivy::Searcher;
use tantivy::query::Query;

use crate::collapse::{Collapse, Dedup, Sort};
use crate::links::edge::{Kind, commit_node};
use crate::query::lower::{Context, IdSet, MechanismMacro};
use crate::reader::Reader;
use crate::schema::Fields;

/// Mails, or the catalogue's events, as the world of one query.
pub struct Scope<'a> {
    /// What sub-queries run over.
    pub searcher: &'a Searcher,
    /// Threads; events have none.
    pub reader: Option<&'a Reader>,
    /// The fields.
    pub fields: &'a Fields,
    /// The mechanisms that a query may name.
    pub catalogue: &'a Catalogue,
    /// Seconds since 1970.
    pub now: i64,
    /// Whether commits are known, though what is searched are events, which belong to none.
    pub commits: bool,
    /// Whether bare words search parts of identifiers too.
    pub ident_in_default: bool,
}

impl Scope<'_> {
    /// The values of one column of all copies that match.
    fn column(&self, query: &dyn Query, dedup: Dedup) -> tantivy::Result<FxHashSet<u64>> {
        let collapse = Collapse { dedup, sort: Sort::Date, as_of: None };
        let entries = self.searcher.search(query, &collapse)?;
        Ok(entries.into_iter().map(|e| if dedup == Dedup::Content { e.key } else { e.mid_hash }).collect())
    }
}

impl Context for Scope<'_> {
    fn fields(&self) -> &Fields {
        self.fields
    }

    fn now(&self) -> i64 {
        self.now
    }

    fn keys_of(&self, query: &dyn Query) -> tantivy::Result<IdSet> {
        self.column(query, Dedup::Content).map(Arc::new)
    }

    fn threads_of(&self, query: &dyn Query) -> tantivy::Result<IdSet> {
        let ids = self.column(query, Dedup::MessageId)?;
        let Some(reader) = self.reader else { return Ok(Arc::new(ids)) };
        let ids: Vec<u64> = ids.into_iter().collect();
        let members = reader.threads_of(&ids).map_err(|e| tantivy::TantivyError::InternalError(crate::chain(&e)))?;
        Ok(Arc::new(members.into_iter().collect()))
    }

    fn mechanism(&self, name: &str) -> Result<MechanismMacro, Option<String>> {
        let mechanism = self.catalogue.mechanism(name).map_err(|unknown| unknown.near.into_iter().next())?;
        Ok(MechanismMacro {
            id: mechanism.slug.to_string(),
            aliases: mechanism.name.iter().chain(&mechanism.aliases).cloned().collect(),
            symbols: mechanism.symbols.iter().map(|symbol| symbol.name.clone()).collect(),
            paths: mechanism.paths.clone(),
            message_ids: self.catalogue.mails_of(&mechanism.slug).map(ToString::to_string).collect(),
        })
    }

    fn landed(&self, yes: bool) -> Option<IdSet> {
        let Some(reader) = self.reader else { return self.commits.then(IdSet::default) };
        reader.links.graph.landed(yes).ok().flatten().map(Arc::new)
    }

    fn commit(&self, hash: &str) -> Option<IdSet> {
        let Some(reader) = self.reader else { return self.commits.then(IdSet::default) };
        let graph = &reader.links.graph;
        let mut mails = FxHashSet::default();
        for id in graph.commits(hash).ok()? {
            for edge in graph.edges(commit_node(&id)).ok()? {
                if edge.kind.is_made() || matches!(edge.kind, Kind::Tells | Kind::Backport) {
                    mails.insert(edge.from);
                }
            }
        }
        graph.has_commits().ok()?.then(|| Arc::new(mails))
    }

    fn ident_in_default(&self) -> bool {
        self.ident_in_default
    }
}
