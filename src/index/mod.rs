//! The vector index: one trait over the in-process indexes and a Qdrant server.
//!
//! A value is the index of *one* immutable release. Queries come in batches with an explicit deadline; errors
//! are split by what the caller can do about them. MMR, grouping and blending are in our own ranking, so that
//! answers do not depend on which index stands behind.

mod check;
mod open;

pub mod embedded;
pub mod qdrant;

pub use open::{IndexChoice, IndexConfig, IndexSource, open};

use async_trait::async_trait;
use models::ids::ItemIx;
use models::payload::{Filter, Payload};
use models::ranking::Scored;
use std::sync::Arc;
use std::time::Instant;

/// One question to the index.
#[derive(Clone, Debug)]
pub struct IndexQuery {
    /// The customer's (or an item's) dense vector; as long as the item vectors.
    pub vector: Vec<f32>,
    /// How many items to find.
    pub n: usize,
    /// What an item must satisfy.
    pub filter: Arc<Filter>,
    /// Items not to find, sorted.
    pub exclude: Vec<ItemIx>,
}

/// An item as the index holds it.
#[derive(Clone, Debug)]
pub struct IndexPoint {
    /// Its dense index in the release (or beyond it, for an item that appeared later).
    pub item: ItemIx,
    /// Its outside id, kept in the payload for people and other tools.
    pub id: String,
    /// Its dense vector.
    pub vector: Vec<f32>,
    /// Its attributes.
    pub payload: Payload,
}

/// Why the index did not answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The deadline passed; a fallback may still answer.
    #[error("the vector index did not answer within its deadline")]
    Timeout,
    /// The index cannot be reached or refuses work.
    #[error("the vector index is unavailable: {0}")]
    Unavailable(String),
    /// The question itself is wrong; asking again will not help.
    #[error("the vector index refused the query: {0}")]
    Invalid(String),
}

/// The index of one release.
#[async_trait]
pub trait VectorIndex: Send + Sync {
    /// Which implementation this is: `exact`, `graph` or `qdrant`.
    fn kind(&self) -> &'static str;

    /// For each query the best items by dot product, best first, ties by the lower index.
    async fn search(
        &self,
        queries: Vec<IndexQuery>,
        deadline: Instant,
    ) -> Result<Vec<Vec<Scored>>, IndexError>;

    /// Adds points, or replaces those with the same item; seen by the next search.
    async fn upsert(&self, points: Vec<IndexPoint>, deadline: Instant) -> Result<(), IndexError>;

    /// Removes items; one that is not there is no error.
    async fn delete(&self, items: Vec<ItemIx>, deadline: Instant) -> Result<(), IndexError>;

    /// Whether the index can answer now.
    async fn ready(&self, deadline: Instant) -> Result<(), IndexError>;
}
