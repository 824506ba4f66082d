//! Logistic regression on standardised features.

use super::folds::Folds;
use super::newton::{Known, Problem, log_loss};
use super::params::LogisticParams;
use super::rows::Rows;
use crate::error::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// `log odds = intercept + Σ weight · z`, with z a feature brought to mean 0 and standard deviation 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logistic {
    /// The log odds of the average row.
    intercept: f64,
    terms: Vec<Term>,
}

/// One feature's part. Numbers beyond 5 standard deviations count as that far: one outlier must not decide.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Term {
    low: f64,
    high: f64,
    /// Of the numbers within low and high.
    mean: f64,
    /// Of the same; 0 for a feature that was constant, which has no weight.
    deviation: f64,
    weight: f64,
}

/// A logistic regression and how it came about.
#[derive(Clone, Debug)]
pub(super) struct FittedLogistic {
    pub(super) model: Logistic,
    pub(super) ridge: f64,
}

const OUTLIER_DEVIATIONS: f64 = 5.0;

impl LogisticParams {
    /// Chooses the ridge by log loss on folds, the larger of equals, and fits all rows with it.
    pub(super) fn fit(&self, rows: &Rows<'_>, folds: &Folds) -> Result<FittedLogistic> {
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        let mut ridges = self.ridges.clone();
        ridges.sort_by(|a, b| b.total_cmp(a));
        let mut best = (f64::INFINITY, ridges[0]);
        if ridges.len() > 1 {
            let splits = folds.splits(|_| true);
            for ridge in ridges {
                let loss = |(outside, inside): &(Vec<u32>, Vec<u32>)| {
                    Logistic::fit(rows, outside, ridge).map(|model| model.loss(rows, inside))
                };
                let losses = splits.par_iter().map(loss).collect::<Result<Vec<f64>>>()?;
                let sum: f64 = losses.iter().sum();
                if sum < best.0 {
                    best = (sum, ridge);
                }
            }
        }
        Ok(FittedLogistic { model: Logistic::fit(rows, &all, best.1)?, ridge: best.1 })
    }
}

impl Logistic {
    /// Fits all rows beside what is known of them already: `offset` gives the log odds of a row, and the regression says what
    /// must be added to them.
    pub(crate) fn fit_beside(
        rows: &Rows<'_>,
        ridge: f64,
        offset: impl Fn(usize) -> f64 + Sync,
    ) -> Result<Self> {
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        Self::solve(rows, &all, ridge, offset)
    }

    fn fit(rows: &Rows<'_>, of: &[u32], ridge: f64) -> Result<Self> {
        Self::solve(rows, of, ridge, |_| 0.0)
    }

    fn solve(rows: &Rows<'_>, of: &[u32], ridge: f64, offset: impl Fn(usize) -> f64 + Sync) -> Result<Self> {
        let mut terms: Vec<Term> =
            (0..rows.n_features()).into_par_iter().map(|column| Term::scale(rows, of, column)).collect();
        // Constant features stay out of the equations, which are the smaller for it.
        let varying: Vec<usize> = (0..terms.len()).filter(|column| terms[*column].deviation > 0.0).collect();
        let row = |at: usize, into: &mut [f64]| {
            let row = of[at] as usize;
            let numbers = rows.row(row);
            into.iter_mut().zip(&varying).for_each(|(z, column)| *z = terms[*column].z(numbers[*column]));
            Known { offset: offset(row), label: rows.labels()[row], weight: rows.weight(row) }
        };
        let solution = Problem { n_rows: of.len(), n_columns: varying.len(), row, ridge }.solve()?;
        for (column, weight) in varying.iter().zip(solution.weights) {
            terms[*column].weight = weight;
        }
        Ok(Self { intercept: solution.intercept, terms })
    }

    fn loss(&self, rows: &Rows<'_>, of: &[u32]) -> f64 {
        let loss = |row: &u32| {
            let row = *row as usize;
            rows.weight(row) * log_loss(self.margin(rows.row(row)), rows.labels()[row])
        };
        of.iter().map(loss).sum()
    }

    pub(crate) fn n_features(&self) -> usize {
        self.terms.len()
    }

    /// The log odds of the average row.
    pub(crate) fn average(&self) -> f64 {
        self.intercept
    }

    pub(crate) fn margin(&self, row: &[f32]) -> f64 {
        self.intercept + self.terms.iter().zip(row).map(|(term, x)| term.weight * term.z(*x)).sum::<f64>()
    }

    /// What each feature adds to the average: `weight · z`, since z has mean 0.
    pub(crate) fn contributions(&self, row: &[f32]) -> Vec<f64> {
        self.terms.iter().zip(row).map(|(term, x)| term.weight * term.z(*x)).collect()
    }

    /// Refuses numbers that no fit gives.
    pub(crate) fn check(&self) -> Result<()> {
        let not_finite = |at: String| Error::NotFinite { what: "a logistic regression", at };
        if !self.intercept.is_finite() {
            return Err(not_finite("intercept".into()));
        }
        for (column, term) in self.terms.iter().enumerate() {
            let numbers = [term.low, term.high, term.mean, term.deviation, term.weight];
            if numbers.iter().any(|number| !number.is_finite()) {
                return Err(not_finite(format!("feature {column}")));
            }
            if term.low > term.high || term.deviation < 0.0 {
                return Err(Error::Unreadable {
                    part: "a logistic regression".into(),
                    reason: format!("the bounds or the deviation of feature {column} make no sense"),
                });
            }
        }
        Ok(())
    }
}

impl Term {
    fn scale(rows: &Rows<'_>, of: &[u32], column: usize) -> Self {
        let number = |row: &u32| f64::from(rows.row(*row as usize)[column]);
        let moments = |value: &dyn Fn(&u32) -> f64| {
            let weight: f64 = of.iter().map(|row| rows.weight(*row as usize)).sum();
            let mean = of.iter().map(|row| rows.weight(*row as usize) * value(row)).sum::<f64>() / weight;
            let squares = of.iter().map(|row| rows.weight(*row as usize) * (value(row) - mean).powi(2));
            (mean, (squares.sum::<f64>() / weight).sqrt())
        };
        let (mean, deviation) = moments(&number);
        let (low, high) = (mean - OUTLIER_DEVIATIONS * deviation, mean + OUTLIER_DEVIATIONS * deviation);
        let first = of.first().map_or(0.0, number);
        if of.iter().all(|row| number(row) == first) {
            return Self { low: first, high: first, mean: first, deviation: 0.0, weight: 0.0 };
        }
        let (mean, deviation) = moments(&|row| number(row).clamp(low, high));
        Self { low, high, mean, deviation, weight: 0.0 }
    }

    fn z(&self, x: f32) -> f64 {
        if self.deviation > 0.0 {
            (f64::from(x).max(self.low).min(self.high) - self.mean) / self.deviation
        } else {
            0.0
        }
    }
}
