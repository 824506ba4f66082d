//! Which in-process index fits a catalogue.

use serde::{Deserialize, Serialize};

/// An in-process index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexKind {
    /// [`super::exact`]
    Exact,
    /// [`super::graph`]
    Graph,
}

/// Numbers (items × dimensions) that a scan reads in about four milliseconds; beyond, a walk is chosen.
const SCANNED_NUMBERS: usize = 40_000_000;

/// The index for a catalogue: exact as long as a scan takes about four milliseconds, that is up to 78,000 items of the
/// 513 dimensions of a release with both dense views.
///
/// By measurement (`cargo bench -p models --bench index`), one query at a time: the scan takes 0.13 ms for 20,000 items
/// of 64 dimensions, 0.66 ms for 100,000, 2.7 ms for 400,000; the walk that finds 97 of 100 takes 0.29 ms for 100,000 and
/// 0.75 ms for 400,000. A walk is faster from 30,000 items on, but on the longer vectors of several views it finds less:
/// 91 of 100 among 68,000 items of 513 dimensions, which the recall probe refuses. Exact answers, any filter and no
/// build are worth the milliseconds.
pub fn choose(items: usize, dimensions: usize) -> IndexKind {
    if items.saturating_mul(dimensions) <= SCANNED_NUMBERS { IndexKind::Exact } else { IndexKind::Graph }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_catalogues_are_scanned_and_large_ones_walked() {
        assert_eq!(choose(0, 64), IndexKind::Exact);
        assert_eq!(choose(70_000, 513), IndexKind::Exact);
        assert_eq!(choose(400_000, 128), IndexKind::Graph);
        assert_eq!(choose(usize::MAX, 64), IndexKind::Graph);
    }
}
