//! When it happens: the survival curve of one customer.

use super::{ChurnModels, Setting};
use serde::Serialize;

/// The chance that what is waited for has not happened yet, day by day.
///
/// In a contractual setting that is the closure: the curve is the chance to be still a customer. In a non-contractual
/// one it is the next order: the curve is the chance not to have come back yet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// Days from now and the chance, from (0, 1) on; exponential between two points.
    pub survival: Vec<(f32, f32)>,
    /// Days until the chance is one half; absent when the curve does not fall that far.
    pub median_days: Option<f32>,
}

impl ChurnModels {
    /// The curve of one customer: its shape by the hazard model, and through the calibrated probability at the horizon.
    pub fn timing(&self, row: &[f32], probability: f64) -> Option<Timing> {
        let curve = self.hazard.as_ref()?.curve(row).ok()?;
        let survival = match self.setting {
            Setting::Contractual => 1.0 - probability,
            Setting::NonContractual => probability,
        };
        let curve = curve.through(self.horizon_days as f32, survival as f32);
        Some(Timing { survival: curve.points(), median_days: curve.median() })
    }
}
