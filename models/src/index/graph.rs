//! The graph index: a hierarchical navigable small world (Malkov and Yashunin, 2018) by `usearch`, over plain dot
//! products.
//!
//! The graph is built once for a release's items and never changed. An item that appears, changes its vector or
//! vanishes afterwards is left out of the walk, and scanned exactly if it is still there; so a change is seen
//! by the next search, and a list never depends on the order of changes. What the graph finds is scored again
//! from the rows, so that scores equal those of the exact index to the last bit.
//!
//! Filters are applied during the walk, which then has to walk further: where a filter lets few items pass,
//! scanning those is faster and misses nothing: the cheaper of the two is done.
//!
//! # Why this library
//! Measured on one core of a busy 2-core machine: 100,000 items of 64 dimensions around 300 tastes, log-normal
//! norms, best 20, no filter, plain walks of breadth 64, 128 and 256.
//!
//! | library | crate builds in | graph built in | a query, its recall | kept as |
//! |---|---|---|---|---|
//! | `usearch` 2.26, own kernels | 40 s | 18 s | 0.11 ms .904, 0.21 ms .961, 0.39 ms .981 | bytes |
//! | the same, vectors in 16 bits | 40 s | 75 s | 0.42 ms .904 | bytes |
//! | `usearch` 2.26 with `numkong` | 380 s | 20 s | 0.11 ms .904, 0.24 ms .961, 0.46 ms .981 | bytes |
//! | `hnsw_rs` 0.3.5 | 60 s, and 25 crates | 94 s | 0.57 ms .943, 1.07 ms .977, 1.82 ms .988 | files |
//!
//! At 128 dimensions: `usearch` built in 29 s, 0.16 ms .899, 0.29 ms .938, 0.61 ms .965; `hnsw_rs` in 95 s, 0.68 ms
//! .926, 1.25 ms .959, 2.43 ms .975. So it is `usearch`, without its optional kernels. Its graph depends on the order
//! of insertion alone as long as one thread inserts, so one thread does: the same items give the same bytes and
//! the same lists.
//!
//! The textbook detour for dot products, appending `√(M² − ‖x‖²)` to make it a distance, is deliberately absent:
//! it lowered recall from .98 to .33.

use super::exact::{ExactIndex, Hunt};
use super::rows::ItemRows;
use super::{ItemIndex, Query};
use crate::ids::ItemIx;
use crate::payload::Payload;
use crate::ranking::Scored;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

/// How a graph is built and walked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphParams {
    /// Links per item; twice as many on the lowest level. In [4, 128].
    pub links: usize,
    /// Candidates kept while an item is linked: more builds slower and finds more. In [16, 4096].
    pub build_breadth: usize,
    /// Candidates kept while a query walks: the trade between time and recall. The recall probe widens it where a
    /// large catalogue needs more. In [16, 4096].
    pub search_breadth: usize,
}

impl Default for GraphParams {
    fn default() -> Self {
        Self { links: 16, build_breadth: 128, search_breadth: 192 }
    }
}

impl GraphParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a value outside its range.
    pub fn check(&self) -> crate::Result<()> {
        let fields = [
            ("links", self.links, 4..=128, "in [4, 128]"),
            ("build_breadth", self.build_breadth, 16..=4096, "in [16, 4096]"),
            ("search_breadth", self.search_breadth, 16..=4096, "in [16, 4096]"),
        ];
        match fields.into_iter().find(|(_, value, range, _)| !range.contains(value)) {
            Some((name, value, _, expected)) => {
                Err(crate::Error::OutOfRange { name, value: value.to_string(), expected })
            }
            None => Ok(()),
        }
    }

    fn options(&self, dimensions: usize) -> IndexOptions {
        IndexOptions {
            dimensions,
            metric: MetricKind::IP,
            quantization: ScalarKind::F32,
            connectivity: self.links,
            expansion_add: self.build_breadth,
            expansion_search: self.search_breadth,
            multi: false,
        }
    }
}

/// Streams of random levels that insertions take in turn. The library has one per processor unless it is told of
/// more; told of more than any machine has, it draws the same levels on all of them.
const STREAMS: usize = 512;
/// What one unit of breadth costs a walk, in rows of a scan's pass.
const WALK_COST: usize = 300;
/// A filter makes a walk miss more, so it is made wider.
const FILTERED_BREADTH: usize = 2;
/// How much more a unit of breadth costs a filtered walk, before the rows that it passes in vain.
const FILTERED_COST: usize = 2;

