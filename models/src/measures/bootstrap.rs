//! Bootstrap intervals of means, and of anything else, over customers.

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
    /// The share of resampled statistics inside the interval.
    pub level: f64,
    /// Of the draws; resample r uses seed + r, so that intervals do not depend on threads.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, level: 0.95, seed: 1 }
    }
}

/// A mean, or another statistic, and the interval around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The statistic of the sample itself.
    pub mean: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Bootstrap {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for no resamples or a level outside (0, 1).
    pub fn check(&self) -> Result<()> {
        require(self.resamples > 0, "resamples", self.resamples, "at least 1")?;
        require(self.level > 0.0 && self.level < 1.0, "level", self.level, "between 0 and 1")
    }

    /// The mean of some values, one per customer, with its interval; all 0 without values.
    ///
    /// Pass the differences of two models on the same customers for a paired comparison.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn mean(&self, values: &[f64]) -> Result<Interval> {
        let n = values.len() as f64;
        self.statistic(values.len(), |times| {
            times.iter().zip(values).map(|(times, value)| f64::from(*times) * value).sum::<f64>() / n
        })
    }

    /// Anything that can be computed from how often each of `n` customers was drawn, with its interval: every draw
    /// takes n of them, with repetition. All 0 without customers.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn statistic(&self, n: usize, of: impl Fn(&[u32]) -> f64 + Sync) -> Result<Interval> {
        Ok(self.statistics(n, |times| [of(times)])?[0])
    }

    /// As [`Self::statistic`], for several from the same draws.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn statistics<const K: usize>(
        &self,
        n: usize,
        of: impl Fn(&[u32]) -> [f64; K] + Sync,
    ) -> Result<[Interval; K]> {
        self.check()?;
        if n == 0 {
            return Ok([Interval::default(); K]);
        }
        let resample = |draw: usize| {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed.wrapping_add(draw as u64));
            let mut times = vec![0u32; n];
            (0..n).for_each(|_| times[random.random_range(0..n)] += 1);
            of(&times)
        };
        let draws: Vec<[f64; K]> = (0..self.resamples).into_par_iter().map(resample).collect();
        let themselves = of(&vec![1; n]);
        let tail = (1.0 - self.level) / 2.0;
        Ok(std::array::from_fn(|k| {
            let mut values: Vec<f64> = draws.iter().map(|draw| draw[k]).collect();
            values.sort_by(f64::total_cmp);
            let quantile = |q: f64| values[(q * (values.len() - 1) as f64).round() as usize];
            Interval { mean: themselves[k], low: quantile(tail), high: quantile(1.0 - tail) }
        }))
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

    #[test]
    fn a_statistic_of_draws_can_be_anything_and_draws_add_up() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let largest = |times: &[u32]| {
            assert_eq!(times.iter().sum::<u32>(), 100);
            times.iter().zip(&values).filter(|(times, _)| **times > 0).map(|(_, v)| *v).fold(0.0, f64::max)
        };
        let interval = Bootstrap::default().statistic(100, largest).unwrap();
        assert_eq!((interval.mean, interval.high), (99.0, 99.0));
        assert!((93.0..98.0).contains(&interval.low), "{interval:?}");
        assert_eq!(Bootstrap::default().statistic(0, largest).unwrap(), Interval::default());
        assert!(Bootstrap { level: 1.0, ..Default::default() }.statistic(1, |_| 0.0).is_err());
    }
}
