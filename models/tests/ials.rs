//! iALS against slow, obvious twins.
#![allow(clippy::unwrap_used, reason = "a test may stop anywhere")]

mod shared;

use models::events::Timestamp;
use models::ials::{Ials, IalsParams};
use models::ids::{CustomerIx, ItemIx};
use models::interactions::{Confidence, History, Interaction};
use proptest::prelude::*;
use shared::{AS_OF, shop};

fn confidence() -> Confidence {
    Confidence { times_weight: 1.0, half_life_days: Some(40.0), ..Default::default() }
}

fn fitted(factors: usize, sweeps: usize) -> Ials {
    let params = IalsParams { factors, sweeps, confidence: confidence(), ..Default::default() };
    params.check().unwrap().fit(&shop().interactions(), AS_OF, |_| {}).unwrap()
}

/// The row's equations as they stand in the documentation, dense and in f64, by Gaussian elimination.
fn dense_solution(model: &Ials, history: &[Interaction]) -> Vec<f64> {
    let (y, d, rows) = (model.item_factors().mapv(f64::from), model.n_factors(), model.projection().rows);
    let confidences: Vec<f64> =
        history.iter().map(|i| f64::from(model.projection().confidence.of(i, AS_OF))).collect();
    let evidence: f64 = confidences.iter().sum();
    let ridge = rows.ridge * (evidence + rows.unobserved_total).powf(rows.exponent);
    let mut system = y.t().dot(&y) * rows.unobserved;
    let mut right = vec![0.0; d];
    for (interaction, c) in history.iter().zip(&confidences) {
        let v = y.row(interaction.item.0 as usize);
        for i in 0..d {
            right[i] += c * v[i];
            for j in 0..d {
                system[(i, j)] += c * v[i] * v[j];
            }
        }
    }
    (0..d).for_each(|i| system[(i, i)] += ridge);
    for pivot in 0..d {
        for row in pivot + 1..d {
            let factor = system[(row, pivot)] / system[(pivot, pivot)];
            for column in pivot..d {
                system[(row, column)] -= factor * system[(pivot, column)];
            }
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..d).rev() {
        let known: f64 = (row + 1..d).map(|column| system[(row, column)] * right[column]).sum();
        right[row] = (right[row] - known) / system[(row, row)];
    }
    right
}

/// The customers' part of the objective; the smaller, the better the item factors.
fn objective(model: &Ials) -> f64 {
    let (histories, rows) = (shop().interactions(), model.projection().rows);
    let all = model.item_factors().mapv(f64::from);
    let gram = all.t().dot(&all);
    let of_row = |(_, history): (CustomerIx, &[Interaction])| {
        let x = ndarray::Array1::from(model.fold_in(History::new(history, AS_OF))).mapv(f64::from);
        let cells = history
            .iter()
            .map(|i| (f64::from(confidence().of(i, AS_OF)), all.row(i.item.0 as usize).dot(&x)));
        let (evidence, loss) = cells.fold((0.0, 0.0), |(e, l), (c, s)| (e + c, l + c * (s - 1.0).powi(2)));
        let ridge = rows.ridge * (evidence + rows.unobserved_total).powf(rows.exponent);
        loss + rows.unobserved * x.dot(&gram.dot(&x)) + ridge * x.dot(&x)
    };
    histories.rows().map(of_row).sum()
}

#[test]
fn a_folded_in_history_solves_the_dense_normal_equations_whether_short_or_long() {
    // 8 factors are fewer than the items of a history, 64 are more: both forms of the system are met.
    for factors in [8, 64] {
        let model = fitted(factors, 3);
        for (customer, history) in shop().interactions().rows().take(40) {
            let expected = dense_solution(&model, history);
            let found = model.fold_in(History::new(history, AS_OF));
            let worst =
                found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            let size = expected.iter().fold(0.0f64, |a, b| a.max(b.abs()));
            assert!(
                worst <= 1e-5 * size.max(1.0),
                "{factors} factors, customer {}: off by {worst}",
                customer.0
            );
        }
    }
}

#[test]
fn a_live_customer_gets_the_row_that_training_gives() {
    let (model, histories) = (fitted(32, 5), shop().interactions());
    let rows = model.fold_in_all(&histories, AS_OF);
    for (customer, interactions) in histories.rows() {
        let live = model.fold_in(History::new(interactions, AS_OF));
        let row = rows.row(customer.0 as usize);
        assert!(live.iter().zip(row).all(|(a, b)| (a - b).abs() <= 1e-5), "customer {}", customer.0);
    }
    assert_eq!(model.fold_in(History::new(&[], AS_OF)), vec![0.0; 32]);
}

#[test]
fn sweeps_bring_the_objective_down_to_rest() {
    let at: Vec<f64> = [1, 2, 4, 30, 31].iter().map(|&sweeps| objective(&fitted(16, sweeps))).collect();
    assert!(at[0] > at[1] && at[1] > at[2], "{at:?}");
    assert!((at[4] - at[3]).abs() < 1e-3 * at[3], "{at:?}");
}

#[test]
fn contributions_sum_to_the_score_for_short_and_long_histories() {
    for factors in [8, 64] {
        let model = fitted(factors, 5);
        for (_, interactions) in shop().interactions().rows().take(20) {
            let history = History::new(interactions, AS_OF);
            let x = ndarray::Array1::from(model.fold_in(history));
            let items = [ItemIx(0), ItemIx(17), ItemIx(199), ItemIx(5000)];
            let explained = model.explain_all(history, &items);
            assert_eq!(explained[1], model.explain(history, items[1]));
            assert!(explained[3].is_empty(), "an item outside the catalogue");
            for (item, parts) in items.iter().zip(&explained).take(3) {
                let score = model.item_vector(*item).unwrap().dot(&x);
                let sum: f32 = parts.iter().map(|(_, part)| part).sum();
                assert!((score - sum).abs() <= 1e-5, "{factors} factors: {sum} is not {score}");
                assert_eq!(parts.len(), interactions.len());
            }
        }
    }
}

#[test]
fn factors_in_any_basis_give_the_same_scores_and_broken_ones_are_refused() {
    let model = fitted(8, 4);
    let turned = {
        let mut turned = model.item_factors().clone();
        for mut row in turned.rows_mut() {
            let (a, b) = (row[0], row[5]);
            (row[0], row[5]) = (0.6 * a - 0.8 * b, 0.8 * a + 0.6 * b);
        }
        Ials::from_parts(turned, *model.projection()).unwrap()
    };
    let histories = shop().interactions();
    let history = History::new(histories.row(CustomerIx(3)), AS_OF);
    let score = |model: &Ials| model.item_factors().dot(&ndarray::Array1::from(model.fold_in(history)));
    let far = (score(&model) - score(&turned)).iter().fold(0f32, |far, d| far.max(d.abs()));
    assert!(far < 1e-5, "{far}");

    let mut broken = model.item_factors().clone();
    broken[(3, 2)] = f32::NAN;
    let refusal = Ials::from_parts(broken, *model.projection()).unwrap_err().to_string();
    assert!(refusal.contains("item 3, factor 2"), "{refusal}");
    assert!(Ials::from_parts(ndarray::Array2::zeros((0, 8)), *model.projection()).is_err());
    let mut projection = *model.projection();
    projection.rows.ridge = 0.0;
    assert!(Ials::from_parts(model.item_factors().clone(), projection).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_history_is_solved_exactly(
        items in prop::collection::btree_map(0u32..200, (0.1f32..50.0, 0i64..4000), 0..60),
        factors in prop::sample::select(vec![5usize, 16, 48]),
    ) {
        let model = fitted(factors, 2);
        let history: Vec<Interaction> = items
            .iter()
            .map(|(&item, &(times, day))| Interaction {
                item: ItemIx(item), times, quantity: times, last: Timestamp(AS_OF.0 - day * 86_400),
            })
            .collect();
        let found = model.fold_in(History::new(&history, AS_OF));
        for (a, b) in found.iter().zip(dense_solution(&model, &history)) {
            prop_assert!((f64::from(*a) - b).abs() < 2e-5 * (1.0 + b.abs()), "{a} is not {b}");
        }
    }
}
