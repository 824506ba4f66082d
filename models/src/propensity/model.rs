//! The fitted propensities.

use super::estimate::{Estimate, deviation, log_odds, probability};
use super::examples::{Treatment, check_features, check_row};
use super::level::Level;
use crate::churn::{Churn, Logistic};
use crate::error::{Error, Result, require};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Propensities of treatments. Reading them refuses numbers and shapes that no fit gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Propensities {
    parts: Parts,
}

/// As they are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    pub(super) features: Vec<String>,
    pub(super) pooled: Pooled,
    /// What the log odds of a group's treatments are shifted by.
    pub(super) groups: BTreeMap<String, f64>,
    /// By offer, then channel; each once.
    pub(super) treatments: Vec<Own>,
    /// Imagined examples of a treatment that was not seen.
    pub(super) strength: f64,
}

/// What all treatments have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Pooled {
    /// The rate of all, as log odds, where there was too little to learn more.
    Rate(f64),
    Classifier(Box<Churn>),
}

/// What is special to one treatment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Own {
    pub(super) treatment: Treatment,
    pub(super) examples: u64,
    pub(super) accepted: u64,
    pub(super) level: Level,
    /// Takes the place of the level's shift.
    pub(super) regression: Option<Logistic>,
}

/// What a prediction rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The treatment's own regression.
    Regression,
    /// The treatment's own rate, shrunk to its group's.
    Rate,
    /// The rate of its group: the treatment was not seen.
    Group,
    /// What all treatments have in common: neither it nor its group was seen.
    All,
}

/// Why a propensity is what it is: `base + treatment + Σ contributions = log_odds`, within rounding.
#[derive(Clone, Debug, PartialEq)]
pub struct PropensityExplanation {
    /// The log odds of the average example of all treatments.
    pub base: f64,
    /// What the treatment, or its group, adds for everybody.
    pub treatment: f64,
    /// What each feature adds, in the order of [`Propensities::features`].
    pub contributions: Vec<f64>,
    /// The log odds that the probability has unless it is cut at a millionth from 0 or 1.
    pub log_odds: f64,
}

impl Propensities {
    pub(super) fn new(parts: Parts) -> Result<Self> {
        check_features(&parts.features)?;
        let n_features = parts.features.len();
        require(parts.strength >= 1.0, "propensity.strength", parts.strength, "a number of at least 1")?;
        match &parts.pooled {
            Pooled::Rate(rate) => check_finite("the rate of all treatments", *rate)?,
            Pooled::Classifier(churn) => {
                check_width("the pooled classifier", churn.n_features(), n_features)?;
            }
        }
        parts.groups.values().try_for_each(|shift| check_finite("the shifts of groups", *shift))?;
        let is_sorted = parts.treatments.is_sorted_by(|a, b| a.treatment.key() < b.treatment.key());
        if !is_sorted {
            return Err(Error::Unreadable {
                part: "the propensities".into(),
                reason: "their treatments are not in order, or one comes twice".into(),
            });
        }
        for own in &parts.treatments {
            own.level.check()?;
            if let Some(regression) = &own.regression {
                regression.check()?;
                check_width("the regression of a treatment", regression.n_features(), n_features)?;
            }
        }
        Ok(Self { parts })
    }

    /// The names of the numbers of a row.
    pub fn features(&self) -> &[String] {
        &self.parts.features
    }

    /// The treatments that were seen in training, by offer, then channel.
    pub fn treatments(&self) -> impl Iterator<Item = &Treatment> {
        self.parts.treatments.iter().map(|own| &own.treatment)
    }

    /// The classifier that all treatments share, where there was enough to learn one.
    pub fn pooled(&self) -> Option<&Churn> {
        match &self.parts.pooled {
            Pooled::Rate(_) => None,
            Pooled::Classifier(churn) => Some(churn),
        }
    }

    /// What a prediction for a treatment rests on.
    pub fn basis(&self, treatment: &Treatment) -> Basis {
        match self.own(treatment) {
            Some(Own { regression: Some(_), .. }) => Basis::Regression,
            Some(_) => Basis::Rate,
            None if self.parts.groups.contains_key(&treatment.group) => Basis::Group,
            None => Basis::All,
        }
    }

