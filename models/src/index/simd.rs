//! The one `f32` dot product of the indexes.

use pulp::{Arch, Simd, WithSimd};

/// Numbers in a row are padded with zeros to a multiple of this.
pub const LANES: usize = 16;

/// `length` rounded up to whole lanes.
pub fn padded(length: usize) -> usize {
    length.next_multiple_of(LANES)
}

/// A vector with zeros up to whole lanes.
pub fn pad(vector: &[f32]) -> Vec<f32> {
    let mut padded_vector = vector.to_vec();
    padded_vector.resize(padded(vector.len()), 0.0);
    padded_vector
}

/// Which instructions this processor has; asked once and kept, since asking costs more than a short sum.
#[derive(Clone, Copy, Debug)]
pub struct Kernels(pub(super) Arch);

impl Default for Kernels {
    fn default() -> Self {
        Self(Arch::new())
    }
}

impl Kernels {
    /// The dot product of two padded vectors of equal length.
    ///
    /// Sixteen partial sums are kept apart and then added pairwise: the order, and so the result to the last bit,
    /// is the same on every processor.
    pub fn dot(self, left: &[f32], right: &[f32]) -> f32 {
        self.0.dispatch(Dot { left, right })
    }
}

struct Dot<'a> {
    left: &'a [f32],
    right: &'a [f32],
}

/// Plain loops: compiled once per instruction set, they become that set's instructions.
impl WithSimd for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        let mut sums = [0.0_f32; LANES];
        for (left, right) in self.left.chunks_exact(LANES).zip(self.right.chunks_exact(LANES)) {
            for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
                *sum += left * right;
            }
        }
        for width in [8, 4, 2, 1] {
            for lane in 0..width {
                sums[lane] += sums[lane + width];
            }
        }
        sums[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_padded_dot_product_equals_the_plain_sum() {
        for length in [1, 15, 16, 17, 64, 130] {
            let left: Vec<f32> = (0..length).map(|i| (i as f32 * 0.37).sin()).collect();
            let right: Vec<f32> = (0..length).map(|i| (i as f32 * 0.91).cos()).collect();
            let plain: f64 = left.iter().zip(&right).map(|(l, r)| f64::from(*l) * f64::from(*r)).sum();
            let fast = Kernels::default().dot(&pad(&left), &pad(&right));
            assert!((f64::from(fast) - plain).abs() < 1e-5, "length {length}: {fast} against {plain}");
        }
    }
}
