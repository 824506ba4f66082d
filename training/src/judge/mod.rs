//! How good our lists are for customers who came back, beside baselines that need no learning.
//!
//! Everything is fitted on events before one moment and judged on those after it, on the full catalogue.

mod cold_start;
mod comparison;
mod new_items;
mod pruning;
mod session_task;
mod slices;

pub use comparison::{Compared, Comparison};

use crate::attributes::Attributes;
use crate::blend::{Blended, learn_history, learn_others};
use crate::config::{EvaluationConfig, TrainingConfig};
use crate::fit::{Baselines, Known, ViewParams, fit_baselines, fit_taste, interactions_before};
use crate::progress::Progress;
use crate::split::{Split, SplitKind};
use models::Result;
use models::events::{EventLog, Timestamp};
use models::interactions::Interactions;
use models::measures::{
    Bootstrap, Case, Cases, EvaluateOptions, Evaluation, Interval, Measure, Repeats, Summary, evaluate,
};
use models::scoring::Scorer;
use models::taste::Taste;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

/// The measured quality of a training: what is printed, stored in the release and checked before publishing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// How what is judged by was set apart.
    pub split: SplitKind,
    /// Models know the events before this moment, and are judged by those from it on.
    pub judged_from: Timestamp,
    /// The end of the window that they are judged by.
    pub judged_to: Timestamp,
    /// The share of resampled means inside each interval.
    pub interval_level: f64,
    /// Customers in the window with a history before it.
    pub returning_customers: usize,
    /// Once with items that the customer already had, once without; empty where nobody came back.
    pub tasks: Vec<Task>,
    /// How well people are served of whom little is known, and items that nobody has bought.
    pub cold_start: Vec<Comparison>,
    /// How well what comes next in a session is foretold.
    pub sessions: Vec<Comparison>,
    /// What pruning the item weights costs; absent where nobody came back.
    pub pruning: Option<Comparison>,
}

/// One way of judging.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What happens with items that the customer already had.
    pub repeats: Repeats,
    /// Our model first, then the baselines.
    pub models: Vec<Summary>,
    /// Our model minus each baseline on the same customers.
    pub differences: Vec<Difference>,
    /// The same by how much was known of a customer, and by how many had bought the item.
    pub slices: Vec<Comparison>,
}

/// A paired comparison; an interval that excludes 0 is a difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// What ours is compared with.
    pub baseline: String,
    /// Difference of recall.
    pub recall: Interval,
    /// Difference of NDCG.
    pub ndcg: Interval,
}

impl Quality {
    /// How many customers were judged.
    pub fn judged(&self) -> usize {
        self.tasks.first().and_then(|task| task.models.first()).map_or(0, |model| model.customers)
    }

    /// Whether our model is behind popularity in any measure of any task: then it should not be published. What was
    /// judged on a handful decides nothing.
    pub fn loses_to_popularity(&self) -> bool {
        let behind = |task: &Task| {
            let against = task.differences.iter().find(|difference| difference.baseline == POPULARITY);
            let size = task.models.first().map_or(0, |model| model.customers);
            let lost = |d: &Difference| d.recall.mean < 0.0 || d.ndcg.mean < 0.0;
            size >= DECISIVE && against.is_some_and(lost)
        };
        let behind_in_sessions = |comparison: &Comparison| {
            let popularity = comparison.models.iter().position(|model| model == POPULARITY);
            comparison.rows.iter().filter(|row| row.size >= DECISIVE).any(|row| {
                let against = popularity.and_then(|at| row.differences.get(at.checked_sub(1)?));
                against.is_some_and(|difference| difference.mean < 0.0)
            })
        };
        self.tasks.iter().any(behind) || self.sessions.iter().any(behind_in_sessions)
    }
}

/// Customers or sessions below which a comparison decides nothing.
const DECISIVE: usize = 20;

/// The name under which popularity stands in every table.
const POPULARITY: &str = "popularity";

/// What was measured, and what was measured on.
pub struct Judged {
    /// The table.
    pub quality: Quality,
    /// The views and their blends, learned on the events before the window.
    pub blended: Blended,
}

/// Fits on the events before the test part of the split and judges by those in it.
///
/// # Errors
/// [`models::Error`] for parameters out of range, or a window with neither returning customers nor sessions.
pub fn judge(
    config: &TrainingConfig,
    params: &ViewParams,
    data: Data<'_>,
    split: &Split,
    progress: &dyn Progress,
) -> Result<Judged> {
    let (log, from, to) = (data.log, split.test_start, split.end);
    let interactions = interactions_before(config, log, from);
    let customers = data.customers;
    let known = Known { log, interactions: &interactions, as_of: from, customers, holdout: None };
    progress.begin("learn the blends", params.ials.sweeps as u64);
    let mut blended = learn_history(config, params, known, progress)?;
    learn_others(&mut blended, config, &customers.rows, from);
    progress.end("");
    // Nothing need be missing from what is judged: it is what would have been released at that moment.
    progress.begin("fit for judging", params.ials.sweeps as u64);
    let taste = fit_taste(config, params, known, Some(blended.taste.blends), progress)?;
    let baselines = fit_baselines(config, log, &interactions, from)?;
    progress.end("");
    let judge =
        Judge { config, data, interactions: &interactions, from, to, blended: &blended, taste: &taste };
    let of_sessions = judge.sessions(&baselines.popularity, progress)?;
    let cases = judge.returning()?;
    if cases.returning == 0 && of_sessions.is_empty() {
        return Err(models::Error::Empty {
            what: "the window to judge by",
            remedy: "no customer of it has a history before it; give more history or other split.test_days",
        });
    }
    let quality = Quality {
        split: split.kind,
        judged_from: from,
        judged_to: to,
        interval_level: config.evaluation.bootstrap.level,
        returning_customers: cases.returning,
        tasks: judge.tasks(&cases.judged, &baselines, progress)?,
        cold_start: judge.cold_start(params, &cases.judged, progress)?,
        sessions: of_sessions,
        pruning: judge.pruning(params, &cases.judged)?,
    };
    Ok(Judged { quality, blended })
}

