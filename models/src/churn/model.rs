//! The fitted classifier.

use super::calibration::Calibration;
use super::logistic::Logistic;
use super::newton::sigmoid;
use super::risk::{RiskBand, RiskCuts};
use super::rows::{require_finite, require_shape};
use super::trees::Trees;
use crate::error::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A calibrated classifier. Reading one refuses numbers and trees that no fit gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ChurnParts", into = "ChurnParts")]
pub struct Churn {
    n_features: usize,
    classifier: Classifier,
    calibration: Calibration,
    cuts: RiskCuts,
    /// Added to the calibrated log odds.
    shift: f64,
}

/// What gives the margin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Classifier {
    Logistic(Logistic),
    Trees(Trees),
}

/// Which method gives the margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassifierKind {
    /// Logistic regression.
    Logistic,
    /// Gradient-boosted trees.
    Trees,
}

/// Why a margin is what it is: `base + Σ contributions = margin`, within rounding.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The margin of the average row of those that were fitted.
    pub base: f64,
    /// What each feature adds, in log odds: `weight · z` for the logistic regression, exact path-dependent Shapley
    /// values for trees.
    pub contributions: Vec<f64>,
    /// Raw log odds, before calibration.
    pub margin: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChurnParts {
    n_features: usize,
    classifier: Classifier,
    calibration: Calibration,
    cuts: RiskCuts,
    shift: f64,
}

/// The furthest that a shift may lead, in log odds.
const MOST_SHIFT: f64 = 5.0;

/// Probabilities stay off 0 and 1 by e^−30 (1e-13): nothing is certain.
const MOST_LOG_ODDS: f64 = 30.0;

impl Classifier {
    pub(super) fn kind(&self) -> ClassifierKind {
        match self {
            Self::Logistic(_) => ClassifierKind::Logistic,
            Self::Trees(_) => ClassifierKind::Trees,
        }
    }

    fn margin(&self, row: &[f32]) -> f64 {
        match self {
            Self::Logistic(model) => model.margin(row),
            Self::Trees(model) => model.margin(row),
        }
    }

    pub(super) fn margins(&self, values: &[f32], n_features: usize) -> Vec<f64> {
        match self {
            Self::Logistic(model) => {
                values.par_chunks_exact(n_features).map(|row| model.margin(row)).collect()
            }
            Self::Trees(model) => model.margins(values, n_features),
        }
    }
}

impl Churn {
    pub(super) fn new(
        n_features: usize,
        classifier: Classifier,
        calibration: Calibration,
        cuts: RiskCuts,
    ) -> Result<Self> {
        match &classifier {
            Classifier::Logistic(model) => {
                model.check()?;
                require_shape("the terms of a logistic regression", model.n_features(), n_features)?;
            }
            Classifier::Trees(model) if model.n_features() > n_features => {
                return Err(Error::Shape {
                    what: "boosted trees".into(),
                    expected: format!("splits on the first {n_features} features"),
                    found: format!("a split on feature {}", model.n_features() - 1),
                });
            }
            Classifier::Trees(_) => {}
        }
        crate::error::require(n_features > 0, "n_features", n_features, "at least 1")?;
        calibration.check()?;
        cuts.check()?;
        Ok(Self { n_features, classifier, calibration, cuts, shift: 0.0 })
    }

    /// The same with a number added to the calibrated log odds of everyone: what is known of now and was not when it was
    /// calibrated.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a number that is not finite or beyond ±5.
    pub fn shifted(self, shift: f64) -> Result<Self> {
        let holds = shift.abs() <= MOST_SHIFT;
        crate::error::require(holds, "shift", shift, "between -5 and 5")?;
        Ok(Self { shift, ..self })
    }

    /// What was added to the calibrated log odds.
    pub fn shift(&self) -> f64 {
        self.shift
    }

