//! One suite for every vector index: it answers as a slow, obvious twin does.
//!
//! Qdrant is tested against a real server when `PROFFER_TEST_QDRANT_URL` names one by its gRPC address.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use models::ids::ItemIx;
use models::index::graph::GraphParams;
use models::payload::{Filter, Payload};
use models::ranking::Scored;
use proffer::index::qdrant::{Qdrant, QdrantConfig};
use proffer::index::{
    IndexChoice, IndexConfig, IndexError, IndexPoint, IndexQuery, IndexSource, VectorIndex, open,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ITEMS: u32 = 12_000;
const DIMENSIONS: usize = 16;
const N: usize = 20;

/// Every point; a search scores and sorts them all.
struct Twin(BTreeMap<ItemIx, IndexPoint>);

impl Twin {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(11);
        let mut normal = move || (0..12).map(|_| rng.random::<f32>()).sum::<f32>() - 6.0;
        let tastes: Vec<Vec<f32>> = (0..40).map(|_| (0..DIMENSIONS).map(|_| normal()).collect()).collect();
        let point = |item: u32| {
            let norm = (0.4 * normal()).exp();
            let vector = tastes[item as usize % 40].iter().map(|centre| norm * (centre + normal())).collect();
            (
                ItemIx(item),
                IndexPoint { item: ItemIx(item), id: format!("é/{item}"), vector, payload: payload(item) },
            )
        };
        Self((0..ITEMS).map(point).collect())
    }

    fn points(&self) -> Vec<IndexPoint> {
        self.0.values().cloned().collect()
    }

    /// What a customer asks with: the sum of some items' vectors.
    fn vector(&self, number: u32) -> Vec<f32> {
        let bought = [number * 97 % ITEMS, number * 389 % ITEMS, number * 1_013 % ITEMS];
        let mut sum = vec![0.0; DIMENSIONS];
        for item in bought {
            sum.iter_mut().zip(&self.0[&ItemIx(item)].vector).for_each(|(sum, number)| *sum += number);
        }
        sum
    }

    fn score(&self, item: ItemIx, vector: &[f32]) -> f32 {
        self.0[&item].vector.iter().zip(vector).map(|(x, q)| f64::from(*x) * f64::from(*q)).sum::<f64>()
            as f32
    }

    fn search(&self, query: &IndexQuery) -> Vec<Scored> {
        let admitted = self
            .0
            .values()
            .filter(|point| query.filter.accepts(&point.payload) && !query.exclude.contains(&point.item));
        let mut hits: Vec<Scored> = admitted
            .map(|point| Scored { item: point.item, score: self.score(point.item, &query.vector) })
            .collect();
        hits.sort_by(Scored::rank_order);
        hits.truncate(query.n);
        hits
    }

    /// Asserts that answers are sorted, hold only what may be found, with its true score, and nearly all of it.
    fn judge(&self, what: &str, queries: &[IndexQuery], answers: &[Vec<Scored>]) {
        assert_eq!(queries.len(), answers.len(), "{what}: one answer per query");
        let (mut wanted, mut met) = (0, 0);
        for (query, hits) in queries.iter().zip(answers) {
            let truth = self.search(query);
            assert_eq!(hits.len(), truth.len(), "{what}: as many hits as there are");
            assert!(
                hits.is_sorted_by(|a, b| a.rank_order(b).is_lt()),
                "{what}: best first, ties by index: {hits:?}"
            );
            for hit in hits {
                assert!(
                    query.filter.accepts(&self.0[&hit.item].payload),
                    "{what}: {hit:?} passes the filter"
                );
                assert!(!query.exclude.contains(&hit.item), "{what}: {hit:?} is excluded");
                let score = self.score(hit.item, &query.vector);
                let near = (hit.score - score).abs() <= 1e-4 * score.abs().max(1.0);
                assert!(near, "{what}: {hit:?} should score {score}");
            }
            let last = truth.last().map_or(0.0, |last| last.score) - 1e-3;
            wanted += truth.len();
            met += hits.iter().filter(|hit| hit.score >= last).count();
        }
        assert!(met as f64 >= 0.95 * wanted as f64, "{what}: recall {met} of {wanted}");
    }
}

