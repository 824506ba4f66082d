//! Hazard: when something ends that has begun, such as a contract until it is closed, or the wait for the next purchase.
//! A discrete-time model (Allison 1982; Singer and Willett 1993, "It's about time"): logistic regression on one row per
//! spell and bin of time that it reached.
//!
//! With e the edges of the bins in days, z the standardised features, and the piecewise exponential curve between edges:
//!
//! ```text
//! h_j(z)      = σ(a_j + w·z)                                    the chance to end in bin j, once it is reached
//! S(e_j | z)  = Π_{i ≤ j} (1 − h_i(z)) = exp(−Σ_{i ≤ j} ln(1 + e^{a_i + w·z}))
//! ln S(t | z) is linear in t within each bin
//! ```
//!
//! A spell that was still going on when it was last seen counts for the share of its last bin that it was seen in, so that
//! the likelihood is that of the curve. Bins are quantiles of the times at which spells ended. The ridge on w is the one
//! of several under which spells that were held out are likeliest.

mod bins;
mod choose;
mod curve;
mod model;
mod newton;
mod scaling;
mod table;

pub use curve::Curve;
pub use model::Hazard;

use crate::error::{Error, Result, require};
use bins::Bins;
use ndarray::ArrayView2;
use scaling::Scaling;
use serde::{Deserialize, Serialize};
use table::Table;

/// How long something lasted, as far as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spell {
    /// Days from the beginning to the end, or to when it was last seen going on; at least 0.
    pub days: f32,
    /// Whether it ended then; otherwise it was still going on.
    pub ended: bool,
}

/// What a user may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HazardParams {
    /// The most bins that time is cut into; fewer where spells ended at fewer times.
    pub bins: usize,
    /// Weights of the ridge to choose from on spells held out, in rows of standardised features.
    pub ridges: Vec<f64>,
    /// Newton steps after which a fit is given up as not converged.
    pub max_iterations: usize,
    /// Of the draw of the spells to hold out.
    pub seed: u64,
}

impl Default for HazardParams {
    fn default() -> Self {
        Self { bins: 12, ridges: vec![0.1, 1.0, 4.0, 16.0, 64.0], max_iterations: 50, seed: 1 }
    }
}

/// Parameters in range.
#[derive(Clone, Debug)]
pub struct ValidHazardParams(HazardParams);

impl HazardParams {
    /// # Errors
    /// [`Error::OutOfRange`] for no bins or more than 1,000, no ridge or one that is not above 0, or no iteration.
    pub fn check(self) -> Result<ValidHazardParams> {
        require((1..=1_000).contains(&self.bins), "hazard.bins", self.bins, "between 1 and 1000")?;
        require(!self.ridges.is_empty(), "hazard.ridges", "empty", "at least one number")?;
        for &ridge in &self.ridges {
            let holds = (1e-6..=1e12).contains(&ridge);
            require(holds, "hazard.ridges", ridge, "numbers between 1e-6 and 1e12")?;
        }
        require(self.max_iterations > 0, "hazard.max_iterations", self.max_iterations, "at least 1")?;
        Ok(ValidHazardParams(self))
    }
}

/// A model and how its fit went.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The model.
    pub model: Hazard,
    /// The log-likelihood of the spells it was fitted on, without the ridge.
    pub log_likelihood: f64,
    /// Newton steps taken.
    pub iterations: usize,
    /// Whether the steps had come to rest; otherwise raise `max_iterations` or the ridges.
    pub converged: bool,
}

/// The equations are dense, so more features would neither fit nor be learned.
const MAX_FEATURES: usize = 2_000;

impl ValidHazardParams {
    /// Fits spells, each with a row of features: spells × features, possibly none.
    ///
    /// Deterministic: neither threads nor their number change the result. Work: spells × (features² + bins × features),
    /// for each step.
    ///
    /// # Errors
    /// [`Error::Shape`] when rows and spells differ in number; [`Error::NotFinite`] and [`Error::OutOfRange`] for a
    /// feature or a duration that is no number of its kind, by position; [`Error::Empty`] when no spell ended;
    /// [`Error::NotPositiveDefinite`] when the equations cannot be solved.
    pub fn fit(&self, features: &ArrayView2<'_, f32>, spells: &[Spell]) -> Result<Fitted> {
        check_spells(spells)?;
        check_features(features, spells.len())?;
        let bins = Bins::of(spells, self.0.bins)?;
        let scaling = Scaling::of(features);
        let table = Table::new(features, spells, &bins, &scaling);
        let ridge = choose::ridge(&self.0, &table)?;
        let every_row: Vec<usize> = (0..spells.len()).collect();
        let fit = newton::fit(&table, &every_row, ridge, table.start(&every_row), self.0.max_iterations)?;
        let log_likelihood = table.log_likelihood(&every_row, &fit.effects);
        let model = Hazard::new(&bins, scaling, &fit.effects, ridge)?;
        Ok(Fitted { model, log_likelihood, iterations: fit.iterations, converged: fit.converged })
    }
}

fn check_spells(spells: &[Spell]) -> Result<()> {
    for (row, spell) in spells.iter().enumerate() {
        let holds = spell.days.is_finite() && spell.days >= 0.0;
        require(holds, "days", format_args!("{} (spell {row})", spell.days), "a number of at least 0")?;
    }
    Ok(())
}

fn check_features(features: &ArrayView2<'_, f32>, n_spells: usize) -> Result<()> {
    if features.nrows() != n_spells {
        return Err(Error::Shape {
            what: "the features of spells".into(),
            expected: format!("{n_spells} rows"),
            found: format!("{}", features.nrows()),
        });
    }
    require(features.ncols() <= MAX_FEATURES, "features", features.ncols(), "at most 2000")?;
    match features.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), _)) => Err(Error::NotFinite {
            what: "the features of spells",
            at: format!("spell {row}, feature {column}"),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
