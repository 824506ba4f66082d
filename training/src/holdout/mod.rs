//! What is held back, so that the blends of the views of taste can be learned on it.
//!
//! The last order of a sample of customers is kept out of everything that the views learn from. The rest of the
//! history stays whole: four thousand baskets are little to learn without and enough to learn a few weights on.
//! Of a smaller sample, the strangers, the views know nothing at all: on them is learned what suits people of whom
//! little is known. Without times there is no last order, and where customers come but once there is nothing before it;
//! then a fifth of a customer's items are drawn.

mod divide;

use crate::config::TrainingConfig;
use divide::{drawn_items, is_timed, last_order, with_items, with_two_orders};
use models::attributes::FeatureRows;
use models::events::{Event, EventKind, EventLog, Timestamp};
use models::ids::{CustomerIx, ItemIx, Ix};
use models::interactions::{Interaction, Interactions, KindWeights, with_events};
use models::sessions::{self, Session};
use models::taste::Evidence;
use models::taste::blend::HeldBack;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

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
    /// that shows so much of a person.
    pub fn acquaintances(&self, evidence: Evidence, profiles: &FeatureRows) -> Vec<HeldBack> {
        let numbers = REVEALED.into_iter().filter(|number| Evidence::of(*number) == evidence).cycle();
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

#[cfg(test)]
mod tests;
