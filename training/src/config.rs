//! The settings of training: the `[training]` table of the configuration file.

use crate::history::HistoryConfig;
use crate::split::SplitConfig;
use crate::tables::TableConfig;
use models::complements::ComplementsParams;
use models::frequency::FrequencyParams;
use models::ials::IalsParams;
use models::interactions::KindWeights;
use models::item_knn::ItemKnnParams;
use models::measures::Bootstrap;
use models::popularity::PopularityParams;
use models::similar::SimilarParams;
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
    /// Where history is cut for judging.
    pub split: SplitConfig,
    /// What each kind of event counts, in purchases.
    pub event_weights: KindWeights,
    /// The factorisation.
    pub ials: IalsParams,
    /// The list of what everyone buys.
    pub popularity: PopularityParams,
    /// The list of what sells above its usual rate.
    pub trending: TrendingParams,
    /// Items bought together.
    pub complements: ComplementsParams,
    /// Items taken instead of each other.
    pub similar: SimilarParams,
    /// How quality is measured.
    pub evaluation: EvaluationConfig,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            seed: 42,
            history: HistoryConfig::default(),
            items: TableConfig::default(),
            split: SplitConfig::default(),
            event_weights: KindWeights::default(),
            ials: IalsParams::default(),
            popularity: PopularityParams::default(),
            trending: TrendingParams::default(),
            complements: ComplementsParams::default(),
            similar: SimilarParams::default(),
            evaluation: EvaluationConfig::default(),
        }
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
            bootstrap: Bootstrap::default(),
            item_knn: ItemKnnParams::default(),
            frequency: FrequencyParams::default(),
        }
    }
}
