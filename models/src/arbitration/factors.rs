//! What a priority is made of.

use serde::{Deserialize, Serialize};

/// The factors of one offer's priority.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factors {
    /// P: the probability that it is accepted.
    pub propensity: f64,
    /// C: how well it fits the moment, a [`weight`].
    pub context: f64,
    /// V: what its acceptance is worth, in money.
    pub value: f64,
    /// L: what the business wants beside value, a [`weight`].
    pub lever: f64,
}

impl Factors {
    /// P × C × V × L.
    pub fn priority(&self) -> f64 {
        self.propensity * self.context * self.value * self.lever
    }
}

/// Which factors count; one that is off is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// P.
    pub propensity: bool,
    /// C.
    pub context: bool,
    /// V.
    pub value: bool,
    /// L.
    pub levers: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { propensity: true, context: true, value: true, levers: true }
    }
}

impl Switches {
    /// The factors as they count.
    pub fn apply(&self, factors: &Factors) -> Factors {
        let counts = |is_on: bool, factor: f64| if is_on { factor } else { 1.0 };
        Factors {
            propensity: counts(self.propensity, factors.propensity),
            context: counts(self.context, factors.context),
            value: counts(self.value, factors.value),
            lever: counts(self.levers, factors.lever),
        }
    }
}

/// The factor that percentages come to: their sum over a hundred, plus 1; never below 0.
///
/// Percentages that are not finite count as nothing, so that the factor is a number whatever comes in.
pub fn weight(percentages: impl IntoIterator<Item = f64>) -> f64 {
    let total: f64 = percentages.into_iter().filter(|percent| percent.is_finite()).sum();
    (1.0 + total / 100.0).clamp(0.0, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_total_of_fifty_five_percent_weighs_one_and_fifty_five_hundredths() {
        assert!((weight([15.0, 40.0]) - 1.55).abs() < 1e-12);
        assert_eq!(weight([]), 1.0);
        assert_eq!(weight([-30.0, -90.0]), 0.0);
    }

    #[test]
    fn a_factor_that_is_off_is_one() {
        let factors = Factors { propensity: 0.12, context: 1.1, value: 45.0, lever: 1.55 };
        assert!((factors.priority() - 9.207).abs() < 1e-12);
        let off = Switches { levers: false, ..Switches::default() }.apply(&factors);
        assert_eq!(off, Factors { lever: 1.0, ..factors });
        let none = Switches { propensity: false, context: false, value: false, levers: false };
        assert_eq!(none.apply(&factors).priority(), 1.0);
    }

    proptest! {
        #[test]
        fn a_weight_is_always_a_number_of_at_least_0(percentages in prop::collection::vec(any::<f64>(), 0..6)) {
            let weight = weight(percentages);
            prop_assert!(weight.is_finite() && weight >= 0.0, "{}", weight);
        }
    }
}
