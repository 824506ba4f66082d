//! Random search of the factorisation's parameters on the validation window (Bergstra and Bengio 2012).
//!
//! The configured parameters are the first trial, so a search never does worse on the window than none. The number
//! of factors stays as configured: it is the price that the user is ready to pay.

use crate::config::TrainingConfig;
use crate::judge::mean_ndcg;
use crate::progress::{Progress, Silent};
use models::Result;
use models::events::{EventLog, Timestamp};
use models::ials::IalsParams;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

/// One set of parameters and how it did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What was tried.
    pub params: IalsParams,
    /// Mean of NDCG with and without repeats on the validation window.
    pub ndcg: f64,
}

/// Tries the configured parameters and `n` random ones near them; the best first, ties in the order of trials.
///
/// # Errors
/// [`models::Error`] when a trial cannot be fitted or judged.
pub fn search(
    config: &TrainingConfig,
    log: &EventLog,
    window: (Timestamp, Timestamp),
    n: usize,
    progress: &dyn Progress,
) -> Result<Vec<Trial>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(config.seed);
    let candidates = std::iter::once(config.ials)
        .chain((0..n).map(|_| draw(&config.ials, &mut random)))
        .collect::<Vec<_>>();
    progress.begin("search", candidates.len() as u64);
    let mut trials = Vec::new();
    for params in candidates {
        let ndcg = mean_ndcg(config, params, log, window, &Silent)?;
        tracing::debug!(ndcg, ?params, "trial");
        trials.push(Trial { params, ndcg });
        progress.at(trials.len() as u64);
    }
    trials.sort_by(|a, b| b.ndcg.total_cmp(&a.ndcg));
    progress.end(&format!("validation NDCG {:.4}", trials[0].ndcg));
    Ok(trials)
}

/// Parameters around the configured ones, on a scale that suits each.
fn draw(around: &IalsParams, random: &mut Xoshiro256PlusPlus) -> IalsParams {
    let half_lives = [None, Some(30.0), Some(90.0), Some(180.0), Some(365.0)];
    let mut params = *around;
    params.regularisation *= 10f64.powf(random.random_range(-1.0..1.0));
    params.unobserved_weight *= 10f64.powf(random.random_range(-0.7..0.7));
    params.frequency_exponent = random.random_range(0.5..1.2);
    params.confidence.times_weight = random.random_range(0.0..3.0);
    params.confidence.half_life_days = half_lives.choose(random).copied().flatten();
    params
}
