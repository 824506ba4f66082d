//! The rows that a policy left behind, checked.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;

/// One thing that was shown, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What it brought: 1 for a click and 0 for none, or money.
    pub reward: f64,
    /// The probability with which it was shown, as the log has it; above 0.
    pub logged: f64,
    /// The probability with which the new policy would show the same thing there; may be 0.
    pub new: f64,
    /// What a reward model foretells; for all rows or for none.
    pub foretold: Option<Foretold>,
}

/// What a reward model says of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foretold {
    /// The expected reward of what was shown.
    pub shown: f64,
    /// The expected reward of what the new policy would show there: the mean over its probabilities.
    pub new: f64,
}

/// Rows that estimates can be made of.
#[derive(Clone, Debug)]
pub struct Log {
    rows: Vec<Row>,
    /// The place of each row's group; empty when every row is its own group.
    groups: Vec<u32>,
    n_groups: usize,
}

impl Log {
    /// # Errors
    /// [`Error::Empty`] without rows; otherwise names the first row, counted from 0, that cannot be: a reward or a
    /// prediction that is not finite, a probability outside its range, a prediction that only some rows have.
    pub fn new(rows: Vec<Row>) -> Result<Self> {
        let Some(first) = rows.first() else {
            return Err(Error::Empty {
                what: "the log",
                remedy: "log decisions and wait for their outcomes",
            });
        };
        let modelled = first.foretold.is_some();
        for (place, row) in rows.iter().enumerate() {
            row.check(place)?;
            if row.foretold.is_some() != modelled {
                return Err(Error::Shape {
                    what: format!("row {place} of the log"),
                    expected: format!("{} as row 0 has", predictions(modelled)),
                    found: format!("{}: give predictions for all rows or for none", predictions(!modelled)),
                });
            }
        }
        let n_groups = rows.len();
        Ok(Self { rows, groups: Vec::new(), n_groups })
    }

    /// Says whom each row belongs to, such as the customer or the household: rows of one group are not independent, and
    /// errors and intervals then count groups rather than rows.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one group for each row.
    pub fn grouped_by<G: Hash + Eq>(mut self, groups: impl IntoIterator<Item = G>) -> Result<Self> {
        let mut places = HashMap::new();
        let place = |group: G| {
            let next = places.len() as u32;
            *places.entry(group).or_insert(next)
        };
        let groups: Vec<u32> = groups.into_iter().map(place).collect();
        if groups.len() != self.rows.len() {
            return Err(Error::Shape {
                what: "the groups of the log".into(),
                expected: format!("{} entries, one for each row", self.rows.len()),
                found: groups.len().to_string(),
            });
        }
        self.n_groups = places.len();
        self.groups = groups;
        Ok(self)
    }

    /// The rows, in the order given.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many groups there are; as many as rows unless said otherwise.
    pub fn n_groups(&self) -> usize {
        self.n_groups
    }

    /// Whether a reward model has spoken.
    pub(super) fn modelled(&self) -> bool {
        self.rows.first().is_some_and(|row| row.foretold.is_some())
    }

    /// The sum of one number per row over each group.
    pub(super) fn sums_by_group(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        if self.groups.is_empty() {
            return values.collect();
        }
        let mut sums = vec![0.0; self.n_groups];
        self.groups.iter().zip(values).for_each(|(group, value)| sums[*group as usize] += value);
        sums
    }
}

impl Row {
    fn check(&self, place: usize) -> Result<()> {
        let predictions = self.foretold.map_or([0.0; 2], |foretold| [foretold.shown, foretold.new]);
        let numbers =
            [("reward", self.reward), ("prediction", predictions[0]), ("prediction", predictions[1])];
        for (what, number) in numbers {
            if !number.is_finite() {
                let at = format!("row {place}: {number}; leave the row out or mend its {what}");
                return Err(Error::NotFinite { what: "the log", at });
            }
        }
        let within = |name, value: f64, holds: bool, expected| {
            let value = format!("{value} in row {place}");
            if holds { Ok(()) } else { Err(Error::OutOfRange { name, value, expected }) }
        };
        within(
            "logged probability",
            self.logged,
            self.logged > 0.0 && self.logged <= 1.0,
            "above 0 and at most 1 (what was shown had a chance; rows logged without one must be left out)",
        )?;
        within(
            "new policy's probability",
            self.new,
            (0.0..=1.0).contains(&self.new),
            "between 0 and 1 (ask the new policy for its probability of what was shown)",
        )?;
        let weight = self.weight();
        let expected = "a number that can be squared: raise the floor of the logging policy";
        within("weight", weight, (weight * weight).is_finite(), expected)
    }

    /// How many rows of the new policy's own log this row stands for.
    pub(super) fn weight(&self) -> f64 {
        self.new / self.logged
    }
}

fn predictions(given: bool) -> &'static str {
    if given { "predictions" } else { "no predictions" }
}
