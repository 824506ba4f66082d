//! Bands of risk for people, from probabilities.

use crate::error::{Result, require};
use serde::{Deserialize, Serialize};

/// How a customer's probability stands against everybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RiskBand {
    /// Below half of the odds of the average customer.
    Low,
    /// From half to twice these odds.
    Moderate,
    /// From twice to five times.
    High,
    /// Five times and more.
    VeryHigh,
}

impl RiskBand {
    /// All bands, the lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Moderate, Self::High, Self::VeryHigh];

    /// What the API calls it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::VeryHigh => "very_high",
        }
    }
}

/// Probabilities at which the next band begins.
///
/// They are learned as multiples of the odds of the base rate, not as shares of customers: in a year in which fewer
/// leave, fewer are called high. Odds rather than probabilities, since "three times the base rate" says nothing where
/// that is 40 %. A base rate of 20 % gives 11 %, 33 % and 56 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskCuts {
    moderate: f64,
    high: f64,
    very_high: f64,
}

const MULTIPLES_OF_ODDS: [f64; 3] = [0.5, 2.0, 5.0];

impl RiskCuts {
    /// Cuts around the share of customers with a yes.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for a rate that is not between 0 and 1.
    pub fn around(base_rate: f64) -> Result<Self> {
        require(base_rate > 0.0 && base_rate < 1.0, "base rate", base_rate, "between 0 and 1")?;
        let odds = base_rate / (1.0 - base_rate);
        let [moderate, high, very_high] = MULTIPLES_OF_ODDS.map(|by| by * odds / (1.0 + by * odds));
        let cuts = Self { moderate, high, very_high };
        cuts.check()?;
        Ok(cuts)
    }

    /// The band of a probability; a cut belongs to the band above it.
    pub fn band(&self, probability: f64) -> RiskBand {
        match probability {
            p if p >= self.very_high => RiskBand::VeryHigh,
            p if p >= self.high => RiskBand::High,
            p if p >= self.moderate => RiskBand::Moderate,
            _ => RiskBand::Low,
        }
    }

    /// Where moderate, high and very high begin.
    pub fn cuts(&self) -> [f64; 3] {
        [self.moderate, self.high, self.very_high]
    }

    pub(super) fn check(&self) -> Result<()> {
        let [moderate, high, very_high] = self.cuts();
        let holds = 0.0 < moderate && moderate < high && high < very_high && very_high < 1.0;
        require(holds, "cuts of risk bands", format!("{:?}", self.cuts()), "three rising numbers in (0, 1)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_of_a_base_rate_of_a_fifth() {
        let cuts = RiskCuts::around(0.2).unwrap();
        let wanted = [1.0 / 9.0, 1.0 / 3.0, 5.0 / 9.0];
        assert!(cuts.cuts().iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12));
        let bands = [0.0, 0.2, 0.4, 0.99].map(|p| cuts.band(p));
        assert_eq!(bands, [RiskBand::Low, RiskBand::Moderate, RiskBand::High, RiskBand::VeryHigh]);
        assert!(RiskCuts::around(1.0).is_err() && RiskCuts::around(f64::NAN).is_err());
    }
}
