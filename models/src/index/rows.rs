//! The items of an index: a row each, with its vector and its attributes.
//!
//! A row, once given to an item, stays that item's: a deleted item leaves an empty row, which it gets back if it
//! returns. Rows are therefore never moved, and an index of one release never grows beyond the items that it met.

use super::attributes::Attributes;
use super::bits::Bits;
use super::simd::{Kernels, padded};
use super::{MAX_DIMENSIONS, check_vector};
use crate::ids::ItemIx;
use crate::payload::{Filter, Payload};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Items with their vectors and attributes, in the order in which they came.
#[derive(Clone, Debug)]
pub struct ItemRows {
    dimensions: usize,
    items: Vec<ItemIx>,
    rows: HashMap<ItemIx, u32>,
    present: Bits,
    vectors: Vec<f32>,
    attributes: Attributes,
    answered: Answered,
    kernels: Kernels,
}

/// The latest filters with the rows that pass them: most requests have the same one, and a change of any item ends them.
#[derive(Debug, Default)]
struct Answered(Mutex<Vec<(Filter, Arc<Bits>)>>);

/// As many filters are remembered.
const MOST_ANSWERED: usize = 16;

/// A copy learns anew.
impl Clone for Answered {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Answered {
    /// Whoever panicked here left whole entries.
    fn entries(&self) -> MutexGuard<'_, Vec<(Filter, Arc<Bits>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get_or_answer(&self, filter: &Filter, answer: impl FnOnce() -> Bits) -> Arc<Bits> {
        self.get(filter).unwrap_or_else(|| {
            let bits = Arc::new(answer());
            // Another thread may have been as fast.
            if self.get(filter).is_none() {
                let mut entries = self.entries();
                entries.truncate(MOST_ANSWERED - 1);
                entries.insert(0, (filter.clone(), Arc::clone(&bits)));
            }
            bits
        })
    }

    /// What was asked for last stands first.
    fn get(&self, filter: &Filter) -> Option<Arc<Bits>> {
        let mut entries = self.entries();
        let place = entries.iter().position(|(known, _)| known == filter)?;
        entries[..=place].rotate_right(1);
        Some(Arc::clone(&entries[0].1))
    }
}

impl ItemRows {
    /// No rows yet.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] unless `dimensions` is in `1..=MAX_DIMENSIONS`.
    pub fn new(dimensions: usize) -> crate::Result<Self> {
        if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
            return Err(crate::Error::OutOfRange {
                name: "dimensions of the item vectors",
                value: dimensions.to_string(),
                expected: "in [1, 2048]",
            });
        }
        Ok(Self {
            dimensions,
            items: Vec::new(),
            rows: HashMap::new(),
            present: Bits::default(),
            vectors: Vec::new(),
            attributes: Attributes::default(),
            answered: Answered::default(),
            kernels: Kernels::default(),
        })
    }

    /// Gives an item a vector and a payload in place of those it had, and says in which row.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] or [`crate::Error::NotFinite`]; nothing is changed then.
    pub fn set(&mut self, item: ItemIx, vector: &[f32], payload: &Payload) -> crate::Result<usize> {
        check_vector("an item vector", vector, self.dimensions)?;
        self.answered.entries().clear();
        let row = self.row(item).unwrap_or(self.items.len());
        self.attributes.set(row, payload)?;
        if row == self.items.len() {
            self.items.push(item);
            self.rows.insert(item, row as u32);
            self.present.push();
            self.vectors.resize(self.items.len() * self.width(), 0.0);
        }
        self.present.insert(row);
        let start = row * self.width();
        self.vectors[start..start + self.dimensions].copy_from_slice(vector);
        Ok(row)
    }

    /// Empties an item's row, if it has one.
    pub fn remove(&mut self, item: ItemIx) {
        if let Some(row) = self.row(item) {
            self.answered.entries().clear();
            self.present.remove(row);
        }
    }

    /// The length of the vectors.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The length of a stored vector, with its padding.
    pub fn width(&self) -> usize {
        padded(self.dimensions)
    }

    /// The number of rows, the empty ones too.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The rows that hold an item.
    pub fn present(&self) -> &Bits {
        &self.present
    }

    /// The rows whose item passes a filter.
    pub fn select(&self, filter: &Filter) -> Arc<Bits> {
        self.answered.get_or_answer(filter, || {
            let mut passing = self.present.clone();
            if !filter.is_empty() {
                passing.keep(&self.attributes.select(filter));
            }
            passing
        })
    }

    /// The row that an item has, or had before it was removed.
    pub fn row(&self, item: ItemIx) -> Option<usize> {
        self.rows.get(&item).map(|&row| row as usize)
    }

    /// The item of a row.
    pub fn item(&self, row: usize) -> ItemIx {
        self.items[row]
    }

    /// The vector of a row, with its padding.
    pub fn padded_vector(&self, row: usize) -> &[f32] {
        &self.vectors[row * self.width()..][..self.width()]
    }

    /// The vector of a row.
    pub fn vector(&self, row: usize) -> &[f32] {
        &self.vectors[row * self.width()..][..self.dimensions]
    }

    /// The dot product of a row with a padded vector.
    pub fn score(&self, row: usize, padded_query: &[f32]) -> f32 {
        self.kernels.dot(self.padded_vector(row), padded_query)
    }
}
