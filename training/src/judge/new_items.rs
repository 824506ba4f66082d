//! How well items are placed that nobody has bought, by their attributes.
//!
//! A tenth of the items that were bought is taken out of the history, the factorisation is learned without them, and
//! they are placed by their attributes alone. For every judged customer who bought any of them in the window, they are
//! ranked among themselves; in drawn order, so that equal scores tell nothing of when an item came into the history.
//! Beside it stand the means of the items that share the value of one attribute: of the attributes, the one that does
//! best in the window itself.

use super::{Compared, Comparison, Judge};
use crate::attributes::Attributes;
use crate::fit::{ViewParams, item_prior};
use crate::progress::Progress;
use models::Result;
use models::ids::{CustomerIx, ItemIx, Ix};
use models::interactions::{History, Interaction, Interactions};
use models::measures::{Cases, ListMeasures, Measure};
use models::ranking::top_n;
use ndarray::Array2;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The share of the items that is taken out.
const TAKEN_OUT: f64 = 0.1;

/// Customers below whom nothing is measured.
const LEAST_CUSTOMERS: usize = 20;

const MODELS: [&str; 2] = ["by all attributes", "mean of the best single attribute"];

/// Recall and NDCG of new items among themselves; nothing where items have no attributes.
pub(super) fn judge_new_items(
    judge: &Judge<'_>,
    params: &ViewParams,
    cases: &Cases<'_>,
    progress: &dyn Progress,
) -> Result<Vec<Comparison>> {
    let items = judge.data.items;
    if items.features.is_empty() {
        return Ok(Vec::new());
    }
    let rest = judge.blended.holdout.without(judge.interactions);
    let taken = taken_out(&rest, judge.config.seed);
    let place: BTreeMap<ItemIx, ItemIx> =
        taken.iter().enumerate().map(|(place, item)| (*item, ItemIx::at(place))).collect();
    let known = without_items(&rest, &place);
    let wanted = wanted(cases, &place);
    if wanted.len() < LEAST_CUSTOMERS {
        return Ok(Vec::new());
    }
    progress.begin("judge new items", params.ials.sweeps as u64);
    let ials = params.ials.check()?.fit(&known, judge.from, |sweep| progress.at(sweep.done as u64))?;
    let prior = item_prior(judge.config, items, ials.item_factors(), &known)?;
    let mut placed = vec![taken.iter().map(|item| prior.of(items.rows.of(item.position()))).collect()];
    for (_, words) in items.features.segments() {
        placed.push(means(&words.collect(), items, (ials.item_factors(), &known), &taken));
    }
    let histories = without_items(judge.interactions, &place);
    let each: Vec<Vec<ListMeasures>> = placed
        .iter()
        .map(|vectors: &Vec<Vec<f32>>| {
            let measure = |(customer, bought): &(CustomerIx, Vec<ItemIx>)| {
                let x = ials.fold_in(History::new(histories.row(*customer), judge.from));
                let score = |y: &Vec<f32>| x.iter().zip(y).map(|(a, b)| a * b).sum::<f32>();
                let scores: Vec<f32> = vectors.iter().map(score).collect();
                let n = judge.config.evaluation.n;
                ListMeasures::of(&top_n(&scores, n, |_| false), bought, n)
            };
            wanted.par_iter().map(measure).collect()
        })
        .collect();
    progress.end(&format!("{} items taken out", taken.len()));
    compare(judge, taken.len(), &each)
}

/// The vectors of items by the mean of those that share a word of one attribute, the mean of all for an item without.
fn means(
    words: &BTreeSet<u32>,
    items: &Attributes,
    (vectors, known): (&Array2<f32>, &Interactions),
    taken: &[ItemIx],
) -> Vec<Vec<f32>> {
    let bought: BTreeSet<ItemIx> = known.cells().iter().map(|cell| cell.item).collect();
    let word = |item: &ItemIx| {
        items.rows.of(item.position()).iter().map(|(feature, _)| *feature).find(|f| words.contains(f))
    };
    let mut sums: BTreeMap<Option<u32>, (Vec<f32>, f32)> = BTreeMap::new();
    for item in &bought {
        for group in BTreeSet::from([None, word(item)]) {
            let (sum, count) = sums.entry(group).or_insert_with(|| (vec![0.0; vectors.ncols()], 0.0));
            sum.iter_mut().zip(vectors.row(item.position())).for_each(|(sum, x)| *sum += x);
            *count += 1.0;
        }
    }
    let mean = |(sum, count): &(Vec<f32>, f32)| sum.iter().map(|x| x / count).collect();
    let of = |item: &ItemIx| sums.get(&word(item)).or_else(|| sums.get(&None)).map(mean).unwrap_or_default();
    taken.iter().map(of).collect()
}

/// Ours beside the single attribute that does best in the window itself.
fn compare(judge: &Judge<'_>, n_taken: usize, each: &[Vec<ListMeasures>]) -> Result<Vec<Comparison>> {
    let measures = [("Recall", Measure::Recall), ("NDCG", Measure::Ndcg)];
    let mut comparisons = Vec::new();
    for (name, measure) in measures {
        let values =
            |measured: &Vec<ListMeasures>| measured.iter().map(|m| m.get(measure)).collect::<Vec<f64>>();
        let mean = |values: &Vec<f64>| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let mut values = each.iter().map(values);
        let ours = values.next().unwrap_or_default();
        let Some(single) = values.max_by(|a, b| mean(a).total_cmp(&mean(b))) else { continue };
        let row =
            Compared::of("customers who bought one", &[ours, single], &judge.config.evaluation.bootstrap)?;
        comparisons.push(Comparison {
            title: format!(
                "{n_taken} items that nobody has bought, placed by their attributes, among themselves"
            ),
            measure: format!("{name}@{}", judge.config.evaluation.n),
            whom: "customers".into(),
            models: MODELS.map(str::to_owned).to_vec(),
            rows: vec![row],
        });
    }
    Ok(comparisons)
}

/// Items drawn from those that were bought, in drawn order.
fn taken_out(interactions: &Interactions, seed: u64) -> Vec<ItemIx> {
    let bought: BTreeSet<ItemIx> = interactions.cells().iter().map(|cell| cell.item).collect();
    let mut bought: Vec<ItemIx> = bought.into_iter().collect();
    bought.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
    bought.truncate((bought.len() as f64 * TAKEN_OUT) as usize);
    bought
}

fn without_items(interactions: &Interactions, taken: &BTreeMap<ItemIx, ItemIx>) -> Interactions {
    let rest = |row: &[Interaction]| -> Vec<Interaction> {
        row.iter().filter(|cell| !taken.contains_key(&cell.item)).copied().collect()
    };
    let rows: BTreeMap<CustomerIx, Vec<Interaction>> =
        interactions.rows().map(|(customer, row)| (customer, rest(row))).collect();
    interactions.with_rows(&rows)
}

/// Who bought which of the items, by their places among these.
fn wanted(cases: &Cases<'_>, place: &BTreeMap<ItemIx, ItemIx>) -> Vec<(CustomerIx, Vec<ItemIx>)> {
    let of = |case: &models::measures::Case| {
        let mut places: Vec<ItemIx> =
            case.bought.iter().filter_map(|item| place.get(item)).copied().collect();
        places.sort_unstable();
        (case.customer, places)
    };
    cases.cases().iter().map(of).filter(|(_, bought)| !bought.is_empty()).collect()
}
