//! The exact index: every item is looked at, most of them through one byte per number.
//!
//! One pass over the [coded rows](super::quantised) gives each row's upper bound for up to four queries; the rows
//! whose bound reaches the n-th best score so far are scored again in `f32`. The answer is that of a full `f32`
//! scan, not nearly but always. Blocks of rows too short to reach it are passed by: whoever adds long vectors first gains
//! most. Where a filter leaves few rows, those are scored in `f32` at once.
//!
//! Measured on one core of a busy 2-core machine, best 20, milliseconds a query:
//!
//! | items × dimensions | plain `f32` loop | here, alone | here, four in a pass |
//! |---|---|---|---|
//! | 2,000 × 64 | 0.042 | 0.017 | 0.016 |
//! | 20,000 × 64 | 0.44 | 0.13 | 0.12 |
//! | 100,000 × 64 | 3.0 | 0.66 | 0.58 |
//! | 100,000 × 128 | 12 | 1.0 | 0.93 |
//! | 400,000 × 64 | 24 | 2.7 | 2.4 |
//!
//! There is no size at which a plain scan would be faster, and so none is kept.

use super::bits::Bits;
use super::quantised::{BLOCK, QUERIES_PER_PASS, QuantisedQuery, QuantisedRows};
use super::rows::ItemRows;
use super::simd::pad;
use super::{ItemIndex, Query, check_vector};
use crate::ids::ItemIx;
use crate::payload::Payload;
use crate::ranking::{Scored, TopN};
use std::cmp::Reverse;
use std::sync::Arc;

/// A row picked out one by one costs about as much as this many rows of a pass.
const PICKED_COST: usize = 4;

/// Items, scanned.
#[derive(Clone, Debug)]
pub struct ExactIndex {
    rows: ItemRows,
    quantised: QuantisedRows,
}

impl ExactIndex {
    /// No items yet.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] unless `dimensions` is in `1..=MAX_DIMENSIONS`.
    pub fn new(dimensions: usize) -> crate::Result<Self> {
        Ok(Self { rows: ItemRows::new(dimensions)?, quantised: QuantisedRows::new(dimensions) })
    }

    /// The items, their vectors and attributes.
    pub fn rows(&self) -> &ItemRows {
        &self.rows
    }

    /// Adds or replaces an item, and says in which row.
    pub(super) fn set(&mut self, item: ItemIx, vector: &[f32], payload: &Payload) -> crate::Result<usize> {
        let row = self.rows.set(item, vector, payload)?;
        self.quantised.set(row, vector);
        Ok(row)
    }

    /// What a scan for a query that admits so many rows costs, in rows of a pass.
    pub(super) fn scan_cost(&self, admitted: usize) -> usize {
        self.rows.len().min(admitted.saturating_mul(PICKED_COST))
    }

