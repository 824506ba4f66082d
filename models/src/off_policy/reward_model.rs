//! The simplest model of rewards: one smoothed rate per action.

use super::log::{Foretold, Row};
use crate::error::{Error, Result, require};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;

/// A row of a log before any new policy looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// What was shown: the place of the offer in some list.
    pub action: u32,
    /// What it brought: 1 for a click and 0 for none, or money.
    pub reward: f64,
    /// The probability with which it was shown.
    pub logged: f64,
}

/// q(a) = (Σ rewards of a + `prior_reward`) / (rows of a + `prior_rows`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewardModelParams {
    /// Reward that every action is credited with, in the unit of rewards.
    pub prior_reward: f64,
    /// Rows in which it was earned.
    pub prior_rows: f64,
}

impl Default for RewardModelParams {
    /// One click in 200 rows.
    fn default() -> Self {
        Self { prior_reward: 1.0, prior_rows: 200.0 }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidRewardModelParams(RewardModelParams);

/// Expected rewards of actions, for the rows that they were learned from.
#[derive(Clone, Debug)]
pub struct RewardModel<'a> {
    shown: &'a [Shown],
    /// The rates of each fold, learned from all others; a single one without folds.
    rates: Vec<Rates>,
    /// The fold of each row; empty without folds.
    fold_of_row: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Rates {
    of_action: HashMap<u32, f64>,
    /// Of an action that was never shown.
    unseen: f64,
}

impl RewardModelParams {
    /// # Errors
    /// [`Error::OutOfRange`] for a prior reward that is not finite or prior rows that are not above 0.
    pub fn check(self) -> Result<ValidRewardModelParams> {
        require(self.prior_reward.is_finite(), "prior_reward", self.prior_reward, "a finite number")?;
        let holds = self.prior_rows > 0.0 && self.prior_rows.is_finite();
        require(holds, "prior_rows", self.prior_rows, "a finite number above 0")?;
        Ok(ValidRewardModelParams(self))
    }
}

impl ValidRewardModelParams {
    /// One rate per action from all rows. Each row then foretells itself a little, which makes doubly robust estimates lean
    /// towards the log; prefer [`Self::cross_fit`] where actions have few rows.
    ///
    /// # Errors
    /// [`Error::NotFinite`] names the first row whose reward is not finite.
    pub fn fit<'a>(&self, shown: &'a [Shown]) -> Result<RewardModel<'a>> {
        check(shown)?;
        Ok(RewardModel { shown, rates: vec![self.rates(shown.iter())], fold_of_row: Vec::new() })
    }

    /// One rate per action for each of `folds`, from the rows of all other folds; groups stay whole, so that no row is
    /// foretold from rows of its own customer (Chernozhukov et al. 2018).
    ///
    /// # Errors
    /// As [`Self::fit`]; [`Error::Shape`] unless there is one group for each row; [`Error::OutOfRange`] for fewer than 2
    /// folds or more than 100.
    pub fn cross_fit<'a, G: Hash + Eq>(
        &self,
        shown: &'a [Shown],
        groups: impl IntoIterator<Item = G>,
        folds: usize,
        seed: u64,
    ) -> Result<RewardModel<'a>> {
        check(shown)?;
        require((2..=100).contains(&folds), "folds", folds, "between 2 and 100")?;
        let fold_of_row = deal(groups, folds, seed);
        if fold_of_row.len() != shown.len() {
            return Err(Error::Shape {
                what: "the groups of the log".into(),
                expected: format!("{} entries, one for each row", shown.len()),
                found: fold_of_row.len().to_string(),
            });
        }
        let others = |fold: usize| {
            let rows = shown.iter().zip(&fold_of_row);
            self.rates(rows.filter(move |(_, of_row)| usize::from(**of_row) != fold).map(|(row, _)| row))
        };
        Ok(RewardModel { shown, rates: (0..folds).map(others).collect(), fold_of_row })
    }

    fn rates<'r>(&self, rows: impl Iterator<Item = &'r Shown>) -> Rates {
        let RewardModelParams { prior_reward, prior_rows } = self.0;
        let mut sums: HashMap<u32, (f64, f64)> = HashMap::new();
        for row in rows {
            let (reward, rows) = sums.entry(row.action).or_default();
            *reward += row.reward;
            *rows += 1.0;
        }
        let rate = |(action, (reward, rows)): (u32, (f64, f64))| {
            (action, (reward + prior_reward) / (rows + prior_rows))
        };
        Rates { of_action: sums.into_iter().map(rate).collect(), unseen: prior_reward / prior_rows }
    }
}

impl RewardModel<'_> {
    /// What the model expects of an action in a row.
    pub fn expected(&self, row: usize, action: u32) -> f64 {
        let fold = self.fold_of_row.get(row).map_or(0, |fold| usize::from(*fold));
        self.rates
            .get(fold)
            .map_or(0.0, |rates| rates.of_action.get(&action).copied().unwrap_or(rates.unseen))
    }

    /// A row for [`super::Log::new`], given the probabilities of all actions that the new policy might show there; an
    /// action that is not named has none.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for a row that there is not, and for probabilities that are negative or do not sum to 1.
    pub fn row(&self, row: usize, policy: &[(u32, f64)]) -> Result<Row> {
        let Some(shown) = self.shown.get(row) else {
            let rows = "below the number of rows of the model";
            return Err(Error::OutOfRange { name: "row", value: row.to_string(), expected: rows });
        };
        let sum: f64 = policy.iter().map(|(_, probability)| probability).sum();
        let holds = policy.iter().all(|(_, probability)| *probability >= 0.0) && (sum - 1.0).abs() <= 1e-6;
        let value = format_args!("{sum} in row {row}");
        let expected = "1, and none of them negative: name every action, showing nothing included";
        require(holds, "the sum of the new policy's probabilities", value, expected)?;
        let of_shown = policy.iter().filter(|(action, _)| *action == shown.action);
        let foretold = Foretold {
            shown: self.expected(row, shown.action),
            new: policy.iter().map(|(action, probability)| probability * self.expected(row, *action)).sum(),
        };
        let new = of_shown.map(|(_, probability)| probability).sum::<f64>().min(1.0);
        Ok(Row { reward: shown.reward, logged: shown.logged, new, foretold: Some(foretold) })
    }
}

fn check(shown: &[Shown]) -> Result<()> {
    match shown.iter().position(|row| !row.reward.is_finite()) {
        None => Ok(()),
        Some(place) => {
            let at = format!("row {place}: {}; leave the row out or mend its reward", shown[place].reward);
            Err(Error::NotFinite { what: "the log", at })
        }
    }
}

/// The fold of each row: groups are dealt in turn, in an order drawn from the seed.
fn deal<G: Hash + Eq>(groups: impl IntoIterator<Item = G>, folds: usize, seed: u64) -> Vec<u8> {
    let mut places = HashMap::new();
    let mut place = |group: G| {
        let next = places.len();
        *places.entry(group).or_insert(next)
    };
    let of_row: Vec<usize> = groups.into_iter().map(&mut place).collect();
    let mut turns: Vec<usize> = (0..places.len()).collect();
    turns.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
    of_row.into_iter().map(|group| (turns[group] % folds) as u8).collect()
}