    /// Raw log odds of a row, before calibration.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features than was fitted; [`Error::NotFinite`] for a NaN or an infinity.
    pub fn margin(&self, row: &[f32]) -> Result<f64> {
        self.check_row(row)?;
        Ok(self.classifier.margin(row))
    }

    /// The calibrated probability of a yes, in (0, 1).
    ///
    /// # Errors
    /// As [`Self::margin`].
    pub fn probability(&self, row: &[f32]) -> Result<f64> {
        Ok(self.calibrated(self.margin(row)?))
    }

    /// The probabilities of rows, one after the other in one slice, on all threads of the current pool; each as
    /// [`Self::probability`] gives it.
    ///
    /// # Errors
    /// As [`Self::margin`], with the row.
    pub fn probability_batch(&self, values: &[f32]) -> Result<Vec<f64>> {
        require_shape("the features", values.len(), values.len() / self.n_features * self.n_features)?;
        require_finite(values, self.n_features)?;
        let margins = self.classifier.margins(values, self.n_features);
        Ok(margins.into_iter().map(|margin| self.calibrated(margin)).collect())
    }

    /// What each feature adds to a row's margin, against the average row.
    ///
    /// # Errors
    /// As [`Self::margin`].
    pub fn explain(&self, row: &[f32]) -> Result<Explanation> {
        let margin = self.margin(row)?;
        let (base, contributions) = match &self.classifier {
            Classifier::Logistic(model) => (model.average(), model.contributions(row)),
            Classifier::Trees(model) => (model.average, model.contributions(row)),
        };
        Ok(Explanation { base, contributions, margin })
    }

    /// The band of a probability of this classifier.
    pub fn band(&self, probability: f64) -> RiskBand {
        self.cuts.band(probability)
    }

    /// Where the bands begin.
    pub fn cuts(&self) -> &RiskCuts {
        &self.cuts
    }

    /// How margins become probabilities.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Which method gives the margin.
    pub fn kind(&self) -> ClassifierKind {
        self.classifier.kind()
    }

    /// The boosted trees, where these give the margin.
    pub fn trees(&self) -> Option<&Trees> {
        match &self.classifier {
            Classifier::Trees(trees) => Some(trees),
            Classifier::Logistic(_) => None,
        }
    }

    /// Numbers per row.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    fn calibrated(&self, margin: f64) -> f64 {
        let log_odds = self.calibration.log_odds(margin) + self.shift;
        sigmoid(log_odds.clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS))
    }

    fn check_row(&self, row: &[f32]) -> Result<()> {
        require_shape("a row of features", row.len(), self.n_features)?;
        require_finite(row, self.n_features)
    }
}

pub(super) fn probability_of(calibration: &Calibration, margin: f64) -> f64 {
    sigmoid(calibration.log_odds(margin).clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS))
}

/// What must be added to the log odds of probabilities for their mean to be the share observed; 0 without any, and for
/// a share of nobody or everybody.
pub fn shift_to(probabilities: &[f64], observed: f64) -> f64 {
    if probabilities.is_empty() || !(observed > 0.0 && observed < 1.0) {
        return 0.0;
    }
    let log_odds: Vec<f64> = probabilities.iter().map(|p| (p / (1.0 - p)).ln()).collect();
    let mean = |shift: f64| log_odds.iter().map(|x| sigmoid(x + shift)).sum::<f64>() / log_odds.len() as f64;
    let (mut low, mut high) = (-MOST_SHIFT, MOST_SHIFT);
    // The mean rises with the shift.
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if mean(middle) < observed { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

impl TryFrom<ChurnParts> for Churn {
    type Error = Error;

    fn try_from(parts: ChurnParts) -> Result<Self> {
        Self::new(parts.n_features, parts.classifier, parts.calibration, parts.cuts)?.shifted(parts.shift)
    }
}

impl From<Churn> for ChurnParts {
    fn from(model: Churn) -> Self {
        let Churn { n_features, classifier, calibration, cuts, shift } = model;
        Self { n_features, classifier, calibration, cuts, shift }
    }
}
