//! Each estimator's value and what every row adds to its error.

use super::log::{Log, Row};

/// An estimate and, of each row, how far it alone pulls the estimate: the influence function, whose mean is 0 and whose
/// spread is the estimate's error.
pub(super) struct Influence {
    pub(super) value: f64,
    pub(super) of_row: Vec<f64>,
}

/// A mean of one number per row.
pub(super) fn mean(log: &Log, of: impl Fn(usize, &Row) -> f64) -> Influence {
    let terms: Vec<f64> = log.rows().iter().enumerate().map(|(place, row)| of(place, row)).collect();
    let value = terms.iter().sum::<f64>() / terms.len() as f64;
    Influence { value, of_row: terms.into_iter().map(|term| term - value).collect() }
}

/// A ratio Σ w·x / Σ w, where w̄ is not 0: by the delta method, row i pulls it by w_i (x_i − ratio) / w̄.
pub(super) fn ratio(log: &Log, weights: &[f64], of: impl Fn(&Row) -> f64) -> Influence {
    let sum: f64 = weights.iter().sum();
    let weighted = |(weight, row): (&f64, &Row)| weight * of(row);
    let value = weights.iter().zip(log.rows()).map(weighted).sum::<f64>() / sum;
    let mean_weight = sum / weights.len() as f64;
    let pull = |(weight, row): (&f64, &Row)| weight * (of(row) - value) / mean_weight;
    Influence { value, of_row: weights.iter().zip(log.rows()).map(pull).collect() }
}

impl Influence {
    /// The sum of two estimates from the same rows.
    pub(super) fn plus(self, other: &Self) -> Self {
        let sums = self.of_row.iter().zip(&other.of_row).map(|(a, b)| a + b).collect();
        Self { value: self.value + other.value, of_row: sums }
    }

    /// The standard error, groups being drawn and not rows: √(G / (G − 1) · Σ_g (Σ_{i in g} ψ_i)²) / n (Liang and Zeger
    /// 1986). With one row to a group it is the ordinary one.
    pub(super) fn standard_error(&self, log: &Log) -> f64 {
        let groups = log.n_groups() as f64;
        let sums = log.sums_by_group(self.of_row.iter().copied());
        let squares: f64 = sums.iter().map(|sum| sum * sum).sum();
        (groups / (groups - 1.0) * squares).sqrt() / self.of_row.len() as f64
    }
}