    /// Finds the best of all admitted rows for several hunts, as many in one pass as a pass takes.
    pub(super) fn scan(&self, hunts: &mut [&mut Hunt<'_>]) {
        let (narrow, mut wide): (Vec<_>, Vec<_>) =
            hunts.iter_mut().partition(|hunt| self.scan_cost(hunt.admitted.count()) < self.rows.len());
        for hunt in narrow {
            let admitted = Arc::clone(&hunt.admitted);
            admitted.iter().for_each(|row| hunt.look(&self.rows, row));
        }
        for group in wide.chunks_mut(QUERIES_PER_PASS) {
            self.pass(group);
        }
    }

    fn pass(&self, hunts: &mut [&mut &mut Hunt<'_>]) {
        let coded: Vec<QuantisedQuery> = hunts.iter().map(|hunt| QuantisedQuery::new(&hunt.vector)).collect();
        let mut bounds = [[0.0; BLOCK]; QUERIES_PER_PASS];
        for start in (0..self.rows.len()).step_by(BLOCK) {
            let mut open: Vec<(&mut Hunt<'_>, &QuantisedQuery)> = hunts
                .iter_mut()
                .map(|hunt| &mut ***hunt)
                .zip(&coded)
                // A bound that is not a number, from vectors of absurd size, rules nothing out.
                .filter(|(hunt, query)| {
                    let beaten = self.quantised.block_bound(start, query) < hunt.top.threshold();
                    !beaten
                })
                .collect();
            let queries: Vec<&QuantisedQuery> = open.iter().map(|(_, query)| *query).collect();
            let length = self.quantised.upper_bounds(start, &queries, &mut bounds);
            for ((hunt, _), bounds) in open.iter_mut().zip(&bounds) {
                let mut threshold = hunt.top.threshold();
                for (row, &bound) in (start..).zip(&bounds[..length]) {
                    let beaten = bound < threshold;
                    if !beaten && hunt.admitted.contains(row) {
                        hunt.look(&self.rows, row);
                        threshold = hunt.top.threshold();
                    }
                }
            }
        }
    }
}

/// Puts long vectors first: they score high, so that a scan which meets them first leaves many short ones unread.
pub fn longest_first<T>(points: &mut [T], vector: impl Fn(&T) -> &[f32]) {
    let squares = |point: &T| vector(point).iter().map(|number| number * number).sum::<f32>();
    // The bits of numbers that are not negative are in the order of the numbers.
    points.sort_by_cached_key(|point| Reverse(squares(point).to_bits()));
}

impl ItemIndex for ExactIndex {
    fn dimensions(&self) -> usize {
        self.rows.dimensions()
    }

    fn len(&self) -> usize {
        self.rows.present().count()
    }

    fn search(&self, queries: &[Query<'_>]) -> crate::Result<Vec<Vec<Scored>>> {
        let mut hunts = Hunt::all(&self.rows, queries)?;
        self.scan(&mut hunts.iter_mut().collect::<Vec<_>>());
        Ok(hunts.into_iter().map(Hunt::finish).collect())
    }

    fn upsert(&mut self, item: ItemIx, vector: &[f32], payload: &Payload) -> crate::Result<()> {
        self.set(item, vector, payload).map(|_| ())
    }

    fn delete(&mut self, item: ItemIx) {
        self.rows.remove(item);
    }
}

/// One query on its way through the rows.
pub(super) struct Hunt<'q> {
    pub(super) query: Query<'q>,
    /// The rows that may be found.
    pub(super) admitted: Arc<Bits>,
    /// The query's vector, padded.
    vector: Vec<f32>,
    top: TopN,
}

impl<'q> Hunt<'q> {
    /// Checks all queries and answers their filters.
    pub(super) fn all(rows: &ItemRows, queries: &[Query<'q>]) -> crate::Result<Vec<Self>> {
        let mut hunts = Vec::with_capacity(queries.len());
        for &query in queries {
            check_vector("the query vector", query.vector, rows.dimensions())?;
            let mut admitted = rows.select(query.filter);
            for row in query.exclude.iter().filter_map(|&item| rows.row(item)) {
                Arc::make_mut(&mut admitted).remove(row);
            }
            hunts.push(Hunt { query, admitted, vector: pad(query.vector), top: TopN::new(query.n) });
        }
        Ok(hunts)
    }

    /// Scores a row, and keeps it if it is among the best.
    pub(super) fn look(&mut self, rows: &ItemRows, row: usize) {
        self.top.offer(Scored { item: rows.item(row), score: rows.score(row, &self.vector) });
    }

    /// How many were found.
    pub(super) fn found(&self) -> usize {
        self.top.len()
    }

    /// Forgets what was found.
    pub(super) fn restart(&mut self) {
        self.top = TopN::new(self.query.n);
    }

    /// What was found, best first.
    pub(super) fn finish(self) -> Vec<Scored> {
        self.top.into_sorted()
    }
}

#[cfg(test)]
mod tests {
    use super::super::twin::{Twin, only_even, parity};
    use super::*;
    use crate::ids::Ix;
    use crate::payload::Filter;
    use proptest::prelude::*;

    /// Few values, so that ties, zeros and opposites abound, and some of absurd size.
    fn vector(dimensions: usize) -> impl Strategy<Value = Vec<f32>> {
        let number = prop_oneof![
            8 => (-2i8..3).prop_map(f32::from),
            4 => -1.0f32..1.0,
            2 => prop::sample::select(vec![1e-30f32, -3e37, 3e37, 1e-40, -1e-44]),
        ];
        prop::collection::vec(number, dimensions)
    }

    proptest! {
        #[test]
        fn the_scan_answers_as_a_full_sort_does(
            vectors in prop::collection::vec(vector(5), 0..300),
            changes in prop::collection::vec((0u32..320, vector(5)), 0..5),
            deleted in prop::collection::vec(0u32..320, 0..5),
            queries in prop::collection::vec((vector(5), 0usize..30, any::<bool>(), prop::collection::vec((0u32..320).prop_map(ItemIx), 0..4)), 1..7),
        ) {
            let mut twin = Twin::default();
            for (position, vector) in vectors.into_iter().enumerate() {
                twin.0.insert(ItemIx::at(position), (vector, parity(position)));
            }
            let mut exact = ExactIndex::new(5).unwrap();
            twin.fill(&mut exact);
            for (item, vector) in changes {
                exact.upsert(ItemIx(item), &vector, &parity(0)).unwrap();
                twin.0.insert(ItemIx(item), (vector, parity(0)));
            }
            for item in deleted {
                exact.delete(ItemIx(item));
                twin.0.remove(&ItemIx(item));
            }
            let (all, even) = (Filter::default(), only_even());
            let queries: Vec<Query<'_>> = queries
                .iter()
                .map(|(vector, n, halved, exclude)| Query { vector, n: *n, filter: if *halved { &even } else { &all }, exclude })
                .collect();
            prop_assert_eq!(exact.len(), twin.0.len());
            for (query, hits) in queries.iter().zip(exact.search(&queries).unwrap()) {
                let finite: Vec<Scored> = twin.search(&Query { n: usize::MAX, ..*query }).into_iter().filter(|hit| hit.score.is_finite()).take(query.n).collect();
                prop_assert_eq!(hits, finite);
            }
        }
    }

    #[test]
    fn numbers_too_small_for_their_codes_are_still_told_apart() {
        // Too small: the query's step, to nothing in the end; the rows' step and bound; the product of both.
        let cases =
            [(1.0, 1e-40), (1e37, 1e-40), (1e37, 1e-44), (1e-42, 1e37), (1e-44, 1e37), (1e-20, 1e-20)];
        for (of_rows, of_query) in cases {
            let mut twin = Twin::random(2_000, 4, 1);
            twin.0
                .values_mut()
                .for_each(|(vector, _)| vector.iter_mut().for_each(|number| *number *= of_rows));
            let mut exact = ExactIndex::new(4).unwrap();
            twin.fill(&mut exact);
            let all = Filter::default();
            for (direction, _) in Twin::random(100, 4, 2).0.values() {
                let vector: Vec<f32> = direction.iter().map(|number| number * of_query).collect();
                let query = Query { vector: &vector, n: 20, filter: &all, exclude: &[] };
                assert_eq!(exact.search(&[query]).unwrap(), [twin.search(&query)], "{of_rows} {vector:?}");
            }
        }
    }

    #[test]
    fn the_scan_is_exact_on_thousands_of_realistic_vectors_though_it_rescores_few() {
        let twin = Twin::random(5_000, 64, 1);
        let mut exact = ExactIndex::new(64).unwrap();
        twin.fill(&mut exact);
        let all = Filter::default();
        for (vector, _) in twin.0.values().step_by(250) {
            let query = Query { vector, n: 20, filter: &all, exclude: &[] };
            assert_eq!(exact.search(&[query]).unwrap(), [twin.search(&query)]);
        }
    }

    #[test]
    fn blocks_of_short_rows_are_passed_by_and_what_grows_in_them_is_found() {
        let mut twin = Twin::random(1_500, 16, 3);
        for (item, (vector, _)) in &mut twin.0 {
            // From 1 to a hundred-thousandth, longest first.
            let length = 10_f32.powf(-(item.position() as f32) / 300.0);
            vector.iter_mut().for_each(|number| *number *= length);
        }
        let mut exact = ExactIndex::new(16).unwrap();
        twin.fill(&mut exact);
        let all = Filter::default();
        let directions = Twin::random(20, 16, 4);
        let agrees = |exact: &ExactIndex, twin: &Twin| {
            for (vector, _) in directions.0.values() {
                let query = Query { vector, n: 20, filter: &all, exclude: &[] };
                assert_eq!(exact.search(&[query]).unwrap(), [twin.search(&query)]);
            }
        };
        agrees(&exact, &twin);
        let (vector, _) = &directions.0[&ItemIx(0)];
        let worst = twin.search(&Query { vector, n: 20, filter: &all, exclude: &[] })[19].score;
        let bound = |exact: &ExactIndex| exact.quantised.block_bound(4 * BLOCK, &QuantisedQuery::new(vector));
        assert!(bound(&exact) < worst, "the fifth block is not read");
        // One grows, one becomes too small for its codes, one shrinks, one goes.
        let changes = [(1_100, 1e5), (1_101, 1e-41), (3, 1e-3)];
        for (row, times) in changes {
            let (vector, payload) = twin.0.get_mut(&ItemIx(row)).unwrap();
            vector.iter_mut().for_each(|number| *number *= times);
            exact.upsert(ItemIx(row), vector, payload).unwrap();
        }
        exact.delete(ItemIx(0));
        twin.0.remove(&ItemIx(0));
        assert!(bound(&exact) >= worst, "it is read now");
        agrees(&exact, &twin);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let mut exact = ExactIndex::new(2).unwrap();
        assert!(exact.upsert(ItemIx(0), &[1.0], &Payload::new()).is_err(), "too short");
        assert!(exact.upsert(ItemIx(0), &[1.0, f32::NAN], &Payload::new()).is_err(), "not a number");
        assert!(exact.is_empty());
        let filter = Filter::default();
        let query = |vector| Query { vector, n: 1, filter: &filter, exclude: &[] };
        assert!(exact.search(&[query(&[1.0, 1.0]), query(&[1.0, f32::INFINITY])]).is_err(), "infinite");
        assert_eq!(exact.search(&[query(&[1.0, 1.0])]).unwrap(), [vec![]], "nothing to find");
        assert!(ExactIndex::new(0).is_err() && ExactIndex::new(super::super::MAX_DIMENSIONS + 1).is_err());
    }
}
