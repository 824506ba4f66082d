//! Baskets that are held back, so that the blend of the views of taste can be learned on them.
//!
//! The last order of a sample of customers is kept out of everything that the views learn from. The rest of the
//! history stays whole: four thousand baskets are little to learn without and enough to learn six weights on.
//! Without times there is no last order, and where customers come but once there is nothing before it; then a fifth of
//! a customer's items are drawn.

use models::events::{Event, EventKind, EventLog, Timestamp};
use models::ids::{CustomerIx, ItemIx, Ix, OrderIx};
use models::interactions::{Interaction, Interactions, KindWeights};
use models::taste::blend::HeldBack;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;

/// The share of a customer's items that is held back where there is no last order.
const DRAWN_SHARE: f64 = 0.2;

/// Items that a customer needs for some to be drawn.
const LEAST_ITEMS: usize = 3;

/// Customers with two orders below which there are too few to learn on.
const LEAST_RETURNING: usize = 20;

/// At most this share of the customers who qualify lose a basket: the views must still learn from most people.
const MOST_CUSTOMERS: f64 = 0.8;

/// What is held back, by customer.
#[derive(Debug, Default)]
pub struct Holdout {
    people: BTreeMap<CustomerIx, HeldBack>,
}

impl Holdout {
    /// Holds back baskets from the events before `to`, of at most `n` customers drawn by the seed.
    pub fn draw(log: &EventLog, to: Timestamp, weights: &KindWeights, n: usize, seed: u64) -> Self {
        let events = log.before(to);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let returning = with_two_orders(log, events);
        let timed = events.first().map(|event| event.at) != events.last().map(|event| event.at);
        let by_order = timed && returning.len() >= LEAST_RETURNING;
        let qualified = if by_order { returning } else { with_items(log, events) };
        let n = n.min((qualified.len() as f64 * MOST_CUSTOMERS).ceil() as usize);
        let mut of_customer: BTreeMap<CustomerIx, Vec<Event>> =
            qualified.sample(&mut random, n).map(|&customer| (customer, Vec::new())).collect();
        for event in events {
            if let Some(own) = of_customer.get_mut(&event.customer) {
                own.push(*event);
            }
        }
        let people = of_customer.into_iter().filter_map(|(customer, own)| {
            let (known, held) = if by_order { last_order(&own) } else { drawn(own, &mut random) };
            let basket = bought(&held);
            let interactions = row(&known, customer, log.n_items, weights);
            let usable = !basket.is_empty() && !interactions.is_empty();
            usable.then_some((customer, HeldBack { interactions, basket }))
        });
        Self { people: people.collect() }
    }

    /// Everyone of whom something is held back, in the order of their indexes.
    pub fn people(&self) -> Vec<HeldBack> {
        self.people.values().cloned().collect()
    }

    /// The interactions without what is held back.
    pub fn without(&self, interactions: &Interactions) -> Interactions {
        let rows =
            self.people.iter().map(|(customer, held)| (*customer, held.interactions.clone())).collect();
        interactions.with_rows(&rows)
    }
}

