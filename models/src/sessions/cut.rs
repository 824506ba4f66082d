//! Cutting a history into sessions.

use crate::events::{DAY_SECONDS, Event, EventKind, Timestamp};
use crate::ids::{CustomerIx, ItemIx, Ix};

/// The latest items of a session that count: beyond it lie robots.
const MAX_SESSION_ITEMS: usize = 100;

/// What one customer looked at or bought in one go.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Who.
    pub customer: CustomerIx,
    /// When it began.
    pub begin: Timestamp,
    /// When its last event was.
    pub end: Timestamp,
    /// Different items in the order of the last time each was met.
    pub items: Vec<ItemIx>,
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
        let session =
            session.get_or_insert_with(|| Session { customer, begin: at, end: at, items: Vec::new() });
        session.end = at;
        meet(&mut session.items, event.item);
    }
    sessions.extend(open.into_iter().flatten());
    sessions.sort_by_key(|session| (session.end, session.customer));
    sessions
}

/// Puts an item last, wherever it was before.
pub(super) fn meet(items: &mut Vec<ItemIx>, item: ItemIx) {
    if let Some(at) = items.iter().position(|known| *known == item) {
        items.remove(at);
    } else if items.len() == MAX_SESSION_ITEMS {
        items.remove(0);
    }
    items.push(item);
}
