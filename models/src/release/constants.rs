//! What is neither matrix nor table, as JSON: the constants of taste, and propensities.

use super::ReleasedPropensities;
use crate::interactions::Confidence;
use crate::sessions::SessionParams;
use crate::taste::{Blends, Taste};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

pub(super) const TASTE: &str = "taste.json";
pub(super) const PROPENSITIES: &str = "propensities.json";

/// What stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Constants {
    /// How the views are weighed.
    pub(super) blends: Blends,
    /// How interactions become the query of the item weights.
    pub(super) item_weights_confidence: Confidence,
    /// Days after which a habit that was not followed counts half.
    pub(super) habit_half_life_days: f32,
    /// How sessions were cut, and how they answer.
    pub(super) sessions: SessionParams,
    /// How many sessions there were, kept or not.
    pub(super) sessions_met: u32,
}

pub(super) fn encode(taste: &Taste) -> Result<Vec<u8>> {
    let constants = Constants {
        blends: taste.blends,
        item_weights_confidence: *taste.weights.confidence(),
        habit_half_life_days: taste.repeat.half_life_days(),
        sessions: *taste.sessions.params(),
        sessions_met: taste.sessions.met().1,
    };
    serde_json::to_vec_pretty(&constants).map_err(|e| unreadable(TASTE, &e))
}

impl Constants {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|e| unreadable(TASTE, &e))
    }
}

pub(super) fn encode_propensities(propensities: &ReleasedPropensities) -> Result<Vec<u8>> {
    serde_json::to_vec(propensities).map_err(|e| unreadable(PROPENSITIES, &e))
}

pub(super) fn decode_propensities(bytes: &[u8]) -> Result<ReleasedPropensities> {
    serde_json::from_slice(bytes).map_err(|e| unreadable(PROPENSITIES, &e))
}

fn unreadable(part: &str, error: &serde_json::Error) -> Error {
    Error::Unreadable { part: part.into(), reason: error.to_string() }
}
