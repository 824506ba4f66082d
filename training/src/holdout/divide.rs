//! One customer's events, divided into what is known and what is held back.

use super::Held;
use models::events::{Event, EventKind, EventLog, Timestamp};
use models::ids::{CustomerIx, ItemIx, Ix, OrderIx};
use models::interactions::{Interaction, Interactions, KindWeights};
use rand::Rng;
use rand::seq::SliceRandom;

/// The share of a customer's items that is held back where there is no last order.
const DRAWN_SHARE: f64 = 0.2;

/// Items that a customer needs for some to be drawn.
const LEAST_ITEMS: usize = 3;

/// Whether events have times.
pub(super) fn is_timed(events: &[Event]) -> bool {
    let times = || events.iter().map(|event| event.at);
    times().min() != times().max()
}

/// Customers with purchases in two orders or more, in the order of their indexes.
pub(super) fn with_two_orders(log: &EventLog, events: &[Event]) -> Vec<CustomerIx> {
    let mut orders: Vec<(Option<OrderIx>, bool)> = vec![(None, false); log.n_customers];
    for event in events.iter().filter(|event| is_purchase(event)) {
        let (first, several) = &mut orders[event.customer.position()];
        *several |= first.is_some_and(|first| first != event.order);
        first.get_or_insert(event.order);
    }
    let several = |(customer, (_, several)): (usize, (_, bool))| several.then_some(CustomerIx::at(customer));
    orders.into_iter().enumerate().filter_map(several).collect()
}

/// Customers with enough items for some to be drawn.
pub(super) fn with_items(log: &EventLog, events: &[Event]) -> Vec<CustomerIx> {
    let mut counts = vec![0usize; log.n_customers];
    for event in events.iter().filter(|event| is_purchase(event)) {
        counts[event.customer.position()] += 1;
    }
    let enough = |(customer, count)| (count >= LEAST_ITEMS).then_some(CustomerIx::at(customer));
    counts.into_iter().enumerate().filter_map(enough).collect()
}

/// One customer's events, divided.
pub(super) struct Divided {
    known: Vec<Event>,
    held: Vec<Event>,
    from: Timestamp,
    hidden: Vec<Event>,
}

impl Divided {
    /// `None` where nothing was held, or nothing is known beside it.
    pub(super) fn into_held(self, n_items: usize, weights: &KindWeights) -> Option<Held> {
        let basket = bought(&self.held);
        let known = row(&self.known, n_items, weights);
        let usable = !basket.is_empty() && !known.is_empty();
        usable.then_some(Held { known, basket, from: self.from, hidden: self.hidden })
    }
}

/// What came before the last order, and the order.
pub(super) fn last_order(own: Vec<Event>) -> Divided {
    let order = own.iter().rev().find(|event| is_purchase(event)).map(|event| event.order);
    let of_order = |event: &&Event| Some(event.order) == order;
    let from = own.iter().filter(of_order).map(|event| event.at).min().unwrap_or(Timestamp(i64::MAX));
    Divided {
        known: own.iter().filter(|event| event.at < from).copied().collect(),
        held: own.iter().filter(of_order).copied().collect(),
        hidden: own.into_iter().filter(|event| event.at >= from).collect(),
        from,
    }
}

pub(super) fn drawn_items(own: Vec<Event>, random: &mut impl Rng) -> Divided {
    let mut known = own.clone();
    known.shuffle(random);
    let n = ((own.len() as f64 * DRAWN_SHARE) as usize).max(1);
    let held = known.split_off(own.len() - n.min(own.len()));
    Divided { known, held, from: Timestamp(i64::MIN), hidden: own }
}

fn is_purchase(event: &Event) -> bool {
    event.kind == EventKind::Purchase && event.quantity > 0.0
}

/// The items of the purchases, sorted.
fn bought(events: &[Event]) -> Vec<ItemIx> {
    let mut items: Vec<ItemIx> =
        events.iter().filter(|event| is_purchase(event)).map(|event| event.item).collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// One customer's row of interactions.
fn row(events: &[Event], n_items: usize, weights: &KindWeights) -> Vec<Interaction> {
    let alone: Vec<Event> = events.iter().map(|event| Event { customer: CustomerIx(0), ..*event }).collect();
    Interactions::from_events(&alone, 1, n_items, weights).row(CustomerIx(0)).to_vec()
}
