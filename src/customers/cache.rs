//! What was computed of customers, kept until that customer's next event.

use crate::metrics::Lookups;
use crate::store::StoreError;
use moka::sync::Cache;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Generations are shared by customers of the same hash; a collision costs a recomputation, nothing else.
const GENERATIONS: usize = 4096;

/// A cache, by customer, in which a state is never older than the customer's last acknowledged event.
///
/// [`Self::forget`] advances the generation *before* it drops the entry; a load looks at the generation before it
/// reads and again after it inserted. Whichever way the two interleave, a state read before the event is dropped
/// by one of them.
pub struct States<T> {
    states: Cache<Box<str>, Arc<T>>,
    generations: Box<[AtomicU64]>,
    hasher: RandomState,
    lookups: Lookups,
}

impl<T: Send + Sync + 'static> States<T> {
    /// An empty cache for at most `capacity` customers, each read anew after `life` at the latest: what another
    /// process wrote to the same store is seen by then. Every look is counted.
    pub fn new(capacity: u64, life: Duration, lookups: Lookups) -> Self {
        Self {
            states: Cache::builder().max_capacity(capacity).time_to_live(life).build(),
            generations: (0..GENERATIONS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            lookups,
        }
    }

    /// What follows from a cached state. Only then is it counted: without it one goes on to load, which counts.
    pub fn at_hand<R>(&self, customer_id: &str, follows: impl FnOnce(&Arc<T>) -> Option<R>) -> Option<R> {
        let follows = follows(&self.states.get(customer_id)?);
        follows.and_then(|follows| self.lookups.counted(Some(follows)))
    }

    /// The cached state, or the one that `load` gives.
    ///
    /// # Errors
    /// The error of `load`; nothing is kept then.
    pub async fn get_or_load(
        &self,
        customer_id: &str,
        load: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Arc<T>, StoreError> {
        if let Some(state) = self.lookups.counted(self.states.get(customer_id)) {
            return Ok(state);
        }
        let generation = self.generation(customer_id);
        let before = generation.load(Ordering::SeqCst);
        let state = Arc::new(load.await?);
        self.states.insert(customer_id.into(), Arc::clone(&state));
        if generation.load(Ordering::SeqCst) != before {
            self.states.invalidate(customer_id);
        }
        Ok(state)
    }

    /// Drops what is known of a customer; called after their event is durable and before it is acknowledged.
    pub fn forget(&self, customer_id: &str) {
        self.generation(customer_id).fetch_add(1, Ordering::SeqCst);
        self.states.invalidate(customer_id);
    }

    fn generation(&self, customer_id: &str) -> &AtomicU64 {
        &self.generations[self.hasher.hash_one(customer_id) as usize % GENERATIONS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customers::CustomerState;
    use crate::metrics::{Cache, Metrics};

    fn lookups() -> Lookups {
        Metrics::new().unwrap().lookups(Cache::Customers)
    }

    fn state_with(owned: u32) -> CustomerState {
        CustomerState { owned: vec![models::ids::ItemIx(owned)], ..Default::default() }
    }

    #[tokio::test]
    async fn a_state_that_was_being_loaded_when_an_event_came_is_not_kept() {
        let states = States::new(10, Duration::from_secs(60), lookups());
        let stale = states.get_or_load("c", async {
            states.forget("c");
            Ok(state_with(1))
        });
        assert_eq!(stale.await.unwrap().owned[0].0, 1);
        let fresh = states.get_or_load("c", async { Ok(state_with(2)) }).await.unwrap();
        assert_eq!(fresh.owned[0].0, 2, "the stale state was kept");
        let kept = states.get_or_load("c", async { Ok(state_with(3)) }).await.unwrap();
        assert_eq!(kept.owned[0].0, 2, "a sound state is kept");
    }

    #[tokio::test]
    async fn a_state_is_read_anew_when_its_life_is_over() {
        let states = States::new(10, Duration::from_millis(1), lookups());
        states.get_or_load("c", async { Ok(state_with(1)) }).await.unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let anew = states.get_or_load("c", async { Ok(state_with(2)) }).await.unwrap();
        assert_eq!(anew.owned[0].0, 2);
    }
}
