//! Where offers stand in the space of taste: by the items that they promote, from their first minute.
//!
//! The space is that of the factorisation, in which people without a history stand where their profile puts them.

use super::book::Book;
use crate::customers::CustomerState;
use crate::releases::Serving;
use models::ids::{ItemIx, Ix};
use std::sync::Arc;

/// The vectors of a book's offers in one release, and items to compare them with.
pub struct Places {
    release: String,
    book: Arc<Book>,
    dimensions: usize,
    /// The mean vector of the items that each offer promotes; absent where it promotes none that is known.
    offers: Vec<Option<Vec<f32>>>,
    /// Items of the catalogue, evenly spaced, one after the other.
    reference: Vec<f32>,
}

/// Items that offers are compared with: enough to place one within a few hundredths.
const REFERENCE_ITEMS: usize = 256;

impl Places {
    /// Places the offers of a book.
    pub fn new(serving: &Serving, book: &Arc<Book>) -> Self {
        let view = serving.catalogue.view();
        let ials = &serving.release.taste.ials;
        let dimensions = ials.n_factors();
        let vector = |ids: &[String]| {
            let mut sum = vec![0.0; dimensions];
            let known = ids.iter().filter_map(|id| view.factors(view.ix(id)?)).map(|factors| {
                sum.iter_mut().zip(factors).for_each(|(sum, value)| *sum += value);
            });
            let n = known.count();
            (n > 0).then(|| sum.iter().map(|value| value / n as f32).collect())
        };
        let offers = book.entries.iter().map(|entry| vector(&entry.offer.items)).collect();
        let n_items = serving.release.taste.n_items();
        let every = n_items.div_ceil(REFERENCE_ITEMS).max(1);
        let items = (0..n_items).step_by(every).filter_map(|item| ials.item_vector(ItemIx::at(item)));
        let reference = items.flat_map(|factors| factors.to_vec()).collect();
        Self { release: serving.manifest.id.clone(), book: Arc::clone(book), dimensions, offers, reference }
    }

    /// Whether these are the places of a book in a release.
    pub fn are_of(&self, serving: &Serving, book: &Arc<Book>) -> bool {
        self.release == serving.manifest.id && Arc::ptr_eq(&self.book, book)
    }

    /// Each offer's place in a customer's taste: the share of items that they like less, from 0 to 1; one half for an
    /// offer that promotes nothing known.
    pub fn affinities(&self, state: &CustomerState) -> Vec<f64> {
        let score = |vector: &[f32]| {
            vector.iter().zip(&state.person.factors).map(|(one, other)| one * other).sum::<f32>()
        };
        let mut typical: Vec<f32> = self.reference.chunks(self.dimensions.max(1)).map(score).collect();
        typical.sort_by(f32::total_cmp);
        let place = |vector: &Vec<f32>| {
            let score = score(vector);
            let (below, upto) = (
                typical.partition_point(|other| *other < score),
                typical.partition_point(|other| *other <= score),
            );
            ((below + upto) as f64 / 2.0 + 0.5) / (typical.len() as f64 + 1.0)
        };
        self.offers.iter().map(|vector| vector.as_ref().map_or(0.5, place)).collect()
    }
}
