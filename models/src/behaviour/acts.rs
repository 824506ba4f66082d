//! From events to acts: orders, returns, days with visits, complaints.

use crate::error::{Error, Result};
use crate::events::{Event, EventKind, Timestamp};
use crate::ids::{CustomerIx, ItemIx, Ix, OrderIx};
use crate::payload::{Payload, PayloadValue};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// What an act is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// Lines bought together on one day.
    #[default]
    Order,
    /// Lines brought back, without a purchase in the same order on that day.
    Return,
    /// A day with views, clicks or basket changes.
    Visit,
    /// A complaint.
    Complaint,
}

/// One thing that a customer did: 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Act {
    /// When it began.
    pub at: Timestamp,
    /// Money of the lines bought, in the history's currency.
    pub bought: f32,
    /// Money of the lines brought back, positive.
    pub returned: f32,
    /// Lines bought.
    pub items: u16,
    /// Of these, items that the customer had not met before.
    pub new_items: u16,
    /// Categories that the customer had not met before.
    pub new_categories: u8,
    /// The mean discount of the lines bought, in percent of their list price.
    pub discount_percent: u8,
    /// The channel, as the history numbers it; 0 where not known.
    pub channel: u8,
    /// What it is.
    pub kind: ActKind,
}

/// The category of every item; items beyond the end, or of category 0, have none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Categories(pub Vec<u32>);

impl Categories {
    /// Those of items by one of their attributes, numbered from 1 in the order in which they are met; of a list of texts
    /// the first counts.
    pub fn of_items(payloads: &[Payload], attribute: &str) -> Self {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut of = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let word = match payload.get(attribute) {
                Some(PayloadValue::Text(word)) => Some(word.as_str()),
                Some(PayloadValue::Texts(words)) => words.first().map(String::as_str),
                _ => None,
            };
            let next = numbers.len() as u32 + 1;
            of.push(word.map_or(0, |word| *numbers.entry(word).or_insert(next)));
        }
        Self(of)
    }

    fn of(&self, item: ItemIx) -> Option<u32> {
        self.0.get(item.position()).copied().filter(|&category| category != 0)
    }
}

/// The acts of every customer, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Behaviour {
    starts: Vec<usize>,
    acts: Vec<Act>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { starts: vec![0], acts: Vec::new() }
    }
}

impl Behaviour {
    /// Condenses events, which must be in the order of time, of customers below `n_customers`.
    pub fn from_events(events: &[Event], n_customers: usize, categories: &Categories) -> Self {
        let mut of_customer = vec![0usize; n_customers + 1];
        for event in events.iter().filter(|event| event.customer.position() < n_customers) {
            of_customer[event.customer.position() + 1] += 1;
        }
        for customer in 0..n_customers {
            of_customer[customer + 1] += of_customer[customer];
        }
        let mut next = of_customer.clone();
        let mut order = vec![0u32; of_customer[n_customers]];
        for (position, event) in events.iter().enumerate() {
            if let Some(next) = next[..n_customers].get_mut(event.customer.position()) {
                order[*next] = position as u32;
                *next += 1;
            }
        }
        let mut behaviour = Self { starts: Vec::with_capacity(n_customers + 1), acts: Vec::new() };
        behaviour.starts.push(0);
        for bounds in of_customer.windows(2) {
            let mut builder = Builder::new(categories);
            order[bounds[0]..bounds[1]].iter().for_each(|&at| builder.add(&events[at as usize]));
            behaviour.acts.extend(builder.finish());
            behaviour.starts.push(behaviour.acts.len());
        }
        behaviour
    }

    /// Takes parts that were made before, from a release.
    ///
    /// # Errors
    /// [`Error::Shape`] when starts and acts do not fit; [`Error::NotFinite`] for money that is no number;
    /// [`Error::Unreadable`] when a customer's acts are not in the order of time.
    pub fn from_parts(starts: Vec<usize>, acts: Vec<Act>) -> Result<Self> {
        if starts.first() != Some(&0) || starts.last() != Some(&acts.len()) || !starts.is_sorted() {
            return Err(Error::Shape {
                what: "the starts of customers' acts".into(),
                expected: format!("rising numbers from 0 to {}", acts.len()),
                found: format!("{} numbers", starts.len()),
            });
        }
        let is_sound = |act: &Act| act.bought.is_finite() && act.returned.is_finite();
        if let Some(at) = acts.iter().position(|act| !is_sound(act)) {
            return Err(Error::NotFinite { what: "the acts of customers", at: format!("row {at}") });
        }
        let behaviour = Self { starts, acts };
        let unsorted =
            |customer: &usize| !behaviour.of(CustomerIx::at(*customer)).is_sorted_by_key(|act| act.at);
        match (0..behaviour.n_customers()).find(unsorted) {
            Some(customer) => Err(Error::Unreadable {
                part: "the acts of customers".into(),
                reason: format!("those of customer {customer} are not in the order of time"),
            }),
            None => Ok(behaviour),
        }
    }