    /// How likely a customer accepts a treatment, by the numbers of [`Self::features`].
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of numbers; [`Error::NotFinite`] with the feature that is not finite.
    pub fn predict(&self, treatment: &Treatment, row: &[f32]) -> Result<Estimate> {
        check_row(&self.parts.features, row)?;
        let pooled = self.pooled_log_odds(row)?;
        let (log_odds, deviation) = match self.own(treatment) {
            Some(own) => (pooled + own.log_odds(row), own.level.deviation),
            None => {
                let log_odds = pooled + self.group_shift(treatment);
                (log_odds, deviation(probability(log_odds), self.parts.strength))
            }
        };
        Ok(Estimate::new(log_odds, deviation))
    }

    /// Why [`Self::predict`] says what it does.
    ///
    /// # Errors
    /// As [`Self::predict`].
    pub fn explain(&self, treatment: &Treatment, row: &[f32]) -> Result<PropensityExplanation> {
        check_row(&self.parts.features, row)?;
        let (base, mut contributions) = match &self.parts.pooled {
            Pooled::Rate(rate) => (*rate, vec![0.0; row.len()]),
            Pooled::Classifier(churn) => calibrated_explanation(churn, row)?,
        };
        let special = match self.own(treatment) {
            Some(Own { regression: Some(regression), .. }) => {
                let own = regression.contributions(row);
                contributions.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
                regression.average()
            }
            Some(own) => own.level.shift,
            None => self.group_shift(treatment),
        };
        let log_odds = base + special + contributions.iter().sum::<f64>();
        Ok(PropensityExplanation { base, treatment: special, contributions, log_odds })
    }

    fn own(&self, treatment: &Treatment) -> Option<&Own> {
        let own = &self.parts.treatments;
        let place = own.binary_search_by(|own| own.treatment.key().cmp(&treatment.key()));
        place.ok().map(|place| &own[place])
    }

    fn group_shift(&self, treatment: &Treatment) -> f64 {
        self.parts.groups.get(&treatment.group).copied().unwrap_or(0.0)
    }

    fn pooled_log_odds(&self, row: &[f32]) -> Result<f64> {
        match &self.parts.pooled {
            Pooled::Rate(rate) => Ok(*rate),
            Pooled::Classifier(churn) => Ok(calibrated(churn, churn.margin(row)?)),
        }
    }
}

impl Own {
    fn log_odds(&self, row: &[f32]) -> f64 {
        self.regression.as_ref().map_or(self.level.shift, |regression| regression.margin(row))
    }
}

impl Pooled {
    /// The log odds of rows, one after the other in one slice.
    pub(super) fn log_odds_batch(&self, values: &[f32], n_features: usize) -> Result<Vec<f64>> {
        match self {
            Self::Rate(rate) => Ok(vec![*rate; values.len() / n_features]),
            Self::Classifier(churn) => {
                Ok(churn.probability_batch(values)?.into_iter().map(log_odds).collect())
            }
        }
    }
}

fn calibrated(churn: &Churn, margin: f64) -> f64 {
    churn.calibration().log_odds(margin) + churn.shift()
}

/// Contributions to the calibrated log odds: those to the margin, stretched as the calibration stretches the way from the
/// average example to this one.
fn calibrated_explanation(churn: &Churn, row: &[f32]) -> Result<(f64, Vec<f64>)> {
    let explanation = churn.explain(row)?;
    let way = explanation.margin - explanation.base;
    let (base, log_odds) = (calibrated(churn, explanation.base), calibrated(churn, explanation.margin));
    if way.abs() < 1e-9 {
        return Ok((log_odds, vec![0.0; row.len()]));
    }
    let stretch = (log_odds - base) / way;
    Ok((base, explanation.contributions.iter().map(|each| each * stretch).collect()))
}

fn check_finite(what: &'static str, number: f64) -> Result<()> {
    if number.is_finite() { Ok(()) } else { Err(Error::NotFinite { what, at: number.to_string() }) }
}

fn check_width(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        what: what.into(),
        expected: format!("{expected} features"),
        found: format!("{found} features"),
    })
}

impl TryFrom<Parts> for Propensities {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        Self::new(parts)
    }
}

impl From<Propensities> for Parts {
    fn from(propensities: Propensities) -> Self {
        propensities.parts
    }
}
