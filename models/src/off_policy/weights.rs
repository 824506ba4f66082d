//! The weights of a log: what the estimates rest on.

use super::log::{Log, Row};
use crate::error::{Result, require};
use serde::{Deserialize, Serialize};

/// That weights above a limit were cut to it: less noise for some bias, towards what a low weight hides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clipping {
    /// The largest weight that was let through.
    pub limit: f64,
    /// How many rows had a larger one.
    pub rows: usize,
    /// The mean weight before.
    pub mean_before: f64,
}

/// How the weights π / p are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// About 1 when the probabilities are right and the log reaches everything that the new policy shows.
    pub mean: f64,
    /// The largest: the new policy's rows that one row stands for.
    pub maximum: f64,
    /// (Σ w)² / Σ w²: rows of the new policy's own log that would tell as much (Kish 1965).
    pub effective_rows: f64,
    /// The same of the groups' sums of weights; the number of rows unless they are grouped.
    pub effective_groups: f64,
    /// What clipping did, where it was asked for.
    pub clipping: Option<Clipping>,
}

impl Log {
    /// The weights to use, and how they are spread.
    pub(super) fn weights(&self, clip: Option<f64>) -> Result<(Vec<f64>, Weights)> {
        let mut weights: Vec<f64> = self.rows().iter().map(Row::weight).collect();
        let mean = |weights: &[f64]| weights.iter().sum::<f64>() / weights.len() as f64;
        let clipping = match clip {
            None => None,
            Some(limit) => {
                require(limit >= 1.0 && limit.is_finite(), "clip", limit, "a number of at least 1")?;
                let rows = weights.iter().filter(|weight| **weight > limit).count();
                let mean_before = mean(&weights);
                weights.iter_mut().for_each(|weight| *weight = weight.min(limit));
                Some(Clipping { limit, rows, mean_before })
            }
        };
        let spread = Weights {
            mean: mean(&weights),
            maximum: weights.iter().copied().fold(0.0, f64::max),
            effective_rows: effective(&weights),
            effective_groups: effective(&self.sums_by_group(weights.iter().copied())),
            clipping,
        };
        Ok((weights, spread))
    }
}

/// (Σ w)² / Σ w² of weights as shares of the largest, so that nothing overflows; 0 when all are 0.
fn effective(weights: &[f64]) -> f64 {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest <= 0.0 {
        return 0.0;
    }
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), weight| {
        let share = weight / largest;
        (sum + share, squares + share * share)
    });
    sum * sum / squares
}
