//! The views of taste against slow, obvious twins, and the blend against a full sort.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop anywhere")]

mod shared;

use models::attributes::{Prior, PriorParams};
use models::ials::IalsParams;
use models::ids::{CustomerIx, ItemIx, Ix};
use models::interactions::{Confidence, History, Interactions};
use models::item_weights::{ItemWeightsParams, Learner};
use models::measures::Repeats;
use models::payload::{Payload, PayloadValue};
use models::popularity::PopularityParams;
use models::ranking::{Scored, top_n};
use models::repeat::Repeat;
use models::scoring::Scorer;
use models::sessions::SessionParams;
use models::spectral::SpectralParams;
use models::taste::blend::{HeldBack, Lessons};
use models::taste::{Blend, Blends, ByRepeats, Taste, Views};
use ndarray::Array2;
use shared::{AS_OF, Shop, shop};

/// Every pair weighs 1: the published methods know no times.
const BINARY: Confidence =
    Confidence { times_weight: 0.0, quantity_weight: 0.0, half_life_days: None, floor: 0.0 };

fn taste(shop: &Shop, blends: Blends) -> Taste {
    let interactions = shop.interactions();
    let views = Views {
        ials: IalsParams { factors: 12, sweeps: 4, ..Default::default() }
            .check()
            .unwrap()
            .fit(&interactions, AS_OF, |_| {})
            .unwrap(),
        spectral: Some(
            SpectralParams { factors: 8, ..Default::default() }
                .check()
                .unwrap()
                .fit(&interactions, AS_OF)
                .unwrap(),
        ),
        weights: ItemWeightsParams::default().check().unwrap().fit(&interactions, AS_OF).unwrap(),
        repeat: Repeat::new(30.0).unwrap(),
        sessions: SessionParams::default().check().unwrap().fit(&shop.events, shop.n_customers, shop.n_items),
        prior: some_prior(),
    };
    let popularity =
        PopularityParams::default().check().unwrap().fit(&shop.events, shop.n_items, AS_OF).unwrap();
    Taste::new(views, &popularity, blends).unwrap()
}

/// Two features, either of which moves all factors.
fn some_prior() -> Prior {
    let town = |town: &str| Payload::from([("town".to_owned(), PayloadValue::Text(town.into()))]);
    let features =
        PriorParams { least_rows: 1, ..Default::default() }.features([town("a"), town("b")].iter());
    let weights = Array2::from_shape_fn((2, 12), |(feature, factor)| (feature + factor) as f32 * 0.01);
    Prior::from_parts(features, vec![0.05; 12], weights).unwrap()
}

fn some_blends() -> Blends {
    let kept = Blend {
        factors: 1.0,
        spectral: 2.0,
        weights: 3.0,
        often: 0.5,
        lately: 0.7,
        popular: 0.2,
        session: 1.5,
    };
    let removed = Blend { often: 0.0, lately: 0.0, ..kept };
    Blends { profile_items: 3.0, ..Blends::everyone(ByRepeats { kept, removed }) }
}

/// R̃ as a dense matrix, customers × items.
fn normalised(interactions: &Interactions) -> (Vec<Vec<f64>>, Vec<f64>) {
    let n_items = interactions.n_items();
    let mut degrees = vec![0f64; n_items];
    for cell in interactions.cells() {
        degrees[cell.item.position()] += 1.0;
    }
    let rows = interactions.rows().map(|(_, row)| {
        let mut dense = vec![0f64; n_items];
        for cell in row {
            dense[cell.item.position()] = 1.0 / (row.len() as f64 * degrees[cell.item.position()]).sqrt();
        }
        dense
    });
    (rows.collect(), degrees)
}

