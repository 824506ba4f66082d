//! What the views beyond the dense ones say: item weights, habits, the session.
//!
//! A popular item speaks for tens of thousands of others, for nearly all of them in a whisper. Its list is in the order of
//! weights, so the loud ones are read alone: items that only the rest of the lists speaks for cannot reach a sum that is asked
//! for, and those that may reach it are summed exactly from the other side, the at most `sources` items that speak for
//! each (impact-sorted lists with random access, the combined algorithm of Fagin, Lotem and Naor 2001).

use super::{Blend, Person, Taste};
use crate::ids::{ItemIx, Ix};
use crate::ranking::Scored;
use crate::sums::Sums;

/// What is left unread of all lists comes to at most this part of the sum that is asked for.
const UNREAD: f32 = 0.5;

/// By how much of the largest addition a sum may differ that is added up in another order.
const ROUNDING: f32 = 1e-5;

/// What is said of items beyond the dense views, for one person by one blend.
pub(super) struct Beyond<'a> {
    taste: &'a Taste,
    /// Each item that the person has, with the weight of its list; sorted by item.
    spoken: Vec<(ItemIx, f32)>,
    /// The same by item of the catalogue.
    weight_of: &'a Sums,
    /// What habits and then the session add, sorted by item.
    added: Vec<Scored>,
}

impl Beyond<'_> {
    /// Lends it to some work.
    pub(super) fn with<R>(
        taste: &Taste,
        person: &Person,
        blend: &Blend,
        work: impl FnOnce(&Beyond<'_>) -> R,
    ) -> R {
        let spoken: Vec<(ItemIx, f32)> =
            person.spoken.iter().map(|spoken| (spoken.item, blend.weights * spoken.weight)).collect();
        let habits = person.habits.iter().map(|habit| Scored {
            item: habit.item,
            score: blend.often * habit.often + blend.lately * habit.lately,
        });
        let session = person.session.iter();
        let session =
            session.map(|follows| Scored { item: follows.item, score: blend.session * follows.score });
        let mut added: Vec<Scored> =
            habits.filter(|habit| habit.item.position() < taste.n_items()).chain(session).collect();
        // Stable: additions are rounded, so their order counts.
        added.sort_by_key(|one| one.item);
        Sums::with(taste.n_items(), spoken.len(), |weight_of| {
            spoken.iter().for_each(|(item, weight)| weight_of.add(*item, *weight));
            work(&Beyond { taste, spoken, weight_of, added })
        })
    }

    /// What they say of one item.
    pub(super) fn of(&self, item: ItemIx) -> f32 {
        let speakers = self.taste.weights.speakers().of(item);
        let spoken = speakers.fold(0.0, |sum, by| sum + self.weight_of.of(by.item) * by.score);
        let from = self.added.partition_point(|one| one.item < item);
        let added = self.added[from..].iter().take_while(|one| one.item == item);
        added.fold(spoken, |sum, one| sum + one.score)
    }

    /// Everything they say of anything.
    pub(super) fn all(&self) -> Vec<Scored> {
        self.summed(&self.lengths(0.0), Sums::all)
    }

    /// The items of which they may say at least so much, each with the most that [`Self::of`] can come to; largest first.
    pub(super) fn reaching(&self, least: f32) -> Vec<Scored> {
        let cut = UNREAD * least / self.spoken.len() as f32;
        if !(cut > 0.0 && cut.is_finite()) {
            return self.summed(&self.lengths(0.0), |sums| sums.at_least(least));
        }
        let lengths = self.lengths(cut);
        let (mut unread, mut largest) = (0.0, 0.0_f32);
        for (&(item, weight), &length) in self.spoken.iter().zip(&lengths) {
            let weights = self.taste.weights.lists().weights_of(item);
            unread += weights.get(length).map_or(0.0, |next| (weight * next).max(0.0));
            largest +=
                weights.first().into_iter().chain(weights.last()).map(|x| (weight * x).abs()).sum::<f32>();
        }
        largest = self.added.iter().fold(largest, |largest, one| largest.max(one.score.abs()));
        let missing = unread + ROUNDING * largest;
        let mut found = self.summed(&lengths, |sums| sums.at_least(least - missing));
        found.iter_mut().for_each(|one| one.score += missing);
        found
    }

    /// How much of each list adds at least `cut`; all of each for a cut of 0.
    fn lengths(&self, cut: f32) -> Vec<usize> {
        let length = |&(item, weight): &(ItemIx, f32)| {
            let weights = self.taste.weights.lists().weights_of(item);
            if cut > 0.0 { weights.partition_point(|one| weight * one >= cut) } else { weights.len() }
        };
        self.spoken.iter().map(length).collect()
    }

    /// Sums the beginnings of the lists, and all that is added.
    fn summed<R>(&self, lengths: &[usize], work: impl FnOnce(&Sums) -> R) -> R {
        let additions = lengths.iter().sum::<usize>() + self.added.len();
        Sums::with(self.taste.n_items(), additions, |sums| {
            for (&(item, weight), &length) in self.spoken.iter().zip(lengths) {
                sums.add_list(self.taste.weights.lists().of(item).take(length), weight);
            }
            self.added.iter().for_each(|one| sums.add(one.item, one.score));
            work(sums)
        })
    }
}
