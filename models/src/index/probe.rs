//! The recall probe: how much of the exact answer an index finds. An index that fails it is not used.

use super::exact::ExactIndex;
use super::graph::GraphIndex;
use super::{ItemIndex, Query};
use crate::payload::Filter;
use crate::ranking::Scored;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// How many queries a probe asks.
pub const QUERIES: usize = 100;
/// How many items each query asks for.
pub const N: usize = 20;
/// The least part of the exact answers that must be found.
pub const LEAST_RECALL: f64 = 0.95;
/// The part of the exact answers for which a graph's walks are widened.
pub const SOUGHT_RECALL: f64 = 0.97;
/// How many items' vectors one query sums, as a customer's vector is made of what they bought.
const TASTES: usize = 3;

/// Query vectors as customers have them: each the sum of a few items' vectors, drawn with the seed.
pub fn queries(exact: &ExactIndex, seed: u64) -> Vec<Vec<f32>> {
    let rows: Vec<usize> = exact.rows().present().iter().collect();
    let mut rng = StdRng::seed_from_u64(seed);
    let sum = |_| {
        let mut vector = vec![0.0; exact.dimensions()];
        for &row in rows.sample(&mut rng, TASTES) {
            vector.iter_mut().zip(exact.rows().vector(row)).for_each(|(sum, number)| *sum += number);
        }
        vector
    };
    (0..QUERIES).map(sum).collect()
}

/// What an index answers to the probe's queries.
///
/// # Errors
/// Those of [`ItemIndex::search`].
pub fn answers(index: &dyn ItemIndex, queries: &[Vec<f32>]) -> crate::Result<Vec<Vec<Scored>>> {
    let filter = Filter::default();
    let queries: Vec<Query<'_>> =
        queries.iter().map(|vector| Query { vector, n: N, filter: &filter, exclude: &[] }).collect();
    index.search(&queries)
}

/// The part of the true answers that was found; 1 where there is nothing to find. An item that ties with the last
/// true one counts as found.
pub fn recall(truth: &[Vec<Scored>], found: &[Vec<Scored>]) -> f64 {
    let (mut wanted, mut met) = (0, 0);
    for (truth, found) in truth.iter().zip(found) {
        let Some(last) = truth.last() else { continue };
        wanted += truth.len();
        met += found
            .iter()
            .filter(|hit| hit.score >= last.score - 1e-5 * last.score.abs())
            .count()
            .min(truth.len());
    }
    if wanted == 0 { 1.0 } else { met as f64 / wanted as f64 }
}

/// Measures a graph against the exact scan of its items, widens its walks until it finds [`SOUGHT_RECALL`] or a
/// scan would cost less, and says what it finds then.
///
/// # Errors
/// [`crate::Error::OutOfRange`] when that is below [`LEAST_RECALL`].
pub fn settle(graph: &mut GraphIndex, seed: u64) -> crate::Result<f64> {
    let vectors = queries(graph.exact(), seed);
    let truth = answers(graph.exact(), &vectors)?;
    loop {
        let found = recall(&truth, &answers(graph, &vectors)?);
        if found >= SOUGHT_RECALL || !graph.widen() {
            return verdict(found);
        }
    }
}

/// Passes a recall on, or refuses it below [`LEAST_RECALL`].
///
/// # Errors
/// [`crate::Error::OutOfRange`] with the recall found.
pub fn verdict(recall: f64) -> crate::Result<f64> {
    if recall >= LEAST_RECALL {
        return Ok(recall);
    }
    Err(crate::Error::OutOfRange {
        name: "recall of the index against the exact scan",
        value: format!("{recall:.3}"),
        expected: "at least 0.95: raise its search breadth, or use the exact index",
    })
}
