//! From candidates to a list by the exact blended score.

use super::beyond::Beyond;
use super::{Person, Taste};
use crate::ids::{ItemIx, Ix};
use crate::interactions::History;
use crate::kernels;
use crate::measures::Repeats;
use crate::ranking::{Scored, TopN};
use crate::scoring::Scorer;
use faer::Accum;
use ndarray::Array2;
use std::ops::Range;

/// By how much of the best score another may differ between an index and here, where it is summed in another order.
const ROUNDING: f32 = 1e-5;

/// Items beyond an index that could not be asked that are scored in full: those of which the other views say most.
const WITHOUT_DENSE: usize = 1_000;

impl Taste {
    /// Ranks by the whole blend.
    pub fn ranker(&self, repeats: Repeats) -> Ranker<'_> {
        Ranker { taste: self, repeats, views: Ranked::All }
    }

    /// The part of the score that a vector index gives: one dot product.
    pub fn dense_ranker(&self, repeats: Repeats) -> Ranker<'_> {
        Ranker { taste: self, repeats, views: Ranked::Dense }
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
    /// `dense` are the best admitted items of an index asked with [`Taste::query_vector`], with their scores, best first; they
    /// may hold items beyond the catalogue of the release, and are empty where the index could not be asked. Of the items
    /// of the other views join them those that can reach the list: since an item that the index did not find has a dense
    /// score of at most the last that it found, the others are never looked at (the threshold algorithm of Fagin, Lotem and
    /// Naor 2001). The list is that of a full ranking, down to the last of `dense`: below, an item of which no other view
    /// says anything is not seen, and can be missing where another view takes something away from one of `dense`.
    pub fn rank(
        &self,
        person: &Person,
        dense: &[Scored],
        n: usize,
        admitted: impl Fn(ItemIx) -> bool,
    ) -> Vec<Scored> {
        let Self { taste, repeats, .. } = *self;
        let query = taste.query_vector(person, repeats);
        Beyond::with(taste, person, &taste.blends.of(person.evidence, repeats), |beyond| {
            let mut top = TopN::new(n);
            let mut known: Vec<ItemIx> = dense.iter().map(|found| found.item).collect();
            known.sort_unstable();
            for found in dense.iter().filter(|found| admitted(found.item)) {
                top.offer(Scored { item: found.item, score: found.score + beyond.of(found.item) });
            }
            let joins = |spoken: &Scored| known.binary_search(&spoken.item).is_err() && admitted(spoken.item);
            let (most_dense, most) = match (dense.first(), dense.last()) {
                (Some(first), Some(last)) => {
                    (last.score + ROUNDING * first.score.abs().max(last.score.abs()), usize::MAX)
                }
                _ => (f32::INFINITY, WITHOUT_DENSE.max(n)),
            };
            let spoken = beyond.reaching(top.threshold() - most_dense);
            for Scored { item, score: at_most } in spoken.into_iter().filter(joins).take(most) {
                if at_most + most_dense < top.threshold() {
                    break;
                }
                let said = beyond.of(item);
                if said + most_dense >= top.threshold() {
                    top.offer(Scored { item, score: said + taste.dense_score(&query, item) });
                }
            }
            top.into_sorted()
        })
    }

    /// Writes the scores of the whole catalogue for several people, one after the other.
    pub fn score_people(&self, people: &[Person], scores: &mut [f32]) {
        let taste = self.taste;
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

    /// Adds to the dense scores of one person what the other views say.
    fn add_beyond_dense(&self, person: &Person, scores: &mut [f32]) {
        if self.views == Ranked::Dense {
            return;
        }
        let blend = self.taste.blends.of(person.evidence, self.repeats);
        Beyond::with(self.taste, person, &blend, |beyond| {
            for said in beyond.all() {
                scores[said.item.position()] += said.score;
            }
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
        self.score_people(&[self.taste.person(history)], scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        let people: Vec<Person> = histories.iter().map(|history| self.taste.person(*history)).collect();
        self.score_people(&people, scores);
    }
}
