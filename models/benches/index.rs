//! The in-process indexes: `cargo bench -p models --bench index`.
//!
//! Prints, before a graph's timings, its recall and how long building it took.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark stops where it cannot go on")]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use models::ids::{ItemIx, Ix};
use models::index::exact::ExactIndex;
use models::index::graph::{GraphIndex, GraphParams, link};
use models::index::{ItemIndex, Query, probe};
use models::payload::{Condition, Filter, Match, Payload, PayloadValue};
use models::ranking::{Scored, top_n};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::hint::black_box;
use std::time::{Duration, Instant};

const N: usize = 20;
const SEED: u64 = 7;
const TASTES: usize = 300;

/// Vectors as a factorisation gives them: around some tastes, with norms that differ a few times. Of the items,
/// one in two, ten and a hundred carries the word that [`one_in`] asks for.
fn items(count: usize, dimensions: usize) -> ExactIndex {
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut normal = move || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
    let tastes: Vec<Vec<f32>> = (0..TASTES).map(|_| (0..dimensions).map(|_| normal()).collect()).collect();
    let mut exact = ExactIndex::new(dimensions).unwrap();
    for item in 0..count {
        let norm = (0.4 * normal()).exp() / (dimensions as f32).sqrt();
        let taste = &tastes[item % TASTES];
        let vector: Vec<f32> = taste.iter().map(|centre| norm * 0.7 * (centre + normal())).collect();
        let words = [2, 10, 100].into_iter().filter(|part| (item / TASTES).is_multiple_of(*part));
        let words = PayloadValue::Texts(words.map(|part| part.to_string()).collect());
        exact.upsert(ItemIx::at(item), &vector, &Payload::from([("one in".to_string(), words)])).unwrap();
    }
    exact
}

fn one_in(part: usize) -> Filter {
    let matches = Some(Match::Value(PayloadValue::Text(part.to_string())));
    Filter { must: vec![Condition { key: "one in".into(), matches, range: None }], ..Filter::default() }
}

fn naive(exact: &ExactIndex, vector: &[f32]) -> Vec<Scored> {
    let rows = exact.rows();
    let score = |row| rows.vector(row).iter().zip(vector).map(|(x, q)| x * q).sum::<f32>();
    let scores: Vec<f32> = (0..rows.len()).map(score).collect();
    top_n(&scores, N, |_| false)
}

fn search(index: &dyn ItemIndex, vectors: &[Vec<f32>], filter: &Filter) -> Vec<Vec<Scored>> {
    let queries: Vec<Query<'_>> =
        vectors.iter().map(|vector| Query { vector, n: N, filter, exclude: &[] }).collect();
    index.search(&queries).unwrap()
}

/// Times an index, `pass` queries at a time.
fn time(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: BenchmarkId,
    index: &dyn ItemIndex,
    (vectors, pass): (&[Vec<f32>], usize),
    filter: &Filter,
) {
    let mut turn = vectors.chunks_exact(pass).cycle();
    group.throughput(Throughput::Elements(pass as u64));
    group.bench_function(id, |bencher| {
        bencher.iter(|| search(index, black_box(turn.next().unwrap()), filter));
    });
}

fn bench(criterion: &mut Criterion) {
    let everything = Filter::default();
    for (count, dimensions) in [(5_000, 64), (20_000, 64), (100_000, 64), (100_000, 128)] {
        let exact = items(count, dimensions);
        let vectors = probe::queries(&exact, SEED);
        let mut group = criterion.benchmark_group(format!("{count} items of {dimensions}"));
        group
            .measurement_time(Duration::from_secs(2))
            .warm_up_time(Duration::from_millis(300))
            .sample_size(20);
        let mut turn = vectors.iter().cycle();
        group.throughput(Throughput::Elements(1));
        group.bench_function("naive f32", |b| b.iter(|| naive(&exact, black_box(turn.next().unwrap()))));
        for pass in [1, 4] {
            time(&mut group, BenchmarkId::new("exact, pass of", pass), &exact, (&vectors, pass), &everything);
        }
        if count == 100_000 {
            for part in [2, 10, 100] {
                let id = BenchmarkId::new("exact, one in", part);
                time(&mut group, id, &exact, (&vectors, 1), &one_in(part));
            }
            graphs(&mut group, &exact, &vectors);
        }
        group.finish();
    }
}

fn graphs(group: &mut BenchmarkGroup<'_, WallTime>, exact: &ExactIndex, vectors: &[Vec<f32>]) {
    let start = Instant::now();
    let bytes = link(exact.rows(), &GraphParams::default()).unwrap();
    println!("graph built in {:.1?}, {} MB", start.elapsed(), bytes.len() / 1_000_000);
    for search_breadth in [64, 128, 192, 256] {
        let params = GraphParams { search_breadth, ..GraphParams::default() };
        let graph = GraphIndex::new(&bytes, exact.clone(), &params).unwrap();
        for filter in [Filter::default(), one_in(2)] {
            let truth = search(exact, vectors, &filter);
            let recall = probe::recall(&truth, &search(&graph, vectors, &filter));
            let name = if filter.is_empty() { "graph, breadth" } else { "graph, one in 2, breadth" };
            println!("{name} {search_breadth}: recall {recall:.4}");
            time(group, BenchmarkId::new(name, search_breadth), &graph, (vectors, 1), &filter);
        }
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
