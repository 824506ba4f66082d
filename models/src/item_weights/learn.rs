//! From co-purchases to weights.

use super::co_purchases::{CoPurchases, Partner, Weighed};
use super::{ItemWeightsParams, Learner, SMALL_CATALOGUE};
use crate::cells::Cells;
use crate::error::{Error, Result};
use crate::ids::{ItemIx, Ix};
use crate::item_lists::ItemLists;
use crate::ranking::Scored;
use crate::system::{System, padded};
use faer::linalg::solvers::DenseSolveCore;
use faer::{Mat, Side};
use rayon::prelude::*;

/// One weight, from the item that speaks to the one spoken for.
#[derive(Clone, Copy, Debug)]
struct Weight {
    source: u32,
    learned: f32,
    filter: f32,
}

/// The weights of every item, by the item that speaks.
pub(super) fn learn(params: &ItemWeightsParams, cells: &Cells, n_items: usize) -> Result<ItemLists> {
    let weighed = Weighed::new(params, cells, n_items);
    let pairs = CoPurchases::new(params, &weighed);
    let scales = Scales::new(params, &pairs);
    let learner = match params.learner {
        Learner::Auto if n_items <= SMALL_CATALOGUE => Learner::Ease,
        Learner::Auto => Learner::Slim,
        chosen => chosen,
    };
    let targets = match learner {
        Learner::Filter => {
            (0..n_items).map(|target| scales.filter_alone(&pairs, target, params.sources)).collect()
        }
        Learner::Ease => ease(params, &weighed, &scales)?,
        Learner::Slim | Learner::Auto => slim(params, &pairs, &scales),
    };
    let share = if learner == Learner::Filter { 1.0 } else { balance(&targets, params.filter_share) };
    Ok(by_source(&targets, share))
}

/// The powers of the degrees, and λ.
struct Scales {
    /// d^−β, d^−ε.
    source: Vec<f32>,
    target: Vec<f32>,
    /// d^−δ.
    item: Vec<f32>,
    /// λ.
    ridge: f32,
}

impl Scales {
    fn new(params: &ItemWeightsParams, pairs: &CoPurchases) -> Self {
        let power =
            |exponent: f64| pairs.degrees.iter().map(|d| d.powf(-exponent) as f32).collect::<Vec<_>>();
        let item = power(params.item_exponent);
        let active = pairs.diagonal.iter().zip(&item).filter(|(g, _)| **g > 0.0);
        let (sum, count) =
            active.fold((0f64, 0f64), |(sum, count), (g, s)| (sum + f64::from(g * s * s), count + 1.0));
        Self {
            source: power(params.source_exponent),
            target: power(params.target_exponent),
            ridge: (params.regularisation * sum / count.max(1.0)).max(f64::from(f32::MIN_POSITIVE)) as f32,
            item,
        }
    }

    fn filter(&self, source: usize, target: usize, pair: f32) -> f32 {
        self.source[source] * pair * self.target[target]
    }

    fn filter_alone(&self, pairs: &CoPurchases, target: usize, n: usize) -> Vec<Weight> {
        let weight = |partner: &Partner| Weight {
            source: partner.item,
            learned: 0.0,
            filter: self.filter(partner.item as usize, target, partner.weight),
        };
        pairs.of(target).iter().take(n).map(weight).collect()
    }
}

/// For every item the ridge regression on its closest items.
fn slim(params: &ItemWeightsParams, pairs: &CoPurchases, scales: &Scales) -> Vec<Vec<Weight>> {
    let n_items = pairs.degrees.len();
    let room = || (System::up_to(params.sources), vec![NOWHERE; n_items], vec![0f32; padded(params.sources)]);
    let solve = |(system, places, right): &mut (System, Vec<u32>, Vec<f32>), target: usize| {
        let row = pairs.of(target);
        let sources = &row[..row.len().min(params.sources)];
        regress(pairs, scales, target, sources, (system, places, right))
    };
    (0..n_items).into_par_iter().map_init(room, solve).collect()
}

/// The place of an item that is no source.
const NOWHERE: u32 = u32::MAX;

