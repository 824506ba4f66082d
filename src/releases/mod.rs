//! The releases on disk, and the one that answers.
//!
//! A release is loaded and warmed beside the running one, then swapped in by one atomic pointer. The choice is
//! stored, so a restart serves the same release; going back is the same as going forward.

mod beside;
mod catalogue;
mod disk;
mod follow;
mod precomputed;
mod serving;

pub use catalogue::{Catalogue, View};
pub use disk::{Listed, ReleaseError, list, load};
pub use follow::follow;
pub use precomputed::Precomputed;
pub use serving::Serving;

use crate::config::Config;
use crate::customers::{self, Directory, Entry, States, Visits};
use crate::decisions::Answers;
use crate::index::{self, IndexPoint, IndexSource, VectorIndex};
use crate::metrics::{Cache, MeasuredIndex, Metrics, Searched, figures};
use crate::state::Listener;
use crate::store::{Activation, Store, StoredEvent, StoredItem};
use crate::telemetry::request_id;
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use beside::{beside, give_back_memory};
use chrono::{DateTime, Utc};
use models::behaviour::Categories;
use models::events::Timestamp;
use models::ids::{CustomerIx, Ix};
use models::release::{GRAPH, Manifest, Release};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Past activations among which a roll-back looks for another release.
const ACTIVATIONS_SEARCHED: u32 = 100;

/// The latest events from which sessions go on when a release is prepared.
const SESSION_EVENTS: u32 = 100_000;

/// Ids of customers read from the store at a time when a release is prepared.
const CUSTOMERS_PAGE: u32 = 10_000;

/// How long the index may take to forget an erased customer.
const ERASE_DEADLINE: Duration = Duration::from_secs(30);

/// For how long it is not computed anew where a customer stands, unless something of theirs changes.
const INSIGHT_LIFE: Duration = Duration::from_secs(60);

/// Items read from the store at a time when a release is prepared.
const ITEMS_PAGE: u32 = 1_000;

/// Loads, swaps and remembers releases.
pub struct Releases {
    directory: PathBuf,
    config: Arc<Config>,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    current: ArcSwapOption<Serving>,
    /// Held while a release is loaded or items change, so that a swap loses no change of an item.
    changing: Mutex<()>,
}

/// Frees a release that no longer answers, once its last request is done: that takes seconds for millions of customers, and
/// no thread that answers has them.
async fn retire(replaced: Arc<Serving>) {
    while Arc::strong_count(&replaced) > 1 {
        tokio::time::sleep(RETIRED_LOOK).await;
    }
    let free = move || async move {
        let is_large = is_large(&replaced.manifest);
        drop(replaced);
        if is_large {
            give_back_memory();
        }
    };
    if let Err(reason) = beside(free).await {
        tracing::error!(reason, "a replaced release was not freed in order");
    }
}

/// How often a replaced release is looked at.
const RETIRED_LOOK: Duration = Duration::from_millis(100);

impl Releases {
    /// Over the configured directory; nothing is loaded yet.
    pub fn new(config: Arc<Config>, store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        let directory = config.releases.dir.clone();
        Self { directory, config, store, metrics, current: ArcSwapOption::empty(), changing: Mutex::new(()) }
    }

    /// The release that answers now; `None` before the first is activated.
    pub fn current(&self) -> Option<Arc<Serving>> {
        self.current.load_full()
    }

    /// All releases on disk.
    ///
    /// # Errors
    /// [`ReleaseError::Io`] when the directory cannot be listed.
    pub fn list(&self) -> Result<Vec<Listed>, ReleaseError> {
        list(&self.directory)
    }

    /// Serves the release that was active before the last stop, else the latest on disk.
    ///
    /// # Errors
    /// [`ReleaseError::None`] when there is none; otherwise why the one chosen cannot be served.
    pub async fn activate_last(self: &Arc<Self>) -> Result<Arc<Serving>, ReleaseError> {
        let _changing = self.changing.lock().await;
        let stored = self.store.activations(1).await?.into_iter().next().map(|last| last.release_id);
        let chosen = match stored {
            Some(id) if self.directory.join(&id).is_dir() => id,
            _ => {
                let sound = self.list()?.into_iter().find(|(_, manifest)| manifest.is_ok());
                sound.ok_or_else(|| ReleaseError::None(self.directory.clone()))?.0
            }
        };
        let serving = self.prepare(&chosen).await?;
        Ok(self.publish(serving))
    }

    /// Loads a release and lets it answer from now on; `actor` is who asked.
    ///
    /// # Errors
    /// [`ReleaseError`] when it cannot be served or the choice cannot be stored; the running release then goes on.
    pub async fn activate(self: &Arc<Self>, id: &str, actor: &str) -> Result<Arc<Serving>, ReleaseError> {
        let _changing = self.changing.lock().await;
        let serving = self.prepare(id).await?;
        let activation = Activation { release_id: id.into(), actor: actor.into(), at: Utc::now() };
        self.store.record_activation(activation).await?;
        Ok(self.publish(serving))
    }

