//! What follows from the items of a session.

use super::{LiveSessions, Sessions};
use crate::ids::{ItemIx, Ix};
use crate::ranking::Scored;
use crate::sums::Sums;
use std::iter::Peekable;

/// A past session that shares an item with the one asked about.
#[derive(Clone, Copy, Debug)]
struct Neighbour {
    /// Its number: those of live sessions come after those of the release.
    session: u64,
    likeness: f32,
    /// The place of the latest common item, counted back from the latest.
    place: usize,
}

/// The sessions with one item of the session asked about, newest first.
struct Cursor<I: Iterator<Item = u64>> {
    sessions: Peekable<I>,
    place: usize,
}

impl Sessions {
    /// How strongly each item follows from those of a session, given latest last; in item order, without the items
    /// given. Items beyond the catalogue say nothing.
    pub fn follow(&self, items: &[ItemIx]) -> Vec<Scored> {
        self.answer(items, |item| self.with_item(item).iter().map(|&session| u64::from(session)), None)
    }

    /// The same with live sessions beside the past ones; `own` is the session asked about, which does not speak for
    /// itself.
    pub fn follow_live(&self, items: &[ItemIx], live: &LiveSessions, own: Option<u64>) -> Vec<Scored> {
        let first_live = self.len() as u64;
        let with_item = |item| {
            let live = live.with_item(item).filter(move |session| Some(*session) != own);
            let past = self.with_item(item).iter().map(|&session| u64::from(session));
            live.map(move |session| first_live + session).chain(past)
        };
        self.answer(items, with_item, Some(live))
    }

    fn answer<I: Iterator<Item = u64>>(
        &self,
        items: &[ItemIx],
        with_item: impl Fn(ItemIx) -> I,
        live: Option<&LiveSessions>,
    ) -> Vec<Scored> {
        let asked = self.asked(items);
        let cursors = asked.iter().enumerate();
        let cursors =
            cursors.map(|(place, &item)| Cursor { sessions: with_item(item).peekable(), place }).collect();
        let neighbours = self.most_alike(recent(cursors, self.params.sessions_per_item));
        self.spoken_for(&neighbours, items, live)
    }

    /// The items that ask, latest first, each once.
    fn asked(&self, items: &[ItemIx]) -> Vec<ItemIx> {
        let mut asked: Vec<ItemIx> = Vec::new();
        for &item in items.iter().rev().filter(|item| item.position() < self.n_items()) {
            if asked.len() == self.params.max_items {
                break;
            }
            if !asked.contains(&item) {
                asked.push(item);
            }
        }
        asked
    }

    fn most_alike(&self, mut neighbours: Vec<Neighbour>) -> Vec<Neighbour> {
        let order =
            |a: &Neighbour, b: &Neighbour| b.likeness.total_cmp(&a.likeness).then(b.session.cmp(&a.session));
        let wanted = self.params.neighbours;
        if neighbours.len() > wanted {
            neighbours.select_nth_unstable_by(wanted - 1, order);
            neighbours.truncate(wanted);
        }
        // A fixed order of summation.
        neighbours.sort_unstable_by(order);
        neighbours
    }

    fn spoken_for(
        &self,
        neighbours: &[Neighbour],
        items: &[ItemIx],
        live: Option<&LiveSessions>,
    ) -> Vec<Scored> {
        let reach = (self.params.max_items + 1) as f32;
        let share = |n: &Neighbour| n.likeness * (1.0 - n.place as f32 / reach);
        let total: f32 = neighbours.iter().map(share).sum();
        let additions = neighbours.iter().map(|one| self.items_of(one.session, live).len()).sum();
        Sums::with(self.n_items(), additions, |sums| {
            for neighbour in neighbours {
                let share = share(neighbour) / total;
                for &item in self.items_of(neighbour.session, live) {
                    if item.position() < self.n_items() {
                        sums.add(item, share);
                    }
                }
            }
            let follows = sums.all().into_iter().filter(|followed| !items.contains(&followed.item));
            follows.map(|found| Scored { score: found.score * self.rarity(found.item), ..found }).collect()
        })
    }

    fn items_of<'a>(&'a self, session: u64, live: Option<&'a LiveSessions>) -> &'a [ItemIx] {
        match (session.checked_sub(self.len() as u64), live) {
            (Some(session), Some(live)) => live.session(session),
            _ => self.session(session as usize),
        }
    }

    fn rarity(&self, item: ItemIx) -> f32 {
        let met = self.met[item.position()].max(1) as f32;
        1.0 + self.params.idf_weight * (self.all.max(1) as f32 / met).ln().max(0.0)
    }
}

/// The `most` most recent sessions behind some cursors, newest first.
fn recent<I: Iterator<Item = u64>>(mut cursors: Vec<Cursor<I>>, most: usize) -> Vec<Neighbour> {
    let n_asked = cursors.len() as f32;
    let mut found: Vec<Neighbour> = Vec::new();
    while found.len() < most {
        let Some(session) = cursors.iter_mut().filter_map(|cursor| cursor.sessions.peek().copied()).max()
        else {
            break;
        };
        let mut neighbour = Neighbour { session, likeness: 0.0, place: usize::MAX };
        for cursor in &mut cursors {
            if cursor.sessions.next_if_eq(&session).is_some() {
                neighbour.likeness += 1.0 - cursor.place as f32 / n_asked;
                neighbour.place = neighbour.place.min(cursor.place);
            }
        }
        found.push(neighbour);
    }
    found
}
