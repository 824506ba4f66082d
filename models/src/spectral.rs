//! Spectral graph filter: a dense view of taste in closed form, without sweeps.
//!
//! With R the confidences, D_u and D_i their row and column sums and `R̃ = D_u^−κ·R·D_i^−ι`, let V be the leading right
//! singular vectors of R̃ (Shen et al. 2021, "How powerful is graph convolution for recommendation?", GF-CF):
//!
//! ```text
//! score of item i for a person with confidences r = r·D_i^−p·V · (D_i^q·V)_i'
//! ```
//!
//! κ = ι = p = q = ½ is the ideal low-pass filter of GF-CF. A person folds in by one sparse product, so training and
//! serving share it trivially. V comes from subspace iteration (Halko, Martinsson and Tropp 2011).

use crate::axes;
use crate::cells::{Cell, Cells, row_cells};
use crate::error::{Error, Result, require};
use crate::events::Timestamp;
use crate::ids::{ItemIx, Ix};
use crate::interactions::{Confidence, History, Interactions};
use crate::kernels;
use crate::scoring::Scorer;
use faer::Accum;
use ndarray::{Array2, ArrayView1};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What a user may set; the symbols are those of the [module's](self) equations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpectralParams {
    /// The length of the vectors.
    pub factors: usize,
    /// Rounds of the subspace iteration.
    pub rounds: usize,
    /// κ: how much a customer with many items is held down.
    pub customer_exponent: f64,
    /// ι: how much a popular item is held down in the spectrum.
    pub item_exponent: f64,
    /// p: how much a popular item that speaks is held down.
    pub source_exponent: f64,
    /// q: how much a popular item that is spoken for is lifted.
    pub target_exponent: f64,
    /// How purchases, quantity and age make the confidence.
    pub confidence: Confidence,
    /// Of the random start.
    pub seed: u64,
}

impl Default for SpectralParams {
    fn default() -> Self {
        Self {
            factors: 256,
            rounds: 4,
            customer_exponent: 0.4,
            item_exponent: 0.4,
            source_exponent: 0.5,
            target_exponent: 0.3,
            confidence: Confidence::default(),
            seed: 1,
        }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidSpectralParams(SpectralParams);

impl SpectralParams {
    /// # Errors
    /// [`Error::OutOfRange`] for a number outside the range in which the method is defined.
    pub fn check(self) -> Result<ValidSpectralParams> {
        require((1..=2048).contains(&self.factors), "factors", self.factors, "between 1 and 2048")?;
        require((1..=100).contains(&self.rounds), "rounds", self.rounds, "between 1 and 100")?;
        let exponents = [
            ("customer_exponent", self.customer_exponent),
            ("item_exponent", self.item_exponent),
            ("source_exponent", self.source_exponent),
            ("target_exponent", self.target_exponent),
        ];
        for (name, value) in exponents {
            require((-1.0..=2.0).contains(&value), name, value, "between -1 and 2")?;
        }
        self.confidence.check()?;
        Ok(ValidSpectralParams(self))
    }
}

/// How a history becomes a vector: all that a release keeps beside the vectors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpectralProjection {
    /// How purchases, quantity and age make the confidence.
    pub confidence: Confidence,
}

/// Item vectors and the fold-in of customers.
#[derive(Clone, Debug)]
pub struct Spectral {
    /// D^q·V, items × factors.
    vectors: Array2<f32>,
    /// D^−(p+q): turns a row of the vectors into what the item says of a person.
    input_scale: Vec<f32>,
    projection: SpectralProjection,
}

impl ValidSpectralParams {
    /// Finds the leading singular vectors; uses all threads of the current pool, and gives the same result for any
    /// number of them.
    ///
    /// # Errors
    /// [`Error::Empty`] when no interaction has any confidence.
    pub fn fit(&self, interactions: &Interactions, as_of: Timestamp) -> Result<Spectral> {
        let params = &self.0;
        let cells = Cells::new(interactions, &params.confidence, as_of)?;
        let by_item = cells.transposed(interactions.n_items());
        let degrees = by_item.degrees();
        let normalised = Normalised::new(params, cells, by_item, &degrees);
        let k = params.factors.min(interactions.n_items());
        let mut vectors = normalised.leading(k, params.rounds, params.seed)?;
        vectors.resize(interactions.n_items() * k, 0.0);
        for (row, degree) in vectors.chunks_exact_mut(k).zip(&degrees) {
            let lift = degree.powf(params.target_exponent) as f32;
            row.iter_mut().for_each(|value| *value *= lift);
        }
        let vectors =
            Array2::from_shape_vec((interactions.n_items(), k), vectors).map_err(|e| Error::Shape {
                what: "spectral vectors".into(),
                expected: format!("{} × {k}", interactions.n_items()),
                found: e.to_string(),
            })?;
        let exponent = -(params.source_exponent + params.target_exponent);
        let input_scale = degrees.iter().map(|degree| degree.powf(exponent) as f32).collect();
        Spectral::from_parts(vectors, input_scale, SpectralProjection { confidence: params.confidence })
    }
}

/// R̃, both ways round.
struct Normalised {
    by_customer: Cells,
    by_item: Cells,
}

impl Normalised {
    fn new(params: &SpectralParams, mut by_customer: Cells, mut by_item: Cells, degrees: &[f64]) -> Self {
        let power = |sum: f64, exponent: f64| if sum > 0.0 { sum.powf(-exponent) as f32 } else { 0.0 };
        let customers: Vec<f32> =
            by_customer.row_sums().into_iter().map(|sum| power(sum, params.customer_exponent)).collect();
        let items: Vec<f32> = degrees.iter().map(|&degree| power(degree, params.item_exponent)).collect();
        by_customer.scale(&customers, &items);
        by_item.scale(&items, &customers);
        Self { by_customer, by_item }
    }

