//! Recency, frequency, money: three scores from 1 to 5 that say when, how often and for how much a customer orders
//! (Hughes 1994, "Strategic Database Marketing").
//!
//! Scores are quintiles by rank of the customers who ordered at least once. Equal values always have equal scores: a
//! value so frequent that it would fill several scores takes the middle one, so that where most people ordered once they
//! are neither last nor first, and a column in which all are equal scores 3.

use super::cuts::RankCuts;
use crate::error::{Result, require};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where the quintiles are cut; part of the release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RfmCuts {
    recency_days: RankCuts<4>,
    orders: RankCuts<4>,
    money: RankCuts<4>,
}

/// The scores of a customer, each from 1 to 5; 5 is the most recent, the most frequent, the most money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Rfm {
    /// How lately they ordered.
    pub recency: u8,
    /// How often.
    pub frequency: u8,
    /// For how much.
    pub monetary: u8,
}

impl RfmCuts {
    /// Learns from customers with at least one order: days since the last, number of orders, money spent.
    ///
    /// # Errors
    /// [`crate::Error::Empty`] without customers; [`crate::Error::OutOfRange`] for one without orders or with an order
    /// in the future; [`crate::Error::NotFinite`] for a NaN or an infinity.
    pub fn learn(customers: impl IntoIterator<Item = (f32, u32, f64)>) -> Result<Self> {
        let (mut recency, mut frequency, mut spent) = (Vec::new(), Vec::new(), Vec::new());
        for (recency_days, orders, money) in customers {
            require(orders > 0, "orders", orders, "at least 1: leave out who never ordered")?;
            let is_past = !recency_days.is_finite() || recency_days >= 0.0;
            require(is_past, "recency_days", recency_days, "0 or more: leave out orders after the date")?;
            recency.push(f64::from(recency_days));
            frequency.push(f64::from(orders));
            spent.push(money);
        }
        Ok(Self {
            recency_days: RankCuts::learn(recency, "recency_days")?,
            orders: RankCuts::learn(frequency, "orders")?,
            money: RankCuts::learn(spent, "money")?,
        })
    }

    /// The scores of a customer. A NaN scores 1.
    pub fn score(&self, recency_days: f32, orders: u32, money: f64) -> Rfm {
        let days = if recency_days.is_nan() { f32::INFINITY } else { recency_days };
        Rfm {
            recency: 6 - self.recency_days.part(f64::from(days)),
            frequency: self.orders.part(f64::from(orders)),
            monetary: self.money.part(money),
        }
    }
}

impl fmt::Display for Rfm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R{}F{}M{}", self.recency, self.frequency, self.monetary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn learn(values: &[i32]) -> RfmCuts {
        let customer = |&value: &i32| (value as f32, value as u32 + 1, f64::from(value));
        RfmCuts::learn(values.iter().map(customer)).unwrap()
    }

    #[test]
    fn a_value_that_fills_several_quintiles_takes_the_middle_one() {
        // Six of ten ordered once: they would fill the scores 1 to 3.
        let cuts = learn(&[0, 0, 0, 0, 0, 0, 1, 1, 2, 3]);
        let frequencies = [1, 2, 3, 4].map(|orders| cuts.score(0.0, orders, 0.0).frequency);
        assert_eq!(frequencies, [2, 4, 5, 5]);
        assert_eq!(learn(&[7; 50]).score(7.0, 8, 7.0).to_string(), "R3F3M3");
        assert_eq!(cuts.score(f32::NAN, 0, f64::NAN).to_string(), "R1F1M1");
    }

    #[test]
    fn cuts_survive_a_release_and_broken_ones_are_refused() {
        let text = serde_json::to_string(&learn(&[1, 5, 9, 2, 6, 30])).unwrap();
        assert_eq!(serde_json::from_str::<RfmCuts>(&text).unwrap(), learn(&[1, 5, 9, 2, 6, 30]));
        // A customer who stands on a cut point still does so: this number needs all of its digits.
        let awkward = 1.935_951_232_910_156_3;
        let text = serde_json::to_string(&RfmCuts::learn([(1.0, 1, awkward); 9]).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<RfmCuts>(&text).unwrap().score(1.0, 1, awkward).monetary, 3);

        let with =
            |money: &str| format!(r#"{{"recency_days":[1,2,3,4],"orders":[1,1,2,3],"money":{money}}}"#);
        assert!(serde_json::from_str::<RfmCuts>(&with("[1,2,3,4]")).is_ok());
        for broken in ["[1,2,3]", "[1,2,4,3]", "[1,2,3,4,5]", "[1,2,3,null]"] {
            assert!(serde_json::from_str::<RfmCuts>(&with(broken)).is_err(), "{broken}");
        }
        assert!(RfmCuts::learn([(1.0, 0, 1.0)]).is_err());
        assert!(RfmCuts::learn([(-1.0, 1, 1.0)]).is_err());
        assert!(RfmCuts::learn([(1.0, 1, f64::NAN)]).is_err());
        assert!(RfmCuts::learn([]).is_err());
    }

    proptest! {
        #[test]
        fn distinct_values_fill_all_scores_alike(values in prop::collection::hash_set(0i32..10_000, 1..200)) {
            let values: Vec<i32> = values.into_iter().collect();
            let cuts = learn(&values);
            let scores: Vec<Rfm> = values.iter().map(|&v| cuts.score(v as f32, v as u32 + 1, f64::from(v))).collect();
            for score in 1..=5 {
                for of in [|s: &Rfm| s.recency, |s: &Rfm| s.frequency, |s: &Rfm| s.monetary] {
                    let held = scores.iter().filter(|scores| of(scores) == score).count();
                    let fair = values.len() as f64 / 5.0;
                    prop_assert!((held as f64 - fair).abs() <= 1.0, "{held} of {} score {score}", values.len());
                }
            }
        }

        #[test]
        fn more_of_it_never_scores_less(
            values in prop::collection::vec(0i32..30, 1..100), a in -5i32..40, b in -5i32..40,
        ) {
            let cuts = learn(&values);
            let [less, more] = [a.min(b), a.max(b)]
                .map(|v| cuts.score(v as f32, v.max(0) as u32, f64::from(v)));
            prop_assert!(less.recency >= more.recency);
            prop_assert!(less.frequency <= more.frequency && less.monetary <= more.monetary);
            for score in [less.recency, less.frequency, less.monetary, more.recency, more.frequency, more.monetary] {
                prop_assert!((1..=5).contains(&score));
            }
        }
    }
}
