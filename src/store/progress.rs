//! What responses do to a result, and what that does to the usage of its offer. Pure: the store reads, asks, writes.
//!
//! ```text
//!            Undelivered           time passes
//! Released ◄───────────── Reserved ───────────► Expired ──Undelivered──► Released
//!     │                       │                    │
//!     └───────────────────────┴── anything else ───┴──► Delivered        Shown stays Shown
//! ```
//!
//! A contact that took place counts, however late it was heard of: its place may have been given away meanwhile.

use super::{ResponseKind, ResultState};
use std::ops::AddAssign;

/// What is added to the usage of an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct UsageChange {
    pub(super) reserved: i64,
    pub(super) delivered: i64,
    pub(super) accepted: i64,
    pub(super) spent: f64,
    pub(super) committed: f64,
}

impl UsageChange {
    /// A result that enters the books.
    pub(super) fn of_new(state: ResultState, cost: f64) -> Self {
        match state {
            ResultState::Shown | ResultState::Delivered => Self::delivered(cost),
            ResultState::Reserved => Self { reserved: 1, committed: cost, ..Self::default() },
            ResultState::Released | ResultState::Expired => Self::default(),
        }
    }

    /// A reservation that ends.
    pub(super) fn freed(cost: f64) -> Self {
        Self { reserved: -1, committed: -cost, ..Self::default() }
    }

    fn delivered(cost: f64) -> Self {
        Self { delivered: 1, spent: cost, ..Self::default() }
    }
}

impl AddAssign for UsageChange {
    fn add_assign(&mut self, other: Self) {
        self.reserved += other.reserved;
        self.delivered += other.delivered;
        self.accepted += other.accepted;
        self.spent += other.spent;
        self.committed += other.committed;
    }
}

/// How far a result has come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Progress {
    /// What the contact costs when it is delivered.
    pub(super) cost: f64,
    /// What became of it.
    pub(super) state: ResultState,
    /// When it was delivered, else when it was decided, in microseconds.
    pub(super) contact_us: i64,
    /// Whether its outcome is known.
    pub(super) settled: bool,
    /// Whether it was accepted.
    pub(super) accepted: bool,
}

impl Progress {
    /// Takes a response in; gives what it changes in the usage of the offer.
    pub(super) fn hear(&mut self, kind: ResponseKind, at_us: i64) -> UsageChange {
        let mut change = match kind {
            ResponseKind::NoResponse => UsageChange::default(),
            ResponseKind::Undelivered => self.did_not_take_place(),
            _ => self.took_place(at_us),
        };
        if kind == ResponseKind::Accepted && !self.accepted {
            self.accepted = true;
            change.accepted = 1;
        }
        self.settled |= kind.is_final();
        change
    }

    fn did_not_take_place(&mut self) -> UsageChange {
        let before = self.state;
        if matches!(before, ResultState::Reserved | ResultState::Expired) {
            self.state = ResultState::Released;
        }
        if before == ResultState::Reserved { UsageChange::freed(self.cost) } else { UsageChange::default() }
    }

    fn took_place(&mut self, at_us: i64) -> UsageChange {
        let mut change = UsageChange::default();
        match self.state {
            ResultState::Shown => {}
            // Of several that say so, the first to happen tells when.
            ResultState::Delivered => self.contact_us = self.contact_us.min(at_us),
            ResultState::Reserved | ResultState::Released | ResultState::Expired => {
                if self.state == ResultState::Reserved {
                    change += UsageChange::freed(self.cost);
                }
                change += UsageChange::delivered(self.cost);
                self.state = ResultState::Delivered;
                self.contact_us = at_us;
            }
        }
        change
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::Word;
    use super::*;
    use proptest::prelude::*;

    fn any_of<W: Word + std::fmt::Debug>() -> impl Strategy<Value = W> {
        (0..W::WORDS.len()).prop_map(|place| W::WORDS[place].0)
    }

    proptest! {
        /// The counters of an offer are those of counting its results anew, whatever was heard in whatever order.
        #[test]
        fn usage_follows_the_states(
            first in any_of::<ResultState>(),
            heard in proptest::collection::vec((any_of::<ResponseKind>(), 0_i64..100), 0..12),
        ) {
            let (cost, decided) = (0.5, 50);
            let mut progress =
                Progress { cost, state: first, contact_us: decided, settled: false, accepted: false };
            let mut usage = UsageChange::of_new(first, cost);
            for (kind, at) in &heard {
                usage += progress.hear(*kind, *at);
            }
            let accepted = i64::from(heard.iter().any(|(kind, _)| *kind == ResponseKind::Accepted));
            let expected = UsageChange { accepted, ..UsageChange::of_new(progress.state, cost) };
            prop_assert_eq!(usage, expected);
            let took_place = heard
                .iter()
                .filter(|(kind, _)| !matches!(kind, ResponseKind::Undelivered | ResponseKind::NoResponse))
                .map(|(_, at)| *at);
            match (first, took_place.min()) {
                (ResultState::Shown, _) => prop_assert_eq!(progress.state, ResultState::Shown),
                (ResultState::Delivered, at) =>
                    prop_assert_eq!(progress.contact_us, at.map_or(decided, |at| at.min(decided))),
                (_, Some(at)) =>
                    prop_assert_eq!((progress.state, progress.contact_us), (ResultState::Delivered, at)),
                (_, None) => prop_assert_ne!(progress.state, ResultState::Delivered),
            }
        }
    }
}
