//! The level of a set of examples against what is foretold for them.

use super::estimate::{deviation, log_odds, probability};
use crate::error::{Result, require};
use serde::{Deserialize, Serialize};

/// What must be added to the log odds of some examples for them to come true.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Level {
    /// In log odds.
    pub(super) shift: f64,
    /// Of the log odds of the rate.
    pub(super) deviation: f64,
}

/// An example as its level sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foretold {
    pub(super) log_odds: f64,
    pub(super) accepted: bool,
    pub(super) weight: f64,
}

/// No rate is further than this from what was foretold.
const MOST_SHIFT: f64 = 15.0;

impl Level {
    /// The level of examples that a prior expects to be shifted by `expected`, which counts for `strength` of them.
    ///
    /// Weighted examples count for as many as their effective number, `(Σw)² / Σw²` (Kish 1965).
    pub(super) fn of(examples: &[Foretold], expected: f64, strength: f64) -> Self {
        let sum = |of: &dyn Fn(&Foretold) -> f64| examples.iter().map(of).sum::<f64>();
        let weight = sum(&|e| e.weight);
        if weight <= 0.0 {
            return Self { shift: expected, deviation: deviation(0.5, strength) };
        }
        let n = weight * weight / sum(&|e| e.weight * e.weight);
        let observed = sum(&|e| if e.accepted { e.weight } else { 0.0 }) / weight;
        let before = mean_shifted(examples, expected) / weight;
        let rate = (observed * n + before * strength) / (n + strength);
        Self { shift: shift_to(examples, rate), deviation: deviation(rate, n + strength) }
    }

    pub(super) fn check(&self) -> Result<()> {
        let is_shift = self.shift.abs() <= MOST_SHIFT;
        require(is_shift, "shift of a treatment", self.shift, "between -15 and 15")?;
        let is_deviation = self.deviation.is_finite() && self.deviation > 0.0;
        require(is_deviation, "deviation of a treatment", self.deviation, "a number above 0")
    }
}

/// The shift that brings the mean probability to a rate; 0 without examples.
pub(super) fn shift_to(examples: &[Foretold], rate: f64) -> f64 {
    let weight: f64 = examples.iter().map(|e| e.weight).sum();
    if weight <= 0.0 {
        return 0.0;
    }
    let wanted = probability(log_odds(rate)) * weight;
    let (mut low, mut high) = (-MOST_SHIFT, MOST_SHIFT);
    // The mean rises with the shift.
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if mean_shifted(examples, middle) < wanted { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// Σ weight · probability.
fn mean_shifted(examples: &[Foretold], shift: f64) -> f64 {
    examples.iter().map(|e| e.weight * probability(e.log_odds + shift)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(n: usize, accepted: usize) -> Vec<Foretold> {
        (0..n).map(|at| Foretold { log_odds: log_odds(0.1), accepted: at < accepted, weight: 1.0 }).collect()
    }

    #[test]
    fn a_rate_is_shrunk_by_so_many_imagined_examples_as_the_strength() {
        // 30 of 100 observed, 0.1 expected with a strength of 100: 0.2.
        let level = Level::of(&examples(100, 30), 0.0, 100.0);
        assert!((probability(log_odds(0.1) + level.shift) - 0.2).abs() < 1e-9, "{level:?}");
        let young = Level::of(&examples(10, 3), 0.0, 100.0);
        assert!(young.shift < level.shift && young.deviation > level.deviation, "{young:?} {level:?}");
        let unseen = Level::of(&[], 0.7, 100.0);
        assert_eq!(unseen.shift, 0.7);
    }

    #[test]
    fn nobody_accepting_is_not_never() {
        let level = Level::of(&examples(100, 0), 0.0, 50.0);
        let rate = probability(log_odds(0.1) + level.shift);
        assert!((rate - 5.0 / 150.0).abs() < 1e-9, "{rate}");
    }
}
