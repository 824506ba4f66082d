//! What propensities are learned from: treatments that were shown, to whom, and whether they were accepted.

use crate::error::{Error, Result, require};
use crate::events::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// An offer through a channel. Two with the same offer and channel are the same treatment, whatever their group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Treatment {
    /// The offer's id.
    pub offer: String,
    /// The channel.
    pub channel: String,
    /// The group of offers that speaks for it as long as little is known of it.
    pub group: String,
}

impl Treatment {
    pub(super) fn key(&self) -> (&str, &str) {
        (&self.offer, &self.channel)
    }
}

/// One treatment that was shown to one customer.
#[derive(Clone, Copy, Debug)]
pub struct Example<'a> {
    /// What was shown.
    pub treatment: &'a Treatment,
    /// What was known then, in the order of the features; finite.
    pub row: &'a [f32],
    /// Whether it was accepted.
    pub accepted: bool,
    /// When it was shown.
    pub at: Timestamp,
    /// To whom, as any number: examples of one customer stay on one side of a fold.
    pub customer: u32,
    /// Its importance, above 0: 1, or 1 over the probability with which it was shown, so that what is learned holds for
    /// everybody and not only for those to whom past policies liked to show it.
    pub weight: f64,
}

/// Examples under the names of their features.
#[derive(Clone, Debug)]
pub struct Examples {
    pub(super) features: Vec<String>,
    pub(super) treatments: Vec<Treatment>,
    places: HashMap<(String, String), u32>,
    pub(super) treatment_of: Vec<u32>,
    pub(super) values: Vec<f32>,
    pub(super) accepted: Vec<bool>,
    pub(super) at: Vec<Timestamp>,
    pub(super) customers: Vec<u32>,
    pub(super) weights: Vec<f64>,
}

impl Examples {
    /// None yet.
    ///
    /// # Errors
    /// [`Error::Empty`] without features; [`Error::Unreadable`] with a name that is empty or comes twice.
    pub fn new(features: Vec<String>) -> Result<Self> {
        check_features(&features)?;
        Ok(Self {
            features,
            treatments: Vec::new(),
            places: HashMap::new(),
            treatment_of: Vec::new(),
            values: Vec::new(),
            accepted: Vec::new(),
            at: Vec::new(),
            customers: Vec::new(),
            weights: Vec::new(),
        })
    }

    /// Adds one. A treatment keeps the group with which it came last.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of numbers than features; [`Error::NotFinite`] with the feature that is not;
    /// [`Error::OutOfRange`] for a weight that is not above 0.
    pub fn push(&mut self, example: &Example<'_>) -> Result<()> {
        check_row(&self.features, example.row)?;
        let holds = example.weight.is_finite() && example.weight > 0.0;
        require(holds, "weight of an example", example.weight, "a number above 0")?;
        let treatment = example.treatment;
        let next = self.treatments.len() as u32;
        let key = (treatment.offer.clone(), treatment.channel.clone());
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.treatments.push(treatment.clone());
        } else {
            self.treatments[place as usize].group.clone_from(&treatment.group);
        }
        self.treatment_of.push(place);
        self.values.extend_from_slice(example.row);
        self.accepted.push(example.accepted);
        self.at.push(example.at);
        self.customers.push(example.customer);
        self.weights.push(example.weight);
        Ok(())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.accepted.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }

    /// The names of the features.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    pub(super) fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.features.len()..][..self.features.len()]
    }

    /// Oldest first, of one moment in the order in which they came.
    pub(super) fn by_time(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_by_key(|at| self.at[*at as usize]);
        order
    }

    /// Weights of mean 1, none above `most` times the mean of what came in: a truncated weight errs a little, a huge one
    /// lets a single example speak for all (Ionides 2008).
    pub(super) fn tamed_weights(&self, most: f64) -> Vec<f64> {
        let mean = |weights: &[f64]| weights.iter().sum::<f64>() / weights.len() as f64;
        // Weights near the end of the numbers would have no finite sum.
        let largest = self.weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let scaled: Vec<f64> = self.weights.iter().map(|weight| weight / largest).collect();
        let limit = most * mean(&scaled);
        let cut: Vec<f64> = scaled.into_iter().map(|weight| weight.min(limit)).collect();
        let mean = mean(&cut);
        // The least keeps weights above 0 as the numbers of features are: in single precision.
        cut.into_iter().map(|weight| (weight / mean).max(1e-6)).collect()
    }
}

/// Features have names, each once.
///
/// # Errors
/// [`Error::Empty`] without features; [`Error::Unreadable`] with a name that is empty or comes twice.
pub(super) fn check_features(features: &[String]) -> Result<()> {
    if features.is_empty() {
        return Err(Error::Empty { what: "the list of features", remedy: "give at least one" });
    }
    let mut names: Vec<&str> = features.iter().map(String::as_str).collect();
    names.sort_unstable();
    let spoilt = names.iter().zip(names.iter().skip(1)).find(|(a, b)| a == b).map(|(a, _)| *a);
    match spoilt.or(names.first().filter(|name| name.is_empty()).copied()) {
        None => Ok(()),
        Some(name) => Err(Error::Unreadable {
            part: "the list of features".into(),
            reason: format!("each needs a name of its own, but \"{name}\" comes twice or is empty"),
        }),
    }
}

/// A row has a finite number for each feature.
pub(super) fn check_row(features: &[String], row: &[f32]) -> Result<()> {
    if row.len() != features.len() {
        return Err(Error::Shape {
            what: "a row of features".into(),
            expected: format!("{} numbers", features.len()),
            found: format!("{} numbers", row.len()),
        });
    }
    match features.iter().zip(row).find(|(_, number)| !number.is_finite()) {
        None => Ok(()),
        Some((name, _)) => Err(Error::NotFinite { what: "a row of features", at: name.clone() }),
    }
}
