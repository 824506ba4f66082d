//! Learns propensities from examples: what is shared, then groups, then treatments.

use super::estimate::log_odds;
use super::examples::Examples;
use super::judge::{Judgement, judge};
use super::level::{Foretold, Level, shift_to};
use super::model::{Own, Parts, Pooled, Propensities};
use super::params::ValidPropensityParams;
use crate::churn::{FitReport, LEAST_OF_EACH, Logistic, Rows};
use crate::error::{Error, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Propensities and how they came about.
#[derive(Clone, Debug)]
pub struct FittedPropensities {
    /// What to publish, learned from all examples.
    pub propensities: Propensities,
    /// For a report.
    pub report: PropensityReport,
}

/// How propensities came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropensityReport {
    /// How many examples there were.
    pub examples: usize,
    /// How many of them were accepted.
    pub accepted: usize,
    /// The pooled classifier; absent where there was too little to learn one.
    pub pooled: Option<FitReport>,
    /// How propensities learned from the earlier examples did on the latest; absent where that was not asked for or
    /// there was nothing to judge.
    pub judged: Option<Judgement>,
}

impl ValidPropensityParams {
    /// Learns from the earlier examples and judges on the latest, then learns from all. Examples of one moment are
    /// never on two sides of a cut, unless all are of one moment: then they count in the order in which they came.
    ///
    /// Too few acceptances are no error: what cannot be learned is left to rates, as far as these go.
    ///
    /// # Errors
    /// [`Error::Empty`] without examples; [`Error::NotPositiveDefinite`] for features so large that equations fail.
    pub fn fit(&self, examples: &Examples) -> Result<FittedPropensities> {
        if examples.is_empty() {
            return Err(Error::Empty {
                what: "the list of examples",
                remedy: "give treatments that were shown, with their outcome",
            });
        }
        let weights = examples.tamed_weights(self.params.largest_weight);
        let lesson = Lesson { valid: self, examples, weights: &weights };
        let order = examples.by_time();
        let cut = lesson.cut(&order, self.params.judge_share);
        let judged = if cut == 0 || cut == order.len() {
            None
        } else {
            let (earlier, latest) = order.split_at(cut);
            let (propensities, _) = lesson.learn(earlier)?;
            Some(judge(&propensities, examples, latest, &self.params.pooled.bootstrap)?)
        };
        let (propensities, pooled) = lesson.learn(&order)?;
        let accepted = examples.accepted.iter().filter(|accepted| **accepted).count();
        let report = PropensityReport { examples: examples.len(), accepted, pooled, judged };
        Ok(FittedPropensities { propensities, report })
    }
}

struct Lesson<'a> {
    valid: &'a ValidPropensityParams,
    examples: &'a Examples,
    weights: &'a [f64],
}

/// Some examples, as a table of their own.
struct Window {
    values: Vec<f32>,
    accepted: Vec<bool>,
    customers: Vec<u32>,
    weights: Vec<f32>,
}

