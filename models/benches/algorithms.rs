//! `cargo bench -p models --bench algorithms`: sizes are in the ids; data and seed are fixed and made outside the
//! timed part.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops where it cannot go on")]

use criterion::{Criterion, criterion_group, criterion_main};
use models::arbitration::{Contender, Exploration, Factors, slate};
use models::attributes::{Features, Prior};
use models::complements::ComplementsParams;
use models::events::{Event, Timestamp};
use models::ials::{Ials, IalsParams};
use models::ids::{CustomerIx, ItemIx, OrderIx};
use models::interactions::{History, Interaction, Interactions, KindWeights};
use models::item_knn::ItemKnnParams;
use models::item_weights::{ItemWeightsParams, Learner};
use models::measures::Repeats;
use models::popularity::PopularityParams;
use models::ranking::{Scored, top_n};
use models::repeat::Repeat;
use models::scoring::Scorer;
use models::sessions::{SessionParams, Sessions};
use models::spectral::SpectralParams;
use models::taste::{Blend, Blends, ByRepeats, Taste, Views};
use ndarray::Array2;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::hint::black_box;

const AS_OF: Timestamp = Timestamp(86_400);

/// Baskets of ten lines, four to a customer; items by a long-tailed law.
fn purchases(n_customers: u32, n_items: u32) -> Vec<Event> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let lines = (0..n_customers * 4).flat_map(|order| (0..10).map(move |_| order));
    lines
        .map(|order| Event {
            customer: CustomerIx(order % n_customers),
            item: ItemIx((f64::from(n_items) * random.random::<f64>().powi(4)) as u32),
            order: OrderIx(order),
            quantity: 1.0,
            amount: 1.0,
            ..Event::default()
        })
        .collect()
}

fn interactions(n_customers: u32, n_items: u32) -> Interactions {
    let events = purchases(n_customers, n_items);
    Interactions::from_events(&events, n_customers as usize, n_items as usize, &KindWeights::default())
}

fn fitted(interactions: &Interactions, factors: usize, sweeps: usize) -> Ials {
    let params = IalsParams { factors, sweeps, ..Default::default() };
    params.check().unwrap().fit(interactions, AS_OF, |_| {}).unwrap()
}

fn ials(c: &mut Criterion) {
    let mut group = c.benchmark_group("ials");
    group.sample_size(10);
    for (n_customers, n_items, factors) in [(2_000, 2_000, 64), (20_000, 10_000, 64), (20_000, 10_000, 128)] {
        let history = interactions(n_customers, n_items);
        let id = format!("sweep/{n_customers} customers × {n_items} items, {factors} factors");
        group.bench_function(id, |b| b.iter(|| fitted(black_box(&history), factors, 1)));
    }
    let history = interactions(2_000, 100_000);
    let model = fitted(&history, 128, 1);
    for n_events in [1, 10, 100, 300] {
        let interactions: Vec<Interaction> = (0..n_events)
            .map(|at| Interaction { item: ItemIx(at * 13), times: 1.0, quantity: 1.0, last: AS_OF })
            .collect();
        let history = History::new(&interactions, AS_OF);
        let id = format!("fold-in/{n_events} events, 128 factors");
        group.bench_function(id, |b| b.iter(|| model.fold_in(black_box(history))));
    }
    let person = History::new(history.row(CustomerIx(0)), AS_OF);
    let mut scores = vec![0.0; model.n_items()];
    group.bench_function("score and top 20/100,000 items, 128 factors", |b| {
        b.iter(|| {
            model.score(black_box(person), &mut scores);
            top_n(&scores, 20, |_| false)
        });
    });
    group.bench_function("explain 20 items/40 events, 128 factors", |b| {
        let items: Vec<ItemIx> = (0..20).map(ItemIx).collect();
        b.iter(|| model.explain_all(black_box(person), &items));
    });
    group.finish();
}

fn lists(c: &mut Criterion) {
    let mut group = c.benchmark_group("lists");
    group.sample_size(10);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(2);
    let scores: Vec<f32> = (0..100_000).map(|_| random.random()).collect();
    group.bench_function("top 20/100,000 items", |b| b.iter(|| top_n(black_box(&scores), 20, |_| false)));

    let (events, history) = (purchases(20_000, 10_000), interactions(20_000, 10_000));
    let complements = ComplementsParams::default().check().unwrap();
    group.bench_function("complements/80,000 baskets of 10, 10,000 items", |b| {
        b.iter(|| complements.fit(black_box(&events), 10_000));
    });
    let knn = ItemKnnParams::default().check().unwrap();
    group.bench_function("item-kNN/20,000 customers × 10,000 items", |b| {
        b.iter(|| knn.fit(black_box(&history)));
    });
    group.finish();
}

/// The sizes at which every view is measured.
const SIZES: [(u32, u32); 3] = [(2_000, 2_000), (20_000, 10_000), (40_000, 40_000)];

fn views(c: &mut Criterion) {
    let mut group = c.benchmark_group("views");
    group.sample_size(10);
    for (n_customers, n_items) in SIZES {
        let history = interactions(n_customers, n_items);
        let size = format!("{n_customers} customers × {n_items} items");
        let spectral = SpectralParams { factors: 64, ..Default::default() }.check().unwrap();
        group.bench_function(format!("spectral/{size}, 64 factors"), |b| {
            b.iter(|| spectral.fit(black_box(&history), AS_OF));
        });
        for learner in [Learner::Filter, Learner::Slim] {
            let params = ItemWeightsParams { learner, ..Default::default() }.check().unwrap();
            group.bench_function(format!("item weights {learner:?}/{size}"), |b| {
                b.iter(|| params.fit(black_box(&history), AS_OF));
            });
        }
    }
    group.finish();
}

