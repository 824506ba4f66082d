//! How good our lists are for customers who came back, beside baselines that need no learning.
//!
//! Everything is fitted on events before one moment and judged on those after it, on the full catalogue.

use crate::config::TrainingConfig;
use crate::fit::{Baselines, Blended, Known, ViewParams, fit_baselines, fit_blended, interactions_before};
use crate::progress::Progress;
use crate::split::{Split, SplitKind};
use models::Result;
use models::events::{Event, EventLog, Timestamp};
use models::ids::CustomerIx;
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
    /// Once with items that the customer already had, once without.
    pub tasks: Vec<Task>,
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
    /// The same by how much was known of a customer, least first.
    pub slices: Vec<Slice>,
}

/// Customers of whom about as much was known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// How many items they had.
    pub name: String,
    /// How many they are.
    pub customers: usize,
    /// The NDCG of every model on them.
    pub ndcg: Vec<(String, Interval)>,
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

    /// Whether our model is behind popularity in recall or NDCG in any task: then it should not be published.
    pub fn loses_to_popularity(&self) -> bool {
        let behind = |task: &Task| {
            let against = task.differences.iter().find(|difference| difference.baseline == POPULARITY);
            against.is_some_and(|difference| difference.recall.mean < 0.0 || difference.ndcg.mean < 0.0)
        };
        self.tasks.iter().any(behind)
    }
}

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
/// [`models::Error`] for parameters out of range or a window without returning customers.
pub fn judge(
    config: &TrainingConfig,
    params: &ViewParams,
    log: &EventLog,
    split: &Split,
    progress: &dyn Progress,
) -> Result<Judged> {
    let (from, to) = (split.test_start, split.end);
    progress.begin("fit for judging", params.ials.sweeps as u64);
    let interactions = interactions_before(config, log, from);
    let known = Known { log, interactions: &interactions, as_of: from };
    let blended = fit_blended(config, params, known, progress)?;
    let baselines = fit_baselines(config, log, &interactions, from)?;
    progress.end("");
    let cases = returning(config, &interactions, from, log.between(from, to))?;
    let ways = ways(&cases.judged);
    progress.begin("judge", (ways.len() * SCORERS) as u64);
    let mut done = 0;
    let mut tasks = Vec::new();
    for &repeats in ways {
        let options =
            EvaluateOptions { n: config.evaluation.n, repeats, bootstrap: config.evaluation.bootstrap };
        let mut evaluations = Vec::new();
        for scorer in scorers(&blended.taste, repeats, &baselines) {
            evaluations.push(evaluate(scorer.as_ref(), &cases.judged, &options)?);
            done += 1;
            progress.at(done);
        }
        let slices = slices(&evaluations, &interactions, &options.bootstrap)?;
        tasks.push(task(repeats, evaluations, slices, &options.bootstrap)?);
    }
    progress.end(&format!("{} customers", cases.judged.cases().len()));
    let interval_level = config.evaluation.bootstrap.level;
    let quality = Quality {
        split: split.kind,
        judged_from: from,
        judged_to: to,
        interval_level,
        returning_customers: cases.returning,
        tasks,
    };
    Ok(Judged { quality, blended })
}

/// Lists with and without owned items; only without where nobody in the window bought an owned item.
fn ways(cases: &Cases<'_>) -> &'static [Repeats] {
    let returns = cases.cases().iter().any(|case| {
        let row = cases.history(case.customer).interactions;
        case.bought.iter().any(|item| row.binary_search_by_key(item, |known| known.item).is_ok())
    });
    if returns { &[Repeats::Kept, Repeats::Removed] } else { &[Repeats::Removed] }
}

/// Customers with a history who came back, at most as many as the configuration wants.
struct Returning<'a> {
    returning: usize,
    judged: Cases<'a>,
}

fn returning<'a>(
    config: &TrainingConfig,
    interactions: &'a Interactions,
    as_of: Timestamp,
    afterwards: &[Event],
) -> Result<Returning<'a>> {
    let all = Cases::from_events(interactions, as_of, afterwards)?.with_history();
    let returning = all.cases().len();
    if returning == 0 {
        return Err(models::Error::Empty {
            what: "the window to judge by",
            remedy: "no customer of it has a history before it; give more history or other split.test_days",
        });
    }
    if returning <= config.evaluation.max_customers {
        return Ok(Returning { returning, judged: all });
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(config.seed);
    let mut sample: Vec<Case> =
        all.cases().sample(&mut random, config.evaluation.max_customers).cloned().collect();
    sample.sort_by_key(|case| case.customer);
    Ok(Returning { returning, judged: Cases::new(interactions, as_of, sample)? })
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
    slices: Vec<Slice>,
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

/// Where the slices by number of items end.
const SLICE_ENDS: [usize; 3] = [5, 20, usize::MAX];

/// The evaluations by the length of the history; a slice without customers is left out.
fn slices(
    evaluations: &[Evaluation],
    interactions: &Interactions,
    bootstrap: &Bootstrap,
) -> Result<Vec<Slice>> {
    let mut slices = Vec::new();
    let mut begin = 1;
    for end in SLICE_ENDS {
        let members = |customer: CustomerIx| (begin..end).contains(&interactions.row(customer).len());
        let ndcg = evaluations
            .iter()
            .map(|e| Ok((e.summary.model.clone(), e.among(members, Measure::Ndcg, bootstrap)?)))
            .collect::<Result<Vec<_>>>()?;
        let customers = evaluations
            .first()
            .map_or(0, |e| e.customers.iter().filter(|&&customer| members(customer)).count());
        let name = match end {
            usize::MAX => format!("{begin} items or more"),
            _ => format!("{begin} to {} items", end - 1),
        };
        slices.extend((customers > 0).then_some(Slice { name, customers, ndcg }));
        begin = end;
    }
    Ok(slices)
}
