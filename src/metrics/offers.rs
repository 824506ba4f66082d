//! Offers as labels: those of the book, as many as a monitoring system can bear.

use super::Metrics;
use super::series::remove;
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// So many offers have series of their own; the others are counted together as `other`.
pub const MOST_OFFERS: usize = 1_000;

/// The label of offers without series of their own, or that are no longer in the book.
pub(super) const OTHER: &str = "other";

/// The offers that have series of their own.
#[derive(Default)]
pub(super) struct Held(RwLock<HashSet<String>>);

impl Metrics {
    /// Takes over which offers there are: those that were there before keep their series, and the series of those that
    /// are gone are removed.
    pub fn know_offers<'a>(&self, offer_ids: impl Iterator<Item = &'a str>) {
        let ids: Vec<&str> = offer_ids.collect();
        let all: HashSet<&str> = ids.iter().copied().collect();
        let gone: HashSet<String> = {
            let mut known = self.held.offers.0.write().unwrap_or_else(PoisonError::into_inner);
            let gone = known.extract_if(|id| !all.contains(id.as_str())).collect();
            for id in ids {
                if known.len() >= MOST_OFFERS {
                    break;
                }
                known.insert(id.to_owned());
            }
            gone
        };
        if gone.is_empty() {
            return;
        }
        let is_gone = |offer: &str| gone.contains(offer);
        remove(&self.answered_offers, "offer", is_gone);
        remove(&self.offer_responses, "offer", is_gone);
        remove(&self.offer_revenue, "offer", is_gone);
        remove(&self.offer_refunds, "offer", is_gone);
    }

    /// Calls with the label of an offer.
    pub(super) fn with_offer<T>(&self, offer_id: &str, count: impl FnOnce(&str) -> T) -> T {
        // Held while counting, so that no series comes back after it was removed.
        let known = self.held.offers.0.read().unwrap_or_else(PoisonError::into_inner);
        count(if known.contains(offer_id) { offer_id } else { OTHER })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(metrics: &Metrics, offer: &str) -> String {
        metrics.with_offer(offer, str::to_owned)
    }

    #[test]
    fn a_thousand_offers_have_series_of_their_own_and_keep_them_when_others_come() {
        let metrics = Metrics::new().unwrap();
        let ids: Vec<String> = (0..MOST_OFFERS + 1).map(|offer| format!("o{offer:05}")).collect();
        metrics.know_offers(ids[1..].iter().map(String::as_str));
        metrics.know_offers(ids.iter().map(String::as_str));
        assert_eq!(label(&metrics, &ids[0]), OTHER, "the place is taken");
        assert_eq!(label(&metrics, &ids[MOST_OFFERS]), ids[MOST_OFFERS]);
        metrics.know_offers(ids[..MOST_OFFERS].iter().map(String::as_str));
        assert_eq!(label(&metrics, &ids[0]), ids[0], "a place became free");
        assert_eq!(label(&metrics, &ids[MOST_OFFERS]), OTHER, "it is gone");
    }
}
