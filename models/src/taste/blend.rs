//! How the views are weighed, and how the weights are learned from baskets that were held back.
//!
//! The quality of a list is not differentiable, but with six weights and a few thousand people it is cheap to compute.
//! So the weights climb it directly, one at a time on a multiplicative scale (coordinate ascent, as in Metzler and
//! Croft 2007), from the best single view. Only lists that the service would give are judged: each person's
//! candidates are the best of every view.
//!
//! The summit is often flat, and what is best for one sample of baskets is not for the next. So of all blends on the
//! way from the best one to equal shares of the views of taste, the most even is taken that is not worse by more than
//! one standard error of the difference (the rule of Breiman et al. 1984 for choosing among trees).

use super::Taste;
use crate::events::Timestamp;
use crate::ids::{ItemIx, Ix};
use crate::interactions::{History, Interaction};
use crate::measures::Repeats;
use crate::ranking::{Scored, top_n};
use crate::scoring::Scorer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The weight of every term of the [score](super).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blend {
    /// a: the factorisation.
    pub factors: f32,
    /// b: the spectral filter.
    pub spectral: f32,
    /// c: what the person's items say.
    pub weights: f32,
    /// f: how often they buy it.
    pub often: f32,
    /// g: how lately.
    pub lately: f32,
    /// e: how popular it is.
    pub popular: f32,
}

/// One blend for lists that may hold owned items, one for those that may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blends {
    /// Owned items may return.
    pub kept: Blend,
    /// They may not.
    pub removed: Blend,
}

impl Blends {
    /// The blend for a treatment of repeats.
    pub fn of(&self, repeats: Repeats) -> Blend {
        match repeats {
            Repeats::Kept => self.kept,
            Repeats::Removed => self.removed,
        }
    }

    /// Whether every weight is finite.
    pub fn is_finite(&self) -> bool {
        [self.kept, self.removed].into_iter().flat_map(Blend::terms).all(f32::is_finite)
    }
}

const TERMS: usize = 6;
type Terms = [f32; TERMS];

/// Which terms are views of taste.
const TASTE: [usize; 3] = [0, SPECTRAL, 2];

/// Which term is the spectral filter.
const SPECTRAL: usize = 1;

impl Blend {
    fn terms(self) -> Terms {
        [self.factors, self.spectral, self.weights, self.often, self.lately, self.popular]
    }

    fn from_terms([factors, spectral, weights, often, lately, popular]: Terms) -> Self {
        Self { factors, spectral, weights, often, lately, popular }
    }
}

/// A person whose last basket was held back.
#[derive(Clone, Debug)]
pub struct HeldBack {
    /// What they did before it, sorted by item.
    pub interactions: Vec<Interaction>,
    /// What was in it, sorted.
    pub basket: Vec<ItemIx>,
}

/// How well a blend does on the baskets that were held back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    /// The weights.
    pub blend: Blend,
    /// The mean of NDCG and recall over people.
    pub quality: f64,
    /// People who bought something that counts.
    pub people: usize,
}

/// Candidates that each view brings for each person.
const CANDIDATES_PER_VIEW: usize = 100;

/// What a person could be shown, with the terms of each item's score.
struct Lesson {
    candidates: Vec<Candidate>,
    bought: usize,
    bought_new: usize,
}

struct Candidate {
    terms: Terms,
    bought: bool,
    owned: bool,
}

/// Everyone's candidates, ready to judge blends by lists of length `n`.
pub struct Lessons {
    lessons: Vec<Lesson>,
    n: usize,
}

impl Lessons {
    /// Gathers each person's candidates from the views of `taste`, whatever its present blends.
    pub fn new(taste: &Taste, people: &[HeldBack], as_of: Timestamp, n: usize) -> Self {
        // As many at a time as share a pass over the vectors while their scores stay in memory near the core.
        let batch = ((1 << 20) / taste.n_items().max(1)).clamp(1, 32);
        let lessons =
            people.par_chunks(batch).flat_map_iter(|people| lessons(taste, people, as_of)).collect();
        Self { lessons, n }
    }

    /// The weights with which lists are best.
    pub fn learn(&self, repeats: Repeats) -> Learned {
        self.learn_with(self.scales(), repeats)
    }

    /// The same when the spectral filter has no say.
    pub fn learn_without_spectral(&self, repeats: Repeats) -> Learned {
        let mut scale = self.scales();
        scale[SPECTRAL] = 0.0;
        self.learn_with(scale, repeats)
    }

