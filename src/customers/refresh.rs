//! Keeps the directory of customers up to date: soon after their events, and as time passes.

use super::insight::{insight, known};
use crate::config::{AsOf, Config};
use crate::index::{IndexError, IndexPoint};
use crate::releases::{Releases, Serving};
use crate::store::{NewTransition, Store};
use chrono::Utc;
use models::events::Timestamp;
use models::ids::{ItemIx, Ix};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often the directory is looked after.
const TICK: Duration = Duration::from_millis(200);

/// Customers looked at in one go: a few tens of milliseconds of work.
const MOST_AT_ONCE: usize = 200;

/// Those whose time has come are looked at more slowly: after a release on old data they may be everyone.
const MOST_PASSED: usize = 50;

/// How long the index may take to take over changed customers.
const UPSERT_DEADLINE: Duration = Duration::from_secs(10);

/// Looks after the directory of whichever release serves, until the releases are gone.
pub async fn keep_up_to_date(releases: Weak<Releases>, store: Arc<dyn Store>, config: Arc<Config>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(serving) = releases.upgrade().map(|releases| releases.current()) else { return };
        if let Some(serving) = serving {
            refresh(&serving, &*store, &config).await;
        }
    }
}

/// Looks again at those who changed, or whose time has come.
async fn refresh(serving: &Serving, store: &dyn Store, config: &Config) {
    let directory = &serving.directory;
    if config.customers.as_of == AsOf::Now && directory.waiting() == 0 {
        directory.note_passed(Timestamp(Utc::now().timestamp()), MOST_PASSED);
    }
    let changed = directory.take_changed(MOST_AT_ONCE);
    let (mut points, mut gone, mut transitions) = (Vec::new(), Vec::new(), Vec::new());
    for id in &changed {
        let known = match known(serving, store, id).await {
            Ok(known) => known,
            Err(error) => {
                tracing::warn!(%error, "customers cannot be read; their lists stay as they are for now");
                return changed.iter().for_each(|id| directory.note(id));
            }
        };
        let insight = insight(serving, config, id, known);
        match directory.update(id, &insight) {
            Ok((row, transition)) => {
                transitions.extend(transition);
                match &insight.place {
                    Some(place) => points.push(IndexPoint {
                        item: ItemIx::at(row),
                        id: id.to_string(),
                        vector: place.vector.clone(),
                        payload: super::directory::joined(&insight.score(), insight.attributes.clone()),
                    }),
                    None => gone.push(ItemIx::at(row)),
                }
            }
            Err(error) => tracing::warn!(%error, "a customer stays out of lists"),
        }
    }
    record(store, transitions).await;
    if let Err(error) = place(serving, points, gone).await {
        // What the index refuses it quotes, and that may be an attribute.
        let error = match error {
            IndexError::Invalid(_) => "it refuses some of their attributes".to_owned(),
            error => error.to_string(),
        };
        tracing::warn!(error, "changed customers did not reach the index");
    }
}

async fn record(store: &dyn Store, transitions: Vec<NewTransition>) {
    if let Err(error) = store.append_transitions(transitions).await {
        tracing::error!(%error, "changes of stage were not recorded");
    }
}

async fn place(serving: &Serving, points: Vec<IndexPoint>, gone: Vec<ItemIx>) -> Result<(), IndexError> {
    let Some(index) = &serving.customer_index else { return Ok(()) };
    let deadline = Instant::now() + UPSERT_DEADLINE;
    if !points.is_empty() {
        index.upsert(points, deadline).await?;
    }
    if !gone.is_empty() {
        index.delete(gone, deadline).await?;
    }
    Ok(())
}
