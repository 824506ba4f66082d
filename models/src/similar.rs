//! Similar items (substitutes): those whose vectors point the same way.

use crate::error::{Result, require};
use crate::ids::{ItemIx, Ix};
use crate::item_lists::ItemLists;
use crate::ranking::{Scored, TopN};
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
        let starts: Vec<usize> = (0..n_items).step_by(BATCH).collect();
        let rows: Vec<_> = starts
            .into_par_iter()
            .flat_map_iter(|start| self.lists(all, start, BATCH.min(n_items - start)))
            .collect();
        ItemLists::from_rows(rows)
    }

    /// The lists of `size` items from `start` on, tile after tile of the catalogue.
    fn lists(&self, all: MatRef<'_, f32>, start: usize, size: usize) -> Vec<Vec<Scored>> {
        let mut lists: Vec<TopN> = (0..size).map(|_| TopN::new(self.0.n)).collect();
        let mut cosines = vec![0f32; TILE * size];
        for tile in (0..all.nrows()).step_by(TILE) {
            let height = TILE.min(all.nrows() - tile);
            let cosines = &mut cosines[..height * size];
            matmul(
                MatMut::from_column_major_slice_mut(cosines, height, size),
                Accum::Replace,
                all.subrows(tile, height),
                all.subrows(start, size).transpose(),
                1.0,
                Par::Seq,
            );
            for (at, (list, cosines)) in lists.iter_mut().zip(cosines.chunks_exact(height)).enumerate() {
                self.offer(list, tile, cosines, ItemIx::at(start + at));
            }
        }
        lists.into_iter().map(TopN::into_sorted).collect()
    }

    /// Offers the items from `tile` on, but `own`, to a list.
    fn offer(&self, list: &mut TopN, tile: usize, cosines: &[f32], own: ItemIx) {
        let mut least = list.threshold().max(self.0.min_cosine);
        for (at, &score) in cosines.iter().enumerate() {
            let item = ItemIx::at(tile + at);
            if score >= least && item != own {
                list.offer(Scored { item, score });
                least = list.threshold().max(self.0.min_cosine);
            }
        }
    }
}

/// Items whose lists are made together.
const BATCH: usize = 64;
/// Items that they are compared with at a time: few enough for the vectors and the cosines to stay in the cache.
const TILE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, ArrayView1, array};

    #[test]
    fn items_that_point_the_same_way_are_similar_whatever_their_length() {
        let factors = array![[1.0, 0.0], [10.0, 1.0], [0.0, 2.0], [0.0, 0.0], [-1.0, 0.0]];
        let lists = SimilarParams { n: 2, min_cosine: 0.05 }.check().unwrap().fit(factors.view());
        let of = |item| lists.of(ItemIx(item)).map(|entry| entry.item.0).collect::<Vec<_>>();
        assert_eq!((of(0), of(1), of(2), of(3), of(4)), (vec![1], vec![0, 2], vec![1], vec![], vec![]));
    }

    #[test]
    fn lists_over_several_tiles_are_those_of_a_full_sort() {
        let n_items = 2 * TILE + 77;
        let factors =
            Array2::from_shape_fn((n_items, 3), |(item, axis)| ((item * 37 + axis * 101) % 61) as f32 - 30.0);
        let lists = SimilarParams { n: 5, min_cosine: 0.2 }.check().unwrap().fit(factors.view());
        for item in [0, 63, 64, TILE - 1, TILE, n_items - 1] {
            let (own, length) = (factors.row(item), |row: ArrayView1<'_, f32>| row.dot(&row).sqrt());
            let mut cosines: Vec<f32> = (0..n_items)
                .filter(|&other| other != item)
                .map(|other| own.dot(&factors.row(other)) / (length(own) * length(factors.row(other))))
                .filter(|&cosine| cosine >= 0.2)
                .collect();
            cosines.sort_by(|a, b| b.total_cmp(a));
            let found: Vec<f32> = lists.of(ItemIx::at(item)).map(|entry| entry.score).collect();
            assert_eq!(found.len(), 5);
            assert!(
                found.iter().zip(&cosines).all(|(a, b)| (a - b).abs() < 1e-5),
                "{item}: {found:?} {cosines:?}"
            );
        }
    }
}