    /// Whether one blend is as good as another, up to one standard error of the difference.
    pub fn is_as_good(&self, one: &Blend, other: &Blend, repeats: Repeats) -> bool {
        self.as_good(&one.terms(), &self.each(&other.terms(), repeats), repeats)
    }

    /// Climbs from the best single view; a term whose scale is 0 stays out.
    fn learn_with(&self, scale: Terms, repeats: Repeats) -> Learned {
        let mut best = (0..TERMS)
            .map(|term| {
                let mut alone = Terms::default();
                alone[term] = scale[term];
                (self.quality(&alone, repeats), alone)
            })
            // Equal views: the first, which is the factorisation.
            .reduce(|best, next| if next.0 > best.0 { next } else { best })
            .unwrap_or_default();
        for step in [4.0f32, 2.0, 1.4, 1.2] {
            for _ in 0..ROUNDS_PER_STEP {
                let before = best.0;
                for (term, &scale) in scale.iter().enumerate() {
                    self.climb(&mut best, (term, scale), step, repeats);
                }
                if best.0 <= before {
                    break;
                }
            }
        }
        let even = self.evened(&best.1, &scale, repeats);
        let counted = |lesson: &&Lesson| lesson.counted(repeats) > 0;
        Learned {
            blend: Blend::from_terms(even),
            quality: self.quality(&even, repeats),
            people: self.lessons.iter().filter(counted).count(),
        }
    }

    /// The most even blend that is as good as `best` up to one standard error.
    fn evened(&self, best: &Terms, scale: &Terms, repeats: Repeats) -> Terms {
        let shares: Vec<f32> =
            TASTE.iter().filter(|&&t| best[t] > 0.0).map(|&t| (best[t] / scale[t]).ln()).collect();
        let mean = shares.iter().sum::<f32>() / shares.len().max(1) as f32;
        let best_each = self.each(best, repeats);
        let towards = |way: f32| {
            let mut terms = *best;
            for &term in TASTE.iter().filter(|&&term| best[term] > 0.0) {
                let share = (best[term] / scale[term]).ln();
                terms[term] = scale[term] * (share + way * (mean - share)).exp();
            }
            terms
        };
        let as_good = |terms: &Terms| self.as_good(terms, &best_each, repeats);
        [1.0, 0.8, 0.6, 0.4, 0.2].into_iter().map(towards).find(as_good).unwrap_or(*best)
    }

    /// Whether some weights lose no more than one standard error against what another blend gave each person.
    fn as_good(&self, terms: &Terms, others: &[f64], repeats: Repeats) -> bool {
        let lost: Vec<f64> =
            others.iter().zip(self.each(terms, repeats)).map(|(other, each)| other - each).collect();
        let n = lost.len().max(2) as f64;
        let mean = lost.iter().sum::<f64>() / n;
        let variance = lost.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        mean <= (variance / n).sqrt()
    }

    /// The best of a weight's neighbours, if it beats the present one by more than chance would.
    fn climb(&self, best: &mut (f64, Terms), (term, scale): (usize, f32), step: f32, repeats: Repeats) {
        let present = best.1[term];
        let neighbours = if scale == 0.0 {
            return;
        } else if present == 0.0 {
            vec![scale * 0.03, scale * 0.1, scale * 0.3, scale]
        } else {
            vec![0.0, present / step, present * step]
        };
        for weight in neighbours {
            let mut terms = best.1;
            terms[term] = weight;
            let quality = self.quality(&terms, repeats);
            if quality > best.0 + LEAST_GAIN {
                *best = (quality, terms);
            }
        }
    }

    /// One over the root mean square of each term, so that weights start alike.
    fn scales(&self) -> Terms {
        let mut sums = [0f64; TERMS];
        let mut count = 0.0;
        for candidate in self.lessons.iter().flat_map(|lesson| &lesson.candidates) {
            for (sum, term) in sums.iter_mut().zip(candidate.terms) {
                *sum += f64::from(term) * f64::from(term);
            }
            count += 1.0;
        }
        sums.map(|sum| if sum > 0.0 { (sum / count).sqrt().recip() as f32 } else { 0.0 })
    }

    /// The mean of NDCG and recall of everyone's list under some weights.
    fn quality(&self, weights: &Terms, repeats: Repeats) -> f64 {
        let each = self.each(weights, repeats);
        each.iter().sum::<f64>() / each.len().max(1) as f64
    }