#[test]
fn the_filter_plus_the_spectrum_is_gf_cf() {
    let shop = shop();
    let interactions = shop.interactions();
    let half = SpectralParams {
        factors: 4,
        rounds: 40,
        customer_exponent: 0.5,
        item_exponent: 0.5,
        source_exponent: 0.5,
        target_exponent: 0.5,
        confidence: BINARY,
        ..Default::default()
    };
    let spectral = half.check().unwrap().fit(&interactions, AS_OF).unwrap();
    let filter = ItemWeightsParams {
        learner: Learner::Filter,
        sources: 200,
        customer_exponent: 1.0,
        source_exponent: 0.5,
        target_exponent: 0.5,
        confidence: BINARY,
        ..Default::default()
    };
    let filter = filter.check().unwrap().fit(&interactions, AS_OF).unwrap();

    let (r, degrees) = normalised(&interactions);
    let n_items = shop.n_items;
    let gram = |i: usize, j: usize| r.iter().map(|row| row[i] * row[j]).sum::<f64>();
    let mut p = faer::Mat::<f64>::from_fn(n_items, n_items, gram);
    let eigen = p.self_adjoint_eigen(faer::Side::Lower).unwrap();
    let v = eigen.U();
    let low_pass = |i: usize, j: usize| (n_items - 4..n_items).map(|k| v[(i, k)] * v[(j, k)]).sum::<f64>();
    // What an item says of itself is no recommendation, and d̄ is a constant for everybody.
    let mean = interactions.cells().len() as f64 / interactions.n_customers() as f64;
    (0..n_items).for_each(|i| p[(i, i)] = 0.0);
    for customer in (0..400).step_by(40) {
        let history = History::new(interactions.row(CustomerIx(customer)), AS_OF);
        let (mut dense, mut sparse) = (vec![0f32; n_items], vec![0f32; n_items]);
        spectral.score(history, &mut dense);
        filter.score(history, &mut sparse);
        let n = history.interactions.len() as f64;
        for j in 0..n_items {
            let of = |scale: &dyn Fn(usize, usize) -> f64| -> f64 {
                history.interactions.iter().map(|i| scale(i.item.position(), j)).sum::<f64>() / n.sqrt()
            };
            let expected_sparse = of(&|i, j| p[(i, j)] * mean);
            let expected_dense = of(&|i, j| low_pass(i, j) * (degrees[j] / degrees[i]).sqrt());
            assert!(
                (f64::from(sparse[j]) - expected_sparse).abs() < 1e-4,
                "{j}: {} {expected_sparse}",
                sparse[j]
            );
            assert!(
                (f64::from(dense[j]) - expected_dense).abs() < 2e-3,
                "{j}: {} {expected_dense}",
                dense[j]
            );
        }
    }
}

#[test]
fn slim_over_all_items_is_the_ridge_regression_and_so_is_ease() {
    let shop = shop();
    let interactions = shop.interactions();
    let params = ItemWeightsParams {
        sources: 199,
        customer_exponent: 0.0,
        item_exponent: 0.0,
        regularisation: 0.5,
        filter_share: 0.0,
        confidence: BINARY,
        ..Default::default()
    };
    let fit = |learner| {
        let model =
            ItemWeightsParams { learner, ..params }.check().unwrap().fit(&interactions, AS_OF).unwrap();
        let mut dense = vec![vec![0f32; 200]; 200];
        for (source, row) in dense.iter_mut().enumerate() {
            for entry in model.lists().of(ItemIx::at(source)) {
                row[entry.item.position()] = entry.score;
            }
        }
        dense
    };
    let (slim, ease) = (fit(Learner::Slim), fit(Learner::Ease));
    let count = |i: usize, j: usize| {
        let has = |row: &[models::interactions::Interaction], item: usize| {
            row.iter().any(|c| c.item.position() == item)
        };
        interactions.rows().filter(|(_, row)| has(row, i) && has(row, j)).count() as f64
    };
    let ridge = 0.5 * (0..200).map(|i| count(i, i)).sum::<f64>() / 200.0;
    // The normal equations of one item: (X'X + λI)·w over the others equals X'x.
    for target in [0usize, 57, 199] {
        for row in (0..200).filter(|&row| row != target).step_by(31) {
            let left = |w: &[Vec<f32>]| -> f64 {
                let sum = (0..200).filter(|&i| i != target).map(|i| count(row, i) * f64::from(w[i][target]));
                sum.sum::<f64>() + ridge * f64::from(w[row][target])
            };
            let right = count(row, target);
            assert!((left(&ease) - right).abs() < 1e-2 * (1.0 + right), "ease {target} {row}");
            // An item that was never bought with the target is no source of it.
            let slim = left(&slim);
            assert!(
                right == 0.0 || (slim - right).abs() < 1e-2 * (1.0 + right),
                "{target} {row}: {slim} {right}"
            );
        }
    }
}

#[test]
fn candidates_of_all_views_give_the_list_of_a_full_sort_with_its_scores() {
    let shop = shop();
    let interactions = shop.interactions();
    let taste = taste(&shop, some_blends());
    for (customer, row) in interactions.rows().step_by(17) {
        let history = History::new(row, AS_OF);
        let person = taste.person(history);
        for repeats in [Repeats::Kept, Repeats::Removed] {
            let owned = |item: ItemIx| repeats == Repeats::Removed && row.iter().any(|i| i.item == item);
            let mut scores = vec![0f32; shop.n_items];
            taste.ranker(repeats).score(history, &mut scores);
            let expected = top_n(&scores, 10, owned);

            let query = taste.query_vector(&person, repeats);
            let dense: Vec<f32> = (0..shop.n_items)
                .map(|i| {
                    taste.item_vector(ItemIx::at(i)).unwrap().iter().zip(&query).map(|(a, b)| a * b).sum()
                })
                .collect();
            let close = |(a, b): (&Scored, &Scored)| {
                a.item == b.item && (a.score - b.score).abs() < 1e-5 * (1.0 + b.score.abs())
            };
            // However many the index finds.
            for n_dense in [10, 30] {
                let dense = top_n(&dense, n_dense, owned);
                let found = taste.ranker(repeats).rank(&person, &dense, 10, |item| !owned(item));
                let whole = found.iter().zip(&expected).all(close) && found.len() == 10;
                assert!(whole, "{n_dense} for {customer:?}: {found:?} {expected:?}");
            }
        }
    }
}

