//! One row: the exact minimiser of the objective for one customer (or item) while the other side is fixed.
//!
//! In principal axes `Y'Y` is a diagonal E, and the row's equations are
//!
//! ```text
//! (D + Σ_j c_j·y_j·y_j') x = Σ_j c_j·y_j          D = α₀·E + λ_u·I
//! ```
//!
//! With the rows `t_j = √c_j·D^-½·y_j` of T and r = (√c_1, …, √c_n), two equal forms follow, and the smaller is solved:
//!
//! ```text
//! x = D^-½·(I + T'T)⁻¹·T'r     d × d, for long rows ("primal")
//! x = D^-½·T'·(I + TT')⁻¹·r    n × n, for short rows ("dual")
//! ```
//!
//! Both matrices have eigenvalues of at least 1, so a Cholesky factor in f32 is safe.

use crate::cells::Cell;
use crate::kernels;
use crate::system::{System, padded};
use faer::MatRef;
use serde::{Deserialize, Serialize};

/// The constants of the rows' equations, resolved from the parameters and the data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowWeights {
    /// α₀: the weight of each pair, observed or not.
    pub unobserved: f64,
    /// α₀·I: the weight of all pairs of a row.
    pub unobserved_total: f64,
    /// λ·m^(1−ν).
    pub ridge: f64,
    /// ν.
    pub exponent: f64,
}

impl RowWeights {
    /// λ_u of a row whose confidences sum to `evidence`.
    fn regularisation(&self, evidence: f64) -> f64 {
        self.ridge * (evidence + self.unobserved_total).powf(self.exponent)
    }
}

/// The fixed side.
#[derive(Clone, Copy)]
pub(super) struct Fixed<'a> {
    /// Its vectors in principal axes, row-major.
    pub(super) vectors: &'a [f32],
    /// The diagonal of their Gram matrix.
    pub(super) energy: &'a [f32],
    /// The equations' constants.
    pub(super) weights: &'a RowWeights,
}

/// Room for one row's system, kept by a thread from row to row.
pub(super) struct Workspace {
    /// D^-½.
    scale: Vec<f32>,
    /// T, or a block of its rows.
    rows: Vec<f32>,
    system: System,
    /// The right-hand side, then the solution.
    right: Vec<f32>,
}

/// Rows of T held at once: all of a dual, and enough of a primal to add them up fast.
fn block_rows(d: usize) -> usize {
    d.max(256)
}

impl Workspace {
    /// Room for rows of up to `longest` cells.
    pub(super) fn new(d: usize, longest: usize) -> Self {
        Self {
            scale: vec![0.0; d],
            rows: vec![0.0; longest.min(block_rows(d)) * d],
            system: System::up_to(longest.min(d)),
            right: vec![0.0; padded(d)],
        }
    }
}

/// Which of the two equal systems a row is solved by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Dual,
    Primal,
}

impl Fixed<'_> {
    fn d(&self) -> usize {
        self.energy.len()
    }

    fn vector(&self, cell: &Cell) -> &[f32] {
        &self.vectors[cell.column as usize * self.d()..][..self.d()]
    }

    /// Solves one row into `x`; a row without cells is the zero vector.
    ///
    /// This one function serves training, and customers at request time.
    pub(super) fn project(&self, row: &[Cell], work: &mut Workspace, x: &mut [f32]) {
        x.fill(0.0);
        if row.is_empty() {
            return;
        }
        match self.factorise(row, work) {
            Form::Dual => {
                for (right, cell) in work.right.iter_mut().zip(row) {
                    *right = cell.confidence.sqrt();
                }
                work.system.solve(&mut work.right);
                kernels::add_weighted_rows(x, &work.rows, &work.right[..row.len()]);
            }
            Form::Primal => {
                work.system.solve(&mut work.right);
                x.copy_from_slice(&work.right[..self.d()]);
            }
        }
        for (x, scale) in x.iter_mut().zip(&work.scale) {
            *x *= scale;
        }
    }

    /// How much each cell of a row adds to the score of `target`: the parts sum to the score.
    ///
    /// `score = y'x = Σ_j c_j·(y'A⁻¹y_j)` with A the matrix of the row's equations (HKV 2008, §5). The factor of A
    /// must be in `work`, from [`Self::factorise`] of the same row.
    fn contributions(&self, row: &[Cell], form: Form, target: &[f32], work: &mut Workspace) -> Vec<f32> {
        let scaled = |vector: &[f32], scale: &[f32]| -> Vec<f32> {
            vector.iter().zip(scale).map(|(v, s)| v * s).collect()
        };
        let half = scaled(target, &work.scale);
        work.right.fill(0.0);
        match form {
            Form::Dual => {
                let probe = scaled(&half, &work.scale);
                for (right, cell) in work.right.iter_mut().zip(row) {
                    *right = cell.confidence.sqrt() * kernels::dot(self.vector(cell), &probe);
                }
                work.system.solve(&mut work.right);
                row.iter().zip(&work.right).map(|(cell, part)| cell.confidence.sqrt() * part).collect()
            }
            Form::Primal => {
                work.right[..self.d()].copy_from_slice(&half);
                work.system.solve(&mut work.right);
                let probe = scaled(&work.right, &work.scale);
                row.iter().map(|cell| cell.confidence * kernels::dot(self.vector(cell), &probe)).collect()
            }
        }
    }

    /// The contributions of each cell of one row to several targets, with one factorisation.
    pub(super) fn explain(&self, row: &[Cell], targets: &[&[f32]]) -> Vec<Vec<f32>> {
        let mut work = Workspace::new(self.d(), row.len());
        let form = self.factorise(row, &mut work);
        targets.iter().map(|target| self.contributions(row, form, target, &mut work)).collect()
    }

    /// Leaves the Cholesky factor of the smaller system in `work`; for the primal also the right-hand side.
    fn factorise(&self, row: &[Cell], work: &mut Workspace) -> Form {
        let d = self.d();
        let evidence: f64 = row.iter().map(|cell| f64::from(cell.confidence)).sum();
        let ridge = self.weights.regularisation(evidence) as f32;
        let unobserved = self.weights.unobserved as f32;
        for (scale, energy) in work.scale.iter_mut().zip(self.energy) {
            *scale = 1.0 / (unobserved * energy + ridge).sqrt();
        }
        let form = if row.len() <= d { Form::Dual } else { Form::Primal };
        work.system.reset(row.len().min(d));
        work.right.fill(0.0);
        for block in row.chunks(block_rows(d)) {
            let rows = &mut work.rows[..block.len() * d];
            for (t, cell) in rows.chunks_exact_mut(d).zip(block) {
                let root = cell.confidence.sqrt();
                kernels::scale_into(t, root, self.vector(cell), &work.scale);
                if form == Form::Primal {
                    kernels::add_weighted_rows(&mut work.right[..d], t, &[root]);
                }
            }
            let rows = MatRef::from_row_major_slice(&*rows, block.len(), d);
            match form {
                Form::Dual => work.system.add_product(rows, rows.transpose()),
                Form::Primal => work.system.add_product(rows.transpose(), rows),
            }
        }
        work.system.factorise();
        form
    }
}
