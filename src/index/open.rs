//! From a release's items to an index that answers: choose, build or connect, probe.

use super::embedded::Embedded;
use super::qdrant::{Qdrant, QdrantConfig};
use super::{IndexError, IndexPoint, VectorIndex, check};
use models::index::exact::{ExactIndex, longest_first};
use models::index::graph::{self, GraphIndex, GraphParams};
use models::index::{IndexKind, ItemIndex, probe};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// The seed of the recall probe's queries; any would do, one and the same makes openings comparable.
pub(super) const PROBE_SEED: u64 = 0x5eed;

/// Which index, and how it is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IndexConfig {
    /// `auto` (the default) takes the graph where training stored one, else the exact index.
    pub kind: IndexChoice,
    /// For how many milliseconds the index is waited for; then a fallback answers.
    pub deadline_ms: u64,
    /// Threads that search an in-process index; by default one per processor.
    pub threads: Option<NonZeroUsize>,
    /// How the graph is built and walked.
    pub graph: GraphParams,
    /// Where the Qdrant servers are, for `kind = "qdrant"`.
    pub qdrant: QdrantConfig,
}

impl Default for IndexConfig {
    fn default() -> Self {
        Self {
            kind: IndexChoice::default(),
            deadline_ms: 200,
            threads: None,
            graph: GraphParams::default(),
            qdrant: QdrantConfig::default(),
        }
    }
}

/// The kinds of index that a configuration can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexChoice {
    /// In the process: the graph where training stored one, else exact.
    #[default]
    Auto,
    /// In the process, every item looked at.
    Exact,
    /// In the process, a graph walked.
    Graph,
    /// A Qdrant server or cluster.
    Qdrant,
}

/// What an index is made of.
#[derive(Clone, Debug)]
pub struct IndexSource {
    /// The release that the items belong to.
    pub release: String,
    /// The length of the vectors.
    pub dimensions: usize,
    /// The items, in the order of the release.
    pub points: Vec<IndexPoint>,
    /// The graph that training built over these items in this order, if it built one.
    pub graph: Option<Vec<u8>>,
}

/// Makes the index of a release, on the thread that waits for it. Large graphs without a stored one take minutes, and so
/// does the first upload to a server.
///
/// # Errors
/// [`IndexError::Invalid`] for items or a configuration that no index can take, or an index that fails the recall
/// probe; [`IndexError::Unavailable`] and [`IndexError::Timeout`] when a server does not play its part.
pub async fn open(config: &IndexConfig, source: IndexSource) -> Result<Arc<dyn VectorIndex>, IndexError> {
    check::points(&source.points, source.dimensions)?;
    let kind = match config.kind {
        // Training has measured which of the two fits, and stored a graph where it does.
        IndexChoice::Auto if source.graph.is_some() => IndexKind::Graph,
        IndexChoice::Auto => IndexKind::Exact,
        IndexChoice::Exact => IndexKind::Exact,
        IndexChoice::Graph => IndexKind::Graph,
        IndexChoice::Qdrant => return Ok(Arc::new(Qdrant::open(&config.qdrant, source).await?)),
    };
    let params = config.graph;
    let index = embedded(kind, source, &params).map_err(|error| IndexError::Invalid(error.to_string()))?;
    Ok(Arc::new(Embedded::new(kind, index, config.threads)?))
}

fn embedded(
    kind: IndexKind,
    mut source: IndexSource,
    params: &GraphParams,
) -> models::Result<Box<dyn ItemIndex>> {
    if kind == IndexKind::Exact {
        longest_first(&mut source.points, |point| &point.vector);
        return Ok(Box::new(exact(&source)?));
    }
    let exact = exact(&source)?;
    let bytes = match source.graph {
        Some(bytes) => bytes,
        None => graph::link(exact.rows(), params)?,
    };
    let mut graph = GraphIndex::new(&bytes, exact, params)?;
    probe::settle(&mut graph, PROBE_SEED)?;
    Ok(Box::new(graph))
}

/// The exact index of a release's items, in their order: a graph knows them by it.
pub(super) fn exact(source: &IndexSource) -> models::Result<ExactIndex> {
    let mut exact = ExactIndex::new(source.dimensions)?;
    for point in &source.points {
        exact.upsert(point.item, &point.vector, &point.payload)?;
    }
    Ok(exact)
}
