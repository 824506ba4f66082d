//! Shares of units that did something, and their differences.

use crate::distributions::normal_quantile;
use crate::error::{Result, require};
use crate::measures::Interval;
use serde::{Deserialize, Serialize};

/// How many units of how many did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    yes: u64,
    of: u64,
}

impl Rate {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for no units, or more that did it than there are.
    pub fn new(yes: u64, of: u64) -> Result<Self> {
        require(of > 0, "units of a rate", of, "at least 1")?;
        require(yes <= of, "units that responded", format!("{yes} of {of}"), "at most all")?;
        Ok(Self { yes, of })
    }

    /// The share.
    pub fn value(self) -> f64 {
        self.yes as f64 / self.of as f64
    }

    /// The share with its 95 % interval (Wilson 1927), which never leaves 0 to 1 and is right for rare answers.
    ///
    /// ```text
    /// (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n)
    /// ```
    pub fn wilson(self) -> Interval {
        let (p, n, z) = (self.value(), self.of as f64, normal_quantile(0.975));
        let shrink = 1.0 + z * z / n;
        let centre = (p + z * z / (2.0 * n)) / shrink;
        let margin = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / shrink;
        let low = if self.yes == 0 { 0.0 } else { centre - margin };
        let high = if self.yes == self.of { 1.0 } else { centre + margin };
        Interval { mean: p, low, high }
    }
}

/// The first rate less the second, with its 95 % interval: method 10 of Newcombe (1998), the square sum of how far each
/// Wilson interval reaches.
pub fn newcombe(first: Rate, second: Rate) -> Interval {
    let (a, b) = (first.wilson(), second.wilson());
    let difference = a.mean - b.mean;
    Interval {
        mean: difference,
        low: difference - (a.mean - a.low).hypot(b.high - b.mean),
        high: difference + (a.high - a.mean).hypot(b.mean - b.low),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: Interval, low: f64, high: f64) {
        assert!(
            (found.low - low).abs() < 1e-12 && (found.high - high).abs() < 1e-12,
            "{found:?} {low} {high}"
        );
    }

    #[test]
    fn intervals_of_rates_are_those_of_statsmodels() {
        let known = [
            (81, 263, 0.255_288_519_878_274_2, 0.366_209_576_982_800_04),
            (15, 148, 0.062_386_399_530_736_28, 0.160_487_241_723_308_03),
            (0, 20, 0.0, 0.161_125_158_052_819_4),
            (1, 29, 0.006_113_214_292_762_667, 0.171_755_218_793_202_94),
            (29, 29, 0.883_030_201_500_259_2, 1.0),
        ];
        for (yes, of, low, high) in known {
            close(Rate::new(yes, of).unwrap().wilson(), low, high);
        }
    }

    #[test]
    fn intervals_of_differences_are_those_of_newcombes_table() {
        // His examples (a) to (h), method 10; the digits are those of statsmodels.
        let known = [
            ([56, 70, 48, 80], 0.052_431_472_402_364_98, 0.333_872_654_036_906_14),
            ([9, 10, 3, 10], 0.170_522_723_934_502_9, 0.809_017_973_535_488),
            ([6, 7, 2, 7], 0.058_227_927_482_312_09, 0.806_249_637_524_227_8),
            ([5, 56, 0, 29], -0.038_137_147_903_536_936, 0.192_560_013_855_111_65),
            ([0, 10, 0, 20], -0.161_125_158_052_819_4, 0.277_532_799_862_889_26),
            ([10, 10, 0, 20], 0.679_086_037_141_914_5, 1.0),
        ];
        for ([yes, of, other_yes, other_of], low, high) in known {
            close(newcombe(Rate::new(yes, of).unwrap(), Rate::new(other_yes, other_of).unwrap()), low, high);
        }
    }

    #[test]
    fn rates_that_cannot_be_are_refused() {
        assert!(Rate::new(0, 0).is_err());
        let message = Rate::new(3, 2).unwrap_err().to_string();
        assert_eq!(message, "units that responded must be at most all, but is 3 of 2");
    }
}
