//! The in-process index of a release, built once here rather than at every start of the service.

use models::ids::ItemIx;
use models::index::exact::{ExactIndex, longest_first};
use models::index::graph::{self, GraphIndex, GraphParams};
use models::index::{IndexKind, ItemIndex, choose, probe};
use models::payload::Payload;
use models::release::Release;
use models::{Error, Result};

/// An index of a catalogue, and what of it is published.
pub struct Built {
    /// The index that will serve, over all items, without their attributes.
    pub index: Box<dyn ItemIndex>,
    /// The links of a graph; none where the exact scan serves.
    pub graph: Option<Vec<u8>>,
}

/// The graph over the items of a catalogue that is large enough for one, unless it fails the recall probe against
/// the exact scan; then that scan will serve.
///
/// # Errors
/// [`models::Error`] when the index cannot be built.
pub fn build(release: &Release, seed: u64) -> Result<Built> {
    let taste = &release.taste;
    let mut items: Vec<(ItemIx, Vec<f32>)> =
        release.items.iter().filter_map(|(item, _)| Some((item, taste.item_vector(item)?))).collect();
    if choose(items.len(), taste.dimensions()) == IndexKind::Exact {
        longest_first(&mut items, |(_, vector)| vector);
        return Ok(Built { index: Box::new(exact(&items, taste.dimensions())?), graph: None });
    }
    let params = GraphParams::default();
    let exact = exact(&items, taste.dimensions())?;
    let bytes = graph::link(exact.rows(), &params)?;
    let mut graph = GraphIndex::new(&bytes, exact, &params)?;
    match probe::settle(&mut graph, seed) {
        Ok(_) => Ok(Built { index: Box::new(graph), graph: Some(bytes) }),
        Err(error @ Error::OutOfRange { .. }) => {
            tracing::warn!(%error, "the graph finds too little; this release is served by the exact scan");
            Ok(Built { index: Box::new(graph.into_exact()), graph: None })
        }
        Err(error) => Err(error),
    }
}

fn exact(items: &[(ItemIx, Vec<f32>)], dimensions: usize) -> Result<ExactIndex> {
    let mut exact = ExactIndex::new(dimensions)?;
    for (item, vector) in items {
        exact.upsert(*item, vector, &Payload::new())?;
    }
    Ok(exact)
}