/// Customers with purchases in two orders or more, in the order of their indexes.
fn with_two_orders(log: &EventLog, events: &[Event]) -> Vec<CustomerIx> {
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
fn with_items(log: &EventLog, events: &[Event]) -> Vec<CustomerIx> {
    let mut counts = vec![0usize; log.n_customers];
    for event in events.iter().filter(|event| is_purchase(event)) {
        counts[event.customer.position()] += 1;
    }
    let enough = |(customer, count)| (count >= LEAST_ITEMS).then_some(CustomerIx::at(customer));
    counts.into_iter().enumerate().filter_map(enough).collect()
}

/// What came before the last order, and the order.
fn last_order(own: &[Event]) -> (Vec<Event>, Vec<Event>) {
    let Some(last) = own.iter().rev().find(|event| is_purchase(event)) else {
        return (own.to_vec(), Vec::new());
    };
    let begins = own.iter().filter(|event| event.order == last.order).map(|event| event.at).min();
    let begins = begins.unwrap_or(last.at);
    let known = own.iter().filter(|event| event.at < begins).copied().collect();
    let held = own.iter().filter(|event| event.order == last.order).copied().collect();
    (known, held)
}

fn drawn(mut own: Vec<Event>, random: &mut impl Rng) -> (Vec<Event>, Vec<Event>) {
    own.shuffle(random);
    let n = ((own.len() as f64 * DRAWN_SHARE) as usize).max(1);
    let held = own.split_off(own.len() - n.min(own.len()));
    (own, held)
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
fn row(events: &[Event], customer: CustomerIx, n_items: usize, weights: &KindWeights) -> Vec<Interaction> {
    let alone: Vec<Event> = events.iter().map(|event| Event { customer: CustomerIx(0), ..*event }).collect();
    debug_assert!(events.iter().all(|event| event.customer == customer));
    Interactions::from_events(&alone, 1, n_items, weights).row(CustomerIx(0)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(customer: u32, item: u32, order: u32, at: i64) -> Event {
        Event {
            at: Timestamp(at),
            customer: CustomerIx(customer),
            item: ItemIx(item),
            order: OrderIx(order),
            quantity: 1.0,
            amount: 0.0,
            kind: EventKind::Purchase,
        }
    }

    #[test]
    fn the_last_order_is_held_back_and_what_came_before_it_is_known() {
        // Everyone but the last comes twice before the moment, and once after it.
        let of = |customer: u32| {
            let order = 3 * customer;
            if customer == 24 {
                return vec![event(customer, 1, order, 5)];
            }
            let second = [event(customer, 2, order + 1, 20), event(customer, 3, order + 1, 20)];
            [&[event(customer, 1, order, 10)], &second[..], &[event(customer, 9, order + 2, 40)]].concat()
        };
        let log = EventLog::new((0..25).flat_map(of).collect(), 25, 10);
        let weights = KindWeights::default();
        let holdout = Holdout::draw(&log, Timestamp(30), &weights, 10, 1);
        let people = holdout.people();
        assert_eq!(people.len(), 10);
        for person in &people {
            assert_eq!(person.basket, [ItemIx(2), ItemIx(3)]);
            assert_eq!(person.interactions.iter().map(|known| known.item).collect::<Vec<_>>(), [ItemIx(1)]);
        }
        let all = Interactions::from_events(log.before(Timestamp(30)), 25, 10, &weights);
        let without = holdout.without(&all);
        assert_eq!(all.cells().len() - without.cells().len(), 20);
        assert_eq!(without.row(CustomerIx(24)).len(), 1, "who came once loses nothing");
    }

    #[test]
    fn where_customers_come_but_once_a_share_of_their_items_is_drawn() {
        let event = |n: u32| event(n / 5, n % 5, n / 5, i64::from(n / 5));
        let log = EventLog::new((0..100).map(event).collect(), 20, 5);
        let people = Holdout::draw(&log, Timestamp(1000), &KindWeights::default(), 8, 1).people();
        assert_eq!(people.len(), 8);
        assert!(people.iter().all(|person| (person.interactions.len(), person.basket.len()) == (4, 1)));
    }

    #[test]
    fn without_times_a_share_of_the_items_is_drawn() {
        let log = EventLog::new((0..40).map(|n| event(n / 10, n % 10, n / 10, 7)).collect(), 4, 10);
        let people = Holdout::draw(&log, Timestamp(8), &KindWeights::default(), 2, 1).people();
        assert_eq!(people.len(), 2);
        for person in people {
            assert_eq!((person.interactions.len(), person.basket.len()), (8, 2));
            assert!(person.basket.iter().all(|item| !person.interactions.iter().any(|i| i.item == *item)));
        }
    }
}
