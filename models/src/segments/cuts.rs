//! Cut points by rank: a column of numbers in N + 1 parts of equal size.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// N cut points in ascending order; some may be equal, where many values are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub(super) struct RankCuts<const N: usize>([f64; N]);

impl<const N: usize> RankCuts<N> {
    /// The largest value of each part but the last.
    ///
    /// # Errors
    /// [`Error::Empty`] without values; [`Error::NotFinite`] for a NaN or an infinity.
    pub(super) fn learn(mut values: Vec<f64>, what: &'static str) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::Empty { what, remedy: "give at least one customer who ordered" });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { what, at: format!("customer {at} of those given") });
        }
        values.sort_unstable_by(f64::total_cmp);
        let cut = |part: usize| values[(part * values.len()).div_ceil(N + 1) - 1];
        Ok(Self(std::array::from_fn(|at| cut(at + 1))))
    }

    /// The part that a value belongs to, from 1 to N + 1.
    ///
    /// A value that several cut points share would belong to several parts: it takes the middle one, of two middle ones
    /// the lower. So equal values are always together, and those of a constant column are in the middle. A NaN is in
    /// the lowest part.
    pub(super) fn part(&self, value: f64) -> u8 {
        let count = |holds: fn(&f64, &f64) -> bool| self.0.iter().filter(|&cut| holds(cut, &value)).count();
        let (lowest, highest) = (count(f64::lt), count(f64::le));
        (1 + usize::midpoint(lowest, highest)) as u8
    }
}

impl<const N: usize> From<RankCuts<N>> for Vec<f64> {
    fn from(cuts: RankCuts<N>) -> Self {
        cuts.0.to_vec()
    }
}

impl<const N: usize> TryFrom<Vec<f64>> for RankCuts<N> {
    type Error = Error;

    fn try_from(cuts: Vec<f64>) -> Result<Self> {
        let what = "a row of cut points";
        let shape = |found: String| Error::Shape {
            what: what.into(),
            expected: format!("{N} numbers in ascending order"),
            found,
        };
        if let Some(at) = cuts.iter().position(|cut| !cut.is_finite()) {
            return Err(Error::NotFinite { what, at: format!("number {at}") });
        }
        if !cuts.is_sorted() {
            return Err(shape(format!("{cuts:?}")));
        }
        let count = cuts.len();
        cuts.try_into().map(Self).map_err(|_| shape(format!("{count} numbers")))
    }
}
