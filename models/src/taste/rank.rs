//! From candidates to a list by the exact blended score.

use super::{Blend, Person, Taste};
use crate::ids::{ItemIx, Ix};
use crate::interactions::History;
use crate::kernels;
use crate::measures::Repeats;
use crate::ranking::{Scored, TopN};
use crate::scoring::Scorer;
use faer::Accum;
use ndarray::Array2;
use std::cell::RefCell;
use std::ops::Range;

/// Items that the sparse view speaks for and that are scored in full: its strongest.
const SPOKEN_FOR: usize = 1_000;

thread_local! {
    /// Sums per item, all zero between uses: clearing what was touched is far cheaper than a fresh array.
    static SUMS: RefCell<Sums> = RefCell::default();
}

#[derive(Default)]
struct Sums {
    scores: Vec<f32>,
    touched: Vec<u32>,
}

impl Taste {
    /// The sparse view and the habits, summed per item.
    fn add_beyond_dense(&self, person: &Person, blend: &Blend, sums: &mut Sums) {
        sums.scores.resize(self.n_items(), 0.0);
        for spoken in &person.spoken {
            for entry in self.weights.lists().of(spoken.item) {
                sums.add(entry.item, blend.weights * spoken.weight * entry.score);
            }
        }
        for habit in person.habits.iter().filter(|habit| habit.item.position() < self.n_items()) {
            sums.add(habit.item, blend.often * habit.often + blend.lately * habit.lately);
        }
    }

    /// Ranks by the whole blend.
    pub fn ranker(&self, repeats: Repeats) -> Ranker<'_> {
        Ranker { taste: self, repeats, views: Ranked::All }
    }

    /// The part of the score that a vector index gives: one dot product.
    pub fn dense_ranker(&self, repeats: Repeats) -> Ranker<'_> {
        Ranker { taste: self, repeats, views: Ranked::Dense }
    }
}

impl Sums {
    fn add(&mut self, item: ItemIx, part: f32) {
        let sum = &mut self.scores[item.position()];
        if *sum == 0.0 {
            self.touched.push(item.0);
        }
        *sum += part;
    }

    /// The items with the largest sums among the wanted; what is touched twice is offered once.
    fn strongest(&mut self, n: usize, wanted: impl Fn(ItemIx) -> bool) -> Vec<Scored> {
        self.touched.sort_unstable();
        self.touched.dedup();
        let mut top = TopN::new(n);
        for &item in &self.touched {
            let candidate = Scored { item: ItemIx(item), score: self.scores[item as usize] };
            if candidate.score >= top.threshold() && wanted(candidate.item) {
                top.offer(candidate);
            }
        }
        top.into_sorted()
    }

    fn clear(&mut self) {
        for item in self.touched.drain(..) {
            self.scores[item as usize] = 0.0;
        }
    }
}

/// Ranks by the blend for one treatment of repeats: candidates for the service, the whole catalogue for judges and
/// offline lists.
#[derive(Clone, Copy, Debug)]
pub struct Ranker<'a> {
    taste: &'a Taste,
    repeats: Repeats,
    views: Ranked,
}

/// What a ranker ranks by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ranked {
    All,
    Dense,
}

impl Ranker<'_> {
    /// The best `n` admitted items by the blended score, best first, ties by the lower index.
    ///
    /// `dense` are the best items of an index asked with [`Taste::query_vector`], with their scores; they may hold items
    /// beyond the catalogue of the release. The strongest items of the sparse view and the person's own items join
    /// them if `admitted`.
    pub fn rank(
        &self,
        person: &Person,
        dense: &[Scored],
        n: usize,
        admitted: impl Fn(ItemIx) -> bool,
    ) -> Vec<Scored> {
        let Self { taste, repeats, .. } = *self;
        let query = taste.query_vector(person, repeats);
        SUMS.with_borrow_mut(|sums| {
            taste.add_beyond_dense(person, &taste.blends.of(repeats), sums);
            let mut top = TopN::new(n);
            let mut known: Vec<ItemIx> = dense.iter().map(|found| found.item).collect();
            known.sort_unstable();
            for found in dense {
                let beyond = sums.scores.get(found.item.position()).copied().unwrap_or(0.0);
                top.offer(Scored { item: found.item, score: found.score + beyond });
            }
            let joins = |item| known.binary_search(&item).is_err() && admitted(item);
            for spoken in sums.strongest(SPOKEN_FOR.max(n), joins) {
                let score = spoken.score + taste.dense_score(&query, spoken.item);
                top.offer(Scored { item: spoken.item, score });
            }
            sums.clear();
            top.into_sorted()
        })
    }

    /// Adds to the dense scores of one person what the other views say.
    fn add_beyond_dense(&self, person: &Person, scores: &mut [f32]) {
        if self.views == Ranked::Dense {
            return;
        }
        let blend = self.taste.blends.of(self.repeats);
        SUMS.with_borrow_mut(|sums| {
            self.taste.add_beyond_dense(person, &blend, sums);
            sums.touched.sort_unstable();
            sums.touched.dedup();
            for &item in &sums.touched {
                scores[item as usize] += sums.scores[item as usize];
            }
            sums.clear();
        });
    }
}

impl Scorer for Ranker<'_> {
    fn name(&self) -> &'static str {
        match self.views {
            Ranked::All => "Proffer",
            Ranked::Dense => "dense views alone",
        }
    }

    fn n_items(&self) -> usize {
        self.taste.n_items()
    }

    fn score(&self, history: History<'_>, scores: &mut [f32]) {
        let person = self.taste.person(history);
        let query = self.taste.query_vector(&person, self.repeats);
        for (position, score) in scores.iter_mut().enumerate() {
            *score = self.taste.dense_score(&query, ItemIx::at(position));
        }
        self.add_beyond_dense(&person, scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        let taste = self.taste;
        let people: Vec<Person> = histories.iter().map(|history| taste.person(*history)).collect();
        let queries: Vec<Vec<f32>> =
            people.iter().map(|person| taste.query_vector(person, self.repeats)).collect();
        let n_items = taste.n_items();
        for (query, scores) in queries.iter().zip(scores.chunks_exact_mut(n_items)) {
            let popular = query[query.len() - 1];
            scores.iter_mut().zip(&taste.popular).for_each(|(score, p)| *score = popular * p);
        }
        let add = |rows: &Array2<f32>, part: Range<usize>, scores: &mut [f32]| {
            let parts: Vec<f32> = queries.iter().flat_map(|query| &query[part.clone()]).copied().collect();
            kernels::products(rows.as_slice().unwrap_or_default(), &parts, part.len(), Accum::Add, scores);
        };
        let d = taste.ials.n_factors();
        add(taste.ials.item_factors(), 0..d, scores);
        if let Some(spectral) = &taste.spectral {
            add(spectral.vectors(), d..d + spectral.n_factors(), scores);
        }
        for (person, scores) in people.iter().zip(scores.chunks_exact_mut(n_items)) {
            self.add_beyond_dense(person, scores);
        }
    }
}
