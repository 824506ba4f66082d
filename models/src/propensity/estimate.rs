//! A probability with how sure it is, where it comes from nothing and how it follows what happens.

use crate::value::LnGamma;

/// How likely a treatment is accepted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// In (0, 1).
    pub probability: f64,
    /// Standard deviation of its log odds.
    pub log_odds_deviation: f64,
}

/// How a treatment fared since training.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Results of which the outcome is known.
    pub settled: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// The sum of the probabilities that were foretold for the settled ones.
    pub foretold: f64,
}

/// Probabilities stay this far from 0 and 1.
const LEAST_PROBABILITY: f64 = 1e-6;

/// Nothing is known better than this: the deviation of a rate after a million acceptances.
const LEAST_DEVIATION: f64 = 1e-3;

/// How far affinity moves the odds of a new offer: to the half for those whose taste it is least, to the double for those
/// whose taste it is most.
const MOST_BY_AFFINITY: f64 = std::f64::consts::LN_2;

impl Estimate {
    pub(super) fn new(log_odds: f64, log_odds_deviation: f64) -> Self {
        Self { probability: probability(log_odds), log_odds_deviation }
    }

    /// `ln(p / (1 − p))`.
    pub fn log_odds(&self) -> f64 {
        log_odds(self.probability)
    }
}

impl Count {
    /// Adds a result of which the outcome is known.
    pub fn settle(&mut self, foretold: f64, answer: bool) {
        self.settled += 1;
        self.accepted += u64::from(answer);
        self.foretold += foretold;
    }
}

/// What is said of offers of which nothing was learned: the odds of a rate, moved by how much an offer is to the
/// customer's taste.
#[derive(Clone, Copy, Debug)]
pub struct Prior {
    log_odds: f64,
    deviation: f64,
}

impl Prior {
    /// The prior of a rate of which `strength` examples are known, which gives the deviation of its log odds. Both are cut
    /// to where they make sense.
    pub fn new(rate: f64, strength: f64) -> Self {
        let strength = if strength.is_finite() { strength.max(1.0) } else { 1.0 };
        Self { log_odds: log_odds(rate), deviation: deviation(rate, strength) }
    }

    /// For an offer of which `affinity` is the place of the customer's taste for it among all, from 0 to 1: the odds are
    /// `odds(rate) · 2^(2·affinity − 1)`, so that they never fall as affinity rises, and a place of 0.5 (or none: a number
    /// that is not finite) leaves the rate as it is.
    pub fn at(&self, affinity: f64) -> Estimate {
        let affinity = if affinity.is_finite() { affinity.clamp(0.0, 1.0) } else { 0.5 };
        Estimate::new(self.log_odds + MOST_BY_AFFINITY * (2.0 * affinity - 1.0), self.deviation)
    }
}

/// An estimate after what happened since training: its odds are moved by the odds of the observed rate over those of
/// the foretold one.
///
/// The observed rate is shrunk to what was foretold as by `strength` further results that went as foretold: without
/// results nothing changes, and after as many as `strength` half of the difference is believed. The deviation falls
/// with the information of the results.
pub fn corrected(estimate: Estimate, count: &Count, strength: f64) -> Estimate {
    if count.settled == 0 || !count.foretold.is_finite() {
        return estimate;
    }
    let strength = if strength.is_finite() { strength.max(0.0) } else { 0.0 };
    let settled = count.settled as f64;
    let foretold = possible(count.foretold / settled);
    let accepted = count.accepted.min(count.settled) as f64;
    let observed = possible((accepted + strength * foretold) / (settled + strength));
    let shift = log_odds(observed) - log_odds(foretold);
    let information = settled * observed * (1.0 - observed);
    let known = estimate.log_odds_deviation.powi(-2) + information;
    let moved = Estimate::new(estimate.log_odds() + shift, known.sqrt().recip());
    Estimate { log_odds_deviation: moved.log_odds_deviation.min(estimate.log_odds_deviation), ..moved }
}

