//! A symmetric positive definite system whose eigenvalues are at least 1, of any size up to a bound.
//!
//! Most rows of a history are short, and for a few dozen unknowns the overhead of a general library's calls is
//! larger than the work. Those are factorised here, by columns, whole vectors at a time; larger ones by faer.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Arch, Simd, WithSimd};

/// Columns start at multiples of this many numbers: the widest vector of any processor.
const STRIDE: usize = 16;

/// Up to this size the loops here are faster; measured for 128 factors.
const SMALL: usize = 64;

/// Room for systems up to some size, and the one at hand: first I, then a sum, then its Cholesky factor.
pub(crate) struct System {
    size: usize,
    stride: usize,
    /// The lower triangle, column-major; what lies above it has no meaning, or is zero in a small factor.
    matrix: Vec<f32>,
    /// One over the diagonal of a small factor, whose own diagonal is zero.
    inverse_pivots: Vec<f32>,
    stack: MemBuffer,
}

impl System {
    pub(crate) fn up_to(size: usize) -> Self {
        let scratch = llt::factor::cholesky_in_place_scratch::<f32>(size, Par::Seq, Default::default());
        Self {
            size: 0,
            stride: 0,
            matrix: vec![0.0; size.next_multiple_of(STRIDE) * size],
            inverse_pivots: vec![0.0; size],
            stack: MemBuffer::new(scratch),
        }
    }

    /// Begins with the identity of this size.
    pub(crate) fn reset(&mut self, size: usize) {
        (self.size, self.stride) = (size, size.next_multiple_of(STRIDE));
        let matrix = &mut self.matrix[..self.stride * size];
        matrix.fill(0.0);
        matrix.iter_mut().step_by(self.stride + 1).for_each(|diagonal| *diagonal = 1.0);
    }

    /// Adds `left · right`, which is symmetric.
    pub(crate) fn add_product(&mut self, left: MatRef<'_, f32>, right: MatRef<'_, f32>) {
        triangular::matmul(
            self.as_faer(),
            BlockStructure::TriangularLower,
            Accum::Add,
            left,
            BlockStructure::Rectangular,
            right,
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
    }

    /// Sets what is added to the identity at (row, column) and at its mirror image.
    pub(crate) fn set(&mut self, row: usize, column: usize, value: f32) {
        let identity = if row == column { 1.0 } else { 0.0 };
        self.matrix[row.min(column) * self.stride + row.max(column)] = identity + value;
    }

    /// Replaces the sum by its Cholesky factor.
    ///
    /// No pivot can be below 1; one that rounding has pushed below ½ is set to 1, so this cannot fail.
    pub(crate) fn factorise(&mut self) {
        if self.size <= SMALL {
            let (size, stride) = (self.size, self.stride);
            let (matrix, inverse_pivots) = (&mut self.matrix, &mut self.inverse_pivots);
            return Arch::new().dispatch(SmallCholesky { size, stride, matrix, inverse_pivots });
        }
        let rounding = llt::factor::LltRegularization {
            dynamic_regularization_delta: 1.0,
            dynamic_regularization_epsilon: 0.5,
        };
        let (size, stride) = (self.size, self.stride);
        let matrix = MatMut::from_column_major_slice_with_stride_mut(&mut self.matrix, size, size, stride);
        let stack = MemStack::new(&mut self.stack);
        let factored = llt::factor::cholesky_in_place(matrix, rounding, Par::Seq, stack, Default::default());
        debug_assert!(factored.is_ok(), "pivots are kept positive");
    }

    /// Solves the factorised system for `right`, in place; its length is the size rounded up to the stride, and what
    /// is beyond the size is zero.
    pub(crate) fn solve(&mut self, right: &mut [f32]) {
        let (size, stride) = (self.size, self.stride);
        if size <= SMALL {
            let (matrix, inverse_pivots) = (&self.matrix, &self.inverse_pivots);
            return Arch::new().dispatch(SmallSolve { size, stride, matrix, inverse_pivots, right });
        }
        llt::solve::solve_in_place(
            MatRef::from_column_major_slice_with_stride(&self.matrix, size, size, stride),
            MatMut::from_column_major_slice_mut(&mut right[..size], size, 1),
            Par::Seq,
            MemStack::new(&mut self.stack),
        );
    }

    fn as_faer(&mut self) -> MatMut<'_, f32> {
        MatMut::from_column_major_slice_with_stride_mut(&mut self.matrix, self.size, self.size, self.stride)
    }
}

/// The room that a right-hand side of some size needs.
pub(crate) fn padded(size: usize) -> usize {
    size.next_multiple_of(STRIDE)
}

struct SmallCholesky<'a> {
    size: usize,
    stride: usize,
    matrix: &'a mut [f32],
    inverse_pivots: &'a mut [f32],
}

