//! Requests: their stages, and those that were refused.

use super::Metrics;
use prometheus::Histogram;
use std::time::Duration;

/// The stages of requests, as [`crate::telemetry::stage`] names them; a test holds that there are no others.
pub const STAGES: [&str; 11] = [
    "consents",
    "customer",
    "events",
    "index",
    "ledger",
    "log",
    "offers",
    "profile",
    "reserve",
    "stage_changes",
    "store",
];

/// The histograms of all stages, in their order.
pub(super) fn stages(metrics: &Metrics) -> Vec<Histogram> {
    STAGES.iter().map(|stage| metrics.stage_seconds.with_label_values(&[*stage])).collect()
}

impl Metrics {
    /// Notes how long a stage of a request took; a name that is no stage is passed over.
    pub fn staged(&self, stage: &str, time: Duration) {
        let position = STAGES.iter().position(|known| *known == stage);
        if let Some(histogram) = position.and_then(|position| self.held.stages.get(position)) {
            histogram.observe(time.as_secs_f64());
        }
    }

    /// Counts a request that was refused because there was too much of something.
    pub fn shed(&self, reason: &'static str) {
        self.shed_requests.with_label_values(&[reason]).inc();
    }
}
