//! What is done moves exactly the series that say so, by exactly as much.

use crate::helpers::{Answer, App, Lock, encoded, send};
use crate::world;
use chrono::{TimeDelta, Utc};
use proffer::store::{DecisionRecord, NewResponse, Reservation, Reserved, Responded, ResponseKind, Subject};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A world in which nothing happens by itself: seen from the end of its data, nobody's time comes.
async fn start() -> Arc<App> {
    world::start_in(&world::releases_folder(), &["customers.as_of=data"]).await
}

/// Families that move without a request: the service looks after offers and customers.
const IN_THE_BACKGROUND: [&str; 4] =
    ["proffer_store_read_seconds", "proffer_store_write_seconds", "proffer_store_group_rows", "process_"];

/// All series that only count up, as they stand; without those of the reading itself.
async fn counts(app: &App) -> BTreeMap<String, f64> {
    let text = app.get("/metrics").await.text;
    let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    series
        .filter(|(name, _)| {
            let family = name.split('{').next().unwrap();
            let counts = family.ends_with("_total") || family.ends_with("_count");
            counts
                && !name.contains("route=\"/metrics\"")
                // Believed for two seconds, so hits and misses are a matter of time.
                && !name.contains("cache=\"keys\"")
                && !IN_THE_BACKGROUND.iter().any(|prefix| family.starts_with(prefix))
        })
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

/// What moved since, by how much.
async fn moved(app: &App, before: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let mut after = counts(app).await;
    for (series, value) in &mut after {
        *value -= before.get(series).copied().unwrap_or_default();
    }
    after.retain(|_, change| *change != 0.0);
    after
}

/// The changes that are expected, without `proffer_`.
fn changes(expected: &[(&str, f64)]) -> BTreeMap<String, f64> {
    expected.iter().map(|(series, change)| (format!("proffer_{series}"), *change)).collect()
}

async fn ok(answer: Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn offer(value: f64) -> Value {
    let treatments = ["web", "email"]
        .map(|channel| json!({ "channel": channel, "content": { "en": { "title": "Buy" } } }));
    json!({ "name": "an offer", "issue": "sales", "group": "g", "value": value, "cost": 0.5, "treatments": treatments })
}

async fn publish(app: &App, policy: &str) {
    let draft = ok(app.post_raw("/v1/policies", "application/toml", policy.to_owned()).await).await;
    ok(app.post(&format!("/v1/policies/{}/publish", draft["version"]), &json!({})).await).await;
}

/// Nothing is left to chance, and everyone is in the full arm.
const PLAIN: &str = "name = \"plain\"\n[exploration]\nmethod = \"off\"\n";

async fn next(app: &App, contact_point: &str) -> Value {
    ok(app
        .post("/v1/offers/next", &json!({ "customer_id": "c0", "contact_point": contact_point, "n": 1 }))
        .await)
    .await
}

async fn respond(app: &App, decision: &Value, outcome: &str, revenue: Option<f64>) -> Value {
    let mut body = json!({ "decision_id": decision["decision_id"], "rank": 1, "outcome": outcome });
    if let Some(revenue) = revenue {
        body["revenue"] = revenue.into();
    }
    ok(app.post("/v1/responses", &body).await).await
}

#[tokio::test]
async fn a_recommendation_moves_its_own_series_and_no_others() {
    // Who asks the same again is not answered from what was kept.
    let app =
        world::start_in(&world::releases_folder(), &["customers.as_of=data", "cache.answers_mb=0"]).await;
    // Training ranked enough to choose three from, and too few for twelve.
    for (n, cached, searches) in [(3, "miss", false), (12, "hit", true), (12, "hit", true)] {
        let request = json!({ "customer_id": "c2", "contact_point": "app", "n": n });
        let keys = looks_for_keys(&app).await;
        let before = counts(&app).await;
        let decision = ok(app.post("/v1/recommend", &request).await).await;
        let mut sources: BTreeMap<String, f64> = BTreeMap::new();
        for result in decision["results"].as_array().unwrap() {
            let source = result["source"].as_str().unwrap();
            let series = format!("proffer_answered_items_total{{contact_point=\"app\",source=\"{source}\"}}");
            *sources.entry(series).or_default() += 1.0;
        }
        let cache = format!("cache_lookups_total{{cache=\"customers\",result=\"{cached}\"}}");
        let mut expected = changes(&[
            (r#"request_seconds_count{method="POST",route="/v1/recommend",status="200"}"#, 1.0),
            (r#"stage_seconds_count{stage="customer"}"#, 1.0),
            (r#"decisions_total{contact_point="app",fallback="no"}"#, 1.0),
            (r#"decision_evidence_total{about="items",contact_point="app",evidence="history"}"#, 1.0),
            (r#"top_item_score_count{contact_point="app"}"#, 1.0),
            (r#"cache_lookups_total{cache="answers",result="miss"}"#, 1.0),
            (&cache, 1.0),
        ]);
        if searches {
            expected.extend(changes(&[
                (r#"stage_seconds_count{stage="index"}"#, 1.0),
                (r#"index_search_seconds_count{index="items"}"#, 1.0),
            ]));
        }
        expected.extend(sources);
        assert_eq!(moved(&app, &before).await, expected, "{decision}");
        assert_eq!(looks_for_keys(&app).await, keys + 1.0);
    }
}

async fn looks_for_keys(app: &App) -> f64 {
    app.metric(r#"proffer_cache_lookups_total{cache="keys",result="hit"}"#).await
        + app.metric(r#"proffer_cache_lookups_total{cache="keys",result="miss"}"#).await
}

#[tokio::test]
async fn what_recommendations_leave_out_is_counted_by_why() {
    let app = start().await;
    let request = |more: Value| {
        let mut request = json!({ "customer_id": "c2", "contact_point": "app", "n": 3 });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let ids = world::ids(&ok(app.post("/v1/recommend", &request(json!({}))).await).await);
    let only_blue = json!({ "must": [{ "key": "category", "match": { "value": "blue" } }] });
    for (reason, point, more) in [
        ("excluded", "app", json!({ "exclude_ids": ids })),
        ("filtered", "app", json!({ "filter": only_blue })),
        ("owned", "branch_advisor", json!({ "contact_point": "branch_advisor" })),
    ] {
        let before = counts(&app).await;
        ok(app.post("/v1/recommend", &request(more)).await).await;
        let moved = moved(&app, &before).await;
        let removed: Vec<_> =
            moved.iter().filter(|(series, _)| series.starts_with("proffer_removed_items")).collect();
        let series = format!("proffer_removed_items_total{{contact_point=\"{point}\",reason=\"{reason}\"}}");
        assert!(removed.len() == 1 && *removed[0].0 == series && *removed[0].1 >= 1.0, "{reason}: {moved:?}");
    }
}

#[tokio::test]
async fn events_move_their_result_and_how_late_they_are() {
    let app = start().await;
    let ago = |time: TimeDelta| (Utc::now() - time).to_rfc3339();
    let events = json!([
        { "event_id": "1", "type": "view", "customer_id": "c", "item_id": "i", "at": ago(TimeDelta::minutes(50)) },
        { "event_id": "2", "type": "view", "customer_id": "c", "item_id": "i", "at": ago(TimeDelta::days(30)) },
        { "event_id": "3", "type": "click", "customer_id": "c", "item_id": "i" },
        { "event_id": "3", "type": "click", "customer_id": "c", "item_id": "i" },
        { "event_id": "4", "type": "view", "customer_id": "c", "item_id": "i", "quantity": 0 },
    ]);
    let before = counts(&app).await;
    let sent = Utc::now().timestamp_micros() as f64 / 1e6;
    assert_eq!(app.post("/v1/events", &events).await.status, 207);
    let mut moved = moved(&app, &before).await;
    // Whoever did something is looked at again, sooner or later.
    moved.retain(|series, _| !series.contains("cache=\"customers\""));
    let expected = changes(&[
        (r#"request_seconds_count{method="POST",route="/v1/events",status="207"}"#, 1.0),
        (r#"stage_seconds_count{stage="store"}"#, 1.0),
        (r#"events_total{kind="view",result="stored"}"#, 2.0),
        (r#"events_total{kind="click",result="stored"}"#, 1.0),
        (r#"events_total{kind="click",result="duplicate"}"#, 1.0),
        (r#"events_total{kind="unknown",result="rejected"}"#, 1.0),
        ("event_lag_seconds_count", 2.0),
    ]);
    assert_eq!(moved, expected);
    assert_eq!(app.metric(r#"proffer_event_lag_seconds_bucket{le="900"}"#).await, 0.0);
    assert_eq!(app.metric(r#"proffer_event_lag_seconds_bucket{le="3600"}"#).await, 1.0);
    assert!(
        app.metric("proffer_newest_event_timestamp_seconds").await >= sent,
        "the one without a time is of now"
    );
}

#[tokio::test]
async fn an_offer_and_the_responses_to_it_are_counted_by_offer_and_channel() {
    let app = start().await;
    publish(&app, PLAIN).await;
    // Labels take any id.
    let id = "été \"1\"\n";
    let label = "été \\\"1\\\"\\n";
    ok(app.put(&format!("/v1/offers/{}", encoded(id)), &offer(5.0)).await).await;
    let before = counts(&app).await;
    let decision = next(&app, "web_home").await;
    app.state.offers.flush().await;
    let of = |family: &str, more: &str| format!("{family}{{channel=\"web\",offer=\"{label}\"{more}}}");
    let answered = of("answered_offers_total", "");
    let expected = changes(&[
        (r#"request_seconds_count{method="POST",route="/v1/offers/next",status="200"}"#, 1.0),
        (r#"stage_seconds_count{stage="customer"}"#, 1.0),
        (r#"stage_seconds_count{stage="ledger"}"#, 1.0),
        (r#"stage_seconds_count{stage="log"}"#, 1.0),
        (r#"cache_lookups_total{cache="insights",result="miss"}"#, 1.0),
        (r#"cache_lookups_total{cache="customers",result="miss"}"#, 1.0),
        (r#"cache_lookups_total{cache="places",result="miss"}"#, 1.0),
        (r#"offer_decisions_total{answered="yes",arm="nba",contact_point="web_home"}"#, 1.0),
        (r#"decision_evidence_total{about="offers",contact_point="web_home",evidence="history"}"#, 1.0),
        (&answered, 1.0),
        (r#"foretold_probability_count{channel="web"}"#, 1.0),
    ]);
    assert_eq!(moved(&app, &before).await, expected, "{decision}");

    let before = counts(&app).await;
    for (outcome, revenue) in
        [("clicked", None), ("accepted", Some(20.0)), ("accepted", Some(20.0)), ("complaint", Some(-7.5))]
    {
        respond(&app, &decision, outcome, revenue).await;
    }
    let responded = |outcome: &str| of("offer_responses_total", &format!(",outcome=\"{outcome}\""));
    let (clicked, accepted, complained) =
        (responded("clicked"), responded("accepted"), responded("complaint"));
    let (revenue, refunds) = (of("offer_revenue_total", ""), of("offer_refunds_total", ""));
    let expected = changes(&[
        (r#"responses_total{outcome="clicked",result="stored"}"#, 1.0),
        (r#"responses_total{outcome="accepted",result="stored"}"#, 1.0),
        (r#"responses_total{outcome="accepted",result="duplicate"}"#, 1.0),
        (r#"responses_total{outcome="complaint",result="stored"}"#, 1.0),
        (r#"request_seconds_count{method="POST",route="/v1/responses",status="200"}"#, 4.0),
        (r#"stage_seconds_count{stage="store"}"#, 4.0),
        (&clicked, 1.0),
        (&accepted, 1.0),
        (&complained, 1.0),
        (&revenue, 20.0),
        (&refunds, 7.5),
    ]);
    assert_eq!(moved(&app, &before).await, expected);

    // A process that did not make the decision looks it up.
    let twin = app.twin().await;
    respond(&twin, &decision, "refused", None).await;
    assert_eq!(twin.metric(&format!("proffer_{}", responded("refused"))).await, 1.0);

    ok(app.delete(&format!("/v1/offers/{}", encoded(id))).await).await;
    assert!(!app.get("/metrics").await.text.contains(label), "what is gone has no series");
    respond(&app, &decision, "later", None).await;
    let other = r#"proffer_offer_responses_total{channel="web",offer="other",outcome="later"}"#;
    assert_eq!(app.metric(other).await, 1.0);
}

/// A decision that was kept, under another id.
async fn copy(app: &App, decision: &Value, id: &str) -> DecisionRecord {
    let kept = app.state.store.decision(decision["decision_id"].as_str().unwrap()).await.unwrap().unwrap();
    DecisionRecord { decision_id: id.into(), ..kept.decision }
}

#[tokio::test]
async fn a_response_that_comes_before_its_decision_is_counted_when_they_meet() {
    let app = start().await;
    publish(&app, PLAIN).await;
    ok(app.put("/v1/offers/o", &offer(5.0)).await).await;
    let decision = next(&app, "web_home").await;
    app.state.offers.flush().await;
    let late = copy(&app, &decision, "late").await;
    let response = NewResponse {
        response_id: "early".into(),
        decision_id: "late".into(),
        rank: 1,
        kind: ResponseKind::Accepted,
        at: late.at,
        received_at: late.at,
        revenue: None,
        oldest_decision: late.at - TimeDelta::days(1),
    };
    let accepted = r#"proffer_offer_responses_total{channel="web",offer="o",outcome="accepted"}"#;
    let store = &app.state.store;
    assert_eq!(store.append_responses(vec![response.clone()]).await.unwrap(), [Responded::Waiting]);
    assert_eq!(app.metric(accepted).await, 0.0);
    store.append_decisions(vec![late.clone()]).await.unwrap();
    assert_eq!(app.metric(accepted).await, 1.0);
    // Neither comes again.
    store.append_decisions(vec![late]).await.unwrap();
    assert_eq!(store.append_responses(vec![response]).await.unwrap(), [Responded::Duplicate]);
    assert_eq!(app.metric(accepted).await, 1.0);
    assert_eq!(app.metric(r#"proffer_answered_offers_total{channel="web",offer="o"}"#).await, 2.0);
}

#[tokio::test]
async fn reservations_are_followed_from_their_making_to_their_end_and_forgotten_ones_are_seen() {
    let app = start().await;
    publish(&app, PLAIN).await;
    ok(app.put("/v1/offers/o", &offer(5.0)).await).await;
    let decision = next(&app, "email").await;
    assert!(decision["reserved_until"].is_string(), "{decision}");
    let (store, now) = (&app.state.store, Utc::now());
    let other = copy(&app, &decision, "other").await;
    let subject = Subject {
        customer_id: "c0".into(),
        household_id: None,
        since: now - TimeDelta::days(1),
        as_of: now,
        inbound: 1,
    };
    let refused = Reservation { subject, decision: other, admit: Arc::new(|_, _| false) };
    assert_eq!(store.reserve(refused).await.unwrap(), Reserved::Overtaken);
    let gauges = async || {
        let gauge = async |name: &str| app.metric(&format!("proffer_reservations_{name}")).await;
        (gauge("outstanding").await, gauge("counted").await, gauge("overdue").await)
    };
    app.state.offers.count_outstanding(now).await.unwrap();
    assert_eq!(gauges().await, (1.0, 1.0, 0.0));
    app.state.offers.count_outstanding(now + TimeDelta::days(3)).await.unwrap();
    assert_eq!(gauges().await, (1.0, 1.0, 1.0), "its time is long over, and nobody gave its place back");
    assert_eq!(store.expire(now + TimeDelta::days(3), 10).await.unwrap(), 1);
    app.state.offers.count_outstanding(now + TimeDelta::days(3)).await.unwrap();
    assert_eq!(gauges().await, (0.0, 0.0, 0.0));
    for (outcome, expected) in [("made", 1.0), ("overtaken", 1.0), ("expired", 1.0)] {
        let series = format!("proffer_reservations_total{{outcome=\"{outcome}\"}}");
        assert_eq!(app.metric(&series).await, expected, "{outcome}");
    }
}

#[tokio::test]
async fn consents_and_failures_of_the_store_are_counted() {
    let app =
        world::start_in(&world::releases_folder(), &["customers.as_of=data", "store.busy_timeout_ms=50"])
            .await;
    let line =
        |purpose: &str, status: &str| json!({ "purpose": purpose, "status": status, "source": "test" });
    let lines =
        json!([line("profiling", "refused"), line("marketing", "withdrawn"), line("a club", "granted")]);
    ok(app.put("/v1/customers/c9/consents", &lines).await).await;
    for (purpose, status) in [("profiling", "refused"), ("marketing", "withdrawn"), ("other", "granted")] {
        let series = format!("proffer_consents_total{{purpose=\"{purpose}\",status=\"{status}\"}}");
        assert_eq!(app.metric(&series).await, 1.0, "{series}");
    }
    let lock = Lock::take(&app).await;
    app.put("/v1/customers/c9/consents", &lines).await.problem(503, "store_busy");
    lock.release().await;
    let failed = r#"proffer_store_failures_total{access="write",fault="busy"}"#;
    assert_eq!(app.metric(failed).await, 1.0);
    assert_eq!(app.metric(r#"proffer_store_read_seconds_count{operation="consents_of"}"#).await, 0.0);
    app.get("/v1/customers/c9/consents").await;
    assert_eq!(app.metric(r#"proffer_store_read_seconds_count{operation="consents_of"}"#).await, 1.0);
}

#[tokio::test]
async fn metrics_say_which_release_answers_how_old_it_is_and_how_good_it_was() {
    let app = start().await;
    let [earlier, later] = &world::releases().1;
    let manifest = &app.state.releases.current().unwrap().manifest;
    let of = |family: &str, release: &str| {
        format!("proffer_release_{family}_timestamp_seconds{{release=\"{release}\"}}")
    };
    assert_eq!(app.metric(&of("data_cutoff", later)).await, manifest.data_cutoff.0 as f64);
    assert_eq!(app.metric(&of("created", later)).await, 1_717_200_008.0, "as the test trained it");
    let info = format!("proffer_release_info{{index=\"exact\",release=\"{later}\"}}");
    assert_eq!(app.metric(&info).await, 1.0);
    let figure = |release: &str, task: &str, measure: &str| {
        format!(
            "proffer_release_quality{{measure=\"{measure}\",model=\"proffer\",release=\"{release}\",task=\"{task}\"}}"
        )
    };
    let ndcg = manifest.quality["tasks"][0]["models"][0]["ndcg"]["mean"].as_f64().unwrap();
    assert_eq!(app.metric(&figure(later, "all_items", "ndcg")).await, ndcg);
    ok(app.post(&format!("/v1/releases/{earlier}/activate"), &json!({})).await).await;
    let text = app.get("/metrics").await.text;
    assert!(text.contains(earlier.as_str()) && !text.contains(later.as_str()), "only the one that answers");

    let folder = tempfile::tempdir().unwrap();
    let empty = world::start_in(folder.path(), &[]).await;
    let text = empty.get("/metrics").await.text;
    assert!(!text.lines().any(|line| line.starts_with("proffer_release_")), "{text}");
}

#[tokio::test]
async fn a_port_for_metrics_alone_serves_them_without_a_key_and_nothing_else() {
    let app = App::start_with(&["server.metrics_listen=127.0.0.1:0"]).await;
    let at = app.metrics_address.clone().unwrap();
    let get = async |path: &str| send(app.client().request(Method::GET, format!("{at}{path}"))).await;
    let metrics = get("/metrics").await;
    assert!(metrics.status == 200 && metrics.text.contains("proffer_requests_in_flight 0"), "{metrics:?}");
    assert_eq!(get("/health/live").await.status, 200);
    assert_eq!(get("/health/ready").await.status, 503);
    for path in ["/v1/offers", "/v1/customers/c", "/openapi.json", "/docs/", "/"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    assert_eq!(App::start().await.metrics_address, None);
}

/// The files of dashboards, rules and their tests.
fn dashboard_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let mut files = Vec::new();
    for folder in ["grafana", "prometheus", "prometheus/tests"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            files.push(entry.unwrap().path());
        }
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json" || extension == "yml"));
    assert!(files.len() >= 10, "{files:?}");
    files
}

#[tokio::test]
async fn every_metric_of_dashboards_rules_and_alerts_exists() {
    let app = start().await;
    let text = app.get("/metrics").await.text;
    let names = app.state.metrics.names();
    let exists = |name: &str| {
        // What has labels is written from its first count on; what the process says of itself is always there.
        names.iter().any(|known| known == name) || text.contains(&format!("# TYPE {name} "))
    };
    let rules =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/prometheus/rules.yml"));
    let rules = rules.unwrap();
    let recorded: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    let mut met = HashSet::new();
    for file in dashboard_files() {
        let text = fs::read_to_string(&file).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
        for name in words.filter(|word| word.contains("proffer_") || word.starts_with("process_")) {
            let known = exists(name) || recorded.contains(&name);
            assert!(known, "{name} stands in {}, and the service does not know it", file.display());
            met.insert(name.to_owned());
        }
    }
    for name in recorded.iter().copied().chain(["proffer_request_seconds_bucket", "process_open_fds"]) {
        assert!(met.contains(name), "{name} is not found: names are no longer read as they are written");
    }
}