    /// Goes back to the release that was active before the present one.
    ///
    /// # Errors
    /// [`ReleaseError::NothingToRollBackTo`] when there was none, or why it cannot be served.
    pub async fn roll_back(self: &Arc<Self>, actor: &str) -> Result<Arc<Serving>, ReleaseError> {
        let activations = self.store.activations(ACTIVATIONS_SEARCHED).await?;
        // The choice, not what is served here: this process may not have followed it yet.
        let present = activations.first().map(|last| last.release_id.clone());
        let previous =
            activations.into_iter().map(|past| past.release_id).find(|id| Some(id) != present.as_ref());
        self.activate(&previous.ok_or(ReleaseError::NothingToRollBackTo)?, actor).await
    }

    /// A release with all changes of items, ready to answer; call it, and publish, under the lock.
    async fn prepare(self: &Arc<Self>, id: &str) -> Result<Arc<Serving>, ReleaseError> {
        if let Some(current) = self.current().filter(|current| current.manifest.id == id) {
            return Ok(current);
        }
        let (releases, name) = (Arc::clone(self), id.to_owned());
        let read = beside(move || async move { releases.read(&name).await });
        read.await.unwrap_or_else(|reason| Err(unsound(id, format!("loading stopped: {reason}"))))
    }

    async fn read(&self, id: &str) -> Result<Arc<Serving>, ReleaseError> {
        let serving = Arc::new(self.open(id).await?);
        // Before anything is read that goes on changing.
        if is_large(&serving.manifest) {
            give_back_memory();
        }
        let mut position = i64::MIN;
        loop {
            let page = self.store.items_after(position, ITEMS_PAGE).await?;
            let Some(last) = page.last() else { break };
            position = last.position;
            serving.apply_items(page).await?;
        }
        self.note_active(&serving).await?;
        let events = self.store.latest_events(SESSION_EVENTS).await?;
        serving.record(&events);
        Ok(serving)
    }

    /// Has everyone looked at again of whom more is known than the release knows.
    async fn note_active(&self, serving: &Serving) -> Result<(), ReleaseError> {
        let since =
            DateTime::from_timestamp(serving.manifest.data_cutoff.0, 0).unwrap_or(DateTime::UNIX_EPOCH);
        let mut after = String::new();
        loop {
            let page = self.store.active_customers(since, &after, CUSTOMERS_PAGE).await?;
            page.iter().for_each(|id| serving.directory.note(id));
            let Some(last) = page.into_iter().next_back() else { return Ok(()) };
            after = last;
        }
    }

    /// Lets a release answer from now on.
    fn publish(&self, serving: Arc<Serving>) -> Arc<Serving> {
        let replaced = self.current.swap(Some(Arc::clone(&serving)));
        if let Some(replaced) = replaced.filter(|replaced| !Arc::ptr_eq(replaced, &serving)) {
            tokio::spawn(retire(replaced));
        }
        self.metrics.serves(&serving.manifest, serving.index.kind(), &serving.figures);
        tracing::info!(release = serving.manifest.id, index = serving.index.kind(), "release serves");
        serving
    }

    /// Reads a release, and opens its indexes.
    async fn open(&self, id: &str) -> Result<Serving, ReleaseError> {
        let (manifest, release, mut files) = load(&self.directory, id)?;
        let precomputed = Precomputed::open(&self.directory.join(id), &manifest)?;
        let figures = figures(&manifest, &self.directory);
        let graph = files.remove(GRAPH);
        let source = IndexSource {
            release: manifest.id.clone(),
            dimensions: release.taste.dimensions(),
            points: points(&release),
            graph,
        };
        let index = index::open(&self.config.index, source).await;
        let index = index.map_err(|error| unsound(id, error.to_string()))?;
        let index = self.measured(index, Searched::Items);
        let release = Arc::new(release);
        let catalogue = Catalogue::new(Arc::clone(&release), &self.config.catalogue.category_attribute);
        let cache = &self.config.cache;
        let life = Duration::from_secs(cache.ttl_s);
        let states = States::new(cache.customers, life, self.metrics.lookups(Cache::Customers));
        let answers = Answers::new(cache.answers_mb << 20, life, self.metrics.lookups(Cache::Answers));
        let insights =
            States::new(cache.customers, INSIGHT_LIFE.min(life), self.metrics.lookups(Cache::Insights));
        let cutoff = manifest.data_cutoff;
        let directory = Directory::new(Arc::clone(&release), cutoff);
        let directory = directory.map_err(|error| unsound(id, error.to_string()))?;
        let erased = self.forget_erased(cutoff, &release, &directory).await?;
        let customer_index = self.open_customers(&manifest.id, &release, &directory).await?;
        let visits = Visits::new(release.taste.sessions.params());
        let category = &release.known.models.category_attribute;
        let categories = Categories::of_items(&release.payloads, category);
        Ok(Serving {
            manifest,
            figures,
            catalogue,
            index,
            precomputed,
            answers,
            states,
            insights,
            visits,
            directory,
            customer_index,
            categories,
            erased: RwLock::new(erased),
            release,
            stranger: OnceLock::new(),
        })
    }

