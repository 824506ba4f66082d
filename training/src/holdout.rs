//! What is held back, so that the blends of the views of taste can be learned on it.
//!
//! The last order of a sample of customers is kept out of everything that the views learn from. The rest of the
//! history stays whole: four thousand baskets are little to learn without and enough to learn a few weights on.
//! Of a smaller sample, the strangers, the views know nothing at all: on them is learned what suits people of whom
//! little is known. Without times there is no last order, and where customers come but once there is nothing before it;
//! then a fifth of a customer's items are drawn.

use crate::config::TrainingConfig;
use models::attributes::FeatureRows;
use models::events::{Event, EventKind, EventLog, Timestamp};
use models::ids::{CustomerIx, ItemIx, Ix, OrderIx};
use models::interactions::{Interaction, Interactions, KindWeights, with_events};
use models::sessions::{self, Session};
use models::taste::blend::HeldBack;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

/// The share of a customer's items that is held back where there is no last order.
const DRAWN_SHARE: f64 = 0.2;

/// Items that a customer needs for some to be drawn.
const LEAST_ITEMS: usize = 3;

/// Customers with two orders below which there are too few to learn on.
const LEAST_RETURNING: usize = 20;

/// At most this share of the customers who qualify lose a basket: the views must still learn from most people.
const MOST_CUSTOMERS: f64 = 0.8;

/// At most this share of the customers who qualify are strangers.
const MOST_STRANGERS: f64 = 0.1;

/// How many of their items are revealed of people of whom little is known.
pub const REVEALED: [usize; 6] = [0, 1, 2, 3, 5, 10];

/// At most so many sessions are learned on.
const MOST_SESSIONS: usize = 1_000;

/// What is held back, by customer.
#[derive(Debug, Default)]
pub struct Holdout {
    /// Whether what is held back are last orders, rather than items that were drawn.
    by_order: bool,
    people: BTreeMap<CustomerIx, Held>,
    strangers: BTreeMap<CustomerIx, Held>,
}

/// What is held back of one customer.
#[derive(Debug)]
struct Held {
    /// What they did before.
    known: Vec<Interaction>,
    /// The items of what is held back, sorted.
    basket: Vec<ItemIx>,
    /// The moment of the last order; before all where items were drawn.
    from: Timestamp,
    /// Their events from this moment on.
    hidden: Vec<Event>,
}

impl Holdout {
    /// Holds back baskets from the events before `to`, of customers drawn by the seed.
    pub fn draw(config: &TrainingConfig, log: &EventLog, to: Timestamp) -> Self {
        let events = log.before(to);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(config.seed);
        let returning = with_two_orders(log, events);
        let by_order = is_timed(events) && returning.len() >= LEAST_RETURNING;
        let qualified = if by_order { returning } else { with_items(log, events) };
        let share = |share: f64| (qualified.len() as f64 * share).ceil() as usize;
        let n_people = config.blend.customers.min(share(MOST_CUSTOMERS));
        let n_strangers = config.blend.strangers.min(share(MOST_STRANGERS));
        let mut drawn: Vec<CustomerIx> =
            qualified.sample(&mut random, n_people + n_strangers).copied().collect();
        drawn.shuffle(&mut random);
        // People first: without anyone to learn from there is no blend at all.
        let strangers: BTreeSet<CustomerIx> = drawn.iter().copied().skip(n_people).collect();
        let mut of_customer: BTreeMap<CustomerIx, Vec<Event>> =
            drawn.into_iter().map(|customer| (customer, Vec::new())).collect();
        for event in events {
            if let Some(own) = of_customer.get_mut(&event.customer) {
                own.push(*event);
            }
        }
        let mut holdout = Self { by_order, ..Self::default() };
        for (customer, own) in of_customer {
            let held = if by_order { last_order(own) } else { drawn_items(own, &mut random) };
            let Some(held) = held.into_held(log.n_items, &config.event_weights) else { continue };
            let of = if strangers.contains(&customer) { &mut holdout.strangers } else { &mut holdout.people };
            of.insert(customer, held);
        }
        holdout
    }

    /// Everyone of whom a basket is held back, in the order of their indexes.
    pub fn people(&self, profiles: &FeatureRows) -> Vec<HeldBack> {
        self.people.iter().map(|(customer, held)| held.revealed(usize::MAX, *customer, profiles)).collect()
    }

    /// The strangers with none of their items revealed.
    pub fn strangers(&self, profiles: &FeatureRows) -> Vec<HeldBack> {
        self.strangers.iter().map(|(customer, held)| held.revealed(0, *customer, profiles)).collect()
    }

