//! Item to items with weights, pruned: the shape of item-kNN, complements and similar items.

use crate::error::{Error, Result};
use crate::ids::{ItemIx, Ix};
use crate::interactions::Interaction;
use crate::ranking::Scored;
use std::ops::Range;

/// For every item of the catalogue a short list of other items, best first, as compressed sparse rows.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemLists {
    starts: Vec<usize>,
    items: Vec<ItemIx>,
    weights: Vec<f32>,
}

impl ItemLists {
    /// Joins one list per item of the catalogue, in the order of their indexes.
    pub fn from_rows<R: AsRef<[Scored]>>(rows: impl IntoIterator<Item = R>) -> Self {
        let mut lists = Self { starts: vec![0], items: Vec::new(), weights: Vec::new() };
        for row in rows {
            lists.items.extend(row.as_ref().iter().map(|entry| entry.item));
            lists.weights.extend(row.as_ref().iter().map(|entry| entry.score));
            lists.starts.push(lists.items.len());
        }
        lists
    }

    /// Rebuilds lists from their parts, for a release that is read back.
    ///
    /// # Errors
    /// [`Error::Shape`] when `starts` does not partition the entries, the two columns differ in length or an item
    /// is outside the catalogue of `starts.len() - 1` items; [`Error::NotFinite`] for a NaN or an infinity.
    pub fn from_parts(starts: Vec<usize>, items: Vec<ItemIx>, weights: Vec<f32>) -> Result<Self> {
        let shape = |expected: &str, found: String| Error::Shape {
            what: "item lists".into(),
            expected: expected.into(),
            found,
        };
        if items.len() != weights.len() {
            let found = format!("{} items and {} weights", items.len(), weights.len());
            return Err(shape("one weight per item", found));
        }
        if starts.first() != Some(&0) || starts.last() != Some(&items.len()) || !starts.is_sorted() {
            return Err(shape("row starts that partition the entries", format!("{} starts", starts.len())));
        }
        if let Some(item) = items.iter().find(|item| item.position() + 1 >= starts.len()) {
            return Err(shape("items of the catalogue", format!("item {}", item.0)));
        }
        match weights.iter().position(|weight| !weight.is_finite()) {
            Some(at) => Err(Error::NotFinite { what: "item lists", at: format!("entry {at}") }),
            None => Ok(Self { starts, items, weights }),
        }
    }

    /// The list of one item, best first; empty for an item beyond the catalogue.
    pub fn of(&self, item: ItemIx) -> impl ExactSizeIterator<Item = Scored> + '_ {
        let bounds = self.bounds(item);
        let weights = &self.weights[bounds.clone()];
        self.items[bounds].iter().zip(weights).map(|(&item, &score)| Scored { item, score })
    }

    /// The weights of one item's list, as [`Self::of`] has them.
    pub fn weights_of(&self, item: ItemIx) -> &[f32] {
        &self.weights[self.bounds(item)]
    }

    fn bounds(&self, item: ItemIx) -> Range<usize> {
        self.starts.get(item.position()..item.position() + 2).map_or(0..0, |bounds| bounds[0]..bounds[1])
    }

    /// The same from the other side: for every item those in whose lists it is, in item order.
    pub fn turned(&self) -> Self {
        let n_items = self.n_items();
        let mut starts = vec![0; n_items + 1];
        self.items.iter().for_each(|item| starts[item.position() + 1] += 1);
        for at in 0..n_items {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let (mut items, mut weights) = (vec![ItemIx(0); self.items.len()], vec![0.0; self.items.len()]);
        for of in (0..n_items).map(ItemIx::at) {
            for entry in self.of(of) {
                let at = &mut next[entry.item.position()];
                (items[*at], weights[*at]) = (of, entry.score);
                *at += 1;
            }
        }
        Self { starts, items, weights }
    }

    /// Adds up the lists of a person's items: the score of an item is the sum of its weights in them.
    pub fn score(&self, interactions: &[Interaction], scores: &mut [f32]) {
        scores.fill(0.0);
        for entry in interactions.iter().flat_map(|interaction| self.of(interaction.item)) {
            scores[entry.item.position()] += entry.score;
        }
    }

    /// Where each list starts among the entries, with one more than there are items.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The items of all entries, list after list.
    pub fn items(&self) -> &[ItemIx] {
        &self.items
    }

    /// The weights of all entries, list after list.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The size of the catalogue.
    pub fn n_items(&self) -> usize {
        self.starts.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turned_lists_say_the_same_from_the_other_side() {
        let entry = |item, score| Scored { item: ItemIx(item), score };
        let lists = ItemLists::from_rows([vec![entry(2, 0.5), entry(1, 0.25)], vec![entry(2, 2.0)], vec![]]);
        let turned = lists.turned();
        let of = |item| turned.of(ItemIx(item)).collect::<Vec<_>>();
        assert_eq!((of(0), of(1), of(2)), (vec![], vec![entry(0, 0.25)], vec![entry(0, 0.5), entry(1, 2.0)]));
        assert_eq!(turned.turned().turned(), turned);
    }

    #[test]
    fn lists_survive_their_parts_and_broken_parts_are_refused() {
        let entry = |item, score| Scored { item: ItemIx(item), score };
        let lists = ItemLists::from_rows([vec![entry(1, 0.5), entry(2, 0.25)], vec![], vec![entry(0, 1.0)]]);
        let (starts, items, weights) =
            (lists.starts().to_vec(), lists.items().to_vec(), lists.weights().to_vec());
        assert_eq!(ItemLists::from_parts(starts.clone(), items.clone(), weights.clone()).unwrap(), lists);
        assert_eq!(lists.of(ItemIx(0)).collect::<Vec<_>>(), [entry(1, 0.5), entry(2, 0.25)]);
        assert_eq!(lists.of(ItemIx(3)).len(), 0, "an item beyond the catalogue");

        let outside = vec![ItemIx(1), ItemIx(3), ItemIx(0)];
        assert!(ItemLists::from_parts(starts.clone(), outside, weights.clone()).is_err(), "outside");
        assert!(ItemLists::from_parts(vec![0, 2, 1, 3], items.clone(), weights).is_err(), "starts");
        assert!(ItemLists::from_parts(starts, items, vec![0.5, f32::NAN, 1.0]).is_err(), "NaN");
    }
}
