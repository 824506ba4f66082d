//! Events: what became of them, and how late they come.

use super::Metrics;
use crate::store::{Appended, EVENT_KINDS, NewEvent};
use chrono::{DateTime, Utc};
use models::events::EventKind;
use prometheus::IntCounter;
use std::sync::atomic::{AtomicI64, Ordering};

/// What became of a received event, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventResult {
    /// Kept.
    Stored,
    /// Was kept already.
    Duplicate,
    /// Refused.
    Rejected,
}

impl EventResult {
    const ALL: [Self; 3] = [Self::Stored, Self::Duplicate, Self::Rejected];

    /// The word in labels and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
        }
    }
}

impl From<Appended> for EventResult {
    fn from(appended: Appended) -> Self {
        match appended {
            Appended::Stored => Self::Stored,
            Appended::Duplicate => Self::Duplicate,
            Appended::Conflict => Self::Rejected,
        }
    }
}

/// The counters of all kinds of events, the unknown kind last, by all results.
#[derive(Default)]
pub(super) struct Held(Vec<[IntCounter; EventResult::ALL.len()]>);

impl Held {
    pub(super) fn of(metrics: &Metrics) -> Self {
        let kinds = EVENT_KINDS.into_iter().map(|(_, word)| word).chain(["unknown"]);
        let counters = |kind: &str| {
            EventResult::ALL.map(|result| metrics.events.with_label_values(&[kind, result.word()]))
        };
        Self(kinds.map(counters).collect())
    }
}

/// The moment of the newest event that was met, in microseconds since 1970.
pub(super) struct Newest(AtomicI64);

impl Default for Newest {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Metrics {
    /// The counter of [`Self::events`] for a kind (where it could be read) and a result, resolved beforehand.
    pub fn event(&self, kind: Option<EventKind>, result: EventResult) -> &IntCounter {
        let position = EVENT_KINDS.iter().position(|(known, _)| Some(*known) == kind);
        &self.held.events.0[position.unwrap_or(EVENT_KINDS.len())][result as usize]
    }

    /// Notes how late an event was that was just kept.
    pub(super) fn kept_event(&self, event: &Received) {
        if let Some(at) = event.at {
            // A sender's clock may be ahead of ours.
            let lag = (event.received_at - at).as_seconds_f64().max(0.0);
            self.event_lag_seconds.observe(lag);
        }
        self.met_event(event.at.unwrap_or(event.received_at).min(event.received_at));
    }

    /// Notes that an event happened at a moment.
    pub(super) fn met_event(&self, at: DateTime<Utc>) {
        let at = at.timestamp_micros();
        if self.held.newest_event.0.fetch_max(at, Ordering::Relaxed) < at {
            let newest = self.held.newest_event.0.load(Ordering::Relaxed);
            self.newest_event_timestamp_seconds.with_label_values::<&str>(&[]).set(newest as f64 / 1e6);
        }
    }
}

/// What is remembered of an event until it is known whether it is new.
pub(super) struct Received {
    at: Option<DateTime<Utc>>,
    received_at: DateTime<Utc>,
}

impl From<&NewEvent> for Received {
    fn from(event: &NewEvent) -> Self {
        Self { at: event.at, received_at: event.received_at }
    }
}
