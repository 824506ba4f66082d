//! Who accepts which offer: learned from the log of decisions.
//!
//! The log is a file with one JSON object a line, as `proffer decisions` writes it: one offer that was shown, what was known
//! then, and what came of it.

use chrono::{DateTime, Utc};
use models::events::Timestamp;
use models::propensity::{Example, Examples, PropensityParams, PropensityReport, Treatment};
use models::release::ReleasedPropensities;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// One offer that was shown, with its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownOffer {
    /// The decision.
    pub decision_id: String,
    /// Its place in the decision: 1 for the first.
    pub rank: u32,
    /// When.
    pub at: DateTime<Utc>,
    /// The customer.
    pub customer_id: String,
    /// Who counts as one in experiments.
    pub unit: String,
    /// Where.
    pub contact_point: String,
    /// On which channel.
    pub channel: String,
    /// The arm of the standing experiment.
    pub arm: String,
    /// The offer.
    pub offer_id: String,
    /// Its group.
    pub group: String,
    /// The probability that the policy showed it there, given the ranks before.
    pub probability: f64,
    /// The probability of acceptance that was foretold.
    pub propensity: f64,
    /// Whether it was accepted.
    pub accepted: bool,
    /// Money that it brought.
    pub revenue: f64,
    /// The names of the numbers that the propensity saw.
    pub feature_names: Vec<String>,
    /// These numbers.
    pub features: Vec<f32>,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened or read.
    #[error("{path} cannot be read: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A line is not what it should be.
    #[error("{path}, line {line}: {reason}; write the log with `proffer decisions`")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// Reads a log.
///
/// # Errors
/// [`LogError`] naming the line.
pub fn read(path: &Path) -> Result<Vec<ShownOffer>, LogError> {
    let failed = |error| LogError::Io { path: path.to_owned(), error };
    let file = BufReader::new(File::open(path).map_err(failed)?);
    let mut shown = Vec::new();
    for (row, line) in file.lines().enumerate() {
        let line = line.map_err(failed)?;
        if line.trim().is_empty() {
            continue;
        }
        let one = serde_json::from_str(&line).map_err(|error| LogError::Line {
            path: path.to_owned(),
            line: row + 1,
            reason: error.to_string(),
        })?;
        shown.push(one);
    }
    Ok(shown)
}

/// Propensities with how well they did, and how many lines could not be used.
pub struct Learned {
    /// For the release.
    pub released: ReleasedPropensities,
    /// For the report.
    pub report: PropensityReport,
    /// Lines from before the service saw what it sees today.
    pub outdated: usize,
}

/// Learns from a log; nothing where it holds no line.
///
/// Lines that were written when the service saw other features than in the newest line are left out.
///
/// # Errors
/// [`models::Error`] for parameters out of range and numbers that are not finite.
pub fn learn(params: &PropensityParams, shown: &[ShownOffer]) -> models::Result<Option<Learned>> {
    let Some(newest) = shown.iter().max_by_key(|one| one.at) else { return Ok(None) };
    let usable = || shown.iter().filter(|one| one.feature_names == newest.feature_names);
    let mut examples = Examples::new(newest.feature_names.clone())?;
    let mut units: HashMap<&str, u32> = HashMap::new();
    for one in usable() {
        let next = units.len() as u32;
        let customer = *units.entry(&one.unit).or_insert(next);
        let treatment =
            Treatment { offer: one.offer_id.clone(), channel: one.channel.clone(), group: one.group.clone() };
        examples.push(&Example {
            treatment: &treatment,
            row: &one.features,
            accepted: one.accepted,
            at: Timestamp(one.at.timestamp()),
            customer,
            // A probability is above 0 and at most 1, so that a largest weight of 1 weighs all alike.
            weight: (1.0 / one.probability.clamp(1e-6, 1.0)).min(params.largest_weight),
        })?;
    }
    let fitted = params.clone().check()?.fit(&examples)?;
    let released = ReleasedPropensities {
        learned_until: Timestamp(newest.at.timestamp()),
        propensities: fitted.propensities,
    };
    Ok(Some(Learned { released, report: fitted.report, outdated: shown.len() - usable().count() }))
}
