//! The in-process index of a release, built once here rather than at every start of the service.

use models::index::exact::ExactIndex;
use models::index::graph::{self, GraphIndex, GraphParams};
use models::index::{IndexKind, ItemIndex, choose, probe};
use models::payload::Payload;
use models::release::Release;
use models::{Error, Result};

/// The graph over the items of a catalogue that is large enough for one, unless it fails the recall probe against
/// the exact scan; then that scan will serve.
///
/// # Errors
/// [`models::Error`] when the graph cannot be built.
pub fn build(release: &Release, seed: u64) -> Result<Option<Vec<u8>>> {
    let taste = &release.taste;
    if choose(release.items.len(), taste.dimensions()) == IndexKind::Exact {
        return Ok(None);
    }
    let mut exact = ExactIndex::new(taste.dimensions())?;
    for (item, _) in release.items.iter() {
        exact.upsert(item, &taste.item_vector(item).unwrap_or_default(), &Payload::new())?;
    }
    let params = GraphParams::default();
    let bytes = graph::link(exact.rows(), &params)?;
    let mut graph = GraphIndex::new(&bytes, exact, &params)?;
    match probe::settle(&mut graph, seed) {
        Ok(_) => Ok(Some(bytes)),
        Err(error @ Error::OutOfRange { .. }) => {
            tracing::warn!(%error, "the graph finds too little; this release is served by the exact scan");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
