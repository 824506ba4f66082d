//! A fitted hazard: curves and risks of any row of features.

use super::bins::Bins;
use super::curve::Curve;
use super::scaling::Scaling;
use super::table::hazard_and_cumulative;
use crate::error::{Error, Result, require};
use serde::{Deserialize, Serialize};

/// When it ends, for any row of features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Parts", try_from = "Parts")]
pub struct Hazard {
    bins: Bins,
    scaling: Scaling,
    levels: Vec<f32>,
    weights: Vec<f32>,
    ridge: f64,
}

/// A hazard as it is stored.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    /// The last day of each bin.
    edges_days: Vec<f32>,
    /// The level of each bin: the log-odds of ending in it for average features.
    levels: Vec<f32>,
    /// Of the features.
    means: Vec<f32>,
    /// Standard deviations of the features, 0 for constant ones.
    scales: Vec<f32>,
    /// Of the standardised features.
    weights: Vec<f32>,
    /// The ridge that was chosen.
    ridge: f64,
}

impl Hazard {
    /// Takes fitted effects: the levels of the bins, then the weights of the features.
    pub(super) fn new(bins: &Bins, scaling: Scaling, effects: &[f64], ridge: f64) -> Result<Self> {
        let effects: Vec<f32> = effects.iter().map(|effect| *effect as f32).collect();
        let (levels, weights) = effects.split_at(bins.len());
        Parts {
            edges_days: bins.edges().to_vec(),
            levels: levels.to_vec(),
            means: scaling.means,
            scales: scaling.scales,
            weights: weights.to_vec(),
            ridge,
        }
        .try_into()
    }

    /// The survival curve of a row of features.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features; [`Error::NotFinite`] for one that is no finite number.
    pub fn curve(&self, features: &[f32]) -> Result<Curve> {
        let risk = self.risk(features)?;
        let added = self.levels.iter().map(|level| hazard_and_cumulative(f64::from(*level) + risk).1);
        Ok(Curve::new(self.bins.clone(), added))
    }

    /// How early a row of features ends, compared with others: what it adds to the log-odds of ending in each bin.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features; [`Error::NotFinite`] for one that is no finite number.
    pub fn risk(&self, features: &[f32]) -> Result<f64> {
        if features.len() != self.n_features() {
            return Err(Error::Shape {
                what: "a row of features".into(),
                expected: format!("{} numbers", self.n_features()),
                found: format!("{}", features.len()),
            });
        }
        if let Some(at) = features.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { what: "a row of features", at: format!("feature {at}") });
        }
        let mut z = vec![0.0; features.len()];
        self.scaling.standardise(features, &mut z);
        Ok(self.weights.iter().zip(z).map(|(weight, z)| f64::from(*weight) * z).sum())
    }

    /// The length of a row of features.
    pub fn n_features(&self) -> usize {
        self.weights.len()
    }

    /// The last day of each bin, ascending.
    pub fn edges_days(&self) -> &[f32] {
        self.bins.edges()
    }

    /// What a standard deviation of each feature adds to the log-odds of ending; 0 for a constant feature.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The ridge that was chosen on spells held out.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }
}

impl From<Hazard> for Parts {
    fn from(hazard: Hazard) -> Self {
        Self {
            edges_days: hazard.bins.edges().to_vec(),
            levels: hazard.levels,
            means: hazard.scaling.means,
            scales: hazard.scaling.scales,
            weights: hazard.weights,
            ridge: hazard.ridge,
        }
    }
}

impl TryFrom<Parts> for Hazard {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let (bins, features) = (parts.edges_days.len(), parts.weights.len());
        let lengths = (parts.levels.len(), parts.means.len(), parts.scales.len());
        if bins == 0 || lengths != (bins, features, features) {
            return Err(Error::Shape {
                what: "a hazard".into(),
                expected: "at least one edge, as many levels, and as many means and scales as weights".into(),
                found: format!("{bins} edges, {features} weights, and levels, means and scales {lengths:?}"),
            });
        }
        let named = [
            ("the edges of a hazard", &parts.edges_days),
            ("the levels of a hazard", &parts.levels),
            ("the means of a hazard", &parts.means),
            ("the scales of a hazard", &parts.scales),
            ("the weights of a hazard", &parts.weights),
        ];
        for (what, numbers) in named {
            if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
                return Err(Error::NotFinite { what, at: format!("number {at}") });
            }
        }
        let starts = std::iter::once(&0.0).chain(&parts.edges_days);
        for (start, end) in starts.zip(&parts.edges_days) {
            require(end > start, "hazard.edges_days", end, "above 0 and above the edge before")?;
        }
        for scale in &parts.scales {
            require(*scale >= 0.0, "hazard.scales", scale, "at least 0")?;
        }
        require(
            parts.ridge.is_finite() && parts.ridge > 0.0,
            "hazard.ridge",
            parts.ridge,
            "a number above 0",
        )?;
        Ok(Self {
            bins: Bins::from_edges(parts.edges_days),
            scaling: Scaling { means: parts.means, scales: parts.scales },
            levels: parts.levels,
            weights: parts.weights,
            ridge: parts.ridge,
        })
    }
}
