//! The sweeps.

use super::model::{Ials, Projection};
use super::solve::{Fixed, RowWeights, Workspace};
use super::{IalsParams, ValidIalsParams};
use crate::axes;
use crate::cells::Cells;
use crate::error::{Error, Result};
use crate::events::Timestamp;
use crate::interactions::Interactions;
use ndarray::Array2;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

/// How far training has come: told to the caller after each sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Sweeps finished.
    pub done: usize,
    /// Sweeps in all.
    pub of: usize,
}

impl ValidIalsParams {
    /// Learns item vectors from a history as of a moment; uses all threads of the current pool, and gives the same
    /// result for any number of them.
    ///
    /// Customers' vectors are not kept: [`Ials::fold_in`] gives them from a history.
    ///
    /// # Errors
    /// [`Error::Empty`] when no interaction has any confidence.
    pub fn fit(
        &self,
        interactions: &Interactions,
        as_of: Timestamp,
        mut on_sweep: impl FnMut(Sweep),
    ) -> Result<Ials> {
        let params = &self.0;
        let by_customer = Cells::new(interactions, &params.confidence, as_of)?;
        let by_item = by_customer.transposed(interactions.n_items());
        let (customer_rows, item_rows) = row_weights(params, &by_customer, &by_item);
        let d = params.factors;
        let mut customers = vec![0f32; by_customer.n_rows() * d];
        let mut items = random_start(by_item.n_rows(), d, params.seed);
        for done in 1..=params.sweeps {
            half_sweep(&mut items, &by_customer, &customer_rows, &mut customers)?;
            half_sweep(&mut customers, &by_item, &item_rows, &mut items)?;
            on_sweep(Sweep { done, of: params.sweeps });
        }
        let items = Array2::from_shape_vec((by_item.n_rows(), d), items).map_err(|error| Error::Shape {
            what: "item factors".into(),
            expected: format!("{} × {d}", by_item.n_rows()),
            found: error.to_string(),
        })?;
        Ials::from_parts(items, Projection { confidence: params.confidence, rows: customer_rows })
    }
}

/// The constants of the customers' and of the items' equations.
fn row_weights(params: &IalsParams, by_customer: &Cells, by_item: &Cells) -> (RowWeights, RowWeights) {
    let (n_customers, n_items) = (by_customer.n_active_rows() as f64, by_item.n_active_rows() as f64);
    let observed = by_customer.total();
    let items_per_customer = by_customer.n_cells() as f64 / n_customers;
    let unobserved =
        params.unobserved_weight * items_per_customer.sqrt() * observed / (n_customers * n_items);
    let side = |n_rows: f64, n_columns: f64| {
        let mean_weight = observed / n_rows + unobserved * n_columns;
        RowWeights {
            unobserved,
            unobserved_total: unobserved * n_columns,
            ridge: params.regularisation * mean_weight.powf(1.0 - params.frequency_exponent),
            exponent: params.frequency_exponent,
        }
    };
    (side(n_customers, n_items), side(n_items, n_customers))
}

/// Small vectors in random directions; only their span matters, since the first half-sweep replaces the other side.
fn random_start(n_rows: usize, d: usize, seed: u64) -> Vec<f32> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let reach = 0.1 / (d as f32).sqrt();
    (0..n_rows * d).map(|_| random.random_range(-reach..reach)).collect()
}

/// Rotates the fixed side into its principal axes, then solves every row of the other side against it.
fn half_sweep(fixed: &mut [f32], rows: &Cells, weights: &RowWeights, solved: &mut [f32]) -> Result<()> {
    let d = solved.len() / rows.n_rows();
    let principal = axes::principal_axes(&axes::gram(fixed, d))?;
    axes::rotate(fixed, &principal);
    let energy = axes::energy(fixed, d);
    let fixed = Fixed { vectors: fixed, energy: &energy, weights };

    let longest = rows.longest_row();
    let mut rest = solved;
    let mut blocks = Vec::new();
    for block in rows.blocks(d) {
        let (vectors, after) = rest.split_at_mut(block.len() * d);
        blocks.push((block, vectors));
        rest = after;
    }
    blocks.into_par_iter().for_each_init(
        || Workspace::new(d, longest),
        |work, (block, vectors)| {
            for (row, x) in block.zip(vectors.chunks_exact_mut(d)) {
                fixed.project(rows.row(row), work, x);
            }
        },
    );
    Ok(())
}