    /// The `k` leading right singular vectors, items × k, each with its largest component positive.
    fn leading(&self, k: usize, rounds: usize, seed: u64) -> Result<Vec<f32>> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let n_items = self.by_item.n_rows();
        let mut items: Vec<f32> = (0..n_items * k).map(|_| random.random_range(-1.0f32..1.0)).collect();
        let mut customers = vec![0f32; self.by_customer.n_rows() * k];
        for _ in 0..rounds {
            orthonormalise(&mut items, k)?;
            multiply(&self.by_customer, &items, &mut customers, k);
            multiply(&self.by_item, &customers, &mut items, k);
        }
        orthonormalise(&mut items, k)?;
        // Rayleigh-Ritz: within the subspace, the axes along which R̃ acts.
        multiply(&self.by_customer, &items, &mut customers, k);
        axes::rotate(&mut items, &axes::principal_axes(&axes::gram(&customers, k))?);
        Ok(items)
    }
}

/// Sparse rows times a dense matrix of `k` columns.
fn multiply(rows: &Cells, dense: &[f32], product: &mut [f32], k: usize) {
    product.par_chunks_exact_mut(k).enumerate().for_each(|(row, sum)| {
        sum.fill(0.0);
        for &Cell { column, confidence } in rows.row(row) {
            kernels::add_weighted_rows(sum, &dense[column as usize * k..][..k], &[confidence]);
        }
    });
}

/// Makes the columns orthonormal: rotated into principal axes, then scaled; twice, because f32 leaves a rest.
fn orthonormalise(vectors: &mut [f32], k: usize) -> Result<()> {
    for _ in 0..2 {
        let axes = axes::principal_axes(&axes::gram(vectors, k))?;
        axes::rotate(vectors, &axes);
        let energy = axes::energy(vectors, k);
        let largest = energy.iter().copied().fold(0f32, f32::max);
        // A direction that is lost in rounding would be noise; it is left out.
        let scale: Vec<f32> =
            energy.iter().map(|&e| if e > 1e-10 * largest { 1.0 / e.sqrt() } else { 0.0 }).collect();
        vectors.par_chunks_exact_mut(k).for_each(|row| {
            for (value, scale) in row.iter_mut().zip(&scale) {
                *value *= scale;
            }
        });
    }
    Ok(())
}