    /// The strangers with a few of their latest items revealed, each twice, in turn as many as each of [`REVEALED`]
    /// above 0.
    pub fn acquaintances(&self, profiles: &FeatureRows) -> Vec<HeldBack> {
        let numbers = REVEALED.into_iter().filter(|number| *number > 0).cycle();
        let twice = self.strangers.iter().flat_map(|stranger| [stranger; 2]);
        twice
            .zip(numbers)
            .map(|((customer, held), number)| held.revealed(number, *customer, profiles))
            .collect()
    }

    /// The customers of whom the views know nothing.
    pub fn unknown(&self) -> impl Iterator<Item = CustomerIx> + '_ {
        self.strangers.keys().copied()
    }

    /// Whether an event is no part of what the views may know.
    pub fn hides(&self, event: &Event) -> bool {
        let of_people = |held: &Held| {
            if self.by_order { event.at >= held.from } else { held.basket.binary_search(&event.item).is_ok() }
        };
        self.strangers.contains_key(&event.customer)
            || self.people.get(&event.customer).is_some_and(of_people)
    }

    /// The interactions without what is held back.
    pub fn without(&self, interactions: &Interactions) -> Interactions {
        let people = self.people.iter().map(|(customer, held)| (*customer, held.known.clone()));
        let strangers = self.strangers.keys().map(|customer| (*customer, Vec::new()));
        interactions.with_rows(&people.chain(strangers).collect())
    }

    /// The last sessions that the views have not met, broken off at a random place: of people, to go on with what was
    /// known of them before it; where `anonymous`, of strangers too, each as of someone unknown.
    pub fn sessions(&self, config: &TrainingConfig, as_of: Timestamp, anonymous: bool) -> Vec<HeldBack> {
        // Of people whose items were drawn, the views know the other items of the very session.
        let people = self.by_order.then_some(&self.people).into_iter().flatten();
        let strangers = anonymous.then_some(&self.strangers).into_iter().flatten();
        let all = || people.clone().chain(strangers.clone());
        let mut hidden: Vec<Event> = all().flat_map(|(_, held)| &held.hidden).copied().collect();
        if !is_timed(&hidden) {
            return Vec::new();
        }
        hidden.sort_by_key(|event| (event.at, event.customer, event.item));
        let n_customers = all().map(|(customer, _)| customer.position() + 1).max().unwrap_or_default();
        let last: BTreeMap<CustomerIx, Session> =
            sessions::cut(&hidden, n_customers, config.sessions.gap_minutes)
                .into_iter()
                .filter(|session| session.items.len() > 1)
                .map(|session| (session.customer, session))
                .collect();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(config.seed);
        let mut broken: Vec<HeldBack> = Vec::new();
        for (customer, mut session) in last.into_iter().take(MOST_SESSIONS) {
            let known = self.people.get(&customer).filter(|_| !anonymous).map_or(&[][..], |held| &held.known);
            if known.is_empty() && !anonymous {
                continue;
            }
            without_false_order(&mut session, &mut random);
            let at = random.random_range(1..session.items.len());
            broken.push(broken_off(&session.items, at, known, (as_of, &config.event_weights)));
        }
        broken
    }
}

/// Puts the items of a session that were met at one moment, as those of an order, in drawn order: the order in which they
/// stand, that of the vocabulary, would tell what came into the shop together.
pub fn without_false_order(session: &mut Session, random: &mut impl Rng) {
    let mut rest = session.items.as_mut_slice();
    for moment in session.times.chunk_by(|a, b| a == b) {
        let (same, later) = rest.split_at_mut(moment.len());
        same.shuffle(random);
        rest = later;
    }
}

/// Someone in a session, of which the first `at` items are known, and the one that comes next is to be found.
pub fn broken_off(
    items: &[ItemIx],
    at: usize,
    known: &[Interaction],
    (as_of, weights): (Timestamp, &KindWeights),
) -> HeldBack {
    let (met, next) = items.split_at(at);
    let basket = next.first().copied().into_iter().collect();
    let interactions = with_events(known, met, (EventKind::Click, as_of), weights);
    HeldBack { interactions, basket, session: met.to_vec(), profile: Vec::new() }
}

impl Held {
    /// The person with as many of their latest items as is said; ties by the lower item.
    fn revealed(&self, n: usize, customer: CustomerIx, profiles: &FeatureRows) -> HeldBack {
        HeldBack {
            interactions: latest(&self.known, n),
            basket: self.basket.clone(),
            session: Vec::new(),
            profile: profiles.of(customer.position()).to_vec(),
        }
    }
}

/// The `n` latest of someone's interactions, sorted by item; of equally late ones those with the lower items.
pub fn latest(interactions: &[Interaction], n: usize) -> Vec<Interaction> {
    let mut latest = interactions.to_vec();
    latest.sort_by_key(|interaction| (std::cmp::Reverse(interaction.last), interaction.item));
    latest.truncate(n);
    latest.sort_by_key(|interaction| interaction.item);
    latest
}

