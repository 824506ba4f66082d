//! Decisions: where they are made, what they rest on, and what they left out.

use super::Metrics;
use crate::customers::Evidence;
use crate::decisions::{Decision, Source};
use crate::offers::wire::OffersDecision;
use prometheus::{Histogram, IntCounter};
use std::sync::Arc;

/// Every source of items, as it is written, in the order of the enumeration.
const SOURCES: [(Source, &str); 10] = [
    (Source::Dense, "dense"),
    (Source::Sparse, "sparse"),
    (Source::Precomputed, "precomputed"),
    (Source::Repeat, "repeat"),
    (Source::Session, "session"),
    (Source::Profile, "profile"),
    (Source::Complement, "complement"),
    (Source::Substitute, "substitute"),
    (Source::Trending, "trending"),
    (Source::Popular, "popular"),
];

/// How much may be known, as it is written, in the order of the enumeration.
const EVIDENCE: [(Evidence, &str); 5] = [
    (Evidence::None, "none"),
    (Evidence::Profile, "profile"),
    (Evidence::Session, "session"),
    (Evidence::Few, "few"),
    (Evidence::History, "history"),
];

/// The parts without which decisions are made.
const PARTS: [&str; 4] = ["index", "release", "reservation", "store"];

/// Lets what alerts look at stand at zero.
pub(super) fn begin(metrics: &Metrics) {
    for part in PARTS {
        metrics.degraded_decisions.with_label_values(&[part]);
    }
}

/// The series of decisions about items at one contact point.
pub(super) struct PointSeries {
    /// Without a fallback, and with one.
    decisions: [IntCounter; 2],
    answered: [IntCounter; SOURCES.len()],
    evidence: [IntCounter; EVIDENCE.len()],
    filtered: IntCounter,
    owned: IntCounter,
    excluded: IntCounter,
    top_score: Histogram,
}

impl PointSeries {
    fn new(metrics: &Metrics, point: &str) -> Self {
        let removed = |reason| metrics.removed_items.with_label_values(&[point, reason]);
        Self {
            decisions: ["no", "yes"].map(|fallback| metrics.decisions.with_label_values(&[point, fallback])),
            answered: SOURCES.map(|(_, source)| metrics.answered_items.with_label_values(&[point, source])),
            evidence: EVIDENCE
                .map(|(_, known)| metrics.decision_evidence.with_label_values(&["items", point, known])),
            filtered: removed("filtered"),
            owned: removed("owned"),
            excluded: removed("excluded"),
            top_score: metrics.top_item_score.with_label_values(&[point]),
        }
    }
}

impl Metrics {
    /// Counts a decision about items. Contact points are those of the configuration; other decisions have none.
    pub fn decided(&self, decision: &Decision) {
        let series = self.point(decision.contact_point.as_deref().unwrap_or("none"));
        series.decisions[usize::from(decision.fallback)].inc();
        series.evidence[decision.evidence as usize].inc();
        let mut answered = [0; SOURCES.len()];
        for result in &decision.results {
            answered[result.source as usize] += 1;
        }
        for (counter, items) in series.answered.iter().zip(answered).filter(|(_, items)| *items > 0) {
            counter.inc_by(items);
        }
        let removed = &decision.removed;
        series.filtered.inc_by(removed.filtered as u64);
        series.owned.inc_by(removed.owned as u64);
        series.excluded.inc_by(removed.excluded as u64);
        if let Some(best) = decision.results.first()
            && decision.contact_point.is_some()
            && !decision.fallback
        {
            series.top_score.observe(f64::from(best.score));
        }
        self.degraded(&decision.degraded);
    }

    /// Counts a decision about offers. Contact points are those of the configuration.
    pub fn decided_offers(&self, decision: &OffersDecision) {
        let point = decision.contact_point.as_str();
        let answered = if decision.results.is_empty() { "no" } else { "yes" };
        self.offer_decisions.with_label_values(&[point, decision.arm.code(), answered]).inc();
        let evidence = EVIDENCE[decision.evidence as usize].1;
        self.decision_evidence.with_label_values(&["offers", point, evidence]).inc();
        for removed in &decision.funnel.removed {
            let labels = [point, removed.stage.code()];
            self.removed_offers.with_label_values(&labels).inc_by(removed.offers as u64);
        }
        for failed in &decision.funnel.failed_rules {
            self.failed_rules.with_label_values(&[point]).inc_by(failed.offers as u64);
        }
        self.degraded(&decision.degraded);
    }

    fn point(&self, name: &str) -> Arc<PointSeries> {
        self.held.contact_points.of(name, || PointSeries::new(self, name))
    }

    fn degraded(&self, parts: &[&'static str]) {
        for part in parts {
            self.degraded_decisions.with_label_values(&[part]).inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_words_of_the_api_in_the_order_of_the_enumerations() {
        for (position, (source, word)) in SOURCES.into_iter().enumerate() {
            assert_eq!((source as usize, serde_json::json!(source)), (position, word.into()));
        }
        for (position, (evidence, word)) in EVIDENCE.into_iter().enumerate() {
            assert_eq!((evidence as usize, serde_json::json!(evidence)), (position, word.into()));
        }
    }
}
