//! What training leaves: item vectors, and the constants to fold a person's history in.

use super::solve::{Fixed, RowWeights, Workspace};
use crate::axes;
use crate::cells::{Cell, row_cells};
use crate::error::{Error, Result, require};
use crate::ids::{ItemIx, Ix};
use crate::interactions::{Confidence, History, Interaction, Interactions};
use crate::kernels;
use crate::scoring::Scorer;
use faer::Accum;
use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a history becomes a vector: all that a release keeps beside the item factors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Projection {
    /// How purchases, quantity and age make the confidence.
    pub confidence: Confidence,
    /// The constants of the customers' equations.
    pub rows: RowWeights,
}

/// A fitted factorisation.
#[derive(Clone, Debug)]
pub struct Ials {
    /// Items × factors in standard layout and principal axes.
    item_factors: Array2<f32>,
    /// The diagonal of their Gram matrix.
    energy: Vec<f32>,
    projection: Projection,
}

impl Ials {
    /// Takes item factors (items × factors) and a projection, from training or from a release.
    ///
    /// Factors that are not in principal axes are rotated into them, which changes no score; those of a model
    /// already are, and come back bit for bit.
    ///
    /// # Errors
    /// [`Error::Shape`] without items or factors; [`Error::NotFinite`] for a NaN or an infinity;
    /// [`Error::OutOfRange`] for constants that training cannot have given.
    pub fn from_parts(item_factors: Array2<f32>, projection: Projection) -> Result<Self> {
        let (n_items, d) = item_factors.dim();
        if n_items == 0 || d == 0 {
            return Err(Error::Shape {
                what: "item factors".into(),
                expected: "at least one item and one factor".into(),
                found: format!("{n_items} × {d}"),
            });
        }
        check_projection(&projection)?;
        let mut item_factors = if item_factors.is_standard_layout() {
            item_factors
        } else {
            item_factors.as_standard_layout().into_owned()
        };
        let vectors = item_factors.as_slice_mut().unwrap_or_default();
        if let Some(at) = vectors.iter().position(|value| !value.is_finite()) {
            let at = format!("item {}, factor {}", at / d, at % d);
            return Err(Error::NotFinite { what: "item factors", at });
        }
        let gram = axes::gram(vectors, d);
        let largest = (0..d).map(|axis| gram[(axis, axis)]).fold(0.0, f64::max);
        // Rounding to f32 leaves far less than this beside the diagonal; anything more is another basis.
        let diagonal = (0..d).all(|j| (0..j).all(|i| gram[(i, j)].abs() <= 1e-6 * largest));
        if !diagonal {
            axes::rotate(vectors, &axes::principal_axes(&gram)?);
        }
        let energy = axes::energy(vectors, d);
        Ok(Self { item_factors, energy, projection })
    }

    /// Items × factors, in principal axes: the strongest first.
    pub fn item_factors(&self) -> &Array2<f32> {
        &self.item_factors
    }