/// Items, found by walking a graph.
pub struct GraphIndex {
    exact: ExactIndex,
    graph: Index,
    /// The rows that the graph does not know, or knows with another vector.
    changed: BTreeSet<usize>,
    search_breadth: usize,
}

/// Links all items into a graph, as bytes that [`GraphIndex::new`] takes and a release keeps.
///
/// One thread does it: 100,000 items of 64 dimensions take about 20 s.
///
/// # Errors
/// [`crate::Error::OutOfRange`] for the parameters; [`crate::Error::Unreadable`] when the library fails, as it does
/// when memory is short.
pub fn link(rows: &ItemRows, params: &GraphParams) -> crate::Result<Vec<u8>> {
    params.check()?;
    let graph = Index::new(&params.options(rows.dimensions())).map_err(|e| failed(&e))?;
    graph.reserve_capacity_and_threads(rows.len(), STREAMS).map_err(|e| failed(&e))?;
    for row in rows.present().iter() {
        graph.add(row as u64, rows.vector(row)).map_err(|e| failed(&e))?;
    }
    let mut bytes = vec![0; graph.serialized_length()];
    graph.save_to_buffer(&mut bytes).map_err(|e| failed(&e))?;
    Ok(bytes)
}

impl GraphIndex {
    /// The scan that stands behind it.
    pub fn into_exact(self) -> ExactIndex {
        self.exact
    }

    /// Takes up a graph that [`link`] made of the same items in the same order.
    ///
    /// The bytes are trusted: check a release's checksums first, and [`super::probe`] afterwards.
    ///
    /// # Errors
    /// [`crate::Error::Unreadable`] when they are not a graph; [`crate::Error::Shape`] when they are one of other
    /// items; [`crate::Error::OutOfRange`] for the parameters.
    pub fn new(bytes: &[u8], exact: ExactIndex, params: &GraphParams) -> crate::Result<Self> {
        params.check()?;
        let rows = exact.rows();
        let shape = |count: usize, dimensions: usize| format!("{count} vectors of {dimensions} dimensions");
        let expected = shape(rows.present().count(), rows.dimensions());
        let found = Index::metadata_from_buffer(bytes).map_err(|e| failed(&e))?;
        let found = shape(found.count_present as usize, found.dimensions as usize);
        if found != expected {
            return Err(crate::Error::Shape { what: "the graph".into(), expected, found });
        }
        let graph = Index::new(&params.options(rows.dimensions())).map_err(|e| failed(&e))?;
        graph.load_from_buffer(bytes).map_err(|e| failed(&e))?;
        Ok(Self { exact, graph, changed: BTreeSet::new(), search_breadth: params.search_breadth })
    }

    /// The exact index of the same items.
    pub fn exact(&self) -> &ExactIndex {
        &self.exact
    }

    /// Doubles the breadth of walks, as long as they cost less than a scan; whether it did.
    pub(super) fn widen(&mut self) -> bool {
        let wider = self.search_breadth * 2;
        let pays = wider.saturating_mul(WALK_COST) < self.exact.scan_cost(self.exact.rows().len());
        if pays {
            self.search_breadth = wider;
        }
        pays
    }

    /// Whether scanning costs less than walking, for a query that admits so many rows.
    fn is_selective(&self, admitted: usize, n: usize) -> bool {
        let mut walk = self.search_breadth.max(n).saturating_mul(WALK_COST);
        if self.is_filtered(admitted) {
            // Such a walk passes by rows that are not admitted, the more the fewer are.
            let filtered = walk.saturating_mul(FILTERED_BREADTH * FILTERED_COST);
            walk = filtered.saturating_mul(self.exact.rows().len()) / admitted.max(1);
        }
        self.exact.scan_cost(admitted) <= walk
    }

    /// Whether so many rows are not admitted that a walk has to know. A few, such as what a customer owns, are left
    /// out of what it found.
    fn is_filtered(&self, admitted: usize) -> bool {
        admitted < self.exact.rows().len() / 10 * 9
    }

