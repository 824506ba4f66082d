//! The few loops over vectors that everything leans on, vectorised for the processor met at run time.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use pulp::{Arch, Simd, WithSimd};

/// The dot product of two vectors of equal length.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    struct Dot<'a>(&'a [f32], &'a [f32]);
    impl WithSimd for Dot<'_> {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            dot_simd(simd, self.0, self.1)
        }
    }
    Arch::new().dispatch(Dot(a, b))
}

/// The dot product of `vector` with each row of a row-major matrix; `out` has a place for each row.
pub fn dot_rows(rows: &[f32], vector: &[f32], out: &mut [f32]) {
    struct DotRows<'a>(&'a [f32], &'a [f32], &'a mut [f32]);
    impl WithSimd for DotRows<'_> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for (row, out) in self.0.chunks_exact(self.1.len().max(1)).zip(self.2) {
                *out = dot_simd(simd, row, self.1);
            }
        }
    }
    Arch::new().dispatch(DotRows(rows, vector, out));
}

/// Replaces or adds to `scores` (queries × rows) the dot product of every query with every row; both are row-major with
/// `d` columns. On one thread: callers share queries out.
pub(crate) fn products(rows: &[f32], queries: &[f32], d: usize, accum: Accum, scores: &mut [f32]) {
    let (n_rows, n_queries) = (rows.len() / d, queries.len() / d);
    matmul(
        MatMut::from_column_major_slice_mut(scores, n_rows, n_queries),
        accum,
        MatRef::from_row_major_slice(rows, n_rows, d),
        MatRef::from_column_major_slice(queries, d, n_queries),
        1.0,
        Par::Seq,
    );
}

/// Adds the rows of a row-major matrix, each times its weight, to `sum`.
pub(crate) fn add_weighted_rows(sum: &mut [f32], rows: &[f32], weights: &[f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (row, weight) in rows.chunks_exact(sum.len()).zip(weights) {
                for (sum, value) in sum.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
        },
    );
}

/// Writes `factor · values ∘ scale`, element by element.
pub(crate) fn scale_into(out: &mut [f32], factor: f32, values: &[f32], scale: &[f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((out, value), scale) in out.iter_mut().zip(values).zip(scale) {
                *out = factor * value * scale;
            }
        },
    );
}

/// Four sums at once hide the latency of the addition.
#[inline(always)]
pub(crate) fn dot_simd<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let (a_head, a_tail) = S::as_simd_f32s(a);
    let (b_head, b_tail) = S::as_simd_f32s(b);
    let mut sums = [simd.splat_f32s(0.0); 4];
    let (a_fours, a_rest) = a_head.as_chunks::<4>();
    let (b_fours, b_rest) = b_head.as_chunks::<4>();
    for (a, b) in a_fours.iter().zip(b_fours) {
        for lane in 0..4 {
            sums[lane] = simd.mul_add_e_f32s(a[lane], b[lane], sums[lane]);
        }
    }
    for (&a, &b) in a_rest.iter().zip(b_rest) {
        sums[0] = simd.mul_add_e_f32s(a, b, sums[0]);
    }
    let sum = simd.add_f32s(simd.add_f32s(sums[0], sums[1]), simd.add_f32s(sums[2], sums[3]));
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    simd.reduce_sum_f32s(sum) + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dot_equals_a_plain_sum(pairs in prop::collection::vec((-8i8..8, -8i8..8), 0..200)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().map(|&(a, b)| (f32::from(a), f32::from(b))).unzip();
            let expected: i32 = pairs.iter().map(|&(a, b)| i32::from(a) * i32::from(b)).sum();
            prop_assert_eq!(dot(&a, &b), expected as f32);
        }
    }
}
