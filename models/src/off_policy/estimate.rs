//! All estimates from one log.

use super::influence::{Influence, mean, ratio};
use super::log::{Log, Row};
use super::verdict::Verdict;
use super::weights::Weights;
use crate::distributions::student_quantile;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A way to estimate the value of a policy; the equations stand in the [module's documentation](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// IPS: rewards weighted by how much more often the new policy does what was done.
    InversePropensity,
    /// SNIPS: the same, divided by the sum of the weights.
    SelfNormalised,
    /// DM: what the reward model foretells of the new policy.
    Direct,
    /// DR: the direct method, set right by the weighted errors of the model.
    DoublyRobust,
    /// SNDR: the same, with the errors divided by the sum of the weights.
    SelfNormalisedDoublyRobust,
}

/// The value of a policy, in reward per row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Lower bound of the 95 % interval; below 0 where the log leaves room for it, even for clicks.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// What a log says about a new policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimates {
    /// Rows of the log.
    pub rows: usize,
    /// Groups of rows that are independent of each other.
    pub groups: usize,
    /// What the policy that made the log earned: the figure to beat.
    pub logging_policy: Estimate,
    /// IPS and SNIPS, then DM, DR and SNDR where a reward model has spoken.
    pub by_estimator: BTreeMap<Estimator, Estimate>,
    /// What they rest on.
    pub weights: Weights,
    /// Whether they may be believed.
    pub verdict: Verdict,
}

impl Estimator {
    /// What papers call it.
    pub fn code(self) -> &'static str {
        match self {
            Self::InversePropensity => "IPS",
            Self::SelfNormalised => "SNIPS",
            Self::Direct => "DM",
            Self::DoublyRobust => "DR",
            Self::SelfNormalisedDoublyRobust => "SNDR",
        }
    }
}

impl Log {
    /// The value of the new policy by all estimators that the rows allow, each weight cut to `clip` where that is given
    /// (at least 1).
    ///
    /// Intervals come from the influence function and Student's t with one degree of freedom less than there are groups:
    /// nothing is drawn, so that the same log has the same interval, in one pass. A percentile bootstrap is about as wide,
    /// but lies further to the right where a few large weights carry the rewards; there, neither should be trusted much.
    ///
    /// The interval of the direct method is narrower than what is known: it holds the chance of the rows, not the error
    /// of the reward model.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a limit below 1, [`Error::TooFew`] for one group, [`Error::Empty`] when the new policy
    /// shows nothing of what the log has, [`Error::NotFinite`] for rewards whose squares have no number.
    pub fn estimates(&self, clip: Option<f64>) -> Result<Estimates> {
        let (weights, spread) = self.weights(clip)?;
        if self.n_groups() < 2 {
            let what = "rows, or groups of rows, in the log";
            return Err(Error::TooFew { what, found: self.n_groups(), needed: 2 });
        }
        if spread.mean <= 0.0 {
            let remedy = "the new policy shows nothing that was shown; log a policy that explores";
            return Err(Error::Empty { what: "what log and new policy have in common", remedy });
        }
        let mut by_estimator = BTreeMap::new();
        for (estimator, influence) in self.influences(&weights) {
            by_estimator.insert(estimator, self.estimate(&influence, estimator.code())?);
        }
        Ok(Estimates {
            rows: self.rows().len(),
            groups: self.n_groups(),
            logging_policy: self.estimate(&mean(self, |_, row| row.reward), "logging policy")?,
            by_estimator,
            verdict: Verdict::on(&spread),
            weights: spread,
        })
    }

    fn influences(&self, weights: &[f64]) -> Vec<(Estimator, Influence)> {
        let mut all = vec![
            (Estimator::InversePropensity, mean(self, |place, row| weights[place] * row.reward)),
            (Estimator::SelfNormalised, ratio(self, weights, |row| row.reward)),
        ];
        if self.modelled() {
            let direct = || mean(self, |_, row| row.foretold.map_or(0.0, |foretold| foretold.new));
            let error = |row: &Row| row.reward - row.foretold.map_or(0.0, |foretold| foretold.shown);
            let corrected = mean(self, |place, row| {
                row.foretold.map_or(0.0, |foretold| foretold.new) + weights[place] * error(row)
            });
            all.push((Estimator::Direct, direct()));
            all.push((Estimator::DoublyRobust, corrected));
            all.push((Estimator::SelfNormalisedDoublyRobust, direct().plus(&ratio(self, weights, error))));
        }
        all
    }

    fn estimate(&self, influence: &Influence, of: &'static str) -> Result<Estimate> {
        let value = influence.value;
        let standard_error = influence.standard_error(self);
        let margin = standard_error * student_quantile(0.975, self.n_groups() as f64 - 1.0);
        let estimate = Estimate { value, standard_error, low: value - margin, high: value + margin };
        if [value, estimate.low, estimate.high].iter().all(|number| number.is_finite()) {
            return Ok(estimate);
        }
        let at = format!("{of}: rewards or weights are too large; give rewards in a larger unit");
        Err(Error::NotFinite { what: "an estimate", at })
    }
}
