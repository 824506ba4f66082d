//! One release, ready to answer.

use super::{Catalogue, Precomputed, ReleaseError};
use crate::customers::{CustomerState, Directory, Insight, States, Visits, stranger};
use crate::decisions::Answers;
use crate::index::{IndexError, IndexPoint, VectorIndex};
use crate::metrics::Figure;
use crate::store::{StoredEvent, StoredItem};
use chrono::Utc;
use models::behaviour::Categories;
use models::ids::{CustomerIx, ItemIx};
use models::release::{Manifest, Release};
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long the index may take to take over changed items.
const UPSERT_DEADLINE: Duration = Duration::from_secs(10);

/// Everything that answers come from. A request takes one and keeps it to its end, so no answer mixes releases;
/// caches live here, so none outlives its release.
pub struct Serving {
    /// What the release says of itself.
    pub manifest: Manifest,
    /// How good it was when it was judged.
    pub figures: Vec<Figure>,
    /// The models and tables.
    pub release: Arc<Release>,
    /// The items as they are now.
    pub catalogue: Catalogue,
    /// The index over the items' vectors.
    pub index: Arc<dyn VectorIndex>,
    /// What training recommends to every customer.
    pub precomputed: Precomputed,
    /// Answers that would come out the same again.
    pub answers: Answers,
    /// What is known of customers, folded in.
    pub states: States<CustomerState>,
    /// Where customers stand, as of a minute ago at most.
    pub insights: States<Insight>,
    /// All customers, to be listed.
    pub directory: Directory,
    /// The index over customers' vectors; absent where the release places nobody.
    pub customer_index: Option<Arc<dyn VectorIndex>>,
    /// The categories by which breadth is counted.
    pub categories: Categories,
    /// Customers of the release who were erased since its data ended: it knows nothing of them any more.
    pub erased: RwLock<HashSet<CustomerIx>>,
    /// The sessions that go on.
    pub visits: Visits,
    pub(super) stranger: OnceLock<Arc<CustomerState>>,
}

impl Serving {
    /// The index of a customer of the release, unless they were erased since.
    pub fn customer(&self, customer_id: &str) -> Option<CustomerIx> {
        let customer = self.release.customers.get(customer_id)?;
        // Insertions leave the set whole; a panic elsewhere cannot break it.
        let erased = self.erased.read().unwrap_or_else(PoisonError::into_inner);
        (!erased.contains(&customer)).then_some(customer)
    }

    /// The state of someone of whom nothing is known.
    pub fn stranger(&self) -> Arc<CustomerState> {
        Arc::clone(self.stranger.get_or_init(|| Arc::new(stranger(self))))
    }

    /// Drops what was computed of a customer; called after something of theirs is durable and before it is acknowledged.
    pub fn forget(&self, customer_id: &str) {
        self.states.forget(customer_id);
        self.insights.forget(customer_id);
    }

    /// Erases a customer: their row of the release, their session, and their place in lists. Gives that place.
    pub fn erase(&self, customer_id: &str) -> Option<usize> {
        if let Some(customer) = self.release.customers.get(customer_id) {
            self.erased.write().unwrap_or_else(PoisonError::into_inner).insert(customer);
        }
        self.forget(customer_id);
        self.answers.forget_all();
        self.visits.forget(customer_id);
        self.directory.erase(customer_id)
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
        let reached = self.index_items(points, unplaced).await;
        // They have changed whether or not the index took them.
        self.catalogue.changed();
        reached
    }

    async fn index_items(&self, points: Vec<IndexPoint>, unplaced: Vec<ItemIx>) -> Result<(), ReleaseError> {
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
