//! Folds of whole groups, with a like share of each answer.

use super::rows::Rows;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

/// Which part each row belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folds {
    of_row: Vec<u8>,
    n: u8,
}

impl Folds {
    /// Deals groups with a yes and groups without one in turn, each in an order drawn from the seed.
    pub(super) fn deal(rows: &Rows<'_>, n: usize, seed: u64) -> Self {
        let (places, n_groups) = rows.group_places();
        let mut has_yes = vec![false; n_groups];
        for (place, label) in places.iter().zip(rows.labels()) {
            has_yes[*place as usize] |= label;
        }
        let (mut yes, mut no): (Vec<usize>, Vec<usize>) = (0..n_groups).partition(|group| has_yes[*group]);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        yes.shuffle(&mut random);
        no.shuffle(&mut random);
        let mut of_group = vec![0u8; n_groups];
        for (turn, group) in yes.into_iter().chain(no).enumerate() {
            of_group[group] = (turn % n) as u8;
        }
        Self { of_row: places.iter().map(|place| of_group[*place as usize]).collect(), n: n as u8 }
    }

    /// For each fold, the rows outside and the rows inside; rows for which `wanted` is false are in neither.
    pub(super) fn splits(&self, wanted: impl Fn(usize) -> bool) -> Vec<(Vec<u32>, Vec<u32>)> {
        let rows: Vec<u32> =
            (0..self.of_row.len()).filter(|row| wanted(*row)).map(|row| row as u32).collect();
        let split = |fold: u8| rows.iter().partition(|row| self.of_row[**row as usize] != fold);
        (0..self.n).map(split).collect()
    }

    /// About `most` rows at most, whole groups, drawn from the seed: all where there are no more.
    pub(super) fn sample(rows: &Rows<'_>, most: usize, seed: u64) -> Vec<bool> {
        let parts = rows.len().div_ceil(most).clamp(1, 250);
        if parts == 1 {
            return vec![true; rows.len()];
        }
        Self::deal(rows, parts, seed).of_row.iter().map(|fold| *fold == 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stay_whole_and_answers_are_spread() {
        let n = 1000;
        let groups: Vec<u32> = (0..n).map(|row| row / 3).collect();
        let labels: Vec<bool> = groups.iter().map(|group| group.is_multiple_of(7)).collect();
        let values = vec![0.0; n as usize];
        let rows = Rows::new(1, &values, &labels).unwrap().with_groups(&groups).unwrap();
        let folds = Folds::deal(&rows, 5, 3);
        let splits = folds.splits(|_| true);
        for (outside, inside) in &splits {
            assert_eq!(outside.len() + inside.len(), n as usize);
            let inside_groups: Vec<u32> = inside.iter().map(|row| groups[*row as usize]).collect();
            assert!(outside.iter().all(|row| !inside_groups.contains(&groups[*row as usize])));
            let yes = inside.iter().filter(|row| labels[**row as usize]).count();
            assert!((24..=33).contains(&yes), "{yes} of 144 in five folds");
        }
        assert_eq!(folds, Folds::deal(&rows, 5, 3));
        assert_ne!(folds, Folds::deal(&rows, 5, 4));
        let kept = Folds::sample(&rows, 300, 3).iter().filter(|kept| **kept).count();
        assert!((240..=270).contains(&kept), "{kept}");
    }
}
