//! Money of units, and differences of its mean.

use crate::distributions::{student_quantile, student_two_sided};
use crate::error::{Error, Result, require};
use crate::measures::Interval;
use serde::{Deserialize, Serialize};

/// The number, mean and spread of some values, one per unit, gathered one by one (Welford 1962).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    n: u64,
    mean: f64,
    /// Σ (value − mean)².
    squares: f64,
}

impl Sample {
    /// From a table: the number of units, their mean and their variance, which is 0 for one unit.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for a mean that is not finite, [`Error::OutOfRange`] for a variance that is not a number of at
    /// least 0.
    pub fn new(n: u64, mean: f64, variance: f64) -> Result<Self> {
        if !mean.is_finite() {
            return Err(Error::NotFinite { what: "a mean of units", at: mean.to_string() });
        }
        let holds = variance >= 0.0 && variance.is_finite();
        require(holds, "the variance of units", variance, "a number of at least 0")?;
        Ok(Self { n, mean, squares: variance * n.saturating_sub(1) as f64 })
    }

    /// Takes one more unit's value.
    pub fn add(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
    }

    /// How many units.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Their mean; 0 without any.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Σ (value − mean)² / (n − 1); 0 below two units.
    pub fn variance(&self) -> f64 {
        if self.n < 2 { 0.0 } else { self.squares / (self.n - 1) as f64 }
    }

    /// Whether a test can be made of it; not when a value was not finite or too large to be squared.
    pub(super) fn is_finite(&self) -> bool {
        self.mean.is_finite() && self.squares.is_finite()
    }
}

/// A difference of two means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeanDifference {
    /// The first mean less the second, with its 95 % interval.
    pub difference: Interval,
    /// How likely a difference as large, either way, is where there is none.
    pub p_value: f64,
    /// Of Student's t (Satterthwaite 1946).
    pub degrees_of_freedom: f64,
}

/// The first mean less the second, whose variances may differ (Welch 1947). Money is skewed: below some hundred units of
/// which several paid, the interval is too narrow.
///
/// `None` where an arm has fewer than two units, and where no value differs from its arm's mean: there is no error to
/// measure the difference by.
pub fn welch(first: &Sample, second: &Sample) -> Option<MeanDifference> {
    if first.n < 2 || second.n < 2 || !first.is_finite() || !second.is_finite() {
        return None;
    }
    let errors = [first, second].map(|sample| sample.variance() / sample.n as f64);
    let error = errors[0] + errors[1];
    if !(error > 0.0 && error.is_finite()) {
        return None;
    }
    // Shares of the error rather than squares of it, which may be too small to be numbers.
    let spread = |(share, sample): (f64, &Sample)| (share / error).powi(2) / (sample.n - 1) as f64;
    let degrees_of_freedom = 1.0 / (spread((errors[0], first)) + spread((errors[1], second)));
    let (difference, standard_error) = (first.mean - second.mean, error.sqrt());
    let margin = standard_error * student_quantile(0.975, degrees_of_freedom);
    let interval = Interval { mean: difference, low: difference - margin, high: difference + margin };
    let finite = [interval.low, interval.mean, interval.high].iter().all(|bound| bound.is_finite());
    let p_value = student_two_sided(difference / standard_error, degrees_of_freedom);
    finite.then_some(MeanDifference { difference: interval, p_value, degrees_of_freedom })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        let mut sample = Sample::default();
        values.iter().for_each(|value| sample.add(*value));
        sample
    }

    #[test]
    fn the_difference_is_that_of_scipy() {
        let x = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4];
        let y = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5];
        let found = welch(&sample(&x), &sample(&y)).unwrap();
        assert!((found.difference.mean + 2.78).abs() < 1e-12);
        assert!((found.difference.low + 4.886_730_044_370_594).abs() < 1e-9, "{found:?}");
        assert!((found.difference.high + 0.673_269_955_629_408_4).abs() < 1e-9, "{found:?}");
        assert!((found.p_value - 0.011_616_192_002_630_83).abs() < 1e-12, "{found:?}");
        assert!((found.degrees_of_freedom - 26.952_746_503_270_294).abs() < 1e-9, "{found:?}");
        let from_table = |of: &Sample| Sample::new(of.n(), of.mean(), of.variance()).unwrap();
        let again = welch(&from_table(&sample(&x)), &from_table(&sample(&y))).unwrap();
        assert!((again.p_value - found.p_value).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_said_where_nothing_can_be_measured() {
        let some = sample(&[1.0, 2.0, 4.0]);
        assert!(welch(&some, &sample(&[1.0])).is_none() && welch(&sample(&[]), &some).is_none());
        assert!(welch(&sample(&[0.0; 9]), &sample(&[0.0; 9])).is_none());
        assert!(welch(&some, &sample(&[1.0, f64::NAN])).is_none());
        assert!(welch(&some, &sample(&[1e200, -1e200])).is_none());
        assert!(welch(&some, &sample(&[0.0; 9])).is_some_and(|found| found.p_value < 1.0));
        assert!(Sample::new(3, f64::NAN, 1.0).is_err() && Sample::new(3, 1.0, -1.0).is_err());
    }
}
