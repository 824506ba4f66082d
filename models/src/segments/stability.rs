//! Whether a partition comes out again: the adjusted Rand index over resamples.

use super::lloyd::{Partition, Rows, Search, nearest_two};
use crate::error::{Error, Result};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// How alike two groupings of the same things are: 1 when they are the same under other names, near 0 by chance
/// (Hubert & Arabie 1985, "Comparing partitions").
///
/// # Errors
/// [`Error::Shape`] when they differ in length; [`Error::Empty`] without any thing.
pub fn adjusted_rand(a: &[usize], b: &[usize]) -> Result<f64> {
    if a.len() != b.len() {
        let (expected, found) = (format!("{} labels", a.len()), format!("{} labels", b.len()));
        return Err(Error::Shape { what: "the second grouping".into(), expected, found });
    }
    if a.is_empty() {
        return Err(Error::Empty { what: "a grouping", remedy: "give at least one label" });
    }
    let pairs = |counts: Vec<f64>| counts.iter().map(|n| n * (n - 1.0) / 2.0).sum::<f64>();
    let both = pairs(counts(a.iter().zip(b)));
    let (in_a, in_b) = (pairs(counts(a)), pairs(counts(b)));
    let all = pairs(vec![a.len() as f64]);
    let (by_chance, most) = (in_a * in_b / all.max(1.0), f64::midpoint(in_a, in_b));
    // Groupings that are both one group, or both all apart, agree, and leave nothing to adjust.
    if most == by_chance { Ok(1.0) } else { Ok((both - by_chance) / (most - by_chance)) }
}

fn counts<T: Ord>(labels: impl IntoIterator<Item = T>) -> Vec<f64> {
    let mut counts: BTreeMap<T, f64> = BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_default() += 1.0;
    }
    counts.into_values().collect()
}

/// Resamples by which a partition is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resamples {
    pub(super) count: usize,
    /// The most rows that each draws.
    pub(super) most_rows: usize,
}

impl Resamples {
    /// The mean agreement of a partition with those found again from rows drawn with replacement, each compared on the
    /// rows that it drew (Hennig 2007, "Cluster-wise assessment of cluster stability").
    pub(super) fn stability(&self, rows: &Rows, partition: &Partition, search: &Search) -> Result<f64> {
        let draws = rows.len().min(self.most_rows);
        let agreement = |resample: usize| {
            let seed = search.seed.wrapping_add(1 + resample as u64);
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut drawn: Vec<usize> = (0..draws).map(|_| random.random_range(0..rows.len())).collect();
            let again = Search { seed: random.random(), ..*search }.partition(&rows.select(&drawn));
            drawn.sort_unstable();
            drawn.dedup();
            let before: Vec<usize> = drawn.iter().map(|&at| partition.labels[at]).collect();
            let after: Vec<usize> =
                drawn.iter().map(|&at| nearest_two(again.centres.iter(), rows.row(at)).0.0).collect();
            adjusted_rand(&before, &after)
        };
        let agreements: Vec<f64> = (0..self.count).into_par_iter().map(agreement).collect::<Result<_>>()?;
        Ok(agreements.iter().sum::<f64>() / self.count.max(1) as f64)
    }
}

/// How much nearer rows are to their own centre than to the next, from 0 to 1: the silhouette with distances to centres
/// in place of those to all rows (Hruschka et al. 2006).
pub(super) fn silhouette(rows: &Rows, centres: &Rows) -> f64 {
    let of = |row: &[f32]| {
        let ((_, own), next) = nearest_two(centres.iter(), row);
        if next > 0.0 && next.is_finite() { 1.0 - (f64::from(own) / f64::from(next)).sqrt() } else { 0.0 }
    };
    rows.iter().map(of).sum::<f64>() / rows.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adjusted_rand_index_has_its_known_values() {
        // Those of scikit-learn's documentation, and one by hand: of the 21 pairs of 7 things 5 are together in the one,
        // 6 in the other and 2 in both: (2 - 30/21) / (11/2 - 30/21) = 8/57.
        let cases: [(&[usize], &[usize], f64); 5] = [
            (&[0, 0, 1, 1], &[1, 1, 0, 0], 1.0),
            (&[0, 0, 1, 2], &[0, 0, 1, 1], 0.571_428_571_428),
            (&[0, 0, 0, 0], &[0, 1, 2, 3], 0.0),
            (&[0, 0, 0], &[1, 1, 1], 1.0),
            (&[0, 0, 0, 1, 1, 2, 2], &[0, 0, 1, 1, 1, 2, 0], 8.0 / 57.0),
        ];
        for (a, b, expected) in cases {
            for (a, b) in [(a, b), (b, a)] {
                assert!((adjusted_rand(a, b).unwrap() - expected).abs() < 1e-9, "{a:?} {b:?}");
            }
        }
        assert!(adjusted_rand(&[0], &[0, 1]).is_err());
    }
}
