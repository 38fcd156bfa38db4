//! A [`Plan`] into what tantivy runs, and the two queries that tantivy lacks.

use std::ops::Bound;

use tantivy::columnar::Column;
use tantivy::index::SegmentReader;
use tantivy::query::{
    AllQuery, BooleanQuery, BoostQuery, ConstScorer, EmptyQuery, EnableScoring, Explanation, InvertedIndexRangeQuery,
    Occur, PhraseQuery, Query, RangeQuery, Scorer, TermQuery, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, Score, TERMINATED, Term};

use super::{IdSet, Match, Plan};

/// The widest `ADJ` and `NEAR`; each distance of an `ADJ` is tried.
const MAX_DISTANCE: u32 = 20;

/// What tantivy runs.
pub(super) fn query(plan: &Plan) -> Box<dyn Query> {
    match plan {
        Plan::All => Box::new(AllQuery),
        Plan::Nothing(_) => Box::new(EmptyQuery),
        Plan::And(members) => {
            // What is negated is taken away from the rest; nothing is taken away from everything but where there
            // is no rest.
            let mut clauses: Vec<_> = members
                .iter()
                .map(|member| match member {
                    Plan::Not(inner) => (Occur::MustNot, query(inner)),
                    member => (Occur::Must, query(member)),
                })
                .collect();
            if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
                clauses.push((Occur::Must, Box::new(AllQuery)));
            }
            Box::new(BooleanQuery::new(clauses))
        }
        Plan::Or(members) => any(members.iter().map(query).collect()),
        Plan::Xor(members) => Box::new(XorQuery { members: members.iter().map(query).collect() }),
        Plan::Not(inner) => {
            Box::new(BooleanQuery::new(vec![(Occur::Must, Box::new(AllQuery)), (Occur::MustNot, query(inner))]))
        }
        Plan::Words(fields, found) => any(fields.iter().map(|field| words(field.text, found)).collect()),
        Plan::Ident(field, parts, boost) => Box::new(BoostQuery::new(phrase(*field, parts), *boost)),
        Plan::Term(_, field, text) => term(*field, text, IndexRecordOption::Basic),
        Plan::Prefix(_, field, text) => prefix(*field, text),
        Plan::Signed(_, field, from, to) => {
            range(from.map(|n| Term::from_field_i64(*field, n)), to.map(|n| Term::from_field_i64(*field, n)))
        }
        Plan::Unsigned(_, field, from, to) => {
            range(from.map(|n| Term::from_field_u64(*field, n)), to.map(|n| Term::from_field_u64(*field, n)))
        }
        Plan::InSet(field, set, _) => Box::new(IdSetQuery { field, set: set.clone() }),
        Plan::Macro(_, inner) => query(inner),
    }
}

fn any(mut members: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match members.len() {
        0 => Box::new(EmptyQuery),
        1 => members.remove(0),
        _ => Box::new(BooleanQuery::union(members)),
    }
}

fn term(field: Field, text: &str, record: IndexRecordOption) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), record))
}

fn phrase(field: Field, words: &[String]) -> Box<dyn Query> {
    match words {
        [] => Box::new(EmptyQuery),
        [word] => term(field, word, IndexRecordOption::WithFreqs),
        _ => Box::new(PhraseQuery::new(words.iter().map(|w| Term::from_field_text(field, w)).collect())),
    }
}

/// Terms with this beginning, from the ordered dictionary.
fn prefix(field: Field, text: &str) -> Box<dyn Query> {
    let end = format!("{text}{}", char::MAX);
    Box::new(InvertedIndexRangeQuery::new(
        Bound::Included(Term::from_field_text(field, text)),
        Bound::Excluded(Term::from_field_text(field, &end)),
    ))
}

fn range(from: Option<Term>, to: Option<Term>) -> Box<dyn Query> {
    if from.is_none() && to.is_none() {
        return Box::new(AllQuery);
    }
    let bound = |end: Option<Term>| end.map_or(Bound::Unbounded, Bound::Included);
    Box::new(RangeQuery::new(bound(from), bound(to)))
}

