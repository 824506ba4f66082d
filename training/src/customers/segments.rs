//! Segments: cuts learned on everyone who ever bought, and how customers spread over them.

use super::SegmentsConfig;
use models::behaviour::{Facts, FeatureSet};
use models::customers::{
    CLUSTER_FEATURES, Learned, SegmentModels, ValueModels, cluster_row, intensity, summary,
};
use models::segments::{ClusterSearch, GridCuts, RfmCuts, Stage, Trial};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// How customers spread over segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentsReport {
    /// Customers per stage of the life cycle.
    pub stages: Vec<(Stage, usize)>,
    /// Customers per cell of the grid, with its code and name.
    pub cells: Vec<(String, String, usize)>,
    /// Numbers of clusters that were tried, and how stable each was.
    pub clusters: Vec<Trial>,
    /// The number of clusters in the release: absent where none was stable.
    pub published_clusters: Option<usize>,
}

/// The cuts between segments, from customers as of the release.
///
/// # Errors
/// [`models::Error`] for rules out of range.
pub(super) fn learn(
    config: &SegmentsConfig,
    features: &FeatureSet,
    value: Option<&ValueModels>,
    customers: &[Facts],
) -> models::Result<(SegmentModels, Vec<Trial>)> {
    let stages = config.stages.check()?;
    let recencies = customers.iter().map(|f| (f.silence_days as f32, f.orders, f.net()));
    let worth = |facts: &Facts| {
        let money = value.and_then(|value| value.worth(&summary(facts)?).ok()?.money);
        money.map_or(facts.net(), |money| money.clv)
    };
    let gap = features.rhythm.gap_days;
    let values = customers.iter().map(|facts| (worth(facts), intensity(facts, gap)));
    let searched = clusters(config, features, customers);
    let (clusters, tried) = match searched {
        Ok(ClusterSearch { clusters: Some(clusters), tried }) => (Learned::Learned(clusters), tried),
        Ok(ClusterSearch { clusters: None, tried }) => {
            (Learned::Refused("no number of clusters is stable when customers are drawn anew".into()), tried)
        }
        Err(error) => (Learned::Refused(error.to_string()), Vec::new()),
    };
    let models = SegmentModels {
        rfm: RfmCuts::learn(recencies).into(),
        grid: GridCuts::learn(values).into(),
        stages,
        clusters,
    };
    Ok((models, tried))
}

fn clusters(
    config: &SegmentsConfig,
    features: &FeatureSet,
    customers: &[Facts],
) -> models::Result<ClusterSearch> {
    let rows: Vec<Vec<f32>> = customers.iter().map(|facts| cluster_row(&features.row(facts, &[]))).collect();
    let table =
        Array2::from_shape_fn((rows.len(), CLUSTER_FEATURES.len()), |(row, column)| rows[row][column]);
    config.clusters.check()?.fit(&table.view())
}
