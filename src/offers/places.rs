//! Where offers stand in the space of taste: by the items that they promote, from their first minute.
//!
//! The space is that of the factorisation, in which people without a history stand where their profile puts them.

use super::book::Book;
use crate::releases::Serving;
use models::ids::{ItemIx, Ix};
use models::kernels::dot_rows;
use std::sync::Arc;

/// The vectors of a book's offers in one release, and items to compare them with.
pub struct Places {
    release: String,
    book: Arc<Book>,
    dimensions: usize,
    /// Which offers promote items that are known.
    placed: Vec<bool>,
    /// The mean vector of the items that each offer promotes, then items of the catalogue, evenly spaced, one after the
    /// other.
    vectors: Vec<f32>,
}

/// Items that offers are compared with: enough to place one within a few hundredths.
const REFERENCE_ITEMS: usize = 256;

impl Places {
    /// Places the offers of a book.
    pub fn new(serving: &Serving, book: &Arc<Book>) -> Self {
        let view = serving.catalogue.view();
        let ials = &serving.release.taste.ials;
        let dimensions = ials.n_factors();
        let (mut placed, mut vectors) = (Vec::with_capacity(book.entries.len()), Vec::new());
        for entry in &book.entries {
            let mut sum = vec![0.0; dimensions];
            let known = entry.offer.items.iter().filter_map(|id| view.factors(view.ix(id)?));
            let n = known.map(|factors| sum.iter_mut().zip(factors).for_each(|(sum, value)| *sum += value));
            let n = n.count();
            placed.push(n > 0);
            vectors.extend(sum.iter().map(|value| value / n.max(1) as f32));
        }
        let n_items = serving.release.taste.n_items();
        let every = n_items.div_ceil(REFERENCE_ITEMS).max(1);
        let items = (0..n_items).step_by(every).filter_map(|item| ials.item_vector(ItemIx::at(item)));
        vectors.extend(items.flat_map(|factors| factors.to_vec()));
        Self { release: serving.manifest.id.clone(), book: Arc::clone(book), dimensions, placed, vectors }
    }

    /// Whether these are the places of a book in a release.
    pub fn are_of(&self, serving: &Serving, book: &Arc<Book>) -> bool {
        self.release == serving.manifest.id && Arc::ptr_eq(&self.book, book)
    }

    /// Each offer's place in a customer's taste: the share of items that they like less, from 0 to 1; one half for an
    /// offer that promotes nothing known.
    pub fn affinities(&self, factors: &[f32]) -> Vec<f64> {
        if factors.len() != self.dimensions {
            // Nothing is known of them.
            return vec![0.5; self.placed.len()];
        }
        let mut scores = vec![0.0; self.vectors.len() / self.dimensions.max(1)];
        dot_rows(&self.vectors, factors, &mut scores);
        let (offers, typical) = scores.split_at_mut(self.placed.len());
        typical.sort_unstable_by(f32::total_cmp);
        let place = |score: f32| {
            let (below, upto) = (
                typical.partition_point(|other| *other < score),
                typical.partition_point(|other| *other <= score),
            );
            ((below + upto) as f64 / 2.0 + 0.5) / (typical.len() as f64 + 1.0)
        };
        self.placed
            .iter()
            .zip(offers)
            .map(|(placed, score)| if *placed { place(*score) } else { 0.5 })
            .collect()
    }
}
