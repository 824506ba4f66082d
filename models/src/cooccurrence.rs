//! How many groups (customers, baskets) hold two items together: the counting under item-kNN and complements.
//!
//! Pairs are never stored. Each item's partners are counted from the groups that hold it into one dense array per
//! thread, weighed and pruned at once, so memory is O(memberships + threads × items) however many pairs there are.

use crate::ids::{ItemIx, Ix};
use crate::item_lists::ItemLists;
use crate::ranking::{Scored, TopN};
use rayon::prelude::*;

/// Sets of items, and for every item the sets that hold it.
pub(crate) struct Groups {
    by_group: Memberships,
    by_item: Memberships,
}

/// Compressed sparse rows without values.
#[derive(Default)]
struct Memberships {
    starts: Vec<usize>,
    members: Vec<u32>,
}

/// In how many groups two items are: both, the first, the second; and how many groups there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PairCount {
    pub(crate) both: u32,
    pub(crate) first: u32,
    pub(crate) second: u32,
    pub(crate) groups: u32,
}

impl Groups {
    /// Takes groups whose items are distinct; a group above `max_size` counts by an even sample of its items, since
    /// the work grows with the square of the size while a huge group says little about each of its pairs.
    pub(crate) fn new<'a>(
        groups: impl Iterator<Item = impl ExactSizeIterator<Item = ItemIx> + 'a>,
        n_items: usize,
        max_size: usize,
    ) -> Self {
        let mut by_group = Memberships { starts: vec![0], members: Vec::new() };
        for group in groups {
            let (size, kept) = (group.len(), group.len().min(max_size));
            let sampled = |at: &usize| (at + 1) * kept / size > at * kept / size;
            let members = group.enumerate().filter(|(at, _)| sampled(at)).map(|(_, item)| item.0);
            by_group.members.extend(members);
            by_group.starts.push(by_group.members.len());
        }
        let by_item = by_group.transposed(n_items);
        Self { by_group, by_item }
    }

    /// For every item its best `n` partners by `weigh`, which leaves a pair out with `None`.
    pub(crate) fn best_partners(
        &self,
        n: usize,
        weigh: impl Fn(PairCount) -> Option<f32> + Sync,
    ) -> ItemLists {
        let n_items = self.by_item.len();
        let rows: Vec<Vec<Scored>> = (0..n_items)
            .into_par_iter()
            .map_init(
                || (vec![0u32; n_items], Vec::new()),
                |(counts, partners), item| self.partners_of(item, n, &weigh, (counts, partners)),
            )
            .collect();
        ItemLists::from_rows(rows)
    }

    /// Counts the partners of one item into `counts`, which is all zero before and after.
    fn partners_of(
        &self,
        item: usize,
        n: usize,
        weigh: &impl Fn(PairCount) -> Option<f32>,
        (counts, partners): (&mut [u32], &mut Vec<u32>),
    ) -> Vec<Scored> {
        let groups = self.by_item.row(item);
        for &partner in groups.iter().flat_map(|&group| self.by_group.row(group as usize)) {
            let count = &mut counts[partner as usize];
            if *count == 0 {
                partners.push(partner);
            }
            *count += 1;
        }
        let mut best = TopN::new(n);
        for partner in partners.drain(..) {
            let pair = PairCount {
                both: std::mem::take(&mut counts[partner as usize]),
                first: groups.len() as u32,
                second: self.by_item.row(partner as usize).len() as u32,
                groups: self.by_group.len() as u32,
            };
            if partner as usize != item
                && let Some(score) = weigh(pair)
            {
                best.offer(Scored { item: ItemIx(partner), score });
            }
        }
        best.into_sorted()
    }
}

impl Memberships {
    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn row(&self, row: usize) -> &[u32] {
        &self.members[self.starts[row]..self.starts[row + 1]]
    }

    /// Counts, then places: the rows of the result list their members in ascending order.
    fn transposed(&self, n_columns: usize) -> Self {
        let mut starts = vec![0usize; n_columns + 1];
        for &member in &self.members {
            starts[member as usize + 1] += 1;
        }
        for column in 0..n_columns {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut members = vec![0u32; self.members.len()];
        for row in 0..self.len() {
            for &member in self.row(row) {
                let slot = &mut next[ItemIx(member).position()];
                members[*slot] = row as u32;
                *slot += 1;
            }
        }
        Self { starts, members }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn pair_counts_equal_counting_every_pair_of_every_group(
            groups in prop::collection::vec(prop::collection::btree_set(0u32..8, 0..8), 0..12),
        ) {
            let counted = Groups::new(groups.iter().map(|g| g.iter().map(|&i| ItemIx(i))), 8, 100);
            let holding = |items: &[u32]| groups.iter().filter(|g| items.iter().all(|i| g.contains(i))).count() as u32;
            for first in 0..8u32 {
                let met = std::sync::Mutex::new(Vec::new());
                counted.partners_of(first as usize, 8, &|pair| { met.lock().unwrap().push(pair); None }, (&mut [0; 8], &mut Vec::new()));
                let expected: Vec<PairCount> = (0..8u32)
                    .filter(|&second| second != first && holding(&[first, second]) > 0)
                    .map(|second| PairCount { both: holding(&[first, second]), first: holding(&[first]), second: holding(&[second]), groups: groups.len() as u32 })
                    .collect();
                let sort = |mut pairs: Vec<PairCount>| { pairs.sort_by_key(|p| (p.both, p.second)); pairs };
                prop_assert_eq!(sort(met.into_inner().unwrap()), sort(expected));
            }
        }

        #[test]
        fn a_large_group_counts_by_an_even_sample(size in 1usize..60, max_size in 1usize..20) {
            let counted = Groups::new(std::iter::once((0..size).map(ItemIx::at)), size, max_size);
            let members: BTreeSet<u32> = counted.by_group.row(0).iter().copied().collect();
            prop_assert_eq!(members.len(), size.min(max_size));
        }
    }
}
