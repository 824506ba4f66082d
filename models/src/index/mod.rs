//! The in-process vector indexes: which items have the highest dot product with a vector, among those that a
//! filter lets pass.
//!
//! Two implementations of one trait, [`ItemIndex`]:
//! - [`exact`] scans all items, reading a quarter of their bytes; its answers are those of a full `f32` scan,
//!   provably. Best below the size that [`choose()`] knows by measurement.
//! - [`graph`] walks a small-world graph and reads a few thousand items only; its answers miss a few in a
//!   hundred, so that every graph passes the recall [`probe`] before it is used.
//!
//! Both keep their items in [`rows`] and answer filters from [`attributes`]. Scores are the same `f32` dot products
//! in both, summed in one documented order, so they do not depend on the index or the processor. The order of
//! a list is that of [`crate::ranking`].

pub mod attributes;
pub mod bits;
pub mod rows;
pub mod simd;

pub mod exact;
pub mod quantised;

pub mod graph;
pub mod probe;

mod choose;
#[cfg(test)]
mod twin;

pub use choose::{IndexKind, choose};

use crate::ids::ItemIx;
use crate::payload::{Filter, Payload};
use crate::ranking::Scored;

/// One question to an index.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// As long as the items' vectors; finite.
    pub vector: &'a [f32],
    /// How many items to find.
    pub n: usize,
    /// What an item must satisfy.
    pub filter: &'a Filter,
    /// Items not to find.
    pub exclude: &'a [ItemIx],
}

/// What every in-process index does.
pub trait ItemIndex: Send + Sync {
    /// The length of the vectors.
    fn dimensions(&self) -> usize;

    /// The number of items.
    fn len(&self) -> usize;

    /// Whether there is no item to find.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// For each query the best items, best first, ties by the lower index. Several queries at once cost less than
    /// one after the other.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for a vector of another length, [`crate::Error::NotFinite`] for one with a NaN or
    /// an infinity.
    fn search(&self, queries: &[Query<'_>]) -> crate::Result<Vec<Vec<Scored>>>;

    /// Adds an item, or replaces its vector and payload.
    ///
    /// # Errors
    /// Those of [`Self::search`] for the vector, and [`crate::Error::NotFinite`] for a payload's number. The
    /// index is unchanged then.
    fn upsert(&mut self, item: ItemIx, vector: &[f32], payload: &Payload) -> crate::Result<()>;

    /// Removes an item, if it is there.
    fn delete(&mut self, item: ItemIx);
}

/// The longest vector: beyond it the integer sums of [`quantised`] could overflow.
pub const MAX_DIMENSIONS: usize = 2048;

fn check_vector(what: &'static str, vector: &[f32], dimensions: usize) -> crate::Result<()> {
    if vector.len() != dimensions {
        return Err(crate::Error::Shape {
            what: what.into(),
            expected: format!("{dimensions} numbers"),
            found: vector.len().to_string(),
        });
    }
    match vector.iter().position(|number| !number.is_finite()) {
        Some(at) => Err(crate::Error::NotFinite { what, at: format!("position {at}") }),
        None => Ok(()),
    }
}