    /// Takes those who were erased since the data of a release ended out of its directory, and gives their indexes.
    async fn forget_erased(
        &self,
        cutoff: Timestamp,
        release: &Release,
        directory: &Directory,
    ) -> Result<HashSet<CustomerIx>, ReleaseError> {
        let since = DateTime::from_timestamp(cutoff.0, 0).unwrap_or(DateTime::UNIX_EPOCH);
        let digests: HashSet<Vec<u8>> = self.store.erased_since(since).await?.into_iter().collect();
        let mut erased = HashSet::new();
        if digests.is_empty() {
            return Ok(erased);
        }
        for (customer, id) in release.customers.iter() {
            if digests.contains(&Sha256::digest(id).to_vec()) {
                directory.erase(id);
                erased.insert(customer);
            }
        }
        Ok(erased)
    }

    /// The index over where customers stand; none where the release places nobody.
    async fn open_customers(
        &self,
        id: &str,
        release: &Release,
        directory: &Directory,
    ) -> Result<Option<Arc<dyn VectorIndex>>, ReleaseError> {
        let vectors = &release.known.vectors;
        let placed = vectors.outer_iter().enumerate().filter(|(_, vector)| vector.iter().any(|x| *x != 0.0));
        let placed: Vec<usize> = placed.map(|(row, _)| row).collect();
        if placed.is_empty() {
            return Ok(None);
        }
        let point = |entry: Entry| {
            let attributes = release.known.attributes_of(Ix::at(entry.row)).unwrap_or_default();
            IndexPoint {
                item: Ix::at(entry.row),
                vector: vectors.row(entry.row).to_vec(),
                payload: customers::joined(&entry.score, attributes),
                id: entry.customer_id,
            }
        };
        let source = IndexSource {
            release: format!("{id}-customers"),
            dimensions: vectors.ncols(),
            points: directory.entries(&placed).into_iter().map(point).collect(),
            graph: None,
        };
        let opened = index::open(&self.config.index, source).await;
        let opened = opened.map_err(|error| unsound(id, error.to_string()))?;
        Ok(Some(self.measured(opened, Searched::Customers)))
    }

    fn measured(&self, index: Arc<dyn VectorIndex>, searched: Searched) -> Arc<dyn VectorIndex> {
        Arc::new(MeasuredIndex::new(index, searched, Arc::clone(&self.metrics)))
    }
}

/// Bytes of files from which on a release frees so much, after it was read or when it is gone, that giving it back takes time.
const LARGE: u64 = 256 << 20;

fn is_large(manifest: &Manifest) -> bool {
    manifest.files.values().map(|file| file.size_bytes).sum::<u64>() > LARGE
}

fn unsound(id: &str, reason: String) -> ReleaseError {
    ReleaseError::Index { id: id.into(), reason }
}

/// The items of a release as its index wants them.
fn points(release: &Release) -> Vec<IndexPoint> {
    let items = release.items.iter().zip(&release.payloads);
    items
        .filter_map(|((item, id), payload)| {
            let vector = release.taste.item_vector(item)?;
            Some(IndexPoint { item, id: id.to_owned(), vector, payload: payload.clone() })
        })
        .collect()
}

#[async_trait]
impl Listener for Releases {
    fn events_kept(&self, events: &[StoredEvent]) {
        if let Some(serving) = self.current() {
            serving.record(events);
            for event in events {
                serving.forget(&event.customer_id);
                serving.directory.note(&event.customer_id);
            }
        }
    }

    fn customer_changed(&self, customer_id: &str) {
        if let Some(serving) = self.current() {
            serving.forget(customer_id);
            serving.directory.note(customer_id);
        }
    }

    fn customer_erased(&self, customer_id: &str) {
        let Some(serving) = self.current() else { return };
        let (Some(row), Some(index)) = (serving.erase(customer_id), &serving.customer_index) else { return };
        let index = Arc::clone(index);
        // Already unlisted; a vector that stays a moment longer answers nobody.
        tokio::spawn(async move {
            let deadline = Instant::now() + ERASE_DEADLINE;
            if let Err(error) = index.delete(vec![Ix::at(row)], deadline).await {
                tracing::error!(%error, "an erased customer's vector is still in the index");
            }
        });
    }

    async fn items_changed(&self, items: &[StoredItem]) {
        let _changing = self.changing.lock().await;
        let Some(serving) = self.current() else { return };
        let mut stored = Vec::with_capacity(items.len());
        for item in items {
            // Read again under the lock: of two changes of one item, the one stored last must win here too.
            match self.store.item(&item.item_id).await {
                Ok(latest) => stored.extend(latest),
                Err(_) => stored.push(item.clone()),
            }
        }
        if let Err(error) = serving.apply_items(stored).await {
            // The change is stored, and counts at the latest after the next activation.
            let request_id = request_id();
            tracing::error!(request_id, %error, "changed items did not reach the index");
        }
    }
}