impl WithSimd for SmallCholesky<'_> {
    type Output = ();

    /// Left-looking: column j is its own sum minus what the columns before it explain.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { size, stride, matrix, inverse_pivots } = self;
        let lanes = S::F32_LANES;
        for j in 0..size {
            let (before, rest) = matrix.split_at_mut(j * stride);
            let column = &mut rest[..stride];
            let (mut at, end) = (j / lanes, stride / lanes);
            while at < end {
                at += match end - at {
                    1 => subtract_explained::<S, 1>(simd, column, before, (j, at)),
                    2 | 3 => subtract_explained::<S, 2>(simd, column, before, (j, at)),
                    _ => subtract_explained::<S, 4>(simd, column, before, (j, at)),
                };
            }
            let pivot = if column[j] < 0.5 { 1.0 } else { column[j] };
            let inverse = 1.0 / pivot.sqrt();
            inverse_pivots[j] = inverse;
            column[j - j % lanes..=j].fill(0.0);
            let (chunks, _) = S::as_mut_simd_f32s(column);
            for chunk in chunks.iter_mut().skip(j / lanes) {
                *chunk = simd.mul_f32s(*chunk, simd.splat_f32s(inverse));
            }
        }
    }
}

/// Subtracts from WIDTH vectors of column j, from vector `at` on, what the columns before it explain; gives WIDTH.
///
/// Two columns at a time, so that additions do not wait for each other.
#[inline(always)]
fn subtract_explained<S: Simd, const WIDTH: usize>(
    simd: S,
    column: &mut [f32],
    before: &[f32],
    (j, at): (usize, usize),
) -> usize {
    let mut even = [simd.splat_f32s(0.0); WIDTH];
    let mut odd = even;
    let add = |sums: &mut [S::f32s; WIDTH], earlier: &[f32]| {
        let factor = simd.splat_f32s(earlier[j]);
        let (vectors, _) = S::as_simd_f32s(earlier);
        for (sum, vector) in sums.iter_mut().zip(&vectors[at..at + WIDTH]) {
            *sum = simd.mul_add_e_f32s(factor, *vector, *sum);
        }
    };
    let stride = column.len();
    let pairs = before.chunks_exact(2 * stride);
    let last = pairs.remainder();
    for pair in pairs {
        add(&mut even, &pair[..stride]);
        add(&mut odd, &pair[stride..]);
    }
    if !last.is_empty() {
        add(&mut even, last);
    }
    let (vectors, _) = S::as_mut_simd_f32s(column);
    for (vector, (even, odd)) in vectors[at..at + WIDTH].iter_mut().zip(even.into_iter().zip(odd)) {
        *vector = simd.sub_f32s(*vector, simd.add_f32s(even, odd));
    }
    WIDTH
}

struct SmallSolve<'a> {
    size: usize,
    stride: usize,
    matrix: &'a [f32],
    inverse_pivots: &'a [f32],
    right: &'a mut [f32],
}

impl WithSimd for SmallSolve<'_> {
    type Output = ();

    /// Forward by columns of L, then back by their dot products, which are the rows of L'.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { size, stride, matrix, inverse_pivots, right } = self;
        let lanes = S::F32_LANES;
        let right = &mut right[..stride];
        for (j, column) in matrix.chunks_exact(stride.max(1)).take(size).enumerate() {
            let solved = right[j] * inverse_pivots[j];
            let factor = simd.splat_f32s(-solved);
            let (chunks, _) = S::as_simd_f32s(column);
            let (sums, _) = S::as_mut_simd_f32s(right);
            for (sum, chunk) in sums.iter_mut().zip(chunks).skip(j / lanes) {
                *sum = simd.mul_add_e_f32s(factor, *chunk, *sum);
            }
            right[j] = solved;
        }
        for (j, column) in matrix.chunks_exact(stride.max(1)).take(size).enumerate().rev() {
            let (chunks, _) = S::as_simd_f32s(column);
            let (known, _) = S::as_simd_f32s(right);
            let mut sum = simd.splat_f32s(0.0);
            for (known, chunk) in known.iter().zip(chunks).skip(j / lanes) {
                sum = simd.mul_add_e_f32s(*known, *chunk, sum);
            }
            right[j] = (right[j] - simd.reduce_sum_f32s(sum)) * inverse_pivots[j];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_solution_satisfies_its_system_whatever_the_size(
            (size, rows) in (1usize..100).prop_flat_map(|size| (Just(size), prop::collection::vec(-1f32..1.0, size * 5))),
        ) {
            let mut system = System::up_to(100);
            for _ in 0..2 {
                // Twice, so that nothing of the first stays behind.
                system.reset(size);
                let t = MatRef::from_row_major_slice(&rows, size, 5);
                system.add_product(t, t.transpose());
                system.factorise();
            }
            let mut x = vec![0f32; padded(size)];
            (0..size).for_each(|i| x[i] = i as f32 - 3.0);
            system.solve(&mut x);
            for i in 0..size {
                let dot = |j: usize| (0..5).map(|k| rows[i * 5 + k] * rows[j * 5 + k]).sum::<f32>();
                let left = x[i] + (0..size).map(|j| dot(j) * x[j]).sum::<f32>();
                prop_assert!((left - (i as f32 - 3.0)).abs() < 1e-3, "row {i}: {left}");
            }
        }
    }
}
