//! Sessions that go on: what customers look at and buy right now, from their live events.

use crate::store::StoredEvent;
use chrono::{DateTime, TimeDelta, Utc};
use models::events::EventKind;
use models::ids::ItemIx;
use models::ranking::Scored;
use models::sessions::{LiveSessions, SessionParams, Sessions};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// Sessions that are remembered: at a few hundred bytes each, some tens of megabytes.
const MOST_SESSIONS: usize = 100_000;

/// The live sessions of one release's catalogue, which its past sessions grow by.
pub struct Visits {
    gap: TimeDelta,
    /// Who is in which session. No more customers can be in one than sessions are remembered.
    open: Cache<Box<str>, Visit>,
    live: RwLock<LiveSessions>,
}

/// One customer's open session.
#[derive(Clone, Copy, Debug)]
struct Visit {
    session: u64,
    last: DateTime<Utc>,
}

impl Visits {
    /// None yet; sessions are cut as those of the release were.
    pub fn new(params: &SessionParams) -> Self {
        let gap = Duration::try_from_secs_f64(params.gap_minutes * 60.0).unwrap_or(Duration::MAX);
        let gap = TimeDelta::from_std(gap).unwrap_or(TimeDelta::MAX);
        Self {
            gap,
            // The one seen longest ago makes room: by the default policy newcomers would have to earn their place.
            open: Cache::builder()
                .max_capacity(MOST_SESSIONS as u64)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            live: RwLock::new(LiveSessions::new(MOST_SESSIONS, params.sessions_per_item)),
        }
    }

    /// Takes over one live event of an item at the moment `now`; returns and complaints are no part of a session, and
    /// what happened before the session that goes on is not either.
    pub fn record(&self, event: &StoredEvent, item: ItemIx, now: DateTime<Utc>) {
        if event.kind == EventKind::Complaint || event.quantity <= 0.0 {
            return;
        }
        // A sender's clock may be ahead.
        let at = event.at.min(now);
        // A panic while the lock is held cannot leave sessions half-changed in a way that matters: they are hints.
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        let open = self.open.get(event.customer_id.as_str());
        if open.is_some_and(|open| at < open.last && !self.goes_on(&open, at)) {
            return;
        }
        let open = open.filter(|open| self.goes_on(open, at));
        let mut session = open.map_or_else(|| live.begin(), |open| open.session);
        if !live.add(session, item) {
            session = live.begin();
            live.add(session, item);
        }
        let last = open.map_or(at, |open| open.last.max(at));
        self.open.insert(event.customer_id.as_str().into(), Visit { session, last });
    }

    /// The items of the session that a customer is in now, the latest last; empty outside one.
    pub fn current(&self, customer_id: &str, now: DateTime<Utc>) -> Vec<ItemIx> {
        let Some(visit) = self.open.get(customer_id).filter(|visit| self.goes_on(visit, now)) else {
            return Vec::new();
        };
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.session(visit.session).to_vec()
    }

    /// What follows from some items by past sessions and live ones, that of `customer_id` left out.
    pub fn follow(&self, past: &Sessions, items: &[ItemIx], customer_id: Option<&str>) -> Vec<Scored> {
        let own = customer_id.and_then(|id| self.open.get(id)).map(|visit| visit.session);
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        past.follow_live(items, &live, own)
    }

    /// Forgets who was in which session; the session itself, which names nobody, stays.
    pub fn forget(&self, customer_id: &str) {
        self.open.invalidate(customer_id);
    }

    fn goes_on(&self, visit: &Visit, at: DateTime<Utc>) -> bool {
        (at - visit.last).abs() <= self.gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_within_the_gap_are_one_session_and_it_ends_after_it() {
        let visits = Visits::new(&SessionParams { gap_minutes: 30.0, ..Default::default() });
        let at = |minutes: i64| DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
        let event = |minutes, kind| StoredEvent {
            event_id: String::new(),
            kind,
            customer_id: "c".into(),
            item_id: String::new(),
            quantity: 1.0,
            unit_price: None,
            discount: None,
            order_id: None,
            at: at(minutes),
            contact_point: None,
            decision_id: None,
        };
        let record =
            |minutes, kind, item| visits.record(&event(minutes, kind), ItemIx(item), at(minutes.min(60)));
        record(0, EventKind::View, 1);
        record(20, EventKind::Basket, 2);
        record(21, EventKind::Complaint, 9);
        record(10, EventKind::View, 3);
        record(-1000, EventKind::Purchase, 9);
        assert_eq!(visits.current("c", at(50)), [ItemIx(1), ItemIx(2), ItemIx(3)]);
        assert!(visits.current("c", at(51)).is_empty(), "30 minutes after the latest event it is over");
        assert!(visits.current("d", at(0)).is_empty());
        record(700, EventKind::View, 4);
        assert_eq!(visits.current("c", at(60)), [ItemIx(4)], "a clock that is ahead counts as now");
        visits.forget("c");
        assert!(visits.current("c", at(60)).is_empty());
    }
}