fn words(field: crate::schema::Text, found: &Match) -> Box<dyn Query> {
    match found {
        // A word that is its own stem is indexed as an exact word alone, see `terms::StemTokenizer`.
        Match::Stem(stem) if crate::terms::stem(stem) == *stem => any(vec![
            term(field.stem, stem, IndexRecordOption::Basic),
            term(field.exact, stem, IndexRecordOption::WithFreqs),
        ]),
        Match::Stem(stem) => term(field.stem, stem, IndexRecordOption::Basic),
        Match::Exact(words) => phrase(field.exact, words),
        Match::Prefix(text) => prefix(field.exact, text),
        Match::Adj(words, distance) => {
            let terms: Vec<_> = words.iter().map(|w| Term::from_field_text(field.exact, w)).collect();
            let spare = (*distance).clamp(1, MAX_DISTANCE) as usize - 1;
            let all = offsets(terms.len(), spare).into_iter().map(|at| {
                let placed = at.into_iter().zip(terms.iter().cloned()).collect();
                Box::new(PhraseQuery::new_with_offset(placed)) as Box<dyn Query>
            });
            any(all.collect())
        }
        Match::Near(words, distance) => {
            let slop = (*distance).clamp(1, MAX_DISTANCE) - 1;
            let all = orders(words.len()).into_iter().map(|order| {
                let placed = order.iter().map(|&n| Term::from_field_text(field.exact, &words[n])).enumerate();
                Box::new(PhraseQuery::new_with_offset_and_slop(placed.collect(), slop)) as Box<dyn Query>
            });
            any(all.collect())
        }
    }
}

/// All places of `count` words in order with at most `spare` others among them.
fn offsets(count: usize, spare: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![0]];
    for _ in 1..count {
        let longer = all.iter().flat_map(|places: &Vec<usize>| {
            let last = places[places.len() - 1];
            let used = last - (places.len() - 1);
            (0..=spare - used).map(move |gap| {
                let mut places = places.clone();
                places.push(last + 1 + gap);
                places
            })
        });
        all = longer.take(1000).collect();
    }
    all
}

/// All orders of a few words.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![vec![]];
    for _ in 0..count {
        all = all
            .iter()
            .flat_map(|order| (0..count).filter(|n| !order.contains(n)).map(move |n| [order.as_slice(), &[n]].concat()))
            .collect();
    }
    all
}

/// Documents in ascending order.
struct Found {
    docs: Vec<DocId>,
    at: usize,
}

impl DocSet for Found {
    fn advance(&mut self) -> DocId {
        self.at += 1;
        self.doc()
    }

    fn doc(&self) -> DocId {
        self.docs.get(self.at).copied().unwrap_or(TERMINATED)
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.at += self.docs.get(self.at..).map_or(0, |rest| rest.partition_point(|&doc| doc < target));
        self.doc()
    }

    fn size_hint(&self) -> u32 {
        self.docs.len() as u32
    }
}

/// The copies whose value of a fast u64 field is in a set. Scans the column.
#[derive(Clone, Debug)]
pub struct IdSetQuery {
    field: &'static str,
    set: IdSet,
}

impl IdSetQuery {
    /// `field` is the name of a fast u64 field: `key` or `mid_hash`.
    pub fn new(field: &'static str, set: IdSet) -> IdSetQuery {
        IdSetQuery { field, set }
    }
}

impl Query for IdSetQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for IdSetQuery {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut found = Vec::new();
        if !self.set.is_empty() {
            let column: Column<u64> = reader.fast_fields().u64(self.field)?;
            found.extend((0..reader.max_doc()).filter(|&doc| column.first(doc).is_some_and(|v| self.set.contains(&v))));
        }
        Ok(Box::new(ConstScorer::new(Found { docs: found, at: 0 }, boost)))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        explain(self, "in the set", reader, doc)
    }
}

/// The copies that an odd number of queries match.
#[derive(Debug)]
pub struct XorQuery {
    members: Vec<Box<dyn Query>>,
}

impl Clone for XorQuery {
    fn clone(&self) -> XorQuery {
        XorQuery { members: self.members.iter().map(|m| m.box_clone()).collect() }
    }
}

impl Query for XorQuery {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let members = self.members.iter().map(|m| m.weight(scoring)).collect::<tantivy::Result<_>>()?;
        Ok(Box::new(XorWeight { members }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        self.members.iter().for_each(|m| m.query_terms(visitor));
    }
}

struct XorWeight {
    members: Vec<Box<dyn Weight>>,
}

impl Weight for XorWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let mut odd = vec![false; reader.max_doc() as usize];
        for member in &self.members {
            let mut scorer = member.scorer(reader, 1.0)?;
            let mut doc = scorer.doc();
            while doc != TERMINATED {
                odd[doc as usize] ^= true;
                doc = scorer.advance();
            }
        }
        let found: Vec<DocId> = (0..reader.max_doc()).filter(|&doc| odd[doc as usize]).collect();
        Ok(Box::new(ConstScorer::new(Found { docs: found, at: 0 }, boost)))
    }

    fn explain(&self, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        explain(self, "an odd number match", reader, doc)
    }
}

fn explain(weight: &dyn Weight, why: &'static str, reader: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
    let mut scorer = weight.scorer(reader, 1.0)?;
    if scorer.seek(doc) == doc {
        Ok(Explanation::new(why, 1.0))
    } else {
        Err(tantivy::TantivyError::InvalidArgument(format!("document {doc} does not match")))
    }
}
