//! The global time split: what is known < test start ≤ what is judged by. What is chosen on is held back from the known
//! part ([`crate::holdout`]).
//!
//! One cut for everyone, so that no model learns from what another customer did later (Meng et al. 2020,
//! "Exploring data splitting strategies for the evaluation of recommendation models").

use models::events::{Event, EventLog, Timestamp};
use models::ids::Ix;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// Where history is cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitConfig {
    /// Length of the test window at the end; a tenth of the time span when not given.
    pub test_days: Option<f64>,
}

#[expect(clippy::derivable_impls, reason = "the defaults stand here to be seen")]
impl Default for SplitConfig {
    fn default() -> Self {
        Self { test_days: None }
    }
}

/// The share of the time span that the test window takes when its length is not given.
const TEST_SHARE: f64 = 0.1;

/// The moments of one split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// How the test part was set apart.
    pub kind: SplitKind,
    /// The first moment of the test window.
    pub test_start: Timestamp,
    /// One second after the last event: the data cut-off of a release trained on everything.
    pub end: Timestamp,
}

/// How what is judged by was set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitKind {
    /// The last part of the time.
    Time,
    /// A fifth of every customer's items, drawn by the seed: the history has no times.
    Random,
    /// A file of its own.
    File,
}

/// The share of a customer's items that is drawn to judge by where there are no times.
const DRAWN_SHARE: f64 = 0.2;

/// Items that a customer needs for some to be drawn.
const LEAST_ITEMS: usize = 5;

/// Dates a part of every customer's events one second later than all others, so that a history without times can be
/// split like one that has them.
pub fn at_random(log: &EventLog, seed: u64) -> EventLog {
    let now = log.span().map_or(Timestamp(0), |(_, last)| last);
    let later = Timestamp(now.0.saturating_add(1));
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut of_customer: Vec<Vec<usize>> = vec![Vec::new(); log.n_customers];
    for (position, event) in log.events().iter().enumerate() {
        of_customer[event.customer.position()].push(position);
    }
    let mut events = log.events().to_vec();
    for own in of_customer.iter_mut().filter(|own| own.len() >= LEAST_ITEMS) {
        own.shuffle(&mut random);
        for &position in own.iter().take((own.len() as f64 * DRAWN_SHARE) as usize) {
            events[position].at = later;
        }
    }
    EventLog::new(events, log.n_customers, log.n_items)
}

/// Adds events to judge by behind a history: those of `test`, whose indexes must be those of `log`, dated after all
/// others. Returns the log and the split.
pub fn with_test(log: &EventLog, test: Vec<Event>, n_items: usize) -> (EventLog, Split) {
    let end = Timestamp(log.span().map_or(0, |(_, last)| last.0).saturating_add(1));
    let mut events = log.events().to_vec();
    events.extend(test.into_iter().map(|event| Event { at: event.at.max(end), ..event }));
    let log = EventLog::new(events, log.n_customers, n_items);
    let last = log.span().map_or(end, |(_, last)| last);
    let split = Split { kind: SplitKind::File, test_start: end, end: Timestamp(last.0.saturating_add(1)) };
    (log, split)
}

/// Why a history cannot be split.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SplitError {
    /// There is no event.
    #[error("the history holds no event to split")]
    Empty,
    /// The window is not a positive, finite number of days.
    #[error("split.test_days must be a positive number of days, but is {0}")]
    NotPositive(f64),
    /// The window leaves nothing to train on.
    #[error(
        "the test window takes {window:.1} of the {span:.1} days of history, which leaves nothing to train on: shorten split.test_days"
    )]
    NothingToTrainOn {
        /// Days that the window takes.
        window: f64,
        /// Days of history.
        span: f64,
    },
}

impl SplitConfig {
    /// Cuts the time span of a history.
    ///
    /// # Errors
    /// [`SplitError`] when there is nothing to cut, or the window leaves nothing to train on.
    pub fn split(&self, log: &EventLog) -> Result<Split, SplitError> {
        let (first, last) = log.span().ok_or(SplitError::Empty)?;
        let end = Timestamp(last.0.saturating_add(1));
        let span = end.days_since(first);
        let test = self.test_days.unwrap_or(span * TEST_SHARE);
        if !(test > 0.0 && test.is_finite()) {
            return Err(SplitError::NotPositive(test));
        }
        let split = Split { kind: SplitKind::Time, test_start: end.minus_days(test), end };
        if log.before(split.test_start).is_empty() {
            return Err(SplitError::NothingToTrainOn { window: test, span });
        }
        Ok(split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::events::{DAY_SECONDS, Event};

    fn log_of_days(days: &[i64]) -> EventLog {
        let event =
            |&day: &i64| Event { at: Timestamp(day * DAY_SECONDS), quantity: 1.0, ..Event::default() };
        EventLog::new(days.iter().map(event).collect(), 1, 1)
    }

    #[test]
    fn every_event_is_known_or_judged_by() {
        let log = log_of_days(&(0..100).collect::<Vec<_>>());
        let split = SplitConfig { test_days: Some(10.0) }.split(&log).unwrap();
        assert_eq!(log.before(split.test_start).len(), 90);
        assert_eq!(log.between(split.test_start, split.end).len(), 10);
    }

    #[test]
    fn a_history_too_short_for_its_window_says_what_to_shorten() {
        let log = log_of_days(&[0, 1, 2]);
        let error = SplitConfig { test_days: Some(3.0) }.split(&log).unwrap_err();
        assert!(matches!(error, SplitError::NothingToTrainOn { .. }), "{error}");
        assert_eq!(SplitConfig::default().split(&log_of_days(&[])), Err(SplitError::Empty));
        assert!(SplitConfig { test_days: Some(f64::NAN) }.split(&log).is_err());
    }
}
