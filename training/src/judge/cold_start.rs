//! How well people are served of whom little is known.
//!
//! The strangers of the [holdout](crate::holdout), of whom the views know nothing, come to the window with none of their
//! items, then with their latest one, two, three, five and ten. The blends for such people were learned on what strangers
//! bought before the window.

use super::new_items::judge_new_items;
use super::{Compared, Comparison, Judge};
use crate::fit::ViewParams;
use crate::holdout::{REVEALED, latest};
use crate::progress::Progress;
use models::Result;
use models::attributes::{FeatureRows, Features};
use models::ids::{CustomerIx, Ix};
use models::interactions::{History, Interactions};
use models::measures::{Case, Cases, Evaluation, Measure, Repeats, evaluate};
use models::scoring::Scorer;
use std::collections::{BTreeMap, BTreeSet};

impl Judge<'_> {
    /// Strangers by how many of their items are revealed, and, where items have attributes, items that nobody has
    /// bought.
    pub(super) fn cold_start(
        &self,
        params: &ViewParams,
        cases: &Cases<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<Comparison>> {
        let unknown: BTreeSet<CustomerIx> = self.blended.holdout.unknown().collect();
        let afterwards = self.data.log.between(self.from, self.to);
        let judged: Vec<Case> = Cases::from_events(self.interactions, self.from, afterwards)?
            .with_history()
            .cases()
            .iter()
            .filter(|case| unknown.contains(&case.customer))
            .cloned()
            .collect();
        let mut comparisons = Vec::new();
        if !judged.is_empty() {
            progress.begin("judge cold start", REVEALED.len() as u64);
            comparisons = self.strangers(&judged, progress)?;
            progress.end(&format!("{} customers kept out", judged.len()));
        }
        comparisons.extend(judge_new_items(self, params, cases, progress)?);
        Ok(comparisons)
    }

    fn strangers(&self, judged: &[Case], progress: &dyn Progress) -> Result<Vec<Comparison>> {
        let (taste, profiles) = (&self.blended.taste, &self.data.customers.rows);
        let segments = self.best_segments(judged)?;
        let scorers: [(&str, &dyn Scorer); 3] = [
            ("Proffer", &taste.ranker(Repeats::Kept)),
            ("fold-in alone", &taste.ials),
            (&segments.name, &segments),
        ];
        let measures = [("Recall", Measure::Recall), ("NDCG", Measure::Ndcg)];
        let mut rows = [Vec::new(), Vec::new()];
        for (done, revealed) in REVEALED.into_iter().enumerate() {
            let known = self.revealed(judged, revealed);
            let cases = Cases::new(&known, self.from, judged.to_vec())?.with_profiles(profiles);
            let options = self.options(Repeats::Kept);
            let evaluations = scorers.iter().map(|(_, scorer)| evaluate(*scorer, &cases, &options));
            let evaluations: Vec<Evaluation> = evaluations.collect::<Result<_>>()?;
            for ((_, measure), rows) in measures.iter().zip(&mut rows) {
                let values = |e: &Evaluation| e.measures.iter().map(|m| m.get(*measure)).collect();
                let values: Vec<Vec<f64>> = evaluations.iter().map(values).collect();
                let name = format!("{revealed} items known");
                rows.push(Compared::of(name, &values, &options.bootstrap)?);
            }
            progress.at(done as u64 + 1);
        }
        let comparisons = measures.into_iter().zip(rows).map(|((name, _), rows)| Comparison {
            title: "Customers whom the views have never met".into(),
            measure: format!("{name}@{}", self.config.evaluation.n),
            whom: "customers".into(),
            models: scorers.iter().map(|(name, _)| (*name).to_owned()).collect(),
            rows,
        });
        Ok(comparisons.collect())
    }

    /// What is known when of each stranger their latest items are revealed.
    fn revealed(&self, judged: &[Case], n: usize) -> Interactions {
        let row = |case: &Case| (case.customer, latest(self.interactions.row(case.customer), n));
        self.interactions.with_rows(&judged.iter().map(row).collect())
    }

    /// Popularity within the segments of the attribute by which strangers are told apart best, judged in the window
    /// itself: the strongest baseline of its kind. Without attributes, popularity.
    fn best_segments(&self, judged: &[Case]) -> Result<SegmentPopularity> {
        let known = self.revealed(judged, 0);
        let profiles = &self.data.customers.rows;
        let cases = Cases::new(&known, self.from, judged.to_vec())?.with_profiles(profiles);
        let rest = self.blended.holdout.without(self.interactions);
        let mut best: Option<(f64, SegmentPopularity)> = None;
        for segments in SegmentPopularity::all(&self.data.customers.features, profiles, &rest) {
            let ndcg = evaluate(&segments, &cases, &self.options(Repeats::Kept))?.summary.ndcg.mean;
            if best.as_ref().is_none_or(|(highest, _)| ndcg > *highest) {
                best = Some((ndcg, segments));
            }
        }
        Ok(best.map_or_else(|| SegmentPopularity::everyone(&rest), |(_, segments)| segments))
    }
}

/// How many customers with a feature have each item; where nobody of the segment has it, what everyone has decides.
struct SegmentPopularity {
    name: String,
    everyone: Vec<f32>,
    by_feature: BTreeMap<u32, Vec<f32>>,
}

impl SegmentPopularity {
    /// Popularity within the segments of each attribute.
    fn all(features: &Features, profiles: &FeatureRows, interactions: &Interactions) -> Vec<Self> {
        let everyone = Self::everyone(interactions).everyone;
        let segments = features.segments().map(|(attribute, words)| Self {
            name: format!("popularity by {attribute}"),
            everyone: everyone.clone(),
            by_feature: words.map(|word| (word, vec![0f32; interactions.n_items()])).collect(),
        });
        let mut all: Vec<Self> = segments.collect();
        for segments in &mut all {
            for (customer, row) in interactions.rows() {
                for (feature, _) in profiles.of(customer.position()) {
                    let Some(scores) = segments.by_feature.get_mut(feature) else { continue };
                    row.iter().for_each(|cell| scores[cell.item.position()] += 1.0);
                }
            }
        }
        all
    }

    fn everyone(interactions: &Interactions) -> Self {
        let mut everyone = vec![0f32; interactions.n_items()];
        interactions.cells().iter().for_each(|cell| everyone[cell.item.position()] += 1.0);
        Self { name: "popularity".into(), everyone, by_feature: BTreeMap::new() }
    }
}

impl Scorer for SegmentPopularity {
    fn name(&self) -> &'static str {
        "popularity by segment"
    }

    fn n_items(&self) -> usize {
        self.everyone.len()
    }

    fn score(&self, history: History<'_>, scores: &mut [f32]) {
        let most = self.everyone.iter().copied().fold(1.0, f32::max);
        let segment = history.profile.iter().find_map(|(feature, _)| self.by_feature.get(feature));
        for (position, score) in scores.iter_mut().enumerate() {
            let of_segment = segment.map_or(0.0, |segment| segment[position]);
            *score = of_segment + self.everyone[position] / most;
        }
    }
}
