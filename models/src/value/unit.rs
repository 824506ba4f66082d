//! Units of time. A model is fitted in one unit and answers in it; nothing is converted behind a caller's back, for days
//! taken for weeks give a value that is several times too high and looks like any other.

use crate::error::{Error, Result, require};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What times are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Days.
    Days,
    /// Seven days.
    Weeks,
    /// A twelfth of a year of 365.25 days.
    Months,
}

impl Unit {
    /// The length of one, in days.
    pub fn days(self) -> f64 {
        match self {
            Unit::Days => 1.0,
            Unit::Weeks => 7.0,
            Unit::Months => 365.25 / 12.0,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Unit::Days => "days",
            Unit::Weeks => "weeks",
            Unit::Months => "months",
        })
    }
}

/// A length of time with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// How many of the unit.
    pub length: f64,
    /// What is counted.
    pub unit: Unit,
}

/// Longer spans are mistakes, in any unit.
pub(super) const LONGEST: f64 = 1e9;

impl Span {
    /// So many of a unit.
    pub fn new(length: f64, unit: Unit) -> Self {
        Self { length, unit }
    }

    /// The same time in another unit.
    pub fn to(self, unit: Unit) -> Self {
        Self { length: convert(self.length, self.unit, unit), unit }
    }

    /// The length, of a span in the unit that a model was fitted in.
    ///
    /// # Errors
    /// [`Error::Unit`] for a span in another unit; [`Error::OutOfRange`] for a length that is negative, beyond a billion
    /// or not finite.
    pub(super) fn length_in(self, unit: Unit) -> Result<f64> {
        same_unit("a span", unit, self.unit)?;
        let holds = (0.0..=LONGEST).contains(&self.length);
        require(holds, "a span", self.length, "from 0 to a billion")?;
        Ok(self.length)
    }
}

pub(super) fn convert(length: f64, from: Unit, to: Unit) -> f64 {
    if from == to { length } else { length * (from.days() / to.days()) }
}

pub(super) fn same_unit(what: &'static str, expected: Unit, found: Unit) -> Result<()> {
    if expected == found { Ok(()) } else { Err(Error::Unit { what, expected, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_in_another_unit_is_refused_with_both_units_and_the_remedy_and_passes_once_converted() {
        let month = Span::new(1.0, Unit::Months);
        let refused = month.length_in(Unit::Days).unwrap_err().to_string();
        for word in ["months", "days", "convert"] {
            assert!(refused.contains(word), "{refused}");
        }
        assert_eq!(month.to(Unit::Days).length_in(Unit::Days).unwrap(), 30.4375);
        assert!((Span::new(52.0, Unit::Weeks).to(Unit::Months).length - 364.0 / 30.4375).abs() < 1e-12);
        for length in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(Span::new(length, Unit::Days).length_in(Unit::Days).is_err(), "{length}");
        }
    }
}
