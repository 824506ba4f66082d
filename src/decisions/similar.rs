//! Items like one item.

use super::fallback::passes;
use super::wire::{Decision, ReasonCode, Source};
use super::{Chosen, answer, reasons};
use crate::releases::Serving;
use models::ids::ItemIx;
use models::payload::Filter;

/// The items nearest to one item by the cosine of their vectors.
pub fn similar(serving: &Serving, item: ItemIx, n: usize, filter: &Filter) -> Decision {
    let view = serving.catalogue.view();
    let list = serving.release.similar.of(item);
    let candidates = list.len();
    let chosen = list.filter(|other| passes(&view, filter, other.item)).take(n).map(|scored| Chosen {
        scored,
        source: Source::Substitute,
        reasons: vec![reasons::reason(&view, ReasonCode::SimilarItem, scored.score, &[item])],
    });
    let mut decision = answer(serving, &view, chosen.collect());
    decision.funnel.candidates = candidates;
    decision
}
