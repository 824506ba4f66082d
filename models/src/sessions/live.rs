//! Sessions that go on or began after the release.

use super::cut::MAX_SESSION_ITEMS;
use crate::ids::ItemIx;
use std::collections::{HashMap, VecDeque};

/// The latest sessions of live events, growing item by item.
///
/// A session is named by a number that rises with each one begun; the oldest are forgotten when there are too many.
#[derive(Debug)]
pub struct LiveSessions {
    /// The number of the oldest session that is remembered.
    oldest: u64,
    sessions: VecDeque<Vec<ItemIx>>,
    /// Per item the sessions that hold it, oldest first.
    postings: HashMap<ItemIx, VecDeque<u64>>,
    most: usize,
    per_item: usize,
}

impl LiveSessions {
    /// Remembers at most `most` sessions, and at most `per_item` for each item.
    pub fn new(most: usize, per_item: usize) -> Self {
        let (sessions, postings) = (VecDeque::new(), HashMap::new());
        Self { oldest: 0, sessions, postings, most: most.max(1), per_item: per_item.max(1) }
    }

    /// Begins a session, and says its number.
    pub fn begin(&mut self) -> u64 {
        if self.sessions.len() == self.most {
            self.forget_oldest();
        }
        self.sessions.push_back(Vec::new());
        self.oldest + self.sessions.len() as u64 - 1
    }

    /// Adds an item to a session, as its latest; false, and nothing done, where the session was forgotten or is full.
    pub fn add(&mut self, session: u64, item: ItemIx) -> bool {
        let Some(items) = Self::at(self.oldest, session).and_then(|at| self.sessions.get_mut(at)) else {
            return false;
        };
        if let Some(at) = items.iter().position(|known| *known == item) {
            items.remove(at);
        } else if items.len() == MAX_SESSION_ITEMS {
            return false;
        } else {
            let postings = self.postings.entry(item).or_default();
            // Sessions overlap, so an older one may meet the item later.
            let at = postings.partition_point(|other| *other < session);
            postings.insert(at, session);
            if postings.len() > self.per_item {
                postings.pop_front();
            }
        }
        items.push(item);
        true
    }

    /// The items of a session in the order of the last time each was met; empty when it was forgotten.
    pub fn session(&self, session: u64) -> &[ItemIx] {
        let at = Self::at(self.oldest, session);
        at.and_then(|at| self.sessions.get(at)).map_or(&[], Vec::as_slice)
    }

    /// How many sessions are remembered.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The sessions with an item and another, newest first.
    pub(super) fn with_item(&self, item: ItemIx) -> impl Iterator<Item = u64> + '_ {
        let sessions =
            self.postings.get(&item).into_iter().flat_map(|sessions| sessions.iter().rev().copied());
        sessions.filter(|session| self.session(*session).len() > 1)
    }

    fn at(oldest: u64, session: u64) -> Option<usize> {
        session.checked_sub(oldest).and_then(|at| usize::try_from(at).ok())
    }

    fn forget_oldest(&mut self) {
        for item in self.sessions.pop_front().unwrap_or_default() {
            if let Some(postings) = self.postings.get_mut(&item) {
                while postings.front().is_some_and(|session| *session <= self.oldest) {
                    postings.pop_front();
                }
                if postings.is_empty() {
                    self.postings.remove(&item);
                }
            }
        }
        self.oldest += 1;
    }
}