/// What is judged on: the history and everyone's attributes.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// All events.
    pub log: &'a EventLog,
    /// The attributes of customers.
    pub customers: &'a Attributes,
    /// The attributes of items.
    pub items: &'a Attributes,
}

/// What the parts of judging share.
struct Judge<'a> {
    config: &'a TrainingConfig,
    data: Data<'a>,
    /// What was known before the window.
    interactions: &'a Interactions,
    from: Timestamp,
    to: Timestamp,
    /// The views that do not know what was held back.
    blended: &'a Blended,
    /// Those that do: what is judged.
    taste: &'a Taste,
}

impl<'a> Judge<'a> {
    fn options(&self, repeats: Repeats) -> EvaluateOptions {
        let EvaluationConfig { n, bootstrap, .. } = self.config.evaluation;
        EvaluateOptions { n, repeats, bootstrap }
    }

    /// Customers with a history who came back, at most as many as the configuration wants.
    fn returning(&self) -> Result<Returning<'a>> {
        let afterwards = self.data.log.between(self.from, self.to);
        let all = Cases::from_events(self.interactions, self.from, afterwards)?.with_history();
        let (returning, most) = (all.cases().len(), self.config.evaluation.max_customers);
        let judged = if returning <= most {
            all
        } else {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(self.config.seed);
            let mut sample: Vec<Case> = all.cases().sample(&mut random, most).cloned().collect();
            sample.sort_by_key(|case| case.customer);
            Cases::new(self.interactions, self.from, sample)?
        };
        let vectors = self.taste.ials.item_factors();
        let judged = judged.with_profiles(&self.data.customers.rows).with_vectors(vectors);
        Ok(Returning { returning, judged })
    }

    /// Every model on everyone, with and without owned items.
    fn tasks(&self, cases: &Cases<'_>, baselines: &Baselines, progress: &dyn Progress) -> Result<Vec<Task>> {
        if cases.cases().is_empty() {
            return Ok(Vec::new());
        }
        let ways = ways(cases);
        progress.begin("judge", (ways.len() * SCORERS) as u64);
        let mut done = 0;
        let mut tasks = Vec::new();
        for &repeats in ways {
            let options = self.options(repeats);
            let mut evaluations = Vec::new();
            for scorer in scorers(self.taste, repeats, baselines) {
                evaluations.push(evaluate(scorer.as_ref(), cases, &options)?);
                done += 1;
                progress.at(done);
            }
            let slices = slices::all(&evaluations, self.interactions, &options.bootstrap)?;
            tasks.push(task(repeats, evaluations, slices, &options.bootstrap)?);
        }
        progress.end(&format!("{} customers", cases.cases().len()));
        Ok(tasks)
    }
}

/// Lists with and without owned items; only without where nobody in the window bought an owned item.
fn ways(cases: &Cases<'_>) -> &'static [Repeats] {
    let returns = cases.cases().iter().any(|case| {
        let row = cases.history(case.customer).interactions;
        case.bought.iter().any(|item| row.binary_search_by_key(item, |known| known.item).is_ok())
    });
    if returns { &[Repeats::Kept, Repeats::Removed] } else { &[Repeats::Removed] }
}

/// Customers with a history who came back.
struct Returning<'a> {
    /// How many there were.
    returning: usize,
    /// Those who are judged.
    judged: Cases<'a>,
}

/// Ours, its views alone, then the baselines.
const SCORERS: usize = 7;

fn scorers<'a>(
    taste: &'a Taste,
    repeats: Repeats,
    baselines: &'a Baselines,
) -> [Box<dyn Scorer + 'a>; SCORERS] {
    [
        Box::new(taste.ranker(repeats)),
        Box::new(taste.dense_ranker(repeats)),
        Box::new(&taste.ials),
        Box::new(&taste.weights),
        Box::new(&baselines.popularity),
        Box::new(&baselines.frequency),
        Box::new(&baselines.item_knn),
    ]
}

/// Sets ours, the first, beside the others.
fn task(
    repeats: Repeats,
    evaluations: Vec<Evaluation>,
    slices: Vec<Comparison>,
    bootstrap: &Bootstrap,
) -> Result<Task> {
    let ours = &evaluations[0];
    let differences = evaluations[1..]
        .iter()
        .map(|baseline| {
            Ok(Difference {
                baseline: baseline.summary.model.clone(),
                recall: ours.difference(baseline, Measure::Recall, bootstrap)?,
                ndcg: ours.difference(baseline, Measure::Ndcg, bootstrap)?,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Task { repeats, differences, slices, models: evaluations.into_iter().map(|e| e.summary).collect() })
}
