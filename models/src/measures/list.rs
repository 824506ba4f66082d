//! The measures of one list against what was bought.

use crate::ids::ItemIx;
use crate::ranking::Scored;

/// Which measure of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// [`ListMeasures::recall`].
    Recall,
    /// [`ListMeasures::ndcg`].
    Ndcg,
    /// [`ListMeasures::mrr`].
    Mrr,
    /// [`ListMeasures::hit`].
    Hit,
}

/// How good one list is; each in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ListMeasures {
    /// Hits over the number of items bought.
    pub recall: f64,
    /// Discounted gain `Σ 1/log₂(rank + 1)` over hits, relative to that of the best list of this length:
    /// one with min(length, items bought) hits at the top.
    pub ndcg: f64,
    /// One over the rank of the first hit; 0 without a hit.
    pub mrr: f64,
    /// 1 with a hit, 0 without.
    pub hit: f64,
}

impl ListMeasures {
    /// Judges a list, best first and meant to be `n` long, against the items bought, sorted and at least one.
    pub fn of(list: &[Scored], bought: &[ItemIx], n: usize) -> Self {
        let discount = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
        let (mut hits, mut gain, mut first) = (0usize, 0.0, None);
        for (rank, entry) in list.iter().take(n).enumerate() {
            if bought.binary_search(&entry.item).is_ok() {
                hits += 1;
                gain += discount(rank);
                first = first.or(Some(rank));
            }
        }
        let ideal: f64 = (0..n.min(bought.len())).map(discount).sum();
        Self {
            recall: hits as f64 / bought.len().max(1) as f64,
            ndcg: if ideal > 0.0 { gain / ideal } else { 0.0 },
            mrr: first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
            hit: f64::from(u8::from(hits > 0)),
        }
    }

    /// One of the measures.
    pub fn get(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Recall => self.recall,
            Measure::Ndcg => self.ndcg,
            Measure::Mrr => self.mrr,
            Measure::Hit => self.hit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_of_a_list_worked_out_by_hand() {
        let list: Vec<Scored> = [7, 3, 9, 1].map(|item| Scored { item: ItemIx(item), score: 0.0 }).to_vec();
        let bought = [ItemIx(1), ItemIx(3), ItemIx(8)];
        let at_two = ListMeasures::of(&list, &bought, 2);
        let (second, best_of_two) = (1.0 / 3f64.log2(), 1.0 + 1.0 / 3f64.log2());
        assert_eq!(
            at_two,
            ListMeasures { recall: 1.0 / 3.0, ndcg: second / best_of_two, mrr: 0.5, hit: 1.0 }
        );
        let at_ten = ListMeasures::of(&list, &bought, 10);
        let (fourth, best_of_three) = (1.0 / 5f64.log2(), best_of_two + 0.5);
        assert_eq!(at_ten.recall, 2.0 / 3.0);
        assert!((at_ten.ndcg - (second + fourth) / best_of_three).abs() < 1e-12);
        assert_eq!(ListMeasures::of(&list[..1], &bought, 10), ListMeasures::default());
    }
}
