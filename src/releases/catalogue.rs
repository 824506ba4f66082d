//! The items as they are now: those of the release, with the changes and additions that came since.

use indexmap::IndexSet;
use models::ids::{ItemIx, Ix};
use models::payload::{Payload, PayloadValue};
use models::release::Release;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockReadGuard};

/// The catalogue of one release and what the service has learned about items since.
///
/// An item that appeared after the release gets an index beyond the release's, and the mean index vector of the items
/// of its category: something to be found by until the next training.
#[derive(Debug)]
pub struct Catalogue {
    release: Arc<Release>,
    category_attribute: String,
    centroids: HashMap<String, Vec<f32>>,
    live: RwLock<Live>,
}

#[derive(Debug, Default)]
struct Live {
    appeared: IndexSet<Box<str>>,
    payloads: HashMap<ItemIx, Payload>,
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
        let centroids = centroids(&release, category_attribute);
        Self { release, category_attribute: category_attribute.into(), centroids, live: RwLock::default() }
    }

    /// A look at the catalogue as it is now.
    pub fn view(&self) -> View<'_> {
        // A panic while holding the lock cannot leave `Live` half-changed: each change is one insertion.
        let live = self.live.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        View { catalogue: self, live }
    }

    /// Takes over an item's attributes, and returns its index.
    pub fn upsert(&self, id: &str, payload: Payload) -> ItemIx {
        let mut live = self.live.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let ix = self.release.items.get(id).unwrap_or_else(|| {
            let position = live.appeared.insert_full(id.into()).0;
            ItemIx::at(self.release.items.len() + position)
        });
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
        category(self.payload(ix)?, &self.catalogue.category_attribute)
    }

    /// Whether the item may be offered: unless its attribute `available` is false.
    pub fn is_available(&self, ix: ItemIx) -> bool {
        self.payload(ix).is_some_and(|payload| payload.get("available") != Some(&PayloadValue::Flag(false)))
    }

    /// An item's factors, or its category's mean when it appeared since; `None` when that is unknown.
    pub fn factors(&self, ix: ItemIx) -> Option<&[f32]> {
        let ials = &self.catalogue.release.taste.ials;
        match ials.item_vector(ix) {
            Some(factors) => factors.to_slice(),
            None => self.catalogue.centroids.get(self.category(ix)?).map(|mean| &mean[..ials.n_factors()]),
        }
    }

    /// The vector under which the index holds an item; `None` like [`Self::factors`].
    pub fn index_vector(&self, ix: ItemIx) -> Option<Cow<'_, [f32]>> {
        match self.catalogue.release.taste.item_vector(ix) {
            Some(vector) => Some(Cow::Owned(vector)),
            None => {
                self.catalogue.centroids.get(self.category(ix)?).map(|mean| Cow::Borrowed(mean.as_slice()))
            }
        }
    }
}

fn category<'a>(payload: &'a Payload, attribute: &str) -> Option<&'a str> {
    match payload.get(attribute)? {
        PayloadValue::Text(word) => Some(word),
        PayloadValue::Texts(words) => words.first().map(String::as_str),
        PayloadValue::Flag(_) | PayloadValue::Number(_) => None,
    }
}

/// The mean index vector of each category.
fn centroids(release: &Release, attribute: &str) -> HashMap<String, Vec<f32>> {
    let mut sums: HashMap<String, (Vec<f32>, f32)> = HashMap::new();
    for (payload, (item, _)) in release.payloads.iter().zip(release.items.iter()) {
        let Some(category) = category(payload, attribute) else { continue };
        let Some(vector) = release.taste.item_vector(item) else { continue };
        let (sum, count) = sums.entry(category.to_owned()).or_insert_with(|| (vec![0.0; vector.len()], 0.0));
        for (sum, number) in sum.iter_mut().zip(vector) {
            *sum += number;
        }
        *count += 1.0;
    }
    for (sum, count) in sums.values_mut() {
        for total in sum {
            *total /= *count;
        }
    }
    sums.into_iter().map(|(category, (mean, _))| (category, mean)).collect()
}
