//! All that the models of value know of a customer.

use super::unit::{LONGEST, Unit, convert, same_unit};
use crate::error::{Error, Result, require};
use serde::{Deserialize, Serialize};

/// A customer's orders up to a date, and what the repeats were worth.
///
/// Several orders within one unit of time count as one order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Repeat orders: all but the first (x).
    pub frequency: u32,
    /// From the first order to the last; 0 without a repeat (t_x).
    pub recency: f64,
    /// From the first order to the date of the summary (T).
    pub age: f64,
    /// Of recency and age.
    pub unit: Unit,
    /// The mean basket of the repeat orders, net of returns; `None` without a repeat. A mean of zero or below says
    /// nothing on what this customer pays: they are valued by the population's basket.
    pub mean_value: Option<f64>,
}

/// The money of a customer's repeat orders.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spend {
    /// Repeat orders, at least 1.
    pub frequency: u32,
    /// Their mean basket, above 0.
    pub mean_value: f64,
}

/// More money in a basket is a mistake.
pub(super) const MOST_MONEY: f64 = 1e15;
/// More orders are a mistake.
pub(super) const MOST_ORDERS: u32 = 1_000_000;

impl Summary {
    /// # Errors
    /// [`Error::OutOfRange`] unless `0 <= recency <= age`, a customer without repeats has neither recency nor value, and
    /// no number is beyond what a customer can have; NaN and infinity are refused so too.
    pub fn check(&self) -> Result<()> {
        require((0.0..=LONGEST).contains(&self.age), "age", self.age, "from 0 to a billion")?;
        require((0.0..=self.age).contains(&self.recency), "recency", self.recency, "from 0 to the age")?;
        require(
            self.frequency <= MOST_ORDERS,
            "frequency",
            self.frequency,
            "at most a million repeat orders",
        )?;
        let holds = self.frequency > 0 || self.recency == 0.0;
        require(holds, "recency", self.recency, "0 when the frequency is 0")?;
        let Some(value) = self.mean_value else { return Ok(()) };
        require(value.abs() <= MOST_MONEY, "mean_value", value, "at most 1e15 either way")?;
        require(self.frequency > 0, "mean_value", value, "absent when the frequency is 0")
    }

    /// The same customer with times in another unit.
    pub fn to(self, unit: Unit) -> Self {
        let convert = |length| convert(length, self.unit, unit);
        Self { recency: convert(self.recency), age: convert(self.age), unit, ..self }
    }

    /// The money of the repeat orders, where it says anything: `None` without repeats or with a mean that is not above 0.
    pub fn spend(&self) -> Option<Spend> {
        let mean_value = self.mean_value.filter(|value| self.frequency > 0 && *value > 0.0)?;
        Some(Spend { frequency: self.frequency, mean_value })
    }

    /// # Errors
    /// Those of [`Summary::check`]; [`Error::Unit`] for times in another unit.
    pub(super) fn check_in(&self, unit: Unit) -> Result<()> {
        same_unit("a summary", unit, self.unit)?;
        self.check()
    }
}

impl Spend {
    /// # Errors
    /// [`Error::OutOfRange`] for no orders, or a mean that is not above 0, beyond 1e15 or not finite.
    pub fn check(&self) -> Result<()> {
        let holds = (1..=MOST_ORDERS).contains(&self.frequency);
        require(holds, "frequency", self.frequency, "from 1 to a million repeat orders")?;
        let holds = self.mean_value > 0.0 && self.mean_value <= MOST_MONEY;
        require(holds, "mean_value", self.mean_value, "above 0 and at most 1e15")
    }
}

/// [`Error::TooFew`] unless there are enough.
pub(super) fn enough(what: &'static str, found: usize, needed: usize) -> Result<()> {
    if found >= needed { Ok(()) } else { Err(Error::TooFew { what, found, needed }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_that_no_customer_can_have_is_refused_by_the_name_of_what_is_wrong() {
        let sound =
            Summary { frequency: 2, recency: 30.0, age: 40.0, unit: Unit::Days, mean_value: Some(9.0) };
        assert!(sound.check().is_ok());
        for (name, summary) in [
            ("age", Summary { age: f64::NAN, ..sound }),
            ("age", Summary { age: f64::INFINITY, ..sound }),
            ("recency", Summary { recency: 40.5, ..sound }),
            ("recency", Summary { recency: -1.0, ..sound }),
            ("recency", Summary { frequency: 0, mean_value: None, ..sound }),
            ("frequency", Summary { frequency: u32::MAX, ..sound }),
            ("mean_value", Summary { mean_value: Some(4e307), ..sound }),
            ("mean_value", Summary { mean_value: Some(f64::NAN), ..sound }),
            ("mean_value", Summary { frequency: 0, recency: 0.0, ..sound }),
        ] {
            let refused = summary.check().unwrap_err().to_string();
            assert!(refused.starts_with(name), "{refused} {summary:?}");
        }
        assert!(Summary { frequency: 0, recency: 0.0, mean_value: None, ..sound }.check().is_ok());
        for value in [Some(-3.0), Some(0.0), None] {
            let summary = Summary { mean_value: value, ..sound };
            assert!(summary.check().is_ok() && summary.spend().is_none(), "{value:?}");
        }
    }
}
