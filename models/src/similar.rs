//! Similar items (substitutes): those whose vectors point the same way.

use crate::error::{Result, require};
use crate::ids::{ItemIx, Ix};
use crate::item_lists::ItemLists;
use crate::ranking::top_n;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimilarParams {
    /// How many similar items each item keeps.
    pub n: usize,
    /// The cosine below which items are not called similar.
    pub min_cosine: f32,
}

impl Default for SimilarParams {
    fn default() -> Self {
        Self { n: 50, min_cosine: 0.1 }
    }
}

/// Parameters in range.
#[derive(Clone, Copy, Debug)]
pub struct ValidSimilarParams(SimilarParams);

impl SimilarParams {
    /// # Errors
    /// [`crate::Error::OutOfRange`] for no list length or a cosine outside [−1, 1].
    pub fn check(self) -> Result<ValidSimilarParams> {
        require(self.n > 0, "n", self.n, "at least 1")?;
        let cosine = self.min_cosine;
        require((-1.0..=1.0).contains(&cosine), "min_cosine", cosine, "between -1 and 1")?;
        Ok(ValidSimilarParams(self))
    }
}

impl ValidSimilarParams {
    /// The most similar items of every item by the cosine of their vectors (items × factors).
    ///
    /// An item without a direction (the zero vector of one never bought) is similar to nothing. The work is
    /// items² × factors, on all threads of the current pool.
    #[allow(clippy::needless_pass_by_value, reason = "a view is itself a reference")]
    pub fn fit(&self, item_factors: ArrayView2<'_, f32>) -> ItemLists {
        const BATCH: usize = 32;
        let (n_items, d) = item_factors.dim();
        let directions: Vec<f32> = item_factors
            .rows()
            .into_iter()
            .flat_map(|row| {
                let norm = row.dot(&row).sqrt();
                let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
                row.iter().map(move |value| value * scale).collect::<Vec<f32>>()
            })
            .collect();
        let all = MatRef::from_row_major_slice(directions.as_slice(), n_items, d);
        let batches: Vec<usize> = (0..n_items).step_by(BATCH).collect();
        let rows: Vec<_> = batches
            .into_par_iter()
            .flat_map_iter(|start| {
                let size = BATCH.min(n_items - start);
                let mut cosines = vec![0f32; size * n_items];
                matmul(
                    MatMut::from_column_major_slice_mut(&mut cosines, n_items, size),
                    Accum::Replace,
                    all,
                    all.subrows(start, size).transpose(),
                    1.0,
                    Par::Seq,
                );
                let list = move |(at, cosines): (usize, &[f32])| {
                    let own = ItemIx::at(start + at);
                    let near = |item: ItemIx| cosines[item.position()] >= self.0.min_cosine;
                    top_n(cosines, self.0.n, |item| item == own || !near(item))
                };
                cosines.chunks_exact(n_items).enumerate().map(list).collect::<Vec<_>>()
            })
            .collect();
        ItemLists::from_rows(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn items_that_point_the_same_way_are_similar_whatever_their_length() {
        let factors = array![[1.0, 0.0], [10.0, 1.0], [0.0, 2.0], [0.0, 0.0], [-1.0, 0.0]];
        let lists = SimilarParams { n: 2, min_cosine: 0.05 }.check().unwrap().fit(factors.view());
        let of = |item| lists.of(ItemIx(item)).map(|entry| entry.item.0).collect::<Vec<_>>();
        assert_eq!((of(0), of(1), of(2), of(3), of(4)), (vec![1], vec![0, 2], vec![1], vec![], vec![]));
    }
}
