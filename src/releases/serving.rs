//! One release, ready to answer.

use super::{Catalogue, ReleaseError};
use crate::customers::{States, Visits};
use crate::index::{IndexError, IndexPoint, VectorIndex};
use crate::store::{StoredEvent, StoredItem};
use chrono::Utc;
use models::release::{Manifest, Release};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the index may take to take over changed items.
const UPSERT_DEADLINE: Duration = Duration::from_secs(10);

/// Everything that answers come from. A request takes one and keeps it to its end, so no answer mixes releases;
/// caches live here, so none outlives its release.
pub struct Serving {
    /// What the release says of itself.
    pub manifest: Manifest,
    /// The models and tables.
    pub release: Arc<Release>,
    /// The items as they are now.
    pub catalogue: Catalogue,
    /// The index over the items' vectors.
    pub index: Arc<dyn VectorIndex>,
    /// What is known of customers, folded in.
    pub states: States,
    /// The sessions that go on.
    pub visits: Visits,
}

impl Serving {
    /// Puts the parts of one release together.
    pub fn new(
        manifest: Manifest,
        release: Arc<Release>,
        catalogue: Catalogue,
        index: Arc<dyn VectorIndex>,
        states: States,
    ) -> Self {
        let visits = Visits::new(release.taste.sessions.params());
        Self { manifest, release, catalogue, index, states, visits }
    }

    /// Takes over live events, in their order, for the sessions that go on; what the release was trained on is no part
    /// of them.
    pub fn record(&self, events: &[StoredEvent]) {
        let now = Utc::now();
        for event in events.iter().filter(|event| event.at.timestamp() >= self.manifest.data_cutoff.0) {
            if let Some(item) = self.catalogue.view().ix(&event.item_id) {
                self.visits.record(event, item, now);
            }
        }
    }

    /// Takes over the stored attributes of items, in the catalogue and in the index.
    ///
    /// # Errors
    /// [`ReleaseError::Index`] when the index does not take them.
    pub async fn apply_items(&self, items: Vec<StoredItem>) -> Result<(), ReleaseError> {
        let (mut points, mut unplaced) = (Vec::with_capacity(items.len()), Vec::new());
        for item in items {
            let ix = self.catalogue.upsert(&item.item_id, item.attributes.clone());
            // Without a vector an item waits for the next training; its page and its category are known at once.
            match self.catalogue.view().index_vector(ix).map(Cow::into_owned) {
                Some(vector) => {
                    points.push(IndexPoint { item: ix, id: item.item_id, vector, payload: item.attributes });
                }
                // It may have had one under earlier attributes.
                None => unplaced.push(ix),
            }
        }
        let deadline = Instant::now() + UPSERT_DEADLINE;
        let failed =
            |e: IndexError| ReleaseError::Index { id: self.manifest.id.clone(), reason: e.to_string() };
        if !unplaced.is_empty() {
            self.index.delete(unplaced, deadline).await.map_err(failed)?;
        }
        if !points.is_empty() {
            self.index.upsert(points, deadline).await.map_err(failed)?;
        }
        Ok(())
    }
}
