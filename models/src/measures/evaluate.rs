//! Ranks the full catalogue for every case and judges the lists.

use super::bootstrap::{Bootstrap, Interval};
use super::cases::{Case, Cases, owns};
use super::list::{ListMeasures, Measure};
use crate::error::{Error, Result, require};
use crate::ids::{CustomerIx, ItemIx, Ix};
use crate::interactions::History;
use crate::ranking::{Scored, top_n};
use crate::scoring::Scorer;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What happens with items that the customer already had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// They are candidates, and buying one again is a hit.
    #[default]
    Kept,
    /// They are neither candidates nor hits; a customer who bought nothing else is not judged.
    Removed,
}

impl Repeats {
    /// Every treatment.
    pub const ALL: [Self; 2] = [Self::Kept, Self::Removed];
}

/// How lists are made and judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateOptions {
    /// Length of the lists.
    pub n: usize,
    /// What happens with items that the customer already had.
    pub repeats: Repeats,
    /// How intervals are made.
    pub bootstrap: Bootstrap,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self { n: 20, repeats: Repeats::Kept, bootstrap: Bootstrap::default() }
    }
}

/// The quality of one model, for a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// The model's name.
    pub model: String,
    /// Length of the lists.
    pub n: usize,
    /// What happened with items that the customer already had.
    pub repeats: Repeats,
    /// How many customers were judged.
    pub customers: usize,
    /// Mean [`ListMeasures::recall`].
    pub recall: Interval,
    /// Mean [`ListMeasures::ndcg`].
    pub ndcg: Interval,
    /// Mean [`ListMeasures::mrr`].
    pub mrr: Interval,
    /// Share of lists with a hit.
    pub hit_rate: Interval,
    /// Share of the catalogue that is in any list.
    pub coverage: f64,
    /// Mean over all places of −log₂ of the share of customers who have the item (at least one is assumed).
    pub novelty: f64,
    /// Mean over lists of the mean of 1 − cosine over the pairs of their items, by the vectors of the cases; `None`
    /// where these have none.
    pub diversity: Option<f64>,
}

/// A summary and the values of each customer behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The means.
    pub summary: Summary,
    /// Who was judged, in the order of [`Self::measures`].
    pub customers: Vec<CustomerIx>,
    /// The measures of each customer's list.
    pub measures: Vec<ListMeasures>,
    /// Each customer's list, best first.
    pub lists: Vec<Vec<Scored>>,
    /// What each customer bought that counts, sorted.
    pub bought: Vec<Vec<ItemIx>>,
}

impl Evaluation {
    /// The mean of a measure over some of the customers, with its interval.
    ///
    /// # Errors
    /// As [`Bootstrap::mean`].
    pub fn among(
        &self,
        wanted: impl Fn(CustomerIx) -> bool,
        measure: Measure,
        bootstrap: &Bootstrap,
    ) -> Result<Interval> {
        let members = self.customers.iter().zip(&self.measures).filter(|(customer, _)| wanted(**customer));
        bootstrap.mean(&members.map(|(_, measures)| measures.get(measure)).collect::<Vec<_>>())
    }

    /// The recall on some of the items, over the customers who bought any of them, and how many these are.
    ///
    /// # Errors
    /// As [`Bootstrap::mean`].
    pub fn recall_on(
        &self,
        wanted: impl Fn(ItemIx) -> bool,
        bootstrap: &Bootstrap,
    ) -> Result<(usize, Interval)> {
        let mut recalls = Vec::new();
        for (list, bought) in self.lists.iter().zip(&self.bought) {
            let bought: Vec<ItemIx> = bought.iter().copied().filter(|item| wanted(*item)).collect();
            if !bought.is_empty() {
                recalls.push(ListMeasures::of(list, &bought, self.summary.n).recall);
            }
        }
        Ok((recalls.len(), bootstrap.mean(&recalls)?))
    }

    /// By how much this model is better than another on the same customers, with a paired bootstrap interval.
    ///
    /// # Errors
    /// [`Error::Shape`] when the two judged different customers or differ in list length or repeats.
    pub fn difference(&self, other: &Self, measure: Measure, bootstrap: &Bootstrap) -> Result<Interval> {
        let how = |of: &Self| (of.summary.n, of.summary.repeats);
        if self.customers != other.customers || how(self) != how(other) {
            return Err(Error::Shape {
                what: format!("the evaluation of {}", other.summary.model),
                expected: format!("{} customers at {:?}", self.customers.len(), how(self)),
                found: format!("{} customers at {:?}, or others", other.customers.len(), how(other)),
            });
        }
        let pairs = self.measures.iter().zip(&other.measures);
        let differences: Vec<f64> = pairs.map(|(a, b)| a.get(measure) - b.get(measure)).collect();
        bootstrap.mean(&differences)
    }
}

