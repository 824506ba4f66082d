//! Small shops that the tests share.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary takes what it needs")]

use models::events::{Event, Timestamp};
use models::ids::{CustomerIx, ItemIx, OrderIx};
use models::interactions::{Interaction, Interactions, KindWeights};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// The moment of training: everything before it is known, everything from then on is to be guessed.
pub const AS_OF: Timestamp = Timestamp(100 * 86_400);

/// What a shop knows, and what its customers then do.
pub struct Shop {
    pub n_customers: usize,
    pub n_items: usize,
    pub events: Vec<Event>,
    pub afterwards: Vec<Event>,
}

impl Shop {
    pub fn interactions(&self) -> Interactions {
        Interactions::from_events(&self.events, self.n_customers, self.n_items, &KindWeights::default())
    }
}

/// A purchase of one unit.
pub fn purchase(customer: u32, item: u32, day: i64) -> Event {
    Event {
        at: Timestamp(day * 86_400),
        customer: CustomerIx(customer),
        item: ItemIx(item),
        order: OrderIx(customer * 1000 + day as u32),
        quantity: 1.0,
        amount: 1.0,
        ..Event::default()
    }
}

/// An item bought once.
pub fn bought(item: u32) -> Interaction {
    Interaction { item: ItemIx(item), times: 1.0, quantity: 1.0, last: Timestamp(90 * 86_400) }
}

/// 400 customers of 4 tastes and 200 items of 4 kinds: three purchases in four are to one's taste, and in every
/// kind the first items sell best.
pub fn shop() -> Shop {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut shop = Shop { n_customers: 400, n_items: 200, events: Vec::new(), afterwards: Vec::new() };
    for customer in 0..400u32 {
        let mut buy = |day: i64| {
            let kind = if random.random_bool(0.75) { customer % 4 } else { random.random_range(0..4) };
            let rank = (50.0 * random.random::<f64>().powi(2)) as u32;
            purchase(customer, 4 * rank + kind, day)
        };
        shop.events.extend((0..20).map(|nth| buy(nth * 5)));
        shop.afterwards.extend((0..5).map(|nth| buy(100 + nth)));
    }
    shop.events.sort_by_key(|event| (event.at, event.customer, event.item));
    shop
}

/// 20 customers and 20 items; even customers bought even items, odd ones odd items, each all but one.
pub fn checkerboard() -> Shop {
    let bought = |customer: u32| {
        let own = move |item: &u32| item % 2 == customer % 2 && *item != (customer + 4) % 20;
        (0..20).filter(own).map(move |item| purchase(customer, item, 50))
    };
    Shop { n_customers: 20, n_items: 20, events: (0..20).flat_map(bought).collect(), afterwards: Vec::new() }
}
