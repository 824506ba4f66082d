//! A policy as it is written. `policies/neutral.toml` says what each key means; these are the same keys as types.
//!
//! Everything that is left out has a default, so that a document holds what it changes.

mod pressure;
mod rest;

pub use pressure::{
    Blocks, CapSettings, CoolOffSettings, HoursSettings, Per, PressureSettings, Same, Trigger, Weekday,
};
pub use rest::{
    Arbitration, ArmSettings, ContactPointSettings, ExplorationMethod, ExplorationSettings,
    PropensitySettings, ResponseSettings, Shares, SwitchSettings, Unit, WeightSettings,
};

use super::selector::{Class, Selector};
use super::words::{Stage, Words};
use crate::config::Direction;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyDocument {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Local time and public holidays.
    pub time: TimeSettings,
    /// Who must have agreed to what.
    pub consent: ConsentSettings,
    /// Who may be shown what, and for whom it is right.
    pub rules: Vec<RuleSettings>,
    /// How often, when, and after what people are addressed.
    pub pressure: PressureSettings,
    /// What comes first.
    pub arbitration: Arbitration,
    /// What is believed of an offer that nobody has answered yet.
    pub propensity: PropensitySettings,
    /// How the policy learns.
    pub exploration: ExplorationSettings,
    /// What differs at contact points, by name.
    pub contact_points: BTreeMap<String, ContactPointSettings>,
    /// The experiment that always runs.
    pub arms: ArmSettings,
    /// How responses are counted.
    pub responses: ResponseSettings,
}

/// Local time and public holidays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSettings {
    /// The time zone of who has none of their own, such as `Europe/Paris`.
    pub zone: String,
    /// The customer attribute that holds their time zone.
    pub zone_attribute: String,
    /// Public holidays: `MM-DD`, `YYYY-MM-DD`, `easter`, `easter+N`, `easter-N`.
    pub holidays: Vec<String>,
}

impl Default for TimeSettings {
    fn default() -> Self {
        Self { zone: "UTC".into(), zone_attribute: "time_zone".into(), holidays: Vec::new() }
    }
}

/// Who must have agreed to what.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ConsentSettings {
    /// What must be agreed to before someone is addressed.
    pub rules: Vec<ConsentRuleSettings>,
}

/// What must be agreed to before someone is addressed on some channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentRuleSettings {
    /// Identifies the rule.
    pub name: String,
    /// The channels; empty for all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// Who addresses whom.
    #[serde(default = "outbound")]
    pub directions: Vec<Direction>,
    /// For what people agree.
    pub purpose: String,
    /// What holds while they have said nothing.
    pub default: Silence,
    /// Whether an agreement counts only with its proof.
    #[serde(default)]
    pub proof_required: bool,
    /// A condition on the facts of the request under which no agreement is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<String>,
    /// Offers of these classes need none.
    #[serde(default = "transactional")]
    pub classes_exempt: Vec<Class>,
    /// What people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
}

/// What holds while someone has said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// They are addressed until they object.
    Granted,
    /// They are not addressed before they agree.
    Refused,
}

/// Who may be shown what, and for whom it is right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// Identifies the rule.
    pub name: String,
    /// When it is asked: eligibility, applicability or suitability.
    pub stage: Stage,
    /// The condition that must hold.
    pub when: String,
    /// Of which offers.
    #[serde(default)]
    pub offers: Selector,
    /// At which contact points; empty for all.
    #[serde(default)]
    pub contact_points: Vec<String>,
    /// What people are told when it does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Words>,
}

pub(super) fn outbound() -> Vec<Direction> {
    vec![Direction::Outbound]
}

fn transactional() -> Vec<Class> {
    vec![Class::Transactional]
}
