//! The rows of spell × bin, summed without being made: features do not change over time, so a spell's bins share them.

use super::Spell;
use super::bins::{Bins, Exposure};
use super::scaling::Scaling;
use ndarray::ArrayView2;
use rayon::prelude::*;

/// What is regressed on what.
pub(super) struct Table<'a> {
    features: &'a ArrayView2<'a, f32>,
    scaling: &'a Scaling,
    exposures: Vec<Exposure>,
    n_bins: usize,
}

/// The level of each bin, then the weight of each feature.
pub(super) type Effects = Vec<f64>;

/// The log-likelihood at some effects, its gradient, and the lower half of its negative second derivatives.
pub(super) struct Sums {
    pub(super) log_likelihood: f64,
    pub(super) gradient: Vec<f64>,
    /// Row-major, effects × effects; what is above the diagonal stays 0.
    pub(super) information: Vec<f64>,
}

/// Rows are summed in so many parts, whatever the number of threads, so that sums do not depend on it.
const PARTS: usize = 16;

impl<'a> Table<'a> {
    pub(super) fn new(
        features: &'a ArrayView2<'a, f32>,
        spells: &[Spell],
        bins: &Bins,
        scaling: &'a Scaling,
    ) -> Self {
        let exposures = spells.iter().map(|spell| bins.exposure(*spell)).collect();
        Self { features, scaling, exposures, n_bins: bins.len() }
    }

    pub(super) fn n_bins(&self) -> usize {
        self.n_bins
    }

    pub(super) fn n_features(&self) -> usize {
        self.scaling.len()
    }

    pub(super) fn exposures(&self) -> &[Exposure] {
        &self.exposures
    }

    /// The chance to end in a bin, over all bins and features: below 1, however many spells end in their first.
    pub(super) fn pooled_hazard(&self, rows: &[usize]) -> f64 {
        let exposures = || rows.iter().map(|row| &self.exposures[*row]);
        let ends = exposures().filter(|exposure| exposure.ended).count() as f64;
        let reached: f64 = exposures().map(|exposure| exposure.outlasted as f64 + exposure.share).sum();
        (ends + 0.5) / (reached + 1.0)
    }

    /// Effects to begin with: the pooled hazard in each bin, whatever the features.
    pub(super) fn start(&self, rows: &[usize]) -> Effects {
        let pooled = self.pooled_hazard(rows);
        let mut effects = vec![(pooled / (1.0 - pooled)).ln(); self.n_bins];
        effects.resize(self.n_bins + self.n_features(), 0.0);
        effects
    }

    /// How likely some rows are.
    pub(super) fn log_likelihood(&self, rows: &[usize], effects: &[f64]) -> f64 {
        let part = |rows: &[usize]| {
            let mut row_sums = RowSums::new(self.n_bins, self.n_features());
            let of_row = |row: &usize| self.pass(*row, effects, &mut row_sums);
            rows.iter().map(of_row).sum::<f64>()
        };
        self.parts(rows, part).into_iter().sum()
    }

    /// The sums of some rows at some effects.
    pub(super) fn sums(&self, rows: &[usize], effects: &[f64]) -> Sums {
        let part = |rows: &[usize]| {
            let mut row_sums = RowSums::new(self.n_bins, self.n_features());
            let mut sums = Sums::zero(effects.len());
            for row in rows {
                sums.log_likelihood += self.pass(*row, effects, &mut row_sums);
                sums.add(&row_sums, self.exposures[*row].outlasted);
            }
            sums
        };
        let parts = self.parts(rows, part);
        parts.into_iter().reduce(|sum, part| sum.plus(&part)).unwrap_or_else(|| Sums::zero(effects.len()))
    }

    fn parts<R: Send>(&self, rows: &[usize], part: impl Fn(&[usize]) -> R + Send + Sync) -> Vec<R> {
        rows.par_chunks(rows.len().div_ceil(PARTS).max(64)).map(part).collect()
    }

    /// The log-likelihood of a row, and what its bins add to the sums.
    fn pass(&self, row: usize, effects: &[f64], row_sums: &mut RowSums) -> f64 {
        let exposure = self.exposures[row];
        let (levels, weights) = effects.split_at(self.n_bins);
        self.scaling.standardise(self.features.row(row), &mut row_sums.z);
        let risk: f64 = weights.iter().zip(&row_sums.z).map(|(weight, z)| weight * z).sum();
        let mut log_likelihood = 0.0;
        for (bin, level) in levels.iter().enumerate().take(exposure.outlasted + 1) {
            let here = bin == exposure.outlasted;
            let share = if here { exposure.share } else { 1.0 };
            let ended = if here && exposure.ended { 1.0 } else { 0.0 };
            let (hazard, cumulative) = hazard_and_cumulative(level + risk);
            log_likelihood += ended * (level + risk) - share * cumulative;
            row_sums.residuals[bin] = ended - share * hazard;
            row_sums.curvatures[bin] = share * hazard * (1.0 - hazard);
        }
        log_likelihood
    }
}

/// `σ(x)` and `ln(1 + e^x) = −ln(1 − σ(x))`, precise at both ends.
pub(super) fn hazard_and_cumulative(x: f64) -> (f64, f64) {
    let small = (-x.abs()).exp();
    let hazard = if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (hazard, x.max(0.0) + small.ln_1p())
}

/// The standardised features of a row, and for each bin that it reached the derivatives by the linear predictor.
struct RowSums {
    z: Vec<f64>,
    residuals: Vec<f64>,
    curvatures: Vec<f64>,
}

impl RowSums {
    fn new(n_bins: usize, n_features: usize) -> Self {
        Self { z: vec![0.0; n_features], residuals: vec![0.0; n_bins], curvatures: vec![0.0; n_bins] }
    }
}

impl Sums {
    fn zero(n_effects: usize) -> Self {
        Self {
            log_likelihood: 0.0,
            gradient: vec![0.0; n_effects],
            information: vec![0.0; n_effects * n_effects],
        }
    }

    /// Adds a row that outlasted some bins.
    fn add(&mut self, row: &RowSums, outlasted: usize) {
        let (n_bins, n_effects) = (row.residuals.len(), self.gradient.len());
        let reached = n_bins.min(outlasted + 1);
        let (residuals, curvatures) = (&row.residuals[..reached], &row.curvatures[..reached]);
        let (mut residual, mut curvature) = (0.0, 0.0);
        for bin in 0..reached {
            self.gradient[bin] += residuals[bin];
            self.information[bin * n_effects + bin] += curvatures[bin];
            residual += residuals[bin];
            curvature += curvatures[bin];
        }
        for (feature, z) in row.z.iter().enumerate() {
            let effect = n_bins + feature;
            self.gradient[effect] += residual * z;
            let information = &mut self.information[effect * n_effects..][..=effect];
            let (by_bin, by_feature) = information.split_at_mut(n_bins);
            by_bin.iter_mut().zip(curvatures).for_each(|(sum, curvature)| *sum += curvature * z);
            by_feature.iter_mut().zip(&row.z).for_each(|(sum, other)| *sum += curvature * z * other);
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        self.log_likelihood += other.log_likelihood;
        self.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, part)| *sum += part);
        self.information.iter_mut().zip(&other.information).for_each(|(sum, part)| *sum += part);
        self
    }
}
