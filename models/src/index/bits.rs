//! A set of rows, one bit each.

/// A set of row numbers below a fixed length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    length: usize,
}

impl Bits {
    /// The empty set over rows `0..length`.
    pub fn none(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(64)], length }
    }

    /// The set of all rows `0..length`.
    pub fn all(length: usize) -> Self {
        let mut words = vec![u64::MAX; length.div_ceil(64)];
        if let Some(last) = words.last_mut() {
            *last >>= (64 - length % 64) % 64;
        }
        Self { words, length }
    }

    /// The number of rows that the set speaks of.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the set speaks of no row.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Makes room for one row more, which is in the set.
    pub fn push(&mut self) {
        self.length += 1;
        self.words.resize(self.length.div_ceil(64), 0);
        self.insert(self.length - 1);
    }

    /// Adds a row; rows beyond the length are passed over.
    pub fn insert(&mut self, row: usize) {
        if row < self.length {
            self.words[row / 64] |= 1 << (row % 64);
        }
    }

    /// Removes a row.
    pub fn remove(&mut self, row: usize) {
        if row < self.length {
            self.words[row / 64] &= !(1 << (row % 64));
        }
    }

    /// Whether a row is in the set.
    pub fn contains(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// How many rows are in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The rows of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let next = |rest: &u64| Some(rest & (rest - 1)).filter(|&rest| rest != 0);
            std::iter::successors(Some(word).filter(|&word| word != 0), next)
                .map(move |rest| at * 64 + rest.trailing_zeros() as usize)
        })
    }

    /// Adds every row whose cell passes the test; `cells` may be shorter than the set.
    pub fn insert_where<T>(&mut self, cells: &[T], test: impl Fn(&T) -> bool) {
        for (word, cells) in self.words.iter_mut().zip(cells.chunks(64)) {
            for (bit, cell) in cells.iter().enumerate() {
                *word |= u64::from(test(cell)) << bit;
            }
        }
    }

    /// Keeps the rows that are in the other set too.
    pub fn keep(&mut self, other: &Self) {
        self.combine(other, |own, other| own & other);
    }

    /// Adds the rows of the other set.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, |own, other| own | other);
    }

    /// Removes the rows of the other set.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, |own, other| own & !other);
    }

    fn combine(&mut self, other: &Self, operation: impl Fn(u64, u64) -> u64) {
        debug_assert_eq!(self.length, other.length);
        for (own, other) in self.words.iter_mut().zip(&other.words) {
            *own = operation(*own, *other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn bits_behave_like_a_set_of_numbers(left in prop::collection::btree_set(0usize..200, 0..80), right in prop::collection::btree_set(0usize..200, 0..80)) {
            let bits = |set: &BTreeSet<usize>| {
                let mut bits = Bits::none(200);
                set.iter().for_each(|&row| bits.insert(row));
                bits
            };
            let rows = |bits: &Bits| bits.iter().collect::<BTreeSet<_>>();
            let length = 3 * left.len();
            prop_assert!(Bits::all(length).iter().eq(0..length));
            prop_assert_eq!(rows(&bits(&left)), left.clone());
            prop_assert_eq!(bits(&left).count(), left.len());
            let mut kept = bits(&left);
            kept.keep(&bits(&right));
            prop_assert_eq!(rows(&kept), &left & &right);
            let mut added = bits(&left);
            added.add(&bits(&right));
            prop_assert_eq!(rows(&added), &left | &right);
            let mut less = bits(&left);
            less.subtract(&bits(&right));
            prop_assert_eq!(rows(&less), &left - &right);
        }
    }
}