/// Whether events have times.
fn is_timed(events: &[Event]) -> bool {
    let times = || events.iter().map(|event| event.at);
    times().min() != times().max()
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

/// One customer's events, divided.
struct Divided {
    known: Vec<Event>,
    held: Vec<Event>,
    from: Timestamp,
    hidden: Vec<Event>,
}

impl Divided {
    /// `None` where nothing was held, or nothing is known beside it.
    fn into_held(self, n_items: usize, weights: &KindWeights) -> Option<Held> {
        let basket = bought(&self.held);
        let known = row(&self.known, n_items, weights);
        let usable = !basket.is_empty() && !known.is_empty();
        usable.then_some(Held { known, basket, from: self.from, hidden: self.hidden })
    }
}

/// What came before the last order, and the order.
fn last_order(own: Vec<Event>) -> Divided {
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

fn drawn_items(own: Vec<Event>, random: &mut impl Rng) -> Divided {
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

    fn config(customers: usize, strangers: usize) -> TrainingConfig {
        let mut config = TrainingConfig::default();
        (config.blend.customers, config.blend.strangers) = (customers, strangers);
        config
    }

    fn nobody() -> FeatureRows {
        FeatureRows::from_iter([])
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
        let holdout = Holdout::draw(&config(10, 3), &log, Timestamp(30));
        let people = holdout.people(&nobody());
        assert_eq!(people.len(), 10);
        for person in &people {
            assert_eq!(person.basket, [ItemIx(2), ItemIx(3)]);
            assert_eq!(person.interactions.iter().map(|known| known.item).collect::<Vec<_>>(), [ItemIx(1)]);
        }
        let all = Interactions::from_events(log.before(Timestamp(30)), 25, 10, &KindWeights::default());
        let without = holdout.without(&all);
        let unknown: Vec<CustomerIx> = holdout.unknown().collect();
        assert_eq!(unknown.len(), 3);
        assert!(
            unknown.iter().all(|customer| without.row(*customer).is_empty()),
            "strangers lose everything"
        );
        assert_eq!(all.cells().len() - without.cells().len(), 10 * 2 + 3 * 3);
        assert_eq!(without.row(CustomerIx(24)).len(), 1, "who came once loses nothing");
        let hidden = log.before(Timestamp(30)).iter().filter(|event| holdout.hides(event)).count();
        assert_eq!(hidden, 10 * 2 + 3 * 3);
        assert!(holdout.strangers(&nobody()).iter().all(|person| person.interactions.is_empty()));
    }

    #[test]
    fn where_customers_come_but_once_a_share_of_their_items_is_drawn() {
        let event = |n: u32| event(n / 5, n % 5, n / 5, i64::from(n / 5));
        let log = EventLog::new((0..100).map(event).collect(), 20, 5);
        let people = Holdout::draw(&config(8, 0), &log, Timestamp(1000)).people(&nobody());
        assert_eq!(people.len(), 8);
        assert!(people.iter().all(|person| (person.interactions.len(), person.basket.len()) == (4, 1)));
    }

    #[test]
    fn without_times_a_share_of_the_items_is_drawn() {
        let log = EventLog::new((0..40).map(|n| event(n / 10, n % 10, n / 10, 7)).collect(), 4, 10);
        let people = Holdout::draw(&config(2, 0), &log, Timestamp(8)).people(&nobody());
        assert_eq!(people.len(), 2);
        for person in people {
            assert_eq!((person.interactions.len(), person.basket.len()), (8, 2));
            assert!(person.basket.iter().all(|item| !person.interactions.iter().any(|i| i.item == *item)));
        }
    }

    #[test]
    fn a_session_is_broken_off_and_the_views_never_saw_it() {
        let visit = |customer: u32, day: u32| {
            let at = i64::from(day) * 86_400 + i64::from(customer);
            (0..4).map(move |n| event(customer, (customer + n) % 10, 100 * customer + day, at + i64::from(n)))
        };
        let log = EventLog::new((0..30).flat_map(|c| visit(c, 1).chain(visit(c, 2))).collect(), 30, 10);
        let config = config(20, 3);
        let holdout = Holdout::draw(&config, &log, Timestamp(10 * 86_400));
        let sessions = holdout.sessions(&config, Timestamp(10 * 86_400), false);
        assert_eq!(sessions.len(), 20, "strangers have no history to go on with");
        for person in &sessions {
            assert!((1..4).contains(&person.session.len()) && person.basket.len() == 1);
            assert_eq!(person.interactions.len(), 4, "what they met again in the session they had before");
        }
        assert_eq!(holdout.sessions(&config, Timestamp(10 * 86_400), true).len(), 23);
    }
}
