//! Cutting a history into sessions.

use crate::events::{DAY_SECONDS, Event, EventKind, Timestamp};
use crate::ids::{CustomerIx, ItemIx, Ix};

/// The different items of a session that count, the first: beyond it lie robots.
pub(super) const MAX_SESSION_ITEMS: usize = 100;

/// What one customer looked at or bought in one go.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Who.
    pub customer: CustomerIx,
    /// When it began.
    pub begin: Timestamp,
    /// When its last event was.
    pub end: Timestamp,
    /// Different items in the order of the first time each was met; those of one moment by their numbers.
    pub items: Vec<ItemIx>,
    /// When each was first met.
    pub times: Vec<Timestamp>,
}

/// The sessions of a history sorted by time, those that ended first first: events of one customer belong together
/// until `gap_minutes` pass without any. Returns and complaints are not part of a session.
pub fn cut(events: &[Event], n_customers: usize, gap_minutes: f64) -> Vec<Session> {
    let gap = (gap_minutes / (24.0 * 60.0) * DAY_SECONDS as f64) as i64;
    let counts = |event: &&Event| event.kind != EventKind::Complaint && event.quantity > 0.0;
    let mut open: Vec<Option<Session>> = vec![None; n_customers];
    let mut sessions = Vec::new();
    for event in events.iter().filter(counts) {
        let session = &mut open[event.customer.position()];
        if let Some(ended) = session.take_if(|open| event.at.0.saturating_sub(open.end.0) > gap) {
            sessions.push(ended);
        }
        let (customer, at) = (event.customer, event.at);
        let (items, times) = (Vec::new(), Vec::new());
        let session = session.get_or_insert_with(|| Session { customer, begin: at, end: at, items, times });
        session.end = at;
        if session.items.len() < MAX_SESSION_ITEMS && !session.items.contains(&event.item) {
            session.items.push(event.item);
            session.times.push(at);
        }
    }
    sessions.extend(open.into_iter().flatten());
    sessions.sort_by_key(|session| (session.end, session.customer));
    sessions
}