impl Spectral {
    /// Takes vectors (items × factors) and the scale of each item, from training or from a release.
    ///
    /// # Errors
    /// [`Error::Shape`] without items or factors or when the scales are not one per item; [`Error::NotFinite`] for a
    /// NaN or an infinity; [`Error::OutOfRange`] for a confidence out of range.
    pub fn from_parts(
        vectors: Array2<f32>,
        input_scale: Vec<f32>,
        projection: SpectralProjection,
    ) -> Result<Self> {
        projection.confidence.check()?;
        let (n_items, k) = vectors.dim();
        if n_items == 0 || k == 0 || input_scale.len() != n_items {
            return Err(Error::Shape {
                what: "spectral vectors".into(),
                expected: "at least one item and one factor, and one scale per item".into(),
                found: format!("{n_items} × {k} with {} scales", input_scale.len()),
            });
        }
        let vectors =
            if vectors.is_standard_layout() { vectors } else { vectors.as_standard_layout().into_owned() };
        let numbers = vectors.iter().chain(&input_scale);
        match numbers.enumerate().find(|(_, number)| !number.is_finite()) {
            Some((at, _)) => Err(Error::NotFinite { what: "spectral vectors", at: format!("number {at}") }),
            None => Ok(Self { vectors, input_scale, projection }),
        }
    }

    /// Items × factors.
    pub fn vectors(&self) -> &Array2<f32> {
        &self.vectors
    }

    /// What turns a row of the vectors into what the item says of a person.
    pub fn input_scale(&self) -> &[f32] {
        &self.input_scale
    }

    /// How a history becomes a vector.
    pub fn projection(&self) -> &SpectralProjection {
        &self.projection
    }

    /// The length of the vectors.
    pub fn n_factors(&self) -> usize {
        self.vectors.ncols()
    }

    /// The vector of one item, if the catalogue has it.
    pub fn item_vector(&self, item: ItemIx) -> Option<ArrayView1<'_, f32>> {
        (item.position() < self.vectors.nrows()).then(|| self.vectors.row(item.position()))
    }

    /// The weight with which each item of a history adds its vector to the person's, over the root of the sum of the
    /// confidences as in [`crate::item_weights::Spoken`].
    pub fn query(&self, history: History<'_>) -> Vec<(ItemIx, f32)> {
        let confidence = &self.projection.confidence;
        let cells: Vec<Cell> =
            row_cells(history.interactions, self.vectors.nrows(), confidence, history.as_of).collect();
        let root = cells.iter().map(|cell| cell.confidence).sum::<f32>().sqrt();
        let weight = |cell: &Cell| cell.confidence / root * self.input_scale[cell.column as usize];
        cells.iter().map(|cell| (ItemIx(cell.column), weight(cell))).collect()
    }

    /// The vector of a person; zero for an empty history.
    pub fn fold_in(&self, history: History<'_>) -> Vec<f32> {
        let mut person = vec![0.0; self.n_factors()];
        for (item, weight) in self.query(history) {
            if let Some(vector) = self.vectors.row(item.position()).as_slice() {
                kernels::add_weighted_rows(&mut person, vector, &[weight]);
            }
        }
        person
    }
}

impl Scorer for Spectral {
    fn name(&self) -> &'static str {
        "spectral"
    }

    fn n_items(&self) -> usize {
        self.vectors.nrows()
    }

    fn score(&self, history: History<'_>, scores: &mut [f32]) {
        kernels::dot_rows(self.vectors.as_slice().unwrap_or_default(), &self.fold_in(history), scores);
    }

    fn score_batch(&self, histories: &[History<'_>], scores: &mut [f32]) {
        let people: Vec<f32> = histories.iter().flat_map(|history| self.fold_in(*history)).collect();
        let vectors = self.vectors.as_slice().unwrap_or_default();
        kernels::products(vectors, &people, self.n_factors(), Accum::Replace, scores);
    }
}