fn payload(item: u32) -> Payload {
    let tags: Vec<&str> =
        ["new", "bio", "local"].into_iter().filter(|tag| item.is_multiple_of(tag.len() as u32)).collect();
    let mut payload = json!({
        "category": format!("aisle {}", item % 7),
        "price": f64::from(item % 200) / 4.0,
        "available": !item.is_multiple_of(3),
        "size.eu": if item.is_multiple_of(2) { "42" } else { "43 wide" },
    });
    if !tags.is_empty() {
        payload["tags"] = json!(tags);
    }
    if item.is_multiple_of(50) {
        payload["rare"] = json!(1);
    }
    serde_json::from_value(payload).unwrap()
}

fn filter(json: serde_json::Value) -> Arc<Filter> {
    Arc::new(serde_json::from_value(json).unwrap())
}

fn plain(vector: Vec<f32>) -> IndexQuery {
    IndexQuery { vector, n: N, filter: Arc::default(), exclude: Vec::new() }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn source(release: &str, twin: &Twin) -> IndexSource {
    IndexSource { release: release.into(), dimensions: DIMENSIONS, points: twin.points(), graph: None }
}

async fn conforms(config: &IndexConfig, kind: &str) {
    let release = format!("conformance-{}", std::process::id());
    let mut twin = Twin::new();
    let index = open(config, source(&release, &twin)).await.unwrap();
    assert_eq!(index.kind(), kind);
    index.ready(soon()).await.unwrap();
    finds_the_best(&index, &twin).await;
    applies_filters_and_exclusions(&*index, &twin).await;
    answers_at_the_edges(&*index, &twin).await;
    refuses_what_is_wrong(&*index, &twin).await;
    shows_changes_to_the_next_search(&*index, &mut twin).await;

    let nothing =
        IndexSource { release: format!("{release}-empty"), dimensions: 3, points: vec![], graph: None };
    let empty = open(config, nothing).await.unwrap();
    assert_eq!(empty.search(vec![plain(vec![1.0; 3])], soon()).await.unwrap(), [vec![]], "an empty index");
}

async fn finds_the_best(index: &Arc<dyn VectorIndex>, twin: &Twin) {
    let queries: Vec<IndexQuery> = (0..60).map(|number| plain(twin.vector(number))).collect();
    let together = index.search(queries.clone(), soon()).await.unwrap();
    twin.judge("plain queries", &queries, &together);
    let alone = one_by_one(index, &queries).await;
    assert_eq!(alone, together, "a batch answers as single queries at the same time do");
}

/// Single queries, all under way at the same time.
async fn one_by_one(index: &Arc<dyn VectorIndex>, queries: &[IndexQuery]) -> Vec<Vec<Scored>> {
    let ask = |query: &IndexQuery| {
        let (index, query) = (Arc::clone(index), query.clone());
        tokio::spawn(async move { index.search(vec![query], soon()).await })
    };
    let mut answers = Vec::new();
    for answer in queries.iter().map(ask).collect::<Vec<_>>() {
        answers.extend(answer.await.unwrap().unwrap());
    }
    answers
}

async fn applies_filters_and_exclusions(index: &dyn VectorIndex, twin: &Twin) {
    let is = |key: &str, value: serde_json::Value| json!({"key": key, "match": {"value": value}});
    let filters = [
        json!({"must": [is("category", json!("aisle 3"))]}),
        json!({"must": [{"key": "category", "match": {"any": ["aisle 1", "aisle 2", "aisle 99"]}}, is("available", json!(true))]}),
        json!({"must": [{"key": "price", "range": {"gte": 10, "lt": 20}}], "must_not": [is("tags", json!("bio"))]}),
        json!({"should": [is("tags", json!("local")), {"key": "price", "range": {"gt": 49}}]}),
        json!({"must": [is("price", json!(12.25)), is("size.eu", json!("43 wide"))]}),
        json!({"must": [{"key": "price", "match": {"any": [1, 2, 3]}, "range": {"gt": 1}}]}),
        json!({"must": [is("rare", json!(1))], "must_not": [is("available", json!(false))]}),
        json!({"must": [is("rare", json!("1"))]}),
        json!({"must": [is("nowhere", json!(1))]}),
        json!({"must_not": [is("nowhere", json!(1))]}),
        json!({"must": [{"key": "category", "match": {"any": []}}]}),
        json!({"must": [{"key": "category", "range": {"lt": 5}}]}),
    ];
    for (number, json) in filters.into_iter().enumerate() {
        let query = |offset: u32| {
            let vector = twin.vector(number as u32 * 10 + offset);
            let best = twin.search(&IndexQuery { filter: filter(json.clone()), ..plain(vector.clone()) });
            let exclude = best.iter().take(5).map(|hit| hit.item).chain([ItemIx(999_999)]).collect();
            IndexQuery { vector, n: N, filter: filter(json.clone()), exclude }
        };
        let queries: Vec<IndexQuery> = (0..10).map(query).collect();
        let answers = index.search(queries.clone(), soon()).await.unwrap();
        twin.judge(&json.to_string(), &queries, &answers);
    }
}

async fn answers_at_the_edges(index: &dyn VectorIndex, twin: &Twin) {
    let few = filter(json!({"must": [{"key": "rare", "match": {"value": 1}}]}));
    let rare = IndexQuery { n: 5_000, filter: few, ..plain(twin.vector(1)) };
    let none = IndexQuery { n: 0, ..plain(twin.vector(1)) };
    let all = IndexQuery { n: ITEMS as usize + 50, ..plain(twin.vector(2)) };
    let answers = index.search(vec![rare.clone(), none, all.clone()], soon()).await.unwrap();
    assert_eq!(answers[1], []);
    twin.judge("more than pass the filter", &[rare], &answers[..1]);
    twin.judge("more than there are", &[all], &answers[2..]);
    assert!(index.search(vec![], soon()).await.unwrap().is_empty(), "no queries");

    let zero = IndexQuery { n: ITEMS as usize, ..plain(vec![0.0; DIMENSIONS]) };
    let ties = index.search(vec![zero], soon()).await.unwrap();
    let in_order: Vec<ItemIx> = (0..ITEMS).map(ItemIx).collect();
    assert_eq!(ties[0].iter().map(|hit| hit.item).collect::<Vec<_>>(), in_order, "all tie");
}

async fn refuses_what_is_wrong(index: &dyn VectorIndex, twin: &Twin) {
    let past = Instant::now() - Duration::from_millis(1);
    let query = plain(twin.vector(3));
    assert!(matches!(index.search(vec![query.clone()], past).await, Err(IndexError::Timeout)), "search");
    assert!(matches!(index.delete(vec![ItemIx(0)], past).await, Err(IndexError::Timeout)), "delete");
    assert!(matches!(index.upsert(vec![], past).await, Err(IndexError::Timeout)), "upsert");
    assert!(matches!(index.ready(past).await, Err(IndexError::Timeout)), "ready");

    let list = filter(json!({"must": [{"key": "tags", "match": {"value": ["new"]}}]}));
    let bare = filter(json!({"must": [{"key": "tags"}]}));
    let quoted = filter(json!({"must": [{"key": "a\"b", "match": {"value": 1}}]}));
    let mut not_finite = query.vector.clone();
    not_finite[3] = f32::NAN;
    for (what, wrong) in [
        ("a short vector", IndexQuery { vector: vec![1.0; 3], ..query.clone() }),
        ("a vector with a NaN", IndexQuery { vector: not_finite, ..query.clone() }),
        ("a match with a list", IndexQuery { filter: list, ..query.clone() }),
        ("a condition without a test", IndexQuery { filter: bare, ..query.clone() }),
        ("a key with a quote", IndexQuery { filter: quoted, ..query.clone() }),
    ] {
        let answer = index.search(vec![query.clone(), wrong], soon()).await;
        assert!(matches!(answer, Err(IndexError::Invalid(_))), "{what}: {answer:?}");
    }

    let point = twin.0[&ItemIx(5)].clone();
    let with = |json| IndexPoint { payload: serde_json::from_value(json).unwrap(), ..point.clone() };
    let reserved = with(json!({"proffer_id": "x"}));
    let short = IndexPoint { vector: vec![1.0], ..point.clone() };
    for (what, wrong) in [("the reserved key", reserved), ("a short vector", short)] {
        let answer = index.upsert(vec![point.clone(), wrong], soon()).await;
        assert!(matches!(answer, Err(IndexError::Invalid(_))), "{what}: {answer:?}");
    }
}

async fn shows_changes_to_the_next_search(index: &dyn VectorIndex, twin: &mut Twin) {
    let vector: Vec<f32> = twin.vector(4);
    let strong: Vec<f32> = vector.iter().map(|number| number * 9.0).collect();
    let appeared = IndexPoint {
        item: ItemIx(ITEMS + 1_000),
        id: "appeared".into(),
        vector: strong.clone(),
        payload: serde_json::from_value(json!({"category": "aisle 3", "launch year": 2026})).unwrap(),
    };
    let mut changed = twin.0[&ItemIx(7)].clone();
    changed.vector = strong;
    let mut cheaper =
        twin.search(&plain(vector.clone())).first().map(|hit| twin.0[&hit.item].clone()).unwrap();
    cheaper.payload = serde_json::from_value(json!({"price": 0.5, "tags": ["sale"]})).unwrap();
    let new = [appeared.clone(), changed, cheaper];
    index.upsert(new.to_vec(), soon()).await.unwrap();
    twin.0.extend(new.into_iter().map(|point| (point.item, point)));

    let on = |json| IndexQuery { filter: filter(json), ..plain(vector.clone()) };
    let queries = [
        plain(vector.clone()),
        on(json!({"must": [{"key": "launch year", "match": {"value": 2026}}]})),
        on(json!({"must": [{"key": "tags", "match": {"value": "sale"}}]})),
        on(json!({"must": [{"key": "price", "range": {"lt": 1}}]})),
    ];
    let answers = index.search(queries.to_vec(), soon()).await.unwrap();
    twin.judge("after an upsert", &queries, &answers);
    assert_eq!(answers[0][..2].iter().map(|hit| hit.item).collect::<Vec<_>>(), [ItemIx(7), appeared.item]);

    let gone = vec![ItemIx(7), appeared.item, ItemIx(888_888)];
    index.delete(gone.clone(), soon()).await.unwrap();
    gone.iter().for_each(|item| drop(twin.0.remove(item)));
    let answers = index.search(queries.to_vec(), soon()).await.unwrap();
    twin.judge("after a delete", &queries, &answers);

    index.upsert(vec![appeared.clone()], soon()).await.unwrap();
    twin.0.insert(appeared.item, appeared);
    let answers = index.search(queries.to_vec(), soon()).await.unwrap();
    twin.judge("after its return", &queries, &answers);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exact_index_conforms() {
    conforms(&IndexConfig { kind: IndexChoice::Exact, ..IndexConfig::default() }, "exact").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_index_conforms() {
    // Narrow enough that walking beats scanning even here, so that walks are tested.
    let graph = GraphParams { search_breadth: 36, ..GraphParams::default() };
    conforms(&IndexConfig { kind: IndexChoice::Graph, graph, ..IndexConfig::default() }, "graph").await;
}

fn qdrant(urls: &[&str]) -> IndexConfig {
    let qdrant = QdrantConfig {
        urls: urls.iter().map(ToString::to_string).collect(),
        timeout_ms: 10_000,
        alias: format!("conformance-{}", std::process::id()),
        ..QdrantConfig::default()
    };
    IndexConfig { kind: IndexChoice::Qdrant, qdrant, ..IndexConfig::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_qdrant_index_conforms() {
    let Ok(url) = std::env::var("PROFFER_TEST_QDRANT_URL") else {
        eprintln!("skipped: PROFFER_TEST_QDRANT_URL is not set");
        return;
    };
    // The first node is down: every call has to find the second.
    let config = qdrant(&["http://127.0.0.1:9", &url]);
    conforms(&config, "qdrant").await;

    let twin = Twin::new();
    let release = format!("conformance-{}", std::process::id());
    let again = open(&config, IndexSource { points: vec![], ..source(&release, &twin) }).await.unwrap();
    let hits = again.search(vec![plain(twin.vector(1))], soon()).await.unwrap();
    assert_eq!(hits[0].len(), N, "a complete collection is taken up without an upload");

    let deleted = Qdrant::prune(&config.qdrant, &[&release]).await.unwrap();
    assert_eq!(deleted, [format!("{release}-empty")], "other releases go");
    again.ready(soon()).await.unwrap();
    assert_eq!(Qdrant::prune(&config.qdrant, &[]).await.unwrap(), [release]);
    assert!(
        matches!(again.ready(soon()).await, Err(IndexError::Unavailable(_))),
        "a collection that is gone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_or_does_not_answer_fails_fast() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    for url in ["http://127.0.0.1:9", &silent] {
        let mut config = qdrant(&[url]);
        config.qdrant.timeout_ms = 300;
        let start = Instant::now();
        let error = open(&config, source("r", &Twin(BTreeMap::new()))).await.err().unwrap();
        assert!(matches!(error, IndexError::Unavailable(_) | IndexError::Timeout), "{url}: {error}");
        assert!(start.elapsed() < Duration::from_secs(3), "{url}: {:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_that_belongs_to_other_items_is_refused() {
    let twin = Twin::new();
    let config = IndexConfig { kind: IndexChoice::Graph, ..IndexConfig::default() };
    let broken = IndexSource { graph: Some(b"not a graph".to_vec()), ..source("r", &twin) };
    assert!(matches!(open(&config, broken).await.err(), Some(IndexError::Invalid(_))));
}
