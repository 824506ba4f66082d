//! What to show when taste says too little: the contact point's chain of lists that are the same for everyone.

use super::wire::Source;
use crate::config::Fallback;
use crate::releases::{Serving, View};
use models::ids::ItemIx;
use models::payload::Filter;
use models::ranking::Scored;

/// A trend above this is one; below, an item sells as it always did.
const RISING: f32 = 1.0;

/// Up to `n` wanted items from the lists in their order, without repetition.
pub(super) fn fill(
    serving: &Serving,
    chain: &[Fallback],
    n: usize,
    mut wanted: impl FnMut(ItemIx) -> bool,
) -> Vec<(Scored, Source)> {
    let mut filled: Vec<(Scored, Source)> = Vec::new();
    for list in chain {
        let (ranked, source) = match list {
            Fallback::Trending => (&serving.release.trending, Source::Trending),
            Fallback::Popular => (&serving.release.popularity, Source::Popular),
        };
        let rises = |candidate: &&Scored| source != Source::Trending || candidate.score > RISING;
        for &candidate in ranked.ranked().iter().take_while(rises) {
            if filled.len() >= n {
                return filled;
            }
            let is_new = !filled.iter().any(|(chosen, _)| chosen.item == candidate.item);
            if is_new && wanted(candidate.item) {
                filled.push((candidate, source));
            }
        }
    }
    filled
}

/// Whether an item may be shown at all: available and under the filter.
pub(super) fn passes(view: &View<'_>, filter: &Filter, item: ItemIx) -> bool {
    view.is_available(item) && view.payload(item).is_some_and(|payload| filter.accepts(payload))
}
