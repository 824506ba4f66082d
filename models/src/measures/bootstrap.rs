//! Bootstrap intervals of a mean over customers.

use crate::error::{Result, require};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How intervals are made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// How often customers are drawn anew.
    pub resamples: usize,
    /// The share of resampled means inside the interval.
    pub level: f64,
    /// Of the draws; resample r uses seed + r, so that intervals do not depend on threads.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, level: 0.95, seed: 1 }
    }
}

/// A mean and the percentile interval around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The mean over the customers themselves.
    pub mean: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Bootstrap {
    /// The mean of some values, one per customer, with its interval; all 0 without values.
    ///
    /// Pass the differences of two models on the same customers for a paired comparison.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for no resamples or a level outside (0, 1).
    pub fn mean(&self, values: &[f64]) -> Result<Interval> {
        require(self.resamples > 0, "resamples", self.resamples, "at least 1")?;
        require(self.level > 0.0 && self.level < 1.0, "level", self.level, "between 0 and 1")?;
        if values.is_empty() {
            return Ok(Interval::default());
        }
        let n = values.len() as f64;
        let resample = |draw: usize| {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed.wrapping_add(draw as u64));
            (0..values.len()).map(|_| values[random.random_range(0..values.len())]).sum::<f64>() / n
        };
        let mut means: Vec<f64> = (0..self.resamples).into_par_iter().map(resample).collect();
        means.sort_by(f64::total_cmp);
        let quantile = |q: f64| means[(q * (means.len() - 1) as f64).round() as usize];
        let tail = (1.0 - self.level) / 2.0;
        Ok(Interval { mean: values.iter().sum::<f64>() / n, low: quantile(tail), high: quantile(1.0 - tail) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_near_the_normal_one_and_repeats_with_its_seed() {
        // 400 values, half 0 and half 1: standard error 0.025.
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let interval = Bootstrap::default().mean(&values).unwrap();
        assert_eq!(interval.mean, 0.5);
        assert!((interval.low - 0.451).abs() < 0.01 && (interval.high - 0.549).abs() < 0.01, "{interval:?}");
        assert_eq!(Bootstrap::default().mean(&values).unwrap(), interval);
        assert_ne!(Bootstrap { seed: 9000, ..Default::default() }.mean(&values).unwrap(), interval);
    }
}
