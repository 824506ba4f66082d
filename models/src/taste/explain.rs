//! Why an item has its score: parts that sum to it.

use super::{Person, Taste};
use crate::ids::{ItemIx, Ix};
use crate::interactions::History;
use crate::kernels;
use crate::measures::Repeats;
use std::collections::BTreeMap;

/// The parts of one item's score; they sum to it within 1e-5 of its size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// What each item of the history adds through the dense and the sparse views, in item order.
    pub from_items: Vec<(ItemIx, f32)>,
    /// What the habit of buying it adds.
    pub habit: f32,
    /// What the person's profile adds.
    pub profile: f32,
    /// What like sessions add.
    pub session: f32,
    /// What everyone adds.
    pub popular: f32,
}

impl Taste {
    /// Explains the scores of items, each given with the vector under which the index holds it, so that items which
    /// appeared after the release are explained too.
    ///
    /// The factorisation's share is split as in Hu, Koren and Volinsky (2008, §5); the other views are sums already.
    pub fn explain(
        &self,
        history: History<'_>,
        person: &Person,
        repeats: Repeats,
        items: &[(ItemIx, &[f32])],
    ) -> Vec<Explanation> {
        let blend = self.blends.of(person.evidence, repeats);
        let (d, k) = (self.ials.n_factors(), self.n_spectral());
        let usable = |vector: &[f32]| vector.len() == self.dimensions();
        let empty = vec![0.0; d];
        let factors: Vec<&[f32]> =
            items.iter().map(|(_, vector)| if usable(vector) { &vector[..d] } else { &empty[..] }).collect();
        let by_factors = self.ials.explain_vectors(history, &factors);
        let spectral_query =
            self.spectral.as_ref().map(|spectral| spectral.query(history)).unwrap_or_default();
        let mut explained = Vec::with_capacity(items.len());
        for (((item, vector), by_factors), factors) in items.iter().zip(by_factors).zip(factors) {
            let mut parts: BTreeMap<ItemIx, f32> = BTreeMap::new();
            for (source, part) in by_factors {
                *parts.entry(source).or_default() += blend.factors * person.own_share * part;
            }
            if let Some(spectral) = self.spectral.as_ref().filter(|_| usable(vector)) {
                for (source, weight) in &spectral_query {
                    let row = spectral.vectors().row(source.position());
                    let dot = row.as_slice().map_or(0.0, |row| kernels::dot(row, &vector[d..d + k]));
                    *parts.entry(*source).or_default() += blend.spectral * weight * dot;
                }
            }
            for spoken in &person.spoken {
                if let Some(entry) = self.weights.lists().of(spoken.item).find(|entry| entry.item == *item) {
                    *parts.entry(spoken.item).or_default() += blend.weights * spoken.weight * entry.score;
                }
            }
            let habit =
                person.habits.binary_search_by_key(item, |habit| habit.item).map(|at| &person.habits[at]);
            let follows = person.session.binary_search_by_key(item, |follows| follows.item);
            let profile =
                if person.profile.is_empty() { 0.0 } else { kernels::dot(&person.profile, factors) };
            explained.push(Explanation {
                from_items: parts.into_iter().collect(),
                profile: blend.factors * profile,
                session: follows.map_or(0.0, |at| blend.session * person.session[at].score),
                habit: habit.map_or(0.0, |habit| blend.often * habit.often + blend.lately * habit.lately),
                popular: if usable(vector) { blend.popular * vector[d + k] } else { 0.0 },
            });
        }
        explained
    }
}

impl Explanation {
    /// The score that the parts make.
    pub fn sum(&self) -> f32 {
        let items: f64 = self.from_items.iter().map(|(_, part)| f64::from(*part)).sum();
        let others = [self.habit, self.profile, self.session, self.popular];
        (items + others.into_iter().map(f64::from).sum::<f64>()) as f32
    }
}
