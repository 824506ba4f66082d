//! Principal axes of a set of vectors: the eigenvectors of their Gram matrix.
//!
//! Rotating both sides of a factorisation by the same rotation changes no score. So before one side is held fixed
//! it is rotated until its Gram matrix is diagonal, and every row that is solved against it starts from a diagonal
//! instead of a dense matrix.

use crate::error::{Error, Result};
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Rows handled per product: enough for speed, few enough for f32 sums.
const BLOCK_ROWS: usize = 512;

/// Y'Y of a row-major matrix with `d` columns: f32 products per block, added up in f64.
///
/// The chunks do not depend on the number of threads, so neither does the sum.
pub(crate) fn gram(vectors: &[f32], d: usize) -> Mat<f64> {
    let n_rows = vectors.len() / d;
    let chunk_rows = n_rows.div_ceil(64).next_multiple_of(BLOCK_ROWS).max(BLOCK_ROWS);
    let chunks: Vec<Mat<f64>> =
        vectors.par_chunks(chunk_rows * d).map(|chunk| chunk_gram(chunk, d)).collect();
    let mut sum = Mat::<f64>::zeros(d, d);
    for chunk in &chunks {
        sum += chunk;
    }
    Mat::from_fn(d, d, |i, j| sum[(i.max(j), i.min(j))])
}

/// The lower triangle.
fn chunk_gram(chunk: &[f32], d: usize) -> Mat<f64> {
    let mut product = Mat::<f32>::zeros(d, d);
    let mut sum = Mat::<f64>::zeros(d, d);
    for block in chunk.chunks(BLOCK_ROWS * d) {
        let block = MatRef::from_row_major_slice(block, block.len() / d, d);
        triangular::matmul(
            product.as_mut(),
            BlockStructure::TriangularLower,
            Accum::Replace,
            block.transpose(),
            BlockStructure::Rectangular,
            block,
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
        for j in 0..d {
            for i in j..d {
                sum[(i, j)] += f64::from(product[(i, j)]);
            }
        }
    }
    sum
}

/// Eigenvectors of a symmetric matrix as columns, of the largest eigenvalue first, each with its largest
/// component positive so that the result is unique.
pub(crate) fn principal_axes(gram: &Mat<f64>) -> Result<Mat<f64>> {
    let d = gram.nrows();
    let mut vectors = Mat::<f64>::zeros(d, d);
    let mut values = Diag::<f64>::zeros(d);
    let scratch = self_adjoint_evd_scratch::<f64>(d, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    self_adjoint_evd(
        gram.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| Error::NotFinite { what: "the Gram matrix of the factors", at: "its eigenvalues".into() })?;
    let signs: Vec<f64> = (0..d)
        .map(|axis| {
            let largest = vectors
                .col(axis)
                .iter()
                .copied()
                .fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
            if largest < 0.0 { -1.0 } else { 1.0 }
        })
        .collect();
    Ok(Mat::from_fn(d, d, |i, j| vectors[(i, d - 1 - j)] * signs[d - 1 - j]))
}

/// Multiplies every row by `axes`, in place.
pub(crate) fn rotate(vectors: &mut [f32], axes: &Mat<f64>) {
    let d = axes.nrows();
    let axes = Mat::<f32>::from_fn(d, d, |i, j| axes[(i, j)] as f32);
    vectors.par_chunks_mut(BLOCK_ROWS * d).for_each_init(Vec::new, |unrotated, block| {
        unrotated.clear();
        unrotated.extend_from_slice(block);
        let n_rows = block.len() / d;
        matmul(
            MatMut::from_row_major_slice_mut(block, n_rows, d),
            Accum::Replace,
            MatRef::from_row_major_slice(unrotated.as_slice(), n_rows, d),
            axes.as_ref(),
            1.0,
            Par::Seq,
        );
    });
}

/// The sum of squares of each column: the diagonal of Y'Y.
pub(crate) fn energy(vectors: &[f32], d: usize) -> Vec<f32> {
    let mut sums = vec![0f64; d];
    for row in vectors.chunks_exact(d) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value) * f64::from(*value);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}
