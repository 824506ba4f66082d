use crate::helpers::{App, send};
use async_trait::async_trait;
use proffer::state::{AppState, Check, Listener};
use proffer::store::{StoredEvent, StoredItem};
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn a_healthy_service_says_what_works() {
    let app = crate::world::start().await;
    let live = send(app.anonymous(Method::GET, "/health/live")).await;
    assert_eq!((live.status.as_u16(), live.json()), (200, json!({"live": true})));
    let ready = send(app.anonymous(Method::GET, "/health/ready")).await;
    let expected =
        json!({"ready": true, "checks": [{"name": "store", "ok": true}, {"name": "release", "ok": true}]});
    assert_eq!((ready.status.as_u16(), ready.json()), (200, expected));
}

/// A part that does not work.
struct Broken;

#[async_trait]
impl Check for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }
    async fn check(&self) -> Result<(), String> {
        Err("on purpose".into())
    }
}

/// A part that never says.
struct Silent;

#[async_trait]
impl Check for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }
    async fn check(&self) -> Result<(), String> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_part_that_does_not_work_or_does_not_say_is_named_and_keeps_traffic_away() {
    let checks: [Box<dyn Check>; 2] = [Box::new(Broken), Box::new(Silent)];
    let app = App::start_changed(&[], |state| AppState { readiness: checks.into(), ..state }).await;
    let ready = app.get("/health/ready").await;
    let expected = json!({"ready": false, "checks": [
        {"name": "broken", "ok": false, "detail": "on purpose"},
        {"name": "silent", "ok": false, "detail": "no result within 1000 ms"},
    ]});
    assert_eq!((ready.status.as_u16(), ready.json()), (503, expected));
}

/// Falls over whenever something changes.
struct Clumsy;

#[async_trait]
impl Listener for Clumsy {
    fn events_kept(&self, _: &[StoredEvent]) {}
    fn customer_changed(&self, _: &str) {
        panic!("on purpose");
    }
    fn customer_erased(&self, _: &str) {}
    async fn items_changed(&self, _: &[StoredItem]) {}
}

#[tokio::test]
async fn a_panic_is_answered_and_counted_and_leaves_the_service_working() {
    let app = App::start_changed(&[], |state| AppState { changes: Arc::new(Clumsy), ..state }).await;
    for _ in 0..4 {
        app.put("/v1/customers/c", &json!({"attributes": {}})).await.problem(500, "internal");
    }
    assert_eq!(app.metric("proffer_panics_total").await, 4.0);
    let aborted = r#"proffer_request_seconds_count{method="PUT",route="aborted",status="500"}"#;
    assert_eq!(app.metric(aborted).await, 4.0);
    assert_eq!(app.get("/v1/customers/c").await.json()["evidence"], "profile");
}

#[tokio::test]
async fn each_request_is_counted_exactly_once_under_its_route_and_status() {
    let app = App::start().await;
    for path in ["/v1/items/a", "/v1/items/b%2Fc", "/v1/customers/c", "/nowhere", "/elsewhere"] {
        app.get(path).await;
    }
    app.put("/v1/items/a", &json!({"attributes": {}})).await;
    app.put("/v1/items/a", &json!({"attribute": {}})).await;
    send(app.anonymous(Method::GET, "/v1/items/a")).await;
    let count = |method: &str, route: &str, status: &str| {
        format!("proffer_request_seconds_count{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}")
    };
    for (method, route, status, expected) in [
        ("GET", "/v1/items/{id}", "404", 2.0),
        ("GET", "/v1/items/{id}", "401", 1.0),
        ("GET", "/v1/customers/{id}", "200", 1.0),
        ("PUT", "/v1/items/{id}", "200", 1.0),
        ("PUT", "/v1/items/{id}", "400", 1.0),
        ("GET", "unmatched", "404", 2.0),
    ] {
        assert_eq!(app.metric(&count(method, route, status)).await, expected, "{method} {route} {status}");
    }
    assert_eq!(app.metric("proffer_requests_in_flight").await, 1.0, "the one that reads it");
    assert_eq!(app.metric("proffer_panics_total").await, 0.0);
}

#[tokio::test]
async fn metrics_cover_the_store_and_the_process_and_explain_themselves() {
    let app = App::start().await;
    let before = app.metric("proffer_store_write_seconds_count").await;
    app.put("/v1/customers/c", &json!({"attributes": {}})).await;
    assert_eq!(app.metric("proffer_store_write_seconds_count").await - before, 1.0);
    let text = app.get("/metrics").await.text;
    for expected in [
        "# HELP proffer_request_seconds Time to answer a request, by method, route pattern and status.",
        "proffer_store_group_rows_bucket{le=\"64\"}",
        "_bucket{method=\"PUT\",route=\"/v1/customers/{id}\",status=\"200\",le=\"0.00025\"}",
        "process_resident_memory_bytes",
    ] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
}