    /// Walks the graph and scans the rows that it does not know; whether that found all that was asked for. A walk
    /// may fail when more searches than the machine has processors are under way; a scan answers then.
    fn walk(&self, hunt: &mut Hunt<'_>, admitted: usize) -> bool {
        let rows = self.exact.rows();
        let wanted = hunt.query.n.min(admitted);
        let admitted_rows = Arc::clone(&hunt.admitted);
        let admits = |row: usize| admitted_rows.contains(row) && !self.changed.contains(&row);
        // The library walks as wide as it is asked for items, and all that it finds are scored again.
        let breadth = self.search_breadth.max(wanted + hunt.query.exclude.len());
        let found = if self.is_filtered(admitted) {
            let breadth = breadth * FILTERED_BREADTH;
            self.graph.filtered_search(hunt.query.vector, breadth, |row| admits(row as usize))
        } else {
            self.graph.search(hunt.query.vector, breadth)
        };
        let Ok(found) = found else { return false };
        let found = found.keys.iter().map(|&row| row as usize).filter(|&row| admits(row));
        let changed = self.changed.iter().copied().filter(|&row| admitted_rows.contains(row));
        found.chain(changed).for_each(|row| hunt.look(rows, row));
        hunt.found() == wanted
    }
}

impl ItemIndex for GraphIndex {
    fn dimensions(&self) -> usize {
        self.exact.dimensions()
    }

    fn len(&self) -> usize {
        self.exact.len()
    }

    fn search(&self, queries: &[Query<'_>]) -> crate::Result<Vec<Vec<Scored>>> {
        let mut hunts = Hunt::all(self.exact.rows(), queries)?;
        let mut unmet = Vec::new();
        for hunt in &mut hunts {
            let admitted = hunt.admitted.count();
            if self.is_selective(admitted, hunt.query.n) || !self.walk(hunt, admitted) {
                hunt.restart();
                unmet.push(hunt);
            }
        }
        self.exact.scan(&mut unmet);
        Ok(hunts.into_iter().map(Hunt::finish).collect())
    }

    fn upsert(&mut self, item: ItemIx, vector: &[f32], payload: &Payload) -> crate::Result<()> {
        let known = self.exact.rows().row(item);
        let same_vector = known.is_some_and(|row| self.exact.rows().vector(row) == vector);
        let row = self.exact.set(item, vector, payload)?;
        if !same_vector {
            self.changed.insert(row);
        }
        Ok(())
    }

    fn delete(&mut self, item: ItemIx) {
        self.exact.delete(item);
    }
}

fn failed(reason: &impl std::fmt::Display) -> crate::Error {
    crate::Error::Unreadable { part: "the graph".into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::probe;
    use super::super::twin::{Twin, only_even, parity};
    use super::*;
    use crate::payload::Filter;

    /// Walks even catalogues that are small enough for a test.
    const PARAMS: GraphParams = GraphParams { links: 8, build_breadth: 32, search_breadth: 16 };

    fn built(twin: &Twin, dimensions: usize) -> GraphIndex {
        let mut exact = ExactIndex::new(dimensions).unwrap();
        twin.fill(&mut exact);
        GraphIndex::new(&link(exact.rows(), &PARAMS).unwrap(), exact, &PARAMS).unwrap()
    }

    fn ask<'a>(vector: &'a [f32], filter: &'a Filter, exclude: &'a [ItemIx]) -> Query<'a> {
        Query { vector, n: 10, filter, exclude }
    }

    #[test]
    fn a_walk_finds_most_of_the_truth_with_its_scores_and_only_what_may_be_found() {
        let twin = Twin::random(10_000, 16, 3);
        let graph = built(&twin, 16);
        assert!(!graph.is_selective(10_000, 10) && graph.is_selective(100, 10));
        for (filter, exclude) in [(Filter::default(), vec![]), (only_even(), vec![ItemIx(4), ItemIx(6)])] {
            let (mut truth, mut found) = (Vec::new(), Vec::new());
            for (vector, _) in twin.0.values().step_by(100) {
                let query = ask(vector, &filter, &exclude);
                let mut hunts = Hunt::all(graph.exact().rows(), &[query]).unwrap();
                let admitted = hunts[0].admitted.count();
                assert!(graph.walk(&mut hunts[0], admitted), "a walk finds as many as are asked for");
                found.extend(hunts.into_iter().map(Hunt::finish));
                truth.push(twin.search(&Query { n: usize::MAX, ..query }));
            }
            for (truth, found) in truth.iter_mut().zip(&found) {
                assert!(
                    found.iter().all(|hit| truth.contains(hit)),
                    "what is found may be found and has its score"
                );
                truth.truncate(10);
            }
            let recall = probe::recall(&truth, &found);
            assert!((0.8..1.0).contains(&recall), "a narrow walk finds much, but not all: {recall}");
        }
    }

