//! The settings of training: the `[training]` table of the configuration file.

use crate::customers::CustomersConfig;
use crate::history::HistoryConfig;
use crate::split::SplitConfig;
use crate::tables::TableConfig;
use models::attributes::PriorParams;
use models::complements::ComplementsParams;
use models::frequency::FrequencyParams;
use models::ials::IalsParams;
use models::interactions::KindWeights;
use models::item_knn::ItemKnnParams;
use models::item_weights::ItemWeightsParams;
use models::measures::Bootstrap;
use models::popularity::PopularityParams;
use models::propensity::PropensityParams;
use models::sessions::SessionParams;
use models::similar::SimilarParams;
use models::spectral::SpectralParams;
use models::trending::TrendingParams;
use serde::{Deserialize, Serialize};

/// Everything that decides what a training makes of a history; saved with the release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    /// The seed of search and of the sample of customers that is judged.
    pub seed: u64,
    /// How history files are read.
    pub history: HistoryConfig,
    /// How the file of items' attributes is read.
    pub items: TableConfig,
    /// How the file of customers' attributes is read.
    pub customers: TableConfig,
    /// Where history is cut for judging.
    pub split: SplitConfig,
    /// What each kind of event counts, in purchases.
    pub event_weights: KindWeights,
    /// The dense view of taste: the factorisation.
    pub ials: IalsParams,
    /// The other dense view: the spectral filter. It stays in a release only where it adds to the factorisation.
    pub spectral: SpectralParams,
    /// The sparse view of taste: what each item says of others.
    pub item_weights: ItemWeightsParams,
    /// What follows what within a session.
    pub sessions: SessionParams,
    /// Where people without history and items without buyers stand, by their attributes.
    pub prior: PriorParams,
    /// How the views are blended.
    pub blend: BlendConfig,
    /// The list of what everyone buys.
    pub popularity: PopularityParams,
    /// The list of what sells above its usual rate.
    pub trending: TrendingParams,
    /// Items bought together.
    pub complements: ComplementsParams,
    /// Items taken instead of each other.
    pub similar: SimilarParams,
    /// Who leaves, what customers are worth, and which segments they form.
    pub customer_models: CustomersConfig,
    /// Who accepts which offer.
    pub propensity: PropensityParams,
    /// Recommendations that stand ready for every customer.
    pub precomputed: PrecomputedConfig,
    /// How quality is measured.
    pub evaluation: EvaluationConfig,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            seed: 42,
            history: HistoryConfig::default(),
            items: TableConfig::default(),
            customers: TableConfig::default(),
            split: SplitConfig::default(),
            event_weights: KindWeights::default(),
            ials: IalsParams::default(),
            spectral: SpectralParams::default(),
            item_weights: ItemWeightsParams::default(),
            sessions: SessionParams::default(),
            prior: PriorParams::default(),
            blend: BlendConfig::default(),
            popularity: PopularityParams::default(),
            trending: TrendingParams::default(),
            complements: ComplementsParams::default(),
            similar: SimilarParams::default(),
            customer_models: CustomersConfig::default(),
            propensity: PropensityParams::default(),
            precomputed: PrecomputedConfig::default(),
            evaluation: EvaluationConfig::default(),
        }
    }
}

/// How the views of taste are blended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlendConfig {
    /// At most so many customers lose a basket to learn the blend on.
    pub customers: usize,
    /// At most so many others are kept out altogether, to learn on what suits people of whom little is known.
    pub strangers: usize,
    /// Length of the lists that the blend is learned for.
    pub n: usize,
    /// Days after which what is popular counts half in the blend; a tenth of the time span when not given.
    pub popular_half_life_days: Option<f64>,
    /// Days after which a habit that was not followed counts half; twice the usual time between two purchases of the
    /// same item when not given.
    pub habit_half_life_days: Option<f64>,
}

impl Default for BlendConfig {
    fn default() -> Self {
        Self {
            customers: 4_000,
            strangers: 1_000,
            n: 20,
            popular_half_life_days: None,
            habit_half_life_days: None,
        }
    }
}

/// How many items stand ready for every customer, 8 bytes each; 0 for none.
///
/// An answer needs five for each item that is asked for, and those beside that are not available or pass no filter; with fewer it
/// is computed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrecomputedConfig {
    /// For contact points where owned items may return.
    pub repeats_allowed: usize,
    /// For those where they may not.
    pub repeats_excluded: usize,
}

impl Default for PrecomputedConfig {
    fn default() -> Self {
        Self { repeats_allowed: 100, repeats_excluded: 0 }
    }
}

/// How quality is measured, and what it is compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Length of the lists that are judged.
    pub n: usize,
    /// At most so many customers are judged, drawn by the seed; always on the full catalogue.
    pub max_customers: usize,
    /// At most so many sessions are judged, drawn by the seed.
    pub max_sessions: usize,
    /// How intervals are made.
    pub bootstrap: Bootstrap,
    /// The item-to-item baseline.
    pub item_knn: ItemKnnParams,
    /// The personal-frequency baseline.
    pub frequency: FrequencyParams,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self {
            n: 20,
            max_customers: 10_000,
            max_sessions: 1_000,
            bootstrap: Bootstrap::default(),
            item_knn: ItemKnnParams::default(),
            frequency: FrequencyParams::default(),
        }
    }
}
