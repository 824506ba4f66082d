//! Whether arms have the units that their shares promise.

use crate::distributions::chi_squared_tail;
use crate::error::{Error, Result, require};
use serde::{Deserialize, Serialize};

/// Rarer than this is no chance (Fabijan et al. 2019).
const ALARM: f64 = 0.001;

/// The chi-squared test of the numbers of units in the arms. It is a good approximation where each arm is expected to have
/// five units or more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRatio {
    /// Σ (observed − expected)² / expected.
    pub chi_squared: f64,
    /// Arms with a share, less one.
    pub degrees_of_freedom: usize,
    /// How likely numbers as far from the shares are when nothing is wrong.
    pub p_value: f64,
}

impl SampleRatio {
    /// Of the units of each arm, given the arms' shares, which are taken relative to their sum.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one share for each arm; [`Error::OutOfRange`] for a share that is negative or not
    /// finite, or units in an arm without a share; [`Error::Empty`] without units.
    pub fn of(units: &[u64], shares: &[f64]) -> Result<Self> {
        if units.len() != shares.len() {
            return Err(Error::Shape {
                what: "the shares of the arms".into(),
                expected: format!("{} entries, one for each arm", units.len()),
                found: shares.len().to_string(),
            });
        }
        for (units, share) in units.iter().zip(shares) {
            let expected = "a finite number, above 0 for an arm that has units";
            require(
                share.is_finite() && (*share > 0.0 || *share == 0.0 && *units == 0),
                "share",
                share,
                expected,
            )?;
        }
        let all = units.iter().map(|units| *units as f64).sum::<f64>();
        if all == 0.0 {
            return Err(Error::Empty { what: "the experiment", remedy: "wait until units were allocated" });
        }
        let sum: f64 = shares.iter().sum();
        let with_share = || units.iter().zip(shares).filter(|(_, share)| **share > 0.0);
        let distance = |(units, share): (&u64, &f64)| {
            let expected = all * (share / sum);
            (*units as f64 - expected).powi(2) / expected
        };
        let chi_squared = with_share().map(distance).sum::<f64>().min(f64::MAX);
        let degrees_of_freedom = with_share().count() - 1;
        let p_value = if degrees_of_freedom == 0 {
            1.0
        } else {
            chi_squared_tail(chi_squared, degrees_of_freedom as f64)
        };
        Ok(Self { chi_squared, degrees_of_freedom, p_value })
    }

    /// Whether the numbers may be chance; otherwise nothing may be concluded from the arms.
    pub fn holds(&self) -> bool {
        self.p_value >= ALARM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_per_cent_too_many_of_100_000_is_seen() {
        let two = SampleRatio::of(&[50_500, 49_500], &[0.5, 0.5]).unwrap();
        assert!((two.p_value - 0.001_565_402_258_002_549).abs() < 1e-15, "{two:?}");
        assert_eq!((two.chi_squared, two.degrees_of_freedom, two.holds()), (10.0, 1, true));
        assert!(!SampleRatio::of(&[50_600, 49_400], &[0.5, 0.5]).unwrap().holds());
    }

    #[test]
    fn several_arms_and_shares_that_do_not_sum_to_1() {
        // scipy.stats.chisquare([800, 95, 110, 45], [840, 105, 52.5, 52.5])
        let four = SampleRatio::of(&[800, 95, 110, 45], &[16.0, 2.0, 1.0, 1.0]).unwrap();
        assert!((four.chi_squared - 66.904_761_904_761_9).abs() < 1e-10 && !four.holds(), "{four:?}");
        assert_eq!(four, SampleRatio::of(&[800, 0, 95, 110, 45], &[0.8, 0.0, 0.1, 0.05, 0.05]).unwrap());
        let one = SampleRatio::of(&[7], &[1.0]).unwrap();
        assert_eq!((one.degrees_of_freedom, one.p_value), (0, 1.0));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(SampleRatio::of(&[0, 0], &[0.5, 0.5]).unwrap_err().to_string().contains("empty"));
        assert!(SampleRatio::of(&[1, 1], &[1.0, 0.0]).unwrap_err().to_string().contains("but is 0"));
        assert!(SampleRatio::of(&[1, 1], &[1.0, f64::NAN]).is_err());
        assert!(SampleRatio::of(&[1], &[0.5, 0.5]).is_err() && SampleRatio::of(&[], &[]).is_err());
        assert_eq!(SampleRatio::of(&[1, 1], &[1e-320, 1.0]).unwrap().p_value, 0.0);
    }
}
