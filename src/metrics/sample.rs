//! What is looked at when metrics are read, because nothing tells when it changes.

use super::Metrics;
use crate::state::AppState;
use crate::store::Outstanding;
use std::collections::BTreeSet;

impl Metrics {
    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// [`prometheus::Error`] when a metric cannot be written.
    pub fn render(&self, state: &AppState) -> prometheus::Result<Vec<u8>> {
        self.look_at_queues();
        self.look_at_doors(state);
        self.look_at_offers(state);
        self.text()
    }

    /// Notes how many reservations the store holds.
    pub fn outstanding(&self, outstanding: &Outstanding) {
        self.reservations_outstanding.set(outstanding.reserved as i64);
        self.reservations_overdue.set(outstanding.overdue as i64);
        self.reservations_counted.set(outstanding.counted as i64);
    }

    fn look_at_doors(&self, state: &AppState) {
        for crowd in state.admission.crowds() {
            self.admission_limit.with_label_values(&[crowd.door]).set(crowd.places as i64);
            self.admission_waiting.with_label_values(&[crowd.door]).set(crowd.waiting as i64);
        }
    }

    /// How treatments fared, by channel; zeros for channels of which nothing is settled.
    fn look_at_offers(&self, state: &AppState) {
        let live = state.offers.live();
        let configured = state.config.contact_points.values().map(|point| point.channel.as_str());
        let channels: BTreeSet<&str> = configured.chain(live.keys().map(String::as_str)).collect();
        for channel in channels {
            let counts = live.get(channel).into_iter().flat_map(|offers| offers.values());
            let (mut settled, mut accepted, mut foretold) = (0, 0, 0.0);
            for count in counts {
                settled += count.settled;
                accepted += count.accepted;
                foretold += count.foretold;
            }
            self.settled_results.with_label_values(&[channel]).set(settled as i64);
            self.accepted_results.with_label_values(&[channel]).set(accepted as i64);
            self.foretold_acceptances.with_label_values(&[channel]).set(foretold);
        }
    }
}
