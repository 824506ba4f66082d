//! What is lost by keeping only the items that say most of each.

use super::{Compared, Comparison, Judge};
use crate::fit::ViewParams;
use models::Result;
use models::item_weights::{ItemWeights, ItemWeightsParams};
use models::measures::{Cases, Evaluation, Measure, Repeats, evaluate};

/// Up to this catalogue the weights are learned once more with as many items speaking as may; above it takes too long.
const UNPRUNED_ITEMS: usize = 4_000;

/// The most items that may speak for one.
const MOST_SOURCES: usize = 2_000;

impl Judge<'_> {
    /// Item weights alone, on new items: with as many items speaking for each as the release keeps, with fewer, and in
    /// small catalogues with all.
    pub(super) fn pruning(&self, params: &ViewParams, cases: &Cases<'_>) -> Result<Option<Comparison>> {
        if cases.cases().is_empty() {
            return Ok(None);
        }
        let (kept, sources) = (&self.taste.weights, params.item_weights.sources);
        let mut variants: Vec<(String, ItemWeights)> = Vec::new();
        let n_items = self.data.log.n_items;
        if n_items <= UNPRUNED_ITEMS && sources < n_items.min(MOST_SOURCES) {
            let all = ItemWeightsParams { sources: n_items.min(MOST_SOURCES), ..params.item_weights };
            variants
                .push((format!("{} sources", all.sources), all.check()?.fit(self.interactions, self.from)?));
        }
        for fewer in [sources / 2, sources / 4].into_iter().filter(|fewer| *fewer > 0) {
            variants.push((format!("{fewer} sources"), kept.pruned(fewer)));
        }
        let options = self.options(Repeats::Removed);
        let kept = [(format!("{sources} sources, as kept"), evaluate(kept, cases, &options)?)];
        let others =
            variants.iter().map(|(name, weights)| Ok((name.clone(), evaluate(weights, cases, &options)?)));
        let judged: Vec<(String, Evaluation)> =
            kept.into_iter().map(Ok).chain(others).collect::<Result<_>>()?;
        let values = |measure: Measure| -> Vec<Vec<f64>> {
            judged.iter().map(|(_, e)| e.measures.iter().map(|m| m.get(measure)).collect()).collect()
        };
        let bootstrap = &options.bootstrap;
        Ok(Some(Comparison {
            title: "Item weights alone on new items, by how many items may speak for each".into(),
            measure: format!("Recall and NDCG@{}", options.n),
            whom: "customers".into(),
            models: judged.iter().map(|(name, _)| name.clone()).collect(),
            rows: vec![
                Compared::of("Recall", &values(Measure::Recall), bootstrap)?,
                Compared::of("NDCG", &values(Measure::Ndcg), bootstrap)?,
            ],
        }))
    }
}