/// What one request costs beside the index: a person's views, the blend of their candidates, the explanation.
fn taste(c: &mut Criterion) {
    let mut group = c.benchmark_group("taste");
    let events = purchases(20_000, 10_000);
    let history = interactions(20_000, 10_000);
    let views = Views {
        ials: fitted(&history, 128, 1),
        spectral: None,
        weights: ItemWeightsParams::default().check().unwrap().fit(&history, AS_OF).unwrap(),
        repeat: Repeat::new(30.0).unwrap(),
        sessions: SessionParams::default().check().unwrap().fit(&events, 20_000, 10_000),
        prior: Prior::from_parts(Features::default(), vec![0.0; 128], Array2::zeros((0, 128))).unwrap(),
    };
    let popularity = PopularityParams::default().check().unwrap().fit(&events, 10_000, AS_OF).unwrap();
    let blend =
        Blend { factors: 1.0, weights: 1.0, often: 1.0, lately: 1.0, popular: 1.0, ..Blend::default() };
    let taste = Taste::new(views, &popularity, Blends::everyone(ByRepeats::both(blend))).unwrap();
    let person = History::new(history.row(CustomerIx(0)), AS_OF);
    let size = format!("{} items bought, 10,000 items", person.interactions.len());
    group.bench_function(format!("person/{size}"), |b| b.iter(|| taste.person(black_box(person))));
    let known = taste.person(person);
    let dense: Vec<Scored> = (0..100).map(|at| Scored { item: ItemIx(at * 7), score: 1.0 }).collect();
    group.bench_function(format!("rank 100 candidates/{size}"), |b| {
        b.iter(|| taste.ranker(Repeats::Kept).rank(black_box(&known), &dense, 100, |_| true));
    });
    let vectors: Vec<Vec<f32>> = (0..20).map(|at| taste.item_vector(ItemIx(at)).unwrap()).collect();
    let items: Vec<(ItemIx, &[f32])> = (0..20).map(ItemIx).zip(vectors.iter().map(Vec::as_slice)).collect();
    group.bench_function(format!("explain 20 items/{size}"), |b| {
        b.iter(|| taste.explain(black_box(person), &known, Repeats::Kept, &items));
    });
    group.finish();
}

/// Sessions of ten items by a long-tailed law.
fn visits(n_sessions: u32, n_items: u32) -> Sessions {
    let events = purchases(n_sessions / 4, n_items);
    let sessions: Vec<Vec<ItemIx>> =
        events.chunks(10).map(|lines| lines.iter().map(|line| line.item).collect()).collect();
    let params = SessionParams::default().check().unwrap();
    params.index(sessions.iter().map(Vec::as_slice), n_items as usize)
}

fn sessions(c: &mut Criterion) {
    let mut group = c.benchmark_group("sessions");
    for (n_sessions, n_items) in [(10_000, 2_000), (100_000, 10_000), (400_000, 50_000)] {
        let past = visits(n_sessions, n_items);
        for n_asked in [1u32, 5, 10] {
            // Popular items: their lists of sessions are full.
            let asked: Vec<ItemIx> = (0..n_asked).map(|n| ItemIx(n * 7)).collect();
            let id = format!("follow {n_asked} items/{n_sessions} sessions, {n_items} items");
            group.bench_function(id, |b| b.iter(|| past.follow(black_box(&asked))));
        }
    }
    group.finish();
}

/// What arbitration costs beside the rules: ranks, diversity and exploration of one decision.
fn slates(c: &mut Criterion) {
    let mut group = c.benchmark_group("slate");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
    for n_contenders in [50u32, 500] {
        let contenders: Vec<Contender> = (0..n_contenders)
            .map(|at| {
                let (propensity, value) = (random.random_range(0.001..0.2), random.random_range(1.0..100.0));
                let factors = Factors { propensity, context: 1.0, value, lever: 1.0 };
                Contender {
                    priority: factors.priority(),
                    uncertainty: random.random_range(0.05..0.5),
                    factors,
                    mandatory: false,
                    explore: at % 10 != 0,
                    group: at % 40,
                    excludes: if at % 25 == 0 { vec![at as usize / 2] } else { Vec::new() },
                }
            })
            .collect();
        let ways = [
            ("by priority", Exploration::Off),
            ("ε-greedy", Exploration::EpsilonGreedy { epsilon: 0.05, floor: 0.01 }),
            ("everyone alike", Exploration::EVERYONE_ALIKE),
            ("Thompson, 256 draws", Exploration::Thompson { floor: 0.01, draws: 256, scale: 1.0 }),
        ];
        for (name, exploration) in ways {
            let mut seed = 0;
            group.bench_function(format!("{name}/3 of {n_contenders} contenders"), |b| {
                b.iter(|| {
                    seed += 1;
                    slate(black_box(&contenders), 3, Some(2), &exploration, seed)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, ials, views, taste, sessions, lists, slates);
criterion_main!(benches);
