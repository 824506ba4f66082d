//! Fast code against slow, obvious twins: item-kNN and the evaluator.
#![allow(clippy::unwrap_used, reason = "a test may stop anywhere")]

mod shared;

use models::events::Timestamp;
use models::ids::{CustomerIx, ItemIx};
use models::interactions::{History, Interaction};
use models::item_knn::ItemKnnParams;
use models::measures::{Case, Cases, EvaluateOptions, Measure, Repeats, evaluate};
use models::popularity::PopularityParams;
use models::scoring::Scorer;
use shared::{AS_OF, Shop, shop};
use std::collections::HashSet;

#[test]
fn item_knn_equals_comparing_every_pair_of_items() {
    let shop = shop();
    let histories = shop.interactions();
    let params = ItemKnnParams { neighbours: 7, shrinkage: 3.0, ..Default::default() };
    let model = params.check().unwrap().fit(&histories).unwrap();
    let buyers: Vec<HashSet<u32>> = (0..shop.n_items as u32)
        .map(|item| {
            let has = |row: &[Interaction]| row.iter().any(|interaction| interaction.item.0 == item);
            histories.rows().filter(|(_, row)| has(row)).map(|(customer, _)| customer.0).collect()
        })
        .collect();
    for item in 0..shop.n_items {
        let similarity = |other: usize| {
            let both = buyers[item].intersection(&buyers[other]).count() as f32;
            both / ((buyers[item].len() as f32 * buyers[other].len() as f32).sqrt() + 3.0)
        };
        let mut expected: Vec<(f32, usize)> = (0..shop.n_items)
            .filter(|&other| other != item)
            .map(|other| (similarity(other), other))
            .collect();
        expected.retain(|entry| entry.0 > 0.0);
        expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        expected.truncate(7);
        let found: Vec<(f32, usize)> =
            model.lists().of(ItemIx(item as u32)).map(|entry| (entry.score, entry.item.0 as usize)).collect();
        assert_eq!(found, expected, "item {item}");
    }
}

/// Recall and NDCG at 10 for one customer, from the definitions.
fn naive(
    scorer: &dyn Scorer,
    history: History<'_>,
    bought: &[ItemIx],
    repeats: Repeats,
) -> Option<(f64, f64)> {
    let owned: HashSet<ItemIx> = history.interactions.iter().map(|interaction| interaction.item).collect();
    let open = |item: &ItemIx| repeats == Repeats::Kept || !owned.contains(item);
    let truth: HashSet<ItemIx> = bought.iter().copied().filter(open).collect();
    let mut scores = vec![0.0; scorer.n_items()];
    scorer.score(history, &mut scores);
    let mut catalogue: Vec<ItemIx> = (0..scorer.n_items() as u32).map(ItemIx).filter(open).collect();
    catalogue.sort_by(|a, b| scores[b.0 as usize].total_cmp(&scores[a.0 as usize]).then(a.cmp(b)));
    let gain = |rank: usize| 1.0 / (rank as f64 + 1.0).log2();
    let hits: Vec<usize> = (1..=10).filter(|rank| truth.contains(&catalogue[rank - 1])).collect();
    let ideal: f64 = (1..=truth.len().min(10)).map(gain).sum();
    let found: f64 = hits.iter().map(|&rank| gain(rank)).sum();
    (!truth.is_empty()).then(|| (hits.len() as f64 / truth.len() as f64, found / ideal))
}

#[test]
fn the_evaluator_equals_the_definitions_with_and_without_repeats() {
    let shop = shop();
    let histories = shop.interactions();
    let cases = Cases::from_events(&histories, AS_OF, &shop.afterwards).unwrap();
    let model = ItemKnnParams::default().check().unwrap().fit(&histories).unwrap();
    for repeats in [Repeats::Kept, Repeats::Removed] {
        let options = EvaluateOptions { n: 10, repeats, ..Default::default() };
        let judged = evaluate(&model, &cases, &options).unwrap();
        let expected: Vec<(CustomerIx, (f64, f64))> = cases
            .cases()
            .iter()
            .filter_map(|case| {
                let history = cases.history(case.customer);
                Some((case.customer, naive(&model, history, &case.bought, repeats)?))
            })
            .collect();
        let found: Vec<(CustomerIx, (f64, f64))> =
            judged.customers.iter().zip(&judged.measures).map(|(c, m)| (*c, (m.recall, m.ndcg))).collect();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((found.0, found.1.0), (expected.0, expected.1.0));
            assert!((found.1.1 - expected.1.1).abs() < 1e-12);
        }
        let mean = expected.iter().map(|(_, measures)| measures.0).sum::<f64>() / expected.len() as f64;
        assert!((judged.summary.recall.mean - mean).abs() < 1e-12);
    }
}

#[test]
fn a_better_model_is_better_by_a_paired_interval_above_zero() {
    let shop = shop();
    let histories = shop.interactions();
    let cases = Cases::from_events(&histories, AS_OF, &shop.afterwards).unwrap();
    let options = EvaluateOptions { repeats: Repeats::Removed, ..Default::default() };
    let knn = ItemKnnParams::default().check().unwrap().fit(&histories).unwrap();
    let popularity =
        PopularityParams::default().check().unwrap().fit(&shop.events, shop.n_items, AS_OF).unwrap();
    let [better, worse] =
        [&knn as &dyn Scorer, &popularity].map(|model| evaluate(model, &cases, &options).unwrap());
    let difference = better.difference(&worse, Measure::Recall, &options.bootstrap).unwrap();
    assert!(difference.low > 0.0, "{difference:?}");
    assert!((difference.mean - (better.summary.recall.mean - worse.summary.recall.mean)).abs() < 1e-12);
    let other = EvaluateOptions { n: 5, ..options };
    let other = evaluate(&popularity, &cases, &other).unwrap();
    assert!(
        better.difference(&other, Measure::Recall, &options.bootstrap).is_err(),
        "lists of another length"
    );
}

#[test]
fn truth_that_overlaps_with_history_is_refused() {
    let shop: Shop = shop();
    let histories = shop.interactions();
    let last = histories.row(CustomerIx(4)).iter().map(|interaction| interaction.last).max().unwrap();
    let case = |first_bought| Case { customer: CustomerIx(4), bought: vec![ItemIx(1)], first_bought };
    let before_cut_off = Timestamp(AS_OF.0 - 1);
    assert!(Cases::new(&histories, AS_OF, vec![case(AS_OF)]).is_ok());
    assert!(Cases::new(&histories, AS_OF, vec![case(before_cut_off)]).is_err());
    assert!(Cases::new(&histories, Timestamp(0), vec![case(Timestamp(last.0 + 1))]).is_ok());
    let refusal = Cases::new(&histories, Timestamp(0), vec![case(last)]).unwrap_err().to_string();
    assert!(refusal.contains("the history of customer 4"), "{refusal}");
    assert!(Cases::from_events(&histories, AS_OF, &shop.events).is_err(), "judged by its own history");
}