/// The standard deviation of the log odds of a rate of which the posterior is `Beta(rate · n, (1 − rate) · n)`: the root of
/// ψ′(a) + ψ′(b).
pub(super) fn deviation(rate: f64, n: f64) -> f64 {
    let rate = possible(rate);
    let trigamma = |x: f64| LnGamma::at(x.max(1e-3)).second;
    (trigamma(rate * n) + trigamma((1.0 - rate) * n)).sqrt().max(LEAST_DEVIATION)
}

pub(super) fn log_odds(probability: f64) -> f64 {
    let p = possible(probability);
    (p / (1.0 - p)).ln()
}

/// Of log odds; cut to what is possible.
pub(super) fn probability(log_odds: f64) -> f64 {
    possible(1.0 / (1.0 + (-log_odds).exp()))
}

fn possible(probability: f64) -> f64 {
    if probability.is_nan() {
        return LEAST_PROBABILITY;
    }
    probability.clamp(LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_offer_stands_at_the_rate_and_taste_moves_its_odds_by_two_at_most() {
        let middle = Prior::new(0.02, 50.0).at(0.5);
        assert!((middle.probability - 0.02).abs() < 1e-12);
        // Beta(1, 49): ψ′(1) + ψ′(49) = 1.644934 + 0.020618.
        assert!((middle.log_odds_deviation.powi(2) - 1.665_552).abs() < 1e-5);
        let odds = |affinity: f64| Prior::new(0.02, 50.0).at(affinity).log_odds().exp();
        assert!((odds(1.0) / odds(0.5) - 2.0).abs() < 1e-9 && (odds(0.0) / odds(0.5) - 0.5).abs() < 1e-9);
        assert_eq!(Prior::new(0.02, 50.0).at(f64::NAN), middle);
    }

    #[test]
    fn after_as_many_results_as_the_strength_half_of_the_difference_is_believed() {
        let estimate = Prior::new(0.1, 50.0).at(0.5);
        assert_eq!(corrected(estimate, &Count::default(), 100.0), estimate);
        // Foretold 0.1, came 0.3: shrunk to 0.2.
        let count = Count { settled: 100, accepted: 30, foretold: 10.0 };
        let moved = corrected(estimate, &count, 100.0);
        assert!((moved.probability - 0.2).abs() < 1e-9, "{moved:?}");
        assert!(moved.log_odds_deviation < estimate.log_odds_deviation);
        let as_foretold = Count { accepted: 10, ..count };
        assert!((corrected(estimate, &as_foretold, 100.0).probability - 0.1).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn estimates_are_probabilities_whatever_comes_in(
            rate in any::<f64>(), strength in any::<f64>(), affinity in any::<f64>(),
            settled in any::<u64>(), accepted in any::<u64>(), foretold in any::<f64>(),
        ) {
            let new = Prior::new(rate, strength).at(affinity);
            let moved = corrected(new, &Count { settled, accepted, foretold }, strength);
            for estimate in [new, moved] {
                prop_assert!(estimate.probability > 0.0 && estimate.probability < 1.0, "{:?}", estimate);
                let deviation = estimate.log_odds_deviation;
                prop_assert!(deviation.is_finite() && deviation > 0.0, "{:?}", estimate);
            }
        }

        #[test]
        fn more_affinity_and_more_acceptances_never_lower_a_probability(
            rate in 0.0..=1.0, low in 0.0..=1.0, high in 0.0..=1.0, accepted in 0u64..99, strength in 0.0..500.0,
        ) {
            let (low, high): (f64, f64) = if low <= high { (low, high) } else { (high, low) };
            let [low, high] = [low, high].map(|affinity| Prior::new(rate, 50.0).at(affinity));
            prop_assert!(low.probability <= high.probability);
            let after = |accepted| corrected(low, &Count { settled: 99, accepted, foretold: 99.0 * rate }, strength);
            prop_assert!(after(accepted).probability <= after(accepted + 1).probability);
        }
    }
}
