//! Features on one scale: clipped at robust bounds, then mean 0 and deviation 1.

use super::lloyd::{require_numbers, require_row};
use crate::error::{Error, Result};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// How each feature is made comparable with the others. A feature without spread between its bounds becomes 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scale>")]
pub struct Scaling(Vec<Scale>);

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    low: f64,
    high: f64,
    mean: f64,
    deviation: f64,
}

/// One customer in a hundred at each end is clipped: bounds that hold whatever the tails are, also where most values
/// are equal and the median deviation would be 0.
const TAIL: f64 = 0.01;

impl Scaling {
    /// Learns from customers × features.
    ///
    /// # Errors
    /// [`Error::Empty`] without customers or features; [`Error::NotFinite`] for a NaN or an infinity;
    /// [`Error::OutOfRange`] beyond ±1e15.
    pub fn learn(features: &ArrayView2<'_, f32>) -> Result<Self> {
        require_numbers(features, "features")?;
        let scale = |column: ndarray::ArrayView1<'_, f32>| Scale::learn(column.iter().copied().collect());
        Ok(Self(features.columns().into_iter().map(scale).collect()))
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.0.len()
    }

    /// The features of a customer on the common scale.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of features; [`Error::NotFinite`] for a NaN or an infinity;
    /// [`Error::OutOfRange`] beyond ±1e15.
    pub fn standardise(&self, features: &[f32]) -> Result<Vec<f32>> {
        require_row(features, self.0.len(), "the features of a customer")?;
        Ok(features.iter().zip(&self.0).map(|(value, scale)| scale.of(*value)).collect())
    }
}

impl Scale {
    fn learn(mut values: Vec<f32>) -> Self {
        values.sort_unstable_by(f32::total_cmp);
        let quantile = |q: f64| f64::from(values[((values.len() - 1) as f64 * q).round() as usize]);
        let (low, high) = (quantile(TAIL), quantile(1.0 - TAIL));
        let n = values.len() as f64;
        let clipped = || values.iter().map(|value| f64::from(*value).clamp(low, high));
        // The mean of equal numbers may differ from them by rounding.
        let mean = (clipped().sum::<f64>() / n).clamp(low, high);
        let deviation = (clipped().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        let has_spread = high > low && deviation > 0.0;
        if has_spread {
            Self { low, high, mean, deviation }
        } else {
            Self { low, high: low, mean: low, deviation: 1.0 }
        }
    }

    fn of(&self, value: f32) -> f32 {
        ((f64::from(value).clamp(self.low, self.high) - self.mean) / self.deviation) as f32
    }

    fn is_sound(&self) -> bool {
        let Self { low, high, mean, deviation } = *self;
        let all_finite = [low, high, mean, deviation].into_iter().all(f64::is_finite);
        all_finite && low <= mean && mean <= high && deviation > 0.0 && (high - low) / deviation <= 1e6
    }
}

impl TryFrom<Vec<Scale>> for Scaling {
    type Error = Error;

    fn try_from(scales: Vec<Scale>) -> Result<Self> {
        match scales.iter().position(|scale| !scale.is_sound()) {
            Some(at) => Err(Error::Unreadable {
                part: "a scaling".into(),
                reason: format!("feature {at} should have low <= mean <= high and a deviation above 0"),
            }),
            None => Ok(Self(scales)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn one_giant_does_not_set_the_scale_and_a_constant_says_nothing() {
        let features = Array2::from_shape_fn((1000, 2), |(row, column)| match (row, column) {
            (0, 0) => 1e9,
            (_, 0) => (row % 10) as f32,
            _ => 0.1,
        });
        let scaling = Scaling::learn(&features.view()).unwrap();
        let of = |value: f32| scaling.standardise(&[value, 0.7]).unwrap();
        assert_eq!(of(1e9), of(9.0));
        assert!((of(9.0)[0] - 1.567).abs() < 0.01 && of(4.0)[1] == 0.0, "{:?}", of(9.0));
        assert!(scaling.standardise(&[f32::NAN, 0.0]).is_err() && scaling.standardise(&[1.0]).is_err());
        let text = serde_json::to_string(&scaling).unwrap();
        assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), scaling);
        let broken = r#"[{"low":0,"high":1,"mean":2,"deviation":1}]"#;
        assert!(serde_json::from_str::<Scaling>(broken).is_err());
    }
}