#[test]
fn the_parts_of_an_explanation_sum_to_the_score() {
    let shop = shop();
    let interactions = shop.interactions();
    let taste = taste(&shop, some_blends());
    for (customer, row) in interactions.rows().step_by(29) {
        // Some with a few items and a profile, all in a session.
        let row = if customer.0.is_multiple_of(2) { &row[..row.len().min(4)] } else { row };
        let history = History::new(row, AS_OF).with_profile(&[(1, 1.0)]);
        let met: Vec<ItemIx> = row.iter().map(|cell| cell.item).take(2).collect();
        let person = taste.person(history).in_session(taste.sessions.follow(&met));
        let mut scores = vec![0f32; shop.n_items];
        taste.ranker(Repeats::Kept).score_people(std::slice::from_ref(&person), &mut scores);
        let items: Vec<ItemIx> = (0..shop.n_items).step_by(13).map(ItemIx::at).collect();
        let vectors: Vec<Vec<f32>> = items.iter().map(|&item| taste.item_vector(item).unwrap()).collect();
        let asked: Vec<(ItemIx, &[f32])> =
            items.iter().copied().zip(vectors.iter().map(Vec::as_slice)).collect();
        for (item, explanation) in items.iter().zip(taste.explain(history, &person, Repeats::Kept, &asked)) {
            let score = scores[item.position()];
            assert!(
                (explanation.sum() - score).abs() < 1e-5 * (1.0 + score.abs()),
                "{} {score}",
                explanation.sum()
            );
        }
    }
}

#[test]
fn a_blend_finds_the_view_that_predicts_what_was_held_back() {
    let shop = shop();
    let interactions = shop.interactions();
    let mut taste = taste(&shop, Blends::default());
    // Everyone buys again what they buy most: only habits know.
    let people: Vec<HeldBack> = interactions
        .rows()
        .map(|(_, row)| {
            let most =
                row.iter().max_by(|a, b| a.times.total_cmp(&b.times).then(b.item.cmp(&a.item))).unwrap();
            HeldBack { interactions: row.to_vec(), basket: vec![most.item], ..Default::default() }
        })
        .collect();
    let lessons = Lessons::new(&taste, &people, AS_OF, 3);
    let learned = lessons.learn(Repeats::Kept);
    assert!(learned.quality > 0.8 && learned.blend.often > 0.0, "{learned:?}");
    assert_eq!(learned.people, 400);
    assert_eq!(lessons.learn(Repeats::Removed).people, 0, "nobody bought anything new");
    assert_eq!(Lessons::new(&taste, &people, AS_OF, 3).learn(Repeats::Kept), learned, "again the same");
    taste.blends = Blends::everyone(ByRepeats::both(learned.blend));
    assert!(taste.blends.is_sound());
}

#[test]
fn a_stranger_stands_where_their_profile_puts_them_and_moves_to_their_own_history() {
    let shop = shop();
    let interactions = shop.interactions();
    let taste = taste(&shop, some_blends());
    let (_, row) = interactions.rows().find(|(_, row)| row.len() > 10).unwrap();
    let profile = [(0, 1.0)];
    let person = |n: usize| taste.person(History::new(&row[..n], AS_OF).with_profile(&profile));
    assert_eq!(person(0).factors, taste.prior.of(&profile));
    let own = taste.ials.fold_in(History::new(&row[..3], AS_OF));
    for ((both, own), prior) in person(3).factors.iter().zip(own).zip(taste.prior.of(&profile)) {
        assert!((both - 0.5 * (own + prior)).abs() < 1e-6, "three items of their own weigh as much");
    }
    assert_eq!(person(11).factors, taste.ials.fold_in(History::new(&row[..11], AS_OF)));
}

#[test]
fn pruned_weights_keep_the_sources_that_say_most_of_each_item() {
    let shop = shop();
    let params = ItemWeightsParams { learner: Learner::Filter, ..Default::default() };
    let weights = params.check().unwrap().fit(&shop.interactions(), AS_OF).unwrap();
    let of_target = |weights: &models::item_weights::ItemWeights, target: ItemIx| {
        let all = (0..shop.n_items).map(ItemIx::at);
        let mut sizes: Vec<f32> = all
            .flat_map(|source| weights.lists().of(source).filter(|e| e.item == target).collect::<Vec<_>>())
            .map(|entry| entry.score.abs())
            .collect();
        sizes.sort_by(|a, b| b.total_cmp(a));
        sizes
    };
    let pruned = weights.pruned(3);
    for target in (0..shop.n_items).step_by(19).map(ItemIx::at) {
        let (all, kept) = (of_target(&weights, target), of_target(&pruned, target));
        assert_eq!(kept, all[..all.len().min(3)]);
    }
    assert_eq!(weights.pruned(usize::MAX).lists(), weights.lists(), "nothing is lost where all may speak");
}
