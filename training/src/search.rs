//! Random search of the views' parameters on baskets that were held back (Bergstra and Bengio 2012).
//!
//! The configured parameters are the first trial, so a search never does worse on these baskets than none. Every trial
//! learns its own blend.

use crate::blend::learn_history;
use crate::config::TrainingConfig;
use crate::fit::{Known, ViewParams, interactions_before};
use crate::judge::Data;
use crate::progress::{Progress, Silent};
use models::Result;
use models::events::Timestamp;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How long a search may go on; whichever limit is met first ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Trials beside the configured parameters.
    pub trials: usize,
    /// No trial begins after so long.
    pub time: Duration,
}

/// One set of parameters and how it did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What was tried.
    pub params: ViewParams,
    /// The mean of NDCG and recall over both ways of treating owned items.
    pub quality: f64,
    /// How long it took.
    pub seconds: f64,
}

/// Tries the configured parameters and random ones near the best so far; the best first, ties in the order of trials.
///
/// Only events before `as_of` are looked at. How many trials fit the time depends on the machine; each trial depends on
/// the seed alone.
///
/// # Errors
/// [`models::Error`] when a trial cannot be fitted or judged.
pub fn search(
    config: &TrainingConfig,
    data: Data<'_>,
    as_of: Timestamp,
    budget: Budget,
    progress: &dyn Progress,
) -> Result<Vec<Trial>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(config.seed);
    let Data { log, customers, .. } = data;
    let interactions = interactions_before(config, log, as_of);
    let known = Known { log, interactions: &interactions, as_of, customers, holdout: None };
    let begun = Instant::now();
    progress.begin("search", 1 + budget.trials as u64);
    let mut trials: Vec<Trial> = Vec::new();
    for number in 0..=budget.trials {
        if number > 0 && begun.elapsed() >= budget.time {
            break;
        }
        let params = match trials.first() {
            None => ViewParams::of(config),
            Some(best) => draw(&best.params, &mut random),
        };
        let started = Instant::now();
        let lesson = learn_history(config, &params, known, &Silent)?.lesson;
        // Where nobody buys again, both ways are the same.
        let quality = (lesson.kept.quality + lesson.removed.quality) / 2.0;
        let trial = Trial { params, quality, seconds: started.elapsed().as_secs_f64() };
        tracing::debug!(quality, seconds = trial.seconds, ?params, "trial");
        let place = trials.partition_point(|other| other.quality >= quality);
        trials.insert(place, trial);
        progress.at(number as u64 + 1);
    }
    progress.end(&format!("{} trials, quality {:.4}", trials.len(), trials[0].quality));
    Ok(trials)
}

/// The shortest and the longest vectors that are tried.
const LENGTHS: (usize, usize) = (32, 512);

/// Parameters around others, on a scale that suits each.
fn draw(around: &ViewParams, random: &mut Xoshiro256PlusPlus) -> ViewParams {
    let mut params = *around;
    let mut factor = |reach: f64| reach.powf(random.random_range(-1.0..1.0));
    params.ials.regularisation *= factor(3.0);
    params.ials.unobserved_weight *= factor(3.0);
    params.item_weights.regularisation *= factor(5.0);
    params.item_weights.filter_share *= factor(4.0);
    let mut length = |factors: usize| {
        let lengths = [factors / 2, factors, factors * 2];
        lengths
            .choose(random)
            .copied()
            .unwrap_or(factors)
            .clamp(LENGTHS.0.min(factors), LENGTHS.1.max(factors))
    };
    params.ials.factors = length(params.ials.factors);
    params.spectral.factors = length(params.spectral.factors);
    let mut shifted = |value: f64, reach: f64| (value + random.random_range(-reach..reach)).clamp(0.0, 1.5);
    params.item_weights.customer_exponent = shifted(params.item_weights.customer_exponent, 0.3);
    params.item_weights.source_exponent = shifted(params.item_weights.source_exponent, 0.2);
    params.item_weights.target_exponent = shifted(params.item_weights.target_exponent, 0.2);
    params.item_weights.item_exponent = shifted(params.item_weights.item_exponent, 0.2);
    let half_lives = [None, Some(30.0), Some(120.0), Some(365.0)];
    if let Some(half_life) = half_lives.choose(random) {
        params.ials.confidence.half_life_days = *half_life;
        params.item_weights.confidence.half_life_days = *half_life;
        params.spectral.confidence.half_life_days = *half_life;
    }
    params
}
