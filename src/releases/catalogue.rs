//! The items as they are now: those of the release, with the changes and additions that came since.

use indexmap::IndexSet;
use models::ids::{ItemIx, Ix};
use models::payload::{Payload, PayloadValue};
use models::release::Release;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};

/// The catalogue of one release and what the service has learned about items since.
///
/// An item that appeared after the release gets an index beyond the release's, and the index vector that its attributes
/// lead one to expect: something to be found by until the next training.
#[derive(Debug)]
pub struct Catalogue {
    release: Arc<Release>,
    category_attribute: String,
    /// That of each item of the release: asked of every candidate.
    categories: Vec<Option<Box<str>>>,
    live: RwLock<Live>,
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct Live {
    appeared: IndexSet<Box<str>>,
    payloads: HashMap<ItemIx, Payload>,
    /// The index vectors of items that appeared.
    expected: HashMap<ItemIx, Vec<f32>>,
    /// The items whose attribute `available` is false; asked of thousands of candidates.
    unavailable: HashSet<ItemIx>,
}

/// A consistent look at the catalogue; hold it briefly, and never across an await.
#[derive(Debug)]
pub struct View<'a> {
    catalogue: &'a Catalogue,
    live: RwLockReadGuard<'a, Live>,
}

impl Catalogue {
    /// The catalogue of a release without changes.
    pub fn new(release: Arc<Release>, category_attribute: &str) -> Self {
        let unavailable = release.payloads.iter().enumerate().filter(|(_, payload)| is_unavailable(payload));
        let unavailable = unavailable.map(|(position, _)| ItemIx::at(position)).collect();
        let category = |payload| category(payload, category_attribute).map(Box::from);
        Self {
            categories: release.payloads.iter().map(category).collect(),
            release,
            category_attribute: category_attribute.into(),
            live: RwLock::new(Live { unavailable, ..Live::default() }),
            changes: AtomicU64::new(0),
        }
    }

    /// A look at the catalogue as it is now.
    pub fn view(&self) -> View<'_> {
        // A panic while holding the lock cannot leave `Live` half-changed: each change is one insertion.
        let live = self.live.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        View { catalogue: self, live }
    }

    /// How often items were changed, here and in the index.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Counts a change that is done, here and in the index.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Takes over an item's attributes, and returns its index.
    pub fn upsert(&self, id: &str, payload: Payload) -> ItemIx {
        let mut live = self.live.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let ix = self.release.items.get(id).unwrap_or_else(|| {
            let position = live.appeared.insert_full(id.into()).0;
            ItemIx::at(self.release.items.len() + position)
        });
        if let (None, Some(prior)) = (self.release.taste.item_vector(ix), &self.release.item_prior) {
            let row = prior.features().row(&payload);
            // An item of which nothing is known could be anything: the mean of all items would be shown to anyone.
            if row.is_empty() {
                live.expected.remove(&ix);
            } else {
                live.expected.insert(ix, prior.of(&row));
            }
        }
        if is_unavailable(&payload) {
            live.unavailable.insert(ix);
        } else {
            live.unavailable.remove(&ix);
        }
        live.payloads.insert(ix, payload);
        ix
    }
}

impl View<'_> {
    /// The index of an item.
    pub fn ix(&self, id: &str) -> Option<ItemIx> {
        let appeared = || {
            let position = self.live.appeared.get_index_of(id)?;
            Some(ItemIx::at(self.catalogue.release.items.len() + position))
        };
        self.catalogue.release.items.get(id).or_else(appeared)
    }

    /// The outside id of an item.
    pub fn id(&self, ix: ItemIx) -> Option<&str> {
        let n_released = self.catalogue.release.items.len();
        match ix.position().checked_sub(n_released) {
            None => self.catalogue.release.items.id(ix),
            Some(position) => self.live.appeared.get_index(position).map(|id| &**id),
        }
    }

    /// An item's attributes, none for an index that is not of this catalogue.
    pub fn payload(&self, ix: ItemIx) -> Option<&Payload> {
        self.live.payloads.get(&ix).or_else(|| self.catalogue.release.payloads.get(ix.position()))
    }

    /// The value of the attribute that says an item's category.
    pub fn category(&self, ix: ItemIx) -> Option<&str> {
        match self.live.payloads.get(&ix) {
            Some(payload) => category(payload, &self.catalogue.category_attribute),
            None => self.catalogue.categories.get(ix.position())?.as_deref(),
        }
    }

    /// Whether the item may be offered: unless its attribute `available` is false.
    pub fn is_available(&self, ix: ItemIx) -> bool {
        let n_items = self.catalogue.release.items.len() + self.live.appeared.len();
        ix.position() < n_items && !self.live.unavailable.contains(&ix)
    }

    /// The items that appeared since the release and have a place in the index, with their vectors.
    pub fn placed(&self) -> impl ExactSizeIterator<Item = (ItemIx, &[f32])> {
        self.live.expected.iter().map(|(item, vector)| (*item, vector.as_slice()))
    }

    /// An item's factors, or those that its attributes lead one to expect when it appeared since; `None` when these
    /// say nothing.
    pub fn factors(&self, ix: ItemIx) -> Option<&[f32]> {
        let ials = &self.catalogue.release.taste.ials;
        match ials.item_vector(ix) {
            Some(factors) => factors.to_slice(),
            None => self.live.expected.get(&ix).map(|vector| &vector[..ials.n_factors()]),
        }
    }

    /// The vector under which the index holds an item; `None` like [`Self::factors`].
    pub fn index_vector(&self, ix: ItemIx) -> Option<Cow<'_, [f32]>> {
        match self.catalogue.release.taste.item_vector(ix) {
            Some(vector) => Some(Cow::Owned(vector)),
            None => self.live.expected.get(&ix).map(|vector| Cow::Borrowed(vector.as_slice())),
        }
    }
}

fn is_unavailable(payload: &Payload) -> bool {
    payload.get("available") == Some(&PayloadValue::Flag(false))
}

fn category<'a>(payload: &'a Payload, attribute: &str) -> Option<&'a str> {
    match payload.get(attribute)? {
        PayloadValue::Text(word) => Some(word),
        PayloadValue::Texts(words) => words.first().map(String::as_str),
        PayloadValue::Flag(_) | PayloadValue::Number(_) => None,
    }
}
