//! The slow, obvious twin of every index, and small catalogues to compare them on.

use super::simd::{Kernels, pad};
use super::{ItemIndex, Query};
use crate::ids::{ItemIx, Ix};
use crate::payload::{Condition, Filter, Match, Payload, PayloadValue};
use crate::ranking::Scored;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

/// Items in a map; a search scores and sorts them all.
#[derive(Default)]
pub(super) struct Twin(pub(super) BTreeMap<ItemIx, (Vec<f32>, Payload)>);

impl Twin {
    /// Vectors around a few tastes, with norms that differ a few times, and a parity in the payload.
    pub(super) fn random(count: usize, dimensions: usize, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut normal = move || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
        let tastes: Vec<Vec<f32>> = (0..8).map(|_| (0..dimensions).map(|_| normal()).collect()).collect();
        let item = |position: usize| {
            let norm = (0.5 * normal()).exp();
            let vector = tastes[position % 8].iter().map(|centre| norm * (centre + normal())).collect();
            (ItemIx::at(position), (vector, parity(position)))
        };
        Self((0..count).map(item).collect())
    }

    /// Puts all items into an index.
    pub(super) fn fill(&self, index: &mut dyn ItemIndex) {
        for (&item, (vector, payload)) in &self.0 {
            index.upsert(item, vector, payload).unwrap();
        }
    }

    pub(super) fn search(&self, query: &Query<'_>) -> Vec<Scored> {
        let score = |vector: &[f32]| Kernels::default().dot(&pad(vector), &pad(query.vector));
        let mut hits: Vec<Scored> = self
            .0
            .iter()
            .filter(|(item, (_, payload))| query.filter.accepts(payload) && !query.exclude.contains(item))
            .map(|(&item, (vector, _))| Scored { item, score: score(vector) })
            .collect();
        hits.sort_by(Scored::rank_order);
        hits.truncate(query.n);
        hits
    }
}

pub(super) fn parity(position: usize) -> Payload {
    Payload::from([("even".to_string(), PayloadValue::Flag(position.is_multiple_of(2)))])
}

pub(super) fn only_even() -> Filter {
    let matches = Some(Match::Value(PayloadValue::Flag(true)));
    Filter { must: vec![Condition { key: "even".into(), matches, range: None }], ..Filter::default() }
}
