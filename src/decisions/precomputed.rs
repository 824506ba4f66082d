//! What training has ranked for a customer, while it knows as much of them as is known now.

use super::recommend::Asked;
use crate::customers::CustomerState;
use crate::releases::{Serving, View};
use crate::telemetry::request_id;
use models::ids::{CustomerIx, Ix};
use models::kernels::dot;
use models::measures::Repeats;
use models::ranking::Scored;

/// Items that appeared since training are few until the next one; more than these are the index's affair.
const MOST_APPEARED: usize = 1_000;

/// The best of the whole catalogue for a person, best first, as training ranked it and with what has appeared since; `None` where
/// something new is known of them, or training did not rank.
pub(super) fn ranked(
    serving: &Serving,
    view: &View<'_>,
    asked: &Asked,
    state: &CustomerState,
) -> Option<Vec<Scored>> {
    let repeats = asked.point.repeats.ranked();
    let mut best = read(serving, state.as_released?, repeats)?;
    best.retain(|one| one.item.position() < serving.release.items.len());
    let last = best.last()?.score;
    if view.placed().len() > MOST_APPEARED {
        return None;
    }
    if view.placed().len() > 0 {
        let query = serving.release.taste.query_vector(state.person(serving), repeats);
        let appeared = view.placed().map(|(item, vector)| Scored { item, score: dot(vector, &query) });
        // Below the last there may be others of the release.
        best.extend(appeared.filter(|appeared| appeared.score >= last));
        best.sort_unstable_by(Scored::rank_order);
    }
    Some(best)
}

fn read(serving: &Serving, customer: CustomerIx, repeats: Repeats) -> Option<Vec<Scored>> {
    serving.precomputed.of(customer, repeats).unwrap_or_else(|error| {
        let request_id = request_id();
        tracing::warn!(request_id, %error, "a precomputed list cannot be read; it is computed");
        None
    })
}
