//! What is done with what passed, as it is written.

use crate::policy::selector::Selector;
use models::arbitration::DEFAULT_SCALE;
use models::segments::Language;
use serde::{Deserialize, Serialize};

/// What comes first: priority = propensity × context × value × lever.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Arbitration {
    /// Which factors count.
    pub switches: SwitchSettings,
    /// How much the risk of leaving raises the value of offers that are meant to keep people.
    pub retention_weight: f64,
    /// Percentages that the business adds.
    pub levers: Vec<WeightSettings>,
    /// Percentages by where and when.
    pub contexts: Vec<WeightSettings>,
}

/// Which factors count; one that is off is 1 for every offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwitchSettings {
    /// The probability of acceptance.
    pub propensity: bool,
    /// The percentages of `contexts`.
    pub context: bool,
    /// What an acceptance is worth.
    pub value: bool,
    /// The percentages of `levers`.
    pub levers: bool,
}

impl Default for SwitchSettings {
    fn default() -> Self {
        Self { propensity: true, context: true, value: true, levers: true }
    }
}

/// A percentage that some offers get, always or under a condition. Percentages are added, divided by 100, and 1 added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightSettings {
    /// Identifies it.
    pub name: String,
    /// Under which condition; always when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Which offers.
    #[serde(default)]
    pub offers: Selector,
    /// How much.
    pub percent: f64,
}

/// What is believed of an offer that nobody has answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PropensitySettings {
    /// The probability of acceptance.
    pub prior: f64,
    /// How many answers that belief is worth.
    pub prior_strength: f64,
}

impl Default for PropensitySettings {
    fn default() -> Self {
        Self { prior: 0.02, prior_strength: 50.0 }
    }
}

/// How the policy learns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExplorationSettings {
    /// By which method.
    pub method: ExplorationMethod,
    /// With ε-greedy: the share of results that are drawn by chance.
    pub epsilon: f64,
    /// With Thompson sampling: what the deviations of what is not known are multiplied by.
    pub scale: f64,
    /// The least probability of every offer that may be shown by chance.
    pub floor: f64,
}

impl Default for ExplorationSettings {
    fn default() -> Self {
        Self { method: ExplorationMethod::EpsilonGreedy, epsilon: 0.05, scale: DEFAULT_SCALE, floor: 0.01 }
    }
}

/// A method of exploration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExplorationMethod {
    /// None.
    Off,
    /// The best, but for a share by chance.
    EpsilonGreedy,
    /// As often as it may be the best.
    Thompson,
}

/// What differs at a contact point; what is left out is as elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactPointSettings {
    /// How many offers, when the request does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<usize>,
    /// Most offers of one group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_per_group: Option<usize>,
    /// The language of texts, when the request does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// How the policy learns here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exploration: Option<ExplorationSettings>,
    /// Whether results hold their place in contact pressure until they are delivered; left out: when outbound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve: Option<bool>,
    /// For how long, in minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve_minutes: Option<u32>,
}

/// The experiment that always runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmSettings {
    /// Changing it draws all units anew.
    pub salt: String,
    /// Who counts as one.
    pub unit: Unit,
    /// The shares of the arms.
    pub shares: Shares,
}

impl Default for ArmSettings {
    fn default() -> Self {
        Self { salt: "1".into(), unit: Unit::Household, shares: Shares::default() }
    }
}

/// Who counts as one in experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The household; who has none counts alone.
    Household,
    /// The customer.
    Customer,
}

/// The share of units of each arm, from 0 to 1; together 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shares {
    /// The next best action, as the policy says.
    pub nba: f64,
    /// By chance among what may be shown.
    pub random: f64,
    /// By propensity alone.
    pub propensity_only: f64,
    /// Without levers.
    pub no_levers: f64,
    /// Nothing is offered.
    pub control: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Self { nba: 1.0, random: 0.0, propensity_only: 0.0, no_levers: 0.0, control: 0.0 }
    }
}

/// How responses are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseSettings {
    /// A result of which nothing was heard in so many hours counts as not accepted.
    pub wait_hours: u32,
    /// Responses to decisions that are older than so many days are refused.
    pub accept_days: u32,
}

impl Default for ResponseSettings {
    fn default() -> Self {
        Self { wait_hours: 168, accept_days: 90 }
    }
}
