//! Features made comparable: each less its mean, in standard deviations.

use ndarray::{ArrayView1, ArrayView2};

/// The mean and the standard deviation of each feature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scaling {
    pub(super) means: Vec<f32>,
    /// 0 for a constant feature, which says nothing.
    pub(super) scales: Vec<f32>,
}

/// What lies further out says no more than this many standard deviations: one wild number must not rule a fit or a curve.
const FURTHEST: f64 = 30.0;

impl Scaling {
    /// Of the columns of some rows.
    pub(super) fn of(features: &ArrayView2<'_, f32>) -> Self {
        let (means, scales) = features.columns().into_iter().map(|column| mean_and_scale(&column)).unzip();
        Self { means, scales }
    }

    pub(super) fn len(&self) -> usize {
        self.means.len()
    }

    /// Standardises a row, which has as many features.
    pub(super) fn standardise<'a>(&self, row: impl IntoIterator<Item = &'a f32>, standardised: &mut [f64]) {
        let of = self.means.iter().zip(&self.scales);
        for ((z, value), (mean, scale)) in standardised.iter_mut().zip(row).zip(of) {
            let away = f64::from(*value) - f64::from(*mean);
            *z = if *scale > 0.0 { (away / f64::from(*scale)).clamp(-FURTHEST, FURTHEST) } else { 0.0 };
        }
    }
}

fn mean_and_scale(column: &ArrayView1<'_, f32>) -> (f32, f32) {
    let n = column.len().max(1) as f64;
    let mean = column.iter().map(|value| f64::from(*value)).sum::<f64>() / n;
    let variance = column.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / n;
    let constant = column.iter().all(|value| *value == column[0]);
    (mean as f32, if constant { 0.0 } else { variance.sqrt() as f32 })
}
