//! What happens without a request: reservations expire, silence becomes an answer, other processes' writes are seen.

use super::Offers;
use crate::releases::Releases;
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often other processes' writes are looked for.
const TICK: Duration = Duration::from_secs(1);

/// Every how many ticks reservations expire, silence settles and usage is counted.
const LOOK_AFTER_EVERY: u32 = 5;

/// Every how many ticks it is counted how treatments fared, which reads every result since the last training.
const COUNT_EVERY: u32 = 60;

/// Rows that expire or settle in one transaction.
const MOST_AT_ONCE: u32 = 1_000;

/// Looks after offers until they are gone.
pub async fn keep_up_to_date(offers: Weak<Offers>, releases: Weak<Releases>, store: Arc<dyn Store>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for tick in 1_u32.. {
        ticks.tick().await;
        let (Some(offers), Some(releases)) = (offers.upgrade(), releases.upgrade()) else { return };
        if let Err(error) = offers.refresh().await {
            tracing::warn!(%error, "offers and policy stay as they are for now");
        }
        let now = Utc::now();
        let mut looked = Ok(());
        if tick.is_multiple_of(LOOK_AFTER_EVERY) {
            looked = look_after(&offers, &*store, now).await;
        }
        if looked.is_ok() && tick.is_multiple_of(COUNT_EVERY) {
            looked = offers.count_treatments(learned_until(&releases), now).await;
        }
        if tick % COUNT_EVERY == LOOK_AFTER_EVERY {
            // Also where reservations do not expire: that is what is watched.
            looked = offers.count_outstanding(now).await.and(looked);
        }
        if let Err(error) = looked {
            tracing::warn!(%error, "reservations and responses are looked after later");
        }
    }
}

/// Expires, settles and counts as of a moment.
async fn look_after(offers: &Offers, store: &dyn Store, now: DateTime<Utc>) -> Result<(), StoreError> {
    while store.expire(now, MOST_AT_ONCE).await? == u64::from(MOST_AT_ONCE) {}
    while store.settle(offers.book().ripe(now), now, MOST_AT_ONCE).await? == u64::from(MOST_AT_ONCE) {}
    offers.count_usage().await
}

/// Until when decisions were trained on: later ones correct the propensities.
fn learned_until(releases: &Releases) -> DateTime<Utc> {
    let serving = releases.current();
    let released = serving.as_ref().and_then(|serving| serving.release.propensities.as_ref());
    // The decisions of that very second were learned from.
    let until = released.map(|released| released.learned_until.0.saturating_add(1));
    until.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).unwrap_or(DateTime::UNIX_EPOCH)
}
