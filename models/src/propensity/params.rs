//! What a user may set.

use crate::churn::{ChurnParams, ValidChurnParams};
use crate::error::{Result, require};
use serde::{Deserialize, Serialize};

/// Of the propensities of treatments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PropensityParams {
    /// Of the classifier that all treatments share.
    pub pooled: ChurnParams,
    /// Acceptances from which on a treatment has a regression of its own.
    pub least_accepted: usize,
    /// The ridge of that regression, with features of standard deviation 1: 50 expects that a feature's weight for one
    /// treatment differs from that for all by a seventh, its root's inverse.
    pub own_ridge: f64,
    /// How many imagined examples the prior of a rate counts for.
    pub strength: f64,
    /// The share of the examples, the latest before those that are judged on, that the pooled part is calibrated on.
    pub calibrate_share: f64,
    /// The share of the examples, the latest, that everything is judged on before it is learned once more with them.
    pub judge_share: f64,
    /// Weights of examples are cut at so many times their mean; weights that are all alike stay so.
    pub largest_weight: f64,
}

impl Default for PropensityParams {
    fn default() -> Self {
        Self {
            pooled: ChurnParams::default(),
            least_accepted: 50,
            own_ridge: 50.0,
            strength: 50.0,
            calibrate_share: 0.25,
            judge_share: 0.2,
            largest_weight: 1.0,
        }
    }
}

/// Parameters in range.
#[derive(Clone, Debug)]
pub struct ValidPropensityParams {
    pub(super) params: PropensityParams,
    pub(super) pooled: ValidChurnParams,
}

impl PropensityParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] with the parameter, its value and its range.
    pub fn check(self) -> Result<ValidPropensityParams> {
        let least = self.least_accepted;
        require(least >= 10, "propensity.least_accepted", least, "at least 10")?;
        let above = |value: f64, least: f64| value.is_finite() && value >= least;
        let ridge = above(self.own_ridge, 0.0) && self.own_ridge > 0.0;
        require(ridge, "propensity.own_ridge", self.own_ridge, "a number above 0")?;
        let strength = above(self.strength, 1.0);
        require(strength, "propensity.strength", self.strength, "a number of at least 1")?;
        let calibrate = (0.05..=0.5).contains(&self.calibrate_share);
        require(calibrate, "propensity.calibrate_share", self.calibrate_share, "from 0.05 to 0.5")?;
        let judge = (0.0..=0.5).contains(&self.judge_share);
        require(judge, "propensity.judge_share", self.judge_share, "from 0 (not judged) to 0.5")?;
        let largest = above(self.largest_weight, 1.0);
        require(largest, "propensity.largest_weight", self.largest_weight, "a number of at least 1")?;
        let pooled = self.pooled.clone().check()?;
        Ok(ValidPropensityParams { params: self, pooled })
    }
}
