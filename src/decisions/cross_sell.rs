//! Items that go with others: complements and substitutes, two lists that are never mixed.

use super::fallback::passes;
use super::wire::{CrossSellRequest, Decision, ReasonCode, Relation, Source};
use super::{Chosen, answer, known_state, reasons};
use crate::customers::Evidence;
use crate::patience::Patience;
use crate::releases::{Serving, View};
use crate::store::Store;
use crate::telemetry::stage;
use models::ids::ItemIx;
use models::ranking::{Scored, TopN};
use std::collections::BTreeMap;

/// How strongly an item goes with each of the items at hand.
type Associations = BTreeMap<ItemIx, Vec<(ItemIx, f32)>>;

/// Complements of a basket, or substitutes of an item. Items that nothing is known of give an empty answer:
/// what everyone buys does not go with anything in particular.
pub async fn cross_sell(
    serving: &Serving,
    store: &dyn Store,
    request: &CrossSellRequest,
    patience: &Patience,
) -> Decision {
    let mut degraded = Vec::new();
    let who = (request.customer_id.as_deref(), patience);
    let state = stage("customer", known_state(serving, store, who, &mut degraded)).await;
    let at_hand: Vec<ItemIx> = {
        let view = serving.catalogue.view();
        request.item_ids.iter().filter_map(|id| view.ix(id)).collect()
    };
    let associations = associations(serving, request.relation, &at_hand);
    // What suits everyone is no taste.
    let taste = if state.evidence() == Evidence::None { &[][..] } else { &state.person(serving).factors };
    let view = serving.catalogue.view();
    let mut top = TopN::new(request.n);
    for (&item, parts) in &associations {
        if !at_hand.contains(&item) && passes(&view, &request.filter, item) {
            let taste = taste_factor(taste, &view, item);
            let association: f32 = parts.iter().map(|(_, weight)| weight).sum();
            top.offer(Scored { item, score: association * taste });
        }
    }
    let chosen = top.into_sorted().into_iter().map(|scored| {
        let parts = associations.get(&scored.item).map_or(&[][..], Vec::as_slice);
        chosen(&view, request.relation, scored, parts)
    });
    let mut decision = answer(serving, &view, chosen.collect());
    decision.customer_id.clone_from(&request.customer_id);
    decision.evidence = state.evidence();
    decision.degraded = degraded;
    decision.funnel.candidates = associations.len();
    decision
}

/// What the customer's taste makes of an association: between 1 (none of it) and 2 (as sure as a purchase).
fn taste_factor(taste: &[f32], view: &View<'_>, item: ItemIx) -> f32 {
    let dot: f32 = taste.iter().zip(view.factors(item).unwrap_or_default()).map(|(a, b)| a * b).sum();
    1.0 + dot.clamp(0.0, 1.0)
}

fn associations(serving: &Serving, relation: Relation, at_hand: &[ItemIx]) -> Associations {
    let lists = match relation {
        Relation::Complement => &serving.release.complements,
        Relation::Substitute => &serving.release.similar,
    };
    let mut associations = Associations::new();
    for &item in at_hand {
        for other in lists.of(item) {
            associations.entry(other.item).or_default().push((item, other.score));
        }
    }
    associations
}

/// The item with its reason: the items at hand that it goes with; taste only weighs what they say.
fn chosen(view: &View<'_>, relation: Relation, scored: Scored, parts: &[(ItemIx, f32)]) -> Chosen {
    let evidence: Vec<ItemIx> = parts.iter().map(|(item, _)| *item).collect();
    let (source, code) = match relation {
        Relation::Complement => (Source::Complement, ReasonCode::BoughtTogether),
        Relation::Substitute => (Source::Substitute, ReasonCode::SimilarItem),
    };
    Chosen { scored, source, reasons: vec![reasons::reason(view, code, scored.score, &evidence)] }
}
