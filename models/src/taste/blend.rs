//! How the weights of a blend are learned from baskets that were held back.
//!
//! The quality of a list is not differentiable, but with seven weights and a few thousand people it is cheap to compute.
//! So the weights climb it directly, one at a time on a multiplicative scale (coordinate ascent, as in Metzler and
//! Croft 2007), from the best single view. Only lists that the service would give are judged: each person's
//! candidates are the best of every view.
//!
//! The summit is often flat, and what is best for one sample of baskets is not for the next. So of all blends on the
//! way from the best one to equal shares of the views of taste, the most even is taken that is not worse by more than
//! one standard error of the difference (the rule of Breiman et al. 1984 for choosing among trees).

use super::Taste;
use super::blends::{Blend, TERMS, Terms};
use super::lessons::{Lesson, lessons};
use crate::events::Timestamp;
use crate::measures::Repeats;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use super::lessons::HeldBack;

/// Which terms are views of taste.
const TASTE: [usize; 3] = [0, SPECTRAL, 2];

/// Which term is the spectral filter.
const SPECTRAL: usize = 1;

/// Which term is the session.
const SESSION: usize = 6;

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

    /// What a blend becomes when sessions are added to it, its other weights as they are.
    pub fn add_session(&self, blend: Blend, repeats: Repeats) -> Learned {
        let terms = blend.terms();
        let mut best = (self.quality(&terms, repeats), terms);
        let scale = self.scales()[SESSION];
        for step in STEPS {
            self.climb(&mut best, (SESSION, scale), step, repeats);
        }
        self.learned(best.1, repeats)
    }

    /// How well a blend does.
    pub fn quality_of(&self, blend: &Blend, repeats: Repeats) -> f64 {
        self.quality(&blend.terms(), repeats)
    }

    /// Counts a profile as so many items of a person's own.
    pub fn set_profile_items(&mut self, profile_items: f32) {
        self.lessons.par_iter_mut().for_each(|lesson| lesson.set_profile_items(profile_items));
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
        for step in STEPS {
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
        self.learned(even, repeats)
    }

    fn learned(&self, terms: Terms, repeats: Repeats) -> Learned {
        let counted = |lesson: &&Lesson| lesson.counted(repeats) > 0;
        Learned {
            blend: Blend::from_terms(terms),
            quality: self.quality(&terms, repeats),
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
        for terms in self.lessons.iter().flat_map(Lesson::terms) {
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += f64::from(*term) * f64::from(*term);
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

/// By what a weight is multiplied or divided, in turn.
const STEPS: [f32; 4] = [4.0, 2.0, 1.4, 1.2];

/// Improvements below this are noise.
const LEAST_GAIN: f64 = 2e-5;

/// How often all weights are visited with one step.
const ROUNDS_PER_STEP: usize = 3;