    #[test]
    fn changes_are_seen_by_the_next_search() {
        let twin = Twin::random(10_000, 16, 3);
        let mut graph = built(&twin, 16);
        let filter = Filter::default();
        let vector: Vec<f32> = twin.0[&ItemIx(0)].0.iter().map(|number| number * 100.0).collect();
        let best = |graph: &GraphIndex| graph.search(&[ask(&vector, &filter, &[])]).unwrap()[0][0].item;

        graph.upsert(ItemIx(77_777), &vector, &parity(0)).unwrap();
        assert_eq!(best(&graph), ItemIx(77_777), "a new item");
        graph.delete(ItemIx(77_777));
        let before = best(&graph);
        assert_ne!(before, ItemIx(77_777), "a deleted item");
        graph.upsert(before, &[0.0; 16], &parity(0)).unwrap();
        assert_ne!(best(&graph), before, "an item with another vector");
        graph.upsert(ItemIx(77_777), &vector, &parity(1)).unwrap();
        assert_eq!(best(&graph), ItemIx(77_777), "an item that returns");
        let even = only_even();
        assert!(graph.search(&[ask(&vector, &even, &[])]).unwrap()[0].iter().all(|hit| hit.item.0 % 2 == 0));
    }

    #[test]
    fn the_same_items_give_the_same_bytes_and_the_bytes_give_the_same_lists() {
        let twin = Twin::random(2_000, 16, 5);
        let (first, second) = (built(&twin, 16), built(&twin, 16));
        let bytes = |graph: &GraphIndex| link(graph.exact().rows(), &PARAMS).unwrap();
        assert!(bytes(&first) == bytes(&second), "building is deterministic");
        let filter = Filter::default();
        for (vector, _) in twin.0.values().step_by(20) {
            let query = ask(vector, &filter, &[]);
            assert_eq!(first.search(&[query]).unwrap(), second.search(&[query]).unwrap());
        }
    }

    #[test]
    fn bytes_of_another_catalogue_or_of_nothing_are_refused() {
        let twin = Twin::random(50, 4, 5);
        let bytes = link(built(&twin, 4).exact().rows(), &PARAMS).unwrap();
        let other = built(&Twin::random(51, 4, 5), 4).exact().clone();
        assert!(matches!(GraphIndex::new(&bytes, other, &PARAMS), Err(crate::Error::Shape { .. })));
        for length in [0, 1, 63, bytes.len() / 2] {
            let exact = built(&twin, 4).exact().clone();
            let cut = GraphIndex::new(&bytes[..length], exact, &PARAMS);
            assert!(matches!(cut, Err(crate::Error::Unreadable { .. })), "cut to {length}");
        }
        assert!(GraphParams { links: 1, ..PARAMS }.check().is_err());
    }

    #[test]
    fn the_probe_widens_walks_until_they_find_enough_and_refuses_what_cannot() {
        let params = GraphParams { links: 16, build_breadth: 64, search_breadth: 16 };
        let exact = |seed| {
            let mut exact = ExactIndex::new(16).unwrap();
            Twin::random(20_000, 16, seed).fill(&mut exact);
            exact
        };
        let bytes = link(exact(9).rows(), &params).unwrap();
        let mut graph = GraphIndex::new(&bytes, exact(9), &params).unwrap();
        let recall = probe::settle(&mut graph, 1).unwrap();
        assert!(recall >= probe::LEAST_RECALL && graph.search_breadth > 16, "{recall}");

        let mut mixed_up = GraphIndex::new(&bytes, exact(10), &params).unwrap();
        let refused = probe::settle(&mut mixed_up, 1).unwrap_err().to_string();
        assert!(refused.contains("recall"), "a graph over other vectors: {refused}");
    }
}
