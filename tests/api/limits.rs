use crate::helpers::{App, Lock, postgres, send};
use crate::world::{releases_folder, start_in};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_whether_or_not_its_length_is_announced() {
    let app = App::start_with(&["server.max_body_bytes=2048"]).await;
    let body = format!("[{}]", " ".repeat(2047));
    let problem = app.post_raw("/v1/events", "application/json", body).await.problem(413, "body_too_large");
    assert!(problem["detail"].as_str().unwrap().contains("2048 bytes"), "{problem}");
    let within = format!("[{}]", " ".repeat(2046));
    assert_eq!(app.post_raw("/v1/events", "application/json", within).await.status, 200);
}

#[tokio::test]
async fn a_batch_beyond_the_limit_is_refused_as_a_whole() {
    let app = App::start_with(&["server.max_batch=3"]).await;
    let rows = |row: Value, n: usize| json!(vec![row; n]);
    let event = json!({"event_id": "e", "type": "view", "customer_id": "c", "item_id": "i"});
    let cases = [
        ("/v1/events", event),
        ("/v1/items:batch", json!({"item_id": "i", "attributes": {}})),
        ("/v1/customers:batch", json!({"customer_id": "c", "attributes": {}})),
    ];
    for (path, row) in cases {
        app.post(path, &rows(row.clone(), 4)).await.problem(422, "batch_too_large");
        assert_eq!(app.post(path, &rows(row, 3)).await.status, 200, "{path}");
    }
    assert_eq!(app.state.store.count_events().await.unwrap(), 1);
}

#[tokio::test]
async fn other_content_types_routes_and_methods_are_refused_as_problems() {
    let app = App::start().await;
    for content_type in ["text/plain", "", "application/xml", "multipart/form-data"] {
        app.post_raw("/v1/events", content_type, "{}").await.problem(415, "unsupported_media_type");
    }
    let ndjson = app.post_raw("/v1/items:batch", "application/x-ndjson", "{}").await;
    ndjson.problem(415, "unsupported_media_type");
    for path in ["/", "/v1", "/v1/events/", "/v1/items/", "/v1/items/a/b/c", "/v2/events", "/%00"] {
        app.get(path).await.problem(404, "route_not_found");
    }
    let cases = [
        (Method::GET, "/v1/events", "POST"),
        (Method::PATCH, "/v1/items/x", "GET, PUT"),
        (Method::POST, "/v1/customers/a%2Fb", "GET, PUT, DELETE"),
        (Method::DELETE, "/health/live", "GET"),
    ];
    for (method, path, allowed) in cases {
        let answer = send(app.request(method, path)).await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allowed, "{path}");
    }
}

