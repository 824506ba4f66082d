//! What customers did: the clean, typed history that every model is trained from.

use crate::ids::{ChannelIx, CustomerIx, ItemIx, OrderIx};
use serde::{Deserialize, Serialize};

/// Seconds in a day.
pub const DAY_SECONDS: i64 = 86_400;

/// A moment: whole seconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Days (with their fraction) from `earlier` to this moment; negative when `earlier` is later.
    pub fn days_since(self, earlier: Timestamp) -> f64 {
        (self.0.saturating_sub(earlier.0)) as f64 / DAY_SECONDS as f64
    }

    /// The moment `days` earlier.
    pub fn minus_days(self, days: f64) -> Timestamp {
        Timestamp(self.0.saturating_sub((days * DAY_SECONDS as f64) as i64))
    }

    /// The calendar day in UTC, counted from 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_SECONDS)
    }
}

/// What a customer did with an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Bought it; a negative quantity is a return.
    #[default]
    Purchase,
    /// Put it in the basket.
    Basket,
    /// Followed a link to it.
    Click,
    /// Saw its page.
    View,
    /// Complained about it.
    Complaint,
}

/// One thing that one customer did with one item at one moment. 32 bytes: there are as many as a history has lines.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub customer: CustomerIx,
    /// With what.
    pub item: ItemIx,
    /// In which order (basket); events of one order are bought together.
    pub order: OrderIx,
    /// How many units; negative for a return.
    pub quantity: f32,
    /// Money of the line in the history's currency, 0 where the history gives no price.
    pub amount: f32,
    /// What was done.
    pub kind: EventKind,
    /// The share of the list price that was taken off, in whole per cent from 0 to 100; 0 also where it is not known.
    pub discount_percent: u8,
    /// Through which channel.
    pub channel: ChannelIx,
}

/// Events in the order (time, customer, item), and the sizes of the vocabularies they refer to.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    events: Vec<Event>,
    /// How many customers the indexes may name.
    pub n_customers: usize,
    /// How many items the indexes may name.
    pub n_items: usize,
}

impl EventLog {
    /// Sorts the events; the sort is stable, so equal keys keep the order in which they were read.
    pub fn new(mut events: Vec<Event>, n_customers: usize, n_items: usize) -> Self {
        events.sort_by_key(|e| (e.at, e.customer, e.item));
        Self { events, n_customers, n_items }
    }

    /// All events, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events with `from <= at < to`, oldest first.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> &[Event] {
        let start = self.events.partition_point(|e| e.at < from);
        let end = self.events.partition_point(|e| e.at < to);
        &self.events[start..end.max(start)]
    }

    /// The events with `at < to`, oldest first.
    pub fn before(&self, to: Timestamp) -> &[Event] {
        &self.events[..self.events.partition_point(|e| e.at < to)]
    }

    /// Whether the events have times: a history whose events are all of one moment says nothing of order.
    pub fn is_timed(&self) -> bool {
        self.span().is_some_and(|(first, last)| first < last)
    }

    /// The first and the last moment, if there is any event.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.events.first()?.at, self.events.last()?.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_takes_the_32_bytes_that_the_memory_of_training_is_reckoned_with() {
        assert_eq!(size_of::<Event>(), 32);
    }
}
