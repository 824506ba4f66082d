//! What may be set of the study of customers: `[training.customer_models]`.

use models::churn::ChurnParams;
use models::customers::ProfileParams;
use models::hazard::HazardParams;
use models::segments::{ClusterParams, StageRules};
use models::value::{BgNbdParams, ClvParams, GammaGammaParams};
use serde::{Deserialize, Serialize};

/// How customers are studied: who leaves and when, what they are worth, and which segments they form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomersConfig {
    /// Who leaves, and when.
    pub churn: ChurnConfig,
    /// What customers are worth.
    pub value: ValueConfig,
    /// Life-cycle stages and clusters.
    pub segments: SegmentsConfig,
    /// How customers are placed among each other.
    pub profile: ProfileParams,
    /// The attribute of items that says their category: how broadly customers buy is counted by it.
    pub category_attribute: String,
    /// The attribute of customers that is `false` where they refused to be profiled: nothing is then computed of them.
    pub consent_attribute: String,
}

impl Default for CustomersConfig {
    fn default() -> Self {
        Self {
            churn: ChurnConfig::default(),
            value: ValueConfig::default(),
            segments: SegmentsConfig::default(),
            profile: ProfileParams::default(),
            category_attribute: "category".into(),
            consent_attribute: "profiling_consent".into(),
        }
    }
}

/// Who leaves, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChurnConfig {
    /// How far ahead is asked; chosen from the length of the history when not given.
    pub horizon_days: Option<f64>,
    /// The attribute of customers that holds the day on which their contract was closed. With it churn is
    /// contractual: a closure within the horizon. Without it churn is non-contractual: no purchase within the horizon.
    pub closed_attribute: Option<String>,
    /// The attribute that holds the day on which the contract began; the first event when not given.
    pub opened_attribute: Option<String>,
    /// At most so many customers are learned from at every origin, an even sample.
    pub most_customers: usize,
    /// The competing classifiers and their calibration.
    pub classifier: ChurnParams,
    /// When it happens.
    pub hazard: HazardParams,
}

impl Default for ChurnConfig {
    fn default() -> Self {
        Self {
            horizon_days: None,
            closed_attribute: None,
            opened_attribute: None,
            most_customers: 20_000,
            classifier: ChurnParams::default(),
            hazard: HazardParams::default(),
        }
    }
}

/// What customers are worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValueConfig {
    /// How often they buy, and whether they still do.
    pub purchases: BgNbdParams,
    /// What a basket is worth.
    pub baskets: GammaGammaParams,
    /// What both come to.
    pub clv: ClvParams,
}

/// Stages and clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SegmentsConfig {
    /// When a customer counts as new, inactive or lost.
    pub stages: StageRules,
    /// Clusters of behaviour.
    pub clusters: ClusterParams,
}