    /// The same of each person; collected before it is summed, since the order of a parallel sum would change its
    /// last bits.
    fn each(&self, weights: &Terms, repeats: Repeats) -> Vec<f64> {
        self.lessons.par_iter().filter_map(|lesson| lesson.quality(weights, repeats, self.n)).collect()
    }
}

/// Improvements below this are noise.
const LEAST_GAIN: f64 = 2e-5;

/// How often all weights are visited with one step.
const ROUNDS_PER_STEP: usize = 3;

impl Lesson {
    fn counted(&self, repeats: Repeats) -> usize {
        match repeats {
            Repeats::Kept => self.bought,
            Repeats::Removed => self.bought_new,
        }
    }

    fn quality(&self, weights: &Terms, repeats: Repeats, n: usize) -> Option<f64> {
        let counted = self.counted(repeats);
        if counted == 0 {
            return None;
        }
        let score = |candidate: &Candidate| -> f32 {
            if repeats == Repeats::Removed && candidate.owned {
                return f32::NEG_INFINITY;
            }
            candidate.terms.iter().zip(weights).map(|(term, weight)| term * weight).sum()
        };
        let scores: Vec<f32> = self.candidates.iter().map(score).collect();
        let list = top_n(&scores, n, |_| false);
        let discount = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
        let hits = || list.iter().enumerate().filter(|(_, at)| self.candidates[at.item.position()].bought);
        let gain: f64 = hits().map(|(rank, _)| discount(rank)).sum();
        let ideal: f64 = (0..counted.min(n)).map(discount).sum();
        Some((gain / ideal + hits().count() as f64 / counted as f64) / 2.0)
    }
}

/// The lessons of some people, scored together.
fn lessons(taste: &Taste, people: &[HeldBack], as_of: Timestamp) -> Vec<Lesson> {
    let n_items = taste.n_items();
    let histories: Vec<History<'_>> =
        people.iter().map(|person| History { interactions: &person.interactions, as_of }).collect();
    let mut factors = vec![0f32; people.len() * n_items];
    taste.ials.score_batch(&histories, &mut factors);
    let mut spectral = vec![0f32; people.len() * n_items];
    if let Some(view) = &taste.spectral {
        view.score_batch(&histories, &mut spectral);
    }
    let (mut weights, mut often, mut lately) =
        (vec![0f32; n_items], vec![0f32; n_items], vec![0f32; n_items]);
    let mut lessons = Vec::with_capacity(people.len());
    for ((person, history), at) in people.iter().zip(histories).zip((0..).step_by(n_items)) {
        taste.weights.score(history, &mut weights);
        let habits = taste.repeat.habits(history);
        let known = || habits.iter().filter(|habit| habit.item.position() < n_items);
        for habit in known() {
            (often[habit.item.position()], lately[habit.item.position()]) = (habit.often, habit.lately);
        }
        let views = [
            &factors[at..at + n_items],
            &spectral[at..at + n_items],
            &weights,
            &often,
            &lately,
            &taste.popular,
        ];
        lessons.push(lesson(person, views));
        for habit in known() {
            (often[habit.item.position()], lately[habit.item.position()]) = (0.0, 0.0);
        }
    }
    lessons
}

/// One person's candidates: the best of every view, with and without what they own.
fn lesson(person: &HeldBack, views: [&[f32]; TERMS]) -> Lesson {
    let owned = |item: ItemIx| person.interactions.binary_search_by_key(&item, |i| i.item).is_ok();
    let mut items: Vec<ItemIx> = Vec::new();
    for view in views {
        // Twice: a list without owned items needs as many candidates as one with them.
        let best = top_n(view, CANDIDATES_PER_VIEW, |_| false);
        let best_new = top_n(view, CANDIDATES_PER_VIEW, owned);
        items.extend(best.into_iter().chain(best_new).map(|Scored { item, .. }| item));
    }
    items.sort_unstable();
    items.dedup();
    let has = |item: &ItemIx| person.basket.binary_search(item).is_ok();
    let candidate = |item: &ItemIx| Candidate {
        terms: views.map(|view| view[item.position()]),
        bought: has(item),
        owned: owned(*item),
    };
    Lesson {
        candidates: items.iter().map(candidate).collect(),
        bought: person.basket.len(),
        bought_new: person.basket.iter().filter(|item| !owned(**item)).count(),
    }
}