/// Judges a model on every case, on all threads of the current pool; the result does not depend on their number.
///
/// # Errors
/// [`Error::Shape`] when the model's catalogue is not that of the cases; [`Error::OutOfRange`] for lists of no
/// length or impossible bootstrap options.
pub fn evaluate(scorer: &dyn Scorer, cases: &Cases<'_>, options: &EvaluateOptions) -> Result<Evaluation> {
    let n_items = cases.interactions().n_items();
    if scorer.n_items() != n_items {
        return Err(Error::Shape {
            what: format!("the catalogue of {}", scorer.name()),
            expected: format!("{n_items} items"),
            found: format!("{} items", scorer.n_items()),
        });
    }
    require(options.n > 0, "n", options.n, "at least 1")?;
    let judged: Vec<Judged<'_>> =
        cases.cases().iter().filter_map(|case| Judged::new(case, cases, options.repeats)).collect();
    // Large enough to share work between people, small enough for the scores to stay in memory near the core.
    let batch = ((1 << 21) / n_items.max(1)).clamp(1, 64);
    let lists: Vec<Vec<Scored>> =
        judged.par_chunks(batch).flat_map_iter(|batch| ranked_lists(scorer, batch, options)).collect();
    let measures: Vec<ListMeasures> = judged
        .iter()
        .zip(&lists)
        .map(|(case, list)| ListMeasures::of(list, &case.bought, options.n))
        .collect();
    Ok(Evaluation {
        summary: summarise(scorer.name(), cases, options, (&measures, &lists))?,
        customers: judged.iter().map(|case| case.customer).collect(),
        measures,
        lists,
        bought: judged.into_iter().map(|case| case.bought).collect(),
    })
}

/// A case under the option on repeats.
struct Judged<'a> {
    customer: CustomerIx,
    history: History<'a>,
    bought: Vec<ItemIx>,
}

impl<'a> Judged<'a> {
    fn new(case: &Case, cases: &'a Cases<'a>, repeats: Repeats) -> Option<Self> {
        let history = cases.history(case.customer);
        let counts = |item: &&ItemIx| repeats == Repeats::Kept || !owns(history.interactions, **item);
        let bought: Vec<ItemIx> = case.bought.iter().filter(counts).copied().collect();
        (!bought.is_empty()).then_some(Self { customer: case.customer, history, bought })
    }
}

fn ranked_lists(scorer: &dyn Scorer, batch: &[Judged<'_>], options: &EvaluateOptions) -> Vec<Vec<Scored>> {
    let n_items = scorer.n_items();
    let histories: Vec<History<'_>> = batch.iter().map(|case| case.history).collect();
    let mut scores = vec![0.0; batch.len() * n_items];
    scorer.score_batch(&histories, &mut scores);
    let lists = scores.chunks_exact(n_items).zip(histories).map(|(scores, history)| {
        let removed = options.repeats == Repeats::Removed;
        top_n(scores, options.n, |item| removed && owns(history.interactions, item))
    });
    lists.collect()
}

fn summarise(
    model: &str,
    cases: &Cases<'_>,
    options: &EvaluateOptions,
    (measures, lists): (&[ListMeasures], &[Vec<Scored>]),
) -> Result<Summary> {
    let interval = |measure| {
        let values: Vec<f64> = measures.iter().map(|measures| measures.get(measure)).collect();
        options.bootstrap.mean(&values)
    };
    let interactions = cases.interactions();
    let mut owners = vec![0u32; interactions.n_items()];
    for interaction in interactions.cells() {
        owners[interaction.item.position()] += 1;
    }
    let mut shown = vec![0u32; interactions.n_items()];
    for entry in lists.iter().flatten() {
        shown[entry.item.position()] += 1;
    }
    let n_customers = interactions.rows().filter(|(_, row)| !row.is_empty()).count().max(1) as f64;
    let surprise = |(shown, owners): (&u32, &u32)| {
        f64::from(*shown) * -(f64::from((*owners).max(1)) / n_customers).log2()
    };
    let places: f64 = shown.iter().map(|&times| f64::from(times)).sum();
    Ok(Summary {
        model: model.to_owned(),
        n: options.n,
        repeats: options.repeats,
        customers: measures.len(),
        recall: interval(Measure::Recall)?,
        ndcg: interval(Measure::Ndcg)?,
        mrr: interval(Measure::Mrr)?,
        hit_rate: interval(Measure::Hit)?,
        coverage: shown.iter().filter(|&&times| times > 0).count() as f64 / shown.len().max(1) as f64,
        novelty: shown.iter().zip(&owners).map(surprise).sum::<f64>() / places.max(1.0),
        diversity: cases.vectors().map(|vectors| diversity(lists, vectors)),
    })
}

/// The mean over lists of the mean of 1 − cosine over pairs: with unit vectors u, Σ over pairs of cosines is
/// (|Σ u|² − m) / 2. Items without a vector are left out, and lists of fewer than two.
fn diversity(lists: &[Vec<Scored>], vectors: &Array2<f32>) -> f64 {
    let of_list = |list: &Vec<Scored>| {
        let mut sum = vec![0f64; vectors.ncols()];
        let mut m = 0.0;
        for entry in list.iter().filter(|entry| entry.item.position() < vectors.nrows()) {
            let row = vectors.row(entry.item.position());
            let norm = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            if norm > 0.0 {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x) / norm);
                m += 1.0;
            }
        }
        let squares: f64 = sum.iter().map(|x| x * x).sum();
        (m > 1.0).then(|| 1.0 - (squares - m) / (m * (m - 1.0)))
    };
    let each: Vec<f64> = lists.par_iter().filter_map(of_list).collect();
    each.iter().sum::<f64>() / each.len().max(1) as f64
}