    /// What one customer did; empty for one beyond the last.
    pub fn of(&self, customer: CustomerIx) -> &[Act] {
        let at = customer.position();
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(&start), Some(&end)) => &self.acts[start..end],
            _ => &[],
        }
    }

    /// How many customers there are.
    pub fn n_customers(&self) -> usize {
        self.starts.len() - 1
    }

    /// All acts, customer after customer.
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// The customers with their acts.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (CustomerIx, &[Act])> {
        (0..self.n_customers()).map(|at| (CustomerIx::at(at), self.of(CustomerIx::at(at))))
    }
}

/// Condenses the events of one customer, oldest first.
///
/// Lines of one order on one day (UTC) are one act, so that no act reaches beyond a midnight: what is known before a
/// date is then known whole.
pub struct Builder<'a> {
    categories: &'a Categories,
    acts: Vec<Act>,
    orders: HashMap<(OrderIx, i64), usize>,
    last_visit: Option<i64>,
    items: HashSet<ItemIx>,
    met: HashSet<u32>,
    /// Sum of discounts, in percent, of the lines of every act.
    discounts: Vec<u32>,
}

impl<'a> Builder<'a> {
    /// A customer of whom nothing is known.
    pub fn new(categories: &'a Categories) -> Self {
        Self {
            categories,
            acts: Vec::new(),
            orders: HashMap::new(),
            last_visit: None,
            items: HashSet::new(),
            met: HashSet::new(),
            discounts: Vec::new(),
        }
    }

    /// A customer who met some items before.
    pub fn having_met(mut self, items: impl Iterator<Item = ItemIx>) -> Self {
        for item in items {
            self.items.insert(item);
            self.met.extend(self.categories.of(item));
        }
        self
    }

    /// Adds the next event.
    pub fn add(&mut self, event: &Event) {
        let day = event.at.day();
        let is_new = self.items.insert(event.item);
        let is_new_category =
            self.categories.of(event.item).is_some_and(|category| self.met.insert(category));
        match event.kind {
            EventKind::Purchase if event.quantity < 0.0 => self.take_back(event, day),
            EventKind::Purchase => {
                let at = self.act(event, (event.order, day), ActKind::Order);
                let (act, discounts) = (&mut self.acts[at], &mut self.discounts[at]);
                act.kind = ActKind::Order;
                act.bought += event.amount.max(0.0);
                act.items = act.items.saturating_add(1);
                act.new_items = act.new_items.saturating_add(u16::from(is_new));
                act.new_categories = act.new_categories.saturating_add(u8::from(is_new_category));
                *discounts = discounts.saturating_add(u32::from(event.discount_percent));
                act.discount_percent = (*discounts / u32::from(act.items)).min(100) as u8;
            }
            EventKind::Complaint => self.push(event, ActKind::Complaint),
            EventKind::Basket | EventKind::Click | EventKind::View => {
                if self.last_visit != Some(day) {
                    self.last_visit = Some(day);
                    self.push(event, ActKind::Visit);
                }
            }
        }
    }

    /// The acts, oldest first.
    pub fn finish(mut self) -> Vec<Act> {
        self.acts.sort_by_key(|act| act.at);
        self.acts
    }

    fn take_back(&mut self, event: &Event, day: i64) {
        let at = self.act(event, (event.order, day), ActKind::Return);
        self.acts[at].returned += event.amount.abs();
    }

    /// The act of an order on a day, which begins with this event if there is none yet.
    fn act(&mut self, event: &Event, key: (OrderIx, i64), kind: ActKind) -> usize {
        if let Some(&at) = self.orders.get(&key) {
            return at;
        }
        self.push(event, kind);
        self.orders.insert(key, self.acts.len() - 1);
        self.acts.len() - 1
    }

    fn push(&mut self, event: &Event, kind: ActKind) {
        self.acts.push(Act { at: event.at, kind, channel: event.channel.0, ..Act::default() });
        self.discounts.push(0);
    }
}