impl Lesson<'_> {
    /// Where the latest share of ordered examples begins.
    fn cut(&self, order: &[u32], share: f64) -> usize {
        let place = (order.len() as f64 * (1.0 - share)).ceil() as usize;
        let Some(at) = order.get(place) else { return order.len() };
        let moment = self.examples.at[*at as usize];
        let first = order.partition_point(|at| self.examples.at[*at as usize] < moment);
        if first == 0 { place } else { first }
    }

    /// Learns everything from examples in the order of time.
    fn learn(&self, order: &[u32]) -> Result<(Propensities, Option<FitReport>)> {
        let params = &self.valid.params;
        let cut = self.cut(order, params.calibrate_share);
        let windows = [&order[..cut], &order[cut..]];
        let (pooled, report) = self.pooled(order, windows)?;
        let mut foretold = Vec::with_capacity(order.len());
        for window in windows {
            foretold.extend(self.foretold(&pooled, window)?);
        }
        let groups = self.groups(order, &foretold);
        let treatments = self.treatments(order, &foretold, &groups)?;
        let features = self.examples.features.clone();
        let parts = Parts { features, pooled, groups, treatments, strength: params.strength };
        Ok((Propensities::new(parts)?, report))
    }

    /// The classifier of all treatments, or their rate where either window has too little to learn from.
    fn pooled(&self, order: &[u32], windows: [&[u32]; 2]) -> Result<(Pooled, Option<FitReport>)> {
        let [earlier, later] = windows.map(|rows| self.window(rows));
        let n_features = self.examples.features.len();
        if earlier.is_learnable() && later.is_learnable() {
            let fitted = self.valid.pooled.fit(&earlier.rows(n_features)?, &later.rows(n_features)?)?;
            return Ok((Pooled::Classifier(Box::new(fitted.churn)), Some(fitted.report)));
        }
        let yes = |at: &u32| {
            let at = *at as usize;
            if self.examples.accepted[at] { self.weights[at] } else { 0.0 }
        };
        let weight: f64 = order.iter().map(|at| self.weights[*at as usize]).sum();
        let rate = (order.iter().map(yes).sum::<f64>() + 0.5) / (weight + 1.0);
        Ok((Pooled::Rate(log_odds(rate)), None))
    }

    fn window(&self, rows: &[u32]) -> Window {
        let each = || rows.iter().map(|at| *at as usize);
        Window {
            values: each().flat_map(|at| self.examples.row(at)).copied().collect(),
            accepted: each().map(|at| self.examples.accepted[at]).collect(),
            customers: each().map(|at| self.examples.customers[at]).collect(),
            weights: each().map(|at| self.weights[at] as f32).collect(),
        }
    }

    /// What the pooled part foretells for the examples of a window, at the level of that window.
    fn foretold(&self, pooled: &Pooled, rows: &[u32]) -> Result<Vec<Foretold>> {
        let window = self.window(rows);
        let log_odds = pooled.log_odds_batch(&window.values, self.examples.features.len())?;
        let foretold = |(row, log_odds): (&u32, f64)| {
            let at = *row as usize;
            Foretold { log_odds, accepted: self.examples.accepted[at], weight: self.weights[at] }
        };
        let mut all: Vec<Foretold> = rows.iter().zip(log_odds).map(foretold).collect();
        let yes: f64 = all.iter().filter(|e| e.accepted).map(|e| e.weight).sum();
        let rate = yes / all.iter().map(|e| e.weight).sum::<f64>();
        // Rates of nobody and everybody say too little of a level.
        if rate > 0.0 && rate < 1.0 {
            let shift = shift_to(&all, rate);
            all.iter_mut().for_each(|e| e.log_odds += shift);
        }
        Ok(all)
    }

    fn groups(&self, order: &[u32], foretold: &[Foretold]) -> BTreeMap<String, f64> {
        let mut members: BTreeMap<&str, Vec<Foretold>> = BTreeMap::new();
        for (at, foretold) in order.iter().zip(foretold) {
            let treatment = self.examples.treatment_of[*at as usize] as usize;
            members.entry(&self.examples.treatments[treatment].group).or_default().push(*foretold);
        }
        let strength = self.valid.params.strength;
        let shift = |(group, members): (&str, Vec<Foretold>)| {
            (group.to_owned(), Level::of(&members, 0.0, strength).shift)
        };
        members.into_iter().map(shift).collect()
    }

    fn treatments(
        &self,
        order: &[u32],
        foretold: &[Foretold],
        groups: &BTreeMap<String, f64>,
    ) -> Result<Vec<Own>> {
        let mut places: Vec<Vec<u32>> = vec![Vec::new(); self.examples.treatments.len()];
        for (place, at) in order.iter().enumerate() {
            places[self.examples.treatment_of[*at as usize] as usize].push(place as u32);
        }
        let seen = self.examples.treatments.iter().zip(&places).filter(|(_, places)| !places.is_empty());
        let seen: Vec<_> = seen.collect();
        let own = |(treatment, places): &(&super::Treatment, &Vec<u32>)| {
            let examples: Vec<Foretold> = places.iter().map(|place| foretold[*place as usize]).collect();
            let expected = groups.get(&treatment.group).copied().unwrap_or(0.0);
            let accepted = examples.iter().filter(|e| e.accepted).count();
            Ok(Own {
                treatment: (*treatment).clone(),
                examples: examples.len() as u64,
                accepted: accepted as u64,
                level: Level::of(&examples, expected, self.valid.params.strength),
                regression: self.regression(order, places, &examples)?,
            })
        };
        let mut treatments = seen.par_iter().map(own).collect::<Result<Vec<Own>>>()?;
        treatments.sort_by(|a, b| a.treatment.key().cmp(&b.treatment.key()));
        Ok(treatments)
    }

    /// The regression of a treatment, where it was accepted and refused often enough.
    fn regression(&self, order: &[u32], places: &[u32], examples: &[Foretold]) -> Result<Option<Logistic>> {
        let params = &self.valid.params;
        let accepted = examples.iter().filter(|e| e.accepted).count();
        if accepted.min(examples.len() - accepted) < params.least_accepted {
            return Ok(None);
        }
        let rows: Vec<u32> = places.iter().map(|place| order[*place as usize]).collect();
        let window = self.window(&rows);
        let offset = |row: usize| examples[row].log_odds;
        let rows = window.rows(self.examples.features.len())?;
        Logistic::fit_beside(&rows, params.own_ridge, offset).map(Some)
    }
}

impl Window {
    fn rows(&self, n_features: usize) -> Result<Rows<'_>> {
        Rows::new(n_features, &self.values, &self.accepted)?
            .with_weights(&self.weights)?
            .with_groups(&self.customers)
    }

    fn is_learnable(&self) -> bool {
        let yes = self.accepted.iter().filter(|accepted| **accepted).count();
        yes.min(self.accepted.len() - yes) >= LEAST_OF_EACH
    }
}