/// Solves `(X̃'X̃ + λI)·w = X̃'x̃_target` over the sources; `places` is all [`NOWHERE`] before and after.
///
/// Divided by λ the matrix is the identity plus a positive semidefinite one, as [`System`] wants it.
fn regress(
    pairs: &CoPurchases,
    scales: &Scales,
    target: usize,
    sources: &[Partner],
    (system, places, right): (&mut System, &mut [u32], &mut [f32]),
) -> Vec<Weight> {
    system.reset(sources.len());
    right.fill(0.0);
    for (place, source) in sources.iter().enumerate() {
        places[source.item as usize] = place as u32;
    }
    for (place, source) in sources.iter().enumerate() {
        let item = source.item as usize;
        let scale = scales.item[item] / scales.ridge;
        system.set(place, place, pairs.diagonal[item] * scales.item[item] * scale);
        right[place] = source.weight * scales.item[target] * scale;
        for partner in pairs.of(item) {
            let other = places[partner.item as usize];
            if other != NOWHERE {
                system.set(
                    place,
                    other as usize,
                    partner.weight * scales.item[partner.item as usize] * scale,
                );
            }
        }
    }
    for source in sources {
        places[source.item as usize] = NOWHERE;
    }
    system.factorise();
    system.solve(&mut right[..padded(sources.len())]);
    let weight = |(source, learned): (&Partner, &f32)| Weight {
        source: source.item,
        learned: learned * scales.item[source.item as usize] / scales.item[target],
        filter: scales.filter(source.item as usize, target, source.weight),
    };
    sources.iter().zip(right.iter()).map(weight).collect()
}

/// B = I − P·diag(1/P_jj) with P = (X̃'X̃ + λI)⁻¹, the strongest sources of each item.
fn ease(params: &ItemWeightsParams, weighed: &Weighed, scales: &Scales) -> Result<Vec<Vec<Weight>>> {
    let n_items = scales.item.len();
    let rows: Vec<Vec<f32>> = (0..n_items)
        .into_par_iter()
        .map_init(Vec::new, |touched, item| {
            let mut sums = vec![0f32; n_items];
            touched.clear();
            weighed.add_row(item, &mut sums, touched);
            sums
        })
        .collect();
    let ridge = f64::from(scales.ridge);
    let gram = Mat::<f64>::from_fn(n_items, n_items, |i, j| {
        let scaled = f64::from(rows[j][i]) * f64::from(scales.item[i]) * f64::from(scales.item[j]);
        scaled + if i == j { ridge } else { 0.0 }
    });
    let factor =
        gram.llt(Side::Lower).map_err(|_| Error::NotPositiveDefinite { what: "the co-purchases" })?;
    let inverse = factor.inverse();
    let strongest = |target: usize| {
        let weight = |source: usize| {
            let learned = -inverse[(source, target)] / inverse[(target, target)];
            Weight {
                source: source as u32,
                learned: (learned * f64::from(scales.item[source]) / f64::from(scales.item[target])) as f32,
                filter: scales.filter(source, target, rows[target][source]),
            }
        };
        let mut weights: Vec<Weight> = (0..n_items).filter(|&source| source != target).map(weight).collect();
        weights.sort_by(|a, b| b.learned.abs().total_cmp(&a.learned.abs()).then(a.source.cmp(&b.source)));
        weights.truncate(params.sources);
        weights
    };
    Ok((0..n_items).into_par_iter().map(strongest).collect())
}

/// The factor of the filter that gives it `share` of the sum of what was learned.
fn balance(targets: &[Vec<Weight>], share: f64) -> f32 {
    let sum =
        |part: fn(&Weight) -> f32| targets.iter().flatten().map(|w| f64::from(part(w).abs())).sum::<f64>();
    let (learned, filter) = (sum(|weight| weight.learned), sum(|weight| weight.filter));
    if filter > 0.0 { (share * learned / filter) as f32 } else { 0.0 }
}

/// Turns the matrix round: each item's list holds the items that it speaks for, the strongest first.
fn by_source(targets: &[Vec<Weight>], filter_share: f32) -> ItemLists {
    let mut lists: Vec<Vec<Scored>> = vec![Vec::new(); targets.len()];
    for (target, weights) in targets.iter().enumerate() {
        for weight in weights {
            let score = weight.learned + filter_share * weight.filter;
            if score != 0.0 && score.is_finite() {
                lists[weight.source as usize].push(Scored { item: ItemIx::at(target), score });
            }
        }
    }
    lists.par_iter_mut().for_each(|list| list.sort_by(Scored::rank_order));
    ItemLists::from_rows(lists)
}