#[tokio::test]
async fn json_that_nests_without_end_is_refused() {
    let app = App::start().await;
    let body = format!("[{}", "[".repeat(100_000));
    let problem = app.post_raw("/v1/items:batch", "application/json", body.clone()).await;
    assert_eq!(problem.status, 400, "{problem:?}");
    app.post_raw("/v1/events", "application/json", body).await.problem(400, "malformed_json");
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_its_timing() {
    let app = App::start().await;
    let given = send(app.request(Method::GET, "/v1/customers/c").header("x-request-id", "mine-1")).await;
    assert_eq!(given.header("x-request-id"), "mine-1");
    assert!(given.header("server-timing").contains("profile;dur="), "{given:?}");
    assert!(given.header("server-timing").contains("total;dur="), "{given:?}");
    for hostile in ["", "a b", &"x".repeat(129)] {
        let made = send(app.request(Method::GET, "/nowhere").header("x-request-id", hostile)).await;
        made.problem(404, "route_not_found");
        assert_eq!(made.header("x-request-id").len(), 36, "{made:?}");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_and_its_write_is_not_half_done() {
    let app = App::start_with(&["server.request_timeout_ms=150", "store.busy_timeout_ms=1000"]).await;
    let lock = Lock::take(&app).await;
    let event = json!({"event_id": "slow", "type": "view", "customer_id": "c", "item_id": "i"});
    let late = app.post("/v1/events", &event).await;
    late.problem(503, "request_timeout");
    assert_eq!(late.header("retry-after"), "1");
    lock.release().await;
    let again = app.post("/v1/events", &event).await.json();
    assert_eq!(again["rejected"], 0, "{again}");
    assert_eq!(app.state.store.count_events().await.unwrap(), 1);
}

#[tokio::test]
async fn a_locked_store_is_answered_with_503_and_when_to_come_back() {
    let app = start_in(&releases_folder(), &["store.busy_timeout_ms=50"]).await;
    let lock = Lock::take(&app).await;
    let event = json!({"event_id": "e", "type": "view", "customer_id": "c", "item_id": "i"});
    let busy = app.post("/v1/events", &event).await;
    let store_is_ready = async || app.get("/health/ready").await.json()["checks"][0]["ok"].clone();
    busy.problem(503, "store_busy");
    assert_eq!(busy.header("retry-after"), "1");
    assert_eq!(app.get("/v1/customers/c").await.status, 200, "reads go on");
    assert_eq!(store_is_ready().await, false);
    lock.release().await;
    assert_eq!(app.post("/v1/events", &event).await.json()["stored"], 1);
    assert_eq!(store_is_ready().await, true);
}

#[tokio::test]
async fn more_writes_than_can_be_done_are_refused_at_once_while_answers_go_on() {
    let settings = ["server.writes_at_once=8", "server.patience_ms=50", "store.busy_timeout_ms=10000"];
    let app = start_in(&releases_folder(), &settings).await;
    let lock = Lock::take(&app).await;
    let post = |number: usize| {
        let app = Arc::clone(&app);
        let event =
            json!({"event_id": format!("e{number}"), "type": "view", "customer_id": "c", "item_id": "i"});
        tokio::spawn(async move { app.post("/v1/events", &event).await })
    };
    let stuck: Vec<_> = (0..8).map(post).collect();
    let all_in = async {
        while app.state.metrics.requests_in_flight.get() < 8 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all_in).await.expect("eight writes wait for the store");
    let refused = post(8).await.unwrap();
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), "1");
    let request = json!({ "contact_point": "web_home" });
    assert_eq!(app.post("/v1/recommend", &request).await.status, 200, "answers have a door of their own");
    let metrics = app.get("/metrics").await.text;
    assert!(metrics.contains("proffer_shed_requests_total{reason=\"writes\"} 1"), "{metrics}");
    lock.release().await;
    for answer in stuck {
        assert_eq!(answer.await.unwrap().json()["stored"], 1, "who was let in is served");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_done_without_and_nobody_is_addressed_unasked() {
    let Some(url) = postgres().await else { return };
    let at = format!("store.url={url}");
    // As of the data: nobody is looked up in the background, so that the lookup here is the first.
    let settings = [at.as_str(), "store.read_deadline_ms=50", "customers.as_of=data"];
    let app = start_in(&releases_folder(), &settings).await;
    let ask = json!({ "customer_id": "c0", "contact_point": "web_home" });
    // A session goes on, of which nothing may be made either.
    let view = json!({ "event_id": "v", "type": "view", "customer_id": "c0", "item_id": "red1" });
    assert_eq!(app.post("/v1/events", &view).await.json()["stored"], 1);
    let mut other = sqlx::PgConnection::connect(&url).await.unwrap();
    for statement in ["BEGIN", "LOCK TABLE consents, events, customers IN ACCESS EXCLUSIVE MODE"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let items = app.post("/v1/recommend", &ask).await.json();
    assert_eq!(items["evidence"], "none", "who may have refused to be profiled is not");
    assert_eq!(
        (&items["degraded"], items["results"].as_array().unwrap().is_empty()),
        (&json!(["store"]), false)
    );
    let offers = app.post("/v1/offers/next", &ask).await.json();
    assert_eq!((&offers["degraded"], &offers["kept"]), (&json!(["store"]), &json!(false)), "{offers}");
    let email = json!({ "customer_id": "c0", "contact_point": "email" });
    app.post("/v1/offers/next", &email).await.problem(503, "store_unavailable");
    other.close().await.unwrap();
    // It is trusted again after a while.
    let recovered = async { while app.post("/v1/recommend", &ask).await.json()["degraded"] != json!([]) {} };
    tokio::time::timeout(Duration::from_secs(60), recovered).await.expect("the store is read again");
}