    /// The vector of one item, if the catalogue has it.
    pub fn item_vector(&self, item: ItemIx) -> Option<ArrayView1<'_, f32>> {
        (item.position() < self.item_factors.nrows()).then(|| self.item_factors.row(item.position()))
    }

    /// The length of the vectors.
    pub fn n_factors(&self) -> usize {
        self.energy.len()
    }

    /// How a history becomes a vector.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// The vector of a person: the very solution that training would give this history as a row.
    ///
    /// Items outside the catalogue are passed over; an empty history is the zero vector. Costs one Cholesky
    /// factorisation of the size of the shorter of history and vector.
    pub fn fold_in(&self, history: History<'_>) -> Vec<f32> {
        let row = self.cells(history);
        let mut x = vec![0.0; self.n_factors()];
        self.fixed().project(&row, &mut Workspace::new(self.n_factors(), row.len()), &mut x);
        x
    }

    /// The vectors of all customers (customers × factors), on all threads of the current pool.
    pub fn fold_in_all(&self, interactions: &Interactions, as_of: crate::events::Timestamp) -> Array2<f32> {
        self.fold_in_rows(&interactions.rows().map(|(_, row)| row).collect::<Vec<_>>(), as_of)
    }

    /// The vectors of many people (people × factors), on all threads of the current pool.
    pub fn fold_in_rows(&self, rows: &[&[Interaction]], as_of: crate::events::Timestamp) -> Array2<f32> {
        let d = self.n_factors();
        let longest = rows.iter().map(|row| row.len()).max().unwrap_or_default();
        let mut vectors = Array2::zeros((rows.len(), d));
        if let Some(vectors) = vectors.as_slice_mut() {
            vectors.par_chunks_exact_mut(d).zip(rows).for_each_init(
                || Workspace::new(d, longest),
                |work, (x, interactions)| {
                    self.fixed().project(&self.cells(History::new(interactions, as_of)), work, x);
                },
            );
        }
        vectors
    }

    /// What each item of the history adds to the score of `item`; the parts sum to the score (HKV 2008, §5).
    ///
    /// Empty when the item is outside the catalogue.
    pub fn explain(&self, history: History<'_>, item: ItemIx) -> Vec<(ItemIx, f32)> {
        self.explain_all(history, &[item]).pop().unwrap_or_default()
    }

    /// [`Self::explain`] of several items with one factorisation, in the order of `items`.
    pub fn explain_all(&self, history: History<'_>, items: &[ItemIx]) -> Vec<Vec<(ItemIx, f32)>> {
        let known = |item: &ItemIx| item.position() < self.item_factors.nrows();
        let vectors: Vec<&[f32]> = items
            .iter()
            .filter(|item| known(item))
            .map(|item| &self.vectors()[item.position() * self.n_factors()..][..self.n_factors()])
            .collect();
        let mut explained = self.explain_vectors(history, &vectors).into_iter();
        let parts = items.iter().map(|item| if known(item) { explained.next() } else { None });
        parts.map(Option::unwrap_or_default).collect()
    }

    /// [`Self::explain`] of items given by their vectors, also those that are not of the catalogue.
    pub fn explain_vectors(&self, history: History<'_>, vectors: &[&[f32]]) -> Vec<Vec<(ItemIx, f32)>> {
        let row = self.cells(history);
        let named = |parts: Vec<f32>| row.iter().map(|cell| ItemIx(cell.column)).zip(parts).collect();
        self.fixed().explain(&row, vectors).into_iter().map(named).collect()
    }

    fn cells(&self, history: History<'_>) -> Vec<Cell> {
        let n_items = self.item_factors.nrows();
        row_cells(history.interactions, n_items, &self.projection.confidence, history.as_of).collect()
    }

    fn vectors(&self) -> &[f32] {
        self.item_factors.as_slice().unwrap_or_default()
    }

    fn fixed(&self) -> Fixed<'_> {
        Fixed { vectors: self.vectors(), energy: &self.energy, weights: &self.projection.rows }
    }
}

impl Scorer for Ials {
    fn name(&self) -> &'static str {
        "iALS"
    }

    fn n_items(&self) -> usize {
        self.item_factors.nrows()
    }

    fn score(&self, history: History<'_>, scores: &mut [f32]) {
        kernels::dot_rows(self.vectors(), &self.fold_in(history), scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        let people: Vec<f32> = histories.iter().flat_map(|history| self.fold_in(*history)).collect();
        kernels::products(self.vectors(), &people, self.n_factors(), Accum::Replace, scores);
    }
}

fn check_projection(projection: &Projection) -> Result<()> {
    projection.confidence.check()?;
    let RowWeights { unobserved, unobserved_total, ridge, exponent } = projection.rows;
    let above_zero = [("unobserved", unobserved), ("unobserved_total", unobserved_total), ("ridge", ridge)];
    for (name, value) in above_zero {
        require(value.is_finite() && value > 0.0, name, value, "a number above 0")?;
    }
    require((0.0..=2.0).contains(&exponent), "exponent", exponent, "between 0 and 2")
}
